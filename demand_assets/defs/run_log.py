"""What a run says of itself in Dagster: the pipeline's own lines as they come, and what became of each region-item."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import dagster as dg
from typing_extensions import override

from demand_assets.forecasting.contract.dagster_names import CANDIDATE_MODEL, DEMAND, INSPECTED_FEATURES, RAW_DEMAND
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.pipeline.outcomes import Outcome

OURS = "demand_assets"
"""The logger above all of the pipeline's."""
OF_STORAGE = ("demand_assets.dagster_instance", "demand_assets.forecasting.store.waiting_for_room")
"""Loggers of what stores events, and of what waits while nothing can be stored: their lines are no events."""
DONE = {RAW_DEMAND: "read", DEMAND: "taken in", CANDIDATE_MODEL: "trained"}
VERDICTS = {"promote": "promoted", "keep": "kept"}
"""What an outcome is called."""
T = TypeVar("T")


class _Passed(logging.Handler):
    """Writes records of the pipeline into the run's log."""

    def __init__(self, log: logging.Logger) -> None:
        super().__init__(logging.INFO)
        self._log = log

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(OF_STORAGE):
            return
        try:
            self._log.log(record.levelno, record.getMessage(), exc_info=record.exc_info)
        except Exception:  # noqa: BLE001  # as every handler does: a line that cannot be kept is told on standard error
            self.handleError(record)


@contextmanager
def lines_in(log: logging.Logger) -> Iterator[None]:
    """Let what the pipeline says in this process, from INFO on, be in the run's log too, for the block."""
    ours, handler = logging.getLogger(OURS), _Passed(log)
    level = ours.level
    ours.addHandler(handler)
    if not ours.isEnabledFor(logging.INFO):
        ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.setLevel(level)


def told_in(log: logging.Logger, work: Iterator[T]) -> Iterator[T]:
    """What the work yields, with its lines in the run's log while it works: not while Dagster stores what came."""
    while True:
        with lines_in(log):
            one = next(work, None)
        if one is None:
            return
        yield one


class RunSummary:
    """The last word on each region-item of a run."""

    def __init__(self) -> None:
        self._last: dict[RegionItem, tuple[str, Outcome]] = {}

    def add(self, outcome: Outcome) -> None:
        """Take up an outcome; the table to look at is nobody's fate."""
        if outcome.asset == INSPECTED_FEATURES:
            return
        word = DONE.get(outcome.asset) or VERDICTS.get(outcome.details.get("verdict", ""), "judged before")
        self._last[outcome.region_item] = word if outcome.status == "done" else outcome.status, outcome

    @property
    def words(self) -> str:
        """How many came how far."""
        return ", ".join(f"{count} {word}" for word, count in sorted(self._counts.items())) or "none"

    @property
    def metadata(self) -> dict[str, Any]:
        """How many came how far, and a table of why, a row for each region-item."""
        rows = [dg.TableRecord({
            "region": one.region, "item": one.item, "outcome": word, "version": outcome.details.get("version"),
            "reason": outcome.reason}) for one, (word, outcome) in sorted(self._last.items())]
        columns = [dg.TableColumn(name, "int" if name == "version" else "string")
                   for name in ("region", "item", "outcome", "version", "reason")]
        return {"outcomes": dict(sorted(self._counts.items())), **({"reasons": dg.MetadataValue.table(
            rows, schema=dg.TableSchema(columns=columns))} if rows else {})}

    @property
    def _counts(self) -> Counter[str]:
        return Counter(word for word, _ in self._last.values())
