# Two images from one file: `docker build --target web .` and `docker build --target pipeline .`
# State lives in the volume /var/lib/demand; it and the servers' addresses are settings (see docs/architecture.md).

FROM docker.io/library/python:3.11-slim AS packages
WORKDIR /app
COPY requirements/ requirements/
RUN python -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --require-hashes -r requirements/uv.txt \
    && python -m venv --without-pip .venv \
    && /opt/uv/bin/uv pip sync --no-cache --python .venv/bin/python --require-hashes requirements/base.txt

# The front-end libraries, fetched with a Node that stays in this stage.
FROM packages AS front-end
RUN python -m venv --without-pip /opt/node \
    && /opt/uv/bin/uv pip sync --no-cache --python /opt/node/bin/python --require-hashes requirements/assets.txt
COPY webapp/package.json webapp/package-lock.json webapp/assets.py webapp/
RUN cd webapp \
    && PATH="/opt/node/bin:$PATH" npm ci --ignore-scripts --no-audit --no-fund \
    && python assets.py

FROM docker.io/library/python:3.11-slim AS product
RUN useradd --system --uid 10001 --create-home demand \
    && install -d -o demand /var/lib/demand
WORKDIR /app
COPY --from=packages /app/.venv .venv
COPY demand_assets/ demand_assets/
COPY webapp/ webapp/
COPY --from=front-end /app/webapp/static/vendor webapp/static/vendor
COPY datasets/ datasets/
COPY deploy/ deploy/
COPY workspace.yaml ./
ENV PATH="/app/.venv/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    DEMAND_STATE=/var/lib/demand \
    DEMAND_DATASET=/app/datasets/simulated.toml \
    DAGSTER_DISABLE_TELEMETRY=yes \
    MLFLOW_DISABLE_TELEMETRY=true \
    DO_NOT_TRACK=true \
    OMP_NUM_THREADS=1
USER demand
VOLUME /var/lib/demand

# The pipeline: the code server unless another command is given (dagster-webserver, dagster-daemon, mlflow server).
FROM product AS pipeline
EXPOSE 4000
HEALTHCHECK --start-period=60s CMD ["dagster", "api", "grpc-health-check", "--port", "4000"]
CMD ["dagster", "api", "grpc", "--host", "0.0.0.0", "--port", "4000", "--module-name", "demand_assets.definitions", \
     "--location-name", "demand_assets", "--use-python-environment-entry-point", "--inject-env-vars-from-instance"]

# The planner's app. `python -m webapp.sync` in a second container of this image keeps it in step with the registry.
FROM product AS web
EXPOSE 8000
HEALTHCHECK --start-period=30s CMD ["python", "-m", "deploy.health", "http://127.0.0.1:8000/health"]
CMD ["sh", "-c", "python -m flask --app webapp db upgrade && exec gunicorn --config webapp/gunicorn_conf.py \
     --no-control-socket --bind 0.0.0.0:8000 webapp.wsgi:app"]
