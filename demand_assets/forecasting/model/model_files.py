"""A model's files: read once, and written so that a full disk is told as what it is."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xgboost as xgb

Contents = dict[str, bytes]
"""File name -> what a model's file holds, as it was read once."""


class ModelFilesError(ValueError):
    """A model's files that are damaged or were made for something else."""


class OtherPooledError(ModelFilesError):
    """A model that stands on another pooled model than the one that bears the number now."""


def content_of(folder: Path, file: str, contents: Contents | None) -> bytes:
    """What a model's file holds: as it was read already, or else as it is on disk.

    Raises: KeyError, OSError: there is no such file.
    """
    return (folder / file).read_bytes() if contents is None else contents[file]


def save_booster(booster: "xgb.Booster", file: Path) -> None:
    """Write a booster as UBJSON; byte for byte what XGBoost writes, whose own error on a full disk says nothing of it.

    Raises: OSError: it cannot be written.
    """
    file.write_bytes(booster.save_raw("ubj"))


def booster_of(content: bytes) -> "xgb.Booster":
    """The booster that a file holds.

    Raises: XGBoostError: the file is damaged, as far as XGBoost can tell; ValueError: it is empty.
    """
    import xgboost as xgb

    if not content:
        raise ValueError("a booster's file is empty")
    return xgb.Booster(params={"nthread": 1}, model_file=bytearray(content))
