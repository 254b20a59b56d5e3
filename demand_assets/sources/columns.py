"""How our columns are made of a source's: plain columns, a column for each item, expressions, counted periods."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import ordinals, period_dates, weekdays
from demand_assets.forecasting.contract.region_item import in_one_line, known_as, one_form
from demand_assets.forecasting.contract.source import SourceError, as_text
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.forecasting.validation.written.values import read_numbers
from demand_assets.sources.counted_rows import CountedRows
from demand_assets.sources.expressions import Expression

THE_ONLY_ONE = "all"
"""The name of the region, or of the item, of a source that has no column for it."""
WHOLE_AS_FRACTION = re.compile(r"-?\d+\.0+")
_WHOLE_WITH_COMMA = re.compile(r"\s*-?\d+,0+\s*", re.ASCII)
_QUOTED = re.compile(r'"[^"]+"')
_MOST_SHOWN = 40
"""Columns that are named where one is missing."""
_PLACEHOLDER = re.compile(r"\{(region|item)\}")


@dataclass(frozen=True)
class Recipe:
    """How one column of ours is made."""

    ours: str
    text: str
    """A column of the source or an expression, perhaps with ``{region}`` and ``{item}``."""
    is_expression: bool

    @property
    def is_template(self) -> bool:
        """Whether each region or item has columns of its own."""
        return bool(_PLACEHOLDER.search(self.text))

    def columns(self, region: str = "", item: str = "") -> frozenset[str]:
        """The source's columns that it needs for a region-item."""
        return self._expression(region, item).columns if self.is_expression else frozenset([self._for(region, item)])

    def text_columns(self) -> frozenset[str]:
        """The source's columns that its expression takes as text."""
        return self._expression("\0", "\0").texts if self.is_expression else frozenset()

    def wants(self, column: str) -> bool:
        """Whether it needs a column of the source for some region-item."""
        if not self.is_template:
            return column in self.columns()
        marked = self._expression("\0", "\0").columns if self.is_expression else [self._for("\0", "\0")]
        return any(re.fullmatch(re.escape(name).replace("\0", ".+"), column) for name in marked)

    def make(self, table: pd.DataFrame, region: str = "", item: str = "") -> "pd.Series[Any]":
        """The column for rows of one region-item; for all rows where it is no template."""
        return (self._expression(region, item).evaluate(table) if self.is_expression
                else table[self._for(region, item)])

    def _for(self, region: str, item: str) -> str:
        return self.text.replace("{region}", region).replace("{item}", item)

    def _expression(self, region: str, item: str) -> Expression:
        return Expression(self._for(region, item), self.ours)


class ColumnPlan:
    """How the columns of a dataset are made; checked against what a source has before anything is read.

    Raises: SourceError: an expression cannot be read.
    """

    def __init__(self, dataset: Dataset) -> None:
        columns = dataset.columns
        named: dict[str, str | None] = {"date": columns.date, "region": columns.region, "item": columns.item,
                                        "demand": columns.demand}
        if dataset.stock_entry is not None:
            named[dataset.stock_entry] = getattr(columns, dataset.stock_entry)
        named |= {name: columns.drivers.get(name, name) for name in dataset.driver_names}
        if isinstance(dataset.source, FileSource) and dataset.source.layout in ("items", "regions"):
            mark = f"{{{dataset.source.layout.removesuffix('s')}}}"  # as in "{item} sold"
            named["demand"] = "demand" if mark in columns.demand else columns.demand
        self._dataset = dataset
        self.counted = CountedRows(dataset.rules.only_rows)
        """Which of the source's rows are demand."""
        self._renamed: dict[str, dict[str, str]] = {}
        self.long_names: dict[str, str] = {}
        """Short name -> the name that it stands for, of all regions and items that were met."""
        written = columns.expressions
        self._recipes = {ours: Recipe(ours, written.get(ours, one_form(text or "")), ours in written)
                         for ours, text in named.items() if text is not None or ours in written}
        for ours in ("date", "region", "item", "demand", dataset.stock_entry):
            if ours in self._recipes and self._recipes[ours].is_template:
                raise SourceError(f"columns.{ours} = {self._recipes[ours].text!r} may not hold {{region}} or {{item}}; "
                                  "only drivers may, and demand with source.layout = 'items' or 'regions'.")

    def key_columns(self) -> frozenset[str]:
        """The source's columns that region, item, date and demand are made of, and those that say which rows count."""
        return self.counted.columns.union(*(
            self._recipes[ours].columns() for ours in ("date", "region", "item", "demand") if ours in self._recipes))

    def demand_columns(self) -> frozenset[str]:
        """The source's columns that demand is made of."""
        return self._recipes["demand"].columns()

    def period_columns(self) -> frozenset[str]:
        """The source's columns that date and demand are made of, which a wide table has not."""
        return frozenset().union(*(self._recipes[ours].columns() for ours in ("date", "demand")))

    def text_columns(self) -> frozenset[str]:
        """The source's columns that are no numbers even where they look so: dates, categories, and what says which rows
        count, unless numbers are made of it too."""
        categories = [driver.name for driver in self._dataset.drivers if driver.kind != "number" or driver.read_as]
        texts = frozenset(name for ours in ("date", *categories) if (name := self.plain(ours)))
        return texts | (self.counted.columns - frozenset().union(*(
            recipe.columns("\0", "\0") for ours, recipe in self._recipes.items()
            if ours not in ("region", "item", "date", *categories))))

    def name_columns(self) -> frozenset[str]:
        """The source's columns that are kept as text: those of names, also within expressions, and those that
        expressions take as text unless they, or a column of numbers, need the numbers too."""
        names = [name for ours in ("region", "item") if ours in self._recipes
                 for name in self._recipes[ours].columns()]
        texts = frozenset().union(*(recipe.text_columns() for recipe in self._recipes.values()))
        numbers = frozenset().union(*(recipe.columns() - recipe.text_columns() for ours, recipe in self._recipes.items()
                                      if ours not in ("region", "item", "date") and not recipe.is_template))
        return frozenset(names) | (texts - numbers)

    def date_columns(self) -> frozenset[str]:
        """The source's columns that the date is made of."""
        return self._recipes["date"].columns()

    def plain_columns(self) -> frozenset[str]:
        """The source's columns that one of ours is, and that no expression takes."""
        taken = frozenset().union(*(recipe.columns("\0", "\0") for recipe in self._recipes.values()
                                    if recipe.is_expression))
        return frozenset(recipe.text for recipe in self._recipes.values() if not recipe.is_expression) - taken

    def plain(self, ours: str) -> str | None:
        """The source's column that one of ours is; None where there is none, or it is an expression."""
        recipe = self._recipes.get(ours)
        return recipe.text if recipe and not recipe.is_expression else None

    def wanted(self, available: Iterable[str]) -> list[str]:
        """Those of the source's columns that are needed."""
        return [name for name in available if name in self.counted.columns or any(
            recipe.wants(name) for recipe in self._recipes.values())]

    def as_spelt(self, names: Sequence[str]) -> list[str]:
        """The names of columns; one that alone differs from a wanted one in capitals only is taken for it."""
        spelt = list(names)
        plain = [recipe.columns() for recipe in self._recipes.values() if not recipe.is_template]
        for of_one in (*plain, self.counted.columns):
            for wanted in of_one - set(names):
                alike = [place for place, name in enumerate(names) if name.casefold() == wanted.casefold()]
                if len(alike) == 1:
                    spelt[alike[0]] = wanted
        return spelt

    def check(self, available: Collection[str], where: str) -> None:
        """Hold the plan against the columns of a source.

        Raises: SourceError: a column is missing; the message names those that are there.
        """
        for recipe in self._recipes.values():
            if recipe.is_template:
                missing = [] if any(recipe.wants(name) for name in available) else [recipe.text]
            else:
                missing = sorted(recipe.columns() - set(available))
            if missing:
                raise SourceError(_missing(missing[0], recipe, available, where, self._dataset))
        if left := sorted(self.counted.columns - set(available)):
            shown = ", ".join(map(repr, list(available)[:_MOST_SHOWN])) + (" …" if len(available) > _MOST_SHOWN else "")
            raise SourceError(f"{where} has no column {left[0]!r} for rules.only_rows; it has {shown or 'none'}. "
                              "Correct the name in the dataset file.")

    def names(self, table: pd.DataFrame, ours: str) -> "pd.Series[Any]":
        """The region or the item of each row, as text without white space around it; empty where there is none."""
        if ours not in self._recipes:
            return pd.Series(pd.Categorical([THE_ONLY_ONE]).take(np.zeros(len(table), dtype=int)), index=table.index)
        return _names(self._recipes[ours].make(table), self._renamed.get(ours, {}), self.long_names)

    def rename(self, ours: str, names: Mapping[str, str]) -> None:
        """Take regions or items of these names for others from now on, or for what they are called where it is not
        given any more."""
        self._renamed[ours] = dict(names)

    def dates(self, table: pd.DataFrame) -> "pd.Series[Any]":
        """The date of each row as the source has it; computed where the source counts periods."""
        dates = self._recipes["date"].make(table)
        start = self._dataset.columns.date_start
        return _counted(dates, start, self._dataset) if start else dates

    def demand(self, table: pd.DataFrame) -> "pd.Series[Any]":
        """Demand as the source has it."""
        return self._recipes["demand"].make(table)

    def canonical(self, table: pd.DataFrame, rows: npt.NDArray[np.int64]) -> pd.DataFrame:
        """The source's rows under our names.

        Args:
            table: at least the wanted columns.
            rows: the source's number of each row.
        """
        table = table.set_axis(pd.RangeIndex(len(table)), axis=0, copy=False)
        regions, items = self.names(table, "region"), self.names(table, "item")
        ours = {"region": regions, "item": items, "row": rows,
                "date": _uniform(self.dates(table)), "demand": _uniform(self.demand(table))}
        if (entry := self._dataset.stock_entry) is not None:
            ours[entry] = _uniform(self._recipes[entry].make(table))
        for name in self._dataset.driver_names:
            ours[name] = _uniform(self._driver(self._recipes[name], table, regions, items),
                                  is_text=self._dataset.driver(name).kind == "category" or bool(
                                      self._dataset.driver(name).read_as))
        return pd.DataFrame(ours)

    def _driver(self, recipe: Recipe, table: pd.DataFrame, regions: "pd.Series[Any]",
                items: "pd.Series[Any]") -> "pd.Series[Any]":
        if not recipe.is_template:
            return recipe.make(table)
        parts = [pd.Series(index=table.index[:0], dtype=float)]
        for names, rows in table.groupby([regions, items], observed=True, sort=False):
            region, item = (self.long_names.get(str(name), str(name)) for name in names)
            if recipe.columns(region, item) <= set(table.columns):
                parts.append(recipe.make(rows, region, item))
        made: pd.Series[Any] = pd.concat([part for part in parts if len(part)] or parts)
        return made.reindex(table.index)


def _missing(name: str, recipe: Recipe, available: Collection[str], where: str, dataset: Dataset) -> str:
    close = get_close_matches(name, list(available), n=1, cutoff=0.6) or [
        column for column in available if column.lower().replace(" ", "_") == name.lower().replace(" ", "_")]
    hint = f" Did you mean {close[0]!r}?" if close else ""
    alone = f" (or {recipe.ours} = \"\" if there is only one)" if recipe.ours in ("region", "item") else ""
    shown = ", ".join(repr(column) for column in list(available)[:_MOST_SHOWN]) + (
        " …" if len(available) > _MOST_SHOWN else "")
    what, cure = dataset.missing(recipe.ours)
    return f"{where} has no column {name!r} for {what}; it has {shown or 'none'}.{hint} {cure} = \"…\"{alone}."


def _names(column: "pd.Series[Any]", renamed: Mapping[str, str], long_names: dict[str, str]) -> "pd.Series[Any]":
    categories = column.astype("category")
    values = list(categories.cat.categories)
    texts = [_one_form(value if isinstance(value, str) else as_text(
        value.date() if isinstance(value, pd.Timestamp) else value, longest=None)) for value in values]
    # a space stood before the quotation marks, or they would be gone
    if texts and all(map(_QUOTED.fullmatch, filter(None, texts))) and any(texts):
        texts = [text[1:-1].strip() for text in texts]
    if texts and all(isinstance(value, str) for value in values) and all(map(WHOLE_AS_FRACTION.fullmatch, texts)):
        texts = [text.split(".")[0] for text in texts]
    short = {text: _known_as(text) for text in texts}
    long_names |= {inside: text for text, inside in short.items() if inside != text}
    texts = [renamed.get(short[text], short[text]) for text in texts]
    distinct, places = np.unique(np.array([*texts, ""], dtype=object), return_inverse=True)
    places = places.astype(np.min_scalar_type(-len(distinct)))  # as short as they are kept
    codes = places[categories.cat.codes.to_numpy()]  # code -1, missing, takes the last: the empty name
    named = pd.Categorical.from_codes(codes, categories=pd.Index(distinct), validate=False)
    return pd.Series(named, index=column.index)


_one_form, _known_as = lru_cache(1 << 16)(in_one_line), lru_cache(1 << 16)(known_as)
"""Of names, which stand in every piece of a source alike."""


def _counted(periods: "pd.Series[Any]", start: str, dataset: Dataset) -> "pd.Series[Any]":
    """The date of each counted period; what is no whole number stays as it is, for the quarantine to show."""
    numbers, _ = read_numbers(periods.map(_with_point) if periods.dtype.kind == "O" else periods)
    usable = np.isfinite(numbers) & (numbers == np.floor(numbers)) & (np.abs(numbers) < 100_000)
    first = np.array([start], dtype="datetime64[D]")
    weekday = int(weekdays(first)[0])
    counted = ordinals(first, dataset.frequency, weekday) + numbers[usable].astype(np.int64)
    dates = np.full(len(periods), np.datetime64("NaT"), dtype="datetime64[s]")
    dates[usable] = period_dates(counted, dataset.frequency, weekday)
    if usable.all():
        return pd.Series(dates, index=periods.index)
    text = periods.astype(object)
    text[usable] = dates[usable].astype("datetime64[D]").astype(str)
    return text


def _with_point(value: Any) -> Any:
    """The value, with a point in a whole number that was written with a comma: 46146,0."""
    return value.strip().replace(",", ".") if isinstance(value, str) and _WHOLE_WITH_COMMA.fullmatch(value) else value


def _uniform(column: "pd.Series[Any]", is_text: bool = False) -> "pd.Series[Any]":
    """The column with values of one type: text for all where types are mixed, so that it can be stored; categories
    where all of them are text and none is missing.

    Args:
        is_text: whether whole numbers are names, which a fraction would round.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        if pd.api.types.infer_dtype(column.cat.categories) == "string" and not column.hasnans:
            return column
        column = column.astype(column.cat.categories.dtype if len(column.cat.categories) else object)
    if column.dtype != object:
        return column
    kind = pd.api.types.infer_dtype(column, skipna=True)
    has_zone = kind == "datetime" and any(getattr(value, "tzinfo", None) for value in column)  # storing would shift it
    if kind in ("string", "date", "datetime", "datetime64", "boolean", "empty") and not has_zone:
        return column
    if kind in ("decimal", "integer", "floating", "mixed-integer-float"):
        if kind == "decimal" and is_text:  # 27.000 would be a number written with a mark
            return column.map(lambda value: f"{value.normalize():f}", na_action="ignore")
        return column.map(as_text, na_action="ignore") if is_text else column.astype(float)
    return column.map(as_text, na_action="ignore")
