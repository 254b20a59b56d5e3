"""The product as a package: what it needs is named once, and an installed copy has all that it reads."""

import ast
import importlib
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.settings import PROJECT

PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())
NEEDED = {canonicalize_name(need.name): need
          for need in map(Requirement, PYPROJECT["project"]["dependencies"])}
EXTRA = {canonicalize_name(need.name): need
         for name, needs in PYPROJECT["project"]["optional-dependencies"].items() if name != "challengers"
         for need in map(Requirement, needs)}
"""What a part of the product needs that not everybody has; only working copies lock it."""
CHALLENGERS = {need.name for need in map(Requirement, PYPROJECT["project"]["optional-dependencies"]["challengers"])}
BROUGHT_BY_OTHERS = {"chronos", "torch"}
"""What a pretrained model needs, which is no part of that extra."""
PACKAGES = ("demand_assets", "webapp", "deploy")
NOT_INSTALLED = ("audit_dependencies.py", "check_image.py", "dashboard_schemas.py", "deployment_rules.py", "helm.py",
                 "kubernetes_schemas.py", "lint_deploy.py", "services.py", "try_chart.py", "documentation")
"""In ``deploy``, for a checkout only."""


def code() -> Iterator[Path]:
    """Each module that is installed."""
    for package in PACKAGES:
        for module in (PROJECT / package).rglob("*.py"):
            parts = module.relative_to(PROJECT).parts
            if "node_modules" not in parts and not (package == "deploy" and set(parts) & set(NOT_INSTALLED)):
                yield module


def top_level_imports(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_everything_that_is_imported_is_named() -> None:
    providers = packages_distributions()
    unnamed = {f"{module.relative_to(PROJECT)}: {name}" for module in code() for name in top_level_imports(module)
               if name not in sys.stdlib_module_names and name not in PACKAGES
               and not ("challengers" in module.parts and name in CHALLENGERS | BROUGHT_BY_OTHERS)
               and not {canonicalize_name(one) for one in providers.get(name, [])} & (NEEDED | EXTRA).keys()}

    assert unnamed == set()


def locked(lock: str) -> dict[str, tuple[str, str]]:
    """Package -> version, and what it is there for, of a lock."""
    text = (PROJECT / "requirements" / lock).read_text()
    found = re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)[^\n]*\n((?:    [^\n]*\n)*)", text, re.MULTILINE)
    return {canonicalize_name(name): (version, rest.partition("# via")[2]) for name, version, rest in found}


@pytest.mark.parametrize("lock", ["base.txt", "dev.txt"])
def test_the_locks_were_made_from_that_list(lock: str) -> None:
    found, needed = locked(lock), NEEDED if lock == "base.txt" else NEEDED | EXTRA

    assert {name for name, (_, why) in found.items() if "demand-forecasting" in why} == needed.keys()
    assert [f"{need} and {found[name][0]}" for name, need in needed.items()
            if found[name][0] not in need.specifier] == []


def test_the_lock_of_the_extra_has_what_the_extra_names_in_the_versions_of_the_product() -> None:
    found, ours = locked("challengers.txt"), locked("base.txt")

    assert {name for name, (_, why) in found.items() if "challengers.in" in why} == CHALLENGERS
    assert {name: (version, ours[name][0]) for name, (version, _) in found.items()
            if name in ours and version != ours[name][0]} == {}


def test_each_command_leads_to_a_function_and_the_makefile_calls_it() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    for command, target in PYPROJECT["project"]["scripts"].items():
        module, function = target.split(":")

        assert callable(getattr(importlib.import_module(module), function))
        assert f".venv/bin/{command}" in makefile


def test_what_python_compiled_is_kept_on_a_machine_that_says_otherwise() -> None:
    told = subprocess.run(["make", "--no-print-directory", "--eval", "told: ; @echo \"[$$PYTHONDONTWRITEBYTECODE]\"",
                           "told"], cwd=PROJECT, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
                          capture_output=True, text=True, check=True)

    assert told.stdout == "[]\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the built wheel holds, as in site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
                   cwd=PROJECT, check=True, capture_output=True, timeout=120)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site-packages")
    return folder / "site-packages"


@pytest.mark.servers
class TestInstalled:
    @pytest.mark.parametrize(("pattern", "there"), [
        ("webapp/templates/**/*.*", "webapp/templates"), ("webapp/static/*.*", "webapp/static"),
        ("webapp/migrations/**/*.*", "webapp/migrations"), ("deploy/*.yaml", "deploy"),
        ("datasets/*.toml", "deploy/datasets")])
    def test_what_the_code_reads_is_there(self, installed: Path, pattern: str, there: str) -> None:
        source = PROJECT / pattern.partition("/*")[0]
        wanted = {path.relative_to(source) for path in PROJECT.glob(pattern)
                  if "__pycache__" not in path.parts and path.name != "compose.yaml"}

        assert wanted
        assert {path for path in wanted if not (installed / there / path).is_file()} == set()

    def test_nothing_is_there_that_the_product_does_not_need(self, installed: Path) -> None:
        folders = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}

        assert folders == set(PACKAGES)
        assert not (installed / "webapp" / "node_modules").exists()
        assert [name for name in NOT_INSTALLED if (installed / "deploy" / name).exists()] == []

    def run(self, installed: Path, folder: Path, program: str) -> str:
        """What a program prints that has the installed copy and stands in a folder of its own."""
        done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=120,
                              env={"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin"}, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def test_state_is_kept_where_the_caller_stands(self, installed: Path, tmp_path: Path) -> None:
        said = self.run(installed, tmp_path, """
from deploy.settings import read_settings
from demand_assets.forecasting.dataset.dataset_file import load_dataset
settings = read_settings()
print(settings.state_folder, load_dataset(settings.dataset_file).name)""")

        assert said.split() == [str(tmp_path / "var"), "simulated"]

    def test_the_app_makes_its_database_and_shows_a_page(self, installed: Path, tmp_path: Path) -> None:
        said = self.run(installed, tmp_path, """
from pathlib import Path
from flask_migrate import upgrade
import webapp
from deploy.settings import simulated_dataset
from webapp.settings import Settings
app = webapp.create_app(Settings(demand_dataset=simulated_dataset(), demand_state=Path("var")))
with app.app_context():
    upgrade()
print(webapp.__file__, app.test_client().get("/sign-in").status_code)""")

        assert said.split() == [str(installed / "webapp" / "__init__.py"), "200"]
