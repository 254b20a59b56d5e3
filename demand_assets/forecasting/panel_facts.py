"""What the features of one region-item borrow from the others: names' levels, categories, and how drivers compare."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from demand_assets.forecasting.dataset import Dataset
from demand_assets.forecasting.region_item import RegionItem

if TYPE_CHECKING:
    from demand_assets.forecasting.features import SeriesFeatures

COMMON_CATEGORIES = 8


@dataclass(frozen=True)
class PanelFacts:
    """What the features of one region-item borrow from all region-items of the dataset."""

    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The values of each category driver."""
    common: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The most frequent of them: each has a feature of its own, the others share one."""
    positive: tuple[str, ...] = ()
    """Number drivers that are always above zero: they are compared by ratio, others by difference."""
    item_levels: dict[str, float] = field(default_factory=dict)
    """Item -> mean over regions of the logarithm of its level."""
    region_levels: dict[str, float] = field(default_factory=dict)
    """Region -> the same over items."""

    @classmethod
    def of(cls, panel: "Mapping[RegionItem, SeriesFeatures]", dataset: Dataset, periods_before_end: int) -> Self:
        """The facts as they were so many periods before the end of each region-item's demand."""
        positive = tuple(driver.name for driver in dataset.drivers if driver.kind == "number" and all(
            np.nanmin(series.drivers[driver.name], initial=np.inf) > 0 for series in panel.values()))
        categories = {driver.name: tuple(sorted({value for series in panel.values()
                                                 for value in series.categories[driver.name]}))
                      for driver in dataset.drivers if driver.kind == "category"}
        common = {name: _most_frequent(name, values, panel.values()) for name, values in categories.items()}
        items: dict[str, list[float]] = {}
        regions: dict[str, list[float]] = {}
        for one, series in panel.items():
            period = max(series.known - 1 - periods_before_end, 0)
            if series.largest[period] > 0:
                level = float(np.log(series.level[period]))
                items.setdefault(one.item, []).append(level)
                regions.setdefault(one.region, []).append(level)
        return cls(categories, common, positive, *({name: round(float(np.mean(levels)), 6) for name, levels in group.items()}
                                           for group in (items, regions)))

    def expected_level(self, region_item: RegionItem) -> float | None:
        """The level to expect of a region-item without demand, in units, from its siblings; None without siblings."""
        known = [levels[name] for levels, name in ((self.item_levels, region_item.item),
                                                   (self.region_levels, region_item.region)) if name in levels]
        if region_item.item not in self.item_levels:
            return float(np.exp(known[0])) if known else None
        region = self.region_levels.get(region_item.region)
        usual = float(np.mean(list(self.region_levels.values())))
        return float(np.exp(self.item_levels[region_item.item] + (region - usual if region is not None else 0.0)))

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """What ``dataclasses.asdict`` gave, after JSON."""
        categories, common = ({name: tuple(values) for name, values in fields[which].items()}
                              for which in ("categories", "common"))
        return cls(categories, common, tuple(fields["positive"]), fields["item_levels"], fields["region_levels"])


def _most_frequent(driver: str, values: tuple[str, ...], panel: "Iterable[SeriesFeatures]") -> tuple[str, ...]:
    """The values of a category driver that have a feature of their own, in alphabetical order."""
    if len(values) <= COMMON_CATEGORIES:
        return values
    counts = dict.fromkeys(values, 0.0)
    for series in panel:
        for value in series.common[driver]:
            counts[value] += series.drivers[f"{driver}={value}"][: series.known].sum()
    return tuple(sorted(sorted(values, key=lambda value: (-counts[value], value))[:COMMON_CATEGORIES]))
