# The whole pipeline in a container:
#   docker build -f dockerfiles/pipeline.Dockerfile -t arginator .
#   docker run --rm arginator
FROM python:3.11-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/* \
    && git config --global --add safe.directory /arginator

WORKDIR /arginator

# What installs stands in a layer of its own: a change of stages or params does not install again.
COPY Makefile requirements.lock pyproject.toml README.md LICENSE ./
COPY src src
RUN make install

COPY . .
CMD ["make", "repro"]
