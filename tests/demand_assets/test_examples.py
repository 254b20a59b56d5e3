"""What docs/plugins.md tells a stranger: its code is that of the examples, and it works in the product's commands."""

import os
import re
import subprocess
import sys
import tomllib
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from demand_assets.forecasting.dataset.dataset_file import DatasetFileError, load_dataset

ROOT = Path(__file__).parents[2]
HOW_TO = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*/demand_*.py"))


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", HOW_TO, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.parent.name)
def test_the_how_to_shows_the_code_of_the_example(example: Path) -> None:
    assert example.read_text() in blocks("python")


def test_the_how_to_shows_how_each_is_packed() -> None:
    shown = [tomllib.loads(block) for block in blocks("toml")]
    points = {group: found for one in shown for group, found in one.get("project", {}).get("entry-points", {}).items()}

    packed = [tomllib.loads((example.parent / "pyproject.toml").read_text()) for example in EXAMPLES]
    assert packed[[example.parent.name for example in EXAMPLES].index("duckdb_source")] in shown
    assert points == {group: found for one in packed for group, found in one["project"]["entry-points"].items()}


def test_the_dataset_files_of_the_how_to_can_be_used(tmp_path: Path, installed_examples: Path) -> None:
    """All of them in one file, in a process of its own, as ``make check`` starts one."""
    source, gate, driver = [block for block in blocks("toml") if "project" not in tomllib.loads(block)]
    (tmp_path / "shop.toml").write_text(f'{source}drivers = {{ promo = "advertised" }}\n{driver}{gate}')
    rows = [(date(2026, 1, 1) + timedelta(days=day), "north", "tea", 5 + day % 7,
             "radio" if day == 9 else ("none", "shelf")[day % 2]) for day in range(84)]
    with duckdb.connect(str(tmp_path / "sales.duckdb")) as database:
        database.execute("CREATE TABLE sales (day DATE, shop TEXT, article TEXT, sold INTEGER, advertised TEXT)")
        database.executemany("INSERT INTO sales VALUES (?, ?, ?, ?, ?)", rows)

    checked = _check(tmp_path, installed_examples)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "a driver is not what its plug-in reads" in checked.stdout + checked.stderr
    with pytest.raises(DatasetFileError) as refused:  # here nothing is installed
        load_dataset(tmp_path / "shop.toml")
    assert [name for name in ("'duckdb' is no source kind", "'largest_jump' is no gate rule",
                              "'promo_level' is no driver kind") if name not in str(refused.value)] == []


def _check(folder: Path, packages: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "demand_assets.commands.check", "--dataset", folder / "shop.toml"],
                          env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{packages}"}, cwd=folder,
                          capture_output=True, text=True, check=False)
