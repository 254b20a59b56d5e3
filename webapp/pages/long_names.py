"""Regions and items by their own names, wherever people read them, where short names stand for them inside."""

from time import monotonic
from typing import Any

from flask import Flask, current_app

from demand_assets.forecasting.contract.region_item import SHORT_NAME, BadNameError, RegionItem
from demand_assets.forecasting.store.demand_store import DemandStore
from webapp.services import services

HELD_SECONDS = 5.0
"""How long a short name whose long one is not known is not looked for again."""
MOST_MISSED = 1000
"""Texts that only look like short names, which anybody can send, take no more memory than this."""


class LongNames:
    """The long names of a dataset, as the demand store has them."""

    def __init__(self, store: DemandStore) -> None:
        self._store = store
        self._missed: dict[str, float] = {}
        """The mark of a short name that was not there -> when it was looked for."""
        self._of: dict[str, tuple[str, str]] = {}
        """The mark at a short name's end -> the short name, and the long one that it stands for."""

    def in_full(self, text: str) -> str:
        """A text with each short name in it written out; those that are not known stay as they are."""
        for mark in set(SHORT_NAME.findall(text)):
            if mark not in self._of and monotonic() - self._missed.get(mark, float("-inf")) >= HELD_SECONDS:
                self._look(mark)
            if mark in self._of:
                text = text.replace(*self._of[mark])
        return text

    def _look(self, mark: str) -> None:
        self._of = {SHORT_NAME.findall(short)[-1]: (short, name)
                    for short, name in self._store.read_long_names().items() if SHORT_NAME.search(short)}
        if mark not in self._of:
            self._missed = {mark: monotonic()} if len(self._missed) >= MOST_MISSED else {**self._missed,
                                                                                        mark: monotonic()}


def in_full(text: str) -> str:
    """A text with its short names written out."""
    if "(=" not in text:
        return text
    known: LongNames = current_app.extensions["long_names"]
    return known.in_full(text)


def _shown(value: Any) -> Any:
    """What a template shows for a value: texts and region-items with their own names, keys as they are."""
    text = str(value) if isinstance(value, RegionItem) else value
    return text if type(text) is not str or "(=" not in text or _is_key(text) else in_full(text)


def _is_key(text: str) -> bool:
    try:
        return "|" in text and RegionItem.from_key(text).key == text
    except BadNameError:
        return False


def add_to(app: Flask) -> None:
    """Let templates show names in full."""
    with app.app_context():
        app.extensions["long_names"] = LongNames(services().store)
    app.jinja_env.finalize = _shown
