"""The gate: is the candidate better than what serves now? The rule, and its reasons in words."""

from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any, Literal

from demand_assets.forecasting.metrics import bias, coverage, wape
from demand_assets.forecasting.trailing import Floats


@dataclass(frozen=True)
class Gate:
    """The gate's settings."""

    margin: float = 0.01
    """Share of production's WAPE by which a candidate on the same data must be better."""
    bias_limit: float = 0.25
    """Largest absolute bias; a candidate whose bias is no larger than production's passes as well."""
    coverage_range: tuple[float, float] = (0.55, 0.97)
    """Allowed share of actuals inside the 80 % interval; wide, since a backtest holds few independent errors."""


@dataclass(frozen=True)
class Contestant:
    """What one model forecast for windows that it had not seen."""

    forecast: Floats
    """Shape (windows, horizon), in units."""
    lower_80: Floats
    upper_80: Floats
    trained_to: str
    """Last date of its training data, ISO."""
    data_hash: str
    recipe: dict[str, Any]


@dataclass(frozen=True)
class Decision:
    """What the gate decided, and why."""

    verdict: Literal["promote", "keep"]
    reason: str
    """One sentence a planner understands."""
    numbers: dict[str, Any] = field(default_factory=dict)
    """What it was decided on: WAPE of candidate, production and seasonal naive on the same windows, bias, coverage."""

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)


def judge(actual: Floats, candidate: Contestant, production: Contestant | None, seasonal_naive: Floats,
          gate: Gate | None = None) -> Decision:
    """Promote the candidate or keep what serves, on windows that neither model has seen.

    Args:
        actual: shape (windows, horizon), in units; NaN where unknown.
        candidate: the newcomer's forecasts of the windows, by its recipe fitted on data before each.
        production: the same for the model that serves; None when none does.
        seasonal_naive: the baseline's forecasts of the windows.
        gate: the settings.
    """
    gate = gate or Gate()
    mine, floor = wape(actual, candidate.forecast), wape(actual, seasonal_naive)
    measured = {"wape": mine, "wape_seasonal_naive": floor, "bias": bias(actual, candidate.forecast),
                "coverage_80": coverage(actual, candidate.lower_80, candidate.upper_80)}
    theirs = float("nan")
    if production is not None:
        theirs = wape(actual, production.forecast)
        measured |= {"wape_production": theirs, "bias_production": bias(actual, production.forecast)}
    numbers = {name: round(value, 4) if isfinite(value) else None for name, value in measured.items()}

    def decided(verdict: Literal["promote", "keep"], reason: str) -> Decision:
        return Decision(verdict, reason, numbers)

    if not isfinite(mine):
        return decided("keep", "nothing was sold in the backtest, so nothing shows that a model would be better than "
                               "the baseline")
    if mine > floor:
        return decided("keep", f"WAPE {_share(mine)} is worse than seasonal naive with {_share(floor)}")
    own_bias = bias(actual, candidate.forecast)
    if abs(own_bias) > gate.bias_limit and not (
            production is not None and abs(own_bias) <= abs(bias(actual, production.forecast))):
        direction = "high" if own_bias > 0 else "low"
        return decided("keep", f"its forecasts are too {direction} by {_share(abs(own_bias))} of demand; "
                               f"at most {_share(gate.bias_limit)} is allowed")
    low, high = gate.coverage_range
    inside = coverage(actual, candidate.lower_80, candidate.upper_80)
    if not low <= inside <= high:
        return decided("keep", f"its 80 % interval held a share of {_share(inside)} of the actuals; {_share(low)} "
                               f"to {_share(high)} is allowed")
    if production is None:
        return decided("promote", f"first model: WAPE {_share(mine)} against {_share(floor)} of seasonal naive")
    against = f"WAPE {_share(mine)} against {_share(theirs)} of the model in production"
    if mine <= theirs * (1 - gate.margin):
        return decided("promote", against)
    if candidate.data_hash == production.data_hash:
        if candidate.recipe == production.recipe:
            return decided("keep", "nothing new: same demand and same recipe as the model in production "
                                   f"(trained to {production.trained_to})")
        return decided("keep", f"{against}, on the same demand: the margin of {_share(gate.margin)} is not reached")
    if mine <= theirs and candidate.trained_to >= production.trained_to:
        return decided("promote", f"{against}, and trained on newer demand (to {candidate.trained_to})")
    return decided("keep", f"{against}: not better by the margin of {_share(gate.margin)}")


def _share(share: float) -> str:
    return f"{share:.3f}"
