import os
import socket
import subprocess
import sys
import textwrap

import pytest

from deploy.processes import RUN_FOLDER_VARIABLE
from deploy.state_directory.ownership import (
    AlreadyRunningError,
    PortInUseError,
    end_leftovers,
    processes_of,
    require_free_ports,
    state_lock,
)
from tests.waiting import eventually

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
print("ready", flush=True)
time.sleep(300)
"""


@pytest.fixture
def leftovers(tmp_path):
    """A process that ignores SIGTERM, and its child in a session of its own, both of the run of ``tmp_path``."""
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(STUBBORN)], stdout=subprocess.PIPE, text=True,
        env={**os.environ, RUN_FOLDER_VARIABLE: str(tmp_path)})
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    eventually(lambda: len(processes_of(tmp_path)) == 2, 30,  # Linux tells of a process before of its environment
               lambda: "the child is not found")
    yield parent
    end_leftovers(tmp_path, patience_seconds=0)
    parent.stdout.close()
    parent.wait()


def test_processes_of_a_run_are_found_with_their_children(leftovers, tmp_path):
    found = {process.pid for process in processes_of(tmp_path)}

    assert leftovers.pid in found
    assert len(found) == 2


def test_leftovers_end_even_when_they_ignore_the_request(leftovers, tmp_path):
    assert end_leftovers(tmp_path, patience_seconds=1) == 2

    assert processes_of(tmp_path) == []


def test_processes_of_another_run_are_left_alone(leftovers, tmp_path):
    other = tmp_path / "other"
    other.mkdir()

    assert end_leftovers(other, patience_seconds=0) == 0
    assert leftovers.poll() is None


def test_a_state_directory_has_one_owner(tmp_path):
    refusal = f"already being served by process {os.getpid()}"
    with state_lock(tmp_path), pytest.raises(AlreadyRunningError, match=refusal), state_lock(tmp_path):
        pass

    with state_lock(tmp_path):
        pass


def test_a_port_in_use_says_who_and_what_to_do():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]

        with pytest.raises(PortInUseError) as refused:
            require_free_ports({"WEB_PORT": port}, "127.0.0.1")

    assert f"port {port} (web app) is in use" in str(refused.value)
    assert f"process {os.getpid()}" in str(refused.value)
    assert "make run WEB_PORT=" in str(refused.value)


def test_a_port_whose_owner_would_share_it_is_in_use():
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        holder.listen()

        with pytest.raises(PortInUseError, match="Dagster's code server"):
            require_free_ports({"CODE_PORT": holder.getsockname()[1]}, "127.0.0.1")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_a_free_port_of_an_ipv6_address_is_free():
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        port = probe.getsockname()[1]

    require_free_ports({"WEB_PORT": port}, "::1")
