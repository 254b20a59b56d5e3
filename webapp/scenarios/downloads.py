"""A scenario's result as files: CSV with every region-item and period, Excel with a sheet for each table."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from webapp.pages.download_files import disarmed, excel_cell, rounded
from webapp.pages.numbers_and_dates import decimals_for
from webapp.region_items.labels import selection_words, version_words
from webapp.scenarios.request import ScenarioRequest, asked_words
from webapp.scenarios.result import PlanAndScenario, Result
from webapp.tables import SavedScenario

Cell = str | float | date | None
WIDTH = 18


def csv_of(scenario: SavedScenario, result: Result, dataset: Dataset) -> str:
    """One line for each region-item and period."""
    written = io.StringIO(newline="")
    csv.writer(written).writerows([_plain(cell) for cell in row] for row in _each_period(scenario, result, dataset))
    return written.getvalue()


def excel_of(scenario: SavedScenario, asked: ScenarioRequest, result: Result, dataset: Dataset) -> bytes:
    """A workbook: what was asked, the totals, by period, by region-item, by both, and the plan's rows."""
    book = Workbook(write_only=True)
    for title, rows in (("Scenario", _about(scenario, asked, result, dataset)),
                        ("By period", _by_period(result, dataset)), ("By region-item", _by_line(result, dataset)),
                        ("By both", _each_period(scenario, result, dataset)),
                        *([("Plan", _plan(asked, dataset))] if asked.plan else [])):
        _fill(book.create_sheet(title), rows)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _fill(sheet: WriteOnlyWorksheet, rows: Iterator[Sequence[Cell]]) -> None:
    """Write the rows, the first in bold. Text is written as text, so that nothing in it is taken for a formula."""
    sheet.freeze_panes = "A2"
    for column in "ABCDEFGHIJKLMNOP":
        sheet.column_dimensions[column].width = WIDTH
    for number, row in enumerate(rows):
        cells = []
        for value in row:
            cell = excel_cell(sheet, value)
            if isinstance(value, float):
                cell.number_format = f"#,##0.{'0' * decimals_for([abs(value)])}" if 0 < abs(value) < 1 else "#,##0.00"
            if number == 0:
                cell.font = Font(bold=True)
            cells.append(cell)
        sheet.append(cells)


def _plain(cell: Cell) -> str | float | date:
    """A cell of a CSV file; text that a spreadsheet would take for a formula gets an apostrophe before it."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return rounded(cell)
    return disarmed(cell) if isinstance(cell, str) else cell


def _compared(values: PlanAndScenario | None) -> list[Cell]:
    if values is None:
        return [None] * 9
    return [number for bounds in (values.plan, values.scenario, values.difference)
            for number in (bounds.forecast, bounds.lower, bounds.upper)]


def _titles(what: str) -> list[Cell]:
    return [f"{side} {what}{edge}" for side in ("plan", "scenario", "difference") for edge in ("", " 80% from", " to")]


def _about(scenario: SavedScenario, asked: ScenarioRequest, result: Result,
           dataset: Dataset) -> Iterator[Sequence[Cell]]:
    yield ["scenario", scenario.name]
    yield ["description", scenario.description]
    yield ["by", scenario.created_by]
    yield ["computed", f"{scenario.computed_at:%Y-%m-%d %H:%M} UTC"]
    yield ["selection", selection_words(asked.keys)]
    for change in asked.changes:
        yield ["change", asked_words(change, dataset)]
    if asked.plan:
        yield ["plan", f"{len(asked.plan)} rows"]
    yield []
    yield ["", *_titles("")]
    yield [dataset.unit, *_compared(result.units)]
    if result.revenue:
        yield [f"revenue {dataset.currency}".strip(), *_compared(result.revenue)]
        yield ["price not known of", f"{result.without_price} of {len(result.lines)} region-items"]
    if result.margin:
        yield [f"margin {dataset.currency}".strip(), *_compared(result.margin)]
        yield ["price or cost not known of", f"{result.without_cost} of {len(result.lines)} region-items"]
    for flag in result.flags:
        yield ["take care", flag.sentence, f"{len(flag.keys)} region-items"]


def _revenue(dataset: Dataset) -> str:
    return f"revenue {dataset.currency}".strip()


def _by_period(result: Result, dataset: Dataset) -> Iterator[Sequence[Cell]]:
    yield ["date", *_titles(dataset.unit), *_titles(_revenue(dataset))]
    for period in result.periods:
        yield [period.date, *_compared(period.units), *_compared(period.revenue)]


def _by_line(result: Result, dataset: Dataset) -> Iterator[Sequence[Cell]]:
    yield ["region", "item", "by", "known until", *_titles(dataset.unit), *_titles(_revenue(dataset))]
    for line in result.lines:
        yield [line.region_item.region, line.region_item.item, version_words(line.served_by), line.origin,
               *_compared(line.units), *_compared(line.revenue)]


def _each_period(scenario: SavedScenario, result: Result, dataset: Dataset) -> Iterator[Sequence[Cell]]:
    unit, price = dataset.unit, f"price {dataset.currency}".strip()
    yield ["region", "item", "date", f"plan {unit}", f"scenario {unit}", f"plan {price}", f"scenario {price}",
           *(f"{side} {unit} 80% {edge}" for side in ("plan", "scenario") for edge in ("from", "to")), "scenario"]
    for line in result.lines:
        prices = zip(line.plan_prices, line.scenario_prices, strict=True)
        bounds = zip(line.plan_interval, line.scenario_interval, strict=True)
        for at, plan, changed in zip(line.dates, line.plan, line.scenario, strict=True):
            of_plan, of_scenario = next(bounds, ((None, None), (None, None)))
            yield [line.region_item.region, line.region_item.item, at, plan, changed, *next(prices, (None, None)),
                   *of_plan, *of_scenario, scenario.name]


def _plan(asked: ScenarioRequest, dataset: Dataset) -> Iterator[Sequence[Cell]]:
    yield ["region", "item", "date", *(f"{name} {dataset.driver(name).unit}".strip() for name in asked.plan_drivers)]
    for row in asked.plan:
        one = RegionItem.from_key(row.key)
        yield [one.region, one.item, row.date, *(
            ("yes" if value else "no") if isinstance(value := row.values.get(name), bool) else value
            for name in asked.plan_drivers)]
