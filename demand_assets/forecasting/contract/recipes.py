"""How models are fitted: what is chosen by data, and what an engineer may pin in the dataset file."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

CODE_VERSION = "15"
"""Raised whenever the same data and recipe would give another model."""
Scale = Literal["log", "tweedie", "mix"]
Drivers = Literal["log_linear", "boosted", "mean"]
QUICK_STEPS: dict[str, Any] = {"rounds": 85, "learning_rate": 0.15}
"""Of ``Recipe.quick``."""


@dataclass(frozen=True)
class Recipe:
    """How the pooled booster and the small boosters on top of it are fitted."""

    scale: Scale = "mix"
    """``log``: squared error of log(1 + demand over level), near the median. ``tweedie``: Tweedie deviance of demand
    over level with a log link, the mean. ``mix``: the mean of two boosters, one of each."""
    drivers: Drivers = "boosted"
    """``log_linear``: numbers with a declared direction and yes/no drivers multiply demand by one effect an item
    (``driver_effects``), the same within and beyond what was seen. ``boosted``: the boosters see them, and may find any
    shape within what was seen. ``mean``: the mean of both under the plan; a changed driver moves it by its effect."""
    year_features: bool = True
    """Whether single periods of last year are features; a short history can do without."""
    rounds: int = 130
    depth: int = 7
    learning_rate: float = 0.1
    min_child_weight: float = 30.0
    subsample: float = 0.7
    columns: float = 0.4
    regularisation: float = 2.0
    own_rounds: int = 20
    own_share: float = 0.5
    """How much of the region-item's own booster is added to the pooled one, 0 to 1."""

    @property
    def members(self) -> tuple[Scale, ...]:
        """The scales of the boosters that the pooled model is the mean of."""
        return ("log", "tweedie") if self.scale == "mix" else (self.scale,)

    @classmethod
    def quick(cls, **choices: Any) -> Self:
        """A recipe of boosters that take fewer and larger steps, unless a choice says how many or how large: for
        comparing recipes, and where forecasts are the mean of so many boosters that it is as steady."""
        steps = {} if choices.keys() & QUICK_STEPS.keys() else QUICK_STEPS
        return cls(**{**steps, **choices})

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)
