"""Money: as many decimals as its currency has, the same on pages, in files and in the API."""

import io

import pytest
from flask import Flask
from openpyxl import load_workbook

from tests.webapp.money_builders import declare_money
from webapp.pages.download_files import Exact, file_of
from webapp.pages.rounded_money import about_money, in_currency, money, rounded_money, rounded_price, unit_price


@pytest.mark.parametrize(("currency", "value", "kept", "words"), [
    ("€", 1234567.891, 1234567.89, "1,234,567.89"), ("JPY", 1234567.891, 1234568.0, "1,234,568"),
    ("KWD", 1234.5678, 1234.568, "1,234.568"), ("₩", 99.5, 100.0, "100"), ("", 0.005, 0.01, "0.01"),
    ("€", -0.001, 0.0, "0.00"), ("points", 2.5, 2.5, "2.50"),
])
def test_a_sum_is_rounded_to_the_smallest_unit_of_its_currency(
        template_app: Flask, currency: str, value: float, kept: float, words: str) -> None:
    declare_money(template_app, {}, currency)
    with template_app.test_request_context("/"):
        assert rounded_money(value) == pytest.approx(kept, abs=1e-9)
        assert money(value) == words
        rounded = rounded_money(value)
        assert rounded is not None
        content = file_of("csv", "x", ["a"], [[Exact(rounded)]])
        book = file_of("xlsx", "x", ["a"], [[Exact(rounded)]])
        for file in (content, book):
            file.direct_passthrough = False
        assert float(content.get_data(as_text=True).split()[1]) == rounded
        assert load_workbook(io.BytesIO(book.get_data())).active["A2"].value == rounded  # type: ignore[index]


@pytest.mark.parametrize(("currency", "value", "words"), [
    ("€", 9.9, "9.90"), ("€", 1.789, "1.789"), ("€", 28 / 3, "9.3333"), ("JPY", 150.0, "150"),
    ("JPY", 150.25, "150.25"), ("KWD", 1.5, "1.500"), ("€", 0.0004213, "0.0004213"),
])
def test_a_price_keeps_the_digits_that_it_is_set_with(template_app: Flask, currency: str, value: float,
                                                      words: str) -> None:
    declare_money(template_app, {}, currency)
    with template_app.test_request_context("/"):
        assert unit_price(value) == words
        assert f"{rounded_price(value):.10g}" == f"{float(words):.10g}"


@pytest.mark.parametrize("unknown", [None, float("nan"), float("inf")])
def test_what_is_not_known_is_never_0(template_app: Flask, unknown: float | None) -> None:
    declare_money(template_app, {}, "")
    with template_app.test_request_context("/"):
        assert (rounded_money(unknown), rounded_price(unknown)) == (None, None)
        assert money(unknown) == unit_price(unknown) == "–"
        assert in_currency("Revenue") == "Revenue"


@pytest.mark.parametrize(("value", "words"), [
    (218290.46, "218,290"), (-1000.4, "-1,000"), (99.4, "99.40"), (385.52, "386"), (None, "–")])
def test_what_is_estimated_and_large_is_told_without_cents(template_app: Flask, value: float | None,
                                                           words: str) -> None:
    declare_money(template_app, {}, "USD")
    with template_app.test_request_context("/"):
        assert about_money(value) == words
