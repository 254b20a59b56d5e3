"""What is put on the list of work: each kind, from which number on, and in which order."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flask import Flask

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import EMAIL, KETTLE, LAST_DAY, ODD, REGION_ITEMS, Background
from tests.webapp.overrides.builders import part
from tests.webapp.work_list.builders import REJECTED, found, move, only, refresh, stored_unusual, tell
from webapp.accuracy.judged_forecasts import Judged
from webapp.accuracy.past_forecasts import Standing, keep_forecasts
from webapp.db.database import db, now, writing
from webapp.retrains.requests import store
from webapp.stored_forecasts.last_year_accuracy_and_moves import outside_in_a_row, tell_demand
from webapp.tables import Override, RegionItemRow, Retrain, RetrainItem, SavedScenario

ANOTHER = RegionItem("south", "kettle")
AT = now()
JUST = 1e-9


ENOUGH: list[tuple[str, dict[str, Any], float | None]] = [
    ("moved", {"moved": -20.0, "moved_at": AT, "moved_of": 100.0}, 20.0),
    ("moved", {"moved": 20.0, "moved_at": AT, "moved_of": 100.0, "forecast_model": 800.0}, 20.0),
    ("moved", {"moved": 20.0, "moved_at": AT, "moved_of": 0.0}, 20.0),
    ("missed", {"live_outside": 3, "missed": -7.0}, 7.0),
    ("missed", {"live_outside": 3, "forecast_total": 50.0}, 50.0),
    ("bias", {"live_bias": -0.5, "live_periods": 14, "volume": 30.0}, 15.0),
    ("failed", {"step": "failed", "step_at": "2026-06-30T10:00:00.000+00:00", "step_reason": "too short",
                "volume": 9.0}, 9.0),
    ("refused", {"quarantine_reason": "negative prices", "forecast_total": 84.0}, 84.0),
    ("refused", {"rows_read": 100, "quarantined_rows": 5}, None),
    ("stale", {"production_version": 2, "promoted_at": AT - timedelta(days=180)}, None),
    ("stale", {"production_version": 2, "promoted_at": AT, "drift": 0.3, "drifted": "price"}, None),
    ("stock_out", {"out_of_stock": 2, "forecast_total": 140.0}, 20.0),
]
TOO_LITTLE: list[tuple[str, dict[str, Any]]] = [
    ("moved", {"moved": 20.0 - JUST, "moved_at": AT, "moved_of": 100.0}),
    ("moved", {"moved": 20.0, "moved_at": AT, "moved_of": 101.0, "forecast_model": 20.0}),
    ("moved", {"moved": 20.0, "moved_at": AT}),
    ("moved", {"moved": 0.0, "moved_at": AT, "moved_of": 0.0}),
    ("missed", {"live_outside": 2, "missed": 900.0}),
    ("bias", {"live_bias": 0.25, "live_periods": 99, "volume": 30.0}),
    ("bias", {"live_bias": 9.0, "live_periods": 13, "volume": 30.0}),
    ("failed", {"step": "failed", "step_at": "2026-06-30T10:00:00.000+00:00", "activity": "training"}),
    ("failed", {"step": "promoted"}),
    ("refused", {"rows_read": 1000, "quarantined_rows": 49}),
    ("refused", {"rows_read": 0, "quarantined_rows": 0}),
    ("stale", {"production_version": 2, "promoted_at": AT - timedelta(days=179)}),
    ("stale", {"production_version": 2, "promoted_at": AT - timedelta(days=999), "pinned_by": EMAIL}),
    ("stale", {"production_version": None, "promoted_at": AT - timedelta(days=999), "drift": 9.0}),
    ("stock_out", {"out_of_stock": 0, "forecast_total": 140.0}),
    ("moved", {"moved": 90.0, "moved_at": AT, "moved_of": 100.0, "in_catalogue": False}),
]


def test_each_kind_is_found_from_its_number_on(app: Flask) -> None:
    for region_item, (_, told, _) in zip(REGION_ITEMS, ENOUGH, strict=False):
        tell(app, region_item, **told)

    refresh(app)

    told = {(entry.kind, entry.subject): entry.units for entry in found(app) if entry.kind != "no_model"}
    assert told == {(kind, region_item.key): units
                    for region_item, (kind, _, units) in zip(REGION_ITEMS, ENOUGH, strict=False)}


def test_less_than_that_is_nobodys_work(app: Flask) -> None:
    for region_item, (_, told) in zip(REGION_ITEMS, TOO_LITTLE, strict=False):
        tell(app, region_item, **told)

    refresh(app)

    assert [(entry.kind, entry.subject) for entry in found(app) if entry.kind != "no_model"] == []


def test_without_a_model_is_told_once_the_first_training_is_over(app: Flask) -> None:
    refresh(app)
    assert found(app) == []  # the first training is still to come

    for region_item in REGION_ITEMS[6:]:
        tell(app, region_item, production_version=1, promoted_at=now(), status="production", forecast_total=1.0)
    refresh(app)
    assert found(app, "no_model") == []
    tell(app, REGION_ITEMS[1], production_version=1, promoted_at=now(), status="production", forecast_total=1.0)
    tell(app, ODD, production_version=None, status="baseline", forecast_total=5.0,
         best="seasonal_naive")  # it needs no other
    refresh(app)

    subjects = {entry.subject for entry in found(app, "no_model")}
    assert KETTLE.key in subjects
    assert subjects & {ANOTHER.key, ODD.key} == set()


def test_the_largest_comes_first_in_money_and_a_price_in_the_middle_stands_in(app: Flask) -> None:
    pan, pot, cup = (RegionItem("north", f"item {n:02}") for n in range(3))
    for region_item, units, price in ((pan, 10.0, 100.0), (pot, 50.0, None), (cup, 90.0, 1.0), (KETTLE, 1.0, 3.0)):
        move(app, region_item, units, units)
        tell(app, region_item, price=price)

    refresh(app)

    assert [(entry.subject, entry.money, entry.rank) for entry in found(app, "moved")] == [
        (pan.key, 1000.0, 1000.0), (pot.key, None, 150.0), (cup.key, 90.0, 90.0), (KETTLE.key, 3.0, 3.0)]


def test_without_prices_units_decide(app: Flask) -> None:
    for region_item, units in ((KETTLE, 3.0), (ODD, 30.0), (ANOTHER, 10.0)):
        move(app, region_item, units, units)

    refresh(app)

    assert [entry.rank for entry in found(app, "moved")] == [30.0, 10.0, 3.0]


def test_the_revenue_of_what_is_at_stake_is_the_forecasts(app: Flask) -> None:
    tell(app, **REJECTED, price=2.0, revenue=150.0)

    refresh(app)

    assert only(app, "refused").money == 150.0


def test_a_retrain_that_a_planner_asked_for_and_was_kept_is_told_until_another_ends_well(
        app: Flask, background: Background) -> None:
    with app.app_context():
        asked = store("t" * 32, [KETTLE.key], EMAIL).retrain
        assert asked is not None
        request = asked.request_id
    background.journal(Entry(KETTLE, "started", request_id=request),
                       Entry(KETTLE, "kept", request_id=request, reason="no better than v1", numbers={"version": 2}))
    refresh(app)
    entry = only(app, "kept")
    assert (entry.told["why"], entry.told["retrain"]) == ("no better than v1", 1)

    with app.app_context(), writing():
        again = Retrain(request_id="r2", asked_by=EMAIL, size=1, state="finished")
        again.items.append(RetrainItem(key=KETTLE.key, state="promoted", finished_at=now()))
        db.session.add(again)
    refresh(app)
    assert only(app, "kept").is_caused is False


def test_a_retrain_whose_run_never_came_is_told_as_failed_too(app: Flask) -> None:
    with app.app_context(), writing():
        retrain = Retrain(request_id="r", asked_by=EMAIL, size=1, state="finished")
        retrain.items.append(RetrainItem(key=KETTLE.key, state="failed", finished_at=now(), closed_by_us=True,
                                         reason="its run never came"))
        db.session.add(retrain)

    refresh(app)

    assert only(app, "failed").told["why"] == "its run never came"


def test_unusual_sales_of_the_newest_periods_are_one_task(app: Flask) -> None:
    stored_unusual(app, "2026-06-16", "2026-06-20", "2026-05-02", "2026-05-01")

    refresh(app)

    entry = only(app, "unusual")  # sixty days before the last of June is the first of May
    assert (entry.told["periods"], entry.mark, entry.units) == (3, "2026-06-20", pytest.approx(3 * 39.96))


def test_overrides_that_were_further_off_than_the_model_are_told_by_whom(app: Flask) -> None:
    days = [LAST_DAY - timedelta(days=back) for back in (2, 1, 0)]
    with app.app_context():
        for day in days:
            origin = day - timedelta(days=1)
            forecast = replace(part(10.0), dates=np.datetime64(origin) + np.arange(1, 6))
            with writing():
                db.session.add(Override(batch="b", key=KETTLE.key, date=str(day), way="value", amount=1000.0,
                                        comment="a fair", made_by=EMAIL, made_at=now() - timedelta(hours=1)))
                keep_forecasts([Standing(KETTLE.key, origin, "1", forecast, np.full(5, 10.0))])
        tell(app, last_date=str(LAST_DAY))

    refresh(app)

    entry = only(app, "override")
    assert (entry.told["by"], entry.told["periods"]) == ([EMAIL], 3)
    assert entry.units is not None
    assert entry.units > 2900


def test_a_scenario_is_to_be_judged_once_all_its_days_are_known_unless_it_is_private(app: Flask) -> None:
    def scenario(token: str, last: date, **more: Any) -> SavedScenario:
        return SavedScenario(token=token * 32, name=token, created_by=EMAIL, computed_at=now(), summary={
            "plan": 10.0, "difference": -4.0, "plan_revenue": None, "difference_revenue": None,
            "first": "2026-06-01", "last": str(last)}, **more)

    tell(app, last_date=str(LAST_DAY))
    with app.app_context(), writing():
        db.session.add_all([scenario("a", LAST_DAY), scenario("b", LAST_DAY + timedelta(days=1)),
                            scenario("c", LAST_DAY, is_private=True), scenario("d", LAST_DAY, archived_at=now())])

    refresh(app)

    assert [(entry.subject, entry.units) for entry in found(app, "scenario")] == [("a" * 32, 4.0)]


def judged(inside: list[list[bool]], known: int) -> Judged:
    """Origin by origin, from each on as many leads: whether the day was inside its interval; so many days are known."""
    leads = len(inside[0])
    dates = np.array([[np.datetime64("2026-06-01") + origin + lead for lead in range(leads)]
                      for origin in range(len(inside))])
    actual = np.where(np.array(inside), 10.0, 99.0)
    actual[dates >= np.datetime64("2026-06-01") + known] = np.nan
    full = np.full(actual.shape, 10.0)
    return Judged(dates, actual, full, full - 1, full + 1, full)


@pytest.mark.parametrize(("inside", "known", "run"), [
    ([[True]], 1, 0), ([[False]], 1, 1), ([[False]], 0, 0),
    ([[False], [False], [False]], 3, 3), ([[False], [True], [False]], 3, 1), ([[False], [False], [True]], 3, 0),
    ([[True, False], [True, False], [False, False]], 3, 1),  # of a day the newest forecast counts, not the older one
    ([[False, False, False]], 2, 2),
])
def test_periods_outside_the_interval_are_counted_from_the_newest_back(
        inside: list[list[bool]], known: int, run: int) -> None:
    assert outside_in_a_row(judged(inside, known)) == run


@pytest.mark.parametrize(("out", "run"), [([False, True, True], 2), ([True, True, False], 0), ([True, True, True], 3)])
def test_out_of_stock_is_counted_from_the_newest_period_back(dataset: Dataset, out: list[bool], run: int) -> None:
    sold = np.array([5.0, 6.0, 7.0])
    history = pd.DataFrame({"date": pd.date_range(LAST_DAY, periods=3), "demand": np.where(out, np.nan, sold),
                            AT_LEAST: np.where(out, sold, np.nan)})
    row = RegionItemRow()

    tell_demand(row, part(1.0), history, dataset)

    assert row.out_of_stock == run
