"""docs/reference/settings.md: every environment variable that the product reads, in one table."""

from dataclasses import dataclass, field
from inspect import getmro
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from demand_assets.forecasting.telemetry.settings import TelemetrySettings
from demand_assets.settings import Settings as PipelineSettings
from deploy.documentation.words_of_code import as_markdown, table, words_of
from deploy.mcp_server.settings import AgentSettings
from deploy.settings import PROJECT, BackupSettings, RestoreSettings, RunSettings, ServicesSettings, home
from deploy.stores import Stores
from webapp.settings import Settings as WebSettings

READERS: dict[type[BaseSettings], str] = {
    RunSettings: "start", PipelineSettings: "pipeline", WebSettings: "web app", TelemetrySettings: "all processes",
    BackupSettings: "backup", RestoreSettings: "restore", ServicesSettings: "services", Stores: "stores",
    AgentSettings: "agents"}
"""Who reads the settings of a class; where several have a variable, the first that has words for it says what it is."""
INSIDE = frozenset({"CALLED_FROM", "DEMAND_PROCESS", "DEMAND_DAGSTER_RUN"})
"""What processes of the product tell each other; nobody sets it."""
ABOUT = """\
# Settings

Environment variables; `make run NAME=value` sets those of `make run`, `make worker`, `make backup` and `make restore`.
A wrong value is named at the start, with what is allowed. [The dataset file](../datasets.md) says the rest.

*Read by* says who: **start** is `make run` and `make worker`, which hand all they were given on to the processes that
they start (`DATASET` as `DEMAND_DATASET`, `STATE` as `DEMAND_STATE`, `HORIZON` as `DEMAND_HORIZON`); **pipeline** is
Dagster's processes, runs and workers; **web app** its two processes and `flask --app webapp`; **stores** the container
of that name, **agents** `make mcp`. In containers, set what *pipeline* and *web app* read.

Passwords of sources stand in the environment under names of your own, as `${NAME}` in the dataset file. Libraries read
their own variables too, as `AWS_ACCESS_KEY_ID` and `OTEL_…`.

"""


@dataclass
class Setting:
    """A variable, as all who read it have it."""

    default: str
    values: str
    words: str = ""
    readers: list[str] = field(default_factory=list)


def settings_page() -> str:
    """The page of all settings, in Markdown."""
    rows = [(f"`{name}`", one.default, one.values, ", ".join(one.readers), as_markdown(one.words))
            for name, one in sorted(settings().items())]
    return ABOUT + table(("setting", "unless given", "allowed", "read by", "what it is"), *rows)


def settings() -> dict[str, Setting]:
    """Variable -> what is told of it."""
    found: dict[str, Setting] = {}
    for kind, reader in READERS.items():
        classes = [each for each in reversed(getmro(kind))
                   if issubclass(each, BaseSettings) and each is not BaseSettings]
        words = {name: text for each in classes for name, text in words_of(each).items()}
        own = kind.model_fields.keys() - {name for base in kind.__bases__ if base in READERS
                                          for name in base.model_fields}
        for name in (name for name in kind.model_fields if name in own):
            for variable in _variables(kind, name):
                if variable not in INSIDE:
                    info = kind.model_fields[name]
                    one = found.setdefault(variable, Setting(_default(info), _values(info)))
                    one.words = one.words or words.get(name, "")
                    one.readers += [reader] if reader not in one.readers else []
    return found


def _variables(kind: type[BaseSettings], name: str) -> list[str]:
    alias = kind.model_fields[name].validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [alias if isinstance(alias, str) else f"{kind.model_config.get('env_prefix', '')}{name}".upper()]


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "needed"
    value = info.get_default(call_default_factory=True, validated_data={})
    if value is None or value == "" or (isinstance(value, SecretStr) and not value.get_secret_value()):
        return ""
    if isinstance(value, bool):
        return "`yes`" if value else "`no`"
    if isinstance(value, Path):
        at_home = value.is_relative_to(home()) or value.is_relative_to(PROJECT)
        return f"`{value.relative_to(PROJECT) if at_home else value}`"
    return "the machine's" if info.default_factory else f"`{value}`"


def _values(info: FieldInfo) -> str:
    def limit(name: str) -> float | None:
        said = [getattr(one, name, None) for one in (*info.metadata, *_within(info.annotation))]
        return next((value for value in said if value is not None), None)

    low, above, high = limit("ge"), limit("gt"), limit("le")
    if low is None and above is None:
        return _of_type(info.annotation)
    least = f"{low:g}" if low is not None else f"above {above:g}"
    return f"{least} to {high:g}" if high is not None else f"{least} or more" if low is not None else least


def _within(kind: Any) -> list[Any]:
    """Limits that stand within a type, as in ``Annotated[int, Field(ge=1)] | None``."""
    if get_origin(kind) is Annotated:
        return [limit for one in kind.__metadata__ for limit in getattr(one, "metadata", [])]
    parts = get_args(kind) if get_origin(kind) in (Union, UnionType) else ()
    return [limit for one in parts for limit in _within(one)]


def _of_type(kind: Any) -> str:
    """The values that a type allows, in words; nothing of texts."""
    if get_origin(kind) is Literal:
        return ", ".join(f"`{one}`" for one in get_args(kind))
    if get_origin(kind) in (Union, UnionType, Annotated):
        parts = get_args(kind)[:1] if get_origin(kind) is Annotated else get_args(kind)
        words = [_of_type(one) for one in parts if one is not NoneType]
        return next(filter(None, words), "")
    return {bool: "`yes`, `no`", int: "a number", float: "a number", Path: "a path"}.get(kind, "")
