"""A selection's forecast with planners' overrides, beside the model's own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

import pandas as pd

from demand_assets.forecasting.forecast import totals
from demand_assets.forecasting.forecast.totals import Part, SummedParts
from webapp.language.translations import gettext as _
from webapp.language.translations import ngettext as _n
from webapp.language.unit_words import unit_words
from webapp.overrides.overrides import open_in
from webapp.pages.numbers_and_dates import amount
from webapp.region_items.open_overrides import apply, open_overrides, open_overrides_among, period_override
from webapp.region_items.rows import rows_of
from webapp.services import services
from webapp.serving.forecast_of_selection import Period, plan_of
from webapp.serving.selection_sizes import MOST_REGION_ITEMS
from webapp.stored_forecasts.group_answer import GroupAnswer, group_of
from webapp.tables import Override


@dataclass(frozen=True)
class Batch:
    """Overrides that were made together and are alike; those of them that a page shows."""

    rows: list[Override]
    """By date; at least one."""
    size: int
    """Overrides of it that hold and lie ahead, also those that the page does not show."""

    @property
    def one(self) -> Override:
        """Any of them: they have batch, way, comment, and who and when in common."""
        return self.rows[0]

    @property
    def dates(self) -> tuple[str, str]:
        """The first and the last period."""
        return self.rows[0].date, self.rows[-1].date

    @property
    def amounts(self) -> tuple[float, float]:
        """The smallest and the largest of its periods: percents, or units of all region-items of it together."""
        if self.one.way != "value":
            found = [one.amount for one in self.rows]
            return min(found), max(found)
        by_date: dict[str, float] = {}
        for one in self.rows:
            by_date[one.date] = by_date.get(one.date, 0.0) + one.amount
        sums = [round(units, 9) for units in by_date.values()]
        return min(sums), max(sums)

    @property
    def region_items(self) -> list[str]:
        """Keys, each once."""
        return list(dict.fromkeys(one.key for one in self.rows))


@dataclass(frozen=True)
class Overridden:
    """The forecast of a selection with its open overrides."""

    parts: dict[str, Part]
    """Key -> forecast, with its overrides where it has some."""
    open: dict[str, list[Override]]
    """Key -> its overrides of the periods that are forecast; region-items without any are left out."""
    periods: list[Period]
    """The sums by date, with ``final`` told."""
    coverage: float

    @property
    def count(self) -> int:
        """Overrides in it."""
        return sum(len(each) for each in self.open.values())

    @cached_property
    def total(self) -> totals.Bounds:
        """Over all region-items and periods, with overrides."""
        return totals.over_all(list(self.parts.values()), self.coverage)

    @cached_property
    def deciles(self) -> totals.Deciles | None:
        """Of the sum, with overrides; None where those of a region-item are not known."""
        return totals.total_deciles(list(self.parts.values()))

    def units_of(self, key: str) -> float:
        """Units of one region-item over the horizon, with overrides."""
        return float(self.parts[key].forecast.sum())

    @property
    def batches(self) -> list[Batch]:
        """The overrides as they were made, the newest first; of a grid those apart that differ in way or comment, or
        have a period between them."""
        place = {str(each.date): at for at, each in enumerate(self.periods)}
        found: dict[tuple[object, ...], list[list[Override]]] = {}
        for one in sorted((one for each in self.open.values() for one in each), key=lambda one: (one.date, one.id)):
            runs = found.setdefault((one.batch, one.made_at, one.way, one.comment), [[]])
            if runs[-1] and place[one.date] > place[runs[-1][-1].date] + 1:
                runs.append([])
            runs[-1].append(one)
        batches = [rows for runs in found.values() for rows in runs]
        sizes = open_in({rows[0].batch for rows in batches}) if batches else {}
        return [Batch(rows, sizes.get(rows[0].batch, 0)) for rows in sorted(
            batches, key=lambda rows: rows[0].made_at, reverse=True)]


def overridden(parts: Mapping[str, Part], periods: Sequence[Period], coverage: float) -> Overridden:
    """The open overrides of a selection, and what they make of its forecast.

    Args:
        parts: key -> the model's forecast of each region-item.
        periods: their sums by date.
        coverage: of the interval; one of ``intervals.LEVELS``.
    """
    if not parts:
        return Overridden({}, {}, list(periods), coverage)
    held = _ahead(open_overrides(list(parts), periods[0].date, periods[-1].date), parts)
    final = {key: apply(part, held[key]) if key in held else part for key, part in parts.items()}
    return Overridden(final, held, _with_final(periods, final, held, coverage), coverage)


@dataclass(frozen=True)
class OverriddenGroup(Overridden):
    """The same of a group that is read from stored sums; ``parts`` has those with overrides alone."""

    summed: SummedParts = field(default_factory=SummedParts)
    """Of all of them, with overrides, over the horizon."""

    @cached_property
    def total(self) -> totals.Bounds:
        """Over all region-items and periods, with overrides."""
        return self.summed.over_all(self.coverage)

    @cached_property
    def deciles(self) -> totals.Deciles | None:
        """Of the sum, with overrides; None where those of a region-item are not known."""
        return self.summed.deciles()


def overridden_group(answer: GroupAnswer) -> OverriddenGroup:
    """The open overrides of a group, and what they make of its forecast: of the sums of all, those with overrides are
    taken out and put in again with them."""
    if not answer.summed:
        return OverriddenGroup({}, {}, [], answer.coverage)
    periods = answer.periods
    found = open_overrides_among(answer.keys, periods[0].date, periods[-1].date)
    models = {key: kept.part for key, kept in answer.kept_of(list(found)).items()}
    held = _ahead({key: found[key] for key in models}, models)
    parts = {key: apply(models[key], its) for key, its in held.items()}
    summed = answer.sums.parts.first(answer.horizon)
    summed.add(SummedParts.of([models[key] for key in held]), -1)
    summed.add(SummedParts.of(parts.values()))
    return OverriddenGroup(parts, held, _finished(periods, summed.by_date(answer.coverage), held), answer.coverage,
                           summed)


def _ahead(found: Mapping[str, list[Override]], parts: Mapping[str, Part]) -> dict[str, list[Override]]:
    """Those of each region-item that are of periods of its forecast; region-items without any are left out."""
    ahead = {key: set(parts[key].dates.astype("datetime64[D]").tolist()) for key in found}
    held = {key: [one for one in each if date.fromisoformat(one.date) in ahead[key]] for key, each in found.items()}
    return {key: each for key, each in held.items() if each}


def parts_ahead(keys: Sequence[str], horizon: int | None = None) -> dict[str, Part]:
    """Key -> the model's forecast, as the forecast page of the selection shows it; region-items without one are left
    out.

    Args:
        horizon: periods; the dataset's unless given.
    """
    dataset = services().dataset
    ahead = horizon or dataset.horizon
    if len(keys) > MOST_REGION_ITEMS:
        return {key: kept.part for key, kept in group_of(keys, dataset, ahead, 0.8).kept.items()}
    plan = plan_of(services(), rows_of(keys), ahead)
    return {line.row.key: line.plan.part for line in plan.lines}


def override_words(overrides: Sequence[Override], of_sum: bool = False,
                   number: Callable[[float], str] = amount) -> str:
    """Overrides of one period of a selection in words: ``10 % more``, ``120 units``, ``3 overrides``.

    Args:
        of_sum: whether several region-items are selected, of which an override says nothing as a whole.
        number: how a number is written; as the page's reader writes it unless told otherwise.
    """
    if len(overrides) > 1 or (of_sum and overrides):
        return _n("%(num)s override", "%(num)s overrides", len(overrides), num=number(len(overrides)))
    return "".join(override_amount(one.way, one.amount, number) for one in overrides)


def override_amount(way: str, value: float, number: Callable[[float], str] = amount) -> str:
    """What an override does: ``10 % more``, ``120 units``."""
    if way == "value":
        return f"{number(value)} {unit_words(services().dataset.unit)}"
    return (_("%(percent)s %% more", percent=number(abs(value))) if value > 0 else
            _("%(percent)s %% less", percent=number(abs(value))))


def _with_final(periods: Sequence[Period], parts: Mapping[str, Part], held: Mapping[str, Sequence[Override]],
                coverage: float) -> list[Period]:
    if not held:
        return [replace(each, final=each.plan, final_lower=each.lower, final_upper=each.upper) for each in periods]
    return _finished(periods, totals.by_date(list(parts.values()), coverage), held)


def _finished(periods: Sequence[Period], table: pd.DataFrame, held: Mapping[str, Sequence[Override]]) -> list[Period]:
    """The periods with what overrides make of them.

    Args:
        table: with overrides: date, forecast, lower, upper.
    """
    by_date: dict[date, list[Override]] = {}
    for one in (one for each in held.values() for one in each):
        by_date.setdefault(period_override(one).date, []).append(one)
    return [replace(each, final=values["forecast"], final_lower=values["lower"], final_upper=values["upper"],
                    overrides=tuple(by_date.get(each.date, ())))
            for each, values in zip(periods, table.to_dict("records"), strict=True)]
