"""The pooled model in production: fetched, loaded and tried first, and only then announced to every worker."""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.registry.session import NotRegisteredError
from demand_assets.forecasting.registry.version_files import VersionFiles
from demand_assets.forecasting.store.stored_files import NotInStoreError
from webapp.db.database import db, has_come, now, writing
from webapp.region_items.forecast_figures import want_forecasts_without_model
from webapp.region_items.production import note_pooled
from webapp.region_items.rows import locked_pooled, pooled_row
from webapp.services import Services
from webapp.serving.model_files import ModelFiles
from webapp.tables import PooledRow, RegionItemRow

log = logging.getLogger(__name__)

TRY_AGAIN = timedelta(seconds=15)
TRIED_ON = 5
"""Region-items that a new version is tried on."""


class PooledRegistry(Protocol):
    """What is asked of the model registry here; every method raises RegistryDownError when it does not answer."""

    def pooled_production(self) -> int | None:
        """The version of the pooled model in production."""

    def fetch(self, name: str, version: int, folder: Path, told: VersionFiles | None = None) -> Path:
        """Copy a version's files, checked, to ``folder/name/version``; the version is asked where they are, unless it
        told."""


class NewPooledVersions:
    """Follows the pooled model; one in the whole app."""

    def __init__(self, registry: PooledRegistry, services: Services, files: ModelFiles) -> None:
        self._registry = registry
        self._services = services
        self._files = files

    def look(self) -> None:
        """Ask which version is in production, and want it when it is another.

        Raises: RegistryDownError: the registry does not answer.
        """
        wanted = self._registry.pooled_production()
        known = pooled_row()
        if wanted == (known.wanted_version if known else None):
            db.session.rollback()
            return
        with writing():
            row = locked_pooled()
            row.wanted_version, row.fetch_after = wanted, now() if wanted else None
            if wanted is None:
                _take_over(row)

    def announce_wanted(self) -> None:
        """Fetch, try and announce the wanted version when that is due.

        Raises: RegistryDownError: files must be fetched and the registry does not answer.
        """
        row = pooled_row()
        is_first = row is not None and row.production_version is None  # or after one that was deleted in MLflow
        due = db.session.scalar(select(PooledRow.id).where(has_come(PooledRow.fetch_after, now(), TRY_AGAIN)))
        version = row.wanted_version if row else None
        db.session.rollback()
        if due is None or version is None:
            return
        try:
            self._try(self._files.whole_pooled(version, anew=is_first))
        except (ModelFilesError, NotRegisteredError, ValueError, OSError) as error:
            with writing():
                row = locked_pooled()
                problem = f"v{version} of the pooled model is in production but cannot forecast here: {error}"
                is_news, row.problem = row.problem != problem, problem
                row.fetch_after = now() + TRY_AGAIN
            if is_news:
                log.warning("v%s of the pooled model cannot forecast here: %s", version, error)
            return
        with writing():
            row = locked_pooled()
            if row.wanted_version == version:
                _take_over(row)

    def forget_others(self) -> None:
        """Remove cached versions that neither forecast nor carry a model that does."""
        row = pooled_row()
        keep = {row.production_version, row.previous_version, row.wanted_version} if row else set()
        db.session.rollback()
        self._files.forget_pooled_others(keep)

    def _try(self, model: PooledModel) -> None:
        """Forecast the first region-items with it, those without a model of their own before the others."""
        keys = db.session.scalars(
            select(RegionItemRow.key).where(RegionItemRow.in_catalogue)
            .order_by(RegionItemRow.production_version.is_not(None), RegionItemRow.position).limit(TRIED_ON)).all()
        db.session.rollback()
        for key in keys:
            try:
                self._services.forecaster.forecast(RegionItem.from_key(key), model)
            except NotInStoreError:
                continue


def _take_over(row: PooledRow) -> None:
    """Announce the wanted version; region-items without a model of their own change what serves them."""
    if row.production_version != row.wanted_version:
        row.previous_version, row.production_version = row.production_version, row.wanted_version
        row.announced_at = now()
    row.fetch_after, row.problem = None, ""
    note_pooled(row.production_version is not None)
    want_forecasts_without_model()
