"""Groups of users: the role that they give, and which region-items their members see."""

from datetime import datetime

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.db.database import Base, now

group_members = Table(
    "group_member", Base.metadata,
    Column("group_id", Integer, ForeignKey("user_group.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class GroupRule(Base):
    """A value that region-items have which the members of a group see. Values of one field are alternatives; of several
    fields each must fit."""

    __tablename__ = "group_rule"
    group_id: Mapped[int] = mapped_column(ForeignKey("user_group.id", ondelete="CASCADE"), primary_key=True)
    field: Mapped[str] = mapped_column(String(40), primary_key=True)
    """``region``, ``item`` or the name of an attribute."""
    value: Mapped[str] = mapped_column(String(255), primary_key=True)
    """Of an attribute as ``dataset.attributes.as_written``."""


class UserGroup(Base):
    """A group of users. Only ``groups.changes`` writes it, its members and its rules."""

    __tablename__ = "user_group"
    __table_args__ = (Index("one_group_of_a_name", "name", unique=True),
                      {"sqlite_autoincrement": True})  # the address of one that was removed never shows another
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    external_id: Mapped[str | None] = mapped_column(String(255), index=True)
    """By which another system knows it; None where none does."""
    role: Mapped[str | None] = mapped_column(String(40))
    """That its members have at least; None where it gives none."""
    made_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now)
    """It, its members or its rules."""
    provisioned: Mapped[str | None] = mapped_column(String(10))
    """``kept`` by the identity provider, or ``removed`` by it and not shown to it since; None where it never was."""
    rules: Mapped[list[GroupRule]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by=(GroupRule.field, GroupRule.value))
    """None: its members see every region-item."""
