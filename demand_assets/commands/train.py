"""``make train``: a whole dataset from demand to promoted models, in one process and without servers."""

import argparse
import json
import logging
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, process_time
from typing import Any

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table
from typing_extensions import override

from demand_assets.dagster_instance.events.reported_together import let_events_wait
from demand_assets.dagster_instance.instance import open_instance, prepare_home
from demand_assets.defs.partitions import sync_partitions
from demand_assets.forecasting.contract.clock import Clock
from demand_assets.forecasting.contract.dagster_names import (
    ASKED_BY_TAG,
    BY_MAKE_TRAIN,
    FIT_JOB,
    FIT_OP,
    GOES_ON_TAG,
    POOL_JOB,
    REFRESH_JOB,
    REQUEST_TAG,
    run_config,
)
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.run_sizes import PER_RUN
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.dataset_file import DatasetFileError
from demand_assets.forecasting.registry.moved_files import prepare_models
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.half_restored import HalfRestoredError, refuse_half_restored
from demand_assets.forecasting.store.journal import FINAL_STEPS
from demand_assets.forecasting.store.private_folder import keep_private, private_files
from demand_assets.pipeline.carried_over import carried_in_words, carried_over
from demand_assets.pipeline.parallel import warm_up
from demand_assets.pipeline.progress import Progress
from demand_assets.pipeline.resumable import Unfinished
from demand_assets.pipeline.run import PROCESSES_FROM
from demand_assets.pipeline.unusable_demand import problems
from demand_assets.pipeline.unused_rows import unused, unused_in_words
from demand_assets.settings import Settings

LINE_SECONDS = 15
"""How often progress is said where there is no terminal to draw a bar on."""
UNUSABLE = 2
"""Exit status when the dataset file or its source cannot be used."""
STOPPED = 130
"""Exit status after Ctrl-C."""
TRAINS_POOLED = "demand_assets.forecasting.model.training"
"""The logger of what trains the pooled model."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and promote every region-item of a dataset; 0 only when none failed and something could be used."""
    given = _parser().parse_args(arguments)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    started = perf_counter()
    try:
        settings = Settings(dataset=given.dataset, state=given.state, horizon=given.horizon)
        summary = train_all(settings, Console(stderr=True, emoji=False), given.afresh)
    except (DatasetFileError, SourceError, HalfRestoredError) as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return STOPPED
    summary["seconds"]["total"] = round(perf_counter() - started, 1)
    _print(summary, settings)
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(summary, indent=2) + "\n")
    region_items = summary["region_items"]
    found = problems(region_items, region_items - summary["quarantined"], summary["unused"]["units_refused_share"],
                     settings.described.rules.refused_units_share, is_trained=True)
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if summary["failed"] or found else 0


def train_all(settings: Settings, console: Console, afresh: bool = False) -> dict[str, Any]:
    """Materialise all partitions in runs of some hundred; the summary of what became of them, as JSON types.

    What an earlier call began and did not end is gone on with, unless the source or the dataset file changed since.

    Args:
        afresh: begin anew all the same.
    Raises: DatasetFileError, SourceError: the dataset cannot be used. HalfRestoredError, OSError: the state directory
        cannot.
    """
    from demand_assets.defs.resources import open_pipeline  # as in _Runs

    refuse_half_restored(settings.folder)
    pipeline = open_pipeline(settings)
    clock = Clock()
    with clock("catalogue"):
        catalogue = pipeline.source.catalogue()
    for region, item, reason, rows in catalogue.refused:
        console.print(f"refused: region {region!r}, item {item!r} {reason} ({rows} rows)", markup=False)
    _prepare_state(settings, console)
    region_items = list(catalogue.region_items)
    unfinished = Unfinished(pipeline.store, pipeline.source.fingerprint(), settings.described)
    resumed = None if afresh else unfinished.resume()
    training = resumed or unfinished.begin()
    with open_instance(settings.folder / "dagster") as instance:
        let_events_wait(instance)
        pipeline.store.write_source_notes(catalogue)
        pipeline.store.write_catalogue(region_items)
        attributes = pipeline.take_in_attributes()
        predecessors = pipeline.take_in_predecessors()
        sync_partitions(instance, region_items)
        runs = _Runs(settings, instance, training.request_id, clock, console)
        progress = Progress(pipeline.store, [training.request_id])
        progress.look()
        if progress.last:
            done = sum(entry.step in FINAL_STEPS for entry in progress.last.values())
            console.print(f"going on with the training that was stopped: {done} of {len(region_items)} are decided; "
                          "make train AFRESH=yes begins anew", markup=False)
        with _shown(console, pipeline.store, training.request_id, len(region_items)):
            for keys in _parts([one for one in region_items if not progress.is_past(one, "started")]):
                runs.carry_out("taking in", REFRESH_JOB, run_config(keys))
            progress.look()
            ready = [one for one in region_items if progress.is_past(one, "started") and not progress.is_final(one)]
            if len(ready) >= PROCESSES_FROM:
                warm_up(pipeline.cores)
            if ready and not training.is_pooled and runs.carry_out("pooled model", POOL_JOB, {}):
                training = unfinished.pooled(training)
            begun = {one.region_item.key for one in pipeline.registry.all_made_for("request_id", training.request_id)
                     } if resumed else set()
            for keys in _parts(ready):
                runs.carry_out("training", FIT_JOB, run_config(keys, op=FIT_OP), goes_on=not begun.isdisjoint(keys))
    progress.look()
    if all(map(progress.is_final, region_items)):
        unfinished.end()  # where a run broke, the same command goes on with what it left
    return _summary(pipeline.store, training.request_id, region_items, clock) | {
        "carried_over": carried_over(pipeline.store, region_items),
        "names_left_out": [{"region": region, "item": item, "reason": reason, "rows": rows}
                           for region, item, reason, rows in catalogue.refused],
        "files_skipped": [{"name": name, "reason": reason} for name, reason in catalogue.skipped],
        "source_notices": [*catalogue.notices, *attributes.notices, *predecessors.notices]}


def _prepare_state(settings: Settings, console: Console) -> None:
    """Make the dataset's folder one that only its owner reads and that Dagster and MLflow can work in."""
    private_files()
    keep_private(settings.folder)
    prepare_home(settings.folder / "dagster", settings)
    if moved := prepare_models(settings.folder / "mlflow"):
        console.print(f"the state was moved or copied here: {moved} locations of models' files name this folder now",
                      markup=False)


class _Runs:
    """Dagster's runs of one training, one after another in this process."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance, request_id: str, clock: Clock,
                 console: Console) -> None:
        # Imported here: processes that train beside this one import this module too, and need no definitions.
        from demand_assets.defs.assets import pooled_model, region_item
        from demand_assets.defs.jobs import fit, pool, refresh
        from demand_assets.defs.resources import PipelineResource

        resource = PipelineResource(dataset=str(settings.dataset), state=str(settings.state), horizon=settings.horizon)
        self._defs = dg.Definitions([pooled_model, region_item], jobs=[refresh, pool, fit],
                                    resources={"pipeline": resource}, executor=dg.in_process_executor)
        self._instance, self._clock, self._console = instance, clock, console
        self._tags = {REQUEST_TAG: request_id, ASKED_BY_TAG: BY_MAKE_TRAIN}

    def carry_out(self, phase: str, job: str, config: Mapping[str, Any], goes_on: bool = False) -> bool:
        """Whether a run of the job succeeded; where it failed, its first error is printed. Its seconds are counted to
        the phase.

        Args:
            goes_on: an earlier run began some of it; it then asks the registry for all that the training made, which
                takes the longer the more that is.
        Raises: KeyboardInterrupt: it was interrupted. Dagster only ends the run at Ctrl-C, and would go on with the
            next.
        """
        from demand_assets.defs.events import seconds_of  # as above

        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        began, spent = perf_counter(), process_time()
        result = self._defs.resolve_job_def(job).execute_in_process(
            run_config={**config, **quiet}, instance=self._instance, raise_on_error=False,
            tags=self._tags | ({GOES_ON_TAG: "yes"} if goes_on else {}))
        self._clock.add({phase: (perf_counter() - began, process_time() - spent)})
        record = self._instance.get_run_by_id(result.run_id)
        if record.status is dg.DagsterRunStatus.CANCELED or _is_interrupted(result):
            raise KeyboardInterrupt
        self._clock.add({f"{phase}: {stage}": spent for stage, spent in seconds_of(result).items()})
        for failure in result.get_step_failure_events()[:1]:
            self._console.print(f"run {result.run_id}: {why_failed(failure)}", markup=False)
        return bool(result.success)


def why_failed(failure: dg.DagsterEvent) -> str:
    """Why a step failed: in words where region-items did, and where in the code it was for any other error."""
    told = failure.step_failure_data
    words = told.user_failure_data.description if told.user_failure_data else None
    return words or told.error_display_string


def _is_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    for failure in result.get_step_failure_events():
        error = failure.step_failure_data.error
        while error is not None:
            if error.cls_name in ("KeyboardInterrupt", "DagsterExecutionInterruptedError"):
                return True
            error = error.cause
    return False


def _parts(region_items: Sequence[RegionItem]) -> Iterator[list[str]]:
    """Partition keys of so many region-items as a run carries."""
    for start in range(0, len(region_items), PER_RUN):
        yield [one.key for one in region_items[start:start + PER_RUN]]


def _summary(store: DemandStore, request_id: str, region_items: Sequence[RegionItem],
             clock: Clock) -> dict[str, Any]:
    progress = Progress(store, [request_id])
    counts = progress.look()
    sums: Counter[str] = Counter()
    for entry in progress.trained.values():
        sums.update(entry.numbers["backtest_sums"])
    unfinished = len(region_items) - sum(counts[step] for step in FINAL_STEPS)
    return {
        "region_items": len(region_items), "promoted": counts["promoted"], "kept": counts["kept"],
        "quarantined": counts["quarantined"], "failed": counts["failed"] + unfinished,
        "wape": _ratio(sums["absolute_error"], sums["actual"]),
        "wape_seasonal_naive": _ratio(sums["absolute_error_seasonal_naive"], sums["actual"]),
        "wape_own": _ratio(sums["absolute_error_own"], sums["actual"]),
        "wape_pooled": _ratio(sums["absolute_error_pooled"], sums["actual"]),
        "rmsse": _mean(progress, "rmsse"), "rmsse_seasonal_naive": _mean(progress, "rmsse_seasonal_naive"),
        "bias": _ratio(sums["error"], sums["actual"]), "coverage_80": _ratio(sums["inside_80"], sums["points"]),
        "seconds": {phase: round(wall, 2) for phase, (wall, _) in clock.seconds.items() if ": " not in phase},
        "cpu_seconds": {phase: round(processor, 2) for phase, (_, processor) in clock.seconds.items()
                        if ": " not in phase},
        "worker_seconds": {stage: {"wall": round(wall, 2), "cpu": round(processor, 2)}
                           for stage, (wall, processor) in clock.seconds.items() if ": " in stage},
        "reasons": _reasons(progress),
        "unused": unused(progress.taken_in),
        "notices": {one.key: entry.numbers["notices"] for one, entry in sorted(progress.taken_in.items())
                    if entry.numbers.get("notices")},
    }


def _reasons(progress: Progress) -> dict[str, str]:
    """Partition key -> why, for each region-item that got no new production model."""
    return {one.key: entry.reason for one, entry in sorted(progress.last.items()) if entry.step != "promoted"}


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _mean(progress: Progress, metric: str) -> float | None:
    """The mean over region-items where the metric is known."""
    values = [value for entry in progress.trained.values() if isfinite(value := entry.numbers[metric])]
    return round(sum(values) / len(values), 4) if values else None


class _Said(logging.Handler):
    """What the training of the pooled model says: a line where there is no terminal, else the newest beside the bar."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console
        self.last = ""
        self.at = 0
        """Region-items decided when it was last looked."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if self._console.is_terminal:
            self.last = record.getMessage()
        else:
            self._console.print(record.getMessage(), markup=False)


@contextmanager
def _shown(console: Console, store: DemandStore, request_id: str, total: int) -> Iterator[None]:
    """A progress bar that follows the journal while the block runs."""
    progress, finished = Progress(store, [request_id]), Event()
    bar = Bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console,
              disable=not console.is_terminal)
    task = bar.add_task("training", total=total)

    def follow() -> None:
        while not finished.wait(1.0 if console.is_terminal else LINE_SECONDS):
            show()

    def show() -> None:
        counts = progress.look()
        done = sum(counts[step] for step in FINAL_STEPS)
        words = ", ".join(f"{count} {step}" for step, count in sorted(counts.items())) or "reading"
        if done != said.at:
            said.last, said.at = "", done
        words = said.last or words
        bar.update(task, completed=done, description=words)
        if not console.is_terminal:
            console.print(f"{done} of {total} decided: {words}", markup=False)

    follower, said = Thread(target=follow, daemon=True), _Said(console)
    trains = logging.getLogger(TRAINS_POOLED)
    with bar:
        trains.addHandler(said)
        follower.start()
        try:
            yield
        finally:
            trains.removeHandler(said)
            finished.set()
            follower.join()
            show()


def _print(summary: dict[str, Any], settings: Settings) -> None:
    table = Table(title=f"{settings.described.title}: {summary['region_items']} region-items", show_header=False)
    for name, value in summary.items():
        if name in ("reasons", "cpu_seconds", "worker_seconds", "unused", "notices", "names_left_out", "files_skipped",
                    "source_notices", "carried_over"):
            continue
        if name == "seconds":
            value = ", ".join(f"{stage} {spent:g}" for stage, spent in value.items())
        table.add_row(name, "unknown" if value is None else str(value))
    console = Console(emoji=False)
    console.print(table)
    for line in [*unused_in_words(summary), *carried_in_words(summary["carried_over"])]:
        console.print(line, markup=False)
    for reason, count in Counter(summary["reasons"].values()).most_common(8):
        console.print(f"{count} × {reason}", markup=False)
    console.print(f"state: {settings.folder}", markup=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make train", description=__doc__)
    parser.add_argument("--dataset", type=Path, default=Path("datasets/simulated.toml"), help="dataset file (TOML)")
    parser.add_argument("--state", type=Path, default=Path("var"), help="state directory")
    parser.add_argument("--horizon", type=int, help="periods; the dataset file's unless given")
    parser.add_argument("--afresh", action="store_true", help="begin anew where an earlier training was stopped")
    parser.add_argument("--json", type=Path, help="write the summary there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
