from pathlib import Path
from uuid import uuid4

import pytest

from deploy.container import EXTRA, commands, container_environment, first, main
from deploy.processes import Folders, environment, processes
from deploy.settings import PROJECT, RunSettings
from deploy.stores import Stores, create_buckets

FOLDERS = Folders(Path("/srv/state/shop"))
SETTINGS = RunSettings(listen_host="0.0.0.0", demand_start="exec")


def test_a_container_can_be_every_process_of_make_run():
    known = commands(SETTINGS, FOLDERS)

    ours = [process.command for process in processes(SETTINGS, FOLDERS)]
    assert set(ours) <= set(known.values())
    assert {"code", "daemon", "dagster-web", "mlflow", "web", "web-sync", "first-training", *EXTRA} == set(known)


def test_a_container_with_metrics_tells_what_databases_say_and_others_count_where_they_are_told():
    settings = RunSettings(listen_host="0.0.0.0", demand_start="exec", metrics_port=9464)
    outer = {"PROMETHEUS_MULTIPROC_DIR": "/tmp/metrics"}

    assert commands(settings, FOLDERS)["metrics"][-1] == "--elsewhere"
    assert "metrics" not in commands(SETTINGS, FOLDERS)
    for nothing in ({}, {"PROMETHEUS_MULTIPROC_DIR": ""}):
        assert "PROMETHEUS_MULTIPROC_DIR" not in container_environment(settings, FOLDERS, nothing)
    assert container_environment(settings, FOLDERS, outer)["PROMETHEUS_MULTIPROC_DIR"] == "/tmp/metrics"
    assert environment(settings, FOLDERS)["PROMETHEUS_MULTIPROC_DIR"] == str(FOLDERS.counted)
    assert "PROMETHEUS_MULTIPROC_DIR" not in environment(RunSettings(), FOLDERS, {})


@pytest.mark.parametrize("name", ["code", "dagster-web", "mlflow"])
def test_servers_listen_for_other_containers(name):
    command = commands(SETTINGS, FOLDERS)[name]

    assert command[command.index("--host") + 1] == "0.0.0.0"


def test_the_others_are_where_the_container_was_told():
    ours = container_environment(SETTINGS, FOLDERS, {"MLFLOW_URL": "http://mlflow:5000", "CODE_HOST": "code"})

    assert ours["MLFLOW_TRACKING_URI"] == ours["MLFLOW_URL"] == "http://mlflow:5000"
    assert ours["CODE_HOST"] == "code"
    assert ours["DAGSTER_HOME"] == "/srv/state/shop/dagster"


def test_runs_are_carried_by_whom_the_container_was_told():
    assert container_environment(SETTINGS, FOLDERS, {"RUN_LAUNCHER": "celery"})["RUN_LAUNCHER"] == "celery"
    assert container_environment(SETTINGS, FOLDERS, {})["RUN_LAUNCHER"] == "local"


@pytest.mark.parametrize("given", ["postgres://a:b@host/dagster", "postgresql://a:b@host/dagster",
                                   "postgresql+psycopg2://a:b@host/dagster"])
def test_every_process_has_what_dagsters_settings_refer_to_as_its_libraries_need_it(
        given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outer = {"DAGSTER_DATABASE_URL": given, "CELERY_BROKER_URL": "redis://:c@host/0"}
    for name, value in outer.items():
        monkeypatch.setenv(name, value)

    for ours in (container_environment(RunSettings(), FOLDERS, outer), environment(RunSettings(), FOLDERS, outer)):
        assert ours["DAGSTER_DATABASE_URL"] == "postgresql+psycopg2://a:b@host/dagster"
        assert ours["CELERY_BROKER_URL"] == "redis://:c@host/0"


def test_runs_that_ended_with_the_container_are_closed_unless_workers_have_them():
    closing = [("-m", "deploy.state_directory.unfinished_runs")]
    assert first("daemon", {}) == first("code", {"DAGSTER_WORKERS": "stock"}) == closing
    assert first("code", {}) == first("daemon", {"DAGSTER_WORKERS": "stock"}) == []
    assert first("code", {"RUN_LAUNCHER": "celery"}) == first("daemon", {"RUN_LAUNCHER": "celery"}) == []


def test_an_unknown_name_is_answered_with_the_known_ones(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("DEMAND_DATASET", str(PROJECT / "datasets" / "simulated.toml"))
    monkeypatch.setenv("DEMAND_STATE", str(tmp_path))

    assert main(["dagit"]) == 2

    told = capsys.readouterr().err
    assert "'dagit' is no process of the product; say one of code, daemon" in told
    assert "run-starter" not in told  # nothing else is in its container that it could fork for
    assert list(tmp_path.iterdir()) == []


def test_only_stores_on_a_server_are_created():
    stores = Stores(dagster_database_url="postgresql+psycopg2://a:b@host/dagster", web_database_url="sqlite:///app.db",
                    mlflow_artifacts_url="s3://mlflow/artifacts", demand_store_url="/srv/demand")

    assert stores.databases == ["postgresql+psycopg2://a:b@host/dagster"]
    assert stores.buckets == ["mlflow"]


def test_missing_buckets_are_created_once(object_store):
    buckets = [f"demand-{uuid4().hex}", f"mlflow-{uuid4().hex}"]  # all servers of a process have the same ones

    assert create_buckets(buckets) == buckets
    assert create_buckets(buckets) == []


@pytest.fixture
def object_store(monkeypatch):
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    for name, value in {"AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()),
                        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
                        "AWS_DEFAULT_REGION": "us-east-1", "NO_PROXY": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    yield
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()
