from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask

from webapp.language.translations import in_language
from webapp.serving.explaining_sentences import (
    AgainstLastYear,
    Miss,
    Parts,
    of_forecast,
    of_miss,
    of_new_model,
    of_scenario,
)

MADE = Parts([("recent demand", 94.2), ("Promo", 34.4), ("Price", -12.3), ("calendar", 2.0), ("Shelf", 0.7)], 931.0,
             usual=812.0, decimals=0)


@pytest.fixture(autouse=True)
def of_the_test_shop(app: Flask) -> Iterator[None]:
    """Sentences name the periods of a dataset."""
    with app.app_context():
        yield


def test_the_largest_parts_are_named_the_others_are_one_sum() -> None:
    assert of_forecast(None, MADE, "units") == [
        "From a usual level of 812 units the model adds 94 for recent demand and 34 for Promo and takes off 12 for "
        "Price; all else adds 3."]


def test_what_the_parts_do_not_add_up_to_is_named() -> None:
    short = Parts(MADE.units, 1181.0, usual=812.0, decimals=0, without=3)

    assert of_forecast(None, MADE, "units", overridden=218.4)[0].endswith("; overrides add 218.")
    assert of_forecast(None, MADE, "units", overridden=-3.0)[0].endswith("; overrides take off 3.")
    assert of_forecast(None, short, "units")[0].endswith(
        "; all else adds 3; +250 units are in none of the parts, of 3 region-items without parts.")


def test_what_is_lost_in_the_rounding_of_the_parts_is_not_named() -> None:
    parts = [("Price", 1232.0), ("Promo", 26.0), ("recent demand", 19.0), ("calendar", 14.8)]

    lost, told = (of_scenario(17623, 18915, Parts(parts, 1291.8 + beside, without=1), "units")[1]
                  for beside in (-0.000049, 15.0))

    assert lost.endswith("; all else adds 14.8.")
    assert told.endswith("; +15 units are in none of the parts, of 1 region-item without parts.")


def test_what_is_lost_in_the_rounding_of_what_is_named_is_not_told_as_all_else() -> None:
    parts = [("Price", 1232.0), ("Promo", 26.0), ("recent demand", 19.0), ("calendar", -0.00011)]

    assert of_scenario(17623, 18900, Parts(parts, 1277.0), "units")[1] == (
        "The model adds 1,232 units for Price, 26 for Promo and 19 for recent demand.")


def test_parts_that_cancel_out_are_told_and_those_that_do_not_show_are_not() -> None:
    cancelling = Parts([("Price", 50.0), ("Promo", -50.0), ("Shelf", 0.3)], 0.3, decimals=0)

    assert of_scenario(100, 101, cancelling, "units")[1] == (
        "The model adds 50 units for Price and takes off 50 for Promo.")
    assert of_scenario(100, 101, Parts([("Shelf", 0.3)], 0.3, decimals=0), "units")[1] == (
        "The model adds and takes off nothing that shows.")


def test_no_cause_is_claimed_whatever_a_driver_is_called() -> None:
    told = " ".join(of_forecast(None, Parts([("<b>rain</b>", 5.0)], 5.0, decimals=1), "units"))

    assert told == "The model adds 5.0 units for <b>rain</b>."  # plain text, which pages escape
    assert not {"because", "due", "caused"} & set(told.split())


@pytest.mark.parametrize(("last_year", "told"), [
    (AgainstLastYear(1234, 1080, 14, 14),
     "1,234 units are forecast: 154 more than the 1,080 sold in the same 14 days last year (+14.3\u00a0%)."),
    (AgainstLastYear(1000, 1080, 14, 14, out_of_stock=2),
     "1,000 units are forecast: 80 fewer than the 1,080 sold in the same 14 days last year (−7.4\u00a0%); more may "
     "have been wanted then, out of stock in 2 days."),
    (AgainstLastYear(900, 840, 10, 14), "In the 10 of 14 days whose sales of last year are known, 900 units are "
                                        "forecast: 60 more than the 840 sold then (+7.1\u00a0%)."),
    (AgainstLastYear(5, 4, 1, 1),
     "5 units are forecast: 1 more than the 4 sold in the same period (1 day) last year (+25.0\u00a0%)."),
    (AgainstLastYear(5, 0, 14, 14), "5 units are forecast: 5 more than the 0 sold in the same 14 days last year."),
    (AgainstLastYear(0, 0, 14, 14), "0 units are forecast: as many as the 0 sold in the same 14 days last year."),
    (AgainstLastYear(0, 0, 0, 14), "What was sold in these periods last year is not known."),
])
def test_a_forecast_stands_beside_last_year_as_far_as_that_is_known(last_year: AgainstLastYear, told: str) -> None:
    assert of_forecast(last_year, None, "units") == [told]


@pytest.mark.parametrize(("last_year", "told"), [
    (AgainstLastYear(1234, 1080, 14, 14), "154 more than in the same 14 days last year (1,080 sold, +14.3\u00a0%)."),
    (AgainstLastYear(1000, 1080, 14, 14, out_of_stock=2),
     "80 fewer than in the same 14 days last year (1,080 sold, −7.4\u00a0%); more may have been wanted then, out of "
     "stock in 2 days."),
    (AgainstLastYear(5, 0, 14, 14), "5 more than in the same 14 days last year (0 sold)."),
    (AgainstLastYear(0, 0, 14, 14), "As many as in the same 14 days last year (0 sold)."),
    (AgainstLastYear(900, 840, 10, 14), "In the 10 of 14 days whose sales of last year are known, 900 units are "
                                        "forecast: 60 more than the 840 sold then (+7.1\u00a0%)."),
])
def test_below_the_total_it_is_not_told_again_but_where_it_is_another(last_year: AgainstLastYear, told: str) -> None:
    assert of_forecast(last_year, None, "units", below_total=True) == [told]


def test_only_units_are_said_in_the_readers_language() -> None:
    with in_language("de"):
        assert "5 Stück mehr" in of_scenario(0, 5, None, "units")[0]
        assert "5 crates mehr" in of_scenario(0, 5, None, "crates")[0]


def test_what_is_unknown_of_last_year_comes_last() -> None:
    assert of_forecast(AgainstLastYear(0, 0, 0, 14), MADE, "units")[1].endswith("last year is not known.")


def test_seasonal_naive_has_no_parts_and_says_so() -> None:
    assert of_forecast(None, None, "units", has_model=False) == [
        "Seasonal naive repeats past demand: the forecast has no parts."]
    assert of_scenario(10, 12, None, "units", has_model=False)[1].startswith("What the difference is made of is not ")
    assert of_new_model(10, 12, 14, None, "units")[1].startswith("What the difference is made of is not known")


def test_a_scenario_without_a_difference_has_one_sentence() -> None:
    assert of_scenario(100, 100.00000001, MADE, "units") == ["The scenario gives as many units as the plan."]
    assert of_scenario(0, 12, None, "units") == ["The scenario gives 12 units more than the plan."]


def test_a_new_model_is_told_with_both_forecasts_and_the_level_is_a_part() -> None:
    parts = Parts([("usual level", 30.0), ("Price", -5.5)], 24.5)

    assert of_new_model(1200, 1224.5, 14, parts, "units") == [
        "Over 14 days the forecast goes from 1,200 to 1,224 units: +24.5 (+2.0\u00a0%).",
        "The new model adds 30 units for usual level and takes off 5.5 for Price."]


def test_a_miss_names_the_periods_that_make_most_of_it() -> None:
    days = [date(2026, 7, day) for day in range(1, 6)]
    miss = Miss(days, [10, 20, 30, 40, 50], [10, 25, 20, 60, 51], out_of_stock=2)

    assert of_miss(miss, "units", 0) == [
        "Of the last 5 days with a forecast, the models had 150 units, without overrides, and 166 were sold: 16 too "
        "few (−9.6\u00a0%); 2 days out of stock left out.",
        "Furthest off: Sat, Jul 4, 2026 −20 (40 by the models, 60 sold), Fri, Jul 3, 2026 +10 (30 by the models, "
        "20 sold), Thu, Jul 2, 2026 −5 (20 by the models, 25 sold); the other 2 days together −1."]


def test_a_perfect_forecast_and_one_that_met_no_demand() -> None:
    assert of_miss(None, "units", 0) == ["No period that was forecast has known sales yet."]
    assert of_miss(Miss([date(2026, 7, 1)], [5], [5]), "units", 0) == [
        "Over 1 day with a forecast, the models had 5 units, without overrides, and 5 were sold."]


def test_another_language_says_them_in_its_own_order_with_the_same_numbers() -> None:
    with in_language("de"):
        assert of_forecast(None, MADE, "Stück") == [
            "Ausgehend vom üblichen Niveau von 812 Stück fügt das Modell 94 für recent demand und 34 für Promo hinzu "
            "und zieht 12 für Price ab; alles Übrige fügt 3 hinzu."]
    with in_language("fr"):
        assert of_scenario(1000.0, 900.0, None, "unités") == [
            "Le scénario donne 100 unités de moins que le plan (−10,0\xa0%)."]


def test_region_items_that_are_younger_than_a_year_are_left_out_beside_it() -> None:
    older = AgainstLastYear(1234, 1080, 14, 14, sold_then=47, region_items=48)

    assert of_forecast(older, None, "units") == [
        "For the 47 of 48 region-items that sold in the same 14 days last year, 1,234 units are forecast: 154 more "
        "than the 1,080 sold then (+14.3\xa0%)."]
