"""The settings of npm: the user's before the system's, the environment before both."""

import json
import re
from collections.abc import Iterator, Mapping

from deploy.checks.package_tools.build_settings import BuildSettings, Setting, not_a_concern
from deploy.checks.package_tools.certificates import add_certificates, add_text
from deploy.checks.package_tools.machine import Machine

CARRIED = {"registry", "replace-registry-host", "strict-ssl", "proxy", "https-proxy", "http-proxy", "noproxy",
               "maxsockets", "fetch-retries", "fetch-retry-factor", "fetch-retry-mintimeout", "fetch-retry-maxtimeout",
               "fetch-timeout", "_auth", "_authToken", "_password", "username"}
OVERRULED = {"before", "min-release-age", "omit", "include", "engine-strict"}


def npm_lines(machine: Machine, build: BuildSettings, certificates: list[str]) -> list[str]:
    """Lines of an .npmrc: the user's before the system's, the environment before both."""
    lines = []
    for name, settings in _settings(machine, build).items():
        setting = settings[-1]
        last = name.rpartition(":")[2]
        if name == "cafile":
            add_certificates(setting, machine.path(setting.value), build, certificates)
        elif name == "ca":
            for each in settings:
                add_text(each, each.value.replace("\\n", "\n"), build, certificates)
        elif name.startswith("//") and last in ("certfile", "keyfile"):
            path = machine.path(setting.value)
            if path is None or not path.is_file():
                build.leave(setting, "no such file is there")
            else:
                build.carry(setting)
                lines.append(f"{name} = {build.mount(path)}")
        elif name in CARRIED or name.startswith("//") or (name.startswith("@") and last == "registry"):
            build.carry(setting)
            lines.append(f"{name} = {json.dumps(setting.value, ensure_ascii=False)}")
        elif name in OVERRULED:
            build.overrule(setting)
        else:
            not_a_concern("npm", name, setting.source, build)
    return lines


def _settings(machine: Machine, build: BuildSettings) -> dict[str, list[Setting]]:
    """Name -> its values: one, except for lists."""
    found: dict[str, list[Setting]] = {}
    environment = {_name(variable[len("npm_config_"):]): Setting("npm", _name(variable[len("npm_config_"):]),
                                                                     value, variable)
                   for variable, value in machine.environment.items()
                   if variable.lower().startswith("npm_config_") and value}
    user, system = environment.pop("userconfig", None), environment.pop("globalconfig", None)
    files = [machine.root / place for place in ("etc/npmrc", "usr/etc/npmrc", "usr/local/etc/npmrc")]
    if system:
        files = [machine.folder / system.value]
    files.append(machine.folder / user.value if user else machine.home / ".npmrc")
    for path in files:
        if not path.is_file():
            continue
        try:
            text = path.read_text()
        except (UnicodeDecodeError, OSError) as error:
            build.unread("npm", path, type(error).__name__)
            continue
        here: dict[str, list[Setting]] = {}
        for name, value in _lines(text, machine.environment):
            setting = Setting("npm", name.removesuffix("[]"), value, str(path))
            here.setdefault(setting.name, []).append(setting)
        found |= here
    return found | {name: [setting] for name, setting in environment.items()}


def _name(name: str) -> str:
    return name if name.startswith("//") else re.sub(r"(?!^)_", "-", name).lower()


def _lines(text: str, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    def variable(found: re.Match[str]) -> str:
        name = found.group(1)
        return environment.get(name.removesuffix("?"), "" if name.endswith("?") else found.group())

    for line in map(str.strip, text.splitlines()):
        if not line or line[0] in ";#[":
            continue
        name, equals, value = re.sub(r"(?<!\\)\$\{([^${}]+)\}", variable, line).partition("=")
        yield name.strip(), _value(value.strip()) if equals else "true"


def _value(text: str) -> str:
    """As npm reads it: quotes taken off, and what follows an open ; or # is a comment."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        try:
            return str(json.loads(f'"{text[1:-1]}"'))
        except json.JSONDecodeError:
            return text[1:-1]
    return re.sub(r"\\([;#\\])", r"\1", re.split(r"(?<!\\)[;#]", text)[0].strip())
