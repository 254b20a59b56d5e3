"""What a build gets of a machine's settings, what is left out of it, and what a person is told of both."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from deploy.masked_text import masked

PLACE = "/run/machine-settings"
"""In the build, the folder of all files and folders that settings name."""
SETUP_OVERRULES = {"constraint", "build-constraint", "requirement", "constraint-dependencies",
                   "build-constraint-dependencies", "override-dependencies", "exclude-dependencies", "UV_CONSTRAINT",
                   "UV_BUILD_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_EXCLUDE_NEWER"}
"""What ignore_machine_constraints.sh sets aside."""
OVERRULED = "the lock names every version with its hashes"
NO_CONCERN = "it does not say where packages come from"


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


def not_a_concern(tool: str, name: str, source: str, build: BuildSettings) -> None:
    """Tell of a setting that is not known here, without its value, which may be a password."""
    build.left_out.append(f"{tool}: {name} ({source}): {NO_CONCERN}")


def _is_secret(name: str) -> bool:
    return bool(re.search(r"(^|:)_|password|token|secret", name.rpartition("/")[2], re.IGNORECASE))
