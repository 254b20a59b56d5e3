"""The sentences that are stored in English, read out of the code that builds them: what ``make translations`` puts into
the catalogues for them, and what a stored text is recognised by.

A sentence is a string, or one with values in it. Each value becomes a ``%(name)s``; where the code chooses between two
words, as in ``{'is' if … else 'are'}``, there is a sentence for each.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import islice, product
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("demand_assets/forecasting", "demand_assets/pipeline", "demand_assets/sources")
"""What runs of the pipeline say, and what is forecast with."""
MODULES = ("webapp/background/supervision.py", "webapp/retrains/failure_causes.py", "webapp/notices/sending.py",
           "webapp/notices/letters.py", "webapp/notices/refused_addresses.py", "webapp/notices/webhook_requests.py",
           "webapp/scenarios/compute.py", "webapp/scenarios/states.py",
           "webapp/models/registry_follower.py", "webapp/models/new_versions.py",
           "webapp/models/new_pooled_versions.py", "webapp/models/actions.py",
           "webapp/region_items/catalogue.py", "webapp/work_list/states.py")
"""What the app stores for a page in English, beside what it says through the catalogue."""
EARLIER = ("v%(version)s, which was in production, was not compared with: its files are gone from MLflow",
           "v%(version)s, which was in production, was not compared with: its files in MLflow are damaged",
           "Override that hurts", "Scenario to be judged")
"""What earlier versions said in other words, and stored."""
UNSEEN = {
    **{f"demand_assets/forecasting/challengers/{name}.py": "an entry of the dataset file that is wrong ends the start"
       for name in ("chronos", "model_classes")},
    "demand_assets/forecasting/contract/dagster_names.py": "names, which people see in Dagster",
    "demand_assets/forecasting/contract/plugins.py": "a plug-in that cannot be used ends the start",
    "demand_assets/forecasting/contract/quarantine.py": "the names of rules, which pages say by themselves",
    **{f"demand_assets/forecasting/dataset/{name}.py": "a dataset file that is wrong ends the start" for name in (
        "attributes", "calendar", "dataset_file", "demand/column_entries", "demand/source_entries", "driver_kinds",
        "drivers", "models/gate_margins", "order_up_to", "prices_and_costs")},
    "demand_assets/forecasting/forecast/scoring.py": "answers to who loads a model with MLflow",
    "demand_assets/forecasting/registry/guarded_server.py": "answers of MLflow's own server",
    "demand_assets/forecasting/registry/loadable": "answers to who loads a model with MLflow",
    "demand_assets/forecasting/registry/expiry.py": "lines of logs",
    "demand_assets/forecasting/registry/moved_files.py": "what is asked of MLflow's database",
    "demand_assets/forecasting/registry/private_mlflow.py": "what MLflow's client says, and those who ask know",
    "demand_assets/forecasting/store/file_events.py": "lines of logs",
    "demand_assets/forecasting/store/half_restored.py": "ends the start of the product",
    "demand_assets/forecasting/store/uploads.py": "answers of the API",
    "demand_assets/forecasting/store/journal.py": "lines of logs",
    "demand_assets/forecasting/telemetry": "answers to who reads metrics",
    "demand_assets/forecasting/validation/schemas.py": "describes the columns of tables",
    "demand_assets/forecasting/whatif/explanation.py": "a fault of a program, which no page causes",
    "demand_assets/pipeline/carried_over.py": "lines of commands",
    "demand_assets/pipeline/expiry.py": "lines of logs",
    "demand_assets/pipeline/monitor.py": "lines of logs",
    "demand_assets/pipeline/unusable_demand.py": "lines of commands",
    "demand_assets/pipeline/unused_rows.py": "lines of commands",
    "demand_assets/sources/column_names.py": "what columns are called, which is looked for",
    "demand_assets/sources/environment.py": "a run that cannot reach its source ends; Dagster has its words",
    "demand_assets/sources/plugged.py": "a run that cannot read its source ends; Dagster has its words",
    "demand_assets/sources/sql.py": "a run that cannot read its source ends; Dagster has its words",
    "demand_assets/sources/simulated": "a dataset file that is wrong ends the start",
    "demand_assets/sources/expressions.py": "a dataset file that is wrong ends the start",
    "demand_assets/sources/units_of_measure.py": "names of units, which are read",
}
"""Files and folders whose sentences no page shows, and why."""
LEAST_WORDS = 2
MOST_FORMS = 16
_IN_LOGS = {"log", "logger", "logging", "warnings"}
_OPEN, _CLOSE = "\x02", "\x03"
_VALUE = re.compile(f"{_OPEN}(\\w+){_CLOSE}")
_PLACE = re.compile(r"\{(\w*)(?:![ars])?(?::[^{}]*)?\}")
"""Of a value, in what ``format`` fills: ``{name}``, ``{name!r}`` or ``{name:,}``."""
_WORD = re.compile(r"(?<![\w'])[^\W\d_]{2,}(?![\w'])")
_NO_SENTENCE = re.compile(r"\\[dwsS]|\(\?|\w\|\w| \| |\w\[[\w.]+(\[|, )|\n")
"""What is a pattern, an annotation or a list of words."""


def sentences() -> list[str]:
    """All of them, in the order of files and lines, none twice."""
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    found: dict[str, None] = {}
    for file in [*files, *(ROOT / module for module in MODULES)]:
        path = str(file.relative_to(ROOT))
        if not any(path == unseen or path.startswith(f"{unseen}/") for unseen in UNSEEN):
            found |= dict.fromkeys(sentences_in(file.read_text(encoding="utf-8")))
    return [*found, *EARLIER]


def sentences_in(code: str) -> Iterator[str]:
    """Those of a module, each with ``%(name)s`` for its values, and ``%%`` for a per cent sign beside them."""
    return _sentences_below(ast.parse(code))


def _sentences_below(tree: ast.AST) -> Iterator[str]:
    for node in [tree] if _is_text(tree) else _outermost(tree):
        for parts in islice(_forms(node), MOST_FORMS):
            yield from _message(parts)
        for value in _values_in(node):
            yield from _sentences_below(value)


def _outermost(tree: ast.AST) -> Iterator[ast.AST]:
    """Strings that stand in no other, and are no documentation, line of a log or pattern."""
    for child in ast.iter_child_nodes(tree):
        if _is_text(child):
            yield child
        elif not (_is_documentation(child) or (isinstance(child, ast.Call) and _is_apart(child.func))
                  or (isinstance(child, ast.keyword) and child.arg == "description")):
            yield from _outermost(child)


def _is_documentation(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _is_text(node.left) or _is_text(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return isinstance(node.func.value, ast.Constant)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_apart(func: ast.expr) -> bool:
    """Whether what is called writes a line of a log or makes a pattern."""
    if not isinstance(func, ast.Attribute):
        return isinstance(func, ast.Name) and func.id in ("TypeVar", "cast")
    owner = func.value.attr if isinstance(func.value, ast.Attribute) else getattr(func.value, "id", "")
    return owner.strip("_").lower() in _IN_LOGS or owner in ("re", "regex", "pc")


Part = str | ast.expr
"""Of a sentence: what is written, or where a value comes from."""


def _forms(node: ast.AST) -> Iterator[Sequence[Part]]:
    """What may be written, in each form that it may take."""
    if isinstance(node, ast.Constant):
        pieces = _PLACE.split(str(node.value))
        yield [ast.Name(_FORMATTED.get(piece, piece)) if n % 2 else piece for n, piece in enumerate(pieces)]
    elif isinstance(node, ast.JoinedStr):
        for parts in product(*(list(_forms(each)) for each in node.values)):
            yield [part for some in parts for part in some]
    elif isinstance(node, ast.FormattedValue):
        yield from _forms(node.value) if _is_choice(node.value) else [[node.value]]
    elif isinstance(node, ast.BinOp) and _is_text(node) and isinstance(node.op, ast.Add):
        for left, right in product(list(_forms(node.left)), list(_forms(node.right))):
            yield [*left, *right]
    elif isinstance(node, ast.IfExp) and _is_choice(node):
        yield from _forms(node.body)
        yield from _forms(node.orelse)
    elif isinstance(node, ast.BinOp) and _is_choice(node):
        yield [""]
        yield from _forms(node.left)
    elif isinstance(node, ast.Call) and _is_text(node):
        yield from _forms(node.func.value)  # type: ignore[attr-defined]  # what ``format`` fills
    else:
        yield [node]  # type: ignore[list-item]  # an expression


def _is_choice(node: ast.AST) -> bool:
    """Whether it is one of two words that are written out."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):  # ``'s' * (count > 1)``
        return isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)
    return isinstance(node, ast.IfExp) and all(
        isinstance(each, ast.Constant | ast.JoinedStr) or _is_choice(each) for each in (node.body, node.orelse))


def _values_in(node: ast.AST) -> Iterator[ast.expr]:
    """What is written into a sentence, where that has strings of its own."""
    for each in ast.walk(node):
        if isinstance(each, ast.FormattedValue) and not _is_choice(each.value):
            yield each.value


def _message(parts: Sequence[Part]) -> Iterator[str]:
    written, names = "", list[str]()
    was_value = False
    for part in parts:
        if isinstance(part, str):
            written += part
            was_value = was_value and not part
        elif not was_value:  # two values in a row are one
            name = _name(part, names)
            names.append(name)
            written += f"{_OPEN}{name}{_CLOSE}"
            was_value = True
    text = _VALUE.sub(_OPEN, written).strip()
    words = len(_WORD.findall(text)) + (bool(names) and re.match(r"[a-z]{6,}", text) is not None)
    if words < LEAST_WORDS or " " not in text or _NO_SENTENCE.search(text):
        return
    if names:
        written = written.replace("%", "%%")
    yield _VALUE.sub(r"%(\1)s", written).strip()


def _name(value: ast.expr, taken: Sequence[str]) -> str:
    """What the value is called, after the last name in the code that makes it."""
    found = [each.attr if isinstance(each, ast.Attribute) else each.id for each in ast.walk(value)
             if isinstance(each, ast.Attribute | ast.Name)]
    telling = [name for name in found if name not in _PLAIN] or [name for name in found if name not in _CALLED]
    base = next((name.strip("_").lower() for name in telling if name.strip("_")), "value")
    number = 1 + sum(re.fullmatch(rf"{base}_?\d*", name) is not None for name in taken)
    return base if number == 1 else f"{base}_{number}"


_FORMATTED = {"": "value", "0": "value"}
_CALLED = {"len", "int", "str", "float", "min", "max", "sum", "join", "map", "repr", "sorted", "list", "dict",
           "fromkeys", "iter", "next", "values", "head", "mode", "type", "abs", "iloc", "self", "replace", "capitalize",
           "astype", "as_text", "in_words", "in_quotes", "told", "count", "from_key", "count_nonzero", "_told",
           "_short", "_some", "_plural", "_perhaps", "without_secrets", "package_of", "in_percent"}
_PLAIN = _CALLED | {"item", "name", "date"}
"""Names that say nothing of what a value is, or little."""
