"""The classes of model that are there, by name, and what keeps one from being used."""

import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec

from demand_assets.forecasting.challengers.chronos import Chronos
from demand_assets.forecasting.challengers.croston import Croston
from demand_assets.forecasting.challengers.exponential_smoothing import ExponentialSmoothing
from demand_assets.forecasting.challengers.lightgbm_trees import LightGBMTrees
from demand_assets.forecasting.challengers.protocol import Capabilities, ModelClass
from demand_assets.forecasting.challengers.seasonal_naive import SeasonalNaive
from demand_assets.forecasting.challengers.theta import Theta

GROUP = "demand_assets.models"
"""The group of entry points."""
OURS: Mapping[str, ModelClass] = {
    "seasonal_naive": SeasonalNaive(), "ets": ExponentialSmoothing(), "theta": Theta(), "croston": Croston(),
    "lightgbm": LightGBMTrees(), "chronos": Chronos()}
RESERVED = ("xgboost", "blend")
"""Names that mean something else here."""


class ChallengerError(RuntimeError):
    """A class of model that is not there or does what it must not; the message names it, and says why."""


@lru_cache(maxsize=64)
def model_class(name: str) -> ModelClass:
    """The class of that name.

    Raises: ChallengerError: there is none, more than one package offers it, or it cannot be loaded.
    """
    points = [point for point in entry_points(group=GROUP) if point.name == name]
    packages = sorted({_package(point) for point in points})
    if name in OURS or name in RESERVED:
        if packages:
            raise ChallengerError(f"the model class {name!r} comes with this product and is offered by "
                                  f"{' and '.join(packages)} too; give that one another name, or uninstall it")
        if name in RESERVED:
            raise ChallengerError(f"{name!r} is no name of a model class: XGBoost and the blend compete by themselves")
        return OURS[name]
    if not points:
        known = ", ".join((*OURS, *sorted({point.name for point in entry_points(group=GROUP)})))
        raise ChallengerError(f"{name!r} is no model class that is installed here; there are {known}")
    if len(packages) > 1:
        raise ChallengerError(f"the model class {name!r} is offered by {' and '.join(packages)}; uninstall one of them")
    try:
        offered = points[0].load()
        found: ModelClass = offered() if isinstance(offered, type) else offered
    except Exception as error:
        raise ChallengerError(f"the model class {name!r} of {packages[0]} cannot be loaded: "
                              f"{words_of(error)}") from error
    if lacks := [one for one in ("title", "fit", "load") if not hasattr(found, one)]:
        raise ChallengerError(f"the model class {name!r} of {packages[0]} has no {' and no '.join(lacks)}")
    return found


def capabilities_of(found: ModelClass) -> Capabilities:
    """What a class says that it can do; what it does not say it cannot."""
    told = getattr(found, "capabilities", None)
    return Capabilities(bool(getattr(told, "drivers", False)), bool(getattr(told, "explains", False)),
                        tuple(getattr(told, "needs_to_fit", ())), tuple(getattr(told, "needs_to_forecast", ())))


def check_installed(name: str, to_fit: bool) -> None:
    """Nothing, where the class and what it needs is there; no library is imported for it.

    Args:
        to_fit: whether it is to be fitted as well, or only to forecast.
    Raises: ChallengerError: something is missing.
    """
    needed = capabilities_of(model_class(name))
    missing = [module for module in (*needed.needs_to_forecast, *(needed.needs_to_fit if to_fit else ()))
               if not _is_there(module)]
    if missing:
        raise ChallengerError(f"the model class {name!r} needs {', '.join(dict.fromkeys(missing))}, not installed here")


def words_of(error: BaseException) -> str:
    """An error in one short line."""
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}"[:200] if text else type(error).__name__


def _is_there(module: str) -> bool:
    try:
        return module in sys.modules or find_spec(module) is not None
    except (ImportError, ValueError):  # of a part of a package that is not there, or of a name that is none
        return False


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
