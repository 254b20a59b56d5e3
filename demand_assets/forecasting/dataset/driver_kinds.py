"""The kinds of drivers: what their values are to models and scenarios, and how a plug-in reads a source's values."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from demand_assets.forecasting.contract.plugins import DRIVER_KINDS, Plugin, PluginError, plugin

Kind = Literal["number", "yes_no", "category"]
Action = Literal["percent", "set", "add"]
Value = float | str | None


@dataclass(frozen=True)
class DriverKind:
    """What is true of all drivers of a kind."""

    dtype: type
    """Of its values in a table."""
    missing: Value
    """Where nothing is known."""
    actions: tuple[Action, ...]
    """What a scenario can do to it."""
    is_ordered: bool
    """Whether one value is more than another, so that demand can rise and fall with it."""
    fits: Callable[[Any], bool]
    """Whether a value of a dataset file is one of it."""

    def unknown(self, size: int) -> npt.NDArray[Any]:
        """So many values of which none is known."""
        return np.full(size, self.missing, dtype=self.dtype)


KINDS: dict[Kind, DriverKind] = {
    "number": DriverKind(np.float64, np.nan, ("percent", "set", "add"), True,
                         lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    "yes_no": DriverKind(np.float64, np.nan, ("set",), True, lambda value: value in (True, False)),
    "category": DriverKind(object, None, ("set",), False, lambda value: isinstance(value, str))}


class ReadsValues(Protocol):
    """What an entry point of the group ``demand_assets.driver_kinds`` names: a class that is made without arguments.

    Its attribute ``kind``, one of ``KINDS``, is what the values that it reads are from then on.
    """

    kind: Kind

    def read(self, value: Any) -> float | bool | str | None:
        """A value of the source, a text or a number, as one of the kind; None where it means "not known".

        Raises: ValueError: it is none; the message is told of the refused row, after the value.
        """


@dataclass(frozen=True)
class Reading:
    """A plug-in that reads values.

    Raises: PluginError: it is not there, or no such thing.
    """

    plugin: Plugin
    reads: ReadsValues

    def values(self, distinct: Iterable[Any]) -> list[tuple[Value, str]]:
        """Each value as one of the kind, and why it is none; empty where it is.

        Raises: PluginError: it raised something else than ValueError, or answered nonsense.
        """
        return [self._value(value) for value in distinct]

    def _value(self, value: Any) -> tuple[Value, str]:
        kind = self.reads.kind
        try:
            found = self.plugin.asked(f"read {str(value)[:80]!r}", lambda: self.reads.read(value))
        except PluginError as error:
            if isinstance(error.__cause__, ValueError):
                return KINDS[kind].missing, str(error.__cause__)[:200] or f"is none of {self.plugin.name}"
            raise
        if found is None:
            return KINDS[kind].missing, ""
        if not KINDS[kind].fits(found) or (isinstance(found, float) and not isfinite(found)):
            raise self.plugin.nonsense(f"read {str(value)[:80]!r}", found, f"a value of kind {kind!r}, or None,")
        return (str(found) if kind == "category" else float(found)), ""


def reading_of(name: str, kind: str | None = None) -> Reading:
    """What reads values by that name.

    Args:
        kind: which its values must be of, unless any will do.
    Raises: PluginError.
    """
    found = plugin(DRIVER_KINDS, name)
    reads = found.asked("be opened", lambda: found.offered())
    if getattr(reads, "kind", None) not in KINDS or not callable(getattr(reads, "read", None)):
        raise PluginError(f"{found.words} needs an attribute kind, one of {', '.join(KINDS)}, and a method "
                          "read(value).")
    if kind is not None and reads.kind != kind:
        raise PluginError(f"{found.words} reads values of kind {reads.kind!r}. Write kind = \"{reads.kind}\" for the "
                          "driver.")
    return Reading(found, reads)
