"""An adversary: people who see some region-items only ask for every page, file and operation there is, and try every
act on what they do not see. No answer names any of it, and nothing of it changes."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import date
from difflib import ndiff
from html import unescape
from typing import Any
from urllib.parse import unquote_plus

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import delete, not_, select, update
from werkzeug.test import TestResponse

from tests.webapp.api.conftest import token_for
from tests.webapp.conftest import EMAIL, KETTLE, ODD, VIEWER, first_hidden, page, text_of, with_session
from tests.webapp.doors import API_NEEDS, NEEDS, VALUES
from webapp.access import Actor
from webapp.db.database import Base, db, writing
from webapp.groups.changes import add_group, change_group, remove_group
from webapp.personal import seen_region_items
from webapp.personal.seen_region_items import guarded
from webapp.scenarios.states import stamp
from webapp.tables import (
    AttributeValue,
    Catalogue,
    DataLoadRun,
    Override,
    PublishedPlan,
    RegionItemRow,
    RegionSum,
    SavedScenario,
    User,
    WorkEntry,
)
from webapp.work_list.query import count_work
from webapp.work_list.states import is_to_do

KEY = KETTLE.key.replace("|", "%7C")
SOUTH, KETTLES, NOTHING = [("region", "south")], [("item", "kettle")], [("region", "nowhere")]
FOREIGN = {
    "south": re.compile(r"\bnorth\b|item \d\d|süd|3\.5 % <b>"),
    "kettles": re.compile(r"item \d\d|süd|3\.5 % <b>"),
    "nothing": re.compile(r"\b(north|south)\b|\bkettle\b|item \d\d|süd|3\.5 % <b>"),
}
"""Rule -> names of regions and items that are not seen."""
CHANGING = re.compile(r"""nonce="[^"]*"|name="(csrf_token|token)"[^>]*|X-CSRFToken[^>]*""")
"""What is another each time, in no word that is read."""
EXAMPLES = ("region:north, item:kettle", "north, item 01")
"""Words of pages that show how something is written."""
RI = "ri=south%7Ckettle"
PAGES = (
    "/?view=all&q=item", "/?flag=moved&since=7", "/?find-item=item&find-region=n", "/?items=item&regions=region",
    "/?columns=moved,missed&sort=-moved",
    *(f"/forecasts?{which}" for which in (
        "all=1", "item=kettle", RI, f"{RI}&tab=history&why=1", "all=1&tab=region-items", "all=1&tab=overrides&past=1",
        "find=item", f"find=o&{RI}")),
    f"/forecasts/download?{RI}&format=xlsx", f"/forecasts/download?{RI}&format=csv",
    "/forecasts/download?all=1&format=csv", "/forecasts/choices?find=o", f"/forecasts/in-words?{RI}",
    f"/forecasts/why?{RI}", "/search?q=item", "/search?q=o", "/totals?by=item", "/totals?by=region&sort=-total",
    "/heat-map?skill=backtest", "/panels?items=item", f"/scenarios/new?{RI}&change-0-driver=price", "/scenarios/new",
    "/scenarios?show=mine", "/scenarios?q=kettle", "/retrains?show=mine", "/retrains?by=planner", "/models?q=item",
    "/models?decision=promote", f"/models/region-item?{RI}", "/data?format=csv", "/data/region-items?format=csv",
    "/data/region-items?format=xlsx", "/data/drift?format=csv", "/data/freshness?format=csv", "/data/freshness?q=item",
    f"/data/quarantine?{RI}", "/work?state=all", "/work?state=all&format=csv", "/overrides?format=csv",
    "/overrides?format=xlsx", "/overrides/helped?by=item", "/overrides/helped?by=region-item&format=csv",
    "/published-plans/compare?before=1&after=today", "/published-plans/compare?before=1&format=csv",
    "/published-plans/1/plan.xlsx", "/order-up-to?format=csv", "/order-up-to?q=o", "/value-added?by=item",
    "/value-added?by=region&format=csv", "/value-added?by=planner", "/value-added?by=lead", "/value-added?by=period",
    "/views?whose=shared", "/views/new?q=kettle", "/favourites/forecasts")
"""Pages as people ask for them, beside each as it is without a query."""
PROGRAMS = (
    "/region-items?limit=100", "/region-items?q=item", "/forecasts?item=kettle", "/totals?all=true",
    "/totals?item=kettle", "/totals/groups?by=item", "/totals/groups?by=region", "/overrides?state=open",
    "/predecessors?open=true",
    "/quarantine?q=o", "/retrains/1/region-items", "/value-added?by=item", "/value-added?by=planner",
    "/published-plans/1/file?format=xlsx", "/region-items/south%7Ckettle", "/region-items/south%7Ckettle/accuracy",
    "/order-up-to?limit=100", "/work?state=open", "/saved-views?shared=true", "/explanations?key=south%7Ckettle")
"""The same of the API."""
NAMING = ("ri={region}%7C{item}", "region={region}", "item={item}", "attribute=region:{region}",
          "segment=region:{region}&by=period", "key={region}%7C{item}")
"""Queries that name what is not seen, or what is not there."""
OWN = {
    "POST /account/sessions/<int:session_id>/end", "POST /account/sessions/end", "POST /account/tokens",
    "POST /account/tokens/<int:token_id>/revoke", "POST /guide/tour", "POST /language", "POST /notices/choices",
    "POST /notices/read", "POST /password", "POST /sign-out", "POST /views/start", "POST /views/<int:view_id>",
    "POST /views/<int:view_id>/filters", "POST /views/<int:view_id>/remove", "POST /sign-in",
    "POST /first-admin/<token>", "POST /choose-password/<secret>"}
"""Acts on what is one's own, or on nothing."""
CUT = {"change-0-driver": "price", "change-0-action": "percent", "change-0-value": "-20",
       "change-0-first": "2026-07-01", "change-0-last": "2026-07-14"}
CELL = json.dumps([{"date": "2026-07-03", "way": "percent", "amount": 5, "comment": "c", "seen": ""}])
CHANGE = {"driver": "price", "action": "percent", "value": -20, "first": "2026-07-01", "last": "2026-07-14"}
FORMS: dict[str, dict[str, Any]] = {
    "POST /adjustments": {"ri": KETTLE.key, "date": "2026-06-18", "units": "41", "reason": "x"},
    "POST /adjustments/<int:adjustment_id>/remove": {},
    "POST /adjustments/accept": {"ri": ODD.key, "reason": "x"},
    "POST /predecessors": {"ri": KETTLE.key, "other": "item 02", "reason": "x"},
    "POST /predecessors/<int:link_id>/remove": {},
    "POST /favourites": {"star": KETTLE.key},
    "POST /models/fetch": {"ri": KETTLE.key, "version": "1", "token": "m" * 32},
    "POST /order-up-to/rules": {"segment": "region:north", "lead_time": "3", "review_period": "1"},
    "POST /order-up-to/rules/<int:rule_id>/remove": {},
    "POST /overrides": {"ri": KETTLE.key, "first": "2026-07-05", "last": "2026-07-06", "way": "percent", "amount": "5",
                        "comment": "c", "token": "o" * 32},
    "POST /overrides/<int:override_id>/remove": {},
    "POST /overrides/batches/<batch>/undo": {},
    "POST /overrides/cells": {"ri": KETTLE.key, "cells": CELL, "token": "c" * 32},
    "POST /published-plans/new": {"name": "n", "token": "n" * 32, "accept": "yes", "seen": "missing:99,due:99,stale:99,"
                                  "failed:99,refused:99,model:99"},
    "POST /published-plans/<int:plan_id>/hand-over": {},
    "POST /retrains": {"ri": ODD.key, "token": "r" * 32, "unchanged": "include"},
    "POST /retrains/<int:retrain_id>/retry": {"token": "y" * 32, "unchanged": "include"},
    "POST /retrains/<int:retrain_id>/cancel": {},
    "POST /scenarios/new": {"ri": KETTLE.key, "token": "s" * 32, "horizon": "14", "name": "n", **CUT},
    "POST /scenarios/select": {"ri": KETTLE.key},
    "POST /scenarios/<token>/edit": {"ri": KETTLE.key, "token": "e" * 32, "horizon": "7", "name": "n", **CUT},
    "POST /scenarios/<token>/compute": {},
    "POST /scenarios/<token>/duplicate": {"token": "d" * 32},
    "POST /scenarios/<token>/apply": {"token": "a" * 32, "overrides": "replace", "changed": "include"},
    "POST /scenarios/<token>/archive": {"archived": "1"},
    "POST /forecasts": {"ri": KETTLE.key, "horizon": "14", **CUT},
    "POST /forecasts/scenario": {"ri": KETTLE.key, "horizon": "14", "token": "f" * 32, **CUT},
    "POST /forecasts/selection": {"ri": KETTLE.key},
    "POST /views": {"of": "picked", "ri": KETTLE.key, "name": "mine"},
    "POST /views/picked": {"ri": KETTLE.key},
    "POST /work": {"act": "take", "entry": "1.1"},
    "POST /work/retrain": {"entry": "1.1"},
}
"""Act on what is not seen -> its form."""
BODIES: dict[str, Any] = {
    "DELETE /api/v1/adjustments/<int:id>": None,
    "POST /api/v1/demand": {"rows": [{"region": "north", "item": "kettle", "date": "2026-07-01", "demand": 3.0}]},
    "POST /api/v1/driver-plans": {"rows": [{"region": "north", "item": "kettle", "date": "2026-07-02",
                                            "drivers": {"price": 3.0}}]},
    "POST /api/v1/forecasts": {"keys": [KETTLE.key], "changes": [CHANGE]},
    "DELETE /api/v1/override-batches/<batch>": None,
    "POST /api/v1/overrides": {"keys": [KETTLE.key], "first": "2026-07-07", "last": "2026-07-07", "way": "percent",
                               "amount": 5.0, "comment": "c"},
    "DELETE /api/v1/overrides/<int:id>": None,
    "POST /api/v1/predecessors": {"item": "kettle", "replaces": "item 03", "regions": ["north"], "reason": "x"},
    "DELETE /api/v1/predecessors/<int:id>": None,
    "POST /api/v1/published-plans": {"name": "n", "accept": ["missing", "due", "stale", "failed", "refused", "model"]},
    "POST /api/v1/region-items/<key>/adjustments": {"date": "2026-06-19", "units": 41.0, "reason": "x"},
    "POST /api/v1/retrains": {"keys": ["north|item 05"]},
    "POST /api/v1/retrains/<int:id>/cancel": None,
    "POST /api/v1/scenarios": {"keys": [KETTLE.key], "changes": [CHANGE]},
    "POST /api/v1/scenarios/<token>/apply": {"overrides": "replace", "changed": "include"},
    "POST /api/v1/scenarios/<token>/archive": {"archived": True},
    "POST /api/v1/scenarios/<token>/compute": None,
    "POST /api/v1/scenarios/<token>/duplicate": None,
    "POST /api/v1/work/acts": {"act": "release", "tasks": [{"id": 1, "version": 1}]},
}
CHANGES_NOTHING = {
    "POST /forecasts", "POST /api/v1/forecasts", "POST /forecasts/scenario", "POST /forecasts/selection",
    "POST /views/picked",
    "POST /work/retrain", "POST /scenarios/select",  # these only answer
    "POST /api/v1/demand", "POST /api/v1/driver-plans",  # this dataset takes no uploads
    "POST /published-plans/<int:plan_id>/hand-over",  # it was asked for when it was published
    "POST /retrains/<int:retrain_id>/retry",  # nothing of it failed
    "POST /scenarios/<token>/apply",  # its form carries what its page showed; the API's changes the plan
    "DELETE /api/v1/adjustments/<int:id>", "DELETE /api/v1/override-batches/<batch>",
    "DELETE /api/v1/overrides/<int:id>", "DELETE /api/v1/predecessors/<int:id>",
    "POST /api/v1/retrains/<int:id>/cancel",
    "POST /api/v1/scenarios/<token>/archive", "POST /api/v1/work/acts",  # the form of the page has done it before
}
"""Acts whose form changes nothing in the database for who sees all."""
LEFT_ASIDE = ("user_session", "attempts", "answered", "api_token", "selection", "watermark", "audit_seal", "user")
"""Tables that any request may write: who is here, and what links stand for."""


def restrict(app: Flask, rules: list[tuple[str, str]]) -> int:
    """Let planner and viewer see that only; the number of their group."""
    with app.app_context():
        return add_group("Some", rules=rules, members=list(db.session.scalars(select(User.id).where(
            User.email.in_([EMAIL, VIEWER]))))).id


def places(app: Flask) -> dict[str, str]:
    """What stands in addresses, where it is there."""
    with app.app_context():
        return {**VALUES, "<int:retrain_id>": "2", "<batch>": db.session.scalars(select(Override.batch)).first() or "",
                "<token>": db.session.scalars(select(SavedScenario.token)).first() or ""}


def filled(rule: str, values: dict[str, str]) -> str:
    for placeholder, value in values.items():
        rule = rule.replace(placeholder, value)
    return rule


def words_in(response: TestResponse) -> str:
    """All that an answer tells, in plain text: files unpacked, escapes undone, and where it leads."""
    body = response.data
    if body[:2] == b"PK":
        book = zipfile.ZipFile(io.BytesIO(body))
        body = b"\n".join(book.read(name) for name in book.namelist())
    text = body.decode("utf-8", "replace")
    if response.mimetype in ("application/json", "application/problem+json"):
        text = json.dumps(json.loads(text or "null"), ensure_ascii=False)
    said = unquote_plus(unescape(unescape(text))) + unquote_plus(response.headers.get("Location", "")) + unquote_plus(
        response.headers.get("Content-Disposition", ""))
    for example in EXAMPLES:
        said = said.replace(example, "")
    return said


def leaks(response: TestResponse, foreign: re.Pattern[str], asked: str = "") -> list[str]:
    """Where an answer names what is not seen, and was not asked with."""
    said = words_in(response)
    return [said[max(found.start() - 60, 0):found.end() + 40] for found in foreign.finditer(said)
            if found.group() not in asked][:3]


def reads(values: dict[str, str], role: str) -> Iterator[tuple[str, str]]:
    """Route and address of all that the role may read."""
    for needs in (NEEDS, API_NEEDS):
        for route, needed in needs.items():
            method, rule = route.split(" ", 1)
            if method == "GET" and needed in ("viewer", role) and rule != "/api" and not rule.startswith("/sign-in"):
                yield route, filled(rule, values)


def with_token(app: Flask, role: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token_for(app, role)}"}


def answers_of(who: FlaskClient, values: dict[str, str], role: str, token: dict[str, str]) -> dict[str, TestResponse]:
    """Address -> answer, of all that the role may read."""
    found: dict[str, TestResponse] = {}
    for address in [*(address for _, address in reads(values, role)), *PAGES, *(f"/api/v1{path}" for path in PROGRAMS)]:
        found[address] = who.get(address, headers=token if "/api/" in address else None)
        assert found[address].status_code < 500, (address, found[address].text[:800])
    return found


def named_in(found: dict[str, TestResponse], foreign: re.Pattern[str]) -> str:
    """Where answers name what is not seen, a line each."""
    return "\n".join(f"{address} ({response.status_code}): {leak!r}" for address, response in found.items()
                     for leak in leaks(response, foreign, unquote_plus(address)))


@pytest.mark.parametrize(("name", "rules", "role"), [("kettles", KETTLES, "viewer"), ("nothing", NOTHING, "planner")])
def test_no_answer_names_what_is_not_seen(furnished: Flask, session_cookies: dict[str, str], name: str,
                                          rules: list[tuple[str, str]], role: str) -> None:
    token, values = with_token(furnished, role), {**places(furnished), "<key>": "south%7Ckettle"}
    restrict(furnished, rules)
    who = with_session(furnished.test_client(), session_cookies[EMAIL if role == "planner" else VIEWER])

    assert named_in(answers_of(who, values, role, token), FOREIGN[name]) == ""


def remove_unseen(app: Flask) -> None:
    """Let there be nothing but what is of the south; what tells of everything at once tells something else."""
    of = ({"region": ("south",)},)
    with app.app_context(), writing():
        last: tuple[Any, ...] = (AttributeValue, Catalogue)  # by which it is decided what is seen
        rules = guarded(of)
        for table in (*(rules.keys() - {*last, RegionItemRow, SavedScenario}), *last):
            db.session.execute(delete(table).where(not_(rules[table])).execution_options(synchronize_session=False))
        db.session.execute(delete(RegionSum).where(RegionSum.region != "south"))
        db.session.execute(update(DataLoadRun).values(region_items=777, kept=777, rows_read=777, refused_rows=777))
        db.session.execute(update(PublishedPlan).values(
            size=777, overrides=777, total=777.0, lower=777.0, upper=777.0, model=777.0, served_by={"3": 777}))


PASSING = re.compile(r"\?v=[0-9a-f]{8}|<time .*?</time>|\d{1,2}:\d\d(:\d\d(\.\d+)?)?(\s[AP]M)?|\d+ (min|s)\b"
                     r"|<v>4\d{4}\.\d+</v>|of 3?1 region-items?")
"""Moments and how long something takes, and how many region-items there are, which everybody is told."""


def told_in(response: TestResponse) -> tuple[int, str, str]:
    """Status, text and ETag of an answer, without what is another each time."""
    etag = "" if response.is_json and b'"made_at"' in response.data else response.headers.get("ETag", "")
    text = words_in(response) if response.data[:2] == b"PK" else response.data.decode("utf-8", "replace")
    return response.status_code, PASSING.sub("", CHANGING.sub("", text)), etag


def test_every_answer_is_as_if_all_else_never_was(furnished: Flask, client: FlaskClient) -> None:
    """No name, number, count or order of what is not seen; and asking changes nothing."""
    token, values = with_token(furnished, "planner"), {**places(furnished), "<key>": "south%7Ckettle"}
    restrict(furnished, SOUTH)
    client.get("/api/v1/me", headers=token)  # that the token is used is noted once a minute
    rows = dump(furnished)
    before = answers_of(client, values, "planner", token)
    assert named_in(before, FOREIGN["south"]) == ""
    assert {name for name, found in dump(furnished).items() if found != rows[name]} == set()

    remove_unseen(furnished)
    after = answers_of(client, values, "planner", token)

    differ = {address: [told_in(found[address]) for found in (before, after)] for address in before}
    assert not [f"{address}: {one[0]} {other[0]}, {one[2]} {other[2]}: " + " | ".join(
        line for line in ndiff(one[1].splitlines(), other[1].splitlines()) if line[0] != " ")[:600]
        for address, (one, other) in differ.items() if one != other]


def test_nor_does_asking_for_what_is_for_administrators_change_anything(furnished: Flask, admin: FlaskClient) -> None:
    token, values = with_token(furnished, "admin"), {**places(furnished), "<key>": KEY, "<int:user_id>": "4"}
    asked = [address for route, address in reads(values, "admin") if {**NEEDS, **API_NEEDS}[route] == "admin"]
    admin.get("/api/v1/me", headers=token)
    rows = dump(furnished)

    codes = {admin.get(address, headers=token if "/api/" in address else None).status_code for address in [
        *asked, f"/models/act?ri={KEY}&kind=roll_back&version=1", "/admin/audit?format=csv"]}

    assert codes <= {200, 302, 404}
    assert {name for name, found in dump(furnished).items() if found != rows[name]} == set()


def unnamed(text: str, region: str, item: str) -> str:
    """A text without the names that were asked for, and without times of day."""
    return re.sub(r"\d{1,2}:\d\d(:\d\d)?(\s[AP]M)?", "", text.replace(region, "R").replace(item, "I"))


def test_what_is_not_seen_is_as_if_it_never_was(furnished: Flask, client: FlaskClient) -> None:
    token, values = with_token(furnished, "planner"), places(furnished)
    restrict(furnished, SOUTH)
    differ: list[str] = []
    for route, address in reads({**values, "<key>": "{region}%7C{item}"}, "planner"):
        for query in NAMING:
            answers = []
            for region, item in (("north", "item 07"), ("nerth", "item 99")):
                at = f"{address}?{query}".format(region=region, item=item.replace(" ", "%20"))
                response = client.get(at, headers=token if "/api/" in address else None)
                answers.append((response, region, item))
            if "/api/" not in address and len({(response.status_code, unnamed(CHANGING.sub("", response.data.decode(
                    "latin-1")).replace(EXAMPLES[0], ""), region, item)) for response, region, item in answers}) == 1:
                continue  # alike to the letter, so in every word, and to make out words takes longer than the answers
            told = []
            for response, region, item in answers:
                text = words_in(response) if "/api/" in address else text_of(page(response)).replace(EXAMPLES[0], "")
                told.append((response.status_code, unnamed(text, region, item)))
            if told[0] != told[1]:
                differ.append(f"{route} {query}: {told[0][0]} {told[1][0]}: " + " | ".join(
                    one for one in ndiff(*(text.split() for _, text in told)) if one[0] != " ")[:400])

    assert not differ, "\n".join(differ)


def dump(app: Flask) -> dict[str, list[str]]:
    """Every row of every table."""
    with app.app_context():
        return {table.name: sorted(map(repr, db.session.execute(select(table)).all()))
                for table in Base.metadata.sorted_tables if table.name not in LEFT_ASIDE}


def seen_of(app: Flask, values: dict[str, str]) -> str:
    """The scenario as a form that was opened now would show it."""
    with app.app_context():
        return stamp(db.session.scalars(select(SavedScenario).where(SavedScenario.token == values["<token>"])).one())


def send(app: Flask, client: FlaskClient, route: str, values: dict[str, str], token: dict[str, str]) -> TestResponse:
    method, rule = route.split(" ", 1)
    if route in BODIES:
        return client.open(filled(rule, values), method=method, headers=token,
                           **({"json": BODIES[route]} if method == "POST" else {}))
    return client.post(filled(rule, values), data={
        "csrf_token": first_hidden(client.get("/account"), "csrf_token"), **FORMS[route],
        **({"seen": seen_of(app, values)} if route.endswith("/edit") else {})})


def test_every_act_is_tried() -> None:
    acts = {route for needs in (NEEDS, API_NEEDS) for route, role in needs.items()
            if not route.startswith("GET ") and role != "admin"}

    assert acts == {*FORMS, *BODIES} | OWN


def test_nothing_changes_of_what_is_not_seen_and_the_same_acts_change_it_for_who_sees_it(
        furnished: Flask, client: FlaskClient) -> None:
    token, values = with_token(furnished, "planner"), places(furnished)
    group = restrict(furnished, SOUTH)
    changed: list[str] = []
    for route in (*FORMS, *BODIES):
        before = dump(furnished)
        response = send(furnished, client, route, values, token)
        assert response.status_code < 500, (route, response.text[:800])
        after = dump(furnished)
        changed += [f"{route} ({response.status_code}): {name}" for name in after if after[name] != before[name]]
        changed += [f"{route} ({response.status_code}) names {leak!r}" for leak in leaks(
            response, FOREIGN["south"], f"{filled(route, values)} {KETTLE} {ODD} {BODIES.get(route)}")]
    assert not changed, "\n".join(changed)

    with furnished.app_context():
        remove_group(group)
    idle = []
    for route in (*FORMS, *BODIES):
        before = dump(furnished)
        response = send(furnished, client, route, values, token)
        if dump(furnished) == before and route not in CHANGES_NOTHING:
            idle.append(f"{route} ({response.status_code}): {text_of(page(response))[-300:]}")
    assert not idle, "\n".join(idle)


def test_the_adversary_finds_a_page_that_forgets_the_rule(
        furnished: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    restrict(furnished, SOUTH)
    assert leaks(client.get("/overrides"), FOREIGN["south"]) == []
    shown = furnished.view_functions["overrides.show"]

    def forgets(*args: Any, **kwargs: Any) -> Any:
        with seen_region_items.everything():
            return shown(*args, **kwargs)

    monkeypatch.setitem(furnished.view_functions, "overrides.show", forgets)

    assert leaks(client.get("/overrides"), FOREIGN["south"]) != []


def test_what_is_to_do_is_counted_of_what_is_seen(furnished: Flask) -> None:
    counted = []
    for sees in (None, ({"region": ("south",)},)):
        with furnished.test_request_context():
            g.actor = Actor("x", "planner", "browser", "", sees)
            keys = db.session.scalars(select(WorkEntry.subject).where(is_to_do(date.today()))).all()
            counted.append((count_work().to_do, len(keys)))

    assert counted[0][0] == counted[0][1] > counted[1][1]
    assert counted[1][0] == counted[1][1]


def test_what_somebody_sees_changes_at_once(furnished: Flask, client: FlaskClient) -> None:
    headers = with_token(furnished, "planner")

    def seen() -> tuple[int, list[str]]:
        rows = client.get("/api/v1/region-items", headers=headers).json["region_items"]
        return client.get(f"/forecasts?ri={KEY}").status_code, [row["key"] for row in rows]

    assert seen()[0] == 200
    group = restrict(furnished, SOUTH)
    assert seen() == (404, ["south|kettle"])
    with furnished.app_context():
        change_group(group, {"rules": KETTLES})
    assert seen() == (200, ["north|kettle", "south|kettle"])
    with furnished.app_context():
        change_group(group, {"rules": [("region", "nowhere")]})
    assert seen() == (404, [])
    assert "You see 0 of 31 region-items: region nowhere" in text_of(page(client.get("/")))
    with furnished.app_context():
        remove_group(group)
    assert seen()[0] == 200
