"""Carries demand to promoted models, for many region-items at a time and on all cores.

Every region-item has one outcome for each asset, told as soon as it is known. What happens is written to the journal,
which the web app follows.
"""

import hashlib
import json
import logging
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from time import monotonic
from typing import Literal, TypeVar

import pandas as pd

from demand_assets.forecasting.contract.clock import Clock
from demand_assets.forecasting.contract.dagster_names import (
    BY_DAMAGE,
    CANDIDATE_MODEL,
    INSPECTED_FEATURES,
    RAW_DEMAND,
    RETRAINED_ASSETS,
    TAKEN_IN_ASSETS,
    TRAINED_ASSETS,
    Asset,
)
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import Source, SourceError
from demand_assets.forecasting.dataset.attributes import Attributes
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.predecessors import Predecessors
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.gate.pooled_contest import judge_pooled
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.freed_memory import give_back
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.registry.loadable.completion import complete
from demand_assets.forecasting.registry.loadable.origin import Origin
from demand_assets.forecasting.registry.registered_models import RegisteredVersion
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.registry.session import NotRegisteredError
from demand_assets.forecasting.series.censored_demand import observed
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.journal import Entry, Journal
from demand_assets.forecasting.store.stored_files import DamagedFileError, NotInStoreError
from demand_assets.forecasting.store.waiting_for_room import Patience, exhausted, tried_until_there_is_room
from demand_assets.forecasting.telemetry.tracing import span
from demand_assets.pipeline.batch_numbers import BatchNumbers
from demand_assets.pipeline.outcomes import PLOTS_UP_TO, Outcome, Part, RequestedBy
from demand_assets.pipeline.parallel import side_by_side, warm_up
from demand_assets.pipeline.renewal_of_pooled import pays_to_renew, pooled_or_none
from demand_assets.pipeline.take_in import TakeIn, TakeInStage
from demand_assets.pipeline.train_stage import Train, TrainStage
from demand_assets.sources.beside_demand.attributes import AttributeReader
from demand_assets.sources.beside_demand.predecessors import is_declared, read_predecessors

log = logging.getLogger(__name__)
T = TypeVar("T")

PROCESSES_FROM = 100
"""Region-items from which on processes pay for their start; fewer are worked on by threads."""
TAKEN_IN_TOGETHER = 50
ASKED_FOR_LAST = 50
"""Region-items whose demand tells where the dataset's ends, when the source does not."""
TRAINED_TOGETHER = 8
"""Region-items that a worker is given at a time."""
TABLES_KEPT = 1000
"""Region-items whose demand stays in memory while the pooled model is trained, which reads it some times."""
JOURNAL_SECONDS = 0.5
"""How long an entry waits for others: each write is a file that readers look through."""


@dataclass(frozen=True)
class Pooled:
    """A new pooled model, and whether new models stand on it."""

    model: PooledModel
    decision: Decision
    version: int


@dataclass(frozen=True)
class Pipeline:
    """The pipeline of one dataset, with what it reads and writes."""

    dataset: Dataset
    source: Source
    store: DemandStore
    registry: Registry
    cores: int

    def carry(self, region_items: Sequence[RegionItem], assets: Collection[str], asked: RequestedBy,
              clock: Clock | None = None) -> Iterator[Outcome]:
        """Each outcome of ``carry_together``, by itself."""
        for outcomes in self.carry_together(region_items, assets, asked, clock):
            yield from outcomes

    def carry_together(self, region_items: Sequence[RegionItem], assets: Collection[str], asked: RequestedBy,
                       clock: Clock | None = None) -> Iterator[Sequence[Outcome]]:
        """Carry region-items through the stages that make these assets; one that fails a stage goes no further. What
        became of some, as soon as it is known.

        Where something of the machine is used up, those that have not come to their end wait for it and are begun
        again; what they have registered is gone on with.

        Args:
            clock: is told where the time goes.
        """
        clock, patience = clock or Clock(), Patience()
        going = list(region_items)
        last = next((asset for asset in reversed(RETRAINED_ASSETS) if asset in assets), None)
        while True:
            ended = set[RegionItem]()
            try:
                for outcomes in self._carry(going, assets, asked, clock):
                    yield outcomes
                    ended |= {one.region_item for one in outcomes
                              if one.asset == last or (one.status != "done" and one.asset != INSPECTED_FEATURES)}
            except Exception as error:
                if not patience.waits_for(error):
                    raise
                going = [one for one in going if one not in ended]
            else:
                return

    def _carry(self, region_items: Sequence[RegionItem], assets: Collection[str], asked: RequestedBy,
               clock: Clock) -> Iterator[Sequence[Outcome]]:
        going = list(region_items)
        stages: tuple[tuple[tuple[Asset, ...], Callable[..., Iterator[Part]]], ...] = (
            (TAKEN_IN_ASSETS, self._take_in), (TRAINED_ASSETS, self._train))
        with self._journal(asked) as told:
            for group, stage in stages:
                wanted = [asset for asset in group if asset in assets]
                if not wanted or not going:
                    continue
                last = [asset for asset in wanted if asset != INSPECTED_FEATURES][-1:]
                reached = [] if last else going
                for part in self._past_what_is_mended(stage, going, wanted, asked, clock):
                    clock.add(part.seconds)
                    try:
                        yield part.outcomes
                    finally:
                        told(part.outcomes)  # last: ``make train`` goes on with what the journal has no end of
                    reached += [outcome.region_item for outcome in part.outcomes
                                if outcome.asset in last and outcome.status == "done"]
                going = sorted(set(reached))

    def _past_what_is_mended(self, stage: Callable[..., Iterator[Part]], going: Sequence[RegionItem],
                             wanted: Sequence[Asset], asked: RequestedBy, clock: Clock) -> Iterator[Part]:
        """What the stage comes to; region-items whose stored demand is met damaged are taken in and begun again, once:
        it may have been damaged since this very run took it in."""
        damaged = list[RegionItem]()
        for part in self._traced(stage, going, wanted, asked, clock):
            damaged += [outcome.region_item for outcome in part.outcomes if outcome.damaged]
            yield replace(part, outcomes=[outcome for outcome in part.outcomes if not outcome.damaged])
        if damaged:
            log.warning("%d region-items are taken in again, whose stored demand is damaged", len(damaged))
            with suppress(SourceError):  # without the source and raw rows they fail as before, and say so
                for part in self._taken_in(damaged, TAKEN_IN_ASSETS, True, clock):
                    clock.add(part.seconds)
            yield from self._traced(stage, damaged, wanted, asked, clock)

    def _traced(self, stage: Callable[..., Iterator[Part]], going: Sequence[RegionItem], wanted: Sequence[Asset],
                asked: RequestedBy, clock: Clock) -> Iterator[Part]:
        with span(" and ".join(wanted), asked.traceparent, region_items=len(going)) as here:
            yield from stage(going, wanted, replace(asked, traceparent=here), clock)

    def pool(self, asked: RequestedBy) -> Pooled:
        """Train the pooled model on all demand in the store, register it, and promote it unless it is worse.

        Raises: NotEnoughHistoryError: no region-item is long enough to train on.
        """
        return tried_until_there_is_room(lambda: self._pool(asked))

    def _pool(self, asked: RequestedBy, like: PooledModel | None = None) -> Pooled:
        with span("pooled model trained and judged", asked.traceparent):
            return self._trained_pooled(asked, like)

    def _trained_pooled(self, asked: RequestedBy, like: PooledModel | None) -> Pooled:
        read = lru_cache(maxsize=TABLES_KEPT)(self._demand)
        stored = self.store.stored("demand", self.source.catalogue().region_items)
        aside = partial(side_by_side, workers=self.cores, in_processes=True) if len(stored) >= PROCESSES_FROM else map
        model = self._past_damage(stored, lambda: train_pooled(stored, read, self.dataset, self.cores, like, aside))
        in_production = self.registry.pooled_production()
        with self.registry.batch("train the pooled model", asked.tags, self._origin(stored)) as batch:
            version = batch.register_pooled(model, asked.tags, stored[0])
            batch.tell({name: value for name, value in model.card.items() if isinstance(value, int | float)},
                       _fingerprint(model), len(stored))
        production = None if in_production is None else pooled_or_none(self.registry, in_production)
        decision = self._past_damage(stored, lambda: judge_pooled(model, production, stored, read, self.dataset))
        if in_production is not None and production is None:
            decision = replace(decision, reason=f"v{in_production}, which was in production, cannot be read: its files "
                                                "are damaged or gone")
        self.registry.decide_pooled(version, decision)
        give_back()
        return Pooled(model.with_version(version), decision, version)

    def _take_in(self, region_items: Sequence[RegionItem], wanted: Sequence[Asset], asked: RequestedBy,
                 clock: Clock) -> Iterator[Part]:
        if RAW_DEMAND in wanted:
            Journal(self.store).write(Entry(one, "started", asked.request_id, asked.run_id, asked_by=asked.by)
                                      for one in region_items)
            self.refresh_attributes()
            self.refresh_predecessors()
        yield from self._taken_in(region_items, wanted, asked.by == BY_DAMAGE, clock)

    def _taken_in(self, region_items: Sequence[RegionItem], wanted: Sequence[Asset], mends: bool,
                  clock: Clock) -> Iterator[Part]:
        """What became of each in the stages that take it in.

        Args:
            mends: whether the raw rows of before do where the source does not answer.
        """
        plots = len(region_items) <= PLOTS_UP_TO
        if len(region_items) >= PROCESSES_FROM:  # they start while the source is looked through
            warm_up(self.cores, ["demand_assets.pipeline.take_in"])
        try:
            state = self.source.fingerprint() if RAW_DEMAND in wanted else ""  # before any row is read
            catalogue = self.source.catalogue()
            last_date, events = catalogue.last_date, catalogue.events
        except SourceError as error:
            if not mends:
                raise
            log.warning("damaged files are made again from the raw rows: %s", error)
            state, last_date, events = "", self._last_known(), self.store.read_events()
            wanted = [asset for asset in wanted if asset != RAW_DEMAND]

        if events and state:
            self.store.write_events(events)

        def tasks() -> Iterator[TakeIn]:
            for some in _parts(region_items, TAKEN_IN_TOGETHER):
                raw = None
                if RAW_DEMAND in wanted:
                    with clock("read"):
                        raw = self.source.read(some)
                yield TakeIn(some, wanted, raw, last_date, self.source.today(), plots, state, events)

        yield from self._side_by_side(TakeInStage(self.dataset, self.store).take_in, tasks(), len(region_items))

    def take_in_attributes(self) -> Attributes:
        """The attributes of items and regions, those in the store made again where they may have changed; none where
        the dataset file declares none.

        Raises: SourceError: they cannot be read, as the stored ones say from then on; those of before stay in use.
        """
        if not self.dataset.attributes:
            return Attributes()
        known = self.store.read_attributes()
        try:
            reader = self._attributes
            if known.state and known.state == reader.state():
                return known
            found = reader.read().after(known, self.dataset.attributes)
        except SourceError as error:
            if known.problem != str(error):
                self.store.write_attributes(replace(known, problem=str(error), state=""))
            raise
        self.store.write_attributes(found)
        return found

    @cached_property
    def _attributes(self) -> AttributeReader:
        """The same each time: it knows the tables in databases for some minutes. Raises: SourceError."""
        return AttributeReader(self.dataset, self.source)

    def refresh_attributes(self) -> None:
        """Take attributes in, whose trouble keeps no demand from being taken in."""
        try:
            self.take_in_attributes()
        except SourceError as error:
            log.warning("attributes stay as they were: %s", error)

    def take_in_predecessors(self) -> Predecessors:
        """Which items carry on the demand of which others, as the dataset file and its table say now; planners' own
        word is kept elsewhere.

        Raises: SourceError: they cannot be read, as the stored ones say from then on; those of before stay in use.
        """
        known = self.store.read_predecessors()
        if not is_declared(self.dataset):
            found = Predecessors()
        else:
            try:
                found = read_predecessors(self.dataset, self.source.catalogue())
            except SourceError as error:
                if known.problem != str(error):
                    self.store.write_predecessors(replace(known, problem=str(error)))
                raise
        if found != known:
            self.store.write_predecessors(found)
        return found

    def refresh_predecessors(self) -> None:
        """Take predecessors in, whose trouble keeps no demand from being taken in."""
        try:
            self.take_in_predecessors()
        except SourceError as error:
            log.warning("predecessors stay as they were: %s", error)

    def _train(self, region_items: Sequence[RegionItem], wanted: Sequence[Asset], asked: RequestedBy,
               clock: Clock) -> Iterator[Part]:
        together = max(1, min(TRAINED_TOGETHER, len(region_items) // (4 * self.cores)))  # none waits long
        parts, plots = list(_parts(region_items, together)), len(region_items) <= PLOTS_UP_TO
        if CANDIDATE_MODEL not in wanted:
            tasks = (Train(some, wanted, asked, plots) for some in parts)
            yield from self._side_by_side(self._training.train, tasks, len(region_items))
            return
        try:
            with clock("pooled"):
                version = self._pooled_to_stand_on(region_items, asked)
        except NotEnoughHistoryError as error:
            yield Part([Outcome(one, CANDIDATE_MODEL, "quarantined", f"nothing to stand on yet: {error}")
                        for one in region_items], {})
            return
        except Exception as error:
            if exhausted(error):
                raise
            # Without the pooled model each region-item fails, and says why.
            yield Part([Outcome(one, CANDIDATE_MODEL, "failed", f"pooled model: {type(error).__name__}: {error}",
                                trace=traceback.format_exc()) for one in region_items], {})
            return
        numbers = BatchNumbers()
        with self.registry.batch(f"train {len(region_items)} region-items", asked.tags, self._origin(region_items),
                                 version) as batch:
            decided = self._decided_before(asked)
            tasks = (Train(some, wanted, asked, plots, version, batch, {one: decided[one] for one in some
                                                                        if one in decided}) for some in parts)
            for part in self._side_by_side(self._training.train, tasks, len(region_items)):
                numbers.add(part.outcomes)
                yield part
            batch.tell(numbers.metrics, numbers.demand_hash, numbers.trained)

    def _decided_before(self, asked: RequestedBy) -> dict[RegionItem, RegisteredVersion]:
        """What this very work decided before it was cut off: a later retrain's version may hide it from the registry's
        entry, which tells of the newest."""
        found: dict[RegionItem, RegisteredVersion] = {}
        tags: list[tuple[Literal["request_id", "dagster_run_id"], str]] = [("dagster_run_id", asked.run_id)]
        if asked.goes_on:
            tags.append(("request_id", asked.request_id))
        for tag, value in tags:
            if value:
                found |= {one.region_item: one for one in self.registry.all_made_for(tag, value) if one.decision}
        return found

    def complete_models(self) -> int:
        """How many versions in production were completed, of before models could be loaded elsewhere."""
        known = self.store.read_catalogue()
        return complete(self.registry, self._origin(known)) if known else 0

    def _origin(self, region_items: Sequence[RegionItem]) -> Origin:
        """What new models are told to be of."""
        return Origin(self.dataset, self.store.url, region_items[0])

    def _side_by_side(self, work: "Callable[[TakeIn], Part] | Callable[[Train], Part]", tasks: Iterator[TakeIn | Train],
                      size: int) -> Iterator[Part]:
        return side_by_side(work, tasks, self.cores, in_processes=size >= PROCESSES_FROM)

    @property
    def _training(self) -> TrainStage:
        return TrainStage(self.dataset, self.store, self.registry)

    def _pooled_to_stand_on(self, region_items: Sequence[RegionItem], asked: RequestedBy) -> int:
        """The version of the pooled model in production; a new one where there is none that can forecast the dataset.

        One that is a horizon or more behind, or has no deciles, is renewed first, with the choices of before; it stays
        where the renewed one is worse. One that merely does not know all drivers goes on: what stands on it does not
        know them either, and says so.
        """
        version = self.registry.pooled_production()
        if version is None:
            return self.pool(asked).version
        try:
            model = self.registry.load_pooled(version)
            model.as_known(self.dataset)
        except (ModelFilesError, NotRegisteredError) as error:  # made for other drivers, damaged, or gone
            log.warning("v%s of the pooled model cannot be stood on: %s", version, error)
            return self.pool(asked).version
        if not pays_to_renew(model, region_items, self.dataset, self.source, self.store, self.registry):
            return version
        made = tried_until_there_is_room(lambda: self._pool(asked, like=model))
        log.info("v%s of the pooled model is a horizon behind, or has no deciles; v%s: %s: %s", version, made.version,
                 made.decision.verdict, made.decision.reason)
        return made.version if made.decision.verdict == "promote" else version

    def _last_known(self) -> pd.Timestamp | None:
        """The last period that is the past in what is stored of some region-items; None where nothing is."""
        found = []
        for one in self.store.read_catalogue():
            with suppress(NotInStoreError):
                demand = self.store.read("demand", one)
                found.append(demand.loc[observed(demand), "date"].max())
            if len(found) == ASKED_FOR_LAST:
                break
        return max((at for at in found if pd.notna(at)), default=None)

    def _past_damage(self, stored: list[RegionItem], work: Callable[[], T]) -> T:
        """What the work comes to without the region-items whose stored demand is damaged: each is noted, taken out of
        the list, and the work is begun again. Only what is read is looked at, which in a large dataset is little."""
        while True:
            try:
                return work()
            except DamagedFileError as error:
                if error.region_item not in stored:
                    raise
                log.warning("%s is left out of the pooled model: %s", error.region_item, error)
                self.store.note_damage(error)
                stored.remove(error.region_item)

    def _demand(self, region_item: RegionItem) -> pd.DataFrame:
        return self.store.read("demand", region_item)

    @contextmanager
    def _journal(self, asked: RequestedBy) -> Iterator[Callable[[Sequence[Outcome]], None]]:
        """Takes outcomes for the journal; they are in it a moment later, and all of them at the end."""
        journal, waiting, written = Journal(self.store), list[Entry](), monotonic() - JOURNAL_SECONDS

        def told(outcomes: Sequence[Outcome]) -> None:
            nonlocal written
            waiting.extend(entry for outcome in outcomes for entry in outcome.entries(asked))
            if monotonic() - written >= JOURNAL_SECONDS:
                tried_until_there_is_room(lambda: journal.write(waiting))
                waiting.clear()
                written = monotonic()

        try:
            yield told
        finally:
            tried_until_there_is_room(lambda: journal.write(waiting))


def _fingerprint(model: PooledModel) -> str:
    """A text that is another when the demand that the pooled model learned from is, as far as its card tells."""
    card = {name: value for name, value in model.card.items() if name != "seconds"}
    return hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()[:16]


def _parts(region_items: Sequence[RegionItem], size: int) -> Iterator[Sequence[RegionItem]]:
    for start in range(0, len(region_items), size):
        yield region_items[start:start + size]
