"""Words of the pages in the reader's language: what code and templates say in English, as the catalogue has it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import LazyProxy, Translations
from flask import Flask, g, has_request_context, request
from flask_security import current_user

ENGLISH = "en"
LANGUAGES: dict[str, str] = {ENGLISH: "English"}
"""Tag of each language that is offered -> its own name for itself. Its catalogue is complete, which a test holds."""
CATALOGUES = Path(__file__).parent / "catalogues"
IN_SCRIPTS = "in scripts"
"""Comment in the catalogues at what scripts say."""
_asked: ContextVar[str | None] = ContextVar("language", default=None)


def language() -> str:
    """Tag of the reader's language: what ``in_language`` says, what they chose, what their browser asks for; English
    where that is not offered, of the API, and outside a request."""
    if asked := _asked.get():
        return asked
    if not has_request_context():
        return ENGLISH
    if "language" not in g:
        g.language = ENGLISH if request.path.startswith("/api/") else _chosen() or request.accept_languages.best_match(
            list(LANGUAGES), default=ENGLISH)
    found: str = g.language
    return found


@contextmanager
def in_language(tag: str | None) -> Iterator[None]:
    """Speak that language meanwhile, as to somebody who is not at the other end; None and what is not offered is
    English."""
    before = _asked.set(tag if tag in LANGUAGES else ENGLISH)
    try:
        yield
    finally:
        _asked.reset(before)


def gettext(message: str, **values: object) -> str:
    """The message in the reader's language, with the values in place of its ``%(name)s``."""
    said = catalogue(language()).gettext(message)
    return said % values if values else said


def ngettext(one: str, more: str, count: int, **values: object) -> str:
    """As ``gettext``, in the form that so many take; ``%(num)s`` is the count unless it is given."""
    return catalogue(language()).ngettext(one, more, count) % {"num": count, **values}


def pgettext(context: str, message: str, **values: object) -> str:
    """As ``gettext``, for a message that other languages say differently from place to place."""
    said = catalogue(language()).pgettext(context, message)
    return said % values if values else said


def lazy_gettext(message: str, **values: object) -> str:
    """As ``gettext``, in the language of who reads it: for what is written when a module is loaded.

    It is a proxy; ``str()`` it where a real string is needed.
    """
    return LazyProxy(gettext, message, enable_cache=False, **values)  # type: ignore[return-value]


def add_to(app: Flask) -> None:
    """Let templates say ``_("…", name=…)``, ``_n("…", "…", count)`` and, where there is markup, ``{% trans %}``."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # of the extension; for {% trans %}
        lambda message: catalogue(language()).gettext(message),
        lambda one, more, count: catalogue(language()).ngettext(one, more, count))
    app.jinja_env.globals.update(_=gettext, _n=ngettext, pgettext=pgettext, language=language)


def _chosen() -> str | None:
    """What the person who is signed in chose, where it is offered."""
    chosen = getattr(current_user, "language", None)
    return chosen if chosen in LANGUAGES else None


@lru_cache(maxsize=8)
def catalogue(tag: str) -> NullTranslations:
    """What the catalogue of that language has."""
    if tag == ENGLISH:
        return NullTranslations()
    with (CATALOGUES / f"{tag}.po").open("rb") as file:
        found = read_po(file, locale=tag)
    compiled = BytesIO()
    write_mo(compiled, found)
    compiled.seek(0)
    return Translations(compiled)
