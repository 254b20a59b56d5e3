"""What the views ask: the dataset, the forecaster, the models, all made once for each process."""

import secrets
from dataclasses import dataclass
from typing import Any, cast

from flask import Flask, current_app

from demand_assets.forecasting.contract.periods import WORDS
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.store.demand_store import DemandStore
from webapp.language.periods import PERIOD, PERIODS
from webapp.language.unit_words import unit_words
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


def add_to(app: Flask, made: Services) -> None:
    """Keep the services for this app; templates know the dataset, the settings and this start of the app."""
    app.extensions["services"] = made
    app.extensions["started"] = secrets.token_hex(4)

    @app.context_processor
    def _dataset() -> dict[str, Any]:
        known = services()
        unit = unit_words(known.dataset.unit)
        said = known.dataset if unit == known.dataset.unit else known.dataset.model_copy(update={"unit": unit})
        return {"dataset": said, "a_period": str(PERIOD[known.dataset.frequency]),
                "periods": str(PERIODS[known.dataset.frequency]), "settings": known.settings,
                "period_of_scripts": WORDS[known.dataset.frequency][0],  # English, by which they find their own words
                "started": app.extensions["started"]}
