"""What entries of the list of work say, and where they lead: made of stored numbers, as their reader writes numbers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.language.periods import PERIOD
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext
from webapp.language.translations import ngettext as _n
from webapp.language.unit_words import unit_words
from webapp.pages.listing import View
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
from webapp.pages.reader_locale import number
from webapp.pages.rounded_money import about_money
from webapp.pages.stored_words import stored_words
from webapp.region_items.labels import forecast_link, names_or_count, selection_words
from webapp.scenarios.repository import by_tokens
from webapp.services import services
from webapp.tables import WorkEntry
from webapp.work_list.causes import OF_ITEMS, Line
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


def line_words_of(lines: Sequence[Line], view: View | None = None) -> dict[int, Words]:
    """Id of a line's first entry -> what the line says.

    Args:
        view: of the list that a line of several leads to; of all that is to do unless given.
    """
    words = words_of([line.first for line in lines])
    return {line.first.id: words[line.first.id] if len(line.entries) == 1 else
            _line_words(line, words[line.first.id], view) for line in lines}


def _line_words(line: Line, first: Words, view: View | None) -> Words:
    entries, one = line.entries, line.first
    if one.kind == "unusual":
        sentence = _("%(periods)s in %(regions)s, latest %(date)s",
                     periods=period_words(sum(entry.told["periods"] for entry in entries)),
                     regions=plural(len(entries), "region"),
                     date=period(max(entry.told["newest"] for entry in entries)))
    elif one.kind in OF_ITEMS or one.kind in ("kept", "stale"):
        sentence = _("first: %(subject)s, %(sentence)s", subject=first.subject, sentence=first.sentence)
    else:
        sentence = first.sentence
    link: dict[str, Any] = dict(view.query(cause=one.id, page=1)) if view else {"cause": one.id}
    return Words(first.title, _subject([entry.subject for entry in entries]), sentence,
                 _amount_at_stake(line.units, line.money), url_for("work.show", **link),
                 _("Show %(num)s", num=number(len(entries))))


def _subject(keys: Sequence[str]) -> str:
    """What a line of several is about: one item as region-items are named, ``north, south · kettle``."""
    region_items = [RegionItem.from_key(key) for key in sorted(keys)]
    if len({one.item for one in region_items}) > 1:
        return selection_words(sorted(keys))
    return f"{names_or_count([one.region for one in region_items], 'region')} · {region_items[0].item}"


def _words(entry: WorkEntry, names: Mapping[str, str]) -> Words:
    known = KINDS.get(entry.kind)
    title, act = (str(known.title), str(known.act)) if known else (entry.kind, _("Look"))
    sentence = _SENTENCES[entry.kind](entry.told) if entry.kind in _SENTENCES else ""
    if entry.kind == "scenario":
        name = names.get(entry.subject, _("a scenario that is private now"))
        link = (url_for("scenarios.detail", token=entry.subject, _anchor="verdict") if entry.subject in names
                else url_for("scenarios.show"))
        return Words(title, name, sentence, _at_stake(entry), link, act)
    return Words(title, str(RegionItem.from_key(entry.subject)), sentence, _at_stake(entry), _link(entry), act)


def _at_stake(entry: WorkEntry) -> str:
    return _amount_at_stake(entry.units, entry.money)


def _amount_at_stake(in_units: float | None, money: float | None) -> str:
    if money is not None:
        currency = services().dataset.currency
        return f"{about_money(money)}{f' {currency}' if currency else ''}"
    return f"{units(in_units)} {unit_words(services().dataset.unit)}" if in_units is not None else ""


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
    moved, before = told["moved"], told.get("before")
    unit = unit_words(services().dataset.unit)
    if before is None:  # found by a version that did not keep it
        return f"{signed(moved)} {unit}"
    relative = f" ({signed_share(moved / before)})" if before > 0 else ""
    return _("%(moved)s %(unit)s%(relative)s: from %(before)s to %(after)s", moved=signed(moved), unit=unit,
             relative=relative, before=units(before), after=units(before + moved))


def _missed(told: Mapping[str, Any]) -> str:
    missed = told.get("missed")
    periods = period_words(told["periods"])
    if not missed:
        return _("%(periods)s in a row", periods=periods)
    return _("%(periods)s in a row; %(missed)s %(unit)s against the forecast lately", periods=periods,
             missed=signed(missed), unit=unit_words(services().dataset.unit))


def _bias(told: Mapping[str, Any]) -> str:
    bias, periods = share(abs(told["bias"]), 0), period_words(told["periods"])
    return (_("%(share)s too high, over %(periods)s", share=bias, periods=periods) if told["bias"] > 0 else
            _("%(share)s too low, over %(periods)s", share=bias, periods=periods))


def _refused(told: Mapping[str, Any]) -> str:
    if "why" in told:
        return stored_words(told["why"])
    return _n("%(num)s row of %(all)s", "%(num)s rows of %(all)s", told["rows"], num=number(told["rows"]),
              all=amount(told["of"]))


def _stale(told: Mapping[str, Any]) -> str:
    if "since" in told:
        return _("v%(version)s, promoted %(date)s", version=told["version"], date=day(told["since"]))
    return _("%(what)s drifted (%(drift)s) since v%(version)s was trained", what=told["drifted"] or _("demand"),
             drift=amount(told["drift"]), version=told["version"])


def _override(told: Mapping[str, Any]) -> str:
    return _("%(lost)s %(unit)s further off than the model over %(periods)s; by %(people)s", lost=units(told["lost"]),
             unit=unit_words(services().dataset.unit), periods=period_words(told["periods"]),
             people=", ".join(told["by"]))


_FORECAST_BY = {"baseline": lazy_gettext("forecast by the baseline"), "untrained": lazy_gettext("not trained yet"),
                "quarantined": lazy_gettext("its data is rejected")}
_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "moved": _moved, "missed": _missed, "bias": _bias, "refused": _refused, "stale": _stale, "override": _override,
    "failed": lambda told: stored_words(told["why"]), "kept": lambda told: stored_words(told["why"]),
    "unusual": lambda told: _("%(periods)s, latest %(date)s", periods=period_words(told["periods"]),
                              date=period(told["newest"])),
    "stock_out": lambda told: _("%(periods)s up to %(date)s", periods=period_words(told["periods"]),
                                date=period(told["last"])),
    "no_model": lambda told: (str(_FORECAST_BY[told["status"]]) if told["status"] in _FORECAST_BY else
                              _("not forecast yet")),
    "scenario": lambda told: _("its last %(period)s was %(date)s", period=PERIOD[services().dataset.frequency],
                               date=period(told["last"])),
}
