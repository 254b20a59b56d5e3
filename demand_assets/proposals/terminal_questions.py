"""Asks in a terminal what no file can tell; elsewhere the default stands."""

import sys
from collections.abc import Callable, Sequence
from typing import TextIO

Ask = Callable[[str, Sequence[str], str], str]
"""Question, what may be answered (anything where that is empty), and the default."""


def default_answers(question: str, answers: Sequence[str], default: str) -> str:
    """The default: nobody is asked."""
    return default


def in_terminal(question: str, answers: Sequence[str], default: str, asked: TextIO | None = None) -> str:
    """What is typed; the default for an empty line or the end of the input."""
    written = asked or sys.stderr
    shown = f" [{default}]" if default else ""
    listed = "".join(f"\n  {place}: {answer}" for place, answer in enumerate(answers, 1))
    while True:
        print(f"{question}{listed}{shown} ", end="", file=written, flush=True)
        line = sys.stdin.readline()
        typed = line.strip()
        if not typed:
            return default
        if not answers or typed in answers:
            return typed
        if typed.isdigit() and 1 <= int(typed) <= len(answers):
            return answers[int(typed) - 1]
        print(f"{typed!r} is none of them", file=written)
