"""The accuracy of overrides, beside that of the model and of seasonal naive, on periods that became known.

Judged is the last forecast from before the period: forecast and naive are those archived from its origin, the override
is the one that held when the next demand came, which is that of the period.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from sqlalchemy import func, select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.series.metrics import bias, wape
from demand_assets.forecasting.store.stored_files import NotInStoreError
from webapp.accuracy.judged_sums import ends_at, standing
from webapp.accuracy.past_forecasts import KEPT_ORIGINS, PastForecast, past_forecasts_of
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.language.translations import lazy_gettext
from webapp.overrides.overrides import is_ahead
from webapp.region_items.open_overrides import period_override
from webapp.region_items.rows import rows_by_key
from webapp.services import Services
from webapp.serving.history import sold_on
from webapp.tables import Override, RegionItemRow

MOST_JUDGED = 500
"""Region-items that are judged on a page; those with the newest overrides."""
GROUPS = {"planner": lazy_gettext("Planner"), "item": lazy_gettext("Item"), "region-item": lazy_gettext("Region-item")}


@dataclass(frozen=True)
class Judgement:
    """One period of a region-item that was overridden when its demand came."""

    key: str
    date: date
    planner: str
    sold: float
    model: float
    """Units that were forecast."""
    override: float
    """Units with the override."""
    naive: float
    """Of seasonal naive; NaN where it knew nothing."""


@dataclass(frozen=True)
class Score:
    """Model, override and seasonal naive on the same periods; None where it cannot be said, as when nothing sold."""

    name: str
    periods: int
    wape_model: float | None
    wape_override: float | None
    wape_naive: float | None
    """On those of the periods that it knew."""
    bias_model: float | None
    bias_override: float | None
    bias_naive: float | None
    saved: float
    """Units of error: the model's sum of absolute errors less that of the overrides; below zero they did harm."""


@dataclass(frozen=True)
class Judged:
    """All judgements of a search, and what could not be judged."""

    rows: list[Judgement]
    waiting: int
    """Overrides that hold, of periods ahead."""
    too_late: int
    """Overridden periods whose first override was made when demand newer than that of the forecast that is judged had
    come."""
    unknown: int
    """Those of which no forecast is kept from that many periods before, or whose demand is not known."""
    left_out: int
    """Region-items with overrides of the past that are too many to be judged on a page."""

    def by(self, group: str) -> list[Score]:
        """Scores of each planner, item or region-item, those that saved most first.

        Args:
            group: one of ``GROUPS``.
        """
        name: Callable[[Judgement], str] = {
            "planner": lambda one: one.planner, "item": lambda one: RegionItem.from_key(one.key).item,
            "region-item": lambda one: str(RegionItem.from_key(one.key))}[group]
        groups: dict[str, list[Judgement]] = {}
        for one in self.rows:
            groups.setdefault(name(one), []).append(one)
        return sorted((score_of(name, rows) for name, rows in groups.items()), key=lambda one: (-one.saved, one.name))


def score_of(name: str, rows: Sequence[Judgement]) -> Score:
    """The score of some judgements under a name."""
    sold, model, override, naive = (np.array([getattr(one, column) for one in rows], dtype=float)
                                    for column in ("sold", "model", "override", "naive"))
    beside = np.where(np.isnan(naive), np.nan, sold)
    return Score(name, len(rows), _told(wape(sold, model)), _told(wape(sold, override)), _told(wape(beside, naive)),
                 _told(bias(sold, model)), _told(bias(sold, override)), _told(bias(beside, naive)),
                 float(np.abs(model - sold).sum() - np.abs(override - sold).sum()))


def judge(services: Services, words: str = "", planner: str = "", lead: int = 1) -> Judged:
    """Judge the overrides of periods that became known.

    Args:
        words: of region and item; all where empty.
        planner: whose overrides; everybody's where empty.
        lead: periods between the origin that is judged from and the period: 1 is the last before it.
    Raises: OSError: the demand store does not answer.
    """
    asked = [RegionItemRow.search.contains(word, autoescape=True) for word in words.lower().split()]
    if planner:
        asked.append(Override.made_by == planner)
    waiting = select(func.count()).select_from(RegionItemRow).join(Override, Override.key == RegionItemRow.key).where(
        Override.removed_at.is_(None), is_ahead(), *asked)
    past = select(RegionItemRow.key).join(Override, Override.key == RegionItemRow.key).where(
        ~is_ahead(), *asked).group_by(RegionItemRow.key).order_by(func.max(Override.date).desc(), RegionItemRow.key)
    keys = list(db.session.scalars(past))
    left_out, keys = max(len(keys) - MOST_JUDGED, 0), keys[:MOST_JUDGED]
    found = Judged([], db.session.scalar(waiting) or 0, 0, 0, left_out)
    return _judged(services, keys, planner, lead, found)


def _judged(services: Services, keys: Sequence[str], planner: str, lead: int, found: Judged) -> Judged:
    made = _made_of(keys, planner)
    archived = past_forecasts_of(keys)
    rows: list[Judgement] = []
    too_late = unknown = 0
    region_items = rows_by_key(keys)
    for key in keys:
        dates = np.array(sorted(made[key]), dtype="datetime64[D]")
        sold = _sold(services, region_items[key], dates)
        for at, units in zip(dates.tolist(), sold.tolist(), strict=True):
            stood = _stood(archived[key], at, lead)
            if stood is None or np.isnan(units):
                unknown += 1
                continue
            which, place = stood
            past, ended = archived[key][which], ends_at(archived[key], which)
            held = standing(made[key][at], ended)
            if held is None:
                too_late += ended is not None and any(one.made_at >= ended for one in made[key][at])
                continue
            model = float(past.forecast[place])
            rows.append(Judgement(key, at, held.made_by, units, model, period_override(held).units(model),
                                  float(past.naive[place])))
    return Judged(rows, found.waiting, too_late, unknown, found.left_out)


def _made_of(keys: Sequence[str], planner: str) -> dict[str, dict[date, list[Override]]]:
    """Key -> period that is known by now -> its overrides, removed ones too."""
    found: dict[str, dict[date, list[Override]]] = {key: {} for key in keys}
    for part in chunked(keys):
        query = select(Override).where(Override.key.in_(part), ~is_ahead())
        for one in db.session.scalars(query.where(Override.made_by == planner) if planner else query):
            found[one.key].setdefault(date.fromisoformat(one.date), []).append(one)
    return found


def _stood(archived: Sequence[PastForecast], at: date, lead: int) -> tuple[int, int] | None:
    """Which of the forecasts is the newest of a period from at least that many periods before, and its place there."""
    day = np.datetime64(at)
    for which in reversed(range(len(archived))):
        past = archived[which]
        place = int(np.searchsorted(past.dates, day))
        if past.origin < at and lead - 1 <= place < len(past.dates) and past.dates[place] == day:
            return which, place
    return None


def _sold(services: Services, row: RegionItemRow, dates: np.ndarray) -> np.ndarray:
    try:
        history = services.forecaster.history(row.region_item, 2 * KEPT_ORIGINS, row.forecast_wanted)
    except NotInStoreError:
        return np.full(len(dates), np.nan)
    return sold_on(history, dates)


def _told(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
