"""Sums of many stored forecasts: the same as of each record, kept by region, and never of others or of before."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast import totals
from demand_assets.forecasting.forecast.revenue_and_margin import MoneySum
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, demand_of, page, text_of
from tests.webapp.fakes import FakeRegistry
from tests.webapp.money_builders import LANDED, declare_money
from webapp import create_app
from webapp.db.database import db, now, writing
from webapp.forecasts import query
from webapp.overrides.applied import overridden, overridden_group
from webapp.overrides.in_money import answer_in_money
from webapp.region_items.forecast_figures import want_every_forecast, want_forecast
from webapp.region_items.prices_and_costs import units_in_money
from webapp.services import Services
from webapp.serving.forecast_of_selection import Period, plan_of
from webapp.serving.history import backtest_of
from webapp.stored_forecasts import sums as sums_module
from webapp.stored_forecasts.computing import stored_forecasts_of, tell_totals
from webapp.stored_forecasts.group_answer import GroupAnswer, group_of
from webapp.stored_forecasts.groups import refresh_due
from webapp.stored_forecasts.sums import StoredSums, summed_up
from webapp.tables import Override, RegionItemRow, RegionSum, StoredForecast

ALL = [one.key for one in REGION_ITEMS]
NORTH = [one.key for one in REGION_ITEMS if one.region == "north"]
SELECTIONS = {"all": ALL, "a region": NORTH, "some of a region": NORTH[3:20], "one of each": [NORTH[2], ODD.key],
              "a region and some": [*NORTH, "south|kettle"], "backwards": ALL[::-1]}


@pytest.fixture
def summed(app: Flask, background: Background, registry: FakeRegistry, model: ForecastModel,
           pooled: PooledModel) -> None:
    """Two region-items with a model of their own, with backtests; the others stand on the pooled one, one has ended
    earlier, and one has no demand."""
    def make() -> None:
        store = background.services.store
        store.write("demand", REGION_ITEMS[5], demand_of(7.0).iloc[:-3])
        registry.promote_pooled(pooled)
        registry.promote(KETTLE, model)
        registry.promote(ODD, model)
        background.watch()
        with app.app_context(), writing():
            want_every_forecast()
        store.remove("demand", REGION_ITEMS[9])
        background.make_stored_forecasts()
        refreshed(app)

    background.once(make)


def refreshed(app: Flask) -> None:
    with app.app_context():
        refresh_due(app.extensions["services"], create_app)


def override(app: Flask, key: str, at: date, way: str, amount: float) -> None:
    with app.app_context(), writing():
        db.session.add(Override(batch=f"{key} {at}", key=key, date=str(at), way=way, amount=amount, comment="a fair",
                                made_by="ada@example.com", made_at=now()))
        db.session.flush()
        tell_totals([db.session.get_one(RegionItemRow, key)])


def of_records(keys: Sequence[str], horizon: int) -> dict[str, totals.Part]:
    """Each stored forecast as it is read one by one."""
    return {key: replace(each.part, dates=each.part.dates[:horizon], forecast=each.part.forecast[:horizon],
                         scale=each.part.scale[:horizon]) for key, each in stored_forecasts_of(keys).items()}


def as_table(periods: Sequence[Period], *names: str) -> pd.DataFrame:
    return pd.DataFrame([[each.date, *(getattr(each, name) for name in names)] for each in periods],
                        columns=["date", "forecast", "lower", "upper"]).astype({"date": "datetime64[ns]"})


def as_tuple(bounds: totals.Bounds) -> tuple[float, float, float]:
    return bounds.forecast, bounds.lower, bounds.upper


def assert_as_records(answer: GroupAnswer) -> None:
    parts = list(of_records(answer.keys, answer.horizon).values())
    pd.testing.assert_frame_equal(as_table(answer.periods, "plan", "lower", "upper"),
                                  totals.by_date(parts, answer.coverage), rtol=1e-9)
    assert as_tuple(answer.total) == pytest.approx(as_tuple(totals.over_all(parts, answer.coverage)), rel=1e-9)
    assert (answer.summed, answer.missing) == (len(parts), len(answer.keys) - len(parts))


@pytest.mark.usefixtures("summed")
@pytest.mark.parametrize("name", SELECTIONS)
@pytest.mark.parametrize(("horizon", "coverage"), [(14, 0.8), (14, 0.95), (5, 0.5)])
def test_sums_are_those_of_the_records(app: Flask, dataset: Dataset, name: str, horizon: int, coverage: float) -> None:
    with app.app_context():
        assert_as_records(group_of(SELECTIONS[name], dataset, horizon, coverage))


@pytest.mark.usefixtures("summed")
@pytest.mark.parametrize("horizon", [14, 5])
def test_the_largest_come_first_with_their_own_units(app: Flask, dataset: Dataset, horizon: int) -> None:
    with app.app_context():
        answer = group_of(ALL, dataset, horizon, 0.8)
        units = {key: float(part.forecast.sum()) for key, part in of_records(ALL, horizon).items()}

        lines = [*answer.lines(1, 20), *answer.lines(2, 20)]

        assert {line.row.key: line.units for line in lines} == units
        assert [line.units for line in lines] == sorted(units.values(), reverse=True)


@pytest.mark.usefixtures("summed")
def test_the_past_is_that_of_the_region_items(app: Flask, services: Services, dataset: Dataset) -> None:
    with app.app_context():
        rows = [db.session.get_one(RegionItemRow, key) for key in (KETTLE.key, ODD.key)]
        plan = plan_of(services, rows, 14)
        alone = backtest_of(plan.lines, plan.past, dataset)
        group = group_of([KETTLE.key, ODD.key], dataset, 14, 0.8)

        known = plan.past.history.dropna(subset=["demand"])
        found = group.past.history.set_index("date")["demand"].reindex(known["date"])
        np.testing.assert_allclose(found, known["demand"], rtol=1e-6)  # single precision
        assert alone is not None
        assert group.backtest is not None
        np.testing.assert_allclose(group.backtest.units, alone.units, rtol=1e-6)
        assert group.backtest.size == 2
        assert group_of(ALL, dataset, 14, 0.8).backtest is None  # most have none


@pytest.mark.usefixtures("summed")
def test_kept_sums_answer_for_whole_regions_only(app: Flask, dataset: Dataset,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noted(keys: Sequence[str], of: Dataset) -> tuple[StoredSums, list[str]]:
        read.extend(keys)
        return summed_up(keys, of)

    monkeypatch.setattr(sums_module, "summed_up", noted)
    with app.app_context():
        for name, wanted in (("all", []), ("a region", []), ("backwards", []), ("a region and some", ["south|kettle"]),
                             ("some of a region", NORTH[3:20])):
            read.clear()
            group_of(SELECTIONS[name], dataset, 14, 0.8)
            rest = [] if name == "a region and some" and not any(
                key != "south|kettle" and RegionItem.from_key(key).region == "south" for key in ALL) else wanted
            there = [key for key in rest if key != REGION_ITEMS[9].key]
            assert sorted(read) == sorted(there)


@pytest.mark.usefixtures("summed")
def test_what_changed_since_is_read_from_the_records_until_it_is_summed_up(app: Flask, background: Background,
                                                                            services: Services,
                                                                            dataset: Dataset) -> None:
    with app.app_context():
        before = group_of(ALL, dataset, 14, 0.8).total.forecast
        with writing():
            want_forecast(db.session.get_one(RegionItemRow, REGION_ITEMS[7].key))
    services.store.write("demand", REGION_ITEMS[7], demand_of(500.0))
    background.make_stored_forecasts()
    with app.app_context():
        assert_as_records(group_of(ALL, dataset, 14, 0.8))
        assert group_of(ALL, dataset, 14, 0.8).total.forecast > before + 1000
    refreshed(app)
    with app.app_context():
        assert_as_records(group_of(ALL, dataset, 14, 0.8))


@pytest.mark.usefixtures("summed")
def test_what_left_the_catalogue_is_in_no_kept_sum(app: Flask, background: Background, dataset: Dataset) -> None:
    background.catalogue(*(one for one in REGION_ITEMS if one != REGION_ITEMS[4]))
    rest = [key for key in NORTH if key != REGION_ITEMS[4].key]
    with app.app_context():
        assert_as_records(group_of(rest, dataset, 14, 0.8))
    refreshed(app)
    with app.app_context():
        assert_as_records(group_of(rest, dataset, 14, 0.8))
    background.catalogue(KETTLE)
    refreshed(app)
    with app.app_context():
        assert list(db.session.scalars(select(RegionSum.region))) == ["north"]


@pytest.mark.usefixtures("summed")
def test_a_database_without_sums_answers_and_has_them_made(app: Flask, dataset: Dataset) -> None:
    with app.app_context():
        with writing():
            db.session.execute(db.delete(RegionSum))
        assert_as_records(group_of(ALL, dataset, 14, 0.8))


@pytest.mark.usefixtures("summed")
@pytest.mark.parametrize("horizon", [14, 3])
def test_overrides_take_their_place_in_the_sums(app: Flask, dataset: Dataset, horizon: int) -> None:
    override(app, KETTLE.key, date(2026, 7, 2), "percent", 40.0)
    override(app, KETTLE.key, date(2026, 7, 10), "value", 5.0)
    override(app, NORTH[6], date(2026, 7, 3), "value", 300.0)
    override(app, NORTH[7], date(2027, 7, 3), "value", 300.0)  # ahead of every forecast
    override(app, ODD.key, date(2026, 7, 1), "percent", -50.0)
    for keys in (ALL, NORTH, NORTH[3:20]):
        with app.app_context():
            answer = group_of(keys, dataset, horizon, 0.8)
            found = overridden_group(answer)
            alone = overridden(of_records(keys, horizon), answer.periods, 0.8)

            names = ("final", "final_lower", "final_upper")
            pd.testing.assert_frame_equal(as_table(found.periods, *names), as_table(alone.periods, *names), rtol=1e-9)
            assert as_tuple(found.total) == pytest.approx(as_tuple(alone.total), rel=1e-9)
            assert {key: [one.id for one in its] for key, its in found.open.items()} == {
                key: [one.id for one in its] for key, its in alone.open.items()}
            assert [each.overrides for each in found.periods] == [each.overrides for each in alone.periods]
            assert [len(each.rows) for each in found.batches] == [len(each.rows) for each in alone.batches]
            units = {line.row.key: line.units for line in answer.lines(1, 40, found.parts)}
            assert units == pytest.approx({key: float(part.forecast.sum()) for key, part in alone.parts.items()})


@pytest.mark.parametrize("money", [{"price": {"driver": "price"}, "cost": {"attribute": "landed"}},
                                   {"price": {"driver": "price"}}])
def test_money_is_summed_as_each_record_has_it(app: Flask, background: Background, money: dict[str, Any]) -> None:
    declare_money(app, money, attributes=(LANDED,))
    dataset = app.extensions["services"].dataset
    background.make_stored_forecasts()
    refreshed(app)
    override(app, KETTLE.key, date(2026, 7, 2), "percent", 40.0)
    for horizon, keys in ((14, ALL), (4, ALL), (14, NORTH[3:20])):
        with app.test_request_context():
            answer = group_of(keys, dataset, horizon, 0.8)
            included = overridden_group(answer)
            alone = MoneySum()
            for key, kept in answer.kept.items():
                alone.add(kept.part.dates, units_in_money(kept.part, included.open.get(key, ())), kept.money)
            found = answer_in_money(answer, included)

            assert (found.size, found.priced, found.costed) == (alone.size, alone.priced, alone.costed)
            assert found.priced > 0 or KETTLE.key not in keys
            assert found.revenue == pytest.approx(alone.revenue)
            assert found.margin == pytest.approx(alone.margin)
            assert list(found.by_date) == list(alone.by_date)
            for at, (revenue, margin) in alone.by_date.items():
                assert found.revenue_on(at) == pytest.approx(revenue)
                assert found.margin_on(at) == pytest.approx(margin)


def test_nothing_stored_yet_is_told(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "MOST_REGION_ITEMS", 5)
    with app.app_context(), writing():
        db.session.execute(db.delete(StoredForecast))

    told = client.get("/forecasts?all=1")

    assert told.status_code == 200
    assert "have no forecast here yet" in text_of(page(told).select_one("#missing"))


@pytest.mark.usefixtures("summed")
def test_a_digest_that_is_of_others_is_not_taken(app: Flask, dataset: Dataset) -> None:
    """As when the catalogue changes between the sum and the question."""
    with app.app_context():
        with writing():
            db.session.execute(update(RegionSum).values(members="of others"))
        assert_as_records(group_of(ALL, dataset, 14, 0.8))
