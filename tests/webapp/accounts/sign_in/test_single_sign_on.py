"""Single sign-on, against a real provider on loopback: who is let in as whom, and who is not."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import pytest
import requests
from flask import Flask, Response, g, request
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import RSAKey
from oidc_provider_mock import User as ProviderUser
from oidc_provider_mock import init_app
from sqlalchemy import select
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from tests.webapp.accounts.builders import age_sessions, id_of, is_here
from tests.webapp.audit.builders import entries_of_act
from tests.webapp.conftest import ADMIN, EMAIL, PASSWORD, VIEWER, page, post, signed_in, text_of
from webapp import create_app
from webapp.access import role_of
from webapp.accounts import users
from webapp.administration.app_settings import AppSettings, change_settings
from webapp.db.database import db
from webapp.settings import Settings
from webapp.tables import User, UserSession

NEW = "new@example.com"


def provided(sub: str, email: str, verified: object = True) -> ProviderUser:
    return ProviderUser(sub=sub, claims={"email": email, "email_verified": verified})


PEOPLE = (
    provided("planner", EMAIL), provided("another", EMAIL.upper()), provided("admin", ADMIN), provided("new", NEW),
    provided("unverified", VIEWER, False), provided("unverified in words", VIEWER, "true"),
    provided("forged", VIEWER),
    ProviderUser(sub="silent", claims={}), provided("x" * 600, VIEWER), provided("odd", "no address"),
)


Forge = Callable[[str, RSAKey], str]
FORGERY: list[Forge] = []
"""What the provider does with the id token that it gives next."""


def said(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def part_of(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def header_of(token: str) -> dict[str, Any]:
    return said(f".{token.partition('.')[0]}")


def signed(token: str, key: RSAKey, **claims: object) -> str:
    return jwt.encode(header_of(token), said(token) | claims, key)


def with_secret(token: str, secret: bytes) -> str:
    content = f"{part_of(header_of(token) | {'alg': 'HS256'})}.{token.split('.')[1]}"
    return f"{content}.{urlsafe_b64encode(hmac.digest(secret, content.encode(), 'sha256')).rstrip(b'=').decode()}"


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The provider's address. The package does not look at what PKCE sends, so that is done here."""
    app, challenges = Flask("provider"), set[str]()
    init_app(app, require_nonce=True, user_claims=PEOPLE)

    @app.before_request
    def check_the_verifier() -> tuple[dict[str, str], int] | None:
        if request.path == "/oauth2/authorize":
            challenges.add(request.args["code_challenge"])
        if request.path == "/oauth2/token":
            digest = sha256(request.form["code_verifier"].encode()).digest()
            if urlsafe_b64encode(digest).rstrip(b"=").decode() not in challenges:
                return {"error": "invalid_grant"}, 400
        return None

    @app.after_request
    def forge(response: Response) -> Response:
        if request.path == "/oauth2/token" and FORGERY and response.status_code == 200:
            answer = response.get_json()
            key = RSAKey.import_key(g.oidc_provider_mock_storage.jwk.as_dict(is_private=True))
            response.set_data(json.dumps(answer | {"id_token": FORGERY[0](answer["id_token"], key)}))
        return response

    app.add_url_rule("/elsewhere/.well-known/openid-configuration", "elsewhere",
                     lambda: requests.get(f"{request.host_url}.well-known/openid-configuration", timeout=20).json())
    server = make_server("localhost", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def with_sso(settings: Settings, provider: str) -> Flask:
    return create_app(settings.model_copy(update={
        "web_oidc_issuer": provider, "web_oidc_client_id": "demand", "web_oidc_client_secret": "a secret",
        "web_oidc_name": "Example ID", "web_public_url": "http://localhost"}))


def come_back(client: FlaskClient, sub: str, change: Callable[[str], str] = str, **form: str) -> str:
    """Go to the provider, sign in there, and say where it sends the browser: back, with a code."""
    there = client.get("/sign-in/sso", query_string={"next": "/retrains?show=open"}).location
    answer = requests.post(change(there), data={"sub": sub, **form}, allow_redirects=False, timeout=20)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"].removeprefix("http://localhost")


def sign_on(client: FlaskClient, sub: str) -> TestResponse:
    return client.get(come_back(client, sub))


def setting(app: Flask, **wanted: Any) -> None:
    with app.app_context():
        change_settings(AppSettings(**wanted))


def user(app: Flask, email: str) -> User:
    with app.app_context():
        return db.session.get_one(User, id_of(app, email))


def replaced(url: str, **query: str) -> str:
    parts = urlsplit(url)
    values = {name: value[0] for name, value in parse_qs(parts.query).items()} | query
    return urlunsplit(parts._replace(query=urlencode({name: value for name, value in values.items() if value})))


def test_a_known_address_is_joined_and_signed_in_where_it_wanted_to_go(with_sso: Flask, provider: str) -> None:
    client = with_sso.test_client()

    response = sign_on(client, "planner")

    assert response.location == "/retrains?show=open"
    assert EMAIL in text_of(page(client.get("/account")).main)
    assert user(with_sso, EMAIL).identity == f"{provider} planner"
    [joined] = entries_of_act(with_sso, "single sign-on joined")
    assert (joined.by, joined.via) == (EMAIL, "single sign-on")
    assert sign_on(with_sso.test_client(), "planner").location == "/retrains?show=open"
    assert len(entries_of_act(with_sso, "single sign-on joined")) == 1


def test_the_browser_is_sent_with_state_nonce_and_a_challenge(with_sso: Flask) -> None:
    query = parse_qs(urlsplit(with_sso.test_client().get("/sign-in/sso").location).query)

    assert query["code_challenge_method"] == ["S256"]
    assert all(len(query[name][0]) > 15 for name in ("state", "nonce", "code_challenge"))
    assert query["redirect_uri"] == ["http://localhost/sign-in/sso/back"]


def test_another_identity_with_the_same_address_is_not_let_in(with_sso: Flask) -> None:
    sign_on(with_sso.test_client(), "planner")

    response = sign_on(with_sso.test_client(), "another")

    assert response.status_code == 403
    assert "belongs to someone else" in text_of(page(response).main)


def test_until_an_administrator_takes_the_old_identity_off(with_sso: Flask, provider: str) -> None:
    client = with_sso.test_client()
    sign_on(client, "planner")
    admin, path = signed_in(with_sso.test_client(), ADMIN), f"/admin/users/{id_of(with_sso, EMAIL)}"

    post(admin, f"{path}/identity", {}, path)

    assert client.get("/").location.startswith("/sign-in")
    assert sign_on(with_sso.test_client(), "another").status_code == 302
    assert user(with_sso, EMAIL).identity == f"{provider} another"


def test_an_administrator_is_not_joined_by_an_address(with_sso: Flask) -> None:
    assert sign_on(with_sso.test_client(), "admin").status_code == 403
    assert user(with_sso, ADMIN).identity is None


@pytest.mark.parametrize("sub", ["unverified", "unverified in words", "silent", "odd", "x" * 600])
def test_who_has_no_verified_address_is_not_let_in(with_sso: Flask, sub: str) -> None:
    setting(with_sso, sso_role="viewer")
    client = with_sso.test_client()

    assert sign_on(client, sub).status_code == 403
    assert client.get("/").location.startswith("/sign-in")
    assert user(with_sso, VIEWER).identity is None


def test_somebody_new_is_turned_away_unless_the_settings_give_a_role(with_sso: Flask) -> None:
    client = with_sso.test_client()
    assert "is not known here" in text_of(page(sign_on(client, "new")).main)
    setting(with_sso, sso_role="planner")

    assert sign_on(client, "new").status_code == 302

    assert role_of(user(with_sso, NEW)) == "planner"
    assert user(with_sso, NEW).password is None
    assert entries_of_act(with_sso, "created")[-1].via == "single sign-on"


def test_before_there_is_an_administrator_nobody_is_added(with_sso: Flask) -> None:
    setting(with_sso, sso_role="planner")
    with with_sso.app_context():
        for each in db.session.scalars(select(User)):
            db.session.delete(each)
        db.session.commit()

    assert sign_on(with_sso.test_client(), "new").status_code == 403


@pytest.mark.parametrize("joined_before", [True, False])
def test_a_deactivated_user_is_not_let_in(with_sso: Flask, joined_before: bool) -> None:
    if joined_before:
        sign_on(with_sso.test_client(), "planner")
    with with_sso.app_context():
        users.set_active(id_of(with_sso, EMAIL), False)
    client = with_sso.test_client()

    assert "deactivated" in text_of(page(sign_on(client, "planner")).main)
    assert client.get("/").location.startswith("/sign-in")
    assert (user(with_sso, EMAIL).identity is not None) == joined_before


def test_who_says_no_at_the_provider_stays_outside(with_sso: Flask) -> None:
    client = with_sso.test_client()
    response = client.get(come_back(client, "planner", action="deny"))

    assert response.status_code == 403
    assert "try again" in text_of(page(response).main)
    assert client.get("/").location.startswith("/sign-in")


@pytest.mark.parametrize("change", [
    lambda there: replaced(there, nonce="another"),
    lambda there: replaced(there, state="another"),
    lambda there: replaced(there, code_challenge="a" * 43),
], ids=["nonce", "state", "challenge"])
def test_an_answer_to_another_question_is_refused(with_sso: Flask, change: Callable[[str], str]) -> None:
    client = with_sso.test_client()

    response = client.get(come_back(client, "planner", change))

    assert response.status_code == 403
    assert client.get("/").location.startswith("/sign-in")


def test_an_answer_is_good_for_the_browser_that_asked_and_once(with_sso: Flask) -> None:
    client = with_sso.test_client()
    back = come_back(client, "planner")

    assert with_sso.test_client().get(back).status_code == 403
    assert client.get(back).status_code == 302
    post(client, "/sign-out", {})
    assert client.get(back).status_code == 403


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example"])
def test_single_sign_on_leads_to_no_other_site(with_sso: Flask, target: str) -> None:
    client = with_sso.test_client()
    there = client.get("/sign-in/sso", query_string={"next": target}).location
    back = requests.post(there, data={"sub": "planner"}, allow_redirects=False, timeout=20).headers["Location"]

    assert is_here(client.get(back.removeprefix("http://localhost")).location)


def test_passwords_can_be_kept_for_administrators(with_sso: Flask) -> None:
    setting(with_sso, password_sign_in=False)
    client = with_sso.test_client()

    response = post(client, "/sign-in", {"email": EMAIL, "password": PASSWORD}, "/sign-in")

    assert "Use Example ID" in text_of(page(response).main)
    assert client.get("/").location.startswith("/sign-in")
    assert sign_on(client, "planner").status_code == 302
    assert signed_in(with_sso.test_client(), ADMIN).get("/").status_code == 200


def test_who_has_not_the_password_does_not_learn_whose_it_would_have_been(with_sso: Flask) -> None:
    setting(with_sso, password_sign_in=False)
    answers = {text_of(page(post(with_sso.test_client(), "/sign-in", {"email": email, "password": "wrong wrong"},
                                 "/sign-in")).main) for email in (EMAIL, ADMIN, "nobody@example.com")}

    assert len(answers) == 1


def test_who_has_no_password_makes_tokens_just_after_signing_in_at_the_provider(with_sso: Flask) -> None:
    setting(with_sso, sso_role="planner")
    client = with_sso.test_client()
    sign_on(client, "new")
    fields = {"name": "night job", "role": "viewer", "days": "30"}
    refused = post(client, "/account/tokens", fields, "/account")
    assert refused.status_code == 422, "the provider may have let an open browser in without a word"
    [again] = [str(link["href"]) for link in page(refused).select("main a") if "again=yes" in str(link["href"])]
    there = client.get(again).location
    query = parse_qs(urlsplit(there).query)
    assert (query["prompt"], query["max_age"]) == (["login"], ["0"])
    back = requests.post(there, data={"sub": "new"}, allow_redirects=False, timeout=20).headers["Location"]
    assert client.get(back.removeprefix("http://localhost")).location == "/account"
    assert post(client, "/account/tokens", fields, "/account").status_code == 200
    age_sessions(with_sso, NEW, began=timedelta(minutes=11))
    assert post(client, "/account/tokens", fields | {"name": "another"}, "/account").status_code == 422
    with with_sso.app_context():
        assert len(db.session.scalars(select(UserSession)).all()) == 1 + 3, "the session before has ended"


def test_a_provider_that_is_down_leaves_passwords(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={
        "web_oidc_issuer": "http://127.0.0.1:9", "web_oidc_client_id": "x", "web_oidc_client_secret": "y"}))
    client = app.test_client()

    assert client.get("/sign-in/sso").status_code == 503
    assert signed_in(client, EMAIL).get("/").status_code == 200


def test_a_provider_that_calls_itself_otherwise_is_not_believed(settings: Settings, provider: str) -> None:
    app = create_app(settings.model_copy(update={
        "web_oidc_issuer": f"{provider}/elsewhere", "web_oidc_client_id": "x", "web_oidc_client_secret": "y",
        "web_public_url": "http://localhost"}))

    assert sign_on(app.test_client(), "planner").status_code == 403
    assert user(app, EMAIL).identity is None


def test_half_of_the_settings_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="WEB_OIDC_CLIENT_SECRET"):
        Settings(web_oidc_issuer="https://id.example.com", web_oidc_client_id="demand")


def test_without_a_provider_there_is_no_such_door(anonymous: FlaskClient) -> None:
    assert anonymous.get("/sign-in/sso").status_code == 404
    assert anonymous.get("/sign-in/sso/back?code=x&state=y").status_code == 404
    assert "Sign in with single" not in anonymous.get("/sign-in").text


@pytest.fixture
def forged() -> Iterator[list[Forge]]:
    yield FORGERY
    FORGERY.clear()


def test_a_token_that_is_signed_anew_as_it_was_is_believed(with_sso: Flask, forged: list[Forge]) -> None:
    forged.append(lambda token, key: signed(token, key))
    assert sign_on(with_sso.test_client(), "forged").location == "/retrains?show=open"


@pytest.mark.parametrize("forge", [
    lambda token, key: ".".join([token.split(".")[0], part_of(said(token) | {"email": ADMIN}), token.split(".")[2]]),
    lambda token, key: token[:-8] + "AAAAAAAA",
    lambda token, key: f"{part_of({'alg': 'none'})}.{token.split('.')[1]}.",
    lambda token, key: f"{part_of(header_of(token) | {'alg': 'None'})}.{token.split('.')[1]}.",
    lambda token, key: signed(token, RSAKey.generate_key()),
    lambda token, key: jwt.encode(
        header_of(token) | {"jwk": (other := RSAKey.generate_key()).as_dict(private=False)}, said(token), other),
    lambda token, key: with_secret(token, b"a secret"),
    lambda token, key: with_secret(token, key.as_pem(private=False)),
    lambda token, key: signed(token, key, aud="another client"),
    lambda token, key: signed(token, key, iss="https://evil.example"),
    lambda token, key: signed(token, key, exp=1),
    lambda token, key: signed(token, key, nonce="another"),
    lambda token, key: "no token",
    lambda token, key: "a.b.c",
    lambda token, key: "",
], ids=["claims", "signature", "none", "None", "another key", "its own key", "secret", "public key as secret",
        "audience", "issuer", "expired", "nonce", "words", "parts", "empty"])
def test_a_token_that_is_not_the_providers_for_this_question_is_refused(with_sso: Flask, forged: list[Forge],
                                                                      forge: Forge) -> None:
    forged.append(forge)
    client = with_sso.test_client()

    response = sign_on(client, "forged")

    assert response.status_code == 403, text_of(page(response).main)
    assert client.get("/").location.startswith("/sign-in")
