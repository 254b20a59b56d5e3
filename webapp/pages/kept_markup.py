"""Long lists of a page that many pages show alike: written once in each process for what they are made of."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

from flask import Flask, current_app
from jinja2.runtime import Macro

from webapp.language.translations import language
from webapp.pages.reader_locale import reader_tag

MOST = 100
"""Lists kept at once; those asked for least lately are let go."""


class KeptMarkup:
    """What macros wrote, by all that it depends on."""

    def __init__(self) -> None:
        self._written: OrderedDict[Hashable, str] = OrderedDict()
        self._lock = Lock()

    def of(self, name: Hashable, write: Callable[[], str]) -> str:
        """What was written under that name, or is now."""
        with self._lock:
            found = self._written.get(name)
            if found is not None:
                self._written.move_to_end(name)
                return found
        written = write()
        with self._lock:
            self._written[name] = written
            while len(self._written) > MOST:
                self._written.popitem(last=False)
        return written


def kept_markup(macro: Macro, *values: Hashable) -> str:
    """What the macro writes of these values, which nobody changes; in the reader's language, with their numbers.

    Args:
        macro: depends on its values alone, and on language and locale: not on who looks, what was asked, or names that
            are written in full.
    """
    kept: KeptMarkup = current_app.extensions["kept_markup"]
    return kept.of((macro.name, language(), reader_tag(), values), lambda: macro(*values))


def add_to(app: Flask) -> None:
    """Keep lists in this process; templates say which."""
    app.extensions["kept_markup"] = KeptMarkup()
    app.jinja_env.globals.update(kept_markup=kept_markup)
