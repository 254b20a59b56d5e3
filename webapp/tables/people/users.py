"""Who may sign in, and what they may do."""

from datetime import datetime
from typing import Literal
from uuid import uuid4

from flask_security.core import RoleMixin, UserMixin
from sqlalchemy import Column, ForeignKey, Integer, String, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.db.database import Base, now
from webapp.tables.people.groups import UserGroup, group_members

RoleName = Literal["viewer", "planner", "admin"]

user_roles = Table(
    "user_roles", Base.metadata,
    Column("user_id", Integer, ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", Integer, ForeignKey("role.id", ondelete="CASCADE"), primary_key=True),
)


class Role(Base, RoleMixin):
    """What a user may do: one of ``RoleName``."""

    __tablename__ = "role"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    description: Mapped[str] = mapped_column(String(200), default="")


class User(Base, UserMixin):
    """Someone who may sign in."""

    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(255), unique=True)
    password: Mapped[str | None] = mapped_column(String(255))
    """Its hash; None for somebody who has not chosen one yet, or signs in elsewhere."""
    active: Mapped[bool] = mapped_column(default=True)
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True, default=lambda: uuid4().hex)
    created_at: Mapped[datetime] = mapped_column(default=now)
    signed_in_at: Mapped[datetime | None]
    """Last time."""
    toured_at: Mapped[datetime | None]
    """When the tour was ended or skipped, or a second sign-in made it too late; None while it is to be shown."""
    language: Mapped[str | None] = mapped_column(String(20))
    """In which the pages and letters are; None for as the browser asks."""
    identity: Mapped[str | None] = mapped_column(String(512), unique=True)
    """Issuer and subject at the provider of single sign-on; None for somebody who never came from there."""
    roles: Mapped[list[Role]] = relationship(  # type: ignore[assignment]  # the base says list[RoleMixin]
        secondary=user_roles, lazy="selectin")
    """What they may do by themselves; ``access.role_of`` has what their groups give too."""
    groups: Mapped[list[UserGroup]] = relationship(
        secondary=group_members, lazy="selectin", order_by=UserGroup.name, viewonly=True)
    """That they are in."""
