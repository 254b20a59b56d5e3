"""What other packages plug in by entry points: what there is by that name, and whose it is."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

T = TypeVar("T")
SOURCES = "demand_assets.sources"
GATE_RULES = "demand_assets.gate_rules"
DRIVER_KINDS = "demand_assets.driver_kinds"
MODELS = "demand_assets.models"
WORDS = {SOURCES: "source kind", GATE_RULES: "gate rule", DRIVER_KINDS: "driver kind", MODELS: "model class"}
"""Group of entry points -> what one of them is."""
FAILURES = (Exception, SystemExit)
"""What a plug-in fails by. One that calls ``sys.exit``, as where it finds no licence, would otherwise end the web app
or a run without a word. ``KeyboardInterrupt`` is a person's Ctrl-C."""


class PluginError(RuntimeError):
    """A plug-in that is not there, or does what it must not; the message names it, and says what to do."""


@dataclass(frozen=True)
class Plugin:
    """Something that another package plugs in."""

    group: str
    name: str
    package: str
    """Its name and version."""
    offered: Any
    """What the entry point names."""

    @property
    def words(self) -> str:
        """Which one it is, for messages."""
        return f"the {WORDS[self.group]} {self.name!r} of the package {self.package}"

    def made_of(self, entries: dict[str, Any]) -> BaseModel:
        """The entries of a dataset file as the plug-in's ``Entries`` has them.

        Raises: PluginError: there is no such model, or it refuses the entries.
        """
        model = getattr(self.offered, "Entries", None)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise PluginError(f"{self.words} has no class Entries, a model of pydantic, for its entries in the "
                              "dataset file. Add one; it may be empty.")
        try:
            return model.model_validate(entries)
        except ValidationError as error:
            allowed = ", ".join(field.alias or name for name, field in model.model_fields.items()) or "none"
            problems = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'entries'}: {one['msg']}"
                                 for one in error.errors(include_input=False, include_url=False))
            raise PluginError(f"{self.words} refuses its entries: {problems}. Its entries are: {allowed}.") from error
        except FAILURES as error:
            raise PluginError(f"{self.words} failed to check its entries: {told(error)}.") from error

    def asked(self, what: str, ask: Callable[[], T]) -> T:
        """What ``ask`` gives, which calls the plug-in.

        Raises: PluginError: it raised something else.
        """
        try:
            return ask()
        except PluginError:
            raise
        except FAILURES as error:
            raise PluginError(f"{self.words} failed to {what}: {told(error)}.") from error

    def nonsense(self, what: str, given: object, wanted: str) -> PluginError:
        """The error that its answer is."""
        return PluginError(f"{self.words} answered {_short(given)} when asked to {what}; {wanted} is wanted.")


def told(error: BaseException) -> str:
    """An error in one line."""
    if isinstance(error, SystemExit):
        return f"it would have ended the program (SystemExit: {error})"
    words = str(error).strip().partition("\n")[0].rstrip(".")
    return f"{type(error).__name__}: {words}"[:300] if words else type(error).__name__


def installed(group: str) -> dict[str, list[EntryPoint]]:
    """Name -> what packages offer by it, more than one where they contradict each other."""
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=group):
        others = found.setdefault(point.name, [])
        if all(other.value != point.value or package_of(other) != package_of(point) for other in others):
            others.append(point)  # a package may stand on the path twice
    return found


def plugin(group: str, name: str, ours: tuple[str, ...] = ()) -> Plugin:
    """What is plugged in by that name.

    Args:
        ours: the names that need no plug-in, for the message.
    Raises: PluginError: nothing is, two packages offer it, or it cannot be loaded.
    """
    what, there = WORDS[group], installed(group)
    points = there.get(name, [])
    if not points:
        known = ", ".join(dict.fromkeys((*ours, *sorted(there)))) or "none"
        raise PluginError(f"{name!r} is no {what} that is known here: there are {known}. Correct the name, or install "
                          "the package that has it in every environment that runs the product (docs/plugins.md).")
    if len(points) > 1:
        raise PluginError(f"the {what} {name!r} is offered by {' and '.join(sorted(map(package_of, points)))}. "
                          "Uninstall one of them.")
    point = points[0]
    try:
        offered = point.load()
    except FAILURES as error:
        raise PluginError(f"the {what} {name!r} of the package {package_of(point)} cannot be loaded from "
                          f"{point.value}: {told(error)}. Install what it needs, or correct the package.") from error
    return Plugin(group, name, package_of(point), offered)


def package_of(point: EntryPoint) -> str:
    """Name and version of the package that has it."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else "that is unknown"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
