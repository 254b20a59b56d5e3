"""A registered model, opened where this package is not installed: what ``pyfunc_loader`` asks of the shipped code.

It knows no settings and no web app: models and demand are found by what MLflow tells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from pydantic import ValidationError

from demand_assets.forecasting.contract.region_item import RegionItem, pooled_name
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.forecast.scoring import BadFrameError, score
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.model.serving.baseline import BASELINE
from demand_assets.forecasting.model.serving.own_model import ForecastModel, pooled_version
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.serving.serving_model import ServingModel
from demand_assets.forecasting.registry.loadable.shipped_code import DATASET_FILE
from demand_assets.forecasting.registry.loadable.store_note import DEMAND_STORE, store_url
from demand_assets.forecasting.registry.version_files import damage_is_told, identified, verified
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.stored_files import NotInStoreError

POOLED_HELD = 4


@dataclass(frozen=True)
class LoadedModel:
    """A model that answers tables."""

    dataset: Dataset
    forecaster: Forecaster
    model: ForecastModel | PooledModel
    name: str
    """Registered."""
    region_item: RegionItem | None
    """Whose model it is; None of the pooled one, which forecasts every region-item."""
    store: str
    """Where the demand is."""

    def predict(self, frame: pd.DataFrame, params: Mapping[str, Any]) -> pd.DataFrame:
        """Region, item, date, forecast, lower and upper (``scoring.score``).

        Args:
            params: ``horizon``, ``coverage`` and ``deciles`` as of ``score``; ``model``: what forecasts, ``production``
                (the region-item's own), ``pooled`` or ``baseline``, this model itself unless given.
        Raises: MlflowException: what is asked cannot be answered; a server answers 400 with these words.
        """
        asked = str(params.get("model", self.model.served_by))
        try:
            return score(frame, self.dataset, self.forecaster, lambda one: self._serving(one, asked),
                         params.get("horizon"), params.get("coverage", 0.8), bool(params.get("deciles", False)))
        except NotInStoreError as error:
            raise MlflowException.invalid_parameter_value(
                f"{error}. It was looked for in {self.store}; another place is given with "
                'load_model(…, model_config={"demand_store": URL})') from error
        except (BadFrameError, ModelFilesError) as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error

    def _serving(self, region_item: RegionItem, asked: str) -> ServingModel:
        """What forecasts the region-item."""
        if self.region_item not in (None, region_item):
            raise BadFrameError(f"this is the model of {self.region_item}, which does not forecast {region_item}; "
                                f"load {region_item.model_name(self.dataset.name)}, or "
                                f"{pooled_name(self.dataset.name)}, which forecasts every region-item")
        models: dict[str, ServingModel] = {
            self.model.served_by: self.model, "pooled": self.model.pooled, "baseline": BASELINE}
        if asked not in models:
            raise BadFrameError(f"model {asked!r} is not known here; {self.name} answers by {', '.join(models)}")
        return models[asked]


def opened(folder: Path, config: Mapping[str, Any]) -> LoadedModel:
    """The model whose files are in a folder.

    Args:
        config: ``pooled``, where the pooled model is that it stands on; empty in that one itself. ``demand_store``,
            where the demand is; as the dataset's experiment in MLflow tells unless given.
    Raises: ModelFilesError: files are missing, damaged or another's. NotInStoreError: it is not known where the demand
        is.
    """
    dataset = Dataset.model_validate_json((Path(__file__).parents[2] / DATASET_FILE).read_bytes())
    try:
        identity = identified(folder)
    except (OSError, ValidationError) as error:
        raise ModelFilesError(f"the files in {folder} do not say whose they are: {error}") from error
    if identity is None or identity.name == pooled_name(dataset.name):
        version = None if identity is None else identity.version
        name, region_item = pooled_name(dataset.name), None
        model: ForecastModel | PooledModel = _pooled_in(folder, name, version)
    else:
        name, version = identity.name, identity.version
        region_item = RegionItem.from_model_name(name)[1]
        contents = verified(folder, name, version)
        needed = pooled_version(folder, contents)
        with damage_is_told(name, version):
            model = ForecastModel.load(folder, _pooled_at(str(config["pooled"]), pooled_name(dataset.name), needed,
                                                          mlflow.get_registry_uri()), version, contents)
    store = _store_of(dataset, str(config.get("demand_store") or ""))
    return LoadedModel(dataset, Forecaster(dataset, DemandStore(store)), model, name, region_item, store)


@lru_cache(maxsize=POOLED_HELD)
def _pooled_at(uri: str, name: str, version: int, _registry: str) -> PooledModel:
    """The same object for all that stand on it."""
    return _pooled_in(Path(mlflow.artifacts.download_artifacts(uri)), name, version)


def _pooled_in(folder: Path, name: str, version: int | None) -> PooledModel:
    if version is None:  # of before files said whose they are
        return PooledModel.load(folder, latest_only=True)
    contents = verified(folder, name, version)
    with damage_is_told(name, version):
        return PooledModel.load(folder, version, latest_only=True, contents=contents)


def _store_of(dataset: Dataset, given: str) -> str:
    if given:
        return given
    found = mlflow.MlflowClient().get_experiment_by_name(dataset.name)
    if found is None or DEMAND_STORE not in found.tags:
        raise NotInStoreError(f"MLflow at {mlflow.get_tracking_uri()} does not tell where the demand of "
                              f"{dataset.title} is (experiment {dataset.name}, tag {DEMAND_STORE}); give its URL with "
                              'load_model(…, model_config={"demand_store": URL})')
    return store_url(found.tags[DEMAND_STORE], found.artifact_location)
