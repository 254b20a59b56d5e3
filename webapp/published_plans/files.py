"""A published plan as a file: the columns that the forecast's own download has, of what was frozen."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.prices_and_costs import KINDS
from webapp.db.stored_json import StoredJson
from webapp.pages.download_files import Cell, exact
from webapp.pages.rounded_money import rounded_money, rounded_price
from webapp.published_plans.plan_tables import COVERAGE, parts_of
from webapp.region_items.attributes import declared, typed_value
from webapp.region_items.labels import version_words
from webapp.services import services
from webapp.tables import PublishedPlan

READ = ("key", "date", "forecast", "lower", "upper", "served_by", "way", "amount", "model", "model_lower",
        "model_upper", "price", "revenue", "cost", "margin", "attributes")
"""Columns of ``plan_tables.SCHEMA`` that a row of a file is made of."""


@dataclass(frozen=True)
class AttributeColumn:
    """An attribute as it was declared when the plan was published."""

    name: str
    title: str
    kind: str


@dataclass(frozen=True)
class Layout(StoredJson):
    """What files hold beside units; that of the day on which the plan was published, whatever is declared later."""

    attributes: tuple[AttributeColumn, ...]
    money: tuple[str, ...]
    """``price`` and ``cost``, where the dataset has them."""


def layout_of_today() -> Layout:
    """What a plan that is published now has in its files."""
    dataset = services().dataset
    return Layout(tuple(AttributeColumn(one.name, one.title, one.kind) for one in declared().values()),
                  tuple(kind for kind in KINDS if dataset.has_money and dataset.amount(kind) is not None))


def file_name(plan: PublishedPlan) -> str:
    """The name of its files, without an ending."""
    return f"plan_{services().dataset.name}_v{plan.id}_{plan.name[:60]}_{plan.dates[0]}_{plan.dates[-1]}"


def columns_of(plan: PublishedPlan) -> list[str]:
    """The headings, in the unit and the currency that the plan was published in."""
    unit, words, layout = plan.unit, f"{COVERAGE * 100:.0f} %", Layout.from_json(plan.layout)
    currency = f", {plan.currency}" if plan.currency else ""
    money = [*(("Price", "Revenue") if "price" in layout.money else ()),
             *(("Cost", "Margin") if "cost" in layout.money else ())]
    return ["Region", "Item", "Date", f"Forecast, {unit}", f"{words} from, {unit}", f"{words} to, {unit}",
            "Forecast by", f"Override, {unit}", "Override, %", f"Model, {unit}", f"Model {words} from, {unit}",
            f"Model {words} to, {unit}", *(one.title[:1].upper() + one.title[1:] for one in layout.attributes),
            *(f"{title}{currency}" for title in money)]


def rows_of(plan: PublishedPlan) -> Iterator[Sequence[Cell]]:
    """A row for each region-item and period, read part by part."""
    layout, plan_id = Layout.from_json(plan.layout), plan.id
    for part in parts_of(plan_id, READ):
        seen, named, told = "", RegionItem("-", "-"), list[Cell]()
        for key, at, forecast, lower, upper, served_by, way, amount, model, model_lower, model_upper, price, revenue, (
                cost), margin, attributes in zip(*(part.table[name].to_pylist() for name in READ), strict=True):
            if key != seen:
                seen, named, values = key, RegionItem.from_key(key), json.loads(attributes)
                told = [typed_value(values.get(one.name), one.kind) for one in layout.attributes]
            cells: list[Cell] = [
                named.region, named.item, at, forecast, lower, upper,
                version_words(served_by), amount if way == "value" else None, amount if way == "percent" else None,
                model, model_lower, model_upper, *told]
            if "price" in layout.money:
                cells += [exact(rounded_price(price)), exact(rounded_money(revenue))]
            if "cost" in layout.money:
                cells += [exact(rounded_price(cost)), exact(rounded_money(margin))]
            yield cells
