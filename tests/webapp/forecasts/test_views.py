import json
from dataclasses import replace
from datetime import datetime

import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient

from demand_assets.forecasting.challengers.model_classes import OURS
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.serving.challenger import Challenger
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, demand_of, page, post, text_of
from tests.webapp.fakes import FakeRegistry
from tests.webapp.forecasts.builders import ask, change, chart_on

OTHER = REGION_ITEMS[1]


def difference(soup: BeautifulSoup) -> float:
    words = text_of(soup.select_one("#difference")).replace("−", "-").replace(",", "")
    return float(words.split(" ")[0])


@pytest.fixture
def promoted(background: Background, registry: FakeRegistry, model: ForecastModel) -> FakeRegistry:
    """The kettle's and the odd one's first models are in production."""
    registry.promote(KETTLE, model, {
        "wape": 0.0512, "wape_seasonal_naive": 0.1, "coverage_80": 0.8, "wape_realised": 0.031})
    registry.promote(ODD, model)
    background.watch()
    return registry


def test_without_a_model_the_labelled_baseline_repeats_the_last_week(client: FlaskClient) -> None:
    soup = page(client.get(f"/forecasts?ri={KETTLE.key}&horizon=7"))
    last_week = demand_of(12.0)["demand"].tail(7).sum()

    assert text_of(soup.h2) == f"{last_week:.1f} units in 7 days".replace(".0 ", " ")
    assert "seasonal-naive baseline" in text_of(soup.select_one("#model"))


def test_a_model_in_production_says_what_it_is(client: FlaskClient, promoted: FakeRegistry) -> None:
    words = text_of(page(client.get(f"/forecasts?ri={KETTLE.key}")).select_one("#model"))

    assert "production v1 promoted" in words
    assert "Backtest WAPE 5.1 % , seasonal naive 10.0 %; with the drivers as they really came 3.1 %" in words
    assert "held 80 % of the actuals" in words


def by_class(model: ForecastModel, name: str) -> ForecastModel:
    """The model with seasonal naive in place of its boosters, under that name; WAPE 20 % in place of 40 %."""
    told = {"wape": {}, "seconds": {}, "out": {"ets": "took more than 10 s"},
            "why": "seasonal naive in place of XGBoost: WAPE 20.0 % against 40.0 % of XGBoost in the same windows"}
    boosters = replace(model, card=replace(model.card, wape=0.4))
    return replace(model, challenger=Challenger({name: OURS["seasonal_naive"].load({})}), boosters=boosters,
                   report={**model.report, "challengers": told}, card=replace(model.card, wape=0.2))


def test_the_page_says_which_class_forecasts_and_why(client: FlaskClient, background: Background,
                                                     registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, by_class(model, "seasonal_naive"))
    background.watch()

    soup = page(client.get(f"/forecasts?ri={KETTLE.key}&horizon=7"))

    assert text_of(soup.h2) == f"{demand_of(12.0)['demand'].tail(7).sum():.1f} units in 7 days".replace(".0 ", " ")
    words = text_of(soup.select_one("#model"))
    assert "Model class seasonal naive . seasonal naive in place of XGBoost: WAPE 20.0 % against 40.0 %" in words
    assert "Ruled out: ets (took more than 10 s)." in words
    assert "Backtest WAPE 20.0 %" in words


def test_a_class_that_is_not_installed_leaves_the_boosters_and_the_page_says_so(
        client: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(OTHER, model)
    registry.promote(KETTLE, by_class(model, "gone"))
    background.watch()

    soup = page(client.get(f"/forecasts?ri={KETTLE.key}&horizon=7"))

    words = text_of(soup.select_one("#model"))
    assert "Its class cannot forecast here: 'gone' is no model class that is known here" in words
    assert "The XGBoost model of the same version forecasts, with its own interval; backtest WAPE 40.0 %" in words
    assert "20.0 %" not in words


def test_a_driver_whose_plan_is_missing_is_named_under_the_chart_and_other_assumptions_are_not(
        client: FlaskClient) -> None:
    soup = page(client.get(f"/forecasts?ri={KETTLE.key}&horizon=7"))

    told = text_of(soup.select_one("#not-planned"))
    assert "is not known for" in told
    assert "is planned unless a scenario says otherwise" not in told


def test_the_chart_has_history_and_forecast_and_the_table_the_same_numbers(client: FlaskClient,
                                                                           promoted: FakeRegistry) -> None:
    soup = page(client.get(f"/forecasts?ri={KETTLE.key}&horizon=3"))
    chart = chart_on(soup)

    assert chart["dates"][-4:] == ["2026-06-30", "2026-07-01", "2026-07-02", "2026-07-03"]
    assert chart["demand"][-4] == demand_of(12.0)["demand"].iloc[-1]
    assert chart["demand"][-3:] == chart["plan"][:1] * 3 == [None] * 3
    cells = [text_of(cell) for cell in soup.select("#by-period tbody tr")[0].find_all("td")]
    assert cells[0] == f"{chart['plan'][-3]:.1f}"
    assert float(cells[1]) <= float(cells[0]) <= float(cells[2])


def test_a_selection_is_summed(client: FlaskClient, promoted: FakeRegistry) -> None:
    soup = page(client.get("/forecasts", query_string={"ri": [KETTLE.key, OTHER.key, ODD.key], "horizon": "7"}))

    parts = [float(text_of(row.find_all("td")[2])) for row in soup.select("#by-region-item tbody tr")]
    total = float(text_of(soup.h2).split(" ")[0].replace(",", ""))
    assert sum(parts) == pytest.approx(total, abs=0.6)
    assert [text_of(row.td) for row in soup.select("#by-region-item tbody tr")] == ["v1", "baseline", "v1"]


def test_the_total_over_the_horizon_has_its_interval(client: FlaskClient) -> None:
    soup = page(client.get(f"/forecasts?ri={KETTLE.key}&horizon=7"))
    chart = chart_on(soup)
    plan, lower, upper = (chart[name][-7:] for name in ("plan", "lower", "upper"))

    forecast = sum(plan)  # the baseline's errors count as independent: halves add as squares
    below = sum((mid - low) ** 2 for mid, low in zip(plan, lower, strict=True)) ** 0.5
    above = sum((high - mid) ** 2 for mid, high in zip(plan, upper, strict=True)) ** 0.5
    words = text_of(soup.select_one("#plan-interval"))
    assert [float(number) for number in words.removeprefix("80 % range: ").split(" to ")] == pytest.approx(
        [forecast - below, forecast + above], abs=0.1)


def test_a_scenario_has_the_interval_of_its_total_too(client: FlaskClient, promoted: FakeRegistry) -> None:
    soup = ask(client, ri=[KETTLE.key, ODD.key], **change())

    low, high = (float(number) for number in
                 text_of(soup.select_one("#scenario-interval")).removeprefix("80 % range: ").split(" to "))
    total = float(text_of(soup.select_one("#scenario-total")).split()[0])
    chart = chart_on(soup)
    assert low < total < high
    assert high - low < sum(chart["scenario_upper"][-14:]) - sum(chart["scenario_lower"][-14:])  # errors cancel out


def test_a_price_cut_stands_beside_the_plan(client: FlaskClient, promoted: FakeRegistry) -> None:
    soup = ask(client, **change())

    assert difference(soup) > 0
    assert "%" in text_of(soup.select_one("#difference"))
    assert chart_on(soup)["scenario"]
    assert soup.select_one("[name=change-0-value]")["value"] == "-20"  # type: ignore[index]


def test_past_days_like_the_changed_ones_are_shown_of_one_region_item(client: FlaskClient,
                                                                      promoted: FakeRegistry) -> None:
    rows = ask(client, **change(first="2026-07-02", last="2026-07-02")).select("#analogues tbody tr")

    assert len(rows) == 3
    assert all(text_of(row.td) == "Thu, Jul 2, 2026" for row in rows)
    past = [datetime.strptime(text_of(row.th), "%a, %b %d, %Y") for row in rows]
    assert max(past) < datetime(2026, 7, 1)  # of known demand
    assert not ask(client, ri=[KETTLE.key, ODD.key], **change()).select("#analogues")
    assert not ask(client).select("#analogues")


def test_every_kind_of_driver_can_be_changed_several_times(client: FlaskClient, promoted: FakeRegistry) -> None:
    fields = {**change(0), **change(1, action="add", value="1", first="2026-07-03", last="2026-07-05"),
              **change(2, driver="promo", action="set", value="1", last="2026-07-02"),
              **change(3, driver="shelf", action="set", value="front"), **change(7, action="set", value="9.5")}

    assert len(ask(client, **fields).select("fieldset.change")) == 5


def test_the_result_alone_answers_htmx(client: FlaskClient, promoted: FakeRegistry) -> None:
    soup = ask(client, htmx=True, **change())

    assert soup.find("html") is None
    assert soup.find("section", id="result")
    assert soup.find("form", id="scenario") is None


def test_a_scenario_of_several_region_items_is_answered_for_each(client: FlaskClient, promoted: FakeRegistry) -> None:
    soup = ask(client, ri=[KETTLE.key, ODD.key], **change())

    assert len(soup.select("#by-region-item tbody tr")) == 2
    assert difference(soup) > 0


def test_a_link_can_carry_a_scenario(client: FlaskClient, promoted: FakeRegistry) -> None:
    soup = page(client.get("/forecasts", query_string={"ri": KETTLE.key, **change()}))

    assert difference(soup) > 0


def test_values_that_no_model_has_seen_are_flagged(client: FlaskClient, promoted: FakeRegistry) -> None:
    assert "outside what the model has seen" in text_of(ask(client, **change(action="set", value="99")))


@pytest.mark.parametrize(("fields", "message"), [
    (change(value="ten"), "Give a number, not 'ten'"),
    (change(value=""), "Give a number"),
    (change(value="nan"), "Give a number"),
    (change(value="-1,234"), "This could mean -1234 or -1.2340"),
    (change(value="1e13"), "Give a number, not '1e13'"),
    (change(value="-101"), "cannot fall by more than 100 percent"),
    (change(value="-100"), "A price is above 0"),
    (change(action="set", value="0"), "A price is above 0"),
    (change(action="double"), "Choose one of: percent, set, add"),
    (change(first="2026-02-30"), "Give a date like 2026-01-31, not '2026-02-30'"),
    (change(first="2026-07-09", last="2026-07-02"), "lies before the first"),
    (change(first="2027-01-01", last="2027-01-05"), "The forecast runs from 2026-07-01 to 2026-07-14"),
    (change(driver="weather"), "'weather' is not a driver of Test shop"),
    (change(driver="promo", action="set", value="2"), "Choose yes or no"),
    (change(driver="shelf", action="set", value=""), "Choose a value"),
])
def test_what_cannot_be_read_is_told_at_its_field(client: FlaskClient, promoted: FakeRegistry,
                                                  fields: dict[str, str], message: str) -> None:
    whole, part = (post(client, "/forecasts", {"ri": KETTLE.key, "horizon": "14", **fields}, headers=headers)
                   for headers in ({}, {"HX-Request": "true"}))

    assert message in text_of(page(whole).select_one("form#scenario"))
    told = page(part).select_one("#scenario-messages[hx-swap-oob]")
    assert told is not None
    assert message in " ".join([text_of(told), *json.loads(str(told["data-problems"])).values()])
    assert not page(part).select("form#scenario, [name^=change-]")  # what is typed meanwhile is left alone
    for response in (whole, part):
        assert response.status_code == 422
        assert "The scenario was not applied" in text_of(page(response))


def test_a_price_that_a_change_takes_below_zero_is_no_question_for_a_model(client: FlaskClient,
                                                                           promoted: FakeRegistry) -> None:
    response = post(client, "/forecasts", {"ri": KETTLE.key, "horizon": "14", **change(action="add", value="-99")})

    assert response.status_code == 422
    assert "a price is above 0" in text_of(page(response))


def test_the_address_holds_what_was_asked(client: FlaskClient, promoted: FakeRegistry) -> None:
    """So that it can be reloaded, returned to and sent to somebody."""
    response = post(client, "/forecasts", {"ri": KETTLE.key, "horizon": "14", **change()},
                    headers={"HX-Request": "true"})
    again = client.get(response.headers["HX-Push-Url"])

    assert text_of(page(again).select_one("#scenario-total")) == text_of(page(response).select_one("#scenario-total"))
    wrong = post(client, "/forecasts", {"ri": KETTLE.key, "horizon": "14", **change(value="ten")},
                 headers={"HX-Request": "true"})
    assert "HX-Push-Url" not in wrong.headers


def test_rows_are_added_and_removed_without_scripts(client: FlaskClient) -> None:
    added = ask(client, add="promo", **change())
    assert [field["value"] for field in added.select("[name$=-driver]")] == ["price", "promo"]

    removed = ask(client, drop="0", **change(0), **change(1, value="5"))
    assert [field["name"] for field in removed.select("[name$=-driver]")] == ["change-1-driver"]


def test_a_row_is_added_by_htmx(client: FlaskClient) -> None:
    response = client.get("/forecasts/change", query_string={"ri": KETTLE.key, "add": "promo", **change(4)})

    assert page(response).select_one("[name=change-5-driver]")["value"] == "promo"  # type: ignore[index]
    assert client.get(f"/forecasts/change?ri={KETTLE.key}&add=weather").status_code == 422


@pytest.mark.parametrize(("query", "status", "message"), [
    ("ri=north|kettle&horizon=0", 422, "whole number from 1 to 14"),
    ("ri=north|kettle&horizon=10000", 422, "whole number from 1 to 14"),
    ("ri=north|kettle&horizon=-3", 422, "whole number from 1 to 14"),
    ("ri=north|kettle&horizon=7.5", 422, "whole number from 1 to 14"),
    ("ri=north|kettle&horizon=%D9%A3", 422, "whole number from 1 to 14"),
    ("ri=north|nothing", 404, "There is no region-item north · nothing"),
    ("ri=north", 404, "is no region-item"),
    ("ri=north|kettle|x", 404, "is no region-item"),
    ("ri=~FF|x", 404, "no UTF-8"),
    ("ri=%00|x", 400, "NUL character"),
    ("ri=" + "x" * 1001 + "|y", 404, "too long"),
])
def test_impossible_questions_get_a_clear_page(client: FlaskClient, caplog: pytest.LogCaptureFixture, query: str,
                                               status: int, message: str) -> None:
    response = client.get(f"/forecasts?{query}")

    assert response.status_code == status
    assert message in text_of(page(response).main)
    assert not [record for record in caplog.records if record.exc_info]


def test_no_selection_offers_a_choice_that_works_without_scripts(client: FlaskClient) -> None:
    soup = page(client.get("/forecasts?find=kettle"))

    assert [box["value"] for box in soup.select("#choices [name=ri]")] == ["north|kettle", "south|kettle"]


def test_a_region_item_without_demand_is_named_and_the_rest_is_answered(client: FlaskClient,
                                                                        background: Background) -> None:
    new = RegionItem("north", "brand new")
    background.catalogue(new, *REGION_ITEMS)

    soup = page(client.get("/forecasts", query_string={"ri": [new.key, KETTLE.key]}))
    assert "north · brand new cannot be forecast. No demand is stored for it yet" in text_of(soup)
    assert len(soup.select("#by-region-item tbody tr")) == 1
    assert client.get("/forecasts", query_string={"ri": new.key}).status_code == 200


def test_odd_names_have_a_page(client: FlaskClient, promoted: FakeRegistry) -> None:
    soup = page(client.get("/forecasts", query_string={"ri": ODD.key}))

    assert soup.h1.text == "süd/west · a|b: 3.5 % <b>"  # type: ignore[union-attr]


def news(client: FlaskClient, soup: BeautifulSoup) -> tuple[int, BeautifulSoup]:
    url = soup.select_one("#result > [data-live]")["hx-get"]  # type: ignore[index]
    response = client.get(str(url), headers={"HX-Request": "true"})
    return response.status_code, page(response)


def test_the_page_tells_of_a_promotion_while_it_is_open(client: FlaskClient, background: Background,
                                                        promoted: FakeRegistry, model: ForecastModel) -> None:
    soup = ask(client, **change())
    assert news(client, soup)[0] == 204

    promoted.promote(KETTLE, model)
    background.watch()
    status, after = news(client, soup)

    assert status == 200
    assert text_of(after.select_one("#promoted")).startswith("v1 → v2 , promoted ")
    assert "v1 → v2, promoted" in text_of(after.select_one("#model"))
    assert difference(after) > 0
    assert news(client, after)[0] == 204


def test_a_first_model_is_news_too(client: FlaskClient, background: Background, registry: FakeRegistry,
                                   model: ForecastModel) -> None:
    soup = page(client.get("/forecasts", query_string={"ri": [KETTLE.key, ODD.key]}))
    registry.promote(ODD, model)
    background.watch()

    assert text_of(news(client, soup)[1].select_one("#promoted")).startswith(f"{ODD}: baseline → v1")


def chips(soup: BeautifulSoup) -> list[str]:
    return [text_of(chip) for chip in soup.select("#selected .chip-name")]


def test_what_is_selected_is_opened_alone_or_left_out(client: FlaskClient, promoted: FakeRegistry) -> None:
    soup = page(client.get("/forecasts", query_string={"region": "north", "ri": ODD.key, "horizon": "7",
                                                       "tab": "table"}))
    assert chips(soup) == ["north · all items", str(ODD)]

    alone = page(client.get(str(soup.select(".chip a.chip-name")[0]["href"])))
    assert (text_of(alone.h1), chips(alone)) == ("north · all items", ["north · all items"])
    assert alone.select("a.chip-name") == []  # it is alone
    rest = page(client.get(str(soup.select(".chip-out")[0]["href"])))
    assert chips(rest) == [str(ODD)]
    assert text_of(rest.select_one("#totals h2")).endswith("in 7 days")
    assert "is-current" in rest.select_one("#panel-table")["class"]  # type: ignore[index]
    none = page(client.get(str(rest.select(".chip-out")[0]["href"])))
    assert text_of(none.select_one(".empty h2")) == "Which region-items?"


def test_a_tab_that_the_page_does_not_have_is_its_first_and_one_that_is_none_is_refused(client: FlaskClient,
                                                                                     viewer: FlaskClient) -> None:
    def current(client: FlaskClient, **query: str) -> list[str]:
        soup = page(client.get("/forecasts", query_string={"ri": KETTLE.key, "horizon": "2", **query}))
        return [str(panel["data-panel"]) for panel in soup.select(".panel.is-current")]

    assert current(client) == ["what-if"]
    assert current(client, tab="region-items") == ["what-if"]
    assert current(client, tab="history") == ["history"]
    assert current(client, adjust="2026-06-01") == ["unusual"]
    assert current(viewer, tab="what-if") == ["why"]  # who may not ask has no such tab
    assert client.get(f"/forecasts?ri={KETTLE.key}&tab=<b>").status_code == 422


def test_an_override_that_is_wrong_comes_back_on_its_tab(client: FlaskClient, promoted: FakeRegistry) -> None:
    fields = {"ri": KETTLE.key, "horizon": "7", "first": "2026-07-01", "last": "2026-07-02", "way": "percent",
              "amount": "", "comment": "", "token": "t" * 32}
    response = post(client, "/overrides", fields, form_on="/forecasts?ri=" + KETTLE.key)

    assert response.status_code == 422
    assert [each["data-panel"] for each in page(response).select(".panel.is-current")] == ["overrides"]


def test_warnings_that_repeat_are_one(client: FlaskClient, background: Background, registry: FakeRegistry,
                                      model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    registry.promote(ODD, model)
    background.watch()
    soup = ask(client, ri=[KETTLE.key, ODD.key, REGION_ITEMS[1].key], **change(action="set", value="99"))
    warnings = soup.select_one("#warnings")

    assert warnings is not None
    assert "price above anything seen: 2 of 3 region-items" in text_of(warnings)
    assert len(warnings.select("ul")[0].find_all("li", recursive=False)) == 2  # and what the baseline leaves unused
