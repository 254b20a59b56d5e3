"""When a candidate is promoted: the entries ``[gate]`` of the dataset file, and defaults."""

from typing import Any

from pydantic import ConfigDict, Field, field_validator

from demand_assets.forecasting.dataset.strict_entry import Name, StrictEntry


class GateRule(StrictEntry):
    """A rule that a package plugs in, with entries of its own."""

    model_config = ConfigDict(extra="allow", frozen=True)

    rule: Name
    """The name of its entry point."""

    @property
    def entries(self) -> dict[str, Any]:
        """What the rule itself is told."""
        return dict(self.model_extra or {})


class Gate(StrictEntry):
    """The gate's settings."""

    margin: float = Field(default=0.01, ge=0, lt=1)
    """Share of production's WAPE by which a candidate on the same demand must be better."""
    floor: float = Field(default=0.0, ge=0, lt=1)
    """Share of seasonal naive's WAPE by which a candidate must be better; of 0 it must not be worse."""
    most_wape: float | None = Field(default=None, gt=0)
    """Largest WAPE, whatever seasonal naive has; none unless given."""
    bias_limit: float = Field(default=0.25, ge=0)
    """Largest absolute bias; a candidate whose bias is no larger than production's passes as well."""
    coverage_range: tuple[float, float] = (0.55, 0.97)
    """Allowed share of actuals inside the 80 % interval; wide, since errors of neighbouring periods are alike."""
    chance: float = Field(default=1.0, ge=0)
    """Standard errors that may be chance: the limits of bias and coverage give way by so many, and on the same demand
    the candidate's advantage must be at least so large."""
    noise_share: float = Field(default=0.5, ge=0, le=1)
    """Errors smaller than this share of those of the best possible forecast of counts are a leak, not skill."""
    pooled_margin: float = Field(default=0.01, ge=0, lt=1)
    """Share of production's WAPE by which a newer pooled model may be worse: noise, against knowing newer demand."""
    rules: tuple[GateRule, ...] = ()
    """Asked in this order whether they object to a candidate that is to be promoted."""

    @field_validator("coverage_range")
    @classmethod
    def _is_range(cls, given: tuple[float, float]) -> tuple[float, float]:
        low, high = given
        if not 0 <= low < 0.8 < high <= 1:
            raise ValueError(f"{list(given)} is no range of shares around the 0.8 that the interval is made for; write "
                             "one as in [0.55, 0.97]")
        return given
