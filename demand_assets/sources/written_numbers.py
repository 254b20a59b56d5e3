"""Numbers as text: which mark stands before decimals and which groups thousands is settled by a whole column."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import product

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.forecasting.validation.written.values import MISSING
from demand_assets.sources.currencies import currencies_of, without_currency
from demand_assets.sources.units_of_measure import PIECES, has_bare, units_of, without_unit

_MISSING = pa.array(sorted({"".join(letters) for word in MISSING for letters in product(*(
    {letter, letter.upper()} for letter in word))}))
"""``MISSING`` in small letters and capitals."""
_SIGN = "^[+\u2212-]?"
_SPACED = _SIGN + r"\d{1,3}([\p{Zs}'’]\d{3})+([.,]\d*)?$"
_DIGITS = r"[\d.,'’\p{Zs}]*\d[\d.,]*"
_SPACES = r"[\p{Zs}'’]"
_NO_DECIMALS = r"(\d[.,])\p{Zs}?[-−–—]{1,2}$"
"""As prices are written in German: 12,- or 12.– for 12.00."""
_OF_PROGRAMS = r"[xX(]"
"""What Arrow would take for a number as programs write some, and no other reader: 0x10 for 16, nan(1)."""
_AS_FORMULA = r'^="([^"]*)"$'
_ZEROS = "\u0660\u06f0\u0966\u09e6\u0a66\u0ae6\u0be6\u0c66\u0ce6\u0d66\u0e50\u0ed0\u1040\u17e0\uff10"
"""The digit 0 in Arabic, Persian, Hindi, Bengali … and in full width; the other nine follow on it."""
_OTHER_DIGITS = {ord(zero) + digit: str(digit) for zero in _ZEROS for digit in range(10)} | {
    0x066B: ".", 0x066C: ",", 0xFF0C: ",", 0xFF0E: "."}
"""With the marks that stand before decimals and between thousands there."""
_UNCLEAR = "(may be two numbers: point and comma both stand before decimals here)"
_OTHER = {".": ",", ",": "."}
_AS_PEOPLE_WRITE = re.compile(r"[+-]?(\d[\d.]*,[\d,]*(\.\d*)?|\d{1,3}([ \u00a0\u202f\u2009'’]\d{3})+([.,]\d*)?)",
                              re.ASCII)
"""A number with a comma in it, or with thousands that are grouped."""


@dataclass(frozen=True)
class Evidence:
    """What the values of a column say about its marks."""

    point_decimal: bool = False
    comma_decimal: bool = False
    point: str = ""
    """A value in which a point may be either, as in 1.234; empty where there is none."""
    comma: str = ""
    """A value in which a comma may be either."""
    point_groups: bool = False
    """Whether a value shows that points group thousands, as 1.234,5 and 1.234.567 do."""
    comma_groups: bool = False
    has_whole: bool = False
    """Whether a value has neither mark."""
    currencies: frozenset[str] = frozenset()
    """Beside numbers."""
    units: frozenset[str] = frozenset()
    """Beside numbers, as in 3 kg."""
    has_bare: bool = False
    """Whether a number other than 0 stands there without a unit."""
    point_before_three: bool = False
    """Whether a point stands before exactly three digits somewhere, be it 0.250 or 1.234."""
    comma_before_three: bool = False

    def with_more(self, other: "Evidence") -> "Evidence":
        """What both say together."""
        return Evidence(self.point_decimal or other.point_decimal, self.comma_decimal or other.comma_decimal,
                        self.point or other.point, self.comma or other.comma,
                        self.point_groups or other.point_groups, self.comma_groups or other.comma_groups,
                        self.has_whole or other.has_whole, self.currencies | other.currencies,
                        self.units | other.units, self.has_bare or other.has_bare,
                        self.point_before_three or other.point_before_three,
                        self.comma_before_three or other.comma_before_three)

    def unsettled_by(self, all_together: "Evidence") -> str:
        """A value in which the mark may be either, of a file in which it stands in all numbers, where other files have
        the other mark before decimals and none shows that this one groups thousands; empty where there is none."""
        if self.point_decimal or self.comma_decimal or self.has_whole:
            return ""
        if self.point and all_together.comma_decimal and not (all_together.point_decimal or all_together.point_groups):
            return self.point
        if self.comma and all_together.point_decimal and not (all_together.comma_decimal or all_together.comma_groups):
            return self.comma
        return ""

    def unlike(self, others: Collection["Evidence"]) -> str:
        """A value in which the mark may be either, of a file that has it before three digits only, where other files
        show that it stands before decimals there, and none of these has three; empty where there is none."""
        if self.point_decimal or self.comma_decimal:
            return ""
        if self.point and {other.point_before_three for other in others if other.point_decimal} == {False}:
            return self.point
        if self.comma and {other.comma_before_three for other in others if other.comma_decimal} == {False}:
            return self.comma
        return ""


@dataclass(frozen=True)
class Marks:
    """How the numbers of a column are written."""

    decimal: str = "."
    thousands: str = ""
    """A point or a comma that groups thousands; empty where it is not known that one does. Spaces and apostrophes
    always do."""
    is_mixed: bool = False
    """Whether both marks stand before decimals, so that what may be either is no number."""
    has_currency: bool = False
    """Whether a currency, the same in all values, may stand beside numbers."""
    has_unit: bool = False
    """Whether a unit, the same in all values, may stand beside numbers."""


@dataclass(frozen=True)
class Unread:
    """A column of text with numbers that are none as programs write them."""

    column: str
    mark: str
    """The one that may stand before decimals."""
    words: str
    is_settled: bool
    """Whether that mark stands before decimals beyond doubt."""


def unread_text(rows: pd.DataFrame, texts: Collection[str]) -> Unread | None:
    """The first column of numbers as text that can be read in more than one way, or that are written as people write
    them and programs do not, as in 1,5 and 1 234; None where there is none.

    Args:
        texts: columns that are no numbers even where they look so.
    """
    for name in rows.columns:
        if name in texts or rows[name].dtype != object:
            continue
        values = [value for value in rows[name] if isinstance(value, str)]
        seen = evidence_of(pa.chunked_array([pa.array(values, pa.string())]))
        is_settled = seen.point_decimal if seen.comma_decimal is False else not seen.point
        if (example := seen.point or seen.comma) and not is_settled:
            mark = "." if seen.point else ","
            return Unread(name, mark, f"has text in column {name!r}: {example!r} may be "
                                      f"{example.replace(mark, '')} or {example.replace(mark, '.')}", is_settled=False)
        if example := next((value for value in values if _AS_PEOPLE_WRITE.fullmatch(value.strip())), ""):
            mark = "," if seen.comma_decimal else "."
            read = read_objects([example], Marks(mark, _OTHER[mark]))[0]
            return Unread(name, mark, f"has text in column {name!r}: {example!r}, which is {read}", is_settled=True)
    return None


def evidence_of(column: pa.ChunkedArray) -> Evidence:
    """What the values of a column of text say; nothing where all are whole numbers."""
    values = _in_plain_digits(pc.utf8_trim_whitespace(column))
    currencies, units, is_bare = currencies_of(values), units_of(values), has_bare(values)
    values = _with_sign_before(alone(values, bool(currencies), bool(units)))
    has_mark = pc.fill_null(pc.match_substring_regex(values, "[.,]"), False)
    has_whole = bool(pc.any(pc.match_substring_regex(values.filter(pc.invert(has_mark)), _SIGN + r"\d+$")).as_py())
    values = pc.unique(values.filter(has_mark))
    if not len(values):
        return Evidence(has_whole=has_whole, currencies=currencies, units=units, has_bare=is_bare)
    values = _without_spaces(values)

    def any_of(*patterns: str) -> bool:
        return any(pc.any(pc.match_substring_regex(values, _SIGN + pattern + "$")).as_py() for pattern in patterns)

    def first_of(pattern: str) -> str:
        found = values.filter(pc.match_substring_regex(values, _SIGN + pattern + "$"))
        return str(found[0]) if len(found) else ""

    def is_decimal(mark: str, other: str) -> bool:
        return any_of(rf"(\d*{mark}(\d{{1,2}}|\d{{4,}})|0*{mark}\d*|0\d*{mark}\d*|\d{{4,}}{mark}\d*)([eE][+-]?\d+)?",
                      rf"\d+{mark}\d*[eE][+-]?\d+", rf"\d{{1,3}}({other}\d{{3}})+{mark}\d*",
                      rf"\d{{1,3}}({other}\d{{3}}){{2,}}", rf"\d+{mark}",
                      rf"\d{{1,2}}({other}\d{{2}})+{other}\d{{3}}({mark}\d*)?")

    def groups(mark: str, decimal: str) -> bool:
        return any_of(rf"\d{{1,3}}({mark}\d{{3}})+{decimal}\d*", rf"\d{{1,3}}({mark}\d{{3}}){{2,}}")

    return Evidence(is_decimal(r"\.", ","), is_decimal(",", r"\."), first_of(r"[1-9]\d{0,2}\.\d{3}"),
                    first_of(r"[1-9]\d{0,2},\d{3}"), groups(r"\.", ","), groups(",", r"\."), has_whole,
                    currencies, units, is_bare, any_of(r"\d*\.\d{3}"), any_of(r"\d*,\d{3}"))


def settled(evidence: Evidence, source: FileSource, where: str) -> Marks:
    """The marks of a column.

    Raises: SourceError: its values leave it open; the message names the entries that settle it. Or it holds amounts in
        two currencies, or in two units.
    """
    if len(evidence.currencies) > 1:
        raise SourceError(f"{where} holds amounts in {len(evidence.currencies)} currencies "
                          f"({', '.join(sorted(evidence.currencies))}), and nothing is converted. Convert them at the "
                          "source, or give each currency a column of its own.")
    if len(evidence.units) > 1:
        raise SourceError(f"{where} holds amounts in {len(evidence.units)} units "
                          f"({', '.join(sorted(evidence.units))}), and nothing is converted. Convert them at the "
                          "source, and write numbers alone.")
    if evidence.has_bare and evidence.units - {PIECES}:
        raise SourceError(f"{where} holds numbers in {next(iter(evidence.units))} beside numbers without a unit. "
                          "Write all in one unit at the source, as numbers alone.")
    return replace(_marks_of(evidence, source, where), has_currency=bool(evidence.currencies),
                   has_unit=bool(evidence.units))


def alone(values: pa.ChunkedArray, has_currency: bool, has_unit: bool) -> pa.ChunkedArray:
    """The column without the currencies and the units beside its numbers, where there are some."""
    if has_currency:
        values = without_currency(values)
    return without_unit(values) if has_unit else values


def _marks_of(evidence: Evidence, source: FileSource, where: str) -> Marks:
    if source.decimal is not None:
        return Marks(source.decimal, _OTHER[source.decimal])
    if source.thousands in (".", ","):
        return _grouped_by(source.thousands, evidence)
    if source.thousands is not None:  # a space or an apostrophe, so a point or a comma is the decimal mark
        evidence = evidence.with_more(Evidence(bool(evidence.point), bool(evidence.comma)))
    if evidence.point_decimal and evidence.comma_decimal:
        return Marks(is_mixed=True)
    if evidence.point_decimal or evidence.comma_decimal:
        decimal = "." if evidence.point_decimal else ","
        return Marks(decimal, _OTHER[decimal])
    if evidence.point and evidence.comma:
        by_point = f"{evidence.point.replace('.', '')} and {evidence.comma.replace(',', '.')}"
        by_comma = f"{evidence.point} and {evidence.comma.replace(',', '')}"
        raise SourceError(f"{where}: {evidence.point!r} and {evidence.comma!r} have both marks, and nothing in the "
                          "column settles which one groups thousands. Set source.thousands = '.' in the dataset file "
                          f"if they are {by_point}, or source.thousands = ',' if they are {by_comma}. If both marks "
                          "mean the same, write the column with one of them at the source.")
    if example := evidence.point or evidence.comma:
        mark = "." if evidence.point else ","
        raise SourceError(f"{where}: {example!r} may be {example.replace(mark, '')} or {example.replace(mark, '.')}, "
                          f"and nothing in the column settles it. Set source.thousands = {mark!r} in the dataset file "
                          f"if the {'point' if mark == '.' else 'comma'} groups thousands, or source.decimal = "
                          f"{mark!r} if it is the decimal mark.")
    return Marks()


def _grouped_by(mark: str, evidence: Evidence) -> Marks:
    """The marks of a column of a source in which a mark is declared to group thousands: a column such as 9.99, in which
    it cannot, has it before decimals, and what may be either is no number there."""
    is_decimal, is_other, either = ((evidence.point_decimal, evidence.comma_decimal, evidence.point) if mark == "."
                                    else (evidence.comma_decimal, evidence.point_decimal, evidence.comma))
    if not is_decimal or is_other:
        return Marks(_OTHER[mark], mark)
    return Marks(is_mixed=True) if either else Marks(mark, _OTHER[mark])


def numbers_or_text(column: pa.ChunkedArray, marks: Marks) -> pa.ChunkedArray:
    """Numbers if every value is one or missing; else text, null where nothing stands."""
    written = pc.utf8_trim_whitespace(column)
    numbers = as_numbers(written)
    if numbers is not None and not (marks.decimal == "," or marks.thousands == "." or marks.is_mixed):
        return numbers
    if numbers is not None and pa.types.is_integer(numbers.type):
        return numbers
    written = _in_plain_digits(written)
    written = alone(written, marks.has_currency, marks.has_unit)
    written = _without_spaces(_with_sign_before(written))
    written = _with_point(written, marks)
    numbers = as_numbers(written)
    return numbers if numbers is not None else text(written)


def as_numbers(written: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """The numbers that trimmed text holds; None where something else stands."""
    values = pc.if_else(pc.is_in(written, _MISSING), pa.scalar(None, pa.string()), written)
    for kind in (pa.int64(), pa.float64()):
        try:
            numbers = pc.cast(values, kind)
        except pa.ArrowInvalid:
            continue
        return None if pc.any(pc.match_substring_regex(values, _OF_PROGRAMS)).as_py() else numbers
    return None


def text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values as they stand; null where nothing stands."""
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(column), ""), pa.scalar(None, pa.string()), column)


def read_objects(values: Iterable[object], marks: Marks) -> list[object]:
    """Values of which the texts are read as numbers where they are some."""
    listed = list(values)
    places = [place for place, value in enumerate(listed) if isinstance(value, str)]
    if places:
        written = pa.chunked_array([pa.array([str(listed[place]) for place in places], pa.string())])
        written = alone(_in_plain_digits(pc.utf8_trim_whitespace(written)), marks.has_currency, marks.has_unit)
        one_by_one = _with_point(_without_spaces(_with_sign_before(written)), marks)
        for place, value in zip(places, one_by_one.to_pylist(), strict=True):
            listed[place] = value
    return listed


def _in_plain_digits(written: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers without the formula that makes a text of them in a spreadsheet (="12"), and in the digits 0 to 9 where
    they have those of another script."""
    if pc.any(pc.match_substring_regex(written, _AS_FORMULA)).as_py():
        written = pc.replace_substring_regex(written, _AS_FORMULA, r"\1")
    if not pc.any(pc.match_substring_regex(written, f"[{''.join(map(chr, _OTHER_DIGITS))}]")).as_py():
        return written
    return pa.chunked_array([pa.array([None if text is None else text.translate(_OTHER_DIGITS)
                                       for text in chunk.to_pylist()], pa.string()) for chunk in written.chunks])


def _with_sign_before(written: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers with a plain minus before them: −12, - 12, 12- as SAP writes it, (12) as bookkeepers do. A dash behind
    the mark before decimals is none: 12,- and 12.– are 12."""
    if not pc.any(pc.match_substring_regex(written, r"^[−–(]|^-\p{Zs}|[-−–—]$")).as_py():
        return written
    written = pc.replace_substring_regex(written, _NO_DECIMALS, r"\1")
    for pattern in (r"^[-−–]\p{Zs}*([\d.,].*)$", rf"^({_DIGITS})\p{{Zs}}*[-−–]$", rf"^\(({_DIGITS})\)$"):
        written = pc.replace_substring_regex(written, pattern, r"-\1")
    return written


def _without_spaces(written: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers whose thousands are grouped by spaces or apostrophes without them. So four digits stand before the mark
    of 1 234,567, which shows that it is the decimal one."""
    grouped = pc.match_substring_regex(written, _SPACED)
    return pc.if_else(grouped, pc.replace_substring_regex(written, _SPACES, ""), written)


def _with_point(written: pa.ChunkedArray, marks: Marks) -> pa.ChunkedArray:
    """Numbers rewritten as 1234.5; values with the marks of another country are marked, to be read as no number."""
    decimal, other = marks.decimal, _OTHER[marks.decimal]
    if marks.is_mixed:
        unclear = pc.match_substring_regex(written, _SIGN + r"[1-9]\d{0,2}[.,]\d{3}$")
        said = pc.binary_join_element_wise(written, _UNCLEAR, " ")
        for mark, other in (".", ","), (",", "."):
            point, group = f"[{mark}]", f"[{other}]"
            grouped = rf"\d{{1,3}}({group}\d{{3}})"
            is_clear = pc.match_substring_regex(
                written, _SIGN + rf"(\d*{point}\d+|{grouped}+{point}\d*|{grouped}{{2,}})$")
            read = pc.replace_substring(pc.replace_substring(written, other, ""), mark, ".")
            written = pc.if_else(pc.and_(is_clear, pc.invert(unclear)), read, written)
        return pc.if_else(unclear, said, written)
    plain = pc.replace_substring(pc.replace_substring(written, other, ""), decimal, ".")
    group, point = f"[{other}]", f"[{decimal}]"
    indian = rf"\d{{1,2}}({group}\d{{2}})+{group}\d{{3}}"
    shape = rf"(\d+|{indian}|\d{{1,3}}({group}\d{{3}})+)?({point}\d*)?([eE][+-]?\d+)?$"
    if decimal == ".":
        return pc.if_else(pc.match_substring_regex(written, _SIGN + rf"({indian}|\d{{1,3}}(,\d{{3}})+)([.]\d*)?$"),
                          plain, written
                          ) if marks.thousands else written
    marked = pc.binary_join_element_wise(written, "(the decimal mark is ,)", " ")
    others = pc.if_else(pc.match_substring(written, "."), marked, written)
    return pc.if_else(pc.match_substring_regex(written, _SIGN + shape), plain, others)
