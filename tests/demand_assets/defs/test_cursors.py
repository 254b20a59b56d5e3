"""What a sensor remembers, whoever wrote it."""

import pytest

from demand_assets.defs.cursors import LONGEST_PAUSE, Cursor, pause_after


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
