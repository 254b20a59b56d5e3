"""What is said of built images, without building them: ``make check-image`` does that."""

import os
import py_compile
from pathlib import Path

import pytest

from deploy.checks.check_image import is_compiled


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A module that was compiled as it is."""
    file = tmp_path / "module.py"
    file.write_text("number = 1\n")
    py_compile.compile(str(file), doraise=True)
    return file


def test_a_module_is_compiled_once(source: Path) -> None:
    assert is_compiled(source)


def test_one_that_was_changed_or_copied_at_another_time_is_compiled_at_each_start(source: Path) -> None:
    os.utime(source, (1, 1))

    assert not is_compiled(source)


def test_one_that_never_was_is_compiled_at_each_start(tmp_path: Path) -> None:
    (tmp_path / "new.py").touch()

    assert not is_compiled(tmp_path / "new.py")
