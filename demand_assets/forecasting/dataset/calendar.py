"""``[calendar]`` of a dataset file: public holidays, events, pay days, and the drivers that they become."""

from collections.abc import Mapping
from datetime import date, datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from demand_assets.forecasting.contract.calendar_events import Event
from demand_assets.forecasting.contract.periods import MONTHS, WORDS, Frequency
from demand_assets.forecasting.contract.region_item import known_as
from demand_assets.forecasting.dataset.demand.source_entries import FileSource, SqlSource
from demand_assets.forecasting.dataset.drivers import Driver, Effect
from demand_assets.forecasting.dataset.strict_entry import LONGEST_NAME, Name, StrictEntry

if TYPE_CHECKING:
    from holidays import HolidayBase

HOLIDAY, PAY_DAY, MONTH_END = "holiday", "pay_day", "month_end"
"""What the drivers of these entries are called; an event's has the event's name."""
DEFAULT = "default"
"""In a table by region: every region that it does not name."""
MOST_BESIDE = 14
"""Days before and after."""
MOST_EVENTS = 12
FIRST_YEAR, LAST_YEAR = 1900, 2200
PayDay = int | Literal["last day", "last working day"]


def _day(value: object) -> object:
    """A date as TOML has it, or as text; a number, which could be anything, is refused."""
    if isinstance(value, datetime) or not isinstance(value, date | str):
        raise ValueError(f"{value!r} is no date; write one as in 2024-12-24")
    try:
        found = value if isinstance(value, date) else date.fromisoformat(value.strip())
    except ValueError:
        raise ValueError(f"{value!r} is no date; write one as in 2024-12-24") from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError(f"{found} lies outside the years {FIRST_YEAR} to {LAST_YEAR}; correct it")
    return found


Day = Annotated[date, BeforeValidator(_day)]


class EventRow(StrictEntry):
    """One event, written in the dataset file."""

    name: str = ""
    """For people; events of one entry are one driver."""
    first: Day = Field(alias="from")
    last: Day | None = Field(default=None, alias="to")
    """The first day again unless given."""
    region: str | None = None
    """All regions unless given."""
    yearly: bool = False
    """It comes back every year on these days of the calendar."""

    @field_validator("region")
    @classmethod
    def _named(cls, region: str | None) -> str | None:
        if region is not None and not known_as(region):
            raise ValueError("region is empty; leave it out where the event is in all regions")
        return region if region is None else known_as(region)

    @model_validator(mode="after")
    def _in_order(self) -> "EventRow":
        if self.last is not None and self.last < self.first:
            raise ValueError(f"the event ends on {self.last}, before it begins on {self.first}; exchange from and to")
        return self


class EventColumns(StrictEntry):
    """What the columns of a table of events are called."""

    first: str = Field(default="from", alias="from")
    last: str = Field(default="to", alias="to")
    """Empty where every event is one day."""
    region: str = "region"
    """Empty where all events are in all regions."""
    name: str = ""
    """Needed with ``only``."""


class Events(StrictEntry):
    """Events that are one driver: written here, or in a table."""

    name: Name
    """Of the driver."""
    label: str = ""
    effect: Effect = "none"
    """What demand does on its days; the model is held to it."""
    rows: tuple[EventRow, ...] = ()
    path: str | None = None
    """Of a table of events, as ``path`` under ``[source]``."""
    source: dict[str, Any] | None = None
    """Of a table that needs more to be read: entries as under ``[source]``."""
    columns: EventColumns = EventColumns()
    date_format: str | None = None
    only: tuple[str, ...] = ()
    """Names of the table's events that are these; all of them unless given."""
    yearly: bool = False
    """All of them come back every year on the same days of the calendar."""
    complete: bool = False
    """There are no others, in whatever year; else years before the first and after the last are not known."""
    days_before: int = Field(default=0, ge=0, le=MOST_BESIDE)
    days_after: int = Field(default=0, ge=0, le=MOST_BESIDE)

    @model_validator(mode="after")
    def _check(self) -> "Events":
        given = [name for name, is_given in (("rows", bool(self.rows)), ("path", self.path is not None),
                                             ("source", self.source is not None)) if is_given]
        if len(given) != 1:
            raise ValueError(f"the events {self.name!r} need one of rows, path and source; given: "
                             f"{' and '.join(given) or 'none'}")
        if self.only and self.rows:
            raise ValueError("only is of a table of events; leave out the rows that are not meant")
        if self.only and not self.columns.name:
            raise ValueError("only needs the column that has the events' names, as in columns = { name = \"event\" }")
        if self.source is not None:
            _check_source(self.source)
        return self

    @property
    def is_table(self) -> bool:
        """Whether they have to be read."""
        return not self.rows

    @property
    def written(self) -> tuple[Event, ...]:
        """The events whose rows stand in the dataset file."""
        return tuple(Event(row.first, row.last or row.first, row.region, row.yearly or self.yearly)
                     for row in self.rows)


class Calendar(StrictEntry):
    """What days are, by the calendar: known for the past and for the future by itself."""

    holidays: dict[str, tuple[str, ...]] = Field(default={})
    """Region, or ``default`` for all others -> countries and parts of them, as in ``DE-BY``; in the file also one
    code or a list of codes for all regions."""
    days_before: int | None = Field(default=None, ge=0, le=MOST_BESIDE)
    """So many days before a holiday are a driver of their own; 1 for daily demand unless given."""
    days_after: int | None = Field(default=None, ge=0, le=MOST_BESIDE)
    pay_days: tuple[PayDay, ...] = ()
    """Days of the month; of a shorter month, its last."""
    month_end: int = Field(default=0, ge=0, le=15)
    """So many last days of each month are its end."""
    weeks: Literal["begin", "end"] = "begin"
    """Whether a week's date is its first day or its last."""
    events: tuple[Events, ...] = Field(default=(), max_length=MOST_EVENTS)

    @field_validator("holidays", mode="before")
    @classmethod
    def _by_region(cls, given: object) -> object:
        table = given if isinstance(given, Mapping) else {DEFAULT: given}
        codes = {}
        for region, value in table.items():
            several = [value] if isinstance(value, str) else value
            if not isinstance(several, list | tuple) or not all(isinstance(one, str) for one in several):
                raise ValueError(f"holidays are a code as in 'DE-BY', a list of codes, or a table of them by region; "
                                 f"not {value!r}")
            codes[region if region == DEFAULT else known_as(region)] = tuple(_checked(one) for one in several)
        return codes

    @field_validator("pay_days", mode="before")
    @classmethod
    def _several(cls, given: object) -> object:
        days = given if isinstance(given, list | tuple) else [given]
        for day in days:
            if isinstance(day, bool) or day not in ("last day", "last working day", *range(1, 32)):
                raise ValueError(f"{day!r} is no pay day; a day of the month from 1 to 31, 'last day' or 'last working "
                                 "day' is expected")
        return days

    @model_validator(mode="after")
    def _check(self) -> "Calendar":
        if not any(self.holidays.values()) and (self.days_before or self.days_after):
            raise ValueError("days_before and days_after here are those of holidays, and no holidays are given; events "
                             "have their own")
        return self

    def drivers(self, frequency: Frequency) -> tuple[Driver, ...]:
        """The drivers that it makes: yes/no of days, a number of days of weeks, months and quarters.

        Raises: ValueError: an entry says nothing of months or quarters.
        """
        if frequency in MONTHS and (self.pay_days or self.month_end):
            entry = "pay_days" if self.pay_days else "month_end"
            raise ValueError(f"[calendar] {entry} says nothing of {WORDS[frequency][1]}: each has the same. "
                             "Leave it out")
        found: list[Driver] = []
        if any(self.holidays.values()):
            found += _with_beside(HOLIDAY, "holiday", frequency, *self.beside_holidays(frequency))
        if self.pay_days:
            found.append(_driver(PAY_DAY, "pay day", frequency))
        if self.month_end:
            found.append(_driver(MONTH_END, "end of the month", frequency))
        for events in self.events:
            title = events.label or events.name.replace("_", " ")
            found += _with_beside(events.name, title, frequency, events.days_before, events.days_after, events.effect)
        return tuple(found)

    def meanings(self, frequency: Frequency) -> dict[str, Any]:
        """Which days each of its drivers stands for, by the driver's name and as JSON types, for ``other_meanings``.

        Of events that stand in a table only which of them are meant: the others are data, as demand is.
        """
        around = {} if frequency != "W" else {"weeks": self.weeks}
        holidays = {region: sorted(set(codes)) for region, codes in self.holidays.items()}
        found: dict[str, Any] = {}

        def add(name: str, days: dict[str, Any], before: int = 0, after: int = 0) -> None:
            found[name] = days | around
            for where, count in (("before", before), ("after", after)):
                if count:
                    found[beside_name(where, name)] = days | around | {"beside": count}

        if any(holidays.values()):
            add(HOLIDAY, {"holidays": holidays}, *self.beside_holidays(frequency))
        if self.pay_days:
            is_by_holidays = "last working day" in self.pay_days
            add(PAY_DAY, {"days": list(self.pay_days)} | ({"holidays": holidays} if is_by_holidays else {}))
        if self.month_end:
            add(MONTH_END, {"days": self.month_end})
        for events in self.events:
            add(events.name, {"only": list(events.only), "yearly": events.yearly} if events.is_table else {
                "rows": [event.to_json() for event in events.written]}, events.days_before, events.days_after)
        return found

    def beside_holidays(self, frequency: Frequency) -> tuple[int, int]:
        """The days before and after holidays that are drivers of their own."""
        usual = 1 if frequency == "D" else 0
        return (usual if self.days_before is None else self.days_before,
                usual if self.days_after is None else self.days_after)

    def beside(self, declared: tuple[Driver, ...], frequency: Frequency) -> tuple[Driver, ...]:
        """The declared drivers, then those of the calendar.

        Raises: ValueError: two have one name, or an entry says nothing of such periods.
        """
        made = self.drivers(frequency)
        names = [driver.name for driver in made]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"[calendar] makes two drivers called {twice[0]!r}; give the events another name")
        own = tuple(driver for driver in declared if driver not in made)
        for driver in own:
            if driver.name in names:
                raise ValueError(
                    f"[calendar] makes a driver called {driver.name!r}, and [[drivers]] declares one. Remove that of "
                    "[[drivers]] to have the calendar's instead of the source's column (models go on with it where it "
                    "is of the same kind), or give it another name, with the source's under [columns] drivers")
            if driver.future == "calendar":
                raise ValueError(f"future = 'calendar' is of what [calendar] makes, which {driver.name!r} is not; the "
                                 "other words for future are known, repeat_last, repeat_season and given")
        return (*own, *made)


def beside_name(where: str, name: str) -> str:
    """What the driver of the days ``before`` or ``after`` those of another driver is called."""
    return f"{where}_{name}"[:LONGEST_NAME]


def other_meanings(then: Mapping[str, Any], now: Mapping[str, Any], region: str, until: str) -> list[str]:
    """The drivers that stand for other days of a region now than then, as far as ``until``, an ISO date.

    Args:
        then, now: as ``Calendar.meanings``; a driver of one of them only is the source's own in the other.
    """
    def of_region(meaning: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if meaning is None:
            return None
        found = dict(meaning)
        if "holidays" in found:
            found["holidays"] = found["holidays"].get(region, found["holidays"].get(DEFAULT))
        if "rows" in found:
            found["rows"] = sorted([first, last, yearly] for first, last, where, yearly in found["rows"]
                                   if where in (None, region) and (yearly or first <= until))
        return found

    return [name for name in dict.fromkeys([*then, *now]) if of_region(then.get(name)) != of_region(now.get(name))]


def _check_source(entries: Mapping[str, Any]) -> None:
    kinds: dict[str, type[FileSource] | type[SqlSource]] = {"file": FileSource, "sql": SqlSource}
    if str(entries.get("kind")) not in kinds:
        raise ValueError(f"source.kind = {entries.get('kind')!r}: a table of events is read from 'file' or 'sql'")
    try:
        kinds[str(entries["kind"])].model_validate(entries)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise ValueError(f"source.{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from None


def holidays_of(code: str) -> "HolidayBase":
    """The holidays of a country or a part of it, which are made year by year when asked.

    Raises: ValueError: there is no such country or part.
    """
    import holidays
    from holidays.registry import COUNTRIES

    country, _, part = code.partition("-")
    if country not in {two_letters for _, two_letters, *_ in COUNTRIES.values()}:
        raise ValueError(_unknown_country(country))
    try:
        return holidays.country_holidays(country, subdiv=part or None)
    except NotImplementedError:
        raise ValueError(_unknown_part(country, part)) from None


def _unknown_country(country: str) -> str:
    from holidays.registry import COUNTRIES

    wanted = country.strip().lower().replace(" ", "_")
    names = {name.lower(): codes[1] for module, codes in COUNTRIES.items() for name in (module, *codes)}
    close = get_close_matches(wanted, list(names), n=1, cutoff=0.7)
    hint = f" Did you mean {names[close[0]]!r}?" if close else ""
    return (f"{country!r} is no country whose holidays are known; countries have two letters, as in 'DE', and parts "
            f"follow a hyphen, as in 'DE-BY'.{hint}")


def _unknown_part(country: str, part: str) -> str:
    import holidays

    parts = [str(one) for one in holidays.country_holidays(country).subdivisions]
    if not parts:
        return f"{country} has no parts with holidays of their own; write {country!r}"
    return (f"{country} has no part {part!r} with holidays of its own; it has {', '.join(parts)}, as in "
            f"'{country}-{parts[0]}'")


@lru_cache(maxsize=500)
def _checked(code: str) -> str:
    holidays_of(code)
    return code


def _driver(name: str, title: str, frequency: Frequency, effect: Effect = "none") -> Driver:
    if frequency == "D":
        return Driver(name=name, kind="yes_no", future="calendar", label=title, effect=effect)
    return Driver(name=name, kind="number", future="calendar", label=title, effect=effect, default=0,
                  placeholders=(), unit=f"days a {WORDS[frequency][0]}")


def _with_beside(name: str, title: str, frequency: Frequency, before: int, after: int,
                 effect: Effect = "none") -> list[Driver]:
    found = [_driver(name, title, frequency, effect)]
    for where, days in (("before", before), ("after", after)):
        if days:
            words = f"day {where} {title}" if days == 1 else f"{days} days {where} {title}"
            found.append(_driver(beside_name(where, name), words, frequency))
    return found
