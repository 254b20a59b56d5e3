import datetime
import json
from dataclasses import replace

import numpy as np
import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.challengers.model_classes import OURS
from demand_assets.forecasting.model.serving.challenger import Challenger
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.whatif.scenario import PLAN, Change, Scenario
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, demand_of, page, post, text_of
from tests.webapp.fakes import FakeRegistry
from webapp.region_items.rows import rows_of
from webapp.services import Services
from webapp.serving.before_and_after_retrain import parts_between
from webapp.serving.explanation import MOST_EXACT, explain_lines
from webapp.serving.forecast_of_selection import plan_of, under

OTHER = REGION_ITEMS[1]
CUT = {"change-0-driver": "price", "change-0-action": "percent", "change-0-value": "-20",
       "change-0-first": "2026-07-03", "change-0-last": "2026-07-05"}

CUT_SCENARIO = Scenario((Change("price", "percent", -20.0, datetime.date(2026, 7, 3), datetime.date(2026, 7, 5)),))


@pytest.fixture
def promoted(background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    registry.promote(ODD, model)
    background.watch()


def why(client: FlaskClient, *keys: str, **fields: str) -> BeautifulSoup:
    response = client.get("/forecasts/why", query_string={"ri": keys or (KETTLE.key,), "horizon": "7", **fields},
                          headers={"HX-Request": "true"})
    assert response.status_code == 200
    return page(response)


def number(words: str) -> float:
    return float(words.replace("−", "-").replace("+", "").replace(",", ""))


def table(soup: BeautifulSoup) -> tuple[list[str], list[tuple[str, list[float]]]]:
    """Headings and rows of the first table of contributions."""
    first = soup.select("#why table")[0]
    return ([text_of(heading) for heading in first.select("thead th")],
            [(text_of(row.th), [number(text_of(cell)) for cell in row.find_all("td")])
             for row in first.select("tbody tr")])


def test_contributions_add_up_to_the_forecast_of_the_selection(client: FlaskClient, promoted: None) -> None:
    keys = (KETTLE.key, ODD.key)
    headings, rows = table(why(client, *keys))
    shown = page(client.get("/forecasts", query_string={"ri": keys, "horizon": "7"})).select("#by-period tbody tr")

    assert headings[:4] == ["Date", "Usual level", "Recent demand", "Calendar"]
    assert {"Price", "Promo", "Shelf", "Forecast"} <= set(headings)
    assert len(rows) == len(shown) == 7
    for (date, values), period in zip(rows, shown, strict=True):
        assert date == text_of(period.th)
        assert sum(values[:-1]) == pytest.approx(values[-1], abs=0.05 * len(values))
        assert values[-1] == pytest.approx(number(text_of(period.td)), abs=0.11)


def test_the_chart_draws_what_the_table_says(client: FlaskClient, promoted: None) -> None:
    soup = why(client)
    chart = json.loads(soup.select_one("#why script.chart-data").text)  # type: ignore[union-attr]

    assert chart["dates"][0] == "2026-07-01"
    summed = [sum(group["units"][place] for group in chart["groups"]) for place in range(7)]
    assert summed == pytest.approx(chart["total"], abs=0.05)


def test_a_price_cut_contributes_by_price_where_it_is_and_nowhere_else(client: FlaskClient, promoted: None) -> None:
    soup = why(client, **CUT)
    headings, rows = table(soup)
    price = headings.index("Price") - 1
    answered = page(client.get("/forecasts", query_string={"ri": KETTLE.key, "horizon": "7", **CUT}))
    differences = [number(text_of(row.find_all("td")[4])) for row in answered.select("#by-period tbody tr")]

    assert text_of(soup.select_one("#why-title")) == "Why the scenario differs from the plan"
    assert [values[-1] for _, values in rows] == pytest.approx(differences, abs=0.11)
    assert [values[price] > 0.5 for _, values in rows] == [False, False, True, True, True, False, False]
    assert differences[0] == 0
    assert "What the plan is made of" in text_of(soup)


@pytest.mark.parametrize("is_exact", [True, False])
def test_of_two_changed_drivers_each_has_what_it_moves_on_average_as_first_and_as_second(
        app: Flask, services: Services, promoted: None, is_exact: bool) -> None:
    """And nothing else has a part, whatever the model makes of other features beside them."""
    promo = Change("promo", "set", True, datetime.date(2026, 7, 1), datetime.date(2026, 7, 7))
    with app.app_context():
        plan = plan_of(services, rows_of([KETTLE.key]), 7)
        both, cut, promoting = (under(services, plan, scenario) for scenario in (
            Scenario((*CUT_SCENARIO.changes, promo)), CUT_SCENARIO, Scenario((promo,))))
        told = explain_lines(services, both.lines, exact=is_exact)

    assert told is not None
    assert told.change is not None
    end, cheap, promoted_units = (float(answer.lines[0].scenario_units or 0) for answer in (both, cut, promoting))
    start = plan.lines[0].plan_units
    expected = {"price": (cheap - start + end - promoted_units) / 2,
                "promo": (promoted_units - start + end - cheap) / 2}
    assert dict(zip(told.change.groups, told.change.over_all, strict=True)) == pytest.approx(expected)
    assert abs(cheap - start) > 1
    assert sum(told.change.over_all) == pytest.approx(end - start)


def test_it_is_told_when_asked_and_without_scripts(client: FlaskClient, promoted: None) -> None:
    soup = page(client.get("/forecasts", query_string={"ri": KETTLE.key, "horizon": "7"}))
    link = soup.select_one("#why a")
    assert link is not None
    assert soup.select("#why table") == []

    opened = page(client.get(str(link["href"])))
    assert len(opened.select("#why table tbody tr")) == 7
    assert opened.select_one("h1") is not None


def test_a_scenario_keeps_it_open(client: FlaskClient, promoted: None) -> None:
    fields = {"ri": [KETTLE.key], "horizon": "7", "why": "1", **CUT}
    response = post(client, "/forecasts", fields, headers={"HX-Request": "true"})

    assert "Why the scenario differs" in text_of(page(response).select_one("#why"))
    assert page(response).select_one("#why [name=why]")["form"] == "scenario"  # type: ignore[index]


def test_the_baseline_has_no_explanation_and_says_so(client: FlaskClient, promoted: None) -> None:
    assert "there is nothing more to explain" in text_of(why(client, OTHER.key))

    soup = why(client, KETTLE.key, OTHER.key)
    assert f"Left out, as their baseline only repeats past demand: {OTHER}" in text_of(soup)
    alone = table(why(client))[1]
    assert table(soup)[1] == alone


def test_of_a_large_selection_the_largest_are_explained(app: Flask, services: Services, client: FlaskClient,
                                                        promoted: None) -> None:
    services.store.write("demand", ODD, demand_of(120.0))
    with app.app_context():
        answer = plan_of(services, rows_of([KETTLE.key, ODD.key]), 7)
        told = explain_lines(services, answer.lines, most=1)

    assert told is not None
    assert (told.explained, told.smaller) == (1, 1)
    assert sum(told.plan.totals) == pytest.approx(answer.lines[1].plan_units)


@pytest.mark.parametrize("scenario", [PLAN, CUT_SCENARIO])
def test_a_whole_region_is_explained_as_its_region_items_are(
        app: Flask, services: Services, background: Background, registry: FakeRegistry, promoted: None,
        pooled: PooledModel, scenario: Scenario) -> None:
    """Those without a model of their own stand on the pooled one; all of them on one question to it."""
    registry.promote_pooled(pooled)
    background.watch()
    with app.app_context():
        rows = [row for row in rows_of([one.key for one in REGION_ITEMS]) if row.region == KETTLE.region]
        answer = plan_of(services, rows, 7)
        answer = under(services, answer, scenario) if scenario != PLAN else answer
        told = explain_lines(services, answer.lines)
        alone = [explain_lines(services, [line], exact=False) for line in answer.lines]

    assert told is not None
    assert (told.explained, told.smaller, told.exact) == (len(rows), 0, False)
    assert len(rows) > MOST_EXACT
    assert sum(told.plan.over_all) == pytest.approx(answer.plan_total.forecast, rel=1e-9)
    by_group = dict.fromkeys(told.plan.groups, 0.0)
    for one in alone:
        assert one is not None
        for group, units in zip(one.plan.groups, one.plan.over_all, strict=True):
            by_group[group] += units
    assert by_group == pytest.approx(dict(zip(told.plan.groups, told.plan.over_all, strict=True)), rel=1e-6, abs=1.0)
    if scenario != PLAN:
        assert told.change is not None
        assert answer.scenario_total is not None
        assert sum(told.change.over_all) == pytest.approx(
            answer.scenario_total.forecast - answer.plan_total.forecast, rel=1e-9)


@pytest.fixture
def by_class(background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    """Seasonal naive forecasts the kettle in place of its boosters."""
    registry.promote(KETTLE, model)
    background.watch()
    registry.promote(KETTLE, replace(
        model, boosters=model, challenger=Challenger({"seasonal_naive": OURS["seasonal_naive"].load({})})))
    background.watch()


@pytest.mark.usefixtures("by_class")
def test_what_a_class_forecasts_is_told_under_its_name(client: FlaskClient) -> None:
    headings, rows = table(why(client))

    assert headings == ["Date", "Seasonal naive", "Forecast"]
    assert all(values[0] == values[1] for _, values in rows)
    assert why(client, **CUT).select_one("#why-title") is not None


@pytest.mark.usefixtures("by_class")
def test_a_class_in_place_of_boosters_is_told_as_a_difference_of_all_groups(services: Services, app: Flask) -> None:
    with app.app_context():
        found = parts_between(services, KETTLE, services.models.load(KETTLE, 1), services.models.load(KETTLE, 2))

    assert found is not None
    assert {"price", "seasonal naive"} <= set(found)
    assert np.isfinite(list(found.values())).all()


@pytest.mark.usefixtures("by_class")
def test_the_answer_of_a_class_adds_up_to_its_total(app: Flask, services: Services) -> None:
    """What the API, scenarios and sentences tell is made of this."""
    with app.app_context():
        answer = plan_of(services, rows_of([KETTLE.key]), 7)
        told = explain_lines(services, answer.lines)

    assert told is not None
    assert told.plan.groups == ["seasonal naive"]
    assert sum(told.plan.over_all) == pytest.approx(answer.lines[0].plan_units)
