"""What-if: drivers changed from the plan, and what can honestly be said of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.driver_kinds import Action
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.series.gapped import Ints


class ScenarioError(ValueError):
    """A scenario that the dataset cannot answer; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class Change:
    """One driver changed on the periods from ``first`` to ``last``, both included."""

    driver: str
    action: Action
    value: float | bool | str
    """Percent to add to it (-10 for ten percent less), the value to set, or the amount to add."""
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Planned:
    """Values of one driver, set on single periods; those outside the horizon change nothing."""

    driver: str
    values: tuple[tuple[date, float | bool | str], ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Changes to the plan, applied in order; then single values, which stand whatever was changed before."""

    changes: tuple[Change, ...] = ()
    planned: tuple[Planned, ...] = ()


PLAN = Scenario()
"""The drivers as they stand."""


Columns = Mapping[str, npt.NDArray[Any]]
"""Columns of a table by name."""


def apply(scenario: Scenario, future: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """``apply_to_columns`` of a table."""
    changed = apply_to_columns(scenario, {str(name): future[name].to_numpy() for name in future.columns}, dataset)
    return pd.DataFrame(changed, index=future.index)


def apply_to_columns(scenario: Scenario, future: Columns, dataset: Dataset) -> dict[str, npt.NDArray[Any]]:
    """The future drivers under the scenario; columns that it does not change are the same arrays.

    Args:
        future: date and drivers, one value for each period of the horizon.
        dataset: declares the drivers.
    Raises: ScenarioError: an undeclared driver, an action its kind does not allow, a value that is no number, a price
        that is not above 0, or dates that touch no period of the horizon.
    """
    dates = future["date"].astype("datetime64[D]")
    changed = dict(future)
    for change in scenario.changes:
        driver = _declared(change.driver, change.action, dataset)
        days = _touched(change, dates)
        if driver.kind == "category":
            changed[driver.name] = np.where(days, str(change.value), changed[driver.name])
            continue
        value, values = _number(change.value, change.action, driver), changed[driver.name].astype(np.float64)
        new = {"percent": values * (1 + value / 100), "set": np.full(len(values), value),
               "add": values + value}[change.action]
        changed[driver.name] = np.where(days, new, values)
    places = {day: place for place, day in enumerate(dates.tolist())}
    for planned in scenario.planned:
        driver = _declared(planned.driver, "set", dataset)
        is_category = driver.kind == "category"
        values = changed[driver.name].astype(object if is_category else np.float64)
        for at, given in planned.values:
            if at in places:
                values[places[at]] = str(given) if is_category else _number(given, "set", driver)
        changed[driver.name] = values
    _check_price(future, changed, dataset.price_driver)
    return changed


def declared_direction(plan: pd.DataFrame | Columns, changed: pd.DataFrame | Columns, dataset: Dataset) -> Ints:
    """Where demand is declared to go in each period: +1 up, -1 down, 0 where nothing is declared or drivers disagree.

    Args:
        plan: columns date and drivers, as planned.
        changed: the same under a scenario.
    """
    directions = []
    for driver in dataset.drivers:
        if driver.kind == "category":
            if plan[driver.name] is changed[driver.name]:
                continue
            moved = np.asarray(plan[driver.name]).astype(str) != np.asarray(changed[driver.name]).astype(str)
            directions.append(np.where(moved, np.nan, 0.0))
            continue
        before = np.asarray(plan[driver.name], dtype=float)
        if plan[driver.name] is changed[driver.name] and not np.isnan(before).any():
            continue
        difference = np.asarray(changed[driver.name], dtype=float) - before
        sign = {"increasing": 1.0, "decreasing": -1.0, "none": np.nan}[driver.effect]
        directions.append(np.where(difference == 0, 0.0, np.sign(difference) * sign))
    if not directions:
        return np.zeros(len(plan["date"]), dtype=np.int64)
    if len(directions) == 1:
        return np.nan_to_num(directions[0]).astype(np.int64)
    pushed = np.stack(directions)
    agree = ~np.isnan(pushed).any(axis=0) & ~((pushed > 0).any(axis=0) & (pushed < 0).any(axis=0))
    return np.where(agree, np.sign(np.nansum(pushed, axis=0)), 0).astype(np.int64)


def unseen_values(future: pd.DataFrame | Columns, ranges: Mapping[str, tuple[float, float]],
                  categories: Mapping[str, tuple[str, ...]], dataset: Dataset) -> dict[str, str]:
    """A sentence for each driver whose values lie outside what the model saw in training -> the same in short, which is
    alike for models that saw other values.

    Args:
        future: columns date and drivers.
        ranges: smallest and largest value of each number driver in training.
        categories: the values of each category driver in training.
    """
    told = {}
    for driver in dataset.drivers:
        if driver.kind == "number" and driver.name in ranges:
            values = np.asarray(future[driver.name])
            low, high = ranges[driver.name]
            slack = 1e-9 * max(1.0, abs(low), abs(high))
            below, above = values < low - slack, values > high + slack
            outside = int((below | above).sum())
            if outside:
                where = " and ".join(word for word, there in (("below", below), ("above", above)) if there.any())
                told[f"{driver.title} is outside what the model has seen ({low:g} to {high:g}) in "
                     f"{outside} of {len(values)} periods: no sales history at such values; treat the "
                     "forecast with caution."
                     ] = f"{driver.title} {where} anything seen"
        if driver.kind == "category" and driver.name in categories:
            new = sorted(set(pd.Series(future[driver.name]).dropna().astype(str)) - set(categories[driver.name]))
            if new:
                told[f"{driver.title} has values that the model has never seen: {', '.join(new)}."
                     ] = f"{driver.title} with values never seen"
    return told


def _declared(name: str, action: Action, dataset: Dataset) -> Driver:
    if name not in dataset.driver_names:
        allowed = ", ".join(dataset.driver_names) or "none"
        raise ScenarioError(f"{name!r} is no driver of {dataset.title}; its drivers are: {allowed}")
    driver = dataset.driver(name)
    if action not in driver.of_kind.actions:
        raise ScenarioError(f"{driver.title} cannot be changed by {action!r}; allowed: "
                            f"{', '.join(driver.of_kind.actions)}")
    return driver


def _touched(change: Change, dates: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
    if change.first > change.last:
        raise ScenarioError(f"the change of {change.driver} ends on {change.last} before it begins on {change.first}")
    days = (dates >= np.datetime64(change.first)) & (dates <= np.datetime64(change.last))
    if not days.any():
        raise ScenarioError(f"the change of {change.driver} from {change.first} to {change.last} touches no period of "
                            f"the forecast, which runs from {dates[0]} to {dates[-1]}")
    return np.asarray(days)


def _check_price(future: Columns, changed: Columns, price: str | None) -> None:
    """No model has seen a price of 0 or less, and what it would say of one is beyond all measure."""
    if price is None or changed[price] is future[price]:
        return
    prices = changed[price].astype(np.float64)
    wrong = np.flatnonzero((prices <= 0) & (prices != future[price].astype(np.float64)))
    if len(wrong):
        day = future["date"][wrong[0]].astype("datetime64[D]")
        raise ScenarioError(f"{price} would be {prices[wrong[0]]:g} on {day}; a price is above 0")


def _number(given: float | bool | str, action: Action, driver: Driver) -> float:
    try:
        value = float(given)
    except (TypeError, ValueError):
        raise ScenarioError(f"{driver.title} needs a number, not {given!r}") from None
    if not np.isfinite(value):
        raise ScenarioError(f"{driver.title} needs a finite number, not {given!r}")
    if driver.kind == "yes_no" and value not in (0.0, 1.0):
        raise ScenarioError(f"{driver.title} is yes (1) or no (0), not {given!r}")
    if action == "percent" and value < -100:
        raise ScenarioError(f"{driver.title} cannot fall by more than 100 percent, asked was {value:g}")
    return value
