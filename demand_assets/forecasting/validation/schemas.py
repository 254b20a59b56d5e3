"""The data dictionary: what each table holds, in what units, and what null means. Strict; each rule has its words."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from demand_assets.forecasting.contract.periods import Frequency, ordinals
from demand_assets.forecasting.contract.quarantine import RULES
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.dataset.drivers import Driver


class Demand(pa.DataFrameModel):
    """Demand of one region-item, a row a period, oldest first, no gaps; ``demand_schema`` adds a dataset's drivers."""

    date: Series[pa.DateTime] = pa.Field(description="the period: the day, the week's day, the first of the month")
    demand: float = pa.Field(ge=0, nullable=True, raise_warning=False,
                             description="units in the period; null where unknown, and in the future")

    @pa.dataframe_check(error="demand must begin with a period whose demand is known, unless nothing was sold yet")
    @classmethod
    def begins_with_known_demand(cls, table: pd.DataFrame) -> "pd.Series[bool]":
        """Leading periods without demand teach nothing; where all is unknown, the first period is the origin."""
        known = table["demand"].notna()
        return _owner(table).duplicated() | known | ~known.groupby(_owner(table)).transform("any")

    class Config:
        """Drivers are declared by the dataset; nothing else may stand beside demand."""

        strict = True
        ordered = True


class DemandFeatures(pa.DataFrameModel):
    """What is known at the end of each period, and of its calendar and drivers; one row a period.

    Beside these stand the recent means (``mean_…``), last values (``last_…``) and driver means (``recent:…``) at the
    period's end, over the level, and the period's own calendar and drivers (``target:…``).
    """

    date: Series[pa.DateTime] = pa.Field(description="the period")
    demand: float = pa.Field(ge=0, nullable=True, description="units in the period; null where unknown")
    level: float = pa.Field(gt=0, description="recent mean demand at the period's end, in units, drawn a little to "
                                              "the long-run mean and never near zero")
    month: float = pa.Field(ge=1, le=12, description="month of the period")
    spread: float = pa.Field(ge=0, description="standard deviation of recent demand over the level")
    share_of_zeros: float = pa.Field(ge=0, le=1, description="share of recent periods without a sale")
    since_last_sale: float = pa.Field(ge=0, description="periods since something was sold")


class Forecast(pa.DataFrameModel):
    """A forecast of one region-item: one row a lead."""

    date: Series[pa.DateTime] = pa.Field(description="the period that is forecast")
    lead: int = pa.Field(ge=1, description="periods after the origin, from 1")
    forecast: float = pa.Field(ge=0, description="expected units in the period")
    lower_80: float = pa.Field(ge=0, description="units that demand exceeds with a probability of 90 %")
    upper_80: float = pa.Field(ge=0, description="units that demand stays below with a probability of 90 %")

    @pa.dataframe_check(error="the forecast must lie inside its 80 % interval")
    @classmethod
    def lies_in_interval(cls, table: pd.DataFrame) -> "pd.Series[bool]":
        """The interval contains the forecast."""
        return (table["lower_80"] <= table["forecast"]) & (table["forecast"] <= table["upper_80"])

    @pa.dataframe_check(error="leads must count 1, 2, 3 …")
    @classmethod
    def counts_leads(cls, table: pd.DataFrame) -> "pd.Series[bool]":
        """A row a lead."""
        return table["lead"] == np.arange(1, len(table) + 1)


class Quarantine(pa.DataFrameModel):
    """Rows and values that the validation refused."""

    row: int = pa.Field(ge=1, description="the source's row number, from 1")
    date: str = pa.Field(description="the date that was read, or the source's own text where none could be read")
    column: str = pa.Field(description="which of our columns the value stood in")
    value: str = pa.Field(description="the value as the source has it")
    rule: str = pa.Field(isin=list(RULES), description="the rule that refused it")
    message: str = pa.Field(str_length={"min_value": 1}, description="what is wrong, what is allowed, what to do")

    class Config:
        """Nothing else."""

        strict = True
        ordered = True


class RawDemand(pa.DataFrameModel):
    """Rows of a source as read, under our names; ``raw_schema`` adds a dataset's drivers."""

    region: Any = pa.Field(nullable=True, description="the region's name")
    item: Any = pa.Field(nullable=True, description="the item's name")
    row: int = pa.Field(description="the source's row number, from 1", coerce=True)
    date: Any = pa.Field(nullable=True, description="the date as the source has it")
    demand: Any = pa.Field(nullable=True, description="demand as the source has it")


PANEL_OWNER = "region_item"
"""The column that tells the region-items of a panel apart while it is held to ``Demand``."""

_EFFECTS = {"increasing": "demand rises with it", "decreasing": "demand falls with it",
            "none": "no direction is assumed"}


def demand_schema(dataset: Dataset, of_panel: bool = False) -> pa.DataFrameSchema:
    """Schema Demand with the dataset's drivers, and the prices and costs that stand in its source's rows.

    Args:
        of_panel: for several region-items at once, one below the other, told apart by a column ``region_item``.
    """
    columns = {driver.name: _driver_column(driver) for driver in _drivers_in(dataset)}
    if dataset.stock_entry is not None:
        columns[AT_LEAST] = pa.Column(float, pa.Check.ge(0), nullable=True, description=(
            "units sold in a period out of stock, whose demand was at least that and is null; null in all others"))
    if of_panel:
        columns[PANEL_OWNER] = pa.Column(int)
    schema = Demand.to_schema().add_columns(columns)
    gaps = pa.Check(lambda table: _has_no_gaps(table, dataset.frequency), name="has_no_gaps",
                    error="dates must be consecutive periods, oldest first")
    schema.checks = [*schema.checks, gaps]
    return schema


def raw_schema(dataset: Dataset) -> pa.DataFrameSchema:
    """Schema RawDemand with the dataset's drivers."""
    columns = {driver.name: pa.Column(nullable=True, description=f"{driver.title} as the source has it")
               for driver in dataset.drivers}
    if dataset.stock_entry is not None:
        columns[dataset.stock_entry] = pa.Column(nullable=True, description="what says whether the item was in stock")
    return RawDemand.to_schema().add_columns(columns)


def has_columns(raw: pd.DataFrame, dataset: Dataset) -> bool:
    """Whether raw rows surely fit ``raw_schema``: all columns are there, and rows have numbers; fast."""
    wanted = {*RawDemand.__annotations__, *dataset.driver_names, *filter(None, [dataset.stock_entry])}
    return wanted <= set(raw.columns) and raw.columns.is_unique and raw["row"].dtype == np.int64


def surely_fits(columns: Mapping[str, npt.NDArray[Any]], bounds: npt.NDArray[np.intp], dataset: Dataset) -> bool:
    """Whether the demand of region-items surely fits ``demand_schema``; fast, and no where only that can tell.

    Args:
        columns: an element a period, those of one region-item after those of another.
        bounds: where those of each begin, and at last the end; none is without periods.
    """
    drivers, has_stock = _drivers_in(dataset), dataset.stock_entry is not None
    if [name for name in columns if name != AT_LEAST] != ["date", "demand", *(driver.name for driver in drivers)] or (
            (AT_LEAST in columns) != has_stock):
        return False
    days, demand = columns["date"], columns["demand"]
    amounts = [demand, columns[AT_LEAST]] if has_stock else [demand]
    if days.dtype != "datetime64[ns]" or np.isnat(days).any() or any(
            values.dtype != np.float64 or (values < 0).any() for values in amounts):
        return False
    step = 7 if dataset.frequency == "W" else 1
    numbers = ordinals(days.astype("datetime64[D]"), "D" if dataset.frequency == "W" else dataset.frequency)
    follows = np.diff(numbers, prepend=0) == step
    follows[bounds[:-1]] = True
    return bool(follows.all() and not np.isnan(demand[bounds[:-1]]).any()) and all(
        _surely_fits_driver(columns[driver.name], driver) for driver in drivers)


def _surely_fits_driver(values: npt.NDArray[Any], driver: Driver) -> bool:
    if values.dtype != driver.of_kind.dtype:
        return False
    if driver.kind == "yes_no":
        return bool((np.isnan(values) | (values == 0.0) | (values == 1.0)).all())
    return driver.kind == "category" or not np.isinf(values).any()


def _drivers_in(dataset: Dataset) -> list[Driver]:
    """The drivers of a table of demand in its order, those of the calendar after prices and costs."""
    own = dataset.driver_names
    sold_for = [driver for driver in dataset.money.as_drivers(dataset.currency) if driver.name not in own]
    made = [driver for driver in dataset.drivers if driver.future == "calendar"]
    return [*(driver for driver in dataset.drivers if driver.future != "calendar"), *sold_for, *made]


def _driver_column(driver: Driver) -> pa.Column:
    words = f"{driver.title}{f' ({driver.unit})' if driver.unit else ''}; {_EFFECTS[driver.effect]}; null where unknown"
    if driver.kind == "category":
        return pa.Column(object, nullable=True, description=words)
    if driver.kind == "number":
        return pa.Column(float, pa.Check(lambda values: ~np.isinf(values), error=f"{driver.name} must be finite"),
                         nullable=True, description=words)
    return pa.Column(float, pa.Check.isin([0.0, 1.0], error=f"{driver.name} must be 1 (yes) or 0 (no)"), nullable=True,
                     description=words)


def _has_no_gaps(table: pd.DataFrame, frequency: Frequency) -> "pd.Series[bool]":
    days = table["date"].to_numpy().astype("datetime64[D]")
    is_weekly = frequency == "W"  # each region-item's on a weekday of its own, so they are seven days apart
    numbers = pd.Series(ordinals(days, "D" if is_weekly else frequency), index=table.index)
    return ~_owner(table).duplicated() | (numbers.diff() == (7 if is_weekly else 1))


def _owner(table: pd.DataFrame) -> "pd.Series[Any]":
    """Which region-item each row belongs to."""
    return table[PANEL_OWNER] if PANEL_OWNER in table.columns else pd.Series(0, index=table.index)
