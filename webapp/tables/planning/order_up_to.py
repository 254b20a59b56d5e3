"""By what order-up-to quantities are made."""

from datetime import datetime

from sqlalchemy import Double, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db.database import Base, now


class OrderUpToRule(Base):
    """Lead time, review period and service level of a segment; whatever it leaves open, the next that fits says."""

    __tablename__ = "order_up_to_rule"
    id: Mapped[int] = mapped_column(primary_key=True)
    segment: Mapped[str] = mapped_column(String(300), unique=True)
    """As in ``WorkRule``; empty for all region-items."""
    lead_time: Mapped[int | None]
    """Periods from an order until it has come; None where the rule leaves it open."""
    review_period: Mapped[int | None]
    """Periods from one order to the next."""
    service_level: Mapped[float | None] = mapped_column(Double)
    """Percent."""
    changed_by: Mapped[str] = mapped_column(String(255))
    changed_at: Mapped[datetime] = mapped_column(default=now)
