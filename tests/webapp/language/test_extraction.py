"""Catalogues follow what is said."""

import re
from pathlib import Path

import pytest

from webapp.language import extraction

BEFORE = '''
msgid "Sold"
msgstr "Verkauft"

msgid "Gone"
msgstr "Fort"

# Of trees.
msgid "%(num)s leaf"
msgid_plural "%(num)s leaves"
msgstr[0] "%(num)s Blatt"
msgstr[1] "%(num)s Blätter"

msgid "Order"
msgstr "Auftrag"
'''
AFTER = '''
# Of trees.
msgid "%(num)s leaf"
msgid_plural "%(num)s leaves"
msgstr[0] "%(num)s Blatt"
msgstr[1] "%(num)s Blätter"

msgid "%(units)s of <b>all</b>"
msgstr ""

#. in scripts
msgid "Copied"
msgstr ""

msgid "Later"
msgstr ""

msgctxt "of a list"
msgid "Order"
msgstr ""

#. in scripts
msgid "Sold"
msgstr "Verkauft"
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "templates" / "pages").mkdir(parents=True)
    (tmp_path / "static" / "vendor").mkdir(parents=True)
    (tmp_path / "views.py").write_text('_("Sold"); lazy_gettext("Later"); pgettext("of a list", "Order")\n')
    (tmp_path / "templates" / "pages" / "_show.html").write_text(
        '{{ _n("%(num)s leaf", "%(num)s leaves", n) }}{% trans x=1 %}\n  {{ units }}\n  of <b>all</b>{% endtrans %}')
    (tmp_path / "static" / "app.js").write_text('say(_("Sold"), _(`Copied`));\n')
    (tmp_path / "static" / "vendor" / "big.js").write_text('_("of somebody else");\n')
    return tmp_path


def test_new_messages_are_added_empty_those_gone_are_removed_and_the_others_kept(package: Path) -> None:
    said = list(extraction.messages(package))

    written = extraction.updated(BEFORE.encode(), "de", said)

    assert written.decode().split('plural=(n != 1);\\n"\n')[1] == AFTER
    assert extraction.updated(written, "de", said) == written


def test_whatever_scripts_say_is_found() -> None:
    said = {message.first for message in extraction.messages() if message.in_scripts}
    scripts = (extraction.PACKAGE / "static").glob("*.js")

    left = [(path.name, words) for path in scripts for line in path.read_text().splitlines()
            if not line.lstrip().startswith("//")
            for words in re.findall(r'\b_n?\("((?:[^"\\]|\\.)*)"', line) if words not in said]

    assert left == []  # a message inside a text in backquotes is found only in simple ones


def test_what_is_counted_in_one_place_is_counted_in_all() -> None:
    """Where it were not, other languages would say "7 weiterer": the form for one."""
    said = extraction.all_messages()
    counted = {(message.first, message.context) for message in said if message.counts}

    assert {message.first for message in said if not message.counts and "%(num)s" in message.first
            and (message.first, message.context) in counted} == set()
