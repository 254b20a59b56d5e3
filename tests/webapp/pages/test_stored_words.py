"""What is stored in English is read in the reader's language, by the message that it was written from."""

import re

import pytest
from flask import Flask

from tests.webapp import pipeline_sentences
from tests.webapp.language.brackets import CLOSE, OPEN, Bracketing
from webapp.language import translations
from webapp.language.stored_sentences import sentences
from webapp.language.translations import in_language
from webapp.pages.stored_words import MOST_PARTS, stored_words

VALUE = re.compile(r"%\((\w+)\)s")
MADE_UP = dict.fromkeys(("num", "version", "production", "first", "last"), "3")
"""For values that must look so."""


def said(app: Flask, text: str, tag: str) -> str:
    with app.test_request_context("/"), in_language(tag):
        return stored_words(text).replace("\u00a0", " ")


@pytest.mark.parametrize(("text", "in_german"), [
    ("WAPE 12.3 % against 14.1 % of the model in production, in the 2 of 3 windows that it had not seen, on the same "
     "demand: the margin of 1.0 % is not reached",
     "WAPE 12,3 % gegen 14,1 % des Modells in Produktion, in den 2 von 3 Fenstern, die es nicht gesehen hatte, bei "
     "derselben Nachfrage: Der Mindestabstand von 1,0 % ist nicht erreicht"),
    ("first model: WAPE 46.5 % of totals of 28 periods against 100.0 % of seasonal naive",
     "erstes Modell: WAPE 46,5 % von Summen über 28 Perioden gegen 100,0 % von saisonal naiv"),
    ("Its demand ends on 2026-01-01, 40 days before the dataset's (2026-02-10); at most 28 are allowed. It is no "
     "longer sold, or its feed has stopped: restore the feed, or raise rules.stale_periods.",
     "Die Nachfrage endet am 01.01.2026, 40 Tage vor der des Datensatzes (10.02.2026); höchstens 28 sind erlaubt. Der "
     "Artikel wird nicht mehr verkauft, oder die Lieferung der Daten ist abgebrochen: Stellen Sie sie wieder her, oder "
     "erhöhen Sie rules.stale_periods."),
    ("price is outside what the model has seen (4.5 to 12345.25) in 3 of 28 periods: no sales history at such values; "
     "treat the forecast with caution.",
     "price liegt außerhalb dessen, was das Modell gesehen hat (4,5 bis 12.345,25), in 3 von 28 Perioden: keine "
     "Verkäufe bei solchen Werten; behandeln Sie die Prognose mit Vorsicht."),
    ("Retrain 5 is over: 3 promoted, 1 kept", "Neutraining 5 ist beendet: 3 in Produktion genommen, 1 beibehalten"),
    ("attributes in the demand: 3 items ('a', 'b', 'c') are without a known size.",
     "Attribute in der Nachfrage: ohne bekanntes Attribut size: 3 Artikel ('a', 'b', 'c')."),
    ("rules.leave_out_items names 'total', and no row has that item. Correct the name, or take it out.",
     "rules.leave_out_items nennt 'total', und keine Zeile hat diesen Namen (Artikel). Berichtigen Sie ihn, oder "
     "nehmen Sie ihn heraus."),
    ("Demand is 0.5 in 300 rows, and nothing else comes near: it looks like \"not known\". Set rules.placeholders = "
     "[0.5] to declare that, or rules.placeholders = [] if it was really so.",
     "Die Nachfrage ist in 300 Zeilen 0.5, und nichts anderes kommt dem nahe: Das sieht nach „nicht bekannt“ aus. "
     "Setzen Sie rules.placeholders = [0.5], um das anzugeben, oder rules.placeholders = [], wenn es wirklich so war."),
    ("Demand is 999999999 in 1 row, and nothing else comes near: it looks like \"not known\". Set rules.placeholders = "
     "[999999999] to declare that, or rules.placeholders = [] if it was really so.",
     "Die Nachfrage ist in 1 Zeile 999999999, und nichts anderes kommt dem nahe: Das sieht nach „nicht bekannt“ aus. "
     "Setzen Sie rules.placeholders = [999999999], um das anzugeben, oder rules.placeholders = [], wenn es wirklich so "
     "war."),
    ("sales.csv has no column 'x' for 'item'; it has 'a', 'b'. Did you mean 'b'? Name it under [columns], as in: "
     "item = \"…\" (or item = \"\" if there is only one).",
     "sales.csv hat keine Spalte 'x' für 'item'; vorhanden: 'a', 'b'. Meinten Sie 'b'? Nennen Sie sie unter [columns], "
     "wie in: item = \"…\" (oder item = \"\", wenn es nur eines gibt)."),
])
def test_a_stored_sentence_is_said_with_its_values_as_the_reader_writes_them(
        app: Flask, text: str, in_german: str) -> None:
    assert said(app, text, "de") == in_german


@pytest.mark.parametrize(("text", "in_english"), [
    ("WAPE 12.3 % against 14.1 % of the model in production, and trained on newer demand (to 2026-01-05)",
     "WAPE 12.3 % against 14.1 % of the model in production, and trained on newer demand (to Jan 5, 2026)"),
    ("price is outside what the model has seen (4.5 to 12345.25) in 3 of 28 periods: no sales history at such values; "
     "treat the forecast with caution.",
     "price is outside what the model has seen (4.5 to 12,345.25) in 3 of 28 periods: no sales history at such values; "
     "treat the forecast with caution."),
    ("attributes in the demand: 3 items ('a', 'b', 'c') are without a known size.",
     "attributes in the demand: 3 items ('a', 'b', 'c') are without a known size."),
    ("2026-01-05 has no demand yet; it is forecast once there is a pooled model",
     "2026-01-05 has no demand yet; it is forecast once there is a pooled model")])
def test_in_english_its_numbers_and_dates_are_as_on_the_rest_of_the_page(
        app: Flask, text: str, in_english: str) -> None:
    assert said(app, text, "en") == in_english
    with app.test_request_context("/api/v1/region-items"):
        assert stored_words(text) == text  # programs read what is stored


@pytest.mark.parametrize("text", [
    "", "x", "Because our customer asked for 3,000 of them (see mail: Monday, 9.30)", "a sentence of another version",
    "a, " * (2 * MOST_PARTS), "((((", "%(num)s", "100 %"])
def test_what_no_message_fits_stays_as_it_is(app: Flask, text: str) -> None:
    assert said(app, text, "de") == text


def test_names_are_never_read_as_numbers_dates_or_words(app: Flask) -> None:
    text = "12345.5 has no demand yet; it is forecast once there is a pooled model"

    assert said(app, text, "de").startswith("12345.5 hat noch keine Nachfrage")


def test_every_sentence_is_recognised_as_itself(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its values are: the whole of it is said by one message, and that has all of its words."""
    monkeypatch.setattr(translations, "catalogue", lambda _tag: Bracketing())
    wrong = []
    with app.test_request_context("/"), in_language("en"):
        for sentence in sentences():
            text = VALUE.sub(lambda found: MADE_UP.get(found[1], f"qx{found[1]}"), sentence)
            text = text.replace("%%", "%") if "%(" in sentence else text
            found = stored_words(text)
            is_whole = found.startswith(OPEN) and found.endswith(CLOSE)
            if not is_whole or re.sub(f"[{OPEN}{CLOSE}]", "", found) != text:
                wrong.append((text, found))

    assert wrong == []


@pytest.mark.parametrize("tag", ["de", "fr"])
def test_what_the_pipelines_code_says_has_no_english_words_left(app: Flask, tag: str) -> None:
    why, refused = pipeline_sentences.quarantine()
    for text in (pipeline_sentences.promoted(), pipeline_sentences.kept(), pipeline_sentences.failed(), why,
                 *refused["message"]):
        words = said(app, text, tag)
        assert words != text
        assert re.findall(r"\b(the|of|is|are|and|its|than|against)\b", words) == [], words
