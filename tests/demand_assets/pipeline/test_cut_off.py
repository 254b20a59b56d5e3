"""A run that is cut off anywhere and started again: each region-item gets one version, decided once."""

import errno
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from demand_assets.forecasting.contract.dagster_names import RETRAINED_ASSETS
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.registry.region_item_tags import DecisionFact
from demand_assets.forecasting.store.journal import FINAL_STEPS, Journal
from demand_assets.pipeline.outcomes import RequestedBy
from demand_assets.pipeline.run import Pipeline
from demand_assets.settings import Settings
from tests.demand_assets.conftest import PINNED, settings_in
from tests.demand_assets.pipeline.cut_off import full_from, is_killed

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("pooled")]
SHARES = 4
"""The moments are shared out among so many tests."""
FIRST = RequestedBy("request", "run 1", "a planner")
NEXT = RequestedBy("request", "run 2", "a planner", goes_on=True)
"""What Dagster starts by itself after a run that crashed; a run that it goes on with is the same run."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a dataset whose models are made fast."""
    return settings_in(tmp_path, PINNED)


@pytest.fixture
def one(pipeline: Pipeline) -> RegionItem:
    """A region-item with a pooled model to stand on, and nothing else."""
    return pipeline.source.catalogue().region_items[0]


def carry(pipeline: Pipeline, one: RegionItem, asked: RequestedBy) -> None:
    list(pipeline.carry([one], set(RETRAINED_ASSETS), asked))


def decided(pipeline: Pipeline, one: RegionItem) -> list[int]:
    """The versions that the gate's decision is written on."""
    return [int(version.version) for version in pipeline.registry.versions(one) if DecisionFact.of(dict(version.tags))]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(SHARES))
def test_wherever_a_run_is_cut_off_a_region_item_gets_one_decided_version(
        pipeline: Pipeline, settings: Settings, one: RegionItem, first: int) -> None:
    moment, tries, was_killed = first, 0, True
    while was_killed:
        again = (FIRST, NEXT)[moment // SHARES % 2]
        asked, repeated = (replace(each, request_id=f"{moment}", run_id=f"{moment} {each.run_id}")
                           for each in (FIRST, again))
        before = set(decided(pipeline, one))
        was_killed = is_killed(settings, one, asked, moment)
        carry(pipeline, one, repeated)

        entry = pipeline.registry.entry(one)
        made = set(decided(pipeline, one)) - before
        assert len(made) == 1, f"cut off at commit {moment}: versions {sorted(made)} are decided"
        assert entry is not None
        assert entry.decided == entry.candidate == made.pop()
        ends = [found for name in Journal(pipeline.store).files_after("")
                for found in Journal(pipeline.store).read(name)
                if found.request_id == asked.request_id and found.step in FINAL_STEPS]
        assert {(found.step, found.numbers["version"]) for found in ends} == {
            ("promoted" if entry.decision == "promote" else "kept", entry.candidate)}
        moment, tries = moment + SHARES, tries + 1
    assert moment > 6
    assert len(decided(pipeline, one)) == tries


@pytest.mark.parametrize("repeated", [FIRST, NEXT])
def test_what_was_decided_is_told_again_also_where_a_later_retrain_made_a_newer_version(
        pipeline: Pipeline, one: RegionItem, repeated: RequestedBy) -> None:
    carry(pipeline, one, FIRST)
    carry(pipeline, one, RequestedBy("another", "run 3", "a planner"))
    first = Journal(pipeline.store).files_after("")
    carry(pipeline, one, repeated)  # it was cut off, and its words were lost

    assert sorted(decided(pipeline, one)) == [1, 2]
    again = [found for name in Journal(pipeline.store).files_after("") if name not in first
             for found in Journal(pipeline.store).read(name) if found.step in FINAL_STEPS]
    tags = {int(version.version): DecisionFact.of(dict(version.tags)) for version in pipeline.registry.versions(one)}
    told = tags[1]
    assert told is not None
    assert [(found.step, found.reason, found.numbers["version"], found.request_id) for found in again] == [
        ("promoted" if told.verdict == "promote" else "kept", told.reason, 1, "request")]


def test_another_run_of_the_same_request_trains_anew(pipeline: Pipeline, one: RegionItem) -> None:
    for run in ("run 1", "run 2"):  # an engineer repeats it in Dagster
        carry(pipeline, one, replace(FIRST, run_id=run))

    assert sorted(decided(pipeline, one)) == [1, 2]


def test_runs_that_nobody_named_are_not_taken_for_one(pipeline: Pipeline, one: RegionItem) -> None:
    for run in ("run 1", "run 2"):
        carry(pipeline, one, RequestedBy("", run, "an engineer", goes_on=True))

    assert sorted(decided(pipeline, one)) == [1, 2]


@pytest.mark.parametrize("moment", [0, 3, 6])
def test_a_disk_that_is_full_for_a_moment_fails_no_region_item(
        pipeline: Pipeline, one: RegionItem, moment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demand_assets.forecasting.store.waiting_for_room.PAUSE_SECONDS", 0.0)
    asked = replace(FIRST, request_id=f"full at {moment}")
    with full_from(moment, 3) as commits:
        outcomes = list(pipeline.carry([one], set(RETRAINED_ASSETS), asked))

    assert commits.count("full") == 3
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert len(decided(pipeline, one)) == 1
    ends = [found for name in Journal(pipeline.store).files_after("") for found in Journal(pipeline.store).read(name)
            if found.request_id == asked.request_id and found.step in FINAL_STEPS]
    assert {found.step for found in ends} <= {"promoted", "kept"}
    assert ends


def test_a_full_disk_under_the_demand_store_and_the_journal_is_waited_for(
        pipeline: Pipeline, one: RegionItem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demand_assets.forecasting.store.waiting_for_room.PAUSE_SECONDS", 0.0)
    turns, replace_file = count(), Path.replace

    def sometimes_full(self: Path, target: str | Path) -> Path:
        if next(turns) in (0, 3, 4, 7):
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace_file(self, target)

    monkeypatch.setattr(Path, "replace", sometimes_full)
    outcomes = list(pipeline.carry([one], set(RETRAINED_ASSETS), FIRST))

    assert next(turns) > 7
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert len(decided(pipeline, one)) == 1
