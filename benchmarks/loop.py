"""How long the loop takes on the running product: from the click on retrain to the decision on the page, and from a
promotion to every worker showing it.

    python -m benchmarks.loop [--region-items 520] [--json out.json]

Simulated demand, five regions. Stages of a retrain, in seconds since the click: ``queued`` (Dagster has it),
``started`` (its run took the first region-item up), ``candidate`` (the last candidate is registered), ``decided`` (the
last decision is made), ``visible`` (the page says that all is decided). ``ratio_to_batch`` is ``visible`` of the
largest pick over the wall time of ``benchmarks.batch``, a command that does the same without servers, on a copy of the
state, while the servers idle.
Promotions are timed from before the registry is told until the first of many agreeing answers, with many models
registered (``benchmarks.registry_load`` says which) and while everything is being seen again; ``burst_seconds`` is
each promotion's time to its announcement when many come one after the other.
"""

import argparse
import json
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import requests
from rich.console import Console
from rich.table import Table

from benchmarks.registry_load import counted, fill, registry_queries
from benchmarks.support.machine import described
from benchmarks.support.product import PROJECT, Running, form_fields, page, running
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import load_dataset
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.journal import FINAL_STEPS, Journal

REGIONS = 5
LARGE = 500
STAGES = ("queued", "started", "candidate", "decided", "visible")
ANSWERS_THAT_AGREE = 16
"""Answers on fresh connections that must all be by the new version, so that every worker has been asked."""
LONGEST_SECONDS = 900
SETTLE_SECONDS = 15


def main() -> None:
    """Measure and report."""
    given = _parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to end, it stops all that it started
    result: dict[str, Any] = {"machine": described()}
    try:
        _measure(given, result)
    finally:
        if given.json:
            given.json.write_text(json.dumps(result, indent=2) + "\n")  # what was measured before something failed, too
    _print(result)


def _measure(given: argparse.Namespace, result: dict[str, Any]) -> None:
    """Fill in the result, part by part, and tell each part as it comes."""
    with tempfile.TemporaryDirectory(prefix="loop-") as folder:
        dataset = _dataset(Path(folder), given.region_items)
        with running(dataset, ready=r"nothing is missing|(\d+) of \1 decided") as product:
            result["first_forecasts_seconds"] = round(product.seconds_to_forecast, 1)
            store = DemandStore(str(product.folder / "demand"))
            keys = [one.key for one in store.read_catalogue()]
            region = [key for key in keys if key.split("|")[0] == keys[0].split("|")[0]]
            large = keys[:LARGE]
            picks = {"1": ([[key] for key in keys[1::7][:given.retrains]]), "20_scattered": [keys[::2][:20]] * 2,
                     "region": [region], "500": [large]}
            result["picks"] = {name: len(pick[0]) for name, pick in picks.items()}
            result["stages"] = {}
            for name, repeats in picks.items():
                result["stages"][name] = _stages([_retrain(product, store, pick) for pick in repeats])
                _tell(name, result["stages"][name])
            result["retrain_seconds"] = result["stages"]["1"]["visible"]
            result["batch_seconds"] = round(_batch(product, large, Path(folder)), 1)
            result["ratio_to_batch"] = round(result["stages"]["500"]["visible"]["p50"] / result["batch_seconds"], 2)
            _tell("batch_seconds", result["batch_seconds"])
            result["registered_models"] = fill(product, given.registered)
            with counted(product) as counts:
                time.sleep(SETTLE_SECONDS)
                counts.clear()
                began = time.monotonic()
                result["visible_seconds"] = _summary(_promotions(product, RegionItem.from_key(keys[1]),
                                                                 given.promotions))
                _tell("visible_seconds", result["visible_seconds"])
                result["queries_per_second"] = round(registry_queries(counts) / (time.monotonic() - began), 2)
                result["queries"] = dict(counts)
                result["burst_seconds"] = _summary(_burst(product, keys[2:2 + given.burst]))


def _tell(name: str, measured: object) -> None:
    print(f"{datetime.now():%H:%M:%S} {name}: {measured}", file=sys.stderr, flush=True)


def _dataset(folder: Path, region_items: int) -> Path:
    """A dataset file of so many simulated region-items; nothing in it retrains by itself."""
    text = (PROJECT / "datasets" / "simulated.toml").read_text()
    for name, value in (("regions", REGIONS), ("items", -(-region_items // REGIONS)), ("years", 2),
                        ("automatic", "false")):
        text = re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
    file = folder / "loop.toml"
    file.write_text(text)
    return file


def _retrain(product: Running, store: DemandStore, keys: list[str]) -> dict[str, float]:
    """Seconds from the click on retrain to each stage."""
    session = product.planner()
    form = page(session, f"{product.url}/").select_one("form:has([name=token])")
    hidden = form_fields(form)
    fields = [*((name, hidden[name]) for name in ("csrf_token", "token")), *(("ri", key) for key in keys),
              ("unchanged", "include")]
    clicked = time.time()
    answer = session.post(f"{product.url}/retrains", data=fields, timeout=30)
    answer.raise_for_status()
    pause = 0.1 if len(keys) <= 50 else 1.0
    while page(session, f"{answer.url}/progress").select_one("[data-live]"):  # it says what came of it, not "finished"
        if time.time() - clicked > LONGEST_SECONDS:
            raise TimeoutError(f"{answer.url} was not decided in {LONGEST_SECONDS} s")
        time.sleep(pause)
    visible = time.time()
    (request_id, sent_at), = _rows(product, "SELECT request_id, sent_at FROM retrain WHERE id = ?",
                                   answer.url.rsplit("/", 1)[1])
    journal = Journal(store)
    files = journal.files_after(f"{datetime.fromtimestamp(clicked, UTC):%Y%m%dT%H%M%S%f}-")
    at: dict[str, list[float]] = {}
    for entry in (entry for file in files for entry in journal.read(file) if entry.request_id == request_id):
        step = "decided" if entry.step in FINAL_STEPS else entry.step
        at.setdefault(step, []).append(datetime.fromisoformat(entry.at).timestamp())
    ends = {"queued": _moment(sent_at), "started": min(at["started"]), "decided": max(at["decided"]),
            "candidate": max(at.get("trained", at["decided"])), "visible": visible}
    return {stage: ends[stage] - clicked for stage in STAGES}


def _batch(product: Running, keys: list[str], folder: Path) -> float:
    """Wall seconds of the same work by a command, on a copy of the state."""
    copy, listed = folder / "copy", folder / "keys"
    shutil.copytree(product.folder, copy / product.folder.name, ignore=shutil.ignore_patterns("run", "logs", "web"))
    listed.write_text("\n".join(keys))
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "benchmarks.batch", "--dataset", str(product.dataset), "--state", str(copy),
                    "--keys", str(listed)], cwd=PROJECT, check=True, timeout=LONGEST_SECONDS,
                   stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def _promote(registry: Registry, one: RegionItem) -> int:
    """Put another of the newest two versions into production; its number."""
    entry = registry.entry(one)
    version = next(number for number in sorted((int(each.version) for each in registry.versions(one)), reverse=True)
                   if number != entry.production)
    registry.record_decision(one, version, Decision("promote", "benchmark"), "benchmark")
    return version


def _promotions(product: Running, one: RegionItem, times: int) -> list[float]:
    """Seconds from each promotion until every answer is by that version."""
    registry = Registry(product.mlflow_url, load_dataset(product.dataset).name)
    session = product.planner()
    numbers = sorted(int(version.version) for version in registry.versions(one))[-2:]
    seconds = []
    for _ in range(times):
        time.sleep(random.uniform(0, 2))  # not in step with the looks
        version = next(number for number in numbers if number != registry.entry(one).production)
        started = time.monotonic()
        registry.record_decision(one, version, Decision("promote", "benchmark"), "benchmark")
        agreeing, seen_at = 0, started
        while agreeing < ANSWERS_THAT_AGREE:
            shown = _version_shown(product, session, one)
            agreeing = agreeing + 1 if shown == version else 0
            if agreeing == 1:
                seen_at = time.monotonic()
            if time.monotonic() - started > LONGEST_SECONDS:
                raise TimeoutError(f"version {version} was not shown in {LONGEST_SECONDS} s")
        seconds.append(seen_at - started)
    return seconds


def _burst(product: Running, keys: list[str]) -> list[float]:
    """Seconds from each of many promotions, one right after the other, until it was announced to all workers."""
    registry = Registry(product.mlflow_url, load_dataset(product.dataset).name)
    promoted = {}
    for key in keys:
        version = _promote(registry, RegionItem.from_key(key))
        promoted[key] = (version, time.time())
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        rows = {key: (version, at) for key, version, at in _rows(
            product, "SELECT key, production_version, announced_at FROM region_item_catalogue "
            "JOIN region_item_production USING (id)")}
        if all(rows[key][0] == version for key, (version, _) in promoted.items()):
            return [_moment(rows[key][1]) - at for key, (_, at) in promoted.items()]
        time.sleep(0.5)
    raise TimeoutError(f"{len(keys)} promotions were not announced in {LONGEST_SECONDS} s")


def _version_shown(product: Running, session: requests.Session, one: RegionItem) -> int:
    fresh = requests.Session()
    fresh.cookies.update(session.cookies)
    with fresh:
        shown = page(fresh, f"{product.url}/forecasts", params={"ri": one.key, "horizon": 1})
    found = re.search(r"production v(\d+)", shown.select_one("#model").get_text(" "))
    return int(found.group(1)) if found else 0


def _rows(product: Running, query: str, *values: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{product.folder / 'web' / 'app.db'}?mode=ro", uri=True, timeout=30)) as app:
        return app.execute(query, values).fetchall()


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _stages(repeats: list[dict[str, float]]) -> dict[str, dict[str, float | int]]:
    return {stage: _summary(seconds[stage] for seconds in repeats) for stage in STAGES}


def _summary(seconds: Iterable[float]) -> dict[str, float | int]:
    values = list(seconds)
    p50, p99 = np.quantile(values, [0.5, 0.99])
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2), "n": len(values)}


def _print(result: dict[str, Any]) -> None:
    console = Console()
    console.print(", ".join(f"{name} {value}" for name, value in result["machine"].items()))
    console.print(f"start to all {result['picks']['500']} or more decided: {result['first_forecasts_seconds']} s")
    table = Table("seconds since the click, median / 99th percentile", *STAGES, "measurements")
    for name, stages in result["stages"].items():
        table.add_row(f"{name} ({result['picks'][name]} region-items)",
                      *(f"{stages[stage]['p50']:g} / {stages[stage]['p99']:g}" for stage in STAGES),
                      str(stages["visible"]["n"]))
    console.print(table)
    console.print(f"the largest pick as a batch: {result['batch_seconds']} s; the loop takes "
                  f"{result['ratio_to_batch']} times that")
    for name, words in (("visible_seconds", "promotion to visible in every worker"),
                        ("burst_seconds", "the same in a burst, to its announcement")):
        console.print(f"{words}, {result['registered_models']} models registered: {result[name]}")
    console.print(f"registry queries a second, all together: {result['queries_per_second']}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop", description=__doc__)
    parser.add_argument("--region-items", type=int, default=520, help="in five regions; fewer make it quicker")
    parser.add_argument("--retrains", type=int, default=10, help="retrains of one region-item")
    parser.add_argument("--promotions", type=int, default=50)
    parser.add_argument("--burst", type=int, default=100, help="promotions one right after the other")
    parser.add_argument("--registered", type=int, default=10_000, help="models in the registry while promoting")
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    main()
