"""The forecast of one region-item before a retrain and after it: by either version's own files, from today."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast.forecaster import Forecast
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.model.serving.serving_model import ServingModel
from demand_assets.forecasting.store.stored_files import NotInStoreError
from webapp.language.translations import gettext as _
from webapp.pages.download_files import rounded
from webapp.pages.stored_words import stored_words
from webapp.region_items.labels import group_titles
from webapp.region_items.rows import pooled_row
from webapp.services import Services
from webapp.serving.explaining_sentences import Parts, of_new_model
from webapp.tables import RetrainItem

HISTORY_HORIZONS = 2
"""Past demand shown, in horizons."""


@dataclass(frozen=True)
class BeforeAfter:
    """Two forecasts of the same periods, or why they cannot be drawn."""

    before: Forecast | None
    after: Forecast | None
    history: list[tuple[str, float | None]]
    problem: str = ""
    """Why there is nothing to draw; empty when there is."""
    missing: int | None = None
    """The version whose files are not here."""
    parts: dict[str, float] | None = None
    """Driver or group of features -> what it adds to the difference, in units; None where either has no parts."""

    @property
    def rows(self) -> list[tuple[Any, float, float]]:
        """Date, before, after of each period."""
        if self.before is None or self.after is None:
            return []
        return list(zip(self.before.table["date"].dt.date, self.before.table["forecast"],
                        self.after.table["forecast"], strict=True))

    @property
    def units(self) -> tuple[float, float]:
        """Before and after, over all periods."""
        return sum(row[1] for row in self.rows), sum(row[2] for row in self.rows)

    def in_words(self, dataset: Dataset) -> list[str]:
        """Sentences that tell the difference; none where there is nothing to draw."""
        return in_words([self], dataset) if self.rows else []

    @property
    def names(self) -> list[str]:
        """Before and after, with what forecasts."""
        told = []
        if self.before is not None:
            told.append(_("Before: %(model)s", model=version_name(self.before)))
        if self.after is not None:
            told.append(_("After: %(model)s", model=version_name(self.after)))
        return told

    def chart(self) -> dict[str, Any]:
        """What ``chart_compare.js`` draws: past demand, and both forecasts with their 80 % intervals."""
        return {"actual": self.history, "lines": [
            {"name": name, "rows": line_of_chart(each)}
            for name, each in zip(self.names, (self.before, self.after), strict=False) if each is not None]}


def before_after(services: Services, item: RetrainItem) -> BeforeAfter:
    """What forecast the region-item when the retrain was asked for, and what was promoted, on the demand of today."""
    if item.state != "promoted" or item.version is None:
        return _none(_("There is no forecast after: no candidate of this retrain was promoted, so the forecast is the "
                       "one before."))
    version_before = item.numbers.get("replaced", item.version_before)
    found: list[ServingModel] = []
    for version in (version_before, item.version):
        try:
            found.append(services.models.load(item.region_item, version) if version is not None
                         else services.models.without_own(pooled_row()).model)
        except ModelFilesError:
            return _none(_("The files of v%(version)s are not here. Only those of the version in production and of the "
                           "one before it are kept.", version=version), version)
    try:
        before, after = (services.forecaster.forecast(item.region_item, model) for model in found)
        past = services.forecaster.history(item.region_item, HISTORY_HORIZONS * services.dataset.horizon)
    except (ModelFilesError, NotInStoreError) as error:
        return _none(_("It cannot be forecast now: %(error)s", error=stored_words(str(error))))
    return BeforeAfter(before, after, history_of_chart(past["date"], past["demand"]),
                       parts=parts_between(services, item.region_item, *found))


def in_words(found: Sequence[BeforeAfter], dataset: Dataset) -> list[str]:
    """Sentences that tell the difference of the sums before and after; at least one, each with both forecasts."""
    before, after = (sum(each.units[place] for each in found) for place in (0, 1))
    titles, parts = group_titles(dataset), None
    if all(each.parts is not None for each in found):
        summed: dict[str, float] = {}
        for each in found:
            for group, value in (each.parts or {}).items():
                summed[group] = summed.get(group, 0.0) + value
        parts = Parts([(titles.get(group, group), value) for group, value in summed.items()], after - before)
    return of_new_model(before, after, max(len(each.rows) for each in found), parts, dataset.unit)


def parts_between(services: Services, region_item: RegionItem, before: ServingModel,
                  after: ServingModel) -> dict[str, float] | None:
    """What each group of features adds to the forecast after more than to the one before, in units over all periods;
    None where one of them is the baseline's, which has no groups.
    """
    if before.pooled is None or after.pooled is None:
        return None
    first, second = (services.forecaster.explain(region_item, model).drop(columns="date").sum()
                     for model in (before, after))
    return {str(group): float(value) for group, value in second.sub(first, fill_value=0.0).items()}


def version_name(forecast: Forecast) -> str:
    """What a forecast is by: ``v3``, ``the pooled model``, ``seasonal naive``."""
    return {"production": f"v{forecast.version}", "pooled": _("the pooled model"), "baseline": _("seasonal naive")}[
        forecast.served_by]


def line_of_chart(forecast: Forecast) -> list[tuple[str, float, float, float]]:
    """Date, forecast, lower and upper bound of each period."""
    table = forecast.table
    return [(str(date), rounded(value), rounded(low), rounded(high)) for date, value, low, high in zip(
        table["date"].dt.date, table["forecast"], table["lower_80"], table["upper_80"], strict=True)]


def history_of_chart(dates: Any, demand: Any) -> list[tuple[str, float | None]]:
    """Date and demand of each period; None where unknown."""
    return [(str(date)[:10], None if value != value else float(value))
            for date, value in zip(dates, demand, strict=True)]


def _none(problem: str, missing: int | None = None) -> BeforeAfter:
    return BeforeAfter(None, None, [], problem, missing)
