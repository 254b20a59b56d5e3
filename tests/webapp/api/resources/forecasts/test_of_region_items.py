import re
from datetime import timedelta

import pytest

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from tests.webapp.api.conftest import Program
from tests.webapp.conftest import KETTLE, LAST_DAY, ODD, Background
from tests.webapp.fakes import FakeRegistry


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
