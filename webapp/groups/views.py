"""The administrators' pages of groups: who is in them, the role that they give, and what their members see."""

from typing import cast

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from webapp.access import MAY, ROLES, needs, sees_of_group
from webapp.db.database import LARGEST_ID, db
from webapp.groups.changes import (
    LONGEST_NAME,
    Change,
    GroupChangeError,
    add_group,
    change_group,
    change_members,
    members_of,
    remove_group,
)
from webapp.http.choices import one_of
from webapp.language.translations import gettext as _
from webapp.pages.listing import Kind, find_page, in_order, parse_view
from webapp.personal.seen_region_items import count_seen
from webapp.region_items.attributes import filterable
from webapp.region_items.segments import SegmentError, parsed_segment
from webapp.tables import RoleName, User, UserGroup, group_members

bp = Blueprint("groups", __name__, url_prefix="/admin/groups")

GROUPS = Kind({"name": func.lower(UserGroup.name)}, "name")


@bp.get("")
@needs("admin")
def show() -> str:
    """All groups, and a form for another."""
    view = parse_view(GROUPS, request.args)
    query = select(UserGroup)
    for word in view.search.lower().split():
        query = query.where(func.lower(UserGroup.name).contains(word, autoescape=True))
    page = find_page(in_order(query, view, UserGroup.id.expression), view)
    ids = [group.id for group in page.rows]
    sizes = {row[0]: row[1] for row in db.session.execute(select(group_members.c.group_id, func.count()).where(
        group_members.c.group_id.in_(ids)).group_by(group_members.c.group_id))}
    return render_template("groups/show.html", page=page, view=page.view, sizes=sizes, longest=LONGEST_NAME,
                           seen={group.id: count_seen(sees_of_group(group)) for group in page.rows},
                           there=count_seen(None))


@bp.post("")
@needs("admin")
def make() -> ResponseReturnValue:
    """Make a group, without members and rules yet."""
    try:
        group = add_group(request.form.get("name", ""))
    except GroupChangeError as error:
        abort(422, str(error))
    flash(_("Created: group %(name)s.", name=group.name), "success")
    return redirect(url_for("groups.detail", group_id=group.id), 303)


@bp.get("/<int:group_id>")
@needs("admin")
def detail(group_id: int) -> str:
    """One group, and what can be changed about it."""
    group = _group(group_id)
    return render_template(
        "groups/detail.html", group=group, members=members_of(group.id), MAY=MAY, fields=filterable(),
        seen=count_seen(sees_of_group(group)), there=count_seen(None), longest=LONGEST_NAME,
        seen_by={rule: count_seen(({rule.field: (rule.value,)},)) for rule in group.rules},
        others=db.session.scalars(select(User.email).where(User.active).order_by(User.email)).all())


@bp.post("/<int:group_id>")
@needs("admin")
def change(group_id: int) -> ResponseReturnValue:
    """Rename a group, or give it another role."""
    role = one_of("role", request.form.get("role", ""), ("", *ROLES))
    return _changed(group_id, Change(name=request.form.get("name", ""), role=cast(RoleName | None, role or None)))


@bp.post("/<int:group_id>/members")
@needs("admin")
def move(group_id: int) -> ResponseReturnValue:
    """Take somebody in, or out."""
    group, email = _group(group_id), (request.form.get("add") or request.form.get("remove", "")).strip().lower()
    user_id = db.session.scalar(select(User.id).where(User.email == email))
    if user_id is None:
        abort(422, _("There is no user %(email)s. Add them on the page Users first.", email=repr(email[:100])))
    is_new = bool(request.form.get("add"))
    change_members(group.id, add=[user_id] if is_new else (), remove=() if is_new else [user_id])
    flash(_("%(email)s is in the group %(name)s.", email=email, name=group.name) if is_new else
          _("%(email)s is no longer in the group %(name)s.", email=email, name=group.name), "success")
    return redirect(url_for("groups.detail", group_id=group_id, _anchor="members"), 303)


@bp.post("/<int:group_id>/rules")
@needs("admin")
def rule(group_id: int) -> ResponseReturnValue:
    """Let members see what has one more value, or one less."""
    if removed := request.form.get("remove", ""):
        return _changed(group_id, Change(remove_rules=[removed.partition(":")[::2]]), "rules")
    field = one_of("field", request.form.get("field", ""), list(filterable()))
    try:
        added = parsed_segment(f"{field}:{request.form.get('value', '').strip()}")
    except SegmentError as error:
        abort(422, str(error))
    return _changed(group_id, Change(add_rules=[added.partition(":")[::2]]), "rules")


@bp.post("/<int:group_id>/remove")
@needs("admin")
def remove(group_id: int) -> ResponseReturnValue:
    """Remove a group."""
    group = _group(group_id)
    name = group.name
    remove_group(group.id)
    flash(_("Removed: group %(name)s.", name=name), "success")
    return redirect(url_for("groups.show"), 303)


def _changed(group_id: int, wanted: Change, anchor: str | None = None) -> ResponseReturnValue:
    _group(group_id)
    try:
        group = change_group(group_id, wanted)
    except GroupChangeError as error:
        abort(422, str(error))
    flash(_("Saved: group %(name)s.", name=group.name), "success")
    return redirect(url_for("groups.detail", group_id=group_id, _anchor=anchor), 303)


def _group(group_id: int) -> UserGroup:
    found = db.session.get(UserGroup, group_id) if group_id <= LARGEST_ID else None
    return found or abort(404, _("There is no group %(group_id)s.", group_id=group_id))


def add_to(app: Flask) -> None:
    """Serve the pages of groups."""
    app.register_blueprint(bp)
