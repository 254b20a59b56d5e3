"""Which plain members stand beside the boosters: what windows say decides, and no window sees what came after it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import SMOOTHED, series_features
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.model.plain_members import LAST_YEAR, LEVEL, SMOOTHED_SEASON
from demand_assets.forecasting.model.serving.pooled_model import DETAILS_FILE, PooledModel
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.model.training.plain_choice import WITHOUT_EVIDENCE
from demand_assets.forecasting.store.demand_store import DemandStore
from tests.demand_assets.forecasting.conftest import HERE, pooled_over

MONTHS, HORIZON = 38, 3
SHOPS = [RegionItem(region, item) for region in ("north", "south") for item in ("kettle", "toaster", "iron")]
KETTLES = SHOPS[0]
QUARTERS = 24


def sold_as_last_year(seed: int, months: int = MONTHS) -> pd.DataFrame:
    """Every month another amount, in every year about the same."""
    generator = np.random.default_rng(seed)
    pattern = generator.uniform(20, 200, 12)
    return pd.DataFrame({"date": pd.date_range("2022-01-01", periods=months, freq="MS"),
                         "demand": np.round(pattern[np.arange(months) % 12] * generator.uniform(0.97, 1.03, months))})


def sold_by_chance(seed: int) -> pd.DataFrame:
    """No month tells anything of another but for the level."""
    return pd.DataFrame({"date": pd.date_range("2022-01-01", periods=MONTHS, freq="MS"),
                         "demand": np.random.default_rng(seed).poisson(2.0, MONTHS).astype(float)})


@pytest.fixture(scope="module")
def monthly() -> Dataset:
    return Dataset(name="shop", frequency="M", horizon=HORIZON, source=HERE)


@pytest.fixture(scope="module")
def yearly(monthly: Dataset) -> PooledModel:
    return pooled_over({one: sold_as_last_year(seed) for seed, one in enumerate(SHOPS)}, monthly)


def sold_by_quarters(seed: int) -> pd.DataFrame:
    """A level that wanders, and a season of its own on it."""
    generator = np.random.default_rng(seed)
    level = 200 * np.exp(np.cumsum(generator.normal(0, 0.1, QUARTERS)))
    season = generator.uniform(0.3, 2, 4)[np.arange(QUARTERS) % 4]
    return pd.DataFrame({"date": pd.date_range("2018-01-01", periods=QUARTERS, freq="QS"),
                         "demand": np.round(level * season)})


@pytest.fixture(scope="module")
def quarterly() -> Dataset:
    return Dataset(name="shop", frequency="Q", horizon=1, source=HERE)


@pytest.fixture(scope="module")
def wandering(quarterly: Dataset) -> PooledModel:
    return pooled_over({one: sold_by_quarters(seed) for seed, one in enumerate(SHOPS)}, quarterly)


def with_plain(model: PooledModel, *members: str) -> PooledModel:
    return replace(model, fits=tuple(replace(fit, plain=members) for fit in model.fits))


def test_last_year_stands_beside_boosters_where_it_tells_what_comes(yearly: PooledModel) -> None:
    assert yearly.latest.plain == (LAST_YEAR,)
    assert yearly.card["plain_members"][str(yearly.latest.seen)][LAST_YEAR] > 0.1


def test_where_chance_rules_last_year_alone_does_not(monthly: Dataset) -> None:
    model = pooled_over({one: sold_by_chance(seed) for seed, one in enumerate(SHOPS)}, monthly)

    assert model.latest.plain != (LAST_YEAR,)
    gains = model.card["plain_members"][str(model.latest.seen)]
    assert gains[LAST_YEAR] < gains[LEVEL]


@pytest.mark.parametrize(("months", "standing"), [(MONTHS, ()), (30, WITHOUT_EVIDENCE)])
def test_without_a_window_both_stand_there_in_a_young_history_alone(months: int, standing: tuple[str, ...],
                                                                   monthly: Dataset) -> None:
    model = pooled_over({one: sold_as_last_year(seed, months) for seed, one in enumerate(SHOPS)}, monthly)

    assert model.fits[0].plain == standing
    assert model.card["plain_members"][str(model.fits[0].seen)] == {}


def test_a_forecast_is_the_mean_of_boosters_and_plain_members(yearly: PooledModel, monthly: Dataset) -> None:
    series = series_features(sold_as_last_year(0), monthly, yearly.facts, KETTLES)
    origins, leads = np.full(HORIZON, MONTHS - 1 - HORIZON), np.arange(1, HORIZON + 1)
    fit = replace(yearly.latest, correction=1.0)
    alone = yearly.forecast(series, origins, leads, replace(fit, plain=()))

    beside = yearly.forecast(series, origins, leads, replace(fit, plain=(LEVEL, LAST_YEAR)))

    last_year = series.demand[origins + leads - 12]
    np.testing.assert_allclose(beside, (alone + series.level[origins] + last_year) / 3, rtol=1e-6)


def test_what_comes_after_a_fit_changes_neither_its_plain_members_nor_its_correction(yearly: PooledModel,
                                                                                    monthly: Dataset) -> None:
    tables = {one: sold_as_last_year(seed) for seed, one in enumerate(SHOPS)}
    for table in tables.values():
        table.loc[table.index[-HORIZON:], "demand"] *= 5

    other = pooled_over(tables, monthly)

    for before, after in zip(yearly.fits[:-1], other.fits[:-1], strict=True):
        assert (before.seen, before.plain, before.correction) == (after.seen, after.plain, after.correction)
    assert other.card["plain_members"][str(other.latest.seen)] != yearly.card["plain_members"][str(yearly.latest.seen)]


def test_an_explanation_adds_up(yearly: PooledModel, monthly: Dataset, tmp_path: Path) -> None:
    store = DemandStore(str(tmp_path))
    store.write("demand", KETTLES, sold_as_last_year(0))
    forecaster = Forecaster(monthly, store)

    for members in ((LEVEL,), (LAST_YEAR,), (LEVEL, LAST_YEAR)):
        model = with_plain(yearly, *members)
        told = forecaster.explain(KETTLES, model)

        np.testing.assert_allclose(told.drop(columns="date").sum(axis=1),
                                   forecaster.forecast(KETTLES, model).table["forecast"], rtol=1e-4)
        assert (told["limits"].abs() < 0.5).all()


def test_saved_and_loaded_they_stand_there_and_in_files_of_before_none_do(yearly: PooledModel, monthly: Dataset,
                                                                         tmp_path: Path) -> None:
    yearly.save(tmp_path)
    assert [fit.plain for fit in PooledModel.load(tmp_path).fits] == [fit.plain for fit in yearly.fits]

    details = json.loads((tmp_path / DETAILS_FILE).read_text())
    for fit in details["fits"]:
        del fit["plain"]
    del details["facts"]["has_smoothed"]
    (tmp_path / DETAILS_FILE).write_text(json.dumps(details))
    before = PooledModel.load(tmp_path)

    series = series_features(sold_as_last_year(0), monthly, yearly.facts, KETTLES)
    origins, leads = np.full(HORIZON, MONTHS - 1 - HORIZON), np.arange(1, HORIZON + 1)
    np.testing.assert_array_equal(before.forecast(series, origins, leads),
                                  with_plain(yearly).forecast(series, origins, leads))


def test_a_smoothed_season_stands_beside_boosters_of_quarters_where_it_tells_what_comes(wandering: PooledModel) -> None:
    assert wandering.latest.plain == (SMOOTHED_SEASON,)
    assert wandering.card["plain_members"][str(wandering.latest.seen)][SMOOTHED_SEASON] > 0.02
    assert wandering.feature_names[-1] == SMOOTHED
    assert len(wandering.feature_names) - 1 not in wandering.columns


def test_by_one_window_it_is_not_chosen(wandering: PooledModel) -> None:
    gains = [wandering.card["plain_members"][str(fit.seen)] for fit in wandering.fits]

    assert [list(told) for told in gains[:3]] == [[], [], [SMOOTHED_SEASON]]
    assert [fit.plain for fit in wandering.fits[:2]] == [(), ()]


def test_where_it_stands_beside_no_fit_rows_are_as_they_were_before(quarterly: Dataset) -> None:
    """Demand that grows by an eighth in every quarter: boosters learn it, a smoothed level lags behind."""
    growing = sold_by_quarters(0).assign(demand=np.round(1000 * 1.125 ** np.arange(QUARTERS)))
    tables = {one: growing.assign(demand=growing["demand"] + place) for place, one in enumerate(SHOPS)}

    model = pooled_over(tables, quarterly)

    assert not any(fit.plain for fit in model.fits)
    assert list(model.feature_names) == series_features(tables[KETTLES], quarterly).names
    assert not model.facts.has_smoothed


def test_a_forecast_of_a_quarter_is_the_mean_of_boosters_and_the_smoothed_season(wandering: PooledModel,
                                                                                quarterly: Dataset) -> None:
    series = series_features(sold_by_quarters(0), quarterly, wandering.facts, KETTLES)
    origins, leads = np.array([QUARTERS - 2]), np.array([1])
    fit = replace(wandering.latest, correction=1.0)
    alone = wandering.forecast(series, origins, leads, replace(fit, plain=()))

    beside = wandering.forecast(series, origins, leads, fit)

    np.testing.assert_allclose(beside, (alone + series.past.smoothed_season.at(origins, leads)) / 2, rtol=1e-6)


def test_saved_and_loaded_a_model_with_it_forecasts_and_explains_the_same(wandering: PooledModel, quarterly: Dataset,
                                                                         tmp_path: Path) -> None:
    demand = sold_by_quarters(0)
    store = DemandStore(str(tmp_path / "store"))
    store.write("demand", KETTLES, demand)
    forecaster = Forecaster(quarterly, store)
    wandering.save(tmp_path)
    again = PooledModel.load(tmp_path, version=1)

    for model in (again, train(demand, quarterly, again, KETTLES)):
        told = forecaster.forecast(KETTLES, model).table["forecast"]
        parts = forecaster.explain(KETTLES, model).drop(columns="date")

        np.testing.assert_allclose(parts.sum(axis=1), told, rtol=1e-4)
    np.testing.assert_array_equal(forecaster.forecast(KETTLES, again).table["forecast"],
                                  forecaster.forecast(KETTLES, wandering).table["forecast"])


def test_what_comes_after_a_fit_changes_no_smoothed_season_beside_it(wandering: PooledModel,
                                                                     quarterly: Dataset) -> None:
    tables = {one: sold_by_quarters(seed) for seed, one in enumerate(SHOPS)}
    for table in tables.values():
        table.loc[table.index[-1:], "demand"] *= 5

    other = pooled_over(tables, quarterly)

    for before, after in zip(wandering.fits[:-1], other.fits[:-1], strict=True):
        assert (before.seen, before.plain, before.correction) == (after.seen, after.plain, after.correction)
