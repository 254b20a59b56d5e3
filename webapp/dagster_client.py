"""Dagster, as far as the app needs it; the only file that knows its GraphQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import requests
from typing_extensions import override

from demand_assets.forecasting.contract.dagster_names import (
    BACKFILL_TAG,
    KIND_TAG,
    LOCATION,
    PRIORITY_TAG,
    PRODUCTION_MODEL,
    REPOSITORY,
    REQUEST_TAG,
    RETRAIN_JOB,
    RETRAIN_KIND,
    RETRAINED_ASSETS,
    TRACE_TAG,
    run_config,
)
from demand_assets.forecasting.telemetry.tracing import traceparent_of

PRIORITY = {"key": PRIORITY_TAG, "value": "1"}
"""Somebody waits for it, so it leaves Dagster's queue before what the sensors and the schedule ask for."""
CONNECT_SECONDS = 3.0
QUERY_SECONDS = 15.0
MUTATION_SECONDS = 60.0
"""A launch checks its configuration in the code server first; to give up on it early leaves its outcome open."""

EVENTS_A_PAGE, MOST_PAGES_OF_EVENTS = 1000, 20
"""How much of a failed run's log is read to learn why."""

Carrier = Literal["backfill", "run"]
CarrierState = Literal["waiting", "running", "succeeded", "failed", "cancelled"]

_RUN_STATES: dict[str, CarrierState] = {
    "QUEUED": "waiting", "NOT_STARTED": "waiting", "MANAGED": "waiting", "STARTING": "waiting", "SUSPENDED": "waiting",
    "STARTED": "running", "CANCELING": "running",
    "SUCCESS": "succeeded", "FAILURE": "failed", "CANCELED": "cancelled",
}
MOST_RUNS = 100
"""Runs of a request that are looked at, the newest first."""
_BACKFILL_STATES: dict[str, CarrierState] = {
    "REQUESTED": "running", "CANCELING": "running", "FAILING": "running",
    "COMPLETED": "succeeded", "COMPLETED_SUCCESS": "succeeded",
    "COMPLETED_FAILED": "failed", "FAILED": "failed", "CANCELED": "cancelled",
}


class DagsterDownError(RuntimeError):
    """Dagster does not answer now; asking again later may help."""


class DagsterUnsureError(DagsterDownError):
    """Dagster did not answer in time: what was asked may or may not have been done."""


class DagsterRefusedError(RuntimeError):
    """Dagster answered and refuses; asking the same again does not help."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What carries a retrain in Dagster."""

    carrier: Carrier
    id: str


class Dagster(Protocol):
    """What the app asks of Dagster.

    Every method raises DagsterDownError when Dagster does not answer.
    """

    def check(self) -> None:
        """Return when Dagster answers and has loaded our definitions."""

    def find(self, request_id: str) -> Sent | None:
        """What was already sent for the request, or None."""

    def partition_keys(self) -> list[str]:
        """The region-items that Dagster knows, in its order."""

    def launch_backfill(self, request_id: str, keys: Sequence[str], title: str) -> Sent:
        """Start an asset backfill. Raises: DagsterRefusedError."""

    def launch_run(self, request_id: str, keys: Sequence[str]) -> Sent:
        """Start one run of the retrain job for any region-items. Raises: DagsterRefusedError."""

    def partitions(self, backfill_id: str) -> list[str]:
        """The region-items of a backfill. Raises: DagsterRefusedError: there is no such backfill."""

    def state(self, sent: Sent, request_id: str) -> CarrierState:
        """Where it stands; of a run that Dagster started again, where the newest stands. A backfill none of whose runs
        failed, but that misses what cancelled ones were to make, is cancelled."""

    def why_failed(self, sent: Sent, request_id: str) -> str:
        """Why it failed, or its newest run that did, as Dagster says; empty when it does not say or did not fail."""

    def run_state(self, run_id: str) -> CarrierState:
        """Where any one run stands. Raises: DagsterRefusedError: there is no such run."""

    def cancel(self, sent: Sent, request_id: str) -> bool:
        """Stop it when it still runs; whether all that goes on was told to stop. What is about to start cannot be told
        yet, and where nothing goes on another run of the request may follow: it is to be asked again, then."""

    def link(self, sent: Sent) -> str:
        """Its page in Dagster."""


@dataclass(frozen=True, slots=True)
class _Backfill:
    """Where a backfill stands."""

    state: CarrierState
    runs: list[dict[str, Any]]
    """Newest first."""
    error: str
    """Why it was given up; empty when it was not."""


class DagsterClient(Dagster):
    """Dagster's webserver, through GraphQL."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._http = requests.Session()
        self._http.trust_env = False

    @override
    def check(self) -> None:
        node = self._ask(LOADED, {})["workspaceOrError"]
        entries = {entry["name"]: entry for entry in node.get("locationEntries", [])}
        location = entries.get(LOCATION)
        if location is None or (location["locationOrLoadError"] or {}).get("__typename") != "RepositoryLocation":
            raise DagsterDownError(f"Dagster answers, but its code location {LOCATION!r} is not loaded")

    @override
    def find(self, request_id: str) -> Sent | None:
        found = self._ask(FIND, {"tags": [{"key": REQUEST_TAG, "value": request_id}], "job": RETRAIN_JOB})
        for entry in _results(found["backfills"]):
            return Sent("backfill", entry["id"])
        for run in _results(found["runs"]):
            return Sent("run", run["runId"])
        return None

    @override
    def partition_keys(self) -> list[str]:
        node = self._ask(KEYS, {"asset": {"path": [PRODUCTION_MODEL]}})["assetNodeOrError"]
        if "partitionKeys" not in node:
            raise DagsterDownError(f"Dagster does not know the asset {PRODUCTION_MODEL!r}: its code server does not "
                                   "answer, or still loads it")
        return list(node["partitionKeys"])

    @override
    def launch_backfill(self, request_id: str, keys: Sequence[str], title: str) -> Sent:
        answer = self._ask(LAUNCH_BACKFILL, {"params": {
            "assetSelection": [{"path": [asset]} for asset in RETRAINED_ASSETS], "partitionNames": list(keys),
            "tags": [*_tags(request_id), {"key": KIND_TAG, "value": RETRAIN_KIND}],
            "title": title,
        }})["launchPartitionBackfill"]
        return Sent("backfill", _granted(answer, "LaunchBackfillSuccess")["backfillId"])

    @override
    def launch_run(self, request_id: str, keys: Sequence[str]) -> Sent:
        answer = self._ask(LAUNCH_RUN, {"params": {
            "selector": {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY,
                         "pipelineName": RETRAIN_JOB},
            "mode": "default", "runConfigData": run_config(keys),
            "executionMetadata": {"tags": _tags(request_id)},
        }})["launchRun"]
        return Sent("run", _granted(answer, "LaunchRunSuccess")["run"]["runId"])

    @override
    def partitions(self, backfill_id: str) -> list[str]:
        answer = self._ask(PARTITIONS, {"id": backfill_id})["partitionBackfillOrError"]
        found = (_granted(answer, "PartitionBackfill")["assetBackfillData"] or {}).get("rootTargetedPartitions") or {}
        return list(found.get("partitionKeys") or ())

    @override
    def state(self, sent: Sent, request_id: str) -> CarrierState:
        if sent.carrier == "backfill":
            return self._backfill(sent.id).state
        runs = self._runs_of(request_id)
        return _RUN_STATES.get(runs[0]["status"], "running") if runs else self.run_state(sent.id)

    @override
    def why_failed(self, sent: Sent, request_id: str) -> str:
        if sent.carrier == "backfill":
            backfill = self._backfill(sent.id)
            runs, why = backfill.runs, backfill.error
        else:
            runs, why = self._runs_of(request_id), ""
        failed = [run["runId"] for run in runs if run["status"] == "FAILURE"]
        return why or (self._failure(failed[0]) if failed else "")

    def _backfill(self, backfill_id: str) -> "_Backfill":
        answer = self._ask(BACKFILL_STATE, {"id": backfill_id, "tags": [{"key": BACKFILL_TAG, "value": backfill_id}],
                                            "most": MOST_RUNS})
        found = _granted(answer["partitionBackfillOrError"], "PartitionBackfill")
        runs = _results(answer["runsOrError"])
        states = {_RUN_STATES.get(run["status"], "running") for run in runs}
        state = _BACKFILL_STATES.get(found["status"], "running")
        if found["status"] == "REQUESTED" and states <= {"waiting"}:
            state = "waiting"
        if state == "failed" and not found["error"] and "cancelled" in states and "failed" not in states:
            state = "cancelled"
        return _Backfill(state, runs, (found["error"] or {}).get("message", ""))

    def _failure(self, run_id: str) -> str:
        """The last errors in a run's log, the most telling first."""
        cursor: str | None = None
        errors: list[str] = []
        failure = ""
        for _ in range(MOST_PAGES_OF_EVENTS):
            answer = self._ask(FAILURE, {"id": run_id, "after": cursor, "limit": EVENTS_A_PAGE})["runOrError"]
            page = _granted(answer, "Run")["eventConnection"]
            for event in page["events"]:
                if error := event.get("error"):
                    inner = [cause["message"] for cause in error.get("causes", [])]
                    errors.append(" ".join([*reversed(inner), error["message"]]))
                if event["__typename"] == "RunFailureEvent":
                    failure = event["message"]
            cursor = page["cursor"]
            if not page["hasMore"]:
                break
        return " ".join(filter(None, [*errors[-1:], failure]))

    @override
    def run_state(self, run_id: str) -> CarrierState:
        answer = self._ask(RUN_STATE, {"id": run_id})["runOrError"]
        return _RUN_STATES.get(_granted(answer, "Run")["status"], "running")

    @override
    def cancel(self, sent: Sent, request_id: str) -> bool:
        if self.state(sent, request_id) not in ("waiting", "running"):
            return False
        if sent.carrier == "backfill":
            _granted(self._ask(CANCEL_BACKFILL, {"id": sent.id})["cancelPartitionBackfill"], "CancelBackfillSuccess")
            return True
        going = [run["runId"] for run in self._runs_of(request_id)
                 if _RUN_STATES.get(run["status"], "running") in ("waiting", "running")]
        answers = [self._ask(TERMINATE, {"id": run_id})["terminateRun"] for run_id in going]
        for answer in answers:
            if answer["__typename"] == "PythonError":
                raise DagsterDownError(f"Dagster failed: {_words(answer)}")
        return bool(answers) and all(answer["__typename"] == "TerminateRunSuccess" for answer in answers)

    @override
    def link(self, sent: Sent) -> str:
        return f"{self._url}/runs/{'b/' if sent.carrier == 'backfill' else ''}{sent.id}"

    def _runs_of(self, request_id: str) -> list[dict[str, Any]]:
        """Runs of the retrain job for the request, newest first."""
        found = self._ask(RUNS, {"tags": [{"key": REQUEST_TAG, "value": request_id}], "job": RETRAIN_JOB})
        return _results(found["runsOrError"])

    def _ask(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The answer's ``data``. A PythonError comes with status 500 and a body that says what happened."""
        changes = document.startswith("mutation")
        unanswered = DagsterUnsureError if changes else DagsterDownError
        try:
            response = self._http.post(f"{self._url}/graphql", json={"query": document, "variables": variables},
                                       timeout=(CONNECT_SECONDS, MUTATION_SECONDS if changes else QUERY_SECONDS))
        except requests.ConnectTimeout as error:
            raise DagsterDownError(f"Dagster at {self._url} cannot be reached") from error
        except requests.RequestException as error:
            refused = isinstance(error, requests.ConnectionError) and "refused" in str(error)
            raise (DagsterDownError if refused else unanswered)(
                f"Dagster at {self._url} {'cannot be reached' if refused else 'does not answer'}") from error
        try:
            body = response.json()
        except requests.JSONDecodeError as error:
            raise DagsterDownError(f"{self._url} answers with status {response.status_code}, not as Dagster "
                                   "does") from error
        if errors := body.get("errors"):
            if "path" in errors[0]:  # it was understood and broke on the way: a full disk, a database that is away
                raise unanswered(f"Dagster failed: {errors[0].get('message', errors[0])}")
            raise DagsterRefusedError(f"Dagster refuses the question: {errors[0].get('message', errors[0])}")
        data = body.get("data")
        if not isinstance(data, dict):
            raise DagsterDownError(f"{self._url} answers with status {response.status_code}, without data")
        return data


def _tags(request_id: str) -> list[dict[str, str]]:
    return [{"key": REQUEST_TAG, "value": request_id}, {"key": TRACE_TAG, "value": traceparent_of(request_id)},
            PRIORITY]


def _results(connection: dict[str, Any]) -> list[dict[str, Any]]:
    if "results" not in connection:
        raise DagsterDownError(f"Dagster cannot list runs: {_words(connection)}")
    return list(connection["results"])


def _granted(answer: dict[str, Any], wanted: str) -> dict[str, Any]:
    """The answer when it is of the wanted type.

    Raises: DagsterDownError: an error inside Dagster; DagsterRefusedError: any other answer.
    """
    if answer["__typename"] == wanted:
        return answer
    if answer["__typename"] == "PythonError":
        raise DagsterDownError(f"Dagster failed: {_words(answer)}")
    raise DagsterRefusedError(f"Dagster refuses: {_words(answer)}")


def _words(answer: dict[str, Any]) -> str:
    texts = [answer.get("message") or "", *(error["message"] for error in answer.get("errors", []))]
    return " ".join(text for text in texts if text)[:400] or str(answer.get("__typename"))


LOADED = """query Loaded { workspaceOrError { __typename ... on Workspace { locationEntries { name
  locationOrLoadError { __typename } } } } }"""
FIND = """query Find($tags: [ExecutionTag!]!, $job: String!) {
  backfills: runsFeedOrError(limit: 1, view: BACKFILLS, filter: {tags: $tags}) {
    ... on RunsFeedConnection { results { __typename id } } ... on PythonError { message } }
  runs: runsOrError(limit: 1, filter: {tags: $tags, pipelineName: $job}) {
    ... on Runs { results { runId } } ... on PythonError { message } ... on InvalidPipelineRunsFilterError { message } }
}"""
KEYS = """query Keys($asset: AssetKeyInput!) { assetNodeOrError(assetKey: $asset) { __typename
  ... on AssetNode { partitionKeys } ... on AssetNotFoundError { message } } }"""
LAUNCH_BACKFILL = """mutation LaunchBackfill($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) { __typename
    ... on LaunchBackfillSuccess { backfillId } ... on Error { message }
    ... on RunConfigValidationInvalid { errors { message } } } }"""
LAUNCH_RUN = """mutation LaunchRun($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on Error { message }
  ... on RunConfigValidationInvalid { errors { message } } } }"""
RUNS = """query Runs($tags: [ExecutionTag!]!, $job: String!) {
  runsOrError(limit: 20, filter: {tags: $tags, pipelineName: $job}) {
    ... on Runs { results { runId status } } ... on PythonError { message }
    ... on InvalidPipelineRunsFilterError { message } } }"""
RUN_STATE = """query RunState($id: ID!) { runOrError(runId: $id) { __typename
  ... on Run { status } ... on RunNotFoundError { message } ... on PythonError { message } } }"""
FAILURE = """query Failure($id: ID!, $after: String, $limit: Int!) { runOrError(runId: $id) { __typename
  ... on RunNotFoundError { message } ... on PythonError { message }
  ... on Run { eventConnection(afterCursor: $after, limit: $limit) { cursor hasMore events { __typename
    ... on RunFailureEvent { message } ... on ErrorEvent { error { message causes { message } } } } } } } }"""
BACKFILL_STATE = """query BackfillState($id: String!, $tags: [ExecutionTag!]!, $most: Int!) {
  partitionBackfillOrError(backfillId: $id) { __typename
    ... on PartitionBackfill { status error { message } } ... on BackfillNotFoundError { message }
    ... on PythonError { message } }
  runsOrError(limit: $most, filter: {tags: $tags}) {
    ... on Runs { results { runId status } } ... on PythonError { message }
    ... on InvalidPipelineRunsFilterError { message } } }"""
PARTITIONS = """query Partitions($id: String!) { partitionBackfillOrError(backfillId: $id) { __typename
  ... on PartitionBackfill { assetBackfillData { rootTargetedPartitions { partitionKeys } } }
  ... on BackfillNotFoundError { message } ... on PythonError { message } } }"""
CANCEL_BACKFILL = """mutation CancelBackfill($id: String!) { cancelPartitionBackfill(backfillId: $id) { __typename
  ... on CancelBackfillSuccess { backfillId } ... on UnauthorizedError { message } ... on PythonError { message } } }"""
TERMINATE = """mutation Terminate($id: String!) { terminateRun(runId: $id, terminatePolicy: SAFE_TERMINATE) {
  __typename ... on TerminateRunFailure { message } ... on PythonError { message } } }"""

DOCUMENTS = (LOADED, FIND, KEYS, LAUNCH_BACKFILL, LAUNCH_RUN, RUNS, RUN_STATE, FAILURE, BACKFILL_STATE, PARTITIONS,
             CANCEL_BACKFILL, TERMINATE)
"""Every document that is sent; a test holds them against the installed Dagster's schema."""
