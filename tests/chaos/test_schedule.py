"""The schedule of a campaign: the same for the same seed, whatever else is so or not."""

import subprocess
import sys
from collections import Counter

import pytest

from tests.chaos.schedule import (
    CUT_TRAINING,
    FAILURES,
    FILES,
    LONGEST_ROUND,
    PICKS,
    REQUESTS,
    RUN,
    SERVERS,
    WHOLE,
    round_of,
    schedule,
)


@pytest.mark.parametrize("seed", [1, 2, 77])
def test_the_same_seed_gives_the_same_schedule(seed):
    assert schedule(seed, 200) == schedule(seed, 200)


def test_another_process_with_other_hashes_draws_the_same():
    code = "from tests.chaos.schedule import schedule; print(*schedule(5, 50), sep='\\n')"
    said = {subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": hashes, "PYTHONPATH": "."}, check=True,
                           capture_output=True, text=True).stdout for hashes in ("0", "1")}

    assert said == {"\n".join(map(str, schedule(5, 50))) + "\n"}


def test_another_seed_gives_another_schedule():
    assert schedule(1, 20) != schedule(2, 20)
    assert len({str(round_of(1, number)) for number in range(1, 201)}) == 200


def test_a_round_is_the_same_alone_and_however_many_there_are():
    assert schedule(3, 200)[:40] == schedule(3, 40)
    assert round_of(3, 17) == schedule(3, 200)[16]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rounds", [3, 5, 10, 200])
def test_a_training_is_cut_in_at_least_a_third_of_the_rounds(seed, rounds):
    assert sum(one.cuts_training for one in schedule(seed, rounds)) * 3 >= rounds


@pytest.mark.parametrize("seed", range(3))
def test_two_hundred_rounds_have_everything_in_them(seed):
    acts = [act for one in schedule(seed, 200) for act in one.acts]
    killed = Counter(act.target for act in acts if act.kind == "kill")
    cut = [act.target for act in acts if act.kind == CUT_TRAINING]

    assert {act.kind for act in acts} == {*REQUESTS, *FAILURES, CUT_TRAINING}
    assert {*SERVERS, RUN} <= killed.keys()
    assert {*WHOLE} & {act.target for act in acts if act.kind in ("kill", "stop")}
    assert {act.target for act in acts if act.kind == "damage"} == set(FILES)
    assert {name for target in cut for name in target.split(" + ")} > {RUN, "dagster-code", "dagster-daemon"}


def test_rounds_are_short_and_in_the_order_of_time():
    for one in schedule(4, 100):
        assert [act.at for act in one.acts] == sorted(act.at for act in one.acts)
        assert all(0 <= act.at <= LONGEST_ROUND and 0 <= act.seconds <= LONGEST_ROUND for act in one.acts)
        assert all(len(act.picks) == PICKS and all(0 <= pick < 1 for pick in act.picks) for act in one.acts)
