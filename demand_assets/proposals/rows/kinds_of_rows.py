"""Columns whose values say what the number of a row is: units beside prices, actuals beside a plan, gross or net."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from demand_assets.forecasting.contract.periods import Mask
from demand_assets.proposals.cannot_propose import CannotProposeError
from demand_assets.proposals.columns.facts import Column, Facts
from demand_assets.proposals.draft import Entry, written
from demand_assets.proposals.rows.told_apart import is_not_sold
from demand_assets.proposals.terminal_questions import Ask
from demand_assets.sources.column_names import called, plain, words_of
from demand_assets.sources.currencies import currency_named
from demand_assets.sources.units_of_measure import unit_named

_OTHERS = ("price", "cost", "money", "stock", "afterwards", "promo", "weather", "open")
_SIZED = ("price", "cost", "money", "promo", "holiday", "stock", "weather", "open", "calendar")
_IS_ACTUAL = """actual actuals act ist istwert ac real realised realized reel realise consuntivo consuntivato effettivo
 effettiva wykonanie rzeczywiste gerceklesen skutecnost skutocnost faktisk utfall werkelijk gerealiseerd realizado
 historical history historisch факт фактически 実績 实际 實際 실적 فعلي"""
_IS_PLANNED = """plan planned planning forecast forecasts forecasted fc fcst prognose prognosen prognos soll sollwert
 prevision previsions previsione previsioni previsto prevista pronostico pronosticos previsao prognoza prognoz tahmin
 hochrechnung vorschau planung planwert planificado planifie pianificato план прогноз 計画
 予測 计划 預測 预测 计劃 계획 예측 توقع"""
_IS_OF_OTHERS = """budget budgeted target goal ziel objectif objetivo obiettivo doel cel hedef presupuesto orcamento
 butce budzet rozpocet begroting бюджет цель 予算 目標 预算 目标 예산 목표 py ly pl bu vorjahr lastyear prioryear
 previousyear"""
_OF_MEASURES = """measure measures metric metrics kpi kpis kennzahl kennzahlen wertart indicator indicateur indicador
 keyfigure keyfigures valuetype scenario scenarios szenario szenarien scenariotype показатель 指標 指标 지표"""
_IS_SOLD = """sale sales sold verkauf verkaufe umsatz vente ventes venta ventas vendita vendite venda vendas verkoop
 salg forsaljning sprzedaz prodej satis продажа продажи 売上 販売 销售 판매 بيع"""
_IS_MOVED = """purchase purchases receipt receipts transfer transfers adjustment adjustments adjmt stocktake stockcount
 restock wareneingang zugang einkauf umlagerung korrektur inventur achat achats transfert ajustement
 compra compras transferencia ajuste acquisto acquisti trasferimento rettifica inkoop
 zakup przyjecie закупка поступление перемещение 仕入 入庫 移動 采购 入库 调拨 입고"""
_STAGES = {stage: frozenset(map(plain, words.split())) for stage, words in {
    "quote": "quote quotation estimate angebot devis cotizacion preventivo offerte orcamento teklif 見積 报价",
    "order": "order orders auftrag auftrage bestellung commande pedido ordine siparis заказ 受注 注文 订单 주문",
    "delivery": "lieferschein deliverynote packingslip bonlivraison albaran ddt irsaliye 納品",
    "invoice": "invoice invoices rechnung rechnungen facture factura fattura fatura счет 請求 发票 송장"}.items()}
"""Documents of one sale, each of which may have a row for it."""
_OF_BOOKS = frozenset(["sollhaben", "sollhabenkennzeichen", "shkennzeichen", "shkz", "shkzg", "debitcredit", "drcr",
                       "debitcreditindicator", "creditdebit", "debecredito", "dareavere"])
"""What a column is called that says on which side of the books a row stands."""
_OF_MOVEMENTS = frozenset(["movementtype", "mvttype", "mvmttype", "movtype", "mvt", "bewegungsart", "bwart", "bwa",
                           "typedemouvement", "codemouvement", "clasedemovimiento", "tipodemovimiento", "tipomovimento",
                           "移動タイプ", "移动类型"])
"""What a column is called that says by a number which movement of stock a row is, as 601 for what is delivered."""
_GROSS = "gross brutto brut brute bruto bruta lordo lorda"
_NET = "net netto nett neto neta nette netta liquido liquida"
_ACTUAL, _PLANNED, _OF_OTHERS, _MEASURE, _IS_GROSS, _IS_NET, _SOLD, _MOVED = (
    frozenset(map(plain, words.split())) for words in (
        _IS_ACTUAL, _IS_PLANNED, _IS_OF_OTHERS, _OF_MEASURES, _GROSS, _NET, _IS_SOLD, _IS_MOVED))
_UNIT = frozenset(["unit", "uom", "unitofmeasure", "einheit", "mengeneinheit", "unite", "unidad", "unita"])
_BESIDE_PLANS = frozenset(["sales", "demand", "qty", "quantity", "units", "version", "data", "rolling", "latest", "new",
                           "old", "v", "q", "absatz", "menge", "aktuell", "jan", "feb", "mar", "apr", "may", "jun",
                           "jul", "aug", "sep", "oct", "nov", "dec", "mrz", "mai", "okt", "dez"])
"""Words that stand beside those for a plan."""
_MOST_VALUES = 30
_MOSTLY = 0.5
_MOST_OF_ONE_KIND = 3
"""Values beside a plan's that may stand for what was sold, where none says so."""
_MOST_WORDS = 3
"""Of a value that says it is a plan."""
_SURE = 3


@dataclass(frozen=True)
class KindsOfRows:
    """A column that says what the number of each row is."""

    name: str
    counted: tuple[str, ...]
    """The values of the rows that are demand; empty where it cannot be told."""
    others: tuple[str, ...]
    why: str


def take_counted(facts: Facts, ask: Ask) -> tuple[Mask, dict[str, Entry], list[str]]:
    """Which rows are demand by the columns that say what each is; the entry ``rules.only_rows`` of each such column;
    and what is to be looked at.

    Raises: CannotProposeError: it cannot be told which, and nobody is asked.
    """
    counts = np.ones(facts.rows, dtype=bool)
    entries: dict[str, Entry] = {}
    notes = []
    for column in facts.columns:
        kinds = kinds_of(column)
        if kinds is None or not _have_demand(facts, column, kinds.others or kinds.counted):
            continue
        counted = kinds.counted
        if not counted:
            chosen = ask(f"{kinds.why}. Which rows are demand?", list(kinds.others), "")
            if not chosen:
                raise CannotProposeError(f"{kinds.why}; keep the rows of demand only, or have it asked without YES=1; "
                                         f"in a dataset file that is, under [rules], as in "
                                         f"{_entry(column.name, kinds.others[:1])}")
            counted = (chosen,)
        others = [value for value in column.distinct if value not in counted]
        why = "as answered" if not kinds.counted else kinds.why
        entries[column.name] = (counted, why)
        notes.append(f"{why}: only rows with {_listed(counted)} count, and those with {_listed(others)} are left out "
                     "(rules.only_rows)")
        counts &= np.isin(column.codes[0], [column.distinct.index(value) for value in counted])
    return counts, entries, notes


def different_measures(column: Column) -> tuple[str, str] | None:
    """A value of the column that stands for demand, and one that stands for something else; None where its values are
    no names of measures."""
    kinds = kinds_of(column)
    if kinds is None:
        return None
    return (kinds.counted or kinds.others)[0], kinds.others[-1]


def kinds_of(column: Column) -> KindsOfRows | None:
    """What the values of a column say that the number of a row is; None where they say nothing of it."""
    values = column.distinct
    if not 1 < len(values) <= _MOST_VALUES:
        return None
    whole = plain(re.sub(r"\W|_", "", column.name))
    if whole in _OF_MOVEMENTS | _OF_BOOKS:
        what = "which movement of stock a row is" if whole in _OF_MOVEMENTS else "on which side of the books a row is"
        return KindsOfRows(column.name, (), tuple(values), f"the column {column.name!r} says {what}, as {values[0]!r} "
                           f"and {values[1]!r}, and not all of them are demand")
    if column.is_number:
        return None
    is_measure = bool(words_of(column.name) & _MEASURE)
    if words_of(column.name) & _UNIT or all(map(unit_named, values)):
        return None
    if not is_measure and max(column.says("item"), column.says("region")) == _SURE:
        return None
    if any(map(is_not_sold, values)):  # returns, which may be below 0, are another question
        return None
    words = {value: _words(value) for value in values}
    return next(filter(None, (of_kind(column.name, values, words) for of_kind in (
        _versions, _gross_or_net, _movements, _documents))), None) or _measures(column.name, values, is_measure)


def _versions(name: str, values: Sequence[str], words: dict[str, frozenset[str]]) -> KindsOfRows | None:
    """Actual demand beside a plan or a forecast."""
    planned = [value for value in values if words[value] & _PLANNED and len(words[value]) <= _MOST_WORDS]
    actual = [value for value in values if words[value] & _ACTUAL and value not in planned]
    others = [value for value in values if words[value] & _OF_OTHERS and value not in (*actual, *planned)]
    if actual and planned + others:
        if len(actual) + len(planned) + len(others) < _MOSTLY * len(values):
            return None
        return KindsOfRows(name, tuple(actual), tuple(value for value in values if value not in actual),
                           f"the column {name!r} says of each row whether it is {actual[0]!r} or "
                           f"{(planned + others)[0]!r}")
    left = [value for value in values if value not in (*planned, *others)]
    if any(map(_says_more, planned)):
        return None
    if planned and 0 < len(left) <= _MOST_OF_ONE_KIND:
        return KindsOfRows(name, tuple(left), (*planned, *others),
                           f"the column {name!r} says of some rows that they are {planned[0]!r}")
    return None


def _says_more(value: str) -> bool:
    """Whether the name of a plan has words that those of demand have not, as "Pro plan" has."""
    words = {plain(word) for word in re.split(r"[\W_\d]+", value) if word}
    return not words <= _PLANNED | _BESIDE_PLANS


def _gross_or_net(name: str, values: Sequence[str], words: dict[str, frozenset[str]]) -> KindsOfRows | None:
    is_either = [(bool(words[value] & _IS_GROSS), bool(words[value] & _IS_NET)) for value in values]
    if all(gross != net for gross, net in is_either) and len(set(is_either)) == 2:
        return KindsOfRows(name, (), tuple(values), f"the column {name!r} says of each row whether it is "
                           f"{values[0]!r} or {values[1]!r}, which count the same sales")
    return None


def _movements(name: str, values: Sequence[str], words: dict[str, frozenset[str]]) -> KindsOfRows | None:
    """Sales beside purchases, transfers and the like."""
    moved = [value for value in values if words[value] & _MOVED]
    sold = [value for value in values if words[value] & _SOLD and value not in moved]
    if not moved or not sold or len(moved) + len(sold) < _MOSTLY * len(values):
        return None
    return KindsOfRows(name, tuple(sold), tuple(value for value in values if value not in sold),
                       f"the column {name!r} says of each row whether it is {sold[0]!r} or {moved[0]!r}")


def _documents(name: str, values: Sequence[str], words: dict[str, frozenset[str]]) -> KindsOfRows | None:
    """Orders beside the invoices for them."""
    stages = {value: [stage for stage, its in _STAGES.items() if words[value] & its] for value in values}
    told = {value: found[0] for value, found in stages.items() if len(found) == 1}
    if len(set(told.values())) < 2 or len(told) < len(values):
        return None
    first, other = values[0], next(value for value in values if told[value] != told[values[0]])
    return KindsOfRows(name, (), tuple(values), f"the column {name!r} says of each row whether it is {first!r} or "
                       f"{other!r}, which may both count the same sales")


def _measures(name: str, values: Sequence[str], is_measure: bool) -> KindsOfRows | None:
    """Units beside prices, revenue and the like."""
    kinds = {value: _kind(value) for value in values}
    known = sum(kind is not None for kind in kinds.values())
    demand = [value for value, kind in kinds.items() if kind]
    other = [value for value, kind in kinds.items() if kind is False]
    if not is_measure and (known < _MOSTLY * len(values) or not (demand and other)):
        return None
    why = f"the column {name!r} says what the number of a row is, as {(demand or values)[0]!r} and "
    if len(demand) == 1:
        rest = [value for value in values if value not in demand]
        return KindsOfRows(name, tuple(demand), tuple(rest), f"{why}{(other or rest)[0]!r}")
    return KindsOfRows(name, (), tuple(values), f"{why}{next(one for one in values if one != (demand or values)[0])!r}")


def _have_demand(facts: Facts, column: Column, others: Sequence[str]) -> bool:
    """Whether rows with these values have numbers that would count as demand: those of a plan of drivers have none."""
    its = np.isin(column.codes[0], [column.distinct.index(value) for value in others])
    if facts.demand is not None:
        return bool(facts.demand[its].notna().any())
    numbers = [one for one in facts.columns if one.is_number and one is not column]
    sized = [one for one in numbers if not any(one.says(kind) > one.says("demand") for kind in _SIZED)]
    called_so = [one for one in sized if one.says("demand") >= 2] or sized or numbers
    return any(bool(np.isfinite(one.numbers[its]).any()) for one in called_so)


def _words(value: str) -> frozenset[str]:
    return frozenset(plain(word) for word in re.split(r"[\W_\d]+", value) if word) | {plain(re.sub(r"\W", "", value))}


def _kind(value: str) -> bool | None:
    """Whether a name stands for demand, or for something else; None where it is no name of a measure."""
    if any(map(currency_named, re.split(r"[\s()\[\]]+", value))):
        return False
    own, others = called(value, "demand"), max(called(value, kind) for kind in _OTHERS)
    if max(own, others) < 2:
        return None
    return own > others


def _listed(values: Sequence[str]) -> str:
    return ", ".join(map(repr, values[:_MOST_OF_ONE_KIND])) + (" …" if len(values) > _MOST_OF_ONE_KIND else "")


def _entry(name: str, values: Sequence[str]) -> str:
    return f"only_rows = {written({name: list(values)})}"
