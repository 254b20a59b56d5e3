"""Single sign-on by OpenID Connect: authorization code with PKCE, state and nonce, at one provider that is set up."""

import logging
from time import time
from typing import Any, cast

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Blueprint, Flask, abort, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user
from flask_security.utils import login_user, validate_redirect_url
from joserfc.errors import JoseError

from webapp.accounts.sign_in.identities import Identity, NotLetInError, user_of
from webapp.accounts.sign_in.refusals_in_audit_log import note_refusal
from webapp.http.errors import error_page
from webapp.language.translations import ENGLISH, in_language
from webapp.language.translations import gettext as _
from webapp.language.translations import lazy_gettext as _l
from webapp.services import services
from webapp.settings import Settings

bp = Blueprint("single_sign_on", __name__, url_prefix="/sign-in/sso")
log = logging.getLogger(__name__)

SECONDS = 10
"""How long the provider may take to answer."""
NEXT = "single_sign_on_next"
ASKED_AGAIN = "single_sign_on_again"
ONCE_MORE = "single sign-on again"
"""How somebody signed in whom the provider was told to ask anew, whether it knew the browser or not."""
FRESH_SECONDS = 600
"""How old the provider's own sign-in may be then, where it tells."""
AGAIN = _l("Go back to the sign-in page and try again.")


@bp.get("")
def start() -> ResponseReturnValue:
    """Send the browser to the provider, to come back to the page that was asked for."""
    client = _client()
    is_again = request.args.get("again") == "yes"
    if current_user.is_authenticated and not is_again:
        return redirect(url_for("overview.show"))
    target = request.args.get("next", "")
    session[ASKED_AGAIN] = is_again
    session[NEXT] = target if validate_redirect_url(target) else url_for("overview.show")
    try:
        # whoever is to show again who they are is asked by the provider, too, even where it knows the browser
        return cast(ResponseReturnValue, client.authorize_redirect(
            services().settings.public_url + url_for("single_sign_on.back"),
            **({"prompt": "login", "max_age": 0} if is_again else {})))
    except (OAuthError, OSError, ValueError, RuntimeError):
        log.exception("The provider of single sign-on does not answer")
        return error_page(503, _("%(web_oidc_name)s does not answer. %(again)s",
                                 web_oidc_name=services().settings.web_oidc_name, again=AGAIN))


@bp.get("/back")
def back() -> ResponseReturnValue:
    """Let in whom the provider vouches for."""
    client, target = _client(), session.pop(NEXT, url_for("overview.show"))
    was_asked_again = session.pop(ASKED_AGAIN, False)
    try:
        token = client.authorize_access_token()
        claims = _claims(client, token)
        identity = Identity.of(claims, _issuer())
    except (OAuthError, JoseError) as error:
        note_refusal("sign-in refused", "at the provider", str(error), "single sign-on")
        return error_page(403, _("%(web_oidc_name)s did not let you in, or its answer does not belong to this sign-in. "
                                 "%(again)s",
                                 web_oidc_name=services().settings.web_oidc_name, again=AGAIN))
    except (OSError, ValueError, RuntimeError, KeyError):
        log.exception("The provider of single sign-on gave no answer that can be read")
        return error_page(503, _("%(web_oidc_name)s gave an unreadable answer. %(again)s",
                                 web_oidc_name=services().settings.web_oidc_name, again=AGAIN))
    except NotLetInError as error:
        return _refused(error)
    try:
        user = user_of(identity, request.remote_addr or "")
    except NotLetInError as error:
        return _refused(error)
    login_user(user, authn_via=[ONCE_MORE if was_asked_again and _is_fresh(claims) else "single sign-on"])
    return redirect(target)


def _is_fresh(claims: dict[str, Any]) -> bool:
    """Whether the person signed in at the provider just now; a provider that does not tell when is believed."""
    when = claims.get("auth_time")
    return when is None or (isinstance(when, int | float) and time() - when < FRESH_SECONDS)


def _refused(error: NotLetInError) -> ResponseReturnValue:
    with in_language(ENGLISH):  # the audit log is
        note_refusal("sign-in refused", "at the provider", str(error), "single sign-on")
    return render_template("accounts/not_let_in.html", message=str(error)), 403


def _client() -> Any:
    if not services().settings.has_single_sign_on:
        abort(404, _("Single sign-on is not set up here. Sign in with e-mail address and password."))
    return current_app.extensions["authlib.integrations.flask_client"].create_client("provider")


def _issuer() -> str:
    return (services().settings.web_oidc_issuer or "").rstrip("/")


def _claims(client: Any, token: dict[str, Any]) -> dict[str, Any]:
    """What the signed token says of a person; what it leaves out of the address, the provider is asked for.

    Raises: NotLetInError: there is no signed token, or the two speak of different people.
    """
    claims = dict(token.get("userinfo") or {})
    if not claims:
        raise NotLetInError(_l("The provider did not say who you are."))
    if "email" not in claims and client.load_server_metadata().get("userinfo_endpoint"):
        more = client.userinfo(token=token)
        if more.get("sub") != claims.get("sub"):
            raise NotLetInError(_l("The provider gives two different names for you."))
        claims |= {name: more[name] for name in ("email", "email_verified") if name in more}
    return claims


def add_to(app: Flask, settings: Settings) -> None:
    """Get to know the provider, where one is set up; it is asked when somebody signs in."""
    if settings.has_single_sign_on:
        OAuth(app).register(
            "provider", client_id=settings.web_oidc_client_id, client_secret=settings.web_oidc_client_secret,
            server_metadata_url=f"{(settings.web_oidc_issuer or '').rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256",
                           "default_timeout": SECONDS})
