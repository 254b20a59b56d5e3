import pytest

from deploy.processes import Folders, environment, processes
from deploy.settings import STORES, SettingsError, read_settings, read_worker_settings

URLS = {"DAGSTER_DATABASE_URL": "postgresql://h/dagster", "MLFLOW_DATABASE_URL": "postgresql://h/mlflow",
        "WEB_DATABASE_URL": "postgresql://h/web", "DEMAND_STORE_URL": "s3://b/demand",
        "MLFLOW_ARTIFACTS_URL": "s3://b/models"}


@pytest.fixture
def folders(tmp_path):
    return Folders(tmp_path)


def test_a_profile_names_every_setting_that_it_lacks(monkeypatch):
    monkeypatch.setenv("PROFILE", "stores")
    monkeypatch.setenv("WEB_DATABASE_URL", "postgresql://h/web")

    with pytest.raises(SettingsError) as refused:
        read_settings()

    said = str(refused.value)
    assert said.startswith("PROFILE=stores needs DAGSTER_DATABASE_URL, MLFLOW_DATABASE_URL, DEMAND_STORE_URL, "
                           "MLFLOW_ARTIFACTS_URL, which are not set")
    assert "make services" in said


def test_an_unknown_profile_is_named_with_the_known_ones(monkeypatch):
    monkeypatch.setenv("PROFILE", "huge")

    with pytest.raises(SettingsError, match=r"PROFILE=huge cannot be used: .*'embedded', 'stores' or 'celery'"):
        read_settings()


def test_mlflow_keeps_its_tables_and_artifacts_where_the_settings_say(monkeypatch, folders):
    for name, value in {**URLS, "PROFILE": "stores", "AWS_ENDPOINT_URL": "http://store:9000"}.items():
        monkeypatch.setenv(name, value)
    settings = read_settings()

    told = environment(settings, folders, {})
    mlflow = next(process for process in processes(settings, folders) if process.name == "mlflow")

    assert set(STORES) == set(URLS)
    assert told["MLFLOW_BACKEND_STORE_URI"] == "postgresql+psycopg2://h/mlflow"
    assert told["MLFLOW_S3_ENDPOINT_URL"] == "http://store:9000"
    assert "s3://b/models" in mlflow.command
    assert not any("postgresql" in word for word in mlflow.command)


def test_without_a_profile_everything_stays_in_the_state_directory(folders):
    settings = read_settings()

    assert environment(settings, folders, {})["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{folders.mlflow}/mlflow.db"
    assert "MLFLOW_S3_ENDPOINT_URL" not in environment(settings, folders, {})


def test_celery_has_a_worker_unless_told_otherwise(monkeypatch, folders):
    for name, value in {**URLS, "PROFILE": "celery", "CELERY_BROKER_URL": "redis://h/0"}.items():
        monkeypatch.setenv(name, value)

    def names():
        return {process.name for process in processes(read_settings(), folders)}

    assert "worker" in names()
    told = environment(read_settings(), folders, {})
    assert (told["RUN_LAUNCHER"], told["WORKERS"]) == ("celery", "2")
    monkeypatch.setenv("WORKERS", "0")
    assert "worker" not in names()
    monkeypatch.setenv("PROFILE", "stores")
    assert environment(read_settings(), folders, {})["RUN_LAUNCHER"] == "local"


def test_a_worker_names_every_setting_that_it_lacks(monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://h/0")

    with pytest.raises(SettingsError, match="make worker needs DAGSTER_DATABASE_URL, DEMAND_STORE_URL, "
                                            "MLFLOW_ARTIFACTS_URL, MLFLOW_URL, which are not set"):
        read_worker_settings()
