"""Thin Dagster shells around plain objects."""

from datetime import UTC, datetime
from functools import lru_cache

import dagster as dg

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.stored_files import NotInStoreError
from demand_assets.pipeline.run import Pipeline
from demand_assets.settings import Settings
from demand_assets.sources import open_source


class PipelineResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The pipeline of the dataset that the settings name; fields that are given override the environment."""

    dataset: str | None = None
    state: str | None = None
    horizon: int | None = None

    def open(self) -> Pipeline:
        """The stages with their source, store and registry."""
        return open_pipeline(self.settings)

    @property
    def settings(self) -> Settings:
        """The settings of the environment, with the fields that are given in their place."""
        given = {"dataset": self.dataset, "state": self.state, "horizon": self.horizon}
        return Settings(**{name: value for name, value in given.items() if value is not None})


def open_pipeline(settings: Settings) -> Pipeline:
    """The stages of the settings' dataset; the same ones each time, since a large source takes long to look through.

    Raises: DatasetFileError: the dataset file cannot be used.
    """
    try:
        changed = settings.dataset.stat().st_mtime_ns
    except OSError:
        changed = 0  # reading it says what is wrong
    return _opened(settings, changed)


@lru_cache(maxsize=2)
def _opened(settings: Settings, _changed: int) -> Pipeline:
    dataset = settings.described
    store = DemandStore(settings.demand_store_url)
    return Pipeline(
        dataset=dataset, source=open_source(dataset, _first_start(store, dataset)), store=store,
        registry=Registry(settings.registry_uri, dataset.name, artifacts=settings.artifacts_url,
                          stock=settings.registry == "stock"),
        cores=settings.cores_of_a_run)


def _first_start(store: DemandStore, dataset: Dataset) -> datetime | None:
    """When a simulated clock that runs faster than days began, kept in the store; None for every other source."""
    if dataset.source.kind != "simulated" or not dataset.source.seconds_per_day:
        return None
    try:
        return datetime.fromisoformat(store.read_bytes("first_start").decode())
    except (NotInStoreError, ValueError):
        now = datetime.now(UTC)
        store.write_bytes("first_start", now.isoformat().encode())
        return now
