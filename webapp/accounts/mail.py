"""E-mail: addresses as names to sign in with, and letters by way of the server that the settings name."""

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from flask import Flask, current_app
from flask_mailman import EmailMessage, Mail
from flask_security.mail_util import EmailValidateException, MailUtil
from flask_security.signals import reset_password_instructions_sent
from flask_security.utils import hash_password

from webapp.language.translations import in_language, language
from webapp.language.translations import lazy_gettext as _l
from webapp.settings import Settings

log = logging.getLogger(__name__)

LONGEST_EMAIL = 255
_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+")


class LocalMail(MailUtil):
    """Any domain will do, and nothing is looked up. Letters are sent beside the request: it takes as long without."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self._senders = ThreadPoolExecutor(2, thread_name_prefix="mail")

    def normalize(self, email: str) -> str:
        """The address as it is stored: without spaces around it, in lower case."""
        email = email.strip().lower()
        if not _EMAIL.fullmatch(email) or len(email) > LONGEST_EMAIL:
            raise EmailValidateException(_l("%(email)s is not an e-mail address; write it like name@example.com",
                                           email=repr(email[:60])))
        return email

    def validate(self, email: str) -> str:
        """The same; nothing is looked up."""
        return self.normalize(email)

    def send_mail(self, template: str, subject: str, recipient: str | tuple[str, str],
                  sender: str | tuple[str, str], body: str | None, html: str | None, **kwargs: Any) -> None:
        """Send a letter in the background, its subject in the receiver's language; what fails is in the log."""
        app = cast(Any, current_app)._get_current_object()
        with in_language(getattr(kwargs.get("user"), "language", None) or language()):
            subject = str(subject)
        self._senders.submit(_deliver, app, subject, str(recipient), str(sender), body or "")


def _deliver(app: Flask, subject: str, recipient: str, sender: str, body: str) -> None:
    with app.app_context():
        try:
            EmailMessage(subject, body, sender, [recipient]).send()
        except OSError:  # among them all of smtplib's
            log.exception("The e-mail %r to %s was not sent; is WEB_MAIL_SERVER right?", subject, recipient)


def normal_address(email: str) -> str:
    """An address as it is stored.

    Raises: EmailValidateException: it is none.
    """
    return cast(str, current_app.extensions["security"]._mail_util.normalize(email))


def _as_long_as_for_nobody(_app: Flask, **_about: Any) -> None:
    """Flask-Security hashes something when it knows nobody of that address; so must we when it does."""
    hash_password("not a password")


def add_to(app: Flask, settings: Settings) -> None:
    """Before Flask-Security: forgotten passwords by e-mail, where a server is set."""
    # What is hashed into a link is a hash already: a slow one on top would tell by its time that somebody is known.
    app.config.update(SECURITY_HASHING_SCHEMES=["hex_sha256"], SECURITY_DEPRECATED_HASHING_SCHEMES=[])
    app.config["SECURITY_RECOVERABLE"] = settings.web_mail_server is not None
    if settings.web_mail_server is None:
        return
    app.config.update(
        MAIL_SERVER=settings.web_mail_server, MAIL_PORT=settings.web_mail_port, MAIL_TIMEOUT=20,
        MAIL_USE_TLS=settings.web_mail_security == "starttls", MAIL_USE_SSL=settings.web_mail_security == "tls",
        MAIL_USERNAME=settings.web_mail_username, MAIL_PASSWORD=settings.web_mail_password,
        MAIL_DEFAULT_SENDER=settings.web_mail_sender, SECURITY_EMAIL_SENDER=settings.web_mail_sender)
    Mail(app)
    reset_password_instructions_sent.connect(_as_long_as_for_nobody, app)
