"""How many connections a worker takes, by the files that it may open."""

import logging

import pytest

from webapp.http.open_files import MOST_CONNECTIONS, TooFewFilesError, connections_within, needed


@pytest.mark.parametrize(("limit", "connections"), [(60, 4), (64, 8), (156, 100), (256, 200), (456, 400), (1024, 400)])
def test_a_worker_takes_no_more_connections_than_it_has_files_for(limit: int, connections: int) -> None:
    assert connections_within(limit, threads=4) == connections
    assert connections + needed(4, 0) <= limit


def test_too_few_files_are_told_with_the_number_needed(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(TooFewFilesError, match="may open 59 files and needs 60 at the least, 456 to serve"):
        connections_within(59, threads=4)
    with caplog.at_level(logging.WARNING):
        connections_within(100, threads=4)
    assert "takes 44 connections at a time" in caplog.text
    assert f"needs {needed(4)} for {MOST_CONNECTIONS}" in caplog.text
