"""The demand store and the registry's files in an object store."""

import multiprocessing

import pytest

from demand_assets.forecasting.journal import Entry, Journal
from demand_assets.forecasting.region_item import RegionItem
from demand_assets.forecasting.store import DemandStore, NotInStoreError

KETTLE = RegionItem("north", "kettle")


@pytest.fixture
def url(services, monkeypatch, request) -> str:
    for name, value in services.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return f"s3://demand/{request.node.name}"


def test_what_is_not_there_is_said_so(url):
    store = DemandStore(url)

    assert store.read_catalogue() == []
    assert not store.has("demand", KETTLE)
    assert store.names("journal") == []
    with pytest.raises(NotInStoreError):
        store.read("demand", KETTLE)


def test_another_writer_is_seen_at_once(url):
    reader, writer = DemandStore(url), DemandStore(url)
    assert list(reader.names("journal")) == []

    Journal(writer).write([Entry(KETTLE, "started")])
    writer.write_catalogue([KETTLE])

    assert [entry.region_item for name in reader.names("journal") for entry in Journal(reader).read(name)] == [KETTLE]
    assert reader.read_catalogue() == [KETTLE]


def _read(store: DemandStore, answers) -> None:
    answers.put(store.read_catalogue())


def test_a_forked_process_reads_with_a_client_of_its_own(url):
    store = DemandStore(url)
    store.write_catalogue([KETTLE])
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    child = context.Process(target=_read, args=(store, answers))
    child.start()

    assert answers.get(timeout=30) == [KETTLE]
    child.join(10)
