"""The first administrator's link: random, for some hours, once."""

import hmac
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from tests.webapp.audit.builders import entries_of_act
from tests.webapp.conftest import ADMIN, post
from webapp.accounts.sign_in.first_admin import make_first_admin_link
from webapp.db.database import db, now, writing
from webapp.settings import Settings
from webapp.tables import FirstAdminLink, User

FIELDS = {"email": "boss@example.com", "password": "correct horse", "again": "correct horse"}


def made(app: Flask, settings: Settings) -> str:
    with app.app_context():
        link = make_first_admin_link(settings)
        assert link is not None
        return urlsplit(link).path


def without_users(app: Flask) -> None:
    with app.app_context(), writing():
        for user in db.session.scalars(select(User)):
            db.session.delete(user)


@pytest.fixture
def empty(app: Flask) -> Flask:
    without_users(app)
    return app


def test_it_works_once_and_not_again_when_all_users_are_gone(empty: Flask, settings: Settings) -> None:
    link, other = made(empty, settings), made(empty, settings)
    client = empty.test_client()
    assert link != other
    assert post(client, link, FIELDS, link).status_code == 302
    assert client.get("/account").status_code == 200

    assert [empty.test_client().get(each).status_code for each in (link, other)] == [404, 404]
    without_users(empty)
    assert [empty.test_client().get(each).status_code for each in (link, other)] == [404, 404]
    assert empty.test_client().get(made(empty, settings)).status_code == 200, "a new one is made at the machine"


def test_it_expires_as_the_setting_says(empty: Flask, settings: Settings, anonymous: FlaskClient) -> None:
    link = made(empty, settings.model_copy(update={"web_first_admin_hours": 3}))
    assert anonymous.get(link).status_code == 200
    with empty.app_context(), writing():
        row = db.session.scalars(select(FirstAdminLink)).one()
        assert timedelta(hours=2.9) < row.expires_at - now() <= timedelta(hours=3)
        row.expires_at = now()

    assert anonymous.get(link).status_code == 404
    assert post(anonymous, link, FIELDS, "/sign-in").status_code == 404


def test_whoever_is_made_by_another_way_ends_it(empty: Flask, settings: Settings, anonymous: FlaskClient) -> None:
    link = made(empty, settings)
    object.__setattr__(empty.extensions["services"].settings, "web_admin_password", "from the environment")
    assert "may sign in" in empty.test_cli_runner().invoke(args=["create-admin", "--email", ADMIN]).output

    assert anonymous.get(link).status_code == 404
    without_users(empty)
    assert anonymous.get(link).status_code == 404


def test_it_is_in_no_place_to_be_read(empty: Flask, settings: Settings) -> None:
    secret = made(empty, settings).rsplit("/", 1)[1]

    assert len(secret) >= 43
    with empty.app_context():
        [row] = db.session.scalars(select(FirstAdminLink))
        assert secret not in str(vars(row))
    [entry] = entries_of_act(empty, "link made")
    assert secret not in str(vars(entry))


def test_the_link_of_the_version_before_opens_nothing(empty: Flask, settings: Settings, anonymous: FlaskClient) -> None:
    made(empty, settings)
    old = hmac.new(settings.secret_key.encode(), b"first administrator", "sha256").hexdigest()[:40]

    assert anonymous.get(f"/first-admin/{old}").status_code == 404


def test_there_is_none_while_somebody_may_sign_in(app: Flask, settings: Settings) -> None:
    with app.app_context():
        assert make_first_admin_link(settings) is None
        assert db.session.execute(delete(FirstAdminLink).returning(FirstAdminLink.id)).all() == []
