import re
from dataclasses import replace
from datetime import timedelta

import pytest

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from tests.webapp.api.conftest import Program
from tests.webapp.conftest import KETTLE, LAST_DAY, ODD, Background
from tests.webapp.fakes import FakeRegistry
from webapp.forecasts import query


@pytest.fixture
def promoted(background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    background.watch()


def test_a_forecast_is_explained_when_that_is_asked_for(planning: Program, promoted: None) -> None:
    plain, explained = (planning.told(f"/forecasts?key={KETTLE.key}&key={ODD.key}&horizon=7{more}")["forecasts"]
                        for more in ("", "&explain=true"))

    assert [one["in_words"] for one in plain] == [[], []]
    assert [{**one, "in_words": []} for one in explained] == plain
    by_key = {one["key"]: one["in_words"] for one in explained}
    assert all(len(sentences) == 2 for sentences in by_key.values())
    assert any("the model adds" in one.lower() or "the model takes off" in one.lower() for one in by_key[KETTLE.key])
    assert "Seasonal naive repeats past demand: the forecast has no parts." in by_key[ODD.key]
    assert "<" not in str(by_key)


def test_a_what_if_is_explained_with_the_difference_of_its_totals(planning: Program, promoted: None) -> None:
    body = {"keys": [KETTLE.key], "horizon": 7, "changes": [{
        "driver": "price", "action": "percent", "value": -20, "first": str(LAST_DAY + timedelta(days=1)),
        "last": str(LAST_DAY + timedelta(days=7))}]}
    plain = planning.post("/forecasts", body).json
    answer = planning.post("/forecasts", {**body, "explain": True}).json
    unchanged = planning.post("/forecasts", {**body, "changes": [], "explain": True}).json

    assert plain is not None
    assert plain["in_words"] == []
    assert unchanged is not None
    assert unchanged["in_words"] == []
    assert answer is not None
    first, second = answer["in_words"]
    units = float(re.findall(r"gives ([\d.]+) units more", first)[0])
    assert units == pytest.approx(answer["scenario"]["forecast"] - answer["plan"]["forecast"], abs=0.05)
    assert re.search(r"The model adds [\d.]+ units for price", second)


def test_how_far_off_forecasts_were_is_told_or_that_it_is_not_known(planning: Program) -> None:
    assert planning.told(f"/region-items/{KETTLE.key}/accuracy")["in_words"] == [
        "No period that was forecast has known sales yet."]


def numbers(told: dict[str, float]) -> list[float]:
    return [told[f"p{tenth}0"] for tenth in range(1, 10)]


class TestDeciles:
    """Seven periods of the kettles; what a token is told of the nine deciles."""

    FORECASTS = f"/forecasts?key={KETTLE.key}&horizon=7"
    TOTALS = f"/totals?key={KETTLE.key}&horizon=7"

    def test_they_are_told_where_they_are_asked_for(self, planning: Program, promoted: None) -> None:
        plain = planning.told(self.FORECASTS)["forecasts"][0]
        told = planning.told(f"{self.FORECASTS}&deciles=true")["forecasts"][0]

        assert {each["deciles"] is None for each in plain["periods"]} == {True}
        assert [{**each, "deciles": None} for each in told["periods"]] == plain["periods"]
        for each in told["periods"]:
            deciles = numbers(each["deciles"])
            assert deciles[0] >= 0
            assert deciles == sorted(deciles)
            assert deciles[0] < each["forecast"] < deciles[8]

    def test_a_total_of_one_region_item_has_its_own(self, planning: Program, promoted: None) -> None:
        own = planning.told(f"{self.FORECASTS}&deciles=true")["forecasts"][0]
        total = planning.told(f"{self.TOTALS}&deciles=true")

        assert [each["deciles"] for each in total["periods"]] == [each["deciles"] for each in own["periods"]]
        assert planning.told(self.TOTALS)["total"]["deciles"] is None
        whole = numbers(total["total"]["deciles"])
        assert whole == sorted(whole)
        assert whole[0] < total["total"]["forecast"] < whole[8]
        assert whole[8] < sum(each["deciles"]["p90"] for each in own["periods"])

    def test_a_scenario_without_a_change_has_those_of_the_plan(self, planning: Program, promoted: None) -> None:
        body = {"keys": [KETTLE.key, ODD.key], "horizon": 7, "deciles": True, "changes": []}
        change = {"driver": "price", "action": "percent", "value": -20, "first": str(LAST_DAY + timedelta(days=1)),
                  "last": str(LAST_DAY + timedelta(days=1))}

        unchanged, cheaper = (planning.post("/forecasts", {**body, "changes": changes}).json
                              for changes in ([], [change]))

        assert unchanged is not None
        assert cheaper is not None
        assert unchanged["scenario"]["deciles"] == unchanged["plan"]["deciles"] == cheaper["plan"]["deciles"]
        assert numbers(cheaper["scenario"]["deciles"])[8] > numbers(cheaper["plan"]["deciles"])[8]
        total = planning.told(f"/totals?key={KETTLE.key}&key={ODD.key}&horizon=7&deciles=true")
        assert numbers(total["total"]["deciles"]) == pytest.approx(numbers(unchanged["plan"]["deciles"]))
        kettles, = (one for one in cheaper["region_items"] if one["plan"]["key"] == KETTLE.key)
        assert kettles["scenario"]["periods"][0]["deciles"]["p90"] > kettles["plan"]["periods"][0]["deciles"]["p90"]

    def test_of_a_model_of_before_they_are_not_known(self, planning: Program, background: Background,
                                                     registry: FakeRegistry, model: ForecastModel) -> None:
        registry.promote(KETTLE, replace(model, calibration=replace(model.calibration, spread=None)))
        background.watch()

        told = planning.told(f"{self.FORECASTS}&deciles=true")["forecasts"][0]
        total = planning.told(f"/totals?key={KETTLE.key}&key={ODD.key}&horizon=7&deciles=true")

        assert told["served_by"] == "production"
        assert {each["deciles"] is None for each in told["periods"]} == {True}
        assert {each["upper"] > each["forecast"] for each in told["periods"]} == {True}
        assert total["total"]["deciles"] is None
        assert {each["deciles"] is None for each in total["periods"]} == {True}

    def test_stored_forecasts_add_up_to_the_same(self, planning: Program, promoted: None, background: Background,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
        url = f"/totals?key={KETTLE.key}&key={ODD.key}&horizon=7&deciles=true"
        asked = planning.told(url)
        background.make_stored_forecasts()
        monkeypatch.setattr(query, "MOST_REGION_ITEMS", 1)

        stored = planning.told(url)

        assert stored["missing"] == 0
        pairs = zip([stored["total"], *stored["periods"]], [asked["total"], *asked["periods"]], strict=True)
        for ours, theirs in pairs:
            assert numbers(ours["deciles"]) == pytest.approx(numbers(theirs["deciles"]), rel=1e-4)
