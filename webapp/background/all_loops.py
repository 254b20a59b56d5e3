"""The loops of the background process: each with its own pace, so that one slow system never holds up the others.

The demand store's journal and catalogue become rows, and planners' adjustments go the other way; the registry's new
production versions are tried and announced, and roll backs and pins are carried out there; forecasts are stored of what
changed; large scenarios are computed; stored retrain requests go to Dagster and are followed there; what is too old is
let go, and what was written into the audit log is sealed, and published plans are handed over; the list of work is
kept as its causes are, and people are told what happened; what was judged of forecasts is summed up, and scenarios that
are over are judged.
"""

from threading import Event

from flask import Flask

from demand_assets.forecasting.store.file_events import FileEvents, together
from demand_assets.forecasting.store.journal import Journal
from demand_assets.forecasting.store.written_since import files_of_database
from webapp.background.loops import (
    audit,
    expiry,
    hand_over,
    notice,
    scenario,
    store,
    stored_forecast,
    value_added,
    work,
)
from webapp.background.loops.dagster import SECONDS as DAGSTER_SECONDS
from webapp.background.loops.dagster import DagsterLoop
from webapp.background.loops.registry import SECONDS as REGISTRY_SECONDS
from webapp.background.loops.registry import Registry, RegistryLoop
from webapp.background.supervision import Loop, supervise
from webapp.dagster_client import Dagster
from webapp.db.written_since import files_of
from webapp.services import Services
from webapp.stored_forecasts.worker_process import AppFactory


def loops_of(services: Services, make_app: AppFactory, registry: Registry, dagster: Dagster) -> list[Loop]:
    """Every loop, with the name that ``systems.outages.LOOP_WORDS`` has words for."""
    settings, events = services.settings, FileEvents()
    database = files_of(settings.database_url)
    registered = files_of_database(settings.mlflow_database_file) if settings.mlflow_database_file else None
    return [
        Loop("store", lambda: store.StoreLoop(services).step, store.SECONDS,
             wake=events.wake(lambda: together(database, Journal(services.store).folders()))),
        Loop("registry", lambda: RegistryLoop(services, registry).step, REGISTRY_SECONDS,
             wake=events.wake(lambda: together(database, registered))),
        Loop("forecasts", lambda: stored_forecast.StoredForecastLoop(services, make_app).step,
             stored_forecast.SECONDS, wake=events.wake(lambda: database)),
        Loop("scenario", lambda: scenario.ScenarioLoop(services).step, scenario.SECONDS,
             wake=events.wake(lambda: database)),
        Loop("dagster", lambda: DagsterLoop(dagster, settings.database_url, Journal(services.store)).step,
             DAGSTER_SECONDS, wake=events.wake(lambda: database)),
        Loop("expiry", lambda: expiry.ExpiryLoop(services).step, expiry.SECONDS),
        Loop("hand_over", lambda: hand_over.HandOverLoop(services).step, hand_over.SECONDS),
        Loop("audit", lambda: audit.AuditLoop(settings.database_url).step, audit.SECONDS),
        Loop("notices", lambda: notice.NoticeLoop(services).step, notice.SECONDS),
        Loop("work", lambda: work.WorkLoop(services).step, work.SECONDS),
        Loop("value_added", lambda: value_added.ValueAddedLoop(services).step, value_added.SECONDS),
    ]


def run(app: Flask, make_app: AppFactory, registry: Registry, dagster: Dagster, stop: Event) -> bool:
    """Loop until told to stop; False when a loop never came back, so that the process must be started again.

    Args:
        make_app: makes the app in the worker process.
    """
    return supervise(app, loops_of(app.extensions["services"], make_app, registry, dagster), stop)
