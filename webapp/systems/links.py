"""The pages of runs and models in Dagster and MLflow."""

from urllib.parse import quote

from flask import Flask

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.dagster_client import DagsterClient, Sent
from webapp.services import services
from webapp.tables import Retrain


def dagster_link(retrain: Retrain) -> str | None:
    """The page of the retrain's run or backfill in Dagster; None before it is sent."""
    if not retrain.dagster_id:
        return None
    return _pages_of_dagster().link(Sent("backfill" if retrain.carrier == "backfill" else "run", retrain.dagster_id))


def mlflow_link(region_item: RegionItem) -> str:
    """The page of the region-item's registered model in MLflow."""
    name = region_item.model_name(services().dataset.name)
    settings = services().settings
    return f"{(settings.mlflow_page_url or settings.mlflow_url).rstrip('/')}/#/models/{quote(name, safe='~')}"


def version_link(region_item: RegionItem, version: int) -> str:
    """The page of one version of the region-item's model in MLflow."""
    return f"{mlflow_link(region_item)}/versions/{version}"


def run_link(run_id: str) -> str:
    """The page of one run in Dagster."""
    return _pages_of_dagster().link(Sent("run", run_id))


def _pages_of_dagster() -> DagsterClient:
    settings = services().settings
    return DagsterClient(settings.dagster_page_url or settings.dagster_url)


def add_to(app: Flask) -> None:
    """Let templates lead there."""
    app.jinja_env.globals.update(dagster_link=dagster_link, mlflow_link=mlflow_link, version_link=version_link,
                                 run_link=run_link)
