"""A version's files: what they say of themselves, checked before anything is read from them.

Beside a model's own files lies ``identity.json``: the registered model and the version that they are of, a fingerprint
of the demand that it was trained on, and the hash of each file. Files of before have none; of them the fingerprint
alone can be compared.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from demand_assets.forecasting.model.model_files import Contents, ModelFilesError
from demand_assets.forecasting.model.serving.own_model import DETAILS_FILE as OWN_DETAILS
from demand_assets.forecasting.model.serving.pooled_model import DETAILS_FILE as POOLED_DETAILS

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

IDENTITY_FILE = "identity.json"
NOT_OF_THE_MODEL = (IDENTITY_FILE, "input_example.json")
"""Of files that look like a model's, those from which none is loaded."""
SEALED = "identity"
"""Tag of a version whose files have an identity: the seal that it holds, so that no other files are its own."""
SEALED_BEFORE = "in the files"
"""What the tag held before there were seals."""


class Identity(BaseModel):
    """What files say of themselves."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    """Of the registered model, which names dataset, region and item."""
    version: int
    data_hash: str
    sha256: dict[str, str]
    """Of each file that a model is loaded from."""
    seal: str = ""
    """As the version's tag: a registered model that was deleted and made anew counts from 1 again, perhaps on the same
    demand. Empty in files of before."""


@dataclass(frozen=True)
class VersionFiles:
    """Where a version's files are and what they must say of themselves, as the version itself tells it."""

    version: int
    source: str
    data_hash: str = ""
    """Fingerprint of the demand; empty when the version does not tell it."""
    sealed: bool = False
    """Whether the files must have an identity."""
    seal: str = ""
    """That their identity must hold; empty where the version tells none."""

    @classmethod
    def of(cls, version: "ModelVersion") -> Self:
        """What a version tells."""
        seal = version.tags.get(SEALED, "")
        return cls(int(version.version), str(version.source), version.tags.get("data_hash", ""),
                   SEALED in version.tags, "" if seal == SEALED_BEFORE else seal)


def seal(folder: Path, name: str, version: int, data_hash: str, sealed: str = "") -> None:
    """Write down in the folder whose files it holds.

    Args:
        sealed: the version's seal, where it has one.
    """
    identity = Identity(name=name, version=version, data_hash=data_hash, sha256=_hashes(_contents(folder)), seal=sealed)
    (folder / IDENTITY_FILE).write_text(identity.model_dump_json())


def check(folder: Path, name: str, version: int, told: VersionFiles | None = None) -> None:
    """Nothing, when the folder's files are whole and those of that version.

    Args:
        told: what the version itself tells, where that is known.
    Raises: ModelFilesError: they are not.
    """
    verified(folder, name, version, told)


def verified(folder: Path, name: str, version: int, told: VersionFiles | None = None) -> Contents:
    """File name -> content of the folder's files, which are whole and those of that version.

    Whoever makes a model of them uses this, and reads no file again: what was hashed is what is parsed. Files without
    an identity are of before there were hashes, and are as they are.

    Args:
        told: what the version itself tells, where that is known.
    Raises: ModelFilesError: they are not.
    """
    try:
        if not any((folder / file).is_file() for file in (OWN_DETAILS, POOLED_DETAILS)):
            raise ModelFilesError(f"the files of {name} version {version} hold no model of this product, or a part "
                                  f"of it is missing: neither {OWN_DETAILS} nor {POOLED_DETAILS} is in {folder}")
        found = identified(folder)
    except (OSError, ValidationError) as error:
        raise ModelFilesError(f"the files of {name} version {version} do not say whose they are: "
                              f"{folder / IDENTITY_FILE} is damaged: {error}") from error
    contents = _contents(folder)
    wanted_hash = told.data_hash if told else ""
    if found is None:
        if told and told.sealed:
            raise _not_its_own(folder, name, version, "they do not say whose they are")
        if wanted_hash and (of := _data_hash(contents.get(OWN_DETAILS, b""))) and of != wanted_hash:
            raise _not_its_own(folder, name, version, f"they are of demand {of}, the version is of {wanted_hash}")
        return contents
    if (found.name, found.version) != (name, version):
        raise _not_its_own(folder, name, version, f"they are those of {found.name} version {found.version}")
    if wanted_hash and found.data_hash != wanted_hash:
        raise _not_its_own(folder, name, version, f"they are of demand {found.data_hash}, the version is of "
                                                  f"{wanted_hash}")
    if told and told.seal not in ("", found.seal):
        raise _not_its_own(folder, name, version, "they are those of a version of the same number that was deleted")
    has = _hashes(contents)
    if damaged := sorted(file for file, wanted in found.sha256.items() if has.get(file) != wanted):
        raise ModelFilesError(f"files of {name} version {version} cannot be read, as they are damaged, missing or "
                              f"another's: {', '.join(damaged)} in {folder}")
    return {file: contents[file] for file in found.sha256}


def copy(source: Path, target: Path) -> Path:
    """The target, a new folder with a copy of what a model is loaded from, and of what says whose it is.

    Nothing else is copied: what no hash is held against might be damaged, and nobody would know.
    """
    target.mkdir()
    for file in source.iterdir():
        if file.is_file() and (_is_loaded(file) or file.name == IDENTITY_FILE):
            shutil.copy2(file, target)
    return target


def seal_old(folder: Path, name: str, version: int) -> None:
    """Write down whose files these are, where they were made before files said so."""
    if not (folder / IDENTITY_FILE).exists():
        try:
            details = (folder / OWN_DETAILS).read_bytes()
        except FileNotFoundError:
            details = b""
        seal(folder, name, version, _data_hash(details))


@contextmanager
def damage_is_told(name: str, version: int) -> Iterator[None]:
    """Say of whatever stops the block because files hold something unforeseen that these files are damaged.

    Raises: ModelFilesError.
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
        raise ModelFilesError(f"the files of {name} version {version} hold something unforeseen: "
                              f"{type(error).__name__}: {error}") from error


def local_path(uri: str | None) -> Path | None:
    """The path that an artifact URI names on this machine, or None when it is elsewhere."""
    parsed = urlsplit(uri or "unknown:")
    return Path(unquote(parsed.path)) if parsed.scheme == "file" else Path(parsed.path) if not parsed.scheme else None


def identified(folder: Path) -> Identity | None:
    """What the files in the folder say of themselves; None of files of before, which do not.

    Raises: OSError, ValidationError: it cannot be read.
    """
    try:
        return Identity.model_validate_json((folder / IDENTITY_FILE).read_bytes())
    except FileNotFoundError:
        return None


def _contents(folder: Path) -> Contents:
    try:
        return {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if _is_loaded(file)}
    except OSError as error:
        raise ModelFilesError(f"the files in {folder} cannot be read: {error}") from error


def _is_loaded(file: Path) -> bool:
    return file.suffix in (".ubj", ".json") and file.name not in NOT_OF_THE_MODEL


def _hashes(contents: Contents) -> dict[str, str]:
    return {file: hashlib.sha256(content).hexdigest() for file, content in contents.items()}


def _data_hash(details: bytes) -> str:
    """The fingerprint in a region-item's model itself; empty when there is none, as in the pooled model."""
    try:
        return str(json.loads(details)["card"]["data_hash"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return ""


def _not_its_own(folder: Path, name: str, version: int, why: str) -> ModelFilesError:
    return ModelFilesError(f"the files in {folder} are not those of {name} version {version}: {why}")
