"""The order-up-to quantity of each region-item, from the forecast that is planned with: the model's with overrides."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

import numpy as np
from sqlalchemy import func, select

from demand_assets.forecasting.forecast.order_up_to import ErrorsByPeriods, NotKnownError
from demand_assets.forecasting.forecast.totals import Part
from demand_assets.forecasting.series.gapped import Floats
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.order_up_to.lead_times import Rulebook, Terms, rulebook
from webapp.personal.seen_region_items import everything
from webapp.region_items.attributes import attributes_of
from webapp.region_items.open_overrides import apply, open_overrides
from webapp.region_items.rows import rows_by_key
from webapp.stored_forecasts.computing import LoadedForecast, stored_forecasts_of
from webapp.tables import Override, RegionItemRow, StoredForecast

MOST_LEARNED = 1000
"""Region-items whose past errors are looked at; of more an even choice."""
AT_ONCE = 500
"""Region-items of which forecasts are in memory at a time."""


@dataclass(frozen=True)
class Line:
    """What is told of one region-item; None where it is not known."""

    row: RegionItemRow
    terms: Terms | None
    first: date | None = None
    """Of the periods that are covered; ``last`` the last."""
    last: date | None = None
    forecast: float | None = None
    """Units over lead time and review period, with overrides."""
    overridden: float = 0.0
    """Units of it by which overrides moved it."""
    quantity: float | None = None
    """Units."""
    at_cost: float | None = None
    """The quantity in the dataset's currency."""
    at_price: float | None = None
    why: str = ""
    """Why the quantity is not known."""


def lines_of(keys: Sequence[str]) -> Iterator[Line]:
    """A line for each of these region-items, in their order."""
    if not keys:
        return
    errors, book = past_errors(), rulebook()
    newest = db.session.scalar(select(func.max(RegionItemRow.last_date)).where(RegionItemRow.in_catalogue)) or ""
    for some in chunked(keys, AT_ONCE):
        rows = rows_by_key(some)
        stored, held = stored_forecasts_of(some), open_overrides(some)
        attributes = attributes_of([row.region_item for row in rows.values()])
        for key in some:
            if key in rows:
                row = rows[key]
                yield _line(row, stored.get(key), held.get(key, ()), errors, book, attributes[row.region_item], newest)


def past_errors() -> ErrorsByPeriods:
    """How far forecasts of totals were off, over all region-items, as their stored forecasts tell now."""
    with everything():  # whoever asks: it tells nothing of any of them, and quantities are the same for everybody
        count, newest = db.session.execute(select(func.count(), func.max(StoredForecast.made_at))).one()
        return _past_errors(str(db.engine.url), count, str(newest))


@lru_cache(maxsize=4)
def _past_errors(_database: str, _count: int, _newest: str) -> ErrorsByPeriods:
    """Read once for each state of the stored forecasts: they are thousands, and each page asks for them."""
    keys = list(db.session.scalars(select(RegionItemRow.key).join(
        StoredForecast, StoredForecast.key == RegionItemRow.key).where(RegionItemRow.in_catalogue).order_by(
        RegionItemRow.position)))
    chosen = keys[::max(1, -(-len(keys) // MOST_LEARNED))]
    return ErrorsByPeriods([kept.part for kept in stored_forecasts_of(chosen).values()])


def _line(row: RegionItemRow, stored: LoadedForecast | None, overrides: Sequence[Override], errors: ErrorsByPeriods,
          book: Rulebook, attributes: dict[str, str], newest: str) -> Line:
    try:
        terms = book.terms(row.region_item, attributes)
    except NotKnownError as error:
        return Line(row, None, why=str(error))
    if stored is None:
        return Line(row, terms, why=_("It has no forecast yet."))
    final = apply(stored.part, overrides) if overrides else stored.part
    told = Line(row, terms)
    if len(final.forecast) >= terms.periods:
        units = float(final.forecast[:terms.periods].sum())
        days = final.dates[:terms.periods].astype("datetime64[D]").tolist()
        told = replace(told, first=days[0], last=days[-1], forecast=units,
                       overridden=units - float(stored.part.forecast[:terms.periods].sum()))
        if str(told.last) <= newest:
            return replace(told, why=_("Its demand is known until %(day)s only: the periods that it would cover "
                                       "are over.", day=row.last_date))
    try:
        quantity = errors.order_up_to(stored.part, terms.periods, terms.service_level, final.forecast)
    except NotKnownError as error:
        return replace(told, why=str(error))
    money = stored.money
    return replace(told, quantity=quantity, at_cost=_valued(quantity, final, money.cost, terms.periods),
                   at_price=_valued(quantity, final, money.price, terms.periods))


def _valued(quantity: float, part: Part, amounts: Floats | None, periods: int) -> float | None:
    """The quantity at the mean amount of a unit over these periods, weighed by the forecast."""
    if amounts is None:
        return None
    weights = part.forecast[:periods] if part.forecast[:periods].sum() > 0 else np.ones(periods)
    return quantity * float(np.average(amounts[:periods], weights=weights))
