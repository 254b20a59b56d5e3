"""When a model in production is no longer right."""

from datetime import UTC, datetime

import numpy as np

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.gate.monitoring import observe
from tests.demand_assets.forecasting.conftest import as_trained_before, daily_demand, trained, weekly_demand

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KETTLES = RegionItem("north", "kettle")


def test_decay_is_measured_on_demand_since_the_training(daily: Dataset) -> None:
    demand = daily_demand(260)
    model = trained(demand.iloc[:200], daily).with_version(2)
    tripled = demand.assign(demand=np.where(np.arange(260) >= 230, 3, 1) * demand["demand"])

    calm, shaken = (observe(table, daily, model, KETTLES, NOW, NOW) for table in (demand, tripled))

    assert calm.new_periods == shaken.new_periods == 60
    assert calm.version == 2
    assert calm.decay < 1.5
    assert shaken.decay > 2.0
    assert calm.drift < 0.25 < shaken.drift
    assert shaken.drifted == "demand"


def test_a_model_is_watched_with_the_drivers_that_it_was_judged_with(weekly: Dataset) -> None:
    """Prices repeat their last value in the plan and move in truth: a model that was judged with the prices that came
    does not decay because the plan is worse."""
    demand = weekly_demand(150)
    new = trained(demand.iloc[:130], weekly)

    by_plan, as_before = (observe(demand, weekly, model, KETTLES, NOW, NOW) for model in (new, as_trained_before(new)))

    assert by_plan.wape_backtest == new.card.wape > 1.5 * new.card.wape_realised == 1.5 * as_before.wape_backtest
    assert by_plan.wape > 1.5 * as_before.wape
    assert by_plan.decay < 1.5
    assert as_before.decay < 1.5


def test_too_little_new_demand_says_nothing(daily: Dataset) -> None:
    demand = daily_demand(203)
    model = trained(demand.iloc[:200], daily)

    observed = observe(demand, daily, model, KETTLES, NOW, NOW)

    assert observed.new_periods == 3
    assert np.isnan(observed.wape)
    assert observed.decay == 1.0
