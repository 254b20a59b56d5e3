"""What the private parts of Dagster and MLflow buy: events a second of our storages and of Dagster's own, and what a
model costs that is registered and decided on, by our statements and by MLflow's client.

    python -m benchmarks.private_parts [--partitions 200] [--models 40] [--json out.json]

One run records a materialization and a check for each partition, those of eight at a time, as the pipeline does, on
SQLite and, where PostgreSQL is installed, on a server of this machine. Of the models, made up as one that is trained,
the first version of each is promoted and the second kept, in a new SQLite database. What warm workers buy is in
``benchmarks.workers``: run it as it is and with DAGSTER_WORKERS=stock. docs/private_parts.md has the numbers.
"""

import argparse
import contextlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from rich.console import Console
from rich.table import Table

from benchmarks.support.machine import described
from benchmarks.support.made_up_models import train
from demand_assets.dagster_instance.events.reported_together import reported_together
from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.defs.resources import open_pipeline
from demand_assets.forecasting.contract.clock import Clock
from demand_assets.forecasting.contract.database_urls import with_driver
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.registry.entry import RegistryEntry
from demand_assets.forecasting.registry.loadable.origin import Origin
from demand_assets.settings import Settings
from deploy.services import missing
from deploy.services import running as services_running
from deploy.settings import PROJECT
from tests.services import free_ports

STORAGES = ("pooled", "stock")
REGISTRIES = ("quick", "stock")
ACTS = {"look": "look what is registered", "register": "register a version, a candidate",
        "log": "write its files", "promote": "promote it", "keep": "keep it out"}
"""As the clock calls them."""
TOGETHER = 8
"""Partitions whose events a run tells at once."""
PREFIX = "private_"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def main() -> None:
    given = _parser().parse_args()
    logging.disable(logging.WARNING)
    machine = described()
    folder = Path(tempfile.mkdtemp(prefix="demand-private-parts-"))
    folder.chmod(0o755)  # PostgreSQL does not run as root
    try:
        with _databases(folder) as databases:
            seconds = {database: {storage: _seconds(folder / f"{database}-{storage}", url, storage, given.partitions)
                                  for storage in STORAGES} for database, url in databases.items()}
        registering = {registry: _registering(folder / f"registry-{registry}", registry, given.models)
                       for registry in REGISTRIES}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _print(machine, seconds, given.partitions, registering)
    if given.json:
        given.json.write_text(json.dumps({"machine": machine, "partitions": given.partitions, "seconds": seconds,
                                          "models": given.models, "registering_cpu_ms": registering}, indent=2) + "\n")


@contextlib.contextmanager
def _databases(folder: Path) -> Iterator[dict[str, str]]:
    """Name -> URL, empty for SQLite."""
    if absent := missing():
        print(f"SQLite only; not installed: {', '.join(absent)}")
        yield {"SQLite": ""}
        return
    with services_running(folder, **free_ports(("postgres_port", "redis_port", "s3_port"))) as services:
        services.add_databases(PREFIX)
        yield {"SQLite": "", "PostgreSQL": services.environment(PREFIX)["DAGSTER_DATABASE_URL"]}


def _seconds(home: Path, url: str, storage: str, count: int) -> float:
    """Seconds of a run that records two events for each of so many partitions."""
    given: dict[str, Any] = {"DAGSTER_STORAGE": storage, "DAGSTER_DATABASE_URL": url}
    prepare_home(home, Settings(**given))
    if url:
        os.environ["DAGSTER_DATABASE_URL"] = with_driver(url)  # which its settings refer to
    try:
        with open_instance(home) as instance:
            _run(instance, 2)  # makes the tables
            started = time.monotonic()
            _run(instance, count)
            return time.monotonic() - started
    finally:
        os.environ.pop("DAGSTER_DATABASE_URL", None)


def _run(instance: dg.DagsterInstance, count: int) -> None:
    keys = [f"region{number % 50:02}|item{number:05}" for number in range(count)]

    @dg.multi_asset(specs=[dg.AssetSpec("thing", skippable=True)], partitions_def=dg.StaticPartitionsDefinition(keys))
    def things() -> Iterator[object]:
        for start in range(0, count, TOGETHER):
            with reported_together(instance):
                for key in keys[start:start + TOGETHER]:
                    yield dg.AssetCheckEvaluation(asset_key=dg.AssetKey("thing"), check_name="holds", passed=True,
                                                  partition=key)
                    yield dg.AssetMaterialization("thing", partition=key, metadata={"rows": 365})

    dg.materialize([things], instance=instance, run_config=QUIET, partition_key=keys[0])


def _registering(state: Path, registry: str, count: int) -> dict[str, float]:
    """Act -> processor milliseconds of this process, in the mean over so many models."""
    settings = Settings(dataset=PROJECT / "datasets" / "simulated.toml", state=state, registry=registry)
    [template] = train(settings, 1)
    pipeline = open_pipeline(settings)
    model = pipeline.registry.load(template.region_item, template.version)
    others = pipeline.source.catalogue().region_items[1: count + 1]
    spent = dict.fromkeys(ACTS, 0.0)
    origin = Origin(pipeline.dataset, pipeline.store.url, template.region_item)
    for verdict in ("promote", "keep"):
        with pipeline.registry.batch("made up", {}, origin, pipeline.registry.pooled_production()) as batch:
            for one in others:
                decision, clock = Decision(verdict, "made up"), Clock()
                with clock("look"):
                    before = pipeline.registry.entry(one)
                version = batch.register(one, model, {}, before is not None, decision, clock)
                with clock(verdict):
                    pipeline.registry.record_decision(one, version, decision, "", before=before or RegistryEntry(
                        one, "", None, None), is_told=True)
                for act, (_, processor) in clock.seconds.items():
                    spent[act] += 1000 * processor / len(others) / (1 if act == verdict else 2)
    return {act: round(milliseconds, 1) for act, milliseconds in spent.items()}


def _print(machine: dict[str, str], seconds: dict[str, dict[str, float]], count: int,
           registering: dict[str, dict[str, float]]) -> None:
    console = Console()
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()))
    table = Table(f"{2 * count} events in one run", "seconds", "events a second")
    for database, of_storages in seconds.items():
        for storage, spent in of_storages.items():
            table.add_row(f"{database}, {storage}", f"{spent:.1f}", f"{2 * count / spent:.0f}")
    console.print(table)
    models = Table("registering a model, CPU ms", *REGISTRIES)
    for act, words in ACTS.items():
        models.add_row(words, *(f"{registering[registry][act]:.1f}" for registry in REGISTRIES))
    console.print(models)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.private_parts", description=__doc__)
    parser.add_argument("--partitions", type=int, default=200)
    parser.add_argument("--models", type=int, default=40, help="up to 47, of the simulated demand")
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    main()
