"""A backup's file: whole, or known not to be."""

import io
import os
import random
import shutil
import stat
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import IO

import pytest

from deploy.backup.archive import (
    MANIFEST,
    TRAILER,
    Archive,
    ArchiveWriter,
    BackupError,
    DamagedBackupError,
    KeptFile,
    Manifest,
    is_safe,
)
from tests.deploy.backup.states import names_in

CONTENT = random.Random(7).randbytes(3000)


def manifest(files: dict[str, KeptFile], **told: object) -> Manifest:
    return Manifest.model_validate({
        "format": 1, "made_at": "2026-11-28T10:00:00+00:00", "product": "0.1.0", "dataset": "shop",
        "artifacts": "/srv/shop/mlflow/artifacts", "databases": {}, "revisions": {}, "files": files} | told)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A whole backup of two files."""
    with ArchiveWriter(tmp_path / "to" / "shop.tar") as archive:
        for name in ("web/app.db", "demand/north/ka\u0308se.parquet"):
            archive.add(name, io.BytesIO(CONTENT), len(CONTENT))
        return archive.finish(manifest(archive.files))


def forged(path: Path, members: list[tarfile.TarInfo], files: dict[str, KeptFile]) -> Path:
    """An archive with a right hash, of whatever is in it."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for told in members:
            tar.addfile(told, io.BytesIO(b"x" * told.size))
        content = manifest(files).model_dump_json().encode()
        told = tarfile.TarInfo(MANIFEST)
        told.size = len(content)
        tar.addfile(told, io.BytesIO(content))
    path.write_bytes(raw.getvalue() + TRAILER + sha256(raw.getvalue()).hexdigest().encode() + b"\n")
    return path


def read(member: tuple[str, IO[bytes]]) -> bytes:
    return member[1].read()


def one(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    told = tarfile.TarInfo(name)
    told.type, told.linkname, told.size = kind, link, 1 if kind == tarfile.REGTYPE else 0
    return told


def kept(*names: str) -> dict[str, KeptFile]:
    return {name: KeptFile(size=1, sha256=sha256(b"x").hexdigest()) for name in names}


def test_a_whole_one_gives_back_what_it_was_given_and_only_its_owner_reads_it(backup: Path) -> None:
    found = {name: content.read() for name, content in Archive(backup).members()}

    assert found == {"web/app.db": CONTENT, "demand/north/ka\u0308se.parquet": CONTENT}
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert stat.S_IMODE(backup.parent.stat().st_mode) == 0o700
    assert names_in(backup.parent) == ["shop.tar"]


def test_every_flipped_bit_is_seen(backup: Path) -> None:
    whole = backup.read_bytes()
    places = random.Random(1).sample(range(len(whole)), 400)
    for place in [0, len(whole) - 1, len(whole) - 70, *places]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        backup.write_bytes(damaged)
        with pytest.raises(DamagedBackupError):
            Archive(backup)


def test_every_cut_is_seen(backup: Path) -> None:
    whole = backup.read_bytes()
    for length in [0, 1, 100, *range(512, len(whole), 512), len(whole) - 1]:
        backup.write_bytes(whole[:length])
        with pytest.raises(DamagedBackupError):
            Archive(backup)
    backup.write_bytes(whole + b"\n")
    with pytest.raises(DamagedBackupError):
        Archive(backup)


@pytest.mark.parametrize("told", [
    one("web/link", tarfile.SYMTYPE, "/etc/passwd"), one("web/link", tarfile.LNKTYPE, "web/app.db"),
    one("web", tarfile.DIRTYPE), one("web/pipe", tarfile.FIFOTYPE), one("web/disk", tarfile.BLKTYPE),
    one("../out"), one("web/../../out"), one("/etc/out"), one("web//app.db"), one("./web/app.db"), one("web/.."),
], ids=lambda told: f"{told.name} {told.type.decode()}")
def test_what_no_backup_holds_is_refused_though_the_hash_is_right(tmp_path: Path, told: tarfile.TarInfo) -> None:
    with pytest.raises(DamagedBackupError):
        Archive(forged(tmp_path / "a.tar", [told], kept(told.name)))


def test_files_and_manifest_must_agree(tmp_path: Path) -> None:
    for members, named in (([one("a")], kept("a", "b")), ([one("a"), one("b")], kept("a")),
                           ([one("a"), one("a")], kept("a"))):
        with pytest.raises(DamagedBackupError):
            Archive(forged(tmp_path / "a.tar", members, named))


def test_a_content_that_is_not_the_manifests_is_seen_when_it_is_read(tmp_path: Path) -> None:
    archive = Archive(forged(tmp_path / "a.tar", [one("a")], {"a": KeptFile(size=1, sha256="0" * 64)}))

    with pytest.raises(DamagedBackupError, match="not what the manifest says"):
        list(map(read, archive.members()))


@pytest.mark.parametrize("content", [b"", b"hello", b"x" * 5000])
def test_another_file_is_no_backup(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(DamagedBackupError):
        Archive(tmp_path / "a.tar")
    with pytest.raises(BackupError, match="No such file"):
        Archive(tmp_path / "b.tar")
    with pytest.raises(BackupError, match="directory"):
        Archive(tmp_path)


def test_what_is_there_is_never_written_over(backup: Path) -> None:
    before = backup.read_bytes()

    with pytest.raises(BackupError, match="is there already"), ArchiveWriter(backup):
        pass
    other = backup.with_name("other.tar")
    with ArchiveWriter(other) as archive:
        shutil.copy(backup, other)
        with pytest.raises(BackupError, match="came to be meanwhile"):
            archive.finish(manifest({}))
    assert backup.read_bytes() == other.read_bytes() == before


def test_nothing_is_left_of_one_that_was_broken_off(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path / "a.tar") as archive:
        archive.add("a", io.BytesIO(CONTENT), len(CONTENT))
    assert names_in(tmp_path) == []


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="unexpected end"), ArchiveWriter(tmp_path / "a.tar") as archive:
        archive.add("a", io.BytesIO(CONTENT), len(CONTENT) + 1)
    assert names_in(tmp_path) == []


def test_what_a_killed_one_left_goes_and_what_goes_on_stays(tmp_path: Path) -> None:
    for left in (".old.tar.1.part", ".old.tar.1.scratch.part"):
        (tmp_path / left).touch()
    with ArchiveWriter(tmp_path / "a.tar") as first, first.scratch() as scratch:
        with ArchiveWriter(tmp_path / "b.tar") as second:
            second.finish(manifest({}))
        assert scratch.exists()
        assert names_in(tmp_path) == sorted([
            "b.tar", f".a.tar.{os.getpid()}.part", f".a.tar.{os.getpid()}.scratch.part"])
        first.finish(manifest({}))
    assert names_in(tmp_path) == ["a.tar", "b.tar"]


@pytest.mark.parametrize(("name", "safe"), [
    ("a", True), ("web/app.db", True), ("a..b/c", True), ("..", False), ("a/../b", False), ("", False), (".", False),
    ("/a", False), ("a/", False), ("a//b", False), ("a\0b", False)])
def test_names(name: str, safe: bool) -> None:
    assert is_safe(name) is safe
