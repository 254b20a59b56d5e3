"""Words of the pages in the reader's language: what code and templates say in English, as the catalogue has it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import LazyProxy, Translations
from flask import Flask, g, has_request_context, request
from flask_security import current_user
from markupsafe import escape

ENGLISH = "en"
LANGUAGES: dict[str, str] = {ENGLISH: "English", "de": "Deutsch", "fr": "Français"}
"""Tag of each language that is offered -> its own name for itself. Its catalogue is complete, which a test holds."""
CATALOGUES = Path(__file__).parent / "catalogues"
COOKIE = "language"
"""In which a browser keeps what was chosen in it, so that the page to sign in speaks it too."""
IN_SCRIPTS = "in scripts"
"""Comment in the catalogues at what scripts say."""
STORED = "stored in English"
"""Comment at what is stored as it stands here, and said in the reader's language when it is shown."""
_asked: ContextVar[str | None] = ContextVar("language", default=None)
_here = g._get_current_object
"""What ``g`` stands for, without a look through the proxy for each of its attributes."""


def language() -> str:
    """Tag of the reader's language: what ``in_language`` says, what they chose, what their browser asks for; English
    where that is not offered, of the API and SCIM, and outside a request."""
    if found := chosen():
        return found
    if not has_request_context():
        return ENGLISH
    here = _here()
    try:
        asked: str = here.language_of_browser
    except AttributeError:
        asked = here.language_of_browser = ENGLISH if _is_api() else _of_browser()
    return asked


def chosen() -> str | None:
    """Tag of the language that is spoken because somebody said so: by ``in_language``, on the account page, or, in this
    browser, on the page to sign in; None where nobody did."""
    if asked := _asked.get():
        return asked
    if not has_request_context():
        return None
    here = _here()
    try:  # a page says some thousand words
        found: str | None = here.language
    except AttributeError:
        found = here.language = None if _is_api() else (
            _offered(getattr(current_user, "language", None)) or _offered(request.cookies.get(COOKIE)))
    return found


def forget_reader() -> None:
    """Ask the database no more who reads this, where it does not answer: the browser alone says the language then."""
    if has_request_context():
        g.setdefault("language", None if _is_api() else _offered(request.cookies.get(COOKIE)))


@contextmanager
def in_language(tag: str | None) -> Iterator[None]:
    """Speak that language meanwhile, as to somebody who is not at the other end; None and what is not offered is
    English."""
    before = _asked.set(tag if tag in LANGUAGES else ENGLISH)
    try:
        yield
    finally:
        _asked.reset(before)


def gettext(message: str, /, **values: object) -> str:
    """The message in the reader's language, with the values in place of its ``%(name)s``; markup where one of them is,
    as a moment."""
    return _filled(_spoken().gettext(message), values)


def ngettext(one: str, more: str, count: int, /, **values: object) -> str:
    """As ``gettext``, in the form that so many take; ``%(num)s`` is the count unless it is given."""
    return _filled(_spoken().ngettext(one, more, count), {"num": count, **values})


def pgettext(context: str, message: str, /, **values: object) -> str:
    """As ``gettext``, for a message that other languages say differently from place to place."""
    return _filled(_spoken().pgettext(context, message), values)


def lazy_gettext(message: str, **values: object) -> str:
    """As ``gettext``, in the language of who reads it: for what is written when a module is loaded.

    It is a proxy; ``str()`` it where a real string is needed.
    """
    return LazyProxy(gettext, message, enable_cache=False, **values)  # type: ignore[return-value]


def add_to(app: Flask) -> None:
    """Let templates say ``_("…", name=…)``, ``_n("…", "…", count)`` and, where there is markup, ``{% trans %}``.
    What is said later is text in JSON, as in what is flashed."""
    in_json = app.json.default  # type: ignore[attr-defined]  # of Flask's own provider
    app.json.default = lambda value: str(value) if isinstance(value, LazyProxy) else in_json(value)  # type: ignore[attr-defined]
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # of the extension; for {% trans %}
        lambda message: _spoken().gettext(message),
        lambda one, more, count: _spoken().ngettext(one, more, count))
    app.jinja_env.globals.update(_=gettext, _n=ngettext, pgettext=pgettext, language=language, words_in=words_in,
                                 chosen_language=chosen, LANGUAGES=LANGUAGES)


def _filled(said: str, values: Mapping[str, object]) -> str:
    if not values:
        return said
    if any(hasattr(value, "__html__") for value in values.values()):
        return escape(said) % values
    return said % values


def words_in(tag: str | None) -> Callable[..., str]:
    """``gettext`` in that language, for a letter to somebody else; in the reader's where it is not offered."""
    def said(message: str, **values: object) -> str:
        with in_language(_offered(tag) or language()):
            return gettext(message, **values)

    return said


def of_scripts(tag: str) -> dict[str, str | list[str]]:
    """What scripts say, English -> that language: a text, or its forms where it counts."""
    found: dict[str, str | list[str]] = {}
    for message in _file(tag) if tag != ENGLISH else ():
        if IN_SCRIPTS in message.auto_comments and message.string:
            counts = isinstance(message.id, tuple)
            found[str(message.id[0] if counts else message.id)] = (
                [str(form) for form in message.string] if counts else str(message.string))
    return found


@lru_cache(maxsize=8)
def stored_messages(tag: str) -> tuple[tuple[str, ...], ...]:
    """What may be stored in English and is looked up when it is shown: each in one form, or two where it counts. That
    language's catalogue says so; for English, which has none, another's."""
    file = _file(tag if tag != ENGLISH else next(each for each in LANGUAGES if each != ENGLISH))
    return tuple(tuple(message.id) if isinstance(message.id, tuple) else (str(message.id),)
                 for message in file if message.id and STORED in message.auto_comments)


def is_for_people() -> bool:
    """Whether what is said now is read by a person, on a page or in a letter; not so for programs that use the API and
    SCIM, nor where nobody asked."""
    return _asked.get() is not None or (has_request_context() and not _is_api())


def _offered(tag: str | None) -> str | None:
    return tag if tag in LANGUAGES else None


def _is_api() -> bool:
    return request.path.startswith(("/api/", "/scim/"))


def _of_browser() -> str:
    """The first of its languages that is offered, in whatever country."""
    asked = [part for tag, quality in request.accept_languages if quality > 0 for part in (tag, tag.partition("-")[0])]
    return next((tag for tag in asked if tag in LANGUAGES), ENGLISH)


def _spoken() -> NullTranslations:
    """The catalogue of the reader's language; of a request it is looked up once: a page says some thousand words."""
    if _asked.get() is not None or not has_request_context():
        return catalogue(language())
    here = _here()
    try:
        found: NullTranslations = here.catalogue
    except AttributeError:
        found = here.catalogue = catalogue(language())
    return found


@lru_cache(maxsize=8)
def catalogue(tag: str) -> NullTranslations:
    """What the catalogue of that language has."""
    if tag == ENGLISH:
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, _file(tag))
    compiled.seek(0)
    return Translations(compiled)


def _file(tag: str) -> Catalog:
    with (CATALOGUES / f"{tag}.po").open("rb") as file:
        return read_po(file, locale=tag)
