"""The classes of model that are there, by name, and what keeps one from being used."""

import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from demand_assets.forecasting.challengers.chronos import Chronos
from demand_assets.forecasting.challengers.croston import Croston
from demand_assets.forecasting.challengers.exponential_smoothing import ExponentialSmoothing
from demand_assets.forecasting.challengers.lightgbm_trees import LightGBMTrees
from demand_assets.forecasting.challengers.naive import SeasonalNaive
from demand_assets.forecasting.challengers.protocol import Capabilities, ModelClass
from demand_assets.forecasting.challengers.theta import Theta
from demand_assets.forecasting.contract.plugins import (
    FAILURES,
    MODELS,
    PluginError,
    installed,
    package_of,
    plugin,
    told,
)

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
    if name in OURS or name in RESERVED:
        if others := sorted({package_of(point) for point in installed(MODELS).get(name, [])}):
            raise ChallengerError(f"the model class {name!r} comes with this product and is offered by "
                                  f"{' and '.join(others)} too; give that one another name, or uninstall it")
        if name in RESERVED:
            raise ChallengerError(f"{name!r} is no name of a model class: XGBoost and the blend compete by themselves")
        return OURS[name]
    try:
        found = plugin(MODELS, name, tuple(OURS))
        made: ModelClass = found.asked("be made", found.offered) if isinstance(found.offered, type) else found.offered
    except PluginError as error:
        raise ChallengerError(str(error)) from error
    if lacks := [one for one in ("title", "fit", "load") if not hasattr(made, one)]:
        raise ChallengerError(f"{found.words} has no {' and no '.join(lacks)}")
    if not isinstance(made.title, str):
        raise ChallengerError(f"{found.words} has the title {made.title!r:.80}, which is no text")
    try:
        capabilities_of(made)
    except FAILURES as error:
        raise ChallengerError(f"{found.words} has capabilities that cannot be read: {told(error)}") from error
    return made


def capabilities_of(found: ModelClass) -> Capabilities:
    """What a class says that it can do; what it does not say it cannot."""
    said = getattr(found, "capabilities", None)
    return Capabilities(bool(getattr(said, "drivers", False)), bool(getattr(said, "explains", False)),
                        _modules(getattr(said, "needs_to_fit", ())), _modules(getattr(said, "needs_to_forecast", ())))


def _modules(said: Any) -> tuple[str, ...]:
    """Names of modules; one alone may be given without its tuple."""
    return (said,) if isinstance(said, str) else tuple(map(str, said))


def check_installed(name: str, to_fit: bool) -> None:
    """Check that a class and the libraries that it needs are installed; none of them is imported for it.

    Args:
        to_fit: whether it is to be fitted as well, or only to forecast.
    Raises: ChallengerError: something is missing.
    """
    needed = capabilities_of(model_class(name))
    missing = [module for module in (*needed.needs_to_forecast, *(needed.needs_to_fit if to_fit else ()))
               if not _is_there(module)]
    if missing:
        raise ChallengerError(f"the model class {name!r} needs {', '.join(dict.fromkeys(missing))}, not installed here")


def _is_there(module: str) -> bool:
    try:
        return module in sys.modules or find_spec(module) is not None
    except (ImportError, ValueError):  # of a part of a package that is not there, or of a name that is none
        return False
