"""What is changed about accounts, for the tests that kill a process in the middle of it."""

from datetime import timedelta

from sqlalchemy import select

from tests.webapp.conftest import PASSWORD
from webapp.accounts import users
from webapp.accounts.password_links import choose_password, make_link
from webapp.accounts.sign_in.identities import Identity, user_of
from webapp.accounts.tokens import digest_of, make_token, revoke_token
from webapp.accounts.views import create_user
from webapp.administration.app_settings import AppSettings, change_settings
from webapp.db.database import db, now, writing
from webapp.tables import ApiToken, SignInLink, User

BOSS, SECOND, SECRET = "boss@example.com", "second@example.com", "a secret"


def found(email: str) -> User:
    return db.session.scalars(select(User).where(User.email == email)).one()


def two_administrators() -> None:
    create_user(BOSS, PASSWORD, "admin")
    create_user(SECOND, PASSWORD, "admin")


def with_a_link() -> None:
    two_administrators()
    with writing():
        db.session.add(SignInLink(digest=digest_of(SECRET), user_id=found(SECOND).id, made_by=BOSS,
                                  expires_at=now() + timedelta(hours=1)))


def token() -> None:
    make_token(found(BOSS), "night job", "viewer", now() + timedelta(days=30))


def with_a_token() -> None:
    two_administrators()
    token()


def with_newcomers_let_in() -> None:
    two_administrators()
    change_settings(AppSettings(sso_role="viewer"))


def demote() -> None:
    users.change_role(found(SECOND).id, "viewer")


def deactivate() -> None:
    users.set_active(found(SECOND).id, False)


def replace_link() -> None:
    make_link(found(SECOND).id)


def choose() -> None:
    assert choose_password(SECRET, "another long one", "127.0.0.1") == SECOND


def revoke() -> None:
    revoke_token(db.session.scalars(select(ApiToken.id)).one())


def come_by_single_sign_on() -> None:
    user_of(Identity("https://id.example.com 1", "newcomer@example.com"), "127.0.0.1")


def join_by_single_sign_on() -> None:
    user_of(Identity("https://id.example.com 2", "joined@example.com"), "127.0.0.1")


def somebody_to_join() -> None:
    users.add_user("joined@example.com", "planner")
