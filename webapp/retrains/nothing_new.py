"""Which region-items a retrain would teach nothing new: told before it is asked for."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, tuple_

from demand_assets.forecasting.contract.code_version import CODE_VERSION
from demand_assets.forecasting.gate.nothing_new import LearnedFrom, is_nothing_new
from demand_assets.forecasting.model.serving.own_model import data_hash
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.unknown_drivers import OtherDriversError
from demand_assets.forecasting.store.stored_files import NotInStoreError
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.region_items.rows import pooled_row, rows_by_key
from webapp.services import Services
from webapp.tables import Adjustment, CarriedLink, ModelVersion, RegionItemRow

log = logging.getLogger(__name__)

MOST_READ = 200
"""Region-items whose demand is read to be compared (about 5 ms each); of more it is not known, so that nobody waits."""
MOST_LOOKED_AT = 2000
"""Region-items that are looked at at all, for the same reason."""


@dataclass(frozen=True)
class NothingNew:
    """What is known of region-items before a retrain."""

    versions: dict[str, int]
    """Key -> newest version, of those for which there is nothing new to learn."""
    not_compared: int
    """How many more may have nothing new to learn: their demand was not read."""


def nothing_new(services: Services, keys: Sequence[str]) -> NothingNew:
    """Those whose demand, adjustments, pooled model and code are the same as their newest version's.

    The rule is the gate's. What the source holds and nobody has taken in yet is not known here. One whose version in
    production cannot be used is not among them: a retrain makes it anew.
    """
    pooled = services.models.without_own(pooled_row()).model
    if not isinstance(pooled, PooledModel):
        return NothingNew({}, 0)
    likely = _likely(keys[:MOST_LOOKED_AT], pooled)
    found: dict[str, int] = {}
    compared = 0
    for row, version in likely[:MOST_READ]:
        try:
            demand = services.store.read("demand", row.region_item)
            series = pooled.series_of(demand, services.dataset, row.region_item)
        except (NotInStoreError, OtherDriversError):
            compared += 1
            continue
        except OSError as error:
            log.warning("whether there is anything new to learn is not known, since the demand store cannot be read: "
                        "%s", error)
            break
        compared += 1
        if is_nothing_new(LearnedFrom(data_hash(series), pooled.version, CODE_VERSION), _learned_from(version)):
            found[version.key] = version.version
    return NothingNew(found, len(likely) - compared + len(keys[MOST_LOOKED_AT:]))


def _likely(keys: Sequence[str], pooled: PooledModel) -> list[tuple[RegionItemRow, ModelVersion]]:
    """Those of which all is the same that can be told without reading demand."""
    found = []
    for part in chunked(keys):
        rows, waiting = rows_by_key(part), _adjusted_since(part)
        found += [(rows[version.key], version) for version in _newest_decided(part)
                  if version.key not in waiting and _is_likely(version, rows[version.key], pooled)]
    return found


def _learned_from(version: ModelVersion) -> LearnedFrom:
    numbers = version.numbers
    code = numbers.get("code_version", "")
    code = str(int(code) if isinstance(code, float) else code)  # an older app took the text for a number
    return LearnedFrom(str(numbers.get("data_hash", "")), numbers.get("pooled_version"), code)


def _is_likely(version: ModelVersion, row: RegionItemRow, pooled: PooledModel) -> bool:
    before = _learned_from(version)
    return (is_nothing_new(LearnedFrom(before.data_hash, pooled.version, CODE_VERSION), before)
            and row.last_date in (None, version.numbers.get("trained_to")) and not row.model_problem)


def _newest_decided(keys: Sequence[str]) -> list[ModelVersion]:
    """The newest version of each, in their order; those that have none, or whose newest is not judged yet, are left
    out."""
    newest = select(ModelVersion.key, func.max(ModelVersion.version)).where(ModelVersion.key.in_(keys)).group_by(
        ModelVersion.key)
    found = {version.key: version for version in db.session.scalars(select(ModelVersion).where(
        tuple_(ModelVersion.key, ModelVersion.version).in_(newest)))}
    return [found[key] for key in keys if key in found and found[key].decision]


def _adjusted_since(keys: Sequence[str]) -> set[str]:
    """Those with adjustments or predecessors that the demand store does not tell of yet."""
    return {key for table in (Adjustment, CarriedLink)
            for key in db.session.scalars(select(table.key).where(table.key.in_(keys), table.is_due))}
