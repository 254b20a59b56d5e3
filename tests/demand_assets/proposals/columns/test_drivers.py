"""Prices and costs among the columns: proposed where a name and the numbers say so, with the reason."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.proposals.draft import Draft
from demand_assets.proposals.proposal import propose_for_files
from demand_assets.sources import open_source

DAYS = pd.date_range("2026-01-01", periods=70)


def proposed(folder: Path, delimiter: str = ",", **columns: Any) -> Draft:
    """For two items in one shop; a column is a function of the day's place, the item's and the units."""
    rows = [(day.date(), item, units, *(make(place, which, units) for make in columns.values()))
            for which, item in enumerate(("tea", "milk")) for place, day in enumerate(DAYS)
            for units in (10 + (place * 7 + which) % 11,)]
    with (folder / "sales.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([("date", "item", "units", *columns), *rows])
    return propose_for_files(str(folder / "sales.csv"), "shop", lambda _, __, usual: usual,
                             today=pd.Timestamp("2026-06-01"))[0]


def money(draft: Draft) -> dict[str, Any]:
    return {kind: entry for kind, (entry, _) in draft.money.items()}


def why_not(draft: Draft) -> dict[str, str]:
    return dict(draft.left)


def test_a_cost_of_a_unit_is_told_by_its_name_and_one_is_taken(tmp_path: Path) -> None:
    names = ("unit_cost", "Cost", "EK", "Einkaufspreis", "EK-Preis", "purchase price", "cost_eur", "COGS",
             "coût unitaire")
    draft = proposed(tmp_path, **{name: lambda place, which, units: 4 + which + (place > 40) / 2 for name in names})

    assert money(draft) == {"cost": {"column": "unit_cost"}}
    assert draft.drivers == []
    assert {why_not(draft)[name] for name in names[1:]} == {"'unit_cost' is taken for the cost of a unit"}
    assert "nothing is told in money until there is a price" in draft.money["cost"][1]
    assert "[money]\n" in draft.text()
    assert draft.dataset().of_source.driver_names == ("unit_cost",)


def test_what_costs_otherwise_and_a_rival_are_nothing_of_a_unit(tmp_path: Path) -> None:
    names = ("shipping_cost", "marketing cost", "ad_costs", "coast", "accost", "checkout")

    assert money(proposed(tmp_path, **{name: lambda place, which, units: 4 + which + place % 3 for name in names},
                          rival_price=lambda place, which, units: 9.5 + which)) == {}


def test_the_cost_of_all_that_was_sold_is_left_with_the_reason(tmp_path: Path) -> None:
    draft = proposed(tmp_path, cost=lambda place, which, units: 4.5 * units)

    assert money(draft) == {}
    assert "the cost of all that was sold" in why_not(draft)["cost"]


def test_costs_that_are_mostly_0_are_left(tmp_path: Path) -> None:
    assert money(proposed(tmp_path, cost=lambda place, which, units: 0 if place else 4)) == {}


def test_a_price_that_never_changes_is_a_price_and_no_driver(tmp_path: Path) -> None:
    draft = proposed(tmp_path, list_price=lambda place, which, units: 9.5 + which)

    assert (money(draft), draft.drivers) == ({"price": {"column": "list_price"}}, [])


def test_beside_a_price_that_moves_none_is_needed(tmp_path: Path) -> None:
    draft = proposed(tmp_path, price=lambda place, which, units: 9.5 - place % 2,
                     list_price=lambda place, which, units: 9.5 + which)

    assert [driver["name"][0] for driver in draft.drivers] == ["price"]
    assert money(draft) == {}
    assert "another price is there" in why_not(draft)["list_price"]
    assert draft.dataset().price_driver == "price"


def test_a_price_that_demand_rises_with_is_still_what_a_unit_is_sold_for(tmp_path: Path) -> None:
    draft = proposed(tmp_path, vk_preis=lambda place, which, units: 5 + units / 10 + place % 3)

    assert money(draft) == {"price": {"driver": "vk_preis"}}
    assert draft.dataset().has_money


def test_marks_of_decimals_are_those_of_demand_or_the_column_is_left(tmp_path: Path) -> None:
    draft = proposed(tmp_path, ";", cost=lambda place, which, units: f"{4 + which},25")

    assert money(draft) == {"cost": {"column": "cost"}}


@pytest.mark.parametrize(("written", "delimiter"), [
    (lambda value: f"{value} %", ","), (lambda value: f"{value}%", ","),
    (lambda value: f"{value},5\u00a0%", ";"), (lambda value: f"{value} %" if value else "0", ",")])
def test_a_column_of_percents_is_a_driver_of_numbers(tmp_path: Path, written: Callable[[int], str],
                                                    delimiter: str) -> None:
    draft = proposed(tmp_path, delimiter, discount=lambda place, which, units: written(5 * ((place * 3 + which) % 17)))

    assert [(one.name, one.kind) for one in draft.dataset().drivers] == [("discount", "number")]
    dataset = draft.dataset()
    source = open_source(dataset)
    catalogue = source.catalogue()
    validated = validate_panel(source.read(catalogue.region_items), dataset, catalogue.region_items,
                               catalogue.last_date, pd.Timestamp("2026-06-01"))[0]
    assert validated.demand is not None
    assert validated.counts["unknown:discount"] == 0
    assert validated.demand["discount"].max() == pytest.approx(80.5 if delimiter == ";" else 80)


@pytest.mark.parametrize("value", [-9, 9999])
def test_a_number_of_a_driver_that_means_not_known_is_declared_as_the_validation_would_advise(tmp_path: Path,
                                                                                              value: int) -> None:
    draft = proposed(tmp_path, temperature=lambda place, which, units: value if place in (5, 33) else 10 + place % 9)

    (driver,) = draft.drivers
    placeholders, why = driver["placeholders"]
    assert placeholders == [value]
    assert "lies far from all others (4 rows)" in why


def test_texts_with_a_percent_among_them_stay_texts(tmp_path: Path) -> None:
    draft = proposed(tmp_path, tier=lambda place, which, units: ["5 %", "gold", "20 %"][(place + which) % 3])

    assert [(one.name, one.kind) for one in draft.dataset().drivers] == [("tier", "category")]


@pytest.mark.parametrize("name", ["returned", "Returns", "Retouren", "refunded units", "profit"])
def test_what_nobody_knows_before_the_period_is_over_is_no_driver(tmp_path: Path, name: str) -> None:
    draft = proposed(tmp_path, **{name: lambda place, _, __: place % 3})

    assert draft.drivers == []
    assert "known only afterwards" in why_not(draft)[name]
