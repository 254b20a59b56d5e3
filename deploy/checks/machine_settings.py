"""How a machine reaches its package indexes (settings of pip, uv and npm), made ready for a build of the images.

``python -m deploy.checks.machine_settings FOLDER`` reads the settings, files and environment together, as the three
tools do, and writes into FOLDER what ``build_image.sh`` mounts into the build; each setting is told in a line, with
whether the build has it and, where it has not, why. What is carried is named here, setting by setting: all else stays
outside.

- Where packages come from and how the way there is opened (indexes, proxies, certificates, passwords): carried. A file
  or folder that such a setting names is mounted under one place, where it hides nothing of the image; one that is not
  there is left out, for the tools fail on it even where another index has everything.
- What is installed (constraints, more requirements, release dates): left out. The lock names each version with its
  hashes; a constraint can only agree with it or stop the build. `make setup` installs without constraints too (see
  ignore_machine_constraints.sh), and tells of which with ``python -m deploy.checks.machine_settings --overruled``.

Only the standard library is used: the build may be started where nothing of the product is installed.
"""

import argparse
import configparser
import json
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

PLACE = "/run/machine-settings"
"""In the build, the folder of all files and folders that settings name."""
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PIP_CONF, UV_TOML, NPMRC, NETRC = "/etc/pip.conf", "/etc/uv/uv.toml", "/root/.npmrc", "/root/.netrc"

PIP_LOCATIONS = {"index-url": True, "pypi-url": True, "extra-index-url": True, "find-links": False}
"""pip's settings that say where packages are -> whether it is an index."""
PIP_CARRIED = {"no-index", "trusted-host", "proxy", "no-proxy-env", "timeout", "default-timeout", "retries",
               "resume-retries"}
PIP_LISTS = {"extra-index-url", "find-links", "trusted-host", "constraint", "build-constraint", "requirement"}
"""They hold several values, parted by spaces or lines; so none of pip's paths there has a space."""
PIP_OVERRULED = {"constraint", "build-constraint", "requirement", "requirements-from-script", "editable", "group",
                 "no-binary", "only-binary", "pre", "no-deps", "upgrade", "uploaded-prior-to"}

UV_CARRIED = {"no-index", "index-strategy", "allow-insecure-host", "http-proxy", "https-proxy", "no-proxy"}
UV_OVERRULED = {"constraint-dependencies", "build-constraint-dependencies", "override-dependencies",
                "exclude-dependencies", "exclude-newer", "exclude-newer-package", "no-binary", "no-binary-package",
                "no-build", "no-build-package", "only-binary", "prerelease", "resolution"}
UV_INDEX_FIELDS = {"name", "url", "default", "explicit", "format", "authenticate", "ignore-error-codes",
                   "cache-control"}
UV_VARIABLES_CARRIED = {"UV_INDEX_STRATEGY": "index-strategy", "UV_INSECURE_HOST": "allow-insecure-host"}
UV_VARIABLES_OVERRULED = {"UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_EXCLUDE_NEWER",
                          "UV_PRERELEASE", "UV_RESOLUTION", "UV_NO_BINARY", "UV_NO_BINARY_PACKAGE", "UV_NO_BUILD",
                          "UV_NO_BUILD_PACKAGE"}

NPM_CARRIED = {"registry", "replace-registry-host", "strict-ssl", "proxy", "https-proxy", "http-proxy", "noproxy",
               "maxsockets", "fetch-retries", "fetch-retry-factor", "fetch-retry-mintimeout", "fetch-retry-maxtimeout",
               "fetch-timeout", "_auth", "_authToken", "_password", "username"}
NPM_OVERRULED = {"before", "min-release-age", "omit", "include", "engine-strict"}

CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
                         "NODE_EXTRA_CA_CERTS")
PROXY_VARIABLES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
CERTIFICATE = re.compile(r"-----BEGIN (?:X509 )?CERTIFICATE-----.+?-----END (?:X509 )?CERTIFICATE-----", re.DOTALL)

SETUP_OVERRULES = {"constraint", "build-constraint", "requirement", "constraint-dependencies",
                   "build-constraint-dependencies", "override-dependencies", "exclude-dependencies", "UV_CONSTRAINT",
                   "UV_BUILD_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_EXCLUDE_NEWER"}
"""What ignore_machine_constraints.sh sets aside."""

OVERRULED = "the lock names every version with its hashes"
NO_CONCERN = "it does not say where packages come from"


@dataclass(frozen=True)
class Machine:
    """Where a machine's settings are read."""

    environment: Mapping[str, str]
    home: Path
    folder: Path
    """Where the tools are called: relative paths are taken from here."""
    root: Path = Path("/")
    """Of the system's files."""
    prefixes: tuple[Path, ...] = ()
    """Of the Pythons whose pip has settings of its own; the last is the nearest."""

    @classmethod
    def this(cls) -> "Machine":
        """The one that this process runs on."""
        return cls(os.environ, Path.home(), Path.cwd(), Path("/"),
                   tuple(dict.fromkeys((Path(sys.base_prefix), Path(sys.prefix)))))

    @property
    def system_folders(self) -> list[Path]:
        """Of the settings of all users (XDG)."""
        return [self.root / each.lstrip("/")
                for each in (self.environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":") if each]

    @property
    def user_folder(self) -> Path:
        """Of the user's settings (XDG)."""
        return Path(self.environment.get("XDG_CONFIG_HOME") or self.home / ".config")

    def path(self, value: str, folder: Path | None = None) -> Path | None:
        """The file or folder that a value names; None when it names a server's address."""
        if value.lower().startswith("file:"):
            rest = value[len("file:"):]
            if rest.startswith("//"):
                host, _, rest = rest[2:].partition("/")
                if host not in ("", "localhost"):
                    return None
                rest = f"/{rest}"
            return Path(unquote(rest))
        if re.match(r"[a-z][a-z0-9+.-]+:", value, re.IGNORECASE):
            return None
        if value == "~" or value.startswith("~/"):
            return self.home / value[2:]
        return (folder or self.folder) / value


@dataclass(frozen=True)
class Setting:
    """One setting with what set it: a file or a variable of the environment."""

    tool: str
    name: str
    value: str
    source: str

    @property
    def words(self) -> str:
        """What a person reads: no password in it."""
        value = "***" if _is_secret(self.name) else masked(self.value)
        return f"{self.tool}: {self.name}={value} ({self.source})"


@dataclass
class BuildSettings:
    """What the build gets of a machine's settings, and what a person is told of it."""

    files: dict[str, str] = field(default_factory=dict)
    """Place in the build -> the text there."""
    mounts: dict[str, Path] = field(default_factory=dict)
    """Place in the build -> the file or folder of the machine that is seen there."""
    carried: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    overruled: list[str] = field(default_factory=list)
    """Those of the left out that `make setup` sets aside too."""

    @property
    def words(self) -> str:
        """What a person reads: each setting, in the build or left out of it."""
        return "\n".join([
            "settings of this machine that the build has:", *(f"  {line}" for line in self.carried or ["none"]),
            "left out of the build:", *(f"  {line}" for line in self.left_out or ["none"])])

    def carry(self, setting: Setting) -> None:
        """Tell that the build has it."""
        self.carried.append(setting.words)

    def leave(self, setting: Setting, reason: str) -> None:
        """Tell that the build does not have it, and why."""
        self.left_out.append(f"{setting.words}: {reason}")

    def overrule(self, setting: Setting) -> None:
        """Tell that the lock decides in its place."""
        if setting.name in SETUP_OVERRULES:
            self.overruled.append(setting.words)
        self.leave(setting, OVERRULED)

    def unread(self, tool: str, path: Path, reason: str) -> None:
        """Tell that a settings file cannot be used."""
        self.left_out.append(f"{tool}: {path} is left out whole, it cannot be read: {reason}. Correct it or remove it")

    def mount(self, path: Path) -> str:
        """The place where the build sees that file or folder."""
        for place, mounted in self.mounts.items():
            if mounted == path and place.startswith(PLACE):
                return place
        place = f"{PLACE}/{len(self.mounts)}"
        self.mounts[place] = path
        return place

    def location(self, setting: Setting, path: Path | None, *, is_index: bool) -> str | None:
        """Where the build finds an index or folder of archives, told; None when it is left out.

        The pages of an index link to archives beside it (``../../files/…``), and a page of links to those in its
        folder: the folder around is mounted with it.
        """
        if path is None:
            self.carry(setting)
            return setting.value
        path = Path(os.path.normpath(path))
        if not path.exists():
            self.leave(setting, f"{path} is not there")
            return None
        self.carry(setting)
        if (path.is_dir() and not is_index) or path.parent == Path("/"):
            return f"file://{self.mount(path)}"
        return f"file://{self.mount(path.parent)}/{quote(path.name)}"


def masked(text: str) -> str:
    """The text without passwords: what stands before the @ of an address, and what follows its question mark."""
    text = re.sub(r"//[^/\s'\"]+@|(?<![^\s='\"])[^/\s:'\"]+:[^/\s'\"]+@",
                  lambda found: "//***@" if found.group().startswith("//") else "***@", text)
    return re.sub(r"(://[^\s?]+\?)[^\s'\"]+", r"\1***", text)


def for_the_build(machine: Machine) -> BuildSettings:
    """All settings of that machine, sorted into what the build has and what it has not."""
    build = BuildSettings()
    certificates: list[str] = []
    pip = _pip(machine, build, certificates)
    uv = _uv(machine, build)
    npm = _npm(machine, build, certificates)
    _other_certificates(machine, build, certificates)
    _passwords_and_proxies(machine, build)
    if certificates:
        # One bundle for all: a store that trusts one certificate more can do no harm where hashes decide.
        build.files[BUNDLE] = "\n".join(dict.fromkeys(certificates)) + "\n"
        pip.append(f"cert = {BUNDLE}")
        uv.insert(0, "system-certs = true")
        npm.append(f"cafile = {BUNDLE}")
    for place, lines in ((PIP_CONF, ["[global]", *pip] if pip else []), (UV_TOML, uv), (NPMRC, npm)):
        if lines:
            build.files[place] = "\n".join(lines) + "\n"
    return build


def _pip(machine: Machine, build: BuildSettings, certificates: list[str]) -> list[str]:
    """Lines of a pip.conf, as `pip install` reads the machine's: files from far to near, then the environment."""
    lines = []
    for setting in _pip_settings(machine, build):
        name = setting.name
        if name in PIP_LOCATIONS:
            values = setting.value.split() if name in PIP_LISTS else [setting.value]
            one_by_one = [Setting("pip", name, value, setting.source) for value in values]
            places = [build.location(each, machine.path(each.value), is_index=PIP_LOCATIONS[name])
                      for each in one_by_one]
            if there := [place for place in places if place is not None]:
                lines.append("\n    ".join([f"{name} =", *there] if name in PIP_LISTS else [f"{name} = {there[0]}"]))
        elif name == "cert":
            _add_certificates(setting, machine.path(setting.value), build, certificates)
        elif name == "client-cert":
            path = machine.path(setting.value)
            if path is None or not path.is_file():
                build.leave(setting, "no such file is there")
            else:
                build.carry(setting)
                lines.append(f"client-cert = {build.mount(path)}")
        elif name in PIP_CARRIED:
            build.carry(setting)
            lines.append(f"{name} = " + "\n    ".join(setting.value.splitlines()))
        elif name in PIP_OVERRULED:
            build.overrule(setting)
        else:
            _not_a_concern("pip", name, setting.source, build)
    return lines


def _pip_settings(machine: Machine, build: BuildSettings) -> list[Setting]:
    sections: dict[str, dict[str, Setting]] = {"global": {}, "install": {}, "environment": {}}
    for path in _pip_files(machine):
        parser = configparser.RawConfigParser()
        parser.optionxform = _pip_name  # type: ignore[method-assign,assignment]
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
            name = _pip_name(variable.removeprefix("PIP_"))
            sections["environment"][name] = Setting("pip", name, value.strip(), variable)
    return list((sections["global"] | sections["install"] | sections["environment"]).values())


def _pip_files(machine: Machine) -> Iterator[Path]:
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


def _pip_name(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")


def _uv(machine: Machine, build: BuildSettings) -> list[str]:
    """Lines of a uv.toml: the near file before the far one, the environment before both."""
    top: dict[str, Any] = {}
    pip: dict[str, Any] = {}
    _uv_environment(machine, build, top)
    has_default = "index-url" in top or any(index.get("default") for index in top.get("index", []))
    for path in _uv_files(machine):
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
                read = _uv_setting(machine, build, path, name, value)
                if isinstance(read, list):
                    merged[name] = [*merged.get(name, []), *read]
                elif read is not None:
                    merged.setdefault(name, read)
    if "index" in top:
        top["index"] = _one_of_each(top["index"])
    lines = [f"{name} = {_toml(value)}" for name, value in top.items()]
    return [*lines, "[pip]", *(f"{name} = {_toml(value)}" for name, value in pip.items())] if pip else lines


def _uv_files(machine: Machine) -> Iterator[Path]:
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


def _uv_environment(machine: Machine, build: BuildSettings, top: dict[str, Any]) -> None:
    for variable, value in machine.environment.items():
        setting = Setting("uv", variable, value, "environment")
        if not variable.startswith("UV_") or not value.strip() or variable in ("UV_CONFIG_FILE", "UV_NO_CONFIG"):
            continue
        if variable in ("UV_DEFAULT_INDEX", "UV_INDEX"):
            read = [_uv_index(machine, build, variable, one) for one in value.split()]
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
        elif variable in UV_VARIABLES_CARRIED:
            build.carry(setting)
            top[UV_VARIABLES_CARRIED[variable]] = value.split() if variable == "UV_INSECURE_HOST" else value
        elif variable in UV_VARIABLES_OVERRULED:
            build.overrule(setting)
        elif not re.fullmatch(r"UV_INDEX_\w+_(USERNAME|PASSWORD)", variable):  # they go with their index
            _not_a_concern("uv", variable, "environment", build)


def _uv_index(machine: Machine, build: BuildSettings, variable: str, value: str) -> dict[str, Any] | None:
    """Of a value like ``https://…`` or ``name=https://…``."""
    named = re.fullmatch(r"([\w.-]+)=(.+)", value)
    url = named.group(2) if named else value
    place = build.location(Setting("uv", variable, url, "environment"), machine.path(url), is_index=True)
    if place is None:
        return None
    return _with_password(machine, {"name": named.group(1), "url": place} if named else {"url": place})


def _uv_setting(machine: Machine, build: BuildSettings, path: Path, name: str, value: object) -> object:
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
                                                     if key in UV_INDEX_FIELDS} | {"url": place}))
        return kept or None
    if name in ("index-url", "extra-index-url", "find-links"):
        values = [str(each) for each in value] if isinstance(value, list) else [str(value)]
        places = [build.location(Setting("uv", name, each, str(path)), machine.path(each, path.parent),
                                 is_index=name != "find-links") for each in values]
        there = [place for place in places if place is not None]
        return (there or None) if isinstance(value, list) else next(iter(there), None)
    if name in ("system-certs", "native-tls"):
        return None  # said by the bundle
    if name in UV_CARRIED:
        build.carry(Setting("uv", name, _toml(value), str(path)))
        return value
    if name in UV_OVERRULED:
        build.overrule(Setting("uv", name, _toml(value), str(path)))
    else:
        _not_a_concern("uv", name, str(path), build)
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


def _npm(machine: Machine, build: BuildSettings, certificates: list[str]) -> list[str]:
    """Lines of an .npmrc: the user's before the system's, the environment before both."""
    lines = []
    for name, settings in _npm_settings(machine, build).items():
        setting = settings[-1]
        last = name.rpartition(":")[2]
        if name == "cafile":
            _add_certificates(setting, machine.path(setting.value), build, certificates)
        elif name == "ca":
            for each in settings:
                _add_text(each, each.value.replace("\\n", "\n"), build, certificates)
        elif name.startswith("//") and last in ("certfile", "keyfile"):
            path = machine.path(setting.value)
            if path is None or not path.is_file():
                build.leave(setting, "no such file is there")
            else:
                build.carry(setting)
                lines.append(f"{name} = {build.mount(path)}")
        elif name in NPM_CARRIED or name.startswith("//") or (name.startswith("@") and last == "registry"):
            build.carry(setting)
            lines.append(f"{name} = {json.dumps(setting.value, ensure_ascii=False)}")
        elif name in NPM_OVERRULED:
            build.overrule(setting)
        else:
            _not_a_concern("npm", name, setting.source, build)
    return lines


def _npm_settings(machine: Machine, build: BuildSettings) -> dict[str, list[Setting]]:
    """Name -> its values: one, except for lists."""
    found: dict[str, list[Setting]] = {}
    environment = {_npm_name(variable[len("npm_config_"):]): Setting("npm", _npm_name(variable[len("npm_config_"):]),
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
        for name, value in _npm_lines(text, machine.environment):
            setting = Setting("npm", name.removesuffix("[]"), value, str(path))
            here.setdefault(setting.name, []).append(setting)
        found |= here
    return found | {name: [setting] for name, setting in environment.items()}


def _npm_name(name: str) -> str:
    return name if name.startswith("//") else re.sub(r"(?!^)_", "-", name).lower()


def _npm_lines(text: str, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    def variable(found: re.Match[str]) -> str:
        name = found.group(1)
        return environment.get(name.removesuffix("?"), "" if name.endswith("?") else found.group())

    for line in map(str.strip, text.splitlines()):
        if not line or line[0] in ";#[":
            continue
        name, equals, value = re.sub(r"(?<!\\)\$\{([^${}]+)\}", variable, line).partition("=")
        yield name.strip(), _npm_value(value.strip()) if equals else "true"


def _npm_value(text: str) -> str:
    """As npm reads it: quotes taken off, and what follows an open ; or # is a comment."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        try:
            return str(json.loads(f'"{text[1:-1]}"'))
        except json.JSONDecodeError:
            return text[1:-1]
    return re.sub(r"\\([;#\\])", r"\1", re.split(r"(?<!\\)[;#]", text)[0].strip())


def _other_certificates(machine: Machine, build: BuildSettings, certificates: list[str]) -> None:
    """Of variables that several tools read, and of the machine's own store, where a company's may have been added."""
    for variable in CERTIFICATE_VARIABLES:
        value = machine.environment.get(variable, "")
        for one in value.split(":") if variable == "SSL_CERT_DIR" else [value]:
            if one:
                _add_certificates(Setting("certificates", variable, one, "environment"), machine.folder / one, build,
                                  certificates)
    store = machine.root / BUNDLE.lstrip("/")
    if store.is_file():
        certificates += CERTIFICATE.findall(store.read_text(errors="replace"))


def _add_certificates(setting: Setting, path: Path | None, build: BuildSettings, certificates: list[str]) -> None:
    """Add those of a file, or of all files in a folder."""
    if path is None or not path.exists():
        build.leave(setting, "no such file or folder is there")
        return
    files: Iterable[Path] = sorted(path.iterdir()) if path.is_dir() else [path]
    try:
        text = "\n".join(each.read_text(errors="replace") for each in files if each.is_file())
    except OSError as error:
        build.leave(setting, f"it cannot be read ({error.strerror})")
        return
    _add_text(setting, text, build, certificates)


def _add_text(setting: Setting, text: str, build: BuildSettings, certificates: list[str]) -> None:
    found = CERTIFICATE.findall(text)
    shown = Setting(setting.tool, setting.name, setting.value if "\n" not in setting.value and len(setting.value) < 500
                    else "…", setting.source)
    if found:
        certificates += found
        build.carry(shown)
    else:
        build.leave(shown, "no certificate is in it")


def _passwords_and_proxies(machine: Machine, build: BuildSettings) -> None:
    """A netrc file is mounted; proxies of the environment are passed on by buildah itself, for the build only."""
    named = machine.environment.get("NETRC")
    netrc = machine.folder / named if named else machine.home / ".netrc"
    setting = Setting("passwords", "netrc", str(netrc), "NETRC" if named else "its usual place")
    if netrc.is_file():
        build.mounts[NETRC] = netrc
        build.carry(setting)
    elif named:
        build.leave(setting, "no such file is there")
    for lower in PROXY_VARIABLES:
        for variable in (lower, lower.upper()):
            if value := machine.environment.get(variable):
                build.carry(Setting("proxies", variable, value, "environment"))


def _not_a_concern(tool: str, name: str, source: str, build: BuildSettings) -> None:
    # Without its value: what is not known here may be a password.
    build.left_out.append(f"{tool}: {name} ({source}): {NO_CONCERN}")


def _is_secret(name: str) -> bool:
    return bool(re.search(r"(^|:)_|password|token|secret", name.rpartition("/")[2], re.IGNORECASE))


def write(build: BuildSettings, folder: Path) -> None:
    """Put into a folder what the build mounts: ``volumes``, one for each line, and the files that it names.

    What is the machine's own goes by a link of a plain name: in a volume, a colon parts.
    """
    volumes = []
    for number, (place, text) in enumerate(build.files.items()):
        file = folder / f"file-{number}"
        file.touch(mode=0o600)
        file.write_text(text)
        volumes.append(f"{file}:{place}:ro")
    for number, (place, path) in enumerate(build.mounts.items()):
        link = folder / f"link-{number}"
        link.symlink_to(path.resolve())
        volumes.append(f"{link}:{place}:ro")
    (folder / "volumes").write_text("".join(f"{volume}\n" for volume in volumes))


def main() -> int:
    """0, or 2 when it is called wrongly."""
    parser = argparse.ArgumentParser(prog="python -m deploy.checks.machine_settings", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("folder", nargs="?", type=Path, help="an empty folder for what the build mounts")
    what.add_argument("--overruled", action="store_true", help="tell which settings the lock overrules")
    given = parser.parse_args()
    if given.folder and (not given.folder.is_dir() or any(given.folder.iterdir())):
        parser.error(f"{given.folder} is not an empty folder; name one, as `mktemp -d` makes it")
    build = for_the_build(Machine.this())
    if given.overruled:
        print("".join(f"{line}\n" for line in build.overruled), end="")
        return 0
    write(build, given.folder.resolve())
    print(build.words)
    return 0


if __name__ == "__main__":
    sys.exit(main())
