"""Settings that administrators change while the app runs: typed, with their meaning, recorded when changed."""

from typing import Annotated, Any, Literal, cast

from flask import g
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import select

from webapp.access import actor
from webapp.audit.record import record
from webapp.db.database import db, now, writing
from webapp.db.locks import locked_rows, once_more
from webapp.language.translations import ENGLISH, in_language
from webapp.language.translations import lazy_gettext as _l
from webapp.personal.kept_answers import kept
from webapp.tables import Setting

SSO_ROLES: dict[str, str] = {"none": _l("only people an administrator added"), "viewer": _l("viewer"),
                             "planner": _l("planner")}
HAND_OVER: dict[str, str] = {"off": _l("only when somebody asks for it"), "publish": _l("as soon as it is published"),
                             "daily": _l("every day, the newest version"), "weekly": _l("every Monday, the newest "
                                                                                    "version")}
HAND_OVER_FORMS: dict[str, str] = {"csv": "CSV", "xlsx": "Excel"}
LOCK_BINDS: dict[str, str] = {"planners": _l("planners; administrators may override them"),
                              "everybody": _l("everybody")}
"""Whom a lock binds."""


def _plain(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if any(not (letter.isprintable() or letter == "\n") for letter in text):
        raise ValueError("it may hold no control characters")
    return text


class AppSettings(BaseModel):
    """All of them; a default holds until an administrator says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    announcement: Annotated[str, Field(max_length=500), AfterValidator(_plain)] = Field(
        "", title=_l("Announcement"), description=_l("Shown at the top of every page, as plain text; empty for none."))
    session_hours: Annotated[int, Field(ge=1, le=2160)] = Field(
        720, title=_l("Sign people out after (hours)"),
        description=_l("After so many hours people sign in again, at most 2160 (90 days); sessions that are "
                       "older end at once."))
    idle_hours: Annotated[int, Field(ge=0, le=2160)] = Field(
        72, title=_l("Sign people out when unused for (hours)"),
        description=_l("Whoever opens no page for so many hours signs in again; a page that stays open is no "
                       "use. 0 for no such limit."))
    token_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        0, title=_l("Longest life of API tokens, in days"),
        description=_l("No token opens anything longer than so many days after it was made, those made before "
                       "included; 0 for no limit."))
    endless_tokens: bool = Field(
        False, title=_l("API tokens may be made that never expire"),
        description=_l("Without it, a new token lasts a year at most. Tokens without an end that were made "
                       "before go on, unless the longest life above says otherwise."))
    sso_role: Literal["none", "viewer", "planner"] = Field(
        "none", title=_l("Role of people who come by single sign-on for the first time"),
        description=_l("They are added with this role, or turned away."))
    password_sign_in: bool = Field(
        True, title=_l("People may sign in with a password"),
        description=_l("Without it, where single sign-on is set up, only administrators may. Sessions that have "
                       "begun go on."))
    locked_periods: Annotated[int, Field(ge=0, le=400)] = Field(
        0, title=_l("Periods locked by publishing"),
        description=_l("So many of the first periods of the plan that was published last cannot be overridden "
                       "any more; 0 for none."))
    lock_binds: Literal["planners", "everybody"] = Field(
        "planners", title=_l("Whom locked periods bind"), description=_l("What is overridden there already stays as "
                                                                     "it is."))
    hand_over: Literal["off", "publish", "daily", "weekly"] = Field(
        "off", title=_l("When published plans are handed over"),
        description=_l("Each version once, as a file in the folder that the setting WEB_HAND_OVER_FOLDER names."))
    hand_over_form: Literal["csv", "xlsx"] = Field(
        "csv", title=_l("Format of the file"), description=_l("Of versions that are handed over from now on."))
    hand_over_hour: Annotated[int, Field(ge=0, le=23)] = Field(
        5, title=_l("Hour of the day at which they are handed over"),
        description=_l("In UTC, from 0 to 23; for every day and every Monday."))


LONGEST_SESSION_HOURS = 2160


def app_settings() -> AppSettings:
    """As they are now; read once in a request."""
    if "app_settings" not in g:
        g.app_settings = kept("settings", "all", _read)
    return cast(AppSettings, g.app_settings)


def _read() -> AppSettings:
    rows = db.session.execute(select(Setting.name, Setting.value))
    return AppSettings(**{name: value for name, value in rows if name in AppSettings.model_fields})


@once_more
def change_settings(wanted: AppSettings) -> list[str]:
    """Keep what differs from what is; each change recorded. The titles of what was changed."""
    changed: list[str] = []
    with writing():
        g.pop("app_settings", None)
        rows = {row.name: row for row in locked_rows(select(Setting), Setting.name)}
        was = app_settings()
        for name, field in AppSettings.model_fields.items():
            before, after = getattr(was, name), getattr(wanted, name)
            if before != after:
                _keep(rows.get(name), name, after)
                record("setting changed", "setting", _in_english(field.title or name), before={"value": before},
                       after={"value": after})
                changed.append(str(field.title or name))
    g.pop("app_settings", None)
    return changed


def _in_english(title: str) -> str:
    """As the audit log is."""
    with in_language(ENGLISH):
        return str(title)


def _keep(row: Setting | None, name: str, value: Any) -> None:
    """Change the row; one that was not there when all were locked is new, and fails if somebody else was first."""
    if row is None:
        row = Setting(name=name)
        db.session.add(row)
    row.value, row.changed_by, row.changed_at = value, actor().email, now()


def changes() -> dict[str, Setting]:
    """Who changed which setting, and when; only those that were ever changed."""
    return {row.name: row for row in db.session.scalars(select(Setting))}


def announcement() -> str:
    """For templates: what every page says at its top."""
    return app_settings().announcement
