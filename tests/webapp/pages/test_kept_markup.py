"""Lists of panels that a process keeps are those that it would write now, in the language and numbers of who reads."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask, g
from markupsafe import Markup

from webapp.pages.kept_markup import MOST, KeptMarkup
from webapp.panels.panels import Panel, Value
from webapp.services import services

PANEL = Panel("item", "item", {"item": "item"}, (Value("a <b>", 12345, True), Value("ü", 1, False)), 0, "", ())


def shown(app: Flask, panel: Panel, tag: str, kept: bool = True) -> str:
    """The panel as a reader of that language sees it."""
    with app.test_request_context("/", headers={"Accept-Language": tag}):
        if not kept:
            app.extensions["kept_markup"] = KeptMarkup()
        module: Any = app.jinja_env.get_template("panels/_values.html").make_module({"request": None, "g": g})
        return str(module.values(panel, None))


def test_another_list_count_tick_language_or_locale_is_written_anew(app: Flask) -> None:
    panels = [PANEL, replace(PANEL, values=PANEL.values[:1]), replace(PANEL, values=()), replace(PANEL, level="brand"),
              replace(PANEL, values=(replace(PANEL.values[0], count=12346), PANEL.values[1])),
              replace(PANEL, values=(replace(PANEL.values[0], is_ticked=False), PANEL.values[1]))]
    tags = ["en", "de", "de-CH", "fr", "en-IN"]
    right = {(tag, at): shown(app, panel, tag, kept=False) for tag in tags for at, panel in enumerate(panels)}
    assert "12,345" in right["en", 0]
    assert "a &lt;b&gt;" in right["en", 0]
    assert len(set(right.values())) > len(panels) * 3

    for _ in range(2):
        for (tag, at), wanted in right.items():
            assert shown(app, panels[at], tag) == wanted, (tag, at)


def test_a_short_name_is_written_out_as_soon_as_its_long_one_is_known(app: Flask) -> None:
    long = "a name of more letters than files and models can be named with " * 3
    panel = replace(PANEL, values=(Value("x (=0123456789abcdef)", 1, False),))
    assert "x (=0123456789abcdef)" in shown(app, panel, "en")

    with app.app_context():
        known = app.extensions["long_names"]
        known._of = {"(=0123456789abcdef)": ("x (=0123456789abcdef)", long)}
        assert services().store is known._store

    assert long.strip() in shown(app, panel, "en")


@pytest.mark.parametrize("asked", [0, MOST])
def test_so_many_are_kept_and_those_go_that_were_not_asked_for(asked: int) -> None:
    kept, written = KeptMarkup(), list[int]()

    def ask(number: int) -> str:
        return kept.of(number, lambda: written.append(number) or Markup(str(number)))  # type: ignore[func-returns-value]

    for number in range(MOST + 1):
        ask(number)
        assert ask(0) == "0"
    written.clear()

    assert ask(asked) == str(asked)
    assert written == []
    ask(1)
    assert written == [1]
