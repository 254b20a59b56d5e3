"""New production versions: fetched, loaded and tried first, and only then announced to every worker.

Files are copied from where the version itself says they are, and belong to it, or they are not announced. What is wrong
with one region-item is shown there and costs no other one.
"""

import logging
from datetime import timedelta
from time import monotonic

from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.registry.session import NotRegisteredError
from demand_assets.forecasting.registry.version_files import VersionFiles
from demand_assets.forecasting.store.stored_files import NotInStoreError
from demand_assets.forecasting.telemetry.tracing import span
from webapp.db.database import db, has_come, now, writing
from webapp.db.locks import locked_one
from webapp.region_items import production
from webapp.region_items.rows import hold_pooled
from webapp.services import Services
from webapp.serving.model_files import ModelFiles
from webapp.tables import RegionItemRow
from webapp.telemetry.counters import counters

log = logging.getLogger(__name__)

LOST = ("v{version} is in production, but its files are gone, here and from MLflow: it forecasts from memory, and only "
        "until the app is started again. Retrain, or roll back to a version that has files. ({error})")
TRY_AGAIN = timedelta(seconds=15)
BURST = 20
"""After so many announcements in a row the log says how long the last of them waited."""


class NewVersions:
    """Announces the versions that are wanted; one in the whole app."""

    def __init__(self, services: Services, files: ModelFiles) -> None:
        self._services = services
        self._files = files
        self._announced = 0
        """How many in a row, without a moment in which none was due."""

    def announce_wanted(self, seconds: float) -> bool:
        """Fetch, try and announce versions that are wanted and due, newest first and those that failed before last.

        Args:
            seconds: for so long, and at least one.
        Returns: whether some are left for the next time.
        Raises: RegistryDownError: files must be fetched and the registry does not answer.
        """
        until = monotonic() + seconds
        due = db.session.execute(select(RegionItemRow.key, RegionItemRow.fetch_after).where(
            has_come(RegionItemRow.fetch_after, now(), TRY_AGAIN))
            .order_by(RegionItemRow.model_problem != "", RegionItemRow.fetch_after.desc(), RegionItemRow.position)
        ).all()
        db.session.rollback()
        for place, (key, wanted_since) in enumerate(due, start=1):
            self._announce(key)
            self._announced += 1
            if place < len(due) and monotonic() > until:
                return True
            if place == len(due) and self._announced >= BURST:
                log.info("%s versions were taken up in a row; the last had waited %.1f s", self._announced,
                         max((now() - (wanted_since or now())).total_seconds(), 0.0))
        self._announced = 0
        return False

    def _announce(self, key: str) -> None:
        row = db.session.get_one(RegionItemRow, key)
        region_item, version = row.region_item, row.wanted_version
        told, anew = production.told_files(row), row.wanted.get("anew", False)
        made_by = row.wanted.get("traceparent", "")
        db.session.rollback()
        if version is not None:
            with span("a promoted version is fetched, tried and announced", made_by, version=version):
                self._take_up(key, region_item, version, told, anew)

    def _take_up(self, key: str, region_item: RegionItem, version: int, told: VersionFiles | None, anew: bool) -> None:
        try:
            model = self._files.whole(region_item, version, told, anew)
            self._services.forecaster.forecast(region_item, model)
        except (ModelFilesError, NotRegisteredError, NotInStoreError, ValueError, OSError) as error:
            if counted := counters():
                counted.promotion_failures.inc()
            with writing():
                row = locked_one(RegionItemRow, key)
                is_wrong = isinstance(error, (ModelFilesError, NotRegisteredError)) and row.wanted_version == version
                is_lost = isinstance(error, NotRegisteredError) and row.production_version == version
                problem = (LOST.format(version=version, error=error) if is_lost else
                           f"v{version} was promoted but cannot forecast here: {error}")
                is_news = row.model_problem != problem
                production.note_unusable(row, problem, now() + TRY_AGAIN, is_wrong)
            if is_news:  # it is tried again and again, until somebody puts it right
                log.warning("%s v%s cannot forecast here: %s", region_item, version, error)
            return
        with writing():
            hold_pooled()
            row = locked_one(RegionItemRow, key)
            wanted_since, is_new = row.fetch_after, row.production_version != version
            if row.wanted_version == version:
                production.announce(row, model.card)
                if is_new and (counted := counters()):
                    counted.promotions.inc()
                    counted.promotion_seconds.observe(max((now() - (wanted_since or now())).total_seconds(), 0.0))
            keep = {row.production_version, row.previous_version, row.wanted_version}
        self._files.forget_others(region_item, keep)
