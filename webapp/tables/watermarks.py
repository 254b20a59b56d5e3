"""How far something was read."""

from webapp.db.database import db
from webapp.tables.background_state import Watermark


def set_watermark(name: str, value: str) -> None:
    """Note how far something was read; part of the caller's transaction."""
    mark = db.session.get(Watermark, name)
    if mark is None:
        db.session.add(Watermark(name=name, value=value))
    else:
        mark.value = value
