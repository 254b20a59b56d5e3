"""How far something was read."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Base, db


class Watermark(Base):
    """How far something was read; and of each group of tables its revision, as ``db.revisions`` notes it."""

    __tablename__ = "watermark"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(String(80), default="")


def set_watermark(name: str, value: str) -> None:
    """Note how far something was read; part of the caller's transaction."""
    mark = db.session.get(Watermark, name)
    if mark is None:
        db.session.add(Watermark(name=name, value=value))
    else:
        mark.value = value
