"""What a run says of itself in Dagster."""

import logging

import pytest

from demand_assets.defs.run_log import RunSummary, lines_in, told_in
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.pipeline.outcomes import Outcome

KETTLES, TOASTERS = RegionItem("north", "kettle"), RegionItem("north", "toaster")
log = logging.getLogger("demand_assets.pipeline.a_test")


class Kept(logging.Logger):
    """A run's log."""

    def __init__(self) -> None:
        super().__init__("run")
        self.lines: list[str] = []

    def log(self, level: int, msg: object, *args: object, **kwargs: object) -> None:  # type: ignore[override]
        if msg == "broken":
            raise OSError("no space left on device")
        self.lines.append(f"{logging.getLevelName(level)} {msg}")


def test_the_pipelines_lines_are_in_the_runs_log_and_those_of_what_stores_it_are_not() -> None:
    run = Kept()
    before = (logging.getLogger("demand_assets").level, list(logging.getLogger("demand_assets").handlers))

    with lines_in(run):
        log.info("half of it")
        log.warning("%s is left out", KETTLES)
        log.debug("a detail")
        logging.getLogger("demand_assets.dagster_instance.sqlite_event_log").warning("waits for room")
    log.info("afterwards")

    assert run.lines == ["INFO half of it", f"WARNING {KETTLES} is left out"]
    assert (logging.getLogger("demand_assets").level, list(logging.getLogger("demand_assets").handlers)) == before


def test_a_line_that_cannot_be_kept_ends_no_run(capfd: pytest.CaptureFixture[str]) -> None:
    with lines_in(Kept()):
        log.info("broken")

    assert "no space left on device" in capfd.readouterr().err


def test_what_is_said_while_an_outcome_is_stored_is_no_line_of_the_run() -> None:
    run = Kept()

    def work():  # type: ignore[no-untyped-def]
        for number in (1, 2):
            log.info("before %s", number)
            yield number

    for number in told_in(run, work()):
        log.info("storing %s", number)

    assert run.lines == ["INFO before 1", "INFO before 2"]


def test_the_last_word_on_each_region_item_is_told_with_its_reason() -> None:
    summary = RunSummary()
    for outcome in (
            Outcome(KETTLES, "demand"), Outcome(KETTLES, "candidate_model", details={"version": 2}),
            Outcome(KETTLES, "production_model", reason="WAPE 40.0 % is worse", details={
                "version": 2, "verdict": "keep"}),
            Outcome(TOASTERS, "demand", "quarantined", "9 of 10 rows were refused"),
            Outcome(TOASTERS, "features_for_inspection", "failed", "a table nobody needs")):
        summary.add(outcome)

    assert summary.words == "1 kept, 1 quarantined"
    assert [record.data for record in summary.metadata["reasons"].records] == [
        {"region": "north", "item": "kettle", "outcome": "kept", "version": 2, "reason": "WAPE 40.0 % is worse"},
        {"region": "north", "item": "toaster", "outcome": "quarantined", "version": None,
         "reason": "9 of 10 rows were refused"}]
