"""The stages that carry demand to promoted models, for many region-items at a time.

Each stage takes region-items and yields one outcome for each, as soon as it is known; a region-item that fails never
disturbs its neighbours. What happens is written to the journal, which the web app follows.
"""

import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from demand_assets.forecasting.dataset import Dataset
from demand_assets.forecasting.features import features_table, series_features
from demand_assets.forecasting.journal import Entry, Journal, Step
from demand_assets.forecasting.model import ForecastModel
from demand_assets.forecasting.pooled import NotEnoughHistoryError, PooledModel
from demand_assets.forecasting.pooled_contest import judge_pooled
from demand_assets.forecasting.pooled_training import train_pooled
from demand_assets.forecasting.promotion import Decision
from demand_assets.forecasting.region_item import RegionItem
from demand_assets.forecasting.registry import NotRegisteredError, Registry, TrainingBatch
from demand_assets.forecasting.store import DemandStore
from demand_assets.forecasting.training import contest, train
from demand_assets.forecasting.validation import Validated, validate_panel
from demand_assets.sources.source import Source

Status = Literal["done", "quarantined", "failed"]


@dataclass(frozen=True)
class Asked:
    """Who or what asked for the work, and in which run it is done."""

    request_id: str = ""
    run_id: str = ""
    by: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a stage made of one region-item."""

    region_item: RegionItem
    status: Status = "done"
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    """What an engineer would look for: rows, dates, counts, metrics, versions."""
    trace: str = ""
    """The traceback of an error."""
    demand: pd.DataFrame | None = None
    model: ForecastModel | None = None
    decision: Decision | None = None


@dataclass(frozen=True)
class Pooled:
    """A new pooled model, and whether new models stand on it."""

    model: PooledModel
    decision: Decision


Stage = Callable[[Sequence[RegionItem], Asked], Iterator[Outcome]]


@dataclass(frozen=True)
class Pipeline:
    """The stages, with what they read and write."""

    dataset: Dataset
    source: Source
    store: DemandStore
    registry: Registry
    cores: int

    @property
    def stages(self) -> dict[str, Stage]:
        """The stages by the name of the asset that each makes, in the order in which data flows."""
        return {"raw_demand": self.read, "demand": self.validate, "demand_features": self.build_features,
                "candidate_model": self.train, "production_model": self.judge}

    def read(self, region_items: Sequence[RegionItem], asked: Asked) -> Iterator[Outcome]:
        """Stage ``raw_demand``: rows as the source has them."""
        self._record("started", region_items, asked)
        panel = self.source.read(region_items)
        groups = dict(iter(panel.groupby(["region", "item"], sort=False, observed=True)))
        for region_item in region_items:
            raw = groups.get((region_item.region, region_item.item), panel.iloc[:0])
            yield self._guarded(region_item, asked, lambda raw=raw, region_item=region_item: self._store_raw(
                region_item, raw))

    def validate(self, region_items: Sequence[RegionItem], asked: Asked) -> Iterator[Outcome]:
        """Stage ``demand``: what passes its schema is stored; what fails is quarantined with the reason."""
        readable, panels = [], []
        for region_item in region_items:
            outcome = self._guarded(region_item, asked, lambda region_item=region_item: Outcome(
                region_item, demand=self.store.read("raw_demand", region_item)))
            if outcome.demand is None:
                yield outcome
                continue
            readable.append(region_item)
            panels.append(outcome.demand)
        if not readable:
            return
        panel = pd.concat(panels, ignore_index=True)
        checked = validate_panel(panel, self.dataset, readable, self.source.catalogue().last_date,
                                 today=self.source.today())
        entries = []
        for validated in checked:
            outcome = self._guarded(validated.region_item, asked, lambda one=validated: self._store_validated(one))
            if outcome.status != "failed":
                step: Step = "quarantined" if outcome.status == "quarantined" else "validated"
                entries.append(self._entry(step, outcome, asked))
            yield outcome
        Journal(self.store).write(entries)

    def build_features(self, region_items: Sequence[RegionItem], asked: Asked) -> Iterator[Outcome]:
        """Stage ``demand_features``: what is known at each origin."""
        for region_item in region_items:
            yield self._guarded(region_item, asked, lambda region_item=region_item: self._store_features(region_item))

    def train(self, region_items: Sequence[RegionItem], asked: Asked) -> Iterator[Outcome]:
        """Stage ``candidate_model``: fit, backtest, register as candidate; all cores, one thread for each model."""
        try:
            pooled = self._pooled_to_stand_on(asked)
        except NotEnoughHistoryError as error:
            outcomes = [Outcome(one, "quarantined", f"nothing to stand on yet: {error}") for one in region_items]
            Journal(self.store).write(self._entry("kept", outcome, asked) for outcome in outcomes)
            yield from outcomes
            return
        except Exception as error:  # noqa: BLE001  without the pooled model each region-item fails, and says why
            for one in region_items:
                yield self._failed(one, asked, f"pooled model: {type(error).__name__}: {error}", traceback.format_exc())
            return
        tags = {"request_id": asked.request_id, "asked_by": asked.by, "dagster_run_id": asked.run_id}
        with (self.registry.batch(f"train {len(region_items)} region-items", tags) as batch,
              ThreadPoolExecutor(self.cores) as pool):
            fitted = {pool.submit(self._fit, region_item, pooled): region_item for region_item in region_items}
            for future in as_completed(fitted):
                outcome = self._guarded(fitted[future], asked, lambda future=future: self._register(
                    batch, fitted[future], future, tags))
                if outcome.status != "failed":
                    step: Step = "trained" if outcome.status == "done" else "kept"
                    Journal(self.store).write([self._entry(step, outcome, asked)])
                yield outcome

    def pool(self, asked: Asked) -> Pooled:
        """Train the pooled model on all demand in the store, register it, and promote it unless it is worse.

        Raises: NotEnoughHistoryError: no region-item is long enough to train on.
        """
        stored = [one for one in self.source.catalogue().region_items if self.store.has("demand", one)]
        model = train_pooled(stored, self._demand, self.dataset, self.cores)
        tags = {"asked_by": asked.by, "dagster_run_id": asked.run_id}
        in_production = self.registry.pooled_production()
        with self.registry.batch("train the pooled model", tags) as batch:
            version = batch.register_pooled(model, tags)
        production = None if in_production is None else self.registry.load_pooled(in_production)
        decision = judge_pooled(model, production, stored, self._demand, self.dataset)
        self.registry.decide_pooled(version, decision)
        return Pooled(model.with_version(version), decision)

    def judge(self, region_items: Sequence[RegionItem], asked: Asked) -> Iterator[Outcome]:
        """Stage ``production_model``: the gate; the alias moves when the candidate is better."""
        for region_item in region_items:
            outcome = self._guarded(region_item, asked, lambda region_item=region_item: self._judge(region_item, asked))
            if outcome.decision:
                requested = Asked(outcome.details.get("request_id") or asked.request_id, asked.run_id, asked.by)
                step: Step = "promoted" if outcome.decision.verdict == "promote" else "kept"
                Journal(self.store).write([self._entry(step, outcome, requested)])
            if asked.request_id and outcome.details.get("request_id", asked.request_id) != asked.request_id:
                replaced = f"a later retrain's v{outcome.details['version']} was judged instead: {outcome.reason}"
                Journal(self.store).write([self._entry("kept", replace(outcome, reason=replaced), asked)])
            yield outcome

    def _store_raw(self, region_item: RegionItem, raw: pd.DataFrame) -> Outcome:
        self.store.write("raw_demand", region_item, raw)
        return Outcome(region_item, details={"rows": len(raw)})

    def _store_validated(self, validated: Validated) -> Outcome:
        region_item = validated.region_item
        self.store.write("quarantine", region_item, validated.quarantine)
        rules = validated.quarantine["rule"].value_counts()
        details: dict[str, Any] = {name: count for name, count in validated.counts.items() if ":" not in name}
        details["quarantined_by_rule"] = {str(rule): int(count) for rule, count in rules.items()}
        if validated.demand is None:
            return Outcome(region_item, "quarantined", validated.problem, details)
        self.store.write("demand", region_item, validated.demand)
        known = validated.demand.loc[validated.demand["demand"].notna(), "date"]
        if len(known):
            details |= {"first_date": str(known.iloc[0].date()), "last_date": str(known.iloc[-1].date())}
        return Outcome(region_item, details=details, demand=validated.demand)

    def _store_features(self, region_item: RegionItem) -> Outcome:
        demand = self.store.read("demand", region_item)
        table = features_table(series_features(demand, self.dataset))
        self.store.write("demand_features", region_item, table)
        return Outcome(region_item, details={"rows": len(table), "columns": len(table.columns)})

    def _pooled_to_stand_on(self, asked: Asked) -> PooledModel:
        """The pooled model in production; a first one is trained where there is none."""
        version = self.registry.pooled_production()
        return self.pool(asked).model if version is None else self.registry.load_pooled(version)

    def _demand(self, region_item: RegionItem) -> pd.DataFrame:
        return self.store.read("demand", region_item)

    def _fit(self, region_item: RegionItem, pooled: PooledModel) -> tuple[pd.DataFrame, ForecastModel]:
        demand = self._demand(region_item)
        return demand, train(demand, self.dataset, pooled, region_item)

    def _register(self, batch: TrainingBatch, region_item: RegionItem,
                  fitted: "Future[tuple[pd.DataFrame, ForecastModel]]", tags: dict[str, str]) -> Outcome:
        try:
            demand, model = fitted.result()
        except NotEnoughHistoryError as error:
            return Outcome(region_item, "quarantined", f"too short for a model of its own: {error}. The pooled model "
                                                       "serves it until its own passes the gate.")
        version = batch.register(region_item, model, tags)
        return Outcome(region_item, demand=demand, model=model, details={
            "version": version, **asdict(model.card), "backtest_sums": backtest_sums(model)})

    def _judge(self, region_item: RegionItem, asked: Asked) -> Outcome:
        entry = self.registry.entry(region_item)
        if entry is None or entry.candidate is None:
            return Outcome(region_item, "quarantined", "no candidate was ever trained, so there is nothing to judge")
        tags = self.registry.tags(region_item, entry.candidate)
        details = {"version": entry.candidate, "replaced": entry.production,
                   "request_id": tags.get("request_id", "")}
        if tags.get("decision_applied"):
            return Outcome(region_item, reason=f"already judged: {tags['decision']}",
                           details=details)
        candidate = self.registry.load(region_item, entry.candidate)
        production = None
        if entry.production is not None and entry.production != entry.candidate:
            production = self._production(region_item, entry.production)
        decision = contest(self._demand(region_item), self.dataset, candidate, production, region_item)
        now = self.registry.entry(region_item)
        if now is None or now.production != entry.production:
            return self._judge(region_item, asked)  # another run promoted meanwhile: judge against what it promoted
        self.registry.record_decision(region_item, entry.candidate, decision, asked.request_id or details["request_id"],
                                      asdict(candidate.card), before=now)
        return Outcome(region_item, reason=decision.reason, decision=decision, model=candidate,
                       details={**details, **decision.numbers, "verdict": decision.verdict})

    def _production(self, region_item: RegionItem, version: int) -> ForecastModel | None:
        try:
            return self.registry.load(region_item, version)
        except NotRegisteredError:
            return None

    def _guarded(self, region_item: RegionItem, asked: Asked, work: Callable[[], Outcome]) -> Outcome:
        try:
            return work()
        except Exception as error:  # noqa: BLE001  the edge: whatever breaks one region-item is recorded as its failure
            return self._failed(region_item, asked, f"{type(error).__name__}: {error}", traceback.format_exc())

    def _failed(self, region_item: RegionItem, asked: Asked, reason: str, trace: str = "") -> Outcome:
        outcome = Outcome(region_item, "failed", reason, trace=trace)
        Journal(self.store).write([self._entry("failed", outcome, asked)])
        return outcome

    def _record(self, step: Step, region_items: Sequence[RegionItem], asked: Asked) -> None:
        Journal(self.store).write(self._entry(step, Outcome(region_item), asked) for region_item in region_items)

    @staticmethod
    def _entry(step: Step, outcome: Outcome, asked: Asked) -> Entry:
        return Entry(outcome.region_item, step, request_id=asked.request_id, run_id=asked.run_id, reason=outcome.reason,
                     numbers=outcome.details)


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
