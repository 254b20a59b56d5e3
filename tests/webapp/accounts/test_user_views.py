"""Users, as administrators see and change them."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.webapp.accounts.builders import id_of, secret_on
from tests.webapp.audit.builders import entries_of_act
from tests.webapp.conftest import ADMIN, EMAIL, PASSWORD, VIEWER, page, post, signed_in, text_of
from webapp.access import COMMAND, role_of
from webapp.accounts import users
from webapp.accounts.tokens import actor_of, make_token
from webapp.accounts.views import create_user
from webapp.db.database import db, now, writing
from webapp.tables import RoleName, SignInLink, User


def act(admin: FlaskClient, app: Flask, email: str, what: str, **fields: str) -> str:
    """Press a button on a user's page; what the answer, or the page that it leads to, says."""
    path = f"/admin/users/{id_of(app, email)}"
    return text_of(page(post(admin, f"{path}/{what}", fields, path, follow_redirects=True)).main)


def link_of(admin: FlaskClient, app: Flask, email: str) -> str:
    path = f"/admin/users/{id_of(app, email)}"
    return secret_on(post(admin, f"{path}/link", {}, path).data.decode())


def choose(client: FlaskClient, link: str, password: str) -> int:
    return post(client, link, {"password": password, "again": password}, link).status_code


def test_somebody_new_chooses_a_password_by_a_link_that_works_once(
        app: Flask, admin: FlaskClient, anonymous: FlaskClient) -> None:
    shown = post(admin, "/admin/users/new", {"email": " New@Example.com", "role": "planner"}, "/admin/users/new")
    link = secret_on(shown.text)

    assert choose(anonymous, link, "short") == 422
    assert choose(anonymous, link, "my först password") == 302
    assert post(anonymous, "/sign-in", {"email": "new@example.com", "password": "my först password"},
                "/sign-in").location == "/"
    assert anonymous.get(link).status_code == 404
    [*_, made] = entries_of_act(app, "created")
    assert (made.by, made.subject, made.after) == (ADMIN, "new@example.com", {"role": "planner", "active": True})
    set_by = [(entry.by, entry.via) for entry in entries_of_act(app, "password set")]
    assert set_by == [("new@example.com", "one-time link")]
    assert link.rsplit("/", 1)[1] not in admin.get("/admin/users").text


@pytest.mark.parametrize("email", ["nonsense", "", f"{'x' * 260}@example.com", EMAIL.upper(), "a@b\x01c"])
def test_an_address_that_is_none_or_taken_is_refused_with_the_reason(admin: FlaskClient, email: str) -> None:
    response = post(admin, "/admin/users/new", {"email": email, "role": "viewer"}, "/admin/users/new")

    assert response.status_code == 422
    assert page(response).select_one(".invalid-feedback")


def test_a_newer_link_makes_the_older_useless(app: Flask, admin: FlaskClient, anonymous: FlaskClient) -> None:
    older, newer = link_of(admin, app, VIEWER), link_of(admin, app, VIEWER)

    assert anonymous.get(older).status_code == 404
    assert anonymous.get(newer).status_code == 200


def test_a_link_expires(app: Flask, admin: FlaskClient, anonymous: FlaskClient) -> None:
    link = link_of(admin, app, VIEWER)
    with app.app_context(), writing():
        db.session.scalars(select(SignInLink)).one().expires_at = now()

    assert anonymous.get(link).status_code == 404
    assert anonymous.post(link).status_code == 400  # without a form there is no token for one


def test_no_link_is_kept_in_words(app: Flask, admin: FlaskClient) -> None:
    secret = link_of(admin, app, VIEWER).rsplit("/", 1)[1]

    with app.app_context():
        kept = db.session.scalars(select(SignInLink)).one()
        assert secret not in (kept.digest, kept.made_by)
        assert len(kept.digest) == 64


def test_a_link_is_made_by_command(app: Flask, anonymous: FlaskClient) -> None:
    runner = app.test_cli_runner()
    link = runner.invoke(args=["reset-link", "--email", VIEWER]).output.splitlines()[0]

    assert choose(anonymous, link.removeprefix("http://127.0.0.1:8000"), "another long one") == 302
    assert runner.invoke(args=["reset-link", "--email", "nobody@example.com"]).exit_code == 1
    assert entries_of_act(app, "link made")[0].by == COMMAND.email


def test_a_new_role_holds_at_once_and_signs_out(app: Flask, admin: FlaskClient, viewer: FlaskClient) -> None:
    assert "is now planner" in act(admin, app, VIEWER, "role", role="planner")

    assert viewer.get("/").location.startswith("/sign-in")
    assert signed_in(viewer, VIEWER).get("/scenarios/new").status_code == 200
    [entry] = entries_of_act(app, "role changed")
    assert (entry.by, entry.subject) == (ADMIN, VIEWER)
    assert (entry.before, entry.after) == ({"role": "viewer", "active": True}, {"role": "planner", "active": True})


def test_a_deactivated_user_is_out_at_once_with_links_and_tokens(
        app: Flask, admin: FlaskClient, viewer: FlaskClient, anonymous: FlaskClient) -> None:
    with app.app_context():
        _, secret = make_token(db.session.get_one(User, id_of(app, VIEWER)), "t", "viewer", now() + timedelta(days=30))
    link = link_of(admin, app, VIEWER)

    act(admin, app, VIEWER, "active", active="no")

    assert viewer.get("/").location.startswith("/sign-in")
    assert anonymous.get(link).status_code == 404
    assert post(anonymous, "/sign-in", {"email": VIEWER, "password": PASSWORD}, "/sign-in").status_code == 200
    with app.app_context():
        assert actor_of(secret, "") is None

    act(admin, app, VIEWER, "active", active="yes")

    assert viewer.get("/").location.startswith("/sign-in")
    assert signed_in(anonymous, VIEWER).get("/").status_code == 200
    assert [entry.act for entry in entries_of_act(app, "reactivated")] == ["reactivated"]


def test_a_deactivated_user_gets_no_link(app: Flask, admin: FlaskClient) -> None:
    act(admin, app, VIEWER, "active", active="no")

    assert "Reactivate the account first" in act(admin, app, VIEWER, "link")


@pytest.mark.parametrize(("what", "fields"), [("role", {"role": "viewer"}), ("active", {"active": "no"})])
def test_nobody_changes_their_own_account(app: Flask, admin: FlaskClient, what: str, fields: dict[str, str]) -> None:
    assert "Ask another administrator" in act(admin, app, ADMIN, what, **fields)
    assert admin.get("/admin/users").status_code == 200


def test_the_last_administrator_who_can_sign_in_stays(app: Flask) -> None:
    with app.app_context():
        users.add_user("not.yet@example.com", "admin")
        with pytest.raises(users.UserChangeError, match="last administrator"):
            users.change_role(id_of(app, ADMIN), "planner")
        with pytest.raises(users.UserChangeError, match="last administrator"):
            users.set_active(id_of(app, ADMIN), False)
        create_user("second@example.com", PASSWORD, "admin")

        users.change_role(id_of(app, ADMIN), "planner")


def test_two_administrators_cannot_demote_each_other_at_once(app: Flask) -> None:
    with app.app_context():
        create_user("second@example.com", PASSWORD, "admin")
    start, refused = Barrier(2), list[str]()

    def demote(email: str) -> None:
        user_id = id_of(app, email)
        with app.app_context():
            start.wait()
            try:
                users.change_role(user_id, "viewer")
            except users.UserChangeError as error:
                refused.append(str(error))

    threads = [Thread(target=demote, args=(email,)) for email in (ADMIN, "second@example.com")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with app.app_context():
        assert sum(role_of(user) == "admin" for user in db.session.scalars(select(User))) == 1
    assert len(refused) == 1


def test_there_is_one_first_administrator_however_many_ask_at_once(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(ValueError, match="somebody else was first"):
            create_user("late@example.com", PASSWORD, "admin", is_first=True)
        assert db.session.scalars(select(User).where(User.email == "late@example.com")).all() == []


@pytest.mark.parametrize(("what", "fields"), [("role", {"role": "king"}), ("active", {"active": "maybe"})])
def test_a_role_or_state_that_is_none_is_refused(
        app: Flask, admin: FlaskClient, what: str, fields: dict[str, str]) -> None:
    assert "is not known here; allowed are" in act(admin, app, VIEWER, what, **fields)


def test_the_list_is_searched_filtered_and_paged(app: Flask, admin: FlaskClient) -> None:
    roles: list[RoleName] = ["viewer", "planner"]
    with app.app_context():
        for n in range(30):
            users.add_user(f"person{n:02}@example.org", roles[n % 2])
        users.set_active(id_of(app, "person00@example.org"), False)

    def emails(query: str) -> list[str]:
        return [text_of(row) for row in page(admin.get(f"/admin/users?{query}")).select("tbody th")]

    assert len(emails("")) == 25
    assert emails("page=2")[-1] == VIEWER
    assert emails("q=PERSON0&role=viewer&state=active") == [f"person0{n}@example.org" for n in (2, 4, 6, 8)]
    assert emails("state=inactive") == ["person00@example.org"]
    assert emails("q=%25") == []
    assert "No user matches" in text_of(page(admin.get("/admin/users?q=zzz")).main)


def test_the_last_sign_in_is_shown(anonymous: FlaskClient) -> None:
    admin = signed_in(anonymous, ADMIN)

    rows = {text_of(row.th): text_of(row) for row in page(admin.get("/admin/users")).select("tbody tr")}

    assert "never" in rows[VIEWER]
    assert "never" not in rows[ADMIN]
