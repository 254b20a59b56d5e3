"""What a scenario asks: its selection, horizon, changes and plan, as kept, and what they mean to each region-item."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
from sqlalchemy import select

from demand_assets.forecasting.contract.periods import period_range
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.driver_kinds import Action
from demand_assets.forecasting.store.stored_files import NotInStoreError
from demand_assets.forecasting.whatif.scenario import Change, Planned, Scenario
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.db.stored_json import StoredJson
from webapp.language.translations import gettext as _
from webapp.region_items.labels import names_or_count
from webapp.scenarios.plans.plan import PlanRow
from webapp.services import Services
from webapp.tables import StoredForecast


@dataclass(frozen=True)
class ScopedDriverChange:
    """One driver changed, on all region-items of the selection or on some of its regions and items."""

    driver: str
    action: Action
    value: float | bool | str
    first: date
    last: date
    regions: tuple[str, ...] = ()
    """Only these; empty for all."""
    items: tuple[str, ...] = ()

    @property
    def change(self) -> Change:
        """What it does where it counts."""
        return Change(self.driver, self.action, self.value, self.first, self.last)

    def counts_for(self, region_item: RegionItem) -> bool:
        """Whether it is one of those that are changed."""
        return (not self.regions or region_item.region in self.regions) and (
            not self.items or region_item.item in self.items)


@dataclass(frozen=True)
class ScenarioRequest(StoredJson):
    """All that a scenario asks; kept as JSON in ``SavedScenario.asked``."""

    keys: tuple[str, ...]
    """The selection, region-major."""
    horizon: int
    changes: tuple[ScopedDriverChange, ...] = ()
    plan: tuple[PlanRow, ...] = ()
    left_out: int = 0
    """Wrong rows of the plan that were left out, as the planner chose."""

    def by_key(self, dates: Mapping[str, Sequence[date]]) -> dict[str, Scenario]:
        """The scenario of each region-item: what touches its periods.

        Args:
            dates: key -> the periods of its forecast.
        """
        planned: dict[str, dict[str, list[tuple[date, float | bool | str]]]] = {}
        for row in self.plan:
            days = dates.get(row.key, ())
            if days and days[0] <= row.date <= days[-1]:
                for driver, value in row.values.items():
                    planned.setdefault(row.key, {}).setdefault(driver, []).append((row.date, value))
        return {key: Scenario(
            tuple(each.change for each in self.changes if each.counts_for(RegionItem.from_key(key))
                  and any(each.first <= day <= each.last for day in days)),
            tuple(Planned(driver, tuple(values)) for driver, values in planned.get(key, {}).items()))
            for key, days in dates.items()}

    @property
    def plan_drivers(self) -> list[str]:
        """The drivers that the plan's rows set."""
        return list(dict.fromkeys(name for row in self.plan for name in row.values))


def dates_ahead(services: Services, keys: Sequence[str], horizon: int) -> dict[str, list[date]]:
    """Key -> the periods of its forecast; region-items without demand are left out."""
    origins: dict[str, pd.Timestamp] = {}
    for part in chunked(keys):
        origins |= {key: pd.Timestamp(origin) for key, origin in db.session.execute(
            select(StoredForecast.key, StoredForecast.origin).where(StoredForecast.key.in_(part)))}
    found: dict[str, list[date]] = {}
    known: dict[pd.Timestamp, list[date]] = {}
    for key in keys:
        if key not in origins:
            try:
                history = services.forecaster.history(RegionItem.from_key(key), 1)
            except NotInStoreError:
                continue
            if history.empty:
                continue
            origins[key] = history["date"].iloc[-1]
        origin = origins[key]
        if origin not in known:
            ahead = period_range(origin, horizon + 1, services.dataset.frequency)[1:]
            known[origin] = [at.date() for at in ahead]
        found[key] = known[origin]
    return found


def action_words(change: ScopedDriverChange, dataset: Dataset) -> str:
    """What a change does: ``price −10 %``, ``promo = yes``."""
    driver = dataset.driver(change.driver)
    value: object = change.value
    if driver.kind == "yes_no":
        value = _("yes") if change.value else _("no")
    elif isinstance(value, float):
        sign = "" if change.action == "set" else "+" if value >= 0 else "−"
        value = f"{sign}{value if change.action == 'set' else abs(value):g}".replace("-", "−")
    unit = "%" if change.action == "percent" else driver.unit if driver.kind == "number" else ""
    return f"{driver.title} {'= ' if change.action == 'set' else ''}{value}{f' {unit}' if unit else ''}"


def asked_words(change: ScopedDriverChange, dataset: Dataset, written: Callable[[date], str] = str) -> str:
    """A change in words: ``price −10 % from 2026-12-15 to 2026-12-31, only in north``."""
    first, last = written(change.first), written(change.last)
    what = action_words(change, dataset)
    told = (_("%(change)s on %(date)s", change=what, date=first) if change.first == change.last else
            _("%(change)s from %(first)s to %(last)s", change=what, first=first, last=last))
    items = names_or_count(change.items, "item") if change.items else ""
    regions = names_or_count(change.regions, "region") if change.regions else ""
    if items and regions:
        return _("%(change)s, only of %(items)s in %(regions)s", change=told, items=items, regions=regions)
    if items:
        return _("%(change)s, only of %(items)s", change=told, items=items)
    return _("%(change)s, only in %(regions)s", change=told, regions=regions) if regions else told
