"""Demand that a region-item carries on of others is theirs: who does not see all of these is told none of it."""

import pandas as pd
from sqlalchemy import select

from demand_assets.forecasting.series.adjusted_demand import CARRIED
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.personal.seen_region_items import everything, sees, sees_all, sees_everything
from webapp.tables import CarriedLink


def without_unseen(key: str, history: pd.DataFrame) -> pd.DataFrame:
    """A region-item's history as whoever asks may be told it: from its own first sale on, where what is carried over
    may be of region-items that they do not see; the drivers of before are theirs too."""
    if CARRIED not in history or not _carries_unseen(key):
        return history
    return history[history[CARRIED].isna()].drop(columns=CARRIED).reset_index(drop=True)


def _carries_unseen(key: str) -> bool:
    """Whether it carries on, or ever did, something that is not seen, itself or through others."""
    if sees_everything():
        return False
    found, waiting = set[str](), {key}
    with everything():
        while waiting:
            others = {other for part in chunked(sorted(waiting)) for other in db.session.scalars(
                select(CarriedLink.other_key).where(CarriedLink.key.in_(part)))}
            waiting = others - found
            found |= waiting
    return not sees_all(sees(), sorted(found))
