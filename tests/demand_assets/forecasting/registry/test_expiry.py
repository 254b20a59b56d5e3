"""Versions that nothing stands on go, whoever does something with them in the same moment."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest

from demand_assets.forecasting.contract.region_item import RegionItem, pooled_name
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.registry.entry import EXPIRING
from demand_assets.forecasting.registry.expiry import (
    KeepingRule,
    ListedVersion,
    listed,
    remove,
    remove_files,
    remove_runs,
    spare,
)
from demand_assets.forecasting.registry.promotions_pins_and_roll_backs import ActRefusedError
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.registry.session import NotRegisteredError, RegistryDownError
from demand_assets.forecasting.registry.version_files import local_path
from tests.demand_assets.forecasting.conftest import KETTLES
from tests.demand_assets.forecasting.registry.conftest import promoted, register

ODD = RegionItem("Nörd/|:.", "v1.5 ~ 'L' %")


@pytest.fixture(params=[False, True], ids=["quick", "stock"])
def stock(request: pytest.FixtureRequest) -> bool:
    """As the product runs by itself, and on nothing but MLflow's public parts."""
    return bool(request.param)


def newest_in_production(registry: Registry, model: ForecastModel, versions: int) -> None:
    """So many versions of the kettles, of which only the last one ever served."""
    for _ in range(versions - 1):
        register(registry, KETTLES, model)
    promoted(registry, KETTLES, model)


def kept(newest: int = 3) -> KeepingRule:
    """So many versions; none for its youth."""
    return KeepingRule(newest, datetime.now(UTC) + timedelta(seconds=5))


def going(registry: Registry, one: RegionItem = KETTLES, newest: int = 3) -> list[int]:
    """The versions of a region-item that would go, oldest first."""
    return [each.version for each in spare(registry, listed(registry), kept(newest))
            if each.name == one.model_name(registry.dataset)]


def found(registry: Registry, version: int, name: str = "") -> ListedVersion:
    wanted = name or KETTLES.model_name(registry.dataset)
    return next(one for one in listed(registry)[wanted] if one.version == version)


def there(registry: Registry, one: RegionItem = KETTLES) -> list[int]:
    return sorted(int(version.version) for version in registry.versions(one))


def test_the_newest_and_the_young_stay(registry: Registry, model: ForecastModel) -> None:
    for one in (KETTLES, ODD):
        for _ in range(6):
            register(registry, one, model)

    assert going(registry, ODD) == [1, 2, 3]
    assert going(registry, newest=5) == [1]
    assert going(registry, newest=1) == [1, 2, 3]  # never fewer than three: a run may be judging one
    assert spare(registry, listed(registry), KeepingRule(3, datetime.now(UTC) - timedelta(days=1))) == []


def test_what_anything_names_stays(registry: Registry, model: ForecastModel) -> None:
    promoted(registry, KETTLES, model)  # 1: was in production before
    promoted(registry, KETTLES, model)  # 2: is in production, and pinned
    registry.pin(KETTLES, 2, "ada", "good")
    for _ in range(7):
        registry.record_decision(KETTLES, register(registry, KETTLES, model), Decision("keep", "worse"), "r")
    registry.session.client.set_registered_model_alias(KETTLES.model_name(registry.dataset), "champion", "4")

    assert going(registry) == [3, 5, 6]


def test_while_a_pin_cannot_be_read_nothing_goes(registry: Registry, model: ForecastModel) -> None:
    newest_in_production(registry, model, 6)
    assert going(registry) == [1, 2, 3]

    registry.session.set_tag(KETTLES.model_name(registry.dataset), "pin", "{by hand")

    assert going(registry) == []


def test_the_pooled_version_of_a_version_that_stays_stays(registry: Registry, model: ForecastModel,
                                                          pooled: PooledModel) -> None:
    register(registry, KETTLES, model)  # on version 1 of the pooled model
    for _ in range(5):
        with registry.batch("pooled", {}) as batch:
            batch.register_pooled(pooled, {})
    registry.decide_pooled(2, Decision("promote", "better"))

    pooled_going = [one.version for one in spare(registry, listed(registry), kept())
                    if one.name == pooled_name(registry.dataset)]

    assert pooled_going == [3]


def test_a_pooled_version_that_a_new_version_came_to_stand_on_is_not_removed(
        registry: Registry, model: ForecastModel, pooled: PooledModel) -> None:
    for _ in range(5):
        with registry.batch("pooled", {}) as batch:
            batch.register_pooled(pooled, {})
    first = next(one for one in spare(registry, listed(registry), kept()) if one.version == 1)
    register(registry, KETTLES, model)

    assert not remove(registry, first)
    assert registry.load(KETTLES, 1).pooled.version == 1
    assert EXPIRING not in registry.session.version(first.name, 1).tags


def test_a_version_goes_with_its_row_and_files_and_no_other_is_touched(
        registry: Registry, model: ForecastModel) -> None:
    for _ in range(5):
        promoted(registry, KETTLES, model)
    one = found(registry, 2)
    registry.session.delete_tag(one.name, "promotion.2")
    folder = local_path(one.source)
    assert folder is not None
    assert folder.is_dir()

    assert remove(registry, one)
    assert remove_files(one.source, one.run_id) > 0

    assert there(registry) == [1, 3, 4, 5]
    assert not folder.exists()
    assert registry.load(KETTLES, 5).card == model.card
    assert registry.entry(KETTLES).production == 5
    with pytest.raises(NotRegisteredError):
        registry.load(KETTLES, 2)
    assert register(registry, KETTLES, model) == 6  # numbers are never given again


def test_removing_again_what_is_gone_is_no_error(registry: Registry, model: ForecastModel) -> None:
    for _ in range(4):
        register(registry, KETTLES, model)
    one = found(registry, 1)

    assert [remove(registry, one), remove(registry, one)] == [True, True]
    assert [remove_files(one.source, one.run_id) > 0, remove_files(one.source, one.run_id)] == [True, 0]


def test_files_that_no_training_made_are_left(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "model.ubj").write_bytes(b"x")

    assert remove_files(str(tmp_path / "theirs"), "") == 0
    assert remove_files(str(tmp_path / "theirs"), "0123abc") == 0
    assert (tmp_path / "theirs" / "model.ubj").exists()


@pytest.mark.parametrize("act", [
    lambda registry: registry.roll_back(KETTLES, 1, 5, "ada", "was better"),
    lambda registry: registry.session.set_alias(KETTLES.model_name(registry.dataset), "champion", 1),
    lambda registry: registry.session.set_alias(KETTLES.model_name(registry.dataset), "production", 1),
], ids=["roll back", "alias", "by hand"])
def test_what_is_done_between_the_look_and_the_removal_keeps_the_version(
        registry: Registry, model: ForecastModel, act: Callable[[Registry], None]) -> None:
    newest_in_production(registry, model, 5)
    one = next(each for each in spare(registry, listed(registry), kept()) if each.version == 1)

    act(registry)

    assert not remove(registry, one)
    assert registry.load(KETTLES, 1).card == model.card
    registry.roll_back(KETTLES, 1, registry.entry(KETTLES).production, "ada", "again")  # no mark is left


def test_a_version_that_is_being_removed_is_not_rolled_back_to(registry: Registry, model: ForecastModel) -> None:
    newest_in_production(registry, model, 5)
    registry.session.set_version_tag(KETTLES.model_name(registry.dataset), 1, EXPIRING, "yes")

    with pytest.raises(ActRefusedError, match=r"v1 is being removed.*choose another version"):
        registry.roll_back(KETTLES, 1, 5, "ada", "was better")

    assert registry.entry(KETTLES).production == 5


def test_roll_backs_in_the_very_moment_never_leave_production_without_a_version(
        registry: Registry, model: ForecastModel) -> None:
    newest_in_production(registry, model, 11)
    other = Registry(registry.session.uri, registry.dataset, registry.session.artifacts, registry.session.stock)
    outcomes = []
    for version in range(1, 8):
        one, production = found(registry, version), registry.entry(KETTLES).production
        start, done = Barrier(2), []

        def rolled_back(version: int = version, production: int | None = production, start: Barrier = start,
                        done: list[str] = done) -> None:
            start.wait()
            try:
                other.roll_back(KETTLES, version, production, "ada", "now")
                done.append("rolled back")
            except (ActRefusedError, NotRegisteredError, RegistryDownError):
                done.append("refused")

        thread = Thread(target=rolled_back)
        thread.start()
        start.wait()
        gone = remove(registry, one)
        thread.join()
        outcomes.append((done[0], gone))
        entry = registry.entry(KETTLES)
        assert entry.production in there(registry)
        assert entry.production == (version if done == ["rolled back"] else production)
    assert ("rolled back", True) not in outcomes


def test_runs_go_when_all_their_versions_are_gone_and_those_of_others_stay(
        registry: Registry, model: ForecastModel) -> None:
    client, experiment = registry.session.client, registry.session.experiment
    ours = []
    for _ in range(2):
        with registry.batch("training", {"dagster_run_id": "d"}) as batch:
            batch.register(KETTLES, model, {})
            ours.append(batch.run_id)
    by_hand = client.create_run(experiment).info.run_id
    client.set_terminated(by_hand)
    unfinished = client.create_run(experiment, tags={"dagster_run_id": "d"}).info.run_id
    folder = local_path(client.get_run(ours[0]).info.artifact_uri)
    assert folder is not None

    assert remove_runs(registry, {ours[1]}, kept()) == 1

    left = {run.info.run_id for run in client.search_runs([experiment])}
    assert (ours[0] in left, {ours[1], by_hand, unfinished} <= left) == (False, True)
    assert not folder.parent.exists()
    assert remove_runs(registry, {ours[1]}, kept()) == 0


def test_files_in_an_object_store_go_too(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("moto.server", reason="moto is not installed: no local S3 server")
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in (("AWS_ENDPOINT_URL", f"http://{host}:{port}"), ("AWS_ACCESS_KEY_ID", "testing"),
                            ("AWS_SECRET_ACCESS_KEY", "testing"), ("AWS_DEFAULT_REGION", "us-east-1")):
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()  # of a server of another test
        files = s3fs.S3FileSystem(endpoint_url=f"http://{host}:{port}", skip_instance_cache=True)
        files.mkdir("mlflow")
        for item in ("kettle", "kettle 2"):
            files.pipe_file(f"mlflow/models/0123abc/artifacts/models/north/{item}/model.ubj", b"12345")

        freed = [remove_files("s3://mlflow/models/0123abc/artifacts/models/north/kettle", "0123abc") for _ in range(2)]

        files.invalidate_cache()
        assert freed == [5, 0]
        assert files.find("mlflow") == ["mlflow/models/0123abc/artifacts/models/north/kettle 2/model.ubj"]
    finally:
        server.stop()
        s3fs.S3FileSystem.clear_instance_cache()  # which knows the address that nobody answers at any more
