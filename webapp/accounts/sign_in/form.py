"""The form to sign in with: logged, and for administrators only where the settings say so."""

import logging
from typing import Any, cast

from flask import request
from flask_security.forms import LoginForm

from webapp.access import role_of
from webapp.administration.app_settings import app_settings
from webapp.language.translations import gettext as _
from webapp.services import services
from webapp.tables import User

log = logging.getLogger(__name__)


class SignInForm(LoginForm):
    """E-mail address and password. Who is wrong in either is told the same, after the same work."""

    def validate(self, **kwargs: Any) -> bool:
        """Whether they may sign in."""
        if not super().validate(**kwargs):
            return False
        user = cast(User, self.user)
        if services().settings.has_single_sign_on and not app_settings().password_sign_in and role_of(user) != "admin":
            log.warning("Refused a sign-in with a password as %s from %s", user.email, request.remote_addr)
            self.form_errors.append(_("Passwords are for administrators here. Use %(provider)s.",
                                      provider=services().settings.web_oidc_name))
            return False
        return True
