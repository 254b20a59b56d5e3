# Two images from one file: `docker build --target web -t demand-web .` and `--target pipeline -t demand-pipeline`.
# They share every layer but the last lines: pulling both costs no more than pulling one. Which process a container is,
# its command says (see deploy/container.py and docs/deploy.md). State lives in /var/lib/demand: mount
# a volume there.

# Another base with Python 3.11, e.g. one that knows a company's package index and certificates: --build-arg PYTHON_IMAGE=…
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim

FROM ${PYTHON_IMAGE} AS installer
WORKDIR /app
COPY requirements/uv.txt requirements/install.sh requirements/
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --require-hashes -r requirements/uv.txt

FROM installer AS packages
COPY requirements/base.txt requirements/
RUN python -m venv --without-pip .venv && sh requirements/install.sh .venv requirements/base.txt

# The front-end libraries, fetched with a Node that stays in this stage.
FROM installer AS front-end
COPY requirements/assets.txt requirements/
RUN python -m venv --without-pip /opt/node && sh requirements/install.sh /opt/node requirements/assets.txt
COPY webapp/package.json webapp/package-lock.json webapp/vendored_files.py webapp/
WORKDIR /app/webapp
RUN PATH="/opt/node/bin:$PATH" npm ci --ignore-scripts --no-audit --no-fund && python vendored_files.py

FROM ${PYTHON_IMAGE} AS product
# The second folder is where Dagster's Helm chart puts DAGSTER_HOME.
RUN useradd --no-log-init --uid 10001 --user-group --create-home demand \
    && install -d -o demand -g demand /var/lib/demand /opt/dagster/dagster_home
WORKDIR /app
COPY --from=packages /app/.venv .venv
COPY demand_assets/ demand_assets/
COPY webapp/ webapp/
COPY --from=front-end /app/webapp/static/vendor webapp/static/vendor
COPY datasets/ datasets/
COPY deploy/ deploy/
# Nobody writes here later, and without it each start would compile what it imports anew, which takes longer than to start.
RUN .venv/bin/python -m deploy.write_bytecode
ENV PATH="/app/.venv/bin:$PATH" \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DEMAND_STATE=/var/lib/demand \
    DEMAND_DATASET=/app/datasets/simulated.toml \
    WEB_HOST=0.0.0.0 \
    DAGSTER_DISABLE_TELEMETRY=yes \
    MLFLOW_DISABLE_TELEMETRY=true \
    DO_NOT_TRACK=true \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001

# The pipeline: the code server unless the command is another name: daemon, dagster-web, mlflow, worker, first-training.
FROM product AS pipeline
EXPOSE 4000
HEALTHCHECK --start-period=60s --interval=30s --timeout=20s CMD ["python", "-m", "deploy.health", "grpc://127.0.0.1:4000"]
CMD ["python", "-m", "deploy.container", "code"]

# The planner's app. A second container of this image, with the command `… web-sync` and the same volume, keeps it in
# step with the registry.
FROM product AS web
EXPOSE 8000
HEALTHCHECK --start-period=60s --interval=30s --timeout=20s CMD ["python", "-m", "deploy.health", "http://127.0.0.1:8000/health"]
CMD ["python", "-m", "deploy.container", "web"]
