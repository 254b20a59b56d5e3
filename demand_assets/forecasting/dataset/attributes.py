"""Attributes of items and regions: what the dataset file declares of them, and their values as the store keeps them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal, Self

from pydantic import model_validator

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.drivers import RESERVED_COLUMNS
from demand_assets.forecasting.dataset.strict_entry import Name, StrictEntry

Axis = Literal["item", "region"]
AXES: tuple[Axis, ...] = ("item", "region")
Value = str | float | bool | date
"""Of an attribute: a text, a number, yes or no, or a date, by its kind."""
BESIDE = "attributes"
"""Under which a table of demand has the attributes of its region-item among its ``attrs``."""
RESERVED = RESERVED_COLUMNS | {"all", "attribute", "key", "level", "name", "total"}


class Attribute(StrictEntry):
    """Something that is the same for an item, or a region, at all times: its category, its size, when it opened."""

    name: Name
    of: Axis
    kind: Literal["text", "yes_no", "number", "date"] = "text"
    column: str = ""
    """The column that holds it; called as the attribute unless given."""
    read_from: Literal["auto", "table", "demand"] = "auto"
    """``table``: the axis's table under ``attribute_tables``; ``demand``: the rows of the source; ``auto``: the table
    where there is one."""
    date_format: str | None = None
    """How a date is written, as in ``%d/%m/%Y``; ISO 8601 unless given."""
    marks: Literal["", "begin", "end"] = ""
    """Of a date: the first day of sale, before which an item or region that never sold is forecast as 0; or the first
    day after the last, from which on it is."""
    label: str = ""
    """Words for the page; the name with spaces unless given."""
    unit: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.name in RESERVED:
            raise ValueError(f"an attribute may not be called {self.name!r}; that name is taken")
        for entry in ("date_format", "marks"):
            if getattr(self, entry) and self.kind != "date":
                raise ValueError(f"{entry} is for kind = 'date', and {self.name} is of kind {self.kind!r}")
        return self

    @property
    def title(self) -> str:
        """The attribute in words."""
        return self.label or self.name.replace("_", " ")

    @property
    def meaning(self) -> str:
        """What its values are: others under the same name are another attribute."""
        return meaning(self.of, self.kind)


def meaning(of: Axis, kind: str) -> str:
    """As of an attribute: ``item:text``."""
    return f"{of}:{kind}"


def kind_of(value: Value) -> str:
    """The kind of attribute that has such values."""
    return "text" if isinstance(value, str) else "yes_no" if isinstance(value, bool) else (
        "number" if isinstance(value, float) else "date")


class Hierarchies(StrictEntry):
    """Levels above items and above regions, the widest first: ``item = ["department", "category"]``."""

    item: tuple[str, ...] = ()
    region: tuple[str, ...] = ()

    def levels(self, axis: Axis) -> tuple[str, ...]:
        """The names of the attributes that are the axis's levels, the widest first."""
        return self.item if axis == "item" else self.region


def check_declared(attributes: Sequence[Attribute], hierarchies: Hierarchies, drivers: Iterable[str]) -> None:
    """Check that attributes and hierarchies fit each other and the drivers.

    Raises: ValueError: they do not.
    """
    names = [attribute.name for attribute in attributes]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"attributes declared twice: {', '.join(sorted(repeated))}")
    if taken := sorted(set(names) & set(drivers)):
        raise ValueError(f"{', '.join(taken)}: declared both as an attribute and as a driver; a driver changes from "
                         "period to period, an attribute does not")
    for axis in AXES:
        levels = hierarchies.levels(axis)
        texts = [attribute.name for attribute in attributes if attribute.of == axis and attribute.kind == "text"]
        if wrong := [name for name in levels if name not in texts]:
            raise ValueError(f"hierarchies.{axis} names {', '.join(wrong)}; its levels are attributes of kind 'text' "
                             f"of {axis}s: {', '.join(texts) or 'none is declared'}")
        if len(set(levels)) < len(levels):
            raise ValueError(f"hierarchies.{axis} names a level twice: {', '.join(levels)}")


@dataclass(frozen=True)
class Attributes:
    """The values of all attributes of a dataset."""

    items: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    """Item -> attribute -> value; what is not known is not there."""
    regions: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    """What somebody has to know of them, as sentences."""
    problem: str = ""
    """Why the newest could not be taken in, so that these are older ones; empty where they are the newest."""
    state: str = ""
    """Of what they were read from; another text when there may be others."""
    former: Mapping[str, Mapping[str, Mapping[str, Value]]] = field(default_factory=dict)
    """Axis -> owner -> name and meaning, as in ``category:item:text`` -> value: those that the dataset file declared
    once. Models that learned them go on with them."""

    def of(self, region_item: RegionItem) -> dict[str, Value]:
        """The attributes of a region-item: those of its region and of its item, and the former ones of both."""
        return {**self.former.get("region", {}).get(region_item.region, {}),
                **self.former.get("item", {}).get(region_item.item, {}),
                **self.regions.get(region_item.region, {}), **self.items.get(region_item.item, {})}

    def after(self, before: Self, declared: Iterable[Attribute]) -> Self:
        """These, with those of before that are no longer declared, or no longer mean the same, as former ones.

        Dates are not kept: no model learns them.
        """
        still = {f"{one.name}:{one.meaning}" for one in declared}
        former: dict[str, dict[str, dict[str, Value]]] = {}
        for axis in AXES:
            was: list[tuple[str, str, Value]] = [
                (owner, f"{name}:{meaning(axis, kind_of(value))}", value)
                for owner, values in before.on(axis).items() for name, value in values.items()
                if not isinstance(value, date)]
            for owner, values in before.former.get(axis, {}).items():
                was += [(owner, called, value) for called, value in values.items()]
            for owner, called, value in was:
                if called not in still:
                    former.setdefault(axis, {}).setdefault(owner, {}).setdefault(called, value)
        return replace(self, former=former)

    def on(self, axis: Axis) -> Mapping[str, Mapping[str, Value]]:
        """Of each item, or of each region."""
        return self.items if axis == "item" else self.regions

    def to_json(self) -> dict[str, Any]:
        """What ``from_json`` reads."""
        items, regions = ({name: {each: as_written(value) if isinstance(value, date) else value
                                  for each, value in values.items()} for name, values in of.items()}
                          for of in (self.items, self.regions))
        dates = sorted({each for of in (self.items, self.regions) for values in of.values()
                        for each, value in values.items() if isinstance(value, date)})
        return {"items": items, "regions": regions, "dates": dates, "notices": list(self.notices),
                "problem": self.problem, "state": self.state, "former": self.former}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What ``to_json`` gave.

        Raises: KeyError, TypeError, ValueError, AttributeError: it is something else.
        """
        dates = frozenset(stored["dates"])

        def read(of: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Value]]:
            return {str(name): {each: date.fromisoformat(value) if each in dates else value
                                for each, value in values.items()} for name, values in of.items()}

        return cls(read(stored["items"]), read(stored["regions"]), tuple(map(str, stored["notices"])),
                   str(stored["problem"]), str(stored["state"]),
                   {axis: read(of) for axis, of in stored.get("former", {}).items()})


def as_written(value: Value) -> str:
    """A value as links, filters and files hold it: ``Food``, ``yes``, ``12.5``, ``2024-01-31``."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return value.isoformat() if isinstance(value, date) else value
