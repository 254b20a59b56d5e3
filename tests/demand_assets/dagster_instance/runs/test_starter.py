"""An order at the starter of runs comes in whole or not at all, and who ordered knows what became of it."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from demand_assets.dagster_instance.runs.starter import STARTED, Order, UnknownStartError, listening, ordered, taken

ORDER = Order("a run", True, {"NAME": "not UTF-8 \udcff" * 20_000, "OTHER": ""})


def served(folder: Path, serve: Callable[[socket.socket], None], order: Callable[[Path], str]) -> str:
    """What the orderer learns of a starter that treats its connection so."""
    address = folder / "starter.sock"
    with listening(address) as there:
        def accept() -> None:
            connection, _ = there.accept()
            with connection:
                serve(connection)

        server = Thread(target=accept)
        server.start()
        try:
            return order(address)
        finally:
            server.join()


def ask(address: Path) -> str:
    with (address.parent / "lock").open("w") as lock, (address.parent / "output").open("w") as output:
        return ordered(address, ORDER, lock.fileno(), output.fileno())


def test_an_order_comes_in_with_its_files_in_a_folder_of_any_length(tmp_path):
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    found = []

    def serve(connection: socket.socket) -> None:
        order, lock, output = taken(connection)
        os.write(lock, b"of the lock")
        os.write(output, b"of the output")
        os.close(lock)
        os.close(output)
        found.append(order)
        connection.sendall(STARTED)

    assert served(folder, serve, ask) == ""
    assert found == [ORDER]
    assert [(folder / name).read_text() for name in ("lock", "output")] == ["of the lock", "of the output"]
    assert not (folder / "starter.sock").exists()


def test_a_refusal_is_told(tmp_path):
    def refuse(connection: socket.socket) -> None:
        taken(connection)
        connection.sendall(b"a thread runs")

    assert served(tmp_path, refuse, ask) == "a thread runs"


def test_where_nobody_listens_nothing_was_started(tmp_path):
    assert "does not answer" in ask(tmp_path / "starter.sock")
    with listening(tmp_path / "starter.sock"):
        pass
    assert "does not answer" in ask(tmp_path / "starter.sock")


@pytest.mark.parametrize("end", [lambda connection: None, lambda connection: connection.recv(20), taken],
                         ids=["at once", "in the middle", "after the order"])
def test_a_starter_that_ends_before_it_answers_leaves_the_start_unknown(tmp_path, end):
    with pytest.raises(UnknownStartError):
        served(tmp_path, end, ask)


@pytest.mark.parametrize("part", [b"", b"7", b"7".ljust(20) + b"{}", b"x" * 20, b"-1".ljust(20), b"7".ljust(20)],
                         ids=["nothing", "half a line", "too little", "no number", "negative", "no content"])
@pytest.mark.parametrize("files", [0, 1, 2])
def test_a_part_of_an_order_is_none_and_leaves_no_file_open(tmp_path, part, files):
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "file").open("w") as file:
        if part:
            socket.send_fds(ours, [part], [file.fileno()] * files)
        ours.close()
        before = len(list(Path("/proc/self/fd").iterdir()))

        assert taken(theirs) is None

        assert len(list(Path("/proc/self/fd").iterdir())) == before
