"""From when on models are retrained by themselves: the entries ``[retraining]`` of the dataset file, and defaults."""

from pydantic import Field

from demand_assets.forecasting.dataset.strict_entry import StrictEntry


class Retraining(StrictEntry):
    """When models are retrained without being asked."""

    automatic: bool = False
    budget_per_tick: int = Field(default=50, ge=1)
    cool_down_hours: float = Field(default=20, ge=0)
    max_age_days: float = Field(default=30, gt=0)
    decay: float = Field(default=1.2, gt=1)
    """Retrain when WAPE on actuals since the training is so many times the backtest's."""
    drift: float = Field(default=0.25, gt=0)
    """Retrain when the population stability index of demand or of a driver exceeds this."""
    new_periods: int | None = Field(default=None, ge=1)
    """Retrain when so many periods arrived since the training; one horizon unless given."""
