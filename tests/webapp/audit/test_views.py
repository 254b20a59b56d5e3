"""The audit log: every change with who, from where, before and after; read and downloaded by administrators."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DatabaseError

from tests.webapp.adjustments.builders import adjust, remove
from tests.webapp.audit.builders import entries, entries_of_act
from tests.webapp.conftest import ADMIN, EMAIL, KETTLE, ODD, Background, ask_for_retrain, page, post, text_of
from tests.webapp.fakes import FakeRegistry
from tests.webapp.models.builders import ask
from tests.webapp.scenario_forms import press, saved, send
from webapp.access import COMMAND, Actor
from webapp.accounts.sign_in.first_admin import make_first_admin_link
from webapp.accounts.views import create_user
from webapp.audit.queries import changes_of
from webapp.audit.record import OutsideTransactionError, record
from webapp.db.database import db, writing
from webapp.services import Services
from webapp.tables import AuditEntry, User

LOG = "/admin/audit"


def acts(app: Flask, kind: str) -> list[str]:
    return [each.act for each in entries(app, kind)]


class TestWhatIsRecorded:
    def test_a_retrain_with_who_from_where_and_of_what(self, client: FlaskClient, app: Flask) -> None:
        ask_for_retrain(client, [KETTLE.key, ODD.key], reason="a new price")

        entry, = entries(app, "retrain")
        assert (entry.by, entry.via, entry.address) == (EMAIL, "browser", "127.0.0.1")
        assert (entry.act, entry.subject, entry.reason) == ("asked", "retrain 1 (2 region-items)", "a new price")
        assert (entry.before, entry.after) == (None, {"region-items": [str(KETTLE), str(ODD)]})
        assert abs((entry.at - datetime.now(UTC)).total_seconds()) < 60

    def test_a_large_retrain_in_a_few_names(self, client: FlaskClient, app: Flask) -> None:
        ask_for_retrain(client, [], everything="1")

        after = entries(app, "retrain")[0].after
        assert after is not None
        assert len(after["region-items"]) == 6
        assert after["region-items"][-1] == "and 26 more"

    def test_the_same_form_twice_is_recorded_once(self, client: FlaskClient, app: Flask) -> None:
        for _ in range(2):
            post(client, "/retrains", {"token": "t" * 32, "ri": [KETTLE.key]})

        assert acts(app, "retrain") == ["asked"]

    def test_a_retrain_cancelled_and_asked_again(self, client: FlaskClient, app: Flask) -> None:
        ask_for_retrain(client, [KETTLE.key])
        for _ in range(2):
            post(client, "/retrains/1/cancel", {})
        post(client, "/retrains/1/retry", {"token": "r" * 32})

        assert [(each.act, each.subject) for each in entries(app, "retrain")] == [
            ("asked", "retrain 1 (1 region-item)"), ("cancelled", "retrain 1 (1 region-item)"),
            ("retried", "retrain 2 (1 region-item)")]

    @pytest.mark.usefixtures("three")
    def test_a_roll_back_when_it_is_asked_and_when_it_is_done(self, admin: FlaskClient, app: Flask,
                                                              background: Background) -> None:
        ask(admin, "roll_back", 1, "too high", also_pin="1")
        background.act()

        asked, done, pinned = entries(app, "model")
        assert (asked.by, asked.via, asked.act, asked.subject) == (ADMIN, "browser", "roll back asked", str(KETTLE))
        assert (asked.before, asked.after) == ({"version": 3, "pinned": False}, {"version": 1, "pinned": True})
        assert (done.by, done.via, done.act, done.reason) == (ADMIN, "background", "rolled back", "too high")
        assert (done.before, done.after) == ({"version": 3}, {"version": 1})
        assert pinned.act == "pinned"

    @pytest.mark.usefixtures("three")
    def test_a_newer_version_is_promoted_by_hand_and_a_refusal_says_why(
            self, admin: FlaskClient, app: Flask, background: Background, registry: FakeRegistry) -> None:
        ask(admin, "roll_back", 1)
        background.act()
        background.watch()
        ask(admin, "roll_back", 2)
        background.act()
        background.watch()
        registry.damage(KETTLE, 3)
        ask(admin, "roll_back", 3)
        background.act()

        assert acts(app, "model")[2:] == ["promotion asked", "promoted by hand", "promotion asked",
                                          "promotion refused"]
        after = entries(app, "model")[-1].after
        assert after is not None
        assert "cannot be read" in after["why"]

    def test_an_adjustment_made_replaced_and_removed(self, client: FlaskClient, app: Flask) -> None:
        adjust(client)
        adjust(client)
        adjust(client, units="20,5", reason="smaller")
        for _ in range(2):
            remove(client, 2)

        assert [(each.act, each.before, each.after, each.reason) for each in entries(app, "adjustment")] == [
            ("adjusted", {"units": 9.0}, {"units": 40.0}, "a large order"),
            ("replaced", {"units": 40.0}, {"units": 20.5}, "smaller"),
            ("removed", {"units": 20.5}, {"units": 9.0}, "")]
        assert entries(app, "adjustment")[0].subject == "north · kettle on 2026-06-16"

    def test_a_scenario_from_its_creation_to_its_return(self, client: FlaskClient, app: Flask) -> None:
        path = saved(client, name="Sale")
        send(client, f"{path}/edit", name="Big sale", **{"change-0-value": "-30"})
        press(client, path, "duplicate")
        for _ in range(2):
            press(client, path, "archive")
        press(client, path, "archive", back="1")

        found = entries(app, "scenario")
        assert [each.act for each in found] == ["created", "changed", "duplicated", "archived", "brought back"]
        token = path.rsplit("/", 1)[1]
        assert found[1].subject == f"Big sale ({token[:8]})"
        assert {fact.name: (fact.before, fact.after) for fact in changes_of(found[1])} == {
            "name": ("Sale", "Big sale"),
            "changes": ("price percent -20.0 from 2026-07-01 to 2026-07-14",
                        "price percent -30.0 from 2026-07-01 to 2026-07-14")}
        assert found[2].after is not None
        assert found[2].after["copy of"] == f"Big sale ({token[:8]})"

    def test_saving_what_is_as_it_was_is_no_change(self, client: FlaskClient, app: Flask) -> None:
        path = saved(client, name="Sale")
        send(client, f"{path}/edit", name="Sale")

        assert acts(app, "scenario") == ["created"]

    def test_users_that_a_command_creates(self, app: Flask) -> None:
        result = app.test_cli_runner(env={"WEB_ADMIN_PASSWORD": "x"}).invoke(
            args=["create-admin", "--email", "Second@example.com"], input="a long password\na long password\n")
        assert result.exit_code == 0, result.output

        entry = entries(app, "user")[-1]
        assert (entry.by, entry.via, entry.act, entry.subject) == (
            COMMAND.email, COMMAND.via, "created", "second@example.com")
        assert entry.after == {"role": "admin"}
        assert "password" not in str(entry.after)

    def test_the_first_administrator_by_the_link(self, app: Flask, services: Services,
                                                 anonymous: FlaskClient) -> None:
        with app.app_context():
            for user in db.session.scalars(select(User)):
                db.session.delete(user)
            db.session.commit()
            link = str(make_first_admin_link(services.settings)).removeprefix(services.settings.public_url)
        post(anonymous, link, {"email": "boss@example.com", "password": "a long password",
                               "again": "a long password"}, form_on=link)

        [*_, entry] = entries_of_act(app, "created")
        assert (entry.by, entry.via, entry.subject) == ("boss@example.com", "first sign-up", "boss@example.com")


class TestTheLogIsOnlyAddedTo:
    def test_outside_a_transaction_that_writes_nothing_is_recorded(self, app: Flask) -> None:
        with app.app_context(), pytest.raises(OutsideTransactionError):
            record("asked", "retrain", "retrain 1")

    def test_what_is_taken_back_leaves_no_entry(self, app: Flask) -> None:
        def broken() -> None:
            with writing():
                record("asked", "retrain", "retrain 1")
                db.session.flush()
                raise ZeroDivisionError

        with app.app_context(), pytest.raises(ZeroDivisionError):
            broken()
        assert entries(app) == []

    @pytest.mark.parametrize("statement", [update(AuditEntry).values(by="x"), delete(AuditEntry)])
    def test_the_database_refuses_to_change_or_remove_an_entry(self, app: Flask, statement: object) -> None:
        with app.app_context():
            with writing():
                record("asked", "retrain", "retrain 1")
            with pytest.raises(DatabaseError, match="only added to"), writing():
                db.session.execute(statement)  # type: ignore[call-overload]
        assert acts(app, "retrain") == ["asked"]


@pytest.fixture
def log(app: Flask) -> None:
    """Three changes by two people."""
    by = Actor("=cmd()@example.com", "planner", "token <b>nightly</b>", "10.0.0.7")
    with app.app_context(), writing():
        record("adjusted", "adjustment", "north · kettle on 2026-06-16", before={"units": 9}, after={"units": 40},
               reason="=1+1", by=by)
        record("asked", "retrain", "retrain 1 (2 region-items)", after={"region-items": ["<i>a</i>", "b"]}, by=by)
        record("asked", "retrain", "retrain 2 (1 region-item) Öl", after={"region-items": ["b"]})


def subjects(client: FlaskClient, **query: str) -> list[str]:
    soup = page(client.get(LOG, query_string=query))
    return [text_of(found) for found in soup.select("#list tbody td[data-label=What] .text-break:not(.small)")]


@pytest.mark.usefixtures("log")
class TestThePage:
    def test_newest_first_with_what_changed_beside_what_it_was(self, admin: FlaskClient) -> None:
        soup = page(admin.get(f"{LOG}?q=north"))

        row = soup.select_one("#list tbody tr")
        words = text_of(row)
        assert "=cmd()@example.com token <b>nightly</b>, 10.0.0.7" in words
        assert "adjusted north · kettle on 2026-06-16 “=1+1”" in words
        assert "units: 9 → 40" in words
        assert subjects(admin)[:2] == ["retrain 2 (1 region-item) Öl", "retrain 1 (2 region-items)"]
        assert "region-items: – → <i>a</i>; b" in text_of(page(admin.get(f"{LOG}?q=retrain 1")))

    def test_facts_within_facts_are_told_in_words_and_few_of_many(self, app: Flask, admin: FlaskClient) -> None:
        with app.app_context(), writing():
            record("overridden", "override", "north · kettle", after={
                "overrides": {"count": 12, "first": [{"date": f"day {n}", "amount": 10.5} for n in range(12)]}})

        words = text_of(page(admin.get(f"{LOG}?kind=override")).select_one("#list"))
        assert "overrides: – → count 12, first date day 0, amount 10.5; date day 1" in words
        assert "date day 9, amount 10.5; and 2 more" in words

    def test_it_is_filtered_by_its_address(self, app: Flask, admin: FlaskClient) -> None:
        with app.app_context():
            asked = db.session.scalars(select(AuditEntry.at).where(AuditEntry.act == "asked").order_by(AuditEntry.at))
            first, *_, last = [at.date() for at in asked]  # two dates around midnight
        assert subjects(admin, kind="adjustment") == ["north · kettle on 2026-06-16"]
        assert subjects(admin, act="asked", who="a command") == ["retrain 2 (1 region-item) Öl"]
        assert subjects(admin, q="RETRAIN 1 (") == ["retrain 1 (2 region-items)"]
        assert subjects(admin, q="Öl") == ["retrain 2 (1 region-item) Öl"]
        assert len(subjects(admin, q="retrain", **{"from": str(first), "to": str(last)})) == 2
        assert subjects(admin, q="retrain", **{"from": str(last + timedelta(days=1))}) == []
        assert subjects(admin, q="retrain", to="2020-01-01") == []
        assert subjects(admin, q="100%") == []

    def test_what_there_is_not_is_said(self, admin: FlaskClient) -> None:
        for name, value in (("from", "31.12.2025"), ("to", "0001-01-01"), ("kind", "x"), ("who", "nobody"),
                            ("page", "0"), ("format", "pdf")):
            response = admin.get(LOG, query_string={name: value})
            assert response.status_code == 422, name
            assert value in response.text
        assert "Nothing matches" in text_of(page(admin.get(f"{LOG}?q=nothing+like+that")))

    def test_it_is_paged(self, app: Flask, admin: FlaskClient) -> None:
        with app.app_context(), writing():
            for number in range(60):
                record("asked", "retrain", f"many {number}")

        assert subjects(admin, q="many", page="3") == [f"many {number}" for number in range(9, -1, -1)]

    def test_it_is_downloaded_as_filtered_and_nothing_in_it_computes(self, admin: FlaskClient) -> None:
        response = admin.get(f"{LOG}?kind=adjustment&format=csv")
        heading, row = csv.reader(io.StringIO(response.data.decode("utf-8-sig")))
        assert dict(zip(heading, row, strict=True)) | {"At (UTC)": ""} == {
            "At (UTC)": "", "Who": "'=cmd()@example.com", "By way of": "token <b>nightly</b>", "Address": "10.0.0.7",
            "What was done": "adjusted", "Kind": "adjustments of the past", "Subject": "north · kettle on 2026-06-16",
            "Before": '{"units": 9}', "After": '{"units": 40}', "Reason": "'=1+1"}

        sheet = load_workbook(io.BytesIO(admin.get(f"{LOG}?kind=adjustment&format=xlsx").data)).active
        assert (sheet["B2"].value, sheet["B2"].data_type) == ("=cmd()@example.com", "s")

    def test_planners_are_told_whom_to_ask(self, client: FlaskClient) -> None:
        response = client.get(LOG)
        assert response.status_code == 403
        assert "The audit log is for administrators" in response.text


@pytest.mark.usefixtures("three")
def test_the_pages_of_things_lead_administrators_to_their_history(
        admin: FlaskClient, viewer: FlaskClient) -> None:
    retrain = str(ask_for_retrain(admin, [KETTLE.key]).location)
    number = retrain.rsplit("/", 1)[1]
    path = saved(admin, name="Sale")
    ask(admin, "pin", 3)

    for there, subject in (("/models/region-item?ri=north%7Ckettle", str(KETTLE)),
                           (retrain, f"retrain {number} (1 region-item)"), (path, f"Sale ({path[-32:][:8]})")):
        link = page(admin.get(there)).find("a", string="History of changes")
        assert link is not None, there
        found = page(admin.get(str(link["href"])))  # type: ignore[index]
        assert subject in text_of(found.select_one("#list tbody")), there
        assert page(viewer.get(there)).find("a", string="History of changes") is None


def test_before_anything_happened_the_log_says_what_it_will_hold(app: Flask, admin: FlaskClient) -> None:
    words = text_of(page(admin.get(f"{LOG}?kind=override")))
    assert "Nothing matches" in words
    with app.app_context():
        create_user("third@example.com", "a long password", "viewer")
    assert "third@example.com" in text_of(page(admin.get(f"{LOG}?kind=user")).select_one("#list"))
