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
HAND_OVER: dict[str, str] = {"off": _l("only on request"), "publish": _l("as soon as it is published"),
                             "daily": _l("every day, the newest version"), "weekly": _l("every Monday, the newest "
                                                                                    "version")}
HAND_OVER_FORMS: dict[str, str] = {"csv": "CSV", "xlsx": "Excel"}
LOCK_BINDS: dict[str, str] = {"planners": _l("planners; administrators may override them"),
                              "everybody": _l("everyone")}
"""Whom a lock binds."""


def _plain(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if any(not (letter.isprintable() or letter == "\n") for letter in text):
        raise ValueError("it may hold no control characters")
    return text


LONGEST_SESSION_HOURS = 2160


class AppSettings(BaseModel):
    """All of them; a default holds until an administrator says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    announcement: Annotated[str, Field(max_length=500), AfterValidator(_plain)] = Field(
        "", title=_l("Announcement"), description=_l("Shown at the top of every page, as plain text; empty for none."))
    session_hours: Annotated[int, Field(ge=1, le=LONGEST_SESSION_HOURS)] = Field(
        720, title=_l("Sign people out after (hours)"),
        description=_l("After this many hours people have to sign in again, at most 2160 (90 days); older sessions end "
                       "at once."))
    idle_hours: Annotated[int, Field(ge=0, le=LONGEST_SESSION_HOURS)] = Field(
        72, title=_l("Sign people out when idle for (hours)"),
        description=_l("After this many hours without opening a page; a page left open does not count as use. 0 for no "
                       "limit."))
    token_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        0, title=_l("Maximum life of API tokens (days)"),
        description=_l("Tokens stop working this many days after they were created, existing ones too; 0 for no "
                       "limit."))
    endless_tokens: bool = Field(
        False, title=_l("Allow API tokens that never expire"),
        description=_l("Otherwise a new token lasts a year at most. Existing tokens without an end stay valid, unless "
                       "the maximum above ends them."))
    sso_role: Literal["none", "viewer", "planner"] = Field(
        "none", title=_l("Role at the first single sign-on"),
        description=_l("New people are added with this role, or turned away."))
    password_sign_in: bool = Field(
        True, title=_l("Allow sign-in with a password"),
        description=_l("Otherwise, where single sign-on is set up, only administrators can. Current sessions "
                       "continue."))
    locked_periods: Annotated[int, Field(ge=0, le=400)] = Field(
        0, title=_l("Periods locked by publishing"),
        description=_l("This many first periods of the newest published plan can no longer be overridden; 0 for none."))
    lock_binds: Literal["planners", "everybody"] = Field(
        "planners", title=_l("Locked periods apply to"), description=_l("Existing overrides there stay."))
    hand_over: Literal["off", "publish", "daily", "weekly"] = Field(
        "off", title=_l("When published plans are handed over"),
        description=_l("Each version once, as a file in the folder that the setting WEB_HAND_OVER_FOLDER names."))
    hand_over_form: Literal["csv", "xlsx"] = Field(
        "csv", title=_l("Format of the file"), description=_l("For versions handed over from now on."))
    hand_over_hour: Annotated[int, Field(ge=0, le=23)] = Field(
        5, title=_l("Hour of hand-over"),
        description=_l("In UTC, from 0 to 23; for every day and every Monday."))


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
