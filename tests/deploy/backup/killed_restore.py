"""``python -m tests.deploy.backup.killed_restore FOLDER [--overwrite]``: a restore that is killed at each of its steps.

In a process of its own: to fork one that has all tests in memory takes longer than a restore.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from demand_assets.forecasting.store.half_restored import HalfRestoredError, mark_of, refuse_half_restored
from deploy.backup.archive import Archive
from deploy.backup.restore import restore
from deploy.backup.take import take
from deploy.processes import Folders
from tests.deploy.backup.kills import killed_at_each_step
from tests.deploy.backup.states import NAME, contents, hashes, make_state, names_in


def main(folder: Path, overwrite: bool) -> None:
    """Raises: AssertionError: after one of the kills the state was neither whole nor said to be half restored."""
    make_state(folder / "var")
    backup = take(contents(folder / "var"), NAME, folder / "a.tar", datetime(2026, 11, 28, 10, tzinfo=UTC))[0]
    list(restore(Archive(backup), contents(folder / "whole")))
    target = folder / "target"
    target.mkdir()
    if overwrite:
        make_state(target)
        (target / NAME / "web" / "secret_key").write_text("before")
    is_half, count = 0, 0
    for _ in killed_at_each_step(lambda: list(restore(Archive(backup), contents(target), overwrite)), folder):
        count += 1
        if mark_of(target / NAME).exists():
            is_half += 1
            said = refusal(target / NAME)
            assert f"FROM={backup} STATE={target}" in said, said
            assert ("OVERWRITE=yes" in said) == overwrite, said
        else:
            key = target / NAME / "web" / "secret_key"
            assert not key.exists() or key.read_text() in ("before", "of sessions"), key.read_text()
    assert count > 10, count
    assert is_half > 5, is_half
    refuse_half_restored(target / NAME)
    assert of_all_but_mlflow(target) == of_all_but_mlflow(folder / "whole")
    assert not mark_of(target / NAME).exists()
    assert not [name for name in names_in(target) if name.startswith(".")], names_in(target)


def refusal(root: Path) -> str:
    """What a start says of a state that is half restored."""
    try:
        Folders(root).make()
    except HalfRestoredError as error:
        return str(error)
    raise AssertionError(f"{root} is marked as half restored, and a start takes it")


def of_all_but_mlflow(state: Path) -> dict[str, str]:
    """The hashes of all files but MLflow's database, which names the folder."""
    return {name: value for name, value in hashes(state / NAME).items() if not name.startswith("mlflow/mlflow.db")}


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--overwrite" in sys.argv[2:])
