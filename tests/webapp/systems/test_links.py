"""Where pages of Dagster and MLflow are, as a browser reaches them."""

import pytest
from flask import Flask

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.services import services
from webapp.systems.links import dagster_link, mlflow_link, run_link, version_link
from webapp.tables import Retrain

KETTLES = RegionItem("north", "kettle")


@pytest.mark.parametrize("set_up", [
    {"dagster_url": "http://dagster-web:3000", "mlflow_url": "http://mlflow:5000",
     "dagster_page_url": "https://dagster.example.com/", "mlflow_page_url": "https://mlflow.example.com/"},
    {"dagster_url": "https://dagster.example.com", "mlflow_url": "https://mlflow.example.com"}])
def test_links_lead_to_where_browsers_reach_the_pages(app: Flask, set_up: dict[str, str]) -> None:
    with app.app_context():
        for name, url in set_up.items():
            setattr(services().settings, name, url)

        links = [run_link("abc"), dagster_link(Retrain(carrier="backfill", dagster_id="b1")), mlflow_link(KETTLES),
                 version_link(KETTLES, 2)]

    assert links == ["https://dagster.example.com/runs/abc", "https://dagster.example.com/runs/b/b1",
                     "https://mlflow.example.com/#/models/shop.north.kettle",
                     "https://mlflow.example.com/#/models/shop.north.kettle/versions/2"]
