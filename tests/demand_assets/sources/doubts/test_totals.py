"""What is a total among regions and items, by its name and by its size."""

import pytest

from demand_assets.sources.doubts.totals import holds_a_total, is_called_a_total, totals_among

NAMES = [
    "Total", "TOTAL", "Totaal", "Итого", "Gesamt", "Gesamtumsatz", "Summe", "Total général", "Totale",
    "Alle Filialen", "All stores", "Grand Total", "ALL", "合計", "Totals", "Tous les magasins", "Total sales",
    "Gesamtergebnis", "Razem", "Celkem", "Összesen", "Toplam", "Yhteensä", "Σύνολο", "Sub-total", "店舗合計",
    "Всего", "Total (all items)", "Zwischensumme", "Suma końcowa"]


def units(total, size, place=1, others=("u", "v", "w")):
    found = {}
    for one in ("a", "b"):
        for other in others:
            found[(one, other) if place else (other, one)] = 100.0
        found[(one, total) if place else (total, one)] = 100.0 * len(others) * size
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1.0, 0.9, 0.98, 0.7, 1.1])
@pytest.mark.parametrize(("place", "kind"), [(0, "region"), (1, "item")])
def test_is_told_by_its_name_also_where_rows_are_missing(name, size, place, kind):
    told = list(totals_among(units(name, size, place)).values())

    assert len(told) == 1
    assert told[0].startswith(f"The {kind} {name!r} is ")
    assert f"rules.leave_out_{kind}s = [{name!r}]" in told[0]


@pytest.mark.parametrize("name", ["Sumatra", "Allround cleaner", "Totally oats", "Ballon", "Somme valley",
                                  "Tuttifrutti", "All other", "Overalls", "Sum 41"])
def test_other_names_are_no_totals(name):
    assert not is_called_a_total(name)
    assert totals_among(units(name, 0.95)) == {}


def test_a_brand_with_such_a_word_is_one_only_near_the_sum():
    assert holds_a_total("Total shampoo")
    assert totals_among(units("Total shampoo", 0.4)) == {}
    assert len(totals_among(units("Total shampoo", 0.9))) == 1


def test_several_totals_do_not_hide_each_other():
    found = totals_among(units("Total", 1.0) | {("a", "Summe"): 300.0, ("b", "Summe"): 300.0})

    assert [name for _, name in found] == ["Summe", "Total"]


def test_a_row_of_its_own_for_all_is_one():
    sizes = {("a", "x"): 100.0, ("b", "x"): 100.0, ("All", "Total"): 200.0}

    assert list(totals_among(sizes)) == [("region", "All"), ("item", "Total")]


def test_where_units_are_not_known_the_name_alone_tells():
    sizes = dict.fromkeys(units("Итого", 1.0))

    assert "is called a total" in next(iter(totals_among(sizes).values()))
