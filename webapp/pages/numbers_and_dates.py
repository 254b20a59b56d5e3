"""Values as the pages show them: quantities, shares, dates, moments, durations, as the reader writes them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from math import floor, isfinite, log10

from flask import Flask
from markupsafe import Markup

from demand_assets.forecasting.contract.periods import WORDS
from demand_assets.forecasting.series.metrics import recorded
from webapp.language.translations import gettext as _
from webapp.language.translations import ngettext as _n
from webapp.language.unit_words import unit_words
from webapp.pages import reader_locale
from webapp.pages.reader_locale import clock, number
from webapp.services import services

NOTHING = "–"
SMALLEST = 1e-6
"""A quantity below this is shown as 0: what is left of computing with what is larger."""


def units(value: float | None, decimals: int | None = None) -> str:
    """A quantity; unless told otherwise whole from 100 on, with one decimal below where it has one, and below 1 with as
    many as its two first digits need: demand may be counted in grams."""
    if value is None or not isfinite(value):
        return NOTHING
    if decimals is None:
        decimals = _decimals_of(abs(value))
        value = value if round(value, decimals) else 0.0
    return number(value, decimals)


def for_scripts(value: float) -> float:
    """A quantity with so many digits that a script which rounds it shows what ``units`` shows; never rounded twice."""
    if value % 1 == 0 and -1e11 < value < 1e11:  # as most of what was sold
        return float(value)
    return float(f"{value:.12g}")


def _decimals_of(size: float) -> int:
    """Decimals that a quantity of that size needs, those at its end that are 0 left out."""
    if size >= 99.95:
        return 0
    most = decimals_for([size])
    text = f"{size:.{most}f}"
    return len(text.rstrip("0").partition(".")[2]) if most else 0


def signed(value: float | None, decimals: int | None = None) -> str:
    """A difference, with its sign."""
    if value is None or not isfinite(value):
        return NOTHING
    text = units(abs(value), decimals)
    return f"{'+' if value > 0 else '−'}{text}" if any(digit in text for digit in "123456789") else text


def decimals_for(values: Sequence[float]) -> int:
    """Decimals that suit a column of quantities, the largest of which gets two digits at least."""
    largest = max(values, default=0.0)
    if largest >= 100:
        return 0
    return 1 if largest >= 0.95 or largest < SMALLEST else 1 - floor(log10(largest))


def share(value: float | None, decimals: int = 1) -> str:
    """A share as percent, rounded from what is recorded of shares, as the reasons of decisions are."""
    return NOTHING if value is None or not isfinite(value) else reader_locale.percent(recorded(value), decimals)


def signed_share(value: float | None) -> str:
    """A relative difference as percent, with its sign."""
    if value is None or not isfinite(value):
        return NOTHING
    text = share(abs(value))
    return f"{'+' if value > 0 else '−'}{text}" if any(digit in text for digit in "123456789") else text


def percent(value: float | None) -> str:
    """A share in whole percent, without the sign of percent: for a narrow cell that says elsewhere what it is."""
    if value is None or not isfinite(value):
        return NOTHING
    whole = round(100 * value)
    return f"{'−' if whole < 0 else ''}{abs(whole)}"


def moment(value: datetime | str | None, form: str = "short") -> Markup | str:
    """A moment, or one as ISO 8601 text; the browser shows it in its own time zone (``short``: today in place
    of today's date)."""
    if not value:
        return NOTHING
    value = datetime.fromisoformat(value) if isinstance(value, str) else value
    at = value.astimezone(UTC)
    same_day = form == "short" and at.date() == datetime.now(UTC).date()
    text = _("today, %(time)s", time=clock(at)) if same_day else f"{reader_locale.day(at)}, {clock(at)}"
    return Markup('<time datetime="{}" data-local="{}">{}</time>').format(at.isoformat(timespec="seconds"), form, text)


def day(value: date | str | None) -> str:
    """A date, or one as ISO 8601 text, as the reader writes it."""
    if not value:
        return NOTHING
    return reader_locale.day(date.fromisoformat(value[:10]) if isinstance(value, str) else value)


def period(value: date | str | None) -> str:
    """The date of one of the dataset's periods: a day with its day of the week, a week by its date, a month or a
    quarter."""
    if not value:
        return NOTHING
    at = date.fromisoformat(value[:10]) if isinstance(value, str) else value
    written = {"D": reader_locale.weekday, "M": reader_locale.month, "Q": reader_locale.quarter}.get(
        services().dataset.frequency, reader_locale.day)
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
    days, hours, minutes = int(seconds // 86_400), int(seconds // 3600), int(seconds // 60)
    if days:
        return _n("%(num)s day ago", "%(num)s days ago", days, num=number(days))
    if hours:
        return _n("%(num)s hour ago", "%(num)s hours ago", hours)
    if minutes:
        return _n("%(num)s minute ago", "%(num)s minutes ago", minutes)
    return _("just now")


def plural(count: int, word: str) -> str:
    """A count with its word: ``1 region-item``, ``2 region-items``. The catalogues have what this is called with."""
    return _n(f"%(num)s {word}", f"%(num)s {word}s", count, num=number(count))


def period_words(count: int) -> str:
    """So many of the dataset's periods in words: ``7 days``."""
    one, more = WORDS[services().dataset.frequency]
    return _n(f"%(num)s {one}", f"%(num)s {more}", count)


def amount(value: float) -> str:
    """A number with as many decimals as it has, at most two; below 1 at most as many as three digits need."""
    size = abs(value)
    plain = f"{value:.{2 if size >= 1 or size < SMALLEST else 2 - floor(log10(size))}f}".rstrip("0").rstrip(".")
    return number(float(plain), len(plain.partition(".")[2]))


def add_to(app: Flask) -> None:
    """Let templates write values so."""
    app.jinja_env.filters.update(units=units, signed=signed, share=share, signed_share=signed_share, moment=moment,
                                 age=age, percent=percent, day=day, period=period, duration=duration, whole=number,
                                 unit_words=unit_words)
    app.jinja_env.globals.update(plural=plural, decimals_for=decimals_for, period_words=period_words,
                                 today=date.today, reader_tag=reader_locale.reader_tag)
