"""The overrides that hold, and what they make of a forecast: whatever is called forecast includes them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import cast

from sqlalchemy import select

from demand_assets.forecasting.forecast.overrides import PeriodOverride, Way, with_overrides
from demand_assets.forecasting.forecast.totals import Part
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.personal.kept_answers import kept_among
from webapp.tables import Override


def open_overrides(keys: Sequence[str], first: date | None = None,
                   last: date | None = None) -> dict[str, list[Override]]:
    """Key -> the overrides that hold, by date; region-items without any are left out.

    Args:
        first: only those of periods from then on.
        last: only those of periods until then.
    """
    found: dict[str, list[Override]] = {}
    some = kept_among("plans", "overridden", select(Override.key).where(Override.removed_at.is_(None)), keys)
    for part in chunked(some):
        query = select(Override).where(Override.key.in_(part), Override.removed_at.is_(None))
        if first is not None:
            query = query.where(Override.date >= str(first))
        if last is not None:
            query = query.where(Override.date <= str(last))
        for one in db.session.scalars(query.order_by(Override.date)):
            found.setdefault(one.key, []).append(one)
    return found


def open_overrides_among(keys: Collection[str], first: date, last: date) -> dict[str, list[Override]]:
    """As ``open_overrides`` of many region-items: all that hold in these periods are read, those of others left
    out."""
    wanted, found = set(keys), dict[str, list[Override]]()
    for one in db.session.scalars(select(Override).where(
            Override.removed_at.is_(None), Override.date >= str(first), Override.date <= str(last)).order_by(
                Override.date)):
        if one.key in wanted:
            found.setdefault(one.key, []).append(one)
    return found


def apply(part: Part, overrides: Iterable[Override]) -> Part:
    """The region-item's forecast with its overrides in place; those of periods that it does not hold count for
    nothing."""
    return with_overrides(part, [period_override(one) for one in overrides])


def period_override(one: Override) -> PeriodOverride:
    """A row as the rules of forecasting know it."""
    return PeriodOverride(date.fromisoformat(one.date), cast(Way, one.way), one.amount)


def with_open_overrides(parts: Mapping[str, Part]) -> dict[str, Part]:
    """Key -> forecast with the overrides that hold.

    Args:
        parts: key -> the model's forecast.
    """
    first = min((part.dates[0] for part in parts.values() if len(part.dates)), default=None)
    held = open_overrides(list(parts), None if first is None else first.astype("datetime64[D]").item())
    return {key: apply(part, held[key]) if key in held else part for key, part in parts.items()}
