"""What the features of one region-item borrow from the others: names' levels, categories, and how drivers compare."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from demand_assets.forecasting.contract.recipes import Drivers
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import AXES, Attribute, Value, as_written, kind_of, meaning
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.driver_effects import (
    Effects,
    Slopes,
    driver_effects,
    has_slope,
    logarithms,
    multiplier,
    scaled,
)
from demand_assets.forecasting.features.inputs import SeriesInputs
from demand_assets.forecasting.features.level import largest_so_far, level_of
from demand_assets.forecasting.features.total_factors import WHOLE, Tables, TotalFactors
from demand_assets.forecasting.series.gapped import Floats

COMMON_CATEGORIES = 8
MOSTLY_POSITIVE = 0.95
"""Share of a number driver's values above zero from which on it is compared by ratio; the others are then unknown."""


@dataclass(frozen=True)
class LatestFacts:
    """What is known at the end of a panel's demand, for what is new after it. No window of the past may see it."""

    item_levels: dict[str, float] = field(default_factory=dict)
    region_levels: dict[str, float] = field(default_factory=dict)
    attribute_levels: dict[str, dict[str, float]] = field(default_factory=dict)
    """All three as those of ``PanelFacts``."""
    usual: dict[str, Effects] = field(default_factory=dict)
    """Item -> the median of each number driver."""
    factor: float = 1.0
    """What forecasts of what is new are multiplied by; 1 in models of before this was so."""


@dataclass(frozen=True)
class PanelFacts:
    """What the features of one region-item borrow from all region-items of the dataset."""

    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The values of each category driver."""
    common: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The most frequent of them: each has a feature of its own, the others share one."""
    positive: tuple[str, ...] = ()
    """Number drivers that are above zero: they are compared by ratio, others by difference."""
    item_levels: dict[str, float] = field(default_factory=dict)
    """Item -> mean over regions of the logarithm of its level."""
    region_levels: dict[str, float] = field(default_factory=dict)
    """Region -> the same over items."""
    effects: Effects = field(default_factory=dict)
    """What drivers do to demand, in the mean over items; empty where boosters see the drivers themselves."""
    item_effects: dict[str, Effects] = field(default_factory=dict)
    """Item -> what they do to its demand."""
    usual: Effects = field(default_factory=dict)
    """The usual value of each number driver as its effect multiplies it, in the median over items."""
    item_usual: dict[str, Effects] = field(default_factory=dict)
    """Item -> its own usual values."""
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The attributes that are features -> the most frequent values of a text, which have a feature each, the others
    sharing one; none of a number or a yes/no."""
    attribute_levels: dict[str, dict[str, float]] = field(default_factory=dict)
    """Text of items -> value -> mean of the levels of its items, as logarithms."""
    attribute_meanings: dict[str, str] = field(default_factory=dict)
    """The attributes that are features -> as ``Attribute.meaning``; none in models of before this was noted."""
    with_zeros: tuple[str, ...] = ()
    """Those of ``positive`` that are 0 or less in some rows, which no ratio is made of; none in models of before this
    was so."""
    moves: Effects = field(default_factory=dict)
    """What a what-if moves demand by for a unit of a number without a declared direction, as ``effects``; boosters see
    it as planned. None where it is not certain, or boosters see all drivers, and in models of before this was so."""
    item_moves: dict[str, Effects] = field(default_factory=dict)
    """Item -> the same."""
    seen: "PanelFacts | None" = None
    """The same for boosters that see the drivers, where forecasts are the mean of both ways; None of one way."""
    totals: TotalFactors = field(default_factory=TotalFactors)
    """What corrects the region-items of a total, by origin and lead."""
    latest: LatestFacts | None = None
    """None in models of before this was noted."""
    has_smoothed: bool = False
    """As ``SeriesFeatures.has_smoothed``; not in models of before this was so."""

    @classmethod
    def without_categories(cls, dataset: Dataset) -> Self:
        """Nothing is borrowed, and all values of a category driver share one column."""
        names = [driver.name for driver in dataset.drivers if driver.kind == "category"]
        return cls(dict.fromkeys(names, ()), dict.fromkeys(names, ()))

    @classmethod
    def of(cls, panel: Mapping[RegionItem, SeriesInputs], dataset: Dataset, periods_before_end: int,
           drivers: Drivers, counts: Mapping[str, Counter[str]]) -> Self:
        """The facts as they were so many periods before the end of each region-item's demand.

        Args:
            panel: demand and drivers of each, as they are ``without_categories``.
            counts: of each category driver, in how many known periods it has each value.
        """
        above = {driver.name: _share_above_zero([series.drivers[driver.name] for series in panel.values()])
                 for driver in dataset.drivers if driver.kind == "number"}
        positive = tuple(name for name, share in above.items() if share >= (
            MOSTLY_POSITIVE if has_slope(dataset.driver(name)) else 1))
        with_zeros = tuple(name for name in positive if above[name] < 1)
        categories = {name: tuple(sorted(counted)) for name, counted in counts.items()}
        common = {name: _most_frequent(counted) for name, counted in counts.items()}
        slopes = driver_effects(panel, dataset, positive, periods_before_end) if drivers != "boosted" else Slopes()
        effects, item_effects = slopes.effects, slopes.item_effects
        usual, item_usual = _usual(panel, effects, positive, periods_before_end)
        levels: dict[int, dict[RegionItem, float]] = {periods_before_end: {}, 0: {}}
        for one, series in panel.items():
            largest = largest_so_far(series.demand)
            if not largest[max(series.known - 1, 0)] > 0:
                continue
            told = logarithms(series.drivers, dataset, positive, item_effects.get(one.item, effects),
                              item_usual.get(one.item, usual), with_zeros)
            level = level_of(series.demand / multiplier(told, len(series.dates)), dataset.frequency)
            for before, found in levels.items():
                period = max(series.known - 1 - before, 0)
                if largest[period] > 0:
                    found[one] = float(np.log(level[period]))
        of_items, of_regions = _means(levels[periods_before_end])
        latest = LatestFacts(*_means(levels[0]), usual=_medians(panel, dataset))
        seen = cls.of(panel, dataset, periods_before_end, "boosted", counts) if drivers == "mean" else None
        return cls(categories, common, positive, of_items, of_regions, effects, item_effects, usual, item_usual,
                   with_zeros=with_zeros, moves=slopes.moves, item_moves=slopes.item_moves, seen=seen,
                   latest=latest)

    @property
    def of_new(self) -> Self:
        """The same with the levels of the end, for region-items of which no demand is known yet."""
        if self.latest is None:
            return self
        return replace(self, item_levels=self.latest.item_levels, region_levels=self.latest.region_levels,
                       attribute_levels=self.latest.attribute_levels, seen=self.seen.of_new if self.seen else None)

    def effects_of(self, region_item: RegionItem) -> Effects:
        """What drivers do to the demand of a region-item."""
        return self.item_effects.get(region_item.item, self.effects)

    def moves_of(self, region_item: RegionItem) -> Effects:
        """What drivers without an effect do to the demand of a region-item in a what-if."""
        return self.item_moves.get(region_item.item, self.moves)

    def usual_of(self, region_item: RegionItem) -> Effects:
        """The usual values of number drivers of a region-item."""
        return self.item_usual.get(region_item.item, self.usual)

    def with_attributes(self, known: Mapping[RegionItem, Mapping[str, Value]], declared: Iterable[Attribute]) -> Self:
        """The same, knowing attributes.

        Args:
            known: the attributes of each region-item of the panel.
            declared: those that the dataset file names; dates are no features.
        """
        attributes: dict[str, tuple[str, ...]] = {}
        levels: dict[str, dict[str, float]] = {}
        latest: dict[str, dict[str, float]] = {}
        meanings: dict[str, str] = {}
        for one in declared:
            values = {getattr(region_item, one.of): its[one.name] for region_item, its in sorted(known.items())
                      if one.name in its and kind_of(its[one.name]) == one.kind}
            if not values or one.kind == "date":
                continue
            meanings[one.name] = one.meaning
            attributes[one.name] = _most_frequent(Counter(map(as_written, values.values()))) if (
                one.kind == "text") else ()
            if one.kind == "text" and one.of == "item":
                written = {owner: as_written(value) for owner, value in values.items()}
                levels[one.name] = _by_value(written, self.item_levels)
                latest[one.name] = _by_value(written, self.latest.item_levels if self.latest else {})
        return replace(self, attributes=attributes, attribute_levels=levels, attribute_meanings=meanings,
                       latest=replace(self.latest, attribute_levels=latest) if self.latest else None,
                       seen=self.seen.with_attributes(known, declared) if self.seen else None)

    def _value_of(self, name: str, known: Mapping[str, Value]) -> Value | None:
        """The value of an attribute as the panel learned it, which may be a former one by now; None where it is not
        known."""
        meanings = self._meanings_of(name)
        for called in (*(f"{name}:{each}" for each in meanings), name):
            if called in known and any(each.endswith(f":{kind_of(known[called])}") for each in meanings):
                return known[called]
        return None

    def _meanings_of(self, name: str) -> list[str]:
        """What an attribute may mean to the panel; one, but for models of before that was noted."""
        if name in self.attribute_meanings:
            return [self.attribute_meanings[name]]
        kinds = ("text",) if self.attributes[name] else ("number", "yes_no")
        return [meaning(axis, kind) for axis in AXES for kind in kinds]

    def other_attributes(self, declared: Iterable[Attribute]) -> list[str]:
        """The attributes that are features and are not declared, or no longer mean the same."""
        now = {one.name: one.meaning for one in declared}
        return [name for name in self.attributes if now.get(name) not in self._meanings_of(name)]

    def unseen_attributes(self, known: Mapping[str, Value]) -> dict[str, str]:
        """The texts that no region-item of the panel had, by attribute, as far as the panel can tell."""
        found = {}
        for name, common in self.attributes.items():
            value, levels = self._value_of(name, known), self.attribute_levels.get(name, {})
            if isinstance(value, str) and value not in common and value not in levels and (
                    levels or len(common) < COMMON_CATEGORIES):
                found[name] = value
        return found

    def attribute_features(self, known: Mapping[str, Value]) -> dict[str, float]:
        """The features of a region-item with these attributes, by name; NaN where one is not known, or is of another
        kind than the panel's."""
        features: dict[str, float] = {}
        for name, common in self.attributes.items():
            value = self._value_of(name, known)
            if not common:
                features[f"attribute:{name}"] = float(value) if isinstance(value, float | bool) else np.nan
                continue
            for each in common:
                features[f"attribute:{name}={each}"] = float(value == each) if isinstance(value, str) else np.nan
            features[f"attribute:{name}=(other)"] = float(value not in common) if isinstance(value, str) else np.nan
        return features

    def _level_of_alike(self, attributes: Mapping[str, Value]) -> float | None:
        """The logarithm of the level of items with these attributes, in the mean over the attributes; None without."""
        alike = [levels[value] for name, levels in self.attribute_levels.items()
                 if isinstance(value := self._value_of(name, attributes), str) and value in levels]
        return float(np.mean(alike)) if alike else None

    def expected_level(self, region_item: RegionItem, attributes: Mapping[str, Value] | None = None) -> float | None:
        """The level to expect of a region-item without demand, in units, from its siblings: the item in other regions,
        or items with the same attributes where it is new everywhere, or its region; None without siblings."""
        alike = self._level_of_alike(attributes or {})
        if region_item.item not in self.item_levels and alike is not None:
            return float(np.exp(alike + self._above_usual(region_item.region)))
        known = [levels[name] for levels, name in ((self.item_levels, region_item.item),
                                                   (self.region_levels, region_item.region)) if name in levels]
        if region_item.item not in self.item_levels:
            return float(np.exp(known[0])) if known else None
        return float(np.exp(self.item_levels[region_item.item] + self._above_usual(region_item.region)))

    def factors_of_total(self, region_item: RegionItem, attributes: Mapping[str, Value]) -> Tables:
        """What corrects a region-item with these attributes, as part of its total; empty where nothing does."""
        if not self.totals.tables:
            return {}
        value = self._value_of(self.totals.by, attributes) if self.totals.by else WHOLE
        return self.totals.of(region_item.region, value) if isinstance(value, str) else {}

    def _above_usual(self, region: str) -> float:
        """How far a region's level is above the mean of all, as a logarithm; 0 of one that is not known."""
        if region not in self.region_levels:
            return 0.0
        return self.region_levels[region] - float(np.mean(list(self.region_levels.values())))

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """What ``dataclasses.asdict`` gave, after JSON."""
        categories, common = ({name: tuple(values) for name, values in fields[which].items()}
                              for which in ("categories", "common"))
        return cls(categories, common, tuple(fields["positive"]), fields["item_levels"], fields["region_levels"],
                   fields["effects"], fields["item_effects"], fields["usual"], fields["item_usual"],
                   {name: tuple(values) for name, values in fields.get("attributes", {}).items()},
                   fields.get("attribute_levels", {}), fields.get("attribute_meanings", {}),
                   tuple(fields.get("with_zeros", ())), fields.get("moves", {}), fields.get("item_moves", {}),
                   cls.from_json(fields["seen"]) if fields.get("seen") else None,
                   TotalFactors.from_json(fields.get("totals", {})),
                   LatestFacts(**fields["latest"]) if fields.get("latest") else None,
                   fields.get("has_smoothed", False))


def _share_above_zero(columns: Sequence[Floats]) -> float:
    """Of the values that are known; 1 where none is."""
    above = sum(int(np.count_nonzero(values > 0)) for values in columns)
    known = sum(int(np.count_nonzero(~np.isnan(values))) for values in columns)
    return above / known if known else 1.0


def _means(levels: Mapping[RegionItem, float]) -> tuple[dict[str, float], dict[str, float]]:
    """The mean of each item over regions, and of each region over items."""
    items: dict[str, list[float]] = {}
    regions: dict[str, list[float]] = {}
    for one, level in levels.items():
        items.setdefault(one.item, []).append(level)
        regions.setdefault(one.region, []).append(level)
    of_items, of_regions = ({name: round(float(np.mean(found)), 6) for name, found in group.items()}
                            for group in (items, regions))
    return of_items, of_regions


def _by_value(values: Mapping[str, str], item_levels: Mapping[str, float]) -> dict[str, float]:
    """The mean level of the items that have each value."""
    found: dict[str, list[float]] = {}
    for owner, value in values.items():
        if owner in item_levels:
            found.setdefault(value, []).append(item_levels[owner])
    return {value: round(float(np.mean(levels)), 6) for value, levels in found.items()}


def _medians(panel: Mapping[RegionItem, SeriesInputs], dataset: Dataset) -> dict[str, Effects]:
    """Item -> the median over its regions of the median of each number driver."""
    found: dict[str, dict[str, list[float]]] = {}
    for one, series in panel.items():
        for driver in dataset.drivers:
            values = series.drivers[driver.name][:series.known] if driver.kind == "number" else np.zeros(0)
            if not np.isnan(values).all():
                found.setdefault(one.item, {}).setdefault(driver.name, []).append(float(np.nanmedian(values)))
    return {item: {name: round(float(np.median(medians)), 6) for name, medians in drivers.items()}
            for item, drivers in found.items()}


def _usual(panel: Mapping[RegionItem, SeriesInputs], effects: Effects, positive: tuple[str, ...],
           periods_before_end: int) -> tuple[Effects, dict[str, Effects]]:
    """The medians of the drivers that have effects, over items and of each item; yes/no drivers are usually “no”."""
    medians: dict[str, dict[str, list[float]]] = {}
    for one, series in panel.items():
        for name in effects:
            values = series.drivers[name][: max(series.known - periods_before_end, 1)]
            values = scaled(values, name in positive, has_zeros=True)
            if series.dataset.driver(name).kind == "number" and not np.isnan(values).all():
                medians.setdefault(one.item, {}).setdefault(name, []).append(float(np.nanmedian(values)))
    of_items = {item: {name: round(float(np.median(found)), 6) for name, found in drivers.items()}
                for item, drivers in medians.items()}
    names = {name for drivers in of_items.values() for name in drivers}
    return {name: round(float(np.median([drivers[name] for drivers in of_items.values() if name in drivers])), 6)
            for name in sorted(names)}, of_items


def _most_frequent(counts: Counter[str]) -> tuple[str, ...]:
    """The values of a category driver that have a feature of their own, in alphabetical order."""
    by_frequency = sorted(counts, key=lambda value: (-counts[value], value))
    return tuple(sorted(by_frequency[:COMMON_CATEGORIES]))
