"""How right versions were on periods that became actual after their training, and compared on the same periods."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.gate.version_accuracy import Unseen, of_past_forecasts, since_training, unseen_windows
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.unknown_drivers import OtherDriversError
from demand_assets.forecasting.store.stored_files import NotInStoreError
from webapp.accuracy.past_forecasts import past_forecasts
from webapp.language.translations import gettext as _
from webapp.pages.download_files import rounded
from webapp.pages.stored_words import stored_words
from webapp.services import Services
from webapp.serving.before_and_after_retrain import history_of_chart


@dataclass(frozen=True)
class AccuracySince:
    """How right one version was since its training."""

    periods: int = 0
    wape: float | None = None
    wape_seasonal_naive: float | None = None
    is_archived: bool = False
    """Measured on the forecasts that stood then, not made again by its files."""
    problem: str = ""
    """Why nothing is known; empty when something is."""
    has_files: bool = False


@dataclass(frozen=True)
class VersionsCompared:
    """Two versions on the same periods."""

    found: Unseen
    versions: tuple[int, int]

    @property
    def rows(self) -> list[tuple[Any, float | None, float, float, float]]:
        """Date, actual, forecast of either version, seasonal naive."""
        first, second = self.found.forecasts
        return [(date, None if actual != actual else actual, a, b, naive) for date, actual, a, b, naive in zip(
            self.found.dates.tolist(), self.found.actual.tolist(), first.tolist(), second.tolist(),
            self.found.seasonal_naive.tolist(), strict=True)]

    @property
    def chart(self) -> dict[str, Any]:
        """What ``chart_compare.js`` draws."""
        dates = [str(date) for date in self.found.dates]
        return {"actual": history_of_chart(dates, self.found.actual.tolist()), "lines": [
            {"name": f"v{version}", "rows": list(zip(dates, map(rounded, forecast), strict=True))}
            for version, forecast in zip(self.versions, self.found.forecasts, strict=True)]}


@dataclass(frozen=True)
class Comparison:
    """What can be said of two versions on periods that neither has seen."""

    since: VersionsCompared | None = None
    """Periods after both were trained."""
    backtest: VersionsCompared | None = None
    """Windows of their backtests that neither had seen."""
    missing: tuple[int, ...] = ()
    """Versions whose files are not here."""
    problem: str = ""


def accuracy_of(services: Services, region_item: RegionItem, versions: Sequence[int]) -> dict[int, AccuracySince]:
    """Version -> how right it was since its training."""
    try:
        demand = services.store.read("demand", region_item)
    except NotInStoreError:
        return {version: AccuracySince(problem=_("no demand is stored")) for version in versions}
    return {version: _accuracy(services, region_item, version, demand) for version in versions}


def _accuracy(services: Services, region_item: RegionItem, version: int, demand: pd.DataFrame) -> AccuracySince:
    try:
        model = services.models.load(region_item, version)
        found = since_training(demand, services.dataset, [model], region_item)
    except ModelFilesError as error:
        archived = _archived(services, region_item, version, demand)
        if archived is None:
            return AccuracySince(problem=_("%(why)s, and no forecast of it was kept", why=stored_words(str(error)))
                         if isinstance(error, OtherDriversError) else (
                             _("its files are not here, and no forecast of it was kept")))
        return _told(archived, is_archived=True)
    if found is None or not found.periods:
        return AccuracySince(problem=_("no actuals yet"), has_files=True)
    return _told(found, is_archived=False)


def _told(found: Unseen, is_archived: bool) -> AccuracySince:
    wape, naive = found.wapes[0], found.wape_seasonal_naive
    if wape != wape:
        return AccuracySince(found.periods, problem=_("nothing was sold since"), has_files=not is_archived)
    return AccuracySince(found.periods, wape, naive, is_archived, has_files=not is_archived)


def _archived(services: Services, region_item: RegionItem, version: int, demand: pd.DataFrame) -> Unseen | None:
    """The forecasts that this version made while it was in production, on periods known since."""
    return of_past_forecasts(demand, services.dataset, {
        str(past.origin): (past.forecast, past.naive) for past in past_forecasts(region_item.key)
        if past.served_by == str(version)})


def compare(services: Services, region_item: RegionItem, first: int, second: int) -> Comparison:
    """Two versions on the periods since both were trained, and on the backtest windows that both have."""
    models: list[ForecastModel] = []
    missing = []
    for version in (first, second):
        try:
            models.append(services.models.load(region_item, version))
        except ModelFilesError:
            missing.append(version)
    if missing:
        return Comparison(missing=tuple(missing))
    try:
        demand = services.store.read("demand", region_item)
        since = since_training(demand, services.dataset, models, region_item)
        windows = unseen_windows(demand, services.dataset, models, region_item)
    except (ModelFilesError, NotInStoreError) as error:
        return Comparison(problem=stored_words(str(error)))
    return Comparison(
        VersionsCompared(since, (first, second)) if since is not None and since.periods else None,
        VersionsCompared(windows, (first, second)) if windows is not None and windows.periods else None)
