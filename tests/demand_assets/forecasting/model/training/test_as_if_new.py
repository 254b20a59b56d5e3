"""What is new is corrected by what the panel would have been forecast as, had it been new."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.borrowed_from_others import PanelFacts
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.as_if_new import ENOUGH, FARTHEST, factor_of_new
from demand_assets.forecasting.model.training.panel import Member, panel_of
from tests.demand_assets.forecasting.conftest import HERE, pooled_over, quick

WEEKS, HORIZON = 110, 4
REGIONS = tuple(f"region {number}" for number in range(8))
ITEMS = ("kettle", "toaster", "iron", "mixer")
NEW = RegionItem(REGIONS[0], ITEMS[0])


def sold(seed: int, level: float, weeks: int = WEEKS) -> pd.DataFrame:
    return pd.DataFrame({"date": pd.date_range("2022-01-03", periods=weeks, freq="W-MON"),
                         "demand": np.random.default_rng(seed).poisson(level, weeks).astype(float)})


def level_of(one: RegionItem) -> float:
    return 30.0 * (1 + REGIONS.index(one.region)) * (1 + ITEMS.index(one.item))


SHOPS = {one: sold(seed, level_of(one)) for seed, one in enumerate(
    RegionItem(region, item) for region in REGIONS for item in ITEMS) if one != NEW}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return quick(Dataset(name="shop", frequency="W", horizon=HORIZON, source=HERE))


@pytest.fixture(scope="module")
def model(dataset: Dataset) -> PooledModel:
    return pooled_over(SHOPS, dataset)


@pytest.fixture(scope="module")
def members(dataset: Dataset, model: PooledModel) -> list[Member]:
    return panel_of(list(SHOPS), SHOPS.__getitem__, dataset, model.recipe.drivers).judged


def as_new(model: PooledModel, dataset: Dataset) -> float:
    """Units of a week that are forecast of the region-item that the panel does not have."""
    blank = sold(0, 1.0, HORIZON + 1).assign(date=pd.date_range("2024-02-05", periods=HORIZON + 1, freq="W-MON"),
                                             demand=np.nan)
    series = series_features(blank, dataset, model.facts, NEW)
    return float(model.forecast(series, np.zeros(HORIZON, dtype=np.int64), np.arange(1, HORIZON + 1)).mean())


def times(model: PooledModel, factor: float) -> PooledModel:
    """The model whose boosters forecast so many times as much."""
    return replace(model, fits=tuple(replace(fit, correction=fit.correction * factor) for fit in model.fits))


def knowing(model: PooledModel, factor: float) -> PooledModel:
    assert model.facts.latest is not None
    return replace(model, facts=replace(model.facts, latest=replace(model.facts.latest, factor=factor)))


@pytest.mark.parametrize("wrong", [0.5, 1.0, 2.0])
def test_what_boosters_make_of_a_past_that_is_not_known_is_corrected(
        dataset: Dataset, model: PooledModel, members: list[Member], wrong: float) -> None:
    boosters = times(model, wrong)
    corrected = knowing(boosters, factor_of_new(boosters, members, SHOPS))

    assert as_new(corrected, dataset) == pytest.approx(level_of(NEW) * level_elsewhere(), rel=0.15)
    if wrong != 1.0:
        assert as_new(knowing(boosters, 1.0), dataset) != pytest.approx(as_new(corrected, dataset), rel=0.3)


def level_elsewhere() -> float:
    """Over the true level, what names let expect of it: geometric means of its item and of its region, and of all."""
    logs = {one: np.log(level_of(one)) for one in SHOPS}

    def mean(axis: str, name: str) -> float:
        return float(np.mean([value for one, value in logs.items() if getattr(one, axis) == name]))

    regions = np.mean([mean("region", region) for region in REGIONS])
    return float(np.exp(mean("item", NEW.item) + mean("region", NEW.region) - regions)) / level_of(NEW)


def test_a_training_stores_it(dataset: Dataset, model: PooledModel, members: list[Member]) -> None:
    assert model.facts.latest is not None
    assert model.facts.latest.factor == pytest.approx(factor_of_new(model, members, SHOPS), rel=0.02)
    assert model.facts.latest.factor != 1.0


def test_what_has_a_past_is_not_touched(dataset: Dataset, model: PooledModel) -> None:
    one, table = next(iter(SHOPS.items()))
    found = []
    for each in (model, knowing(model, 3.0)):
        series = series_features(table, dataset, each.facts, one)
        found.append(each.forecast(series, np.full(HORIZON, series.known - HORIZON - 1), np.arange(1, HORIZON + 1)))
    np.testing.assert_array_equal(found[0], found[1])


def test_few_tell_nothing_and_no_factor_is_absurd(dataset: Dataset, model: PooledModel, members: list[Member]) -> None:
    assert factor_of_new(model, members[: ENOUGH - 1], SHOPS) == 1.0
    assert factor_of_new(times(model, 0.01), members, SHOPS) == FARTHEST
    assert factor_of_new(times(model, 100.0), members, SHOPS) == 1 / FARTHEST
    assert factor_of_new(model, [], SHOPS) == 1.0


def test_a_model_of_before_goes_on_without(dataset: Dataset, model: PooledModel) -> None:
    stored = json.loads(json.dumps(asdict(model.facts)))
    del stored["latest"]["factor"]
    before = replace(model, facts=PanelFacts.from_json(stored))

    assert as_new(before, dataset) == as_new(knowing(model, 1.0), dataset)
