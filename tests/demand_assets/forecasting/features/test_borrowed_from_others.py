"""Attributes in the pooled model: features of what it knows, nothing of what it does not, and new items by them."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import BESIDE, Attribute, Attributes, Value
from demand_assets.forecasting.dataset.dataset_file import Dataset, Pins
from demand_assets.forecasting.features.borrowed_from_others import PanelFacts
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.model.serving.pooled_model import DETAILS_FILE, PooledModel
from demand_assets.forecasting.model.training.panel import panel_of
from demand_assets.forecasting.store.demand_store import DemandStore
from tests.demand_assets.forecasting.conftest import HERE, pooled_over, weekly_demand

LARGE, SMALL = {"category": "large", "size": 2.0}, {"category": "small", "size": 1.0, "fresh": True}
ITEMS: dict[str, dict[str, Value]] = {"kettle": LARGE, "toaster": LARGE, "spoon": SMALL, "fork": SMALL}
NEW = RegionItem("north", "knife")
ATTRIBUTES = (Attribute(name="category", of="item"), Attribute(name="size", of="item", kind="number"),
              Attribute(name="fresh", of="item", kind="yes_no"), Attribute(name="format", of="region"),
              Attribute(name="launch", of="item", kind="date"))
PLAIN = Dataset(name="shop", frequency="W", horizon=4, source=HERE, training=Pins(
    scale="log", year_features=False, rounds=20, own_share=0.5))
DECLARED = PLAIN.model_copy(update={"attributes": ATTRIBUTES})


def beside(demand: pd.DataFrame, attributes: dict[str, Value]) -> pd.DataFrame:
    found = demand[["date", "demand"]].copy()
    found.attrs[BESIDE] = attributes
    return found


def shops(with_attributes: bool) -> dict[RegionItem, pd.DataFrame]:
    """Forks and spoons sell a tenth of what the others do."""
    return {RegionItem(region, item): beside(
        weekly_demand(seed=seed).assign(demand=lambda table, item=item: table["demand"] * (
            0.1 if ITEMS[item] is SMALL else 1.0)), ITEMS[item] if with_attributes else {})
        for seed, (region, item) in enumerate((region, item) for region in ("north", "south") for item in ITEMS)}


@pytest.fixture(scope="module")
def knowing() -> PooledModel:
    return pooled_over(shops(True), DECLARED)


@pytest.fixture(scope="module")
def plain() -> PooledModel:
    return pooled_over(shops(False), PLAIN)


def forecast(model: PooledModel, one: RegionItem, demand: pd.DataFrame, attributes: dict[str, Value],
             folder: Path, dataset: Dataset = DECLARED) -> np.ndarray:
    """As the web app has it, from a store with these attributes of the item."""
    store = DemandStore(str(folder))
    store.write("demand", one, demand[["date", "demand"]])
    store.write_attributes(Attributes({one.item: attributes}, state="1"))
    return Forecaster(dataset, store).forecast(one, model).table["forecast"].to_numpy()


def test_what_is_known_of_the_panel_is_a_feature(knowing: PooledModel) -> None:
    assert [name for name in knowing.feature_names if name.startswith("attribute:")] == [
        "attribute:category=large", "attribute:category=small", "attribute:category=(other)", "attribute:size",
        "attribute:fresh"]
    assert knowing.facts.attribute_features(SMALL) == pytest.approx({
        "attribute:category=large": 0, "attribute:category=small": 1, "attribute:category=(other)": 0,
        "attribute:size": 1, "attribute:fresh": 1})


@pytest.mark.parametrize(("known", "expected"), [
    ({}, [np.nan] * 5), ({"category": "new"}, [0, 0, 1, np.nan, np.nan]),
    ({"category": 3.0, "size": "much", "fresh": False}, [np.nan, np.nan, np.nan, np.nan, 0])])
def test_what_is_unknown_new_or_of_another_kind_is_no_guess(knowing: PooledModel, known: dict[str, Value],
                                                            expected: list[float]) -> None:
    np.testing.assert_array_equal(list(knowing.facts.attribute_features(known).values()), expected)


def test_of_many_values_the_most_frequent_have_a_feature_each(knowing: PooledModel) -> None:
    many = {RegionItem("north", f"{number:04}"): {"category": f"c{number % 500 if number % 3 else 0:03}"}
            for number in range(1000)}

    names = list(knowing.facts.with_attributes(many, ATTRIBUTES).attribute_features({"category": "c000"}))

    assert len(names) == 9
    assert "attribute:category=c000" in names


def test_a_model_forecasts_the_same_after_it_was_stored(knowing: PooledModel, tmp_path: Path) -> None:
    knowing.save(tmp_path)
    one, demand = next(iter(shops(True).items()))

    again = forecast(PooledModel.load(tmp_path), one, demand, LARGE, tmp_path / "a")

    np.testing.assert_array_equal(again, forecast(knowing, one, demand, LARGE, tmp_path / "b"))


def test_a_model_of_before_forecasts_the_same_to_the_last_bit(plain: PooledModel, tmp_path: Path) -> None:
    plain.save(tmp_path)
    details = json.loads((tmp_path / DETAILS_FILE).read_text())
    del details["facts"]["attributes"], details["facts"]["attribute_levels"]
    (tmp_path / DETAILS_FILE).write_text(json.dumps(details))
    one, demand = next(iter(shops(False).items()))

    before = forecast(plain, one, demand, {}, tmp_path / "a", PLAIN)

    np.testing.assert_array_equal(forecast(PooledModel.load(tmp_path), one, demand, LARGE, tmp_path / "b"), before)


def test_a_dataset_that_declares_none_learns_none(plain: PooledModel) -> None:
    again = pooled_over(shops(True), PLAIN)

    assert again.feature_names == plain.feature_names
    for mine, theirs in zip(again.fits, plain.fits, strict=True):
        assert all(mine.boosters[scale].save_raw() == theirs.boosters[scale].save_raw() for scale in mine.boosters)


def test_a_new_item_is_forecast_by_its_attributes(knowing: PooledModel, tmp_path: Path) -> None:
    unsold = weekly_demand().tail(3)[["date", "demand"]].assign(demand=[np.nan, np.nan, np.nan])

    large = forecast(knowing, NEW, unsold, LARGE, tmp_path / "large").mean()
    small = forecast(knowing, NEW, unsold, SMALL, tmp_path / "small").mean()

    assert 60 < large < 160
    assert 6 < small < 16


def test_attributes_that_are_gone_cost_no_forecast(knowing: PooledModel, tmp_path: Path) -> None:
    one, demand = next(iter(shops(True).items()))

    assert (forecast(knowing, one, demand, {}, tmp_path, PLAIN) > 0).all()


RETYPED = Attribute(name="category", of="item", kind="number")
RENAMED = Attribute(name="group", of="item")
MOVED = Attribute(name="category", of="region")


@pytest.mark.parametrize(("declared", "found", "words"), [
    ((), {}, "no longer declares"), ((RENAMED,), {"group": "large"}, "no longer declares"),
    ((RETYPED,), {"category": 7.0}, "declares as something else"), ((MOVED,), {}, "declares as something else")])
@pytest.mark.parametrize("is_of_before", [False, True])
def test_an_attribute_that_is_gone_or_another_moves_no_forecast_and_is_told(
        knowing: PooledModel, tmp_path: Path, declared: tuple[Attribute, ...], found: dict[str, Value], words: str,
        is_of_before: bool) -> None:
    one, demand = next(iter(shops(True).items()))
    size = ATTRIBUTES[1]
    model = replace(knowing, facts=replace(knowing.facts, attribute_meanings={})) if is_of_before else knowing
    before = Attributes({one.item: LARGE}, state="1")
    regions = {one.region: {"category": "small"}} if declared == (MOVED,) else {}
    now = Attributes({one.item: found | {"size": 2.0}}, regions, state="2").after(before, (*declared, size))
    dataset = PLAIN.model_copy(update={"attributes": (*declared, size)})
    store = DemandStore(str(tmp_path))
    store.write("demand", one, demand[["date", "demand"]])
    store.write_attributes(now)

    shown = Forecaster(dataset, store).forecast(one, model)

    np.testing.assert_array_equal(shown.table["forecast"], forecast(knowing, one, demand, LARGE, tmp_path / "before"))
    flags = [flag for flag in shown.flags if "category" in flag]
    if not (is_of_before and declared == (MOVED,)):  # which did not note of what it is
        assert words in flags[0]
    assert not any("size" in flag for flag in shown.flags)


def test_what_was_never_seen_of_an_attribute_is_told(knowing: PooledModel, tmp_path: Path) -> None:
    one, demand = next(iter(shops(True).items()))
    store = DemandStore(str(tmp_path))
    store.write("demand", one, demand[["date", "demand"]])
    store.write_attributes(Attributes({one.item: {"category": "4711", "size": 2.0, "fresh": True}}, state="1"))

    flags = Forecaster(DECLARED, store).forecast(one, knowing).flags

    assert [flag for flag in flags if "4711" in flag] == [
        "The model has not seen the category '4711' and takes it for one of the rare ones. A new pooled model, and a "
        "retrain on it, will know it."]


def test_values_of_another_kind_than_is_declared_are_not_learned(knowing: PooledModel) -> None:
    panel = {RegionItem("north", "a"): {"category": 3.0}, RegionItem("north", "b"): {"size": "much", "fresh": 1.0}}

    assert knowing.facts.with_attributes(panel, ATTRIBUTES).attributes == {}


def doubled_at_the_end() -> dict[RegionItem, pd.DataFrame]:
    """Kettles and toasters in two regions, which sell twice as much since the windows that choices are made on."""
    return {RegionItem(region, item): weekly_demand(110, seed=seed).assign(
        demand=lambda table: table["demand"] * np.where(table.index < 95, 1, 2))
        for seed, (region, item) in enumerate((region, item) for region in ("north", "south")
                                              for item in ("kettle", "toaster"))}


@pytest.mark.parametrize("way", ["boosted", "mean"])
def test_what_has_no_past_is_seen_at_the_levels_of_the_end_and_nothing_else_is(weekly: Dataset, way: str) -> None:
    tables, one = doubled_at_the_end(), RegionItem("west", "kettle")
    facts = panel_of(list(tables), tables.__getitem__, weekly, way).facts  # type: ignore[arg-type]
    before = replace(facts, latest=None, seen=replace(facts.seen, latest=None) if facts.seen else None)
    last = weekly_demand(110, future=4, seed=7)
    for demand in (last, last.assign(demand=last["demand"].where(last.index == 109)),  # one week known, at the end
                   last.assign(demand=last["demand"] * 0.0)):
        told, untold = (series_features(demand, weekly, each, one).rows(np.full(4, 105), np.arange(1, 5))
                        for each in (facts, before))
        np.testing.assert_array_equal(told, untold)

    new = last.iloc[109:].assign(demand=np.nan, price=lambda table: table["price"].where(table.index > 109))
    levels = [series_features(new, weekly, each, one).level[0] for each in (before, facts)]
    assert 85 < levels[0] < 150 < levels[1] < 260
    series = series_features(new, weekly, facts, one)
    place = series.names.index("target:price:against_usual")
    beside = series.rows(np.zeros(4, dtype=np.int64), np.arange(1, 5))[:, place]
    np.testing.assert_allclose(beside, np.log(new["price"].to_numpy()[1:] / 10), atol=0.06)  # of 8 to 12


@pytest.mark.parametrize("way", ["boosted", "mean"])
def test_the_levels_of_the_end_are_stored(weekly: Dataset, way: str) -> None:
    tables = doubled_at_the_end()
    facts = panel_of(list(tables), tables.__getitem__, weekly, way).facts  # type: ignore[arg-type]
    stored = json.loads(json.dumps(asdict(facts)))

    assert PanelFacts.from_json(stored) == facts
    del stored["latest"]
    before = PanelFacts.from_json(stored)  # of a model that was made before
    assert before.of_new is before
