"""Excel files that are small and cost much: refused by what they say of themselves, or ended with their process."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from openpyxl import Workbook

from tests.webapp.conftest import page, text_of
from tests.webapp.scenario_forms import send
from webapp.scenarios.plans import workbook
from webapp.scenarios.plans.workbook import MOST_ROWS, WorkbookError, cells_or_words, check_parts, read_workbook

Parts = dict[str, bytes]


def excel(change: Callable[[Parts], None] = lambda parts: None) -> bytes:
    """A workbook of two cells, with its parts changed."""
    book, written = Workbook(), io.BytesIO()
    book.active.append(["region", "item"])
    book.save(written)
    with zipfile.ZipFile(written) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    change(parts)
    return packed_of(parts)


def packed_of(parts: Parts) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return written.getvalue()


def rows(count: int, cells: bytes) -> Callable[[Parts], None]:
    """A first sheet of so many rows."""
    def change(parts: Parts) -> None:
        parts["xl/worksheets/sheet1.xml"] = (
            b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
            + b"".join(b'<row r="%d">%s</row>' % (number, cells) for number in range(1, count + 1))
            + b"</sheetData></worksheet>")
    return change


def more(name: str, count: int, content: bytes = b"") -> Callable[[Parts], None]:
    return lambda parts: parts.update({name.format(number): content for number in range(count)})


def one_text_everywhere(parts: Parts) -> None:
    parts["xl/sharedStrings.xml"] = (
        b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>' + b"x" * 30_000
        + b"</t></si></sst>")
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(b"</Types>", (
        b'<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.'
        b'spreadsheetml.sharedStrings+xml" /></Types>'))
    rows(5_000, b'<c t="s"><v>0</v></c>')(parts)


@pytest.mark.parametrize(("change", "words"), [
    (more("xl/media/{}.bin", 1_001), "parts; at most 1,000"),
    (more("xl/worksheets/other{}.xml", 100), "sheets; at most 100"),
    (more("xl/media/{}.bin", 1, b"0" * 110_000_000), "110 MB once unpacked; at most 100 MB"),
    (more("xl/sharedStrings.xml", 1, b"0" * 50_000_000), "50 MB of texts; at most 40 MB"),
    (more("XL/SHAREDSTRINGS.xml", 1, b"0" * 50_000_000), "50 MB of texts; at most 40 MB"),
    (lambda parts: parts.update({"xl/worksheets/sheet1.xml": b"<row/>" * 1_000_000}), "times its size; at most 250"),
    (more("xl/media/{}.bin", 1, b"0" * 2_000_000), "times its size; at most 250"),
], ids=["parts", "sheets", "bytes", "texts", "texts in capitals", "rows", "ratio"])
def test_what_unpacks_to_much_is_refused_before_it_is_unpacked(change: Callable[[Parts], None], words: str) -> None:
    content = excel(change)

    with pytest.raises(WorkbookError, match=words):
        check_parts(content, "plan.xlsx")


@pytest.mark.parametrize(("change", "words"), [
    (one_text_everywhere, "more than 10,000,000 characters"),
    (rows(MOST_ROWS + 2, b'<c t="inlineStr"><is><t>x</t></is></c>'), "more than 20,000 rows"),
    (rows(1, b'<c t="inlineStr"><is><t>' + b"x" * 40_000 + b"</t></is></c>"), "at most 32,767"),
    (rows(1, b"<c><v>" + b"9" * 5_000 + b"</v></c>"), "no Excel file that can be read"),
], ids=["one text everywhere", "rows", "a long cell", "a huge number"])
def test_what_is_much_once_it_is_read_is_refused(change: Callable[[Parts], None], words: str) -> None:
    assert words in cells_or_words(excel(change))


def test_entities_are_not_expanded() -> None:
    def change(parts: Parts) -> None:
        entities = b"".join(b'<!ENTITY e%d "%s">' % (depth, b"&e%d;" % (depth - 1) * 10 if depth else b"x" * 100)
                            for depth in range(9))
        parts["xl/worksheets/sheet1.xml"] = (
            b"<!DOCTYPE worksheet [" + entities + b']><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/'
            b'2006/main"><sheetData><row><c t="inlineStr"><is><t>&e8;</t></is></c></row></sheetData></worksheet>')

    with pytest.raises(WorkbookError, match=r"no Excel file that can be read|more time or memory"):
        read_workbook(excel(change), "plan.xlsx")


def test_a_whole_workbook_is_read_in_its_process() -> None:
    assert read_workbook(excel(rows(3, b'<c t="inlineStr"><is><t>a  b</t></is></c><c><v>1.50</v></c>')),
                         "plan.xlsx") == [["a b", "1.5"]] * 3


@pytest.mark.parametrize("limit", ["PROCESSOR_SECONDS = 15", "MEMORY_BYTES = 1_500_000_000", "SECONDS"])
def test_what_takes_too_long_or_too_much_ends_with_its_process(tmp_path_factory: pytest.TempPathFactory,
                                                                monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    content = excel(rows(15_000, b'<c><v>1</v></c><c t="inlineStr"><is><t>text</t></is></c>' * 20))
    script = tmp_path_factory.mktemp("script") / "workbook.py"
    source = Path(workbook.__file__).read_text(encoding="utf-8")
    name, _, number = limit.partition(" = ")
    if number:
        assert limit in source
        source = source.replace(limit, f"{name} = {1 if name == 'PROCESSOR_SECONDS' else 60_000_000}")
    else:
        monkeypatch.setattr(workbook, "SECONDS", 0.01)
    script.write_text(source, encoding="utf-8")
    monkeypatch.setattr(workbook, "__file__", str(script))

    with pytest.raises(WorkbookError, match="more time or memory than there is"):
        read_workbook(content, "plan.xlsx")


def test_the_editor_says_it_in_words(client: FlaskClient) -> None:
    content = excel(more("xl/media/{}.bin", 1, b"0" * 2_000_000))

    response = send(client, file=(io.BytesIO(content), "plan.xlsx"))

    assert response.status_code == 422
    assert "plan.xlsx holds a part that unpacks to" in text_of(page(response))
