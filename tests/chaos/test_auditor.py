"""The auditor finds each fault that is planted, and nothing where there is none."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.auditor import audit, on_the_way
from tests.chaos.observed import Accepted, Group, Item, Observed, Retrain, Serving, Version

KETTLE, PAN = "north|kettle", "north|pan"
ACCEPTED = (Accepted("round 1, retrain 1", "retrain", 1, True), Accepted("round 1, override 1", "override", 1, True),
            Accepted("round 2, scenario 1", "scenario", 2, True), Accepted("round 2, act 1", "act", 2, True),
            Accepted("round 3, retrain 1", "retrain", 3, False))
FILES = {"model.ubj": "aa", "details.json": "bb"}
KETTLE_SERVING = Serving(2, 2, FILES, FILES, "production", 2, (3.0, 4.5), (3.0, 4.5))
WHOLE = Observed(
    retrains=(Retrain(7, "request-7", "planner", "round 1, retrain 1", "finished", False, (
        Item(KETTLE, "promoted", 2, False, "better"), Item(PAN, "kept", 4, False, "no better"))),
              Retrain(1, "request-1", "engineer", "", "finished", False, (Item(KETTLE, "promoted", 1, False, ""),))),
    overrides=(("round 1, override 1", "batch-1"),), scenarios=(("round 2, scenario 1", True, ""),),
    acts=(("round 2, act 1", "done", ""),),
    versions=(Version(KETTLE, 1, "request-1", "promote"), Version(KETTLE, 2, "request-7", "promote"),
              Version(PAN, 4, "request-7", "keep"), Version(PAN, 5, "request-7", "")),
    serving={KETTLE: KETTLE_SERVING, PAN: Serving(None, None, {}, {}, "pooled", 1, (1.0,), (1.0,))},
    audit_entries=(("asked", "retrain", "round 1, retrain 1"), ("overridden", "override", "round 1, override 1"),
                   ("created", "scenario", "round 2, scenario 1"), ("pin asked", "model", "round 2, act 1")),
    databases={"app": "ok", "mlflow": "ok"}, processes={"web": Group(3, 40, 200.0)})


def with_item(key: str, **changed: object) -> Observed:
    first, *others = WHOLE.retrains
    items = tuple(replace(item, **changed) if item.key == key else item for item in first.items)
    return replace(WHOLE, retrains=(replace(first, items=items), *others))


def with_kettle(**changed: object) -> Observed:
    return replace(WHOLE, serving={**WHOLE.serving, KETTLE: replace(KETTLE_SERVING, **changed)})


PLANTED: dict[str, tuple[Callable[[], Observed], str]] = {
    "a lost retrain": (lambda: replace(WHOLE, retrains=WHOLE.retrains[1:], versions=WHOLE.versions[:1]),
                       "lost: retrain 'round 1, retrain 1' was accepted in round 1, and is not there"),
    "a lost override": (lambda: replace(WHOLE, overrides=()), "lost: override 'round 1, override 1'"),
    "a lost scenario": (lambda: replace(WHOLE, scenarios=()), "lost: scenario 'round 2, scenario 1'"),
    "a lost act": (lambda: replace(WHOLE, acts=()), "lost: act 'round 2, act 1'"),
    "a doubled retrain": (lambda: replace(WHOLE, retrains=(*WHOLE.retrains, replace(
        WHOLE.retrains[0], id=8, request_id="request-8", items=()))), "doubled: retrain 'round 1, retrain 1'"),
    "an override made twice": (lambda: replace(WHOLE, overrides=(*WHOLE.overrides, ("round 1, override 1", "batch-2"))),
                               "doubled: override 'round 1, override 1'"),
    "a doubled version": (lambda: replace(WHOLE, versions=(*WHOLE.versions, Version(
        KETTLE, 3, "request-7", "keep"))), "has more than one decided version of north|kettle: v2, v3"),
    "a request that never ends": (lambda: replace(WHOLE, retrains=(replace(
        WHOLE.retrains[0], state="sent"), WHOLE.retrains[1])), "not ended: retrain 7 (round 1, retrain 1) is sent"),
    "a region-item that never ends": (lambda: with_item(PAN, state="judging"), "is judging"),
    "a failure": (lambda: with_item(PAN, state="failed", reason="no process"), "failed: north|pan in retrain 7"),
    "a failure that was decided": (lambda: with_item(PAN, state="failed"),
                                   "is failed, and v4 was decided (keep)"),
    "a cancellation that nobody asked for": (lambda: with_item(PAN, state="cancelled"), "nobody asked for that"),
    "a promotion that was none": (lambda: with_item(PAN, state="promoted"), "v4 bears the decision keep"),
    "a promotion without a version": (lambda: replace(WHOLE, versions=(WHOLE.versions[0], *WHOLE.versions[2:])),
                                      "the registry has no decided version of that request"),
    "another version named": (lambda: with_item(KETTLE, version=1), "names v1, and v2 was decided"),
    "an act that never ends": (lambda: replace(WHOLE, acts=(("round 2, act 1", "stored", ""),)),
                               "not ended: the act 'round 2, act 1' is stored"),
    "a scenario that is not computed": (lambda: replace(WHOLE, scenarios=(("round 2, scenario 1", False, "broke"),)),
                                        "not computed broke"),
    "a run that holds its place": (lambda: replace(WHOLE, unfinished_runs=1), "1 runs are going on"),
    "a wrong alias": (lambda: with_kettle(alias=1), "has v1 in production, and the app announces v2"),
    "a forecast by another version": (lambda: with_kettle(shown_version=1), "is forecast by v1"),
    "a forecast by a stand-in": (lambda: with_kettle(shown_by="pooled", shown_version=1),
                                 "is forecast by the pooled model, and v2 is announced"),
    "no forecast": (lambda: with_kettle(problem="its file is damaged"), "no forecast: north|kettle"),
    "a changed booster": (lambda: with_kettle(cached={**FILES, "model.ubj": "ac"}), "model.ubj is not what"),
    "a missing file": (lambda: with_kettle(cached={"model.ubj": "aa"}), "details.json is not what"),
    "another forecast": (lambda: with_kettle(shown=(3.0, 4.6)), "the registry's files make [3, 4.5]"),
    "a shorter forecast": (lambda: with_kettle(shown=(3.0,)), "the registry's files make [3, 4.5]"),
    "an audit entry that is not there": (lambda: replace(WHOLE, audit_entries=WHOLE.audit_entries[1:]),
                                         "audit log: retrain 'round 1, retrain 1'"),
    "a rewritten audit entry": (lambda: replace(WHOLE, audit_problem="entry 3 was changed"), "entry 3 was changed"),
    "a damaged database": (lambda: replace(WHOLE, databases={"app": "ok", "mlflow": "row 5 missing from index"}),
                           "the database mlflow: row 5"),
    "a process too many": (lambda: replace(WHOLE, processes={"web": Group(5, 40, 200.0)}), "5 processes 'web'"),
    "files that stay open": (lambda: replace(WHOLE, processes={"web": Group(3, 900, 200.0)}), "900 open files"),
    "memory that grows": (lambda: replace(WHOLE, processes={"web": Group(3, 40, 900.0)}), "web has 900 MB"),
    "a process of a new kind": (lambda: replace(WHOLE, processes={**WHOLE.processes, "run": Group(1, 1, 1.0)}),
                                "1 processes 'run', of which there were none"),
}
ON_THE_WAY = {"a lost retrain", "a lost override", "a lost scenario", "a lost act", "a doubled retrain",
              "an override made twice", "a doubled version", "a promotion that was none",
              "a promotion without a version", "another version named", "a rewritten audit entry", "a damaged database"}
"""What is wrong at any moment; the others may come right."""


def test_nothing_is_found_where_nothing_is_wrong():
    assert audit(ACCEPTED, WHOLE, WHOLE) == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name):
    plant, words = PLANTED[name]

    found = audit(ACCEPTED, plant(), WHOLE)

    assert any(words in one for one in found), found


@pytest.mark.parametrize("name", PLANTED)
def test_on_the_way_only_what_can_never_come_right_is_a_finding(name):
    plant, _ = PLANTED[name]

    assert bool(on_the_way(ACCEPTED, plant())) == (name in ON_THE_WAY)


def test_a_run_that_was_killed_again_and_again_may_fail():
    failed = with_item(PAN, state="failed", run_id="run-7")
    undecided = replace(failed, versions=tuple(one for one in failed.versions if one.key != PAN))

    assert [one[:7] for one in audit(ACCEPTED, undecided, WHOLE, {"run-8"})] == ["failed:"]
    assert audit(ACCEPTED, undecided, WHOLE, {"run-7"}) == []


def test_what_was_asked_for_and_got_no_answer_may_be_there_or_not():
    arrived = replace(WHOLE, retrains=(*WHOLE.retrains, Retrain(9, "request-9", "planner", "round 3, retrain 1",
                                                                "cancelled", True, ())),
                      audit_entries=(*WHOLE.audit_entries, ("asked", "retrain", "round 3, retrain 1")))

    assert audit(ACCEPTED, arrived, WHOLE) == []


def test_what_is_observed_is_stored_and_read_again(tmp_path):
    WHOLE.write(tmp_path / "observed.json")

    assert Observed.read(tmp_path / "observed.json") == WHOLE
