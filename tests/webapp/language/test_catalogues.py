"""Catalogues of the languages that are offered: current, complete, with the values and markup of the English."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from flask import Flask
from jinja2 import nodes

from webapp.language.extraction import PACKAGE, all_messages, missing, updated
from webapp.language.extraction import Message as Said
from webapp.language.translations import CATALOGUES, ENGLISH, LANGUAGES

OTHERS = sorted(set(LANGUAGES) - {ENGLISH})
FUNCTIONS = {"_", "_l", "_n", "gettext", "ngettext", "lazy_gettext", "pgettext"}
KEPT = re.compile(r"%\(\w+\)s|%%|</?\w+[^>]*>|&\w+;")
"""What a translation has as its message has it."""


@cache
def said() -> list[Said]:
    return all_messages()


@cache
def catalogue(tag: str) -> Catalog:
    with (CATALOGUES / f"{tag}.po").open("rb") as file:
        return read_po(file, locale=tag)


def test_every_language_has_a_catalogue_and_every_catalogue_is_offered() -> None:
    assert sorted(file.stem for file in CATALOGUES.glob("*.po")) == OTHERS


@pytest.mark.parametrize("tag", OTHERS)
def test_a_catalogue_is_as_make_translations_leaves_it(tag: str) -> None:
    content = (CATALOGUES / f"{tag}.po").read_bytes()

    assert updated(content, tag, said()) == content, "call `make translations`, then translate what is new"


@pytest.mark.parametrize("tag", OTHERS)
def test_everything_is_translated(tag: str) -> None:
    assert missing(catalogue(tag)) == []


@pytest.mark.parametrize("tag", OTHERS)
def test_translations_have_the_values_and_the_markup_of_their_messages(tag: str) -> None:
    assert [(str(message.id), form) for message in catalogue(tag) if message.id for form in forms_of(message)
            if kept_of(form) != kept_of(form_in_english(message))] == []


def forms_of(message: Message) -> list[str]:
    return list(message.string) if message.pluralizable else [str(message.string)]


def form_in_english(message: Message) -> str:
    return str(message.id[1] if isinstance(message.id, tuple) else message.id)


def kept_of(text: str) -> Counter[str]:
    return Counter(KEPT.findall(text)) if "%(" in text or "<" in text or "&" in text else Counter()


def test_only_what_is_written_out_is_looked_up() -> None:
    """A message that is put together where it is said is in no catalogue."""
    assert [f"{file.relative_to(PACKAGE)}:{call.lineno}" for file in sorted(PACKAGE.rglob("*.py"))
            if "node_modules" not in file.parts for call in calls_in(file) if not is_written_out(call)] == []


MADE = {"pages/numbers_and_dates.py", "region_items/labels.py", "language/translations.py"}
"""Where words of a fixed set are counted, all of which the catalogues have; where the functions are."""


def calls_in(file: Path) -> Iterator[ast.Call]:
    if str(file.relative_to(PACKAGE)) not in MADE:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
                yield node


def is_written_out(call: ast.Call) -> bool:
    texts = call.args[:2] if isinstance(call.func, ast.Name) and call.func.id in ("_n", "ngettext", "pgettext") else (
        call.args[:1])
    return all(isinstance(text, ast.Constant) for text in texts)


def test_only_what_is_written_out_is_looked_up_in_templates(app: Flask) -> None:
    made = []
    for name in app.jinja_env.list_templates(filter_func=lambda name: (PACKAGE / "templates" / name).is_file()):
        tree = app.jinja_env.parse((PACKAGE / "templates" / name).read_text(encoding="utf-8"))
        made += [f"{name}:{call.lineno}" for call in tree.find_all(nodes.Call)
                 if isinstance(call.node, nodes.Name) and call.node.name in FUNCTIONS
                 and not all(isinstance(text, nodes.Const) for text in call.args[:1])]
    assert made == []
