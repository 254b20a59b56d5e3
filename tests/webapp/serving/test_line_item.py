"""The dataset file changes under models in production: pages go on with what can forecast, and say so."""

import pytest
from flask.testing import FlaskClient

from demand_assets.forecasting.dataset.dataset_file import load_dataset
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from tests.webapp.conftest import (
    DATASET,
    EMAIL,
    KETTLE,
    ODD,
    Background,
    demand_of,
    page,
    post,
    signed_in,
    text_of,
)
from tests.webapp.fakes import FakeRegistry
from webapp import create_app
from webapp.settings import Settings

EVENT = '[[drivers]]\nname = "event"\nkind = "category"\nfuture = "given"\ndefault = "none"\n\n[training]'
CLOSED = '[[drivers]]\nname = "closed"\nkind = "yes_no"\n\n[training]'
INCOME = '[[drivers]]\nname = "income"\nkind = "number"\nfuture = "repeat_last"\n\n[training]'
PROMO = '[[drivers]]\nname = "promo"\nkind = "yes_no"\neffect = "increasing"\n'
SHELF = '[[drivers]]\nname = "shelf"\nkind = "category"\nfuture = "repeat_last"\n'


@pytest.fixture
def promoted(background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    """One region-item has a model of its own, which a forecast was made by."""
    def make() -> None:
        registry.promote(KETTLE, model)
        background.watch()
        background.make_stored_forecasts()

    background.once(make)


def restarted(settings: Settings, old: str, new: str) -> FlaskClient:
    """The app after the dataset file was changed, signed in."""
    assert old in DATASET
    settings.demand_dataset.write_text(DATASET.replace(old, new))
    return signed_in(create_app(Settings(**settings.model_dump())).test_client(), EMAIL)


@pytest.mark.parametrize(("added", "name", "value"), [
    (EVENT, "event", "fair"), (CLOSED, "closed", "1"), (INCOME, "income", "5")])
def test_with_a_driver_added_the_model_forecasts_as_before_and_says_what_it_does_not_know(
        settings: Settings, client: FlaskClient, promoted: None, added: str, name: str, value: str) -> None:
    before = text_of(page(client.get(f"/forecasts?ri={KETTLE.key}")).select_one("#by-period"))

    client = restarted(settings, "[training]", added)
    shown = page(client.get(f"/forecasts?ri={KETTLE.key}"))

    assert [cell for cell in before.split() if cell[0].isdigit()][:20] == [
        cell for cell in text_of(shown.select_one("#by-period")).split() if cell[0].isdigit()][:20]
    assert f"{name} has no part in the forecast: the model was trained without that driver" in text_of(shown)
    assert client.get("/forecasts/why", query_string={"ri": KETTLE.key}).status_code == 200
    changed = post(client, "/forecasts", {
        "ri": [KETTLE.key], "horizon": "14", "change-0-driver": name, "change-0-action": "set", "change-0-value": value,
        "change-0-first": "2026-07-01", "change-0-last": "2026-07-14"})
    assert changed.status_code == 200
    assert f"{name} is changed without effect: the model was trained without that driver" in text_of(page(changed))


@pytest.mark.parametrize("path", ["/", "/forecasts?all=1", "/models", "/data", "/scenarios"])
def test_no_page_fails_for_a_driver_that_stored_demand_does_not_have(settings: Settings, promoted: None,
                                                                     path: str) -> None:
    assert restarted(settings, "[training]", EVENT).get(path, follow_redirects=True).status_code == 200


@pytest.mark.parametrize(("old", "new", "says"), [
    (PROMO, "", "it was trained with the driver promo, which the dataset file no longer declares"),
    (SHELF, SHELF.replace("shelf", "place"), "it was trained with the driver shelf, which the dataset file no longer"),
    (PROMO, PROMO.replace("yes_no", "number"), "it was trained with promo of kind yes_no, and the dataset file now")])
def test_what_knows_a_driver_that_is_gone_is_stood_in_for(settings: Settings, promoted: None, old: str, new: str,
                                                          says: str) -> None:
    response = restarted(settings, old, new).get(f"/forecasts?ri={KETTLE.key}")

    assert response.status_code == 200
    words = text_of(page(response))
    assert f"v1 is in production but cannot be used: {says}" in words
    assert "the seasonal-naive baseline forecasts until then" in words


def test_a_pooled_model_that_can_forecast_stands_in_first(settings: Settings, background: Background,
                                                          registry: FakeRegistry, promoted: None) -> None:
    client = restarted(settings, PROMO, "")
    fewer = load_dataset(settings.demand_dataset)
    registry.promote_pooled(train_pooled([KETTLE, ODD], lambda _: demand_of(12.0), fewer).with_version(2))
    Background(client.application, background.dagster, registry).watch()

    words = text_of(page(client.get(f"/forecasts?ri={KETTLE.key}")))

    assert "v2 of the pooled model forecasts until then" in words
