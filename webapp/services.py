"""What the views ask: the dataset, the forecaster, the models, all made once for each process."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from demand_assets.forecasting.contract.dataset import Dataset
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.store.demand_store import DemandStore
from webapp.serving.production_models import ProductionModels
from webapp.settings import Settings


@dataclass(frozen=True)
class Services:
    """The domain, as the app's settings describe it."""

    settings: Settings
    dataset: Dataset
    store: DemandStore
    forecaster: Forecaster
    models: ProductionModels

    @classmethod
    def from_settings(cls, settings: Settings) -> "Services":
        """Services for one dataset; nothing is read but the dataset file."""
        store = DemandStore(settings.store_url)
        dataset = settings.dataset
        return cls(settings, dataset, store, Forecaster(dataset, store),
                   ProductionModels(settings.models_folder, dataset.name))


def services() -> Services:
    """The services of the app that answers this request."""
    return cast(Services, current_app.extensions["services"])
