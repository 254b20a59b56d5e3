"""Import rules that the import linter cannot hold: it sees no parts of libraries."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.settings import PROJECT

ROOMS = {"dagster": "demand_assets/dagster_instance", "dagster_celery": "demand_assets/dagster_instance",
         "dagster_postgres": "demand_assets/dagster_instance", "mlflow": "demand_assets/forecasting/registry"}
"""A library -> the only folder that may name what it does not publish."""


def imported(module: Path) -> Iterator[str]:
    """The dotted names that a module imports."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{one.name}" for one in node.names)


def is_private(name: str) -> bool:
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def test_private_parts_of_libraries_are_named_in_their_rooms_only() -> None:
    found = []
    for folder in ("demand_assets", "webapp", "deploy", "benchmarks"):
        for module in (PROJECT / folder).rglob("*.py"):
            if "node_modules" in module.parts:
                continue
            for name in imported(module):
                room = ROOMS.get(name.partition(".")[0])
                if room and is_private(name) and PROJECT / room not in module.parents:
                    found.append(f"{module.relative_to(PROJECT)}: {name}")

    assert found == []


def test_a_private_part_is_told_from_a_public_one() -> None:
    assert is_private("dagster._core.instance.DagsterInstance")
    assert not is_private("dagster.DagsterInstance")


def named_in_imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of everything that the module imports, relative or not, wherever it does so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, one.name) for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module or ''}.{one.name}") for one in node.names)


def is_test_module(name: str) -> bool:
    return any(part.startswith("test_") for part in name.split("."))


def test_no_test_module_is_imported() -> None:
    """Each can be read, moved and run alone; what several need stands in a conftest or a builders module."""
    found = [f"{module.relative_to(PROJECT)}:{line} imports {name}"
             for module in sorted((PROJECT / "tests").rglob("*.py"))
             for line, name in named_in_imports(ast.parse(module.read_text())) if is_test_module(name)]

    assert found == []


@pytest.mark.parametrize("source", [
    "from tests.webapp.test_doors import NEEDS", "from tests.webapp import test_doors", "from . import test_doors",
    "from .test_doors import NEEDS", "import tests.webapp.test_doors as doors",
    "def test_one():\n    from tests.webapp.test_doors import NEEDS"])
def test_every_form_of_an_import_is_seen(source: str) -> None:
    assert any(is_test_module(name) for _, name in named_in_imports(ast.parse(source)))


def test_who_only_reads_settings_imports_no_libraries_of_tables() -> None:
    """Each server's own start and each probe of a cluster would take a second more."""
    asked = ("import sys, deploy.supervision.takeover, deploy.supervision.runner_process, deploy.health, "
             "demand_assets.settings; demand_assets.settings.Settings(); "
             "print(*sorted({'numpy', 'pandas', 'pyarrow', 'sqlalchemy', 'mlflow', 'dagster'} & set(sys.modules)))")

    done = subprocess.run([sys.executable, "-c", asked], cwd=PROJECT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""
