"""The mark beside the state of a dataset while a backup is put back: half of one is never taken for the whole."""

import json
from collections.abc import Sequence
from pathlib import Path


class HalfRestoredError(RuntimeError):
    """A restore was begun and not ended; the message says what to do."""


def mark_of(root: Path) -> Path:
    """Where the mark of that state stands: beside it, since it may not be there yet."""
    return root.with_name(f".{root.name}.restoring")


def mark(backup: Path, overwrite: bool, targets: Sequence[str]) -> str:
    """What stands in the mark.

    Args:
        overwrite: whether the restore may put aside what is there.
        targets: databases and stores outside the state directory that it changes, without passwords.
    """
    return json.dumps({"backup": str(backup), "again": " OVERWRITE=yes" if overwrite else "", "targets": [*targets]})


def was_begun(root: Path, targets: Sequence[str]) -> bool:
    """Whether a restore of that state was begun on exactly these databases and stores, and not ended."""
    try:
        return bool(json.loads(mark_of(root).read_text())["targets"] == [*targets])
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return False


def refuse_half_restored(root: Path) -> None:
    """Refuse a state of which a restore was begun and not ended. Raises: HalfRestoredError."""
    try:
        content = mark_of(root).read_text()
    except FileNotFoundError:
        return
    try:
        told = json.loads(content)
        again = f"{told['backup']} STATE={root.parent}{told['again']}"
    except (ValueError, LookupError, TypeError):  # cut off while it was written
        again = f"… STATE={root.parent}"
    raise HalfRestoredError(
        f"a restore of {root} was cut off or goes on, so what is there may be half of a backup. Restore again, which "
        f"begins anew: make restore FROM={again}. To go on with what is there all the same, remove {mark_of(root)}")
