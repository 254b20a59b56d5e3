"""What scenarios are computed by."""

import pytest

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from tests.webapp.conftest import KETTLE, ODD, Background
from tests.webapp.fakes import FakeRegistry


@pytest.fixture
def promoted(background: Background, registry: FakeRegistry, model: ForecastModel) -> FakeRegistry:
    """Both region-items have a model in production, and a stored forecast."""
    def make() -> None:
        registry.promote(KETTLE, model, {})
        registry.promote(ODD, model, {})
        background.watch()
        background.make_stored_forecasts()

    background.once(make)
    return registry
