"""Whether the files of what is in production are still here: asked now and then, so that a loss is told, and mended,
before a restart needs them. While a model is in memory, nobody else would look."""

import logging
from collections.abc import Sequence

from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.registry.version_files import check
from webapp.db.database import db, writing
from webapp.region_items.production import want_files
from webapp.services import Services
from webapp.tables import RegionItemRow

log = logging.getLogger(__name__)

LOOKED_AT = 1000
"""Region-items of one look: whether their files are there."""
VERIFIED = 5
"""Of those, how many are read and hashed, the next ones each time: a disk changes files without a word."""


class LostFiles:
    """Goes through the cached versions in production again and again, some at a time."""

    def __init__(self, services: Services) -> None:
        self._models = services.models
        self._looked_at = self._verified = ""
        """Keys up to which it came."""

    def look(self) -> None:
        """Want the files of some region-items again that are missing or damaged."""
        looked_at = self._next(self._looked_at, LOOKED_AT)
        missing = [key for key, version in looked_at if not self._is_there(RegionItem.from_key(key), version)]
        some = self._next(self._verified, VERIFIED)
        damaged = [key for key, version in some if key not in missing and not self._is_whole(key, version)]
        self._looked_at = looked_at[-1][0] if len(looked_at) == LOOKED_AT else ""
        self._verified = some[-1][0] if len(some) == VERIFIED else ""
        if missing or damaged:
            with writing():
                want_files([*missing, *damaged])

    def _next(self, after: str, most: int) -> Sequence[tuple[str, int]]:
        """Key and version in production of the next region-items, by key."""
        found = db.session.execute(select(RegionItemRow.key, RegionItemRow.production_version).where(
            RegionItemRow.key > after, RegionItemRow.production_version.is_not(None),
            RegionItemRow.fetch_after.is_(None)).order_by(RegionItemRow.key).limit(most)).all()
        db.session.rollback()
        return [(key, version) for key, version in found if version is not None]

    def _is_there(self, region_item: RegionItem, version: int) -> bool:
        try:
            return any(self._models.folder(region_item, version).iterdir())
        except OSError:
            return False

    def _is_whole(self, key: str, version: int) -> bool:
        folder = self._models.folder(RegionItem.from_key(key), version)
        try:
            check(folder, folder.parent.name, version)
        except ModelFilesError as error:
            log.error("%s", error)
            return False
        return True
