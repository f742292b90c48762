# syntax=docker/dockerfile:1
# One image for every process of mdstream and for Spark's master and workers: executors have the driver's Spark,
# Python and packages, because they are the same files.
FROM python:3.11.15-slim-bookworm AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends openjdk-17-jre-headless
RUN python -m venv --without-pip /opt/mdstream
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip --python /opt/mdstream/bin/python install --constraint constraints.txt \
      '.[spark,feeds,jobs,serving,influxdb,slack,dashboard,forecasting,delta,calendars]'
# Half a gigabyte for training on several GPUs at once, which xgboost brings and loads only then.
RUN python -m pip --python /opt/mdstream/bin/python uninstall --yes nvidia-nccl-cu12
RUN /opt/mdstream/bin/python docker/connectors.py

FROM python:3.11.15-slim-bookworm
RUN apt-get update \
 && apt-get install --yes --no-install-recommends openjdk-17-jre-headless \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --home-dir /srv/mdstream --create-home mdstream \
 && install --directory --owner mdstream --group mdstream /srv/mdstream/checkpoints /srv/mdstream/models
COPY --from=build /opt/mdstream /opt/mdstream
COPY conf /srv/mdstream/conf
# The connectors are among Spark's jars already: nothing is left for Spark to fetch.
ENV PATH=/opt/mdstream/bin:$PATH \
    MDSTREAM_SPARK__PACKAGES=[] \
    PYTHONUNBUFFERED=1
USER mdstream
WORKDIR /srv/mdstream
ENTRYPOINT ["mdstream"]
CMD ["--help"]
