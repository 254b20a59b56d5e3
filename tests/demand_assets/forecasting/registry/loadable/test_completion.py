"""Versions of before models could be loaded elsewhere, as yesterday's product wrote them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import mlflow
import mlflow.xgboost
import pandas as pd
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.registry.loadable.completion import complete
from demand_assets.forecasting.registry.version_files import local_path
from demand_assets.forecasting.registry.versions import PYFUNC
from tests.demand_assets.forecasting.conftest import KETTLES
from tests.demand_assets.forecasting.registry.conftest import PROMOTE
from tests.demand_assets.forecasting.registry.loadable.shops import ODD, Shop, hexed, open_shop

OURS = {"model.ubj", "forecast.json", "pooled.json", "identity.json"}


@pytest.fixture
def shop(tmp_path: Path, empty_mlflow: Path) -> Iterator[Shop]:
    """Its versions are as they were written yesterday: a booster that MLflow loads, a pooled model that it does not."""
    shop, before = open_shop(tmp_path, empty_mlflow), mlflow.get_tracking_uri()
    for name in (KETTLES.model_name("simulated"), ODD.model_name("simulated"), "simulated.pooled"):
        folder = folder_of(shop, name)
        for file in folder.iterdir():
            if file.name not in OURS and not file.name.startswith("fit-"):
                file.unlink()
        if name != "simulated.pooled":
            mlflow.xgboost.save_model(shop.registry.load(KETTLES, 1).booster, str(tmp_path / "flavor"),
                                      model_format="ubj", pip_requirements=["mlflow"])
            for file in ("MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"):
                shutil.copy(tmp_path / "flavor" / file, folder)
            shutil.rmtree(tmp_path / "flavor")
        shop.registry.session.client.delete_model_version_tag(name, "1", PYFUNC)
    mlflow.set_tracking_uri(shop.registry.session.uri)
    yield shop
    mlflow.set_tracking_uri(before)


def folder_of(shop: Shop, name: str) -> Path:
    folder = local_path(shop.registry.session.version(name, 1).source)
    assert folder is not None
    return folder


def ask(shop: Shop, name: str, one: RegionItem) -> pd.DataFrame:
    return shop.load(name).predict(pd.DataFrame({"region": [one.region], "item": [one.item]}))


def test_versions_in_production_and_what_they_stand_on_are_completed_once(shop: Shop) -> None:
    before = {one: hexed(shop.page(one, "own"), one) for one in (KETTLES, ODD)}

    counts = [complete(shop.registry, shop.origin, 1) for _ in range(3)]

    assert counts == [1, 1, 0]
    for one in (KETTLES, ODD):
        assert hexed(ask(shop, one.model_name("simulated"), one), one) == before[one]
        assert hexed(ask(shop, "simulated.pooled", one), one) == hexed(shop.page(one, "pooled"), one)
        assert hexed(shop.page(one, "own"), one) == before[one]
    assert PYFUNC in shop.registry.session.version("simulated.pooled", 1).tags


def test_a_pooled_model_of_before_is_completed_by_the_next_training_on_it(shop: Shop) -> None:
    model = shop.registry.load(KETTLES, 1)
    with shop.registry.batch("training", {}, shop.origin, 1) as batch:
        shop.registry.record_decision(KETTLES, batch.register(KETTLES, model, {}), PROMOTE, "r2")

    assert hexed(ask(shop, "simulated.north.kettle", KETTLES), KETTLES) == hexed(shop.page(KETTLES, "own"), KETTLES)
    assert hexed(ask(shop, "simulated.pooled", ODD), ODD) == hexed(shop.page(ODD, "pooled"), ODD)


def test_what_is_gone_is_left_alone(shop: Shop) -> None:
    shutil.rmtree(folder_of(shop, KETTLES.model_name("simulated")))
    shop.registry.session.client.set_model_version_tag(ODD.model_name("simulated"), "1", "pooled_version", "7")

    assert complete(shop.registry, shop.origin) == 0


def test_what_was_broken_off_on_the_way_is_finished(shop: Shop) -> None:
    assert complete(shop.registry, shop.origin) == 2
    (folder_of(shop, "simulated.pooled") / "MLmodel").unlink()
    (folder_of(shop, "simulated.north.kettle") / "pyfunc_loader.py").unlink()
    shop.registry.session.client.delete_model_version_tag("simulated.north.kettle", "1", PYFUNC)

    assert complete(shop.registry, shop.origin) == 1
    assert hexed(ask(shop, "simulated.north.kettle", KETTLES), KETTLES) == hexed(shop.page(KETTLES, "own"), KETTLES)
    assert hexed(ask(shop, "simulated.pooled", ODD), ODD) == hexed(shop.page(ODD, "pooled"), ODD)
