"""Sentences that explain a forecast, a difference or a miss, at most two each. All their words stand here.

They are made from numbers that the page has too, and write them as it does. They say what the model adds for something,
never what demand comes from. What is not named is summed up as all else, and what is not known is said to be unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from webapp.language.translations import gettext as _
from webapp.language.translations import ngettext as _n
from webapp.language.unit_words import unit_words
from webapp.pages.numbers_and_dates import period, period_words, signed, signed_share, units
from webapp.pages.reader_locale import number

Name = TypeVar("Name")
MOST_NAMED = 3
"""Parts that a sentence names; the others are one sum."""
LOST = 1e-3
"""Of all parts: each of them is written with about as many digits."""


@dataclass(frozen=True)
class Parts:
    """What contributions come to over all periods, in units."""

    units: Sequence[tuple[str, float]]
    """Title and units of each, without the usual level."""
    whole: float
    """What all are said to add up to: the model's forecast, or a difference."""
    usual: float | None = None
    """The usual level, which a forecast starts from; None of a difference."""
    decimals: int | None = None
    """Of the page's table of them; None: each as suits it."""
    without: int = 0
    """Region-items of the whole that have no parts."""


@dataclass(frozen=True)
class AgainstLastYear:
    """A forecast beside what was sold a year before, in units, over the periods whose sales then are known."""

    forecast: float
    sold: float
    known: int
    """Periods."""
    periods: int
    """Of the forecast, known a year before or not."""
    out_of_stock: int = 0
    """Periods in which more may have been wanted then than was sold."""
    sold_then: int = 0
    """Region-items that were sold in all of them, which alone are beside one another; 0: all of the forecast are."""
    region_items: int = 0
    """Of the forecast, where ``sold_then`` says something."""


@dataclass(frozen=True)
class Miss:
    """What was forecast and what came, in units, of the same periods."""

    dates: Sequence[date]
    forecast: Sequence[float]
    """As it stood when each began."""
    sold: Sequence[float]
    out_of_stock: int = 0
    """Periods left out, as demand was more than was sold."""


def of_forecast(last_year: AgainstLastYear | None, parts: Parts | None, unit: str, has_model: bool = True,
                overridden: float = 0.0, below_total: bool = False) -> list[str]:
    """A forecast beside last year, and what it is made of.

    Args:
        last_year: None where nothing is told of it.
        parts: None where they were not worked out, or where there are none.
        has_model: whether anything but seasonal naive forecasts, which has no parts.
        overridden: units that overrides add to what the models forecast, negative: take off.
        below_total: whether the forecast itself stands right above, and need not be told again.
    """
    unit = unit_words(unit)
    beside = [] if last_year is None else [_against_last_year(last_year, unit, below_total)]
    made_of = [_("Seasonal naive repeats past demand: the forecast has no parts.")] if not has_model else (
        [] if parts is None else [_with_overrides(_shared_out(parts, unit), overridden)])
    return [*beside, *made_of] if last_year and last_year.known else [*made_of, *beside]


def _with_overrides(sentence: str, overridden: float) -> str:
    """Parts are of the models' forecast: with what overrides make of it they add up to the forecast."""
    if not _shows(overridden):
        return sentence
    values = {"sentence": sentence.removesuffix("."), "amount": units(abs(overridden))}
    return _("%(sentence)s; overrides add %(amount)s.", **values) if overridden > 0 else (
        _("%(sentence)s; overrides take off %(amount)s.", **values))


def of_scenario(plan: float, scenario: float, parts: Parts | None, unit: str, has_model: bool = True) -> list[str]:
    """A scenario beside the plan, in units, and what the difference is made of; ``parts``, ``has_model`` as above."""
    difference, unit = scenario - plan, unit_words(unit)
    if not _shows(difference):
        return [_("The scenario gives as many %(units)s as the plan.", units=unit)]
    values = {"amount": units(abs(difference)), "units": unit, "share": _share(difference, plan)}
    told = _("The scenario gives %(amount)s %(units)s more than the plan%(share)s.", **values) if difference > 0 else (
        _("The scenario gives %(amount)s %(units)s fewer than the plan%(share)s.", **values))
    if not has_model:
        return [told, _("What the difference is made of is not known: seasonal naive has no parts.")]
    return [told] if parts is None else [told, _shared_out(parts, unit)]


def of_new_model(before: float, after: float, periods: int, parts: Parts | None, unit: str) -> list[str]:
    """The forecast of the same periods by the model before and by the one after, in units.

    Args:
        parts: of after minus before; None where one of them is seasonal naive.
    """
    unit = unit_words(unit)
    if not _shows(after - before):
        return [_("The new model forecasts as many %(units)s over %(periods)s as the one before: %(amount)s.",
                  units=unit, periods=period_words(periods), amount=units(after))]
    told = _("Over %(periods)s the forecast goes from %(before)s to %(after)s %(units)s: %(difference)s%(share)s.",
             periods=period_words(periods), before=units(before), after=units(after), units=unit,
             difference=signed(after - before), share=_share(after - before, before))
    return [told, _("What the difference is made of is not known: seasonal naive has no parts.") if parts is None
            else _shared_out(parts, unit, of_new=True)]


def of_miss(miss: Miss | None, unit: str, decimals: int) -> list[str]:
    """How far forecasts were off together, and in which periods most.

    Args:
        miss: None where no period is known that was forecast.
        decimals: of single periods, as the page writes them.
    """
    if miss is None or not miss.dates:
        return [_("No period that was forecast has known sales yet.")]
    forecast, sold = sum(miss.forecast), sum(miss.sold)
    left_out = _("; %(periods)s out of stock left out", periods=period_words(miss.out_of_stock)) if (
        miss.out_of_stock) else ""
    values = {"periods": period_words(len(miss.dates)), "forecast": units(forecast),
              "units": unit_words(unit), "sold": units(sold), "left_out": left_out}
    if _shows(forecast - sold):
        values |= {"amount": units(abs(forecast - sold)), "share": _share(forecast - sold, sold)}
        told = _n("Over %(periods)s with a forecast, the models had %(forecast)s %(units)s, without "
                  "overrides, and %(sold)s were sold: %(amount)s too many%(share)s%(left_out)s.",
                  "Of the last %(periods)s with a forecast, the models had %(forecast)s %(units)s, without "
                  "overrides, and %(sold)s were sold: %(amount)s too many%(share)s%(left_out)s.",
                  len(miss.dates), **values) if forecast > sold else (
               _n("Over %(periods)s with a forecast, the models had %(forecast)s %(units)s, without "
                  "overrides, and %(sold)s were sold: %(amount)s too few%(share)s%(left_out)s.",
                  "Of the last %(periods)s with a forecast, the models had %(forecast)s %(units)s, without "
                  "overrides, and %(sold)s were sold: %(amount)s too few%(share)s%(left_out)s.",
                  len(miss.dates), **values))
    else:
        told = _n("Over %(periods)s with a forecast, the models had %(forecast)s %(units)s, without "
                  "overrides, and %(sold)s were sold%(left_out)s.",
                  "Of the last %(periods)s with a forecast, the models had %(forecast)s %(units)s, without "
                  "overrides, and %(sold)s were sold%(left_out)s.",
                  len(miss.dates), **values)
    off = {at: one - other for at, one, other in zip(miss.dates, miss.forecast, miss.sold, strict=True)}
    named = _largest(off, decimals)
    if not named:
        return [told]
    values_at = dict(zip(miss.dates, zip(miss.forecast, miss.sold, strict=True), strict=True))
    most = ", ".join(_("%(period)s %(difference)s (%(forecast)s by the models, %(sold)s sold)", period=period(at),
                       difference=signed(off[at], decimals), forecast=units(values_at[at][0], decimals),
                       sold=units(values_at[at][1], decimals)) for at in named)
    others = [value for at, value in off.items() if at not in named]
    rest = _n("; the other (%(periods)s) %(difference)s", "; the other %(periods)s together %(difference)s",
              len(others), periods=period_words(len(others)), difference=signed(sum(others))) if others else ""
    return [told, _("Furthest off: %(most)s%(rest)s.", most=most, rest=rest)]


def _against_last_year(found: AgainstLastYear, unit: str, below_total: bool) -> str:
    if not found.known:
        return _("What was sold in these periods last year is not known.")
    difference = found.forecast - found.sold
    out = _("; more may have been wanted then, out of stock in %(periods)s", periods=period_words(
        found.out_of_stock)) if found.out_of_stock else ""
    values = {"forecast": units(found.forecast), "units": unit, "amount": units(abs(difference)),
              "sold": units(found.sold), "periods": period_words(found.periods), "out": out,
              "share": _share(difference, found.sold)}
    if found.sold_then:
        values |= {"some": number(found.sold_then), "all": number(found.region_items)}
        if not _shows(difference):
            return _n("For the %(some)s of %(all)s region-items that sold in the same period (%(periods)s) last year, "
                      "%(forecast)s %(units)s are forecast: as many as the %(sold)s sold then%(share)s%(out)s.",
                      "For the %(some)s of %(all)s region-items that sold in the same %(periods)s last year, "
                      "%(forecast)s %(units)s are forecast: as many as the %(sold)s sold then%(share)s%(out)s.",
                      found.periods, **values)
        if difference > 0:
            return _n("For the %(some)s of %(all)s region-items that sold in the same period (%(periods)s) last year, "
                      "%(forecast)s %(units)s are forecast: %(amount)s more than the %(sold)s sold "
                      "then%(share)s%(out)s.",
                      "For the %(some)s of %(all)s region-items that sold in the same %(periods)s last year, "
                      "%(forecast)s %(units)s are forecast: %(amount)s more than the %(sold)s sold "
                      "then%(share)s%(out)s.",
                      found.periods, **values)
        return _n("For the %(some)s of %(all)s region-items that sold in the same period (%(periods)s) last year, "
                  "%(forecast)s %(units)s are forecast: %(amount)s fewer than the %(sold)s sold "
                  "then%(share)s%(out)s.",
                  "For the %(some)s of %(all)s region-items that sold in the same %(periods)s last year, "
                  "%(forecast)s %(units)s are forecast: %(amount)s fewer than the %(sold)s sold "
                  "then%(share)s%(out)s.",
                  found.periods, **values)
    if found.known < found.periods:
        values["known"] = str(found.known)
        if not _shows(difference):
            return _("In the %(known)s of %(periods)s whose sales of last year are known, %(forecast)s %(units)s are "
                     "forecast: as many as the %(sold)s sold then%(share)s%(out)s.", **values)
        if difference > 0:
            return _("In the %(known)s of %(periods)s whose sales of last year are known, %(forecast)s %(units)s are "
                     "forecast: %(amount)s more than the %(sold)s sold then%(share)s%(out)s.", **values)
        return _("In the %(known)s of %(periods)s whose sales of last year are known, %(forecast)s %(units)s are "
                 "forecast: %(amount)s fewer than the %(sold)s sold then%(share)s%(out)s.", **values)
    if below_total:
        values["share"] = f", {signed_share(difference / found.sold)}" if values["share"] else ""
        if not _shows(difference):
            return _n("As many as in the same period (%(periods)s) last year (%(sold)s sold%(share)s)%(out)s.",
                      "As many as in the same %(periods)s last year (%(sold)s sold%(share)s)%(out)s.",
                      found.periods, **values)
        if difference > 0:
            return _n("%(amount)s more than in the same period (%(periods)s) last year "
                      "(%(sold)s sold%(share)s)%(out)s.",
                      "%(amount)s more than in the same %(periods)s last year (%(sold)s sold%(share)s)%(out)s.",
                      found.periods, **values)
        return _n("%(amount)s fewer than in the same period (%(periods)s) last year (%(sold)s sold%(share)s)%(out)s.",
                  "%(amount)s fewer than in the same %(periods)s last year (%(sold)s sold%(share)s)%(out)s.",
                  found.periods, **values)
    if not _shows(difference):
        return _n("%(forecast)s %(units)s are forecast: as many as the %(sold)s sold in the same period (%(periods)s) "
                  "last year%(share)s%(out)s.",
                  "%(forecast)s %(units)s are forecast: as many as the %(sold)s sold in the same %(periods)s last "
                  "year%(share)s%(out)s.",
                  found.periods, **values)
    if difference > 0:
        return _n("%(forecast)s %(units)s are forecast: %(amount)s more than the %(sold)s sold in the same period "
                  "(%(periods)s) last year%(share)s%(out)s.",
                  "%(forecast)s %(units)s are forecast: %(amount)s more than the %(sold)s sold in the same "
                  "%(periods)s last year%(share)s%(out)s.",
                  found.periods, **values)
    return _n("%(forecast)s %(units)s are forecast: %(amount)s fewer than the %(sold)s sold in the same period "
              "(%(periods)s) last year%(share)s%(out)s.",
              "%(forecast)s %(units)s are forecast: %(amount)s fewer than the %(sold)s sold in the same %(periods)s "
              "last year%(share)s%(out)s.",
              found.periods, **values)


def _shared_out(parts: Parts, unit: str, of_new: bool = False) -> str:
    """What the parts are, the largest by name; what they do not add up to is named too.

    Args:
        of_new: whether they are of the new model, beside the one before.
    """
    values = dict(enumerate(value for _, value in parts.units))
    titles, decimals = [title for title, _ in parts.units], parts.decimals
    named = _largest(values, decimals)
    said, phrases = parts.usual is not None, []  # whether the unit was said
    for places in ([at for at in named if values[at] > 0], [at for at in named if values[at] < 0]):
        words = []
        for at in places:
            amount = units(abs(values[at]), decimals)
            words.append(_("%(amount)s for %(part)s", amount=amount, part=titles[at]) if said else
                         _("%(amount)s %(units)s for %(part)s", amount=amount, units=unit, part=titles[at]))
            said = True
        phrases.append(_listed(words) if words else "")
    added, taken = phrases
    told = _added_and_taken(added, taken, of_new) if parts.usual is None else _from_usual_level(
        f"{units(parts.usual, decimals)} {unit}", added, taken)
    rest = sum(value for at, value in values.items() if at not in named)
    if named and _shows(rest, decimals) and not _is_lost(rest, values.values(), decimals):
        amount = units(abs(rest), decimals)
        told += _("; all else adds %(amount)s", amount=amount) if rest > 0 else (
            _("; all else takes off %(amount)s", amount=amount))
    beside = parts.whole - sum(values.values()) - (parts.usual or 0.0)
    if _shows(beside, decimals) and not _is_lost(beside, values.values(), decimals):
        amount = signed(beside, decimals)
        told += _n("; %(amount)s %(units)s are in none of the parts, of %(num)s region-item without parts",
                   "; %(amount)s %(units)s are in none of the parts, of %(num)s region-items without parts",
                   parts.without, num=number(parts.without), amount=amount, units=unit) if parts.without else (
            _("; %(amount)s %(units)s are in none of the parts", amount=amount, units=unit))
    return f"{told}."


def _from_usual_level(usual: str, added: str, taken: str) -> str:
    """What the model adds to the usual level and takes off it; empty where that is nothing."""
    if added and taken:
        return _("From a usual level of %(usual)s the model adds %(added)s and takes off %(taken)s", usual=usual,
                 added=added, taken=taken)
    if added:
        return _("From a usual level of %(usual)s the model adds %(added)s", usual=usual, added=added)
    if taken:
        return _("From a usual level of %(usual)s the model takes off %(taken)s", usual=usual, taken=taken)
    return _("From a usual level of %(usual)s the model adds and takes off nothing that shows", usual=usual)


def _added_and_taken(added: str, taken: str, of_new: bool) -> str:
    """What a model adds and takes off; empty where that is nothing."""
    if added and taken:
        return _("The new model adds %(added)s and takes off %(taken)s", added=added, taken=taken) if of_new else (
            _("The model adds %(added)s and takes off %(taken)s", added=added, taken=taken))
    if added:
        return _("The new model adds %(added)s", added=added) if of_new else _("The model adds %(added)s", added=added)
    if taken:
        return _("The new model takes off %(taken)s", taken=taken) if of_new else (
            _("The model takes off %(taken)s", taken=taken))
    return _("The new model adds and takes off nothing that shows") if of_new else (
        _("The model adds and takes off nothing that shows"))


def _largest(values: Mapping[Name, float], decimals: int | None) -> list[Name]:
    """The names of the largest by size that show as something, largest first."""
    return sorted((name for name, value in values.items() if _shows(value, decimals)),
                  key=lambda name: -abs(values[name]))[:MOST_NAMED]


def _shows(value: float, decimals: int | None = None) -> bool:
    """Whether it is written as something else than 0."""
    return signed(value, decimals)[0] in "+−"


def _is_lost(beside: float, parts: Iterable[float], decimals: int | None) -> bool:
    """Whether what is beside parts, or is not named of them, is lost in their rounding, where no number of decimals
    says it."""
    return decimals is None and abs(beside) < LOST * sum(abs(value) for value in parts)


def _share(difference: float, of: float) -> str:
    return f" ({signed_share(difference / of)})" if of and _shows(difference) else ""


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else _("%(first)s and %(last)s", first=", ".join(words[:-1]), last=words[-1])
