"""Quantities as text: the unit beside a number, of pieces or of a measure, as in ``12 pcs`` and ``3,5 kg``."""

from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

PIECES = "pieces"
"""The one word for all that say "each": a number without it beside such numbers counts pieces too."""
_OF_PIECES = """pcs pc pce pieces piece ea each unit units un und ud uds unid unids unidad unidades unite unites unité
 unités pz pzs pezzi pezzo peça peças pç pçs stk stck st stück stücke stueck stuks sztuk szt ks kus kusů kusy db darab
 шт штук штуки adet ad τεμ τμχ buc bucăți kpl tk gab vnt kom nos 個 个 件 枚 本 台 点 개"""
_OF_MEASURES = {
    "kg": "kg kgs kilo kilos kilogram kilograms kilogramm кг", "g": "g gr gram grams gramm гр г",
    "mg": "mg", "t": "tonne tonnes tonnen tons to", "l": "l ltr ltrs liter litre liters litres litros litri л",
    "ml": "ml мл", "cl": "cl", "hl": "hl", "m": "mtr meter metre meters metres метр", "cm": "cm", "mm": "mm",
    "m²": "m2 m² qm sqm", "m³": "m3 m³ cbm", "lb": "lb lbs pound pounds", "oz": "oz ounce ounces", "gal": "gal gallons",
    "boxes": "box boxes", "cases": "cs case cases", "cartons": "ctn ctns car kar carton cartons karton kartons krt",
    "packs": "pk pks pack packs pkg pkgs pckg packung packungen", "bags": "bag bags", "bottles": "btl bottle bottles",
    "pallets": "plt pallet pallets palette paletten pal", "dozens": "dz doz dozen dozens dtzd",
    "pairs": "pr pair pairs paar", "sets": "set sets"}
_AFTER_A_SPACE = {"t": "t", "m": "m"}
"""Of which ``5t`` and ``5m`` may be thousands or millions."""
_NUMBER = r"[\d.,'’\p{Zs}]*\d[\d.,]*"
_MORE_THAN_A_NUMBER = r"\d.*[^\d.,'’\p{Zs}()%+−–—-]"
_BARE = r"^[^\p{L}]*[1-9][^\p{L}]*$"


@cache
def _units() -> dict[str, str]:
    """A unit as it may be written, in small letters -> one word for it."""
    found = dict.fromkeys(_OF_PIECES.split(), PIECES)
    return found | {word: unit for unit, words in _OF_MEASURES.items() for word in words.split()}


@cache
def _patterns() -> tuple[str, str]:
    words = "|".join(sorted(_units(), key=lambda word: (-len(word), word)))
    start = rf"^(?P<number>[(+\-−–]?\p{{Zs}}*{_NUMBER}[-−–—]{{0,2}}\)?)"
    return (rf"(?i){start}\p{{Zs}}*(?P<unit>{words})\.?(?P<end>\)?)$",
            rf"{start}\p{{Zs}}+(?P<unit>{'|'.join(_AFTER_A_SPACE)})\.?(?P<end>\)?)$")


def unit_named(text: str) -> str | None:
    """The one word for a unit that stands alone; None where it is none."""
    return _units().get(text.strip().rstrip(".").lower())


def units_of(values: pa.ChunkedArray) -> frozenset[str]:
    """The units beside the numbers of a column."""
    values = values.filter(pc.fill_null(pc.match_substring_regex(values, _MORE_THAN_A_NUMBER), False))
    found: set[str] = set()
    if len(values):
        for pattern in _patterns():
            units = pc.struct_field(pc.extract_regex(values, pattern), "unit")
            found |= {_units().get(unit.lower(), unit) for unit in pc.unique(units).to_pylist() if unit}
    return frozenset(found)


def has_bare(values: pa.ChunkedArray) -> bool:
    """Whether a number other than 0 has no unit beside it."""
    return bool(pc.any(pc.match_substring_regex(values, _BARE)).as_py())


def without_unit(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with the numbers alone where a unit stands beside them."""
    for pattern in _patterns():
        parts = pc.extract_regex(values, pattern)
        number = pc.utf8_trim_whitespace(pc.struct_field(parts, "number"))
        alone = pc.binary_join_element_wise(number, pc.struct_field(parts, "end"), "")
        values = pc.coalesce(alone, values)
    return values
