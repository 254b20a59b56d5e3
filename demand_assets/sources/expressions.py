"""Expressions over a source's columns, as in ``exp(logmove)``: arithmetic, comparisons and a few functions.

Dataset files are shared, so nothing else can be written: no attributes, no indexing, no other calls.
"""

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.forecasting.contract.region_item import one_form
from demand_assets.forecasting.contract.source import BROKEN_LINE, SourceError, as_text
from demand_assets.forecasting.validation.written.values import read_categories, read_numbers

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs, "ceil": np.ceil, "exp": np.exp, "expm1": np.expm1, "floor": np.floor, "log": np.log,
    "log1p": np.log1p, "maximum": np.maximum, "minimum": np.minimum, "round": np.round, "sqrt": np.sqrt,
    "where": np.where}
"""Besides these, ``text(column)`` makes text, which ``+`` joins."""

_ARITHMETIC: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide, ast.Mod: np.mod, ast.Pow: np.power}
_COMPARISONS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge}
_LONGEST = 500
_QUOTED = re.compile(r"`([^`]+)`")


class Expression:
    """One expression.

    Args:
        text: column names that are no plain words stand in backticks.
        ours: the column of ours that it makes, for messages.
    Raises: SourceError: it cannot be read, or holds what is not allowed.
    """

    def __init__(self, text: str, ours: str) -> None:
        self._written, self._ours = text, ours
        self._quoted: dict[str, str] = {}
        if len(text) > _LONGEST:
            raise self._error(f"is longer than {_LONGEST} characters")
        try:
            self._tree = ast.parse(_QUOTED.sub(self._stand_in, text.strip()), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise self._error(f"cannot be read: {error}") from error
        called = {id(node.func) for node in ast.walk(self._tree) if isinstance(node, ast.Call)}
        self.columns = frozenset(self._column(node) for node in ast.walk(self._tree)
                                 if isinstance(node, ast.Name) and id(node) not in called)
        taken = [part for node in ast.walk(self._tree) for part in _taken_as_text(node)]
        numbers = {id(part) for part in taken}
        self.texts = frozenset(map(self._column, taken)) - {
            self._column(node) for node in ast.walk(self._tree)
            if isinstance(node, ast.Name) and id(node) not in called | numbers}
        """Of its columns those that stand for texts and nowhere for numbers."""

    def evaluate(self, table: pd.DataFrame) -> "pd.Series[Any]":
        """The expression's value in each row.

        A text that stands where a number is needed is handed on instead of the value, for the quarantine to show.
        """
        self._unreadable: dict[str, npt.NDArray[np.bool_]] = {}
        try:
            with np.errstate(all="ignore"):
                result = self._value(self._tree, table)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise self._error(f"cannot be computed: {error}") from error
        column = pd.Series(result, index=table.index) if np.ndim(result) else pd.Series([result] * len(table),
                                                                                       index=table.index)
        for name in self.columns:
            mask = self._unreadable.get(name, np.zeros(len(table), dtype=bool)) | is_broken(table[name])
            if mask.any():
                column = column.astype(object)
                column[mask] = [as_text(value) for value in table[name].to_numpy(dtype=object)[mask]]
        return column

    def _value(self, node: ast.AST, table: pd.DataFrame) -> Any:
        match node:
            case ast.Constant(value=bool(value)):
                return value
            case ast.Constant(value=int(value) | float(value)):
                return np.float64(value)
            case ast.Constant(value=str(value)):
                return value
            case ast.Name():
                return self._numbers(self._column(node), table)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._value(operand, table)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return np.logical_not(self._value(operand, table))
            case ast.BinOp(left=left, op=ast.Add(), right=right) if _is_text(left) or _is_text(right):
                return self._text(left, table) + self._text(right, table)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _ARITHMETIC[type(op)](self._value(left, table), self._value(right, table))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
                is_text = any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in (left, right))
                sides = [self._texts(self._column(side), table) if is_text and isinstance(side, ast.Name)
                         else self._value(side, table) for side in (left, right)]
                return _COMPARISONS[type(op)](*sides)
            case ast.BoolOp(op=op, values=values):
                join = np.logical_and if isinstance(op, ast.And) else np.logical_or
                result = self._value(values[0], table)
                for operand in values[1:]:
                    result = join(result, self._value(operand, table))
                return result
            case ast.Call(func=ast.Name(id="text"), args=[ast.Name() as column], keywords=[]):
                return self._text(column, table)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
                return FUNCTIONS[name](*(self._value(argument, table) for argument in arguments))
        raise self._error(f"holds {ast.unparse(node)!r}, which is not allowed; allowed are columns, numbers, 'text', "
                          f"+ - * / // % **, comparisons, and, or, not, text(column), {', '.join(FUNCTIONS)}")

    def _numbers(self, name: str, table: pd.DataFrame) -> npt.NDArray[np.float64]:
        values, unreadable = read_numbers(table[name], percents=True)
        self._unreadable[name] = unreadable
        return values

    def _text(self, node: ast.AST, table: pd.DataFrame) -> Any:
        """One side of a sum of texts; a column stands for its text."""
        if isinstance(node, ast.Name):
            return pd.Series(self._texts(self._column(node), table), dtype="string", index=table.index)
        return self._value(node, table)

    def _texts(self, name: str, table: pd.DataFrame) -> npt.NDArray[np.object_]:
        return read_categories(table[name])

    def _stand_in(self, match: re.Match[str]) -> str:
        name = f"_quoted_{len(self._quoted)}"
        self._quoted[name] = match[1]
        return name

    def _column(self, node: ast.Name) -> str:
        return one_form(self._quoted.get(node.id, node.id))

    def _error(self, problem: str) -> SourceError:
        return SourceError(f"the expression {self._written!r} for {self._ours} {problem}. Correct columns.expressions "
                           "in the dataset file.")


def is_broken(column: "pd.Series[Any]") -> npt.NDArray[np.bool_]:
    """Where a line of the source could not be told apart into its columns."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        are_broken = [isinstance(value, str) and value.startswith(BROKEN_LINE) for value in column.cat.categories]
        return np.array([*are_broken, False])[column.cat.codes.to_numpy()]
    if column.dtype != object:
        return np.zeros(len(column), dtype=bool)
    return np.array([isinstance(value, str) and value.startswith(BROKEN_LINE) for value in column], dtype=bool)


def _taken_as_text(node: ast.AST) -> list[ast.Name]:
    """The columns that a node takes as text."""
    match node:
        case ast.Call(func=ast.Name(id="text"), args=[ast.Name() as column]):
            return [column]
        case ast.BinOp(left=left, op=ast.Add(), right=right) if _is_text(left) or _is_text(right):
            return [side for side in (left, right) if isinstance(side, ast.Name)]
        case ast.Compare(left=left, comparators=[right]) if any(
                isinstance(side, ast.Constant) and isinstance(side.value, str) for side in (left, right)):
            return [side for side in (left, right) if isinstance(side, ast.Name)]
    return []


def _is_text(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=str()) | ast.Call(func=ast.Name(id="text")):
            return True
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _is_text(left) or _is_text(right)
    return False
