"""Words in the reader's language."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from webapp.language import translations
from webapp.language.translations import gettext, in_language, language, lazy_gettext, ngettext, pgettext

GERMAN = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "Sold %(units)s of 80 %%"
msgstr "%(units)s von 80 %% verkauft"

msgid "80 % of <all>"
msgstr "80 % von <allen>"

msgid "%(num)s item of %(region)s"
msgid_plural "%(num)s items of %(region)s"
msgstr[0] "%(num)s Artikel aus %(region)s"
msgstr[1] "%(num)s Artikel in %(region)s"

msgctxt "of a list"
msgid "Order"
msgstr "Reihenfolge"

msgid "Sold <b>%(units)s</b> &amp; more, 80 %%"
msgstr "Verkauft <b>%(units)s</b> &amp; mehr, 80 %%"
"""
LATER = lazy_gettext("80 % of <all>")


@pytest.fixture(autouse=True)
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "de.po").write_text(GERMAN, encoding="utf-8")
    monkeypatch.setattr(translations, "CATALOGUES", tmp_path)
    monkeypatch.setitem(translations.LANGUAGES, "de", "Deutsch")
    translations.catalogue.cache_clear()
    yield
    translations.catalogue.cache_clear()


def test_a_message_is_said_in_the_language_with_its_values_and_in_english_elsewhere() -> None:
    with in_language("de"):
        assert gettext("Sold %(units)s of 80 %%", units=3) == "3 von 80 % verkauft"
        assert gettext("80 % of <all>") == str(LATER) == "80 % von <allen>"
        assert ngettext("%(num)s item of %(region)s", "%(num)s items of %(region)s", 1, region="x") == (
            "1 Artikel aus x")
        assert ngettext("%(num)s item of %(region)s", "%(num)s items of %(region)s", 2000, num="2.000", region="x") == (
            "2.000 Artikel in x")
        assert pgettext("of a list", "Order") == "Reihenfolge"
        assert gettext("not in the catalogue") == "not in the catalogue"

    assert gettext("80 % of <all>") == str(LATER) == "80 % of <all>"
    assert language() == "en"


@pytest.mark.parametrize(("header", "tag"), [
    ("de-CH,fr;q=0.4", "de"), ("ja,de;q=0.2", "de"), ("en,de;q=0.9", "en"), ("", "en"), ("xx", "en"), ("*", "en")])
def test_the_browser_says_which_language_and_the_api_is_english(app: Flask, header: str, tag: str) -> None:
    with app.test_request_context("/", headers={"Accept-Language": header}):
        assert language() == tag
        with in_language("de"):
            assert language() == "de"
        with in_language("never offered"):
            assert language() == "en"
    with app.test_request_context("/api/v1/forecasts", headers={"Accept-Language": header}):
        assert language() == "en"


def test_templates_escape_what_they_say_and_keep_their_own_markup(app: Flask) -> None:
    template = app.jinja_env.from_string(
        '{{ _("80 % of <all>") }}|'
        '{{ _n("%(num)s item of %(region)s", "%(num)s items of %(region)s", 2, region="<i>") }}|'
        '{% trans units="<3>" %}Sold <b>{{ units }}</b> &amp; more, 80 %{% endtrans %}')
    with app.test_request_context("/", headers={"Accept-Language": "de"}):
        assert template.render() == ("80 % von &lt;allen&gt;|2 Artikel in &lt;i&gt;|"
                                     "Verkauft <b>&lt;3&gt;</b> &amp; mehr, 80 %")
