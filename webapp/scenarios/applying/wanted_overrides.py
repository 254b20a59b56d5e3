"""What a scenario would make of the plan, and what has to be decided before: found without changing anything."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

import numpy as np
from sqlalchemy import func, select

from demand_assets.forecasting.forecast.totals import Part
from webapp.access import Actor
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext
from webapp.overrides.locked_periods import Locked, locked_for
from webapp.overrides.overrides import is_ahead, open_among
from webapp.overrides.wanted_override import LEAST_PERCENT, MOST_PERCENT
from webapp.region_items.open_overrides import period_override
from webapp.scenarios.result import LineItemResult, Result
from webapp.scenarios.staleness import ChangedSince, State, states_of
from webapp.scenarios.states import stamp
from webapp.stored_forecasts.computing import stored_forecasts_of
from webapp.tables import Override, RegionItemRow, SavedScenario, StoredForecast

OnOverrides = Literal["keep", "replace", "add"]
ON_OVERRIDES: dict[OnOverrides, str] = {
    "keep": lazy_gettext("keep them, and leave these periods as they are"),
    "replace": lazy_gettext("replace them by the scenario’s numbers"),
    "add": lazy_gettext("keep them, and put the scenario’s difference on top"),
}
OnChanged = Literal["leave", "include"]
ON_CHANGED: dict[OnChanged, str] = {
    "leave": lazy_gettext("leave these region-items out"),
    "include": lazy_gettext("override them too: the scenario’s change in percent, on their forecast of now"),
}
SAME = 1e-6
"""A scenario that differs from the plan by less than this share of it is as the plan is."""

Place = tuple[str, str]
"""Key and period, ISO."""


@dataclass(frozen=True)
class Cell:
    """A period of a region-item that the scenario changes; in units."""

    key: str
    date: str
    plan: float
    scenario: float

    @property
    def place(self) -> Place:
        """Key and period."""
        return self.key, self.date

    @property
    def difference(self) -> float:
        """Scenario minus plan."""
        return self.scenario - self.plan

    def override(self) -> tuple[str, float]:
        """Way and amount that make the scenario's number of the plan's: a percent, so that the interval grows with it
        and a new model keeps the effect; units where a percent cannot say it."""
        percent = (self.scenario / self.plan - 1) * 100 if self.plan else float("inf")
        return ("percent", percent) if LEAST_PERCENT <= percent <= MOST_PERCENT else ("value", self.scenario)


@dataclass(frozen=True)
class Situation:
    """A computed scenario beside the plan of now."""

    state: State
    cells: Sequence[Cell]
    """Periods ahead that can be overridden."""
    existing: Mapping[Place, Override]
    """Overrides that hold in them."""
    changed: Sequence[ChangedSince]
    """Region-items that another model forecasts now, or from newer demand, or whose plan is another."""
    gone: Sequence[str]
    """Keys of those that have left the dataset."""
    known: int
    """Periods of region-items whose demand is known by now."""
    locked: Locked
    locked_cells: int
    """Periods of region-items that are locked for whoever asks."""
    same: int
    """Periods of region-items of the selection that the scenario leaves as they are."""
    stamp: str
    """Of the scenario, and when it was computed."""
    parts: Mapping[str, Part] = field(repr=False)
    """Key -> the model's forecast of now."""

    @property
    def problem(self) -> str:
        """Why nothing can be applied; empty where something can."""
        if self.state.word not in ("fresh", "stale"):
            return _("The scenario is %(state)s. Compute it first; then it can be applied.", state=self.state.words)
        if not self.cells and not (self.known or self.locked_cells or self.gone):
            return _("Nothing to apply: it changes no forecast.")
        if not self.cells:
            told = _("Nothing to apply: what it changes is known by now, locked, or no longer in the dataset.")
            return f"{told} {self.locked.words if self.locked_cells else ''}".strip()
        return ""

    @property
    def must_decide_changed(self) -> bool:
        """Whether it has to be said what becomes of region-items that changed since it was computed."""
        return bool(self.changed) or self.state.is_declared_otherwise

    @property
    def overridden(self) -> list[str]:
        """Keys of region-items with overrides in its cells."""
        return list(dict.fromkeys(key for key, _ in self.existing))

    @property
    def digest(self) -> str:
        """Another where anything is that was to be seen before deciding."""
        told = [self.stamp, self.state.word, self.state.is_declared_otherwise, self.locked.until,
                [cell.place for cell in self.cells], sorted(one.id for one in self.existing.values()),
                [[str(one.region_item), one.after, one.origin_after] for one in self.changed]]
        return blake2b(json.dumps(told).encode(), digest_size=12).hexdigest()

    def model_of(self, cell: Cell) -> float:
        """The model's forecast of now; the scenario's plan where none is stored."""
        part = self.parts.get(cell.key)
        if part is not None:
            found = np.flatnonzero(part.dates == np.datetime64(cell.date))
            if len(found):
                return float(part.forecast[found[0]])
        return cell.plan

    def wanted(self, on_overrides: OnOverrides | None, on_changed: OnChanged | None) -> list[tuple[Cell, str, float]]:
        """Cell, way and amount of each override that it makes.

        Args:
            on_overrides: one of ``ON_OVERRIDES``; None where there are none.
            on_changed: one of ``ON_CHANGED``; None where nothing changed.
        """
        left = set()
        if on_changed == "leave":
            left = {cell.key for cell in self.cells} if self.state.is_declared_otherwise else {
                one.region_item.key for one in self.changed}
        found = []
        for cell in self.cells:
            held = self.existing.get(cell.place)
            if cell.key in left or (held is not None and on_overrides == "keep"):
                continue
            way, amount = cell.override()
            if held is not None and on_overrides == "add":
                way, amount = "value", max(
                    period_override(held).units(self.model_of(cell)) + cell.difference, 0.0)
            found.append((cell, way, amount))
        return found

    def totals(self, wanted: Sequence[tuple[Cell, str, float]]) -> tuple[float, float]:
        """Units of the wanted cells as they are planned now, and as they will be."""
        before = after = 0.0
        for cell, way, amount in wanted:
            model, held = self.model_of(cell), self.existing.get(cell.place)
            before += model if held is None else period_override(held).units(model)
            after += amount if way == "value" else model * (1 + amount / 100)
        return before, after


def situation_of(scenario: SavedScenario, who: Actor) -> Situation:
    """How a scenario stands to the plan of now."""
    state = states_of([scenario])[scenario.token]
    result = Result.from_json(scenario.computed) if scenario.computed_at is not None else None
    lines = [line for line in result.lines if line.is_changed] if result else []
    ends = _known_until([line.key for line in lines])
    locked = locked_for(who)
    cells: list[Cell] = []
    known = locked_cells = same = 0
    for line in lines:
        if (end := ends.get(line.key)) is None:
            continue
        for cell in _cells(line):
            if abs(cell.difference) <= SAME * max(cell.plan, cell.scenario):
                same += 1
            elif cell.date <= end:
                known += 1
            elif cell.date <= locked.until:
                locked_cells += 1
            else:
                cells.append(cell)
    places = {cell.place for cell in cells}
    keys = {key for key, _ in places}
    return Situation(
        state=state, cells=cells, existing={(one.key, one.date): one for one in open_among(places)} if places else {},
        changed=[one for one in state.since if one.region_item.key in keys and (
            one.before != one.after or one.origin_before != one.origin_after or one.is_planned_otherwise)],
        gone=[line.key for line in lines if line.key not in ends], known=known, locked=locked,
        locked_cells=locked_cells, same=same, stamp=f"{stamp(scenario)} {scenario.computed_at}",
        parts={key: kept.part for key, kept in stored_forecasts_of(sorted(keys)).items()})


@dataclass(frozen=True)
class Applied:
    """Overrides that a scenario made at once."""

    batch: str
    made_by: str
    made_at: object
    made: int
    holds: int
    """Of them, those that hold and lie ahead."""


def applied_by(token: str) -> list[Applied]:
    """What a scenario made of the plan, the newest first; what was brought back later counts as made then."""
    holds = select(Override.batch, func.count().label("holds")).where(
        Override.scenario == token, Override.removed_at.is_(None), is_ahead()).group_by(Override.batch).subquery()
    rows = db.session.execute(select(
        Override.batch, Override.made_by, func.min(Override.made_at), func.count(),
        func.max(func.coalesce(holds.c.holds, 0))).outerjoin(holds, holds.c.batch == Override.batch).where(
        Override.scenario == token).group_by(Override.batch, Override.made_by).order_by(
        func.min(Override.made_at).desc()))
    return [Applied(*row) for row in rows]


def _cells(line: LineItemResult) -> list[Cell]:
    return [Cell(line.key, at.isoformat(), plan, scenario)
            for at, plan, scenario in zip(line.dates, line.plan, line.scenario, strict=True)]


def _known_until(keys: Sequence[str]) -> dict[str, str]:
    """Key -> its last period with known demand, ISO; those out of the dataset are left out."""
    found: dict[str, str] = {}
    for part in chunked(keys):
        rows = db.session.execute(select(
            RegionItemRow.key, func.coalesce(StoredForecast.origin, RegionItemRow.last_date, "")).outerjoin(
            StoredForecast, StoredForecast.key == RegionItemRow.key).where(
            RegionItemRow.key.in_(part), RegionItemRow.in_catalogue))
        found |= {row[0]: row[1] for row in rows}
    return found
