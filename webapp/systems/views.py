"""How the systems are that the app stands on: the banner and the dot that every page shows."""

from flask import Blueprint, Flask, render_template, request
from flask.typing import ResponseReturnValue

from webapp.access import needs
from webapp.systems import health, links
from webapp.systems import outages as state

bp = Blueprint("systems", __name__)


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
    app.register_blueprint(health.bp)
    app.register_blueprint(bp)
    app.jinja_env.globals.update(systems=state.systems, mark_of_systems=state.mark_of)
    links.add_to(app)
