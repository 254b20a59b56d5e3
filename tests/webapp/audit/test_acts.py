"""Acts in the audit log have words in every language."""

import ast
from pathlib import Path

import pytest
from flask import Flask

import webapp
from webapp.audit.acts import act_words
from webapp.language.translations import LANGUAGES, in_language
from webapp.models.actions import WORDS
from webapp.work_list.actions import ACTS


def recorded() -> list[str]:
    """What the code calls acts when it records them, where it is written there."""
    found = {*ACTS.values(), *(done for _asked, done in WORDS.values())}
    found |= {f"{asked} {what}" for asked, _done in WORDS.values() for what in ("asked", "refused")}
    for file in Path(webapp.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "record" and node.args:
                chosen = node.args[0]
                parts = [chosen.body, chosen.orelse] if isinstance(chosen, ast.IfExp) else [chosen]
                found |= {str(part.value) for part in parts if isinstance(part, ast.Constant)}
    return sorted(found)


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != "en"])
def test_every_act_has_words(app: Flask, language: str) -> None:
    acts = recorded()
    assert "overridden" in acts
    with app.test_request_context(), in_language(language):
        assert [act for act in acts if act_words(act) == act] == []


def test_what_an_older_version_recorded_stays_as_it_is(app: Flask) -> None:
    with app.test_request_context(), in_language("de"):
        assert act_words("danced") == "danced"
