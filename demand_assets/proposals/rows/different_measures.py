"""Tables in which one column says what the number of a row is: units beside prices, actual demand beside a plan."""

import re

from demand_assets.proposals.columns.facts import Column
from demand_assets.sources.column_names import called, plain, words_of
from demand_assets.sources.currencies import currency_named

_OTHERS = ("price", "cost", "money", "stock", "afterwards", "promo", "weather", "open")
_IS_ACTUAL = """actual actuals act ist real reel realise consuntivo effettivo wykonanie rzeczywiste gerceklesen факт
 実績 实际 실적"""
_IS_PLANNED = """plan planned budget forecast forecasts fc fcst prognose soll target objectif prevision previsions
 presupuesto pronostico previsione prognoza hedef butce hochrechnung план прогноз бюджет 予算 計画 予測 计划 预测 계획
 예산"""
_OF_MEASURES = """measure measures metric metrics kpi kpis kennzahl kennzahlen wertart indicator indicateur indicador
 keyfigure keyfigures valuetype scenario scenarios szenario szenarien scenariotype показатель 指標 指标 지표"""
_ACTUAL, _PLANNED, _MEASURE = (frozenset(words.split()) for words in (_IS_ACTUAL, _IS_PLANNED, _OF_MEASURES))
_MOST_VALUES = 30
_MOSTLY = 0.5


def different_measures(column: Column) -> tuple[str, str] | None:
    """A value of the column that stands for demand, and one that stands for something else; two of its values where it
    is called so, whatever they stand for; None where its values are no names of measures."""
    if not 1 < len(column.distinct) <= _MOST_VALUES:
        return None
    if words_of(column.name) & _MEASURE:
        return column.distinct[0], column.distinct[1]
    kinds = {value: _kind(value) for value in column.distinct}
    if sum(kind is not None for kind in kinds.values()) < _MOSTLY * len(kinds):
        return None
    demand, other = ([value for value, kind in kinds.items() if kind is is_demand] for is_demand in (True, False))
    return (demand[0], other[0]) if demand and other else None


def _kind(value: str) -> bool | None:
    """Whether a name stands for demand, or for something else; None where it is no name of a measure."""
    words = {plain(word) for word in value.split()}
    if words & (_ACTUAL | _PLANNED):
        return bool(words & _ACTUAL)
    if any(map(currency_named, re.split(r"[\s()\[\]]+", value))):
        return False
    own, others = called(value, "demand"), max(called(value, kind) for kind in _OTHERS)
    if max(own, others) < 2:
        return None
    return own > others
