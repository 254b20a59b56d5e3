"""How far the background process is, and whether the other systems answer."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Base


class JournalFile(Base):
    """A file of the journal that was read; only the last minutes' are kept."""

    __tablename__ = "journal_file"
    name: Mapped[str] = mapped_column(String(80), primary_key=True)


class SystemState(Base):
    """Whether one of the other systems answers, or a loop of the background process works, as that process sees it."""

    __tablename__ = "system_state"
    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    """Of a loop: ``loop:`` and its name."""
    is_up: Mapped[bool] = mapped_column(default=False)
    checked_at: Mapped[datetime]
    since: Mapped[datetime]
    """When it went up or down."""
    message: Mapped[str] = mapped_column(default="")
    retry_at: Mapped[datetime | None]
    """When a loop that does not work is tried again."""
