"""A region-item's written forms: any names, three forms, always back again."""

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demand_assets.forecasting.contract.region_item import (
    SHORT_NAME,
    BadNameError,
    RegionItem,
    escape,
    known_as,
    name_problem,
    one_form,
    unescape,
)

NAMES = st.text(min_size=1, max_size=30).filter(lambda name: name_problem(name) is None)


@given(NAMES, NAMES)
def test_every_form_gives_the_region_item_back(region, item):
    region_item = RegionItem(region, item)

    assert RegionItem.from_key(region_item.key) == region_item
    assert RegionItem.from_path(region_item.path) == region_item
    assert RegionItem.from_model_name(region_item.model_name("shop")) == ("shop", region_item)


@given(NAMES, NAMES)
def test_forms_hold_no_character_that_means_something_else(region, item):
    region_item = RegionItem(region, item)

    assert region_item.key.count("|") == 1
    assert region_item.path.count("/") == 1
    assert region_item.model_name("shop").count(".") == 2
    assert not set(region_item.model_name("shop")) & set("/:%\"'|\\#?*<>")
    assert all(part not in ("", ".", "..") for part in region_item.path.split("/"))
    assert "..." not in region_item.key


@given(NAMES)
def test_a_name_has_one_form_whatever_its_letters_and_spaces_are_made_of(name):
    form = one_form(name)

    assert one_form(unicodedata.normalize("NFD", name)) == form
    assert one_form(f"\u00a0{name.replace(' ', chr(0x202f))}\u200b") == form
    assert one_form(form) == form


@given(st.lists(NAMES, min_size=2, max_size=2, unique=True), NAMES)
def test_different_names_have_different_forms(regions, item):
    first, second = (RegionItem(region, item) for region in regions)

    assert first.key != second.key
    assert first.path != second.path
    assert first.model_name("shop") != second.model_name("shop")


@given(st.text(alphabet=string.printable + "~é|/:. ", max_size=20))
def test_escaping_any_text_can_be_undone(text):
    assert unescape(escape(text)) == text


@pytest.mark.parametrize(("name", "escaped"), [
    ("a|b", "a~7Cb"), ("a/b", "a~2Fb"), ("1:2", "1~3A2"), ("v1.5", "v1~2E5"), ("Müller", "Müller"), ("~", "~7E"),
    (" x", "~20x"), ("x ", "x~20"), ("50 % & more", "50 ~25 & more"), ("茶", "茶"), ("..", "~2E~2E")])
def test_special_characters_are_escaped_and_letters_stay(name, escaped):
    assert escape(name) == escaped


@pytest.mark.parametrize(("name", "words"), [
    ("", "is empty"), ("   ", "is empty"), ("a\nb", "control characters"), ("\x7f", "control characters"),
    ("x" * 1001, "too long: 1,001 characters"), ("\ud800", "no valid Unicode")])
def test_names_that_cannot_be_used_say_why(name, words):
    with pytest.raises(BadNameError, match=words):
        RegionItem("north", name)


@pytest.mark.parametrize("name", ["x" * 500, "|" * 34, "茶" * 500, "é" * 51, "a~7Cb" * 100, "…" * 12,
                                  "اختبار " * 70 + "!"])
def test_a_short_name_stands_for_a_long_one(name):
    one = RegionItem("north", name)

    assert one.item == known_as(name) != name
    assert SHORT_NAME.search(one.item)
    assert len(escape(one.item).encode()) <= 100
    assert one.item[0] == name[0]
    assert known_as(one.item) == one.item
    assert RegionItem.from_key(one.key) == RegionItem.from_path(one.path) == one
    assert RegionItem.from_model_name(one.model_name("shop")) == ("shop", one)


def test_long_names_that_begin_alike_are_two_and_spellings_of_one_are_one():
    assert known_as("x" * 200 + "1") != known_as("x" * 200 + "2")
    assert known_as("e\u0301" * 100) == known_as("\u00e9" * 100 + " ")


@pytest.mark.parametrize("name", ["x" * 100, "|" * 33, "茶" * 33, "é" * 50])
def test_names_that_keys_can_hold_stay_to_the_letter(name):
    assert known_as(name) == RegionItem("north", name).item == name


@pytest.mark.parametrize("key", ["", "north", "north|", "|kettle", "a|b|c", "north|~FF"])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(BadNameError):
        RegionItem.from_key(key)


def test_region_items_sort_region_major():
    items = [RegionItem("b", "1"), RegionItem("a", "2"), RegionItem("a", "1")]

    assert [entry.key for entry in sorted(items)] == ["a|1", "a|2", "b|1"]
