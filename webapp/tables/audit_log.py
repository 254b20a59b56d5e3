"""What people did, and the seals that show whether it was tampered with."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Base, now


class AuditEntry(Base):
    """One change that somebody made: added in the transaction that makes it, never changed or removed."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_subject", "kind", "subject"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    by: Mapped[str] = mapped_column(String(255), index=True)
    """E-mail address; ``the pipeline`` or ``a command`` where it was no person in a browser or with a token."""
    via: Mapped[str] = mapped_column(String(100), default="")
    """``browser``, ``token <name>``, ``command line``, ``background``."""
    address: Mapped[str] = mapped_column(String(45), default="")
    """From where, as the app sees it."""
    act: Mapped[str] = mapped_column(String(40), index=True)
    """One that ``audit.acts`` has words for."""
    kind: Mapped[str] = mapped_column(String(20))
    """What kind of thing was changed: one of ``audit.record.KINDS``."""
    subject: Mapped[str] = mapped_column(String(520))
    """Which one, as people name it."""
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """What was changed, as it was; None for something new."""
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """As it is; None for something removed."""
    reason: Mapped[str] = mapped_column(default="")


class AuditSeal(Base):
    """A link of the chain that shows whether the audit log was tampered with: one for each entry, in the order in which
    the background process saw them."""

    __tablename__ = "audit_seal"
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1 for the first."""
    entry_id: Mapped[int] = mapped_column(index=True)
    sealed_at: Mapped[datetime]
    seal: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the seal before, of the entry and of what else stands here."""
