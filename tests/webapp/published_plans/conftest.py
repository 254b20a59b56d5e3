"""A plan to publish."""

import pytest

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from tests.webapp.conftest import KETTLE, ODD, Background
from tests.webapp.fakes import FakeRegistry
from tests.webapp.published_plans.builders import promoted


@pytest.fixture
def ready(background: Background, registry: FakeRegistry, model: ForecastModel) -> Background:
    """Every region-item has its stored forecast, two by models of their own."""
    promoted(background, registry, model, KETTLE, ODD)
    return background
