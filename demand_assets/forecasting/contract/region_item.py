"""A region-item and its three written forms: partition key, registered model name, path.

Names come from the source and may hold any character. Each character that Dagster, MLflow, a URL or a file system
treats specially is written as ``~`` and the two hex digits of each of its UTF-8 bytes, in all three forms alike.

A name that these forms cannot hold is known by a short one instead, everywhere but where people read it: its beginning
and a digest of all of it. ``long_names.json`` of the demand store says which names they stand for.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

LONGEST_NAME_BYTES = 100
"""From more bytes of its escaped form on, a short name stands for a region or an item: model names (256) and file names
(255) must hold it."""
LONGEST_NAME = 1000
"""Characters of a region or an item; what is longer is a text in the wrong column."""
SHORT_NAME = re.compile(r"\(=[0-9a-f]{16}\)")
"""What each short name ends with, and no other name does."""

_SPECIAL = re.compile(r"[^\w\- &()+=@!;]|^\s|\s$", re.UNICODE)
_ESCAPED = re.compile(r"(?:~[0-9A-F]{2})+")
_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_BREAK = re.compile(r"\s*[\r\n\t\v\f]+\s*")
_UNSEEN = re.compile("[\u00ad\u200b\u2060\ufeff]")


class BadNameError(ValueError):
    """A region, an item, a partition key or a model name that cannot be used."""


def one_form(name: str) -> str:
    """A name in the one form in which it is known: composed letters, plain spaces, nothing that cannot be seen."""
    composed = unicodedata.normalize("NFC", name)
    return _UNSEEN.sub("", _SPACE.sub(" ", composed)).strip()


def in_one_line(name: str) -> str:
    """A name of a cell in its one form, where the cell may have several lines."""
    return one_form(_BREAK.sub(" ", name))


def known_as(name: str) -> str:
    """What a region or an item is called inside: its one form, or the short name that stands for a long one."""
    name = one_form(name)
    return _short(name) if len(name) * 12 > LONGEST_NAME_BYTES and not name_problem(name) else name


def _short(name: str) -> str:
    """The name itself where keys, model names and paths can hold it; else its beginning and its digest."""
    if len(escape(name).encode()) <= LONGEST_NAME_BYTES:
        return name
    mark = f" (={hashlib.sha256(name.encode()).hexdigest()[:16]})"
    beginning, room = "", LONGEST_NAME_BYTES - len(mark)
    for character in name:
        room -= len(escape(character).encode())
        if room < 0:
            break
        beginning += character
    return beginning.rstrip() + mark


def escape(name: str) -> str:
    """The name with every special character written as ``~XX``; ``unescape`` gives it back."""
    return _SPECIAL.sub(lambda match: "".join(f"~{byte:02X}" for byte in match.group().encode()), name)


def unescape(text: str) -> str:
    """The name that ``escape`` wrote.

    Raises: BadNameError: the escapes are no UTF-8.
    """
    try:
        return _ESCAPED.sub(lambda match: bytes.fromhex(match.group().replace("~", "")).decode(), text)
    except UnicodeDecodeError as error:
        raise BadNameError(f"{text!r} holds escapes that are no UTF-8 text: {error}") from error


@dataclass(frozen=True, order=True, slots=True)
class RegionItem:
    """One item in one region: one partition, one model. Sorts region-major.

    Its names are those of inside: a long one that it is given becomes the short one that stands for it.
    """

    region: str
    item: str

    def __post_init__(self) -> None:
        for what, name in (("region", self.region), ("item", self.item)):
            if problem := name_problem(name):
                raise BadNameError(f"{what} {_beginning(name)!r} {problem}")
        object.__setattr__(self, "region", _short(self.region))
        object.__setattr__(self, "item", _short(self.item))

    def __str__(self) -> str:
        return f"{self.region} · {self.item}"

    @property
    def key(self) -> str:
        """The partition key, ``region|item``."""
        return f"{escape(self.region)}|{escape(self.item)}"

    @property
    def path(self) -> str:
        """Two path segments, ``region/item``, for files and URLs."""
        return f"{escape(self.region)}/{escape(self.item)}"

    def model_name(self, dataset: str) -> str:
        """The registered model's name, ``dataset.region.item``."""
        return f"{escape(dataset)}.{escape(self.region)}.{escape(self.item)}"

    @classmethod
    def from_key(cls, key: str) -> "RegionItem":
        """The region-item of a partition key.

        Raises: BadNameError: the key is not two escaped names joined by ``|``.
        """
        return _of_key(key)

    @classmethod
    def from_path(cls, path: str) -> "RegionItem":
        """The region-item of a path ``region/item``.

        Raises: BadNameError: the path is not two escaped names joined by ``/``.
        """
        return cls._from_parts(path, path.split("/"))

    @classmethod
    def from_model_name(cls, name: str) -> tuple[str, "RegionItem"]:
        """The dataset and the region-item of a registered model's name.

        Raises: BadNameError: the name is not three escaped names joined by ``.``.
        """
        dataset, _, rest = name.partition(".")
        return unescape(dataset), cls._from_parts(name, rest.split("."))

    @classmethod
    def _from_parts(cls, text: str, parts: list[str]) -> "RegionItem":
        if len(parts) != 2:
            raise BadNameError(f"{text!r} is no region-item: a region and an item are needed, as in 'north|kettle'")
        return cls(unescape(parts[0]), unescape(parts[1]))


@lru_cache(maxsize=20_000)
def _of_key(key: str) -> RegionItem:
    """``from_key``: pages of hundreds ask for the same again and again."""
    return RegionItem._from_parts(key, key.split("|"))


def pooled_name(dataset: str) -> str:
    """The registered name of a dataset's pooled model, ``dataset.pooled``: one part less than a region-item's."""
    return f"{escape(dataset)}.pooled"


def name_problem(name: str) -> str | None:
    """What is wrong with a region's or an item's name, or None when it can be used."""
    if not name.strip():
        return "is empty"
    if name.isascii() and name.isprintable() and len(name) <= LONGEST_NAME:  # as nearly all are
        return None
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        return "holds control characters"
    if any(128 <= ord(character) < 160 for character in name):
        return ("holds control characters (0x80 to 0x9F), as Windows-1252 read as latin-1 has them; set "
                "source.encoding = 'cp1252'")
    try:
        name.encode()
    except UnicodeEncodeError:
        return "is no valid Unicode text"
    if len(name) > LONGEST_NAME:
        return (f"is too long: {len(name):,} characters, at most {LONGEST_NAME:,} are allowed; check that the column "
                "holds names")
    return None


def _beginning(name: str) -> str:
    """So much of a name as a message can hold."""
    return name if len(name) <= LONGEST_NAME else f"{name[:80]}…"
