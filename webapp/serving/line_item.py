"""One region-item of an answer: forecast by what serves it now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import update

from demand_assets.forecasting.forecast.forecaster import Forecast, ForecastRequest
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.model.serving.baseline import BASELINE
from demand_assets.forecasting.model.serving.serving_model import ServingModel
from demand_assets.forecasting.store.stored_files import DamagedFileError, NotInStoreError
from demand_assets.forecasting.whatif.scenario import PLAN, Scenario
from webapp.db.database import db, now, writing
from webapp.language.translations import gettext as _
from webapp.pages.stored_words import stored_words
from webapp.region_items.forecast_figures import look_at_again
from webapp.region_items.labels import version_words
from webapp.region_items.production import want_files
from webapp.services import Services
from webapp.serving.production_models import Serving, model_words
from webapp.tables import PooledRow, RegionItemRow

ANALOGUES, ANALOGUE_PERIODS = 3, 3
"""Past periods shown for each of the first changed ones."""


@dataclass(frozen=True)
class LineItem:
    """One region-item of the answer."""

    row: RegionItemRow
    model: ServingModel
    plan: Forecast
    scenario: Forecast | None
    notice: str
    """Why it is not the announced version that answers; empty when it is."""
    asked: Scenario = PLAN
    """The changes of the scenario that touch its periods."""

    @property
    def mark(self) -> str:
        """What forecasts, as ``mark_of``."""
        return mark_of(self.plan)

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """The values of each category driver that its model knows."""
        return dict(self.model.categories)

    @property
    def plan_units(self) -> float:
        """Units over the horizon under the plan."""
        return float(self.plan.part.forecast.sum())

    @property
    def scenario_units(self) -> float | None:
        """Units over the horizon under the scenario."""
        return float(self.scenario.part.forecast.sum()) if self.scenario else None


def mark_of(forecast: Forecast) -> str:
    """What forecasts: ``3`` is the region-item's own version, ``p2`` the pooled model's, empty the baseline."""
    return f"{'p' if forecast.served_by == 'pooled' else ''}{forecast.version or ''}"


def lines_of(services: Services, rows: Sequence[RegionItemRow], servings: Sequence[Serving], pooled: PooledRow | None,
             horizon: int) -> list[LineItem | NotInStoreError]:
    """The forecast of each by what serves it, where that was made for other drivers by the pooled model or the
    baseline; the error where no demand is stored, or its file is damaged."""
    found: list[tuple[ForecastRequest | Forecast, ServingModel, str] | NotInStoreError] = []
    for row, serving in zip(rows, servings, strict=True):
        plan = services.forecaster.answered(row.region_item, serving.model, horizon, row.forecast_wanted)
        try:
            found.append((plan, serving.model, serving.notice) if plan else
                         _asked(services, row, serving, pooled, horizon))
        except NotInStoreError as error:
            found.append(error)
    answers = iter(services.forecaster.answer([one[0] for one in found if not isinstance(one, NotInStoreError)
                                               and isinstance(one[0], ForecastRequest)]))
    return [one if isinstance(one, NotInStoreError) else
            LineItem(row, one[1], one[0] if isinstance(one[0], Forecast) else next(answers), None, one[2])
            for row, one in zip(rows, found, strict=True)]


def scenario_lines(services: Services, lines: Sequence[LineItem], scenarios: Sequence[Scenario]) -> list[LineItem]:
    """The lines with a scenario beside the plan of each.

    Raises: ScenarioError: one cannot be applied.
    """
    asked = [request_of(services, line, scenario) if scenario != PLAN else None
             for line, scenario in zip(lines, scenarios, strict=True)]
    forecasts = iter(services.forecaster.answer([one for one in asked if one]))
    return [replace(line, scenario=next(forecasts) if one else line.plan, asked=scenario)
            for line, one, scenario in zip(lines, asked, scenarios, strict=True)]


def request_of(services: Services, line: LineItem, scenario: Scenario = PLAN) -> ForecastRequest:
    """What is asked of the line's model under a scenario.

    Raises: NotInStoreError: its demand cannot be read any more. ScenarioError: the scenario cannot be applied.
    """
    return services.forecaster.ask(line.row.region_item, line.model, len(line.plan.part.dates), scenario, line.plan,
                                   line.row.forecast_wanted)


def _asked(services: Services, row: RegionItemRow, serving: Serving, pooled: PooledRow | None,
           horizon: int) -> tuple[ForecastRequest, ServingModel, str]:
    """What is asked of what serves, what that is, and why it is not the announced version; empty when it is."""
    models = [serving.model]
    if serving.model.served_by == "production":
        models.append(services.models.without_own(pooled).model)
    if models[-1].served_by != "baseline":
        models.append(BASELINE)
    notice = serving.notice
    for model, following in zip(models, [*models[1:], BASELINE], strict=True):
        try:
            return services.forecaster.ask(row.region_item, model, horizon, known_as=row.forecast_wanted), model, notice
        except ModelFilesError as error:
            notice = _("%(model)s is in production but cannot be used: %(error)s; %(other)s forecasts until then.",
                       model=model_words(model), error=stored_words(str(error)), other=model_words(following))
    raise AssertionError("the baseline needs no files")


def why_missing(row: RegionItemRow, error: NotInStoreError) -> str:
    """Why a region-item cannot be forecast.

    Args:
        error: what its demand was not read for.
    """
    if isinstance(error, DamagedFileError):
        return _("Its file is damaged: the stored demand cannot be read. It is taken in again by itself, usually in a "
                 "few minutes.")
    if row.quarantine_reason:
        return _("Its demand is quarantined: %(reason)s", reason=stored_words(row.quarantine_reason))
    if row.step == "kept":
        return _("It has no demand yet, and no pooled model is here that could forecast it.")
    return _("No demand is stored for it yet; it appears once the pipeline has read it.")


def analogues_of(services: Services, line: LineItem) -> list[dict[str, Any]]:
    """The past periods most like the first that a scenario changes: for each its date, and past demand and drivers.

    There are none where the stored demand cannot be read any more.
    """
    try:
        found = services.forecaster.most_like(line.row.region_item, len(line.plan.part.dates), line.asked, ANALOGUES)
    except NotInStoreError:
        return []
    shown = list(dict.fromkeys(found["future_date"]))[:ANALOGUE_PERIODS]
    return [{"date": at.date(), "past": found[found["future_date"] == at].to_dict("records")} for at in shown]


def fetch_again(keys: Sequence[str], pooled: bool) -> None:
    """Ask the background process for files that are missing or damaged here."""
    if not keys and not pooled:
        return
    with writing():
        if pooled:  # locked first, wherever both are
            db.session.execute(update(PooledRow).where(PooledRow.fetch_after.is_(None)).values(fetch_after=now()))
        want_files(keys)


def note_damaged(rows: Sequence[RegionItemRow]) -> None:
    """Let the background process look at the files of these, which are damaged: it has them made again."""
    if keys := [row.key for row in rows if not row.forecast_due]:
        with writing():
            look_at_again(keys)


def served_by_words(forecast: Forecast) -> str:
    """What a forecast is by: ``v3``, ``v3, AutoETS``, ``pooled model v2``, ``baseline``."""
    return ", ".join(filter(None, (version_words(mark_of(forecast)), forecast.by_class)))
