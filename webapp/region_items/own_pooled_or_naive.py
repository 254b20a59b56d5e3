"""The region-item's own model, the pooled one, or seasonal naive: which was best on the backtest, and which serves
where none of its own is in production. Whether its own goes into production is the gate's to decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, Self

from demand_assets.forecasting.model.serving.baseline import is_clearly_better
from webapp.language.translations import lazy_gettext as _l
from webapp.tables import PooledRow, RegionItemRow

CONTESTANTS = {"seasonal_naive": _l("seasonal naive"), "pooled": _l("pooled model"), "own": _l("own model")}
"""Of a pooled and an own model that are equally good, the pooled one is the best: it needs less."""
MEASURED = ("wape", "wape_own", "wape_pooled", "wape_seasonal_naive", "naive_to_pooled_of_all", "backtest_units")


@dataclass(frozen=True)
class Evidence:
    """WAPE of each contestant on the same backtest windows, and of what the recipe makes of them."""

    own: float
    pooled: float
    seasonal_naive: float
    mix: float
    """Of the recipe's mix of pooled and own, which a production model forecasts by."""
    units: float | None = None
    """Units sold in the backtest, by which WAPE over several region-items is weighed; None where it was not noted."""
    naive_to_pooled_of_all: float | None = None
    """WAPE of seasonal naive over that of the pooled model, in the backtest of all region-items; None where it was not
    noted, as by models of before, and of a total."""

    @property
    def best(self) -> str:
        """The model with the smallest WAPE, or seasonal naive where none is smaller and it is clearly better than the
        pooled model, as far as all region-items say."""
        if self.seasonal_naive <= self.own and is_clearly_better(self.seasonal_naive, self.pooled,
                                                                 self.naive_to_pooled_of_all):
            return "seasonal_naive"
        return "pooled" if self.pooled <= self.own else "own"

    @classmethod
    def of(cls, numbers: Mapping[str, Any]) -> Self | None:
        """From a model's card; None where the card does not tell, as when nothing was sold in the backtest."""
        found = [_finite(numbers.get(name)) for name in ("wape_own", "wape_pooled", "wape_seasonal_naive", "wape")]
        own, pooled, naive, mix = found
        if own is None or pooled is None or naive is None or mix is None:
            return None
        return cls(own, pooled, naive, mix, _finite(numbers.get("backtest_units")),
                   _finite(numbers.get("naive_to_pooled_of_all")))


@dataclass(frozen=True)
class EvidenceTable:
    """The evidence of a selection, by region-item and in total."""

    rows: list[tuple[RegionItemRow, Evidence | None]]
    total: Evidence | None
    """Sums of absolute errors over the sum of units sold; None where no row tells both."""
    left_out: int
    """Region-items that the total does not hold, since their backtest tells no errors or no units."""

    @property
    def counts(self) -> dict[str, int]:
        """Contestant -> how many region-items it is best for."""
        return {name: sum(1 for _, found in self.rows if found and found.best == name) for name in CONTESTANTS}

    @property
    def is_empty(self) -> bool:
        """Whether no region-item has any evidence."""
        return not any(found for _, found in self.rows)


def stand_in(row: RegionItemRow, pooled: PooledRow | None) -> Literal["pooled", "baseline"]:
    """What forecasts a region-item that has no model of its own in production.

    The pooled model, unless there is none or the region-item's backtest showed seasonal naive to be clearly better.
    """
    if pooled is None or pooled.production_version is None or row.best == "seasonal_naive":
        return "baseline"
    return "pooled"


def evidence_of(row: RegionItemRow) -> Evidence | None:
    """Of the version in production; without one, of the newest candidate."""
    return Evidence.of(row.numbers if row.production_version is not None else row.candidate_numbers)


def table_of(rows: Sequence[RegionItemRow]) -> EvidenceTable:
    """The evidence of a selection; in total WAPE times units are the absolute errors that are summed."""
    each = [(row, evidence_of(row)) for row in rows]
    weighed = [(found, found.units) for _, found in each if found and found.units]
    return EvidenceTable(each, _total(weighed) if weighed else None, len(each) - len(weighed))


def _total(weighed: Sequence[tuple[Evidence, float]]) -> Evidence:
    units = sum(sold for _, sold in weighed)
    return Evidence(
        own=sum(found.own * sold for found, sold in weighed) / units,
        pooled=sum(found.pooled * sold for found, sold in weighed) / units,
        seasonal_naive=sum(found.seasonal_naive * sold for found, sold in weighed) / units,
        mix=sum(found.mix * sold for found, sold in weighed) / units, units=units)


def candidate_numbers(numbers: Mapping[str, Any]) -> dict[str, float | None]:
    """What is kept of what the backtest of a candidate measured."""
    return {name: _finite(numbers.get(name)) for name in MEASURED}


def _finite(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and isfinite(value) else None
