from copy import copy
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from babel import Locale
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.series.metrics import in_percent
from tests.webapp.conftest import KETTLE, Background, page, text_of
from tests.webapp.fakes import FakeRegistry
from webapp.forecasts.period_table import driver_decimals, driver_value
from webapp.pages.numbers_and_dates import (
    amount,
    day,
    decimals_for,
    for_scripts,
    moment,
    period,
    plural,
    share,
    signed,
    signed_share,
    units,
)
from webapp.pages.reader_locale import number, reader_tag

GERMAN = {"Accept-Language": "de"}


@pytest.mark.parametrize(("asked", "quantity", "date_words"), [
    ("de", "1.234.567,9", "30.06.2026"), ("en-US", "1,234,567.9", "Jun 30, 2026"),
    ("en-GB", "1,234,567.9", "30 Jun 2026"), ("hi", "12,34,567.9", "30 जून 2026"),
    ("de-CH", "1’234’567.9", "30.06.2026"),
])
def test_numbers_and_dates_are_written_as_the_reader_writes_them(app: Flask, asked: str, quantity: str,
                                                                 date_words: str) -> None:
    with app.test_request_context("/", headers={"Accept-Language": asked}):
        assert units(1234567.89, 1) == quantity
        assert day(date(2026, 6, 30)) == day("2026-06-30") == date_words


@pytest.mark.parametrize("tag", ["en", "de", "de-CH", "es", "fr", "sv", "hi", "bn", "ar", "fa", "he", "ja", "pt-PT"])
@pytest.mark.parametrize("decimals", [0, 1, 2])
def test_numbers_are_those_of_the_pattern_of_the_locale(app: Flask, tag: str, decimals: int) -> None:
    numbers = (0.0, 0.05, -0.04, 0.5, 1.5, 2.675, 9.995, 99.95, 999.5, -999.949, 1e3, 12345.678, -1234567.891, 1e12)
    locale = Locale.parse(tag, sep="-")
    pattern = copy(locale.decimal_formats[None])
    pattern.frac_prec = (decimals, decimals)

    with app.test_request_context("/", headers={"Accept-Language": tag}):
        assert [number(value, decimals) for value in numbers] == [pattern.apply(value, locale) for value in numbers]


@pytest.mark.parametrize(("asked", "tag"), [
    ("", "en"), ("*", "en"), ("nonsense!!", "en"), ("xx, de;q=0.5", "de"), ("de-XY", "de"), ("de;q=0, fr", "fr"),
    ("en;q=0.3, de;q=0.9", "de"),
])
def test_the_first_language_that_is_known_and_wanted_counts(app: Flask, asked: str, tag: str) -> None:
    with app.test_request_context("/", headers={"Accept-Language": asked}):
        assert reader_tag() == tag


@pytest.mark.parametrize(("asked", "words", "less"), [
    ("en", "12.3\u00a0%", "−5.0\u00a0%"), ("de", "12,3\u00a0%", "−5,0\u00a0%"), ("tr", "%12,3", "−%5,0"),
])
def test_the_sign_of_percent_stands_where_the_reader_puts_it(app: Flask, asked: str, words: str, less: str) -> None:
    with app.test_request_context("/", headers={"Accept-Language": asked}):
        assert (share(0.1234), signed_share(-0.05)) == (words, less)


@pytest.mark.parametrize(("asked", "words"), [
    ("en", "Tue, Jun 30, 2026"), ("de", "Di., 30. Juni 2026"), ("fr", "mar. 30 juin 2026")])
def test_a_day_of_the_dataset_is_written_with_its_day_of_the_week(app: Flask, asked: str, words: str) -> None:
    with app.test_request_context("/", headers={"Accept-Language": asked}):
        assert period(date(2026, 6, 30)) == period("2026-06-30") == words


@pytest.mark.parametrize(("asked", "words"), [("en-US", "Q2 2026"), ("de-DE", "Q2 2026"), ("fr-FR", "T2 2026")])
def test_a_quarter_is_written_as_the_reader_writes_it(app: Flask, asked: str, words: str) -> None:
    services = app.extensions["services"]
    app.extensions["services"] = replace(services, dataset=services.dataset.model_copy(update={"frequency": "Q"}))
    try:
        with app.test_request_context(headers={"Accept-Language": asked}):
            assert period("2026-04-01") == words
    finally:
        app.extensions["services"] = services


def test_what_a_script_rounds_again_is_what_the_page_shows(app: Flask) -> None:
    with app.test_request_context():
        assert units(317.49959713006746) == "317" == f"{for_scripts(317.49959713006746):.0f}"
        assert for_scripts(1 / 3) == pytest.approx(1 / 3, rel=1e-11)


def test_a_column_of_a_driver_has_the_decimals_of_its_longest_number() -> None:
    assert driver_decimals([14, 11.5, None, "warm", 1e30]) == 1
    assert driver_value(14, "number", driver_decimals([14, 11.5])) == "14.0"


@pytest.mark.parametrize(("values", "shown"), [
    ([0.0, 1.0, 0.224635], ["0.00", "1.00", "0.22"]),  # a share of the week
    ([1.99, 1.789, 2.87068], ["1.990", "1.789", "2.871"]),  # prices, one of them a mean
    ([0.00024581, 0.0], ["0.00025", "0.00000"])])
def test_a_mean_or_a_share_has_no_more_decimals_than_tell_something(values: list[float], shown: list[str]) -> None:
    assert [driver_value(value, "number", driver_decimals(values)) for value in values] == shown


def test_outside_a_request_numbers_are_english(app: Flask) -> None:
    assert units(1234.5, 1) == "1,234.5"


def test_every_filter_follows_the_reader(app: Flask) -> None:
    at = datetime(2020, 6, 30, 14, 5, tzinfo=UTC)
    with app.test_request_context("/", headers=GERMAN):
        assert share(0.1234) == "12,3\u00a0%"
        assert signed(-1234.0) == "−1.234"
        assert signed(0.04) == "+0,04"
        assert plural(30_000, "region-item") == "30.000 Region-Artikel"
        assert driver_value(9.95, "number") == "9,95"
        assert driver_value(1e9, "number") == "1e+09"
        assert "30.06.2020, 14:05 UTC" in str(moment(at))
        assert ">heute, " in str(moment(datetime.now(UTC)))


def test_page_and_swapped_part_are_written_the_same(client: FlaskClient, background: Background, registry: FakeRegistry,
                                                    model: ForecastModel) -> None:
    registry.promote(KETTLE, model, {"wape": 0.123})
    background.watch()

    whole = page(client.get("/?q=kettle+north", headers=GERMAN))
    part = page(client.get("/?q=kettle+north", headers={**GERMAN, "HX-Request": "true", "HX-Target": "table"}))

    assert "12,3 %" in text_of(whole.select_one("tbody"))
    assert "12,3 %" in text_of(part.select_one("tbody"))
    assert whole.html is not None
    assert (whole.html["lang"], whole.html["data-locale"]) == ("de", "de")


@pytest.mark.parametrize(("value", "words"), [
    (0.0, "0"), (0.0024, "0.0024"), (0.00249, "0.0025"), (0.005, "0.005"), (-0.0031, "-0.0031"), (0.25, "0.25"),
    (0.5, "0.5"), (0.96, "1"), (0.999, "1"), (1.04, "1"), (1.25, "1.2"), (12.34, "12.3"), (99.96, "100"),
    (123.4, "123"), (2253.4, "2,253"), (3e-9, "0"), (-3e-9, "0"),
])
def test_a_quantity_has_the_digits_that_its_size_needs(value: float, words: str) -> None:
    assert units(value) == words


@pytest.mark.parametrize(("values", "decimals"), [
    ([], 1), ([0.0], 1), ([0.002, 0.004], 4), ([0.04], 3), ([0.5, 0.002], 2), ([1.0], 1), ([99.0, 0.001], 1),
    ([100.0, 1.0], 0), ([1e-12], 1),
])
def test_a_column_has_the_decimals_that_its_largest_needs(values: list[float], decimals: int) -> None:
    assert decimals_for(values) == decimals


@pytest.mark.parametrize(("value", "words"), [(0.004, "0.004"), (0.1234, "0.123"), (259.64, "259.64"), (500.0, "500"),
                                              (-12.5, "-12.5"), (0.0, "0")])
def test_an_amount_that_was_typed_is_shown_as_it_was(value: float, words: str) -> None:
    assert amount(value) == words


def test_shares_round_as_the_reasons_of_decisions_do() -> None:
    """Recorded shares, those between them, and those at the edges between two decimals of a percent."""
    for value in (place / 20_000 for place in range(30_001)):
        words = in_percent(value).replace(" ", "\u00a0")
        assert share(value) == words
        assert signed_share(-value) == (words if words.startswith("0.0") else f"−{words}")
