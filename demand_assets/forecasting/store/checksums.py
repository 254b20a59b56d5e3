"""A file's checksum, inside the file itself, so that both are written and replaced as one.

Where a file is made, it holds a blank in the form of ``BLANK``; sealing fills it with the SHA-256 of the file's name
and of everything in it, the blank as it was. A file without one was written by an earlier version, and is taken as it
is. The name is part of it, so that another region-item's file does not pass for this one's.
"""

import hashlib

_MARK = b"demand store sha256:"
_DIGITS = 64
BLANK = (_MARK + b"0" * _DIGITS).decode()
"""What a file that is to be sealed holds once: in the footer of a Parquet file, in a field of a JSON file."""


def sealed(name: str, content: bytes) -> bytes:
    """The file's content with its checksum filled in.

    Args:
        name: below the store's root.
        content: with ``BLANK`` in it; the last one is filled.
    Raises: ValueError: there is no blank.
    """
    start = content.rindex(BLANK.encode()) + len(_MARK)
    digest = _digest(name, content, start)
    return content[:start] + digest.encode() + content[start + _DIGITS:]


def checksum_of(content: bytes) -> str:
    """The checksum that sealed content holds, in hexadecimal digits; empty where it holds none."""
    place = content.rfind(_MARK)
    return "" if place < 0 else content[place + len(_MARK):place + len(_MARK) + _DIGITS].decode("ascii", "replace")


def is_sealed(name: str, content: bytes) -> bool:
    """Whether the file holds a checksum, which is right; False for a file of before there were any.

    Raises: ValueError: the file is not as it was written, or another's.
    """
    place = content.rfind(_MARK)
    if place < 0:
        return False
    start = place + len(_MARK)
    if content[start:start + _DIGITS] != _digest(name, content, start).encode():
        raise ValueError("its checksum is of other content")
    return True


def short_digest(content: bytes) -> str:
    """The first 32 digits of the content's SHA-256, for a file whose name tells it."""
    return hashlib.sha256(content).hexdigest()[:32]


def _digest(name: str, content: bytes, start: int) -> str:
    digest = hashlib.sha256(name.encode() + b"\0")
    view = memoryview(content)
    digest.update(view[:start])
    digest.update(b"0" * _DIGITS)
    digest.update(view[start + _DIGITS:])
    return digest.hexdigest()
