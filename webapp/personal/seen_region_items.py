"""Which region-items whoever asks may see: the rows of all others are as if they never were.

The rule stands here once, and holds for every query that a request makes: SQLAlchemy adds it to each SELECT, UPDATE and
DELETE of the tables that ``guarded`` lists, whichever page it is for. What is summed up over region-items is there for
somebody only where they see all that is in it. The background process and commands ask for nobody, and see all.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, cast

from flask import Flask, abort, g, has_request_context
from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Executable,
    Select,
    Table,
    and_,
    event,
    exists,
    func,
    inspect,
    not_,
    or_,
    select,
)
from sqlalchemy.orm import ORMExecuteState, with_loader_criteria
from sqlalchemy.sql.base import ExecutableOption
from sqlalchemy.sql.visitors import iterate

from webapp.access import NOTHING, Sees, sees_of_group
from webapp.db.chunked import chunked
from webapp.db.database import Base, db
from webapp.language.translations import gettext as _
from webapp.tables import (
    Adjustment,
    ArchivedForecast,
    AttributeValue,
    CarriedLink,
    Catalogue,
    DataLoad,
    EarlierMove,
    Favourite,
    ForecastFigures,
    GroupForecast,
    JudgedForecasts,
    LiveAccuracy,
    ModelAction,
    ModelVersion,
    Notice,
    Override,
    Production,
    RefusedRule,
    RegionItemRow,
    Retrain,
    RetrainItem,
    SavedScenario,
    SavedViewItem,
    ScenarioVerdict,
    StoredForecast,
    UserGroup,
    ValueAdded,
    WorkEntry,
)

AXES = ("region", "item")
BY_KEY: tuple[Any, ...] = (
    Adjustment, ArchivedForecast, DataLoad, Favourite, JudgedForecasts, ModelAction, ModelVersion, Override,
    RefusedRule, RetrainItem, SavedViewItem, StoredForecast)
"""Tables whose column ``key`` names a region-item."""
BY_ID: tuple[Any, ...] = (Production, ForecastFigures, LiveAccuracy)
"""Those that are joined to the catalogue by its number."""
SUMS: tuple[Any, ...] = (GroupForecast, ValueAdded)
"""What is summed up, by ``kind`` and ``name``."""


def sees() -> Sees | None:
    """What whoever asks sees; None for everything, as where nobody asks and before it is known who does."""
    who = g.get("actor") if has_request_context() else None
    return None if who is None or g.get("sees_everything") else who.sees


def mark() -> str:
    """A text that is another whenever whoever asks sees by other rules: part of what answers are shared or kept by."""
    return repr(sees())


def sees_everything() -> bool:
    """Whether whoever asks sees every region-item."""
    return sees() is None


def refuse_restricted(what: str) -> None:
    """Refuse, with an error page, whoever does not see every region-item.

    Args:
        what: a sentence on what is of all of them.
    """
    if not sees_everything():
        abort(403, _("%(what)s You see only some region-items. Ask someone who sees all, or an administrator.",
                     what=what))


@contextmanager
def everything() -> Iterator[None]:
    """In the block every row is there, whoever asks: for what must be right of all, and is told to nobody."""
    if not has_request_context():
        yield
        return
    before, g.sees_everything = g.get("sees_everything", False), True
    try:
        yield
    finally:
        g.sees_everything = before


def seen_and_all() -> tuple[int, int]:
    """How many region-items of the catalogue whoever asks sees, and how many there are."""
    seen = count_seen(sees())
    with everything():
        return seen, count_seen(None)


def count_seen(of: Sees | None) -> int:
    """How many region-items of the catalogue somebody sees who sees that."""
    query = select(func.count()).select_from(Catalogue).where(Catalogue.in_catalogue)
    return db.session.scalar(query if of is None else query.where(_fits(of, Catalogue.__table__))) or 0


def sees_all(of: Sees | None, keys: Sequence[str]) -> bool:
    """Whether somebody who sees that sees each of these region-items."""
    if of is None or not keys:
        return True
    table, wanted = Catalogue.__table__, list(set(keys))
    found = sum(db.session.scalar(select(func.count()).select_from(table).where(
        table.c.key.in_(part), _fits(of, table))) or 0 for part in chunked(wanted))
    return found == len(wanted)


def words_of(of: Sees) -> list[str]:
    """What is seen, in words: ``region north or south, category Food``."""
    if of == NOTHING:
        return [_("you are in no group yet")]
    known = {"region": _("region"), "item": _("item")}
    return [", ".join(f"{known.get(field, field)} {_(' or ').join(values)}" for field, values in rules.items())
            for rules in of]


def guarded(of: Sees) -> Mapping[type[Base], ColumnElement[bool]]:
    """Table -> which of its rows are there for somebody who sees that."""
    keys, names = _seen(of, "key"), _fits(of, Catalogue.__table__)
    return {
        RegionItemRow: names, Catalogue: names,
        **{table: table.key.in_(keys) for table in BY_KEY},
        **{table: table.id.in_(_seen(of, "id")) for table in BY_ID},
        EarlierMove: EarlierMove.region_item_id.in_(_seen(of, "id")),
        CarriedLink: and_(CarriedLink.key.in_(keys), CarriedLink.other_key.in_(keys)),
        Retrain: Retrain.id.in_(_retrains(keys)),
        SavedScenario: _is_seen_whole(keys, SavedScenario.__table__),
        Notice: and_(Notice.keys.is_not(None), not_(_holds_unseen(
            keys, Notice.__table__, Notice.__table__.c["keys"], "$"))),
        ScenarioVerdict: ScenarioVerdict.token.in_(_scenarios(keys)),
        WorkEntry: or_(WorkEntry.subject.in_(keys), WorkEntry.subject.in_(_scenarios(keys))),
        AttributeValue: or_(*(and_(AttributeValue.axis == axis, AttributeValue.owner.in_(_seen(of, axis)))
                              for axis in AXES)),
        **{table: _is_seen_sum(of, table) for table in SUMS},
    }


def _fits(of: Sees, table: Any) -> ColumnElement[bool]:
    """Whether a row of the catalogue is of a region-item that is seen."""
    return or_(*(and_(*(_has(table, field, values) for field, values in rules.items())) for rules in of))


def _has(table: Any, field: str, values: Sequence[str]) -> ColumnElement[bool]:
    if field in AXES:
        is_one: ColumnElement[bool] = table.c[field].in_(values)
        return is_one
    owned = AttributeValue.__table__.alias()
    return or_(*(table.c[axis].in_(select(owned.c.owner).where(
        owned.c.axis == axis, owned.c.name == field, owned.c.value.in_(values))) for axis in AXES))


def _seen(of: Sees, column: str) -> Select[Any]:
    """A column of the catalogue, of those region-items that are seen."""
    table = Catalogue.__table__.alias()
    return select(table.c[column]).where(_fits(of, table))


def _unseen(of: Sees, column: str) -> Select[Any]:
    table = Catalogue.__table__.alias()
    return select(table.c[column]).where(not_(_fits(of, table)))


def _retrains(keys: Select[Any]) -> Select[Any]:
    """Those that some region-item is in that is seen."""
    items = RetrainItem.__table__.alias()
    return select(items.c.retrain_id).where(items.c.key.in_(keys))


def _scenarios(keys: Select[Any]) -> Select[Any]:
    table = SavedScenario.__table__.alias()
    return select(table.c.token).where(_is_seen_whole(keys, table))


def _is_seen_whole(keys: Select[Any], table: Any) -> ColumnElement[bool]:
    """Whether every region-item of a scenario is seen: what it gave is of all of them."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    return not_(_holds_unseen(keys, table, table.c.asked if is_sqlite else table.c.asked["keys"], "$.keys"))


def _holds_unseen(keys: Select[Any], table: Any, held: Any, path: str) -> ColumnElement[bool]:
    """Whether a list of keys in a column of JSON holds one that is not seen.

    Args:
        path: to the list in the column, for SQLite; elsewhere ``held`` is the list.
    """
    each = (func.json_each(held, path) if db.engine.dialect.name == "sqlite"
            else func.json_array_elements_text(held)).table_valued("value")
    return exists(select(each.c.value).where(each.c.value.not_in(keys)).correlate(table))


def _is_seen_sum(of: Sees, table: Any) -> ColumnElement[bool]:
    """Whether every region-item of a sum is seen, and one is."""
    def owned(owners: Any) -> ColumnElement[bool]:
        values = AttributeValue.__table__.alias()
        return exists(select(values.c.value).where(
            values.c.name == table.kind, values.c.value == table.name, or_(*(
                and_(values.c.axis == axis, values.c.owner.in_(owners(of, axis))) for axis in AXES))))

    return or_(*(and_(table.kind == axis, table.name.in_(_seen(of, axis)), table.name.not_in(_unseen(of, axis)))
                 for axis in AXES), and_(owned(_seen), not_(owned(_unseen))))


def _only_seen(state: ORMExecuteState) -> None:
    """Add the rule to a statement, for the tables that are in it."""
    of = sees()
    if of is None or state.is_column_load or state.is_insert:
        return
    names = _tables_in(state.statement)
    found = [option for name, options in _options(repr(of), db.engine.dialect.name).items() if name in names
             for option in options]
    if found:
        state.statement = _of_mapped(state, of).options(*dict.fromkeys(found))


def _of_mapped(state: ORMExecuteState, of: Sees) -> Executable:
    """The statement, as one of mapped tables.

    A SELECT of nothing but counts and the like, whose conditions are joined by ``and_``, is not known as one, and the
    rule would be left out without a word.
    """
    statement = state.statement
    if state.is_orm_statement or not isinstance(statement, Select):
        return statement
    read = set(statement.get_final_froms())
    return statement.select_from(*(table for table in guarded(of) if table.__table__ in read))


def _tables_in(statement: Executable) -> set[str]:
    """Names of the tables that a statement reads or writes anywhere."""
    found = set[str]()
    for each in iterate(cast(ClauseElement, statement)):
        table: Any = getattr(each, "table", each)  # of a column, and of what writes rows
        while hasattr(table, "element"):  # of an alias
            table = table.element
        if isinstance(table, Table):
            found.add(table.name)
    return found


@lru_cache(maxsize=200)
def _options(of: str, _dialect: str) -> Mapping[str, Sequence[ExecutableOption]]:
    """Name of a table -> the rule of what is read of it, as SQLAlchemy takes it; made once for all who see the same.

    Args:
        of: ``repr`` of what is seen.
    """
    found: dict[str, list[ExecutableOption]] = {}
    for table, which in guarded(ast.literal_eval(of)).items():
        option = with_loader_criteria(table, which, include_aliases=True, propagate_to_loaders=False)
        for each in inspect(table).tables:
            found.setdefault(each.name, []).append(option)
    return found


def _words(group: UserGroup | None = None) -> str:
    """For templates: what a group lets its members see, or whoever looks at the page sees; empty for everything."""
    return "; ".join(words_of((sees_of_group(group) if group else sees()) or ()))


def add_to(app: Flask) -> None:
    """Let the rule hold, and templates ask for it."""
    if not event.contains(db.session, "do_orm_execute", _only_seen):
        event.listen(db.session, "do_orm_execute", _only_seen)
    app.jinja_env.globals.update(sees_everything=sees_everything, seen_and_all=seen_and_all, sees_words=_words)
