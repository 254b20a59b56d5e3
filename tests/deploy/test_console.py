import contextlib
import sys
from pathlib import Path

import pytest

from deploy.console import Console, Follower, last_lines


def test_a_follower_hands_out_each_whole_line_once(tmp_path):
    log = tmp_path / "training.log"
    log.write_text("of an earlier life\n")
    follower = Follower(log)
    with log.open("a") as file:
        file.write("first\nhalf of the sec")

    assert follower.new_lines() == ["first"]

    with log.open("a") as file:
        file.write("ond\n")
    assert follower.new_lines() == ["half of the second"]
    assert follower.new_lines() == []


def test_a_follower_begins_again_when_its_file_was_rotated(tmp_path):
    log = tmp_path / "training.log"
    log.write_text("a long line of an earlier life\n")
    follower = Follower(log)
    log.write_text("new\n")

    assert follower.new_lines() == ["new"]


def test_the_end_of_a_log_has_no_empty_lines(tmp_path):
    log = tmp_path / "web.log"
    log.write_text("".join(f"line {number}\n\n" for number in range(100)))

    assert last_lines(log, 2) == ["line 98", "line 99"]
    assert last_lines(tmp_path / "absent.log") == []


def test_a_terminal_that_takes_nothing_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    log.write_text("the end\n")
    console, said = Console(), 0

    with contextlib.suppress(OSError), Path("/dev/full").open("w") as full:  # nor can it be closed
        monkeypatch.setattr(sys, "stdout", full)
        console.say("web had stopped and was started again")
        console.show_end_of(log)
        said = 2
        monkeypatch.undo()

    assert said == 2
