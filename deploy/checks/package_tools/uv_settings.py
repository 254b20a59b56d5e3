"""The settings of uv: the near file before the far one, the environment before both."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from deploy.checks.package_tools.build_settings import BuildSettings, Setting, not_a_concern
from deploy.checks.package_tools.machine import Machine

CARRIED = {"no-index", "index-strategy", "allow-insecure-host", "http-proxy", "https-proxy", "no-proxy"}
OVERRULED = {"constraint-dependencies", "build-constraint-dependencies", "override-dependencies",
                "exclude-dependencies", "exclude-newer", "exclude-newer-package", "no-binary", "no-binary-package",
                "no-build", "no-build-package", "only-binary", "prerelease", "resolution"}
INDEX_FIELDS = {"name", "url", "default", "explicit", "format", "authenticate", "ignore-error-codes",
                   "cache-control"}
VARIABLES_CARRIED = {"UV_INDEX_STRATEGY": "index-strategy", "UV_INSECURE_HOST": "allow-insecure-host"}
VARIABLES_OVERRULED = {"UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_EXCLUDE_NEWER",
                          "UV_PRERELEASE", "UV_RESOLUTION", "UV_NO_BINARY", "UV_NO_BINARY_PACKAGE", "UV_NO_BUILD",
                          "UV_NO_BUILD_PACKAGE"}


def uv_lines(machine: Machine, build: BuildSettings) -> list[str]:
    """Lines of a uv.toml: the near file before the far one, the environment before both."""
    top: dict[str, Any] = {}
    pip: dict[str, Any] = {}
    _environment(machine, build, top)
    has_default = "index-url" in top or any(index.get("default") for index in top.get("index", []))
    for path in _files(machine):
        try:
            content = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            build.unread("uv", path, str(error) if isinstance(error, tomllib.TOMLDecodeError) else type(error).__name__)
            continue
        of_pip = content.pop("pip", {})
        for table, merged in ((content, top), (of_pip if isinstance(of_pip, dict) else {}, pip)):
            if has_default:
                table.pop("index-url", None)
            for name, value in table.items():
                read = _setting(machine, build, path, name, value)
                if isinstance(read, list):
                    merged[name] = [*merged.get(name, []), *read]
                elif read is not None:
                    merged.setdefault(name, read)
    if "index" in top:
        top["index"] = _one_of_each(top["index"])
    lines = [f"{name} = {_toml(value)}" for name, value in top.items()]
    return [*lines, "[pip]", *(f"{name} = {_toml(value)}" for name, value in pip.items())] if pip else lines


def _files(machine: Machine) -> Iterator[Path]:
    if machine.environment.get("UV_NO_CONFIG", "").lower() in ("1", "true", "yes", "on"):
        return
    if named := machine.environment.get("UV_CONFIG_FILE"):
        candidates: list[list[Path]] = [[machine.folder / named]]
    else:
        candidates = [
            [folder / "uv.toml" for folder in (machine.folder, *machine.folder.parents)],
            [machine.user_folder / "uv" / "uv.toml"],
            [*(folder / "uv" / "uv.toml" for folder in machine.system_folders), machine.root / "etc/uv/uv.toml"]]
    for level in candidates:
        yield from [path for path in level if path.is_file()][:1]


def _environment(machine: Machine, build: BuildSettings, top: dict[str, Any]) -> None:
    for variable, value in machine.environment.items():
        setting = Setting("uv", variable, value, "environment")
        if not variable.startswith("UV_") or not value.strip() or variable in ("UV_CONFIG_FILE", "UV_NO_CONFIG"):
            continue
        if variable in ("UV_DEFAULT_INDEX", "UV_INDEX"):
            read = [_index(machine, build, variable, one) for one in value.split()]
            indexes = [index for index in read if index]
            if variable == "UV_DEFAULT_INDEX":
                top["index"] = [*top.get("index", []), *(index | {"default": True} for index in indexes)]
            else:
                top["index"] = [*indexes, *top.get("index", [])]
        elif variable in ("UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
            name = variable.removeprefix("UV_").lower().replace("_", "-")
            values = value.split(",") if variable == "UV_FIND_LINKS" else value.split()
            one_by_one = [Setting("uv", variable, one.strip(), "environment") for one in values if one.strip()]
            places = [build.location(each, machine.path(each.value), is_index=variable != "UV_FIND_LINKS")
                      for each in one_by_one]
            if there := [place for place in places if place is not None]:
                top[name] = there[0] if variable == "UV_INDEX_URL" else there
        elif variable in VARIABLES_CARRIED:
            build.carry(setting)
            top[VARIABLES_CARRIED[variable]] = value.split() if variable == "UV_INSECURE_HOST" else value
        elif variable in VARIABLES_OVERRULED:
            build.overrule(setting)
        elif not re.fullmatch(r"UV_INDEX_\w+_(USERNAME|PASSWORD)", variable):  # they go with their index
            not_a_concern("uv", variable, "environment", build)


def _index(machine: Machine, build: BuildSettings, variable: str, value: str) -> dict[str, Any] | None:
    """Of a value like ``https://…`` or ``name=https://…``."""
    named = re.fullmatch(r"([\w.-]+)=(.+)", value)
    url = named.group(2) if named else value
    place = build.location(Setting("uv", variable, url, "environment"), machine.path(url), is_index=True)
    if place is None:
        return None
    return _with_password(machine, {"name": named.group(1), "url": place} if named else {"url": place})


def _setting(machine: Machine, build: BuildSettings, path: Path, name: str, value: object) -> object:
    """The value as the build has it; None when it is left out."""
    if name == "index" and isinstance(value, list):
        kept = []
        for index in value:
            if not isinstance(index, dict) or not isinstance(index.get("url"), str):
                build.leave(Setting("uv", name, str(index), str(path)), "an index needs a url")
                continue
            setting = Setting("uv", name, index["url"], str(path))
            place = build.location(setting, machine.path(index["url"], path.parent),
                                   is_index=index.get("format") != "flat")
            if place is not None:
                kept.append(_with_password(machine, {key: each for key, each in index.items()
                                                     if key in INDEX_FIELDS} | {"url": place}))
        return kept or None
    if name in ("index-url", "extra-index-url", "find-links"):
        values = [str(each) for each in value] if isinstance(value, list) else [str(value)]
        places = [build.location(Setting("uv", name, each, str(path)), machine.path(each, path.parent),
                                 is_index=name != "find-links") for each in values]
        there = [place for place in places if place is not None]
        return (there or None) if isinstance(value, list) else next(iter(there), None)
    if name in ("system-certs", "native-tls"):
        return None  # said by the bundle
    if name in CARRIED:
        build.carry(Setting("uv", name, _toml(value), str(path)))
        return value
    if name in OVERRULED:
        build.overrule(Setting("uv", name, _toml(value), str(path)))
    else:
        not_a_concern("uv", name, str(path), build)
    return None


def _with_password(machine: Machine, index: dict[str, Any]) -> dict[str, Any]:
    """An index with the user and password that variables give it by its name: a build has no such variables."""
    name = re.sub(r"[^A-Z0-9]", "_", str(index.get("name", "")).upper())
    user, password = (machine.environment.get(f"UV_INDEX_{name}_{word}") for word in ("USERNAME", "PASSWORD"))
    parts = urlsplit(index["url"])
    if not name or not (user or password) or "@" in parts.netloc:
        return index
    netloc = f"{quote(user or '', safe='')}:{quote(password or '', safe='')}@{parts.netloc}"
    return index | {"url": urlunsplit(parts._replace(netloc=netloc))}


def _one_of_each(indexes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first of each name, and one default: uv refuses a second in the same file."""
    kept: list[dict[str, Any]] = []
    for index in indexes:
        is_second_name = "name" in index and any(index["name"] == other.get("name") for other in kept)
        is_second_default = index.get("default") and any(other.get("default") for other in kept)
        if not is_second_name and not is_second_default:
            kept.append(index)
    return kept


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {_toml(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    return str(value)  # numbers and dates
