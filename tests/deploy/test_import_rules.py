"""The linter's lists of forbidden modules name every module there is."""

import ast
import tomllib
from collections.abc import Iterator

import pytest

from deploy.settings import PROJECT


def test_each_module_of_the_pipeline_is_forbidden_to_the_web_app_and_to_forecasting():
    rules = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    present = {f"demand_assets.{path.stem}" for path in (PROJECT / "demand_assets").iterdir()
               if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem != "__init__"}

    for source in ("webapp", "demand_assets.forecasting"):
        forbidden = {module for rule in rules if rule["source_modules"] == [source]
                     for module in rule["forbidden_modules"] if module.startswith("demand_assets.")}
        assert forbidden == present - {"demand_assets.forecasting"}


def test_modules_of_tests_import_no_module_of_tests():
    """Each can be read, moved and run alone; what several need stands in a conftest or a builders module."""
    offences = [f"{file.relative_to(PROJECT)}:{line} imports {module}"
                for file in sorted((PROJECT / "tests").rglob("*.py"))
                for line, module in imports(ast.parse(file.read_text()))
                if any(part.startswith("test_") for part in module.split("."))]

    assert offences == []


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that the module imports, wherever it does so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module or ''}.{name.name}") for name in node.names)


@pytest.mark.parametrize("line", [
    "from tests.webapp.test_doors import NEEDS", "from tests.webapp import test_doors", "from . import test_doors",
    "from .test_doors import NEEDS", "import tests.webapp.test_doors as doors",
    "def test_one():\n    from tests.webapp.test_doors import NEEDS"])
def test_every_form_of_an_import_is_seen(line: str):
    assert any("test_doors" in module.split(".") for _, module in imports(ast.parse(line)))
