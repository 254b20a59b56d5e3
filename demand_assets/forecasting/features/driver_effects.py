"""What each driver multiplies demand by: one log-linear effect for each item, drawn towards the mean of all items.

A tree is flat beyond what it has seen and splits one effect over many features; a price ten percent lower is a question
about a slope. So slopes are fitted first, with everything else that moves demand beside them, and taken out of demand
before features are made; boosters learn what is left, and the effect at the target is put back. Where that forecasts
clearly worse than boosters that see the drivers themselves, or most demand is erratic, those are used instead, or the
mean of both (``Recipe.drivers``). A number without a declared direction, such as a temperature, is not taken out: what
it seems to do is mostly the season's, and boosters see it. But a what-if changes it and not the season, so that there
it moves the plan's forecast by its slope, where that is known well enough (``Slopes.moves``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.features.inputs import SeriesInputs
from demand_assets.forecasting.series.gapped import Floats, Ints

Effects = dict[str, float]
"""Driver -> the logarithm of what one unit of it multiplies demand by; the elasticity where it is compared by ratio."""
SEGMENTS_PER_YEAR = 2
"""Each region-item has a level of its own in each, so that growth and breaks are not put down to drivers."""
HARMONICS = 2
SERIES_OF_ITEM = 60
"""Regions of an item that its effects are fitted on: all, or evenly chosen ones."""
STEPS = 15
RIDGE = 1e-3
"""Keeps what a history does not tell at zero; its standard error is then large."""
FEWEST = 20
"""Known periods of a region-item below which nothing is learned from it."""
CERTAIN = 2.0
"""Standard errors that the slope of an undeclared number must be from zero."""
FARTHEST = 6.0
"""Logarithms that an expected demand may lie from its segment's mean."""


def has_effect(driver: Driver) -> bool:
    """Whether a row of features has a place for the driver's effect, which is none where it has no slope."""
    return driver.kind != "category"


def has_slope(driver: Driver) -> bool:
    """Whether the driver has a log-linear effect; categories, and numbers that are not declared to raise or to lower
    demand, are left to the boosters. Of an undeclared yes/no driver it is no slope, but what a "yes" multiplies by."""
    return driver.kind == "yes_no" or (driver.kind == "number" and driver.effect != "none")


def scaled(values: Floats, is_ratio: bool, has_zeros: bool = False) -> Floats:
    """A driver's values as its effect multiplies them: the logarithm of what is compared by ratio.

    Args:
        has_zeros: values of 0 or less are unknown, NaN; else the smallest there are.
    """
    if is_ratio and has_zeros:
        values = np.where(values > 0, values, np.nan)
    return np.log(np.maximum(values, 1e-9)) if is_ratio else values


def logarithms(drivers: Mapping[str, Floats], dataset: Dataset, positive: Sequence[str], effects: Effects,
               usual: Effects, with_zeros: Sequence[str] = ()) -> dict[str, Floats]:
    """The logarithm of what each driver multiplies demand by in each period, beside its usual value.

    Args:
        drivers: the values of each, shape (periods,); of those that are left out nothing is told.
        positive: those that are compared by ratio.
        effects: of the item; empty where boosters see the drivers themselves, and all is zero.
        usual: the usual values of the item's number drivers, as their effects multiply them.
        with_zeros: those compared by ratio that may be 0 or less, where they count as usual.
    """
    found = {}
    for driver in dataset.drivers:
        if has_effect(driver) and driver.name in drivers:
            values = scaled(drivers[driver.name], driver.name in positive, driver.name in with_zeros)
            found[driver.name] = np.nan_to_num((values - usual.get(driver.name, 0.0)) * effects.get(driver.name, 0.0))
    return found


def moved_logarithms(drivers: Mapping[str, Floats], planned: Mapping[str, Floats], positive: Sequence[str],
                     moves: Effects) -> dict[str, Floats]:
    """The logarithm of what a what-if multiplies demand by in each period by drivers that have no effect otherwise; 0
    as planned.

    Args:
        drivers: the values of each under the what-if, shape (periods,); of those that are left out nothing is told.
        planned: as planned.
        positive: those that are compared by ratio; of what is 0 or less nothing is told.
        moves: of the item.
    """
    def beside(name: str) -> Floats:
        now, before = (scaled(values[name], name in positive, has_zeros=True) for values in (drivers, planned))
        return now - before

    return {name: np.nan_to_num(slope * beside(name)) for name, slope in moves.items() if name in drivers}


def multiplier(logarithms: Mapping[str, Floats], periods: int) -> Floats:
    """What drivers multiply demand by in each period, beside their usual values; shape (periods,)."""
    return np.exp(sum(logarithms.values(), np.zeros(periods)))


@dataclass(frozen=True)
class Slopes:
    """What is found of a panel: of each driver in the mean over items, and of each item."""

    effects: Effects = field(default_factory=dict)
    """Of the drivers that have a slope (``has_slope``)."""
    item_effects: dict[str, Effects] = field(default_factory=dict)
    moves: Effects = field(default_factory=dict)
    """Of the others that are numbers, where the slope is ``CERTAIN``: what a what-if moves demand by."""
    item_moves: dict[str, Effects] = field(default_factory=dict)


def driver_effects(panel: Mapping[RegionItem, SeriesInputs], dataset: Dataset, positive: Sequence[str],
                   periods_before_end: int) -> Slopes:
    """The mean effects over items, and those of each item.

    Args:
        panel: drivers and demand of each region-item.
        positive: drivers that are compared by ratio.
        periods_before_end: so many periods at the end of each region-item's demand are not looked at.
    Returns: all zero where the drivers never move; never against a declared direction.
    Source: quasi-likelihood of counts with absorbed levels, standard errors clustered by segment (Cameron and Trivedi,
        2013, chapter 9); drawn to the mean as in DerSimonian and Laird (1986).
    """
    drivers = [driver for driver in dataset.drivers if has_effect(driver)]
    by_item: dict[str, list[SeriesInputs]] = {}
    for one, series in panel.items():
        by_item.setdefault(one.item, []).append(series)
    fitted = {}
    for item, members in by_item.items():
        chosen = members[:: -(-len(members) // SERIES_OF_ITEM)]
        observed = [_observed(series, drivers, positive, periods_before_end) for series in chosen]
        used = [one for one in observed if one is not None]
        if used and drivers:
            fitted[item] = _fitted(_Observed.joined(used), len(drivers))
    found = Slopes({}, {item: {} for item in fitted}, {}, {item: {} for item in fitted})
    for place, driver in enumerate(drivers):
        estimates = np.array([effects[place] for effects, _ in fitted.values()])
        errors = np.array([spread[place] for _, spread in fitted.values()])
        drawn = _drawn_together(estimates, errors)
        mean, of_items = (found.effects, found.item_effects) if has_slope(driver) else (found.moves, found.item_moves)
        if has_slope(driver) or abs(drawn.mean) >= CERTAIN * drawn.error_of_mean:
            mean[driver.name] = _declared(drawn.mean, driver)
        for item, effect, error in zip(fitted, drawn.each, drawn.errors, strict=True):
            if has_slope(driver) or abs(effect) >= CERTAIN * error:
                of_items[item][driver.name] = _declared(float(effect), driver)
    return found


@dataclass(frozen=True)
class _Observed:
    """Known periods of region-items: demand in units, drivers and calendar by column, and each period's segment."""

    demand: Floats
    columns: Floats
    segment: Ints
    """Numbers from 0, in order, none left out."""

    @classmethod
    def joined(cls, parts: "Sequence[_Observed]") -> "_Observed":
        first = np.cumsum([0, *(part.segment[-1] + 1 for part in parts[:-1])])
        return cls(np.concatenate([part.demand for part in parts]), np.concatenate([part.columns for part in parts]),
                   np.concatenate([part.segment + start for part, start in zip(parts, first, strict=True)]))


def _observed(series: SeriesInputs, drivers: Sequence[Driver], positive: Sequence[str],
              periods_before_end: int) -> _Observed | None:
    periods = np.flatnonzero(~np.isnan(series.demand[: max(series.known - periods_before_end, 0)]))
    year = series.dataset.year_length
    segment = (series.known - 1 - periods) // (year // SEGMENTS_PER_YEAR)
    segment = segment.max(initial=0) - segment
    sold = np.bincount(segment, series.demand[periods]) if len(periods) else np.zeros(1)
    periods, segment = periods[sold[segment] > 0], segment[sold[segment] > 0]  # an idle segment tells nothing
    if len(periods) < FEWEST:
        return None
    columns = [np.nan_to_num(values - np.nanmean(values)) if not np.isnan(values).all() else np.zeros(len(values))
               for driver in drivers
               for values in [scaled(series.drivers[driver.name][periods], driver.name in positive, has_zeros=True)]]
    angle = 2 * np.pi * series.dates.dayofyear.to_numpy()[periods] / 365.25
    columns += [wave(angle * number) for number in range(1, HARMONICS + 1) for wave in (np.sin, np.cos)]
    if series.dataset.frequency == "D":
        weekday = series.dates.dayofweek.to_numpy()[periods]
        columns += [(weekday == day).astype(np.float64) for day in range(1, 7)]
    return _Observed(series.demand[periods], np.stack(columns, axis=1), np.unique(segment, return_inverse=True)[1])


def _fitted(observed: _Observed, drivers: int) -> tuple[Floats, Floats]:
    """Effects of the first so many columns and their standard errors, by reweighted least squares."""
    demand, segment = observed.demand, observed.segment
    size = observed.columns.std(axis=0)
    size = np.where(size > 0, size, 1.0)
    columns = observed.columns / size
    first, length = np.unique(segment, return_index=True, return_counts=True)[1:]
    middle = np.repeat(np.log(np.add.reduceat(demand, first) / length), length)
    logarithm, excess = middle, 0.0
    for _ in range(STEPS):
        expected = np.exp(logarithm)
        weight = expected / (1 + excess * expected)
        working = logarithm + (demand - expected) / expected
        told = np.column_stack([columns, working])
        means = np.add.reduceat(weight[:, None] * told, first) / np.add.reduceat(weight, first)[:, None]
        told -= np.repeat(means, length, axis=0)
        inner, outer = told[:, :-1], told[:, -1]
        inverse = np.linalg.inv(inner.T @ (inner * weight[:, None]) + RIDGE * np.eye(len(size)))
        effects = inverse @ (inner.T @ (weight * outer))
        logarithm = np.clip(working - outer + inner @ effects, middle - FARTHEST, middle + FARTHEST)
        expected = np.exp(logarithm)
        excess = max(0.0, float(np.mean((demand - expected) ** 2 - expected) / np.mean(expected**2)))
    scores = inner * (weight * (outer - inner @ effects))[:, None]
    sums = np.add.reduceat(scores, first)
    clustered = np.diag(inverse @ (sums.T @ sums) @ inverse)
    errors = np.sqrt(np.maximum(np.diag(inverse), clustered))
    return effects[:drivers] / size[:drivers], errors[:drivers] / size[:drivers]


@dataclass(frozen=True)
class _Drawn:
    """Estimates drawn together, with standard errors."""

    mean: float
    error_of_mean: float
    """Of the mean as an estimate of one that was not looked at: how much they truly differ is part of it."""
    each: Floats
    errors: Floats


def _drawn_together(estimates: Floats, errors: Floats) -> _Drawn:
    """The mean, and each estimate drawn towards it as far as its error is large beside how much they truly differ."""
    if not len(estimates):
        return _Drawn(0.0, np.inf, estimates, errors)
    weight = errors**-2.0
    mean = float((weight * estimates).sum() / weight.sum())
    excess = float((weight * (estimates - mean) ** 2).sum()) - (len(estimates) - 1)
    scale = float(weight.sum() - (weight**2).sum() / weight.sum())
    variety = max(0.0, excess / scale) if scale > 0 else 0.0
    weight = 1 / (errors**2 + variety)
    mean, doubt = float((weight * estimates).sum() / weight.sum()), 1 / weight.sum()
    share = variety / (variety + errors**2)
    return _Drawn(mean, float(np.sqrt(variety + doubt)), share * estimates + (1 - share) * mean,
                  np.sqrt(share * errors**2 + (1 - share) ** 2 * doubt))


def _declared(effect: float, driver: Driver) -> float:
    if driver.effect == "none":
        return round(effect, 6)
    return round(max(effect, 0.0) if driver.effect == "increasing" else min(effect, 0.0), 6)
