import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demand_assets.forecasting.store.private_folder import keep_private, private_files


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _open_by_default() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_new_folder_is_its_owners_alone(tmp_path: Path) -> None:
    assert keep_private(tmp_path / "state" / "shop") is False
    assert mode_of(tmp_path / "state" / "shop") == 0o700


@pytest.mark.parametrize("before", [0o755, 0o750, 0o777, 0o705, 0o710])
def test_a_folder_of_yesterday_is_closed(tmp_path: Path, before: int) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    folder.chmod(before)

    assert keep_private(folder) is True
    assert mode_of(folder) == 0o700
    assert keep_private(folder) is False


def test_what_it_and_its_children_write_is_private_too(tmp_path: Path) -> None:
    private_files()
    (tmp_path / "mine").write_text("x")
    subprocess.run([sys.executable, "-c", f"open({str(tmp_path / 'childs')!r}, 'w').close()"], check=True)

    assert mode_of(tmp_path / "mine") == mode_of(tmp_path / "childs") == 0o600
