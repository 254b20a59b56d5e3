"""State diagrams of the docs, read back."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def arrows(document: str, heading: str, groups: Mapping[str, Sequence[str]]) -> set[tuple[str, str, str]]:
    """From, event and to of each arrow of the first diagram under a heading.

    Args:
        groups: name -> the states for which it stands where an arrow begins.
    """
    text = (DOCS / document).read_text().split(f"## {heading}\n")[1].split("```mermaid\n")[1].split("```")[0]
    found = re.findall(r"^\s*(\S+) --> (\S+)(?: : (\S+))?$", text, re.MULTILINE)
    assert len(found) == text.count("-->"), "an arrow of the diagram cannot be read"
    return {(each, event, after) for before, after, event in found for each in groups.get(before, [before])}
