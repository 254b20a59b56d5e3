"""The table under the chart: a row or a column for each period, on the page and in downloads alike."""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from math import floor, isfinite, isnan, log10
from typing import Any, Literal

import numpy as np
import pandas as pd
from flask import Flask
from markupsafe import Markup
from pandas.api.extensions import take

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast.revenue_and_margin import MoneySum, UnitMoney
from demand_assets.forecasting.series.gapped import Floats
from webapp.language.translations import gettext as _
from webapp.language.translations import pgettext
from webapp.pages.numbers_and_dates import NOTHING, decimals_for, signed, units
from webapp.pages.reader_locale import number
from webapp.pages.rounded_money import in_currency, money, unit_price
from webapp.serving.forecast_of_selection import Period
from webapp.serving.history import History
from webapp.tables import Override

Kind = Literal["units", "bound", "signed", "driver", "price", "money"]
OF_THE_PAST = ("stood", "last_year")
"""Names of measures that a page leaves out where nothing is known of them; files always have them."""
WRITTEN_DECIMALS = 3
"""Of a driver's number at most; what has more was computed, as the mean of a week's prices."""


@dataclass(frozen=True)
class Measure:
    """One measure of every period of the table."""

    name: str
    """In scripts, whatever the reader's language; empty where they do not ask for it."""
    title: str
    kind: Kind
    values: list[Any]
    """A number or None; of a driver the pair of what is planned and what the scenario makes of it, or None."""
    driver_kind: str = ""

    @cached_property
    def decimals(self) -> int:
        """Of a driver: as many as suit all its numbers."""
        return driver_decimals({value for pair in self.values if pair for value in pair})


@dataclass(frozen=True)
class PeriodTable:
    """Measures by period, oldest first: the history that is shown, and the forecast. Of a sum whose parts are known
    until different dates some periods are both."""

    dates: list[date]
    known: int
    """How many of the dates are history."""
    measures: list[Measure]

    @property
    def decimals(self) -> int:
        """Of its quantities."""
        return decimals_for([value for one in self.measures if one.kind in ("units", "bound") for value in one.values
                             if value is not None])

    @property
    def told(self) -> list[Measure]:
        """The measures without those of the past, and in money, that are not known in any period."""
        return [one for one in self.measures if any(value is not None for value in one.values) or (
            one.name not in OF_THE_PAST and one.kind not in ("price", "money"))]


def table_of(periods: Sequence[Period], past: History, dataset: Dataset, coverage: float, back: int = 0,
             stood: pd.Series | None = None,
             override_words: Callable[[Sequence[Override]], str] = lambda found: str(len(found)),
             all_bounds: bool = False, without_overrides: bool = False,
             in_money: "InMoney | None" = None) -> PeriodTable:
    """The table of a forecast.

    Args:
        back: last periods of the history to begin with.
        stood: units by date of past periods, as they were forecast when each began; None where nothing is known.
        override_words: what overrides of one period do.
        all_bounds: whether the model's interval stands beside that with overrides.
        without_overrides: whether there are some that are left out: what is shown is called the model's then.
        in_money: the forecast in money; None where the dataset has no price.
    """
    on = {period.date: period for period in periods}
    known_units = _units_shown(past, on, back)
    days = list(known_units)
    at_dates = sorted({*days, *on})
    dates = pd.DatetimeIndex(np.array(at_dates, dtype="datetime64[ns]"))
    there = [on.get(at) for at in at_dates]
    out = [past.out_of_stock.get(at) if at in known_units else None for at in at_dates]
    has_scenario = any(period.scenario is not None for period in periods)
    interval = f"{100 * coverage:.0f} %"

    def ahead(name: str) -> list[Any]:
        return [None if each is None else getattr(each, name) for each in there]

    def known(values: Floats) -> list[Any]:
        return [None if isnan(value) else value for value in values.tolist()]

    sold = np.array([known_units.get(at, np.nan) for at in at_dates], dtype=float)
    measures = [Measure("sold", _("Sold"), "units", known(sold))] if back else []
    carried = [past.carried.get(at) if at in known_units else None for at in at_dates]
    if any(units is not None for units in carried):
        measures.append(Measure("carried", _("Carried over"), "units", carried))
    if back and stood is not None:
        measures.append(Measure("stood", _("Past forecast"), "units",
                                known(stood.reindex(dates).to_numpy(dtype=float))))
    measures += _at_least(_("Out of stock"), out)
    bounds = [Measure("lower", _("%(interval)s from", interval=interval), "bound", ahead("lower")),
              Measure("upper", _("%(interval)s to", interval=interval), "bound", ahead("upper"))]
    if any(period.final is not None for period in periods):
        measures += _overridden(there, ahead, override_words, interval, all_bounds)
    else:
        name, title = ("plan", _("Plan")) if has_scenario else (
            "model", _("Model")) if without_overrides else ("forecast", _("Forecast"))
        measures += [Measure(name, title, "units", ahead("plan")), *bounds]
    if has_scenario:
        difference = [None if scenario is None else scenario - plan
                      for scenario, plan in zip(ahead("scenario"), ahead("plan"), strict=True)]
        measures += [Measure("scenario", _("Scenario"), "units", ahead("scenario")),
                     Measure("difference", _("Difference"), "signed", difference)]
    if len(past.history):
        last_year = known(past.last_year(dates, dataset))
        measures.append(Measure("last_year", _("Last year"), "bound", last_year))
        measures += _at_least(_("Last year out of stock"), [value if was_out else None for value, was_out in zip(
            last_year, past.at_least_last_year(dates, dataset), strict=True)])
    if in_money is not None:
        measures += _in_money(in_money, at_dates, len(dates) - len(periods), has_scenario)
    if all(period.drivers for period in periods):
        before = _drivers_then(past, dates, dataset)
        measures += [Measure(f"driver-{driver.name}", f"{driver.title}, {driver.unit}" if driver.unit else driver.title,
                             "driver", [then if each is None else each.drivers[driver.name]
                              for each, then in zip(there, before[driver.name], strict=True)], driver.kind)
                     for driver in dataset.drivers]
    return PeriodTable(at_dates, sum(at <= days[-1] for at in at_dates) if days else 0, measures)


def _units_shown(past: History, ahead: Container[date], back: int) -> dict[date, float]:
    """Units sold in the last ``back`` periods of the history of which something is known, and where there are any in
    all others that are forecast too."""
    dates = past.history["date"].to_numpy().astype("datetime64[D]")
    units = past.history["demand"].to_numpy(dtype=np.float64)
    is_known = ~np.isnan(units)
    if past.carried:
        is_known |= np.isin(dates, np.array(list(past.carried), dtype="datetime64[D]"))
    days: list[date] = dates[is_known].tolist()
    first = max(len(days) - back, 0)
    return {at: sold for place, (at, sold) in enumerate(zip(days, units[is_known].tolist(), strict=True))
            if place >= first or (back and at in ahead)}


def _at_least(title: str, sold: Sequence[float | None]) -> list[Measure]:
    """The measure of what was sold in periods out of stock; none where there is no such period."""
    if all(value is None for value in sold):
        return []
    said = ["" if value is None else _("at least %(units)s", units=units(value)) for value in sold]
    return [Measure("", title, "driver", [(text, text) for text in said], "text")]


@dataclass(frozen=True)
class InMoney:
    """A forecast in money."""

    plan: MoneySum
    """With overrides, where they are in the numbers."""
    scenario: MoneySum | None
    unit: UnitMoney | None
    """Of one region-item: its prices and costs under what is shown."""
    has_cost: bool
    """Whether the dataset has costs."""
    shown: frozenset[str] = frozenset()
    """``price``, ``cost``: those that are drivers, which stand in the table anyway."""


def _in_money(told: InMoney, dates: Sequence[date], known: int, has_scenario: bool) -> list[Measure]:
    """The measures of a forecast in money; the past is told in units only."""
    found: list[Measure] = []
    for name, title, kind in (("price-Price", _("Price"), "price"), ("price-Cost", _("Cost"), "cost")):
        values = getattr(told.unit, kind) if told.unit and kind not in told.shown else None
        if values is not None:
            found.append(Measure(name, in_currency(title), "price", [None] * known + values.tolist()))
    revenue, margin = (("Plan revenue", _("Plan revenue")), ("Plan margin", _("Plan margin"))) if has_scenario else (
        ("Revenue", _("Revenue")), ("Margin", _("Margin")))
    sums = [(told.plan, revenue, margin)]
    if told.scenario:
        sums.append((told.scenario, ("Scenario revenue", _("Scenario revenue")),
                     ("Scenario margin", _("Scenario margin"))))
    for each, (name, title), (margin_name, margin_title) in sums:
        found.append(Measure(f"money-{name}", in_currency(title), "money", [each.revenue_on(at) for at in dates]))
        if told.has_cost:
            found.append(Measure(f"money-{margin_name}", in_currency(margin_title), "money",
                                 [each.margin_on(at) for at in dates]))
    return found


def _overridden(periods: Sequence[Period | None], ahead: Callable[[str], list[Any]],
                override_words: Callable[[Sequence[Override]], str], interval: str, all_bounds: bool) -> list[Measure]:
    """The measures of a forecast with overrides, and of the model's beside it.

    Args:
        periods: of each date of the table; None where nothing is forecast.
        ahead: what each has of a name.
        all_bounds: whether the model's interval is shown too.
    """
    said = [None if period is None else override_words(period.overrides) if period.overrides else ""
            for period in periods]
    found = [Measure("forecast", _("Forecast"), "units", ahead("final")),
             Measure("lower", _("%(interval)s from", interval=interval), "bound", ahead("final_lower")),
             Measure("upper", _("%(interval)s to", interval=interval), "bound", ahead("final_upper")),
             Measure("", pgettext("noun", "Override"), "driver",
                     [None if text is None else (text, text) for text in said], "text"),
             Measure("model", _("Model"), "units", ahead("plan"))]
    if all_bounds:
        found += [Measure("", _("Model %(interval)s from", interval=interval), "bound", ahead("lower")),
                  Measure("", _("Model %(interval)s to", interval=interval), "bound", ahead("upper"))]
    return found


def _drivers_then(past: History, dates: pd.DatetimeIndex, dataset: Dataset) -> dict[str, list[Any]]:
    """Of one region-item, for each driver its values on past dates, as pairs like those of the forecast."""
    own = next(iter(past.each.values()))
    known, wanted = own["date"].to_numpy(), dates.to_numpy()
    place = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0))
    place = np.where(known[place] == wanted, place, -1) if len(known) else np.full(len(wanted), -1)
    return {name: [(value, value) for value in take(own[name].to_numpy(), place, allow_fill=True).tolist()]
            for name in dataset.driver_names}


def driver_decimals(values: Iterable[Any]) -> int:
    """Decimals that suit a column of a driver's numbers: as many as the longest of them has of those that somebody may
    have written; of a mean or a share, which has more, two, or as many as its first two digits need."""
    numbers = [value for value in values if isinstance(value, int | float) and "e" not in f"{value:g}"]
    written = [value for value in numbers if _own_decimals(value) <= WRITTEN_DECIMALS]
    computed = [abs(value) for value in numbers if _own_decimals(value) > WRITTEN_DECIMALS]
    return max([0, *map(_own_decimals, written), *(max(2, 1 - floor(log10(value))) for value in computed)])


def _own_decimals(value: float) -> int:
    return len(f"{value:g}".partition(".")[2])


def driver_value(value: Any, kind: str, decimals: int | None = None) -> str:
    """A driver's value as the table shows it; a number with its own decimals unless told otherwise."""
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return NOTHING
    if kind == "yes_no":
        return _("yes") if float(value) else ""
    if not isinstance(value, int | float):
        return str(value)
    plain = f"{value:g}"
    return plain if "e" in plain else number(float(plain), _own_decimals(value) if decimals is None else decimals)


def cell(measure: Measure, place: int, decimals: int) -> Markup | str:
    """One value of a table by period; a driver that a scenario changes has what was planned struck out beside it."""
    found = measure.values[place]
    if found is None:
        return ""
    if measure.kind in ("money", "price"):
        return money(found) if measure.kind == "money" else unit_price(found)
    if measure.kind != "driver":
        return signed(found, decimals) if measure.kind == "signed" else units(found, decimals)
    before, after = (driver_value(value, measure.driver_kind, measure.decimals) for value in found)
    if before == after and found[0] != found[1]:  # a change too small for the column
        before, after = (driver_value(value, measure.driver_kind) for value in found)
    if before == after:
        return after
    return Markup('<s class="small">{}</s> <strong>{}</strong>').format(before or _("no"), after or _("no"))


def cells(measure: Measure, decimals: int) -> list[Markup | str]:
    """``cell`` of each period; what a column says often is written once."""
    written: dict[Any, Markup | str] = {}
    for place, value in enumerate(measure.values):
        if value not in written:
            written[value] = cell(measure, place, decimals)
    return [written[value] for value in measure.values]


def add_to(app: Flask) -> None:
    """Let templates write the table's cells."""
    app.jinja_env.filters.update(driver_value=driver_value)
    app.jinja_env.globals.update(cells=cells, driver_decimals=driver_decimals)
