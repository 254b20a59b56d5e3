"""Hostile values in every field of every form and every argument of every link that the pages have: no error page, no
echo that is not escaped, a database as it should be.

Forms and links are found on the pages themselves, so that new ones are attacked without a word here.
"""

import os
import random
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag
from flask import Flask
from flask.testing import FlaskClient
from typing_extensions import override
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from tests.webapp.conftest import (
    ADMIN,
    EMAIL,
    KETTLE,
    ODD,
    VIEWER,
    hidden,
    page,
    post,
    signed_in,
)
from tests.webapp.doors import NEEDS, ROLES
from tests.webapp.furnished import STARTS
from tests.webapp.scenario_forms import saved
from webapp.pages.download_files import is_formula
from webapp.settings import Settings

MARK = "zqx"
"""In values that must not be echoed as they are."""
HOSTILE = {
    "markup": f"\"'><script>{MARK}(1)</script><img src=x onerror={MARK}(1)>",
    "template": "{{7*7}}${7*7}<%= 7*7 %>",
    "sql": "x' OR 1=1; DROP TABLE scenario; --",
    "path": "../../../../etc/passwd%00.csv",
    "long": "x" * 20_000,
    "control": "a\x01\x07\x1b[31m\r\nSet-Cookie: a=b\u202e\u2028",
    "nul": "a\0b",
    "scripts": "日本語 العربية ﷽ 🏴‍☠️ Z̷͙͌ \U0010ffff",
    "huge": "9" * 400,
    "negative": "-9223372036854775809",
    "not a number": "nan",
    "infinite": "1e999",
    "formula": "=1+cmd|' /C calc'!A0",
    "date": "9999-12-31",
    "no date": "2026-02-30",
    "empty": "",
    "words": "null",
}
CASES, SEED = int(os.environ.get("HOSTILE_CASES", "700")), int(os.environ.get("HOSTILE_SEED", "20261123"))
"""The attack ends then, however many cases are left; the seed says in which order they come."""
MOST_PAGES = 90
NOT_SENT = {"/sign-out", "/sign-in", "/password", "/verify"}
"""What would end the session of the attack; people without one attack /sign-in below."""
NOT_ON_PAGES = {f"POST {path}" for path in NOT_SENT}
FIRST = ("markup", "nul", "huge")
"""What most often breaks something."""


@dataclass(frozen=True)
class Target:
    """A form or an address that takes arguments."""

    method: str
    path: str
    fields: tuple[tuple[str, str], ...] = field(compare=False)

    @property
    def shape(self) -> tuple[str, str, frozenset[str]]:
        """Alike for targets that differ in values and numbers only."""
        plain = re.sub(r"\b[0-9a-f]{32}\b|\b\d+\b", "*", self.path)
        return self.method, plain, frozenset(re.sub(r"\d+", "*", name) for name, _ in self.fields)


def targets_of(soup: BeautifulSoup, path: str) -> Iterator[Target]:
    """All forms and links with arguments on a page, those of htmx too."""
    for form in soup.find_all("form"):
        if isinstance(form, Tag):
            fields = tuple(fields_of(form))
            for element in (form, *form.select("[formaction]"), *form.select("[hx-post], [hx-get]")):
                for method, name in (("post", "hx-post"), ("get", "hx-get"), (str(form.get("method", "get")), "action"),
                                     ("post", "formaction")):
                    if action := element.get(name):
                        yield Target(method.upper(), urlsplit(str(action)).path or path, fields)
    for element in soup.select("a[href], [hx-get]"):
        split = urlsplit(str(element.get("href") or element.get("hx-get")))
        if split.query and not split.netloc:
            yield Target("GET", split.path or path, tuple(parse_qsl(split.query, keep_blank_values=True)))


def fields_of(form: Tag) -> Iterator[tuple[str, str]]:
    for one in form.select("input[name], textarea[name], select[name], button[name]"):
        if one.get("type") in ("checkbox", "radio") and not one.has_attr("checked"):
            continue
        options = one.select("option[selected]") or one.select("option")
        yield str(one["name"]), str(options[0].get("value", "") if options else one.get("value", ""))


def found_by(client: FlaskClient) -> list[Target]:
    """What somebody finds on the pages and on those that they link to, one of each shape."""
    starts, waiting, seen = list(STARTS), list[str](), set[str]()
    targets: dict[tuple[str, str, frozenset[str]], Target] = {}
    while (starts or waiting) and len(seen) < MOST_PAGES:
        url = (starts or waiting).pop(0)
        split = urlsplit(url)
        place = url if url in STARTS else re.sub(r"[0-9a-f]{32}|\d+", "*", split.path) + "?" + ",".join(
            sorted(name for name, _ in parse_qsl(split.query)))
        if place in seen:
            continue
        seen.add(place)
        response = client.get(url)
        if response.status_code != 200 or response.mimetype != "text/html":
            continue
        soup = page(response)
        for target in targets_of(soup, split.path):
            targets.setdefault(target.shape, target)
        links = [str(link["href"]) for link in soup.select("a[href^='/']")
                 if not link.has_attr("download") and "format=" not in str(link["href"])]
        waiting = [link for link in links if "?" not in link] + waiting + [link for link in links if "?" in link]
    return [target for target in targets.values() if target.path not in NOT_SENT]


@dataclass(frozen=True)
class Case:
    """One hostile value in one field."""

    role: str
    target: Target
    name: str
    kind: str

    def send(self, client: FlaskClient, token: str) -> TestResponse:
        value = HOSTILE[self.kind]
        fields = MultiDict(self.target.fields)
        fields[self.name] = value
        if self.target.method == "GET":
            return client.get(self.target.path, query_string=fields)
        if self.name != "csrf_token":
            fields["csrf_token"] = token
        if self.name != "token" and "token" in fields:
            fields["token"] = f"{random.getrandbits(128):032x}"
        return client.post(self.target.path, data=fields)


def cases_of(role: str, targets: Sequence[Target]) -> list[Case]:
    return [Case(role, target, name, kind) for target in targets
            for name in dict.fromkeys(name for name, _ in target.fields) for kind in HOSTILE]


def test_hostile_values_break_nothing(furnished: Flask, settings: Settings) -> None:
    clients = {role: signed_in(furnished.test_client(), email)
               for role, email in (("planner", EMAIL), ("admin", ADMIN), ("viewer", VIEWER))}
    tokens = {role: hidden(page(client.get("/")), "csrf_token") for role, client in clients.items()}
    targets = [(rule_of(furnished, target), target) for target in found_by(clients["admin"])]
    forms = {route for route, role in NEEDS.items()
             if route.startswith("POST") and role != "nobody" and not route.startswith("POST /api/")}
    without_token = {rule for rule, target in targets
                     if target.method == "POST" and "csrf_token" not in dict(target.fields)}
    assert without_token == set()
    assert forms - NOT_ON_PAGES - {rule for rule, _ in targets} == set(), "forms that are on none of the pages"
    cases = [case for role in clients for case in cases_of(role, [
        target for rule, target in targets if ROLES.index(role) >= ROLES.index(NEEDS[rule])])]
    random.Random(SEED).shuffle(cases)
    cases.sort(key=lambda case: case.kind not in FIRST)

    wrong = []
    for case in cases[:CASES]:
        response = case.send(clients[case.role], tokens[case.role])
        if problem := problem_of(response):
            wrong.append(f"{case.role}: {case.target.method} {case.target.path} {case.name}={case.kind}: {problem}")

    print(f"{min(CASES, len(cases))} of {len(cases)} hostile values sent")
    assert wrong == []
    for role, client in clients.items():
        assert client.get("/").status_code == 200, role
        assert client.get("/scenarios").status_code == 200, role
    is_unharmed(settings)


def rule_of(app: Flask, target: Target) -> str:
    """The route that a target belongs to, as in ``NEEDS``."""
    rule, _ = app.url_map.bind("localhost").match(target.path, target.method, return_rule=True)
    return f"{target.method} {rule.rule}"


class RunningAttributes(HTMLParser):
    """Attributes that run a script, as an HTML parser finds them; a tree would take longer than the page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [name for name, _ in attrs if name.startswith("on")]

    @classmethod
    def of(cls, text: str) -> list[str]:
        """All that there are in a page."""
        parser = cls()
        parser.feed(text)
        parser.close()
        return parser.found


def problem_of(response: TestResponse) -> str:
    """What is wrong with an answer; nothing mostly."""
    if response.status_code >= 500 and response.status_code != 503:
        return f"{response.status_code} {response.text[:200]}"
    if "Set-Cookie: a=b" in str(response.headers):
        return "a header from a field"
    location = response.headers.get("Location", "/")
    if not location.startswith("/") or location.startswith("//"):
        return f"leads to {location[:80]}"
    if response.mimetype != "text/html":
        return ""
    text = response.text
    if f"<script>{MARK}" in text or f"onerror={MARK}(1)>" in text:
        return "markup comes back as it was sent"
    if "49${7*7}" in text or "49$49" in text:
        return "a template was computed"
    if RunningAttributes.of(text):
        return "an attribute that runs a script"
    if "Traceback (most recent call last)" in text or "root:x:0:0" in text:
        return "what is inside came out"
    return ""


def is_unharmed(settings: Settings) -> None:
    """The database is whole, and its tables are all there."""
    with sqlite3.connect(settings.folder / "app.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("SELECT count(*) FROM scenario").fetchone()[0] >= 1
        emails = {email for email, in database.execute("SELECT email FROM user")}
        assert {EMAIL, ADMIN, VIEWER} <= emails
        texts = [value for row in database.execute("SELECT asked FROM scenario") for value in row]
        assert not any(word in text for text in texts for word in ("NaN", "Infinity"))


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", ["email", "password", "next", "csrf_token", "remember"])
def test_hostile_values_do_not_sign_in(anonymous: FlaskClient, name: str, kind: str) -> None:
    fields = {"email": EMAIL, "password": "wrong", "next": "/", "remember": "",
              "csrf_token": hidden(page(anonymous.get("/sign-in")), "csrf_token"), name: HOSTILE[kind]}

    response = anonymous.post("/sign-in", data=fields)

    assert problem_of(response) == ""
    assert response.status_code in (200, 400, 413, 422)
    assert anonymous.get("/").status_code == 302


def test_what_was_stored_comes_back_escaped_on_every_page(client: FlaskClient, admin: FlaskClient) -> None:
    value = HOSTILE["markup"]
    path = saved(client, name=value[:100], description=value, ri=[ODD.key])
    post(client, "/retrains", {"token": "t" * 32, "ri": ODD.key, "reason": value})
    post(client, "/adjustments", {"ri": KETTLE.key, "date": "2026-06-16", "units": "40", "reason": value})

    for address in ("/scenarios", path, f"{path}/edit", "/retrains", "/retrains/1", "/models", "/", "/heat-map",
                    f"/forecasts?ri={KETTLE.key}", "/admin/audit", "/totals", "/forecasts"):
        response = admin.get(address)
        assert response.status_code == 200, address
        assert problem_of(response) == "", address
        assert is_formula(value) is False
    assert "&lt;script&gt;" in admin.get("/admin/audit").text
