"""Targets: whether a plan reached them, at their very edges."""

import pytest

from tests.webapp.value_added.builders import Judged, sums_of
from webapp.accuracy.judged_sums import FIELDS
from webapp.value_added.comparing import ComparedRows
from webapp.value_added.targets import Target, Targets

ALL = Target("", 0.2, 0.05, 0.1)
NORTH = Target("region:north", 0.3, 0.0, 0.1)


def compared(*rows: Judged) -> ComparedRows:
    return ComparedRows("north", dict(zip(FIELDS, sums_of(rows).values[0].tolist(), strict=True)))


@pytest.mark.parametrize(("plan", "accuracy", "bias"), [
    (100, "reached", "within"), (110, "reached", "within"), (120, "reached", "too high"), (80, "reached", "too low"),
    (125, "tolerated", "too high"), (126, "missed", "too high"), (0, "missed", "too low")])
def test_a_plan_of_100_sold(plan: float, accuracy: str, bias: str) -> None:
    one = compared(Judged(100, 90, plan))

    assert (ALL.accuracy_of(one), ALL.bias_of(one)) == (accuracy, bias)


def test_nothing_is_reached_where_nothing_was_sold() -> None:
    one = compared(Judged(0, 90, 0))

    assert (ALL.accuracy_of(one), ALL.bias_of(one)) == (None, None)


def test_the_own_target_counts_before_the_one_for_all() -> None:
    found = Targets({"": ALL, "region:north": NORTH})

    assert (found.of("region", "north"), found.of("region", "south"), found.of("all", "")) == (NORTH, ALL, ALL)
    assert Targets({}).of("region", "north") is None
