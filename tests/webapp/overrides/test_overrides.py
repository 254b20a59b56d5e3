"""Overrides as they are kept: made, replaced, removed, undone, each with its entry in the audit log."""

import ast
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from demand_assets.forecasting.forecast.overrides import Way
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background
from tests.webapp.overrides.builders import part
from webapp.access import Actor
from webapp.db.database import db, writing
from webapp.overrides import overrides
from webapp.overrides.overrides import (
    CellsError,
    ChangedMeanwhileError,
    mark_of,
    open_in,
    place,
    place_cells,
    remove,
    undo,
)
from webapp.overrides.wanted_override import MOST_AT_ONCE, Cell, OverrideError, WantedOverride
from webapp.region_items.open_overrides import apply, open_overrides
from webapp.tables import AuditEntry, Override, StoredForecast

ANNA, BEN = Actor("anna@example.com", "planner", "browser"), Actor("ben@example.com", "planner", "token shop")
TEN_MORE = WantedOverride(date(2026, 7, 1), date(2026, 7, 2), "percent", 10.0, "a fair nearby", "form 1")


PARTS = {KETTLE.key: part(30.0), ODD.key: part(10.0)}


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def held() -> list[tuple[str, str, str, float, str]]:
    """Key, date, way, amount and planner of what is open."""
    return [(one.key, one.date, one.way, one.amount, one.made_by)
            for each in open_overrides([KETTLE.key, ODD.key]).values() for one in each]


def log() -> list[AuditEntry]:
    return list(db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "override").order_by(AuditEntry.id)))


def test_a_percent_is_made_for_each_region_item_and_day_with_one_entry_in_the_log() -> None:
    made = place(TEN_MORE, PARTS, ANNA)

    assert (made.count, made.replaced, made.is_new) == (4, 0, True)
    assert sorted(held()) == sorted((key, day, "percent", 10.0, ANNA.email) for key in PARTS
                                    for day in ("2026-07-01", "2026-07-02"))
    [entry] = log()
    assert (entry.by, entry.act, entry.kind, entry.reason) == (ANNA.email, "overridden", "override", "a fair nearby")
    assert entry.after is not None
    assert entry.after["overrides"]["count"] == 4


def test_a_value_for_several_is_spread_by_their_forecasts_and_adds_up_to_itself() -> None:
    place(replace(TEN_MORE, way="value", amount=100.0), PARTS, ANNA)

    found = open_overrides(list(PARTS))
    assert [one.amount for one in found[KETTLE.key]] == [75.0, 75.0]
    assert [one.amount for one in found[ODD.key]] == [25.0, 25.0]
    assert sum(float(apply(PARTS[key], found[key]).forecast.sum()) for key in PARTS) == 2 * 100 + 3 * 40


def test_the_same_form_twice_makes_it_once_and_a_changed_one_counts() -> None:
    first = place(TEN_MORE, PARTS, ANNA)

    again, other = place(TEN_MORE, PARTS, ANNA), place(replace(TEN_MORE, amount=20.0), PARTS, ANNA)

    assert (again.batch, again.count, again.is_new) == (first.batch, 4, False)
    assert (other.is_new, other.replaced) == (True, 4)
    assert [entry.act for entry in log()] == ["overridden", "overridden"]


def test_what_is_replaced_stays_recorded_without_a_moment_between() -> None:
    place(TEN_MORE, {KETTLE.key: part(30.0)}, ANNA)
    place(replace(TEN_MORE, token="form 2", first=date(2026, 7, 2), amount=-50.0), {KETTLE.key: part(30.0)}, BEN)

    assert held() == [(KETTLE.key, "2026-07-01", "percent", 10.0, ANNA.email),
                      (KETTLE.key, "2026-07-02", "percent", -50.0, BEN.email)]
    old, new = db.session.scalars(select(Override).where(Override.date == "2026-07-02").order_by(Override.id))
    assert (old.removed_by, old.removed_at) == (BEN.email, new.made_at)
    before = log()[-1].before
    assert before is not None
    assert before["replaced"]["first"][0]["amount"] == 10.0


@pytest.mark.parametrize(("change", "words"), [
    ({"first": date(2026, 6, 30)}, "from 2026-07-01 to 2026-07-05, not from 2026-06-30"),
    ({"last": date(2026, 7, 6)}, "Only periods ahead can be overridden, as far as they are forecast"),
    ({"first": date(2026, 7, 3)}, "The last date, 2026-07-02, comes before the first, 2026-07-03"),
    ({"way": "value", "amount": -1.0}, "must be from 0 to 1,000,000,000,000, not"),
    ({"way": "value", "amount": 1e13}, "Units must be from 0 to 1,000,000,000,000, not 1e+13"),
    ({"amount": -101.0}, "from -100 to 1000 % and not 0"),
    ({"amount": 1001.0}, "from -100 to 1000 % and not 0"),
    ({"amount": 0.0}, "and not 0"),
    ({"amount": float("nan")}, "nan is not a number"),
    ({"amount": float("inf")}, "inf is not a number"),
    ({"way": "guess"}, "choose value or percent"),
    ({"comment": ""}, "Give a comment of at most 500 characters"),
    ({"comment": "x" * 501}, "Give a comment of at most 500 characters"),
    ({"token": ""}, "open the page again"),
])
def test_what_cannot_be_is_refused_with_what_is_allowed_and_nothing_changes(change: dict[str, object],
                                                                            words: str) -> None:
    place(TEN_MORE, PARTS, ANNA)

    with pytest.raises(OverrideError, match=words.replace("+", r"\+")):
        place(replace(TEN_MORE, **change), PARTS, BEN)  # type: ignore[arg-type]  # that is what is refused

    assert {one[4] for one in held()} == {ANNA.email}
    assert len(log()) == 1


def test_whatever_makes_or_ends_overrides_knows_of_locked_periods() -> None:
    tree = ast.parse(Path(str(overrides.__file__)).read_text())
    sources = {one.name: ast.unparse(one) for one in tree.body if isinstance(one, ast.FunctionDef)}

    changing = {name for name, source in sources.items() if name != "_close" and (
        "add_all(" in source or "_close(" in source)}

    assert changing >= {"put", "remove", "undo"}
    assert [name for name in changing if not re.search(r"_refuse_locked\(|locked\.until", sources[name])] == []


def test_too_many_at_once_and_none_at_all_are_refused() -> None:
    many = {str(number): part(1.0) for number in range(MOST_AT_ONCE // 5 + 1)}

    with pytest.raises(OverrideError, match=r"At most 20,000 periods .* not 20,005"):
        place(replace(TEN_MORE, last=date(2026, 7, 5)), many, ANNA)
    with pytest.raises(OverrideError, match="There is no forecast to override yet"):
        place(TEN_MORE, {}, ANNA)


def test_a_change_whose_entry_cannot_be_written_is_not_made(app: Flask) -> None:
    made = place(TEN_MORE, PARTS, ANNA)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TRIGGER full BEFORE INSERT ON audit_entry BEGIN "
                                   "SELECT RAISE(ABORT, 'the log is full'); END")
    before = held()

    for change in (lambda: place(replace(TEN_MORE, token="form 2", amount=30.0), PARTS, BEN),
                   lambda: undo(made.batch, BEN),
                   lambda: remove(open_overrides([KETTLE.key])[KETTLE.key][0].id, BEN)):
        with pytest.raises(Exception, match="the log is full"):
            change()
        db.session.rollback()

    assert held() == before
    assert db.session.scalar(select(func.count()).select_from(Override)) == 4


def test_one_override_is_removed_once(app: Flask) -> None:
    place(TEN_MORE, {KETTLE.key: part(30.0)}, ANNA)
    first = open_overrides([KETTLE.key])[KETTLE.key][0]

    removed, again = remove(first.id, BEN), remove(first.id, ANNA)

    assert removed is not None
    assert again is not None
    assert again.removed_by == BEN.email
    assert [one[1] for one in held()] == ["2026-07-02"]
    assert [entry.act for entry in log()] == ["overridden", "override removed"]
    assert remove(12345, ANNA) is None


def test_undoing_a_batch_brings_back_what_it_replaced_and_nothing_else() -> None:
    place(replace(TEN_MORE, last=date(2026, 7, 1)), {KETTLE.key: part(30.0)}, ANNA)
    batch = place(replace(TEN_MORE, token="form 2", amount=-20.0), PARTS, BEN).batch
    assert open_in([batch]) == {batch: 4}

    assert undo(batch, ANNA) == 4

    assert held() == [(KETTLE.key, "2026-07-01", "percent", 10.0, ANNA.email)]
    assert undo(batch, ANNA) == 0
    moments = [(one.made_at, one.removed_at) for one in db.session.scalars(
        select(Override).where(Override.key == KETTLE.key, Override.date == "2026-07-01").order_by(Override.id))]
    assert all(earlier[1] is not None and earlier[1] <= later[0] for earlier, later in pairwise(moments))
    assert [entry.act for entry in log()] == ["overridden", "overridden", "overrides undone"]


def test_undoing_leaves_what_somebody_else_put_in_place_since() -> None:
    batch = place(TEN_MORE, {KETTLE.key: part(30.0)}, ANNA).batch
    place(replace(TEN_MORE, token="form 2", last=date(2026, 7, 1), amount=5.0), {KETTLE.key: part(30.0)}, BEN)

    assert undo(batch, ANNA) == 1

    assert held() == [(KETTLE.key, "2026-07-01", "percent", 5.0, BEN.email)]


def test_a_period_that_became_known_keeps_its_override(background: Background) -> None:
    batch = place(TEN_MORE, {KETTLE.key: part(30.0)}, ANNA).batch
    with writing():
        db.session.add(StoredForecast(key=KETTLE.key, made_at=db.func.now(), origin="2026-07-01", served_by="",
                                      content=part(30.0).to_bytes()))
    known, ahead = open_overrides([KETTLE.key])[KETTLE.key]

    with pytest.raises(OverrideError, match="What was sold on 2026-07-01 is known by now"):
        remove(known.id, BEN)
    assert undo(batch, BEN) == 1

    assert [one[1] for one in held()] == ["2026-07-01"]
    assert ahead.removed_by == BEN.email


def test_two_planners_at_once_leave_one_override_of_each_period(app: Flask) -> None:
    def one_of(number: int) -> bool:
        with app.app_context():
            return place(replace(TEN_MORE, token=f"form {number % 4}", amount=1.0 + number % 4), PARTS,
                         (ANNA, BEN)[number % 2]).is_new

    with ThreadPoolExecutor(4) as pool:
        new = list(pool.map(one_of, range(12)))

    assert sum(new) == 4
    assert len(held()) == 4
    assert len({(one[3], one[4]) for one in held()}) == 1
    assert db.session.scalar(select(func.count()).select_from(Override)) == 16
    assert [entry.act for entry in log()] == ["overridden"] * 4


def test_only_periods_asked_for_are_read() -> None:
    place(replace(TEN_MORE, last=date(2026, 7, 5)), PARTS, ANNA)

    found = open_overrides([one.key for one in REGION_ITEMS], date(2026, 7, 2), date(2026, 7, 3))

    assert {key: [one.date for one in each] for key, each in found.items()} == {
        key: ["2026-07-02", "2026-07-03"] for key in PARTS}


DAYS = [date(2026, 7, day) for day in range(1, 6)]


def cell(day: int, way: Way | None, amount: float = 0.0, seen: str = "", comment: str = "a fair") -> Cell:
    """One of July's first days; there is no override of it unless ``seen`` says so."""
    return Cell(date(2026, 7, day), way, amount, comment, seen)


def seen_of(day: int, *keys: str) -> str:
    """The mark of a day's overrides, as a grid shows it."""
    at = date(2026, 7, day)
    return mark_of(one for each in open_overrides(keys or list(PARTS), at, at).values() for one in each)


def test_cells_are_overridden_each_in_its_way_and_removed_in_one_act() -> None:
    place(replace(TEN_MORE, first=DAYS[2], last=DAYS[2]), PARTS, BEN)

    made = place_cells([cell(1, "value", 100.0, comment="a truck"), cell(2, "percent", -50.0),
                        cell(3, None, seen=seen_of(3))], "grid 1", PARTS, ANNA)

    assert (made.count, made.removed, made.is_new) == (4, 2, True)
    assert sorted(held()) == sorted([
        (KETTLE.key, "2026-07-01", "value", 75.0, ANNA.email), (ODD.key, "2026-07-01", "value", 25.0, ANNA.email),
        *((key, "2026-07-02", "percent", -50.0, ANNA.email) for key in PARTS)])
    assert {one.comment for one in db.session.scalars(select(Override).where(Override.date == "2026-07-01"))} == {
        "a truck"}
    assert [(entry.act, entry.by) for entry in log()[1:]] == [
        ("overridden", ANNA.email), ("override removed", ANNA.email)]
    assert open_in([made.batch]) == {made.batch: 4}
    assert undo(made.batch, ANNA) == 4


def test_cells_are_saved_all_or_not_at_all_and_each_that_is_wrong_is_named() -> None:
    with pytest.raises(CellsError) as wrong:
        place_cells([cell(1, "value", 20.0), cell(2, "value", -1.0), cell(3, "percent", 0.0),
                     cell(4, "value", 1.0, comment=""), cell(9, "value", 1.0)], "grid 1", PARTS, ANNA)

    assert list(wrong.value.by_date) == [date(2026, 7, day) for day in (2, 3, 4, 9)]
    assert "0 to" in wrong.value.by_date[DAYS[1]]
    assert "comment" in wrong.value.by_date[DAYS[3]]
    assert "as far as they are forecast" in wrong.value.by_date[date(2026, 7, 9)]
    assert held() == []
    assert log() == []


@pytest.mark.parametrize("cells", [[], [cell(1, "value", 1.0), cell(1, "value", 2.0)]], ids=["none", "twice"])
def test_cells_that_are_none_or_one_twice_are_refused(cells: list[Cell]) -> None:
    with pytest.raises(OverrideError, match="each once"):
        place_cells(cells, "grid 1", PARTS, ANNA)


def replaced_by_ben() -> None:
    place(replace(TEN_MORE, amount=20.0, last=DAYS[0]), {KETTLE.key: PARTS[KETTLE.key]}, BEN)


def removed_by_ben() -> None:
    remove(open_overrides([KETTLE.key])[KETTLE.key][0].id, BEN)


def the_same_again_by_ben() -> None:
    place(replace(TEN_MORE, token="ben's", last=DAYS[0]), {KETTLE.key: PARTS[KETTLE.key]}, BEN)


@pytest.mark.parametrize("others", [replaced_by_ben, removed_by_ben, the_same_again_by_ben])
@pytest.mark.parametrize("way", ["value", None])
def test_what_others_changed_since_it_was_seen_is_told_and_nothing_is_saved(others: Callable[[], None],
                                                                            way: Way | None) -> None:
    place(replace(TEN_MORE, last=DAYS[0]), {KETTLE.key: PARTS[KETTLE.key]}, ANNA)
    seen = seen_of(1, KETTLE.key)
    others()
    now_held, entries = held(), len(log())
    mine = [cell(1, way, 7.0, seen), cell(2, "value", 8.0)]

    if others is removed_by_ben and way is None:  # both want the same: there is nothing to lose
        assert place_cells(mine, "grid 1", {KETTLE.key: PARTS[KETTLE.key]}, ANNA).count == 1
        return
    with pytest.raises(ChangedMeanwhileError) as told:
        place_cells(mine, "grid 1", {KETTLE.key: PARTS[KETTLE.key]}, ANNA)

    assert [(at, [one.made_by for one in each]) for at, each in told.value.by_date.items()] == [
        (DAYS[0], [] if others is removed_by_ben else [BEN.email])]
    assert held() == now_held
    assert len(log()) == entries
    again = [replace(mine[0], seen=seen_of(1, KETTLE.key)), mine[1]]
    assert place_cells(again, "grid 1", {KETTLE.key: PARTS[KETTLE.key]}, ANNA).is_new


def test_the_same_grid_sent_twice_is_saved_once() -> None:
    place(replace(TEN_MORE, first=DAYS[2], last=DAYS[2]), PARTS, BEN)
    cells = [cell(1, "value", 100.0), cell(3, None, seen=seen_of(3))]
    first = place_cells(cells, "grid 1", PARTS, ANNA)
    entries = len(log())

    again = place_cells(cells, "grid 1", PARTS, ANNA)
    only_removed = place_cells(cells[1:], "grid 2", PARTS, ANNA)

    assert (again.batch, again.is_new, only_removed.is_new) == (first.batch, False, False)
    assert len(held()) == 2
    assert len(log()) == entries


def test_of_planners_who_save_the_same_cell_at_once_one_does_and_the_others_are_told(app: Flask) -> None:
    def one_of(number: int) -> str:
        with app.app_context():
            try:
                place_cells([cell(1, "value", float(number))], f"grid {number}", PARTS, (ANNA, BEN)[number % 2])
            except ChangedMeanwhileError:
                return "told"
        return "saved"

    with ThreadPoolExecutor(4) as pool:
        became = list(pool.map(one_of, range(8)))

    assert sorted(became) == ["saved", *["told"] * 7]
    assert len(held()) == 2
    assert len(log()) == 1


def test_a_mark_is_another_when_any_override_is_and_short_of_many() -> None:
    place(TEN_MORE, PARTS, ANNA)
    found = [one for each in open_overrides(list(PARTS)).values() for one in each]
    many = [Override(id=number) for number in range(1000)]

    assert mark_of(found) == mark_of(reversed(found)) != mark_of(found[1:]) != mark_of([]) == ""
    assert len(mark_of(many)) < 50
    assert mark_of(many) != mark_of(many[1:])
