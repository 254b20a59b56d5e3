"""Totals of regions, items and all: the same as summing up at once, and made anew of what changed."""

import pytest
from flask import Flask
from sqlalchemy import select

from demand_assets.forecasting.dataset.attributes import Attribute
from demand_assets.forecasting.forecast.totals import over_all
from tests.webapp.attribute_builders import CATEGORY, DEPARTMENT, declare, take_in
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background
from webapp import create_app
from webapp.db.database import db, writing
from webapp.region_items.forecast_figures import want_forecast
from webapp.stored_forecasts import groups as group_forecasts
from webapp.stored_forecasts.computing import stored_forecasts_of
from webapp.stored_forecasts.groups import refresh_due
from webapp.tables import GroupForecast, RegionItemRow


def groups(app: Flask) -> dict[tuple[str, str], GroupForecast]:
    with app.app_context():
        found = {(each.kind, each.name): each for each in db.session.scalars(select(GroupForecast))}
        db.session.expunge_all()
        return found


def refreshed(app: Flask) -> bool:
    with app.app_context():
        return refresh_due(app.extensions["services"], create_app)


def test_each_total_is_that_of_its_members(app: Flask, background: Background) -> None:
    background.have_stored_forecasts()
    assert refreshed(app)

    found = groups(app)
    with app.app_context():
        parts = {key: kept.part for key, kept in stored_forecasts_of([one.key for one in REGION_ITEMS]).items()}
    for name, members in ((("region", "north"), [one for one in REGION_ITEMS if one.region == "north"]),
                          (("item", "kettle"), [one for one in REGION_ITEMS if one.item == "kettle"]),
                          (("all", ""), REGION_ITEMS)):
        total = over_all([parts[one.key] for one in members])
        assert found[name].size == len(members)
        assert (found[name].total, found[name].lower, found[name].upper) == pytest.approx(
            (total.forecast, total.lower, total.upper))
    assert len(found) == len({one.region for one in REGION_ITEMS}) + len({one.item for one in REGION_ITEMS}) + 1


def test_nothing_is_summed_up_when_nothing_changed(app: Flask, background: Background) -> None:
    background.have_stored_forecasts()
    refreshed(app)

    assert not refreshed(app)


def test_only_the_totals_of_what_changed_are_made_anew(app: Flask, background: Background) -> None:
    background.have_stored_forecasts()
    refreshed(app)
    before = groups(app)
    with app.app_context(), writing():
        want_forecast(db.session.get_one(RegionItemRow, ODD.key))
    background.make_stored_forecasts()
    refreshed(app)

    after = groups(app)
    made_anew = {name for name in after if after[name].made_at > before[name].made_at}
    assert made_anew == {("region", ODD.region), ("item", ODD.item), ("all", "")}


def test_last_year_is_compared_for_those_that_have_one(app: Flask, background: Background) -> None:
    background.have_stored_forecasts()
    with app.app_context(), writing():
        kettle = db.session.get_one(RegionItemRow, KETTLE.key)
        kettle.last_year, kettle.forecast_total = 100.0, 120.0
    refreshed(app)

    north = groups(app)["region", "north"]
    assert (north.last_year, north.compared, north.compared_size) == (100.0, 120.0, 1)
    assert north.change == pytest.approx(0.2)
    assert groups(app)["region", ODD.region].change is None


def test_what_left_the_source_leaves_its_totals(app: Flask, background: Background) -> None:
    background.have_stored_forecasts()
    refreshed(app)
    background.catalogue(KETTLE)
    refreshed(app)

    found = groups(app)
    assert set(found) == {("region", "north"), ("item", "kettle"), ("all", "")}
    assert found["all", ""].size == 1


def test_a_change_while_totals_are_made_is_not_missed(app: Flask, background: Background,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    background.have_stored_forecasts()
    usual = group_forecasts.stored_forecasts_of

    def slow(keys: list[str]) -> object:
        with app.app_context(), writing():
            db.session.get_one(RegionItemRow, KETTLE.key).groups_due += 1
        return usual(keys)

    monkeypatch.setattr(group_forecasts, "stored_forecasts_of", slow)
    refreshed(app)

    assert refreshed(app)


def test_many_are_summed_up_by_another_process(app: Flask, background: Background,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    background.have_stored_forecasts()
    monkeypatch.setattr(group_forecasts, "IN_WORKER_FROM", 10)
    refreshed(app)

    assert groups(app)["all", ""].size == len(REGION_ITEMS)


FORMAT = Attribute(name="format", of="region")
KITCHEN = {"kettle": {"department": "Kitchen", "category": "Kettles"},
           "item 01": {"department": "Kitchen", "category": "Pans"}, "item 02": {"department": "Garden"}}


def test_each_value_of_an_attribute_has_the_total_of_its_members(app: Flask, background: Background) -> None:
    background.have_stored_forecasts()
    refreshed(app)  # a state of before there were attributes
    declare(app, (CATEGORY, DEPARTMENT, FORMAT))
    take_in(app, KITCHEN, {"north": {"format": "large"}, "south": {"format": "large"}})
    assert refreshed(app)

    found = groups(app)
    with app.app_context():
        parts = {key: kept.part for key, kept in stored_forecasts_of([one.key for one in REGION_ITEMS]).items()}
    kitchen = ("kettle", "item 01")
    for name, members in ((("department", "Kitchen"), [one for one in REGION_ITEMS if one.item in kitchen]),
                          (("department", "Garden"), [one for one in REGION_ITEMS if one.item == "item 02"]),
                          (("category", "Kettles"), [one for one in REGION_ITEMS if one.item == "kettle"]),
                          (("format", "large"), [one for one in REGION_ITEMS if one.region in ("north", "south")])):
        total = over_all([parts[one.key] for one in members])
        assert found[name].size == len(members)
        assert (found[name].total, found[name].lower, found[name].upper) == pytest.approx(
            (total.forecast, total.lower, total.upper))
    assert len([name for kind, name in found if kind in ("department", "category", "format")]) == 5


def test_totals_follow_what_changes_of_attributes_and_of_their_members(app: Flask, background: Background) -> None:
    background.have_stored_forecasts()
    declare(app, (CATEGORY, DEPARTMENT))
    take_in(app, KITCHEN)
    refreshed(app)
    before = groups(app)

    take_in(app, KITCHEN | {"kettle": {"department": "Garden"}}, state="2")
    refreshed(app)
    after = groups(app)
    assert (after["department", "Garden"].size, after["department", "Kitchen"].size) == (3, 1)
    assert ("category", "Kettles") not in after
    assert after["category", "Pans"].made_at == before["category", "Pans"].made_at

    declare(app, (DEPARTMENT,), ())
    with app.app_context(), writing():
        want_forecast(db.session.get_one(RegionItemRow, ODD.key))
    background.make_stored_forecasts()
    refreshed(app)
    found = groups(app)
    assert {kind for kind, _ in found} == {"region", "item", "all", "department"}
    assert found["department", "Kitchen"].made_at == after["department", "Kitchen"].made_at
