"""Where somebody is signed in, on the page of their account: ending one of their sessions, or all."""

from flask import Blueprint, abort, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user
from flask_security.utils import logout_user

from webapp.access import needs
from webapp.accounts.sessions import end_all_sessions, end_session, this_session
from webapp.language.translations import gettext as _

bp = Blueprint("user_sessions", __name__, url_prefix="/account/sessions")


@bp.post("/end")
@needs("viewer")
def end_all() -> ResponseReturnValue:
    """Sign out everywhere, here too."""
    end_all_sessions(current_user.id)
    logout_user()
    flash(_("You are signed out everywhere. API tokens keep working: revoke any that someone else may have."),
          "success")
    return redirect(url_for("security.login"), 303)


@bp.post("/<int:session_id>/end")
@needs("viewer")
def end(session_id: int) -> ResponseReturnValue:
    """Sign out in another browser of one's own; nobody else's is found here."""
    here = this_session()
    if here is not None and here.id == session_id:
        abort(422, _("This is the session that you are using. Use Sign out at the top of the page."))
    if not end_session(current_user.id, session_id):
        abort(404, _("You have no session %(session_id)s; it may have ended.", session_id=session_id))
    flash(_("That session has ended."), "success")
    return redirect(url_for("accounts.account"), 303)
