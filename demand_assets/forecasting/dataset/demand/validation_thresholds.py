"""From when on validation refuses demand: the entries ``[rules]`` of the dataset file, and their defaults."""

from typing import Annotated, Literal

from pydantic import Field

from demand_assets.forecasting.dataset.strict_entry import StrictEntry


class Rules(StrictEntry):
    """What the validation allows; each has words for its failure."""

    gaps: Literal["unknown", "zero"] = "unknown"
    """What a missing period means: nothing is known of it, or nothing was sold."""
    several_rows: Literal["sum", "mean", "last", "refuse"] | None = None
    """What several rows for a period mean: lines that add up, values of which the mean or the last holds, or a mistake.
    Unless given, rows that are alike or complete each other are one, and rows that contradict each other are refused.
    Of drivers, ``sum`` and ``mean`` take the mean of numbers, yes where one row says so, and the last category."""
    unfinished: Literal["set_aside", "final"] = "set_aside"
    """Demand of the period that is not over on the source's today: set aside until it is, or final as it
    stands. A week is over six days after its date."""
    leave_out_regions: tuple[str, ...] = ()
    """Regions that are no regions, such as a total over all; their rows are not read."""
    leave_out_items: tuple[str, ...] = ()
    """Items that are no items, such as a total over all; their rows are not read."""
    only_rows: dict[Annotated[str, Field(min_length=1)], Annotated[tuple[str, ...], Field(min_length=1)]] = Field(
        default={})
    """Column -> its values in the rows that count, as in ``{ Type = ["Actual"] }``: those with others, such as plans,
    are not read. An empty text stands for an empty cell."""
    refused_units_share: float = Field(default=1.0, gt=0, le=1)
    """A training fails when a larger share of all units of the dataset was refused."""
    placeholders: tuple[float, ...] | None = None
    """Values of demand that mean "not known", as in ``[-1, 9999]``; an empty list says that there are none, so that
    none is proposed."""
    negative: Literal["quarantine", "zero"] = "quarantine"
    """What becomes of negative demand: refused (the period is then unknown), or counted as zero and reported."""
    absurd_multiple: float = Field(default=50.0, gt=1)
    """Demand above so many times the region-item's own 99th percentile of positive demand is refused, unless demand
    was as large about a year before or after."""
    quarantined_share: float = Field(default=0.3, gt=0, le=1)
    """A region-item with a larger share of its rows refused keeps its last good demand."""
    unknown_share: float = Field(default=0.6, gt=0, le=1)
    """A region-item with a larger share of unknown periods keeps its last good demand."""
    stale_periods: int | None = Field(default=None, ge=1)
    """A region-item whose demand ends so many periods before the dataset's is no longer forecast; two horizons (but at
    least one quarter of a year) unless given."""
