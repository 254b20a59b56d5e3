"""From when on validation refuses demand: the entries ``[rules]`` of the dataset file, and their defaults."""

from typing import Literal

from pydantic import Field

from demand_assets.forecasting.contract.drivers import StrictEntry


class Rules(StrictEntry):
    """What the validation allows; each has words for its failure."""

    gaps: Literal["unknown", "zero"] = "unknown"
    """What a missing period means: nothing is known of it, or nothing was sold."""
    negative: Literal["quarantine", "zero"] = "quarantine"
    """What becomes of negative demand: refused (the period is then unknown), or counted as zero and reported."""
    absurd_multiple: float = Field(default=50.0, gt=1)
    """Demand above so many times the region-item's own 99th percentile of positive demand is refused."""
    quarantined_share: float = Field(default=0.3, gt=0, le=1)
    """A region-item with a larger share of its rows refused keeps its last good demand."""
    unknown_share: float = Field(default=0.6, gt=0, le=1)
    """A region-item with a larger share of unknown periods keeps its last good demand."""
    stale_periods: int | None = Field(default=None, ge=1)
    """A region-item whose demand ends so many periods before the dataset's is no longer forecast; two horizons (but at
    least one quarter of a year) unless given."""
