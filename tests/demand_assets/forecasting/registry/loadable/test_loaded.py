"""Registered models as ``mlflow.pyfunc`` loads them: without the product, and the page's forecast to the last bit."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.models import Model

from demand_assets.forecasting.challengers.model_classes import OURS
from demand_assets.forecasting.dataset.attributes import Attribute
from demand_assets.forecasting.dataset.calendar import Calendar, Events
from demand_assets.forecasting.dataset.dataset_file import Dataset, load_dataset
from demand_assets.forecasting.dataset.demand.column_entries import Columns
from demand_assets.forecasting.dataset.demand.source_entries import AttributeTable, AttributeTables, SqlSource
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.dataset.models.challenger_entries import Challengers
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.forecast.scoring import score
from demand_assets.forecasting.model.intervals import DECILE_NAMES
from demand_assets.forecasting.model.serving.challenger import Challenger
from demand_assets.forecasting.registry.loadable.model_folders import NEEDED
from demand_assets.forecasting.registry.loadable.shipped_code import described, imported_names, shipped_sources
from demand_assets.forecasting.registry.version_files import local_path
from demand_assets.forecasting.whatif.scenario import Planned, Scenario
from tests.demand_assets.forecasting.conftest import KETTLES
from tests.demand_assets.forecasting.registry.loadable.shops import HORIZON, ODD, TOASTERS, Shop, hexed, open_shop

DOCUMENT = Path(__file__).parents[5] / "docs" / "notebook.md"
BLOCKS = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
FRESH = """
import json, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("demand_assets", "webapp", "deploy", "tests", "benchmarks"):
            raise ModuleNotFoundError(f"{name} is not installed here")

sys.meta_path.insert(0, Blocked())
given = json.load(open(sys.argv[1]))
known = {}
for block in given["blocks"]:
    exec(block, known)
hexed = {name: [[value.hex() if isinstance(value, float) else str(value) for value in row]
                for row in known[name].itertuples(index=False)] for name in given["names"]}
json.dump({"tables": hexed, "wape": known["wape"], "good": len(known["good"]),
           "ours": [name for name in sys.modules if name.split(".")[0] == "demand_assets"]}, open(sys.argv[2], "w"))
"""
"""Runs the documentation's code where nothing of the product can be imported."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, empty_mlflow: Path) -> Iterator[Shop]:
    """MLflow as somebody has it who loads models."""
    shop, before = open_shop(tmp_path_factory.mktemp("state"), empty_mlflow), mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(shop.registry.session.uri)
    yield shop
    mlflow.set_tracking_uri(before)


def test_the_documented_code_gives_the_pages_numbers_where_the_product_is_not_installed(
        shop: Shop, tmp_path: Path) -> None:
    told = {"blocks": [block.replace("http://127.0.0.1:5000", shop.registry.session.uri) for block in BLOCKS],
            "names": ["plan", "what_if", "everywhere", "naive", "batch"]}
    (tmp_path / "given.json").write_text(json.dumps(told))
    (tmp_path / "fresh.py").write_text(FRESH)

    subprocess.run([sys.executable, "-I", tmp_path / "fresh.py", tmp_path / "given.json", tmp_path / "found.json"],
                   cwd="/", check=True, timeout=300, env={**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1"})

    found = json.loads((tmp_path / "found.json").read_text())
    days = [at.date() for at in shop.page(KETTLES, "own")["date"].head(3)]
    dearer = Scenario(planned=(Planned("price", tuple((day, 12.5) for day in days)),
                               Planned("promo", tuple((day, False) for day in days))))
    assert found["ours"] == []
    assert found["tables"] == {
        "plan": hexed(shop.page(KETTLES, "own"), KETTLES),
        "what_if": hexed(shop.page(KETTLES, "own", dearer).head(3), KETTLES),
        "everywhere": [*hexed(shop.page(KETTLES, "pooled"), KETTLES), *hexed(shop.page(TOASTERS, "pooled"), TOASTERS)],
        "naive": [*hexed(shop.page(KETTLES, "baseline"), KETTLES), *hexed(shop.page(TOASTERS, "baseline"), TOASTERS)],
        "batch": [*hexed(shop.page(KETTLES, "own"), KETTLES), *hexed(shop.page(TOASTERS, "pooled"), TOASTERS)]}
    assert (found["wape"], found["good"]) == (shop.registry.load(KETTLES, 1).card.wape, 1)


@pytest.mark.parametrize("coverage", [0.5, 0.95])
@pytest.mark.parametrize("by", ["own", "pooled", "baseline"])
def test_an_odd_name_is_forecast_at_each_coverage(shop: Shop, by: str, coverage: float) -> None:
    model = shop.load(ODD.model_name("simulated"))

    answer = model.predict(model.input_example.assign(region=ODD.region, item=ODD.item), params={
        "horizon": 3, "coverage": coverage, "model": "production" if by == "own" else by})

    assert hexed(answer, ODD) == hexed(shop.page(ODD, by, horizon=3, coverage=coverage), ODD)
    assert list(answer.columns) == ["region", "item", "date", "forecast", "lower", "upper"]


@pytest.mark.parametrize("by", ["own", "pooled", "baseline"])
def test_deciles_are_those_of_the_page_to_the_last_bit(shop: Shop, by: str) -> None:
    params = {"horizon": 3, "model": "production" if by == "own" else by}
    frame, model = pd.DataFrame({"region": ["north"], "item": ["kettle"]}), shop.load("simulated.north.kettle")

    answer = model.predict(frame, params={**params, "deciles": True})

    part = shop.forecast(KETTLES, by, horizon=3).part
    deciles = part.deciles()
    assert deciles is not None
    plain = ["region", "item", "date", "forecast", "lower", "upper"]
    assert list(answer.columns) == [*plain, *DECILE_NAMES]
    assert (answer[list(DECILE_NAMES)].to_numpy() == deciles).all()
    pd.testing.assert_frame_equal(answer[plain], model.predict(frame, params=params))
    dated = model.predict(answer[["region", "item", "date"]].iloc[[2, 0]], params={**params, "deciles": True})
    assert (dated[list(DECILE_NAMES)].to_numpy() == deciles[[2, 0]]).all()


def test_deciles_of_a_model_of_before_are_null(shop: Shop) -> None:
    model = shop.registry.load(KETTLES, 1)
    before = replace(model, calibration=replace(model.calibration, spread=None))

    answer = score(pd.DataFrame({"region": ["north"], "item": ["kettle"]}), shop.dataset,
                   Forecaster(shop.dataset, shop.store), lambda _: before, 3, deciles=True)

    assert answer["forecast"].notna().all()
    assert answer[list(DECILE_NAMES)].isna().all(axis=None)


def test_its_example_and_signature_are_its_own(shop: Shop) -> None:
    model = shop.load(ODD.model_name("simulated"))

    assert model.input_example.to_dict("records") == [{"region": ODD.region, "item": ODD.item}]
    assert model.metadata.get_input_schema().input_names() == ["region", "item", "date", "price", "promo"]
    assert {spec.name: spec.default for spec in model.metadata.get_params_schema().params} == {
        "horizon": HORIZON, "coverage": 0.8, "model": "production", "deciles": False}


def test_mlflow_itself_reads_every_model_folder(shop: Shop) -> None:
    folders = [Path(str(local_path(shop.registry.session.version(one.model_name("simulated"), 1).source)))
               for one in (KETTLES, ODD)]

    described = [Model.load(str(folder)) for folder in folders]
    assert described[0].model_uuid != described[1].model_uuid
    assert [each.model_size_bytes for each in described] == [
        sum((folder / name).stat().st_size for name in ("model.ubj", "forecast.json")) for folder in folders]
    assert mlflow.xgboost.load_model(str(folders[1])).save_raw() == shop.registry.load(ODD, 1).booster.save_raw()
    assert {file.suffix for folder in folders for file in folder.iterdir()} <= {
        "", ".json", ".py", ".txt", ".ubj", ".yaml"}


def test_a_model_of_another_class_answers_as_the_page_does(shop: Shop) -> None:
    boosters = shop.registry.load(ODD, 1)
    naive = replace(boosters, boosters=boosters, version=None,
                    challenger=Challenger({"seasonal_naive": OURS["seasonal_naive"].load({})}))
    with shop.registry.batch("training", {}, shop.origin, 1) as batch:
        version = batch.register(ODD, naive, {}, is_known=True)

    model = mlflow.pyfunc.load_model(f"models:/{ODD.model_name('simulated')}/{version}")
    answer = model.predict(pd.DataFrame({"region": [ODD.region], "item": [ODD.item]}))

    page = Forecaster(shop.dataset, shop.store).forecast(ODD, shop.registry.load(ODD, version))
    assert page.by_class == "seasonal naive"
    assert answer["forecast"].tolist() == page.table["forecast"].tolist()
    assert answer["upper"].tolist() == page.table["upper_80"].tolist()


def test_what_is_shipped_needs_no_more_than_it_says() -> None:
    asked = {name.split(".")[0] for source in shipped_sources().values() for name in imported_names(ast.parse(source))}

    modules = {"xgboost-cpu": "xgboost"}
    of_challengers = {"statsforecast", "mlforecast", "lightgbm", "chronos", "torch"}  # a model tells which it lacks
    assert asked - set(sys.stdlib_module_names) - {"demand_assets"} - of_challengers == {
        modules.get(name, name) for name in (*NEEDED, "holidays")}


def test_no_source_and_no_password_is_shipped() -> None:
    secret = SqlSource(kind="sql", url="postgresql://me:hunter2@db/shop", table="demand")
    dataset = Dataset(name="shop", frequency="D", source=secret, drivers=(
        Driver(name="path", kind="number"), Driver(name="source", kind="yes_no")), columns=Columns(
        drivers={"path": "way", "source": "spring"}),
        attributes=(Attribute(name="brand", of="item", read_from="table"),),
        attribute_tables=AttributeTables(item=AttributeTable(key="item", source=secret)),
        calendar=Calendar(holidays={"path": ("DE",), "source": ("FR",)}, events=(
            Events(name="fair", source=secret.model_dump()), Events(name="races", path="s3://hunter2/races.csv"))))

    dataset = dataset.model_copy(update={"challengers": Challengers(options={"paid": {"licence": "hunter2"}})})

    shipped = described(dataset)

    assert "hunter2" not in shipped
    again = Dataset.model_validate_json(shipped)
    for kept in ("drivers", "attributes", "horizon", "columns"):
        assert getattr(again, kept) == getattr(dataset, kept)
    assert again.calendar.holidays == dataset.calendar.holidays


@pytest.mark.parametrize("file", sorted((DOCUMENT.parents[1] / "datasets").glob("*.toml")), ids=lambda file: file.stem)
def test_a_shipped_dataset_is_the_same_but_for_its_sources(file: Path) -> None:
    dataset = load_dataset(file)

    shipped = Dataset.model_validate_json(described(dataset))

    here = {"source": shipped.source, "attribute_tables": shipped.attribute_tables, "calendar": shipped.calendar,
            "predecessor_table": shipped.predecessor_table}
    assert shipped == dataset.model_copy(update=here)
    assert shipped.calendar.meanings(dataset.frequency) == dataset.calendar.meanings(dataset.frequency)


def test_rows_are_answered_in_their_order_whatever_kind_of_number_a_driver_is(shop: Shop) -> None:
    days = shop.page(TOASTERS, "pooled")["date"]
    rows = pd.DataFrame({"region": ["south", "north", "south"], "item": ["toaster", "kettle", "toaster"],
                         "date": [days[5], days[0], days[1]], "price": [9, 11, None], "promo": [True, None, 0]})

    answer = shop.load("simulated.pooled").predict(rows)

    asked = Scenario(planned=(Planned("price", ((days[5].date(), 9.0),)),
                              Planned("promo", ((days[5].date(), 1.0), (days[1].date(), 0.0)))))
    dearer = Scenario(planned=(Planned("price", ((days[0].date(), 11.0),)),))
    south, north = shop.page(TOASTERS, "pooled", asked), shop.page(KETTLES, "pooled", dearer)
    assert answer["forecast"].tolist() == [south["forecast"][5], north["forecast"][0], south["forecast"][1]]
    assert answer["upper"].tolist() == [south["upper"][5], north["upper"][0], south["upper"][1]]


def test_of_no_rows_no_rows_come_in_columns_of_the_same_kinds(shop: Shop) -> None:
    model = shop.load("simulated.pooled")

    answer = model.predict(pd.DataFrame({"region": [], "item": []}, dtype=str))

    assert len(answer) == 0
    assert answer.dtypes.to_dict() == model.predict(pd.DataFrame(SOUTH)).dtypes.to_dict()


SOUTH = {"region": ["south"], "item": ["toaster"]}
NORTH = {"region": ["north"], "item": ["kettle"]}
WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "another's": (SOUTH, {}, r"this is the model of north · kettle.*simulated\.pooled"),
    "too far": (NORTH, {"horizon": 15}, "horizon 15 is outside 1 to 14"),
    "no period": (NORTH, {"horizon": 0}, "horizon 0 is outside 1 to 14"),
    "unknown coverage": (NORTH, {"coverage": 0.7}, r"coverage 0.7 is not known.*0.5, 0.8, 0.95"),
    "no coverage": (NORTH, {"coverage": 0.0}, "coverage 0.0 is not known"),
    "unknown model": (NORTH, {"model": "best"}, "answers by production, pooled, baseline"),
    "a day of the past": (NORTH | {"date": ["2020-01-01"]}, {}, "2020-01-01 is no period of the forecast"),
    "no date in one row": ({"region": ["north"] * 2, "item": ["kettle"] * 2, "date": [date(2025, 7, 25), None]}, {},
                           "1 of 2 rows have no date"),
    "a day twice": ({"region": ["north"] * 2, "item": ["kettle"] * 2, "date": ["2025-07-25"] * 2}, {}, "two rows"),
    "no name": ({"region": ["nor\x00th"], "item": ["kettle"]}, {}, "control characters"),
    "no region": ({"region": [None], "item": ["kettle"]}, {}, "no region or no item"),
    "no number": (NORTH | {"date": ["2025-07-25"], "price": ["cheap"]}, {}, "needs a number, not 'cheap'"),
    "a price of nothing": (NORTH | {"date": ["2025-07-25"], "price": [0.0]}, {}, "a price is above 0"),
    "a driver of no day": (NORTH | {"price": [9.0]}, {}, "price is given without a date; give the date of each row"),
    "half a promo": (NORTH | {"date": ["2025-07-25"], "promo": [0.5]}, {}, "is yes .* or no"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_answered_is_told(shop: Shop, case: str) -> None:
    frame, params, words = WRONG[case]

    with pytest.raises(MlflowException, match=words):
        shop.load("simulated.north.kettle").predict(pd.DataFrame(frame), params=params)


def test_demand_that_is_not_there_is_told_with_the_place(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(MlflowException, match=f"no demand of south · toaster.*looked for in {tmp_path}.*demand_store"):
        shop.load("simulated.pooled", demand_store=str(tmp_path)).predict(pd.DataFrame(SOUTH))


def test_changed_code_is_not_run(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = local_path(shop.registry.session.version("simulated.pooled", 1).source)
    assert folder is not None
    shipped = next(folder.glob("*.zip"))
    whole = shipped.read_bytes()
    for name in [name for name in sys.modules if name.startswith("forecasting_")]:
        monkeypatch.delitem(sys.modules, name)
    changed = whole.replace(b"dataset.json", b"dataset.jso_")
    try:
        shipped.write_bytes(changed)
        with pytest.raises(ValueError, match="was changed or damaged, and none of it was run"):
            shop.load("simulated.north.kettle")
    finally:
        shipped.write_bytes(whole)


def test_a_moved_state_reads_its_own_demand(shop: Shop, tmp_path: Path) -> None:
    from demand_assets.forecasting.registry.loadable.store_note import noted, store_url

    artifacts = "/state/shop/mlflow/artifacts"
    assert store_url(noted("/state/shop/demand", artifacts), "/elsewhere/shop/mlflow/artifacts") == (
        "/elsewhere/shop/demand")
    assert store_url(noted("/state/shop/demand", artifacts), "file:///a%20b/shop/mlflow/artifacts") == (
        "/a b/shop/demand")
    assert store_url(noted("/other/demand", artifacts), "/elsewhere/shop/mlflow/artifacts") == "/other/demand"
    for url in ("s3://bucket/demand", "/data/demand"):
        assert store_url(noted(url, "s3://bucket/models"), "s3://bucket/models") == url
    assert shop.registry.session.client.get_experiment_by_name("simulated").tags["demand_store"] == "../../demand"
