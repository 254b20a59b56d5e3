"""The four figures at the top of the overview: the next horizon, against last year, accuracy, and what is to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select

from webapp.accuracy.judged_forecasts import JUDGED_ORIGINS
from webapp.db.database import db
from webapp.personal.kept_answers import kept
from webapp.personal.seen_region_items import sees_everything
from webapp.region_items.overview_table.query import View, conditions, kept_of
from webapp.stored_forecasts.by_period import SumByPeriod
from webapp.stored_forecasts.filtered_totals import interval_of
from webapp.tables import GroupForecast, RegionItemRow

READ_AT_ONCE = 1000
"""Region-items whose stored forecasts are read for the interval of what is filtered; the page of totals reads more."""


@dataclass(frozen=True)
class Figures:
    """Of all region-items, or of those that a view shows, or whoever asks sees; None where nothing is known."""

    size: int = 0
    """Region-items that are forecast."""
    total: float | None = None
    """Units over the next horizon, with overrides."""
    lower: float | None = None
    """The 80 % interval of the total; None of a view of more than ``READ_AT_ONCE`` region-items that are not all of one
    region, item or value of an attribute, whose interval is stored."""
    upper: float | None = None
    model: float | None = None
    """Units by the models alone."""
    revenue: float | None = None
    priced: int = 0
    """Region-items that the revenue is of."""
    last_year: float | None = None
    last_year_out_of_stock: int = 0
    """How many were out of stock then."""
    compared: float | None = None
    """Units over the next horizon of those whose last year is known: what is held against ``last_year``."""
    compared_size: int = 0
    """Region-items whose last year is known; the change is of these."""
    wape: float | None = None
    """Of published forecasts, each region-item's newest ``JUDGED_ORIGINS`` origins, all leads."""
    judged_size: int = 0
    """Region-items that it is of."""
    is_due: bool = False
    """Whether the sums are being made again."""
    by_period: SumByPeriod = field(default_factory=SumByPeriod)
    """Of all; nothing of a view that leaves some out, nor while the sums are being made again."""

    @property
    def change(self) -> float | None:
        """Of ``compared`` on ``last_year``, relative."""
        return self.compared / self.last_year - 1 if self.last_year and self.compared is not None else None

    def ahead(self, name: str, periods: int) -> dict[str, float]:
        """Date -> sum of one of ``by_period.AHEAD``, of the newest periods only: before those some region-items, which
        are behind, would stand for all."""
        return dict(list(self.by_period.column(name).items())[-periods:])

    @property
    def weekly_wape(self) -> dict[str, float]:
        """Last date -> WAPE of seven periods each of the newest ``JUDGED_ORIGINS``, oldest first."""
        error, sold = self.by_period.column("error"), self.by_period.column("sold")
        dates = list(error)[-JUDGED_ORIGINS:]
        weeks = [dates[max(end - 7, 0):end] for end in range(len(dates), 0, -7)][::-1]
        sums = {week[-1]: (sum(error[at] for at in week), sum(sold[at] for at in week)) for week in weeks}
        return {at: missed / units for at, (missed, units) in sums.items() if units}


def figures(view: View) -> Figures:
    """What the overview says of the region-items that a view shows, from what is stored."""
    return _of_view(view) if view.is_narrowed or not sees_everything() else _of_all()


def _of_all() -> Figures:
    is_due = db.session.scalar(select(RegionItemRow.key).where(
        RegionItemRow.groups_due > 0, RegionItemRow.forecast_total.is_not(None)).limit(1)) is not None
    row = db.session.get(GroupForecast, ("all", ""))
    if row is None:
        return Figures(is_due=is_due)
    error, sold, judged_size = kept("region_items", "judged", lambda: db.session.execute(select(
        func.sum(RegionItemRow.live_error), func.sum(RegionItemRow.live_sold), func.count(RegionItemRow.live_error),
    ).where(RegionItemRow.in_catalogue, RegionItemRow.forecast_total.is_not(None))).one())
    return Figures(
        size=row.size, total=row.total, lower=row.lower, upper=row.upper, model=row.model, revenue=row.revenue,
        priced=row.priced, last_year=row.last_year, last_year_out_of_stock=row.last_year_out_of_stock,
        compared=row.compared, compared_size=row.compared_size,
        wape=error / sold if error is not None and sold else None, judged_size=judged_size, is_due=is_due,
        by_period=SumByPeriod() if is_due else SumByPeriod.from_json(row.by_period))


def _of_view(view: View) -> Figures:
    total, last_year = RegionItemRow.forecast_total, RegionItemRow.last_year
    found = kept_of(view, "figures", lambda: db.session.execute(select(
        func.count(), func.sum(total), func.sum(RegionItemRow.forecast_model), func.sum(RegionItemRow.revenue),
        func.count(RegionItemRow.revenue), func.sum(last_year), func.count(last_year),
        func.count().filter(last_year.is_not(None), RegionItemRow.last_year_out_of_stock > 0),
        func.sum(total).filter(last_year.is_not(None)), func.sum(RegionItemRow.live_error),
        func.sum(RegionItemRow.live_sold), func.count(RegionItemRow.live_error), func.max(RegionItemRow.groups_due),
    ).select_from(RegionItemRow).where(*conditions(view), total.is_not(None))).one())
    size, units, model, revenue, priced, before, compared_size, was_out, compared, error, sold, judged_size, due = found
    group = db.session.get(GroupForecast, view.attributes[0]) if _is_one_group(view) and not due else None
    bounds = group if group and group.size == size else interval_of(conditions(view), size) if (
        0 < size <= READ_AT_ONCE) else None
    return Figures(
        size=size, total=units, lower=bounds.lower if bounds else None, upper=bounds.upper if bounds else None,
        model=model, revenue=revenue, priced=priced, last_year=before, last_year_out_of_stock=was_out,
        compared=compared, compared_size=compared_size,
        wape=error / sold if error is not None and sold else None, judged_size=judged_size)


def _is_one_group(view: View) -> bool:
    """Whether a view shows all of one region, item or value of an attribute, whose total is stored."""
    return len(view.attributes) == 1 and not (view.search or view.status or view.flags or view.picked)


@dataclass(frozen=True)
class Sparkline:
    """A line of numbers, drawn small."""

    points: str
    """Of an SVG polyline, in a box of ``WIDTH`` by ``HEIGHT``."""
    beside: str = ""
    """The line that it is compared with; empty where there is none."""


WIDTH, HEIGHT = 120, 32


def sparkline(values: Mapping[str, float], beside: Mapping[str, float] | None = None) -> Sparkline | None:
    """The numbers as a line from left to right, another beside it on the same scale; None of fewer than two."""
    if len(values) < 2:
        return None
    most = max([*values.values(), *(beside or {}).values()])
    return Sparkline(_points(list(values.values()), most), _points(list((beside or {}).values()), most))


def _points(values: Sequence[float], most: float) -> str:
    """From 0 at the bottom to the largest at the top."""
    if len(values) < 2:
        return ""
    step = WIDTH / (len(values) - 1)
    return " ".join(f"{place * step:.1f},{HEIGHT - 1 - (value / most if most else 0.0) * (HEIGHT - 2):.1f}"
                    for place, value in enumerate(values))
