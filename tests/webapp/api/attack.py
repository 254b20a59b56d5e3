"""A generated run over the API: every operation of its document, every role, right and wrong requests.

``python -m tests.webapp.api.attack --cases 5000 --seed 1`` (``make attack``) ends with status 1 and the request when
any answer is a 5xx or contradicts the document, or none comes beside slow connections.
"""

import argparse
import contextlib
import http.client
import json
import random
import sys
import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import schemathesis
from flask import Flask
from flask_migrate import upgrade
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.generation.case import Case
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.services import services_or_skip
from tests.webapp.api.conftest import token_for
from tests.webapp.conftest import (
    ADMIN,
    EMAIL,
    PASSWORD,
    REGION_ITEMS,
    VIEWER,
    demand_of,
    hidden,
    page,
    settings_in,
    signed_in,
)
from tests.webapp.doors import address
from tests.webapp.http.slow_clients import KINDS, connected, gunicorn, slow_connections
from webapp import create_app
from webapp.accounts.views import create_user
from webapp.api.document import document_of
from webapp.background.journal import read_catalogue
from webapp.db.database import db, writing
from webapp.http.problems import PREFIX
from webapp.http.scim_errors import PREFIX as SCIM_PREFIX
from webapp.retrains.requests import store
from webapp.tables import ApiToken, ModelVersion, RegionItemRow, SavedScenario

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
          response_schema_conformance, negative_data_rejection]
ROLES = ("viewer", "planner", "admin")
FORM_ROLES = ("nobody", *ROLES)
LOGINS = {"viewer": VIEWER, "planner": EMAIL, "admin": ADMIN}
JSON_TYPES = ("application/json", "application/json; charset=utf-8", "application/problem+json", "APPLICATION/JSON",
              "text/json", "application/x-ndjson", "text/plain", "application/octet-stream", "")
FORM_FIELDS = {"email": EMAIL, "password": PASSWORD, "new_password": "another long one", "own_password": PASSWORD,
               "new_password_confirm": "another long one", "again": "another long one", "role": "admin",
               "active": "no", "name": "x", "days": "30", "ri": "north|kettle", "token": "b" * 32}
SLOW, BESIDE_SLOW = 200, 300
"""Slow connections that are there throughout, and requests that are sent beside them."""
ANSWERED_SECONDS = 60
KEYS = [one.key for one in REGION_ITEMS[:4]] + [REGION_ITEMS[-1].key]


@dataclass
class Report:
    """What came of a run."""

    cases: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Role and status -> how many."""
    operations: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        roles: dict[str, dict[int, int]] = {}
        for (role, status), count in sorted(self.cases.items()):
            roles.setdefault(role, {})[status] = count
        lines = [f"{self.cases.total()} cases, {len(self.operations)} operations, {len(self.failures)} failures"]
        lines += [f"  {role}: {', '.join(f'{count} x {status}' for status, count in found.items())}"
                  for role, found in roles.items()]
        return "\n".join(lines + self.failures)


def attacked_app(folder: Path, database_url: str | None = None) -> Flask:
    """An app with demand, versions, retrains and scenarios to attack, without a limit of requests.

    Args:
        database_url: of an empty database; a file of SQLite when left out.
    """
    app = create_app(settings_in(folder).model_copy(update={
        "web_api_per_minute": 10_000_000, "web_database_url": database_url}))
    services = app.extensions["services"]
    services.store.write_catalogue(REGION_ITEMS)
    for region_item in REGION_ITEMS:
        services.store.write("demand", region_item, demand_of(12.0))
    with app.app_context():
        upgrade()
        for email, role in ((VIEWER, "viewer"), (EMAIL, "planner"), (ADMIN, "admin")):
            create_user(email, PASSWORD, role)
        read_catalogue(services.store)
        store("a" * 32, KEYS[:2], EMAIL, "for the attack")
        with writing():
            for version in (1, 2):
                db.session.add(ModelVersion(key=KEYS[0], version=version, decision="promote", reason="better",
                                            request_id="", run_id="", numbers={"wape": 0.1}))
            db.session.get_one(RegionItemRow, KEYS[0]).production_version = 2
    return app


def attack(app: Flask, cases: int, number: int) -> Report:
    """Send at least so many requests, spread over roles and operations.

    Args:
        number: the seed.
    """
    report = Report()
    with app.app_context():
        document = document_of(app)
        tokens_before = db.session.query(ApiToken).count()
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    operations = [found.ok() for found in schema.get_all_operations()]
    each = -(-cases // (len(operations) * len(ROLES) * 2))
    for role in ROLES:
        headers = {"Authorization": f"Bearer {token_for(app, role)}", "Accept-Encoding": "identity"}
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                _attack_one(app, report, operation, role, headers, mode, each, number)
    attack_forms(app, report, number)
    with app.app_context():
        assert db.session.query(ApiToken).count() == tokens_before + len(ROLES)
    assert document["paths"].keys() == {label.split(" ", 1)[1] for label in report.operations}
    return report


def form_routes(app: Flask) -> list[str]:
    """Rules outside of the API that take more than GET; each with its methods."""
    return sorted(f"{method} {rule.rule}" for rule in app.url_map.iter_rules() for method in rule.methods or ()
                  if method not in ("GET", "HEAD", "OPTIONS")
                  and not rule.rule.startswith((PREFIX, SCIM_PREFIX)))


def attack_forms(app: Flask, report: Report, number: int) -> None:
    """Send JSON, and forms under other names, to every form route, by everybody, with the token of forms that a page
    gives: none may be taken, and nobody may be signed out, in or changed by it.

    Args:
        number: the seed.
    """
    draw = random.Random(number)
    clients = {role: app.test_client() for role in FORM_ROLES}
    for role, email in LOGINS.items():
        signed_in(clients[role], email)
    for role, client in clients.items():
        token = hidden(page(client.get("/sign-in" if role == "nobody" else "/account")), "csrf_token")
        for route in form_routes(app):
            for kind in JSON_TYPES:
                method, rule = route.split(" ", 1)
                fields = {name: draw.choice((value, None, [value], {"a": value}, 7, True)) for name, value in
                          FORM_FIELDS.items()} | draw.choice(({"csrf_token": token}, {}))
                body = draw.choice((json.dumps(fields), json.dumps([fields]), urlencode(fields), "{", "null"))
                response = client.open(address(rule), method=method, data=body.encode(), content_type=kind or None,
                                       headers={"X-CSRFToken": token, "Accept": "application/json"},
                                       query_string=draw.choice(("", "include_auth_token", "auth_token=x")))
                report.cases[f"{role}, forms", response.status_code] += 1
                if response.status_code not in (415, 429):
                    report.failures.append(f"{role} {route} as {kind or 'no type'}: {response.status_code}")
        if client.get("/account").status_code != (302 if role == "nobody" else 200):
            report.failures.append(f"{role}: signed in or out by what is no form")


def attack_beside_slow_connections(app: Flask, report: Report, number: int, folder: Path) -> None:
    """Send requests of all roles, right and wrong ones, JSON to forms among them, to a real server that has 200 slow
    connections, some of them new with each request: each is answered, and none with a 5xx.

    Args:
        number: the seed.
    """
    draw = random.Random(number)
    told = app.extensions["services"].settings
    tokens = {role: token_for(app, role) for role in ROLES}
    reads = ["/region-items", "/totals?all=true", "/retrains", "/scenarios", "/versions?key=x", "/no-such-thing"]
    environment = {"DEMAND_DATASET": str(told.demand_dataset), "DEMAND_STATE": str(told.demand_state),
                   "WEB_SECRET_KEY": told.web_secret_key, "WEB_API_PER_MINUTE": "10000000",
                   **({"WEB_DATABASE_URL": told.web_database_url} if told.web_database_url else {})}
    with gunicorn(folder, "/health", "--config", "python:webapp.gunicorn_conf", "webapp.wsgi:app",
                  **environment) as port, slow_connections(port, SLOW):
        for _ in range(BESIDE_SLOW):
            more = connected(port, draw.choice(KINDS))
            role = draw.choice(FORM_ROLES)
            headers = {"Authorization": f"Bearer {tokens[role]}"} if role in tokens else {}
            method, path, body, kind = draw.choice((
                ("GET", f"{PREFIX}{draw.choice(reads)}", None, ""), ("GET", draw.choice(("/health", "/sign-in", "/")),
                                                                    None, ""),
                ("POST", f"{PREFIX}{draw.choice(('/retrains', '/scenarios', '/overrides'))}",
                 json.dumps({"keys": [draw.choice(KEYS)], "reason": 7}), "application/json"),
                ("POST", address(draw.choice([route for route in form_routes(app) if route.startswith("POST ")])
                                 .split(" ", 1)[1]), json.dumps(FORM_FIELDS), draw.choice(JSON_TYPES[:6]))))
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWERED_SECONDS)
            try:
                connection.request(method, path, body, headers | ({"Content-Type": kind} if kind else {}))
                status = connection.getresponse().status
            except OSError as error:
                report.failures.append(f"{role} {method} {path} beside slow connections: no answer: {error}")
                continue
            finally:
                connection.close()
                more.close()
            report.cases[f"{role}, slow", status] += 1
            if status >= 500:
                report.failures.append(f"{role} {method} {path} beside slow connections: {status}")


def _attack_one(app: Flask, report: Report, operation: Any, role: str, headers: dict[str, str], mode: GenerationMode,
                each: int, number: int) -> None:
    @seed(number)
    @settings(max_examples=each, deadline=None, database=None, verbosity=Verbosity.quiet, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck), report_multiple_bugs=False)
    @given(case=operation.as_strategy(generation_mode=mode), draw=st.data())
    def send(case: Case, draw: st.DataObject) -> None:
        if mode == GenerationMode.POSITIVE and draw.draw(st.integers(0, 3)):
            _make_real(app, case, draw)
        report.operations[operation.label] += 1
        response = case.call(headers=headers)
        report.cases[role, response.status_code] += 1
        case.validate_response(response, checks=CHECKS, headers=headers)

    try:
        send()
    except Exception as failure:  # noqa: BLE001  # whatever it is, it is told, and the run goes on
        told = "".join(traceback.format_exception(failure))
        report.failures.append(f"{role} {operation.label} ({mode.value}):\n{told[-2500:]}")


def _make_real(app: Flask, case: Case, draw: st.DataObject) -> None:
    """Let a right request name things that there are, so that it is not only told that there are none."""
    key = draw.draw(st.sampled_from(KEYS))
    if case.path_parameters and "key" in case.path_parameters:
        case.path_parameters["key"] = key
    if case.path_parameters and "id" in case.path_parameters:
        case.path_parameters["id"] = draw.draw(st.integers(1, 3))
    if case.path_parameters and "token" in case.path_parameters:
        with app.app_context():
            tokens = [each.token for each in db.session.query(SavedScenario).limit(5)]
        case.path_parameters["token"] = draw.draw(st.sampled_from([*tokens, "0" * 32]))
    for query in filter(None, [case.query]):
        if "key" in query:
            query["key"] = [key]
        for name in ("region", "item", "cursor"):
            query.pop(name, None)
    body = case.body
    if isinstance(body, dict):
        for name in ("regions", "items"):
            if name in body:
                body[name] = []
        if "keys" in body:
            body["keys"] = [key]
        if "horizon" in body:
            body["horizon"] = draw.draw(st.integers(1, 14))
        for change in body.get("changes") or []:
            change.update(draw.draw(st.sampled_from([
                {"driver": "price", "action": "percent"}, {"driver": "price", "action": "set"},
                {"driver": "promo", "action": "set", "value": True}])))
            change.update(first="2026-07-01", last="2026-07-10")


def main(arguments: list[str]) -> int:
    """Attack an app of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgresql", action="store_true", help="keep its tables in a PostgreSQL of its own")
    asked = parser.parse_args(arguments)
    with contextlib.ExitStack() as held:
        url = None
        if asked.postgresql:
            servers = held.enter_context(services_or_skip())
            servers.add_databases("attack_")
            url = servers.environment("attack_")["WEB_DATABASE_URL"]
        app = attacked_app(Path(held.enter_context(tempfile.TemporaryDirectory())), url)
        report = attack(app, asked.cases, asked.seed)
        attack_beside_slow_connections(app, report, asked.seed,
                                       Path(held.enter_context(tempfile.TemporaryDirectory())))
        with app.app_context():
            db.engine.dispose()
    print(report)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
