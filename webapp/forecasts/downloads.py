"""What the forecast page shows, as files: CSV of one table, Excel of all."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from flask import Blueprint, Response, abort, request, url_for

from demand_assets.forecasting.contract.periods import WORDS
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast.revenue_and_margin import NOTHING_KNOWN, in_money
from demand_assets.forecasting.forecast.totals import Bounds, Deciles, Part
from demand_assets.forecasting.model.intervals import DECILE_NAMES
from demand_assets.forecasting.series.gapped import Floats
from webapp.access import needs
from webapp.db.database import now
from webapp.forecasts.in_money import in_money_of
from webapp.forecasts.period_table import PeriodTable, table_of
from webapp.forecasts.query import ForecastQuery, parse_forecast_query
from webapp.forecasts.what_if import what_if_of
from webapp.language.translations import ENGLISH, in_language
from webapp.language.translations import gettext as _
from webapp.overrides.applied import Overridden, overridden, override_words
from webapp.overrides.in_money import unit_money_of
from webapp.pages.download_files import Cell, Sheet, book_of, exact, file_of, requested_format, rounded
from webapp.pages.numbers_and_dates import plural
from webapp.pages.rounded_money import in_currency, rounded_money, rounded_price
from webapp.region_items.attributes import attributes_of, declared, typed_value
from webapp.region_items.labels import version_words
from webapp.region_items.prices_and_costs import units_in_money
from webapp.region_items.rows import rows_by_key
from webapp.scenarios.editor.driver_changes import ScenarioForm
from webapp.services import services
from webapp.serving.forecast_of_selection import Answer
from webapp.serving.history import History
from webapp.serving.line_item import mark_of
from webapp.stored_forecasts.group_answer import GroupAnswer, group_of

bp = Blueprint("downloads", __name__, url_prefix="/forecasts/download")

TABLES = ("periods", "region-items")
"""What a CSV file can hold."""


@bp.get("")
@needs("viewer")
def show() -> Response:
    """The forecast of the URL as a file: Excel of everything, or CSV by period or by region-item and period."""
    forecast_query, form = parse_forecast_query(request.args), requested_format(request.args)
    of = request.args.get("of", TABLES[0])
    if form is None or of not in TABLES:
        abort(422, _("Say what to download: format=xlsx, or format=csv with of=%(first)s or of=%(second)s.",
                     first=TABLES[0], second=TABLES[1]))
    if not forecast_query.keys:
        abort(422, _("Choose at least one region-item first."))
    found = _Found.of(forecast_query)
    if found.is_empty:
        abort(422, _("There is no forecast to download yet."))
    with in_language(ENGLISH):  # a file is the same for every reader
        name = found.file_name()
        if form == "xlsx":
            return book_of(name, [found.by_period(), found.by_region_item(), found.about()])
        sheet = found.by_period() if of == "periods" else found.by_region_item()
        return file_of("csv", name if of == "periods" else f"{name}_by_region-item", sheet.columns, sheet.rows)


class _Found:
    """The forecast of a forecast_query with all that a file says of it."""

    def __init__(self, forecast_query: ForecastQuery, answer: Answer | GroupAnswer, form: ScenarioForm) -> None:
        self.forecast_query, self.answer, self.form = forecast_query, answer, form
        self.dataset: Dataset = services().dataset
        self.included = None if self.is_empty or not forecast_query.overrides or (
            isinstance(answer, Answer) and answer.has_scenario) else self._overridden()
        self.in_money = in_money_of(answer, self.included)
        self._unit_money = (unit_money_of(answer), unit_money_of(answer, of_scenario=True)) if self.in_money else (
            {}, {})

    @classmethod
    def of(cls, forecast_query: ForecastQuery) -> "_Found":
        if forecast_query.is_large:
            return cls(forecast_query, group_of(forecast_query.keys, services().dataset, forecast_query.horizon,
                                                forecast_query.coverage / 100),
                       ScenarioForm([], [], ()))
        what_if = what_if_of(forecast_query, request.args)
        if what_if.status != 200:
            abort(422, _("The scenario of this address cannot be computed; open the page to see why."))
        return cls(forecast_query, what_if.answer, what_if.form)

    @property
    def is_empty(self) -> bool:
        return not (self.answer.kept if isinstance(self.answer, GroupAnswer) else self.answer.lines)

    @property
    def dates(self) -> list[date]:
        return [period.date for period in self.answer.periods]

    @property
    def _has_scenario(self) -> bool:
        return isinstance(self.answer, Answer) and self.answer.has_scenario

    def file_name(self) -> str:
        selection = re.sub(r"\W+", "-", self.forecast_query.title, flags=re.UNICODE).strip("-")
        whether = "with-overrides" if self.included else "without-overrides"
        return f"forecast_{self.dataset.name}_{selection[:80]}_{self.dates[0]}_{self.dates[-1]}_{whether}"

    def _overridden(self) -> Overridden:
        return overridden(self._parts(), self.answer.periods, self.forecast_query.coverage / 100)

    def _parts(self) -> dict[str, Part]:
        """Key -> the model's forecast."""
        if isinstance(self.answer, GroupAnswer):
            return {key: kept.part for key, kept in self.answer.kept.items()}
        return {line.row.key: line.plan.part for line in self.answer.lines}

    def by_period(self) -> Sheet:
        past: History = self.answer.past
        periods = self.included.periods if self.included else self.answer.periods
        several = len(self._parts()) > 1
        table = table_of(periods, past, self.dataset, self.forecast_query.coverage / 100,
                         self.forecast_query.horizon if self.forecast_query.past else 0,
                         override_words=lambda found: override_words(found, several, _plain),
                         all_bounds=True, without_overrides=not self.included, in_money=self.in_money)
        unit = self.dataset.unit
        titles = [self._driver_title(measure.title) if measure.kind == "driver" else measure.title if (
            measure.kind in ("price", "money")) else f"{measure.title}, {unit}" for measure in table.measures]
        return Sheet("By period", ["Date", *titles, *self._decile_titles()], (
            (*cells, *more) for cells, more in zip(_cells(table), self._deciles_of_sum(table.dates), strict=True)))

    def _decile_titles(self) -> list[str]:
        """Of the columns that are asked for: of what is called Forecast, Model or Plan, and of the scenario."""
        if not self.forecast_query.deciles:
            return []
        return [f"{prefix}{name}, {self.dataset.unit}" for prefix in (["", "Scenario "] if self._has_scenario else [""])
                for name in DECILE_NAMES]

    def _deciles_of_sum(self, dates: Sequence[date]) -> list[list[Cell]]:
        """For each of the dates the cells of ``_decile_titles``; none of periods of the history."""
        found: list[list[Cell]] = [[] for _ in dates]
        for deciles in self._sums_deciles():
            on = {} if deciles is None else {row["date"].date(): row for row in deciles.by_date.to_dict("records")}
            for cells, at in zip(found, dates, strict=True):
                cells += [rounded(on[at][name]) if at in on else None for name in DECILE_NAMES]
        return found

    def _sums_deciles(self) -> list[Deciles | None]:
        """What is shown of the sum, and of the scenario where there is one; nothing where it is not asked for."""
        if not self.forecast_query.deciles:
            return []
        shown = [(self.included or self.answer).deciles]
        if isinstance(self.answer, Answer) and self.answer.has_scenario:
            shown.append(self.answer.scenario_deciles)
        return shown

    def _decile_cells(self, *parts: Part) -> list[list[Cell]]:
        """Of each period of a region-item, the cells of ``_decile_titles``."""
        found: list[list[Cell]] = [[] for _ in parts[0].dates]
        for part in parts if self.forecast_query.deciles else ():
            known = part.deciles()
            for place, cells in enumerate(found):
                cells += [None] * len(DECILE_NAMES) if known is None else [rounded(each) for each in known[place]]
        return found

    def _driver_title(self, title: str) -> str:
        """A driver with its unit."""
        units = {driver.title.casefold(): driver.unit for driver in self.dataset.drivers}
        unit = units.get(title.casefold(), "")
        return f"{title}, {unit}" if unit else title

    def by_region_item(self) -> Sheet:
        unit, words = self.dataset.unit, f"{self.forecast_query.coverage} %"
        has_scenario = self._has_scenario
        name = "Forecast" if self.included else "Plan" if has_scenario else "Model"
        columns = ["Region", "Item", "Date", f"{name}, {unit}", f"{words} from, {unit}", f"{words} to, {unit}",
                   "Forecast by"]
        if has_scenario:
            columns[6:6] = [f"Scenario, {unit}", f"Scenario {words} from, {unit}", f"Scenario {words} to, {unit}"]
        if self.included:
            columns += [f"Override, {unit}", "Override, %", f"Model, {unit}", f"Model {words} from, {unit}",
                        f"Model {words} to, {unit}"]
        columns += [one.title[:1].upper() + one.title[1:] for one in declared().values()]
        if self.in_money:
            columns += [in_currency(title) for title in self._money_titles(has_scenario)]
        columns += self._decile_titles()
        return Sheet("By region-item and period", columns, self._each())

    def _money_titles(self, has_scenario: bool) -> list[str]:
        assert self.in_money is not None
        plan = "Plan " if has_scenario else ""
        titles = [f"{plan}price", f"{plan}revenue", *(["Scenario price", "Scenario revenue"] if has_scenario else [])]
        if self.in_money.has_cost:
            titles += ["cost", f"{plan}margin", *(["Scenario margin"] if has_scenario else [])]
        return [title[:1].upper() + title[1:] for title in titles]

    def _money_cells(self, key: str, model: Part, scenario: Part | None) -> list[list[Cell]]:
        """Of each period of a region-item, the cells of ``_money_titles``."""
        if self.in_money is None:
            return [[] for _ in model.dates]
        plan, changed = (each.get(key, NOTHING_KNOWN) for each in self._unit_money)
        told = [(plan, in_money(units_in_money(model, self.included.open.get(key, ()) if self.included else ()), plan))]
        if scenario is not None:
            told.append((changed, in_money(units_in_money(scenario, ()), changed)))
        found = []
        for place in range(len(model.dates)):
            cells: list[Cell] = []
            for unit, (revenue, _margin) in told:
                cells += [_price(unit.price, place), exact(rounded_money(float(revenue[place])))]
            if self.in_money.has_cost:
                cells += [_price(plan.cost, place),
                          *(exact(rounded_money(float(margin[place]))) for _unit, (_revenue, margin) in told)]
            found.append(cells)
        return found

    def _each(self) -> Iterator[Sequence[Cell]]:
        coverage = self.forecast_query.coverage / 100
        if isinstance(self.answer, GroupAnswer):
            rows = rows_by_key(list(self.answer.kept))
            attributes = _attributes([row.region_item for row in rows.values()])
            for key, kept in self.answer.kept.items():
                more = self._overrides_of(key, kept.part)
                money = self._money_cells(key, kept.part, None)
                deciles = self._decile_cells(self._final(key, kept.part))
                for place, (at, *units) in enumerate(_units(self._final(key, kept.part), coverage)):
                    yield (rows[key].region, rows[key].item, at, *units, version_words(kept.served_by),
                           *more[place], *attributes[rows[key].region_item], *money[place], *deciles[place])
            return
        attributes = _attributes([line.row.region_item for line in self.answer.lines])
        for line in self.answer.lines:
            changed = [units for _at, *units in _units(line.scenario.part, coverage)] if line.scenario else None
            more = self._overrides_of(line.row.key, line.plan.part)
            money = self._money_cells(line.row.key, line.plan.part, line.scenario.part if line.scenario else None)
            shown = self._final(line.row.key, line.plan.part)
            deciles = self._decile_cells(shown, *([line.scenario.part] if line.scenario else []))
            for place, (at, *units) in enumerate(_units(shown, coverage)):
                yield (line.row.region, line.row.item, at, *units, *(changed[place] if changed else ()),
                       version_words(mark_of(line.plan)), *more[place], *attributes[line.row.region_item],
                       *money[place], *deciles[place])

    def _final(self, key: str, model: Part) -> Part:
        """The region-item's forecast as the file has it."""
        return self.included.parts[key] if self.included else model

    def _overrides_of(self, key: str, model: Part) -> list[Sequence[Cell]]:
        """Of each period of a region-item, the cells of its override and of the model's forecast."""
        if self.included is None:
            return [()] * len(self.dates)
        held = {one.date: one for one in self.included.open.get(key, ())}
        found: list[Sequence[Cell]] = []
        for at, *units in _units(model, self.forecast_query.coverage / 100):
            one = held.get(str(at))
            found.append((*(one.amount if one and one.way == way else None for way in ("value", "percent")), *units))
        return found

    def _about_overrides(self) -> list[tuple[str, Cell]]:
        if self.included is None:
            return [("Overrides", "not included; every forecast is the model's")]
        return [("Overrides", f"{plural(self.included.count, 'override')} included in what is named Forecast; what is "
                              "named Model is without them"), *self._total("Model total", self._model_total)]

    def _about_deciles(self) -> list[tuple[str, Cell]]:
        if not self.forecast_query.deciles:
            return []
        lacking = sum(part.spread is None for part in self._parts().values())
        told = ("p10 to p90: 10 % of what comes should lie at p10 or below, 20 % at p20 or below …; p50 is the "
                "median, which is not the forecast")
        if lacking:
            told += (f". Not known of {plural(lacking, 'region-item')}, whose models were trained before there were "
                     "deciles, nor of sums with them; a retrain adds them")
        return [("Deciles", told)]

    def _about_money(self) -> list[tuple[str, Cell]]:
        found: list[tuple[str, Cell]] = []
        if self.in_money is None:
            return found
        plan = "Plan" if self.in_money.scenario else "Total"
        for name, sums in ((plan, self.in_money.plan), ("Scenario", self.in_money.scenario)):
            if sums is None:
                continue
            found.append((in_currency(f"{name} revenue"), exact(rounded_money(sums.revenue_known))))
            if self.in_money.has_cost:
                found.append((in_currency(f"{name} margin"), exact(rounded_money(sums.margin_known))))
        sums = self.in_money.plan
        found.append(("Price not known of", f"{sums.unpriced} of {plural(sums.size, 'region-item')}"))
        if self.in_money.has_cost:
            found.append(("Price or cost not known of", f"{sums.uncosted} of {plural(sums.size, 'region-item')}"))
        return found

    @property
    def _model_total(self) -> Bounds:
        return self.answer.total if isinstance(self.answer, GroupAnswer) else self.answer.plan_total

    def _total(self, name: str, total: Bounds) -> list[tuple[str, Cell]]:
        return [(f"{name}, {self.dataset.unit}", total.forecast), (f"{name} from", total.lower),
                (f"{name} to", total.upper)]

    def about(self) -> Sheet:
        """What the file is: a row for each fact."""
        forecast_query, answer = self.forecast_query, self.answer
        total = self.included.total if self.included else self._model_total
        query: dict[str, Any] = {**forecast_query.query(), **self.form.query()}
        facts: list[tuple[str, Cell]] = [
            ("Dataset", self.dataset.title), ("Selection", forecast_query.title),
            ("Region-items", len(forecast_query.keys)),
            ("Made at (UTC)", now()), ("Link", url_for("forecasts.show", _external=True, **query)),
            (f"Horizon, {_words(self.dataset)}", forecast_query.horizon), ("First date", self.dates[0]),
            ("Last date", self.dates[-1]), ("Units", self.dataset.unit), ("Interval, %", forecast_query.coverage)]
        if isinstance(answer, GroupAnswer):
            facts += [("Without a forecast yet", answer.missing), *self._total("Total", total),
                      ("Forecasts", "as each region-item was last forecast in the background")]
            served = [version_words(kept.served_by) for kept in answer.kept.values()]
        else:
            facts += [("Known demand until", answer.known_until), *self._total("Total", total)]
            facts += [("Cannot be forecast", f"{row.region_item}: {reason}") for row, reason in answer.missing]
            if answer.scenario_total:
                facts += [("Scenario", f"{change.driver} {change.action} {change.value} from {change.first} to "
                                       f"{change.last}") for change in self.form.changes]
                facts += [(f"Scenario total, {self.dataset.unit}", answer.scenario_total.forecast),
                          ("Scenario total from", answer.scenario_total.lower),
                          ("Scenario total to", answer.scenario_total.upper)]
            served = [version_words(mark_of(line.plan)) for line in answer.lines]
        facts += self._about_overrides()
        facts += self._about_deciles()
        facts += self._about_money()
        facts += [("Forecast by", f"{words}: {plural(served.count(words), 'region-item')}")
                  for words in sorted(set(served))]
        facts.append(("Totals", "The forecast of a sum is the sum of the forecasts; its interval comes from errors "
                                "that came together in the past, so bounds do not add up."))
        return Sheet("About", ["What", "Value"], facts)


def _attributes(region_items: Sequence[RegionItem]) -> dict[RegionItem, Sequence[Cell]]:
    """A cell for each attribute that is declared."""
    return {one: [typed_value(values.get(name), attribute.kind) for name, attribute in declared().items()]
            for one, values in attributes_of(region_items).items()}


def _price(values: Floats | None, place: int) -> Cell:
    return None if values is None else exact(rounded_price(float(values[place])))


def _plain(value: float) -> str:
    """A number as files have it."""
    return f"{rounded(value):.15g}"


def _units(part: Part, coverage: float) -> Iterator[tuple[date, float, float, float]]:
    lower, upper = part.interval(coverage)
    for at, forecast, low, high in zip(part.dates, part.forecast, lower, upper, strict=True):
        yield at.astype(object), rounded(forecast), rounded(low), rounded(high)


def _cells(table: PeriodTable) -> Iterator[Sequence[Cell]]:
    """A row for each date; of a driver what the forecast used."""
    for place, at in enumerate(table.dates):
        yield (at, *(_cell(measure.values[place], measure.kind) for measure in table.measures))


def _cell(value: Any, kind: str) -> Cell:
    if kind == "driver":
        value = value[1] if value else None
    if kind in ("money", "price"):
        return exact(rounded_money(value) if kind == "money" else rounded_price(value))
    return value if value is None or isinstance(value, str) else rounded(value)


def _words(dataset: Dataset) -> str:
    return WORDS[dataset.frequency][1]
