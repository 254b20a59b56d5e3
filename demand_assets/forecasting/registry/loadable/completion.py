"""Versions in production of before ``mlflow.pyfunc`` could load them, completed so that it can.

Their own files stay as they are; beside them come those that are written today at once. A version of the kind would
otherwise load as the booster of a correction, for as long as nothing better is trained.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.serving.own_model import BOOSTER_FILE, DETAILS_FILE
from demand_assets.forecasting.registry.entry import PRODUCTION
from demand_assets.forecasting.registry.expiry import models, region_item_of
from demand_assets.forecasting.registry.loadable.model_folders import ModelFolder
from demand_assets.forecasting.registry.loadable.origin import Origin, loadable, put, tell_store
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.registry.session import NotRegisteredError, Session
from demand_assets.forecasting.registry.version_files import SEALED, local_path
from demand_assets.forecasting.registry.versions import PYFUNC

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

MOST = 5000
"""Versions that are completed at a time, some minutes' worth; the next time goes on."""


def complete(registry: Registry, origin: Origin, most: int = MOST) -> int:
    """How many versions in production were completed.

    May be broken off anywhere and be done again: a version has its tag when all of its files are there. Those whose
    files do not say whose they are, and those whose pooled version is gone, stay as they are.
    """
    session, count = registry.session, 0
    tell_store(session, origin)  # as it is now, also where the state was restored to another place

    @cache
    def folder_of(pooled_version: int) -> ModelFolder | None:
        try:
            return loadable(session, origin, pooled_version)[0]
        except NotRegisteredError:
            return None

    for region_item, version in _of_before(registry):
        pooled = version.tags.get("pooled_version", "")
        folder = folder_of(int(pooled)) if pooled.isdecimal() else None
        count += folder is not None and _completed(session, region_item, version, folder)
        if count >= most:
            break
    return count


def _of_before(registry: Registry) -> Iterator[tuple[RegionItem, "ModelVersion"]]:
    for model in models(registry):
        region_item, production = region_item_of(model.name, registry.dataset), model.aliases.get(PRODUCTION)
        if region_item is None or production is None:
            continue
        came = {str(version.version): version for version in model.latest_versions or ()}
        try:
            version = came.get(str(production)) or registry.session.version(model.name, int(production))
        except NotRegisteredError:  # it was removed by hand
            continue
        if SEALED in version.tags and PYFUNC not in version.tags:
            yield region_item, version


def _completed(session: Session, region_item: RegionItem, version: "ModelVersion", folder: ModelFolder) -> bool:
    """Whether the version was completed; not where its files are gone."""
    at = local_path(version.source)
    if at is not None and not at.is_dir():
        return False
    size = sum((at / file).stat().st_size for file in (BOOSTER_FILE, DETAILS_FILE) if (at / file).exists()) if at else 0

    def write(made: Path) -> None:
        folder.write(made, region_item, size)

    put(session, version, f"models/{region_item.path}", write)
    session.set_version_tag(version.name, int(version.version), PYFUNC, folder.code)
    return True
