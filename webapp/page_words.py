"""Values as words on a page, numbers and dates as the reader writes them: quantities, shares, moments, durations."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from math import isfinite
from typing import Any
from urllib.parse import quote

from flask import Flask, url_for
from markupsafe import Markup

from demand_assets.forecasting.contract.dataset import Dataset
from demand_assets.forecasting.contract.periods import WORDS, in_words
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.forecast.forecaster import Forecast
from webapp.access import may
from webapp.administration.app_settings import announcement
from webapp.dagster_client import DagsterClient, Sent
from webapp.forecasts.period_table import Measure, driver_decimals
from webapp.overrides.applied import amount_words, words_of
from webapp.pages import numbers_and_dates as locales
from webapp.pages.numbers_and_dates import clock, number
from webapp.region_items.best_model import CONTESTANTS
from webapp.region_items.rows import pooled_row
from webapp.retrains.requests import new_form_token, seconds_of
from webapp.scenarios.request import asked_words, selection_words
from webapp.services import services
from webapp.serving.line import mark_of
from webapp.systems.state import mark_of as mark_of_systems
from webapp.systems.state import systems
from webapp.tables import Override, Retrain

NOTHING = "–"
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


def units(value: float | None, decimals: int | None = None) -> str:
    """A quantity; unless told otherwise with one decimal below 100 where it has one, whole from there on."""
    if value is None or not isfinite(value):
        return NOTHING
    if decimals is None:
        decimals = 0 if abs(value) >= 99.95 or round(value, 1).is_integer() else 1
    return number(value, decimals)


def signed(value: float | None, decimals: int | None = None) -> str:
    """A difference, with its sign."""
    if value is None or not isfinite(value):
        return NOTHING
    text = units(abs(value), decimals)
    return f"{'+' if value > 0 else '−'}{text}" if any(digit in text for digit in "123456789") else text


def decimals_for(values: Sequence[float]) -> int:
    """Decimals that suit a column of quantities."""
    return 0 if max(values, default=0.0) >= 100 else 1


def share(value: float | None, decimals: int = 1) -> str:
    """A share as percent."""
    return NOTHING if value is None or not isfinite(value) else locales.percent(value, decimals)


def signed_share(value: float | None) -> str:
    """A relative difference as percent, with its sign."""
    if value is None or not isfinite(value):
        return NOTHING
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{locales.percent(abs(value), 1)}"


def percent(value: float | None) -> str:
    """A share in whole percent, without the sign of percent: for a narrow cell that says elsewhere what it is."""
    if value is None or not isfinite(value):
        return NOTHING
    whole = round(100 * value)
    return f"{'−' if whole < 0 else ''}{abs(whole)}"


def moment(value: datetime | str | None, form: str = "short") -> Markup | str:
    """A moment, or one as ISO 8601 text; the browser shows it in its own time zone (``short``: the date is left out
    today)."""
    if not value:
        return NOTHING
    value = datetime.fromisoformat(value) if isinstance(value, str) else value
    at = value.astimezone(UTC)
    same_day = form == "short" and at.date() == datetime.now(UTC).date()
    text = clock(at) if same_day else f"{locales.day(at)}, {clock(at)}"
    return Markup('<time datetime="{}" data-local="{}">{}</time>').format(at.isoformat(timespec="seconds"), form, text)


def day(value: date | str | None) -> str:
    """A date, or one as ISO 8601 text, as the reader writes it."""
    if not value:
        return NOTHING
    return locales.day(date.fromisoformat(value[:10]) if isinstance(value, str) else value)


def period(value: date | str | None) -> str:
    """The date of one of the dataset's periods: a day with its day of the week, a week by its date, a month."""
    if not value:
        return NOTHING
    at = date.fromisoformat(value[:10]) if isinstance(value, str) else value
    written = {"D": locales.weekday, "M": locales.month}.get(services().dataset.frequency, locales.day)
    return written(at)


def duration(seconds: float | None) -> str:
    """A duration in words."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def age(value: datetime | None) -> str:
    """How long ago a moment was, in its largest unit."""
    if value is None:
        return NOTHING
    seconds = max((datetime.now(UTC) - value).total_seconds(), 0)
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{plural(int(seconds // size), word)} ago"
    return "just now"


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


def served_by_words(forecast: Forecast) -> str:
    """What a forecast is by: ``v3``, ``pooled model v2``, ``baseline``."""
    return version_words(mark_of(forecast))


def group_titles(dataset: Dataset) -> dict[str, str]:
    """The drivers of an explanation by their titles."""
    return {driver.name: driver.title for driver in dataset.drivers}


def plural(count: int, word: str) -> str:
    """A count with its word: ``1 region-item``, ``2 region-items``."""
    return f"{number(count)} {word}{'' if count == 1 else 's'}"


def driver_value(value: Any, kind: str, decimals: int | None = None) -> str:
    """A driver's value as the table shows it; a number with its own decimals unless told otherwise."""
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return NOTHING
    if kind == "yes_no":
        return "yes" if float(value) else ""
    if not isinstance(value, int | float):
        return str(value)
    plain = f"{value:g}"
    return plain if "e" in plain else number(float(plain), driver_decimals([value]) if decimals is None else decimals)


def cell(measure: Measure, place: int, decimals: int) -> Markup | str:
    """One value of a table by period; a driver that a scenario changes has what was planned struck out beside it."""
    found = measure.values[place]
    if found is None:
        return ""
    if measure.kind != "driver":
        return signed(found, decimals) if measure.kind == "signed" else units(found, decimals)
    before, after = (driver_value(value, measure.driver_kind, measure.decimals) for value in found)
    if before == after:
        return after
    return Markup('<s class="small">{}</s> <strong>{}</strong>').format(before or "no", after or "no")


def dagster_link(retrain: Retrain) -> str | None:
    """The page of the retrain's run or backfill in Dagster; None before it is sent."""
    if not retrain.dagster_id:
        return None
    client = DagsterClient(services().settings.dagster_url)
    return client.link(Sent("backfill" if retrain.carrier == "backfill" else "run", retrain.dagster_id))


def mlflow_link(region_item: RegionItem) -> str:
    """The page of the region-item's registered model in MLflow."""
    name = region_item.model_name(services().dataset.name)
    return f"{services().settings.mlflow_url.rstrip('/')}/#/models/{quote(name, safe='~')}"


def version_link(region_item: RegionItem, version: int) -> str:
    """The page of one version of the region-item's model in MLflow."""
    return f"{mlflow_link(region_item)}/versions/{version}"


def run_link(run_id: str) -> str:
    """The page of one run in Dagster."""
    return DagsterClient(services().settings.dagster_url).link(Sent("run", run_id))


def region_item_words(key: str) -> str:
    """A region-item by its key: ``north · kettle``."""
    return str(RegionItem.from_key(key))


def forecast_link(key: str) -> str:
    """The forecast page of one region-item."""
    return url_for("forecasts.show", ri=key)


def override_words(overrides: Sequence[Override], of_sum: bool = False) -> str:
    """What overrides of one period do: ``10 % more``, ``120 units``; of a sum ``3 overrides``."""
    return words_of(overrides, _amount, services().dataset.unit, of_sum)


def override_amount(way: str, amount: float) -> str:
    """What one override does."""
    return amount_words(way, amount, _amount, services().dataset.unit)


def _amount(value: float) -> str:
    """A number with as many decimals as it has, at most two."""
    plain = f"{value:.2f}".rstrip("0").rstrip(".")
    return number(float(plain), len(plain.partition(".")[2]))


def period_words(dataset: Dataset, count: int) -> str:
    """So many periods, in words."""
    return in_words(count, dataset.frequency)


def add_to(app: Flask) -> None:
    """Let templates use these words."""
    app.jinja_env.filters.update(units=units, signed=signed, share=share, signed_share=signed_share, moment=moment,
                                 age=age, percent=percent, day=day, period=period, duration=duration,
                                 driver_value=driver_value, whole=number)
    app.jinja_env.globals.update(
        STATE_WORDS=STATE_WORDS, STATE_COLOURS=STATE_COLOURS, plural=plural, decimals_for=decimals_for,
        driver_decimals=driver_decimals,
        change_words=change_words, version_words=version_words, promotion_words=promotion_words,
        stand_in_words=stand_in_words, served_by_words=served_by_words, CONTESTANTS=CONTESTANTS,
        dagster_link=dagster_link, mlflow_link=mlflow_link, version_link=version_link, run_link=run_link,
        forecast_link=forecast_link, selection_words=selection_words, region_item_words=region_item_words,
        asked_words=partial(asked_words, written=day), seconds_of=seconds_of, new_form_token=new_form_token,
        systems=systems, mark_of_systems=mark_of_systems, cell=cell, today=date.today, reader_tag=locales.reader_tag,
        may=may, announcement=announcement, override_amount=override_amount)

    @app.context_processor
    def _dataset() -> dict[str, Any]:
        dataset = services().dataset
        return {"dataset": dataset, "period_words": lambda count: period_words(dataset, count),
                "a_period": WORDS[dataset.frequency][0], "group_titles": group_titles(dataset),
                "settings": services().settings, "started": app.extensions["started"]}
