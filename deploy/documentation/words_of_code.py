"""What the code says of itself: the words below the fields of a class and below the names of a module."""

import ast
import inspect
import re
from itertools import pairwise
from textwrap import dedent
from types import ModuleType


def words_of(source: type | ModuleType) -> dict[str, str]:
    """Name -> the words below it, in one line, of each field of a class or each name of a module.

    ``A, B = 1, 2`` gives both names the same words. What has none is left out.
    """
    tree = ast.parse(dedent(inspect.getsource(source)))
    body = tree.body if isinstance(source, ModuleType) else next(
        node.body for node in tree.body if isinstance(node, ast.ClassDef))
    found: dict[str, str] = {}
    for statement, after in pairwise(body):
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            found |= dict.fromkeys(_names(statement), " ".join(after.value.value.split()))
    return found


def as_markdown(words: str) -> str:
    """Words of the code for a cell of a table in docs/reference: backticks, bars and links to other pages."""
    return re.sub(r"\bdocs/(\w+)\.md", r"[\1](../\1.md)", words.replace("``", "`").replace("|", "\\|"))


def table(*rows: tuple[str, ...]) -> str:
    """A table in Markdown; the first row is its head."""
    head, *rest = rows
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (head, tuple("---" for _ in head), *rest)) + "\n"


def _names(statement: ast.stmt) -> list[str]:
    targets = (statement.targets if isinstance(statement, ast.Assign)
               else [statement.target] if isinstance(statement, ast.AnnAssign) else [])
    return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
