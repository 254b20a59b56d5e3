"""What a file is by its content, whatever it is called: its kind, and the encoding of text."""

import codecs
import re

from demand_assets.proposals.cannot_propose import CannotProposeError, one_line
from demand_assets.sources.column_names import known_words
from demand_assets.sources.file_formats.calamine_sheets import is_calamines
from demand_assets.sources.file_formats.text_encodings import (
    BEFORE_WINDOWS,
    ENCODINGS,
    nearly_utf_8,
    plausible,
    rarities,
    stray_zeros,
)
from demand_assets.sources.file_formats.unpacking import PACKED

WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
"""What text with several bytes a letter begins with; that of UTF-32 of the other order begins as UTF-16 does."""
_PICTURES = {b"\x89PNG": "a picture (PNG)", b"\xff\xd8\xff": "a picture (JPEG)", b"GIF8": "a picture (GIF)",
             b"%PDF": "a PDF document", b"\x7fELF": "a program", b"BM": "a picture (BMP)", b"Rar!": "a RAR archive",
             b"7z\xbc\xaf": "a 7-Zip archive",
             b"SQLite format 3": "an SQLite database; describe it with kind = 'sql'"}
_JSON = re.compile(rb'\{\s*"|\[\s*\{')


def kind_of(begin: bytes, by_name: str | None, shown: str) -> str:
    """csv, parquet, arrow, json, excel or zip, by the content. Raises: CannotProposeError: it is something else."""
    for mark, what in _PICTURES.items():
        if begin.startswith(mark) and (mark != b"BM" or b"\0" in begin[:16]):
            raise CannotProposeError(f"{shown} is {what}, no table of demand")
    if begin.startswith(b"PAR1"):
        return "parquet"
    if is_calamines(begin) and by_name != "zip":
        return "excel"
    if begin.startswith(b"PK\x03\x04"):
        return "zip" if by_name == "zip" or not _names_a_workbook(begin, by_name) else "excel"
    if begin.startswith((b"ARROW1", b"FEA1")) or by_name == "arrow":
        return "arrow"
    start = begin.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<?xml", b"<table", b"<head", b"<meta")):
        what = "an XML document" if start.startswith(b"<?xml") and b"<html" not in start else "an HTML page"
        raise CannotProposeError(f"{shown} is {what}, whatever its name says; open it and save it as .xlsx or CSV")
    if by_name == "json" or (_JSON.match(start) and by_name != "csv"):
        return "json"
    if begin.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        if by_name not in ("csv", "json") or not shown.lower().endswith(PACKED):
            raise CannotProposeError(f"{shown} is compressed, and its name does not say how; call it .csv.gz, "
                                     ".csv.bz2, .csv.xz or .csv.zst")
        return "csv"
    if b"\0" in begin[:4096] and not begin.startswith(WIDE) and not (
            is_utf16(begin)):
        if (stray := stray_zeros(begin)) is not None:
            raise CannotProposeError(one_line(f"{shown} {stray}"))
        raise CannotProposeError(f"{shown} holds bytes that are no text, and is neither Parquet nor an Excel workbook")
    return "csv"


def _names_a_workbook(begin: bytes, by_name: str | None) -> bool:
    return by_name == "excel" or b"[Content_Types].xml" in begin or b"xl/" in begin


def is_utf16(begin: bytes) -> bool:
    """Whether it looks like UTF-16 without a byte order mark: every second byte of ASCII is zero."""
    some = begin[:2000]
    return len(some) > 8 and (some[1::2].count(0) > 0.6 * len(some[1::2])) != (
        some[::2].count(0) > 0.6 * len(some[::2]))


def decoded(begin: bytes, shown: str) -> tuple[str, str]:
    """The encoding, and the text."""
    if begin.startswith(WIDE):
        wide = "utf-32" if begin.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)) else "utf-16"
        return "utf-8", begin[:len(begin) // 4 * 4].decode(wide, errors="ignore")
    if b"\0" in begin[:4096]:
        encoding = "utf-16-le" if begin[1::2].count(0) > begin[::2].count(0) else "utf-16-be"
        return encoding, begin[:len(begin) // 2 * 2].decode(encoding, errors="ignore")
    try:
        return "utf-8", codecs.getincrementaldecoder("utf-8")().decode(begin).removeprefix("\ufeff")
    except UnicodeDecodeError:
        pass
    if spoilt := nearly_utf_8(begin):
        raise CannotProposeError(one_line(f"{shown} {spoilt}"))
    readings = []
    for encoding in ENCODINGS:
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(begin)
        except UnicodeDecodeError:
            continue
        odd = sum((ord(letter) < 32 and letter not in "\r\n\t") or 127 <= ord(letter) < 160 for letter in text)
        place = ENCODINGS.index(encoding)
        readings.append((-odd, round(plausible(text), 1), known_words("\n".join(text.splitlines()[:3])),
                         -min(place, BEFORE_WINDOWS), -round(rarities(text), 1), -place, encoding, text))
    if not readings:
        raise CannotProposeError(f"{shown} is text in an unknown encoding; save it as CSV UTF-8")
    encoding, text = max(readings)[-2:]
    return encoding, text
