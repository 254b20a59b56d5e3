"""A webserver that speaks Dagster's GraphQL for a fake, so that the real client is held to the fake's tests."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from demand_assets.forecasting.telemetry.tracing import traceparent_of
from tests.webapp.fakes import FakeDagster
from webapp.dagster_client import DagsterRefusedError, Sent


def _request_of(tags: list[dict[str, str]]) -> str:
    """The request's id, whose trace the tags name."""
    told = {tag["key"]: tag["value"] for tag in tags}
    assert told["demand/traceparent"] == traceparent_of(told["demand/request_id"])
    return told["demand/request_id"]


class GraphQL:
    """Answers as Dagster's webserver would; the documents themselves are held to Dagster's own schema by a test."""

    def __init__(self, dagster: FakeDagster) -> None:
        self.dagster = dagster
        self.raw: tuple[int, bytes] | None = None
        """Answer this instead."""
        self.run_of_backfill: str | None = None
        """The state of a backfill's runs where it is not the backfill's own."""
        self.backfill_error = ""
        """Why Dagster gave a backfill up."""
        self.terminate_fails = ""
        """What it answers in place of stopping a run."""

    def answer(self, body: dict[str, Any]) -> tuple[int, bytes]:
        if self.raw:
            return self.raw
        name = body["query"].split()[1].split("(")[0]
        try:
            return 200, json.dumps({"data": getattr(self, name.lower())(body["variables"])}).encode()
        except DagsterRefusedError as error:
            refused = {"__typename": "PartitionKeysNotFoundError", "message": str(error)}
            fields = ("launchPartitionBackfill", "launchRun", "runOrError", "partitionBackfillOrError")
            return 200, json.dumps({"data": dict.fromkeys(fields, refused)}).encode()

    def loaded(self, _: Any) -> Any:
        location = {"name": "demand_assets", "locationOrLoadError": {"__typename": "RepositoryLocation"}}
        return {"workspaceOrError": {"__typename": "Workspace", "locationEntries": [location]}}

    def find(self, variables: Any) -> Any:
        found = self.dagster.find(variables["tags"][0]["value"])
        return {"backfills": {"results": [{"id": found.id}] if found and found.carrier == "backfill" else []},
                "runs": {"results": [{"runId": found.id}] if found and found.carrier == "run" else []}}

    def keys(self, _: Any) -> Any:
        return {"assetNodeOrError": {"__typename": "AssetNode", "partitionKeys": self.dagster.partition_keys()}}

    def launchbackfill(self, variables: Any) -> Any:
        params = variables["params"]
        assert [entry["path"] for entry in params["assetSelection"]][-1] == ["production_model"]
        sent = self.dagster.launch_backfill(_request_of(params["tags"]), params["partitionNames"], params["title"])
        return {"launchPartitionBackfill": {"__typename": "LaunchBackfillSuccess", "backfillId": sent.id}}

    def launchrun(self, variables: Any) -> Any:
        params = variables["params"]
        assert params["selector"]["pipelineName"] == "retrain"
        keys = params["runConfigData"]["ops"]["region_item"]["config"]["region_items"]
        sent = self.dagster.launch_run(_request_of(params["executionMetadata"]["tags"]), keys)
        return {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": sent.id}}}

    def runs(self, variables: Any) -> Any:
        words = {"waiting": "QUEUED", "running": "STARTED", "succeeded": "SUCCESS", "failed": "FAILURE",
                 "cancelled": "CANCELED"}
        return {"runsOrError": {"results": [
            {"runId": each.sent.id, "status": words[each.state]} for each in reversed(self.dagster.carried)
            if each.request_id == variables["tags"][0]["value"] and each.sent.carrier == "run"]}}

    def runstate(self, variables: Any) -> Any:
        self.dagster.run_state(variables["id"])
        return {"runOrError": {"__typename": "Run", "status": "STARTED"}}

    def failure(self, variables: Any) -> Any:
        """Its log in two pages: the first without an error."""
        if variables["after"] is None:
            return {"runOrError": {"__typename": "Run", "eventConnection": {
                "cursor": "1", "hasMore": True, "events": [{"__typename": "RunStartEvent"}]}}}
        said = next(each.failure for each in self.dagster.carried if each.sent.id == variables["id"])
        events = [{"__typename": "EngineEvent", "error": {"message": said, "causes": []} if said else None},
                  {"__typename": "RunFailureEvent", "message": "", "error": None}]
        return {"runOrError": {"__typename": "Run", "eventConnection": {
            "cursor": "2", "hasMore": False, "events": events}}}

    def backfillstate(self, variables: Any) -> Any:
        words = {"waiting": "REQUESTED", "running": "REQUESTED", "succeeded": "COMPLETED_SUCCESS",
                 "failed": "COMPLETED_FAILED", "cancelled": "CANCELED"}
        one = next((each for each in self.dagster.carried if each.sent.id == variables["id"]), None)
        state = words[self.dagster.state(Sent("backfill", variables["id"]), "")]
        run = {"waiting": "QUEUED", "running": "STARTED", "succeeded": "SUCCESS", "failed": "FAILURE",
               "cancelled": "CANCELED"}[self.run_of_backfill or (one.state if one else "waiting")]
        error = {"message": self.backfill_error} if self.backfill_error else None
        return {"partitionBackfillOrError": {"__typename": "PartitionBackfill", "status": state, "error": error},
                "runsOrError": {"results": [{"runId": variables["id"], "status": run}]}}

    def partitions(self, variables: Any) -> Any:
        keys = self.dagster.partitions(variables["id"])
        return {"partitionBackfillOrError": {"__typename": "PartitionBackfill", "assetBackfillData": {
            "rootTargetedPartitions": {"partitionKeys": keys}}}}

    def cancelbackfill(self, variables: Any) -> Any:
        self.dagster.cancel(Sent("backfill", variables["id"]), "")
        return {"cancelPartitionBackfill": {"__typename": "CancelBackfillSuccess", "backfillId": variables["id"]}}

    def terminate(self, variables: Any) -> Any:
        if self.terminate_fails:
            return {"terminateRun": {"__typename": self.terminate_fails, "message": "status STARTING"}}
        self.dagster.cancel(Sent("run", variables["id"]), "")
        return {"terminateRun": {"__typename": "TerminateRunSuccess"}}


@contextmanager
def serving(graphql: GraphQL) -> Iterator[str]:
    """The address of a webserver that answers with ``graphql``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, content = graphql.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, _form: str, *_values: Any) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()
