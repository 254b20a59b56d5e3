"""A published plan is handed over once, whole or not at all, to the folder of the setting; failures are told and tried
again."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import ValidationError
from sqlalchemy import select, update
from typing_extensions import override

from tests.webapp.conftest import KETTLE, page, post, text_of
from tests.webapp.overrides.builders import part
from webapp.administration.app_settings import AppSettings, change_settings
from webapp.background.loops.hand_over import HandOverLoop
from webapp.db.database import db, now, writing
from webapp.published_plans import hand_over
from webapp.published_plans.files import columns_of, rows_of
from webapp.published_plans.hand_over import (
    LONGEST_PAUSE,
    LocalFolder,
    ObjectStore,
    deliver,
    hand_over_due,
    last_scheduled,
    try_again,
    want_scheduled,
)
from webapp.published_plans.publishing import WantedPlan, publish
from webapp.published_plans.readiness import WORDS, Readiness
from webapp.services import Services
from webapp.settings import Settings
from webapp.tables import HandOver, PublishedPlan, StoredForecast

TUESDAY = datetime(2026, 12, 1, 7, 30, tzinfo=UTC)


@pytest.fixture
def folder(app: Flask, services: Services, tmp_path: Path) -> Iterator[Path]:
    """Where plans are handed over; there is a forecast to publish."""
    found = tmp_path / "outbox"
    found.mkdir()
    services.settings.web_hand_over_folder = str(found)
    with app.app_context():
        with writing():
            db.session.add(StoredForecast(key=KETTLE.key, made_at=now(), origin="2026-06-30", served_by="1",
                                          content=part(30.0).to_bytes()))
        yield found


def published(rule: str = "publish", form: str = "csv", token: str = "p") -> int:
    change_settings(AppSettings(hand_over=rule, hand_over_form=form))  # type: ignore[arg-type]  # texts
    return publish(WantedPlan("Week 27", "", token * 32, Readiness.all_of(WORDS)))[0]


def row() -> HandOver:
    db.session.rollback()
    return db.session.scalars(select(HandOver)).one()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_version_is_handed_over_as_soon_as_it_is_published_and_once(folder: Path, services: Services) -> None:
    plan_id = published()

    assert hand_over_due(services, now())
    assert not hand_over_due(services, now())

    [file] = folder.iterdir()
    plan = db.session.get_one(PublishedPlan, plan_id)
    assert file.name == f"plan_shop_v1_{plan.digest[:8]}.csv"
    lines = list(csv.reader(io.StringIO(file.read_text("utf-8-sig"))))
    assert lines[0] == columns_of(plan)
    assert len(lines) == 1 + len(list(rows_of(plan))) == 6
    assert file.stat().st_mode & 0o777 == 0o640
    assert row().done_at is not None


def test_as_excel_it_is_the_same_version_and_not_a_second_one(folder: Path, services: Services) -> None:
    published(form="xlsx")
    hand_over_due(services, now())
    change_settings(AppSettings(hand_over="daily", hand_over_form="csv"))

    assert not want_scheduled(now() + timedelta(days=3))
    assert not try_again(1)
    assert [Path(name).suffix for name in names(folder)] == [".xlsx"]


def test_a_folder_that_is_missing_is_told_and_tried_again_later_and_never_made(
        folder: Path, services: Services, client: FlaskClient) -> None:
    published()
    folder.rmdir()
    moment = now()

    pauses = []
    for _ in range(9):
        assert hand_over_due(services, moment)
        assert not hand_over_due(services, moment)
        retry_at = row().retry_at
        assert retry_at is not None
        pauses.append(retry_at - moment)
        moment = retry_at

    assert pauses[:3] == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    assert pauses[-1] == LONGEST_PAUSE
    assert not folder.exists()
    words = text_of(page(client.get("/published-plans/1")).select_one("#hand-over"))
    assert f"could not be handed over: the folder {folder} does not exist" in words
    folder.mkdir()
    post(client, "/published-plans/1/hand-over", {}, form_on="/published-plans/1")
    assert hand_over_due(services, now())
    assert (len(names(folder)), row().problem) == (1, "")


class Watched(LocalFolder):
    """Notes at each step whether the app's database waits for the folder with a transaction open."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.has_open: list[bool] = []

    def _note(self) -> None:
        self.has_open.append(db.session().in_transaction())

    @override
    def has(self, name: str) -> bool:
        self._note()
        return super().has(name)

    @override
    @contextmanager
    def written(self, name: str) -> Iterator[IO[bytes]]:
        with super().written(name) as file:
            self._note()
            yield file
            self._note()

    @override
    def move(self, name: str) -> None:
        self._note()
        super().move(name)


def test_what_failed_before_the_clock_was_put_back_is_tried_again_at_once(folder: Path, services: Services) -> None:
    published()
    folder.rmdir()
    moment = now()
    assert hand_over_due(services, moment)

    assert not hand_over_due(services, moment - timedelta(minutes=50))
    assert hand_over_due(services, moment - timedelta(days=1))


def test_no_transaction_is_open_while_the_destination_is_waited_for(folder: Path) -> None:
    published()
    watched = Watched(folder)

    deliver(watched, row().id)

    assert watched.has_open == [False] * 4
    assert len(names(folder)) == 1


CUTS = ("written", "noted", "moved")


class CutOffError(RuntimeError):
    """As if the process were killed there."""


class CutOff(LocalFolder):
    """Breaks off at one of ``CUTS``, as often as it is asked."""

    def __init__(self, folder: Path, at: str) -> None:
        super().__init__(folder)
        self._at = at

    def waits(self, name: str) -> bool:
        if self._at == "noted":
            raise CutOffError
        return super().waits(name)

    def move(self, name: str) -> None:
        super().move(name)
        raise CutOffError


@pytest.mark.parametrize("is_taken", [False, True], ids=["left there", "taken at once"])
@pytest.mark.parametrize("at", CUTS)
def test_whatever_moment_it_is_cut_off_at_there_is_one_whole_file(
        folder: Path, services: Services, at: str, is_taken: bool) -> None:
    published()
    hand_over_id = row().id
    if at == "written":  # half of it, by a process that was killed
        (folder / f".{row().place}.part").write_bytes(b"half")
    else:
        with pytest.raises(CutOffError):
            hand_over.deliver(CutOff(folder, at), hand_over_id)
    seen = [name for name in names(folder) if not name.startswith(".")]
    assert len(seen) == (at == "moved")
    if is_taken:
        for name in seen:
            (folder / name).unlink()

    assert hand_over_due(services, now())

    there = names(folder)
    assert len(there) == (0 if is_taken and seen else 1)
    assert all((folder / name).read_text("utf-8-sig").count("\n") == 6 for name in there)
    assert row().done_at is not None


def test_a_file_that_is_there_already_is_left_as_it_is(folder: Path, services: Services) -> None:
    published()
    (folder / row().place).write_text("handed over before the database was restored")

    hand_over_due(services, now())

    assert (folder / row().place).read_text() == "handed over before the database was restored"
    assert row().done_at is not None


def test_what_stands_in_the_way_is_followed_nowhere(folder: Path, services: Services, tmp_path: Path) -> None:
    published()
    (tmp_path / "secret").write_text("as it was")
    (folder / f".{row().place}.part").symlink_to(tmp_path / "secret")

    hand_over_due(services, now())

    assert (tmp_path / "secret").read_text() == "as it was"
    assert not (folder / row().place).is_symlink()


@pytest.mark.parametrize(("rule", "hour", "since"), [
    ("off", 5, None), ("publish", 5, None), ("daily", 5, datetime(2026, 12, 1, 5, tzinfo=UTC)),
    ("daily", 8, datetime(2026, 11, 30, 8, tzinfo=UTC)), ("weekly", 5, datetime(2026, 11, 30, 5, tzinfo=UTC)),
    ("weekly", 8, datetime(2026, 11, 30, 8, tzinfo=UTC))])
def test_by_the_clock_it_is_every_day_or_every_monday(rule: str, hour: int, since: datetime | None) -> None:
    assert last_scheduled(AppSettings(hand_over=rule, hand_over_hour=hour), TUESDAY) == since  # type: ignore[arg-type]


def test_at_each_hour_the_newest_version_of_then_is_handed_over_once(folder: Path) -> None:
    for token in "ab":
        published("daily", token=token)
    with writing():
        for plan_id, at in ((1, TUESDAY - timedelta(hours=9)), (2, TUESDAY - timedelta(hours=1))):
            db.session.execute(update(PublishedPlan).where(PublishedPlan.id == plan_id).values(published_at=at))

    asked = [want_scheduled(TUESDAY + timedelta(hours=hours)) for hours in (0, 1, 24, 25, 48)]

    assert asked == [True, False, True, False, False]
    assert sorted(db.session.scalars(select(HandOver.plan_id))) == [1, 2]


def test_an_excel_file_that_would_be_too_long_is_told(
        folder: Path, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    published(form="xlsx")
    monkeypatch.setattr(hand_over, "MOST_EXCEL_ROWS", 3)

    hand_over_due(services, now())

    assert "at most 3 rows" in row().problem
    assert [name for name in names(folder) if not name.startswith(".")] == []


def test_an_object_store_gets_it_whole_and_once(folder: Path, services: Services) -> None:
    services.settings.web_hand_over_folder = "memory://plans/north"
    published()

    assert hand_over_due(services, now())

    place = ObjectStore("memory://plans/north")
    assert place.has(row().place)
    assert row().done_at is not None


def test_without_a_folder_nothing_is_asked_for_and_the_loop_rests(
        app: Flask, services: Services, client: FlaskClient, folder: Path) -> None:
    services.settings.web_hand_over_folder = None
    published()
    HandOverLoop(services).step()

    assert db.session.scalars(select(HandOver)).all() == []
    assert page(client.get("/published-plans/1")).select_one("#hand-over") is None


def test_the_loop_hands_over(folder: Path, services: Services) -> None:
    published()

    HandOverLoop(services).step()

    assert len(names(folder)) == 1


@pytest.mark.parametrize("place", ["outbox", "../outbox", "~/outbox", "C:\\outbox", "/out\0box"])
def test_a_place_that_depends_on_where_the_process_runs_is_refused(place: str) -> None:
    with pytest.raises(ValidationError):
        Settings(web_hand_over_folder=place)
