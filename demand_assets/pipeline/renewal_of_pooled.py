"""When a retrain renews the pooled model first: once a horizon of new demand has come for most of the dataset."""

import logging
from collections.abc import Sequence

import numpy as np

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
    """Whether a horizon of demand of these region-items, and of most of the dataset's, is newer than the model, and
    no version that learned from it was judged and found worse."""
    if not any(_is_horizon_behind(model, one, dataset, store) for one in evenly_chosen(region_items, ASKED_FOR_NEW)):
        return False
    sample = evenly_chosen(store.stored("demand", source.catalogue().region_items), ASKED_FOR_NEW)
    if 2 * sum(_is_horizon_behind(model, one, dataset, store) for one in sample) <= len(sample):
        return False
    newest = registry.pooled_candidate()
    tried = pooled_or_none(registry, newest) if newest not in (None, model.version) else None
    return tried is None or any(_is_horizon_behind(tried, one, dataset, store) for one in sample)


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
