"""When a retrain renews the pooled model first: where a horizon of new demand has come for most of the dataset, or it
has no deciles yet."""

import logging
from collections.abc import Sequence

import numpy as np

from demand_assets.forecasting.contract.code_version import CODE_VERSION
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import Source
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.panel import evenly_chosen
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.registry.session import NotRegisteredError
from demand_assets.forecasting.series.censored_demand import observed
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.stored_files import DamagedFileError, NotInStoreError

log = logging.getLogger(__name__)

ASKED_FOR_NEW = 20
"""Region-items whose demand tells whether the pooled model is behind."""


def pays_to_renew(model: PooledModel, region_items: Sequence[RegionItem], dataset: Dataset, source: Source,
                  store: DemandStore, registry: Registry) -> bool:
    """Whether a horizon of demand of these region-items, and of most of the dataset's, is newer than the model, or it
    was trained before there were deciles; and no version that made this good was judged and found worse."""
    if _is_of_before_deciles(model):
        tried = _tried_since(model, registry)
        if tried is None or _is_of_before_deciles(tried):
            return True
    if not any(_is_horizon_behind(model, one, dataset, store) for one in evenly_chosen(region_items, ASKED_FOR_NEW)):
        return False
    sample = evenly_chosen(store.stored("demand", source.catalogue().region_items), ASKED_FOR_NEW)
    if 2 * sum(_is_horizon_behind(model, one, dataset, store) for one in sample) <= len(sample):
        return False
    tried = _tried_since(model, registry)
    return tried is None or any(_is_horizon_behind(tried, one, dataset, store) for one in sample)


def _tried_since(model: PooledModel, registry: Registry) -> PooledModel | None:
    """The newest version of the pooled model; None where that is this one, or it cannot be read."""
    newest = registry.pooled_candidate()
    return None if newest is None or newest == model.version else pooled_or_none(registry, newest)


def _is_of_before_deciles(model: PooledModel) -> bool:
    """Whether earlier code trained it, and it has no deciles; without any errors to tell them by, none has."""
    return not model.has_deciles and model.card.get("code_version") != CODE_VERSION


def pooled_or_none(registry: Registry, version: int) -> PooledModel | None:
    """That version of the pooled model; None where its files are damaged or gone: a new one takes its place."""
    try:
        return registry.load_pooled(version)
    except (ModelFilesError, NotRegisteredError) as error:
        log.warning("v%s of the pooled model is not compared with: %s", version, error)
        return None


def _is_horizon_behind(model: PooledModel, region_item: RegionItem, dataset: Dataset, store: DemandStore) -> bool:
    """Whether so much of the region-item's stored demand is newer than what the model has seen."""
    try:
        demand = store.read("demand", region_item)
    except (DamagedFileError, NotInStoreError):
        return False  # its own training says so
    is_newer = demand["date"].to_numpy() > model.latest.seen
    return int(np.count_nonzero(is_newer & observed(demand))) >= dataset.horizon
