"""``python -m deploy.checks.dashboard_schemas FILE...``: dashboards as Grafana's own model of them has them.

In .venv-deploy, whose ``grafana-foundation-sdk`` is what Grafana's makers generate from its schemas. A dashboard is
read into their classes and written again: what is lost or changed on the way they do not know, and each attribute must
be of the type that they say it is. Whether panels lie on each other is looked at besides.
"""

import json
import sys
from collections.abc import Iterator
from enum import Enum
from itertools import combinations
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

SDK = "grafana_foundation_sdk."
COLUMNS = 24
"""Of Grafana's grid."""
NEEDED = {"uid": str, "title": str, "schemaVersion": int, "panels": list}
OF_A_PANEL = {"id": int, "type": str, "title": str, "gridPos": dict}


def dashboard_problems(text: str) -> list[str]:
    """What is wrong with a dashboard, a line each."""
    register_default_plugins()
    told = json.loads(text)
    problems = [f"{name} is missing, or no {kind.__name__}" for name, kind in NEEDED.items()
                if not isinstance(told.get(name), kind)]
    if problems:
        return problems
    try:
        board = Dashboard.from_json(told)
        known = json.loads(JSONEncoder().encode(board))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return [f"Grafana's model does not take it: {error}"]
    return [*_lost(told, known, ""), *_wrong(board, Dashboard, ""), *_panel_problems(told["panels"])]


def _lost(told: Any, known: Any, where: str) -> Iterator[str]:
    if isinstance(told, dict) and isinstance(known, dict):
        for name, value in told.items():
            if name in known:
                yield from _lost(value, known[name], f"{where}.{name}")
            else:
                yield f"{where}.{name} is nothing that Grafana knows"
    elif isinstance(told, list) and isinstance(known, list) and len(told) == len(known):
        for place, (one, other) in enumerate(zip(told, known, strict=True)):
            yield from _lost(one, other, f"{where}[{place}]")
    elif told != known:
        yield f"{where} is {told!r}, which Grafana takes for {known!r}"


def _wrong(value: Any, kind: Any, where: str) -> Iterator[str]:
    """What is not of the type that Grafana's makers say."""
    origin, options = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        found = [list(_wrong(value, option, where)) for option in options
                 if (option is type(None)) == (value is None)] or [[f"{where} is missing"]]
        if all(found):
            # What was meant is told by who finds fault deepest within it.
            yield from max(found, key=lambda problems: len(problems[0].split(" ")[0]))
    elif origin is list and isinstance(value, list):
        for place, one in enumerate(value):
            yield from _wrong(one, options[0], f"{where}[{place}]")
    elif origin is dict and isinstance(value, dict):
        for name, one in value.items():
            yield from _wrong(one, options[1], f"{where}.{name}")
    elif origin is Literal or (isinstance(kind, type) and issubclass(kind, Enum)):
        allowed = options or tuple(one.value for one in kind)
        if getattr(value, "value", value) not in allowed:
            yield f"{where} is {value!r}, and not one of {', '.join(map(str, allowed))}"
    elif isinstance(kind, type) and kind.__module__.startswith(SDK) and not isinstance(value, kind):
        yield f"{where} is no {kind.__name__}"
    elif type(value).__module__.startswith(SDK):
        for name, of in get_type_hints(type(value)).items():
            yield from _wrong(getattr(value, name), of, f"{where}.{name}")
    elif kind is float and type(value) is int:
        return
    elif kind not in (Any, object) and type(value) is not (origin or kind):
        yield f"{where} is {value!r}, and no {getattr(kind, '__name__', kind)}"


def _panel_problems(panels: list[dict[str, Any]]) -> Iterator[str]:
    for panel in panels:
        name = f"panel {panel.get('title')!r}"
        for part, kind in OF_A_PANEL.items():
            if not isinstance(panel.get(part), kind):
                yield f"{name}: {part} is missing, or no {kind.__name__}"
                return
        place = panel["gridPos"]
        if place["x"] + place["w"] > COLUMNS:
            yield f"{name} is wider than the page"
        letters = [target["refId"] for target in panel.get("targets", [])]
        if len(set(letters)) < len(letters):
            yield f"{name} has two queries of one letter"
    if len({panel["id"] for panel in panels}) < len(panels):
        yield "two panels have one id"
    for one, other in combinations(panels, 2):
        a, b = one["gridPos"], other["gridPos"]
        if all(a[at] < b[at] + b[long] and b[at] < a[at] + a[long] for at, long in (("x", "w"), ("y", "h"))):
            yield f"panels {one['title']!r} and {other['title']!r} lie on each other"


def main(files: list[str]) -> int:
    """0 when nothing is wrong; 1 with one line for each thing that is."""
    problems = [f"{Path(file).name}: {problem}" for file in files
                for problem in dashboard_problems(Path(file).read_text())]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
