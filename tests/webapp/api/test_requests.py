"""What holds for every operation: tokens, problems, pages, ETags, idempotency, limits, the document."""

import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from pydantic import BaseModel
from sqlalchemy import select

from tests.webapp.api.attack import attack, attacked_app
from tests.webapp.api.conftest import KETTLES, Program, problem_of, token_for
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, VIEWER, settings_in
from tests.webapp.killed import makes
from webapp import create_app
from webapp.accounts.tokens import revoke_token
from webapp.api import resources
from webapp.api.document import document_of
from webapp.db.database import db, now, writing
from webapp.http.costly_reads import costly_reads
from webapp.http.process_names import this_process
from webapp.http.rate_limits import token_or_address
from webapp.tables import Answered, ApiToken, Retrain


class TestTokens:
    def test_a_token_says_whose_it_is(self, planning: Program) -> None:
        assert planning.told("/me") == {"email": "planner@example.com", "role": "planner",
                                        "via": "token planner's program"}

    def test_without_one_it_is_said_how_to_send_it(self, app: Flask) -> None:
        response = app.test_client().get("/api/v1/me")

        assert "Authorization: Bearer" in problem_of(response, 401)["detail"]
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'

    def test_a_revoked_one_opens_nothing(self, app: Flask, viewing: Program) -> None:
        with app.app_context():
            revoke_token(db.session.scalars(select(ApiToken.id)).one())

        problem_of(viewing.get("/me"), 401)

    def test_one_that_may_less_is_told_who_may(self, viewing: Program) -> None:
        assert "planners" in problem_of(viewing.post("/retrains", {"all": True}), 403)["detail"]

    def test_no_answer_sets_a_cookie(self, viewing: Program) -> None:
        assert "Set-Cookie" not in viewing.get("/me").headers

    def test_those_who_guess_are_stopped(self, app: Flask) -> None:
        client = app.test_client()
        answers = [client.get("/api/v1/me", headers={"Authorization": f"Bearer demand_{number:043}"}).status_code
                   for number in range(70)]

        assert answers[:60] == [401] * 60
        assert answers[-1] == 429


@pytest.mark.parametrize("spelling", ["Bearer {}", "bearer {}", "BEARER  {}", "beArer {}  ", "  Bearer    {} "])
def test_a_token_is_counted_however_its_header_is_spelled(app: Flask, planning: Program, spelling: str) -> None:
    with app.test_request_context(headers={"Authorization": f"Bearer {planning.token}"}):
        plain = token_or_address()
    headers = {"Authorization": spelling.format(planning.token)}
    with app.test_request_context(headers=headers):
        assert token_or_address() == plain
    assert app.test_client().get("/api/v1/dataset", headers=headers).status_code == 200


@pytest.mark.parametrize("given", ["", "x", "Basic {}", "Bearer", "Bearer "])
def test_a_header_without_a_token_is_counted_by_address(app: Flask, planning: Program, given: str) -> None:
    with app.test_request_context(headers={"Authorization": given.format(planning.token)},
                                  environ_base={"REMOTE_ADDR": "10.1.2.3"}):
        assert token_or_address() == "10.1.2.3"


@pytest.mark.parametrize("path", ["/totals?all=true", "/forecasts?region=north"])
def test_a_person_with_costly_reads_at_work_is_asked_to_wait(app: Flask, viewing: Program, planning: Program,
                                                             path: str) -> None:
    with app.app_context():
        reads = costly_reads()
    with reads.place_for(VIEWER), reads.place_for(VIEWER):
        refused = viewing.get(path)
        assert "being computed for you already" in problem_of(refused, 429)["detail"]
        assert refused.headers["Retry-After"] == "1"
        assert viewing.get("/dataset").status_code == 200
        assert planning.get(path).status_code != 429
    assert viewing.get(path).status_code != 429


class TestProblems:
    @pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/region-items/north%7Cnothing", 404),
                                                  ("/region-items?limit=0", 422), ("/region-items?sort=key", 422)])
    def test_what_is_wrong_is_told_as_a_problem(self, viewing: Program, path: str, status: int) -> None:
        assert problem_of(viewing.get(path), status)["detail"]

    def test_the_wrong_method_names_the_right_ones(self, viewing: Program) -> None:
        response = viewing.ask("PUT", "/region-items")

        problem_of(response, 405)
        assert {"GET", "HEAD", "OPTIONS"} == response.allow

    def test_each_wrong_field_is_named(self, planning: Program) -> None:
        response = planning.post("/forecasts", {"keys": [KETTLE.key], "horizon": 0, "changes": [
            {"driver": "price", "action": "percent", "value": "much", "first": "2026-07-01", "last": 5}], "more": 1})

        assert {one["path"] for one in problem_of(response, 422)["errors"]} == {
            "body.horizon", "body.changes.0.last", "body.more"}

    def test_what_a_scenario_cannot_have_is_named_too(self, planning: Program) -> None:
        response = planning.post("/forecasts", {"keys": [KETTLE.key], "changes": [
            {"driver": "price", "action": "percent", "value": "much", "first": "2026-07-01", "last": "2026-07-02"}]})

        assert problem_of(response, 422)["errors"][0]["path"] == "body.changes.0.value"

    @pytest.mark.parametrize(("body", "kind", "status"), [
        (b"{}", "text/plain", 415), (b"{", "application/json", 400), (b"[]", "application/json", 422),
        (b'{"all": NaN}', "application/json", 400), (b"[" * 100_000, "application/json", 400),
        (b'"{}"', "application/json", 422), (b"\xff", "application/json", 400)])
    def test_a_body_that_is_no_json_object_is_refused(self, app: Flask, planning: Program, body: bytes, kind: str,
                                                      status: int) -> None:
        response = app.test_client().post("/api/v1/retrains", data=body, content_type=kind, headers={
            "Authorization": f"Bearer {planning.token}"})

        problem_of(response, status)

    @pytest.mark.parametrize(("body", "status", "words"), [
        (b'{"keys": ' + b"[" * 30 + b"]" * 30 + b"}", 422, "more than 20 deep"),
        (b'{"keys": ' + b'{"a": ' * 900 + b"1" + b"}" * 900 + b"}", 422, "more than 20 deep"),
        (b'{"keys": ' + b"[" * 90_000 + b"]" * 90_000 + b"}", 400, "more than 20 deep"),
        (b'{"horizon": ' + b"9" * 4_000 + b"}", 422, "a number of 4,000 characters"),
        (b'{"horizon": ' + b"9" * 400_000 + b"}", 422, "a number of 400,000 characters"),
        (b'{"horizon": 1e400}', 422, "larger than any"),
        (b'{"horizon": -1e400}', 422, "larger than any"),
        (b"{" + b",".join(b'"a%d":1' % number for number in range(500_000)) + b"}", 422, "500,000 names"),
        (b'{"keys": [' + b"1," * 1_300_000 + b"1]}", 413, "more than 1,200,000 values"),
    ], ids=["lists", "objects", "very deep", "long", "very long", "infinite", "below all", "names", "values"])
    def test_a_body_that_only_costs_time_is_refused(self, app: Flask, planning: Program, body: bytes, status: int,
                                                    words: str) -> None:
        response = app.test_client().post("/api/v1/forecasts", data=body, content_type="application/json", headers={
            "Authorization": f"Bearer {planning.token}"})

        assert words in problem_of(response, status)["detail"]

    @pytest.mark.parametrize("value", [10**39, -10**38, 1e300, [[[]]] * 1000, "x" * 10_000, {"a": {}}, True, None])
    def test_a_value_of_the_wrong_kind_is_refused_in_a_short_answer(self, planning: Program, value: object) -> None:
        response = planning.post("/forecasts", {"keys": value, "horizon": value, "coverage": value, "changes": [
            {"driver": value, "action": value, "value": value, "first": value, "last": value}] * 20})

        assert problem_of(response, 422)["errors"]
        assert len(response.data) < 100_000

    def test_too_much_is_refused(self, app: Flask, planning: Program) -> None:
        response = app.test_client().post(
            "/api/v1/retrains", data=b" " * 8_000_001, content_type="application/json",
            headers={"Authorization": f"Bearer {planning.token}"})

        problem_of(response, 413)

    def test_pages_keep_their_error_pages(self, client: FlaskClient) -> None:
        assert client.get("/nothing").mimetype == "text/html"


class TestPages:
    def test_all_are_found_once_page_by_page(self, viewing: Program) -> None:
        keys, cursor = [], ""
        while cursor is not None:
            page = viewing.told(f"/region-items?limit=7{cursor and '&cursor=' + cursor}")
            assert len(page["region_items"]) <= 7
            keys += [one["key"] for one in page["region_items"]]
            cursor = page["next"]

        assert keys == sorted(one.key for one in REGION_ITEMS)

    def test_what_comes_in_between_hides_and_repeats_nothing(self, app: Flask, planning: Program) -> None:
        for number in range(3):
            planning.post("/retrains", {"keys": [REGION_ITEMS[number].key]})
        first = planning.told("/retrains?limit=2")
        planning.post("/retrains", {"keys": [REGION_ITEMS[5].key]})

        second = planning.told(f"/retrains?limit=2&cursor={first['next']}")

        assert [one["id"] for one in first["retrains"] + second["retrains"]] == [3, 2, 1]
        assert second["next"] is None

    @pytest.mark.parametrize("cursor", ["abc", "WyJ4IiwgMV0", "bnVsbA", "____"])
    def test_a_made_up_cursor_is_refused(self, viewing: Program, cursor: str) -> None:
        assert "cursor" in problem_of(viewing.get(f"/region-items?cursor={cursor}"), 422)["detail"]

    def test_a_cursor_of_other_filters_is_refused(self, viewing: Program) -> None:
        cursor = viewing.told("/region-items?limit=2")["next"]

        assert "filters" in problem_of(viewing.get(f"/region-items?q=kettle&cursor={cursor}"), 422)["detail"]


class TestETags:
    @pytest.mark.parametrize("path", ["/region-items", KETTLES, f"{KETTLES}/demand", "/forecasts?key=north%7Ckettle",
                                      "/retrains", "/scenarios"])
    @pytest.mark.parametrize("encoding", ["identity", "gzip"])
    def test_what_is_known_is_not_sent_again(self, viewing: Program, path: str, encoding: str) -> None:
        tag = viewing.get(path, Accept_Encoding=encoding).headers["ETag"]

        again = viewing.get(path, If_None_Match=tag, Accept_Encoding=encoding)

        assert (again.status_code, again.data) == (304, b"")

    def test_a_change_is_told(self, planning: Program) -> None:
        planning.post("/retrains", {"keys": [KETTLE.key]})
        tag = planning.get("/retrains/1").headers["ETag"]
        planning.post("/retrains/1/cancel")

        response = planning.get("/retrains/1", If_None_Match=tag)

        assert response.status_code == 200
        assert response.json["state"] == "cancelled"

    def test_a_new_model_changes_the_forecasts(self, viewing: Program, request: pytest.FixtureRequest) -> None:
        tag = viewing.get("/forecasts?key=north%7Ckettle").headers["ETag"]
        request.getfixturevalue("three")

        response = viewing.get("/forecasts?key=north%7Ckettle", If_None_Match=tag)

        assert response.status_code == 200
        assert response.json["forecasts"][0]["version"] == 3


class TestIdempotency:
    ASKED = {"keys": [KETTLE.key], "reason": "the prices changed"}  # noqa: RUF012  # nobody changes it

    def test_the_same_again_starts_nothing_and_gets_the_same_answer(self, app: Flask, planning: Program) -> None:
        first = planning.post("/retrains", self.ASKED, Idempotency_Key="a-key-of-mine")
        second = planning.post("/retrains", self.ASKED, Idempotency_Key="a-key-of-mine")

        assert (first.status_code, second.status_code) == (202, 202)
        assert first.json == second.json
        assert second.headers["Location"] == first.headers["Location"]
        assert second.headers["Idempotency-Replayed"] == "true"
        with app.app_context():
            assert db.session.query(Retrain).count() == 1

    def test_the_key_of_another_request_is_refused(self, planning: Program) -> None:
        planning.post("/retrains", self.ASKED, Idempotency_Key="a-key-of-mine")

        response = planning.post("/retrains", {"keys": [ODD.key]}, Idempotency_Key="a-key-of-mine")

        assert "another request" in problem_of(response, 422)["detail"]

    def test_keys_of_two_people_do_not_meet(self, planning: Program, ruling: Program) -> None:
        planning.post("/retrains", self.ASKED, Idempotency_Key="a-key-of-mine")

        assert ruling.post("/retrains", {"keys": [ODD.key]}, Idempotency_Key="a-key-of-mine").status_code == 202

    def test_at_the_same_moment_it_is_done_once(self, app: Flask, planning: Program) -> None:
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: planning.post("/retrains", self.ASKED, Idempotency_Key="one-for-all"),
                                    range(6)))

        assert {answer.status_code for answer in answers} <= {202, 409}
        assert len({answer.text for answer in answers if answer.status_code == 202}) == 1
        with app.app_context():
            assert db.session.query(Retrain).count() == 1

    @pytest.mark.parametrize("minutes", [3, -60])  # the latter: the clock was put back
    def test_one_that_was_cut_off_is_carried_out_once_when_it_is_sent_again(self, app: Flask, planning: Program,
                                                                            minutes: int) -> None:
        planning.post("/retrains", self.ASKED, Idempotency_Key="cut-off-here")
        with app.app_context(), writing():  # as if the process had died before it noted the answer
            answered = db.session.query(Answered).one()
            answered.status, answered.at = 0, now() - timedelta(minutes=minutes)

        again = planning.post("/retrains", self.ASKED, Idempotency_Key="cut-off-here")

        assert (again.status_code, again.json["id"]) == (202, 1)

    def test_one_that_was_cut_off_by_a_kill_is_answered_at_once_wherever_that_was(self, app: Flask,
                                                                                  planning: Program) -> None:
        moment, is_killed = 0, True
        while is_killed:
            key = f"cut-off-at-{moment}"
            with app.app_context():
                is_killed = makes(lambda key=key: planning.post("/retrains", self.ASKED, Idempotency_Key=key), moment)
                before = db.session.query(Retrain).count()

            again = planning.post("/retrains", self.ASKED, Idempotency_Key=key)

            assert again.status_code == 202, f"killed at {moment}: {again.text}"
            with app.app_context():
                assert db.session.query(Retrain).count() == max(before, again.json["id"])
            assert planning.post("/retrains", self.ASKED, Idempotency_Key=key).json == again.json
            assert planning.post(f"/retrains/{again.json['id']}/cancel").status_code == 202
            moment += 1
        assert moment > 3

    def test_one_whose_process_lives_is_not_carried_out_a_second_time(self, app: Flask, planning: Program) -> None:
        planning.post("/retrains", self.ASKED, Idempotency_Key="still-at-work")
        with app.app_context(), writing():
            answered = db.session.query(Answered).one()
            answered.status, answered.headers = 0, {"holder": this_process()}

        problem_of(planning.post("/retrains", self.ASKED, Idempotency_Key="still-at-work"), 409)

    def test_what_was_refused_may_be_tried_again(self, planning: Program) -> None:
        planning.post("/retrains", self.ASKED)
        problem_of(planning.post("/retrains", self.ASKED, Idempotency_Key="again-and-again"), 409)
        planning.post("/retrains/1/cancel")

        assert planning.post("/retrains", self.ASKED, Idempotency_Key="again-and-again").status_code == 202

    def test_a_key_that_cannot_be_one_is_refused(self, planning: Program) -> None:
        assert "8 to 200" in problem_of(planning.post("/retrains", self.ASKED, Idempotency_Key="short"), 422)["detail"]


@pytest.fixture
def attacked(tmp_path: Path, empty_database: Path) -> Flask:
    """The app to attack, whose database need not be migrated."""
    shutil.copy(empty_database, settings_in(tmp_path).folder)
    return attacked_app(tmp_path)


def test_a_token_that_asks_too_often_is_told_when_to_go_on(tmp_path: Path, attacked: Flask) -> None:
    slow = create_app(settings_in(tmp_path).model_copy(update={"web_api_per_minute": 3}))
    mine, other = Program(slow, token_for(attacked, "viewer")), Program(slow, token_for(attacked, "planner"))

    assert [mine.get("/me").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = mine.get("/dataset")

    assert "Retry-After" not in other.get("/me").headers
    assert problem_of(refused, 429)["detail"]
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert other.get("/me").status_code == 200


class TestDocument:
    def test_no_two_parts_have_one_name_for_the_later_would_stand_for_both(self) -> None:
        parts = {part for module in iter_modules(resources.__path__)
                 for part in vars(import_module(f"{resources.__name__}.{module.name}")).values()
                 if isinstance(part, type) and issubclass(part, BaseModel)}

        names = Counter(part.__name__ for part in parts)
        assert len(names) > 50
        assert [name for name, times in names.items() if times > 1] == []

    def test_it_is_a_document_of_openapi_3_1(self, anonymous: FlaskClient) -> None:
        document = anonymous.get("/api/v1/openapi.json").json

        validate(document, cls=OpenAPIV31SpecValidator)
        assert document["openapi"].startswith("3.1")
        assert all("$defs" not in schema for schema in document["components"]["schemas"].values())

    def test_threads_that_make_it_at_once_make_the_same(self, app: Flask) -> None:
        assert document_of.__wrapped__(app) == document_of.__wrapped__(app)

    def test_every_operation_names_its_role_answer_and_problems(self, anonymous: FlaskClient) -> None:
        document = anonymous.get("/api/v1/openapi.json").json

        for operations in document["paths"].values():
            for operation in operations.values():
                assert operation["x-role"] in ("viewer", "planner", "admin")
                assert operation["summary"]
                assert {"401", "403", "422", "429"} <= operation["responses"].keys()

    def test_its_page_draws_it_from_the_apps_own_files(self, viewer: FlaskClient) -> None:
        response = viewer.get("/api")

        assert "vendor/swagger-ui-bundle.js" in response.text
        assert "http" not in {part.split(":")[0] for part in response.headers["Content-Security-Policy"].split()}
        assert "script-src 'self';" in response.headers["Content-Security-Policy"]


@pytest.mark.slow
def test_no_generated_request_gets_an_answer_that_the_document_does_not_tell(attacked: Flask) -> None:
    report = attack(attacked, 400, 5)

    assert not report.failures, str(report)
    assert report.cases.total() >= 400
    roles = {"viewer", "planner", "admin"}
    assert {role for role, _ in report.cases} == {*roles, *(f"{role}, forms" for role in {*roles, "nobody"})}
    assert {200, 202, 403, 404, 422} <= {status for _, status in report.cases}
