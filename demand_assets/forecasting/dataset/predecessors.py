"""Which item carries on the demand of which other: what the dataset file says of it, and the links as the store keeps
them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from math import isfinite
from typing import Any, Literal, Self

from pydantic import field_validator, model_validator

from demand_assets.forecasting.contract.region_item import RegionItem, known_as
from demand_assets.forecasting.dataset.demand.column_entries import IsoDate
from demand_assets.forecasting.dataset.strict_entry import StrictEntry

Kind = Literal["replaces", "similar"]
LARGEST_SCALE = 1000.0
MOST_SIMILAR = 20
BY_FILE = "dataset file"
BY_TABLE = "table of predecessors"


class Predecessor(StrictEntry):
    """An item that takes the place of another, or that begins as others did: a row of ``[[predecessors]]``."""

    item: str
    """The new item."""
    replaces: str = ""
    """The item in whose place it is sold; several rows may name several."""
    similar: tuple[str, ...] = ()
    """In place of ``replaces``: items whose mean demand it is expected to have, and which go on being sold."""
    regions: tuple[str, ...] = ()
    """Where; everywhere unless given."""
    scale: float = 1.0
    """Units of the new item for each unit of the other."""
    date: IsoDate | None = None
    """The first day on which the new item is sold in the other's place; unless given, the other's demand counts until
    the new one has its own."""

    @field_validator("item", "replaces")
    @classmethod
    def _as_known(cls, name: str) -> str:
        return known_as(name)

    @field_validator("regions", "similar")
    @classmethod
    def _each_as_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(known_as, names)))

    @field_validator("scale")
    @classmethod
    def _is_scale(cls, scale: float) -> float:
        return checked_scale(scale)

    @field_validator("date", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return value.isoformat() if type(value) is date else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.item:
            raise ValueError("item is empty; write the item that replaces another, as in item = 'kettle 2'")
        if bool(self.replaces) == bool(self.similar):
            raise ValueError(f"{self.item}: give either replaces, the item in whose place it is sold, or similar, the "
                             "items that it begins like")
        if len(self.similar) > MOST_SIMILAR:
            raise ValueError(f"{self.item}: {len(self.similar)} similar items are more than {MOST_SIMILAR}")
        return self

    @property
    def links(self) -> list["Link"]:
        """A link for each region and each item that it names."""
        kind: Kind = "replaces" if self.replaces else "similar"
        names = (self.replaces,) if self.replaces else self.similar
        return [Link(self.item, name, kind, region, self.scale, None if self.date is None else
                     date.fromisoformat(self.date), BY_FILE) for name in names for region in self.regions or ("",)]


@dataclass(frozen=True)
class Link:
    """One item whose demand another carries on, in one region or in all."""

    item: str
    of: str
    """The item whose demand is carried over."""
    kind: Kind = "replaces"
    region: str = ""
    """Empty for every region."""
    scale: float = 1.0
    since: date | None = None
    """From when on the item is sold itself: nothing of that day or later is carried over."""
    by: str = BY_FILE
    """Who says so: the dataset file, its table, or a person."""

    def is_in(self, region: str) -> bool:
        """Whether the link holds in a region."""
        return self.region in ("", region)

    def __str__(self) -> str:
        words = f"{self.item!r} {'replaces' if self.kind == 'replaces' else 'begins like'} {self.of!r}"
        return words + (f" in {self.region!r}" if self.region else "")

    @property
    def words(self) -> str:
        """What is carried over, as in ``0.8 × kettle before 2026-01-31``."""
        scale = "" if self.scale == 1 else f"{self.scale:g} × "
        kind = "" if self.kind == "replaces" else "the similar "
        return f"{scale}{kind}{self.of}" + ("" if self.since is None else f" before {self.since}")

    def to_json(self) -> list[Any]:
        """What ``from_json`` reads."""
        return [self.item, self.of, self.kind, self.region, self.scale,
                None if self.since is None else str(self.since), self.by]

    @classmethod
    def from_json(cls, stored: Sequence[Any]) -> Self:
        """What ``to_json`` gave.

        Raises: TypeError, ValueError: it is something else.
        """
        item, of, kind, region, scale, since, by = stored
        if kind not in ("replaces", "similar"):
            raise ValueError(f"{kind!r} is no kind of link")
        return cls(str(item), str(of), kind, str(region), checked_scale(float(scale)),
                   None if since is None else date.fromisoformat(since), str(by))


@dataclass(frozen=True)
class Predecessors:
    """All links that the dataset file and its table name."""

    links: tuple[Link, ...] = ()
    notices: tuple[str, ...] = ()
    """What somebody has to know of them, as sentences."""
    problem: str = ""
    """Why the newest could not be taken in, so that these are older ones; empty where they are the newest."""

    def of(self, region_item: RegionItem) -> tuple[Link, ...]:
        """The links by which a region-item carries on the demand of others; those of its region alone count before
        those of all regions."""
        return nearest([link for link in self._by_item.get(region_item.item, ()) if link.is_in(region_item.region)])

    def ends_of(self, region_item: RegionItem) -> dict[date, str]:
        """The days from which on a region-item is replaced, each with what replaces it."""
        region = region_item.region
        there = [link for link in self._by_other.get(region_item.item, ()) if link.is_in(region)]
        return ends_by([link for link in there if link in self.of(RegionItem(region, link.item))])

    @cached_property
    def _by_item(self) -> dict[str, list[Link]]:
        return _grouped((link.item, link) for link in self.links)

    @cached_property
    def _by_other(self) -> dict[str, list[Link]]:
        return _grouped((link.of, link) for link in self.links)

    def to_json(self) -> dict[str, Any]:
        """What ``from_json`` reads."""
        return {"links": [link.to_json() for link in self.links], "notices": list(self.notices),
                "problem": self.problem}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What ``to_json`` gave.

        Raises: KeyError, TypeError, ValueError, AttributeError: it is something else.
        """
        return cls(tuple(map(Link.from_json, stored["links"])), tuple(map(str, stored["notices"])),
                   str(stored["problem"]))


def _grouped(links: Iterable[tuple[str, Link]]) -> dict[str, list[Link]]:
    groups: dict[str, list[Link]] = {}
    for name, link in links:
        groups.setdefault(name, []).append(link)
    return groups


def nearest(links: Iterable[Link]) -> tuple[Link, ...]:
    """The links of an item that count in a region: those that name the region where there are any."""
    listed = list(links)
    of_region = [link for link in listed if link.region]
    return tuple(of_region or listed)


def ends_by(links: Iterable[Link]) -> dict[date, str]:
    """The days from which on an item is replaced by those of the links that say when, each with what replaces it."""
    return {link.since: f"replaced by {link.item}" for link in links if link.kind == "replaces" and link.since}


def begins_by(links: Iterable[Link]) -> dict[date, str]:
    """The days from which on an item is sold, by those of its links that say so."""
    return {link.since: f"{'replaces' if link.kind == 'replaces' else 'begins like'} {link.of}" for link in links
            if link.since}


def checked_scale(scale: float) -> float:
    """The scale itself, where it is above 0 and at most ``LARGEST_SCALE``.

    Raises: ValueError: it is not.
    """
    if not isfinite(scale) or not 0 < scale <= LARGEST_SCALE:
        raise ValueError(f"the scale {scale:g} is not possible; a number above 0, at most {LARGEST_SCALE:g}, is")
    return scale


def faults(links: Sequence[Link]) -> dict[int, str]:
    """Place of a link -> what is wrong with it in one sentence: itself, the same once more, two kinds, or a circle.

    Each fault is told of the last link that makes it, so that the others can stay.
    """
    found: dict[int, str] = {}
    kept: list[Link] = []
    for place, link in enumerate(links):
        if problem := _fault(link, kept):
            found[place] = problem
        else:
            kept.append(link)
    return found


def _fault(link: Link, others: Sequence[Link]) -> str:
    if link.item == link.of:
        return f"{link}: an item cannot carry on its own demand. Name the item that it replaces, or leave the row out."
    for other in others:
        if other.item != link.item or (other.region and link.region and other.region != link.region):
            continue
        if other.of == link.of and other.region == link.region:
            return f"{link} stands there more than once. Leave one row."
        if other.kind != link.kind and other.region == link.region:
            return (f"{link}, and {other}: the demand before its own comes either from what it replaces or from "
                    "similar items. Leave one of them out.")
    circle = circle_of(link, lambda item, region: [one for one in others if one.item == item and (
        not region or one.is_in(region))])
    if circle:
        return (f"{link}, which closes a circle: {' → '.join(map(repr, circle))}. Leave out one of its rows.")
    return ""


def circle_of(link: Link, links_of: Callable[[str, str], Iterable[Link]]) -> list[str]:
    """The items from a link's item back to it, by way of what each carries on; empty where there is no such way.

    Args:
        links_of: item and region (empty for all) -> the links by which it carries on others.
    """
    waiting: list[tuple[str, str, list[str]]] = [(link.of, link.region, [link.item, link.of])]
    seen: set[tuple[str, str]] = set()
    while waiting:
        item, region, path = waiting.pop()
        if item == link.item:
            return path
        if (item, region) in seen:
            continue
        seen.add((item, region))
        waiting += [(one.of, region or one.region, [*path, one.of]) for one in links_of(item, region)]
    return []
