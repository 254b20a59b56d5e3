"""The process of supervisor, which goes on where nothing can be written, as on a full disk.

Supervisor tells on its standard error of each line that it could not write to a log. That is a file on the same disk:
what fails there must not end it, and with it everything that it runs.
"""

import sys
from typing import TextIO

from supervisor import supervisord


class Unfailing:
    """A stream of which what cannot be written is left out."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """How many characters were taken, whether they could be written or not."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            pass
        return len(text)

    def flush(self) -> None:
        """Nothing is left to be done."""

    def fileno(self) -> int:
        """The stream's file descriptor."""
        return self._stream.fileno()


def main() -> None:
    """Run supervisor as its own command does."""
    sys.stdout, sys.stderr = Unfailing(sys.stdout), Unfailing(sys.stderr)
    supervisord.main()


if __name__ == "__main__":
    main()
