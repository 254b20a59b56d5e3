"""What somebody is told: the bell's page, with how they want to be told."""

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user
from sqlalchemy import func, select, update

from webapp.access import actor, needs
from webapp.db.database import db, now, writing
from webapp.http.choices import one_of
from webapp.language.translations import gettext as _
from webapp.notices.events import EVENTS, WAYS, choices_of, choose
from webapp.pages.listing import Kind, find_page, parse_view
from webapp.personal.kept_answers import kept
from webapp.services import services
from webapp.tables import Notice

bp = Blueprint("notices", __name__, url_prefix="/notices")

LIST = Kind(columns={"at": Notice.id.expression}, sort="at", descending=True)


@bp.get("")
@needs("viewer")
def show() -> ResponseReturnValue:
    """What whoever asks was told, the newest first."""
    view = parse_view(LIST, request.args)
    order = Notice.id.desc() if view.descending else Notice.id.asc()
    page = find_page(select(Notice).where(Notice.person == actor().email).order_by(order), view)
    return render_template("notices/show.html", page=page, view=page.view, events=EVENTS, ways=WAYS,
                           choices=choices_of(actor().email),
                           has_mail=services().settings.web_mail_server is not None)


@bp.post("/read")
@needs("viewer")
def read() -> ResponseReturnValue:
    """Note that all up to the newest that the page showed are read."""
    text = request.form.get("newest", "")
    if text.isascii() and text.isdigit() and len(text) < 10:
        with writing():
            db.session.execute(update(Notice).where(
                Notice.person == actor().email, Notice.read_at.is_(None), Notice.id <= int(text)).values(read_at=now()))
    return redirect(url_for("notices.show"), 303)


@bp.post("/choices")
@needs("viewer")
def change() -> ResponseReturnValue:
    """Keep how somebody wants to be told of each event; of one that the form does not know, as before."""
    before = choices_of(actor().email)
    wanted = {name: str(one_of(event.title, request.form.get(name, before[name]), WAYS))
              for name, event in EVENTS.items()}
    changed = choose(actor().email, wanted)
    flash(_("Saved.") if changed else _("Nothing was changed."), "success" if changed else "info")
    return redirect(url_for("notices.show"), 303)


def unread_notices() -> int:
    """For templates: how many notices of whoever looks at the page are not read."""
    if not current_user.is_authenticated:
        return 0
    person = actor().email
    return kept("notices", ("unread", person), lambda: db.session.scalar(select(func.count()).select_from(Notice).where(
        Notice.person == person, Notice.read_at.is_(None))) or 0)


def add_to(app: Flask) -> None:
    """Serve the page; every page has a bell."""
    app.register_blueprint(bp)
    app.jinja_env.globals.update(unread_notices=unread_notices)
