"""What region-items, their states and what forecasts them are called on the pages, and where their pages are."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask, url_for

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.whatif.explanation import CALENDAR, HISTORY, LIMITS, USUAL
from webapp.language.translations import gettext as _
from webapp.region_items.own_pooled_or_naive import CONTESTANTS
from webapp.region_items.rows import pooled_row
from webapp.services import services

NAMES_TOLD = 3
"""Regions or items that a selection's words list."""
STATE_WORDS = {
    "stored": "waiting to be sent", "sent": "running", "finished": "finished", "cancelled": "cancelled",
    "queued": "queued", "training": "training", "judging": "being judged", "promoted": "promoted", "kept": "kept",
    "quarantined": "quarantined", "failed": "failed",
    "promote": "promoted", "keep": "kept", "done": "done",
    "production": "in production", "pooled": "pooled model", "baseline": "baseline", "untrained": "not trained yet",
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
        return "baseline"
    return f"pooled model v{text[1:]}" if text.startswith("p") else f"v{text}"


def change_words(change: Mapping[str, Any]) -> str:
    """What took another's place: ``v3 → v4``, ``pooled model v2 → v1``."""
    return f"{version_words(change['before'])} → {version_words(change['after'])}"


def promotion_words(before: int | None, after: int | None) -> str:
    """A promotion: ``v3 → v4``, ``v1, its first model``."""
    return f"v{before} → v{after}" if before else f"v{after}, its first model"


def stand_in_words(numbers: Mapping[str, Any] | None = None) -> str:
    """What forecasts region-items without a model of their own.

    Args:
        numbers: of the gate's decision on one; the baseline stands in where it was better than its candidate.
    """
    mine, naive = ((numbers or {}).get(name) for name in ("wape", "wape_seasonal_naive"))
    if mine is not None and naive is not None and naive < mine:
        return "the baseline"
    pooled = pooled_row()
    return "the pooled model" if pooled and pooled.production_version is not None else "the baseline"


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
    told = f"{names_or_count(items, 'item')} in {names_or_count(regions, 'region')}"
    return told if len(region_items) == len(regions) * len(items) else f"{len(region_items)} region-items of {told}"


def names_or_count(names: Sequence[str], word: str) -> str:
    """Names with commas between, or how many there are where they are many: ``north, south``, ``12 regions``."""
    return ", ".join(names) if len(names) <= NAMES_TOLD else f"{len(names)} {word}s"


def add_to(app: Flask) -> None:
    """Let templates use these words and addresses."""
    app.jinja_env.globals.update(
        STATE_WORDS=STATE_WORDS, STATE_COLOURS=STATE_COLOURS, CONTESTANTS=CONTESTANTS, version_words=version_words,
        change_words=change_words, promotion_words=promotion_words, stand_in_words=stand_in_words,
        region_item_words=region_item_words, selection_words=selection_words, forecast_link=forecast_link)

    @app.context_processor
    def _titles() -> dict[str, Any]:
        return {"group_titles": group_titles(services().dataset)}
