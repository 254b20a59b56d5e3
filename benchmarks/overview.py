"""``python -m benchmarks.overview``: how long the server takes for every view of the overview and for the sums of
thousands, on many region-items.

Fills the app's database of a temporary state directory with region-items, their stored and past forecasts, made
up but as large as real ones, and asks for each page as a browser would, in one process, without a network between.
"""

import argparse
import json
import tempfile
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, thread_time
from typing import Any

import numpy as np
import pandas as pd
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import insert, select, text

from benchmarks.support.machine import described
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.forecast.totals import Part, over_all
from demand_assets.forecasting.model.intervals import ErrorPaths
from webapp import create_app
from webapp.accounts.views import create_user
from webapp.db.database import db, now, writing
from webapp.services import services
from webapp.settings import Settings
from webapp.stored_forecasts.by_period import UnitsByPeriod
from webapp.stored_forecasts.groups import refresh
from webapp.stored_forecasts.histories import pack
from webapp.tables import (
    ArchivedForecast,
    Catalogue,
    ForecastFigures,
    LiveAccuracy,
    Production,
    RegionItemRow,
    StoredForecast,
)

DATASET = """\
title = "Overview benchmark"
unit = "units"
frequency = "D"
horizon = 28
[source]
kind = "simulated"
"""
EMAIL, PASSWORD = "planner@example.com", "a long password"
ORIGIN = date(2026, 6, 30)
HORIZON, PATHS = 28, 17
SHOWN_TOGETHER = 10
"""Regions of the page of many regions."""
VIEWS = {
    "first page, with what is new": "/", "the last page": "/?page=999999", "250 a page": "/?size=250",
    "sorted by four columns": "/?sort=-live_skill,change,-total,item", "search": "/?q=region+07+item+12",
    "flags": "/?flag=moved,new_demand&since=7", "demand behind": "/?flag=stale",
    "retrain waits": "/?flag=retrain_running",
    "sorted by size of move": "/?sort=-moved&columns=status,total,moved,missed",
    "totals by region": "/totals", "totals by item, sorted": "/totals?by=item&sort=-change",
    "one status": "/?status=production", "heat map": "/heat-map",
    "heat map of the backtest, page 5": "/heat-map?skill=backtest&page=5&across=3",
    "heat map, searched": "/heat-map?q=item+1",
    "forecast of ten regions": "/forecasts?" + "&".join(
        f"region=region+{region:03}" for region in range(SHOWN_TOGETHER)),
    "forecast of all": "/forecasts?all=1",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overview", description=__doc__)
    parser.add_argument("--regions", type=int, default=100, help="at least ten, of which one page tells")
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--origins", type=int, default=5, help="past forecasts of each region-item")
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if given.regions < SHOWN_TOGETHER:
        parser.error(f"--regions: at least {SHOWN_TOGETHER}")
    with tempfile.TemporaryDirectory() as folder:
        app = app_in(Path(folder))
        with app.app_context():
            upgrade()
            create_user(EMAIL, PASSWORD, "planner")
            fill(given.regions, given.items, given.origins)
            seconds = sum_up(app)
            size = Path(db.engine.url.database or "").stat().st_size
        result: dict[str, Any] = {"region_items": given.regions * given.items, "summing_up_seconds": round(seconds, 1),
                                  "database_mb": size // 1_000_000, "views": measured(app, given.times),
                                  "machine": described()}
    print(json.dumps(result, indent=2))
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")


def app_in(folder: Path) -> Flask:
    (folder / "many.toml").write_text(DATASET)
    return create_app(Settings(demand_dataset=folder / "many.toml", demand_state=folder / "var",
                               web_secret_key="x" * 32))


def fill(regions: int, items: int, origins: int) -> None:
    """Rows, stored forecasts and past forecasts."""
    rng = np.random.default_rng(0)
    for region in range(regions):
        made = [_region_item(f"region {region:03}", f"item {item:03}", region * items + item, rng)
                for item in range(items)]
        archived = [{"key": row["key"], "origin": str(ORIGIN - timedelta(days=back)), "made_at": now(),
                     "served_by": "3", "content": rng.random((4, HORIZON)).astype("<f4").tobytes()}
                    for row, _ in made for back in range(origins)]
        with writing():
            _store([row for row, _ in made])
            db.session.execute(insert(StoredForecast), [
                {"key": row["key"], "made_at": now(), "origin": str(ORIGIN), "served_by": "3",
                 "content": part.to_bytes(), "past": _past(float(row["volume"]) / HORIZON, rng),
                 "by_period": UnitsByPeriod(part.forecast * 0.9, np.stack([part.forecast, part.scale])).to_bytes()}
                for row, part in made])
            db.session.execute(insert(ArchivedForecast), archived)
    with writing():
        db.session.execute(text("ANALYZE"))


def _store(rows: list[dict[str, Any]]) -> None:
    """Write rows into the four tables of region-items."""
    for table in (Catalogue, Production, ForecastFigures, LiveAccuracy):
        names = {column.key for column in table.__table__.columns}
        db.session.execute(insert(table), [
            {name: value for name, value in row.items() if name in names} | {"id": row["position"] + 1}
            for row in rows])


def _past(level: float, rng: np.random.Generator) -> bytes:
    """Three years of demand, and a backtest of the last of it."""
    dates = pd.date_range(end=ORIGIN, periods=3 * 364)
    demand = pd.DataFrame({"date": dates, "demand": rng.poisson(level, len(dates)).astype(float)})
    tested = demand.iloc[-3 * HORIZON:]
    windows = tested["date"].to_numpy().astype("datetime64[D]"), tested["demand"].to_numpy()
    return pack(demand, windows, pd.Timestamp(ORIGIN), services().dataset)


def _region_item(region: str, item: str, position: int, rng: np.random.Generator) -> tuple[dict[str, Any], Part]:
    level = float(rng.gamma(2.0, 20.0))
    origins = tuple(str(ORIGIN - timedelta(days=28 + 7 * back)) for back in range(PATHS))
    part = Part(np.datetime64(ORIGIN) + np.arange(1, HORIZON + 1), level * (0.5 + rng.random(HORIZON)),
                np.full(HORIZON, level), (-0.2, -0.4, -0.6), (0.2, 0.5, 0.8),
                ErrorPaths(origins, tuple(rng.normal(0, 0.3, HORIZON) for _ in origins)), 1.3)
    bounds = over_all([part])
    at = now() - timedelta(hours=float(rng.uniform(0, 96)))
    numbers = {f"measure_{number:02}": float(rng.random()) for number in range(20)}
    last_year = bounds.forecast * float(rng.uniform(0.7, 1.4))
    key = RegionItem(region, item).key
    return {
        "key": key, "position": position, "in_catalogue": True, "region": region, "item": item,
        "search": f"{region} {item}", "status": str(rng.choice(["production", "production", "pooled", "baseline"])),
        "last_date": str(ORIGIN - timedelta(days=int(rng.random() < 0.02))), "production_version": 3,
        "promoted_at": at, "decided_at": at, "decision": str(rng.choice(["promote", "keep"])), "wape": 0.3,
        "wape_seasonal_naive": 0.4, "coverage_80": 0.8, "numbers": numbers, "wanted": {"summary": numbers},
        "candidate_numbers": {}, "best": "own", "forecast_due": False, "forecast_total": bounds.forecast,
        "forecast_model": bounds.forecast,
        "forecast_lower": bounds.lower, "forecast_upper": bounds.upper, "last_year": last_year,
        "change_on_last_year": bounds.forecast / last_year - 1, "last_demand": level, "volume": level * 28,
        "live_wape": float(rng.uniform(0.1, 0.6)), "live_skill": float(rng.normal(0.2, 0.2)),
        "live_bias": float(rng.normal(0, 0.1)), "live_periods": 28, "live_from": "archive",
        "live_error": level * 28 * 0.3, "live_sold": level * 28,
        "moved": float(rng.normal(0, level)), "moved_of": bounds.forecast, "missed": float(rng.normal(0, level)),
        "moved_at": at, "demand_at": at,
        "drift": float(rng.random() * 0.3), "drifted": "demand", "quarantined_rows": int(rng.random() < 0.03),
        "groups_due": 1, "step": "promoted", "step_at": at.isoformat(timespec="milliseconds"),
    }, part


def sum_up(app: Flask) -> float:
    """Make every total; the seconds it took."""
    began = perf_counter()
    refresh(app.extensions["services"], list(db.session.scalars(select(RegionItemRow.key))))
    return perf_counter() - began


def measured(app: Flask, times: int) -> dict[str, dict[str, float]]:
    """View -> milliseconds at the server; the first time, which reads templates, is left out."""
    client = app.test_client()
    _sign_in(client)
    return {words: _measure(client, url, times) for words, url in VIEWS.items()}


def _measure(client: FlaskClient, url: str, times: int) -> dict[str, float]:
    wall, processor = [], []
    for _ in range(times + 1):
        began, worked = perf_counter(), thread_time()
        response = client.get(url)
        wall.append(1000 * (perf_counter() - began))
        processor.append(1000 * (thread_time() - worked))
        assert response.status_code == 200, response.text
    return {"median_ms": round(median(wall[1:])), "longest_ms": round(max(wall[1:])),
            "median_processor_ms": round(median(processor[1:])), "kb": len(response.data) // 1000}


def _sign_in(client: FlaskClient) -> None:
    form = BeautifulSoup(client.get("/sign-in").data, "html.parser")
    token = form.find("input", attrs={"name": "csrf_token"})["value"]
    client.post("/sign-in", data={"csrf_token": token, "email": EMAIL, "password": PASSWORD})


if __name__ == "__main__":
    main()
