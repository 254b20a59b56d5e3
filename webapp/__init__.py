"""The planner's web app: forecasts with the promoted models, and retrains on request."""

from flask import Flask
from flask_compress import Compress
from flask_security.core import Security
from flask_security.datastore import SQLAlchemyUserDatastore
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from webapp import access, services
from webapp.accounts import mail, password_links, passwords, session_views, sessions, token_views, user_views
from webapp.accounts import views as accounts_pages
from webapp.accounts.sign_in import refusals_in_audit_log, single_sign_on
from webapp.accounts.sign_in.form import SignInForm
from webapp.adjustments import predecessor_views as predecessors_pages
from webapp.adjustments import views as adjustments_pages
from webapp.administration import views as administration_pages
from webapp.api import routes
from webapp.audit import views as audit_pages
from webapp.data_quality import views as data_quality_pages
from webapp.db.database import db, migrate, open_sqlite_well
from webapp.db.revisions import note_writes
from webapp.forecasts import downloads, override_views
from webapp.forecasts import views as forecasts_pages
from webapp.groups import views as groups_pages
from webapp.guide import views as guide_pages
from webapp.http import errors, form_tokens, log_lines, rate_limits, request_bodies, security_headers
from webapp.http.request_sizes import LARGEST_BODY
from webapp.language import translations
from webapp.language import views as language_words
from webapp.models import views as models_pages
from webapp.notices import views as notices_pages
from webapp.notices import webhook_views as webhooks_pages
from webapp.order_up_to import views as order_up_to_pages
from webapp.overrides import views as overrides_pages
from webapp.overview import views as overview_pages
from webapp.pages import addresses, kept_markup, long_names, numbers_and_dates, rounded_money, stored_words
from webapp.panels import views as panels_pages
from webapp.personal import kept_answers, seen_region_items
from webapp.published_plans import views as published_plans_pages
from webapp.region_items import labels, search
from webapp.retrains import views as retrains_pages
from webapp.saved_views import views as saved_views_pages
from webapp.scenarios import views as scenarios_pages
from webapp.scenarios.applying import views as scenario_overrides
from webapp.scim import token_views as scim_token_views
from webapp.scim import views as scim
from webapp.services import Services
from webapp.settings import Settings
from webapp.systems import views as systems_pages
from webapp.tables import Role, User
from webapp.telemetry import requests_seen
from webapp.telemetry import views as metrics_page
from webapp.value_added import target_views as targets_pages
from webapp.value_added import views as value_added_pages
from webapp.work_list import rule_views as work_rules_pages
from webapp.work_list import views as work_list_pages

SUBJECTS = (
    overview_pages, forecasts_pages, adjustments_pages, predecessors_pages, overrides_pages, scenarios_pages,
    published_plans_pages, retrains_pages, models_pages, data_quality_pages, labels, search, accounts_pages,
    administration_pages, audit_pages, systems_pages, metrics_page, work_list_pages, work_rules_pages, notices_pages,
    webhooks_pages, order_up_to_pages, value_added_pages, targets_pages, guide_pages, panels_pages,
    saved_views_pages, groups_pages,
)
"""Each adds its pages, and what its templates use."""
MONTH_SECONDS = 30 * 24 * 3600


def create_app(settings: Settings | None = None) -> Flask:
    """The app for one dataset; nothing is read but the settings and the dataset file."""
    settings = settings or Settings()
    made = Services.from_settings(settings)
    app = routes.new_app(__name__)
    of_this_host = "__Host-" if settings.web_https else ""  # no other host of the domain can set it
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        MAX_FORM_PARTS=120_000,
        MAX_FORM_MEMORY_SIZE=LARGEST_BODY,
        SESSION_COOKIE_NAME=f"{of_this_host}demand_{made.dataset.name}",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.web_https,
        REMEMBER_COOKIE_NAME=f"{of_this_host}demand_{made.dataset.name}_remember",
        REMEMBER_COOKIE_DURATION=MONTH_SECONDS,
        REMEMBER_COOKIE_SAMESITE="Lax",
        REMEMBER_COOKIE_HTTPONLY=True,
        REMEMBER_COOKIE_SECURE=settings.web_https,
        WTF_CSRF_TIME_LIMIT=None,
        COMPRESS_MIMETYPES=["text/html", "text/css", "text/javascript", "application/json", "application/scim+json",
                            "image/svg+xml"],
        **accounts_pages.SECURITY_SETTINGS,
    )
    if settings.web_https:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    services.add_to(app, made)
    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            open_sqlite_well(db.engine)
        note_writes(db.engine)
    migrate.init_app(app, directory=f"{app.root_path}/migrations")
    log_lines.add_to(app)
    requests_seen.add_to(app)
    rate_limits.guard(app)
    request_bodies.add_to(app)
    csrf = CSRFProtect(app)
    Compress(app)
    mail.add_to(app, settings)
    security = Security(
        app, SQLAlchemyUserDatastore(db, User, Role), mail_util_cls=mail.LocalMail, login_form=SignInForm,
        password_util_cls=passwords.LocalPasswords, change_password_form=passwords.ChangeForm,
        reset_password_form=passwords.ResetForm)
    security.want_json(lambda _request: False)
    passwords.add_to(app)
    refusals_in_audit_log.add_to(app)
    sessions.add_to(app)
    single_sign_on.add_to(app, settings)
    for subject in SUBJECTS:
        subject.add_to(app)
    for part in (downloads, override_views, scenario_overrides, password_links, single_sign_on, user_views, token_views,
                 session_views, scim_token_views):
        app.register_blueprint(part.bp)
    language_words.add_to(app)
    routes.add_to(app, csrf)
    scim.add_to(app, csrf)
    for shared in (translations, access, seen_region_items, kept_answers, addresses, kept_markup, long_names,
                   numbers_and_dates, rounded_money, stored_words, form_tokens, errors, security_headers):
        shared.add_to(app)
    rate_limits.add_to(app, settings)
    return app
