"""The cells of an Excel file, read in a process of its own: run as a script, it knows nothing of the web app.

What a file unpacks to is looked at before anything is parsed; what is slow or large all the same ends with that
process.
"""

import io
import json
import logging
import os
import resource
import struct
import subprocess  # nosec B404  # runs this file alone
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from threading import BoundedSemaphore

MOST_ROWS = 20_000
MOST_COLUMNS = 60
MOST_CHARACTERS = 10_000_000
"""In all cells together: a text that is stored once may stand in every cell."""
LONGEST_CELL = 32_767
"""As in Excel."""
MOST_UNPACKED = 100_000_000
"""Bytes that an Excel file may hold once unpacked."""
MOST_TEXTS = 40_000_000
"""Bytes of its shared texts once unpacked."""
MOST_PARTS = 1_000
MOST_SHEETS = 100
LARGEST_RATIO = 250
"""Of what a part unpacks to to what it takes; real sheets, however much they repeat themselves, have less."""
SMALL_PART = 1_000_000
"""Bytes below which a part may unpack to any ratio."""
PROCESSOR_SECONDS = 15
SECONDS = 40
"""By the clock: more than the processor's, for a machine that is busy."""
MEMORY_BYTES = 1_500_000_000
AT_ONCE = 2
"""Files that each worker of the web app reads at the same time."""

log = logging.getLogger("webapp.scenarios.plans.workbook")
_room = BoundedSemaphore(AT_ONCE)
_SMALLER = "Keep only the sheet with the plan and the columns that are needed, or save it as CSV."


class WorkbookError(ValueError):
    """An Excel file that is not read; the message says why, what is allowed and what to do."""


def read_workbook(content: bytes, name: str) -> list[list[str]]:
    """The cells of an Excel file's first sheet, as text.

    Args:
        name: of the file, for messages.
    Raises: WorkbookError.
    """
    check_parts(content, name)
    if not _room.acquire(timeout=5):
        raise WorkbookError("Other Excel files are being read at this moment. Send it again in a minute, or save it as "
                            "CSV.")
    try:
        done = subprocess.run(  # nosec B603  # no shell, and nothing of the file's on the command line
            [sys.executable, "-I", __file__], input=content, capture_output=True, timeout=SECONDS, check=False,
            env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})
    except subprocess.TimeoutExpired as error:
        raise _too_slow(name) from error
    finally:
        _room.release()
    if done.returncode != 0 or not done.stdout:
        log.warning("an Excel file of %s bytes was not read; status %s: %s", len(content), done.returncode,
                    done.stderr.decode(errors="replace")[-2000:])
        raise _too_slow(name)
    found = json.loads(done.stdout)
    if isinstance(found, str):
        raise WorkbookError(found.replace("{name}", name))
    return [[str(cell) for cell in row] for row in found]


def check_parts(content: bytes, name: str) -> None:
    """Look at what the file unpacks to, and unpack nothing. Raises: WorkbookError."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            parts = packed.infolist()
    except (zipfile.BadZipFile, ValueError, LookupError, struct.error, OSError, NotImplementedError) as error:
        raise WorkbookError(f"{name} is no Excel file that can be read (.xlsx): {type(error).__name__}. Open it in "
                            "Excel and save it again, or save it as CSV.") from error
    if len(parts) > MOST_PARTS:
        raise WorkbookError(f"{name} has {len(parts):,} parts; at most {MOST_PARTS:,} are read. {_SMALLER}")
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MOST_UNPACKED:
        raise WorkbookError(f"{name} holds {unpacked / 1e6:.0f} MB once unpacked; at most {MOST_UNPACKED / 1e6:g} MB "
                            f"are read. {_SMALLER}")
    sheets = sum("/worksheets/" in part.filename and part.filename.endswith(".xml") for part in parts)
    if sheets > MOST_SHEETS:
        raise WorkbookError(f"{name} has {sheets:,} sheets; at most {MOST_SHEETS} are read. {_SMALLER}")
    texts = sum(part.file_size for part in parts if part.filename.casefold().endswith("sharedstrings.xml"))
    if texts > MOST_TEXTS:
        raise WorkbookError(f"{name} holds {texts / 1e6:.0f} MB of texts; at most {MOST_TEXTS / 1e6:g} MB are read. "
                            f"{_SMALLER}")
    for part in parts:
        if part.file_size > max(SMALL_PART, LARGEST_RATIO * part.compress_size):
            ratio = part.file_size / max(part.compress_size, 1)
            raise WorkbookError(f"{name} holds a part that unpacks to {ratio:,.0f} times its size; at most "
                                f"{LARGEST_RATIO} times is read. {_SMALLER}")


def _too_slow(name: str) -> WorkbookError:
    return WorkbookError(f"{name} takes more time or memory than there is for reading a file: at most "
                         f"{PROCESSOR_SECONDS} seconds and {MEMORY_BYTES / 1e9:g} GB. {_SMALLER}")


class _TooMuchError(Exception):
    """More than is read; the message is for whoever sent the file."""


def _cells(content: bytes) -> list[list[str]]:
    from openpyxl import load_workbook  # 0.3 seconds, which the web app need not spend

    book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    if not book.worksheets:
        raise _TooMuchError("{name} has no sheet with cells. Save it again with the plan on its first sheet.")
    rows: list[list[str]] = []
    characters = 0
    for row in _rows(book.worksheets[0].iter_rows(values_only=True, max_col=MOST_COLUMNS + 1)):
        cells = [_cell(value) for value in row]
        characters += sum(map(len, cells))
        if characters > MOST_CHARACTERS:
            raise _TooMuchError(f"The cells of {{name}} hold more than {MOST_CHARACTERS:,} characters; at most so many "
                                f"are read. {_SMALLER}")
        rows.append(cells)
    width = max((place for row in rows for place, cell in enumerate(row, 1) if cell), default=0)
    return [row[:width] for row in rows]  # each was filled up to the last column that is read


def _rows(rows: Iterable[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    """Not more rows and columns than are read; blank ones at the end are cut off, as Excel keeps many."""
    blank: list[tuple[object, ...]] = []
    for count, row in enumerate(rows, 1):
        if count > 10 * MOST_ROWS:
            return
        if all(value is None or value == "" for value in row):
            blank.append(())
            continue
        if count > MOST_ROWS + 1:
            raise _TooMuchError(f"{{name}} has more than {MOST_ROWS:,} rows; at most so many are read.")
        yield from blank
        blank.clear()
        yield row[:MOST_COLUMNS + 1]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        number = repr(value).removesuffix(".0")  # 1.365 could be typed for 1365, 1.3650 could not
        return f"{number}0" if len(number.partition(".")[2]) == 3 else number
    text = str(value)
    if len(text) > LONGEST_CELL:
        raise _TooMuchError(f"A cell of {{name}} holds {len(text):,} characters; at most {LONGEST_CELL:,} are read.")
    return " ".join(text.split())


def cells_or_words(content: bytes) -> list[list[str]] | str:
    """The cells, or why there are none, with ``{name}`` for the file's name."""
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        return _cells(content)
    except _TooMuchError as error:
        return str(error)
    except (InvalidFileException, zipfile.BadZipFile, zlib.error, struct.error, SyntaxError, ValueError, TypeError,
            AttributeError, LookupError, ArithmeticError, AssertionError, EOFError, OSError, RuntimeError) as error:
        # What openpyxl raises on files that are damaged, locked or made by hand; it has no error of its own for them.
        return (f"{{name}} is no Excel file that can be read (.xlsx): {type(error).__name__}. Open it in Excel and "
                "save it again, or save it as CSV.")


def main() -> None:
    """Read a file from the standard input; tell its cells, or what is wrong with it, as JSON."""
    os.nice(5)
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    print(json.dumps(cells_or_words(sys.stdin.buffer.read())))


if __name__ == "__main__":
    main()
