import pytest
from flask.testing import FlaskClient

from tests.webapp.conftest import KETTLE, ODD, Background, page, text_of

SUGGESTIONS = {"HX-Request": "true", "HX-Target": "suggestions"}


def found(client: FlaskClient, words: str, **headers: str) -> dict[str, str]:
    """What a search lists, with the link of each."""
    soup = page(client.get("/search", query_string={"q": words}, headers=headers))
    scope = soup if headers else soup.select_one("main")
    assert scope is not None
    return {text_of(link): str(link["href"]) for link in scope.select("li a")}


def test_regions_items_and_region_items_are_found_in_any_case(client: FlaskClient) -> None:
    assert found(client, "KETTLE") == {
        "kettle": "/forecasts?item=kettle", "north · kettle": "/forecasts?ri=north%7Ckettle",
        "south · kettle": "/forecasts?ri=south%7Ckettle"}
    assert next(iter(found(client, "Sou"))) == "south"


def test_names_in_other_scripts_are_found_in_any_case(client: FlaskClient) -> None:
    assert set(found(client, "SÜD")) == {ODD.region, str(ODD)}


def test_each_word_must_be_in_the_name(client: FlaskClient) -> None:
    assert set(found(client, "item 07")) == {"item 07", "north · item 07"}
    assert found(client, "kettle nowhere") == {}


def test_what_is_found_alone_opens_at_once(client: FlaskClient) -> None:
    response = client.get("/search?q=north+kettle")

    assert (response.status_code, response.location) == (303, "/forecasts?ri=north%7Ckettle")


@pytest.mark.parametrize("words", ["%", "_", "' OR 1=1 --", "\\", "x" * 500])
def test_signs_of_the_database_mean_nothing(client: FlaskClient, words: str) -> None:
    shown = client.get("/search", query_string={"q": words})

    assert shown.status_code in (200, 303)
    assert all(word.lower() in name.lower() for name in found(client, words) for word in words.split())


def test_suggestions_are_few_and_lead_to_all(client: FlaskClient) -> None:
    suggested = found(client, "item", **SUGGESTIONS)

    assert len([name for name in suggested if name.startswith("north · ")]) == 6
    part = page(client.get("/search?q=item", headers=SUGGESTIONS))
    assert part.html is None
    assert "All that match: 28 region-items" in text_of(part)


def test_nothing_found_and_nothing_asked_say_what_to_do(client: FlaskClient) -> None:
    assert "No match for “nobody”" in text_of(page(client.get("/search?q=nobody")))
    assert "Which region or item?" in text_of(page(client.get("/search")))
    assert client.get("/search?q=", headers=SUGGESTIONS).data.strip() == b""


def test_what_left_the_catalogue_is_not_found(client: FlaskClient, background: Background) -> None:
    background.catalogue(KETTLE)

    assert found(client, "south") == {}


def test_names_are_never_markup(client: FlaskClient) -> None:
    soup = page(client.get("/search?q=a%7Cb"))

    assert soup.select("main b") == []


def test_the_search_asks_to_sign_in(anonymous: FlaskClient) -> None:
    assert anonymous.get("/search?q=kettle").status_code == 302
