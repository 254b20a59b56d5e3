"""What the documents show is so: each block of code is run, or it is said why not; commands and messages are there."""

import hashlib
import hmac
import json
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from demand_assets.forecasting.dataset.dataset_file import load_dataset
from deploy.documentation.made_up_app import made_up_app
from deploy.documentation.settings_page import settings
from deploy.settings import PROJECT

DOCUMENTS = sorted([PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "TESTING.md", "SECURITY.md")]
                   + [document for document in (PROJECT / "docs").rglob("*.md") if "decisions" not in document.parts])
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
HERE = "tests/deploy/documentation/test_snippets.py"
RUN_BY = {
    ("docs/agents.md", "json"): HERE, ("docs/api.md", "json"): HERE, ("docs/api.md", "toml"): HERE,
    ("docs/api.md", "bash"): "tests/webapp/api/test_examples.py",
    ("docs/api.md", "python"): "tests/webapp/api/test_examples.py",
    ("docs/challengers.md", "python"): "tests/demand_assets/forecasting/model/training/test_challengers.py",
    ("docs/challengers.md", "toml"): HERE,
    ("docs/datasets.md", "toml"): "tests/demand_assets/forecasting/dataset/test_dataset_file.py",
    ("docs/how-to/add-a-page.md", "python"): HERE, ("docs/how-to/add-a-page.md", "html"): HERE,
    ("docs/how-to/install-with-helm.md", "sh"): "tests/deploy/checks/test_helm.py",
    ("docs/how-to/install-with-helm.md", "yaml"): "tests/deploy/checks/test_helm.py",
    ("docs/notebook.md", "python"): "tests/demand_assets/forecasting/registry/loadable/test_loaded.py",
    ("docs/plugins.md", "python"): "tests/demand_assets/test_examples.py",
    ("docs/plugins.md", "toml"): "tests/demand_assets/test_examples.py",
    ("docs/reference/journal.md", "json"): "tests/deploy/documentation/test_write_reference.py",
    ("docs/retrains.md", "mermaid"): "tests/webapp/retrains/test_request_and_item_states.py",
    ("docs/scenarios.md", "mermaid"): "tests/webapp/scenarios/test_states.py",
    ("docs/tutorials/add-a-driver.md", "python"): HERE, ("docs/tutorials/add-a-driver.md", "toml"): HERE,
    ("docs/web.md", "python"): HERE,
}
"""Document and language of its blocks -> the tests that run or read them."""
NOT_RUN = {
    ("README.md", "sh"): "starts the product, or all tests; that its commands are there is tested here, as below",
    ("TESTING.md", "sh"): "runs the tests",
    ("docs/chaos.md", "sh"): "takes hours",
    ("docs/deploy.md", "sh"): "needs Docker, Kubernetes or Helm",
    ("docs/notebook.md", "sh"): "serves until it is stopped",
    ("docs/observability.md", "sh"): "serves until it is stopped",
    ("docs/plugins.md", "sh"): "installs into the environment that tests run in",
    ("docs/scaling.md", "sh"): "serves until it is stopped",
    ("docs/security.md", "sh"): "is of a proxy that is not part of the product",
    ("docs/security.md", "nginx"): "is of a proxy that is not part of the product",
    ("docs/tutorials/add-a-driver.md", "sh"): "trains twice, for minutes; its check and its data are run here",
    ("docs/reference/commands.md", "text"): "is what commands print, which test_write_reference.py holds to them",
}


def name_of(document: Path) -> str:
    return document.relative_to(PROJECT).as_posix()


def blocks(name: str, language: str) -> list[str]:
    text = (PROJECT / name).read_text(encoding="utf-8")
    return [re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)
            for indent, of, body in BLOCK.findall(text) if of == language]


def test_every_block_is_run_or_it_is_said_why_not() -> None:
    found = {(name_of(document), language) for document in DOCUMENTS
             for _, language, _ in BLOCK.findall(document.read_text(encoding="utf-8"))}

    assert found == RUN_BY.keys() | NOT_RUN.keys()
    assert RUN_BY.keys() & NOT_RUN.keys() == set()
    for (document, _), test in RUN_BY.items():
        assert Path(document).name in (PROJECT / test).read_text(encoding="utf-8"), f"{test} does not read {document}"


def commands(pattern: str) -> Iterator[tuple[str, re.Match[str]]]:
    """Document and match, in code only: indented, fenced or between backticks."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        code = [*(body for _, _, body in BLOCK.findall(text)), *re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", text),
                *re.findall(r"^    (\S.*)$", text, re.MULTILINE)]
        for part in code:
            for found in re.finditer(pattern, part):
                yield name_of(document), found


@cache
def makefile() -> str:
    return (PROJECT / "Makefile").read_text(encoding="utf-8")


def test_every_target_and_setting_of_make_that_is_named_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):(?!=)", makefile(), re.MULTILINE))
    known = set(re.findall(r"\b([A-Z_0-9]+) \?=", makefile())) | settings().keys() | {"PYTHON", "NAME"}
    named = list(commands(r"(?:^|[\s(/])make ([a-z][a-z-]*)((?:\s+[A-Z_0-9]+=(?:\"[^\"]*\"|\S*))*)"))

    assert len(named) > 60
    assert {(where, found[1]) for where, found in named if found[1] not in targets} == set()
    assert {(where, setting) for where, found in named for setting in re.findall(r"\b([A-Z_0-9]+)=", found[2])
            if setting not in known} == set()


def test_every_module_and_command_that_is_named_is_there() -> None:
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"]
    modules = {(where, found[1]) for where, found in commands(
        r"python -m ((?:demand_assets|webapp|deploy|benchmarks|tests)[\w.]*)")}

    assert len(modules) > 10
    assert {(where, name) for where, name in modules if not name.endswith((".", ".NAME")) and not any(
        (PROJECT / name.replace(".", "/")).with_suffix(end).exists() for end in (".py", ""))} == set()
    assert {(where, found[0]) for where, found in commands(r"\bdemand-(?:run|worker|train|dataset|check|mcp)\b")
            if found[0] not in scripts} == set()


def test_every_command_of_the_app_that_is_named_is_there() -> None:
    named = {(where, found[1]) for where, found in commands(r"flask --app webapp ([a-z-]+)")}

    with made_up_app() as app:
        assert named
        assert {(where, name) for where, name in named if name not in app.cli.commands} == set()


@pytest.mark.servers
class TestTutorialForEngineers:
    NAME = "docs/tutorials/add-a-driver.md"

    def test_the_sales_are_made_and_can_be_trained_on(self, tmp_path: Path) -> None:
        [program] = blocks(self.NAME, "python")
        dataset, driver = blocks(self.NAME, "toml")
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=60)
        (tmp_path / "shop.toml").write_text(f"{dataset}\n{driver}", encoding="utf-8")

        command = [sys.executable, "-m", "demand_assets.commands.check", "--dataset", str(tmp_path / "shop.toml")]
        checked = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=120)

        assert checked.returncode == 0, checked.stderr
        assert "1,680 days, 2025-10-01 to 2026-11-24" in checked.stdout
        assert "nothing keeps it from being trained on" in checked.stdout
        rows = (tmp_path / "sales.csv").read_text().splitlines()
        assert [row.split(",")[0] for row in rows if row.endswith(",,yes") and "north,tea" in row] == [
            "2026-11-29", "2026-11-30", "2026-12-01"]


class TestTutorialForPlanners:
    def test_what_is_to_be_pressed_or_read_is_on_the_pages(self) -> None:
        text = (PROJECT / "docs" / "tutorials" / "promotion-plan.md").read_text(encoding="utf-8")
        pages = "\n".join(file.read_text(encoding="utf-8") for ending in ("html", "py", "js")
                          for file in (PROJECT / "webapp").rglob(f"*.{ending}") if "node_modules" not in file.parts)
        shop = tomllib.loads((PROJECT / "datasets" / "simulated.toml").read_text(encoding="utf-8"))
        drivers = {f"+ {driver.get('label', driver['name'])}" for driver in shop["drivers"]}
        labels = set(re.findall(r"\*\*([^*]+)\*\*", text)) - {"Undo all 28", *drivers}

        assert len(labels) > 15
        assert {label for label in labels if label not in pages} == set()


def test_a_page_as_the_how_to_shows_it_is_served() -> None:
    [program], [template] = blocks("docs/how-to/add-a-page.md", "python"), blocks("docs/how-to/add-a-page.md", "html")
    made: dict[str, object] = {"__name__": "shelf"}
    exec(program, made)

    with made_up_app() as app:
        made["add_to"](app)  # type: ignore[operator]  # the how-to's function

        assert [rule.rule for rule in app.url_map.iter_rules() if rule.endpoint == "shelf.show"] == ["/shelf"]
        assert app.view_functions["shelf.show"].needed_role == "viewer"  # type: ignore[attr-defined]  # what needs adds
        assert app.jinja_env.parse(template)


def test_a_webhook_is_checked_as_shown() -> None:
    [program] = blocks("docs/web.md", "python")
    moment, body, secret = str(int(time.time())), b'{"text": "published"}', "secret"
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    given = {"hashlib": hashlib, "hmac": hmac, "time": time, "secret": secret, "body": body}

    exec(program, given | {"headers": {"X-Demand-Signature": f"t={moment},v1={digest}"}})
    with pytest.raises(AssertionError):
        exec(program, given | {"headers": {"X-Demand-Signature": f"t={moment},v1={'0' * 64}"}})


@pytest.mark.parametrize("name", ["docs/agents.md", "docs/api.md"])
def test_json_and_toml_can_be_read(name: str) -> None:
    bodies = [body for block in blocks(name, "json") for body in re.split(r"^POST .*\n", block, flags=re.MULTILINE)]

    assert [json.loads(body) for body in bodies if body]
    assert all(tomllib.loads(block) for block in blocks(name, "toml"))


@pytest.mark.parametrize("example", blocks("docs/challengers.md", "toml"))
def test_dataset_files_of_challengers_can_be_used(example: str, tmp_path: Path) -> None:
    if "[project" in example:
        assert tomllib.loads(example)
        return
    text = f'frequency = "D"\n[source]\nkind = "file"\npath = "a.csv"\n{CATEGORY}{example}'
    (tmp_path / "shop.toml").write_text(text, encoding="utf-8")

    assert load_dataset(tmp_path / "shop.toml")


CATEGORY = '[[attributes]]\nname = "category"\nof = "item"\n'


def test_messages_of_the_troubleshooting_are_the_products_own() -> None:
    text = (PROJECT / "docs" / "how-to" / "troubleshooting.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    quoted = {part for cell in cells for part in re.findall(r"`([^`]+)`", cell)}
    said = [re.sub(r"\"\s*\n\s*f?\"|\s+", " ", file.read_text(encoding="utf-8")).replace("  ", " ")
            for folder in ("deploy", "webapp", "demand_assets") for ending in ("py", "sh", "html")
            for file in (PROJECT / folder).rglob(f"*.{ending}") if "node_modules" not in file.parts]

    assert len(quoted) > 20
    assert {message for message in quoted if not any(message in each for each in said)} == set()
