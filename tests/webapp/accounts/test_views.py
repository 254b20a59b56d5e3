import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.webapp.conftest import EMAIL, KETTLE, PASSWORD, page, post, signed_in, text_of
from webapp.audit.seals import seal_some
from webapp.db.database import db
from webapp.tables import User


@pytest.mark.parametrize("url", ["/", "/forecasts", f"/forecasts?ri={KETTLE.key}", "/forecasts/choices", "/retrains",
                                 "/retrains/1", "/retrains/1/progress", "/account", "/systems"])
def test_every_page_needs_a_sign_in(anonymous: FlaskClient, url: str) -> None:
    response = anonymous.get(url)

    assert response.status_code == 302
    assert response.location.startswith("/sign-in")


def test_a_part_of_a_page_sends_the_browser_to_the_sign_in(anonymous: FlaskClient) -> None:
    response = anonymous.get("/systems", headers={"HX-Request": "true"})

    assert (response.status_code, response.headers["HX-Redirect"]) == (401, "/sign-in")


def test_health_needs_none(anonymous: FlaskClient, app: Flask) -> None:
    with app.app_context():
        seal_some()  # what was recorded when the tests began
    response = anonymous.get("/health")

    assert (response.status_code, response.json) == (200, {"status": "ok", "db": "ok"})


def test_wrong_password_and_unknown_user_get_the_same_words(anonymous: FlaskClient) -> None:
    answers = [text_of(page(post(anonymous, "/sign-in", {"email": email, "password": "wrong wrong"}, "/sign-in")).form)
               for email in (EMAIL, "nobody@example.com")]
    assert answers[0] == answers[1]
    assert "The e-mail address or the password is wrong." in answers[0]
    assert answers[0] == answers[1]
    assert anonymous.get("/").status_code == 302


def test_signing_out_ends_the_session(client: FlaskClient) -> None:
    assert client.get("/").status_code == 200
    post(client, "/sign-out", {})
    assert client.get("/").status_code == 302


@pytest.mark.parametrize("url", ["/retrains", "/retrains/1/cancel", "/forecasts", "/forecasts/selection", "/sign-out"])
def test_no_form_works_without_its_token(client: FlaskClient, url: str) -> None:
    response = client.post(url, data={"ri": KETTLE.key, "token": "a" * 32})

    assert response.status_code == 400
    assert "reload the page" in text_of(page(response))


def test_a_password_can_be_changed(client: FlaskClient) -> None:
    fields = {"password": PASSWORD, "new_password": "another long one", "new_password_confirm": "another long one"}

    assert post(client, "/password", fields, "/password").status_code == 302
    post(client, "/sign-out", {})
    assert post(client, "/sign-in", {"email": EMAIL, "password": "another long one"}, "/sign-in").status_code == 302
    assert client.get("/").status_code == 200


def test_the_first_administrator_signs_up_by_a_link_that_works_once(app: Flask, anonymous: FlaskClient) -> None:
    with app.app_context():
        for user in db.session.query(User):
            db.session.delete(user)
        db.session.commit()
    link = app.test_cli_runner().invoke(args=["first-admin-link"]).output.strip()
    path = link.removeprefix("http://127.0.0.1:8000")
    fields = {"email": "Admin@Localhost", "password": "correct horse", "again": "correct horse"}

    assert anonymous.get(f"{path}x").status_code == 404
    assert post(anonymous, path, {**fields, "again": "other"}, path).status_code == 422
    assert post(anonymous, path, {**fields, "password": "short", "again": "short"}, path).status_code == 422
    assert post(anonymous, path, fields, path).status_code == 302
    assert "admin@localhost" in text_of(page(anonymous.get("/account")))
    assert anonymous.get(path).status_code == 404
    assert app.test_cli_runner().invoke(args=["first-admin-link"]).output == ""


def test_an_administrator_can_be_created_by_command(settings: object, app: Flask) -> None:
    object.__setattr__(settings, "web_admin_password", "from the environment")
    runner = app.test_cli_runner()

    assert "boss@example.com may sign in" in runner.invoke(args=["create-admin", "--email", "boss@example.com"]).output
    again = runner.invoke(args=["create-admin", "--email", "BOSS@example.com"])
    assert (again.exit_code, "may already sign in" in again.output) == (1, True)
    assert runner.invoke(args=["create-admin", "--email", "nonsense"]).exit_code == 1


def test_pages_allow_no_inline_scripts_and_are_not_kept(client: FlaskClient) -> None:
    response = client.get("/")

    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in response.headers["Content-Security-Policy"]
    assert response.headers["Cache-Control"] == "no-store"
    for script in page(response).find_all("script"):
        assert script.get("src") or script.get("type") == "application/json"


def test_a_language_that_is_chosen_counts_before_the_browser_everywhere(client: FlaskClient, app: Flask) -> None:
    german = {"Accept-Language": "de-CH,fr;q=0.4"}
    assert page(client.get("/account", headers=german)).html["lang"] == "de"

    response = post(client, "/language", {"language": "fr"})

    assert (response.status_code, response.location) == (303, "/account#language")
    french = page(client.get("/account", headers=german))
    assert french.html["lang"] == french.html["data-locale"] == "fr"
    assert french.h1.text == "Compte"
    assert page(client.get("/account", headers={"Accept-Language": "de,fr-CA;q=0.5"})).html["data-locale"] == "fr-CA"
    with app.app_context():
        assert db.session.query(User).filter_by(email=EMAIL).one().language == "fr"

    post(client, "/sign-out", {})
    assert page(client.get("/sign-in", headers=german)).h1.text == "Se connecter"

    signed_in(client, EMAIL)
    post(client, "/language", {"language": ""})
    swiss = page(client.get("/account", headers=german))
    assert (swiss.html["lang"], swiss.html["data-locale"], swiss.h1.text) == ("de", "de-CH", "Konto")


def test_who_is_not_signed_in_chooses_for_this_browser(anonymous: FlaskClient, app: Flask) -> None:
    response = post(anonymous, "/language?next=/work", {"language": "de"}, form_on="/sign-in")

    assert response.location == "/sign-in?next=/work"
    assert page(anonymous.get("/sign-in")).h1.text == "Anmelden"
    assert page(app.test_client().get("/sign-in")).h1.text == "Sign in"


@pytest.mark.parametrize("tag", ["xx", "de-CH", "../de", "\u202e", "d" * 10_000])
def test_a_language_that_is_not_offered_is_refused(client: FlaskClient, tag: str) -> None:
    assert post(client, "/language", {"language": tag}).status_code == 422
    client.set_cookie("language", tag.encode("ascii", "replace").decode())
    assert client.get("/account").status_code == 200


def test_a_page_in_one_language_is_kept_for_no_other_reader(client: FlaskClient) -> None:
    response = client.get("/account")

    assert response.headers["Cache-Control"] == "no-store"
    varies = ",".join(response.headers.getlist("Vary"))
    assert "Accept-Language" in varies
    assert "Cookie" in varies
