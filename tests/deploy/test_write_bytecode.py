import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from deploy.write_bytecode import COMMANDS, OF_SINGLE_PROCESSES


@pytest.mark.parametrize("module", OF_SINGLE_PROCESSES)
def test_modules_are_there(module: str) -> None:
    assert find_spec(module)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_there(command: str) -> None:
    assert Path(sys.executable).with_name(command).exists()
