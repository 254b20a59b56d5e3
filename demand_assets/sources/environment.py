"""Values of ``${NAME}`` in paths, URLs and options, and how they are kept out of messages."""

import os
import re
from collections.abc import Mapping
from typing import Any

from demand_assets.forecasting.contract.source import SourceError

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET = re.compile(r"pass|secret|token|key|credential|pwd|sas", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")


class Environment:
    """What a dataset file may refer to by name. Remembers secrets that it gave out, to keep them out of messages.

    Args:
        values: the process's environment unless given.
        all_secret: whether every value of it is kept out of messages, whatever its name.
    """

    def __init__(self, values: Mapping[str, str] | None = None, *, all_secret: bool = False) -> None:
        self._values = os.environ if values is None else values
        self._all_secret = all_secret
        self._secrets: dict[str, str] = {}

    def expand(self, text: str) -> str:
        """The text with every ``${NAME}`` replaced by its value.

        Raises: SourceError: a name is not set.
        """
        return _REFERENCE.sub(lambda match: self._value(match[1], text), text)

    def expand_options(self, options: Mapping[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
        """The options with their texts expanded; those with a secret's name are remembered as such."""
        expanded = {name: self.expand(value) if isinstance(value, str) else value for name, value in options.items()}
        self._secrets |= {str(value): "***" for name, value in expanded.items()
                          if _SECRET.search(name) and isinstance(value, str) and len(value) > 2}
        return expanded

    def expand_nested(self, entries: Any) -> Any:
        """Entries with the texts in them expanded, however deep; those with a secret's name are remembered as such."""
        if isinstance(entries, dict):
            for name, value in entries.items():
                if isinstance(value, str) and _SECRET.search(name) and len(value) > 2 and not _REFERENCE.search(value):
                    self._secrets[value] = "***"
            return {name: self.expand_nested(value) for name, value in entries.items()}
        if isinstance(entries, list | tuple):
            return [self.expand_nested(value) for value in entries]
        return self.expand(entries) if isinstance(entries, str) else entries

    def without_secrets(self, text: str) -> str:
        """The text with secrets replaced by the names they are kept under."""
        for secret, name in sorted(self._secrets.items(), key=lambda entry: -len(entry[0])):
            text = text.replace(secret, name)
        return _URL_PASSWORD.sub(r"\1:***@", text)

    def _value(self, name: str, text: str) -> str:
        value = self._values.get(name, "")
        if not value:
            raise SourceError(f"{self.without_secrets(text)!r} needs the environment variable {name}, which is not "
                              f"set. Set it, as in: export {name}=…")
        if _SECRET.search(name) or (self._all_secret and len(value) > 2):
            self._secrets[value] = f"${{{name}}}"
        return value
