"""Demand that is known from below only, from what is stored to what a model makes of it."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.gate.automatic_retrains import nominate
from demand_assets.forecasting.gate.drift import drift_of
from demand_assets.forecasting.gate.monitoring import observe
from demand_assets.forecasting.model.backtest import judged_origins
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.serving.baseline import BASELINE
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.series.adjusted_demand import ADJUSTED
from demand_assets.forecasting.series.censored_demand import at_least, observed, observed_periods, sold
from demand_assets.forecasting.series.planned_drivers import future_drivers
from demand_assets.forecasting.store.adjustments import beside
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.whatif.analogues import nearest_past
from tests.demand_assets.forecasting.conftest import KETTLES, daily_demand, trained

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAILY = {"name": "shop", "frequency": "D", "horizon": 7, "source": {"kind": "file", "path": "nowhere.csv"},
         "backtest": {"windows": 2}, "training": {
             "scale": "log", "year_features": False, "own_share": 0.5, "rounds": 30, "drivers": "boosted",
             "own_rounds": 10}}


def out_of_stock(demand: pd.DataFrame, places: object, share: float = 0.3) -> pd.DataFrame:
    """The demand with these periods out of stock, in which a share of what was wanted was sold."""
    is_out = np.zeros(len(demand), dtype=bool)
    is_out[places] = True
    units = demand["demand"].to_numpy()
    return demand.assign(**{"demand": np.where(is_out, np.nan, units), AT_LEAST: np.where(
        is_out, np.floor(share * units), np.nan)})


@pytest.fixture(scope="module")
def model() -> ForecastModel:
    """Trained on 200 days, of which a week is out of stock."""
    return trained(out_of_stock(daily_demand(200), slice(100, 107)), Dataset.model_validate(DAILY)).with_version(1)


def test_demand_of_before_the_entry_has_nothing_out_of_stock() -> None:
    demand = daily_demand(5)

    assert np.isnan(at_least(demand)).all()
    assert observed(demand).all()
    assert observed_periods(demand.assign(demand=np.nan)) == 0
    assert sold(demand).tolist() == demand["demand"].tolist()


def test_what_was_sold_is_kept_and_the_past_ends_with_it() -> None:
    demand = out_of_stock(daily_demand(10), slice(7, 9))
    demand.loc[9, "demand"] = np.nan  # the future

    assert observed_periods(demand) == 9
    assert np.isnan(sold(demand)).tolist() == [False] * 9 + [True]
    assert (sold(demand)[7:9] == at_least(demand)[7:9]).all()


def test_features_do_not_see_what_was_sold_out_of_stock() -> None:
    demand, of = daily_demand(120), Dataset.model_validate(DAILY)
    little, much = (series_features(out_of_stock(demand, slice(90, 110), share), of) for share in (0.0, 0.9))

    origins, leads = np.arange(60, 119), np.full(59, 1)
    np.testing.assert_array_equal(little.rows(origins, leads), much.rows(origins, leads))
    assert (little.known, little.adjustments) == (120, 0)


def test_weeks_out_of_stock_leave_the_level_as_it_was() -> None:
    units = np.where(np.arange(200) < 100, 10.0, 40.0)
    demand = pd.DataFrame({"date": pd.date_range("2025-01-06", periods=200), "demand": units})
    of = Dataset.model_validate(DAILY)

    level = series_features(out_of_stock(demand, slice(160, 200), 0.0), of).level
    believed = series_features(demand.assign(demand=np.where(np.arange(200) < 160, units, 0.0)), of).level

    assert level[199] == level[159] > 35
    assert believed[199] < 5


def test_features_without_anything_out_of_stock_are_as_ever() -> None:
    demand, of = daily_demand(120), Dataset.model_validate(DAILY)
    plain, declared = series_features(demand, of), series_features(demand.assign(**{AT_LEAST: np.nan}), of)
    origins, leads = np.arange(60, 112), np.full(52, 7)

    np.testing.assert_array_equal(plain.rows(origins, leads), declared.rows(origins, leads))


def test_a_forecast_begins_after_the_last_period_out_of_stock(tmp_path) -> None:
    demand = out_of_stock(daily_demand(60), slice(55, 60), 0.0)
    store, of = DemandStore(str(tmp_path)), Dataset.model_validate(DAILY)
    store.write("demand", KETTLES, demand)
    forecaster = Forecaster(of, store)

    found, history = forecaster.forecast(KETTLES, BASELINE), forecaster.history(KETTLES)

    assert found.origin == demand["date"].iloc[-1]
    assert found.table["date"].iloc[0] == demand["date"].iloc[-1] + pd.Timedelta(days=1)
    assert found.table["forecast"].min() > 5
    assert history["date"].iloc[-1] == demand["date"].iloc[-1]
    assert sold(history)[-1] == 0.0
    assert np.isnan(history["demand"].iloc[-1])


def test_planned_drivers_begin_after_it_too() -> None:
    demand = out_of_stock(daily_demand(20), slice(15, 20)).assign(price=9.0)
    of = Dataset.model_validate(DAILY | {"drivers": [{"name": "price", "kind": "number", "future": "repeat_last"}]})

    table, _ = future_drivers(demand, of, 7)

    assert len(table) == 27
    assert observed_periods(table) == 20


def test_a_planner_may_say_what_would_have_been_sold() -> None:
    demand = out_of_stock(daily_demand(20), [5])
    told = beside(demand, {demand["date"].iloc[5].date(): 33.0})
    series = series_features(told, Dataset.model_validate(DAILY))

    assert told[ADJUSTED].iloc[5] == 33.0
    assert series.demand[5] == 33.0
    assert np.isnan(series.sold[5])
    assert series.adjustments == 1


def test_days_like_those_of_a_scenario_are_days_in_stock() -> None:
    demand, of = out_of_stock(daily_demand(60), slice(50, 60)), Dataset.model_validate(DAILY)
    future = pd.DataFrame({"date": [demand["date"].iloc[-1] + pd.Timedelta(days=1)]})

    assert nearest_past(demand, of, future, 50)["demand"].notna().all()


def test_windows_are_judged_by_what_is_known_of_them(model: ForecastModel) -> None:
    ends_out = trained(out_of_stock(daily_demand(200), slice(194, 200), 0.0), Dataset.model_validate(DAILY))

    actual = np.array(ends_out.backtest["actual"], dtype=float)
    assert np.isnan(actual[-1]).sum() == 6
    assert ends_out.card.wape < 0.3
    assert ends_out.card.trained_to == str(daily_demand(200)["date"].iloc[-1].date())
    assert model.card.rows == 193


def test_where_all_windows_are_out_of_stock_there_is_nothing_to_judge_by() -> None:
    with pytest.raises(NotEnoughHistoryError, match="out of stock"):
        judged_origins(series_features(out_of_stock(daily_demand(200), slice(150, 200)), Dataset.model_validate(DAILY)))


def test_a_stock_out_starts_no_retrain(model: ForecastModel) -> None:
    of = Dataset.model_validate(DAILY | {"retraining": {"automatic": True, "new_periods": 10, "drift": 0.25}})
    demand = daily_demand(221)
    gone = out_of_stock(demand, slice(200, 221), 0.0)
    believed = demand.assign(demand=np.where(np.arange(221) < 200, demand["demand"], 0.0))

    calm = observe(gone, of, model, KETTLES, NOW, NOW)

    assert (calm.new_periods, calm.drift) == (0, 0.0)
    assert np.isnan(calm.wape)
    assert drift_of(gone, of, model, KETTLES).new_periods == 0
    assert nominate([calm], of, NOW, ()) == []
    assert nominate([observe(believed, of, model, KETTLES, NOW, NOW)], of, NOW, ()) != []


def test_accuracy_since_a_training_is_that_in_stock(model: ForecastModel) -> None:
    of, demand = Dataset.model_validate(DAILY), daily_demand(230)

    whole, partly = (observe(table, of, model, KETTLES, NOW, NOW) for table in (
        demand, out_of_stock(demand, slice(210, 220), 0.0)))

    assert (whole.new_periods, partly.new_periods) == (30, 20)
    assert abs(partly.wape - whole.wape) < 0.1
    assert partly.decay < 1.5
