# The images of the house. docker-compose.yml builds them by itself; by hand:
#
#   docker build --target gateway --tag veilgate-gateway:0.1.0 .
#
# Targets: gateway (nothing that runs a model, no codec), worker (CPU), worker-gpu, tests. Packages come from where pip looks by
# itself, or from an index of yours: --secret id=pip,src=/path/to/pip.conf

# To pin it for good: --build-arg PYTHON_IMAGE=python@sha256:… (docker buildx imagetools inspect says which).
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS installer
WORKDIR /app
# start.sh knows what is installed beside a requirements file, here as on bare metal.
COPY start.sh requirements*.txt ./

FROM installer AS gateway-packages
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=secret,id=pip,target=/etc/pip.conf \
    sh start.sh --prepare requirements-gateway.txt \
    && .venv/bin/python -m pip uninstall --quiet --yes setuptools pip

FROM installer AS worker-packages
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=secret,id=pip,target=/etc/pip.conf \
    sh start.sh --prepare requirements.txt \
    && .venv/bin/python -m pip uninstall --quiet --yes setuptools pip

FROM installer AS gpu-packages
# torch wants setuptools at run time.
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=secret,id=pip,target=/etc/pip.conf \
    sh start.sh --prepare requirements-gpu.txt \
    && .venv/bin/python -m pip uninstall --quiet --yes pip

FROM ${PYTHON_IMAGE} AS source
WORKDIR /app
COPY api_server.py worker.py search_server.py init_database.py config.py database_models.py \
    pipeline_architecture.py lookup_architecture.py LICENSE ./
COPY veilgate veilgate/
COPY migrations migrations/
COPY models models/
COPY containers containers/
# Readable for everybody, whatever umask the repository was cloned with; compiled, because nobody can write here.
RUN chmod -R a+rX . && python3 -m compileall -q --invalidation-mode unchecked-hash .

FROM ${PYTHON_IMAGE} AS runtime
LABEL org.opencontainers.image.title="Veilgate" \
    org.opencontainers.image.description="Self-hosted image gateway" \
    org.opencontainers.image.version="0.1.0" \
    org.opencontainers.image.licenses="MIT"
# A new volume is given the owner of the folder that it is mounted over.
RUN groupadd --gid 10001 veilgate \
    && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin veilgate \
    && install -d -o veilgate -g veilgate -m 0750 /data /data/models /secrets /tls
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/data \
    HOST=0.0.0.0 \
    SEARCH_HOST=0.0.0.0 \
    METRICS_HOST=0.0.0.0 \
    METRICS_PORT=9464
WORKDIR /app
USER 10001:10001
EXPOSE 9464
STOPSIGNAL SIGTERM
# Every process of the house answers there; docker-compose.yml asks the gateway for more.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-m", "containers.healthy"]

FROM ${PYTHON_IMAGE} AS tests
WORKDIR /app
# Suites install what else they need, as root.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
COPY start.sh requirements*.txt ./
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=secret,id=pip,target=/etc/pip.conf \
    sh start.sh --prepare requirements-dev.txt
COPY . .
CMD ["make", "test"]

FROM runtime AS worker-gpu
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=gpu-packages /app/.venv .venv/
COPY --from=source /app ./
CMD ["python", "worker.py", "images"]

FROM runtime AS worker
COPY --from=worker-packages /app/.venv .venv/
COPY --from=source /app ./
CMD ["python", "worker.py", "images"]

FROM runtime AS gateway
EXPOSE 8000
COPY --from=gateway-packages /app/.venv .venv/
COPY --from=source /app ./
CMD ["python", "api_server.py"]
