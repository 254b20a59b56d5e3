"""The fakes and the real systems answer alike."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster_graphql.schema import create_schema
from graphql import parse, validate

from demand_assets.forecasting.contract.region_item import pooled_name
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.serving.own_model import ForecastModel, pooled_version
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.registry.entry import RegistryEntry
from demand_assets.forecasting.registry.promotions_pins_and_roll_backs import ActRefusedError
from demand_assets.forecasting.registry.registered_models import Page
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.registry.session import NotRegisteredError, RegistryDownError, ask_once
from tests.webapp.conftest import KETTLE, ODD
from tests.webapp.fakes import FakeDagster, FakeRegistry
from tests.webapp.graphql_server import GraphQL, serving
from webapp.dagster_client import (
    DOCUMENTS,
    DagsterClient,
    DagsterDownError,
    DagsterRefusedError,
    DagsterUnsureError,
    Sent,
)

Promote = Callable[..., int]


@pytest.fixture(params=["fake", "real"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "fake":
        return FakeRegistry(tmp_path / "registry", "shop")
    file = shutil.copy(request.getfixturevalue("empty_mlflow"), tmp_path / "mlflow.db")
    return Registry(f"sqlite:///{file}", "shop", (tmp_path / "artifacts").as_uri())


@pytest.fixture
def promote(registry: Any, model: ForecastModel, tmp_path: Path) -> Promote:
    """Register a model and put it in production."""
    if isinstance(registry, FakeRegistry):
        return lambda region_item: registry.promote(region_item, model)

    def really(region_item: Any) -> int:
        with registry.batch("test", {}) as batch:
            if not (tmp_path / "pooled").exists():
                batch.register_pooled(model.pooled, {})
                (tmp_path / "pooled").touch()
            version: int = batch.register(region_item, model, {})
        registry.record_decision(region_item, version, Decision("promote", "better"), "")
        return version

    return really


def newest(registry: Any) -> dict[str, RegistryEntry]:
    return {entry.name: entry for _, entry in registry.page(100).entries}


def test_an_empty_registry_has_no_entries(registry: Any) -> None:
    assert registry.page(10) == Page([])


def test_a_promotion_shows_version_and_what_it_replaced(registry: Any, promote: Promote) -> None:
    assert (promote(KETTLE), promote(KETTLE), promote(ODD)) == (1, 2, 1)

    entry = newest(registry)[KETTLE.model_name("shop")]
    assert (entry.region_item, entry.production, entry.previous, entry.candidate) == (KETTLE, 2, 1, 2)
    assert (entry.decision, entry.reason) == ("promote", "better")
    assert entry.files.data_hash
    assert entry.problem == ""
    assert newest(registry)[ODD.model_name("shop")].previous is None


def test_what_changed_last_comes_first_page_by_page(registry: Any, promote: Promote) -> None:
    promote(KETTLE)
    before = registry.page(1)
    promote(ODD)
    first = registry.page(1)
    second = registry.page(1, first.token)

    assert [entry.region_item for _, entry in first.entries] == [ODD]
    assert before.newest < first.newest == first.oldest == first.entries[0][0]
    assert second.newest <= first.newest
    assert registry.page(100).token == ""


def test_files_are_fetched_whole(registry: Any, promote: Promote, tmp_path: Path) -> None:
    version = promote(ODD)
    told = registry.fetch(ODD.model_name("shop"), version, tmp_path / "told",
                          newest(registry)[ODD.model_name("shop")].files)
    assert pooled_version(told) == 1
    path = registry.fetch(ODD.model_name("shop"), version, tmp_path / "cache")

    assert path == tmp_path / "cache" / ODD.model_name("shop") / "1"
    pooled = PooledModel.load(registry.fetch(pooled_name("shop"), pooled_version(path), tmp_path / "cache"), 1)
    assert ForecastModel.load(path, pooled, version).version == 1
    with pytest.raises(NotRegisteredError):
        registry.fetch(ODD.model_name("shop"), 7, tmp_path / "cache")


def test_the_pooled_model_in_production_is_told(registry: Any, promote: Promote, pooled: PooledModel,
                                                tmp_path: Path) -> None:
    promote(KETTLE)  # registers version 1 of the pooled model, and decides nothing on it
    assert registry.pooled_production() is None

    if isinstance(registry, FakeRegistry):
        registry.promote_pooled(pooled)
    else:
        registry.decide_pooled(1, Decision("promote", "first"))

    assert registry.pooled_production() == 1
    assert list(newest(registry)) == [KETTLE.model_name("shop")]
    path = registry.fetch(pooled_name("shop"), 1, tmp_path / "cache")
    assert PooledModel.load(path, 1, latest_only=True).version == 1


def test_a_roll_back_puts_an_older_version_in_production_and_says_who_and_why(registry: Any, promote: Promote) -> None:
    promote(KETTLE), promote(KETTLE)
    registry.roll_back(KETTLE, 1, 2, "an admin", "v2 is too high")

    entry = newest(registry)[KETTLE.model_name("shop")]
    assert (entry.production, entry.previous, entry.candidate, entry.decided) == (1, 2, 2, 2)
    assert {name: entry.rolled_back[name] for name in ("by", "reason", "from")} == {
        "by": "an admin", "reason": "v2 is too high", "from": 2}
    assert entry.files is None  # v1 is not the newest, and must be asked

    promote(KETTLE)
    assert newest(registry)[KETTLE.model_name("shop")].rolled_back == {}


def test_rolling_back_twice_is_rolling_back_once(registry: Any, promote: Promote) -> None:
    promote(KETTLE), promote(KETTLE), promote(KETTLE)
    for _ in range(2):
        registry.roll_back(KETTLE, 1, 3, "an admin", "why")

    entry = newest(registry)[KETTLE.model_name("shop")]
    assert (entry.production, entry.previous) == (1, 3)


def test_an_act_on_a_version_that_is_not_in_production_any_more_is_refused(registry: Any, promote: Promote) -> None:
    promote(KETTLE), promote(KETTLE), promote(KETTLE)

    with pytest.raises(ActRefusedError, match="v3 is in production meanwhile, not v2"):
        registry.roll_back(KETTLE, 1, 2, "an admin", "why")
    with pytest.raises(ActRefusedError, match="v3 is in production meanwhile, not v2"):
        registry.pin(KETTLE, 2, "an admin", "why")
    with pytest.raises(NotRegisteredError):
        registry.roll_back(KETTLE, 9, 3, "an admin", "why")
    with pytest.raises(NotRegisteredError):
        registry.pin(ODD, 1, "an admin", "why")
    assert newest(registry)[KETTLE.model_name("shop")].production == 3


def test_a_pin_is_told_until_it_is_taken_off_or_another_version_is_rolled_back_to(registry: Any,
                                                                                  promote: Promote) -> None:
    promote(KETTLE), promote(KETTLE)

    registry.pin(KETTLE, 2, "an admin", "Christmas")
    entry = newest(registry)[KETTLE.model_name("shop")]
    assert (entry.pinned_by, entry.pinned_reason, entry.production) == ("an admin", "Christmas", 2)
    assert entry.pinned_at is not None
    registry.unpin(KETTLE)
    assert newest(registry)[KETTLE.model_name("shop")].pinned_by == ""
    registry.pin(KETTLE, 2, "an admin", "again")
    registry.roll_back(KETTLE, 1, 2, "an admin", "why")
    assert newest(registry)[KETTLE.model_name("shop")].pinned_by == ""


def test_a_registry_that_is_down_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.setenv(name, "7")  # undone after the test
    ask_once()
    fake = FakeRegistry(tmp_path, "shop")
    fake.is_down = True
    for registry in (fake, Registry("http://127.0.0.1:9", "shop")):
        with pytest.raises(RegistryDownError):
            registry.page(10)
        with pytest.raises(RegistryDownError):
            registry.pooled_production()
        with pytest.raises(RegistryDownError):
            registry.fetch("shop.north.kettle", 1, tmp_path / "cache")
        with pytest.raises(RegistryDownError):
            registry.roll_back(KETTLE, 1, 2, "an admin", "why")
        with pytest.raises(RegistryDownError):
            registry.pin(KETTLE, 1, "an admin", "why")
        with pytest.raises(RegistryDownError):
            registry.unpin(KETTLE)


@pytest.fixture
def server() -> Iterator[tuple[str, GraphQL]]:
    graphql = GraphQL(FakeDagster(keys=["a|1", "a|2", "b|1"]))
    with serving(graphql) as url:
        yield url, graphql


@pytest.fixture(params=["fake", "client"])
def dagster(request: pytest.FixtureRequest, server: tuple[str, GraphQL]) -> Any:
    return server[1].dagster if request.param == "fake" else DagsterClient(server[0])


def test_a_failed_run_says_why(dagster: Any, server: tuple[str, GraphQL]) -> None:
    run = dagster.launch_run("request 1", ["a|1"])
    assert dagster.why_failed(run, "request 1") == ""

    (carried,) = server[1].dagster.carried
    carried.state, carried.failure = "failed", "the code server did not answer"

    assert dagster.why_failed(run, "request 1") == "the code server did not answer"


def test_what_was_sent_is_found_by_its_request(dagster: Any) -> None:
    dagster.check()
    assert dagster.partition_keys() == ["a|1", "a|2", "b|1"]
    run = dagster.launch_run("request 1", ["a|1", "b|1"])
    backfill = dagster.launch_backfill("request 2", ["a|1", "a|2"], "two")

    assert (run.carrier, backfill.carrier) == ("run", "backfill")
    assert (dagster.find("request 1"), dagster.find("request 2"), dagster.find("3")) == (run, backfill, None)


def test_unknown_keys_and_ids_are_refused(dagster: Any) -> None:
    with pytest.raises(DagsterRefusedError, match="could not be found"):
        dagster.launch_backfill("request", ["z|9"], "one")
    with pytest.raises(DagsterRefusedError, match="could not be found"):
        dagster.state(Sent("backfill", "nothing"), "request")
    with pytest.raises(DagsterRefusedError, match="could not be found"):
        dagster.partitions("nothing")
    with pytest.raises(DagsterRefusedError, match="could not be found"):
        dagster.run_state("nothing")


def test_a_backfill_says_what_it_is_for_and_why_it_failed(dagster: Any, server: tuple[str, GraphQL]) -> None:
    sent = dagster.launch_backfill("request 1", ["a|1", "b|1"], "two")
    assert dagster.partitions(sent.id) == ["a|1", "b|1"]
    assert dagster.state(sent, "request 1") == "waiting"

    (carried,) = server[1].dagster.carried
    carried.state, carried.failure = "failed", "the code server did not answer"

    assert dagster.why_failed(sent, "request 1") == "the code server did not answer"


def test_a_backfill_whose_run_somebody_cancelled_is_cancelled(server: tuple[str, GraphQL]) -> None:
    client = DagsterClient(server[0])
    sent = client.launch_backfill("request 1", ["a|1"], "one")
    (carried,) = server[1].dagster.carried
    for backfill, run, told in (("running", "waiting", "waiting"), ("running", "running", "running"),
                                ("failed", "cancelled", "cancelled"), ("failed", "failed", "failed"),
                                ("cancelled", "failed", "cancelled"), ("succeeded", "succeeded", "succeeded")):
        carried.state, server[1].run_of_backfill = backfill, run

        assert client.state(sent, "request 1") == told


@pytest.mark.parametrize("carrier", ["run", "backfill"])
def test_cancelling_stops_what_runs_and_leaves_what_ended(dagster: Any, server: tuple[str, GraphQL],
                                                          carrier: str) -> None:
    sent = (dagster.launch_run("1", ["a|1"]) if carrier == "run" else dagster.launch_backfill("1", ["a|1"], "one"))
    assert dagster.cancel(sent, "1")
    assert dagster.state(sent, "1") == "cancelled"

    server[1].dagster.carried[0].state = "succeeded"
    assert not dagster.cancel(sent, "1")
    assert dagster.state(sent, "1") == "succeeded"


def test_what_dagster_could_not_stop_is_not_told_as_stopped(server: tuple[str, GraphQL]) -> None:
    client = DagsterClient(server[0])
    sent = client.launch_run("1", ["a|1"])

    server[1].terminate_fails = "TerminateRunFailure"  # as of a run that is about to start
    assert not client.cancel(sent, "1")
    server[1].terminate_fails = "PythonError"
    with pytest.raises(DagsterDownError, match="STARTING"):
        client.cancel(sent, "1")
    server[1].terminate_fails = ""
    assert client.cancel(sent, "1")


def test_a_backfill_that_dagster_gave_up_is_not_told_as_cancelled(server: tuple[str, GraphQL]) -> None:
    """It cancels the runs that go on by itself then."""
    client = DagsterClient(server[0])
    sent = client.launch_backfill("request 1", ["a|1"], "one")
    (carried,) = server[1].dagster.carried
    carried.state, server[1].run_of_backfill = "failed", "cancelled"
    server[1].backfill_error = "Targeted partitions have been removed"

    assert (client.state(sent, "request 1"), client.why_failed(sent, "request 1")) == (
        "failed", "Targeted partitions have been removed")


@pytest.mark.parametrize(("status", "content", "kind", "message"), [
    (500, b'{"data": {"launchRun": {"__typename": "PythonError", "message": "disk full"}}}', DagsterDownError,
     "Dagster failed: disk full"),
    (502, b"<html>Bad gateway", DagsterDownError, "status 502"),
    (200, b'{"errors": [{"message": "Cannot query field"}]}', DagsterRefusedError, "Cannot query field"),
    (200, b'{"data": null, "errors": [{"message": "(sqlite3) disk I/O error", "path": ["launchRun"]}]}',
     DagsterUnsureError, "Dagster failed: .* disk I/O error"),
    (200, b'{"data": {"launchRun": {"__typename": "RunConfigValidationInvalid", "errors": [{"message": "missing x"}]}}'
          b'}', DagsterRefusedError, "missing x"),
])
def test_errors_are_told_apart_by_what_can_be_done(server: tuple[str, GraphQL], status: int, content: bytes,
                                                   kind: type[Exception], message: str) -> None:
    url, graphql = server
    graphql.raw = (status, content)

    with pytest.raises(kind, match=message):
        DagsterClient(url).launch_run("1", ["a|1"])


def test_an_asset_that_is_not_there_is_the_code_server_s_matter(server: tuple[str, GraphQL]) -> None:
    url, graphql = server
    graphql.raw = (200, b'{"data": {"assetNodeOrError": {"__typename": "AssetNotFoundError"}}}')

    with pytest.raises(DagsterDownError, match="asset 'production_model': its code server does not answer"):
        DagsterClient(url).partition_keys()


def test_nobody_there_is_down() -> None:
    with pytest.raises(DagsterDownError, match="cannot be reached"):
        DagsterClient("http://127.0.0.1:9").check()


def test_every_document_is_valid_for_the_installed_dagster() -> None:
    schema = create_schema().graphql_schema  # type: ignore[attr-defined]

    assert {document.split("(")[0]: validate(schema, parse(document)) for document in DOCUMENTS
            if validate(schema, parse(document))} == {}
