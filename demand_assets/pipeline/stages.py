"""What is done with some region-items at a time, in whichever process: nothing here knows the source or Dagster.

A region-item that fails never disturbs its neighbours: its error is its outcome.
"""

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.clock import Clock
from demand_assets.forecasting.contract.dataset import Dataset
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.features.table import features_table
from demand_assets.forecasting.gate.contest import contest
from demand_assets.forecasting.model.own import ForecastModel
from demand_assets.forecasting.model.pooled import NotEnoughHistoryError
from demand_assets.forecasting.model.training.own import train
from demand_assets.forecasting.registry.entry import RegistryEntry, held_by_pin
from demand_assets.forecasting.registry.registry import NotRegisteredError, Registry, TrainingBatch
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.validation.panel import Validated, validate_panel
from demand_assets.pipeline.outcomes import Asked, Asset, Outcome, Part

PLOT_PERIODS = 180
PLOTS_UP_TO = 50
"""Region-items of a run that get a plot each in Dagster; those of larger runs would fill the disk, unseen."""


@dataclass(frozen=True)
class TakeIn:
    """Region-items whose demand is to be taken in."""

    region_items: Sequence[RegionItem]
    assets: Sequence[Asset]
    """Of ``TAKING_IN``, those wanted."""
    raw: pd.DataFrame | None
    """As the source has it; read from the store when that asset is not wanted."""
    last_date: pd.Timestamp | None
    today: pd.Timestamp
    plots: bool


@dataclass(frozen=True)
class Train:
    """Region-items that are to be trained, judged, or both."""

    region_items: Sequence[RegionItem]
    assets: Sequence[Asset]
    """Of ``TRAINING``, those wanted."""
    asked: Asked
    plots: bool
    pooled_version: int = 0
    batch: TrainingBatch | None = None
    """Where new models are registered."""


@dataclass(frozen=True)
class Stages:
    """The stages, with what they read and write; can be sent to another process."""

    dataset: Dataset
    store: DemandStore
    registry: Registry

    def take_in(self, task: TakeIn) -> Part:
        """Stages ``raw_demand``, ``demand`` and ``demand_features``."""
        clock, outcomes = Clock(), list[Outcome]()
        going = list(task.region_items)

        def each(asset: Asset, stage: str, work: Callable[[RegionItem], Outcome]) -> None:
            nonlocal going
            made = [_guarded(one, asset, lambda one=one: _timed(clock, stage, work, one)) for one in going]
            outcomes.extend(made)
            going = [outcome.region_item for outcome in made if outcome.status == "done"]

        if "raw_demand" in task.assets and task.raw is not None:
            groups = dict(iter(task.raw.groupby(["region", "item"], sort=False, observed=True)))
            nothing = task.raw.iloc[:0]
            each("raw_demand", "store raw", lambda one: self._store_raw(
                one, groups.get((one.region, one.item), nothing)))
        if "demand" in task.assets and going:
            panels = {}
            for one in list(going):
                try:
                    with clock("read raw"):
                        panels[one] = task.raw if task.raw is not None else self.store.read("raw_demand", one)
                except Exception as error:  # noqa: BLE001  as in _guarded
                    outcomes.append(_failed(one, "demand", error))
            if panels:
                with clock("validate"):
                    panel = task.raw if task.raw is not None else pd.concat(panels.values(), ignore_index=True)
                    checked = {found.region_item: found for found in validate_panel(
                        panel, self.dataset, list(panels), task.last_date, today=task.today)}
                going = list(panels)
                each("demand", "store demand", lambda one: self._store_validated(checked[one], task.plots))
            else:
                going = []
        if "demand_features" in task.assets:
            each("demand_features", "features", self._store_features)
        return Part(outcomes, clock.seconds)

    def train(self, task: Train) -> Part:
        """Stages ``candidate_model`` (fit, backtest, register) and ``production_model`` (the gate)."""
        clock, outcomes = Clock(), list[Outcome]()
        for one in task.region_items:
            if "candidate_model" not in task.assets:
                outcomes.append(_guarded(one, "production_model", lambda one=one: self._judge(one, task.asked, clock)))
                continue
            outcomes.extend(self._candidate(one, task, clock))
        return Part(outcomes, clock.seconds)

    def _candidate(self, region_item: RegionItem, task: Train, clock: Clock) -> Iterator[Outcome]:
        asset: Asset = "candidate_model"
        try:
            for outcome in self._train_and_judge(region_item, task, clock):
                yield outcome
                asset = "production_model"
        except Exception as error:  # noqa: BLE001  as in _guarded
            yield _failed(region_item, asset, error)

    def _store_raw(self, region_item: RegionItem, raw: pd.DataFrame) -> Outcome:
        self.store.write("raw_demand", region_item, raw)
        return Outcome(region_item, "raw_demand", details={"rows": len(raw)})

    def _store_validated(self, validated: Validated, plots: bool) -> Outcome:
        region_item = validated.region_item
        self.store.write("quarantine", region_item, validated.quarantine)
        rules = validated.quarantine["rule"].value_counts()
        details: dict[str, Any] = {name: count for name, count in validated.counts.items() if ":" not in name}
        details["quarantined_by_rule"] = {str(rule): int(count) for rule, count in rules.items()}
        if validated.demand is None:
            return Outcome(region_item, "demand", "quarantined", validated.problem, details)
        self.store.write("demand", region_item, validated.demand)
        known = validated.demand.loc[validated.demand["demand"].notna(), "date"]
        if len(known):
            details |= {"first_date": str(known.iloc[0].date()), "last_date": str(known.iloc[-1].date())}
        lines = {"#444": validated.demand["demand"].astype(float).tolist()[-PLOT_PERIODS:]} if plots else {}
        return Outcome(region_item, "demand", details=details, lines=lines)

    def _store_features(self, region_item: RegionItem) -> Outcome:
        demand = self.store.read("demand", region_item)
        table = features_table(demand, self.dataset, region_item)
        self.store.write("demand_features", region_item, table)
        return Outcome(region_item, "demand_features", details={"rows": len(table), "columns": len(table.columns)})

    def _train_and_judge(self, region_item: RegionItem, task: Train, clock: Clock) -> Iterator[Outcome]:
        assert task.batch is not None  # wherever candidates are wanted
        with clock("read demand"):
            demand = self.store.read("demand", region_item)
            pooled = self.registry.load_pooled(task.pooled_version)
        try:
            model = train(demand, self.dataset, pooled, region_item, clock)
        except NotEnoughHistoryError as error:
            yield Outcome(region_item, "candidate_model", "quarantined",
                          f"too short for a model of its own: {error}")
            return
        with clock("register"):
            before = self.registry.entry(region_item)
        decision = None
        if "production_model" in task.assets:
            with clock("gate"):
                production = self._production(region_item, before.production if before else None)
                decision = held_by_pin(before, contest(demand, self.dataset, model, production, region_item))
        version = task.batch.register(region_item, model, task.asked.tags, before is not None, decision, clock)
        unknown = [driver.title for driver in self.dataset.drivers if driver.name not in model.drivers]
        yield Outcome(
            region_item, "candidate_model", lines=_backtest_lines(model) if task.plots else {},
            reason=f"it does not know {', '.join(unknown)}, nor does the pooled model that it stands on; renew that "
            "one (job “pool”) and retrain" if unknown else "",
            details={"version": version, **asdict(model.card), "backtest_sums": backtest_sums(model)})
        if decision and self._is_out_of_date(before):
            yield self._judge(region_item, task.asked, clock)
        elif decision:
            with clock("promote"):
                self.registry.record_decision(
                    region_item, version, decision, task.asked.request_id, asdict(model.card),
                    before=before or RegistryEntry(region_item, "", None, None), is_told=True,
                    source=task.batch.source(region_item))
            yield Outcome(region_item, "production_model", reason=decision.reason, details={
                "version": version, "replaced": before.production if before else None,
                "request_id": task.asked.request_id, **decision.numbers, "verdict": decision.verdict})

    def _is_out_of_date(self, before: RegistryEntry | None) -> bool:
        """Whether another model is in production than the candidate was compared with, or a pin came or went."""
        if before is None:
            return False
        now = self.registry.entry(before.region_item)
        return now is None or (now.production, now.pinned_by) != (before.production, before.pinned_by)

    def _judge(self, region_item: RegionItem, asked: Asked, clock: Clock) -> Outcome:
        with clock("register"):
            entry = self.registry.entry(region_item)
        if entry is None or entry.candidate is None:
            return Outcome(region_item, "production_model", "quarantined",
                           "no candidate was ever trained, so there is nothing to judge")
        tags = self.registry.tags(region_item, entry.candidate)
        details = {"version": entry.candidate, "replaced": entry.production, "request_id": tags.get("request_id", "")}
        if entry.decided == entry.candidate:
            return Outcome(region_item, "production_model", reason=f"already judged: {entry.decision}: {entry.reason}",
                           details=details)
        with clock("gate"):
            candidate = self.registry.load(region_item, entry.candidate)
            in_production = entry.production if entry.production != entry.candidate else None
            decision = held_by_pin(entry, contest(
                self.store.read("demand", region_item), self.dataset, candidate,
                self._production(region_item, in_production), region_item))
        if self._is_out_of_date(entry):
            return self._judge(region_item, asked, clock)  # another run promoted, or a person acted, meanwhile
        with clock("promote"):
            self.registry.record_decision(
                region_item, entry.candidate, decision, str(details["request_id"] or asked.request_id),
                asdict(candidate.card), before=entry)
        return Outcome(region_item, "production_model", reason=decision.reason,
                       details={**details, **decision.numbers, "verdict": decision.verdict})

    def _production(self, region_item: RegionItem, version: int | None) -> ForecastModel | None:
        if version is None:
            return None
        try:
            return self.registry.load(region_item, version)
        except NotRegisteredError:
            return None


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


def _timed(clock: Clock, stage: str, work: Callable[[RegionItem], Outcome], region_item: RegionItem) -> Outcome:
    with clock(stage):
        return work(region_item)


def _guarded(region_item: RegionItem, asset: Asset, work: Callable[[], Outcome]) -> Outcome:
    try:
        return work()
    except Exception as error:  # noqa: BLE001  the edge: whatever breaks one region-item is recorded as its failure
        return _failed(region_item, asset, error)


def _failed(region_item: RegionItem, asset: Asset, error: Exception) -> Outcome:
    return Outcome(region_item, asset, "failed", f"{type(error).__name__}: {error}", trace="".join(
        traceback.format_exception(error)))
