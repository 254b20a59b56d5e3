"""Models as this process holds them: from the disk cache, never from the registry."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

from demand_assets.forecasting.contract.region_item import RegionItem, pooled_name
from demand_assets.forecasting.model.model_files import Contents, ModelFilesError
from demand_assets.forecasting.model.serving.baseline import BASELINE
from demand_assets.forecasting.model.serving.own_model import Details, ForecastModel, details_of
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.serving.serving_model import ServingModel
from demand_assets.forecasting.registry.version_files import damage_is_told, verified
from webapp.language.translations import gettext as _
from webapp.region_items.own_pooled_or_naive import stand_in
from webapp.tables import PooledRow, RegionItemRow
from webapp.telemetry.counters import counters

Stamp = tuple[int, int] | None

HELD_IN_MEMORY = 2000
POOLED_HELD = 2
"""Versions of the pooled model that stay in memory even while no model held stands on them."""


@dataclass(frozen=True)
class Serving:
    """The model that answers for a region-item now."""

    model: ServingModel
    notice: str = ""
    """Why it is not the version that was announced; empty when it is."""
    damaged: bool = False
    """Whether the files of the region-item's announced version must be fetched again."""
    pooled_damaged: bool = False
    """Whether those of the pooled model's must."""


class ProductionModels:
    """Models by (name, version); the least recently used leave memory first. Safe in threads.

    Each pooled version is in memory once, however many models stand on it.
    """

    def __init__(self, folder: Path, dataset: str) -> None:
        self._folder = folder
        self._dataset = dataset
        self._held: OrderedDict[tuple[str, int], tuple[Stamp, ForecastModel]] = OrderedDict()
        self._pooled: WeakValueDictionary[int, PooledModel] = WeakValueDictionary()
        self._pooled_stamps: dict[int, Stamp] = {}
        self._pooled_used: OrderedDict[int, PooledModel] = OrderedDict()
        self._lock = Lock()

    @property
    def root(self) -> Path:
        """Where the folders of all models are."""
        return self._folder

    def folder(self, region_item: RegionItem, version: int) -> Path:
        """Where that version's files lie."""
        return self._folder / region_item.model_name(self._dataset) / str(version)

    def pooled_folder(self, version: int) -> Path:
        """Where that version of the pooled model lies."""
        return self._folder / pooled_name(self._dataset) / str(version)

    def load(self, region_item: RegionItem, version: int) -> ForecastModel:
        """That version, with the pooled version that it stands on, from memory or disk.

        Raises: ModelFilesError: files of either are missing, damaged or another version's.
        """
        name = (region_item.model_name(self._dataset), version)
        folder = self.folder(region_item, version)
        stamp = _stamp(folder)
        with self._lock:
            held = self._held.get(name)
            if held and stamp in (held[0], None):
                self._held.move_to_end(name)
                if counted := counters():
                    counted.model_lookups.labels("memory").inc()
                return held[1]
        if counted := counters():
            counted.model_lookups.labels("disk").inc()
        contents = verified(folder, *name)
        details = details_of(folder, contents)
        model = own_of(folder, contents, self.load_pooled(details[1]), details)
        with self._lock:
            self._held[name] = stamp, model
            while len(self._held) > HELD_IN_MEMORY:
                self._held.popitem(last=False)
        return model

    def load_pooled(self, version: int) -> PooledModel:
        """That version of the pooled model, from memory or disk; without the fits that only backtests need.

        Raises: ModelFilesError: its files are missing or damaged.
        """
        folder = self.pooled_folder(version)
        stamp = _stamp(folder)
        with self._lock:
            model = self._pooled.get(version)
            if model is None or stamp not in (self._pooled_stamps.get(version), None):
                try:
                    model = read_pooled(folder)
                except ModelFilesError:
                    if model is None:
                        raise
                else:
                    self._pooled[version], self._pooled_stamps[version] = model, stamp
            self._pooled_used[version] = model
            self._pooled_used.move_to_end(version)
            while len(self._pooled_used) > POOLED_HELD:
                self._pooled_used.popitem(last=False)
        return model

    def serving(self, row: RegionItemRow, pooled: PooledRow | None) -> Serving:
        """The announced version; when its files are damaged, the one before; else what serves without one."""
        version = row.production_version
        if version is None:
            return self.without_own(pooled) if stand_in(row, pooled) == "pooled" else Serving(BASELINE)
        try:
            return Serving(self.load(row.region_item, version))
        except ModelFilesError:
            pass
        if row.previous_version:
            try:
                previous = self.load(row.region_item, row.previous_version)
                return Serving(previous, _own_is_damaged(version, model_words(previous)), damaged=True)
            except ModelFilesError:
                pass
        other = self.without_own(pooled)
        return replace(other, notice=_own_is_damaged(version, model_words(other.model)), damaged=True)

    def without_own(self, pooled: PooledRow | None) -> Serving:
        """The announced pooled model; when its files are damaged, the one before; when those are too, the baseline."""
        if pooled is None or pooled.production_version is None:
            return Serving(BASELINE)
        version = pooled.production_version
        try:
            return Serving(self.load_pooled(version))
        except ModelFilesError:
            pass
        if pooled.previous_version:
            try:
                previous = self.load_pooled(pooled.previous_version)
                return Serving(previous, _pooled_is_damaged(version, model_words(previous)), pooled_damaged=True)
            except ModelFilesError:
                pass
        return Serving(BASELINE, _pooled_is_damaged(version, model_words(BASELINE)), pooled_damaged=True)


def _own_is_damaged(version: int, other: str) -> str:
    """Why something else forecasts."""
    return _("v%(version)s is in production, but its files here are damaged and are being fetched again; %(other)s "
             "forecasts until then.", version=version, other=other)


def _pooled_is_damaged(version: int, other: str) -> str:
    return _("v%(version)s of the pooled model is in production, but its files here are damaged and are being fetched "
             "again; %(other)s forecasts until then.", version=version, other=other)


def _stamp(folder: Path) -> Stamp:
    """Changes when other files are put in the folder's place; None when there is none."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def own_of(folder: Path, contents: Contents, pooled: PooledModel, details: Details | None = None) -> ForecastModel:
    """The model of a folder ``name/version`` whose contents were verified.

    Args:
        details: ``details_of`` them, where they were parsed already.

    Raises: ModelFilesError: they hold something unforeseen, or stand on another pooled version.
    """
    name, version = folder.parent.name, int(folder.name)
    with damage_is_told(name, version):
        return ForecastModel.load(folder, pooled, version, contents, details)


def read_pooled(folder: Path) -> PooledModel:
    """The pooled model in a folder ``name/version``, checked to be that version's; without the fits of backtests.

    Raises: ModelFilesError: files are missing, damaged or another version's.
    """
    name, version = folder.parent.name, int(folder.name)
    contents = verified(folder, name, version)
    with damage_is_told(name, version):
        return PooledModel.load(folder, version, latest_only=True, contents=contents)


def model_words(model: ServingModel) -> str:
    """What forecasts, in words."""
    return {"production": f"v{model.version}", "pooled": _("v%(version)s of the pooled model", version=model.version),
            "baseline": _("the seasonal-naive baseline")}[model.served_by]
