"""Adversaries of kept answers: another process writes between two looks, somebody else looks who sees other rows."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import event, insert, select, update

from tests.webapp.conftest import ADMIN, EMAIL, KETTLE, VIEWER, page, settings_in, text_of, with_session
from webapp import create_app
from webapp.access import Actor
from webapp.background.journal import read_catalogue
from webapp.db.database import db, now, writing
from webapp.db.revisions import TABLES
from webapp.groups.changes import add_group, change_group
from webapp.personal.favourites import set_favourite
from webapp.personal.kept_answers import FEW, MOST, KeptAnswers, kept, kept_among
from webapp.region_items.rows import rows_by_key
from webapp.settings import Settings
from webapp.tables import (
    Adjustment,
    CarriedLink,
    Catalogue,
    EarlierMove,
    Favourite,
    Notice,
    Override,
    Production,
    RegionItemRow,
    Retrain,
    RetrainItem,
    SavedView,
    Setting,
    SystemState,
    User,
    WorkEntry,
)

VIEWS = ("/", "/?q=kettle", "/?status=baseline", "/?attribute=region:north", "/?flag=retrain_running",
         "/?sort=-wape", "/?flag=moved&since=7", "/?find-item=k", "/totals", "/totals?by=item", "/heat-map", "/work",
         "/panels?items=item", "/forecasts", "/forecasts/choices?find=kettle", "/forecasts?ri=south%7Ckettle&horizon=7")


CHANGING = re.compile(r"""\?v=[0-9a-f]{8}|nonce="[^"]*"|name="(csrf_token|token)"[^>]*|X-CSRFToken[^>]*""")
"""What is another at each start or each time."""


@pytest.fixture
def other(settings: Settings) -> Flask:
    """Another process of the same installation."""
    return create_app(settings_in(settings.demand_dataset.parent))


@pytest.fixture
def restricted(app: Flask) -> int:
    """The viewer sees the south only; the number of their group."""
    with app.app_context():
        viewer = db.session.query(User).filter_by(email=VIEWER).one().id
        return add_group("south", rules=[("region", "south")], members=[viewer]).id


def shown(client: FlaskClient, url: str) -> str:
    response = client.get(url)
    assert response.status_code in (200, 404)  # what somebody does not see is not there
    return CHANGING.sub("", response.text)


def pages(client: FlaskClient) -> dict[str, str]:
    return {url: shown(client, url) for url in VIEWS}


def fresh(app: Flask, cookie: str) -> dict[str, str]:
    """The pages of a process that has kept nothing."""
    app.extensions["kept_answers"] = KeptAnswers()
    return pages(with_session(app.test_client(), cookie))


def written_by_another(app: Flask) -> None:
    """A commit of another process, while the caller's transaction goes on."""
    def write() -> None:
        with app.app_context(), writing():
            db.session.execute(update(Production).values(reason="x"))

    with ThreadPoolExecutor(1) as pool:
        pool.submit(write).result()


@contextmanager
def asked(app: Flask) -> Iterator[list[str]]:
    """Every statement of the app meanwhile."""
    found: list[str] = []
    with app.app_context():
        engine = db.engine

    def hear(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found.append(statement)

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", hear)


def test_a_question_is_asked_once_until_its_tables_are_written(app: Flask, other: Flask) -> None:
    numbers = count()
    with app.app_context():
        def ask() -> int:
            db.session.rollback()
            return kept("region_items", "number", lambda: next(numbers))

        assert [ask(), ask()] == [0, 0]
        assert kept("region_items", "another", lambda: next(numbers)) == 1

        with other.app_context(), writing():
            db.session.execute(update(Production).values(status="pooled"))
        assert [ask(), ask()] == [2, 2]

        with other.app_context(), writing():
            db.session.add(WorkEntry(kind="moved", subject=KETTLE.key, due="2026-07-01"))
        assert ask() == 2


def test_in_a_transaction_that_writes_it_is_asked_each_time_and_nothing_of_it_is_kept(app: Flask) -> None:
    numbers = count()
    with app.app_context():
        def ask() -> int:
            return kept("region_items", "number", lambda: next(numbers))

        assert ask() == 0
        db.session.execute(update(Production).values(status="pooled"))
        assert [ask(), ask()] == [1, 2]
        db.session.rollback()
        assert ask() == 0


def test_an_answer_is_not_kept_that_may_know_of_a_commit_that_came_between(
        settings: Settings, empty_postgres: Callable[[str], str]) -> None:
    on_postgres = create_app(settings.model_copy(update={"web_database_url": empty_postgres("kept_between")}))
    with on_postgres.app_context():
        read_catalogue(on_postgres.extensions["services"].store)
    numbers = count()

    def ask() -> int:
        written_by_another(on_postgres)
        return next(numbers)

    with on_postgres.test_request_context():
        assert [kept("region_items", "number", ask) for _ in range(2)] == [0, 1]
        db.session.rollback()
        assert [kept("region_items", "number", lambda: next(numbers)) for _ in range(2)] == [2, 2]


def test_of_many_keys_those_are_asked_for_that_may_be_found_and_all_where_many_are(app: Flask) -> None:
    query = select(Catalogue.key).where(Catalogue.region == "south")
    wanted = [KETTLE.key, "south|kettle", "nowhere|x"]
    with app.app_context():
        assert kept_among("region_items", "south", query, wanted) == ["south|kettle"]
        with asked(app) as found:
            assert kept_among("region_items", "south", query, wanted) == ["south|kettle"]
        assert found == []

        db.session.rollback()
        with writing():
            db.session.execute(insert(Catalogue), [
                {"key": f"south|{number}", "region": "south", "item": str(number), "search": ""}
                for number in range(FEW)])
            assert kept_among("region_items", "south", query, wanted) == wanted
        assert kept_among("region_items", "south", query, wanted) == wanted


def test_who_sees_other_rows_has_other_answers(app: Flask) -> None:
    numbers = count()

    def ask(sees: Any) -> int:
        with app.test_request_context():
            g.actor = Actor("x", "planner", "browser", "", sees)
            return kept("region_items", "number", lambda: next(numbers))

    assert ask(None) == 0
    assert ask(({"region": ("south",)},)) == 1
    assert ask(({"region": ("north",)},)) == 2
    assert [ask(({"region": ("south",)},)), ask(None)] == [1, 0]


def test_so_many_are_kept_and_those_go_that_were_not_asked_for() -> None:
    answers = KeptAnswers()
    for number in range(MOST + 1):
        answers.keep(number, "a", number)
        answers.find(0, "a")

    assert answers.find(0, "a") == (0,)
    assert answers.find(1, "a") is None
    assert answers.find(MOST, "a") == (MOST,)
    assert answers.find(MOST, "b") is None


@pytest.mark.parametrize("who", ["client", "viewer"])
def test_what_is_kept_of_a_page_reads_tables_of_its_group_only(
        app: Flask, restricted: int, who: str, request: pytest.FixtureRequest) -> None:
    client, kept_of = request.getfixturevalue(who), set[str]()
    with app.app_context(), writing():
        db.session.add(stale("south|kettle"))
    client.get("/account")  # a session of more than five minutes ago is noted as used, for which more is looked up
    for url in VIEWS:
        with asked(app) as first:
            assert client.get(url).status_code == 200
        with asked(app) as again:
            assert client.get(url).status_code == 200
        for statement in set(first) - set(again):
            kept_of.update(re.findall(r'(?:FROM|JOIN) "?([a-z_]+)', statement))

    assert {"region_item_catalogue", "region_item_accuracy", "earlier_move"} <= kept_of
    assert kept_of - {name for names in TABLES.values() for name in names} <= {"json_each"}


def stale(key: str) -> WorkEntry:
    return WorkEntry(kind="stale", subject=key, due="2026-07-01", told={"since": "2026-06-01", "version": 3})


def status(row: RegionItemRow) -> None:
    row.status = "quarantined"


def gone(row: RegionItemRow) -> None:
    row.in_catalogue = False


def total(row: RegionItemRow) -> None:
    row.forecast_total, row.moved, row.moved_at = 88.5, 44.25, now()


def judged(row: RegionItemRow) -> None:
    row.live_error, row.live_sold, row.forecast_total, row.drift = 3.0, 10.0, 70.0, 0.9


def retrained(row: RegionItemRow) -> None:
    retrain = Retrain(request_id="r", asked_by="x", size=1, state="running")
    db.session.add(retrain)
    db.session.flush()
    db.session.add(RetrainItem(retrain_id=retrain.id, key=row.key))


def moved_before(row: RegionItemRow) -> None:
    row.forecast_total = 88.5
    db.session.add(EarlierMove(region_item_id=row.id, at=now(), moved=123.0, share=0.5))


def to_do(row: RegionItemRow) -> None:
    db.session.add(stale(row.key))


def overridden(row: RegionItemRow) -> None:
    db.session.add(Override(batch="b", key=row.key, date="2026-07-02", way="units", amount=77.0, comment="fair",
                            made_by="ada"))


def adjusted(row: RegionItemRow) -> None:
    db.session.add(Adjustment(key=row.key, date="2026-06-18", sold=40.0, adjusted=12.0, reason="typed", made_by="ada"))


def carried(row: RegionItemRow) -> None:
    db.session.add(CarriedLink(key=row.key, other="item 02", other_key="north|item 02", reason="new", made_by="ada"))


def carried_on(row: RegionItemRow) -> None:
    db.session.add(CarriedLink(key="north|item 02", other=row.item, other_key=row.key, reason="new", made_by="ada"))


def starred(row: RegionItemRow) -> None:
    db.session.add(Favourite(person=EMAIL, key=row.key))


def saved(_row: RegionItemRow) -> None:
    db.session.add(SavedView(person="ada", name="fairs", is_shared=True, arguments={}))


def told(row: RegionItemRow) -> None:
    db.session.add(Notice(person=EMAIL, cause="c", event="data", text="x", link="/", keys=[row.key]))


def announced(_row: RegionItemRow) -> None:
    db.session.add(Setting(name="announcement", value="closed on Friday", changed_by="ada"))


def silent(_row: RegionItemRow) -> None:
    db.session.add(SystemState(name="dagster", is_up=False, checked_at=now(), since=now(), message="gone"))


CHANGES = (status, total, judged, retrained, moved_before, to_do, overridden, adjusted, carried, carried_on, starred,
           saved, told, announced, silent, gone)
"""One after the other; what is gone is on no page, so it goes last."""


def test_what_another_process_writes_is_told_at_the_next_look(
        client: FlaskClient, other: Flask, session_cookies: dict[str, str]) -> None:
    before = pages(client)
    assert pages(client) == before

    for change in CHANGES:
        with other.app_context(), writing():
            change(rows_by_key(["south|kettle"])["south|kettle"])

        after = pages(client)
        assert after != before, change.__name__
        assert after == fresh(other, session_cookies[EMAIL]), change.__name__
        before = after


def test_nobody_is_told_what_was_counted_for_somebody_else(
        other: Flask, restricted: int, client: FlaskClient, viewer: FlaskClient, admin: FlaskClient,
        session_cookies: dict[str, str]) -> None:
    people = {EMAIL: client, VIEWER: viewer, ADMIN: admin}
    right = {email: fresh(other, session_cookies[email]) for email in people}
    assert right[EMAIL] != right[VIEWER]

    for email in (EMAIL, VIEWER, ADMIN, VIEWER, EMAIL):
        assert pages(people[email]) == right[email], email


def test_who_may_see_more_or_less_from_now_on_is_told_so_at_once(
        app: Flask, other: Flask, restricted: int, viewer: FlaskClient, session_cookies: dict[str, str]) -> None:
    before = pages(viewer)

    with app.app_context():
        change_group(restricted, {"rules": [("region", "north")]})

    assert pages(viewer) == fresh(other, session_cookies[VIEWER]) != before


def test_a_star_counts_for_whoever_gave_it(app: Flask, client: FlaskClient, viewer: FlaskClient) -> None:
    def starred(who: FlaskClient) -> str:
        return re.sub(r"\D", "", text_of(page(who.get("/")).select_one("a[href*='flag=favourite']")))

    starred(client), starred(viewer)
    with app.test_request_context():
        g.actor = Actor(EMAIL, "planner", "browser")
        set_favourite(KETTLE.key, True)

    assert len(page(client.get("/?flag=favourite")).select("#table tbody tr")) == 1
    assert len(page(viewer.get("/?flag=favourite")).select("#table tbody tr")) == 0
    assert (starred(client), starred(viewer)) == ("1", "0")
