"""Log lines that nobody can forge: what a request, a provider or a file says of itself never begins a line."""

import logging
import traceback
import unicodedata
from typing import Any

from flask import Flask

KEPT = "\t"
HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
"""Categories of Unicode that break a line, move a terminal's cursor, or turn the direction of what follows."""


class WholeLine(logging.LogRecord):
    """A record that is one line, however many its words would be; a traceback's lines are set in."""

    def __init__(self, *parts: Any, **more: Any) -> None:
        super().__init__(*parts, **more)
        if self.exc_info and self.exc_info[0] is not None:
            self.exc_text = set_in("".join(traceback.format_exception(*self.exc_info)))

    def getMessage(self) -> str:  # noqa: N802  # logging's name
        """The words, escaped."""
        return escaped(super().getMessage())


def escaped(text: str) -> str:
    """The text with every line break and control character written out, as in ``\\n``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_written(letter) for letter in text)


def set_in(text: str) -> str:
    """Lines of a traceback, each set in, so that none can be taken for a record."""
    return "\n".join(f"    {escaped(line)}" for line in text.rstrip("\n").split("\n"))


def _written(letter: str) -> str:
    if letter in KEPT or unicodedata.category(letter) not in HIDDEN:
        return letter
    return letter.encode("unicode_escape").decode("ascii")


def add_to(_app: Flask) -> None:
    """Let every record of this process be whole, whichever logger, handler or library writes it: the web workers, the
    background process and the commands all make the app."""
    logging.setLogRecordFactory(WholeLine)
