"""What scripts say, in one file for each language."""

import json

import pytest
from flask.testing import FlaskClient

from tests.webapp.conftest import page


@pytest.mark.parametrize(("tag", "one", "forms"), [
    ("de", "Gespeichert: %(periods)s.", ["%(num)s Tag", "%(num)s Tage"]),
    ("fr", "Enregistré\u00a0: %(periods)s.", ["%(num)s jour", "%(num)s jours"])])
def test_scripts_get_their_words_whoever_asks(anonymous: FlaskClient, tag: str, one: str, forms: list[str]) -> None:
    response = anonymous.get(f"/language/{tag}.js?v=1", headers={"Accept-Language": "en"})

    known = json.loads(response.text.removeprefix("window.catalogue = ").removesuffix(";\n"))
    assert known["Saved: %(periods)s."] == one
    assert known["%(num)s day"] == forms
    assert "Reset your password" not in known
    assert response.mimetype == "text/javascript"
    assert "immutable" in response.headers["Cache-Control"]


def test_a_page_loads_the_words_of_its_language_before_its_scripts(client: FlaskClient) -> None:
    sources = [tag["src"].partition("?")[0] for tag in page(
        client.get("/", headers={"Accept-Language": "fr"})).select("script[src]")]
    assert sources.index("/language/fr.js") < sources.index("/static/words.js") < sources.index("/static/app.js")
    assert "/language/" not in client.get("/").text


def test_there_are_no_words_of_a_language_that_is_not_offered(anonymous: FlaskClient) -> None:
    assert anonymous.get("/language/xx.js").status_code == 404
