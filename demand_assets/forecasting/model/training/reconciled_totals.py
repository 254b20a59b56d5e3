"""Forecasts of totals by the same machinery, and what they say that the sums of region-items lack.

The total of a region's items, or where regions are few of those with the same value of an attribute, is a series of its
own, with drivers in the mean over its members. A pooled model over all such totals forecasts them at each origin of the
backtest and at the end. The mean of that, of the sum of region-items and, where seasons are short, of a plain mean of
the last ones is what is expected of a total: three that err for different reasons, with weights that nobody fitted.
Over the sum it is a factor for each total and lead, drawn to 1 as far as the windows known at that origin do not show
that it helps.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.periods import period_range
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import BESIDE, Hierarchies, Value
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.features.borrowed_from_others import PanelFacts
from demand_assets.forecasting.features.level import LEVEL_WINDOW
from demand_assets.forecasting.features.series_features import SeriesFeatures, series_features
from demand_assets.forecasting.features.total_factors import WHOLE, TotalFactors
from demand_assets.forecasting.model.backtest import origins_before, selection_origins
from demand_assets.forecasting.model.bounded_forecasts import bounded
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.aside import Aside, in_order
from demand_assets.forecasting.model.training.panel import Read
from demand_assets.forecasting.series.gapped import Floats, Ints
from demand_assets.forecasting.series.planned_drivers import future_drivers

Train = Callable[[Sequence[RegionItem], Read, Dataset, int], PooledModel]

LEAST_MEMBERS = 8
"""Region-items of a total, in the mean, below which their sum is not another series than they are."""
LEAST_TOTALS = 4
"""Totals below which there is nothing to pool."""
FURTHEST = (0.5, 2.0)
"""No factor is below or above."""
WORSE = 1.01
"""No factors are used that make the region-items' errors so many times as large, in the mean over windows."""
PLAIN_SEASONS = 4
"""Seasons that the plain mean is over, where so many are within what the level of demand is made of."""
AGREED = 0.95
"""Periods in which members must have the same category for it to be their total's too."""
NO_TOTALS: dict[str, Any] = {}
"""What a card tells where no totals are forecast."""
CHUNK = 50
"""Region-items whose features are made, and of which fits are asked, together."""


@dataclass
class _Sums:
    """One total as its members are added to it."""

    demand: Floats
    """Of all periods known, shape (periods,)."""
    members: int
    values: dict[str, Floats]
    """Number and yes/no driver -> sums over members, weighted; of the past as it came, and of the future known."""
    weights: dict[str, Floats]
    planned: dict[str, Floats]
    """As ``values``, of the future as it is planned; ``planned_weights`` its weights."""
    planned_weights: dict[str, Floats]
    categories: dict[str, npt.NDArray[np.object_]]
    """Category driver -> of the first member that has a value, past and planned future."""
    differing: dict[str, int]
    compared: dict[str, int]


@dataclass(frozen=True)
class Windows:
    """What region-items and totals forecast from each origin, and what came."""

    origins: Ints
    """Places among the periods of the longest series, shape (origins,)."""
    total: npt.NDArray[np.int64]
    """The total that each region-item is part of, shape (region-items,)."""
    units: Floats
    """Region-items' forecasts; shape (origins, region-items, leads); NaN where there is none."""
    actual: Floats
    """Of the same shape; NaN where unknown."""
    totals: Floats
    """What is expected of totals, shape (origins, totals, leads)."""

    def summed(self, values: Floats) -> Floats:
        """Sums over the region-items of each total, where forecast and demand are known or the future is asked for."""
        sums = np.zeros((values.shape[0], self.totals.shape[1], values.shape[2]))
        for origin, of_each in enumerate(values):
            np.add.at(sums[origin], self.total, np.nan_to_num(of_each))
        return sums


def chosen_attribute(attributes: Mapping[RegionItem, Mapping[str, Value]], dataset: Dataset) -> str | None:
    """The attribute of items whose values tell totals of a region apart, where regions alone are too few: the
    widest level first; empty for a region's items together; None where there are no totals worth a forecast."""
    levels = [*dataset.hierarchies.item, *(one.name for one in dataset.attributes)]
    texts = [one.name for one in dataset.attributes if one.of == "item" and one.kind == "text" and not one.marks]
    for name in ["", *dict.fromkeys(level for level in levels if level in texts)]:
        totals = {(one.region, its.get(name) if name else WHOLE) for one, its in attributes.items()
                  if not name or isinstance(its.get(name), str)}
        members = sum(not name or isinstance(its.get(name), str) for its in attributes.values())
        if len(totals) >= LEAST_TOTALS and members >= LEAST_MEMBERS * len(totals) and 2 * members > len(attributes):
            return name
    return None


def with_totals(model: PooledModel, region_items: Sequence[RegionItem], read: Read, dataset: Dataset,
                longest: SeriesFeatures, cores: int, train: Train,
                aside: Aside = map) -> tuple[PooledModel, dict[str, Any]]:
    """The model with factors of totals where they help, and what is told of them.

    There are no factors where a plan leaves out what the past of totals has, as promotions that are ``given``: the
    total would put them in, and a what-if that plans them would have them twice.

    Args:
        model: corrected, not calibrated yet.
        region_items: those that the model learned from.
        longest: the series whose dates are the dataset's.
        train: makes a pooled model of totals.
        aside: how features are made of many region-items.
    """
    by = chosen_attribute({one: read(one).attrs.get(BESIDE, {}) for one in region_items}, dataset)
    if by is None or len(model.fits) < 2 or any(
            driver.future == "given" and driver.kind != "category" for driver in dataset.drivers):
        return model, NO_TOTALS
    last = longest.known - 1
    judged = origins_before(last, dataset)
    origins = np.array([origin for origin in (*selection_origins(int(judged[0]), dataset.horizon), *judged, last)
                        if origin >= 0 and _has_fit(model, longest, int(origin))], dtype=np.int64)
    names, windows, upper = windows_of(model, region_items, read, dataset, longest, by, origins, cores, train,
                                       aside)
    if upper is None:
        return model, NO_TOTALS
    factors, shares = factors_of(windows, dataset.horizon)
    dates = [str(longest.dates[int(origin)].date()) for origin in origins]
    tables: dict[str, dict[str, dict[str, tuple[float, ...]]]] = {}
    for date, share, of_origin in zip(dates, shares, factors, strict=True):
        if share:
            regions = tables.setdefault(date, {})
            for (region, value), of_total in zip(names, of_origin, strict=True):
                regions.setdefault(region, {})[value] = tuple(round(float(one), 4) for one in of_total)
    told = {"by": by or WHOLE, "totals": len(names), "shares": dict(zip(dates, [round(one, 3) for one in shares],
                                                                       strict=True)),
            "wape": upper.card.get("wape")}
    return replace(model, facts=replace(model.facts, totals=TotalFactors(by, tables))), told


def windows_of(model: PooledModel, region_items: Sequence[RegionItem], read: Read, dataset: Dataset,
               longest: SeriesFeatures, by: str, origins: Ints, cores: int,
               train: Train, aside: Aside = map) -> tuple[list[tuple[str, str]], Windows, PooledModel | None]:
    """The totals, as region and value; what they and their region-items forecast from each origin; and their model,
    None where there is too little to make one of."""
    sums, windows = _windows(model, region_items, read, dataset, longest, by, origins, aside)
    if len(sums) < LEAST_TOTALS:
        return list(sums), windows, None
    stored, planned, described = _tables(sums, dataset, longest)
    if any(driver.future == "given" and driver.name not in described.driver_names for driver in dataset.drivers):
        return list(sums), windows, None
    try:
        upper = train(list(stored), stored.__getitem__, described, cores)
    except NotEnoughHistoryError:
        return list(sums), windows, None
    members = [_of_totals(upper, stored, planned, described, longest, origins), windows.summed(windows.units)]
    if PLAIN_SEASONS * dataset.season_length <= LEVEL_WINDOW[dataset.frequency]:
        members.append(_plain(sums, dataset, origins))
    return list(sums), replace(windows, totals=np.mean(members, axis=0)), upper


def factors_of(windows: Windows, horizon: int, is_trusted: bool = False) -> tuple[Floats, list[float]]:
    """The factor of each total and lead at each origin, shape (origins, totals, leads), and the share that was used:
    what windows that had ended by then say.

    Args:
        is_trusted: use all of it, whatever they say.
    """
    known = ~np.isnan(windows.actual) & ~np.isnan(windows.units)
    sums = windows.summed(windows.units)
    logarithms = np.log(np.clip(windows.totals / np.maximum(sums, 1e-9), *FURTHEST))
    logarithms[(sums <= 0) | ~(windows.totals > 0)] = 0.0
    actual = np.where(known, windows.actual, np.nan)
    shares = []
    for origin in windows.origins:
        ended = np.flatnonzero(windows.origins + horizon <= origin)
        gains = np.array([_gain(windows, actual, logarithms, int(place)) for place in ended])
        shares.append(1.0 if is_trusted else _supported(gains))
    return np.exp(logarithms * np.array(shares)[:, None, None]), shares


def _gain(windows: Windows, actual: Floats, logarithms: Floats, place: int) -> tuple[float, float]:
    """How much smaller errors of totals are in a window with the factors, and those of region-items, as logarithms; of
    totals, in the mean over each of them and their sum."""
    use = ~np.isnan(actual[place])
    plain = np.where(use, windows.units[place], 0.0)
    came = np.where(use, actual[place], 0.0)
    corrected = plain * np.exp(logarithms[place])[windows.total]
    totals = np.zeros((2, *logarithms[place].shape))
    for number, units in enumerate((plain, corrected)):
        np.add.at(totals[number], windows.total, units - came)
    of_each = np.sqrt((totals**2).mean(axis=2)).sum(axis=1)
    of_all = np.sqrt((totals.sum(axis=1)**2).mean(axis=1))
    below = np.abs(plain - came).sum(), np.abs(corrected - came).sum()
    told = [float(np.log(max(one[0], 1e-9) / max(one[1], 1e-9))) for one in (of_each, of_all, below)]
    return (told[0] + told[1]) / 2, told[2]


def _supported(gains: Floats) -> float:
    """How much of the factors is used: all, drawn to nothing as far as windows disagree (positive part of James and
    Stein, 1961); 0 where fewer than two windows tell, or totals gain nothing, or region-items lose.

    Args:
        gains: of totals and of region-items, shape (windows, 2).
    """
    if len(gains) < 2:
        return 0.0
    of_totals, below = gains.T
    if of_totals.mean() <= 0 or below.mean() < -np.log(WORSE):
        return 0.0
    return max(0.0, 1 - float(of_totals.var(ddof=1) / len(gains) / of_totals.mean() ** 2))


def _has_fit(model: PooledModel, longest: SeriesFeatures, origin: int) -> bool:
    return bool(model.fits[0].seen <= longest.dates.to_numpy()[origin].astype("datetime64[D]"))


@dataclass(frozen=True)
class _Task:
    """Region-items whose features are to be made together."""

    tables: list[tuple[RegionItem, pd.DataFrame]]
    dataset: Dataset
    facts: PanelFacts
    by: str
    origins: Ints
    last: pd.Timestamp
    """Of the longest series, the last period known."""
    known: int
    """Its periods."""


@dataclass(frozen=True)
class _Member:
    """One region-item that is on sale at the end, as part of its total."""

    total: tuple[str, str]
    series: SeriesFeatures
    stretched: pd.DataFrame
    future: pd.DataFrame
    """As ``_stretched`` gives both."""
    shifted: Ints
    """The origins among its own periods; -1 before it was on sale."""
    rows: list[npt.NDArray[np.float32]]
    """Of each origin."""
    actual: Floats
    """Shape (origins, leads)."""


def _members(task: _Task) -> list[_Member]:
    dataset, horizon, origins = task.dataset, task.dataset.horizon, task.origins
    leads = np.arange(1, horizon + 1)
    found = []
    for one, demand in task.tables:
        value = demand.attrs.get(BESIDE, {}).get(task.by) if task.by else WHOLE
        if not isinstance(value, str):
            continue
        stretched, complete, future = _stretched(demand, dataset)
        series = series_features(stretched, dataset, task.facts, one)
        if series.dates[series.known - 1] != task.last or series.known > task.known:
            continue
        shifted = origins - (task.known - series.known)
        known = np.flatnonzero(~np.isnan(series.demand[: series.known]))
        if not len(known):
            continue
        shifted[shifted < known[0]] = -1
        there, end = shifted >= 0, shifted == series.known - 1
        rows: list[npt.NDArray[np.float32]] = [np.zeros((0, 0), dtype=np.float32)] * len(origins)
        for places, is_end in ((np.flatnonzero(there & ~end), False), (np.flatnonzero(there & end), True)):
            if len(places):  # one question for all: each costs more than some hundred rows do
                seen = series_features(complete, dataset, task.facts, one) if is_end else series.as_planned
                made = seen.rows(np.repeat(shifted[places], horizon), np.tile(leads, len(places)))
                for place, part in zip(places, np.split(made, len(places)), strict=True):
                    rows[place] = part
        ahead = shifted[:, None] + leads
        came = np.where(there[:, None] & (ahead < series.known), series.demand[np.minimum(ahead, series.known - 1)],
                        np.nan)
        found.append(_Member((one.region, value), series.without_caches, stretched, future, shifted, rows, came))
    return found


def _windows(model: PooledModel, region_items: Sequence[RegionItem], read: Read, dataset: Dataset,
             longest: SeriesFeatures, by: str, origins: Ints,
             aside: Aside) -> tuple[dict[tuple[str, str], _Sums], Windows]:
    """Each total, and the forecasts of the region-items that are on sale at the end."""
    horizon, last = dataset.horizon, longest.known - 1
    leads = np.arange(1, horizon + 1)
    selection_end = int(origins[0]) + 1
    fits = [model.fit_before(longest.dates.to_numpy()[int(origin)].astype("datetime64[D]")) for origin in origins]
    sums: dict[tuple[str, str], _Sums] = {}
    of_total: list[int] = []
    units: list[Floats] = []
    actual: list[Floats] = []

    def answers(members: Sequence[_Member]) -> Floats:
        """What each fit says of them."""
        told = np.full((len(origins), len(members), horizon), np.nan)
        for place, fit in enumerate(fits):
            asked = [number for number, member in enumerate(members) if member.shifted[place] >= 0]
            if not asked:
                continue
            ratio = model.ratio(np.concatenate([members[number].rows[place] for number in asked]), fit)
            for number, part in zip(asked, np.split(ratio, len(asked)), strict=True):
                told[place, number] = bounded(part, members[number].series,
                                              np.full(horizon, members[number].shifted[place]), leads)
        return told

    tasks = (_Task([(one, read(one)) for one in region_items[first: first + CHUNK]], dataset, model.facts, by, origins,
                   longest.dates[last], longest.known) for first in range(0, len(region_items), CHUNK))
    for members in in_order(aside, _members, tasks):
        for member in members:
            series, shift = member.series, longest.known - member.series.known
            if member.total not in sums:
                sums[member.total] = _nothing(dataset, longest.known, horizon)
            of_total.append(list(sums).index(member.total))
            _add(sums[member.total], series, member.stretched, member.future, shift, max(selection_end - shift, 1))
            actual.append(member.actual)
        if members:
            units.append(answers(members))
    shape = (len(origins), 0, horizon)
    return sums, Windows(origins, np.array(of_total, dtype=np.int64),
                         np.concatenate(units, axis=1) if units else np.zeros(shape),
                         np.stack(actual, axis=1) if actual else np.zeros(shape),
                         np.zeros((len(origins), len(sums), horizon)))


def _stretched(demand: pd.DataFrame, dataset: Dataset) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Demand with one horizon of future periods, drivers as far as the source has them; the same with drivers as they
    are planned; and the planned ones alone."""
    complete, _ = future_drivers(demand, dataset, dataset.horizon)
    known, names = len(complete) - dataset.horizon, list(dataset.driver_names)
    table = complete.copy()
    for driver in dataset.drivers:
        values = driver.of_kind.unknown(len(complete))
        there = demand[driver.name].to_numpy(dtype=values.dtype)[: len(complete)]
        values[: len(there)] = there
        table[driver.name] = values
    for each in (table, complete):
        each.attrs.update(demand.attrs)
    return table, complete, complete.iloc[known:][["date", *names]]


def _nothing(dataset: Dataset, known: int, horizon: int) -> _Sums:
    numbers = [driver.name for driver in dataset.drivers if driver.kind != "category"]
    texts = [driver.name for driver in dataset.drivers if driver.kind == "category"]

    def zeros(periods: int) -> dict[str, Floats]:
        return {name: np.zeros(periods) for name in numbers}

    return _Sums(np.zeros(known), 0, zeros(known + horizon), zeros(known + horizon), zeros(horizon), zeros(horizon),
                 {name: np.full(known + horizon, None, dtype=object) for name in texts}, dict.fromkeys(texts, 0),
                 dict.fromkeys(texts, 0))


def _add(total: _Sums, series: SeriesFeatures, table: pd.DataFrame, future: pd.DataFrame, shift: int,
         known_first: int) -> None:
    """Take one region-item in: its demand, where it is not known its level; its drivers by its mean demand.

    Args:
        known_first: periods that references may be taken from, so that no window sees what came after it.
    """
    units = series.demand[: series.known]
    first = int(np.flatnonzero(~np.isnan(units))[0])
    total.demand[shift + first:] += np.where(np.isnan(units), series.level[: series.known], units)[first:]
    total.members += 1
    head = units[first: max(known_first, first + 1)]
    weight = max(float(np.nanmean(head)), 1e-6)
    for driver in series.dataset.drivers:
        values = table[driver.name].to_numpy(dtype=driver.of_kind.dtype)
        ahead = future[driver.name].to_numpy(dtype=values.dtype)
        if driver.kind == "category":
            there = total.categories[driver.name]
            mine = np.append(values[: series.known], ahead)
            both = np.array([a is not None and not pd.isna(a) and b is not None and not pd.isna(b)
                             for a, b in zip(there[shift:], mine, strict=True)])
            total.compared[driver.name] += int(both.sum())
            total.differing[driver.name] += int((there[shift:][both] != mine[both]).sum())
            missing = np.array([a is None or bool(pd.isna(a)) for a in there[shift:]])
            there[shift:][missing] = mine[missing]
            continue
        reference = 1.0
        if _is_relative(driver, series):
            told = values[:known_first][~np.isnan(values[:known_first])]
            told = told if len(told) else values[~np.isnan(values)][:1]
            reference = float(np.median(told)) if len(told) else 1.0
        for into, by, mine in ((total.values[driver.name][shift:], total.weights[driver.name][shift:], values),
                               (total.planned[driver.name], total.planned_weights[driver.name], ahead)):
            is_told = ~np.isnan(mine)
            into[is_told] += weight * mine[is_told] / reference
            by[is_told] += weight


def _is_relative(driver: Driver, series: SeriesFeatures) -> bool:
    """Whether members have a number in sizes of their own, as prices, so that its mean is one of ratios."""
    return driver.kind == "number" and driver.future != "given" and driver.name in series.past.borrowed.positive


def _tables(sums: Mapping[tuple[str, str], _Sums], dataset: Dataset,
            longest: SeriesFeatures) -> tuple[dict[RegionItem, pd.DataFrame], dict[RegionItem, pd.DataFrame], Dataset]:
    """Totals as demand: as stored, and of the future as planned; and the dataset that they are."""
    horizon, known = dataset.horizon, longest.known
    dates = period_range(longest.dates[0], known + horizon, dataset.frequency)
    with np.errstate(invalid="ignore"):
        numbers = {key: {name: (total.values[name] / total.weights[name],
                                total.planned[name] / total.planned_weights[name]) for name in total.values}
                   for key, total in sums.items()}
    drivers = []
    for driver in dataset.drivers:
        if driver.kind == "category":
            compared = sum(total.compared[driver.name] for total in sums.values())
            if sum(total.differing[driver.name] for total in sums.values()) <= (1 - AGREED) * compared:
                drivers.append(driver)
            continue
        told = np.concatenate([np.concatenate(each[driver.name]) for each in numbers.values()])
        is_switch = driver.kind == "yes_no" and np.isin(told[~np.isnan(told)], (0.0, 1.0)).all()
        drivers.append(driver if is_switch or driver.kind == "number" else driver.model_copy(update={
            "kind": "number", "default": None if driver.default is None else float(driver.default)}))
    described = dataset.model_copy(update={
        "drivers": tuple(drivers), "attributes": (), "hierarchies": Hierarchies(),
        "training": dataset.training.model_copy(update={"scale": "mix", "drivers": "boosted", "own_share": 0.0})})
    stored, planned = {}, {}
    for key, total in sums.items():
        columns: dict[str, Any] = {"date": dates, "demand": np.append(total.demand, np.full(horizon, np.nan))}
        ahead: dict[str, Any] = {"date": dates[known:]}
        for driver in drivers:
            if driver.kind == "category":
                columns[driver.name] = total.categories[driver.name]
                ahead[driver.name] = total.categories[driver.name][known:]
                if driver.future not in ("known", "calendar"):
                    columns[driver.name] = np.append(columns[driver.name][:known], np.full(horizon, None))
            else:
                columns[driver.name], ahead[driver.name] = numbers[key][driver.name]
        one = RegionItem(*key)
        stored[one], planned[one] = pd.DataFrame(columns), pd.DataFrame(ahead)
    return stored, planned, described


def _plain(sums: Mapping[tuple[str, str], _Sums], dataset: Dataset, origins: Ints) -> Floats:
    """The mean of the last seasons of each total at each origin, shape (origins, totals, leads)."""
    season, leads = dataset.season_length, np.arange(1, dataset.horizon + 1)
    nearest = origins[:, None] + leads - season * -(-leads // season)
    return np.stack([np.mean([total.demand[np.maximum(nearest - season * back, 0)] for back in range(PLAIN_SEASONS)],
                             axis=0) for total in sums.values()], axis=1)


def _of_totals(upper: PooledModel, stored: Mapping[RegionItem, pd.DataFrame],
               planned: Mapping[RegionItem, pd.DataFrame], described: Dataset, longest: SeriesFeatures,
               origins: Ints) -> Floats:
    """Totals' own forecasts at each origin, shape (origins, totals, leads); NaN where no fit lies before it."""
    leads = np.arange(1, described.horizon + 1)
    told = np.full((len(origins), len(stored), described.horizon), np.nan)
    for number, (one, table) in enumerate(stored.items()):
        series = upper.series_of(table, described, one)
        for place, origin in enumerate(origins):
            try:
                fit = upper.fit_before(longest.dates.to_numpy()[int(origin)].astype("datetime64[D]"))
            except NotEnoughHistoryError:
                continue
            is_end = int(origin) == longest.known - 1
            seen = series.with_future(planned[one]) if is_end else series.as_planned
            told[place, number] = upper.forecast(seen, np.full(len(leads), origin), leads, fit)
    return told
