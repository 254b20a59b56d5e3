"""Takes demand in, some region-items at a time, in whichever process: nothing here knows the source or Dagster."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from demand_assets.forecasting.contract.calendar_events import EventTables
from demand_assets.forecasting.contract.clock import Clock
from demand_assets.forecasting.contract.code_version import CODE_VERSION
from demand_assets.forecasting.contract.dagster_names import (
    DEMAND,
    DEMAND_MARK,
    INSPECTED_FEATURES,
    RAW_DEMAND,
    SOURCE_STATE,
    Asset,
)
from demand_assets.forecasting.contract.plugins import PluginError
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import written_out
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.inspected_features import features_columns
from demand_assets.forecasting.series.censored_demand import observed
from demand_assets.forecasting.store.checksums import short_digest
from demand_assets.forecasting.store.demand_store import DemandStore, Stage
from demand_assets.forecasting.validation.rows_to_demand import CONTRADICTED, Validated, validate_panel
from demand_assets.pipeline.outcomes import PLOT_PERIODS, Outcome, Part, failed, guarded

FEATURES_FOLDER: Stage = "demand_features"
"""Where the features to inspect are, under the name that the asset once had: the files of old stay in use."""


@dataclass(frozen=True)
class TakeIn:
    """Region-items whose demand is to be taken in."""

    region_items: Sequence[RegionItem]
    assets: Sequence[Asset]
    """Of ``TAKEN_IN_ASSETS``, those wanted."""
    raw: pd.DataFrame | None
    """As the source has it; read from the store when that asset is not wanted."""
    last_date: pd.Timestamp | None
    today: pd.Timestamp
    plots: bool
    source_state: str = ""
    """The source's fingerprint before it was read."""
    events: EventTables = field(default_factory=dict)
    """Of the calendar, those that stand in tables."""


@dataclass(frozen=True)
class TakeInStage:
    """Takes demand in, with what it reads and writes; can be sent to another process."""

    dataset: Dataset
    store: DemandStore

    def take_in(self, task: TakeIn) -> Part:
        """The outcomes of ``raw_demand``, ``demand`` and ``features_for_inspection``."""
        clock, outcomes = Clock(), list[Outcome]()
        going = list(task.region_items)

        def each(asset: Asset, stage: str, work: Callable[[RegionItem], Outcome]) -> None:
            nonlocal going
            made = [guarded(one, asset, lambda one=one: _timed(clock, stage, work, one)) for one in going]
            outcomes.extend(made)
            going = [outcome.region_item for outcome in made if outcome.status == "done"]

        if RAW_DEMAND in task.assets and task.raw is not None:
            raw = written_out(task.raw)
            groups = dict(iter(raw.groupby([task.raw["region"], task.raw["item"]], sort=False, observed=True)))
            nothing = raw.iloc[:0]
            each(RAW_DEMAND, "store raw", lambda one: self._store_raw(
                one, groups.get((one.region, one.item), nothing), task.source_state))
        if DEMAND in task.assets and going:
            panels = {}
            for one in list(going):
                try:
                    with clock("read raw"):
                        panels[one] = task.raw if task.raw is not None else self.store.read("raw_demand", one)
                except Exception as error:  # noqa: BLE001  as in guarded
                    outcomes.append(failed(one, DEMAND, error))
            if panels:
                with clock("validate"):
                    panel = task.raw if task.raw is not None else pd.concat(panels.values(), ignore_index=True)
                    checked, broken = self._checked(panel, list(panels), task)
                outcomes.extend(broken)
                going = list(checked)
                each(DEMAND, "store demand", lambda one: self._store_validated(checked[one], task.plots))
            else:
                going = []
        if INSPECTED_FEATURES in task.assets:
            each(INSPECTED_FEATURES, "features", self._store_features)
        return Part(outcomes, clock.seconds)

    def _checked(self, panel: pd.DataFrame, region_items: list[RegionItem],
                 task: TakeIn) -> tuple[dict[RegionItem, Validated], list[Outcome]]:
        """The validated of each, or the failure of each where a plug-in that reads a driver fails."""
        try:
            found = validate_panel(panel, self.dataset, region_items, task.last_date, today=task.today,
                                   tables=task.events)
        except PluginError as error:
            return {}, [failed(one, DEMAND, error) for one in region_items]
        return {one.region_item: one for one in found}, []

    def _store_raw(self, region_item: RegionItem, raw: pd.DataFrame, source_state: str) -> Outcome:
        self.store.write("raw_demand", region_item, raw)
        return Outcome(region_item, RAW_DEMAND, details={"rows": len(raw), SOURCE_STATE: source_state})

    def _store_validated(self, validated: Validated, plots: bool) -> Outcome:
        region_item = validated.region_item
        self.store.write("quarantine", region_item, validated.quarantine)
        details = numbers_of(validated)
        if validated.ended is not None:
            self.store.write("ended_demand", region_item, validated.ended)
        if validated.demand is None:
            return Outcome(region_item, DEMAND, "quarantined", validated.problem, details)
        checksum = self.store.write("demand", region_item, validated.demand)
        details[DEMAND_MARK] = short_digest(f"{checksum} {self._reading}".encode())
        known = validated.demand.loc[observed(validated.demand), "date"]
        if len(known):
            details |= {"first_date": str(known.iloc[0].date()), "last_date": str(known.iloc[-1].date())}
        lines = {"#444": validated.demand["demand"].astype(float).tolist()[-PLOT_PERIODS:]} if plots else {}
        return Outcome(region_item, DEMAND, details=details, lines=lines)

    @cached_property
    def _reading(self) -> str:
        """What else than demand a forecast of it comes from: the dataset file, and the code."""
        return f"{CODE_VERSION} {self.dataset.model_dump_json()}"

    def _store_features(self, region_item: RegionItem) -> Outcome:
        demand = self.store.read("demand", region_item)
        columns = features_columns(demand, self.dataset, region_item)
        self.store.write(FEATURES_FOLDER, region_item, columns)
        return Outcome(region_item, INSPECTED_FEATURES, details={"rows": len(columns["date"]), "columns": len(columns)})


def numbers_of(validated: Validated) -> dict[str, Any]:
    """What the validation counted, and what of the source's units and rows was not used, for whoever has to know."""
    units = validated.units
    told: dict[str, Any] = {name: count for name, count in validated.counts.items() if ":" not in name}
    if told.get("censored_periods"):
        told["censored_share"] = round(told["censored_periods"] / told["periods"], 4)
    rules = validated.quarantine["rule"].value_counts()
    told["quarantined_by_rule"] = {str(rule): int(count) for rule, count in rules.items()}
    told |= {"units_read": units.read, "units_refused": units.refused}
    if units.by_rule:
        told |= {"units_refused_by_rule": units.by_rule, "largest_refused": [list(one) for one in units.largest]}
    if units.repeated:
        told["units_repeated"] = units.repeated
    if contradicted := [name.removeprefix(CONTRADICTED) for name in validated.counts if name.startswith(CONTRADICTED)]:
        told["contradicted"] = contradicted
    if validated.notices:
        told["notices"] = list(validated.notices)
    return told


def _timed(clock: Clock, stage: str, work: Callable[[RegionItem], Outcome], region_item: RegionItem) -> Outcome:
    with clock(stage):
        return work(region_item)
