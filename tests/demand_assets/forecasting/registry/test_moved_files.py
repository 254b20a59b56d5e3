"""Where MLflow's database says that files are, after the state directory was moved or copied."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from demand_assets.forecasting.registry.moved_files import at_home, bring_home, replace_root

HOME = "/new place/shop/mlflow/artifacts"
RUN = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(("location", "wanted"), [
    (f"/old/shop/mlflow/artifacts/{RUN}/artifacts/models/north/kettle",
     f"{HOME}/{RUN}/artifacts/models/north/kettle"),
    (f"file:///old%20one/shop/mlflow/artifacts/{RUN}/artifacts",
     f"file:///new%20place/shop/mlflow/artifacts/{RUN}/artifacts"),
    ("/old/shop/mlflow/artifacts", HOME),
    (f"/a/shop/mlflow/artifacts/shop/mlflow/artifacts/{RUN}", f"{HOME}/{RUN}"),
    ("/checkout/mlruns/0", f"{HOME}/0"),
    ("file:///checkout/mlruns/0", "file:///new%20place/shop/mlflow/artifacts/0"),
])
def test_what_lay_in_a_state_directory_lies_in_this_one(location, wanted):
    assert at_home(location, HOME) == wanted
    assert at_home(wanted, HOME) == wanted


@pytest.mark.parametrize("location", [
    f"s3://demand/shop/mlflow/artifacts/{RUN}", "models:/m-1", "mlflow-artifacts:/1/models", "", "relative/path",
    f"/mnt/models/{RUN}/artifacts", f"/old/other/mlflow/artifacts/{RUN}", f"/old/shop/mlflow/artifacts-old/{RUN}",
])
def test_what_lies_elsewhere_stays_there(location):
    assert at_home(location, HOME) == location


def sources(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [value for (value,) in connection.execute("SELECT artifact_location FROM experiments ORDER BY 1")]


def test_a_database_is_rewritten_once(empty_mlflow, tmp_path):
    database = tmp_path / "shop" / "mlflow" / "mlflow.db"
    database.parent.mkdir(parents=True)
    shutil.copy(empty_mlflow, database)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE experiments SET artifact_location = '/gone/shop/mlflow/artifacts'")
    home = str(database.parent / "artifacts")

    moved = [bring_home(f"sqlite:///{database}", home) for _ in range(2)]

    assert moved == [len(sources(database)), 0]
    assert set(sources(database)) == {home}


def test_what_a_training_without_servers_leaves_is_no_sign_of_a_move(empty_mlflow, tmp_path):
    database = tmp_path / "shop" / "mlflow" / "mlflow.db"
    database.parent.mkdir(parents=True)
    shutil.copy(empty_mlflow, database)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE experiments SET artifact_location = '/checkout/mlruns/0'")

    assert bring_home(f"sqlite:///{database}", str(database.parent / "artifacts")) == 0
    assert set(sources(database)) == {str(database.parent / "artifacts" / "0")}


def test_a_database_without_tables_is_left_alone(tmp_path):
    assert bring_home(f"sqlite:///{tmp_path / 'mlflow.db'}", HOME) == 0


def test_the_root_of_an_object_store_is_replaced_and_no_name_that_begins_alike(empty_mlflow, tmp_path):
    database = tmp_path / "mlflow.db"
    shutil.copy(empty_mlflow, database)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO experiments (experiment_id, name, artifact_location) VALUES "
                           "(8, 'a', 's3://demand/models/1'), (9, 'b', 's3://demand/models-old/1')")

    assert replace_root(f"sqlite:///{database}", "s3://demand/models/", "s3://other/deep/models") == 1
    assert {"s3://other/deep/models/1", "s3://demand/models-old/1"} <= set(sources(database))
