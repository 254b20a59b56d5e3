"""What the identity provider says of people, by SCIM, and the tokens that let it."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Base, now


class ScimUser(Base):
    """What the identity provider says of a user; a user without this row was never changed by it."""

    __tablename__ = "scim_user"
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True,
                                         autoincrement=False)
    user_name: Mapped[str] = mapped_column(String(255))
    """As the provider writes it; the address to sign in with is the user's."""
    user_name_key: Mapped[str | None] = mapped_column(String(255), unique=True)
    """The same as it is compared (``scim.users.comparable``); None of somebody whom the provider removed."""
    external_id: Mapped[str | None] = mapped_column(String(255), index=True)
    """By which the provider knows them."""
    email: Mapped[str] = mapped_column(String(255))
    """What the provider says that their address is; another than the user's where it changed after they came."""
    given_name: Mapped[str | None] = mapped_column(String(255))
    family_name: Mapped[str | None] = mapped_column(String(255))
    formatted_name: Mapped[str | None] = mapped_column(String(255))
    display_name: Mapped[str | None] = mapped_column(String(255))
    first_at: Mapped[datetime] = mapped_column(default=now)
    """When the provider first said something of them."""
    changed_at: Mapped[datetime] = mapped_column(default=now)
    """When it last changed something."""
    removed_at: Mapped[datetime | None]
    """When it removed them; deactivated since, and not shown to it until they are active again."""


class ScimToken(Base):
    """What the identity provider shows: it opens SCIM and nothing else, and belongs to no person."""

    __tablename__ = "scim_token"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    """Of the token, which was shown once and is kept nowhere."""
    starts_with: Mapped[str] = mapped_column(String(20))
    """Its first characters, to recognise it by."""
    made_by: Mapped[str] = mapped_column(String(255))
    """The administrator's e-mail address. It goes on without them."""
    made_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    """Last time, to the minute."""
    used_from: Mapped[str] = mapped_column(String(45), default="")
