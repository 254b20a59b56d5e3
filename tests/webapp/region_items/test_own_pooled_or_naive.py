from typing import Any

import pytest
from flask.testing import FlaskClient

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, page, text_of
from tests.webapp.fakes import FakeRegistry
from webapp.region_items.own_pooled_or_naive import Evidence

OTHER = REGION_ITEMS[1]


def card(own: float, pooled: float, seasonal_naive: float, mix: float, units: float | None) -> dict[str, Any]:
    return {"wape_own": own, "wape_pooled": pooled, "wape_seasonal_naive": seasonal_naive, "wape": mix,
            "backtest_units": units}


def cells(client: FlaskClient, *keys: str) -> dict[str, list[str]]:
    """First cell -> the others, of each row of the evidence table."""
    table = page(client.get("/forecasts", query_string={"ri": keys})).select("#evidence tr")
    return {text_of(row.th): [text_of(cell) for cell in row.find_all("td")] for row in table[1:]}


def test_the_best_is_named_by_region_item_and_in_total(client: FlaskClient, background: Background,
                                                       registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, model, card(0.10, 0.20, 0.30, 0.12, units=100))
    registry.promote(ODD, model, card(0.40, 0.20, 0.50, 0.30, units=300))
    background.watch()

    found = cells(client, KETTLE.key, ODD.key)
    assert found[str(KETTLE)] == ["10.0 % best", "20.0 %", "30.0 %", "12.0 %", "own model"]
    assert found[str(ODD)] == ["40.0 %", "20.0 % best", "50.0 %", "30.0 %", "pooled model"]
    # own: (10 + 120) of 400 units; pooled: (20 + 60); naive: (30 + 150); mix: (12 + 90)
    assert found["Total"] == ["32.5 %", "20.0 % best", "45.0 %", "25.5 %", "pooled model"]


def test_what_the_total_cannot_weigh_is_left_out_and_said(client: FlaskClient, background: Background,
                                                          registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, model, card(0.10, 0.20, 0.30, 0.12, units=100))
    registry.promote(ODD, model, card(0.40, 0.20, 0.50, 0.30, units=None))
    background.watch()

    soup = page(client.get("/forecasts", query_string={"ri": [KETTLE.key, ODD.key, OTHER.key]}))
    assert "2 region-items without them are not in it" in text_of(soup.select_one("#evidence"))
    assert cells(client, KETTLE.key, ODD.key, OTHER.key)["Total"][0] == "10.0 % best"
    assert "no model of its own was trained" in text_of(soup.select_one("#evidence"))


def test_a_candidate_that_was_kept_out_has_evidence_too(client: FlaskClient, background: Background) -> None:
    background.journal(
        Entry(KETTLE, "trained", numbers={"version": 1, **card(0.5, 0.4, 0.2, 0.45, units=10)}),
        Entry(KETTLE, "kept", reason="worse than seasonal naive"))

    soup = page(client.get("/forecasts", query_string={"ri": KETTLE.key}))
    assert text_of(soup.select_one("#evidence summary")) == "Best on the backtest: seasonal naive"
    assert cells(client, KETTLE.key) == {
        f"{KETTLE} (its candidate)": ["50.0 %", "40.0 %", "20.0 % best", "45.0 %", "seasonal naive"]}


@pytest.mark.parametrize(("own", "naive", "best"), [
    (0.50, 0.32, "seasonal_naive"), (0.50, 0.33, "pooled"),  # a fifth better than the pooled model's 0.4, or less
    (0.30, 0.31, "own"), (0.31, 0.31, "seasonal_naive"), (0.40, 0.40, "pooled")])
def test_seasonal_naive_is_best_where_it_is_clearly_better(own: float, naive: float, best: str) -> None:
    assert Evidence(own=own, pooled=0.40, seasonal_naive=naive, mix=0.40).best == best


@pytest.mark.parametrize(("of_all", "best"), [
    (None, "seasonal_naive"), (0.5, "seasonal_naive"), (1.1, "seasonal_naive"), (1.3, "pooled")])
def test_one_region_item_is_not_believed_against_all(of_all: float | None, best: str) -> None:
    numbers = {**card(own=0.5, pooled=0.4, seasonal_naive=0.3, mix=0.4, units=1.0), "naive_to_pooled_of_all": of_all}

    found = Evidence.of(numbers)

    assert found is not None
    assert found.best == best


def test_numbers_that_nothing_sold_leaves_unknown_are_no_evidence(client: FlaskClient, background: Background) -> None:
    unknown = float("nan")
    background.journal(Entry(KETTLE, "trained", numbers=card(unknown, unknown, unknown, unknown, units=0.0)))

    soup = page(client.get("/forecasts", query_string={"ri": KETTLE.key}))
    assert "unknown, nothing was backtested yet" in text_of(soup.select_one("#evidence"))
    assert page(client.get("/")).select_one("#best") is None


def test_equally_good_goes_to_what_needs_less(client: FlaskClient, background: Background, registry: FakeRegistry,
                                              model: ForecastModel) -> None:
    registry.promote(KETTLE, model, card(0.2, 0.2, 0.3, 0.2, units=10))
    background.watch()

    assert cells(client, KETTLE.key)[str(KETTLE)][-1] == "pooled model"


def test_the_overview_counts_what_is_best(client: FlaskClient, background: Background, registry: FakeRegistry,
                                          model: ForecastModel) -> None:
    registry.promote(KETTLE, model, card(0.1, 0.2, 0.3, 0.1, units=10))
    registry.promote(ODD, model, card(0.1, 0.2, 0.3, 0.1, units=10))
    background.watch()
    background.journal(Entry(OTHER, "trained", numbers=card(0.4, 0.3, 0.2, 0.3, units=10)))

    assert text_of(page(client.get("/")).select_one("#best")) == (
        "Best on the backtest, of 3 region-items: own model 2 , pooled model Pooled model: One model over "
        "all region-items; it forecasts those without a model of their own, and own models are built on it. 0 , "
        "seasonal naive 1 .")
