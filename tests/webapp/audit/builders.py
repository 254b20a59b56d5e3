"""What the audit log holds, read from its table."""

from flask import Flask
from sqlalchemy import select

from webapp.db.database import db
from webapp.tables import AuditEntry


def entries(app: Flask, kind: str = "") -> list[AuditEntry]:
    """Those of one kind, oldest first; without one, all but those of the users that every test has."""
    with app.app_context():
        found = select(AuditEntry).where(AuditEntry.kind == kind if kind else AuditEntry.kind != "user")
        return list(db.session.scalars(found.order_by(AuditEntry.id)))


def entries_of_act(app: Flask, act: str) -> list[AuditEntry]:
    """Those of one act, oldest first."""
    with app.app_context():
        return list(db.session.scalars(select(AuditEntry).where(AuditEntry.act == act).order_by(AuditEntry.id)))
