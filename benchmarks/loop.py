"""How long the loop takes on the running product: from the click on retrain to the decision on the page, and from a
promotion to every worker showing it.

    python -m benchmarks.loop [--dataset file.toml] [--retrains 5] [--promotions 20] [--json out.json]
"""

import argparse
import json
import re
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median

import numpy as np
import requests
from rich.console import Console
from rich.table import Table

from benchmarks.machine import described
from benchmarks.product import PROJECT, Running, form_fields, page, running
from demand_assets.forecasting.dataset import load_dataset
from demand_assets.forecasting.promotion import Decision
from demand_assets.forecasting.region_item import RegionItem
from demand_assets.forecasting.registry import Registry

DECIDED = re.compile(r"\bfinished\b")
ANSWERS_THAT_AGREE = 16
"""Answers on fresh connections that must all be by the new version, so that every worker has been asked."""
LONGEST_SECONDS = 300


def main() -> None:
    """Measure and report."""
    given = _parser().parse_args()
    with running(given.dataset, ready=r"nothing is missing|(\d+) of \1 decided") as product:
        keys = _in_production(product)
        retrains = [_retrain(product, [keys[index % len(keys)]]) for index in range(given.retrains)]
        scattered = [_retrain(product, keys[::2][:20])]
        visible = _promotions(product, RegionItem.from_key(keys[0]), given.promotions)
    result = {"machine": described(), "first_forecasts_seconds": round(product.seconds_to_forecast, 1),
              "retrain_seconds": _summary(retrains), "retrain_scattered_seconds": _summary(scattered),
              "visible_seconds": _summary(visible)}
    _print(result)
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")


def _in_production(product: Running) -> list[str]:
    """Partition keys of region-items that a model in production serves."""
    table = page(product.planner(), f"{product.url}/", params={"status": "production", "size": 250})
    return [row.select_one("[name=ri]")["value"] for row in table.select("#table tbody tr:has([name=ri])")]


def _retrain(product: Running, keys: list[str]) -> float:
    """Seconds from the click on retrain to the page saying that all is decided."""
    session = product.planner()
    forecast = page(session, f"{product.url}/forecasts", params=[("ri", key) for key in keys])
    form = next(form for form in forecast.find_all("form") if form.find("button", string=re.compile("Retrain")))
    hidden = form_fields(form)
    fields = [*((name, hidden[name]) for name in ("csrf_token", "token")), *(("ri", key) for key in keys)]
    started = time.monotonic()
    answer = session.post(f"{product.url}{form['action']}", data=fields, timeout=30)
    answer.raise_for_status()
    while not DECIDED.search(page(session, answer.url).get_text(" ")):
        if time.monotonic() - started > LONGEST_SECONDS:
            raise TimeoutError(f"{answer.url} was not decided in {LONGEST_SECONDS} s")
        time.sleep(0.1)
    return time.monotonic() - started


def _promotions(product: Running, one: RegionItem, times: int) -> list[float]:
    """Seconds from each move of the production alias until every answer is by that version."""
    dataset = load_dataset(product.dataset)
    registry = Registry(product.mlflow_url, dataset.name)
    session = product.planner()
    versions = sorted(int(version.version) for version in registry.versions(one))[-2:]
    seconds = []
    for turn in range(times):
        version = versions[turn % len(versions)]
        if registry.entry(one).production == version:
            version = next(other for other in versions if other != version)
        card = asdict(registry.load(one, version).card)
        registry.record_decision(one, version, Decision("promote", "benchmark"), "benchmark", card)
        started = time.monotonic()
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


def _version_shown(product: Running, session: requests.Session, one: RegionItem) -> int:
    fresh = requests.Session()
    fresh.cookies.update(session.cookies)
    with fresh:
        shown = page(fresh, f"{product.url}/forecasts", params={"ri": one.key, "horizon": 1})
    return int(re.search(r"v(\d+)", shown.select_one("#model .badge").text).group(1))


def _summary(seconds: list[float]) -> dict[str, float | int]:
    return {"p50": round(median(seconds), 2), "p99": round(float(np.quantile(seconds, 0.99)), 2), "n": len(seconds)}


def _print(result: dict[str, dict[str, object]]) -> None:
    console = Console()
    console.print(", ".join(f"{name} {value}" for name, value in result["machine"].items()))
    console.print(f"start to all region-items decided: {result['first_forecasts_seconds']} s")
    table = Table("seconds", "median", "99th percentile", "measurements")
    for name, words in (("retrain_seconds", "click on retrain to decision, 1 region-item"),
                        ("retrain_scattered_seconds", "the same, up to 20 scattered region-items"),
                        ("visible_seconds", "promotion to visible in every worker")):
        table.add_row(words, *(str(result[name][part]) for part in ("p50", "p99", "n")))
    console.print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop", description=__doc__)
    parser.add_argument("--dataset", type=Path, default=PROJECT / "datasets" / "simulated.toml")
    parser.add_argument("--retrains", type=int, default=5, help="retrains of one region-item")
    parser.add_argument("--promotions", type=int, default=20)
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    main()
