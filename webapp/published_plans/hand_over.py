"""Published plans handed over: each version once, to the one folder that a setting names, as a whole file or not.

A file is written beside its place and moved there. That it is written is noted before it is moved: so after a crash, or
when whoever takes it was quick, it is known whether it was moved already. Its name holds the version and a piece of its
checksum; what is there under that name is that version.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Protocol, get_args

import fsspec
from sqlalchemy import select
from typing_extensions import override

from demand_assets.forecasting.store.object_store import object_store_errors
from webapp.administration.app_settings import AppSettings, app_settings
from webapp.db.database import db, has_come, now, snapshot, writing
from webapp.db.locks import insert_absent, locked_one
from webapp.pages.download_files import MOST_EXCEL_ROWS, Format, safe_name, write_csv, write_xlsx
from webapp.published_plans.files import columns_of, rows_of
from webapp.services import Services, services
from webapp.tables import HandOver, PublishedPlan

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
"""After the first failure, and after many: each pause is twice the one before."""
MONDAY = 0
LONGEST_PROBLEM = 300
READABLE_BY_GROUP = 0o640
"""Of the file: whoever takes it is in the folder's group."""


class Destination(Protocol):
    """Where files are handed over."""

    def has(self, name: str) -> bool:
        """Whether the file is there. Raises: OSError."""
        ...

    def waits(self, name: str) -> bool:
        """Whether the file is written and not moved yet. Raises: OSError."""
        ...

    @contextmanager
    def written(self, name: str) -> Iterator[IO[bytes]]:
        """A file to write into; kept beside its place, whole, when the block ends. Raises: OSError."""
        ...

    def move(self, name: str) -> None:
        """Move what is written to its place. Raises: OSError."""
        ...


class LocalFolder(Destination):
    """A folder of this machine, or one that is mounted there. It is never made: a missing mount is a failure."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @override
    def has(self, name: str) -> bool:
        self._check()
        return os.path.lexists(self._folder / name)

    @override
    def waits(self, name: str) -> bool:
        self._check()
        return os.path.lexists(self._beside(name))

    @override
    @contextmanager
    def written(self, name: str) -> Iterator[IO[bytes]]:
        with suppress(FileNotFoundError):
            self._beside(name).unlink()  # what a process left that was killed
        opened = os.open(self._beside(name), os.O_RDWR | os.O_CREAT | os.O_EXCL, READABLE_BY_GROUP)
        with os.fdopen(opened, "w+b") as file:
            os.fchmod(opened, READABLE_BY_GROUP)
            yield file
            file.flush()
            os.fsync(opened)

    @override
    def move(self, name: str) -> None:
        self._beside(name).rename(self._folder / name)
        opened = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)

    def _beside(self, name: str) -> Path:
        return self._folder / f".{name}.part"

    def _check(self) -> None:
        if not self._folder.is_dir():
            raise NotADirectoryError(f"the folder {self._folder} does not exist. Make it, or mount it again")


class ObjectStore(Destination):
    """A place in an object store, where an object is there whole or not at all; nothing waits beside it."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    @override
    @object_store_errors()
    def has(self, name: str) -> bool:
        files, path = fsspec.core.url_to_fs(f"{self._url}/{name}")
        files.invalidate_cache()
        return bool(files.exists(path))

    @override
    def waits(self, name: str) -> bool:
        return not self.has(name)

    @override
    @contextmanager
    def written(self, name: str) -> Iterator[IO[bytes]]:
        with TemporaryDirectory() as folder:
            file = Path(folder) / name
            with file.open("w+b") as opened:
                yield opened
            with object_store_errors():
                files, path = fsspec.core.url_to_fs(f"{self._url}/{name}")
                files.put_file(str(file), path)

    @override
    def move(self, name: str) -> None:
        """Nothing: it is there already."""


def destination_of(place: str) -> Destination:
    """The folder, or the place in an object store, that a setting names."""
    return ObjectStore(place) if "://" in place else LocalFolder(Path(place))


def want_hand_over(plan: PublishedPlan) -> bool:
    """Whether a version is to be handed over now that was not before; part of the caller's transaction."""
    name = safe_name(f"plan_{services().dataset.name}_v{plan.id}_{plan.digest[:8]}", app_settings().hand_over_form)
    return bool(insert_absent(HandOver, [{"plan_id": plan.id, "place": name, "asked_at": now()}]))


def want_published(plan: PublishedPlan) -> None:
    """Have a version handed over that is being published, where the administrators' rule says so; part of the caller's
    transaction."""
    if services().settings.web_hand_over_folder and app_settings().hand_over == "publish":
        want_hand_over(plan)


def want_scheduled(moment: datetime) -> bool:
    """Whether the newest version is to be handed over, by the clock, and was not yet."""
    since = last_scheduled(app_settings(), moment)
    if since is None:
        return False
    newest = db.session.scalars(select(PublishedPlan).where(PublishedPlan.published_at <= since).order_by(
        PublishedPlan.id.desc()).limit(1)).first()
    if newest is None or _is_asked(newest.id):
        return False
    with writing():
        return not _is_asked(newest.id) and want_hand_over(newest)


def last_scheduled(rule: AppSettings, moment: datetime) -> datetime | None:
    """The last moment, in UTC, at which plans are handed over by the clock; None where they are not."""
    if rule.hand_over not in ("daily", "weekly"):
        return None
    at = moment.astimezone(UTC).replace(hour=rule.hand_over_hour, minute=0, second=0, microsecond=0)
    if at > moment:
        at -= timedelta(days=1)
    return at - timedelta(days=(at.weekday() - MONDAY) % 7) if rule.hand_over == "weekly" else at


def hand_over_due(found: Services, moment: datetime) -> bool:
    """Whether something was handed over, or tried: one file, the one that waits longest."""
    place = found.settings.web_hand_over_folder
    due = db.session.scalars(select(HandOver).where(HandOver.done_at.is_(None)).where(
        HandOver.retry_at.is_(None) | has_come(HandOver.retry_at, moment, LONGEST_PAUSE)).order_by(
            HandOver.id).limit(1)).first()
    if due is None or not place:
        db.session.rollback()
        return False
    hand_over_id, name = due.id, due.place
    try:
        deliver(destination_of(place), hand_over_id)
    except (OSError, ValueError) as error:
        log.error("%s cannot be handed over: %s", name, error)
        _note_failed(hand_over_id, str(error), moment)
    return True


def try_again(plan_id: int) -> bool:
    """Have a version handed over now: for the first time, or again after a failure. Whether there is anything to do;
    what was handed over stays so."""
    with writing():
        known = list(db.session.scalars(select(HandOver).where(HandOver.plan_id == plan_id)))
        if not known:
            return want_hand_over(db.session.get_one(PublishedPlan, plan_id))
        waiting = [locked_one(HandOver, one.id) for one in known if one.done_at is None]
        for one in waiting:
            one.retry_at = None
        return bool(waiting)


def hand_overs_of(plan_ids: Sequence[int]) -> dict[int, list[HandOver]]:
    """Version -> where it was handed over, or is to be."""
    found: dict[int, list[HandOver]] = {plan_id: [] for plan_id in plan_ids}
    for one in db.session.scalars(select(HandOver).where(HandOver.plan_id.in_(plan_ids)).order_by(HandOver.id)):
        found[one.plan_id].append(one)
    return found


def deliver(destination: Destination, hand_over_id: int) -> None:
    """Hand one version over: it is written beside its place, then moved there. What was done before it was cut off is
    not done again.

    Raises: OSError: the destination does not take it.
    """
    one = db.session.get_one(HandOver, hand_over_id)
    name, is_written = one.place, one.is_written
    db.session.rollback()  # no transaction is open while the destination is asked or written to
    if not is_written and not destination.has(name):
        with destination.written(name) as file, snapshot():
            _write(file, db.session.get_one(HandOver, hand_over_id))
        _note(hand_over_id, is_written=True)
        is_written = True
    if is_written and destination.waits(name):
        try:
            destination.move(name)
        except OSError:
            _note(hand_over_id, is_written=False)  # it is written anew: the folder may be another by then
            raise
    _note(hand_over_id, is_written=True, is_done=True)
    log.info("handed over: %s", name)


def _write(file: IO[bytes], one: HandOver) -> None:
    plan = db.session.get_one(PublishedPlan, one.plan_id)
    form = one.place.rpartition(".")[2]
    if form not in get_args(Format):
        raise ValueError(f"{one.place} ends as no file that is known here")
    if form == "csv":
        write_csv(file, columns_of(plan), rows_of(plan))
        return
    if plan.size * plan.horizon > MOST_EXCEL_ROWS:
        raise ValueError(f"an Excel file takes at most {MOST_EXCEL_ROWS:,} rows, and this plan has more. Have plans "
                         "handed over as CSV from now on, under Admin, Settings")
    write_xlsx(file, "Data", columns_of(plan), rows_of(plan))


def _is_asked(plan_id: int) -> bool:
    return db.session.scalar(select(HandOver.id).where(HandOver.plan_id == plan_id).limit(1)) is not None


def _note(hand_over_id: int, is_written: bool, is_done: bool = False) -> None:
    with writing():
        one = locked_one(HandOver, hand_over_id)
        one.is_written = is_written
        if is_done:
            one.done_at, one.problem, one.retry_at = now(), "", None


def _note_failed(hand_over_id: int, problem: str, moment: datetime) -> None:
    with writing():
        one = locked_one(HandOver, hand_over_id)
        pause = min(FIRST_PAUSE * 2 ** min(one.attempts, 20), LONGEST_PAUSE)
        one.attempts, one.problem, one.retry_at = one.attempts + 1, problem[:LONGEST_PROBLEM], moment + pause
