"""A source that does not answer costs the code server one thread, whoever asks it how often."""

from threading import Event, active_count

import pytest

from demand_assets.defs.looks_at_source import Looks, looks_of
from demand_assets.forecasting.contract.source import SourceError
from tests.waiting import eventually


def test_what_is_found_is_told_and_what_is_raised_is_raised() -> None:
    looks = Looks()

    assert looks.made(lambda: "a state") == "a state"
    with pytest.raises(KeyError, match="column"):
        looks.made(lambda: dict[str, str]()["column"])
    assert looks.made(lambda: None) is None


def test_a_look_that_hangs_is_the_only_one_until_it_ends() -> None:
    looks, answers, asked = Looks(seconds=0.01), Event(), []

    def hang() -> str:
        asked.append(1)
        answers.wait()
        return "late"

    before = active_count()
    for _ in range(10):
        with pytest.raises(SourceError, match=r"has not answered for \d+ s\. It is not asked again until it does"):
            looks.made(hang)
    assert (len(asked), active_count()) == (1, before + 1)

    answers.set()
    eventually(lambda: active_count() == before, 10, lambda: "the look did not end")
    assert Looks(seconds=10).made(hang) == "late"
    assert looks_of("new_demand") is looks_of("new_demand") is not looks_of("mend_damaged")
