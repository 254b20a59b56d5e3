"""SCIM's addresses and their door: only a token that was made for it opens them; without any there is no SCIM here."""

from collections.abc import Callable

from flask import Blueprint, Flask, Response, g, request
from flask_wtf.csrf import CSRFProtect

from webapp.accounts.sign_in.refusals_in_audit_log import note_refused_token
from webapp.accounts.tokens import SHOWN as SHOWN_OF_API
from webapp.accounts.tokens import found_by as found_by_api
from webapp.http.rate_limits import api_limit, bearer_token, guesses_too_often, limiter, token_or_address
from webapp.http.scim_errors import PREFIX, scim_error
from webapp.scim.tokens import SHOWN, actor_of, found_by, is_on, is_valid

bp = Blueprint("scim", __name__, url_prefix=PREFIX)
limiter.shared_limit(api_limit, scope="scim", key_func=token_or_address)(bp)

ROUTES = (
    ("GET", "/Users", "users_page"), ("POST", "/Users", "make_user"), ("GET", "/Users/<id>", "user"),
    ("PUT", "/Users/<id>", "replace_user"), ("PATCH", "/Users/<id>", "patch_user"),
    ("DELETE", "/Users/<id>", "remove_user"), ("POST", "/Users/.search", "search_users"),
    ("GET", "/Groups", "groups_page"), ("POST", "/Groups", "make_group"), ("GET", "/Groups/<id>", "group"),
    ("PUT", "/Groups/<id>", "replace_group"), ("PATCH", "/Groups/<id>", "patch_group"),
    ("DELETE", "/Groups/<id>", "remove_group"), ("POST", "/Groups/.search", "search_groups"),
    ("GET", "/ServiceProviderConfig", "service_config"), ("GET", "/ResourceTypes", "types_page"),
    ("GET", "/ResourceTypes/<id>", "resource_type"), ("GET", "/Schemas", "schemas_page"),
    ("GET", "/Schemas/<id>", "schema"),
)
"""Method, rule, and who answers: a function of ``scim.answers``."""
NOWHERE = "There is no page at this address."


def _open_door() -> Response | None:
    """Let in who shows a token of SCIM's."""
    secret = bearer_token()
    token = found_by(secret) if secret else None
    if token is not None and is_valid(token):
        g.actor = actor_of(token, request.remote_addr or "")
        return None
    if not is_on():
        return scim_error(404, NOWHERE)
    if secret and guesses_too_often():
        return scim_error(429, "This address sent too many tokens that are not valid. Wait a minute.", Retry_After="60")
    if secret:
        _note_refused(secret)
    return scim_error(401, "Send a valid token: `Authorization: Bearer demand_scim_…`. An administrator makes one "
                           "under Admin, Provisioning.", WWW_Authenticate='Bearer realm="scim"')


def _note_refused(secret: str) -> None:
    """Write down which token opened nothing, and why."""
    if (token := found_by(secret)) is not None:
        note_refused_token(secret[:SHOWN], token.name, "revoked" if token.revoked_at else "expired")
    elif (of_api := found_by_api(secret)) is not None:
        note_refused_token(secret[:SHOWN_OF_API], of_api.user.email, "a token of the API does not open SCIM")
    else:
        note_refused_token("", "", "nobody has this token")


def _view(name: str) -> Callable[..., Response]:
    def view(**parts: str) -> Response:
        from webapp.scim import answers  # the library behind it is not needed where SCIM is not used

        return answers.ANSWERS[name](**parts)

    return view


bp.before_request(_open_door)
for _method, _rule, _name in ROUTES:
    bp.add_url_rule(_rule, _name, _view(_name), methods=[_method])


def add_to(app: Flask, csrf: CSRFProtect) -> None:
    """Answer identity providers. Only their tokens open it, never a session, so that no page elsewhere can use it."""
    csrf.exempt(bp)
    app.register_blueprint(bp)
