"""The journal: what is written is read once, in order, by readers that remember where they were."""

import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.demand_store import DemandStore, NotInStoreError
from demand_assets.forecasting.store.journal import Entry, Journal

KETTLE, ODD = RegionItem("north", "kettle"), RegionItem("Süd/West", "a|b:c")


@pytest.fixture
def journal(tmp_path):
    return Journal(DemandStore(str(tmp_path)))


def all_entries(journal):
    return [entry for name in journal.files_after("") for entry in journal.read(name)]


def test_entries_come_back_as_they_were_written(journal):
    entries = [Entry(KETTLE, "started", request_id="7"), Entry(ODD, "failed", reason="no rows\nat all",
                                                              numbers={"wape": 0.25, "versions": [1, 2]})]

    journal.write(entries)

    assert all_entries(journal) == entries


def test_writing_nothing_leaves_no_file(journal):
    journal.write([])

    assert journal.files_after("") == []


def test_a_reader_asks_only_for_what_is_new(journal):
    journal.write([Entry(KETTLE, "started")])
    (first,) = journal.files_after("")
    journal.write([Entry(KETTLE, "trained")])

    new = journal.files_after(first, already_read=frozenset([first]))

    assert [entry.step for name in new for entry in journal.read(name)] == ["trained"]


def test_a_file_written_late_under_an_earlier_name_is_still_seen(tmp_path):
    store = DemandStore(str(tmp_path))
    journal = Journal(store)
    line = b'{"region_item": "north|kettle", "step": "kept", "at": "2026-01-01T00:00:00.000+00:00"}'
    store.write_bytes("journal/20260101/20260101T120100000000-aaaaaaaa.jsonl", line)
    read = frozenset(journal.files_after(""))
    store.write_bytes("journal/20260101/20260101T120030000000-bbbbbbbb.jsonl", line)

    assert journal.files_after(max(read), read) == ["20260101T120030000000-bbbbbbbb.jsonl"]


def test_a_reader_that_is_up_to_date_does_not_list_the_past(tmp_path, monkeypatch):
    store = DemandStore(str(tmp_path))
    journal = Journal(store)
    store.write_bytes("journal/20260101/20260101T120100000000-aaaaaaaa.jsonl", b"{}")
    journal.write([Entry(KETTLE, "started")])
    last = max(journal.files_after(""))
    listed = []
    names = DemandStore.names
    monkeypatch.setattr(DemandStore, "names", lambda self, folder: listed.append(folder) or names(self, folder))

    assert journal.files_after(last) == [last]
    assert not [folder for folder in listed if "20260101" in folder or folder == "journal"]


def test_a_file_that_is_not_there_is_named(journal):
    with pytest.raises(NotInStoreError, match="nothing"):
        list(journal.read("nothing"))
