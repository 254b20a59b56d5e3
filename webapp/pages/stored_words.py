"""Sentences that are stored in English, in the language of whoever reads them: what the pipeline wrote of a decision, a
failure or a row, what a scenario's result says, notices. Who reads English has numbers, dates and shares in them as on
the rest of the page.

A stored sentence is recognised by the message that it was written from: the catalogues know which are stored, with the
names of their values (``webapp.language.stored_sentences`` reads them out of the code). What is in place of each value
is said likewise: a number, a date or a share as the reader writes it, a sentence in a sentence by its own message. So
what was stored long ago is read in any language, and what no message fits any more stays as it is.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from gettext import NullTranslations

from flask import Flask

from webapp.language import translations
from webapp.language.translations import gettext as _
from webapp.language.translations import is_for_people, language, pgettext, stored_messages
from webapp.pages import reader_locale
from webapp.pages.numbers_and_dates import plural

AS_IT_IS = {"region_item", "region", "item", "name", "key", "link", "path", "folder", "text", "uri", "who", "people",
            "person", "plan", "names", "value", "demand", "title", "title_2", "driver", "drifted", "units"}
"""Values that are somebody's name for something, or the source's own text: never read as a number or a date."""
SHAPES = {"num": re.compile(r"\d[\d.,\s’]*"), "version": re.compile(r"\d+"), "production": re.compile(r"\d+"),
          "first": re.compile(r"\S+"), "last": re.compile(r"\S+")}
"""What stands for these looks so, or the message is another."""
LEAST_WORDS = 2
DEEPEST = 6
"""Sentences in sentences; a rule's reason may hold a reason."""
MOST_PARTS = 60
"""A text of more, as a long list of names, stays in one."""
_VALUE = re.compile(r"%\((\w+)\)s")
_WORD = re.compile(r"[^\W\d_]{2,}")
_END = re.compile(r"[.:;?]\s+|,\s+|\s\(|\)")
_NUMBER = re.compile(r"([-−+]?)((?:0|[1-9]\d*)(?:\.\d+)?|[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?)")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SHARE = re.compile(r"(-?\d+(?:\.\d+)?)\s?%")
_PERIODS = re.compile(r"([\d,]+) (day|week|month|quarter)s?")
_SOME = re.compile(r"(\d+) (items?|regions?) \((.*)\) (?:is|are)")
_RANGE = re.compile(r"(\S+) to (\S+)")
_AND = re.compile(r"(?<=['’\d]) (and|or) (?=['‘\d])")


@dataclass(frozen=True)
class _Pattern:
    """A message, taken apart at its values."""

    message: tuple[str, ...]
    """In one form, or in two where it counts."""
    pieces: tuple[str, ...]
    """What stands before, between and behind the values."""
    names: tuple[str, ...]
    count: int
    """Which takes the form that this is of: 1, or 2."""
    longest: str
    """Of the pieces: what lacks it is not from this message."""

    def values_in(self, text: str) -> dict[str, str] | None:
        """Name -> what stands for it; None where the text is not from this message."""
        if self.longest not in text:
            return None
        first, last, end = self.pieces[0], self.pieces[-1], len(text) - len(self.pieces[-1])
        if not text.startswith(first) or not text.endswith(last):
            return None
        found, at = [], len(first)
        for piece in self.pieces[1:-1]:
            place = text.find(piece, at, end)
            if place < 0:
                return None
            found.append(text[at:place])
            at = place + len(piece)
        if at > end or (not self.names and at != len(text)):
            return None
        values = dict(zip(self.names, [*found, text[at:end]], strict=False))
        fits = all((name not in SHAPES or SHAPES[name].fullmatch(value)) and value.count("(") == value.count(")")
                   for name, value in values.items())
        return values if fits else None


def stored_words(text: str | None) -> str:
    """A stored text in the reader's language, as far as the catalogues have it; else, as what a person wrote and what
    programs read, as it is."""
    if not text or not is_for_people():
        return text or ""
    return _said(str(text), language(), str(reader_locale.reader_locale()), translations.catalogue(language()))


@lru_cache(maxsize=4096)
def _said(text: str, language: str, _locale: str, _catalogue: NullTranslations) -> str:
    """For one reader's language and way to write numbers."""
    return _Reading(text, language).sentences(text)


class _Reading:
    """A stored text while it is said in another language."""

    def __init__(self, text: str, language: str) -> None:
        self._patterns = [pattern for pattern in _patterns(language) if pattern.longest in text]
        self._without_values = _without_values(language)

    def sentences(self, text: str, depth: int = 0) -> str:
        """One sentence or several, as they are stored side by side."""
        bare = text.strip()
        if not bare or depth > DEEPEST:
            return text
        before, after = text[:len(text) - len(text.lstrip())], text[len(text.rstrip()):]
        return f"{before}{self._sentence(bare, depth) or self._in_parts(bare, depth)}{after}"

    def _sentence(self, text: str, depth: int) -> str | None:
        """The text where it is from one message."""
        if text in self._without_values:
            return translations.gettext(text)
        for pattern in self._patterns:
            values = pattern.values_in(text)
            if values is not None:
                said = {name: value if _is_code(before, value, after) else self._value(name, value, depth + 1)
                        for (name, value), before, after in zip(values.items(), pattern.pieces, pattern.pieces[1:],
                                                                strict=False)}
                if len(pattern.message) == 1:
                    return translations.gettext(pattern.message[0], **said)
                count = int(re.sub(r"\D", "", values["num"])) if "num" in values else pattern.count
                one, more = pattern.message
                return translations.ngettext(one, more, count, **said)
        return None

    def _in_parts(self, text: str, depth: int) -> str:
        """The longest part at its beginning that is from a message, whole sentences first, and the rest likewise; else
        its first part as it is."""
        ends = list(_END.finditer(text))
        if len(ends) > MOST_PARTS:
            return self._plain(text, depth)
        for end in sorted(ends, key=lambda end: (end[0][0] not in ".?", -end.start())):
            for place in (end.start() + 1, end.start()):  # with the mark and without it
                if said := self._sentence(text[:place], depth):
                    return said + self._rest(text[place:], depth)
        if ends:
            return self._plain(text[:ends[0].start()], depth) + self._rest(text[ends[0].start():], depth)
        return self._plain(text, depth)

    def _rest(self, text: str, depth: int) -> str:
        """What follows a part, behind the marks between them."""
        if said := self._sentence(text, depth):  # as ``, and trained on …``
            return said
        marks = re.match(r"[.:;?,()\s]*", text)
        place = marks.end() if marks else 0
        between = _MARKS[text[:place]]() if text[:place] in _MARKS else text[:place]
        return between + (self.sentences(text[place:], depth) if text[place:] else "")

    def _value(self, name: str, text: str, depth: int) -> str:
        if name in AS_IT_IS:
            return text
        return _small(text) or self.sentences(text, depth)

    @staticmethod
    def _plain(text: str, depth: int) -> str:
        """A part that is from no message: as it is, but for words, numbers and dates in a sentence that is."""
        if depth == 0:
            return text
        said = _small(text)
        if said is not None:
            return said
        text = _DAY.sub(lambda found: _day(found[0]), _SHARE.sub(lambda found: _share(found[1]), text))
        return _AND.sub(lambda found: f" {_WORDS[found[1]]()} ", text)


def _is_code(before: str, value: str, after: str) -> bool:
    """Whether it is a name or a value in an entry of the dataset file, as in ``rules.leave_out_items`` and
    ``placeholders = [0.5]``: the reader is to write it so in any language."""
    return before.endswith("[") or (value.isidentifier() and (
        before.endswith((".", "_", "as in: ")) or after.startswith(" =")))


def _small(text: str) -> str | None:
    """A number, a date, a share, a number of periods, a range of them or one of the few words; None for all else."""
    if (word := _WORDS.get(text)) is not None:
        return word()
    if _DAY.fullmatch(text):
        return _day(text)
    if found := _SHARE.fullmatch(text):
        return _share(found[1])
    if found := _NUMBER.fullmatch(text):
        return f"{found[1]}{_number(found[2])}"
    if found := _SOME.fullmatch(text):
        if language() == translations.ENGLISH:
            return text
        return f"{_number(found[1])} {_WORDS[found[2]]()} ({found[3]})"
    if found := _PERIODS.fullmatch(text):
        return plural(int(found[1].replace(",", "")), found[2])
    if found := _RANGE.fullmatch(text):
        first, last = _small(found[1]), _small(found[2])
        return _("%(first)s to %(last)s", first=first, last=last) if first and last else None
    return None


def _day(text: str) -> str:
    try:
        return reader_locale.day(date.fromisoformat(text))
    except ValueError:
        return text


def _share(text: str) -> str:
    return reader_locale.percent(float(Decimal(text) / 100), len(text.partition(".")[2]))


def _number(text: str) -> str:
    """Grouped from five digits on: four may be a year."""
    plain = text.replace(",", "")
    whole, _point, decimals = plain.partition(".")
    if len(whole) < 5 and not decimals:
        return plain
    return reader_locale.number(float(plain), len(decimals))


_WORDS: dict[str, Callable[[], str]] = {
    "day": lambda: pgettext("in a sentence", "day"), "week": lambda: pgettext("in a sentence", "week"),
    "month": lambda: pgettext("in a sentence", "month"), "quarter": lambda: pgettext("in a sentence", "quarter"),
    "daily": lambda: pgettext("in a sentence", "daily"), "weekly": lambda: pgettext("in a sentence", "weekly"),
    "monthly": lambda: pgettext("in a sentence", "monthly"),
    "quarterly": lambda: pgettext("in a sentence", "quarterly"),
    "Monday": lambda: pgettext("in a sentence", "Monday"), "Tuesday": lambda: pgettext("in a sentence", "Tuesday"),
    "Wednesday": lambda: pgettext("in a sentence", "Wednesday"),
    "Thursday": lambda: pgettext("in a sentence", "Thursday"), "Friday": lambda: pgettext("in a sentence", "Friday"),
    "Saturday": lambda: pgettext("in a sentence", "Saturday"), "Sunday": lambda: pgettext("in a sentence", "Sunday"),
    "region": lambda: pgettext("in a sentence", "region"), "item": lambda: pgettext("in a sentence", "item"),
    "regions": lambda: pgettext("in a sentence", "regions"), "items": lambda: pgettext("in a sentence", "items"),
    "low": lambda: pgettext("in a sentence", "low"), "high": lambda: pgettext("in a sentence", "high"),
    "below": lambda: pgettext("in a sentence", "below"), "above": lambda: pgettext("in a sentence", "above"),
    "below and above": lambda: pgettext("in a sentence", "below and above"),
    "“yes”": lambda: pgettext("in a sentence", "“yes”"), "“no”": lambda: pgettext("in a sentence", "“no”"),
    "none": lambda: pgettext("in a sentence", "none"), "nothing": lambda: pgettext("in a sentence", "nothing"),
    "a date": lambda: pgettext("in a sentence", "a date"), "a number": lambda: pgettext("in a sentence", "a number"),
    "and": lambda: pgettext("in a sentence", "and"), "or": lambda: pgettext("in a sentence", "or"),
    "Attributes": lambda: pgettext("in a sentence", "Attributes"),
    "Predecessors": lambda: pgettext("in a sentence", "Predecessors"),
}
"""Single words that sentences are filled with."""
_MARKS: dict[str, Callable[[], str]] = {
    ": ": lambda: pgettext("in a sentence", ": "), "; ": lambda: pgettext("in a sentence", "; ")}
"""Between parts, where languages set them otherwise."""


@lru_cache(maxsize=8)
def _without_values(tag: str) -> frozenset[str]:
    """The messages that are stored as they are."""
    return frozenset(message[0] for message in stored_messages(tag)
                     if len(message) == 1 and "%(" not in message[0] and " " in message[0])


@lru_cache(maxsize=8)
def _patterns(tag: str) -> Sequence[_Pattern]:
    """Of all messages with values that are stored, those that say most first."""
    found = [pattern for message in stored_messages(tag) for pattern in _of_message(message)]
    return sorted(found, key=lambda pattern: -sum(map(len, pattern.pieces)))


def _of_message(message: tuple[str, ...]) -> Iterator[_Pattern]:
    for count, form in enumerate(message, 1):
        parts = _VALUE.split(form)
        if len(parts) == 1:
            continue  # it is looked up as it is
        pieces = tuple(part.replace("%%", "%") for part in parts[::2])
        words = sum(len(_WORD.findall(piece)) for piece in pieces) + ("num" in parts[1::2])
        if words >= LEAST_WORDS or (words and _WORD.match(pieces[0])):
            yield _Pattern(message, pieces, tuple(parts[1::2]), count, max(pieces, key=len))


def add_to(app: Flask) -> None:
    """Let templates say them."""
    app.jinja_env.globals.update(stored_words=stored_words)
