"""What a scenario's result was made of, in few numbers: it is stale when one of them is another now."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b

import numpy as np

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.prices_and_costs import Money
from demand_assets.forecasting.forecast.totals import Part
from demand_assets.forecasting.series.gapped import Floats
from webapp.db.stored_json import StoredJson
from webapp.tables import Override

ENTRIES = {"frequency", "season_lengths", "baseline_season", "unit", "currency", "drivers", "rules"}
"""Of the dataset file: what a plan and a scenario depend on beside models and demand."""
SAME = 1e-5
"""Plans that differ by less than this share of their total are the same."""


@dataclass(frozen=True)
class PlanOf:
    """The plan of one region-item.

    Forecasts by the same model from the same origin differ where its past or the planned drivers were changed.
    """

    known_as: int
    """``forecast_wanted`` of its row when it was computed: while that stays, so does the plan."""
    total: float
    """Units over the scenario's horizon."""
    moment: float
    """The same with each period's units times its place, so that units moved from period to period are seen."""

    def is_also(self, part: Part, periods: int) -> bool:
        """Whether the first periods of a stored forecast are this plan."""
        now = plan_of(part.forecast[:periods], self.known_as)
        size = max(abs(self.total), abs(now.total))
        return abs(now.total - self.total) <= SAME * size and abs(now.moment - self.moment) <= SAME * size * periods


@dataclass(frozen=True)
class Fingerprint(StoredJson):
    """Of one result; kept as JSON in ``SavedScenario.made_of``."""

    dataset: str
    periods: int
    first: date
    last: date
    plans: dict[str, PlanOf]
    """By key."""
    overrides: dict[str, str]
    """Key -> a digest of its overrides that held in these periods; region-items without any are left out."""


def plan_of(forecast: Sequence[float] | Floats, known_as: int) -> PlanOf:
    """The plan whose units of each period these are."""
    units = np.asarray(forecast, dtype=float)
    return PlanOf(known_as, float(units.sum()), float(units @ np.arange(1, len(units) + 1)))


def digest_of_dataset(dataset: Dataset) -> str:
    """A digest of the entries of the dataset file that a result depends on."""
    found = dataset.model_dump(mode="json", include=ENTRIES)
    if dataset.money != Money():  # results of before there was such an entry stay as they are
        found["money"] = dataset.money.model_dump(mode="json")
    return _digest(found)


def digests(overrides: Mapping[str, Iterable[Override]], first: date, last: date) -> dict[str, str]:
    """Key -> digest of its overrides of these periods; region-items without any are left out."""
    held = {key: [[one.date, one.way, one.amount] for one in rows if str(first) <= one.date <= str(last)]
            for key, rows in overrides.items()}
    return {key: _digest(rows) for key, rows in held.items() if rows}


def of_others(token: str, overrides: Iterable[Override]) -> list[Override]:
    """The overrides that the scenario of that token did not make itself: applying it does not make it stale."""
    return [one for one in overrides if one.scenario != token]


def _digest(content: object) -> str:
    return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()
