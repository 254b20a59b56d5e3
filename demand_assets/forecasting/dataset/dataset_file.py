"""The dataset file: where demand comes from, what its columns mean, and what is known of the future."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from demand_assets.forecasting.contract.periods import Frequency
from demand_assets.forecasting.contract.plugins import GATE_RULES, SOURCES, PluginError, plugin
from demand_assets.forecasting.dataset.attributes import Attribute, Hierarchies, check_declared
from demand_assets.forecasting.dataset.calendar import Calendar
from demand_assets.forecasting.dataset.demand.column_entries import Columns
from demand_assets.forecasting.dataset.demand.source_entries import (
    OUR_SOURCES,
    AttributeTable,
    AttributeTables,
    DemandSource,
    FileSource,
    PluggedSource,
    PredecessorTable,
)
from demand_assets.forecasting.dataset.demand.stock_entries import STOCK_ENTRIES
from demand_assets.forecasting.dataset.demand.validation_thresholds import Rules
from demand_assets.forecasting.dataset.driver_kinds import reading_of
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.dataset.models.challenger_entries import Challengers
from demand_assets.forecasting.dataset.models.gate_margins import Gate
from demand_assets.forecasting.dataset.models.retraining_thresholds import Retraining
from demand_assets.forecasting.dataset.order_up_to import OrderUpTo
from demand_assets.forecasting.dataset.predecessors import Predecessor, faults
from demand_assets.forecasting.dataset.prices_and_costs import COLUMNS, Kind, Money, UnitAmount
from demand_assets.forecasting.dataset.strict_entry import Name, StrictEntry, name_of

SEASON_LENGTHS = {"D": (7, 364), "W": (52,), "M": (12,), "Q": (4,)}
"""Periods in each season, the year's last."""
HORIZONS = {"D": 28, "W": 8, "M": 6, "Q": 4}
UNIT = "units"
"""What demand is counted in where the file does not say it; pages say it in the reader's language."""


class DatasetFileError(ValueError):
    """A dataset file that cannot be used; the message names each wrong entry."""


class Backtesting(StrictEntry):
    """The windows on which models are judged, at the end of the history."""

    windows: int = Field(default=3, ge=1, le=24)
    """Windows of one horizon each; fewer where the history is short."""
    stride: int | None = Field(default=None, ge=1)
    """Periods between their origins; one horizon unless given."""


class Pins(StrictEntry):
    """Training choices that are pinned instead of made by data (see ``contract.recipes.Recipe``)."""

    scale: Literal["log", "tweedie", "mix"] | None = None
    drivers: Literal["log_linear", "boosted", "mean"] | None = None
    year_features: bool | None = None
    rounds: int | None = Field(default=None, ge=1, le=5000)
    depth: int | None = Field(default=None, ge=1, le=12)
    learning_rate: float | None = Field(default=None, gt=0, le=1)
    min_child_weight: float | None = Field(default=None, ge=0)
    subsample: float | None = Field(default=None, gt=0, le=1)
    columns: float | None = Field(default=None, gt=0, le=1)
    regularisation: float | None = Field(default=None, ge=0)
    own_rounds: int | None = Field(default=None, ge=1, le=1000)
    own_share: float | None = Field(default=None, ge=0, le=1)


class Dataset(StrictEntry):
    """One dataset: its source, its columns, its drivers, its calendar."""

    name: Name
    title: str = ""
    unit: str = UNIT
    currency: str = ""
    frequency: Frequency
    season_lengths: tuple[int, ...] = ()
    """Periods in each season; a week and a year of weeks for D, a year for W and M unless given."""
    baseline_season: int | None = Field(default=None, ge=1, le=400)
    """Periods back that the seasonal-naive baseline repeats; the shortest season unless given."""
    horizon: int = Field(default=0, ge=0, le=400)
    source: DemandSource
    columns: Columns = Columns()
    calendar: Calendar = Calendar()
    drivers: tuple[Driver, ...] = ()
    """Those of the file, then those that its calendar makes."""
    attributes: tuple[Attribute, ...] = ()
    attribute_tables: AttributeTables = AttributeTables()
    hierarchies: Hierarchies = Hierarchies()
    predecessors: tuple[Predecessor, ...] = ()
    predecessor_table: PredecessorTable | None = None
    money: Money = Money()
    order_up_to: OrderUpTo = OrderUpTo()
    rules: Rules = Rules()
    gate: Gate = Gate()
    retraining: Retraining = Retraining()
    backtest: Backtesting = Backtesting()
    training: Pins = Pins()
    challengers: Challengers = Challengers()

    @field_validator("title", mode="after")
    @classmethod
    def _titled(cls, title: str, given: ValidationInfo) -> str:
        return title or str(given.data.get("name", "")).replace("_", " ")

    @field_validator("season_lengths", mode="after")
    @classmethod
    def _seasons(cls, seasons: tuple[int, ...], given: ValidationInfo) -> tuple[int, ...]:
        return tuple(sorted(seasons)) or SEASON_LENGTHS.get(given.data.get("frequency", ""), ())

    @field_validator("horizon", mode="after")
    @classmethod
    def _ahead(cls, horizon: int, given: ValidationInfo) -> int:
        return horizon or HORIZONS.get(given.data.get("frequency", ""), 0)

    @field_validator("drivers", mode="after")
    @classmethod
    def _with_calendar(cls, drivers: tuple[Driver, ...], given: ValidationInfo) -> tuple[Driver, ...]:
        if "calendar" not in given.data or "frequency" not in given.data:
            return drivers
        return cast(Calendar, given.data["calendar"]).beside(drivers, given.data["frequency"])

    @model_validator(mode="after")
    def _check(self) -> "Dataset":
        names = [driver.name for driver in self.drivers]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"drivers declared twice: {', '.join(sorted(repeated))}")
        entries = {entry for entry in STOCK_ENTRIES if self._says(entry)}
        if len(entries) > 1:
            raise ValueError("columns.stock and columns.available both say which periods are out of stock; give the "
                             "one that is right more often")
        if taken := entries & set(names):
            raise ValueError(f"columns.{taken.pop()} is the name of a driver too; name the driver otherwise")
        known = {*(driver.name for driver in self.drivers if driver.future != "calendar"), *entries, "date", "region",
                 "item", "demand"}
        if isinstance(self.source, FileSource):
            self.source.check_columns(self.columns, self.frequency)
        if self.rules.only_rows and self.source.kind == "simulated":
            raise ValueError("rules.only_rows is of the columns of a source, and simulated demand has none of them")
        if unknown := (set(self.columns.drivers) | set(self.columns.expressions)) - known:
            raise ValueError(f"[columns] names what is no driver: {', '.join(sorted(unknown))}")
        if self.uploads is not None and (read := [one.name for one in self.drivers if one.read_as]):
            raise ValueError(f"the driver {read[0]} is read by a plug-in, and uploads are read as they come; leave out "
                             "source.uploads, or read_as of the driver")
        if any(not 2 <= season <= 400 for season in self.season_lengths):
            raise ValueError(f"season_lengths are periods between 2 and 400, not {list(self.season_lengths)}")
        check_declared(self.attributes, self.hierarchies, names)
        if wrong := faults([link for one in self.predecessors for link in one.links]):
            raise ValueError("\n  predecessors: ".join(wrong.values()))
        for attribute in self.attributes:
            if attribute.read_from == "table" and self.attribute_tables.of(attribute.of) is None:
                raise ValueError(f"the attribute {attribute.name} is read from a table, and there is no "
                                 f"[attribute_tables.{attribute.of}]")
            if self.table_of(attribute) is None and self.source.kind == "simulated":
                raise ValueError(f"simulated demand has no column for the attribute {attribute.name}; give a table "
                                 f"[attribute_tables.{attribute.of}]")
        for where in self.challengers.where:
            if unknown := set(where.attribute) - {attribute.name for attribute in self.attributes}:
                raise ValueError(f"[[challengers.where]] names what is no attribute: {', '.join(sorted(unknown))}")
        self.money.check(self.drivers, self.attributes, self.source.kind == "simulated")
        self.order_up_to.check(self.attributes)
        return self

    def _says(self, entry: str) -> bool:
        """Whether the columns have that entry, or make it by an expression that is no driver's."""
        return getattr(self.columns, entry) is not None or (
            entry in self.columns.expressions and entry not in self.driver_names)

    @property
    def stock_entry(self) -> str | None:
        """The entry of ``STOCK_ENTRIES`` by which periods out of stock are known; None where nothing tells."""
        return next((entry for entry in STOCK_ENTRIES if self._says(entry)), None)

    def table_of(self, attribute: Attribute) -> AttributeTable | None:
        """The table that holds an attribute; None where it is a column of the source."""
        return None if attribute.read_from == "demand" else self.attribute_tables.of(attribute.of)

    def missing(self, ours: str) -> tuple[str, str]:
        """What a column of ours is called where the source lacks it, and how to name it, up to the equals sign."""
        if ours in self.money.by_row:
            kind = next(kind for kind, name in COLUMNS.items() if name == ours)
            return f"the {kind} of a unit", f"Name the column under [money] in the dataset file, as in: {kind}.column"
        is_own = ours in ("date", "region", "item", "demand") or ours == self.stock_entry
        entry = "columns" if is_own else "columns.drivers"
        return ours, f"Name the column under {entry} in the dataset file, as in: {ours}"

    @property
    def season_length(self) -> int:
        """Periods back that the seasonal-naive baseline repeats."""
        return self.baseline_season or self.season_lengths[0]

    @property
    def year_length(self) -> int:
        """Periods in a year, for comparisons with last year."""
        return SEASON_LENGTHS[self.frequency][-1]

    @property
    def stale_periods(self) -> int:
        """How many periods behind the dataset a region-item may end and still be forecast."""
        return self.rules.stale_periods or max(2 * self.horizon, self.year_length // 4)

    @property
    def price_driver(self) -> str | None:
        """The driver that is the price of one unit: the one named so, else the one in the dataset's currency."""
        numbers = [driver for driver in self.drivers if driver.kind == "number"]
        named = [driver.name for driver in numbers if driver.name == "price"]
        in_currency = [driver.name for driver in numbers if driver.unit and driver.unit == self.currency]
        return next(iter([*named, *in_currency]), None)

    def amount(self, kind: Kind) -> UnitAmount | None:
        """Where the price, or the cost, of one unit stands; None where the dataset has none."""
        given = self.money.of(kind)
        if given is None and kind == "price" and (name := self.price_driver) is not None:
            return UnitAmount(driver=name)
        return given

    @property
    def has_money(self) -> bool:
        """Whether demand can be told in money: there is a price."""
        return self.money.price is not None or self.price_driver is not None

    @property
    def uploads(self) -> Path | None:
        """The folder of what programs upload; None where they may not."""
        return Path(self.source.uploads) if isinstance(self.source, FileSource) and self.source.uploads else None

    def driver(self, name: str) -> Driver:
        """The declared driver of that name.

        Raises: KeyError: it is not declared.
        """
        for driver in self.drivers:
            if driver.name == name:
                return driver
        raise KeyError(f"{name!r} is no declared driver; declared are {', '.join(self.driver_names) or 'none'}")

    @property
    def has_calendar(self) -> bool:
        """Whether its calendar makes drivers."""
        return any(driver.future == "calendar" for driver in self.drivers)

    @property
    def of_source(self) -> "Dataset":
        """The dataset as its source has it: without its calendar and what that makes, and with prices and costs that
        stand in the rows of demand as drivers, which no model sees."""
        by_row = {name: amount for name, amount in self.money.by_row.items() if name not in self.driver_names}
        if not by_row and not self.has_calendar:
            return self
        drivers = tuple(driver for driver in self.drivers if driver.future != "calendar")
        if not by_row:
            return self.model_copy(update={"drivers": drivers, "calendar": Calendar()})
        columns = self.columns.model_copy(update={
            "drivers": {**self.columns.drivers, **{
                name: amount.column for name, amount in by_row.items() if amount.column is not None}},
            "expressions": {**self.columns.expressions, **{
                name: amount.expression for name, amount in by_row.items() if amount.expression is not None}}})
        return self.model_copy(update={"drivers": (*drivers, *self.money.as_drivers(self.currency)),
                                       "columns": columns, "calendar": Calendar()})

    @property
    def driver_names(self) -> tuple[str, ...]:
        """The names of the drivers in the order of the file."""
        return tuple(driver.name for driver in self.drivers)


def load_dataset(path: str | Path, horizon: int | None = None) -> Dataset:
    """The dataset that a TOML file describes; relative file paths are taken from the file's folder.

    Args:
        path: the dataset file.
        horizon: periods; overrides the file's.
    Raises: DatasetFileError: the file is missing, is no TOML, or an entry is wrong.
    """
    path = Path(path)
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetFileError(f"dataset file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DatasetFileError(f"dataset file {path} is no valid TOML: {error}") from error
    entries.setdefault("name", name_of(path.stem))
    if horizon:
        entries["horizon"] = horizon
    _take_paths_from(path.parent, entries)
    try:
        dataset = Dataset.model_validate(entries)
    except ValidationError as error:
        lines = [f"  {'.'.join(str(part) for part in problem['loc']) or 'file'}: {problem['msg']}"
                 for problem in error.errors()]
        raise DatasetFileError("\n".join([f"dataset file {path} is wrong:", *lines])) from error
    if problems := [f"  {where}: {problem}" for where, problem in plugin_problems(dataset)]:
        raise DatasetFileError("\n".join([f"dataset file {path} is wrong:", *problems]))
    return dataset


def plugin_problems(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Each entry that names a plug-in which is not there or refuses what it is told, and why.

    Asked where a dataset file is read, not where a dataset is known: models forecast without the plug-ins.
    """
    used: list[tuple[str, str, str, dict[str, Any], tuple[str, ...]]] = []
    if isinstance(dataset.source, PluggedSource):
        used.append(("source", SOURCES, dataset.source.kind, dataset.source.entries, OUR_SOURCES))
    used += [(f"gate.rules.{place}", GATE_RULES, one.rule, one.entries, ())
             for place, one in enumerate(dataset.gate.rules)]
    for where, group, name, entries, ours in used:
        try:
            plugin(group, name, ours).made_of(entries)
        except PluginError as error:
            yield where, str(error)
    for driver in dataset.drivers:
        if driver.read_as:
            try:
                reading_of(driver.read_as, driver.kind)
            except PluginError as error:
                yield f"drivers.{driver.name}", str(error)


def _take_paths_from(folder: Path, entries: Mapping[str, Any]) -> None:
    """Take the relative paths of a dataset file from its folder, in place: of the source and of every table beside it.

    Args:
        entries: as TOML has them, not checked yet.
    """
    tables, calendar = entries.get("attribute_tables"), entries.get("calendar")
    events = calendar.get("events") if isinstance(calendar, dict) else None
    listed = events if isinstance(events, list) else []
    _take_path(folder, entries.get("source"), "path", "uploads")
    for table in (*(tables.values() if isinstance(tables, dict) else ()), entries.get("predecessor_table"), *listed):
        _take_path(folder, table.get("source") if isinstance(table, dict) else None, "path")
    for table in listed:
        _take_path(folder, table, "path")


def _take_path(folder: Path, table: object, *names: str) -> None:
    """Take these entries of something that is read from files from the folder, in place."""
    if isinstance(table, dict) and isinstance(table.get("path"), str):
        for name in names:
            if isinstance(path := table.get(name), str) and not (
                    "://" in path or path.startswith("${") or Path(path).is_absolute()):
                table[name] = str((folder / path).resolve())
