"""The journal: what is written is read once, in order, by readers that remember where they were."""

import json
from datetime import UTC, datetime, timedelta

import fsspec
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.journal import DamagedJournalError, Entry, Journal, is_sum, name_at, not_after_now
from demand_assets.forecasting.store.stored_files import DamagedFileError, NotInStoreError
from tests.demand_assets.damage import CONTENTS, PLACES, flipped

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
    at = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T12:00:00.000+00:00"
    lines = [json.dumps({"region_item": one.key, "step": step, "reason": reason, "at": at})
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
    options = {"key": "testing", "secret": "testing", "endpoint_url": f"http://{host}:{port}"}
    fsspec.filesystem("s3", **options).mkdir("journal")
    yield DemandStore("s3://journal/demand", options)
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


# Damage.


def only_file(tmp_path):
    (path,) = tmp_path.rglob("*.jsonl")
    return path


@pytest.mark.parametrize("damage", CONTENTS)
def test_a_damaged_file_is_told_and_gives_what_is_whole(journal, tmp_path, damage):
    entries = [Entry(KETTLE, "validated", numbers={"rows": number}) for number in range(9)]
    journal.write(entries)
    path = only_file(tmp_path)
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(DamagedJournalError, match="is damaged") as caught:
        journal.read(path.name)
    assert all(entry in entries for entry in caught.value.whole)
    assert journal.readable(path.name) == caught.value.whole


def test_a_flipped_bit_costs_the_entry_that_it_is_in(journal, tmp_path):
    entries = [Entry(KETTLE, "validated", numbers={"rows": number}) for number in range(9)]
    journal.write(entries)
    path = only_file(tmp_path)
    whole = path.read_bytes()
    for bit in range(0, 8 * len(whole), 23):
        path.write_bytes(flipped(whole, bit))
        left = journal.readable(path.name)
        assert 7 <= len(left) <= 8, bit  # a line break is part of two
        assert all(entry in entries for entry in left)


def test_a_file_cut_between_two_lines_is_damaged(journal, tmp_path):
    journal.write([Entry(KETTLE, "started"), Entry(ODD, "started")])
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes().split(b"\n")[0])

    with pytest.raises(DamagedJournalError) as caught:
        journal.read(path.name)
    assert [entry.region_item for entry in caught.value.whole] == [KETTLE]


def test_a_file_of_before_there_were_digests_gives_its_readable_lines(tmp_path):
    store, name = DemandStore(str(tmp_path)), "20260101T120100000000-aaaaaaaa.jsonl"
    good = b'{"region_item": "north|kettle", "step": "kept", "at": "2026-01-01T00:00:00.000+00:00"}'
    for bad in (b"", b"{", b"[]", b"null", good.replace(b"kept", b"kfpt"), good.replace(b"2026", b"2O26"),
                good.replace(b"|", b"!"), good[:-1] + b', "colour": 1}', b"\xff\xfe", b"[" * 5000):
        store.write_bytes(f"journal/20260101/{name}", b"\n".join([good, bad, good]))
        with pytest.raises(DamagedJournalError) as caught:
            Journal(store).read(name)
        assert [entry.step for entry in caught.value.whole] == ["kept", "kept"]


@pytest.mark.parametrize("damage", PLACES)
def test_what_stands_in_the_place_of_a_file_or_a_day_stops_no_reader_and_no_writer(journal, tmp_path, damage):
    journal.write([Entry(KETTLE, "started")])
    path = only_file(tmp_path)
    damage(path)

    for name in journal.files_after(""):
        with pytest.raises(DamagedFileError):
            journal.read(name)
    journal.write([Entry(KETTLE, "kept")])
    read = [entry.step for name in journal.files_after("") for entry in journal.readable(name)]
    assert read == ["kept"]


def test_foreign_files_are_no_part_of_the_journal(journal, tmp_path):
    journal.write([Entry(KETTLE, "started")])
    day = only_file(tmp_path).parent
    for place in (day / "notes.txt", day / "zzz.jsonl", day.parent / "readme", day / ".DS_Store"):
        place.write_text("?")
    (day.parent / "old").mkdir()

    assert [entry.step for entry in all_entries(journal)] == ["started"]


# Clocks.


def write_at(store, moment, step="kept"):
    """An entry by a writer whose clock shows that moment."""
    name = f"{name_at(moment)}0000aaaa.jsonl"
    line = f'{{"region_item": "north|kettle", "step": "{step}", "at": "{moment.isoformat(timespec="milliseconds")}"}}'
    store.write_bytes(f"journal/{name[:8]}/{name}", line.encode())
    return name


@pytest.mark.parametrize("ahead", [timedelta(seconds=61), timedelta(hours=1), timedelta(days=1), timedelta(days=400)])
def test_a_mark_is_never_after_now(tmp_path, ahead):
    store, now = DemandStore(str(tmp_path)), datetime.now(UTC)
    early = write_at(store, now + ahead)
    late = write_at(store, now)

    assert not_after_now(early) < name_at(datetime.now(UTC) + timedelta(seconds=1))
    assert late in Journal(store).files_after(early, {early})


@pytest.mark.parametrize("behind", [timedelta(minutes=2), timedelta(hours=30), timedelta(days=2), timedelta(days=9000)])
def test_what_a_look_leaves_out_a_sweep_finds(tmp_path, behind):
    store, now = DemandStore(str(tmp_path)), datetime.now(UTC)
    first = write_at(store, now)
    journal = Journal(store)
    known_days = [day for day in journal.days() if day < first[:8]]
    late = write_at(store, now - behind)
    ahead = write_at(store, now + behind)

    assert late not in journal.files_after(first, {first})
    assert set(journal.swept(first, {first}, known_days)) == {late, ahead}
    assert journal.swept(first, {first, late, ahead}, known_days) == []
