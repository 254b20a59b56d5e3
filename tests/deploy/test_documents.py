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
    definition = re.compile(rf"^ *(?:def |class |const )?{name}\b(?:\(|:|,| =|\[)", re.MULTILINE)

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


ASVS = """\
V1.1 1-2; V1.2 1-9; V1.3 1-11; V1.4 1-3; V1.5 1-2; V2.1 1-3; V2.2 1-3; V2.3 1-4; V2.4 1; V3.2 1-2; V3.3 1-4; V3.4 1-6;
V3.5 1-5; V3.7 1-2; V4.1 1-3; V4.2 1; V4.3 1-2; V4.4 1-4; V5.1 1; V5.2 1-3; V5.3 1-2; V5.4 1-3; V6.1 1-3; V6.2 1-12;
V6.3 1-4; V6.4 1-4; V6.5 1-5; V6.6 1-3; V6.8 1-4; V7.1 1-3; V7.2 1-4; V7.3 1-2; V7.4 1-5; V7.5 1-2; V7.6 1-2; V8.1 1-2;
V8.2 1-3; V8.3 1; V8.4 1; V9.1 1-3; V9.2 1-4; V10.1 1-2; V10.2 1-2; V10.3 1-4; V10.4 1-11; V10.5 1-5; V10.6 1-2;
V10.7 1-3; V11.1 1-2; V11.2 1-3; V11.3 1-3; V11.4 1-4; V11.5 1; V11.6 1; V12.1 1-3; V12.2 1-2; V12.3 1-4; V13.1 1;
V13.2 1-5; V13.3 1-2; V13.4 1-5; V14.1 1-2; V14.2 1-4; V14.3 1-3; V15.1 1-3; V15.2 1-3; V15.3 1-7; V16.1 1; V16.2 1-5;
V16.3 1-4; V16.4 1-3; V16.5 1-3; V17.1 1; V17.2 1-4; V17.3 1-2"""
"""Sections of the Application Security Verification Standard 5.0.0, and the numbers in them of levels 1 and 2."""
REQUIREMENTS = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| ([^|]+) \|([^|]*)\|$", re.MULTILINE)


def test_every_requirement_of_the_security_standard_is_answered_once_and_shown_by_tests_that_are_there() -> None:
    wanted = []
    for section, numbers in re.findall(r"V(\d+\.\d+) ([\d-]+)", ASVS):
        first, _, last = numbers.partition("-")
        wanted += [f"{section}.{number}" for number in range(int(first), int(last or first) + 1)]
    text = (PROJECT / "docs" / "security.md").read_text()
    answers = REQUIREMENTS.findall(text)

    assert [number for number, *_ in answers] == wanted
    for number, state, _, shown in answers:
        files = re.findall(r"`([^`]+)`", shown)
        assert state in ("met", "not applicable", "not met"), number
        assert bool(files) is (state == "met"), f"{number}: a test shows what is met, and nothing else"
        assert [file for file in files if not (PROJECT / file).is_file() or "/test_" not in file] == [], number
    states = [state for _, state, *_ in answers]
    told = (f"Of {len(states)}, {states.count('met')} are met, {states.count('not applicable')} ask for something\n"
            f"that the product does not have, and **{states.count('not met')} are not met**")
    assert told in text
