"""Numbers as people type them."""

import pytest

from webapp.pages.typed_numbers import AmbiguousNumberError, Mark, TypedNumberError, read_number


@pytest.mark.parametrize(("text", "value"), [
    ("9", 9.0), ("9.90", 9.9), ("9,90", 9.9), ("-3", -3.0), ("−3", -3.0), ("+2,5", 2.5), (".5", 0.5), (",5", 0.5),
    ("5,", 5.0), ("0,125", 0.125), ("-0,125", -0.125), ("1,2345", 1.2345), ("1234,567", 1234.567), ("1.234", 1.234),
    ("1,234.5", 1234.5), ("1.234,5", 1234.5), ("1,234,567", 1234567.0), ("1.234.567", 1234567.0), ("1'234", 1234.0),
    ("1’234,5", 1234.5), ("1 234", 1234.0), ("1\u202f234\u00a0567", 1234567.0), (" 12 ", 12.0), ("1e3", 1000.0),
    ("1,5E3", 1500.0), ("-1,234.5", -1234.5),
])
def test_what_can_mean_one_number_is_read(text: str, value: float) -> None:
    assert read_number(text) == value


@pytest.mark.parametrize(("text", "mark", "readings"), [
    ("1,234", ".", "1234 or 1.2340"), ("-12,000", ".", "-12000 or -12.0000"), ("+999,999", ".", "+999999 or +999.9990"),
    ("1.234", ",", "1234 or 1.2340"), ("−1,234", ".", "-1234 or -1.2340"), ("1,234e2", ".", "1234e2 or 1.2340e2"),
    (" 1,234 ", ".", "1234 or 1.2340"),
])
def test_what_can_mean_two_is_refused_with_both_and_each_of_them_is_read(text: str, mark: Mark, readings: str) -> None:
    with pytest.raises(AmbiguousNumberError, match=f"could mean {readings.replace('+', '[+]')}; write") as refused:
        read_number(text, mark)

    named = str(refused.value).partition(";")[0].partition(" mean ")[2].split(" or ")
    large, small = (read_number(word, mark) for word in named)
    assert large == 1000 * small


def test_where_decimals_are_known_to_follow_a_comma_one_is_read() -> None:
    assert (read_number("1,234", ","), read_number("0.234", ",")) == (1.234, 0.234)


@pytest.mark.parametrize("text", [
    "", " ", "many", "nan", "inf", "-inf", "1e999", "1_000", "1,23,456", "1,2345,678", "1.234.56", "1,234,56", "1 23",
    "--1", "+-1", "0x10", "1,234,567.8.9", "1.234,567,8", "12%", "1\n234", "e5", ".", ",", "1e", "1,234e",
])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(TypedNumberError):
        read_number(text)
