"""Adjusted demand: models learn it, in training and in forecasting alike; what was sold stays what is judged by."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.predecessors import Link
from demand_assets.forecasting.features.inspected_features import features_columns
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.series.adjusted_demand import ADJUSTED, learned
from demand_assets.forecasting.store.adjustments import AdjustmentsError, SaidByPlanners, beside, from_json, to_json
from demand_assets.forecasting.store.demand_store import DemandStore
from tests.demand_assets.forecasting.conftest import KETTLES, trained, weekly_demand

DAY = date(2025, 6, 9)
"""A Monday in the last backtest window of ``weekly_demand``."""


def adjusted() -> pd.DataFrame:
    return beside(weekly_demand(130, future=4), {DAY: 500.0})


def replaced() -> pd.DataFrame:
    """The same with the adjusted units written over what was sold."""
    demand = weekly_demand(130, future=4)
    demand.loc[demand["date"] == pd.Timestamp(DAY), "demand"] = 500.0
    return demand


def test_a_file_is_read_as_it_was_written_and_a_damaged_one_is_told() -> None:
    said = SaidByPlanners({DAY: 12.5, date(2025, 1, 1): 0.0}, (Link("kettle 2", "kettle", scale=0.5, by="ann@shop"),))

    assert from_json(to_json(said)) == said
    assert from_json({str(DAY): 12.5}) == SaidByPlanners({DAY: 12.5})  # as files were before there were links
    for damaged in (None, [], {"soon": 1}, {"2025-01-01": "many"}):
        with pytest.raises(AdjustmentsError, match="cannot be read"):
            from_json(damaged)


def test_demand_itself_stays_as_it_is_and_unknown_periods_are_not_adjusted() -> None:
    demand = weekly_demand(130, future=4)
    unknown = {date(2030, 1, 7): 3.0, demand["date"].iloc[-1].date(): 3.0}

    assert adjusted()["demand"].equals(demand["demand"])
    assert learned(adjusted())[demand["date"].searchsorted(pd.Timestamp(DAY))] == 500.0
    assert ADJUSTED not in beside(demand, unknown)


def test_the_store_gives_demand_with_its_adjustments_until_they_are_removed(tmp_path: Path) -> None:
    store = DemandStore(str(tmp_path))
    store.write("demand", KETTLES, weekly_demand(130))
    store.write_adjustments(KETTLES, {DAY: 500.0})
    with_them = store.read("demand", KETTLES)
    store.write_adjustments(KETTLES, {})

    assert with_them[ADJUSTED].dropna().tolist() == [500.0]
    assert ADJUSTED not in store.read("demand", KETTLES)
    assert store.adjustments(KETTLES) == {}


def test_features_are_those_of_the_adjusted_demand(weekly: Dataset) -> None:
    origins, leads = np.full(4, 129), np.arange(1, 5)
    mine, theirs = (series_features(table, weekly).rows(origins, leads) for table in (adjusted(), replaced()))

    assert np.array_equal(mine, theirs, equal_nan=True)
    np.testing.assert_array_equal(*(features_columns(demand, weekly, KETTLES)["demand"]
                                    for demand in (adjusted(), weekly_demand(130, future=4))))


def test_a_model_learns_the_adjusted_demand_says_so_and_is_judged_by_what_was_sold(weekly: Dataset) -> None:
    plain, model, over = (trained(table, weekly) for table in (weekly_demand(130, future=4), adjusted(), replaced()))

    assert (plain.card.adjustments, model.card.adjustments) == (0, 1)
    assert model.card.data_hash != plain.card.data_hash
    assert model.backtest["actual"] == plain.backtest["actual"] != over.backtest["actual"]
    assert model.backtest["forecast"] == over.backtest["forecast"]
    assert model.booster.save_raw() == over.booster.save_raw() != plain.booster.save_raw()


def test_forecasts_read_adjusted_lags_as_training_does(weekly: Dataset, tmp_path: Path) -> None:
    model, store = trained(adjusted(), weekly), DemandStore(str(tmp_path))
    store.write("demand", KETTLES, weekly_demand(130, future=4))
    store.write_adjustments(KETTLES, {DAY: 500.0})
    forecaster = Forecaster(weekly, store)
    forecast = forecaster.forecast(KETTLES, model).table["forecast"].tolist()
    store.write_adjustments(KETTLES, {})
    without = forecaster.forecast(KETTLES, model).table["forecast"].tolist()
    store.write("demand", KETTLES, replaced())

    assert forecast == forecaster.forecast(KETTLES, model).table["forecast"].tolist()
    assert forecast != without
