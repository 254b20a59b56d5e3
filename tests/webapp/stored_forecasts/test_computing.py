"""Stored forecasts: made of what changed, by what serves, and read by the thousand."""

import pytest
from flask import Flask

from demand_assets.forecasting.forecast.totals import by_date
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import KETTLE, REGION_ITEMS, Background
from tests.webapp.fakes import FakeRegistry
from webapp import create_app
from webapp.db.database import db, writing
from webapp.region_items.forecast_figures import want_forecast
from webapp.stored_forecasts import computing
from webapp.stored_forecasts.computing import due_keys, make_due, stored_forecasts_of
from webapp.tables import RegionItemRow


def test_every_region_item_with_demand_gets_one(app: Flask, background: Background) -> None:
    background.make_stored_forecasts()

    with app.app_context():
        kept = stored_forecasts_of([one.key for one in REGION_ITEMS])
        row = db.session.get_one(RegionItemRow, KETTLE.key)
        assert len(kept) == len(REGION_ITEMS)
        assert due_keys(10) == []
        assert kept[KETTLE.key].served_by == ""
        assert row.forecast_lower < row.forecast_total < row.forecast_upper
        assert by_date([kept[KETTLE.key].part])["forecast"].sum() == pytest.approx(row.forecast_total, rel=1e-5)


def test_a_promotion_makes_it_anew_by_the_new_model(app: Flask, background: Background, registry: FakeRegistry,
                                                    model: ForecastModel) -> None:
    background.make_stored_forecasts()
    registry.promote(KETTLE, model, {})
    background.watch()

    with app.app_context():
        assert due_keys(10)[:1] == [KETTLE.key]
    background.make_stored_forecasts()
    with app.app_context():
        assert stored_forecasts_of([KETTLE.key])[KETTLE.key].served_by == "1"


def test_new_demand_makes_it_anew(app: Flask, background: Background) -> None:
    background.make_stored_forecasts()
    background.journal(Entry(KETTLE, "validated", numbers={"last_date": "2026-06-30"}))

    with app.app_context():
        assert due_keys(10) == [KETTLE.key]


def test_those_of_a_large_retrain_wait_for_its_decisions(app: Flask, background: Background, registry: FakeRegistry,
                                                         model: ForecastModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were made twice, of new demand and of the new model, while training wanted the processor."""
    registry.promote(KETTLE, model, {})
    background.watch()
    background.make_stored_forecasts()
    without_model = REGION_ITEMS[1]
    background.journal(*(Entry(one, "validated", numbers={"last_date": "2026-06-30"})
                         for one in (KETTLE, without_model)))

    with app.app_context():
        assert set(due_keys(10)) == {KETTLE.key, without_model.key}, "a few are made at once"
        monkeypatch.setattr(computing, "IN_WORKER_FROM", 1)
        assert due_keys(10) == [without_model.key]
        monkeypatch.setattr(computing, "UNDECIDED_SECONDS", -60)
        assert set(due_keys(10)) == {KETTLE.key, without_model.key}, "no longer than that"
        monkeypatch.undo()
    background.journal(Entry(KETTLE, "kept", reason="not better"))
    with app.app_context():
        monkeypatch.setattr(computing, "IN_WORKER_FROM", 1)
        assert set(due_keys(10)) == {KETTLE.key, without_model.key}


def test_without_demand_there_is_none_and_it_is_not_tried_again(app: Flask, background: Background) -> None:
    background.services.store.remove("demand", KETTLE)
    background.make_stored_forecasts()

    with app.app_context():
        assert stored_forecasts_of([KETTLE.key]) == {}
        assert due_keys(10) == []


def test_what_changes_while_it_is_made_is_not_missed(app: Flask, background: Background,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    usual = computing.lines_of

    def slow(*given: object) -> object:
        with app.app_context(), writing():
            want_forecast(db.session.get_one(RegionItemRow, KETTLE.key))
        return usual(*given)

    monkeypatch.setattr(computing, "lines_of", slow)
    background.make_stored_forecasts()

    with app.app_context():
        assert KETTLE.key in due_keys(10)


def test_many_are_made_by_another_process(app: Flask, background: Background, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computing, "IN_WORKER_FROM", 10)
    with app.app_context():
        assert make_due(background.services, create_app)
        assert due_keys(10) == []
        assert len(stored_forecasts_of([one.key for one in REGION_ITEMS])) == len(REGION_ITEMS)
