"""Thin Dagster shells around plain objects."""

import dagster as dg

from demand_assets.forecasting.registry import Registry
from demand_assets.forecasting.store import DemandStore
from demand_assets.pipeline import Pipeline
from demand_assets.settings import Settings
from demand_assets.sources import open_source


class PipelineResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The pipeline of the dataset that the settings name; fields that are given override the environment."""

    dataset: str | None = None
    state: str | None = None
    horizon: int | None = None

    def open(self) -> Pipeline:
        """The stages with their source, store and registry."""
        given = {"dataset": self.dataset, "state": self.state, "horizon": self.horizon}
        return open_pipeline(Settings(**{name: value for name, value in given.items() if value is not None}))


def open_pipeline(settings: Settings) -> Pipeline:
    """The stages of the settings' dataset."""
    dataset = settings.described
    return Pipeline(
        dataset=dataset, source=open_source(dataset), store=DemandStore(settings.demand_store_url),
        registry=Registry(settings.registry_uri, dataset.name, artifacts=f"{settings.folder}/mlflow/artifacts"),
        cores=settings.cores)
