"""What of a dataset's past is let go: what is told of it, and what a crash on the way leaves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from demand_assets.defs.resources import open_pipeline
from demand_assets.forecasting.contract.dagster_names import RETRAINED_ASSETS
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.registry.version_files import local_path
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.journal import Journal
from demand_assets.pipeline.expiry import (
    NOTED,
    expire_half_written,
    expire_journal,
    expire_measurements,
    expire_versions,
)
from demand_assets.pipeline.outcomes import RequestedBy
from demand_assets.pipeline.progress import Progress
from demand_assets.pipeline.run import Pipeline
from demand_assets.settings import Settings
from tests.demand_assets.conftest import PINNED, copy_state, settings_in

SOON = datetime.now(UTC) + timedelta(days=3)
"""By then all that the tests did is older than a day."""


@pytest.fixture
def kept(settings: Settings) -> Settings:
    """Everything is kept for a day, of versions the newest three."""
    return settings.model_copy(update={
        "keep_versions": 3, "keep_versions_days": 1.0, "keep_journal_days": 1.0, "keep_monitoring_days": 1.0})


@pytest.fixture(scope="module")
def eight_versions(tmp_path_factory: pytest.TempPathFactory, pooled_state: Path) -> Path:
    """A state directory in which eight versions of the first region-item were trained; the eighth, and the first, were
    promoted. To be copied."""
    settings = settings_in(tmp_path_factory.mktemp("eight"), PINNED)
    copy_state(pooled_state, settings)
    pipeline = open_pipeline(settings)
    one = pipeline.source.catalogue().region_items[0]
    asked = RequestedBy("request-1", "run-1", "ada")
    list(pipeline.carry([one], RETRAINED_ASSETS, asked))
    pipeline.registry.record_decision(one, 1, Decision("promote", "so"), "r")
    model = pipeline.registry.load(one, 1)
    for number in range(2, 9):
        with pipeline.registry.batch("training", asked.tags) as batch:
            version = batch.register(one, model, asked.tags)
        verdict = "promote" if number == 8 else "keep"
        pipeline.registry.record_decision(one, version, Decision(verdict, "so"), "r")
    return settings.state


@pytest.fixture
def versioned(settings: Settings, eight_versions: Path) -> Pipeline:
    """The pipeline, with eight versions of a region-item."""
    copy_state(eight_versions, settings)
    return open_pipeline(settings)


@pytest.fixture
def one(versioned: Pipeline) -> RegionItem:
    """The region-item of which eight versions were trained."""
    return versioned.source.catalogue().region_items[0]


def there(pipeline: Pipeline, one: RegionItem) -> list[int]:
    return sorted(int(version.version) for version in pipeline.registry.versions(one))


def told(pipeline: Pipeline) -> list[object]:
    journal = Journal(pipeline.store)
    return [version for name in journal.files_after("") for entry in journal.read(name) if entry.step == "expired"
            for version in entry.numbers["versions"]]


@pytest.mark.slow
@pytest.mark.parametrize("stock", [False, True], ids=["quick", "stock"])
def test_versions_go_with_their_files_and_runs_and_the_journal_tells(
        versioned: Pipeline, kept: Settings, one: RegionItem, stock: bool) -> None:
    versioned.registry.session.stock = stock
    folders = [local_path(version.source) for version in versioned.registry.versions(one)]
    entry = versioned.registry.entry(one)
    assert entry is not None
    assert entry.production == 8

    versions, runs = expire_versions(versioned.store, versioned.registry, kept, SOON)

    assert (versions.count, versions.size > 0, runs.count) == (4, True, 4)
    assert there(versioned, one) == [1, 6, 7, 8]  # 1 is what 8 replaced
    assert told(versioned) == [2, 3, 4, 5]
    assert [folder is not None and folder.is_dir() for folder in folders] == [
        True, True, True, False, False, False, False, True]
    assert len(list(Path(versioned.registry.session.artifacts or "").iterdir())) == 5  # the pooled one's
    progress = Progress(versioned.store, ["request-1"])
    progress.look()
    assert progress.last[one].step != "expired"
    assert [part.count for part in expire_versions(versioned.store, versioned.registry, kept, SOON)] == [0, 0]


class Breaking(DemandStore):
    """A store whose process is killed before the so many-th change."""

    def __init__(self, url: str, changes: int) -> None:
        super().__init__(url)
        self.changes = changes

    def write_bytes(self, name: str, content: bytes) -> None:
        self._change()
        super().write_bytes(name, content)

    def remove_bytes(self, name: str) -> None:
        self._change()
        super().remove_bytes(name)

    def _change(self) -> None:
        self.changes -= 1
        if self.changes < 0:
            raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(3), ids=["before", "untold", "noted"])
def test_killed_on_the_way_the_next_expiry_finishes(versioned: Pipeline, kept: Settings, one: RegionItem,
                                                    moment: int) -> None:
    folders = {int(version.version): local_path(version.source) for version in versioned.registry.versions(one)}
    for version in versioned.registry.versions(one):  # the runs go another day: MLflow's command for it takes seconds
        versioned.registry.session.client.set_terminated(version.run_id, end_time=int(SOON.timestamp() * 1000))
    with pytest.raises(KeyboardInterrupt):
        expire_versions(Breaking(kept.demand_store_url, moment), versioned.registry, kept, SOON)

    expire_versions(versioned.store, versioned.registry, kept, SOON)

    assert there(versioned, one) == [1, 6, 7, 8]
    assert sorted(set(map(str, told(versioned)))) == ["2", "3", "4", "5"]
    assert [number for number, folder in folders.items() if folder and folder.exists()] == [8, 7, 6, 1]
    assert NOTED not in versioned.store.names("")


@pytest.mark.slow
def test_files_that_a_version_made_by_hand_shares_stay(versioned: Pipeline, kept: Settings, one: RegionItem) -> None:
    second = next(version for version in versioned.registry.versions(one) if int(version.version) == 2)
    client = versioned.registry.session.client
    client.create_registered_model("champions")
    client.create_model_version("champions", second.source, second.run_id)

    expire_versions(versioned.store, versioned.registry, kept, SOON)

    folder = local_path(second.source)
    assert folder is not None
    assert folder.is_dir()
    assert there(versioned, one) == [1, 6, 7, 8]
    assert client.get_model_version("champions", "1").source == second.source


@pytest.mark.slow
@pytest.mark.parametrize("for_ever", [{"keep_versions": 0}, {"keep_versions_days": 0.0}], ids=["count", "days"])
def test_0_keeps_versions_for_ever(versioned: Pipeline, kept: Settings, one: RegionItem,
                                   for_ever: dict[str, float]) -> None:
    expire_versions(versioned.store, versioned.registry, kept.model_copy(update=for_ever), SOON)

    assert there(versioned, one) == list(range(1, 9))


def test_old_measurements_go(pipeline: Pipeline, kept: Settings) -> None:
    for name in ("20260101T000000-aaaaaaaa.jsonl", f"{SOON:%Y%m%dT%H%M%S}-bbbbbbbb.jsonl"):
        pipeline.store.write_bytes(f"monitoring/{name}", b"12345")

    assert expire_measurements(pipeline.store, kept.model_copy(update={"keep_monitoring_days": 0.0}), SOON).count == 0
    expired = expire_measurements(pipeline.store, kept, SOON)

    assert (expired.count, expired.size) == (1, 5)
    assert pipeline.store.names("monitoring") == [f"{SOON:%Y%m%dT%H%M%S}-bbbbbbbb.jsonl"]


def test_what_killed_writers_left_goes_when_it_is_old(pipeline: Pipeline) -> None:
    pipeline.store.write_bytes("demand/north/kettle.parquet", b"whole")
    folder = pipeline.store.local_folder("demand/north")
    assert folder is not None
    left = folder / "kettle.parquet.0123.tmp"
    left.write_bytes(b"half")

    assert expire_half_written(pipeline.store, datetime.now(UTC)).count == 0
    assert expire_half_written(pipeline.store, SOON).size == 4
    assert pipeline.store.names("demand/north") == ["kettle.parquet"]
    assert not left.exists()


def test_the_journal_is_kept_for_ever_when_asked_to_be(pipeline: Pipeline, kept: Settings) -> None:
    pipeline.store.write_bytes("journal/20200101/20200101T000000000000-00000000.jsonl", b"{}")

    assert expire_journal(pipeline.store, kept.model_copy(update={"keep_journal_days": 0.0}), SOON).count == 0
    assert expire_journal(pipeline.store, kept, SOON).count == 1


@pytest.mark.parametrize(("given", "kept"), [("", 90.0), ("0", 0.0), ("0.5", 0.5)])
def test_an_empty_setting_is_the_default_as_of_every_setting_and_0_is_for_ever(
        monkeypatch: pytest.MonkeyPatch, given: str, kept: float) -> None:
    monkeypatch.setenv("DEMAND_KEEP_JOURNAL_DAYS", given)

    assert Settings().keep_journal_days == kept
