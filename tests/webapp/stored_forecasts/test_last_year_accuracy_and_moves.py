"""What the overview tells of a region-item: last year, moves, misses, accuracy, drift."""

import numpy as np
import pandas as pd
import pytest
from flask import Flask

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import KETTLE, LAST_DAY, Background, demand_of
from tests.webapp.fakes import FakeRegistry
from webapp.accuracy.past_forecasts import past_forecasts
from webapp.db.database import db
from webapp.stored_forecasts.last_year_accuracy_and_moves import tell_errors_in_money
from webapp.tables import RegionItemRow


def row_of(app: Flask) -> RegionItemRow:
    """A copy that outlives the session."""
    with app.app_context():
        row = db.session.get_one(RegionItemRow, KETTLE.key)
        db.session.expunge(row)
        return row


def know(background: Background, *units: float) -> None:
    """So many more days become known, and the stored forecast is made anew."""
    demand = demand_of(12.0)
    new = demand.tail(len(units)).assign(date=pd.date_range(LAST_DAY, periods=len(units) + 1)[1:], demand=units)
    table = pd.concat([demand, new], ignore_index=True)
    background.services.store.write("demand", KETTLE, table)
    background.journal(Entry(KETTLE, "validated", numbers={"last_date": str(table["date"].iloc[-1].date())}))
    background.make_stored_forecasts()


def test_the_first_stored_forecast_has_neither_moved_nor_missed(app: Flask, background: Background) -> None:
    background.have_stored_forecasts()

    row = row_of(app)
    assert (row.moved, row.moved_of, row.missed, row.moved_at) == (None, None, None, None)
    assert (row.live_wape, row.live_periods, row.live_from) == (None, 0, "")


def test_demand_is_told_and_last_year_only_where_all_of_it_is_known(app: Flask, background: Background) -> None:
    background.have_stored_forecasts()
    young = row_of(app)
    long = demand_of(12.0, days=400)
    background.services.store.write("demand", KETTLE, long)
    know_again = Entry(KETTLE, "validated", numbers={"last_date": str(LAST_DAY)})
    background.journal(know_again)
    background.make_stored_forecasts()
    old = row_of(app)

    assert (young.last_year, young.change_on_last_year) == (None, None)
    assert young.last_demand == pytest.approx(demand_of(12.0)["demand"].iloc[-1])
    assert young.volume == pytest.approx(demand_of(12.0)["demand"].tail(14).sum())
    assert old.last_year == pytest.approx(long["demand"].iloc[400 - 364:400 - 364 + 14].sum())
    assert old.change_on_last_year == pytest.approx((old.forecast_total or 0) / (old.last_year or 1) - 1)


def test_what_became_known_is_compared_with_the_forecast_that_stood(app: Flask, background: Background) -> None:
    background.have_stored_forecasts()
    with app.app_context():
        (stood,) = past_forecasts(KETTLE.key)
    know(background, 30.0, 10.0)

    row = row_of(app)
    assert row.missed == pytest.approx(40.0 - stood.forecast[:2].sum(), rel=1e-5)
    assert row.live_wape == pytest.approx((abs(30 - stood.forecast[0]) + abs(10 - stood.forecast[1])) / 40, rel=1e-5)
    assert (row.live_periods, row.live_from, row.last_demand) == (2, "archive", 10.0)


def test_a_move_is_told_over_the_periods_of_both_forecasts(app: Flask, background: Background) -> None:
    background.have_stored_forecasts()
    know(background, 60.0)
    with app.app_context():
        before, now = past_forecasts(KETTLE.key)

    row = row_of(app)
    # Seasonal naive repeats the 60 units of 1 July on the 8th: one of the 13 common days moved.
    assert row.moved == pytest.approx(now.forecast[:-1].sum() - before.forecast[1:].sum(), abs=1e-3)
    assert row.moved == pytest.approx(60.0 - before.forecast[7], abs=1e-3)
    assert row.moved_of == pytest.approx(before.forecast[1:].sum(), rel=1e-6)
    assert row.moved_at is not None


def test_a_stored_forecast_made_again_without_news_keeps_what_was_told(app: Flask, background: Background) -> None:
    background.have_stored_forecasts()
    know(background, 60.0)
    told = row_of(app)
    background.journal(Entry(KETTLE, "kept", reason="not better"))
    background.make_stored_forecasts()

    again = row_of(app)
    assert (again.moved, again.missed, again.moved_at) == (told.moved, told.missed, told.moved_at)


def test_a_promotion_alone_moves_the_forecast_that_it_replaces_unless_it_is_the_first(
        app: Flask, background: Background, registry: FakeRegistry, model: ForecastModel, dataset: Dataset,
        pooled: PooledModel) -> None:
    background.have_stored_forecasts()
    registry.promote(KETTLE, model, {})
    background.watch()
    background.make_stored_forecasts()
    assert (row_of(app).moved, row_of(app).moved_at) == (None, None)
    before = row_of(app).forecast_total

    registry.promote(KETTLE, train(demand_of(20.0), dataset, pooled, KETTLE), {})
    background.watch()
    background.make_stored_forecasts()

    row = row_of(app)
    assert row.moved
    assert row.moved == pytest.approx((row.forecast_total or 0) - (before or 0), rel=1e-4)
    assert row.moved_of == pytest.approx(before, rel=1e-4)
    assert row.missed is None


def test_new_demand_is_dated_by_the_first_who_read_it(app: Flask, background: Background) -> None:
    background.journal(Entry(KETTLE, "validated", numbers={"last_date": "2026-07-01"}, at="2026-07-02T06:00:00+00:00"))
    background.journal(Entry(KETTLE, "validated", numbers={"last_date": "2026-07-01"}, at="2026-07-02T09:00:00+00:00"))

    assert row_of(app).demand_at == pd.Timestamp("2026-07-02T06:00:00Z")


def monitored(version: int, **numbers: object) -> Entry:
    return Entry(KETTLE, "monitored", numbers={"wape_live": 0.25, "bias_live": -0.1, "new_periods": 9, "drift": 0.3,
                                               "drifted": "price", "version": version, **numbers})


def test_what_the_monitor_measured_stands_until_forecasts_can_be_judged(
        app: Flask, background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, model, {})
    background.watch()
    background.make_stored_forecasts()
    background.journal(monitored(1))
    first = row_of(app)
    know(background, 30.0)
    background.journal(monitored(1))
    then = row_of(app)

    assert (first.live_wape, first.live_bias, first.live_skill, first.live_periods) == (0.25, -0.1, None, 9)
    assert (first.live_from, first.drift, first.drifted) == ("monitor", 0.3, "price")
    assert (then.live_from, then.live_periods, then.drift) == ("archive", 1, 0.3)
    assert then.live_wape != 0.25


def test_what_was_measured_of_another_version_does_not_count(app: Flask, background: Background,
                                                             registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, model, {})
    background.watch()
    background.make_stored_forecasts()
    background.journal(monitored(1))
    registry.promote(KETTLE, model, {})
    background.watch()
    background.make_stored_forecasts()
    replaced = row_of(app)
    background.journal(monitored(1))

    assert (replaced.live_wape, replaced.live_from, replaced.drift, replaced.drifted) == (None, "", None, "")
    assert row_of(app).drift is None


def test_a_measure_that_could_not_be_taken_is_unknown(app: Flask, background: Background, registry: FakeRegistry,
                                                      model: ForecastModel) -> None:
    registry.promote(KETTLE, model, {})
    background.watch()
    background.journal(monitored(1, wape_live=float("nan"), drift=0.1))

    row = row_of(app)
    assert (row.live_wape, row.live_from, row.drift) == (None, "", 0.1)


def test_errors_are_weighed_by_the_price_of_their_period_and_unknown_without_one() -> None:
    row = RegionItemRow()
    history = pd.DataFrame({"date": pd.date_range("2026-06-01", periods=4), "demand": [10.0, 10.0, float("nan"), 20.0]})
    windows = np.arange("2026-06-01", "2026-06-05", dtype="datetime64[D]"), np.array([8.0, 11.0, 50.0, 25.0])

    tell_errors_in_money(row, [], history, windows, np.array([2.0, 4.0, 4.0, 4.0]))
    assert (row.live_error_money, row.live_sold_money) == (None, None)
    assert row.backtest_error_money == pytest.approx((2 * 2 + 1 * 4 + 5 * 4) / 3)
    assert row.backtest_sold_money == pytest.approx((10 * 2 + 10 * 4 + 20 * 4) / 3)

    tell_errors_in_money(row, [], history, windows, None)
    assert (row.backtest_error_money, row.backtest_sold_money) == (None, None)
