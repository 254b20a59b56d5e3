"""A value of a URL or a form that must be one of a few."""

from collections.abc import Iterable
from typing import TypeVar

from flask import abort

from webapp.language.translations import gettext as _

Choice = TypeVar("Choice", bound=str)

LONGEST_SHOWN = 40
"""Characters of a wrong value that its error repeats."""


def one_of(what: str, value: str, allowed: Iterable[Choice]) -> Choice:
    """The value itself when it is allowed; otherwise an error page that says what is.

    Args:
        what: the name of the field, as its reader knows it.
        allowed: an empty text among them means that the field may be left out.
    """
    choices = list(allowed)
    found = next((choice for choice in choices if choice == value), None)
    if found is None:
        abort(422, _("%(what)s %(value)s is not known here; allowed are %(allowed)s.",
                     what=what, value=repr(value[:LONGEST_SHOWN]), allowed=', '.join(filter(None, choices))))
    return found
