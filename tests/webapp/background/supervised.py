"""Loops at work under supervision, for tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from flask import Flask

from webapp.background.supervision import Loop, supervise


@contextmanager
def supervised(app: Flask, *loops: Loop) -> Iterator[tuple[Event, list[bool]]]:
    """Loops at work in the background process; how it ended."""
    stop, ended = Event(), list[bool]()
    process = Thread(target=lambda: ended.append(supervise(app, loops, stop)))
    process.start()
    try:
        yield stop, ended
    finally:
        stop.set()
        process.join(30)
    assert not process.is_alive()


def until(is_so: Callable[[], bool]) -> None:
    """Wait until it is so."""
    for _ in range(300):
        if is_so():
            return
        Event().wait(0.1)
    raise AssertionError("it never came to be so")
