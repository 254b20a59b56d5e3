"""Versions of models as files on disk: fetched from the registry, whole, and forgotten when nothing needs them."""

import logging
import shutil
from collections.abc import Set
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.model.serving.own_model import ForecastModel, details_of, pooled_version, stands_on
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.registry.version_files import VersionFiles, check, seal_old, verified
from webapp.serving.production_models import ProductionModels, own_of, read_pooled

log = logging.getLogger(__name__)

Stamp = tuple[tuple[str, int, int], ...]


class FetchesFiles(Protocol):
    """What is asked of the model registry here."""

    def fetch(self, name: str, version: int, folder: Path, told: VersionFiles | None = None) -> Path:
        """Copy a version's files, checked, to ``folder/name/version``; the version is asked where they are, unless it
        told."""


class ModelFiles:
    """The cache on disk, as the one process that writes it sees it."""

    def __init__(self, registry: FetchesFiles, models: ProductionModels) -> None:
        self._registry = registry
        self._models = models
        self._pooled: dict[int, tuple[Stamp, PooledModel]] = {}
        self._stands_on: dict[Path, int] = {}

    def whole(self, region_item: RegionItem, version: int, told: VersionFiles | None = None,
              anew: bool = False) -> ForecastModel:
        """That version, with its files and those of the pooled version that it stands on on disk.

        A copy that is damaged or another version's is fetched again, and stays until that worked.
        Args:
            told: what the version itself tells of its files; it is asked when they must be fetched, unless given.
            anew: fetch them whatever is there.
        Raises: ModelFilesError: the registry's files are damaged or another version's. NotRegisteredError: the registry
            has no such version. RegistryDownError: files must be fetched and the registry does not answer.
        """
        folder = self._models.folder(region_item, version)
        if anew:
            self._fetch_again(folder, told)
        is_there = folder.exists() and not anew
        try:
            return self._own(folder, told, is_doubted=is_there)
        except ModelFilesError:
            if not anew:
                self._fetch_again(folder, told)
        return self._own(folder, told, is_doubted=is_there)

    def whole_pooled(self, version: int, is_doubted: bool = True, wanted: str = "",
                     anew: bool = False) -> PooledModel:
        """That version of the pooled model, with its files on disk; made of them again only when they changed.

        Args:
            is_doubted: verify files that seem unchanged too: a disk changes them without a word. Hashing them costs as
                much as trying a small model on top, so it is not done for each new one.
            wanted: its fingerprint, where that is known: another of the same number is fetched again, since the
                registered model may have been deleted and made anew.
            anew: fetch them whatever is there.
        Raises: as ``whole``.
        """
        folder = self._models.pooled_folder(version)
        if anew:
            self._fetch_again(folder)
        held = self._pooled.get(version)
        try:
            if held and held[0] == _stamp(folder) and wanted in ("", held[1].fingerprint):
                if is_doubted:
                    check(folder, folder.parent.name, version)
                return held[1]
            model = read_pooled(folder)
            if wanted not in ("", model.fingerprint):
                raise ModelFilesError(f"the pooled model in {folder} is another than the registry has")
        except ModelFilesError:
            self._fetch_again(folder)
            model = read_pooled(folder)
        self._seal(folder)
        self._pooled = {version: (_stamp(folder), model)}
        return model

    def _own(self, folder: Path, told: VersionFiles | None, is_doubted: bool) -> ForecastModel:
        """The model in the folder, with its pooled one whole; raises ModelFilesError where its own files are not."""
        contents = verified(folder, folder.parent.name, int(folder.name), told)
        details = details_of(folder, contents)
        model = own_of(folder, contents, self.whole_pooled(details[1], is_doubted, stands_on(details[0])), details)
        self._seal(folder)
        return model

    @staticmethod
    def _seal(folder: Path) -> None:
        """Let files of before there were hashes have theirs, once they made a model."""
        with suppress(OSError):  # a full disk: the next time, then
            seal_old(folder, folder.parent.name, int(folder.name))

    def forget_others(self, region_item: RegionItem, keep: Set[int | None]) -> None:
        """Remove the versions of a region-item's model that nobody serves any more."""
        for folder in _versions(self._models.folder(region_item, 0).parent):
            if int(folder.name) not in keep:
                shutil.rmtree(folder, ignore_errors=True)

    def forget_pooled_others(self, keep: Set[int | None]) -> None:
        """Remove the versions of the pooled model that no model on disk stands on; those in ``keep`` stay.

        Where a model cannot say what it stands on, none is removed.
        """
        folder = self._models.pooled_folder(0).parent
        spare = [version for version in _versions(folder) if int(version.name) not in keep]
        if not spare:
            return
        own = [version for name in folder.parent.iterdir() if name != folder and not name.name.startswith(".")
               for version in _versions(name)]
        try:
            self._stands_on = {version: self._stands_on.get(version) or pooled_version(version) for version in own}
        except ModelFilesError as error:
            log.warning("all versions of the pooled model are kept: %s", error)
            return
        needed = set(self._stands_on.values())
        for version in spare:
            if int(version.name) not in needed:
                shutil.rmtree(version, ignore_errors=True)

    def _fetch_again(self, folder: Path, told: VersionFiles | None = None) -> None:
        """Put files from the registry in place of what is there; what is there stays when they cannot be had."""
        name, version, models = folder.parent.name, int(folder.name), folder.parent.parent
        if folder.parent.exists() and not folder.parent.is_dir():
            folder.parent.unlink()
        if not folder.exists():
            self._registry.fetch(name, version, models, told)
            return
        with TemporaryDirectory(dir=models, prefix=".again-") as aside:
            fetched = self._registry.fetch(name, version, Path(aside), told)
            folder.rename(Path(aside) / "before")
            fetched.rename(folder)


def _versions(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.isdigit()] if folder.is_dir() else []


def _stamp(folder: Path) -> Stamp:
    """Changes when a file of the folder does; empty when there is none."""
    if not folder.is_dir():
        return ()
    return tuple(sorted((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in folder.iterdir()))
