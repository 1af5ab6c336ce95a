# The service with the bundles of this record, after `make repro`:
#   docker build -f dockerfiles/api.Dockerfile -t arginator-api .
#   docker run --rm --publish 8000:8000 --volume arginator-jobs:/jobs arginator-api
FROM python:3.11-slim AS build

WORKDIR /build
RUN python -m venv /venv
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY src src
RUN /venv/bin/pip install --no-cache-dir --constraint requirements.lock '.[service]'

FROM python:3.11-slim

RUN useradd --uid 10001 --create-home arginator && mkdir /jobs && chown 10001 /jobs
COPY --from=build /venv /venv
COPY models/binary/bundle /models/binary/bundle
COPY models/multiclass/bundle /models/multiclass/bundle
USER 10001
VOLUME /jobs
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s CMD ["/venv/bin/python", "-c", \
    "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/v2/health/ready')"]
ENTRYPOINT ["/venv/bin/arginator", "serve", "--bundle", "/models", "--data", "/jobs", "--host", "0.0.0.0"]
