"""The page of terms, and the end of the tour."""

from typing import cast

from flask import Blueprint, Flask, abort, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user

from webapp.access import needs
from webapp.guide import terms
from webapp.guide.terms import TERMS
from webapp.guide.tour import STEPS, Place, end_tour, place_in_tour
from webapp.language.translations import gettext as _
from webapp.tables import User

bp = Blueprint("guide", __name__, url_prefix="/guide")


@bp.get("/terms")
@needs("viewer")
def show_terms() -> ResponseReturnValue:
    """What the terms of the pages mean."""
    return render_template("guide/terms.html", terms=sorted(TERMS.values(), key=lambda term: str(term[0]).lower()))


@bp.get("/tour/<int:number>")
@needs("viewer")
def step(number: int) -> ResponseReturnValue:
    """One step of the tour, for the page that shows it."""
    if not 1 <= number <= len(STEPS):
        abort(404, _("The tour has %(steps)s steps.", steps=len(STEPS)))
    return render_template("guide/_step.html", place=Place(number), steps=len(STEPS))


@bp.post("/tour")
@needs("viewer")
def end() -> ResponseReturnValue:
    """Do not show the tour to this person any more."""
    end_tour(cast(User, current_user).id)
    return redirect(url_for("overview.show"), 303)


def add_to(app: Flask) -> None:
    """Serve them; every page may have info signs, the overview the tour."""
    app.register_blueprint(bp)
    terms.add_to(app)
    app.jinja_env.globals.update(place_in_tour=place_in_tour, tour_steps=len(STEPS))
