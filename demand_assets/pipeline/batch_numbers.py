"""What is told of a whole batch of models: its numbers on the backtest, and a fingerprint of its demand."""

import hashlib
from collections import Counter
from collections.abc import Iterable

from demand_assets.forecasting.contract.dagster_names import CANDIDATE_MODEL
from demand_assets.pipeline.outcomes import Outcome


class BatchNumbers:
    """Adds up region-items as they are trained and judged."""

    def __init__(self) -> None:
        self._sums: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._hashes: dict[str, str] = {}

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Take in what became of some region-items."""
        for outcome in outcomes:
            if outcome.status == "failed":
                self._counts["failed"] += 1
            elif outcome.asset == CANDIDATE_MODEL and "backtest_sums" in outcome.details:
                self._sums.update(outcome.details["backtest_sums"])
                self._hashes[outcome.region_item.key] = str(outcome.details.get("data_hash", ""))
            elif "verdict" in outcome.details:
                self._counts["promoted" if outcome.details["verdict"] == "promote" else "kept"] += 1

    @property
    def metrics(self) -> dict[str, float]:
        """Counts of region-items, and over all of them the metrics of the backtest that it has; as ``make train``."""
        sums = self._sums
        ratios = {"wape": ("absolute_error", "actual"), "bias": ("error", "actual"),
                  "wape_seasonal_naive": ("absolute_error_seasonal_naive", "actual"),
                  "wape_own": ("absolute_error_own", "actual"), "wape_pooled": ("absolute_error_pooled", "actual"),
                  "coverage_80": ("inside_80", "points")}
        return {"trained": len(self._hashes), **{name: self._counts[name] for name in ("promoted", "kept", "failed")},
                **{name: sums[part] / sums[whole] for name, (part, whole) in ratios.items() if sums[whole]}}

    @property
    def trained(self) -> int:
        """Region-items that have a new model."""
        return len(self._hashes)

    @property
    def demand_hash(self) -> str:
        """A fingerprint of the demand and drivers that the models learned from, of all together."""
        return hashlib.sha256(repr(sorted(self._hashes.items())).encode()).hexdigest()[:16]
