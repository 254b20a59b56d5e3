"""Whether a state directory stops growing: many retrains of all region-items, with expiry and without.

    python -m benchmarks.growth [--retrains 200] [--region-items 48] [--json out.json]

A day of simulated demand is added before each retrain, which goes through Dagster, MLflow and the gate as always; then
production is measured, and once a week the pooled model renewed. The app reads the journal, takes up the new versions
and stores forecasts. With expiry, the daily job and the app's own expiry run after each retrain. So that it is seen
within hours, what is kept for so many days is kept for as many retrains (``--kept``); versions, the newest three of
each model, and those that are named.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from flask import Flask
from flask_migrate import upgrade
from rich.console import Console
from rich.table import Table

from benchmarks.support.machine import described
from benchmarks.support.measured_process import PROJECT
from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.defs.assets import pooled_model, region_item
from demand_assets.defs.expiry import expire
from demand_assets.defs.jobs import monitor
from demand_assets.defs.partitions import sync_partitions
from demand_assets.defs.resources import PipelineResource, open_pipeline
from demand_assets.forecasting.contract.dagster_names import MEASURE_OP, REQUEST_TAG, run_config
from demand_assets.forecasting.registry.moved_files import prepare_models
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.store.journal import Journal
from demand_assets.settings import Settings
from webapp import create_app
from webapp.background.expiry import expire as expire_in_app
from webapp.background.journal import read_catalogue, read_journal
from webapp.models.new_pooled_versions import NewPooledVersions
from webapp.models.new_versions import NewVersions
from webapp.models.registry_follower import RegistryFollower
from webapp.region_items.selection import link_arguments
from webapp.services import Services
from webapp.serving.model_files import ModelFiles
from webapp.settings import Settings as WebSettings
from webapp.stored_forecasts.computing import due_keys, make

FIRST_DAY = date(2026, 1, 5)
REGIONS = 4
EVERY = 10
"""Retrains between two lines of the report."""
A_WEEK = 7
SECONDS_A_DAY = 86400
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
PARTS = {
    "journal": ("demand/journal",), "measurements": ("demand/monitoring",), "MLflow, files": ("mlflow/artifacts",),
    "MLflow, database": ("mlflow/mlflow.db",), "Dagster, runs": ("dagster/history", "dagster/storage"),
    "app, database": ("web/app.db",), "app, models": ("web/models",)}


def main() -> None:
    """Measure and report."""
    given = _parser().parse_args()
    if given.part:
        for line in _measured(given, given.part == "with"):
            print(json.dumps(line), flush=True)
        return
    result = {"machine": described(), "retrains": given.retrains, "region_items": given.region_items,
              "kept": given.kept, "with": _in_process(given, "with")}
    _print(result["with"], "with expiry")
    result["without"] = _in_process(given, "without") if given.without else []
    _print(result["without"], "without")
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")


def _in_process(given: argparse.Namespace, part: str) -> list[dict[str, Any]]:
    """The lines of one part, measured in a process of its own; each is shown as it comes."""
    command = [sys.executable, "-m", "benchmarks.growth", "--part", part, "--retrains", str(given.retrains),
               "--region-items", str(given.region_items), "--kept", str(given.kept)]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        assert process.stdout is not None
        for text in process.stdout:
            if text.startswith("{"):
                lines.append(json.loads(text))
                print(part, text.strip(), flush=True)
    if process.returncode:
        raise RuntimeError(f"the part {part} failed with exit status {process.returncode}")
    return lines


def _measured(given: argparse.Namespace, with_expiry: bool) -> Iterator[dict[str, Any]]:
    """Retrains, seconds of one, and megabytes of each part of the state directory, every so many retrains."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="growth-") as scratch:
        place = Path(scratch)
        settings = _on_day(place, given.region_items, 0)
        home = settings.folder / "dagster"
        prepare_home(home, settings)
        prepare_models(settings.folder / "mlflow")
        app = create_app(_of_the_app(place, 0))
        with app.app_context():
            upgrade()
        began, spent = list[float](), 0.0
        with open_instance(home) as instance:
            for number in range(1, given.retrains + 1):
                began.append(time.time())
                _retrained(instance, _on_day(place, given.region_items, number), number)
                _followed(app, settings)
                if with_expiry and number > given.kept:
                    since = time.time()
                    _expired(instance, app, place, (since - began[-given.kept]) / SECONDS_A_DAY)
                    spent += time.time() - since
                if number % EVERY == 0 or number == given.retrains:
                    parts = _sizes(settings.folder)
                    yield {"retrains": number, "seconds": round((time.time() - began[0]) / number, 1),
                           "expiry_seconds": round(spent / max(number - given.kept, 1), 1),
                           **{name: round(size / 1e6, 2) for name, size in parts.items()}}


def _on_day(place: Path, region_items: int, number: int) -> Settings:
    """The settings, the dataset's source being so many days on."""
    text = (PROJECT / "datasets" / "simulated.toml").read_text()
    text = text.replace("regions = 4", f"regions = {REGIONS}").replace("items = 12",
                                                                       f"items = {region_items // REGIONS}")
    text = text.replace("seed = 7", f'seed = 7\ntoday = "{FIRST_DAY + timedelta(days=number)}"')
    (place / "growth.toml").write_text(text)
    return Settings(dataset=place / "growth.toml", state=place / "state", mlflow_url=None)


def _of_the_app(place: Path, days: float) -> WebSettings:
    return WebSettings(demand_dataset=place / "growth.toml", demand_state=place / "state", web_secret_key="x" * 32,
                       web_keep_retrains_days=days, web_keep_selections_days=days, web_keep_actions_days=days)


def _retrained(instance: dg.DagsterInstance, settings: Settings, number: int) -> None:
    """New demand, new models, decisions; production measured; the pooled model now and then."""
    resources = {"pipeline": PipelineResource(dataset=str(settings.dataset), state=str(settings.state))}
    found = open_pipeline(settings).source.catalogue().region_items
    open_pipeline(settings).store.write_catalogue(found)
    sync_partitions(instance, found)
    keys = [one.key for one in found]
    if number % A_WEEK == 0:
        dg.materialize([pooled_model, region_item], selection=[pooled_model], instance=instance, resources=resources,
                       run_config=QUIET)
    dg.materialize([region_item], selection=dg.AssetSelection.assets(region_item).without_checks(), instance=instance,
                   resources=resources, tags={REQUEST_TAG: f"growth-{number}"}, run_config=run_config(keys) | QUIET)
    monitor.execute_in_process(instance=instance, resources=resources, run_config=run_config(keys, MEASURE_OP) | QUIET)


def _followed(app: Flask, settings: Settings) -> None:
    """What the app's background process does of it."""
    services: Services = app.extensions["services"]
    registry = Registry(settings.registry_uri, settings.described.name)
    files = ModelFiles(registry, services.models)
    with app.app_context():
        read_catalogue(services.store)
        read_journal(Journal(services.store))
        pooled = NewPooledVersions(registry, services, files)
        pooled.look()
        pooled.announce_wanted()
        follower = RegistryFollower(registry, services.models)
        while not follower.sweep():
            pass
        follower.note_swept()
        NewVersions(services, files).announce_wanted(SECONDS_A_DAY)
        pooled.forget_others()
        make(services, keys := due_keys(1000))
        with app.test_request_context():
            link_arguments(keys)


def _expired(instance: dg.DagsterInstance, app: Flask, place: Path, days: float) -> None:
    """Let go of what is older than so many days."""
    os.environ.update({f"DEMAND_KEEP_{name}_DAYS": str(days) for name in ("JOURNAL", "MONITORING", "VERSIONS", "RUNS")},
                      DEMAND_KEEP_VERSIONS="3")
    done = expire.execute_in_process(instance=instance, run_config=QUIET, resources={"pipeline": PipelineResource(
        dataset=str(place / "growth.toml"), state=str(place / "state"))})
    assert done.success
    services: Services = app.extensions["services"]
    with app.app_context():
        read_journal(Journal(services.store))
        expire_in_app(_of_the_app(place, days), services.models)


def _sizes(folder: Path) -> dict[str, int]:
    """Part -> bytes; what is in no part is the last."""
    sizes = {name: sum(_size(folder / path) for path in paths) for name, paths in PARTS.items()}
    whole = _size(folder)
    return {**sizes, "the rest": whole - sum(sizes.values()), "all": whole}


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))


def _print(lines: list[dict[str, Any]], title: str) -> None:
    if not lines:
        return
    table = Table(*lines[0], title=f"{title}: megabytes")
    for line in lines:
        table.add_row(*map(str, line.values()))
    Console(width=180).print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--retrains", type=int, default=200)
    parser.add_argument("--region-items", type=int, default=48, help="in four regions")
    parser.add_argument("--kept", type=int, default=20, help="retrains for which everything is kept")
    parser.add_argument("--without", action=argparse.BooleanOptionalAction, default=True,
                        help="also without expiry")
    parser.add_argument("--part", choices=("with", "without"), help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    main()
