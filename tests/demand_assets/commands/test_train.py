"""``make train``: a whole dataset without servers; stopped at any moment, it is gone on with."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import billiard  # Celery's processes
import dagster as dg
import pandas as pd
import pytest
from rich.console import Console

from demand_assets.commands import train
from demand_assets.commands.train import main, train_all, why_failed
from demand_assets.dagster_instance.instance import open_instance
from demand_assets.defs.resources import open_pipeline
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.registry.version_files import VersionFiles
from demand_assets.pipeline import train_stage
from demand_assets.pipeline.parallel import side_by_side
from demand_assets.pipeline.run import Pipeline
from demand_assets.pipeline.train_stage import TrainStage
from demand_assets.settings import Settings
from tests.demand_assets.commands.doubling import double, doubled
from tests.demand_assets.conftest import PINNED, begin, copy_state, settings_in


def quiet() -> Console:
    return Console(file=StringIO())


def versions(pipeline: Pipeline, one: RegionItem) -> int:
    return len(pipeline.registry.versions(one))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a dataset whose models are made fast."""
    return settings_in(tmp_path, PINNED)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, empty_mlflow: Path) -> Path:
    """A state directory in which a training was stopped at the second region-item; to be copied."""
    settings = settings_in(tmp_path_factory.mktemp("stopped"), PINNED)
    begin(settings, empty_mlflow)
    prepared = train_stage.prepared
    begun: list[object] = []

    def until_then(*arguments: Any) -> Any:
        begun.append(arguments)
        if len(begun) > 1:
            raise KeyboardInterrupt
        return prepared(*arguments)

    with pytest.MonkeyPatch.context() as stopping:
        stopping.setenv("DEMAND_CORES", "1")
        stopping.setattr(train_stage, "prepared", until_then)
        with pytest.raises(KeyboardInterrupt):
            train_all(settings, quiet())
    return settings.state


@dataclass(frozen=True)
class Trained:
    """A state directory in which a training ended, and what it said."""

    state: Path
    said: str


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, empty_mlflow: Path) -> Trained:
    """A whole training, in a process of its own, so that nothing of it stays open here; its state is to be copied."""
    settings = settings_in(tmp_path_factory.mktemp("trained"), PINNED)
    begin(settings, empty_mlflow)
    done = subprocess.run([sys.executable, "-m", "demand_assets.commands.train", "--dataset", str(settings.dataset),
                           "--state", str(settings.state)], check=True, capture_output=True, text=True)
    return Trained(settings.state, done.stderr)


def test_a_stopped_training_goes_on_and_repeats_nothing(settings: Settings, stopped: Path) -> None:
    copy_state(stopped, settings)
    pipeline = open_pipeline(settings)
    ones = list(pipeline.source.catalogue().region_items)
    decided = [one for one in ones if (entry := pipeline.registry.entry(one)) and entry.decided]
    console = quiet()

    summary = train_all(settings, console)

    assert len(decided) == 1
    assert "1 of 4 are decided" in console.file.getvalue()  # type: ignore[attr-defined]
    assert summary["promoted"] + summary["kept"] == 4
    assert [versions(pipeline, one) for one in ones] == [1, 1, 1, 1]
    assert pipeline.registry.pooled_production() == 1
    assert "taking in" not in summary["seconds"]


def test_a_candidate_that_a_killed_training_left_is_decided_and_only_its_run_asks_for_what_was_made(
        settings: Settings, empty_mlflow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the training made is asked for by pages: were each run to ask, a large training would take twice as long."""
    begin(settings, empty_mlflow)
    monkeypatch.setenv("DEMAND_CORES", "1")
    monkeypatch.setattr(train, "PER_RUN", 2)
    asked: list[str] = []
    made_for, record_decision = Registry.made_for, Registry.record_decision
    decided: list[object] = []

    def noted(registry: Registry, tag: Any, *arguments: Any) -> Any:
        asked.append(tag)
        return made_for(registry, tag, *arguments)

    def until_the_second(*arguments: Any, **named: Any) -> Any:
        decided.append(arguments)
        if len(decided) == 2:
            raise KeyboardInterrupt
        return record_decision(*arguments, **named)

    monkeypatch.setattr(Registry, "made_for", noted)
    monkeypatch.setattr(Registry, "record_decision", until_the_second)
    with pytest.raises(KeyboardInterrupt):
        train_all(settings, quiet())
    pipeline = open_pipeline(settings)
    ones = list(pipeline.source.catalogue().region_items)
    assert [versions(pipeline, one) for one in ones] == [1, 1, 0, 0]
    assert asked == ["dagster_run_id"]
    asked.clear()

    summary = train_all(settings, quiet())

    assert summary["promoted"] + summary["kept"] == 4
    assert [versions(pipeline, one) for one in ones] == [1, 1, 1, 1]
    assert asked == ["request_id", "dagster_run_id", "request_id", "dagster_run_id"]


def test_a_training_that_ended_is_begun_anew_and_its_runs_have_names_and_say_how_far_they_are(
        settings: Settings, trained: Trained) -> None:
    copy_state(trained.state, settings)
    pipeline = open_pipeline(settings)
    ones = list(pipeline.source.catalogue().region_items)

    train_all(settings, quiet())

    assert [versions(pipeline, one) for one in ones] == [2, 2, 2, 2]
    with open_instance(settings.folder / "dagster") as instance:
        runs = instance.get_runs()
        lines = [record.user_message for run in runs for record in instance.all_logs(run.run_id)]
    assert [run.job_name for run in runs] == ["fit", "pool", "refresh"] * 2
    for said in (trained.said.replace("\n", " "), "\n".join(lines)):
        assert "pooled model: fit 1 of" in said
        assert "backtest: WAPE" in said


def test_a_training_of_which_a_run_broke_goes_on_with_what_it_left(settings: Settings, pipeline: Pipeline,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: TrainStage, task: object) -> object:
        raise RuntimeError("broken")

    with monkeypatch.context() as breaking:
        breaking.setattr(TrainStage, "train", broken)
        first = train_all(settings, quiet())

    second = train_all(settings, quiet())

    assert first["failed"] == 4
    assert second["failed"] == 0
    assert "taking in" not in second["seconds"]


@pytest.mark.parametrize(("error", "is_told_where"), [
    (dg.Failure("2 of 3 region-items failed, the first: broken"), False), (RuntimeError("broken"), True)])
def test_where_in_the_code_it_was_is_told_of_what_nobody_expected(error: Exception, is_told_where: bool) -> None:
    @dg.op
    def broken() -> None:
        raise error

    @dg.job
    def breaking() -> None:
        broken()

    [failure] = breaking.execute_in_process(raise_on_error=False).get_step_failure_events()

    assert "broken" in why_failed(failure)
    assert ("Stack Trace" in why_failed(failure)) == is_told_where


def test_afresh_forgets_what_was_stopped(settings: Settings, stopped: Path) -> None:
    copy_state(stopped, settings)

    summary = train_all(settings, quiet(), afresh=True)

    assert "taking in" in summary["seconds"]


@pytest.mark.parametrize("in_processes", [False, True], ids=["threads", "processes"])
class TestSideBySide:
    def test_every_result_comes(self, in_processes: bool) -> None:
        assert sorted(side_by_side(double, range(10), 2, in_processes)) == list(range(0, 20, 2))

    def test_an_error_comes_through_and_ends_it(self, in_processes: bool) -> None:
        with pytest.raises(ValueError, match="thirteen"):
            list(side_by_side(double, iter([1, 13, *range(100, 200)]), 2, in_processes))

    def test_tasks_are_taken_when_they_can_be_worked_on(self, in_processes: bool) -> None:
        taken = []

        def tasks() -> object:
            for number in range(100, 200):
                taken.append(number)
                yield number

        results = side_by_side(double, tasks(), 2, in_processes)  # type: ignore[arg-type]
        next(results)

        assert len(taken) <= 4
        results.close()  # type: ignore[attr-defined]


def test_a_process_that_may_have_no_children_uses_threads() -> None:
    processes = billiard.get_context("spawn").Pool(1)  # one that is forked from threads may wait for ever
    try:
        assert processes.apply_async(doubled).get(60) == [0, 2, 4]
    finally:
        processes.close()
        processes.join()


def written_dataset(folder: Path, demand: str, count: int, rules: str) -> Path:
    """A dataset file of one region-item of 60 days, the last of which are as given."""
    days = pd.date_range("2024-01-01", periods=60)
    rows = [f"{day.date()},north,kettle,{5 + place % 7}" for place, day in enumerate(days[:-count])]
    rows += [f"{day.date()},north,kettle,{demand}" for day in days[-count:]]
    (folder / "sales.csv").write_text("\n".join(["date,region,item,demand", *rows]))
    file = folder / "written.toml"
    file.write_text(f'frequency = "D"\nhorizon = 7\n[source]\nkind = "file"\npath = "sales.csv"\n[rules]\n{rules}\n'
                    "[backtest]\nwindows = 1\n[training]\nrounds = 5\nown_rounds = 2\n"
                    'scale = "log"\ndrivers = "boosted"\nyear_features = false\nown_share = 0.5\n')
    return file


@pytest.mark.parametrize(("demand", "count", "rules", "status", "words"), [
    ("x", 20, "", 1, "nothing was trained"), ("900", 3, "refused_units_share = 0.5", 1, "of all units were refused"),
    ("900", 3, "", 0, "newest demand (3 days")])
def test_what_was_not_used_is_told_and_the_status_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str],
                                                          demand: str, count: int, rules: str, status: int,
                                                          words: str) -> None:
    file = written_dataset(tmp_path, demand, count, rules)

    found = main(["--dataset", str(file), "--state", str(tmp_path / "var"), "--json", str(tmp_path / "out.json")])

    told = json.loads((tmp_path / "out.json").read_text())
    said = " ".join("".join(capfd.readouterr()).split())
    assert found == status
    assert words in said
    assert told["unused"]["rows"] == 60
    assert sum(told["unused"]["values_refused_by_rule"].values()) == count
    assert told["unused"]["largest_refused"][0]["value"] == demand


def hashes(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): sha256(file.read_bytes()).hexdigest()
            for file in sorted(folder.rglob("*")) if file.is_file()}


def test_a_copied_state_trains_promotes_and_forecasts_by_itself(settings: Settings, trained: Trained,
                                                                tmp_path: Path) -> None:
    original, copy = settings.state, tmp_path / "copy"
    copy_state(trained.state, settings)
    shutil.copytree(original, copy)
    before = hashes(original)
    copied = settings.model_copy(update={"state": copy})
    console = quiet()

    summary = train_all(copied, console, afresh=True)

    assert "the state was moved or copied here" in console.file.getvalue()  # type: ignore[attr-defined]
    assert summary["promoted"] + summary["kept"] == 4
    assert hashes(original) == before
    shutil.rmtree(original)
    registry = open_pipeline(copied).registry
    for one in open_pipeline(copied).source.catalogue().region_items:
        found = registry.versions(one)
        assert [int(version.version) for version in found] == [2, 1]
        assert all(str(copy) in str(version.source) for version in found)
        for version in (1, 2):
            told = VersionFiles(version, f"{original}/gone")  # as the app noted it before the move
            assert registry.fetch(one.model_name(registry.dataset), version, tmp_path / "cache", told).is_dir()
        assert registry.load(one, 1).card.data_hash
