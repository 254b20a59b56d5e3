"""What people keep for themselves: views of the region-items, favourites, what they see first."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Base, now


class SavedView(Base):
    """A view that somebody saved under a name. Only ``saved_views.changes`` writes it."""

    __tablename__ = "saved_view"
    __table_args__ = (Index("one_saved_view_of_a_name", "person", "name", unique=True),
                      Index("ix_saved_view_shared", "is_shared", "name"),
                      {"sqlite_autoincrement": True})  # a link to one that was removed never opens another
    id: Mapped[int] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(String(255))
    """E-mail address of whoever saved it."""
    name: Mapped[str] = mapped_column(String(80))
    is_shared: Mapped[bool] = mapped_column(default=False)
    """Whether everybody finds it; otherwise it is there for its person alone."""
    is_picked: Mapped[bool] = mapped_column(default=False)
    """Whether it has the region-items of ``SavedViewItem`` and no others; otherwise whatever matches ``arguments``."""
    arguments: Mapped[dict[str, Any]] = mapped_column()
    """Of the overview's address: what is searched and filtered, order, columns."""
    revision: Mapped[int] = mapped_column(default=1)
    """Counts its changes, so that a form knows whether it shows the newest."""
    made_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now)
    changed_by: Mapped[str] = mapped_column(String(255), default="")


class SavedViewItem(Base):
    """A region-item that was picked for a saved view; it stays when it leaves the dataset."""

    __tablename__ = "saved_view_item"
    view_id: Mapped[int] = mapped_column(ForeignKey("saved_view.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)


class StartView(Base):
    """What somebody's overview opens with; without one, everything."""

    __tablename__ = "start_view"
    person: Mapped[str] = mapped_column(String(255), primary_key=True)
    view_id: Mapped[int | None] = mapped_column(ForeignKey("saved_view.id", ondelete="CASCADE"), index=True)
    """None for their favourites."""


class Favourite(Base):
    """A region-item that somebody gave a star."""

    __tablename__ = "favourite"
    person: Mapped[str] = mapped_column(String(255), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    made_at: Mapped[datetime] = mapped_column(default=now)
