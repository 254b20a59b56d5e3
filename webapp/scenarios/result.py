"""What a scenario gives: plan, scenario and their difference, in units and in revenue, summed and for each part."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast.totals import Bounds
from webapp.db.stored_json import StoredJson
from webapp.region_items.labels import group_titles
from webapp.serving.explaining_sentences import Parts, of_scenario

MOST_REASONS = 3


@dataclass(frozen=True)
class PlanAndScenario:
    """Plan, scenario and scenario minus plan, each with its 80 % interval.

    The interval of the difference says what remains of the doubt about demand: what nobody foresees strikes plan and
    scenario alike, so most of it cancels out (``totals.Part.minus``). The doubt whether the model has the right idea of
    a driver's effect is not in it.
    """

    plan: Bounds
    scenario: Bounds
    difference: Bounds

    @property
    def relative(self) -> float | None:
        """The difference over the plan; None where that is zero."""
        return self.difference.forecast / self.plan.forecast if self.plan.forecast else None


@dataclass(frozen=True)
class PeriodResult:
    """One period, summed over region-items."""

    date: date
    units: PlanAndScenario
    revenue: PlanAndScenario | None


@dataclass(frozen=True)
class LineItemResult:
    """One region-item."""

    key: str
    served_by: str
    """As in ``StoredForecast``."""
    origin: date
    """Its last period with known demand."""
    is_changed: bool
    """Whether the scenario touches it."""
    units: PlanAndScenario
    revenue: PlanAndScenario | None
    """None where no price is known."""
    dates: tuple[date, ...]
    plan: tuple[float, ...]
    """Units of each period."""
    scenario: tuple[float, ...]
    plan_prices: tuple[float, ...]
    """Of each period; empty where no price is known."""
    scenario_prices: tuple[float, ...]
    why: dict[str, float]
    """Driver or group of features -> what it adds to the difference, in units; empty where nothing can be told."""
    plan_interval: tuple[tuple[float, float], ...] = ()
    """80 %, of each period; empty of older results. The same of the scenario."""
    scenario_interval: tuple[tuple[float, float], ...] = ()
    known_as: int = -1
    """``forecast_wanted`` of its row when it was computed; -1 of older results."""

    @property
    def region_item(self) -> RegionItem:
        """The region-item."""
        return RegionItem.from_key(self.key)

    @property
    def reasons(self) -> list[tuple[str, float]]:
        """What makes most of the difference, largest first."""
        return sorted(self.why.items(), key=lambda reason: -abs(reason[1]))[:MOST_REASONS]


@dataclass(frozen=True)
class Finding:
    """A sentence that is true of some region-items."""

    sentence: str
    keys: tuple[str, ...]
    short: str = ""
    """Alike where sentences differ in their numbers only; empty where none is known."""


@dataclass(frozen=True)
class PastPeriod:
    """A past period much like a changed one."""

    date: date
    demand: float
    drivers: dict[str, float | str | None]


@dataclass(frozen=True)
class Likeness:
    """A changed period of a region-item, and the past ones most like it."""

    key: str
    date: date
    past: tuple[PastPeriod, ...]

    @property
    def region_item(self) -> RegionItem:
        """The region-item."""
        return RegionItem.from_key(self.key)


@dataclass(frozen=True)
class Result(StoredJson):
    """All that was computed of a scenario; kept as JSON in ``SavedScenario.computed``."""

    units: PlanAndScenario
    revenue: PlanAndScenario | None
    periods: tuple[PeriodResult, ...]
    lines: tuple[LineItemResult, ...]
    why: dict[str, float]
    """Summed over those region-items that can be explained."""
    exact: bool
    """Whether contributions are exact; else they follow each tree's path."""
    unexplained: int
    """Changed region-items that the baseline forecasts, which no driver moves."""
    flags: tuple[Finding, ...]
    assumed: tuple[Finding, ...]
    likenesses: tuple[Likeness, ...]
    missing: tuple[Finding, ...]
    """Region-items that cannot be forecast: why, and which."""
    notices: tuple[str, ...]
    without_price: int
    """Region-items that revenue leaves out."""
    margin: PlanAndScenario | None = None
    """Revenue less the cost of what is sold; None where no cost is known, and of older results."""
    without_cost: int = 0
    """Region-items that the margin leaves out."""

    @property
    def dates(self) -> list[date]:
        """The periods that it covers."""
        return [period.date for period in self.periods]

    def in_words(self, dataset: Dataset) -> list[str]:
        """At most two sentences on the difference, with the numbers of its page."""
        titles = group_titles(dataset)
        parts = Parts([(titles.get(group, group), value) for group, value in self.why.items()],
                      self.units.difference.forecast, without=self.unexplained) if self.why else None
        return of_scenario(self.units.plan.forecast, self.units.scenario.forecast, parts, dataset.unit,
                           has_model=bool(self.why or not self.unexplained))

    @staticmethod
    def by_short(found: Sequence[Finding]) -> dict[str, list[Finding]]:
        """What is told in short -> its findings; what has none in short is told by its sentence."""
        told: dict[str, list[Finding]] = {}
        for one in found:
            told.setdefault(one.short or one.sentence, []).append(one)
        return told

    @property
    def changed(self) -> int:
        """Region-items that the scenario touches."""
        return sum(line.is_changed for line in self.lines)

    @property
    def summary(self) -> "Summary":
        """What a list shows of it."""
        revenue = self.revenue
        return Summary(self.units.plan.forecast, self.units.difference.forecast,
                       revenue.plan.forecast if revenue else None, revenue.difference.forecast if revenue else None,
                       self.dates[0], self.dates[-1])

    @property
    def made_with(self) -> dict[str, list[str]]:
        """Key -> what forecast it and its origin."""
        return {line.key: [line.served_by, line.origin.isoformat()] for line in self.lines}


@dataclass(frozen=True)
class Summary(StoredJson):
    """What a list shows of a result, in units and in the price's currency."""

    plan: float
    difference: float
    plan_revenue: float | None
    difference_revenue: float | None
    first: date
    last: date
