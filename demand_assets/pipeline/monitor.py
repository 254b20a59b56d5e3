"""Measures production models against new demand, and keeps what was measured for the retrain sensor."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.gate.monitoring import Observation, observe
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.registry.region_item_tags import moment
from demand_assets.forecasting.registry.session import NotRegisteredError
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.journal import Entry, Journal
from demand_assets.forecasting.store.stored_files import DamagedFileError, NotInStoreError
from demand_assets.pipeline.run import Pipeline

log = logging.getLogger(__name__)

FOLDER = "monitoring"
KEPT = timedelta(days=2)
"""What was measured longer ago than this is no reason to retrain today."""
CLOCKS_DIFFER = timedelta(minutes=1)
"""Between the machines of one installation, at most."""


def measure(pipeline: Pipeline, region_items: Sequence[RegionItem], now: datetime) -> list[Observation]:
    """Measure those of the region-items that have a model in production, and keep the result."""
    observations = []
    for region_item in region_items:
        entry = pipeline.registry.entry(region_item)
        if entry is None or entry.production is None:
            continue
        try:
            model = pipeline.registry.load(region_item, entry.production)
        except (ModelFilesError, NotRegisteredError) as error:
            log.warning("%s is not measured: %s", region_item, error)
            continue
        try:
            demand = pipeline.store.read("demand", region_item)
        except DamagedFileError as error:
            log.warning("%s is not measured: %s", region_item, error)
            pipeline.store.note_damage(error)
            continue
        since = moment(entry.promoted_at or model.card.trained_to)  # the former is not known of an alias set by hand
        observations.append(observe(demand, pipeline.dataset, model, region_item, since, now, bool(entry.pinned_by)))
    if observations:
        lines = [json.dumps({**asdict(one), "region_item": one.region_item.key}, default=str) for one in observations]
        pipeline.store.write_bytes(f"{FOLDER}/{now:%Y%m%dT%H%M%S}-{uuid4().hex[:8]}.jsonl", "\n".join(lines).encode())
    Journal(pipeline.store).write(
        Entry(one.region_item, "monitored",
              numbers={"wape_live": one.wape, "bias_live": one.bias, "new_periods": one.new_periods,
                       "drift": round(one.drift, 4), "drifted": one.drifted, "version": one.version})
        for one in observations)
    return observations


def latest(store: DemandStore, now: datetime) -> list[Observation]:
    """The newest observation of each region-item, of the last two days.

    What is of later than now was measured before the clock was put back, and older than what was measured since.
    """
    newest: dict[RegionItem, Observation] = {}
    at = now.astimezone(UTC)
    oldest, latest_yet = (f"{one:%Y%m%dT%H%M%S}" for one in (at - KEPT, at + CLOCKS_DIFFER))
    for name in sorted(store.names(FOLDER), key=lambda name: (name <= latest_yet, name)):
        if name < oldest:
            continue
        try:
            lines = store.read_bytes(f"{FOLDER}/{name}").split(b"\n")
        except NotInStoreError as error:
            log.warning("what was measured is not known: %s", error)
            continue
        for line in lines:
            try:
                one = _observation(line)
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                log.warning("a line of %s is damaged, and is left out: %s", name, error)
            else:
                newest[one.region_item] = one
    return list(newest.values())


def _observation(line: bytes) -> Observation:
    fields = json.loads(line)
    return Observation(**{**fields, "region_item": RegionItem.from_key(fields["region_item"]),
                          "observed_at": datetime.fromisoformat(fields["observed_at"]),
                          "promoted_at": datetime.fromisoformat(fields["promoted_at"])})
