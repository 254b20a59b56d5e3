"""Trains and judges some region-items at a time, in whichever process: nothing here knows the source or Dagster."""

import json
import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import cast

import numpy as np

from demand_assets.forecasting.contract.clock import Clock
from demand_assets.forecasting.contract.dagster_names import CANDIDATE_MODEL, PRODUCTION_MODEL, Asset
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.attributes import BESIDE
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.gate.among_challengers import candidate_of, why
from demand_assets.forecasting.gate.contest import contest
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.model_files import ModelFilesError, OtherPooledError
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.training.own_model import Prepared, answers_of, finished, prepared
from demand_assets.forecasting.registry.entry import RegistryEntry
from demand_assets.forecasting.registry.promotions_pins_and_roll_backs import held_by_pin
from demand_assets.forecasting.registry.registered_models import RegisteredVersion
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.registry.session import NotRegisteredError
from demand_assets.forecasting.registry.versions import TrainingBatch
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.stored_files import DamagedFileError
from demand_assets.forecasting.telemetry.tracing import span
from demand_assets.pipeline.outcomes import Outcome, Part, RequestedBy, failed

log = logging.getLogger(__name__)
Steps = Generator[Outcome | Prepared, Sequence[Floats] | None, None]
"""The work on one region-item: its outcomes, and in between what it asks of the pooled model, which may be answered
where the work goes on."""


@dataclass(frozen=True)
class Train:
    """Region-items that are to be trained, judged, or both."""

    region_items: Sequence[RegionItem]
    assets: Sequence[Asset]
    """Of ``TRAINED_ASSETS``, those wanted."""
    asked: RequestedBy
    plots: bool
    pooled_version: int = 0
    batch: TrainingBatch | None = None
    """Where new models are registered."""
    decided: Mapping[RegionItem, RegisteredVersion] = field(default_factory=dict)
    """What this very work decided before it was cut off; perhaps no longer the newest version of its region-item."""


@dataclass(frozen=True)
class TrainStage:
    """Trains and judges, with what it reads and writes; can be sent to another process."""

    dataset: Dataset
    store: DemandStore
    registry: Registry

    def train(self, task: Train) -> Part:
        """The outcomes of ``candidate_model`` (fit, backtest, register) and ``production_model`` (the gate)."""
        clock, outcomes = Clock(), list[Outcome]()
        with span("worker", task.asked.traceparent, region_items=len(task.region_items)):
            together: list[Sequence[RegionItem]] = [[one] for one in task.region_items] if task.plots else [
                task.region_items]
            for some in together:
                with span("region-item", region_item=some[0].key) if task.plots else nullcontext():
                    outcomes.extend(self._outcomes(some, task, clock))
        return Part(outcomes, clock.seconds)

    def _outcomes(self, some: Sequence[RegionItem], task: Train, clock: Clock) -> Iterator[Outcome]:
        """Those of each. The pooled model is asked of all together: each question costs more than some hundred rows
        do."""
        work = self._candidate if CANDIDATE_MODEL in task.assets else self._judged
        waiting: list[tuple[Prepared, Steps]] = []
        for one in some:
            steps = work(one, task, clock)
            for step in steps:
                if isinstance(step, Prepared):
                    waiting.append((step, steps))
                    break
                yield step
        with clock("backtest"):
            answers = _answers([begun for begun, _ in waiting])
        for (_, steps), its in zip(waiting, answers, strict=True):
            with suppress(StopIteration):
                step = steps.send(its)
                while True:
                    assert isinstance(step, Outcome)  # nothing is asked twice
                    yield step
                    step = next(steps)

    def _judged(self, region_item: RegionItem, task: Train, clock: Clock) -> Steps:
        try:
            yield self._judge(region_item, task.asked, clock)
        except Exception as error:  # noqa: BLE001  as in guarded
            yield self._failed(region_item, PRODUCTION_MODEL, error)

    def _candidate(self, region_item: RegionItem, task: Train, clock: Clock) -> Steps:
        asset: Asset = CANDIDATE_MODEL
        steps, answers = self._train_and_judge(region_item, task, clock), cast("Sequence[Floats] | None", None)
        try:
            with suppress(StopIteration):
                while True:
                    step = steps.send(answers)
                    if isinstance(step, Outcome):
                        asset = PRODUCTION_MODEL
                    answers = yield step
        except Exception as error:  # noqa: BLE001  as in guarded
            yield self._failed(region_item, asset, error)

    def _failed(self, region_item: RegionItem, asset: Asset, error: Exception) -> Outcome:
        if isinstance(error, DamagedFileError):
            self.store.note_damage(error)
        return failed(region_item, asset, error)

    def _train_and_judge(self, region_item: RegionItem, task: Train, clock: Clock) -> Steps:
        assert task.batch is not None  # wherever candidates are wanted
        with clock("register"):
            before = self.registry.entry(region_item)
        if before is not None and task.asked.made(before.newest):
            done = list(self._gone_on_with(before, task, clock))
            if done:
                yield from done
                return
        elif (earlier := task.decided.get(region_item)) is not None:
            yield from self._told_again(earlier, task)
            return
        with clock("read demand"):
            demand = self.store.read("demand", region_item)
        with clock("load pooled"):
            pooled = self.registry.load_pooled(task.pooled_version)
        try:
            begun = prepared(demand, self.dataset, pooled, region_item, clock)
            answers = yield begun
            made = finished(begun, answers, clock)
        except NotEnoughHistoryError as error:
            yield Outcome(region_item, CANDIDATE_MODEL, "quarantined",
                          f"too short for a model of its own: {error}")
            return
        model = made.model
        if self.dataset.challengers.all_names:
            with clock("challengers"):
                model = candidate_of(made, self.dataset.challengers, demand.attrs.get(BESIDE, {}))
        decision = None
        if PRODUCTION_MODEL in task.assets:
            with clock("gate"):
                production, lost = self._production(region_item, before.production if before else None)
                decision = _told(held_by_pin(before, contest(demand, self.dataset, model, production, region_item)),
                                 lost, why(model))
        version = task.batch.register(region_item, model, task.asked.tags, before is not None, decision, clock)
        yield self._trained(region_item, version, model, task.plots)
        if decision and self._is_out_of_date(before):
            yield self._judge(region_item, task.asked, clock)
        elif decision:
            with clock("promote"), span("the registry is told of the decision", verdict=decision.verdict,
                                        version=version):
                decision = self.registry.record_decision(
                    region_item, version, decision, task.asked.request_id,
                    before=before or RegistryEntry(region_item, "", None, None), is_told=True)
            yield Outcome(region_item, PRODUCTION_MODEL, reason=decision.reason, details={
                "version": version, "replaced": before.production if before else None,
                "request_id": task.asked.request_id, **decision.numbers, "verdict": decision.verdict})

    def _trained(self, region_item: RegionItem, version: int, model: ForecastModel, plots: bool) -> Outcome:
        unknown = [driver.title for driver in self.dataset.drivers if driver.name not in model.drivers]
        return Outcome(
            region_item, CANDIDATE_MODEL, lines=_backtest_lines(model) if plots else {},
            reason=f"it does not know {', '.join(unknown)}, nor does the pooled model that it stands on; renew that "
            "one (job “pool”) and retrain" if unknown else "",
            details={"version": version, **asdict(model.card), "backtest_sums": backtest_sums(model)})

    def _gone_on_with(self, before: RegistryEntry, task: Train, clock: Clock) -> Iterator[Outcome]:
        """The outcomes of a version that this work made before it was cut off; none when its files are not whole."""
        assert before.newest is not None
        region_item, version = before.region_item, before.newest.version
        with clock("register"):
            try:
                model = self.registry.load(region_item, version)
            except (ModelFilesError, NotRegisteredError, OSError):
                if version not in (before.candidate, before.production):
                    self.registry.discard(region_item, version)
                return
            self.registry.adopt(region_item, version)
            entry = self.registry.entry(region_item)
        yield self._trained(region_item, version, model, task.plots)
        if PRODUCTION_MODEL not in task.assets:
            return
        if entry is not None and entry.decided == version:  # told again: the word of it may be lost
            tags = self.registry.tags(region_item, version)
            numbers = json.loads(tags.get("decision_numbers") or "{}")
            yield Outcome(region_item, PRODUCTION_MODEL, reason=entry.reason, details={
                "version": version, "replaced": entry.previous if entry.production == version else entry.production,
                **numbers, "request_id": task.asked.request_id, "verdict": entry.decision})
        else:
            yield self._judge(region_item, task.asked, clock)

    def _told_again(self, earlier: RegisteredVersion, task: Train) -> Iterator[Outcome]:
        """The outcomes of a version that this work made and decided, before another retrain made a newer one."""
        details = {**earlier.numbers, "version": earlier.version, "request_id": task.asked.request_id}
        yield Outcome(earlier.region_item, CANDIDATE_MODEL, details=details)
        if PRODUCTION_MODEL in task.assets:
            yield Outcome(earlier.region_item, PRODUCTION_MODEL, reason=earlier.reason,
                          details={**details, "replaced": None, "verdict": earlier.decision})

    def _is_out_of_date(self, before: RegistryEntry | None) -> bool:
        """Whether another model is in production than the candidate was compared with, or a pin came or went."""
        if before is None:
            return False
        now = self.registry.entry(before.region_item)
        return now is None or (now.production, now.pinned_by) != (before.production, before.pinned_by)

    def _judge(self, region_item: RegionItem, asked: RequestedBy, clock: Clock) -> Outcome:
        with clock("register"):
            entry = self.registry.entry(region_item)
        if entry is None or entry.candidate is None:
            return Outcome(region_item, PRODUCTION_MODEL, "quarantined",
                           "no candidate was ever trained, so there is nothing to judge")
        tags = self.registry.tags(region_item, entry.candidate)
        details = {"version": entry.candidate, "replaced": entry.production, "request_id": tags.get("request_id", "")}
        if entry.decided == entry.candidate:
            return Outcome(region_item, PRODUCTION_MODEL, reason=f"already judged: {entry.decision}: {entry.reason}",
                           details=details)
        with clock("gate"):
            candidate = self.registry.load(region_item, entry.candidate)
            in_production = entry.production if entry.production != entry.candidate else None
            production, lost = self._production(region_item, in_production)
            decision = _told(held_by_pin(entry, contest(
                self.store.read("demand", region_item), self.dataset, candidate, production, region_item)), lost,
                             why(candidate))
        if self._is_out_of_date(entry):
            return self._judge(region_item, asked, clock)  # another run promoted, or a person acted, meanwhile
        with clock("promote"), span("the registry is told of the decision", verdict=decision.verdict,
                                    version=entry.candidate):
            decision = self.registry.record_decision(
                region_item, entry.candidate, decision, str(details["request_id"] or asked.request_id), before=entry)
        return Outcome(region_item, PRODUCTION_MODEL, reason=decision.reason,
                       details={**details, **decision.numbers, "verdict": decision.verdict})

    def _production(self, region_item: RegionItem, version: int | None) -> tuple[ForecastModel | None, str]:
        """The model in production, or None and why it cannot be compared with although there is one."""
        if version is None:
            return None, ""
        try:
            return self.registry.load(region_item, version), ""
        except NotRegisteredError:
            return None, f"not compared with v{version} (in production): its files are gone from MLflow"
        except OtherPooledError:
            return None, (f"not compared with v{version} (in production): the pooled model that it stands on is gone "
                          "from MLflow")
        except ModelFilesError as error:
            log.warning("%s: %s", region_item, error)
            return None, f"not compared with v{version} (in production): its files in MLflow are damaged"


def _told(decision: Decision, *beside: str) -> Decision:
    """The decision, with what else is to be told in its reason."""
    return replace(decision, reason="; ".join(filter(None, (decision.reason, *beside)))) if any(beside) else decision


def _answers(some: Sequence[Prepared]) -> Sequence[Sequence[Floats] | None]:
    """What the pooled model says to each. None where it fails, as for want of memory: then each asks by itself, and
    fails by itself."""
    try:
        return answers_of(some) if some else []
    except Exception as error:  # noqa: BLE001  as in guarded
        log.warning("the pooled model is asked of %s region-items one by one: %s", len(some), error)
        return [None] * len(some)


def backtest_sums(model: ForecastModel) -> dict[str, float]:
    """What the backtest's total over many region-items is made of: sums over its known actuals, in units and counts."""
    actual, forecast, naive, own, pooled, lower, upper = (
        np.array(model.backtest[name], dtype=np.float64).ravel()
        for name in ("actual", "forecast", "seasonal_naive", "own", "pooled", "lower_80", "upper_80"))
    known = ~np.isnan(actual)
    actual, forecast, naive, own, pooled = (values[known] for values in (actual, forecast, naive, own, pooled))
    inside = (actual >= lower[known]) & (actual <= upper[known])
    return {"actual": float(actual.sum()), "error": float((forecast - actual).sum()),
            "absolute_error": float(np.abs(forecast - actual).sum()),
            "absolute_error_seasonal_naive": float(np.abs(naive - actual).sum()),
            "absolute_error_own": float(np.abs(own - actual).sum()),
            "absolute_error_pooled": float(np.abs(pooled - actual).sum()),
            "inside_80": int(inside.sum()), "points": len(actual)}


def _backtest_lines(model: ForecastModel) -> dict[str, list[float]]:
    return {colour: np.array(model.backtest[name], dtype=float).ravel().tolist()
            for colour, name in (("#444", "actual"), ("#c60", "forecast"))}
