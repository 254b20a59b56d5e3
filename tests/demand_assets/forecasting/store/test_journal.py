"""The journal: what is written is read once, in order, by readers that remember where they were."""

import json
from datetime import UTC, datetime

import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.demand_store import DemandStore, NotInStoreError
from demand_assets.forecasting.store.journal import Entry, Journal, is_sum

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


BEFORE = datetime(2026, 3, 1, tzinfo=UTC)


def written(store, stamp, *entries):
    """A file of the journal, written at that moment."""
    name = f"{stamp}T120000000000-0000aaaa.jsonl"
    lines = [json.dumps({"region_item": one.key, "step": step, "reason": reason, "at": f"{stamp} {reason}"})
             for one, step, reason in entries]
    store.write_bytes(f"journal/{stamp[:8]}/{name}", "\n".join(lines).encode())
    return name


def told(journal, since=""):
    """Region-item and step -> the last reason that a reader finds who was there until then."""
    found = {}
    for name in journal.files_after(since):
        for entry in journal.read(name):
            found[entry.region_item, entry.step] = max(entry.reason, found.get((entry.region_item, entry.step), ""))
    return found


def filled(store):
    """Twenty days of two region-items; of the odd one nothing came after the first day."""
    names = [written(store, "20260201", (ODD, "kept", "old"), (KETTLE, "trained", "01"), (KETTLE, "started", "01"))]
    names += [written(store, f"202602{day:02}", (KETTLE, "trained", f"{day:02}"), (KETTLE, "promoted", f"{day:02}"))
              for day in range(2, 21)]
    return [*names, written(store, "20260301", (KETTLE, "trained", "31"))]


LAST_KNOWN = {(ODD, "kept"): "old", (KETTLE, "trained"): "31", (KETTLE, "promoted"): "20"}


@pytest.fixture
def bucket():
    """An object store on a local server that speaks S3."""
    pytest.importorskip("moto.server", reason="moto is not installed: no local S3 server")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    store = DemandStore("s3://shop/demand", {"key": "testing", "secret": "testing",
                                             "endpoint_url": f"http://{host}:{port}"})
    store._filesystem.mkdir("shop")
    yield store
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def store(request, tmp_path):
    return DemandStore(str(tmp_path)) if request.param == "folder" else request.getfixturevalue("bucket")


def test_old_entries_go_but_the_newest_of_each_step(store):
    names = filled(store)
    journal = Journal(store)

    removed, freed = journal.expire(BEFORE)

    assert (removed, freed > 0) == (20, True)
    assert told(journal) == LAST_KNOWN
    assert names[-1] in journal.files_after("")
    assert len(journal.files_after("")) == 2


def test_a_reader_who_was_there_all_the_time_finds_nothing_again(tmp_path):
    store = DemandStore(str(tmp_path))
    names, journal = filled(store), Journal(DemandStore(str(tmp_path)))

    journal.expire(BEFORE)

    assert journal.files_after(names[-1], frozenset(names)) == []


@pytest.mark.parametrize("read_until", [0, 7, 18])
def test_a_reader_who_was_away_finds_the_newest_and_knows_that_others_are_gone(tmp_path, read_until):
    store = DemandStore(str(tmp_path))
    names, journal = filled(store), Journal(DemandStore(str(tmp_path)))

    journal.expire(BEFORE)

    found = journal.files_after(names[read_until])
    assert [name for name in found if is_sum(name) and name > names[read_until]]
    assert told(journal, names[read_until]) == LAST_KNOWN


def test_what_was_summed_up_is_summed_up_again(tmp_path):
    store = DemandStore(str(tmp_path))
    journal = Journal(store)
    filled(store)
    for day in (5, 10, 10, 21):
        journal.expire(datetime(2026, 2, day, tzinfo=UTC))

    assert told(journal) == LAST_KNOWN
    assert sum(map(is_sum, journal.files_after(""))) == 1
    assert journal.expire(datetime(2026, 2, 21, tzinfo=UTC)) == (0, 0)
    assert len(store.names("journal")) == 2  # folders of days that are gone do not pile up


def test_a_file_that_comes_late_into_what_was_summed_up_is_not_lost(tmp_path):
    store = DemandStore(str(tmp_path))
    journal = Journal(store)
    filled(store)
    journal.expire(BEFORE)
    written(store, "20260210", (ODD, "failed", "late"))

    journal.expire(BEFORE)

    assert told(journal) == {**LAST_KNOWN, (ODD, "failed"): "late"}


class Breaking(DemandStore):
    """A store whose process is killed before the so many-th change."""

    def __init__(self, url, changes):
        super().__init__(url)
        self.changes = changes

    def _change(self):
        self.changes -= 1
        if self.changes < 0:
            raise KeyboardInterrupt

    def write_bytes(self, name, content):
        self._change()
        super().write_bytes(name, content)

    def remove_files(self, folder, names):
        for name in names:
            self._change()
            super().remove_files(folder, [name])


def test_killed_at_any_moment_a_reader_finds_the_newest_of_each_step_and_the_next_expiry_goes_on(tmp_path):
    whole = 0
    for moment in range(40):
        folder = tmp_path / str(moment)
        filled(DemandStore(str(folder)))
        journal = Journal(DemandStore(str(folder)))
        try:
            Journal(Breaking(str(folder), moment)).expire(BEFORE)
            whole += 1
        except KeyboardInterrupt:
            pass
        assert told(journal) == {**told(journal), **LAST_KNOWN}
        journal.expire(BEFORE)
        assert told(journal) == LAST_KNOWN
        assert len(journal.files_after("")) == 2
    assert 0 < whole < 40  # some were killed, and some were not


def test_a_damaged_file_expires_with_the_others(tmp_path):
    store = DemandStore(str(tmp_path))
    store.write_bytes("journal/20260102/20260102T000000000000-00000000.jsonl", b'{"half')
    filled(store)

    Journal(store).expire(BEFORE)

    assert told(Journal(store)) == LAST_KNOWN


def test_nothing_young_is_touched(tmp_path):
    store = DemandStore(str(tmp_path))
    names = filled(store)

    assert Journal(store).expire(datetime(2026, 1, 1, tzinfo=UTC)) == (0, 0)
    assert Journal(store).files_after("") == names
