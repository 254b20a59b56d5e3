"""100,000 region-items, with made-up models, in the registry, in Dagster and on the pages, all tables in PostgreSQL.

    python -m benchmarks.scale [--region-items 100000] [--trained 200] [--json out.json]

The source is a file of so many region-items by month, made up. A few are trained as always. All others have the demand
of one of them, and its model, registered and promoted by the product's own code as theirs: what a registry of so many
holds, without the hours of their training (docs/scaling.md). Then the product is started on it, and looked at: how long
until all are announced and have their forecasts, what it takes of the processor and of memory, how large the databases
are, and how long pages, Dagster, MLflow and a retrain of one take.

Needs what ``make services`` needs. Stops all that it started.
"""

import argparse
import contextlib
import json
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import psutil
import requests
from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine, text

from benchmarks.support.machine import described
from benchmarks.support.made_up_models import register_others, train
from benchmarks.support.product import Running, form_fields, free_port, page, running
from demand_assets.defs.resources import open_pipeline
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.settings import Settings
from deploy.services import Services
from deploy.services import running as running_services

REGIONS, MONTHS, HORIZON = 100, 36, 3
DATASET = f"""\
name = "scale"
title = "Many"
unit = "units"
frequency = "M"
horizon = {HORIZON}
[source]
kind = "file"
path = "demand.parquet"
[columns]
date = "month"
[retraining]
automatic = false
"""
LOOK_SECONDS = 5
DATABASES = ("DAGSTER_DATABASE_URL", "MLFLOW_DATABASE_URL", "WEB_DATABASE_URL")


def main() -> None:
    """Measure and report."""
    given = _parser().parse_args()
    logging.disable(logging.WARNING)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to end, it stops all that it started
    result: dict[str, Any] = {"machine": described(), "region_items": given.region_items, "trained": given.trained}
    try:
        with _services() as services:
            os.environ.update({name: services.environment()[name] for name in DATABASES})
            _measure(given, result)
    finally:
        if given.json:
            given.json.write_text(json.dumps(result, indent=2) + "\n")  # what was measured before something failed, too
    _print(result)


def _measure(given: argparse.Namespace, result: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory(prefix="scale-") as scratch:
        folder = Path(scratch)
        dataset = _dataset(folder, given.region_items, given.trained)
        os.environ["MLFLOW_URL"] = _sqlalchemy(os.environ["MLFLOW_DATABASE_URL"])  # there is no server yet
        settings = Settings(dataset=dataset, state=folder / "state")
        templates = _told(result, "train_the_few", partial(train, settings, given.trained))
        _told(result, "register_all", partial(register_others, settings, templates))
        del os.environ["MLFLOW_URL"]
        with running(dataset, "all servers answer", state=settings.state) as product:
            result["seconds_to_all_servers"] = round(product.seconds_to_forecast, 1)
            _told(result, "announce_and_forecast", partial(
                _followed, given.region_items, sum(not each.is_promoted for each in templates), given.patience))
            result["megabytes_of_databases"] = {name: _megabytes(os.environ[name]) for name in DATABASES}
            session = product.planner()
            for name, ask in _looks(product, session, settings).items():
                result.setdefault("seconds", {})[name] = _timed(ask)
                _tell(name, result["seconds"][name])
            _told(result, "retrain_of_one", partial(_retrained, product, session, _last(settings)))


def _dataset(folder: Path, region_items: int, trained: int) -> Path:
    """A dataset file and its source: the demand of so few region-items, again and again under other names."""
    random = np.random.default_rng(5)
    items = -(-region_items // REGIONS)
    season = 1 + 0.4 * np.sin(2 * np.pi * (np.arange(MONTHS) / 12 + random.uniform(size=(trained, 1))))
    units = random.poisson(np.exp(random.normal(4, 1, (trained, 1))) * season)
    named = [(f"region {region:03}", f"item {item:04}") for region in range(REGIONS) for item in range(items)]
    months = pd.date_range("2023-11-01", periods=MONTHS, freq="MS")
    pd.DataFrame({
        "region": np.repeat([region for region, _ in named[:region_items]], MONTHS),
        "item": np.repeat([item for _, item in named[:region_items]], MONTHS),
        "month": np.tile(months, region_items),
        "demand": units[np.arange(region_items) % trained].ravel(),
    }).to_parquet(folder / "demand.parquet")
    file = folder / "scale.toml"
    file.write_text(DATASET)
    return file


def _followed(region_items: int, kept: int, patience: float) -> dict[str, Any]:
    """Until the app has announced all models and stored all forecasts; CPU seconds and memory of all processes then.

    Args:
        kept: region-items among them without a model in production.
    """
    started, found = time.monotonic(), dict[str, Any]()
    engine = create_engine(_sqlalchemy(os.environ["WEB_DATABASE_URL"]))
    wanted = {"announced": "SELECT count(*) FROM region_item_production WHERE production_version IS NOT NULL",
              "forecast": "SELECT count(*) FROM stored_forecast"}
    counts = dict.fromkeys(wanted, 0)
    while len(found) < len(wanted) and time.monotonic() - started < patience:
        with engine.connect() as connection:
            counts = {name: int(connection.execute(text(query)).scalar_one()) for name, query in wanted.items()}
        for name, count in counts.items():
            if count >= region_items - (kept if name == "announced" else 0) and name not in found:
                found[name] = round(time.monotonic() - started, 1)
        time.sleep(LOOK_SECONDS)
    engine.dispose()
    processes = _processes()
    return {"seconds_until_all": found, "counts": counts, "cpu_seconds": round(sum(
        sum(process.cpu_times()[:4]) for process in processes)), "mib": round(sum(
            process.memory_full_info().pss for process in processes) / 2**20)}


def _processes() -> list[psutil.Process]:
    """Those of the product: its launcher and all below it."""
    roots = [process for process in psutil.Process().children() if "deploy.run" in process.cmdline()]
    return [one for root in roots for one in (root, *root.children(recursive=True))]


def _looks(product: Running, session: requests.Session, settings: Settings) -> dict[str, Callable[[], object]]:
    """What people and programs ask for."""
    one = _last(settings).key
    region = f"region {REGIONS // 2:03}"

    def get(path: str, **query: str) -> Callable[[], object]:
        return lambda: page(session, f"{product.url}{path}", params=query)

    def graphql(query: str) -> Callable[[], object]:
        return lambda: requests.post(f"{product.dagster_url}/graphql", json={"query": query}, timeout=300).json()

    def mlflow(path: str, **query: str) -> Callable[[], object]:
        return lambda: requests.get(f"{product.mlflow_url}/api/2.0/mlflow/{path}", params=query,
                                    timeout=300).raise_for_status()

    node = '{assetNodeOrError(assetKey: {path: ["candidate_model"]}) { ... on AssetNode {'
    return {
        "overview": get("/"), "overview, a region": get("/", q=region), "overview, sorted": get("/", sort="-total"),
        "overview, last page": get("/", page="999999"), "totals": get("/totals"), "heat map": get("/heat-map"),
        "list of work": get("/work"), "forecast of one": get("/forecasts", ri=one),
        "models": get("/models"), "data": get("/data"),
        "Dagster: partitions of an asset": graphql(f"{node} partitionKeys }}}}}}"),
        "Dagster: how many are done": graphql(
            f"{node} partitionStats {{ numMaterialized numPartitions }} }}}}}}"),
        "MLflow: first page of models": mlflow("registered-models/search", max_results="25"),
        "MLflow: a model by name": mlflow("registered-models/get", name=RegionItem.from_key(one).model_name("scale")),
        "MLflow: whole list": lambda: open_pipeline(settings).registry.entries(),
    }


def _retrained(product: Running, session: requests.Session, one: RegionItem) -> dict[str, Any]:
    """Seconds from the click to the page saying what became of it."""
    form = page(session, f"{product.url}/").select_one("form:has([name=token])")
    hidden = form_fields(form)
    began = time.monotonic()
    answer = session.post(f"{product.url}/retrains", timeout=120, data=[
        *((name, hidden[name]) for name in ("csrf_token", "token")), ("ri", one.key), ("unchanged", "include")])
    answer.raise_for_status()
    while (shown := page(session, f"{answer.url}/progress")).select_one("[data-live]"):
        if time.monotonic() - began > 600:
            break
        time.sleep(0.5)
    return {"visible_seconds": round(time.monotonic() - began, 1), "says": " ".join(shown.get_text(" ").split())[:200]}


def _last(settings: Settings) -> RegionItem:
    """A region-item whose model is made up."""
    return open_pipeline(settings).store.read_catalogue()[-1]


def _timed(ask: Callable[[], object]) -> dict[str, float]:
    """Seconds of the first time, and the median of three more."""
    seconds = []
    for _ in range(4):
        began = time.monotonic()
        ask()
        seconds.append(time.monotonic() - began)
    return {"first": round(seconds[0], 3), "then": round(median(seconds[1:]), 3)}


def _told(result: dict[str, Any], name: str, work: Callable[[], Any]) -> Any:
    """What the work returns; its seconds and figures are put into the result and told."""
    began = time.monotonic()
    made = work()
    result[name] = {"seconds": round(time.monotonic() - began, 1), **(made if isinstance(made, dict) else {})}
    _tell(name, result[name])
    return made


def _tell(name: str, measured: object) -> None:
    print(f"{time.strftime('%H:%M:%S')} {name}: {measured}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _services() -> Iterator[Services]:
    with tempfile.TemporaryDirectory(prefix="scale-services-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user when root starts it
        with running_services(Path(folder), free_port(), free_port(), free_port()) as services:
            yield services


def _megabytes(url: str) -> float:
    engine = create_engine(_sqlalchemy(url))
    with engine.connect() as connection:
        size = int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    engine.dispose()
    return round(size / 1e6, 1)


def _sqlalchemy(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg2://", 1)


def _print(result: dict[str, Any]) -> None:
    console = Console(width=120)
    console.print(", ".join(f"{name} {value}" for name, value in result["machine"].items()))
    table = Table(f"{result['region_items']} region-items", "")
    for name, value in result.items():
        if name not in ("machine", "region_items", "seconds"):
            table.add_row(name, str(value))
    for name, seconds in result["seconds"].items():
        table.add_row(name, f"{seconds['first']:g} s at first, then {seconds['then']:g} s")
    console.print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--region-items", type=int, default=100_000)
    parser.add_argument("--trained", type=int, default=200, help="for real; all others have the model of one of them")
    parser.add_argument("--patience", type=float, default=7200,
                        help="seconds after which it goes on although not all have their forecasts")
    parser.add_argument("--json", type=Path, help="where the result is written")
    return parser


if __name__ == "__main__":
    main()
