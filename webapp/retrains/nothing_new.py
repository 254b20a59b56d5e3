"""Which region-items a retrain would teach nothing new: told before it is asked for."""

from collections.abc import Sequence

from sqlalchemy import select

from demand_assets.forecasting.contract.recipes import CODE_VERSION
from demand_assets.forecasting.gate.nothing_new import LearnedFrom, is_nothing_new
from demand_assets.forecasting.model.own import data_hash
from demand_assets.forecasting.model.pooled import OtherDriversError, PooledModel
from demand_assets.forecasting.store.demand_store import NotInStoreError
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.region_items.rows import pooled_row, rows_by_key
from webapp.services import Services
from webapp.tables import Adjustment, ModelVersion, RegionItemRow

MOST_READ = 100
"""Region-items whose demand is read to be compared; of more the rest counts as new, so that nobody waits."""


def nothing_new(services: Services, keys: Sequence[str]) -> dict[str, int]:
    """Key -> newest version, of those whose demand, adjustments, pooled model and code are the same as that version's.

    The rule is the gate's. What the source holds and nobody has taken in yet is not known here.
    """
    pooled = services.models.without_own(pooled_row()).model
    if not isinstance(pooled, PooledModel):
        return {}
    found: dict[str, int] = {}
    rows, waiting = rows_by_key(keys), _adjusted_since(keys)
    likely = [version for version in _newest_decided(keys) if version.key not in waiting and _is_likely(
        version, rows[version.key], pooled)]
    for version in likely[:MOST_READ]:
        try:
            demand = services.store.read("demand", rows[version.key].region_item)
            series = pooled.series_of(demand, services.dataset, rows[version.key].region_item)
        except (NotInStoreError, OtherDriversError):
            continue
        if is_nothing_new(LearnedFrom(data_hash(series), pooled.version, CODE_VERSION), _learned_from(version)):
            found[version.key] = version.version
    return found


def _learned_from(version: ModelVersion) -> LearnedFrom:
    numbers = version.numbers
    return LearnedFrom(str(numbers.get("data_hash", "")), numbers.get("pooled_version"),
                       str(numbers.get("code_version", "")))


def _is_likely(version: ModelVersion, row: RegionItemRow, pooled: PooledModel) -> bool:
    """Whether all is the same that can be told without reading demand."""
    before = _learned_from(version)
    return (is_nothing_new(LearnedFrom(before.data_hash, pooled.version, CODE_VERSION), before)
            and row.last_date in (None, version.numbers.get("trained_to")))


def _newest_decided(keys: Sequence[str]) -> list[ModelVersion]:
    """The newest version of each; those that have none, or whose newest is not judged yet, are left out."""
    newest: dict[str, ModelVersion] = {}
    for part in chunked(keys):
        for version in db.session.scalars(select(ModelVersion).where(ModelVersion.key.in_(part)).order_by(
                ModelVersion.version)):
            newest[version.key] = version
    return [newest[key] for key in keys if key in newest and newest[key].decision]


def _adjusted_since(keys: Sequence[str]) -> set[str]:
    """Those with adjustments that the demand store does not tell of yet."""
    found: set[str] = set()
    for part in chunked(keys):
        found.update(db.session.scalars(select(Adjustment.key).where(Adjustment.key.in_(part), Adjustment.is_due)))
    return found
