"""Production models as this process holds them: from the disk cache, never from the registry."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from demand_assets.forecasting.model import ForecastModel, ModelFilesError
from demand_assets.forecasting.region_item import RegionItem
from webapp.tables import RegionItemRow

HELD_IN_MEMORY = 2000


@dataclass(frozen=True)
class Serving:
    """The model that answers for a region-item now."""

    model: ForecastModel | None
    """None: the baseline answers."""
    notice: str = ""
    """Why it is not the version that was announced; empty when it is."""
    damaged: bool = False
    """Whether the announced version's files must be fetched again."""


class ProductionModels:
    """Models by (name, version); the least recently used leave memory first. Safe in threads."""

    def __init__(self, folder: Path, dataset: str) -> None:
        self._folder = folder
        self._dataset = dataset
        self._held: OrderedDict[tuple[str, int], ForecastModel] = OrderedDict()
        self._lock = Lock()

    def folder(self, region_item: RegionItem, version: int) -> Path:
        """Where that version's files lie."""
        return self._folder / region_item.model_name(self._dataset) / str(version)

    def load(self, region_item: RegionItem, version: int) -> ForecastModel:
        """That version, from memory or disk.

        Raises: ModelFilesError: its files are missing or damaged.
        """
        name = (region_item.model_name(self._dataset), version)
        with self._lock:
            if held := self._held.get(name):
                self._held.move_to_end(name)
                return held
        model = ForecastModel.load(self.folder(region_item, version), version)
        with self._lock:
            self._held[name] = model
            while len(self._held) > HELD_IN_MEMORY:
                self._held.popitem(last=False)
        return model

    def serving(self, row: RegionItemRow) -> Serving:
        """The announced version; when its files are damaged, the one before; when those are too, the baseline."""
        version = row.production_version
        if version is None:
            return Serving(None)
        try:
            return Serving(self.load(row.region_item, version))
        except ModelFilesError:
            sorry = f"v{version} is in production, but its files here are damaged and are being fetched again"
        if row.previous_version:
            try:
                previous = self.load(row.region_item, row.previous_version)
                return Serving(previous, f"{sorry}; v{row.previous_version} forecasts until then.", damaged=True)
            except ModelFilesError:
                pass
        return Serving(None, f"{sorry}; the seasonal-naive baseline forecasts until then.", damaged=True)
