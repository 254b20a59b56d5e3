"""``make setup`` on checkouts that are not as it expects."""

import shutil
import subprocess
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_another_checkouts_virtualenv_is_not_emptied(tmp_path: Path) -> None:
    other, here = tmp_path / "other", tmp_path / "here"
    (other / "bin").mkdir(parents=True)
    (other / "bin" / "python").write_text("")
    (here / "deploy").mkdir(parents=True)
    for name in ("setup.sh", "ignore_machine_constraints.sh"):
        shutil.copy(PROJECT / "deploy" / name, here / "deploy" / name)
    shutil.copytree(PROJECT / "requirements", here / "requirements")
    (here / "pyproject.toml").write_text("")
    (here / "webapp").mkdir()
    (here / ".venv").symlink_to(other)
    ran = subprocess.run(["sh", "deploy/setup.sh"], cwd=here, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "a link to another checkout's virtualenv" in ran.stderr
    assert (other / "bin" / "python").exists()
