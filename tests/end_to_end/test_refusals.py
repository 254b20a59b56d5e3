"""What the launcher says, in one line, when it cannot start."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.settings import PROJECT
from tests.conftest import write_tiny_dataset


def run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Type `make run` where it is expected to end by itself."""
    return subprocess.run([sys.executable, "-m", "deploy.run"], cwd=PROJECT, env=environment, capture_output=True,
                          text=True, timeout=120, check=False)


@pytest.fixture
def settings(tmp_path: Path, environment: dict[str, str]) -> dict[str, str]:
    return environment | {"DATASET": str(write_tiny_dataset(tmp_path)), "STATE": str(tmp_path / "state")}


def test_a_dataset_file_that_is_not_there(settings, tmp_path):
    refused = run(settings | {"DATASET": "absent.toml", "CALLED_FROM": str(tmp_path)})

    assert refused.returncode == 1
    assert refused.stderr == f"dataset file {tmp_path}/absent.toml cannot be read: No such file or directory\n"


def test_a_dataset_file_with_a_wrong_entry(settings, tmp_path):
    (tmp_path / "tiny.toml").write_text('frequency = "daily"\n[source]\nkind = "simulated"\n')

    refused = run(settings)

    assert refused.returncode == 1
    assert "frequency: Input should be 'D', 'W', 'M' or 'Q'" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_port_in_use(settings):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]

        refused = run(settings | {"WEB_PORT": str(port)})

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"port {port} (web app) is in use by ")
    assert len(refused.stderr.splitlines()) == 1


def test_a_state_directory_that_is_a_file(settings, tmp_path):
    (tmp_path / "state").write_text("")

    refused = run(settings)

    assert refused.returncode == 1
    assert refused.stderr.startswith("the state directory cannot be used: ")
    assert len(refused.stderr.splitlines()) == 1
