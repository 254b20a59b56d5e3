"""What the pipeline is compared with, each as a process of its own that writes JSON.

``python -m benchmarks.support.pipeline_rivals bare|naive|mlforecast --state DIR --dataset FILE …``. The first and the
last take demand from the store that the pipeline has just filled, so that reading and validation do not count for
them.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from demand_assets.dagster_instance.instance import open_instance
from demand_assets.defs.resources import open_pipeline
from demand_assets.forecasting.contract.clock import Clock
from demand_assets.forecasting.contract.dagster_names import (
    CANDIDATE_MODEL,
    POOLED_MODEL,
    PRODUCTION_MODEL,
    TAKEN_IN_ASSETS,
)
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.gate.contest import contest
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.registry.versions import TrainingBatch
from demand_assets.pipeline.outcomes import RequestedBy
from demand_assets.pipeline.run import Pipeline
from demand_assets.pipeline.train_stage import Train, TrainStage
from demand_assets.settings import Settings

AT_A_TIME = 8


def main() -> None:
    """Run one rival."""
    given = _parser().parse_args()
    settings = Settings(dataset=given.dataset, state=given.state)
    result = {"bare": bare, "naive": naive, "mlforecast": mlforecast}[given.rival](open_pipeline(settings), given)
    given.json.write_text(json.dumps(result))


def bare(pipeline: Pipeline, given: argparse.Namespace) -> dict[str, float]:
    """The same features, fits and contests on the same cores, with nothing around them: no Dagster, MLflow or files.

    Every process is there before the clock starts. Of more region-items than fit in memory, an even choice is fitted;
    its time is extended to all.
    """
    stored = pipeline.store.stored("demand", pipeline.store.read_catalogue())
    chosen = stored[::max(1, -(-len(stored) // given.at_most))]
    demand = {one: pipeline.store.read("demand", one) for one in chosen}
    read = demand.__getitem__ if len(chosen) == len(stored) else lambda one: pipeline.store.read("demand", one)
    with ProcessPoolExecutor(pipeline.cores, get_context("spawn")) as processes:
        list(processes.map(_fit, [[] for _ in range(pipeline.cores)]))
        started = time.perf_counter()
        pooled = train_pooled(stored, read, pipeline.dataset, pipeline.cores, aside=processes.map).with_version(1)
        pooled_seconds = time.perf_counter() - started
    with ProcessPoolExecutor(pipeline.cores, get_context("spawn"), _keep, (pooled, pipeline.dataset)) as processes:
        list(processes.map(_fit, [[] for _ in range(pipeline.cores)]))
        started = time.perf_counter()
        parts = [[(one, demand[one]) for one in chosen[start:start + AT_A_TIME]]
                 for start in range(0, len(chosen), AT_A_TIME)]
        fitted = sum(processes.map(_fit, parts))
        fit_seconds = time.perf_counter() - started
    return {"pooled_seconds": pooled_seconds, "fit_seconds": fit_seconds * len(stored) / len(chosen),
            "fitted": fitted, "of": len(stored)}


@dataclass
class _Kept:
    pooled: PooledModel
    dataset: Dataset


_kept: list[_Kept] = []
"""Of a worker process: what its initializer was given."""


def _keep(pooled: PooledModel, dataset: Dataset) -> None:
    _kept[:] = [_Kept(pooled, dataset)]


def _fit(tables: Sequence[tuple[RegionItem, pd.DataFrame]]) -> int:
    fitted = 0
    for one, table in tables:
        kept = _kept[0]
        try:
            model = train(table, kept.dataset, kept.pooled, one)
        except NotEnoughHistoryError:
            continue
        contest(table, kept.dataset, model, None, one)
        fitted += 1
    return fitted


class LogModelBatch(TrainingBatch):
    """Registers with ``log_model`` and its defaults, a run for each model, as its documentation shows."""

    def register(self, region_item: RegionItem, model: ForecastModel, tags: dict[str, str], is_known: bool = False,
                 decision: Decision | None = None, clock: Clock | None = None) -> int:
        """As the base class does it."""
        import mlflow

        name = region_item.model_name(self.session.dataset)
        mlflow.set_tracking_uri(self.session.uri)
        with mlflow.start_run(experiment_id=self.session.experiment), tempfile.TemporaryDirectory() as folder:
            mlflow.log_metrics({key: value for key, value in asdict(model.card).items() if isinstance(value, float)})
            logged = mlflow.xgboost.log_model(model.booster, name="model", registered_model_name=name)
            model.save(Path(folder))
            mlflow.log_artifacts(folder, "details")
        version = int(logged.registered_model_version)
        self.session.client.set_registered_model_alias(name, "candidate", str(version))
        return version


def naive(pipeline: Pipeline, given: argparse.Namespace) -> dict[str, float]:
    """One partition through the graph as a run of its own, from reading to the decision, registered by ``log_model``.

    This is what one run's process does; the pooled model is there already.
    """
    import dagster as dg

    from demand_assets.defs.assets import SPECS
    from demand_assets.defs.checks import evaluations
    from demand_assets.defs.metadata import to_metadata
    from demand_assets.defs.partitions import region_items

    asked, one = RequestedBy("naive"), RegionItem.from_key(given.key)

    @dg.multi_asset(specs=[spec.replace_attributes(deps=[dep for dep in spec.deps
                                                         if dep.asset_key.path != [POOLED_MODEL]]) for spec in SPECS],
                    partitions_def=region_items, can_subset=True)
    def region_item() -> Iterator[object]:
        for outcome in pipeline.carry([one], TAKEN_IN_ASSETS, asked):
            yield from evaluations(outcome)
            yield dg.AssetMaterialization(outcome.asset, partition=one.key, metadata=to_metadata(outcome))
        with pipeline.registry.batch("naive", {}) as batch:
            task = Train([one], (CANDIDATE_MODEL, PRODUCTION_MODEL), asked, True,
                         pipeline.registry.pooled_production() or 0,
                         LogModelBatch(batch.session, batch.run_id, batch.artifact_uri))
            for outcome in TrainStage(pipeline.dataset, pipeline.store, pipeline.registry).train(task).outcomes:
                if outcome.status == "failed":
                    raise RuntimeError(outcome.trace)
                yield from evaluations(outcome)
                yield dg.AssetMaterialization(outcome.asset, partition=one.key, metadata=to_metadata(outcome))

    with open_instance(given.home) as instance:
        instance.add_dynamic_partitions(str(region_items.name), [one.key])
        dg.materialize([region_item], instance=instance, partition_key=one.key)
    return {}


def mlforecast(pipeline: Pipeline, given: argparse.Namespace) -> dict[str, float]:
    """One LightGBM over the same demand, fitted on all but the last horizon, which it forecasts (mlforecast)."""
    from benchmarks.support.panel_forecasts import cpu_seconds, known_at, rolling_origins
    from benchmarks.support.peers import import_packages, mlforecast_lightgbm_global

    stored = pipeline.store.stored("demand", pipeline.store.read_catalogue())
    chosen = stored[::max(1, -(-len(stored) // given.at_most))]
    known = {}
    for one in chosen:
        table = pipeline.store.read("demand", one)
        origin = int(rolling_origins(table, pipeline.dataset.horizon, 1)[0])
        if origin > 2 * pipeline.dataset.horizon:
            known[one] = known_at(table, origin, pipeline.dataset)
    import_packages(["mlforecast_lightgbm_global"])
    started, spent = time.perf_counter(), cpu_seconds()
    mlforecast_lightgbm_global(known, pipeline.dataset)
    return {"seconds": time.perf_counter() - started, "cpu_seconds": cpu_seconds() - spent, "region_items": len(known)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.support.pipeline_rivals", description=__doc__)
    parser.add_argument("rival", choices=["bare", "naive", "mlforecast"])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--key", help="naive: the partition")
    parser.add_argument("--home", type=Path, help="naive: DAGSTER_HOME")
    parser.add_argument("--at-most", type=int, default=2000, help="bare, mlforecast: region-items held in memory")
    return parser


if __name__ == "__main__":
    main()
