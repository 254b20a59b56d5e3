"""``make translations``: brings the catalogues to what code, templates and scripts say today."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_keywords
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po, write_po

from demand_assets.forecasting.contract.periods import WORDS
from webapp.language.stored_sentences import sentences
from webapp.language.translations import CATALOGUES, IN_SCRIPTS, STORED

PACKAGE = Path(__file__).parent.parent
METHODS = [("static/vendor/**", "ignore"), ("node_modules/**", "ignore"), ("**.py", "python"),
           ("templates/**", "jinja2"), ("static/*.js", "javascript")]
OPTIONS = {"templates/**": {"extensions": "jinja2.ext.i18n", "trimmed": "true", "silent": "false"},
           "static/*.js": {"parse_template_string": "true"}}
COUNTED = parse_keywords(["plural:2", "pager:3"])
"""Functions and macros that write a count with a word, which is one more message: ``plural(count, "region-item")``."""
KEYWORDS = parse_keywords(["_", "_n:1,2", "gettext", "ngettext:1,2", "lazy_gettext", "_l", "pgettext:1c,2"])
IN_STORE = ("data_quality/rule_words.py", "serving/", "notices/new_events.py", "work_list/actions.py",
            "work_list/thresholds.py", "retrains/request_and_item_states.py", "scenarios/", "systems/outages.py")
"""Files and folders of which what is said is stored too, in English: in notices, results of scenarios, retrains."""
LINE_WIDTH = 120


@dataclass(frozen=True)
class Message:
    """What is said somewhere: the English words, both forms where it counts."""

    words: str | tuple[str, str]
    context: str | None
    in_scripts: bool
    is_stored: bool = False
    """Whether it is stored in English, and said in the reader's language when it is shown."""

    @property
    def counts(self) -> bool:
        """Whether it is said in two forms."""
        return isinstance(self.words, tuple)

    @property
    def first(self) -> str:
        """By which a catalogue knows it."""
        return self.words[0] if isinstance(self.words, tuple) else self.words


def messages(package: Path = PACKAGE) -> Iterator[Message]:
    """All messages of the app, once for each place.

    Raises: a fault of the syntax of a template, as Jinja says it.
    """
    for file, _line, words, _comments, context in extract_from_dir(package, METHODS, OPTIONS, KEYWORDS):
        if "${" in str(words):  # made of what it is given, as ``plural`` is
            continue
        yield Message(words, context, file.endswith(".js"), file.startswith(IN_STORE))  # type: ignore[arg-type]  # two forms, at most
    for file, _line, word, _comments, _context in extract_from_dir(package, METHODS, OPTIONS, COUNTED):
        if isinstance(word, str) and "${" not in word:  # and no {% trans %}, which Jinja finds whatever is asked for
            yield Message((f"%(num)s {word}", f"%(num)s {word}s"), None, in_scripts=file.endswith(".js"))


def _periods() -> Iterator[Message]:
    """What datasets have: ``7 days``, which pages and scripts count."""
    for one, more in WORDS.values():
        yield Message((f"%(num)s {one}", f"%(num)s {more}"), None, in_scripts=True)


def updated(before: bytes, tag: str, said: list[Message]) -> bytes:
    """A catalogue with those messages and no other: new ones empty, the translations of the others as they were."""
    old = read_po(BytesIO(before), locale=tag)
    new = Catalog(locale=tag)
    comments = {IN_SCRIPTS: {(message.first, message.context) for message in said if message.in_scripts},
                STORED: {(message.first, message.context) for message in said if message.is_stored}}
    for message in {(each.first, each.context): each for each in sorted(said, key=lambda each: each.counts)}.values():
        known = old.get(message.first, message.context)
        kept = known.string if known and isinstance(known.id, tuple) == message.counts else None
        added = new.add(message.words, kept, context=message.context)
        added.auto_comments = [comment for comment, those in comments.items()
                               if (message.first, message.context) in those]
        added.user_comments = known.user_comments if known else []
        added.flags.clear()
    written = BytesIO()
    write_po(written, new, width=LINE_WIDTH, no_location=True, omit_header=True, sort_output=True)
    return _header(tag).encode() + written.getvalue().rstrip(b"\n") + b"\n"


def all_messages() -> list[Message]:
    """Those of the app, with those that are made of what the dataset is, and what the pipeline stores."""
    return [*messages(), *_periods(), *(Message(each, None, in_scripts=False, is_stored=True) for each in sentences())]


def main() -> int:
    """Update all catalogues, and say what they lack."""
    said = all_messages()
    for file in sorted(CATALOGUES.glob("*.po")):
        file.write_bytes(updated(file.read_bytes(), file.stem, said))
        catalogue = read_po(BytesIO(file.read_bytes()), locale=file.stem)
        print(f"{file.name}: {len(missing(catalogue))} of {len(catalogue)} messages to translate")
    return 0


def missing(catalogue: Catalog) -> list[str]:
    """English words of what has no translation, or not in all forms."""
    said = {str(message.id[0] if isinstance(message.id, tuple) else message.id): message.string
            for message in catalogue if message.id}
    return [words for words, forms in said.items() if not forms or (not isinstance(forms, str) and not all(forms))]


def _header(tag: str) -> str:
    """What programs must know of the file: no dates or names, which only ever conflict."""
    return (f'# {Locale.parse(tag, sep="-").english_name}\n'
            'msgid ""\nmsgstr ""\n'
            f'"Language: {tag}\\n"\n'
            '"MIME-Version: 1.0\\n"\n'
            '"Content-Type: text/plain; charset=utf-8\\n"\n'
            '"Content-Transfer-Encoding: 8bit\\n"\n'
            f'"Plural-Forms: {get_plural(tag).plural_forms}\\n"\n\n')


if __name__ == "__main__":
    sys.exit(main())
