"""Every word of the pages is said through the catalogue: with one that puts brackets around all it is asked for, no
word stands outside of brackets but what is data."""

import re
from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup, Comment, NavigableString, Tag
from flask import Flask

from tests.webapp.conftest import ADMIN, page, signed_in
from tests.webapp.doors import NEEDS
from tests.webapp.furnished import STARTS
from tests.webapp.language.brackets import CLOSE, OPEN, Bracketing
from webapp.language import translations

NO_PAGES = ("/api/", "/health", "/metrics", "/fs-static", "/sign-in/sso")
UNSEEN = ("script", "style", "noscript", "code", "kbd", "template", "time")
ATTRIBUTES = ("title", "aria-label", "placeholder", "alt", "data-label", "data-done", "data-none")
DATA = [
    (r"[\w.+-]+@[\w.-]+", "an e-mail address"),
    (r"https?://\S*", "an address"),
    (r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\b", "a date"),
    (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b|\bUTC\b|\b[AP]M\b", "a date or a time"),
    (r"\bv\d+\b", "a version"),
    (r"Test shop|Werkzeug/[\d.]+|süd/west|a\|b: 3\.5 % <b>|\b(north|south|kettle|item \d+)\b|Week 27|nightly|chat\b"
     r"|\bEntra\b|\bNorthern\b", "a name that somebody gave"),
    (r"\b\d+ min\b", "a duration; the unit is the same everywhere"),
    (r"\b[0-9a-f]{32,}\b", "a secret"),
    (r"\b(English|Deutsch|Français)\b", "a language's own name"),
    (r"\b(CSV|Excel|API|WAPE|MLflow|Dagster|PSI|UTC)\b", "a name that is the same everywhere"),
    (r"\bdemand_\w+…?", "the beginning of a token"),
    (r"(?i)\b(price|promo|shelf|front)\b", "the dataset's drivers and their values"),
    (r"\b(a fair|new packaging|Ours|better|region:north|region|item|date)\b", "what somebody typed, or types as it is"),
    (r"\b(Ctrl|Shift)\+\w+", "keys"),
    (r"\ba command\b", "who acted, as the audit log has it"),
]
"""What is no word of ours, and why."""
AS_STORED = {
    "/admin/audit": "tbody, #filter-who, #filter-act",  # the audit log is English for everybody
    "/admin/webhooks": "tbody th",  # what other systems were told
}
"""Parts of pages that show what was written once."""


def test_no_word_stands_outside_of_the_catalogue(furnished: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = {"admin": signed_in(furnished.test_client(), ADMIN), "nobody": furnished.test_client()}
    monkeypatch.setattr(translations, "catalogue", lambda _tag: Bracketing())
    paths = [route.removeprefix("GET ") for route in NEEDS if route.startswith("GET ") and "<" not in route]
    found: dict[str, set[str]] = {}
    for path in dict.fromkeys([*STARTS, *(path for path in paths if not path.startswith(NO_PAGES))]):
        client = clients["nobody" if NEEDS.get(f"GET {path}") == "nobody" else "admin"]
        response = client.get(path)
        if response.mimetype == "text/html" and response.status_code in (200, 404):
            soup = page(response)
            for part in soup.select(AS_STORED.get(path, "no-part")):
                part.decompose()
            for words in outside(soup):
                found.setdefault(words, set()).add(path)

    assert [f"{min(where)}: {words}" for words, where in sorted(found.items())] == []


def outside(soup: BeautifulSoup) -> Iterator[str]:
    """What a reader sees or hears that stands in no brackets and is no data."""
    depth = 0
    for node in soup.descendants:
        if isinstance(node, Tag):
            for name in ATTRIBUTES:
                yield from words_of(depth_of(str(node.get(name, "")))[1])
        elif type(node) is NavigableString and not any(each.name in UNSEEN for each in node.parents):
            depth, text = depth_of(str(node), depth)
            yield from words_of(text)
        else:
            assert not isinstance(node, Comment)


def depth_of(text: str, depth: int = 0) -> tuple[int, str]:
    """How deep in brackets the text ends, and what of it is in none."""
    free = []
    for letter in text:
        depth += letter == OPEN
        if depth == 0:
            free.append(letter)
        depth -= letter == CLOSE
    return depth, "".join(free)


def words_of(text: str) -> Iterator[str]:
    left = text
    for pattern, _why in DATA:
        left = re.sub(pattern, " ", left)
    if re.search(r"[^\W\d_]{2}", left):
        yield " ".join(text.split())[:120]


def test_the_check_finds_a_word() -> None:
    soup = BeautifulSoup('<p title="Bare">⟦Said <b>in</b>⟧ <b>north</b> <i>left out</i></p>', "html.parser")

    assert list(outside(soup)) == ["Bare", "left out"]
