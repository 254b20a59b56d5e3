"""How fast the web app's pages are answered by the real server, next to calls of the bare model.

    python -m benchmarks.web [--region-items 500] [--overview 30000] [--json out.json]

Simulated demand of one region, everything trained and promoted by the running product; then requests over loopback, one
after the other, from one signed-in planner. Times are from sending a request to having its whole answer, so they hold
the client's own cost as well.

Next to them, on the same machine: ``mlflow models serve`` answering for the registered version of one region-item (its
whole horizon in one request, by the plan), and the bare ``predict`` calls of one region-item's forecast in a loop, in
one process with everything in memory. ``page`` is the forecast screen without a selection: what any page costs.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import requests
from rich.console import Console
from rich.table import Table

from benchmarks.support.machine import described
from benchmarks.support.product import PROJECT, Running, form_fields, free_port, page, running
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import load_dataset
from demand_assets.forecasting.forecast.forecaster import Forecaster, ForecastRequest
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.store.demand_store import DemandStore
from deploy.processes import Folders, environment
from deploy.settings import RunSettings

START_SECONDS = 120
ROWS_AT_ONCE = 5000


def main() -> None:
    """Measure and report."""
    given = _parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to end, it stops all that it started
    with tempfile.TemporaryDirectory(prefix="web-") as folder:
        dataset = _dataset(Path(folder), given.region_items)
        with running(dataset, ready=r"nothing is missing|(\d+) of \1 decided") as product:
            result: dict[str, Any] = {"machine": described(), "region_items": given.region_items}
            session = product.planner()
            store = DemandStore(str(product.folder / "demand"))
            keys = [one.key for one in store.read_catalogue()]
            _wait_for_stored_forecasts(product, len(keys))
            result |= _forecasts(product, session, keys, given.times)
            result |= _bare(product, store, given.times)
            with _copied(product, Path(folder), given.overview) as url:
                result[f"overview_{given.overview}"] = _measured(
                    given.times, lambda number: session.get(f"{url}/", params=_OVERVIEWS[number % len(_OVERVIEWS)]))
    one, bare, serve = result["forecast_of_one"], result["bare_predict"], result["mlflow_models_serve"]
    result["ratio_to_bare_and_page"] = round(one["p50"] / (bare["p50"] + result["page"]["p50"]), 2)
    result["region_item_of_many_ms"] = round(result["forecast_of_many"]["p50"] / given.region_items, 3)
    result["times_faster_than_mlflow_serve"] = round(serve["p50"] / result["region_item_of_many_ms"], 1)
    _print(result)
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")


_OVERVIEWS: list[dict[str, str]] = [{}, {"sort": "-wape"}, {"q": "item 1"}, {"page": "200"}, {"status": "production"}]


def _forecasts(product: Running, session: requests.Session, keys: list[str], times: int) -> dict[str, Any]:
    """The pages of a planner: one region-item, the whole region, and what-ifs on both."""
    forecasts = f"{product.url}/forecasts"
    form = form_fields(page(session, forecasts, params={"ri": keys[0]}).select_one("#scenario"))
    row = page(session, f"{forecasts}/change", params={"ri": keys[0], "add": "price"})
    first, last = (row.select_one(f"[name$={name}]")["value"] for name in ("first", "last"))
    change = {"csrf_token": form["csrf_token"], "change-0-driver": "price", "change-0-action": "percent",
              "change-0-first": first, "change-0-last": last}
    region = RegionItem.from_key(keys[0]).region
    return {
        "page": _measured(times, lambda _: session.get(forecasts)),
        "forecast_of_one": _measured(times, lambda number: session.get(
            forecasts, params={"ri": keys[number % len(keys)]})),
        "scenario_on_one": _measured(times, lambda number: session.post(
            forecasts, data=change | {"ri": keys[number % len(keys)], "change-0-value": str(-number % 40)})),
        "forecast_of_many": _measured(max(times // 10, 10), lambda _: session.get(
            forecasts, params={"region": region})),
        "scenario_on_many": _measured(max(times // 20, 5), lambda number: session.post(
            forecasts, data=change | {"ri": keys, "change-0-value": str(-5 - number)})),
        "why_of_many": _measured(max(times // 20, 5), lambda _: session.get(
            f"{forecasts}/why", params={"region": region})),
    }


def _bare(product: Running, store: DemandStore, times: int) -> dict[str, Any]:
    """The model's own calls on features that are there, in a loop; and MLflow's server for the same booster."""
    dataset = load_dataset(product.dataset)
    registry = Registry(product.mlflow_url, dataset.name)
    entry = next(entry for entry in registry.entries() if entry.production)
    model = registry.load(entry.region_item, entry.production)
    asked = Forecaster(dataset, store).ask(entry.region_item, model)
    with _served(f"models:/{entry.region_item.model_name(dataset.name)}/{entry.production}", product) as url:
        body = {"dataframe_split": {"columns": ["region", "item"],
                                    "data": [[entry.region_item.region, entry.region_item.item]]}}
        session = requests.Session()
        served = _measured(times, lambda _: session.post(f"{url}/invocations", json=body))
    return {"bare_predict": _measured(times, lambda _: _predict(model, asked)), "mlflow_models_serve": served}


def _predict(model: ForecastModel, asked: ForecastRequest) -> None:
    model.units(model.pooled.ratio(asked.rows), asked.rows, asked.series, asked.origins, asked.leads)


def _measured(times: int, act: Callable[[int], requests.Response | None]) -> dict[str, float | int]:
    """Milliseconds of each time; the first three are not counted.

    Raises: requests.HTTPError: an answer is an error.
    """
    taken = []
    for number in range(times + 3):
        began = time.perf_counter()
        answer = act(number)
        taken.append(time.perf_counter() - began)
        if answer is not None:
            answer.raise_for_status()
    p50, p99 = np.quantile(np.array(taken[3:]) * 1000, [0.5, 0.99])
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2), "n": times}


@contextlib.contextmanager
def _served(model: str, product: Running) -> Iterator[str]:
    """The address of MLflow's server for the model of that address in the product's registry."""
    port, programs = free_port(), str(Path(sys.executable).parent)
    with (product.folder / "served.log").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "models", "serve", "-m", model, "--env-manager", "local", "--host",
             "127.0.0.1", "--port", str(port)], cwd=PROJECT, stdout=said, stderr=said, start_new_session=True,
            env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "MLFLOW_TRACKING_URI": product.mlflow_url})
    try:
        _wait_for(f"http://127.0.0.1:{port}/ping", process, said.name)
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            os.killpg(process.pid, signal.SIGTERM)  # its server is a child of it
        process.wait(30)


@contextlib.contextmanager
def _copied(product: Running, folder: Path, rows: int) -> Iterator[str]:
    """The web server alone, on a copy of the database, in which region-items are copied until there are so many."""
    web = folder / "copy" / product.folder.name / "web"
    shutil.copytree(product.folder / "web", web, ignore=shutil.ignore_patterns("models", "app.db*"))
    with contextlib.closing(sqlite3.connect(product.folder / "web" / "app.db")) as source, \
            contextlib.closing(sqlite3.connect(web / "app.db")) as copy:
        source.backup(copy)
        _fill(copy, rows)
    port = free_port()
    settings = RunSettings(dataset=product.dataset, state=folder / "copy")
    with (folder / "copy.log").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", "python:webapp.gunicorn_conf", "webapp.wsgi:app"],
            cwd=PROJECT, stdout=said, stderr=said,
            env=environment(settings, Folders(folder / "copy" / product.folder.name)) | {"WEB_PORT": str(port)})
    try:
        _wait_for(f"http://127.0.0.1:{port}/sign-in", process, said.name)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _fill(database: sqlite3.Connection, rows: int) -> None:
    """Copies of the region-items there are, each in a region of its own number."""
    there, = database.execute("SELECT count(*) FROM region_item_catalogue").fetchone()
    own = {"id": "id + :first", "key": "'copy ' || :number || '|' || item", "region": "'copy ' || :number",
           "position": "position + :first", "search": "'copy ' || :number || ' ' || search"}
    last, = database.execute("SELECT max(id) FROM region_item_catalogue").fetchone()
    with database:
        for number in range(1, -(-rows // there)):
            for part in ("catalogue", "production", "forecast", "accuracy"):
                names = [name for _, name, *_ in database.execute(f"PRAGMA table_info(region_item_{part})")]
                values = ", ".join(own.get(name, f'"{name}"') for name in names)
                database.execute(  # names of columns are the app's own
                    f"INSERT INTO region_item_{part} SELECT {values} FROM region_item_{part} "  # noqa: S608
                    "WHERE id <= :last ORDER BY id LIMIT :most",
                    {"number": number, "first": number * last, "last": last, "most": rows - number * there})


def _wait_for_stored_forecasts(product: Running, count: int) -> None:
    """Until the background process has made all stored forecasts."""
    deadline = time.monotonic() + START_SECONDS
    with contextlib.closing(sqlite3.connect(
            f"file:{product.folder / 'web' / 'app.db'}?mode=ro", uri=True, timeout=30)) as database:
        made = "SELECT count(*) FROM region_item_forecast WHERE NOT forecast_due"
        while database.execute(made).fetchone()[0] < count:
            if time.monotonic() > deadline:
                raise TimeoutError("the background process did not make all stored forecasts")
            time.sleep(1)


def _wait_for(url: str, process: subprocess.Popen[bytes], said: str) -> None:
    """Until the process answers there.

    Args:
        said: the file that it writes to.
    Raises: RuntimeError: it ended. requests.RequestException: it does not answer in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            requests.get(url, timeout=5).raise_for_status()
            return
        except requests.RequestException:
            if process.poll() is not None:
                raise RuntimeError(f"the server ended:\n{Path(said).read_text()[-2000:]}") from None
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def _dataset(folder: Path, items: int) -> Path:
    """A dataset file of one simulated region with so many items; nothing in it retrains by itself."""
    text = (PROJECT / "datasets" / "simulated.toml").read_text()
    for name, value in (("regions", 1), ("items", items), ("automatic", "false")):
        text = re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
    file = folder / "pages.toml"
    file.write_text(text)
    return file


def _print(result: dict[str, Any]) -> None:
    console = Console()
    console.print(", ".join(f"{name} {value}" for name, value in result["machine"].items()))
    table = Table("milliseconds", "median", "99th percentile", "measurements")
    for name, found in result.items():
        if isinstance(found, dict) and "p50" in found:
            table.add_row(name, f"{found['p50']:g}", f"{found['p99']:g}", str(found["n"]))
    console.print(table)
    console.print(f"one region-item takes {result['ratio_to_bare_and_page']} times the bare calls and a page; of "
                  f"{result['region_items']} together {result['region_item_of_many_ms']} ms each, "
                  f"{result['times_faster_than_mlflow_serve']} times faster than mlflow models serve")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web", description=__doc__)
    parser.add_argument("--region-items", type=int, default=500)
    parser.add_argument("--overview", type=int, default=30_000, help="region-items of the overview")
    parser.add_argument("--times", type=int, default=200, help="requests of each kind; tenths of it of many")
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    main()
