"""What entries of the list of work say, and where they lead: made of stored numbers, as their reader writes numbers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.pages.money import money
from webapp.pages.numbers_and_dates import (
    amount,
    day,
    period,
    period_words,
    plural,
    share,
    signed,
    signed_share,
    units,
)
from webapp.region_items.labels import forecast_link
from webapp.scenarios.repository import by_tokens
from webapp.services import services
from webapp.tables import WorkEntry
from webapp.work_list.thresholds import KINDS


@dataclass(frozen=True)
class Words:
    """An entry as a page or the API tells it."""

    title: str
    subject: str
    """The region-item or the scenario."""
    sentence: str
    at_stake: str
    link: str
    """The page with what can be done about it."""
    act: str
    """What that is."""


def words_of(entries: Sequence[WorkEntry]) -> dict[int, Words]:
    """Id -> what the entry says."""
    tokens = [entry.subject for entry in entries if entry.kind == "scenario"]
    names = {one.token: one.name for one in by_tokens(tokens)} if tokens else {}
    return {entry.id: _words(entry, names) for entry in entries}


def _words(entry: WorkEntry, names: Mapping[str, str]) -> Words:
    known = KINDS.get(entry.kind)
    title, act = (known.title, known.act) if known else (entry.kind, "Look")
    sentence = _SENTENCES[entry.kind](entry.told) if entry.kind in _SENTENCES else ""
    if entry.kind == "scenario":
        name = names.get(entry.subject, "a scenario that is private now")
        link = (url_for("scenarios.detail", token=entry.subject, _anchor="verdict") if entry.subject in names
                else url_for("scenarios.show"))
        return Words(title, name, sentence, _at_stake(entry), link, act)
    return Words(title, str(RegionItem.from_key(entry.subject)), sentence, _at_stake(entry), _link(entry), act)


def _at_stake(entry: WorkEntry) -> str:
    if entry.money is not None:
        currency = services().dataset.currency
        return f"{money(entry.money)}{f' {currency}' if currency else ''}"
    return f"{units(entry.units)} {services().dataset.unit}" if entry.units is not None else ""


def _link(entry: WorkEntry) -> str:
    key = entry.subject
    if entry.kind in ("failed", "kept") and "retrain" in entry.told:
        return url_for("retrains.detail", retrain_id=entry.told["retrain"])
    if entry.kind in ("failed", "kept", "stale", "no_model"):
        return url_for("models.detail", ri=key)
    if entry.kind == "refused":
        return url_for("data_quality.quarantine", ri=key)
    anchors = {"unusual": "#outliers", "override": "#overrides", "bias": "#seen", "missed": "#seen"}
    return forecast_link(key) + anchors.get(entry.kind, "")


def _moved(told: Mapping[str, Any]) -> str:
    forecast, moved = told["forecast"], told["moved"]
    before = forecast - moved
    relative = f" ({signed_share(moved / before)})" if before > 0 else ""
    return f"{signed(moved)} {services().dataset.unit}{relative}, now {units(forecast)}"


def _missed(told: Mapping[str, Any]) -> str:
    missed = told.get("missed")
    last = f"; {signed(missed)} {services().dataset.unit} against the forecast lately" if missed else ""
    return f"{period_words(told['periods'])} in a row{last}"


def _bias(told: Mapping[str, Any]) -> str:
    return f"{share(abs(told['bias']), 0)} too {'much' if told['bias'] > 0 else 'little'}, over " \
           f"{period_words(told['periods'])}"


def _refused(told: Mapping[str, Any]) -> str:
    if "why" in told:
        return str(told["why"])
    return f"{plural(told['rows'], 'row')} of {amount(told['of'])}"


def _stale(told: Mapping[str, Any]) -> str:
    if "since" in told:
        return f"v{told['version']}, promoted {day(told['since'])}"
    return f"{told['drifted'] or 'demand'} drifted ({amount(told['drift'])}) since v{told['version']} was trained"


def _override(told: Mapping[str, Any]) -> str:
    return f"{units(told['lost'])} {services().dataset.unit} further off than the model over " \
           f"{period_words(told['periods'])}; by {', '.join(told['by'])}"


_FORECAST_BY = {"baseline": "forecast by the baseline", "untrained": "not trained yet",
                "quarantined": "its data is rejected"}
_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "moved": _moved, "missed": _missed, "bias": _bias, "refused": _refused, "stale": _stale, "override": _override,
    "failed": lambda told: str(told["why"]), "kept": lambda told: str(told["why"]),
    "unusual": lambda told: f"{period_words(told['periods'])}, the newest {period(told['newest'])}",
    "stock_out": lambda told: f"{period_words(told['periods'])} up to {period(told['last'])}",
    "no_model": lambda told: _FORECAST_BY.get(told["status"], "not forecast yet"),
    "scenario": lambda told: f"its last {period_words(1).split(' ')[1]} was {period(told['last'])}",
}
