"""Sentences that are stored in English are read out of the code that builds them, each with its values."""

import re

import pytest

from webapp.language.stored_sentences import MODULES, PACKAGES, ROOT, UNSEEN, sentences, sentences_in

CODE = '''
"""A module: this is documentation and no sentence."""

WORDS = "a sentence at the top"
SHORT = "kettle"
TEMPLATE = "{count:,} columns are {what}, as {name!r} is"


def told(units: float, rows: list[int], is_one: bool, driver: Driver) -> str:
    """What a function says of itself."""
    log.info("a line of a log is not stored")
    pattern = re.compile(r"neither is a pattern")
    if not rows:
        raise ValueError(f"{driver.title} has {len(rows)} rows; {units:.0%} of them "
                         f"{'is' if is_one else 'are'} refused" + (" at least" if rows else ""))
    hint = f" Did you mean {close(rows)!r}?" if rows else ""
    return WORDS + " follows here".format(rows)
'''


def test_sentences_are_read_with_their_values() -> None:
    assert list(dict.fromkeys(sentences_in(CODE))) == [
        "a sentence at the top",
        "%(value)s columns are %(what)s, as %(name)s is",
        "%(title)s has %(rows)s rows; %(units)s of them is refused at least",
        "%(title)s has %(rows)s rows; %(units)s of them is refused",
        "%(title)s has %(rows)s rows; %(units)s of them are refused at least",
        "%(title)s has %(rows)s rows; %(units)s of them are refused",
        "Did you mean %(close)s?",
        "%(words)s follows here"]


@pytest.mark.parametrize("path", [*PACKAGES, *MODULES, *UNSEEN])
def test_what_is_read_and_what_is_left_out_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_what_the_gate_the_rules_and_forecasts_say_is_among_them() -> None:
    found = set(sentences())

    assert {"%(wape)s is worse than seasonal naive with %(floor)s",
            "The date is missing.",
            "%(title)s is not known for %(missing)s of %(horizon)s periods: %(rule)s."} <= found
    assert not [each for each in found if not re.search(r"[a-z]", each)]
    assert not [each for each in found if re.search(r"\{\w*[!:}]", each)], "a value that is not read as one"
