"""Work on many tasks that other processes may do, whose results are taken in the order of the tasks."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

Aside = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""How work is done: a function and tasks to what it makes of them, in any order. ``map`` does it here."""


def in_order(aside: Aside, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
    """What the work makes of each task; what comes too early is kept until it is its turn."""
    early: dict[int, Result] = {}
    following = 0
    for number, result in aside(partial(_numbered, work), enumerate(tasks)):
        early[number] = result
        while following in early:
            yield early.pop(following)
            following += 1


def _numbered(work: Callable[[Task], Result], task: tuple[int, Task]) -> tuple[int, Result]:
    number, its = task
    return number, work(its)
