"""Many registered models without their training: a few that are trained as always, and the same for all others."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import dagster as dg
import pandas as pd
from loky import get_reusable_executor

from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.defs.assets import region_item
from demand_assets.defs.partitions import sync_partitions
from demand_assets.defs.resources import PipelineResource, open_pipeline
from demand_assets.forecasting.contract.dagster_names import REQUEST_TAG, run_config
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.registry.entry import RegistryEntry
from demand_assets.forecasting.registry.loadable.origin import Origin
from demand_assets.forecasting.registry.moved_files import prepare_models
from demand_assets.forecasting.registry.versions import TrainingBatch
from demand_assets.settings import Settings

TOGETHER = 200
"""Region-items that a process registers at a time."""
REQUEST = "made-up"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Template:
    """A trained region-item, as which others are made up."""

    region_item: RegionItem
    version: int
    is_promoted: bool


def train(settings: Settings, trained: int) -> list[Template]:
    """Demand, models and decisions of the first few, as always, without a server.

    Raises: RuntimeError: one of them got no model, so nothing can be made up as it.
    """
    home = settings.folder / "dagster"
    prepare_home(home, settings)
    prepare_models(settings.folder / "mlflow")
    pipeline = open_pipeline(settings)
    few = pipeline.source.catalogue().region_items[:trained]
    with open_instance(home) as instance:
        sync_partitions(instance, few)
        dg.materialize([region_item], selection=dg.AssetSelection.assets(region_item).without_checks(),
                       instance=instance, resources={"pipeline": PipelineResource(
                           dataset=str(settings.dataset), state=str(settings.state))},
                       tags={REQUEST_TAG: REQUEST}, run_config=run_config([one.key for one in few]) | QUIET)
    entries = {entry.region_item: entry for entry in pipeline.registry.entries()}
    templates = [Template(one, version, bool(entries[one].production)) for one in few if (
        version := entries[one].candidate)]
    if len(templates) < trained:
        raise RuntimeError(f"{trained - len(templates)} of {trained} region-items got no model")
    return templates


def register_others(settings: Settings, templates: Sequence[Template]) -> dict[str, Any]:
    """Everybody else gets the demand, the model and a promotion of one of the trained.

    Returns: how many, and what each took.
    """
    pipeline = open_pipeline(settings)
    catalogue = pipeline.source.catalogue()
    pipeline.store.write_source_notes(catalogue)
    pipeline.store.write_catalogue(catalogue.region_items)
    others = catalogue.region_items[len(templates):]
    started = time.monotonic()
    with open_instance(settings.folder / "dagster") as instance:
        sync_partitions(instance, catalogue.region_items)
    partitions = time.monotonic() - started
    origin = Origin(pipeline.dataset, pipeline.store.url, catalogue.region_items[0])
    with pipeline.registry.batch("made up", {}, origin, pipeline.registry.pooled_production()) as batch:
        processes = get_reusable_executor(max_workers=settings.cores)
        working = [processes.submit(_made_up, settings, batch, templates, others[start:start + TOGETHER], start)
                   for start in range(0, len(others), TOGETHER)]
        spent = [each.result() for each in working]
        processes.shutdown()
    return {"made_up": len(others), "seconds_of_dagster_partitions": round(partitions, 1),
            "cpu_ms_each": round(1000 * sum(spent) / max(len(others), 1), 2)}


def _made_up(settings: Settings, batch: TrainingBatch, templates: Sequence[Template], others: Sequence[RegionItem],
             first: int) -> float:
    """CPU seconds for the region-items that follow the trained and so many others."""
    pipeline, began = open_pipeline(settings), time.process_time()
    for number, one in enumerate(others, start=first + len(templates)):
        table, model = _of(settings, templates[number % len(templates)])
        pipeline.store.write("demand", one, table)
        decision = Decision("promote", "made up: the model of another")
        version = batch.register(one, model, {"request_id": REQUEST}, decision=decision)
        pipeline.registry.record_decision(one, version, decision, REQUEST, is_told=True,
                                          before=RegistryEntry(one, "", None, None))
    return time.process_time() - began


@lru_cache(maxsize=1000)
def _of(settings: Settings, template: Template) -> tuple[pd.DataFrame, ForecastModel]:
    pipeline = open_pipeline(settings)
    return (pipeline.store.read("demand", template.region_item),
            pipeline.registry.load(template.region_item, template.version))
