"""The gate: is the candidate better than what serves now? The rule, and its reasons in words."""

from dataclasses import asdict, dataclass, field
from math import ceil, isfinite
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.contract.code_version import CODE_VERSION
from demand_assets.forecasting.dataset.models.gate_margins import Gate
from demand_assets.forecasting.gate.nothing_new import LearnedFrom, is_nothing_new
from demand_assets.forecasting.series.demand_class import demand_class
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.series.metrics import bias, coverage, in_percent, recorded, wape

SALES_IN_TOTAL = 5
"""Slow demand is judged by totals of as many periods as usually hold so many with a sale."""
PARTS = 4
"""Of each window, whose differences in error tell how much of an advantage may be chance."""
WIDEST = 2.0
"""Times the range of the actuals; an interval that is wider and holds too many says nothing."""
CLEARLY = 2.0
"""Times what may be chance, by which a candidate is clearly better than production."""
Measured = dict[str, float]


@dataclass(frozen=True)
class Contestant:
    """What one model forecast for windows that it had not seen."""

    forecast: Floats
    """Shape (windows, horizon), in units; NaN in windows of which it has no honest forecast."""
    lower_80: Floats
    upper_80: Floats
    trained_to: str
    """Last date of its training data, ISO."""
    data_hash: str
    recipe: dict[str, Any]
    origins: tuple[str, ...] = ()
    """The last date known at each window's start, ISO; none where it was not recorded."""
    seen_to: tuple[str, ...] = ()
    """The last date of the demand that the fit behind each window's forecasts has seen, ISO; none if not kept."""
    unusable: str = ""
    """Why it cannot forecast the dataset as it is now; empty where it can."""
    code_version: str = CODE_VERSION
    """Of its training."""
    sold_hash: str = ""
    """Of demand as it was sold, without planners' adjustments, and its drivers; empty where it was not recorded."""
    adjustments: int = 0
    """Periods of its demand that planners adjusted."""
    is_same: bool = False
    """Of production: whether it forecasts exactly what the candidate does, in the windows and ahead."""
    has_same_interval: bool = False
    """Whether the intervals are exactly the same as well."""
    lacks_deciles: bool = False
    """Whether it has no deciles, while the candidate has."""
    interval_growth: float = 0.0
    """By how much wider the candidate's 80 % interval is where production is the same; relative, negative: narrower."""
    realised: Floats | None = None
    """``forecast`` had the drivers been known, which its bias is told from: what a plan leaves out is no fault of a
    model. None where the drivers came as planned."""
    incomparable: str = ""
    """Why it has no score in any window that another model can be compared with; empty where it has."""

    @property
    def learned_from(self) -> LearnedFrom:
        """What it was made of."""
        return LearnedFrom(self.data_hash, self.recipe.get("pooled_version"), self.code_version)

    def leaks(self) -> list[tuple[str, str]]:
        """Origin and last date seen of each window whose forecasts come from a fit that has seen beyond the origin."""
        windows = zip(self.origins, self.seen_to, strict=bool(self.seen_to))
        return [(origin, seen) for origin, seen in windows if seen > origin]


@dataclass(frozen=True)
class Decision:
    """What the gate decided, and why."""

    verdict: Literal["promote", "keep"]
    reason: str
    """One sentence a planner understands."""
    numbers: dict[str, Any] = field(default_factory=dict)
    """What it was decided on: WAPE of candidate, production and seasonal naive on the same windows, bias, coverage.
    For slow demand also the periods in a total and the WAPE of totals, which then decides."""

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)


def judge(actual: Floats, candidate: Contestant, production: Contestant | None, seasonal_naive: Floats,
          gate: Gate | None = None) -> Decision:
    """Promote the candidate or keep what serves, on windows that neither model has seen.

    Args:
        actual: shape (windows, horizon), in units; NaN where unknown.
        candidate: the newcomer's forecasts of the windows, by its recipe fitted on data before each.
        production: the same for the model that serves, which may have no score in some windows or in all; None when
            none serves.
        seasonal_naive: the baseline's forecasts of the windows.
        gate: the settings.
    """
    gate = gate or Gate()
    contest = _Contest(actual, candidate, production, seasonal_naive, gate)
    numbers = {name: recorded(value) if isfinite(value) else None for name, value in contest.measured.items()}
    if problem := contest.problem():
        return Decision("keep", problem, numbers)
    verdict, reason = contest.comparison()
    return Decision(verdict, reason, numbers)


class _Contest:
    """One contest, measured."""

    def __init__(self, actual: Floats, candidate: Contestant, production: Contestant | None, seasonal_naive: Floats,
                 gate: Gate) -> None:
        self._actual, self._candidate, self._production, self._gate = actual, candidate, production, gate
        self._naive = seasonal_naive
        self._periods = _periods_in_total(actual)
        self._sold = self._totals(actual)
        self._mine = wape(self._sold, self._totals(candidate.forecast))
        self._floor = wape(self._sold, self._totals(seasonal_naive))
        scored = np.full(actual.shape, False) if production is None else np.isfinite(production.forecast)
        self._shared: npt.NDArray[np.bool_] = np.asarray(scored.all(axis=1))
        """Windows of which production has a score, shape (windows,)."""
        self._mine_shared, self._theirs = (
            wape(self._sold[self._shared], self._totals(of.forecast)[self._shared])
            if production is not None and self._shared.any() else float("nan")
            for of in (candidate, production or candidate))
        self._unbiased_by_plan = candidate.forecast if candidate.realised is None else candidate.realised
        self._bias = bias(actual, self._unbiased_by_plan)
        self._inside = coverage(actual, candidate.lower_80, candidate.upper_80)
        self.measured = self._measured()

    def problem(self) -> str:
        """What speaks against the candidate, whatever serves; empty when nothing does."""
        if self._candidate.unusable:
            return f"it cannot forecast the dataset as it is now: {self._candidate.unusable}"
        if leaks := self._candidate.leaks():
            origin, seen = leaks[0]
            return f"a leak: its forecasts of what follows {origin} come from a fit that has seen demand to {seen}"
        if not isfinite(self._mine):
            return "nothing was sold in the backtest, so nothing shows that a model would be better than the baseline"
        if self._is_implausible():
            return (f"a leak: WAPE {in_percent(self.measured['wape'])} is smaller than chance allows for counts, "
                    f"{in_percent(self.measured['wape_of_chance'])} at best")
        if self._mine > self._floor and not self._beats_production(CLEARLY):
            return f"{self._wape(self._mine)} is worse than seasonal naive with {in_percent(self._floor)}"
        if self._gate.floor and self._mine > self._floor * (1 - self._gate.floor):
            return (f"{self._wape(self._mine)} is not better than seasonal naive with {in_percent(self._floor)} by "
                    f"{in_percent(self._gate.floor)}, as gate.floor wants")
        if self._gate.most_wape is not None and self._mine > self._gate.most_wape:
            return f"{self._wape(self._mine)} is larger than gate.most_wape allows, {in_percent(self._gate.most_wape)}"
        return self._bias_problem() or self._coverage_problem()

    def comparison(self) -> tuple[Literal["promote", "keep"], str]:
        """The verdict on a candidate with which nothing is wrong by itself."""
        candidate, production, gate = self._candidate, self._production, self._gate
        if production is None:
            floor = in_percent(self._floor)
            return "promote", f"first model: {self._wape(self._mine)} against {floor} of seasonal naive"
        if is_nothing_new(candidate.learned_from, production.learned_from) and candidate.recipe == production.recipe:
            return "keep", ("nothing new: same demand and same recipe as the model in production "
                            f"(trained to {production.trained_to})")
        if production.is_same:
            return self._of_the_same(production)
        beaten = f"; seasonal naive has {in_percent(self._floor)}" if self._mine > self._floor else ""
        if not isfinite(self._theirs):
            return self._on_its_own(production)
        against = f"{self._wape(self._mine_shared)} against {in_percent(self._theirs)} of the model in production"
        if not self._shared.all():
            against += f", in the {self._shared.sum()} of {len(self._shared)} windows that it had not seen"
        against += beaten
        if candidate.data_hash == production.data_hash:
            if self._mine_shared > self._theirs * (1 - gate.margin):
                return "keep", f"{against}, on the same demand: the margin of {in_percent(gate.margin)} is not reached"
            chance = gate.chance * self.measured["wape_difference_error"]
            if not self._theirs - self._mine_shared >= chance:
                better = in_percent(self._theirs - self._mine_shared)
                return "keep", (f"{against}, on the same demand: a difference of {better} may be chance, up to "
                                f"{in_percent(chance)}")
            return "promote", against
        if self._mine_shared <= self._theirs and candidate.trained_to >= production.trained_to:
            return "promote", f"{against}, and trained on {self._new_in(production)}"
        if self._mine_shared <= self._theirs * (1 - gate.margin):
            return "promote", against
        if candidate.trained_to < production.trained_to:
            return "keep", f"{against}: not better by the margin of {in_percent(gate.margin)}"
        return "keep", f"{against}: worse, though trained on {self._new_in(production)}"

    def _of_the_same(self, production: Contestant) -> tuple[Literal["promote", "keep"], str]:
        """The verdict where no forecast would move: only the first deciles are promoted, or an interval that newer
        demand has measured."""
        candidate = self._candidate
        same = "the same forecasts: the candidate forecasts exactly what the model in production does"
        if production.has_same_interval:
            return "keep", f"{same}, in the backtest and ahead"
        if production.lacks_deciles and candidate.trained_to >= production.trained_to:
            return "promote", f"{same}; it adds deciles, which that one does not have"
        if candidate.data_hash == production.data_hash or candidate.trained_to < production.trained_to:
            return "keep", f"{same}, and its other interval comes from no newer demand"
        width = in_percent(abs(production.interval_growth))
        change = ("is as wide, in another place" if width == in_percent(0.0) else
                  f"becomes {width} {'wider' if production.interval_growth > 0 else 'narrower'}")
        return "promote", f"{same}; only the 80 % interval {change}, measured on {self._new_in(production)}"

    def _new_in(self, production: Contestant) -> str:
        """What is new in the demand of the candidate, which is not older than production's."""
        candidate = self._candidate
        if candidate.trained_to > production.trained_to:
            return f"newer demand (to {candidate.trained_to})"
        known = bool(candidate.sold_hash and production.sold_hash)
        if (candidate.sold_hash == production.sold_hash) if known else candidate.adjustments != production.adjustments:
            return "adjusted demand"
        return f"demand or drivers that were corrected since (to {candidate.trained_to})"

    def _on_its_own(self, production: Contestant) -> tuple[Literal["promote", "keep"], str]:
        """The verdict where production has no score: the candidate beats the baseline and is not the older one."""
        why = production.incomparable or "there is no demand in windows that the model in production has not seen"
        words = f"cannot be compared: {why}"
        if self._candidate.trained_to < production.trained_to:
            return "keep", (f"{words}; the candidate was trained on older demand (to {self._candidate.trained_to}, "
                            f"production to {production.trained_to})")
        return "promote", (f"{words}; judged on its own: {self._wape(self._mine)} against {in_percent(self._floor)} of "
                           "seasonal naive")

    def _beats_production(self, times: float = 1.0) -> bool:
        """Whether it is better than production over all windows, by the margin and by so many times what may be chance:
        what would keep it out by itself would keep something in that is worse."""
        gained = self._theirs - self._mine_shared
        return (isfinite(self._theirs) and bool(self._shared.all()) and gained >= self._gate.margin * self._theirs
                and gained >= times * self._gate.chance * self.measured["wape_difference_error"])

    def _measured(self) -> Measured:
        actual, production, shared = self._actual, self._production, self._shared
        found = {"wape": wape(actual, self._candidate.forecast), "wape_seasonal_naive": wape(actual, self._naive),
                 "wape_of_chance": _wape_of_chance(actual), "bias": bias(actual, self._candidate.forecast),
                 "bias_error": self._bias_error(), "coverage_80": self._inside}
        if self._candidate.realised is not None:
            found |= {"wape_realised": wape(actual, self._unbiased_by_plan), "bias_realised": self._bias}
        if production is not None:
            found["windows_compared"] = int(shared.sum())
        if production is not None and isfinite(self._theirs):
            found |= {"wape_production": wape(actual[shared], production.forecast[shared]),
                      "bias_production": bias(actual[shared], production.forecast[shared]),
                      "wape_compared": wape(actual[shared], self._candidate.forecast[shared]),
                      "wape_difference_error": self._difference_error(production)}
        if self._periods > 1:
            found |= {"total_periods": self._periods, "wape_totals": self._mine,
                      "wape_totals_seasonal_naive": self._floor}
            if isfinite(self._theirs):
                found["wape_totals_production"] = self._theirs
        return found

    def _is_implausible(self) -> bool:
        """Whether errors are smaller than the chance in counts, though the baseline, which cannot leak, has it."""
        least = self.measured["wape_of_chance"]
        return (self.measured["wape"] < self._gate.noise_share * least
                and self.measured["wape_seasonal_naive"] >= least)

    def _bias_problem(self) -> str:
        limit = self._gate.bias_limit + self._gate.chance * self.measured["bias_error"]
        served = abs(self.measured.get("bias_production", 0.0))
        if abs(self._bias) <= limit or abs(self.measured["bias"]) <= served:
            return ""
        direction = "high" if self._bias > 0 else "low"
        return (f"its forecasts are too {direction} by {in_percent(abs(self._bias))} of demand; at most "
                f"{in_percent(limit)} is allowed")

    def _coverage_problem(self) -> str:
        known = int(np.count_nonzero(~np.isnan(self._actual)))
        low, high = self._gate.coverage_range
        low, high = (max(low - self._gate.chance * (low * (1 - low) / known) ** 0.5, 0.0),
                     min(high + self._gate.chance * (high * (1 - high) / known) ** 0.5, 1.0))
        held = f"its 80 % interval held {in_percent(self._inside)} of the actuals"
        if not low <= self._inside <= (1.0 if self._beats_production() else high):
            return f"{held}; {in_percent(low)} to {in_percent(high)} is allowed"
        width = float(np.mean(self._candidate.upper_80 - self._candidate.lower_80))
        span = float(np.nanmax(self._actual) - np.nanmin(self._actual))
        if self._inside > self._gate.coverage_range[1] and width > WIDEST * span:
            return f"{held} and is more than {WIDEST:g} times as wide as they range"
        return ""

    def _bias_error(self) -> float:
        """Standard error of the bias, as if errors of different periods were independent."""
        known = ~np.isnan(self._actual)
        errors, sold = (self._unbiased_by_plan - self._actual)[known], float(self._actual[known].sum())
        return float(errors.std() * len(errors) ** 0.5) / sold if sold else float("nan")

    def _difference_error(self, production: Contestant) -> float:
        """Standard error of the difference in WAPE, from the differences in parts of the windows."""
        mine, theirs = (np.abs(self._sold - self._totals(of.forecast))[self._shared]
                        for of in (self._candidate, production))
        parts = np.concatenate([part.sum(axis=1) for part in _parts(theirs - mine, PARTS)])
        sold = float(self._sold[self._shared].sum())
        if len(parts) < 2 or not sold:
            return float("inf")
        return float(parts.std(ddof=1) * len(parts) ** 0.5) / sold

    def _totals(self, table: Floats) -> Floats:
        """Of the known periods in each part of a window; 0 where none is."""
        known = np.where(np.isnan(self._actual), 0.0, table)
        parts = _parts(known, known.shape[1] // self._periods)
        return np.stack([part.sum(axis=1) for part in parts], axis=1)

    def _wape(self, wape: float) -> str:
        return f"WAPE {in_percent(wape)}" if self._periods == 1 else (
            f"WAPE {in_percent(wape)} of totals of {self._periods} periods")


def _periods_in_total(actual: Floats) -> int:
    """1; for slow demand, whose smallest WAPE has a forecast of zero, as many periods as hold some with a sale."""
    known = actual[~np.isnan(actual)]
    if demand_class(known) not in ("intermittent", "lumpy"):
        return 1
    return min(ceil(SALES_IN_TOTAL * len(known) / int(np.count_nonzero(known))), int(actual.shape[1]))


def _wape_of_chance(actual: Floats) -> float:
    """About the smallest WAPE that a forecast can be expected to have of counts that chance spreads as in a Poisson
    distribution; 0 for demand that is not in whole units."""
    known = actual[~np.isnan(actual)]
    if not known.sum() or (known != np.round(known)).any():
        return 0.0
    return float(np.minimum(known, np.sqrt(2 * known / np.pi)).sum() / known.sum())


def _parts(table: Floats, count: int) -> list[Floats]:
    return np.array_split(table, min(max(count, 1), table.shape[1]), axis=1)
