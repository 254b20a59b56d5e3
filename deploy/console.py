"""What the person at the terminal sees: few lines, in words."""

import contextlib
import time
from pathlib import Path

LAST_LINES = 8


class Console:
    """Prints lines with the time since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """Print one line."""
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        self._print(f"{minutes:2d}:{seconds:02d}  {text}")

    def show_end_of(self, log: Path) -> None:
        """Print the last lines of a log file."""
        for line in last_lines(log):
            self._print(f"         | {line}")

    def _print(self, line: str) -> None:
        with contextlib.suppress(OSError):  # a full disk, a terminal that is gone: nothing is stopped for that
            print(line, flush=True)


class Follower:
    """Hands out the lines that a file gains, from its present end on."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._position = file.stat().st_size if file.exists() else 0

    def new_lines(self) -> list[str]:
        """Whole lines written since the last call."""
        if not self._file.exists():
            return []
        if self._file.stat().st_size < self._position:  # rotated
            self._position = 0
        with self._file.open("rb") as file:
            file.seek(self._position)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._position += len(whole)
        return whole.decode(errors="replace").splitlines()


def last_lines(log: Path, count: int = LAST_LINES) -> list[str]:
    """The last non-empty lines of a log file; none when there is no file."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        lines = file.read().decode(errors="replace").splitlines()
    return [line for line in lines if line.strip()][-count:]
