"""Is the app well, and are the systems it stands on?"""

from flask import Blueprint, Flask, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from webapp.access import needs
from webapp.db.database import db
from webapp.systems import links, state
from webapp.tables import User

bp = Blueprint("health", __name__)


@bp.get("/health")
def health() -> tuple[Response, int]:
    """For launchers and load balancers: 200 when the app and its database answer."""
    try:
        db.session.execute(select(User.id).limit(1))
    except SQLAlchemyError:
        return jsonify(status="down", db="the database does not answer or has no tables: flask db upgrade"), 503
    return jsonify(status="ok", db="ok"), 200


@bp.get("/systems")
@needs("viewer")
def show_systems() -> ResponseReturnValue:
    """The banner that names what is down, empty when all is well, and the dot in the header; 204 when unchanged."""
    found = state.systems()
    if request.args.get("seen") == state.mark_of(found):
        return "", 204
    return render_template("systems/_changes.html", states_of_systems=found)


def add_to(app: Flask) -> None:
    """Serve `/health` and the state of the systems, which every page shows."""
    app.register_blueprint(bp)
    app.jinja_env.globals.update(systems=state.systems, mark_of_systems=state.mark_of)
    links.add_to(app)
