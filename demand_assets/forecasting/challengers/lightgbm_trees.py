"""LightGBM on lags, means, the calendar and the drivers of one region-item, through mlforecast."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.challengers.protocol import Capabilities, History, without_gaps
from demand_assets.forecasting.series.gapped import Floats

if TYPE_CHECKING:
    from mlforecast import MLForecast

NEEDED = ("mlforecast", "lightgbm")
SHAPE = {"n_estimators": 80, "learning_rate": 0.08, "num_leaves": 15, "min_child_samples": 10, "n_jobs": 1,
         "verbosity": -1, "random_state": 0, "deterministic": True}
CALENDAR = {"D": ["dayofweek", "month"], "W": ["month"], "M": ["month"], "Q": ["quarter"]}


@dataclass(frozen=True)
class FittedLightGBM:
    """The booster as LightGBM writes it."""

    booster: str
    trained_with: tuple[str, ...]
    """The drivers, in their order."""

    def save(self) -> dict[str, Any]:
        """The text of the booster."""
        return {"booster": self.booster, "drivers": list(self.trained_with)}

    def predict(self, history: History) -> Floats:
        """Period after period, each forecast being the lag of the next.

        Raises: ImportError: mlforecast or LightGBM is not installed here.
        """
        import lightgbm

        model = lightgbm.Booster(model_str=self.booster)
        forecaster = _forecaster(history, model)
        forecaster.preprocess(_table(history), static_features=[], dropna=False)  # sets up its lags
        forecaster.models_ = {"units": model}
        future = _numbered(history.future, history.future_dates, len(history.dates), history.frequency)
        told = forecaster.predict(history.horizon, X_df=future)
        return np.asarray(told["units"], dtype=np.float64)


class LightGBMTrees:
    """LightGBM."""

    title = "LightGBM"
    capabilities = Capabilities(drivers=True, needs_to_fit=NEEDED, needs_to_forecast=NEEDED)

    def fit(self, history: History) -> FittedLightGBM:
        """On all periods; a lag before the first is not known, which trees take as it is."""
        import lightgbm

        forecaster = _forecaster(history, lightgbm.LGBMRegressor(**SHAPE))
        forecaster.fit(_table(history), static_features=[], dropna=False)
        return FittedLightGBM(forecaster.models_["LGBMRegressor"].booster_.model_to_string(), tuple(history.drivers))

    def load(self, saved: dict[str, Any]) -> FittedLightGBM:
        """What was saved."""
        return FittedLightGBM(str(saved["booster"]), tuple(saved["drivers"]))


def _forecaster(history: History, model: Any) -> "MLForecast":
    """Lags and means of them. Dates are numbers to it, so that it need not know our weeks and months; the calendar
    comes as drivers do."""
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean

    season = min(history.season, 52)
    return MLForecast(models=[model], freq=1, lags=sorted({1, 2, season, 2 * season}),
                      lag_transforms={1: [RollingMean(season, min_samples=1), RollingMean(4 * season, min_samples=1)]})


def _table(history: History) -> pd.DataFrame:
    return _numbered(history.drivers, history.dates, 0, history.frequency).assign(y=without_gaps(history))


def _numbered(drivers: Mapping[str, Floats], dates: npt.NDArray[np.datetime64], first: int,
              frequency: str) -> pd.DataFrame:
    days = pd.DatetimeIndex(dates)
    calendar = {name: np.asarray(getattr(days, name)) for name in CALENDAR[frequency]}
    # LightGBM refuses some marks in names; their order is the same wherever it is asked.
    named = {f"driver_{place}": values for place, values in enumerate(drivers.values())}
    return pd.DataFrame({"unique_id": "all", "ds": first + np.arange(len(days)), **calendar, **named})
