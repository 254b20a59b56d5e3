"""Grafana's own model of dashboards finds what is planted. It is in .venv-deploy, so the check is run there."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.settings import PROJECT

PYTHON = PROJECT / ".venv-deploy" / "bin" / "python"
DASHBOARDS = sorted((PROJECT / "deploy" / "observability" / "dashboards").glob("*.json"))
pytestmark = [pytest.mark.slow, pytest.mark.skipif(
    not PYTHON.exists(), reason=".venv-deploy is not there (make lint-deploy makes it)")]


def told(*files: Path) -> str:
    done = subprocess.run([PYTHON, "-m", "deploy.checks.dashboard_schemas", *files], cwd=PROJECT, capture_output=True,
                          text=True, check=False)
    assert done.returncode == (1 if done.stderr else 0)
    return done.stderr


def test_our_dashboards_are_as_grafana_has_them() -> None:
    assert told(*DASHBOARDS) == ""


def panel_of(board: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(panel for panel in board["panels"] if panel["type"] == kind and panel.get("targets"))


MISTAKES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a field of the whole": (lambda board: board.update(refreshes=board.pop("refresh")), ".refreshes is nothing"),
    "a field of a panel": (lambda board: panel_of(board, "stat").update(tragets=[]), ".tragets is nothing"),
    "a field of a query": (lambda board: panel_of(board, "stat")["targets"][0].update(expression="up"),
                           ".expression is nothing"),
    "an option of a kind of panel": (lambda board: panel_of(board, "stat")["options"].update(reduceOption={}),
                                     ".reduceOption is nothing"),
    "an option of a curve": (lambda board: panel_of(board, "timeseries")["fieldConfig"]["defaults"].update(
        custom={"lineWidht": 1}), ".lineWidht is nothing"),
    "a colour's mode": (lambda board: panel_of(board, "stat")["fieldConfig"]["defaults"].update(
        color={"mode": "relative"}), "color.mode is 'relative', and not one of thresholds"),
    "a flag in words": (lambda board: panel_of(board, "stat").update(transparent="no"), "transparent is 'no', and no"),
    "a version in words": (lambda board: board.update(schemaVersion="39"), "schemaVersion is missing, or no int"),
    "a panel without a place": (lambda board: panel_of(board, "stat").pop("gridPos"), "gridPos is missing"),
    "a panel beyond the page": (lambda board: panel_of(board, "stat")["gridPos"].update(x=20), "wider than the page"),
    "two panels at one place": (lambda board: panel_of(board, "timeseries").update(
        gridPos=panel_of(board, "stat")["gridPos"]), "lie on each other"),
    "two panels of one id": (lambda board: panel_of(board, "stat").update(id=1), "two panels have one id"),
    "two queries of one letter": (lambda board: panel_of(board, "stat")["targets"].append(
        panel_of(board, "stat")["targets"][0]), "two queries of one letter"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_found(mistake: str, tmp_path: Path) -> None:
    (service,) = [file for file in DASHBOARDS if file.stem == "service"]
    board = json.loads(service.read_text())
    change, words = MISTAKES[mistake]
    change(board)
    file = tmp_path / "service.json"
    file.write_text(json.dumps(board))

    assert words in told(file)
