"""What documents say of the code is so: files are where they are said to be, and hold what they are said to hold."""

import re

import pytest

from deploy.settings import PROJECT
from tests.conftest import SLOW

ROWS = re.compile(r"^\| ([^|]+) \| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)
RULES = ROWS.findall((PROJECT / "CONTRIBUTING.md").read_text())
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "TESTING.md", "SECURITY.md", "docs/architecture.md",
             "docs/decisions/README.md", "requirements/README.md")


def test_there_are_rules_to_be_found() -> None:
    assert len(RULES) >= 20
    assert len({rule for rule, _, _ in RULES}) == len(RULES)


@pytest.mark.parametrize(("file", "name"), [(file, name) for _, file, name in RULES])
def test_a_rule_is_where_it_is_said_to_be(file: str, name: str) -> None:
    """The name is defined there, not only used."""
    definition = re.compile(rf"^ *(?:def |class )?{name}\b(?:\(|:|,| =|\[)", re.MULTILINE)

    assert definition.search((PROJECT / file).read_text()), f"{file} defines no {name}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_paths_lead_somewhere(document: str) -> None:
    text = (PROJECT / document).read_text()
    folder = (PROJECT / document).parent
    links = {target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)
             if "://" not in target and not target.startswith("#")}
    paths = set(re.findall(r"`((?:demand_assets|webapp|deploy|tests|docs|requirements)/[\w./-]+)`", text))

    assert {link for link in links if not (folder / link).exists()} == set()
    assert {path for path in paths if not (PROJECT / path).exists()} == set()


def test_every_decision_is_in_the_index() -> None:
    decisions = PROJECT / "docs" / "decisions"
    index = (decisions / "README.md").read_text()

    assert [file.name for file in sorted(decisions.glob("0*.md")) if f"({file.name})" not in index] == []


def test_what_is_listed_as_slow_is_there() -> None:
    assert [place for place in SLOW if not (PROJECT / place).exists()] == []
