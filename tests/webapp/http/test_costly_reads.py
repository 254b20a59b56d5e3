"""Costly reads: a few for each person, and one computation for all who ask the same."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.waiting import eventually
from webapp.http.costly_reads import AT_ONCE, CostlyReads, TooManyAtOnceError


def test_one_person_has_a_few_places_and_others_have_theirs() -> None:
    reads = CostlyReads()

    def take(person: str, count: int) -> None:
        if count:
            with reads.place_for(person):
                take(person, count - 1)

    with pytest.raises(TooManyAtOnceError):
        take("one", AT_ONCE + 1)
    take("one", AT_ONCE)  # all were given back
    with reads.place_for("one"):
        take("another", AT_ONCE)


@pytest.mark.parametrize("fails", [False, True])
def test_all_who_ask_the_same_share_two_computations_and_nobody_gets_one_from_before(fails: bool) -> None:
    reads, goes_on, begun = CostlyReads(), Event(), list[int]()
    state = 1

    def compute() -> int:
        begun.append(state)
        seen = state
        goes_on.wait(60)
        if fails:
            raise LookupError(str(seen))
        return seen

    def ask() -> int:
        try:
            return reads.shared("totals", compute)
        except LookupError as error:
            return int(str(error))

    with ThreadPoolExecutor(17) as threads:
        first = threads.submit(ask)
        eventually(lambda: begun, 30, lambda: "it never began")
        state = 2
        rest = [threads.submit(ask) for _ in range(15)]
        other = threads.submit(lambda: reads.shared("another", lambda: 7))
        assert other.result(30) == 7
        goes_on.set()
        assert first.result(30) == 1
        assert {one.result(30) for one in rest} == {2}
    assert begun[0] == 1
    assert ask() == 2  # nothing is kept
