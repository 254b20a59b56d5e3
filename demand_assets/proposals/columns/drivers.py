"""Which of the other columns may drive demand: their kinds, effects, futures, placeholders; and why others may not."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import weekdays
from demand_assets.forecasting.contract.source import as_text
from demand_assets.forecasting.dataset.drivers import RESERVED_COLUMNS
from demand_assets.forecasting.series.driver_values import EDGES, ENOUGH, MOSTLY
from demand_assets.forecasting.validation.placeholders import is_zero_where_unsold, placeholders_among
from demand_assets.proposals.columns.attributes import ProposedAttribute, attribute_of, name_attributes
from demand_assets.proposals.columns.demand_rows import DemandRows
from demand_assets.proposals.columns.facts import Column, Facts
from demand_assets.proposals.columns.found_roles import Roles
from demand_assets.proposals.columns.own_price_and_cost import (
    HARDLY,
    ProposedAmount,
    is_cost,
    is_own_price,
    is_still_price,
    no_unit_cost,
    settled_money,
)
from demand_assets.proposals.columns.periods import series_codes
from demand_assets.sources.column_names import plain, quoted, slug

MOST_DRIVERS = 16
_MOST_CATEGORIES = 40
_TELLS_DEMAND = 0.9
"""A correlation with demand beyond which a column is a result of it."""
_OFTEN = 3
"""Rows in which a number stands that may mean "not known"."""
_YEAR = 365
_FEW_ROWS, _NEARLY_ALL = 20, 0.97
"""Of rows in which columns add up to the demand."""
_AFTERWARDS = ("profit", "gewinn", "margin", "marge", "returned", "returns", "retour", "refund", "lostsales",
               "lost_sales")
"""In the names of columns that nobody knows before the period is over, whatever they go with; of the others that
``column_names`` has for such only those are told that go with demand."""


@dataclass
class ProposedDriver:
    """A driver, with the reasons for its entries."""

    name: str
    column: str
    kind: str
    kind_why: str
    effect: str = "none"
    effect_why: str = ""
    future: str = "known"
    future_why: str = ""
    default: float | bool | str | None = None
    placeholders: list[float] = field(default_factory=list)
    placeholders_why: str = ""
    label: str = ""
    source: Column | None = field(default=None, compare=False)
    """The column of which numbers are read; of a template the first."""


@dataclass
class Proposed:
    """The drivers and attributes, and the columns that are neither, with the reason."""

    drivers: list[ProposedDriver] = field(default_factory=list)
    attributes: list[ProposedAttribute] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)
    money: list[ProposedAmount] = field(default_factory=list)


def drivers_of(facts: Facts, roles: Roles, demand: npt.NDArray[np.float64]) -> Proposed:
    """The drivers among the columns that have no other role.

    Args:
        demand: of each row of the facts, NaN where unknown.
    """
    proposed = Proposed()
    table = DemandRows(facts, demand, roles.days, series_codes(roles.keys(facts), facts.rows))
    others = [column for column in facts.columns if column.name not in roles.used]
    templates = _templates(others, facts, roles)
    grouped = {name for names in templates.values() for name in names}
    for text in templates:
        start = re.sub(r"\{\w+\}$", "", text)
        others_of = [column.name for column in others if column.name not in grouped and re.fullmatch(
            re.escape(start) + r"\d+", column.name)]
        proposed.left += [(name, f"it is as {text!r} for one that has no rows") for name in others_of]
        grouped |= set(others_of)
    chosen: list[tuple[int, ProposedDriver]] = []
    for text, names in templates.items():
        column = facts.column(names[0])
        made = _driver(column, table, proposed, is_template=True)
        if made is not None:
            made.column, made.label = text, ""
            made.name = slug(re.sub(r"\{\w+\}", "", text)) or made.name
            made.kind_why = f"{len(names)} columns, one for each {'item' if '{item}' in text else 'region'}"
            chosen.append((10 + column.says("price"), made))
    amounts: list[ProposedAmount] = []
    parts = _parts_of_demand([column for column in others if column.name not in grouped], demand)
    proposed.left += [(name, f"with {' and '.join(repr(one) for one in parts if one != name)} it is the demand, and "
                             "known with it only; where each is an item's demand, remove the column of their sum")
                      for name in parts]
    for column in others:
        if column.name in grouped or column.name in parts:
            continue
        if is_cost(column):
            if why := no_unit_cost(column, table, amounts):
                proposed.left.append((column.name, why))
            else:
                amounts.append(ProposedAmount("cost", f"called so, and none of the demand; numbers, as "
                                                      f"{column.example()!r}", column))
            continue
        if is_still_price(column, table):
            amounts.append(ProposedAmount("price", f"the same in all rows of a region-item, so it moves nothing; "
                                                   f"numbers, as {column.example()!r}", column))
            continue
        attribute = attribute_of(column, facts, roles)
        if attribute is not None:
            proposed.attributes.append(attribute)
            continue
        made = _driver(column, table, proposed)
        if made is not None:
            chosen.append((_clearness(column), made))
    order = sorted(range(len(chosen)), key=lambda place: (-chosen[place][0], place))
    for place in sorted(order[:MOST_DRIVERS]):
        proposed.drivers.append(chosen[place][1])
    proposed.left += [(chosen[place][1].column, f"there are {MOST_DRIVERS} drivers already that are clearer")
                      for place in sorted(order[MOST_DRIVERS:])]
    _name(proposed.drivers)
    money, left = settled_money(proposed.drivers, amounts)
    proposed.money += money
    proposed.left += left
    name_attributes(proposed.attributes, {driver.name for driver in proposed.drivers})
    return proposed


def _parts_of_demand(columns: Sequence[Column], demand: npt.NDArray[np.float64]) -> list[str]:
    """The columns whose numbers add up to the demand in nearly every row; none where there are no such."""
    numbers = [column for column in columns if column.is_number and not column.is_constant]
    if len(numbers) < 2:
        return []
    bare = [column for column in numbers if not any(column.says(kind) for kind in ("price", "cost", "weather"))]
    for some in (numbers, bare):
        total = np.sum([column.numbers for column in some], axis=0) if len(some) > 1 else np.full(len(demand), np.nan)
        known = np.isfinite(total) & np.isfinite(demand)
        if known.sum() > _FEW_ROWS and np.isclose(total[known], demand[known]).mean() >= _NEARLY_ALL:
            return [column.name for column in some]
    return []


def _clearness(column: Column) -> int:
    return max(column.says(kind) for kind in ("price", "promo", "holiday", "open", "closed", "weather"))


def _templates(columns: list[Column], facts: Facts, roles: Roles) -> dict[str, list[str]]:
    """Columns of which there is one for each item or region, as price1, price2 …: the template -> their names."""
    found: dict[str, list[str]] = {}
    for role in ("item", "region"):
        key = getattr(roles, role)
        values = sorted(facts.column(key).distinct, key=len, reverse=True) if key else []
        if not 2 <= len(values) <= 500:
            continue
        by_start: dict[str, list[str]] = {}
        for column in columns:
            value = next((value for value in values if column.name.endswith(value) and column.name != value), None)
            start = column.name.removesuffix(value) if value else ""
            is_taken = any(column.name in names for names in found.values()) or f"{start}{{item}}" in found
            if start and not start[-1].isdigit() and column.is_number and not is_taken:
                by_start.setdefault(start, []).append(column.name)
        found |= {f"{start}{{{role}}}": names for start, names in by_start.items()
                  if len(names) >= max(2, 0.8 * len(values)) and "{" not in start}
    return found


def _driver(column: Column, table: DemandRows, proposed: Proposed, is_template: bool = False) -> ProposedDriver | None:
    """The driver that a column is; None where it is none, and then why is noted."""
    why = _no_driver(column, table, is_template)
    if why:
        proposed.left.append((column.name, why))
        return None
    kind, kind_why = _kind(column)
    made = ProposedDriver(slug(column.name), column.name, kind, kind_why, source=column,
                          label=" ".join(column.name.split()))
    values = _values(column, kind)
    if kind == "number":
        _note_placeholders(made, column, table, values)
        values = np.where(np.isin(values, made.placeholders), np.nan, values)
    _note_effect(made, column, table, values)
    _note_future(made, column, table, values)
    return made


def _values(column: Column, kind: str) -> npt.NDArray[np.float64]:
    if kind == "number":
        return column.numbers
    if kind == "yes_no":
        from demand_assets.forecasting.validation.written.values import read_yes_no
        read, _ = read_yes_no(pd.Series(column.distinct, dtype=object))
        return np.append(read, np.nan)[column.codes[0]]
    return np.full(len(column.texts), np.nan)


def _no_driver(column: Column, table: DemandRows, is_template: bool) -> str:
    """Why a column is no driver; empty where it may be one."""
    if "{region}" in column.name or "{item}" in column.name:
        return "its name holds what stands for the row's own region or item in dataset files; rename it"
    if not column.distinct:
        return "it is empty"
    if column.is_constant:
        only = f"it holds nothing but {column.example()!r}"
        if not 0 < column.known_share < 1 or "'" in column.example():
            return only
        return (f"{only}; if that marks yes and an empty cell no, declare a driver of kind 'yes_no' for it, and say so "
                f"in columns.expressions: \"where({quoted(column.name)} == '{column.example()}', 1, 0)\"")
    if column.says("stock") >= 2 and not column.says("price"):
        return "a stock is known only afterwards"
    if len(column.distinct) > 0.9 * len(column.texts) * column.known_share and not (
            column.is_number or column.is_percent):
        return "it has another value in nearly every row"
    days, known = table.days, column.codes[0] >= 0
    if len(days) == len(known) and column.says("date") >= 2 and not is_template and not column.is_number:
        return "it is another date"
    dated = known & ~np.isnat(days) if len(days) == len(known) else np.zeros(len(known), dtype=bool)
    if dated.any() and (column.says("calendar") or column.says("date")) and _follows_from(column, days, dated):
        return "it follows from the date, which the models know"
    by_series = pd.Series(column.codes[0][known]).groupby(table.series[known]).nunique()
    if not is_template and len(by_series) > 1 and by_series.max() == 1:
        return ("it is the same in all rows of a region-item and moves nothing, and no attribute by which items or "
                "regions are found: it is another name of them, or of both together")
    if not column.is_yes_no and not column.is_number and not column.is_percent and (
            len(column.distinct) > _MOST_CATEGORIES):
        return f"text of {len(column.distinct)} different values"
    if (column.is_number or column.is_percent) and not column.is_yes_no:
        correlation = table.correlation(column.numbers)
        is_result = column.says("afterwards") >= 2 or (column.says("money") >= 2 and not column.says("price")) or (
            column.says("demand") >= 2 and not column.says("price"))
        if (is_result and abs(correlation) >= HARDLY) or (correlation >= _TELLS_DEMAND and not (
                column.says("promo") or column.says("open"))):
            return (f"it goes with demand (correlation {correlation:.2f}) as what is known only afterwards does; if it "
                    "is known before, declare it")
        if is_result and (column.says("money") >= 2 or column.says("demand") >= 2):
            return "it looks like another measure of what was sold, which is known only afterwards"
        if any(name in plain(column.name) for name in _AFTERWARDS):
            return "it is known only afterwards"
        if column.is_whole and len(column.distinct) > 50 and _only_grows(column):
            return "it only counts the rows"
    if column.says("item") == 3 or column.says("region") == 3 or (plain(column.name).endswith(("id", "nr", "no")) and (
            len(column.distinct) > _MOST_CATEGORIES)):
        return "it names something, and is no measure"
    return ""


def _follows_from(column: Column, days: npt.NDArray[np.datetime64], dated: npt.NDArray[np.bool_]) -> bool:
    codes, on = column.codes[0][dated], days[dated]
    months = on.astype("datetime64[M]").astype(np.int64)
    for part in (weekdays(on), months % 12, months // 12, months // 3 % 4,
                 pd.DatetimeIndex(on).isocalendar().week.to_numpy(dtype=np.int64),
                 (on - on.astype("datetime64[M]")).astype(np.int64), pd.DatetimeIndex(on).dayofyear.to_numpy(),
                 on.astype(np.int64)):
        if pd.Series(codes).groupby(np.asarray(part, dtype=np.int64)).nunique().max() == 1:
            return True
    return False


def _only_grows(column: Column) -> bool:
    numbers = column.numbers[np.isfinite(column.numbers)]
    return bool(len(numbers) > 2) and bool((np.diff(numbers) > 0).all())


def _kind(column: Column) -> tuple[str, str]:
    if column.is_yes_no:
        return "yes_no", f"all values are yes or no, as {' and '.join(map(repr, column.distinct[:2]))}"
    if column.is_percent:
        return "number", f"percents, as {column.example()!r}"
    numbers = column._of_distinct[0]
    others = [value for value, number in zip(column.distinct, numbers, strict=True)
              if np.isnan(number) and value.strip().lower() not in ("", "na", "n/a", "nan", "null", "none")]
    if column.is_number and ((len(others) <= 2 and len(column.distinct) > _MOST_CATEGORIES) or not others):
        return "number", f"numbers, as {column.example()!r}"
    shown = ", ".join(map(repr, column.distinct[:4])) + (" …" if len(column.distinct) > 4 else "")
    return "category", f"{len(column.distinct)} different texts: {shown}"


def _note_placeholders(made: ProposedDriver, column: Column, table: DemandRows,
                       values: npt.NDArray[np.float64]) -> None:
    known = values[np.isfinite(values)]
    if is_zero_where_unsold(table.demand[np.isfinite(values)], known):
        made.placeholders = [0.0]
        made.placeholders_why = "0 stands in the rows in which nothing was sold and hardly elsewhere: not known"
    elif column.says("price") and (known == 0).any():
        made.placeholders = [0.0]
        made.placeholders_why = f"a price of 0 is none ({int((known == 0).sum())} rows): not known"
    for value, rows in placeholders_among(known):
        if rows >= _OFTEN:
            made.placeholders.append(value)
            made.placeholders_why = "; ".join(filter(None, [
                made.placeholders_why, f"{as_text(value)} lies far from all others ({rows} rows): not known"]))


def _note_effect(made: ProposedDriver, column: Column, table: DemandRows, values: npt.NDArray[np.float64]) -> None:
    if made.kind == "category":
        return
    correlation = table.correlation(values)
    if column.says("price"):
        if not is_own_price(column):
            made.effect_why = "it may not be the item's own price; 'decreasing' if it is"
        elif correlation > 0.2:
            made.effect_why = f"a price, but demand rises with it here (correlation {correlation:.2f}): look at it"
        else:
            made.effect, made.effect_why = "decreasing", "a price: demand does not rise when it does"
    elif column.says("closed") >= 2:
        made.effect, made.effect_why = "decreasing", "nothing is sold where it is closed"
    elif column.says("promo") or column.says("open") >= 2:
        if correlation < -0.2:
            made.effect_why = f"demand falls with it here (correlation {correlation:.2f}): look at it"
        else:
            word = "a promotion" if column.says("promo") else "being open"
            made.effect, made.effect_why = "increasing", f"{word} does not lower demand"


def _note_future(made: ProposedDriver, column: Column, table: DemandRows, values: npt.NDArray[np.float64]) -> None:
    is_there = column.codes[0] >= 0
    known = np.isfinite(table.demand) & ~np.isnat(table.days) if len(table.days) == len(is_there) else is_there
    if len(table.days) == len(is_there) and known.any():
        beyond = is_there & ~np.isnat(table.days) & (table.days > table.days[known].max())
        if beyond.any():
            made.future, made.future_why = "known", (
                f"{int(beyond.sum())} rows after the last demand hold it: a plan or a forecast of it")
            return
    usual = _most_frequent(column)
    if column.says("price"):
        made.future, made.future_why = "repeat_last", "no later rows hold it; prices mostly stay"
    elif column.says("open") >= 2 and made.kind == "yes_no":
        made.future, made.default, made.future_why = "given", True, "no later rows hold it; mostly open"
    elif made.kind == "yes_no" and (column.says("promo") or column.says("closed")):
        made.future, made.default, made.future_why = "given", False, "no later rows hold it: none unless planned"
    elif column.says("promo") and made.kind == "number" and np.nanmin(values) == 0:
        made.future, made.default, made.future_why = "given", 0, "no later rows hold it: none unless planned"
    elif (column.says("holiday") and made.kind != "category" and table.is_long) or (column.says("weather") and (
            table.is_long)):
        made.future, made.future_why = "repeat_season", "no later rows hold it; it recurs with the year"
    elif made.kind == "yes_no":
        made.future, made.default, made.future_why = "given", False, "no later rows hold it: no unless told otherwise"
    elif made.kind == "category":
        made.future, made.default = "given", usual
        made.future_why = "no later rows hold it: the most frequent unless told otherwise"
    elif table.is_long and _changes_much(values, table.series):
        made.future, made.future_why = "repeat_season", "no later rows hold it, and it changes from period to period"
    else:
        made.future, made.future_why = "repeat_last", "no later rows hold it; it changes slowly"
    _fit_default(made, table, values)


def _fit_default(made: ProposedDriver, table: DemandRows, values: npt.NDArray[np.float64]) -> None:
    """Propose another default where that of the kind contradicts the last year's rows."""
    if made.future != "given" or made.kind == "category":
        return
    recent = values
    if len(table.days) == len(values) and (~np.isnat(table.days)).any():
        recent = values[table.days > table.days[~np.isnat(table.days)].max() - np.timedelta64(_YEAR, "D")]
    recent = recent[np.isfinite(recent)]
    if len(recent) < ENOUGH:
        return
    if made.kind == "yes_no":
        is_mostly = bool(np.mean(recent) > MOSTLY)
        if is_mostly != made.default and np.mean(recent) != MOSTLY:
            share = np.mean(recent == is_mostly)
            made.default, made.future_why = is_mostly, (
                f"no later rows hold it, and {share:.0%} of the last year's rows say {'yes' if is_mostly else 'no'}")
    elif made.default is not None and not (
            np.quantile(recent, EDGES[0]) <= float(made.default) <= np.quantile(recent, EDGES[1])):
        made.default = round(float(np.median(recent)), 4)
        made.future_why = "no later rows hold it, and the last year's rows are about so"


def _most_frequent(column: Column) -> str:
    often = np.bincount(column.codes[0][column.codes[0] >= 0])
    return column.distinct[int(often.argmax())].strip()


def _changes_much(values: npt.NDArray[np.float64], series: npt.NDArray[np.int64]) -> bool:
    """Whether one value hardly tells the next."""
    same = series[1:] == series[:-1]
    now, before = values[1:][same], values[:-1][same]
    known = np.isfinite(now) & np.isfinite(before)
    if known.sum() < 10 or np.std(now[known]) == 0 or np.std(before[known]) == 0:
        return False
    return float(np.corrcoef(now[known], before[known])[0, 1]) < 0.9


def _name(drivers: list[ProposedDriver]) -> None:
    """Give each a name of its own that is allowed; the item's own price is called so."""
    prices = [one for one in drivers if one.effect == "decreasing" and one.source is not None
              and one.source.says("price")]
    if prices and not any(one.name == "price" for one in drivers):
        prices[0].name = "price"
    taken: set[str] = set()
    for place, one in enumerate(drivers, 1):
        name = one.name
        if not name:
            assert one.source is not None
            name = next((kind for kind in ("price", "promo", "holiday", "weather", "open", "closed")
                         if one.source.says(kind)), f"driver_{place}")
        if name in RESERVED_COLUMNS:
            name = f"{name}_driver"
        base, number = name, 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        one.name = name
        taken.add(name)


def entries_of(driver: ProposedDriver) -> dict[str, tuple[Any, str]]:
    """The entries of a driver in the dataset file, each with the reason."""
    entries: dict[str, tuple[Any, str]] = {"name": (driver.name, ""), "kind": (driver.kind, driver.kind_why)}
    if driver.effect != "none" or driver.effect_why:
        entries["effect"] = (driver.effect, driver.effect_why)
    entries["future"] = (driver.future, driver.future_why)
    if driver.default is not None:
        entries["default"] = (driver.default, "")
    if driver.placeholders:
        entries["placeholders"] = (driver.placeholders, driver.placeholders_why)
    if driver.label and driver.label != driver.name.replace("_", " "):
        entries["label"] = (driver.label, "")
    return entries
