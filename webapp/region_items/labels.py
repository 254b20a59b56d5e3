"""What region-items, their states and what forecasts them are called on the pages, and where their pages are."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask, url_for

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.whatif.explanation import CALENDAR, HISTORY, LIMITS, USUAL
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext as _l
from webapp.language.translations import ngettext as _n
from webapp.region_items.own_pooled_or_naive import CONTESTANTS
from webapp.region_items.rows import pooled_row
from webapp.services import services

NAMES_TOLD = 3
"""Regions or items that a selection's words list."""
STATE_WORDS = {
    "stored": _l("waiting to be sent"), "sent": _l("running"), "finished": _l("finished"), "cancelled": _l("cancelled"),
    "queued": _l("queued"), "training": _l("training"), "judging": _l("being judged"), "promoted": _l("promoted"),
    "kept": _l("kept"), "quarantined": _l("quarantined"), "failed": _l("failed"),
    "promote": _l("promoted"), "keep": _l("kept"), "done": _l("done"),
    "production": _l("in production"), "pooled": _l("pooled model"), "baseline": _l("baseline"),
    "untrained": _l("not trained yet"),
}
STATE_COLOURS = {
    "production": "success", "promoted": "success", "pooled": "primary", "baseline": "secondary", "kept": "secondary",
    "cancelled": "secondary", "untrained": "light", "queued": "light", "training": "info", "judging": "info",
    "promote": "success", "keep": "secondary", "done": "success", "refused": "danger",
    "quarantined": "warning", "failed": "danger", "stored": "light", "sent": "info", "finished": "secondary",
}


def version_words(mark: object) -> str:
    """What forecasts: ``v3``, ``pooled model v2``, ``baseline``.

    Args:
        mark: a version, with a ``p`` before it when it is the pooled model's; empty for the baseline.
    """
    text = str(mark or "")
    if not text.removeprefix("p").isdecimal():
        return _("baseline")
    return _("pooled model v%(version)s", version=text[1:]) if text.startswith("p") else f"v{text}"


def change_words(change: Mapping[str, Any]) -> str:
    """What took another's place: ``v3 → v4``, ``pooled model v2 → v1``."""
    return f"{version_words(change['before'])} → {version_words(change['after'])}"


def promotion_words(before: int | None, after: int | None) -> str:
    """A promotion: ``v3 → v4``, ``v1, its first model``."""
    return f"v{before} → v{after}" if before else _("v%(version)s, its first model", version=after)


def stand_in_words(numbers: Mapping[str, Any] | None = None) -> str:
    """What forecasts region-items without a model of their own.

    Args:
        numbers: of the gate's decision on one; the baseline stands in where it was better than its candidate.
    """
    mine, naive = ((numbers or {}).get(name) for name in ("wape", "wape_seasonal_naive"))
    if mine is not None and naive is not None and naive < mine:
        return _("the baseline")
    pooled = pooled_row()
    return _("the pooled model") if pooled and pooled.production_version is not None else _("the baseline")


def region_item_words(key: str) -> str:
    """A region-item by its key: ``north · kettle``."""
    return str(RegionItem.from_key(key))


def forecast_link(key: str) -> str:
    """The forecast page of one region-item."""
    return url_for("forecasts.show", ri=key)


def group_titles(dataset: Dataset) -> dict[str, str]:
    """The parts of an explanation by their titles; drivers by their own."""
    known = {USUAL: _("usual level"), HISTORY: _("recent demand"), CALENDAR: _("calendar"), LIMITS: _("limits")}
    return known | {driver.name: driver.title for driver in dataset.drivers}


def selection_words(keys: Sequence[str]) -> str:
    """A selection in words: ``north · kettle``, ``kettle, mixer in north``, ``20 items in 2 regions``."""
    region_items = [RegionItem.from_key(key) for key in keys]
    regions, items = (list(dict.fromkeys(names)) for names in zip(
        *((one.region, one.item) for one in region_items), strict=True)) if region_items else ([], [])
    if len(region_items) == 1:
        return str(region_items[0])
    told = _("%(items)s in %(regions)s", items=names_or_count(items, "item"),
             regions=names_or_count(regions, "region"))
    return told if len(region_items) == len(regions) * len(items) else _n(
        "%(num)s region-item of %(what)s", "%(num)s region-items of %(what)s", len(region_items), what=told)


def names_or_count(names: Sequence[str], word: str) -> str:
    """Names with commas between, or how many there are where they are many: ``north, south``, ``12 regions``."""
    return ", ".join(names) if len(names) <= NAMES_TOLD else _n(
        f"%(num)s {word}", f"%(num)s {word}s", len(names))


def add_to(app: Flask) -> None:
    """Let templates use these words and addresses."""
    app.jinja_env.globals.update(
        STATE_WORDS=STATE_WORDS, STATE_COLOURS=STATE_COLOURS, CONTESTANTS=CONTESTANTS, version_words=version_words,
        change_words=change_words, promotion_words=promotion_words, stand_in_words=stand_in_words,
        region_item_words=region_item_words, selection_words=selection_words, forecast_link=forecast_link)

    @app.context_processor
    def _titles() -> dict[str, Any]:
        return {"group_titles": group_titles(services().dataset)}
