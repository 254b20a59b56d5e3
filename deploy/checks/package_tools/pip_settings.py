"""The settings of pip: its files from far to near, then the environment."""

import configparser
import os
from collections.abc import Iterator
from pathlib import Path

from deploy.checks.package_tools.build_settings import BuildSettings, Setting, not_a_concern
from deploy.checks.package_tools.certificates import add_certificates
from deploy.checks.package_tools.machine import Machine

LOCATIONS = {"index-url": True, "pypi-url": True, "extra-index-url": True, "find-links": False}
"""pip's settings that say where packages are -> whether it is an index."""
CARRIED = {"no-index", "trusted-host", "proxy", "no-proxy-env", "timeout", "default-timeout", "retries",
               "resume-retries"}
LISTS = {"extra-index-url", "find-links", "trusted-host", "constraint", "build-constraint", "requirement"}
"""They hold several values, parted by spaces or lines; so none of pip's paths there has a space."""
OVERRULED = {"constraint", "build-constraint", "requirement", "requirements-from-script", "editable", "group",
                 "no-binary", "only-binary", "pre", "no-deps", "upgrade", "uploaded-prior-to"}


def pip_lines(machine: Machine, build: BuildSettings, certificates: list[str]) -> list[str]:
    """Lines of a pip.conf, as `pip install` reads the machine's: files from far to near, then the environment."""
    lines = []
    for setting in _settings(machine, build):
        name = setting.name
        if name in LOCATIONS:
            values = setting.value.split() if name in LISTS else [setting.value]
            one_by_one = [Setting("pip", name, value, setting.source) for value in values]
            places = [build.location(each, machine.path(each.value), is_index=LOCATIONS[name])
                      for each in one_by_one]
            if there := [place for place in places if place is not None]:
                lines.append("\n    ".join([f"{name} =", *there] if name in LISTS else [f"{name} = {there[0]}"]))
        elif name == "cert":
            add_certificates(setting, machine.path(setting.value), build, certificates)
        elif name == "client-cert":
            path = machine.path(setting.value)
            if path is None or not path.is_file():
                build.leave(setting, "no such file is there")
            else:
                build.carry(setting)
                lines.append(f"client-cert = {build.mount(path)}")
        elif name in CARRIED:
            build.carry(setting)
            lines.append(f"{name} = " + "\n    ".join(setting.value.splitlines()))
        elif name in OVERRULED:
            build.overrule(setting)
        else:
            not_a_concern("pip", name, setting.source, build)
    return lines


def _settings(machine: Machine, build: BuildSettings) -> list[Setting]:
    sections: dict[str, dict[str, Setting]] = {"global": {}, "install": {}, "environment": {}}
    for path in _files(machine):
        parser = configparser.RawConfigParser()
        parser.optionxform = _name  # type: ignore[method-assign,assignment]
        try:
            parser.read_string(path.read_text())
        except (configparser.Error, UnicodeDecodeError, OSError) as error:
            build.unread("pip", path, type(error).__name__)
            continue
        for section in parser.sections():
            for name, value in parser.items(section):
                if section in sections and value:
                    sections[section][name] = Setting("pip", name, value.strip(), str(path))
    for variable, value in machine.environment.items():
        if variable.startswith("PIP_") and variable != "PIP_CONFIG_FILE" and value.strip():
            name = _name(variable.removeprefix("PIP_"))
            sections["environment"][name] = Setting("pip", name, value.strip(), variable)
    return list((sections["global"] | sections["install"] | sections["environment"]).values())


def _files(machine: Machine) -> Iterator[Path]:
    named = machine.environment.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    there = bool(named) and (machine.folder / str(named)).exists()
    candidates = [*(folder / "pip" / "pip.conf" for folder in machine.system_folders), machine.root / "etc/pip.conf"]
    if not there:
        candidates += [machine.home / ".pip" / "pip.conf", machine.user_folder / "pip" / "pip.conf"]
    candidates += [prefix / "pip.conf" for prefix in machine.prefixes]
    if there:
        candidates.append(machine.folder / str(named))
    yield from (path for path in candidates if path.is_file())


def _name(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")
