"""What the stages of the pipeline are asked, and what they make of each region-item."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from demand_assets.forecasting.contract.clock import Seconds
from demand_assets.forecasting.contract.dagster_names import (
    CANDIDATE_MODEL,
    DEMAND,
    INSPECTED_FEATURES,
    PRODUCTION_MODEL,
    Asset,
)
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.registry.entry import VersionFacts
from demand_assets.forecasting.store.journal import Entry, Step
from demand_assets.forecasting.store.stored_files import DamagedFileError
from demand_assets.forecasting.store.waiting_for_room import exhausted
from demand_assets.forecasting.telemetry.tracing import TRACEPARENT

PLOTS_UP_TO = 50
"""Region-items of a run that get a plot each in Dagster; those of larger runs would fill the disk, unseen."""
PLOT_PERIODS = 180
"""How much of the past is plotted."""
Status = Literal["done", "quarantined", "failed"]


@dataclass(frozen=True)
class RequestedBy:
    """Who or what asked for the work, and in which run it is done."""

    request_id: str = ""
    run_id: str = ""
    by: str = ""
    traceparent: str = ""
    """Of the span that the work is a part of; empty where nothing is traced."""
    goes_on: bool = False
    """Whether an earlier run of the same request was cut off, so that some of its work may be done."""

    def made(self, version: VersionFacts | None) -> bool:
        """Whether this very work made the version before it was cut off."""
        if version is None:
            return False
        is_same_run = bool(self.run_id) and version.run_id == self.run_id
        return is_same_run or (self.goes_on and bool(self.request_id) and version.request_id == self.request_id)

    @property
    def tags(self) -> dict[str, str]:
        """What a model remembers of it."""
        return {"request_id": self.request_id, "asked_by": self.by, "dagster_run_id": self.run_id,
                **({TRACEPARENT: self.traceparent} if self.traceparent else {})}


@dataclass(frozen=True)
class Outcome:
    """What became of one asset of one region-item."""

    region_item: RegionItem
    asset: Asset
    status: Status = "done"
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    """What an engineer would look for: rows, dates, counts, metrics, versions."""
    trace: str = ""
    """The traceback of an error."""
    lines: dict[str, list[float]] = field(default_factory=dict)
    """Colour -> values of a plot."""
    damaged: bool = False
    """Whether it failed because what the demand store holds of the region-item is damaged."""

    def entries(self, asked: RequestedBy) -> list[Entry]:
        """What the journal says of it; nothing where there is nothing new."""
        request_id = self.details.get("request_id") or asked.request_id
        entries = [Entry(self.region_item, self._step, request_id=request_id, run_id=asked.run_id, reason=self.reason,
                         numbers=self.details, asked_by=asked.by)] if self._step else []
        if asked.request_id and request_id != asked.request_id:
            reason = f"a later retrain's v{self.details['version']} was judged instead: {self.reason}"
            entries.append(Entry(self.region_item, "kept", asked.request_id, asked.run_id, reason, self.details,
                                 asked_by=asked.by))
        return entries

    @property
    def _step(self) -> Step | None:
        if self.asset == INSPECTED_FEATURES:
            return None
        if self.status == "failed":
            return "failed"
        if self.asset == DEMAND:
            return "validated" if self.status == "done" else "quarantined"
        if self.asset == CANDIDATE_MODEL:
            return "trained" if self.status == "done" else "kept"
        if self.asset == PRODUCTION_MODEL and "verdict" in self.details:
            return "promoted" if self.details["verdict"] == "promote" else "kept"
        return None


@dataclass(frozen=True)
class Part:
    """What became of some region-items that were worked on together."""

    outcomes: list[Outcome]
    seconds: Seconds


def guarded(region_item: RegionItem, asset: Asset, work: Callable[[], Outcome]) -> Outcome:
    """What the work makes of the asset; an error is the region-item's own outcome, and disturbs no neighbour.

    Raises: what ``failed`` raises.
    """
    try:
        return work()
    except Exception as error:  # noqa: BLE001  the edge: whatever breaks one region-item is recorded as its failure
        return failed(region_item, asset, error)


def failed(region_item: RegionItem, asset: Asset, error: Exception) -> Outcome:
    """The outcome that the error is.

    Raises: the error itself, where it says that something of the machine is used up: no failure of the region-item's.
    """
    if exhausted(error):
        raise error
    return Outcome(region_item, asset, "failed", f"{type(error).__name__}: {error}", trace="".join(
        traceback.format_exception(error)), damaged=isinstance(error, DamagedFileError))
