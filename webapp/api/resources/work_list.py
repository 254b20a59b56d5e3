"""The list of work: what needs somebody, listed and worked down."""

from datetime import date, datetime
from typing import Annotated, Literal

from flask import Response, abort
from pydantic import Field
from sqlalchemy import select

from webapp.adjustments.adjustments import LONGEST_REASON
from webapp.api.conventions.operations import answers, needs, resource
from webapp.api.conventions.paging import page_of
from webapp.api.conventions.shapes import Day, Id, IdPath, Key, PageQuery, RequestPart, ResponsePart, Text
from webapp.api.resources.region_items import row_of
from webapp.db.database import db
from webapp.http.problems import problem
from webapp.tables import WorkEntry
from webapp.work_list import states
from webapp.work_list.actions import MOST_AT_ONCE, Act, WantedAction, WorkError, act
from webapp.work_list.entry_texts import Words, words_of
from webapp.work_list.thresholds import KINDS

bp = resource("work", "What needs somebody: found by rules, owned, snoozed and resolved.")


class WorkQuery(PageQuery):
    """Which tasks."""

    state: Literal["open", "assigned", "snoozed", "resolved"] | None = None
    kind: Text = Field("", description=f"One of {', '.join(KINDS)}")
    owner: Text = Field("", description="Only those that this person sees to")
    key: Key | None = Field(None, description="Only of this region-item")


class TaskResponse(ResponsePart):
    """One task: a cause has one, however often it is found."""

    id: int
    version: int = Field(description="Counts the changes of its state; sent back with an act, so that nobody changes "
                                     "what they have not seen")
    kind: str
    title: str
    subject: str = Field(description="The region-item or scenario in words")
    key: str | None = Field(description="Of the region-item; null of a scenario")
    why: str
    page: str = Field(description="Path of the page with what can be done about it")
    units: float | None = Field(description="At stake")
    money: float | None = Field(description="The same in the dataset's currency, where prices are known")
    rank: float = Field(description="The largest first")
    state: Literal["open", "assigned", "snoozed", "resolved"]
    owner: str
    due: Day
    snoozed_until: Day | None
    found_at: datetime
    resolved_at: datetime | None
    resolved_by: str = Field(description="Empty where its cause went away by itself")
    reason: str
    changed_by: str
    changed_at: datetime


class TaskPage(ResponsePart):
    """Tasks, those that were found last first."""

    tasks: list[TaskResponse]
    next: str | None


class SeenTask(RequestPart):
    """A task as it was seen."""

    id: Id
    version: Id


class WorkActRequest(RequestPart):
    """What is to be done with some tasks."""

    act: Act = Field(description="`accept` adjusts unusual sales to what would be usual, and resolves")
    tasks: Annotated[list[SeenTask], Field(min_length=1, max_length=MOST_AT_ONCE)]
    owner: Text = Field("", description="Of `assign`: who sees to it")
    until: Day | None = Field(None, description="Of `snooze`: the day on which it is to be seen again")
    due: Day | None = Field(None, description="Of `take` and `assign`: until when it is to be done")
    reason: Annotated[str, Field(max_length=LONGEST_REASON, pattern=r"^[^\x00-\x1f\x7f]*$")] = Field(
        "", description="Of `resolve` and `accept`: why it is done")


class WorkActResponse(ResponsePart):
    """What became of it."""

    changed: int
    adjusted_periods: int = Field(description="Of `accept`")
    unfit: int = Field(description="Tasks that the act is not for")
    left: list[TaskResponse] = Field(description="Tasks that somebody else changed meanwhile, as they are now; nothing "
                                                 "was done with them")


@bp.get("/work", responses=answers(TaskPage, 200, 404))
@needs("viewer")
def list_work(query: WorkQuery) -> TaskPage | Response:
    """What is and was to be done."""
    asked = select(WorkEntry)
    if query.state is not None:
        asked = asked.where(states.is_in(query.state, date.today()))
    if query.kind:
        if query.kind not in KINDS:
            return problem(422, f"There is no kind {query.kind!r}; there are {', '.join(KINDS)}.")
        asked = asked.where(WorkEntry.kind == query.kind)
    if query.owner:
        asked = asked.where(WorkEntry.owner == query.owner)
    if query.key is not None:
        asked = asked.where(WorkEntry.subject == row_of(query.key).key)
    rows, following = page_of(asked, WorkEntry.id.expression, int, query.limit, query.cursor, newest_first=True)
    words = words_of(rows)
    return TaskPage(tasks=[_told(one, words[one.id]) for one in rows], next=following)


@bp.get("/work/<int:id>", responses=answers(TaskResponse, 200, 404))
@needs("viewer")
def show_task(path: IdPath) -> TaskResponse:
    """One task."""
    entry = db.session.get(WorkEntry, path.id)
    if entry is None:
        abort(404, f"There is no task {path.id}.")
    return _told(entry, words_of([entry])[entry.id])


@bp.post("/work/acts", responses=answers(WorkActResponse, 200, 409, 413, 415))
@needs("planner")
def act_on_work(body: WorkActRequest) -> WorkActResponse | Response:
    """Carry out one act on tasks, in one transaction; the same sent again changes nothing more."""
    wanted = WantedAction(body.act, body.owner, body.until, body.due, " ".join(body.reason.split()))
    try:
        done = act(wanted, {one.id: one.version for one in body.tasks}, date.today())
    except WorkError as error:
        return problem(422, str(error))
    if done.left and not done.changed and len(body.tasks) == 1:
        left = done.left[0]
        return problem(409, f"Task {left.id} was changed by {left.changed_by or 'the app, which found it again'} "
                            f"meanwhile: it is version {left.version} now. Read it again.")
    words = words_of(done.left)
    return WorkActResponse(changed=done.changed, adjusted_periods=done.periods, unfit=done.unfit,
                           left=[_told(one, words[one.id]) for one in done.left])


def _told(entry: WorkEntry, words: Words) -> TaskResponse:
    return TaskResponse(
        id=entry.id, version=entry.version, kind=entry.kind, title=words.title, subject=words.subject,
        key=None if entry.kind == "scenario" else entry.subject, why=words.sentence, page=words.link,
        units=entry.units, money=entry.money, rank=entry.rank, state=states.state_of(entry, date.today()),
        owner=entry.owner, due=date.fromisoformat(entry.due),
        snoozed_until=date.fromisoformat(entry.snoozed_until) if entry.snoozed_until else None,
        found_at=entry.found_at, resolved_at=entry.resolved_at, resolved_by=entry.resolved_by, reason=entry.reason,
        changed_by=entry.changed_by, changed_at=entry.changed_at)
