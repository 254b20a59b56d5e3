"""A dataset file in the making: entries with the reason for each, and the commented text that is made of them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from demand_assets.forecasting.dataset.dataset_file import Dataset

Entry = tuple[Any, str]
"""A value, and why; empty where it needs no reason."""


@dataclass
class Draft:
    """What is known of a dataset file so far."""

    name: str
    title: str
    frequency: Entry
    horizon: Entry
    source: dict[str, Entry] = field(default_factory=dict)
    columns: dict[str, Entry] = field(default_factory=dict)
    expressions: dict[str, Entry] = field(default_factory=dict)
    driver_columns: dict[str, str] = field(default_factory=dict)
    rules: dict[str, Entry] = field(default_factory=dict)
    drivers: list[dict[str, Entry]] = field(default_factory=list)
    money: dict[str, Entry] = field(default_factory=dict)
    attributes: list[dict[str, Entry]] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)
    """Columns that are not used, and why."""
    notes: list[str] = field(default_factory=list)
    """What somebody has to look at before anything else."""
    seen: list[str] = field(default_factory=list)
    """What was seen of the data that needs no entry."""
    looked_at: str = ""
    """What the proposal was made from."""

    def dataset(self, source: Mapping[str, Any] | None = None) -> Dataset:
        """The dataset that the entries describe.

        Args:
            source: entries of ``[source]`` to read instead, such as those of a sample.
        Raises: pydantic.ValidationError: an entry is wrong.
        """
        columns: dict[str, Any] = {key: value for key, (value, _) in self.columns.items()}
        return Dataset.model_validate({
            "name": self.name, "title": self.title, "frequency": self.frequency[0], "horizon": self.horizon[0],
            "source": {**{key: value for key, (value, _) in self.source.items()}, **(source or {})},
            "columns": {**columns, "expressions": {key: value for key, (value, _) in self.expressions.items()},
                        "drivers": self.driver_columns},
            "money": {key: value for key, (value, _) in self.money.items()},
            "rules": {key: value for key, (value, _) in self.rules.items()},
            "drivers": [{key: value for key, (value, _) in driver.items()} for driver in self.drivers],
            "attributes": [{key: value for key, (value, _) in one.items()} for one in self.attributes]})

    def text(self) -> str:
        """The dataset file."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield from _comment(f"Proposed by `make dataset` on {date.today()} from {self.looked_at}. Read it through and "
                            "correct what is wrong; docs/datasets.md has every entry.")
        for note in self.notes:
            yield from _comment(f"LOOK AT THIS: {note}.")
        yield f"name = {written(self.name)}"
        yield f"title = {written(self.title)}"
        yield 'unit = "units"'
        yield from _entry("frequency", self.frequency)
        yield from _entry("horizon", self.horizon)
        yield from _table("[source]", self.source)
        yield from _table("[columns]", self.columns)
        if self.expressions:
            yield from _table("[columns.expressions]", self.expressions)
        if self.driver_columns:
            yield from _table("[columns.drivers]", {name: (column, "") for name, column in self.driver_columns.items()})
        if self.rules or self.seen:
            yield ""
            yield "[rules]"
            for line in self.seen:
                yield from _comment(line)
            for key, entry in self.rules.items():
                yield from _entry(key, entry)
        for driver in self.drivers:
            yield from _table("[[drivers]]", driver)
        if self.money:
            yield from _table("[money]", self.money)
        for attribute in self.attributes:
            yield from _table("[[attributes]]", attribute)
        if self.left:
            yield ""
            yield from _comment("Columns that are not used:")
            for name, why in self.left[:_MOST_LEFT]:
                yield from _comment(f"  {name!r}: {why}")
            if len(self.left) > _MOST_LEFT:
                yield from _comment(f"  and {len(self.left) - _MOST_LEFT} more")


_MOST_LEFT = 40
_WIDTH = 116


def _table(header: str, entries: Mapping[str, Entry]) -> Iterator[str]:
    yield ""
    yield header
    for key, entry in entries.items():
        yield from _entry(key, entry)


def _entry(key: str, entry: Entry) -> Iterator[str]:
    value, why = entry
    if why:
        yield from _comment(why)
    yield f"{key} = {written(value)}"


def _comment(text: str) -> Iterator[str]:
    """The text as lines of a comment, without what TOML does not allow in one."""
    indent = len(text) - len(text.lstrip())
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    line = "#" + " " * indent
    for word in plain.split():
        if len(line) + 1 + len(word) > _WIDTH and line.strip("# "):
            yield line
            line = "#  " + " " * indent
        line += f" {word}"
    yield line


def written(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(key)} = {written(each)}' for key, each in value.items())} }}" if value else "{}"
    return repr(value)


def _key(name: str) -> str:
    """The name of an entry as TOML."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else written(name)
