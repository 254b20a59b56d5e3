"""What the API tells of why a forecast is what it is."""

import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from tests.webapp.api.conftest import Program, problem_of
from tests.webapp.conftest import KETTLE, ODD, Background
from tests.webapp.fakes import FakeRegistry


@pytest.mark.usefixtures("three")
def test_contributions_add_up_to_the_forecast_and_name_the_drivers(viewing: Program) -> None:
    told = viewing.told(f"/explanations?key={KETTLE.key}&horizon=7")
    forecast = viewing.told(f"/forecasts?key={KETTLE.key}&horizon=7&overrides=false")["forecasts"][0]

    assert told["unit"] == "units"
    assert told["total"] == pytest.approx(forecast["total"])
    assert sum(one["units"] for one in told["contributions"]) == pytest.approx(told["total"])
    assert [one["date"] for one in told["periods"]] == [one["date"] for one in forecast["periods"]]
    assert [sum(one["contributions"]) for one in told["periods"]] == pytest.approx(
        [one["forecast"] for one in forecast["periods"]])
    assert "price" in [one["name"] for one in told["contributions"]]


def test_what_the_baseline_forecasts_has_nothing_to_explain(viewing: Program) -> None:
    told = problem_of(viewing.get(f"/explanations?key={KETTLE.key}"), 409)

    assert told["detail"].startswith("The baseline forecasts these region-items")


@pytest.mark.parametrize(("query", "status"), [
    ("", 422), ("?key=north%7Cnothing", 404), (f"?key={KETTLE.key}&horizon=15", 422),
    ("?" + "&".join(f"key={KETTLE.key}" for _ in range(101)), 422)])
def test_wrong_questions_are_told(viewing: Program, query: str, status: int) -> None:
    problem_of(viewing.get(f"/explanations{query}"), status)


@pytest.mark.usefixtures("three")
def test_those_without_a_model_are_named_beside_those_with_one(viewing: Program) -> None:
    response = viewing.app.test_client().get(
        "/api/v1/explanations", query_string={"key": [KETTLE.key, ODD.key]},
        headers={"Authorization": f"Bearer {viewing.token}"})

    assert [one["key"] for one in response.json["without"]] == [ODD.key]


@pytest.mark.usefixtures("three")
def test_a_whole_region_is_summed_up_and_told_in_words(
        viewing: Program, background: Background, registry: FakeRegistry, pooled: PooledModel) -> None:
    registry.promote_pooled(pooled)
    background.watch()

    told = viewing.told(f"/explanations?region={KETTLE.region}&horizon=7")
    total = viewing.told(f"/totals?region={KETTLE.region}&horizon=7&overrides=false")

    assert (told["region_items"], told["exact"]) == (total["region_items"], False)
    assert told["total"] == pytest.approx(total["total"]["forecast"])
    assert sum(one["units"] for one in told["contributions"]) == pytest.approx(told["total"])
    assert [one["total"] for one in told["periods"]] == pytest.approx([one["forecast"] for one in total["periods"]])
    assert any(words.startswith("From a usual level of") for words in told["in_words"])


def test_more_than_a_page_forecasts_are_refused_in_words(viewing: Program, background: Background) -> None:
    background.catalogue(*(RegionItem("vast", f"item {number:03}") for number in range(501)))

    told = problem_of(viewing.get("/explanations?region=vast"), 422)

    assert told["detail"].startswith("501 region-items are too many to be explained together; at most 500 can be.")
