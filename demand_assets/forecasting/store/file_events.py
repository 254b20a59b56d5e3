"""Loops that wait are woken when a file that they look at is written.

The kernel tells of it (inotify), so that a loop at rest neither turns over and over nor sees a change late. Where it
cannot be told, on another system, with a database or a store elsewhere, or when the kernel has no room for more, loops
turn as often as ever.
"""

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Event, Lock, Thread
from time import sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchdog.observers.inotify_c import Inotify

log = logging.getLogger(__name__)

TOGETHER_SECONDS = 0.02
"""What is written within so long wakes once."""

Watched = Callable[[], Iterable[Path] | None]
"""The folders and files that matter now, of which some may not exist yet; None where that is not on this machine."""


def together(*places: Sequence[Path] | None) -> list[Path] | None:
    """All of them; None when some are not on this machine."""
    found = [each for each in places if each is not None]
    return [place for each in found for place in each] if len(found) == len(places) else None


class Wake:
    """Wakes one loop.

    Args:
        watched: asked before each step, since folders come and go.
    """

    def __init__(self, events: "FileEvents", watched: Watched) -> None:
        self._events, self._watched = events, watched
        self._woken = Event()
        self._places = frozenset[Path]()

    def begin(self) -> bool:
        """Note what is written from now on; whether all of it will be told, so that the loop may wait for it."""
        self._woken.clear()
        places = self._watched()
        if places is None:
            return False
        self._places = frozenset(places)
        return all(self._events.watch(place if place.is_dir() else place.parent) for place in self._places)

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until something was written since ``begin``; whether it was."""
        return self._woken.wait(seconds)

    def wake(self) -> None:
        """Let whoever waits go on."""
        self._woken.set()

    def concerns(self, place: Path) -> bool:
        """Whether this file or its folder is looked at, or something in this folder."""
        return place in self._places or place.parent in self._places or any(
            each.parent == place for each in self._places)


class FileEvents:
    """What the kernel tells of files, for all loops of this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._folders = set[Path]()
        self._wakes: list[Wake] = []
        self._inotify: Inotify | None = None
        self._is_lost = False

    def wake(self, watched: Watched) -> Wake:
        """What wakes a loop when one of these is written, or something in one of these folders."""
        wake = Wake(self, watched)
        self._wakes.append(wake)
        return wake

    def wake_all(self) -> None:
        """Let all loops go on: the process is told to stop."""
        for wake in self._wakes:
            wake.wake()

    def watch(self, folder: Path) -> bool:
        """See that what is written into the folder, not below it, is told; whether it is."""
        with self._lock:
            if self._is_lost:
                return False
            if folder in self._folders:
                return True
            if not os.access(folder, os.R_OK | os.X_OK) or not folder.is_dir():
                return False  # not made yet, or another's
            try:
                if self._inotify is None:
                    self._inotify = _inotify(folder)
                    Thread(target=self._listen, args=(self._inotify,), name="file events", daemon=True).start()
                else:
                    self._inotify.add_watch(bytes(folder))
            except (FileNotFoundError, NotADirectoryError):
                return False  # gone just now
            except (ImportError, OSError, RuntimeError) as error:
                self._lose(error)
                return False
            self._folders.add(folder)
            return True

    def _listen(self, inotify: "Inotify") -> None:
        try:
            while True:
                events = inotify.read_events()
                if not events:  # more happened than the kernel keeps
                    self.wake_all()
                places = {Path(event.src_path.decode(errors="surrogateescape")) for event in events}
                gone = {Path(event.src_path.decode(errors="surrogateescape")) for event in events
                        if event.is_delete_self or event.is_ignored}
                with self._lock:
                    self._folders -= gone
                for wake in self._wakes:
                    if any(map(wake.concerns, places | gone)):
                        wake.wake()
                sleep(TOGETHER_SECONDS)
        except (OSError, LookupError) as error:  # of watchdog's books, too: loops turn without it, and see the same
            with self._lock:
                self._lose(error)
            self.wake_all()

    def _lose(self, error: Exception) -> None:
        self._is_lost = True
        log.warning("the kernel does not tell of files, so loops look for themselves: %s", error)


def _inotify(folder: Path) -> "Inotify":
    """Raises: ImportError: not on this system. OSError: no room for it, or no such folder."""
    from watchdog.observers.inotify_c import Inotify, InotifyConstants

    return Inotify(bytes(folder), event_mask=(
        InotifyConstants.IN_MODIFY | InotifyConstants.IN_CREATE | InotifyConstants.IN_MOVED_TO
        | InotifyConstants.IN_DELETE | InotifyConstants.IN_DELETE_SELF))
