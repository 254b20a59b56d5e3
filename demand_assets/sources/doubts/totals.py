"""Totals among the rows: regions and items that stand for the others together, by their names and by their sums."""

import re
import unicodedata
from collections.abc import Mapping

_TOTAL = """total totals totale totali totaal totales totaux totalt totalsumma totalsum eindtotaal итого итог всего
всього gesamt gesamtsumme gesamtergebnis gesamtumsatz gesamtmenge gesamtabsatz insgesamt summe summen sum suma somme
somma summa subtotal subtotals zwischensumme teilsumme soustotal subtotaal subtotale celkem součet razem łącznie ogółem
összesen végösszeg toplam yhteensä ialt samlet σύνολο skupaj ukupno вкупно kokku kopā 合計 総計 総合計 小計 合计 总计
總計 小计 总和 합계 총계 소계 الإجمالي المجموع إجمالي סהכ รวม tổng jumlah कुल योग overall aggregate aggregated
ergebnis résultat nationwide worldwide bundesweit weltweit landesweit"""
_EVERY = """all alle alles allemaal every tous toutes tout todos todas todo tutti tutte tutto wszystkie wszystko všechny
vše все всё всі alla kaikki összes tüm tümü όλα 全部 全体 全店 全社 所有 전체 semua"""
_OTHER_WORDS = """grand general général générale generale generalny celkový końcowa genel sub sous общий общая of the
and in per der die das von le la les des de del di do da van items item stores store shops shop regions region products
product articles article skus sku branches branch markets market outlets locations customers channels countries country
company group sales sold units demand volume artikel filialen filiale märkte markt läden standorte regionen produkte
kunden länder umsatz absatz menge verkauf verkäufe magasins produits régions ventes tiendas productos regiones ventas
lojas produtos vendas regiões negozi prodotti vendite regioni winkels producten sklepy sklepów produkty obchody cộng
chung butiker produkter varer butikker магазины магазинам товары товарам регионы 店舗 商品 門店 门店"""
_WORDS, _ALL, _BESIDE = (frozenset(words.split()) for words in (_TOTAL, _EVERY, _OTHER_WORDS))
"""Words for a total and for all, and those beside them that make no less of a total, in small letters."""
_NAMES_TOO = frozenset(("sum", "suma", "summa", "somme", "somma"))
"""Words for a total that names hold by chance."""
_COMPOUND = re.compile(r"^gesamt\w+|\w+(gesamt|summe)$|合計|総計|合计|总计|總計|합계|총계")
_NEARLY = 0.02
_ROUGHLY = 0.2
"""How far a total may be from the sum of the others where rows are missing, if its name holds a word for a total."""
_AT_ALL = 2.0
"""And how many times larger or smaller it may be where it is called nothing else."""
_EXACTLY = 1e-9
_ENOUGH_OTHERS = 4
"""Others whose sum a row hits exactly by no chance, whatever it is called."""

COUNTS_TWICE = "so its demand counts twice in totals"


def is_called_a_total(name: str) -> bool:
    """Whether a name says nothing but that it is a total: Grand Total, All stores, Gesamtumsatz, Итого, 合計."""
    words = _words_of(name)
    return bool(words) and any(word in _WORDS or word in _ALL or _COMPOUND.search(word) for word in words) and all(
        word in _WORDS or word in _ALL or word in _BESIDE or _COMPOUND.search(word) for word in words)


def holds_a_total(name: str) -> bool:
    """Whether a word for a total is in a name, as in Total shampoo, which may be a brand."""
    return any(word in _WORDS - _NAMES_TOO or _COMPOUND.search(word) for word in _words_of(name))


def totals_among(units: Mapping[tuple[str, str], float | None]) -> dict[tuple[str, str], str]:
    """``region`` or ``item`` and the name of each that looks like a total over the others -> words for it.

    Args:
        units: demand of each region and item; None where it is not known, so that only names can tell.
    """
    is_known = all(size is not None for size in units.values())
    found = {}
    for place, kind in enumerate(("region", "item")):
        called = {name for name in {names[place] for names in units} if is_called_a_total(name)}
        sums: dict[str, dict[str, float]] = {}
        for names, size in units.items():
            sums.setdefault(names[1 - place], {})[names[place]] = 0.0 if size is None else size
        parts = {other: sum(size for name, size in its.items() if name not in called) for other, its in sums.items()}
        where: dict[str, list[str]] = {}
        for names in units:
            where.setdefault(names[place], []).append(names[1 - place])
        for name, within in sorted(where.items()):
            is_called = name in called
            beside = [other for other in within if len(sums[other]) > (1 if is_called else 2)]
            own = sum(sums[other][name] for other in beside or within)
            others = sum(parts[other] - (0.0 if is_called else sums[other][name]) for other in beside)
            if is_called and not beside:  # a row of its own for all together
                others = sum(part for other, part in parts.items() if not is_called_a_total(other))
            count = max((len(sums[other]) - 1 for other in beside), default=len(where) - 1 if is_called else 0)
            says = _says(name, own, others, count, is_called) if is_known else (
                "is called a total" if is_called and count else "")
            if says:
                found[kind, name] = (f"The {kind} {name!r} {says}, {COUNTS_TWICE}. Set "
                                     f"rules.leave_out_{kind}s = [{name!r}] in the dataset file to leave it out.")
    return found


def _says(name: str, own: float, others: float, count: int, is_called: bool) -> str:
    """What makes a region or an item a total; empty where nothing does."""
    if not count or own <= 0 or others <= 0:
        return ""
    off = abs(own - others) / own
    is_named = is_called or holds_a_total(name)
    if off <= (_NEARLY if is_named else _EXACTLY) and (is_named or count >= _ENOUGH_OTHERS):
        return "is the sum of the others"
    if (is_named and off <= _ROUGHLY and count > 1) or (is_called and 1 / _AT_ALL <= own / others <= _AT_ALL):
        return f"is called a total and is {own / others:.0%} of the sum of the others"
    return ""


def _words_of(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", name).casefold()
    return re.findall(r"[^\W_]+", re.sub(r"[.'’״\"-]", "", plain))
