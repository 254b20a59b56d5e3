"""The administrators' page of settings."""

from collections.abc import Mapping

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from webapp.access import needs
from webapp.administration.app_settings import (
    HAND_OVER,
    HAND_OVER_FORMS,
    LOCK_BINDS,
    SSO_ROLES,
    AppSettings,
    announcement,
    app_settings,
    change_settings,
    changes,
)
from webapp.language.translations import gettext as _

bp = Blueprint("app_settings", __name__, url_prefix="/admin/settings")

YES_OR_NO = [name for name, field in AppSettings.model_fields.items() if field.annotation is bool]
"""Settings with a box to tick; one that is not ticked is not sent."""
CHOICES = {"sso_role": SSO_ROLES, "lock_binds": LOCK_BINDS, "hand_over": HAND_OVER, "hand_over_form": HAND_OVER_FORMS}
"""Settings with a list to choose from: value -> words."""


@bp.get("")
@needs("admin")
def show() -> ResponseReturnValue:
    """What can be set, and who set it last."""
    return _page(app_settings().model_dump(), {})


@bp.post("")
@needs("admin")
def change() -> ResponseReturnValue:
    """Keep what was changed; all of it, or nothing when a value cannot be."""
    known = app_settings().model_dump()  # a page of before an update does not send what is new: that stays as it is
    wanted = {name: request.form.get(name, "" if name in YES_OR_NO else known[name]) for name in known}
    try:
        changed = change_settings(AppSettings(**{**wanted, **{name: bool(wanted[name]) for name in YES_OR_NO}}))  # type: ignore[arg-type]  # parsed there
    except ValidationError as error:
        return _page(wanted, {str(each["loc"][0]): _words(each) for each in error.errors()}, 422)
    flash(_("Changed: %(changed)s.",
            changed=', '.join(changed)) if changed else _("Nothing was changed."), "success" if changed else "info")
    return redirect(url_for("app_settings.show"), 303)


def _words(error: ErrorDetails) -> str:
    """What is wrong with a value, and what would be right."""
    limits = error.get("ctx", {})
    if error["type"] in ("int_parsing", "int_from_float"):
        return _("Write a whole number.")
    if error["type"] == "greater_than_equal":
        return _("Write a whole number of at least %(least)s.", least=f"{limits['ge']:,}")
    if error["type"] == "less_than_equal":
        return _("Write a whole number of at most %(most)s.", most=f"{limits['le']:,}")
    return str(error["msg"])


def _page(values: Mapping[str, object], errors: dict[str, str], status: int = 200) -> ResponseReturnValue:
    return render_template("administration/show.html", values=values, errors=errors, fields=AppSettings.model_fields,
                           changes=changes(), CHOICES=CHOICES, YES_OR_NO=YES_OR_NO), status


def add_to(app: Flask) -> None:
    """Serve the page of settings; every page shows the announcement."""
    app.register_blueprint(bp)
    app.jinja_env.globals.update(announcement=announcement)
