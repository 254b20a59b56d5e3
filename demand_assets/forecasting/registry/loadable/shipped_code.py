"""The code that models are forecast with elsewhere: what of this package it takes, and the dataset, in one file.

Written once beside each version of the pooled model, whose files whatever stands on it needs anyway. Its name tells its
content: another release, or another dataset file, ships another one.
"""

import ast
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from demand_assets.forecasting.dataset.dataset_file import Dataset

ROOT = Path(__file__).resolve().parents[2]
"""The folder of ``demand_assets.forecasting``."""
PACKAGE = "demand_assets.forecasting"
ENTRY = f"{PACKAGE}.registry.loadable.loaded"
DATASET_FILE = "dataset.json"
ELSEWHERE: dict[str, Any] = {"source": {"kind": "file", "path": "not shipped"}, "path": "not shipped"}
"""In place of each source, which may hold a password and is not read where models are only asked."""
_LONGEST_AGO = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class ShippedCode:
    """One file of code."""

    name: str
    """Of the package when it is imported; tells the content."""
    content: bytes
    """A zip file."""

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.name}.zip"


def shipped_code(dataset: Dataset) -> ShippedCode:
    """What forecasts models of the dataset where this package is not installed."""
    return _packed(described(dataset))


def described(dataset: Dataset) -> str:
    """The dataset as JSON, without any source and what competes in trainings: neither concerns anybody who only asks
    for forecasts."""
    entries = dataset.model_dump(mode="json", by_alias=True, exclude={"challengers"})
    tables = (entries, *entries["attribute_tables"].values(), entries["predecessor_table"],
              *entries["calendar"]["events"])
    for table in filter(None, tables):
        table.update({name: instead for name, instead in ELSEWHERE.items() if table.get(name) is not None})
    return json.dumps(entries, ensure_ascii=False, sort_keys=True)


@lru_cache(maxsize=4)
def _packed(dataset: str) -> ShippedCode:
    contents = {**shipped_sources(), DATASET_FILE: dataset.encode()}
    digest, buffer = hashlib.sha256(), io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name in sorted(contents):
            digest.update(f"{name} {len(contents[name])}\n".encode() + contents[name])
            packed.writestr(zipfile.ZipInfo(name, _LONGEST_AGO), contents[name], zipfile.ZIP_DEFLATED, 9)
    return ShippedCode(f"forecasting_{digest.hexdigest()[:32]}", buffer.getvalue())


@lru_cache(maxsize=1)
def shipped_sources() -> dict[str, bytes]:
    """Path below the package -> source, of the modules that opening and asking a model imports, at once or later."""
    found: dict[str, bytes] = {}
    waiting = [ENTRY]
    while waiting:
        module = waiting.pop()
        file = _file_of(module)
        if file is None or (name := file.relative_to(ROOT).as_posix()) in found:
            continue
        found[name] = file.read_bytes()
        waiting += imported_names(ast.parse(found[name]))
        waiting += [module.rpartition(".")[0]] if module != PACKAGE else []
    return found


def _file_of(module: str) -> Path | None:
    """The file of a module or package of this one; None where the name is of neither, as of what a module defines."""
    if module != PACKAGE and not module.startswith(f"{PACKAGE}."):
        return None
    path = ROOT.joinpath(*module.removeprefix(PACKAGE).strip(".").split(".")) if module != PACKAGE else ROOT
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def imported_names(node: ast.AST) -> Iterator[str]:
    """The names that are imported below the node, but for type checkers only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.ImportFrom) and child.module:
            yield child.module
            yield from (f"{child.module}.{name.name}" for name in child.names)
        elif isinstance(child, ast.Import):
            yield from (name.name for name in child.names)
        else:
            yield from imported_names(child)
