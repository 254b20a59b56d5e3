"""What was measured of production models, and which of it counts."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.pipeline.monitor import FOLDER, latest

NOW = datetime(2027, 1, 1, 0, 0, 10, tzinfo=UTC)


def measured(store: DemandStore, at: datetime, wape: float) -> None:
    line = {"region_item": "north|kettle", "version": 1, "observed_at": str(at), "promoted_at": str(at), "wape": wape,
            "new_periods": 2, "wape_backtest": 0.1, "bias": 0.0, "drift": 0.0, "drifted": "demand", "volume": 5.0,
            "pinned": False, "unusable": ""}
    store.write_bytes(f"{FOLDER}/{at:%Y%m%dT%H%M%S}-0000aaaa.jsonl", json.dumps(line).encode())


def test_the_newest_of_the_last_two_days_counts(tmp_path: Path) -> None:
    store = DemandStore(str(tmp_path))
    for hours, wape in ((47, 0.3), (1, 0.2), (49, 0.1)):
        measured(store, NOW - timedelta(hours=hours), wape)

    assert [one.wape for one in latest(store, NOW)] == [0.2]


def test_what_was_measured_before_the_clock_was_put_back_counts_until_it_is_measured_again(tmp_path: Path) -> None:
    store = DemandStore(str(tmp_path))
    measured(store, NOW + timedelta(days=365), 0.3)
    assert [one.wape for one in latest(store, NOW)] == [0.3]
    measured(store, NOW - timedelta(hours=1), 0.2)

    assert [one.wape for one in latest(store, NOW)] == [0.2]
