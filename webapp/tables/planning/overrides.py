"""What planners say the forecast should be."""

from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Base, now


class Override(Base):
    """What a planner says a period's forecast should be; the model's own stays beside it."""

    __tablename__ = "override"
    __table_args__ = (
        Index("one_open_override_of_each_period", "key", "date", unique=True,
              sqlite_where=text("removed_at IS NULL"), postgresql_where=text("removed_at IS NULL")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    batch: Mapped[str] = mapped_column(String(64), index=True)
    """Of the form or request that made it and others with it; the same one sent twice makes it once."""
    key: Mapped[str] = mapped_column(String(255), index=True)
    date: Mapped[str] = mapped_column(String(10), index=True)
    """The period's first day."""
    way: Mapped[str] = mapped_column(String(10))
    """``value``: units in place of the forecast; ``percent``: the forecast changed by so many percent."""
    amount: Mapped[float]
    comment: Mapped[str]
    made_by: Mapped[str] = mapped_column(String(255), index=True)
    made_at: Mapped[datetime] = mapped_column(default=now)
    removed_by: Mapped[str] = mapped_column(String(255), default="")
    removed_at: Mapped[datetime | None]
    """When it was removed, or replaced by another."""
    scenario: Mapped[str] = mapped_column(String(64), default="", server_default="", index=True)
    """The token of the scenario that made it; empty where a planner did."""
