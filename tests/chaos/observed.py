"""What is known of a campaign's product: what it accepted, and what was observed of it; both can be stored as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Accepted:
    """A request that the product was sent."""

    marker: str
    """Unique; in its reason, comment or name, so that it is found again."""
    kind: str
    """``retrain``, ``scenario``, ``override`` or ``act``."""
    round: int
    is_certain: bool
    """Whether the product said that it took it; else the answer was lost on its way, and both are right."""


@dataclass(frozen=True)
class Item:
    """A region-item of a retrain, as the app tells it."""

    key: str
    state: str
    version: int | None
    is_presumed: bool
    reason: str
    run_id: str = ""
    """Of Dagster."""


@dataclass(frozen=True)
class Retrain:
    """A retrain, as the app tells it."""

    id: int
    request_id: str
    source: str
    reason: str
    state: str
    is_cancelled: bool
    """Whether somebody asked to cancel it."""
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Version:
    """A version, as the registry tells it."""

    key: str
    version: int
    request_id: str
    decision: str
    """``promote``, ``keep`` or empty."""


@dataclass(frozen=True)
class Serving:
    """What forecasts a region-item, from the registry to the page."""

    alias: int | None
    """In production, as the registry says."""
    announced: int | None
    """As the app says."""
    files: Mapping[str, str] = field(default_factory=dict)
    """File -> SHA-256 of what the registry holds of the version in production."""
    cached: Mapping[str, str] = field(default_factory=dict)
    """The same of the copy that the app forecasts with."""
    shown_by: str = ""
    """``production``, ``pooled`` or ``baseline``, as the answer with the forecast says."""
    shown_version: int | None = None
    shown: tuple[float, ...] = ()
    """The model's forecasts, as the app shows them."""
    reproduced: tuple[float, ...] = ()
    """The same, made of the registry's files."""
    problem: str = ""
    """Why there is no forecast."""


@dataclass(frozen=True)
class Group:
    """Processes of one kind."""

    count: int
    open_files: int
    """Of the one with the most."""
    megabytes: float
    """Of the one with the most."""


@dataclass(frozen=True)
class Observed:
    """The product at one moment."""

    retrains: tuple[Retrain, ...] = ()
    overrides: tuple[tuple[str, str], ...] = ()
    """Comment and batch, each pair once."""
    scenarios: tuple[tuple[str, bool, str], ...] = ()
    """Name, whether it was computed, and why not."""
    acts: tuple[tuple[str, str, str], ...] = ()
    """Reason, state and problem."""
    versions: tuple[Version, ...] = ()
    serving: Mapping[str, Serving] = field(default_factory=dict)
    """By region-item."""
    audit_entries: tuple[tuple[str, str, str], ...] = ()
    """Act, kind, and reason or subject."""
    audit_problem: str = ""
    """What the command that verifies the log complains of."""
    databases: Mapping[str, str] = field(default_factory=dict)
    """Name -> ``ok``, or what its own check says."""
    processes: Mapping[str, Group] = field(default_factory=dict)
    unfinished_runs: int = 0
    """Runs that Dagster believes are going on."""

    def write(self, file: Path) -> None:
        """Store it, in a folder that is made."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, file: Path) -> Self:
        """What ``write`` stored."""
        told: dict[str, Any] = json.loads(file.read_text())
        return cls(
            retrains=tuple(Retrain(**{**one, "items": tuple(Item(**item) for item in one["items"])})
                           for one in told["retrains"]),
            overrides=tuple((comment, batch) for comment, batch in told["overrides"]),
            scenarios=tuple((name, done, why) for name, done, why in told["scenarios"]),
            acts=tuple((reason, state, problem) for reason, state, problem in told["acts"]),
            versions=tuple(Version(**one) for one in told["versions"]),
            serving={key: Serving(**{**one, "shown": tuple(one["shown"]), "reproduced": tuple(one["reproduced"])})
                     for key, one in told["serving"].items()},
            audit_entries=tuple((act, kind, words) for act, kind, words in told["audit_entries"]),
            audit_problem=told["audit_problem"], databases=told["databases"],
            processes={name: Group(**one) for name, one in told["processes"].items()},
            unfinished_runs=told["unfinished_runs"])
