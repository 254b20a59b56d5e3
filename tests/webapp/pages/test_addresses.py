"""Addresses that templates keep are those that Flask builds, for whoever asks and whatever they are built of."""

from typing import Any

import pytest
from flask import Flask, url_for
from werkzeug.routing import BuildError

KETTLE = "north|kettle"
CASES: list[tuple[str, dict[str, Any]]] = [
    ("overview.show", {}), ("overview.show", {"tour": 1}), ("overview.show", {"tour": True}),
    ("overview.show", {"tour": 1.0}), ("overview.show", {"tour": "1"}), ("overview.show", {"_anchor": "a b"}),
    ("forecasts.show", {"ri": [KETTLE, "south|ü"], "horizon": 7}), ("forecasts.show", {"ri": (KETTLE,)}),
    ("forecasts.show", {"ri": [1]}), ("forecasts.show", {"ri": [True]}), ("forecasts.show", {"ri": None}),
    ("forecasts.show", {"horizon": 7, "ri": KETTLE}), ("static", {"filename": "app.css", "v": "x"}),
    ("retrains.detail", {"retrain_id": 3}), ("forecasts.show", {"ri": {KETTLE}}),
    ("forecasts.show", {"_external": True}), (".show", {}),
]


@pytest.mark.parametrize("at", [
    {"path": "/forecasts"}, {"path": "/forecasts", "method": "POST"},
    {"path": "/forecasts", "environ_overrides": {"SCRIPT_NAME": "/below"}},
    {"path": "/models", "base_url": "https://other.example/"}, {"path": "/models"}])
def test_what_is_kept_is_what_is_built(app: Flask, at: dict[str, Any]) -> None:
    kept = app.jinja_env.globals["url_for"]
    for _ in range(2):
        with app.test_request_context(**at):
            for endpoint, values in CASES:
                assert kept(endpoint, **values) == url_for(endpoint, **values), (endpoint, values)  # type: ignore[operator]


def test_what_cannot_be_built_fails_each_time(app: Flask) -> None:
    kept = app.jinja_env.globals["url_for"]
    with app.test_request_context("/"):
        for _ in range(2):
            with pytest.raises(BuildError):
                kept("nowhere.show")  # type: ignore[operator]
