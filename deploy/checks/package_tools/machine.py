"""Where a machine has settings, and what their values name."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote


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
