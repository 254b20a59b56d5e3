"""Wall clocks of single processes, put forward and back while they run; needs a C compiler."""

import shutil
import struct
import subprocess
from pathlib import Path

from tests.chaos.schedule import SERVERS

SOURCE = Path(__file__).with_suffix(".c")


class SteppedClock:
    """The clocks of the product's servers. A run has that of the server that started it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        for name in SERVERS:
            (folder / name).write_bytes(struct.pack("q", 0))
        self._library = folder / "stepped_clock.so"
        compiler = shutil.which("cc") or shutil.which("gcc")
        self.is_there = compiler is not None
        """Whether clocks can be stepped on this machine."""
        if compiler:
            subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(self._library), str(SOURCE), "-ldl"],
                           check=True)

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment for its clock to be stepped."""
        return {"CHAOS_CLOCK": str(self._folder), "LD_PRELOAD": str(self._library)} if self.is_there else {}

    def step(self, name: str, seconds: float) -> None:
        """Let the clock of a server be so many seconds ahead of the machine's, from now on."""
        with (self._folder / name).open("r+b") as file:
            file.write(struct.pack("q", int(seconds)))

    def right(self) -> None:
        """Let all clocks be the machine's again."""
        for name in SERVERS:
            self.step(name, 0)
