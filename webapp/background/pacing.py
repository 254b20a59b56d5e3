"""What a loop does less often than it turns."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

QUIET = float("inf")
"""What a loop's step returns that waits for nothing but a change of what its loop is woken by."""
PART = 0.05
"""Of the time that an act which grows with the region-items may take."""


@dataclass
class Paced:
    """An act that is done at most once in so many seconds."""

    seconds: float
    _next: float = field(default=0.0)

    def is_due(self) -> bool:
        """Whether it is time; the clock starts again when it is."""
        if monotonic() < self._next:
            return False
        self.start()
        return True

    def again(self) -> None:
        """Let it be due at once."""
        self._next = 0.0

    @contextmanager
    def within_part(self) -> Iterator[None]:
        """The act is done in the block; it is due again after its time, or so much later that it takes no more than
        ``PART`` of all time."""
        began = monotonic()
        yield
        self.start(max(self.seconds, (monotonic() - began) / PART))

    def start(self, seconds: float | None = None) -> None:
        """Let it be due after its time, or after so many seconds, counted from now."""
        self._next = monotonic() + (self.seconds if seconds is None else seconds)

    @property
    def seconds_left(self) -> float:
        """How long it is not due yet."""
        return max(self._next - monotonic(), 0.0)
