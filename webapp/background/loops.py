"""The loops of the background process: each with its own pace, so that one slow system never holds up the others.

The demand store's journal and catalogue become rows, and planners' adjustments go the other way; the registry's new
production versions are tried and announced, and roll backs and pins are carried out there; forecasts are stored of what
changed; large scenarios are computed; stored retrain requests go to Dagster and are followed there; what is too old is
let go, and what was written into the audit log is sealed, and published plans are handed over; the list of work is
kept as its causes are, and people are told what happened.
"""

from threading import Event

from flask import Flask

from webapp.background import (
    audit_loop,
    dagster_loop,
    expiry_loop,
    hand_over_loop,
    notice_loop,
    registry_loop,
    scenario_loop,
    store_loop,
    stored_forecast_loop,
    work_loop,
)
from webapp.background.supervision import Loop, supervise
from webapp.dagster_client import Dagster
from webapp.models.watch import Registry
from webapp.services import Services
from webapp.stored_forecasts.worker_process import AppFactory


def loops_of(services: Services, make_app: AppFactory, registry: Registry, dagster: Dagster) -> list[Loop]:
    """Every loop, with the name that ``systems.state.LOOP_WORDS`` has words for."""
    return [
        Loop("store", lambda: store_loop.StoreLoop(services).step, store_loop.SECONDS),
        Loop("registry", lambda: registry_loop.RegistryLoop(services, registry).step, registry_loop.SECONDS),
        Loop("forecasts", lambda: stored_forecast_loop.StoredForecastLoop(services, make_app).step,
             stored_forecast_loop.SECONDS),
        Loop("scenario", lambda: scenario_loop.ScenarioLoop(services).step, scenario_loop.SECONDS),
        Loop("dagster", lambda: dagster_loop.DagsterLoop(dagster).step, dagster_loop.SECONDS),
        Loop("expiry", lambda: expiry_loop.ExpiryLoop(services).step, expiry_loop.SECONDS),
        Loop("hand_over", lambda: hand_over_loop.HandOverLoop(services).step, hand_over_loop.SECONDS),
        Loop("audit", lambda: audit_loop.AuditLoop().step, audit_loop.SECONDS),
        Loop("notices", lambda: notice_loop.NoticeLoop(services).step, notice_loop.SECONDS),
        Loop("work", lambda: work_loop.WorkLoop(services).step, work_loop.SECONDS),
    ]


def run(app: Flask, make_app: AppFactory, registry: Registry, dagster: Dagster, stop: Event) -> bool:
    """Loop until told to stop; False when a loop never came back, so that the process must be started again.

    Args:
        make_app: makes the app in the worker process.
    """
    return supervise(app, loops_of(app.extensions["services"], make_app, registry, dagster), stop)
