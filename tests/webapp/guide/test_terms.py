"""Info signs: a button each, one for each term of a page, that opens its sentence without a script."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.webapp.conftest import page, text_of
from webapp.guide.terms import TERMS

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("path", ["/", "/totals", "/heat-map", "/models", "/data/drift"])
def test_each_sign_is_a_button_that_opens_its_own_sentence(client: FlaskClient, path: str) -> None:
    soup = page(client.get(path))
    signs = soup.select("button.info")

    assert all(sign["type"] == "button" and str(sign["aria-label"]).startswith("What is ") for sign in signs)
    targets = [str(sign["popovertarget"]) for sign in signs]
    assert len(targets) == len(set(targets))
    for target in targets:
        (sentence,) = soup.select(f"#{target}[popover]")
        assert text_of(sentence).endswith(".")


def test_a_part_of_a_page_has_signs_of_its_own(client: FlaskClient) -> None:
    part = page(client.get("/", headers={"HX-Request": "true", "HX-Target": "table"}))

    assert part.select_one("#term-skill-table") is not None
    assert page(client.get("/")).select_one("#term-skill") is not None


def test_every_term_that_a_template_marks_is_one_and_the_page_of_terms_and_the_docs_have_them_all(
        client: FlaskClient) -> None:
    used = {name for file in (ROOT / "webapp" / "templates").rglob("*.html")
            for name in re.findall(r'info\("([a-z_]+)"\)', file.read_text())}
    shown, docs = text_of(page(client.get("/guide/terms")).main), (ROOT / "docs" / "web.md").read_text()

    assert used <= set(TERMS)
    for title, sentence in TERMS.values():
        assert f"{title} {sentence}" in shown
        assert f"| {title} | {sentence} |" in docs
