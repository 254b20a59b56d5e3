"""What a sensor remembers, whoever wrote it."""

import pytest

from demand_assets.defs.cursors import LONGEST_PAUSE, Cursor, event_id, pause_after


def test_a_cursor_is_read_as_it_was_written() -> None:
    cursor = Cursor(done="a").ask("b", now=100.0, since=7)

    assert Cursor.read(cursor.text()) == cursor


@pytest.mark.parametrize("text", [
    "", "2026-06-30", "123", "12.5 2026", "{}x", "[1]", '{"done": 5}', '{"tries": "many"}'])
def test_any_other_text_is_how_far_the_work_is_done(text: str) -> None:
    assert Cursor.read(text) == Cursor(done=text)


def test_fields_of_a_later_version_are_left_aside() -> None:
    assert Cursor.read('{"done": "a", "tries": 2, "colour": "red"}') == Cursor(done="a", tries=2)


def test_the_pause_doubles_up_to_the_longest() -> None:
    assert [pause_after(tries).total_seconds() for tries in (1, 2, 3)] == [60, 120, 240]
    assert pause_after(500) == LONGEST_PAUSE


@pytest.mark.parametrize(("text", "event"), [("", 0), ("12", 12), ("what an engineer wrote", 0), ("-3", 0), ("1.5", 0),
                                             ("9" * 40, 0), ("²", 0)])
def test_what_is_no_event_counts_as_none(text: str, event: int) -> None:
    assert (event_id(text), Cursor(done=text).last_event) == (event, event)
