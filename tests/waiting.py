"""Waiting for what comes about by itself."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")


def eventually(look: Callable[[], T], seconds: float, complaint: Callable[[], str]) -> T:
    """What ``look`` returns once that is true; it is asked again and again."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            pytest.fail(complaint())
        time.sleep(0.2)
    return seen
