"""Sentences that explain a forecast, a difference or a miss, at most two each. All their words stand here.

They are made from numbers that the page has too, and write them as it does. They say what the model adds for something,
never what demand comes from. What is not named is summed up as all else, and what is not known is said to be unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from webapp.pages.numbers_and_dates import period, period_words, plural, signed, signed_share, units

Name = TypeVar("Name")
MOST_NAMED = 3
"""Parts that a sentence names; the others are one sum."""


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


@dataclass(frozen=True)
class Miss:
    """What was forecast and what came, in units, of the same periods."""

    dates: Sequence[date]
    forecast: Sequence[float]
    """As it stood when each began."""
    sold: Sequence[float]
    out_of_stock: int = 0
    """Periods left out, as demand was more than was sold."""


def of_forecast(last_year: AgainstLastYear | None, parts: Parts | None, unit: str, has_model: bool = True) -> list[str]:
    """A forecast beside last year, and what it is made of.

    Args:
        last_year: None where nothing is told of it.
        parts: None where they were not worked out, or where there are none.
        has_model: whether anything but seasonal naive forecasts, which has no parts.
    """
    beside = [] if last_year is None else [_against_last_year(last_year, unit)]
    made_of = ["Seasonal naive repeats past demand: the forecast has no parts."] if not has_model else (
        [] if parts is None else [_shared_out(parts, unit)])
    return [*beside, *made_of] if last_year and last_year.known else [*made_of, *beside]


def of_scenario(plan: float, scenario: float, parts: Parts | None, unit: str, has_model: bool = True) -> list[str]:
    """A scenario beside the plan, in units, and what the difference is made of; ``parts``, ``has_model`` as above."""
    difference = scenario - plan
    if not _shows(difference):
        return [f"The scenario gives as many {unit} as the plan."]
    told = (f"The scenario gives {units(abs(difference))} {unit} {_more(difference)} than the plan"
            f"{_share(difference, plan)}.")
    if not has_model:
        return [told, "What the difference is made of is not known: seasonal naive has no parts."]
    return [told] if parts is None else [told, _shared_out(parts, unit)]


def of_new_model(before: float, after: float, periods: int, parts: Parts | None, unit: str) -> list[str]:
    """The forecast of the same periods by the model before and by the one after, in units.

    Args:
        parts: of after minus before; None where one of them is seasonal naive.
    """
    if not _shows(after - before):
        return [f"The new model forecasts as many {unit} over {period_words(periods)} as the one before: "
                f"{units(after)}."]
    told = (f"Over {period_words(periods)} the forecast goes from {units(before)} to {units(after)} {unit}: "
            f"{signed(after - before)}{_share(after - before, before)}.")
    return [told, "What the difference is made of is not known: seasonal naive has no parts." if parts is None
            else _shared_out(parts, unit, "the new model")]


def of_miss(miss: Miss | None, unit: str, decimals: int) -> list[str]:
    """How far forecasts were off together, and in which periods most.

    Args:
        miss: None where no period is known that was forecast.
        decimals: of single periods, as the page writes them.
    """
    if miss is None or not miss.dates:
        return ["No period that was forecast has known sales yet."]
    forecast, sold = sum(miss.forecast), sum(miss.sold)
    left_out = f"; {period_words(miss.out_of_stock)} out of stock left out" if miss.out_of_stock else ""
    began = (f"Of the last {period_words(len(miss.dates))} with a forecast, the models had {units(forecast)} {unit}, "
             f"without overrides, and {units(sold)} were sold")
    if _shows(forecast - sold):
        many = "too many" if forecast > sold else "too few"
        told = f"{began}: {units(abs(forecast - sold))} {many}{_share(forecast - sold, sold)}{left_out}."
    else:
        told = f"{began}{left_out}."
    off = {at: one - other for at, one, other in zip(miss.dates, miss.forecast, miss.sold, strict=True)}
    named = _largest(off, decimals)
    if not named:
        return [told]
    values = dict(zip(miss.dates, zip(miss.forecast, miss.sold, strict=True), strict=True))
    most = ", ".join(f"{period(at)} {signed(off[at], decimals)} ({units(values[at][0], decimals)} by the models, "
                     f"{units(values[at][1], decimals)} sold)" for at in named)
    others = [value for at, value in off.items() if at not in named]
    rest = f"; the other {period_words(len(others))} together {signed(sum(others))}" if others else ""
    return [told, f"Furthest off: {most}{rest}."]


def _against_last_year(found: AgainstLastYear, unit: str) -> str:
    if not found.known:
        return "What was sold in these periods last year is not known."
    difference = found.forecast - found.sold
    sold = units(found.sold)
    out = f"; more may have been wanted then, out of stock in {period_words(found.out_of_stock)}" if (
        found.out_of_stock) else ""
    amount = f"{units(abs(difference))} {_more(difference)} than" if _shows(difference) else "as many as"
    if found.known < found.periods:
        return (f"In the {found.known} of {period_words(found.periods)} whose sales of last year are known, "
                f"{units(found.forecast)} {unit} are forecast: {amount} the {sold} sold then"
                f"{_share(difference, found.sold)}{out}.")
    return (f"{units(found.forecast)} {unit} are forecast: {amount} the {sold} sold in the same "
            f"{period_words(found.periods)} last year{_share(difference, found.sold)}{out}.")


def _shared_out(parts: Parts, unit: str, who: str = "the model") -> str:
    """What the parts are, the largest by name; what they do not add up to is named too."""
    values = dict(enumerate(value for _, value in parts.units))
    titles, decimals = [title for title, _ in parts.units], parts.decimals
    named = _largest(values, decimals)
    start = f"{who[0].upper()}{who[1:]}" if parts.usual is None else (
        f"From a usual level of {units(parts.usual, decimals)} {unit} {who}")
    said, clauses = parts.usual is not None, []  # whether the unit was said
    for verb, places in (("adds", [at for at in named if values[at] > 0]),
                         ("takes off", [at for at in named if values[at] < 0])):
        words = []
        for at in places:
            words.append(f"{units(abs(values[at]), decimals)}{'' if said else f' {unit}'} for {titles[at]}")
            said = True
        if words:
            clauses.append(f"{verb} {_listed(words)}")
    told = f"{start} {' and '.join(clauses)}" if clauses else f"{start} adds and takes off nothing that shows"
    rest = sum(value for at, value in values.items() if at not in named)
    if named and _shows(rest, decimals):
        told += f"; all else {'adds' if rest > 0 else 'takes off'} {units(abs(rest), decimals)}"
    beside = parts.whole - sum(values.values()) - (parts.usual or 0.0)
    if _shows(beside, decimals):
        of = f", of {plural(parts.without, 'region-item')} without parts" if parts.without else ""
        told += f"; {signed(beside, decimals)} {unit} are in none of the parts{of}"
    return f"{told}."


def _largest(values: Mapping[Name, float], decimals: int | None) -> list[Name]:
    """The names of the largest by size that show as something, largest first."""
    return sorted((name for name, value in values.items() if _shows(value, decimals)),
                  key=lambda name: -abs(values[name]))[:MOST_NAMED]


def _shows(value: float, decimals: int | None = None) -> bool:
    """Whether it is written as something else than 0."""
    return signed(value, decimals)[0] in "+−"


def _more(difference: float) -> str:
    return "more" if difference > 0 else "fewer"


def _share(difference: float, of: float) -> str:
    return f" ({signed_share(difference / of)})" if of and _shows(difference) else ""


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
