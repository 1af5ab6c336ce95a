# The whole pipeline in a container:
#   docker build -f dockerfiles/train.Dockerfile -t arginator .
#   docker run --rm arginator
FROM python:3.11-slim

# Debian keeps only the newest version of a package, so that a pinned one could not be had later.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --uid 10001 --create-home arginator && mkdir /arginator && chown 10001 /arginator
USER 10001
WORKDIR /arginator

# What installs stands in a layer of its own: a change of stages or params does not install again.
COPY --chown=10001 Makefile requirements.lock pyproject.toml README.md LICENSE ./
COPY --chown=10001 src src
RUN make install

COPY --chown=10001 . .
CMD ["make", "repro"]
