"""What metrics are made of, without a server: the app's database, a Dagster instance, counters, processes."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from flask import Flask

from demand_assets.dagster_instance.metrics import DagsterMetrics
from deploy.observability.app_metrics import app_metrics, quality_metrics
from deploy.observability.exporter import Exporter, counted, seldom
from deploy.observability.process_health import Checks
from deploy.observability.process_metrics import ProcessMetrics
from deploy.settings import simulated_dataset
from webapp import create_app
from webapp.db.database import db, now, writing
from webapp.settings import Settings
from webapp.tables import Catalogue, LiveAccuracy, Production, Retrain, RetrainItem, SystemState
from webapp.telemetry.counters import Counters

WAITS = 90
"""Seconds that a retrain has waited in Dagster's queue."""


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Three region-items, two of which are judged; a retrain that Dagster has and does not begin."""
    folder = tmp_path_factory.mktemp("app")
    made = create_app(Settings(demand_dataset=simulated_dataset(), demand_state=folder, web_secret_key="x" * 32,
                               web_database_url=f"sqlite:///{folder / 'app.db'}"))
    with made.app_context():
        db.create_all()
        with writing():
            at = now()
            for place, (status, wape, skill) in enumerate(
                    [("production", 0.1, 0.3), ("production", 0.3, -0.1), ("baseline", None, None)], start=1):
                db.session.add(Catalogue(id=place, key=f"north|item {place}", region="north", item=f"item {place}",
                                         in_catalogue=True, position=place, last_date="2026-06-30"))
                db.session.flush()
                db.session.add(Production(id=place, status=status, wape=wape,
                                          promoted_at=at - timedelta(days=place) if wape else None))
                db.session.add(LiveAccuracy(id=place, live_wape=wape, live_skill=skill, live_bias=wape,
                                            live_outside=int(place == 2), drift=0.1))
            db.session.add(Retrain(
                request_id="r1", asked_by="ann@example.com", size=1, state="sent", dagster_state="waiting",
                dagster_id="b1", carrier="backfill", asked_at=at, sent_at=at - timedelta(seconds=WAITS),
                items=[RetrainItem(key="north|item 1", state="queued", open_slot=1)]))
            db.session.add(SystemState(name="mlflow", is_up=False, checked_at=at, since=at, message="no answer"))
            db.session.add(SystemState(name="sync", is_up=True, checked_at=at, since=at, message=""))
    return made


@pytest.fixture
def counters(counting: Path) -> Counters:
    """Everything that is counted, counted once."""
    made = Counters()
    made.requests.labels("GET", "overview.show", "2xx").inc()
    made.request_seconds.labels("overview").observe(0.3)
    made.model_lookups.labels("memory").inc()
    made.decisions.labels("promoted").inc()
    with made.step("dagster"):
        pass
    made.loop_failures.labels("dagster").inc()
    return made


@pytest.fixture(scope="session")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


@pytest.fixture
def exporter(app: Flask, counters: Counters, counting: Path, instance: dg.DagsterInstance, tmp_path: Path) -> Exporter:
    """All sources; the daemon does not live, the web app lives and is not ready."""
    dagster = DagsterMetrics(instance)
    return Exporter(
        {"counters": lambda: counted(counting), "app": lambda: app_metrics(app),
         "quality": seldom(lambda: quality_metrics(app)), "dagster": dagster.collect,
         "processes": ProcessMetrics(tmp_path, ["web", "web-sync"]).collect},
        {"dagster-daemon": Checks.one(lambda: dagster.daemons_live(300)), "web": Checks(lambda: True, lambda: False)})
