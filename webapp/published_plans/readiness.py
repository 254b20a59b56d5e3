"""What is wrong with today's plan, told before it is published."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, func, select

from webapp.data_quality.freshness import oldest_behind
from webapp.db.database import db
from webapp.db.stored_json import StoredJson
from webapp.language.translations import lazy_gettext
from webapp.services import services
from webapp.tables import RegionItemRow, StoredForecast

MOST_NAMED = 5
WORDS = {
    "missing": lazy_gettext("without a forecast; they would not be in the plan"),
    "due": lazy_gettext("to be forecast again, as their demand, their adjustments or their model changed"),
    "stale": lazy_gettext("whose demand is so old that their forecast ends before today"),
    "failed": lazy_gettext("whose last retrain failed"),
    "refused": lazy_gettext("whose newest demand was rejected; their forecast uses older demand"),
    "model": lazy_gettext("whose model cannot be loaded; another forecasts in its place"),
}
"""Kind -> what is wrong with region-items of it."""


@dataclass(frozen=True)
class Shortcoming:
    """Region-items with which something is wrong."""

    kind: str
    """One of ``WORDS``."""
    count: int
    first: tuple[str, ...]
    """Keys of some of them."""

    @property
    def words(self) -> str:
        """What is wrong."""
        return str(WORDS[self.kind])


@dataclass(frozen=True)
class Readiness(StoredJson):
    """All that is wrong with a plan; nothing mostly."""

    found: tuple[Shortcoming, ...]
    size: int
    """Region-items that it would hold."""

    @property
    def seen(self) -> str:
        """What a form sends back of it."""
        return ",".join(f"{one.kind}:{one.count}" for one in self.found)

    @staticmethod
    def all_of(kinds: Iterable[str]) -> str:
        """As ``seen``, of whatever is wrong in these ways."""
        return ",".join(f"{kind}:{10**9 - 1}" for kind in kinds)

    def has_more_than(self, seen: str) -> bool:
        """Whether more is wrong than somebody saw.

        Args:
            seen: as ``seen`` was then.
        """
        known = dict(pair.split(":", 1) for pair in seen.split(",") if ":" in pair)
        return any(not (told := known.get(one.kind, "")).isascii() or not told.isdigit() or len(told) > 9 or (
            one.count > int(told)) for one in self.found)


def readiness() -> Readiness:
    """What is wrong with today's plan now."""
    dataset = services().dataset
    oldest = oldest_behind(dataset, dataset.horizon - 1, date.today())
    has_forecast = RegionItemRow.key.in_(select(StoredForecast.key))
    conditions: dict[str, Sequence[ColumnElement[bool]]] = {
        "missing": (~has_forecast,),
        "due": (has_forecast, RegionItemRow.forecast_due.is_(True)),
        "stale": (RegionItemRow.key.in_(select(StoredForecast.key).where(StoredForecast.origin < str(oldest))),),
        "failed": (has_forecast, RegionItemRow.step == "failed"),
        "refused": (has_forecast, RegionItemRow.quarantine_reason != ""),
        "model": (has_forecast, RegionItemRow.model_problem != ""),
    }
    found = []
    for kind, which in conditions.items():
        count = _count(*which)
        if count:
            keys = db.session.scalars(select(RegionItemRow.key).where(RegionItemRow.in_catalogue, *which).order_by(
                RegionItemRow.position).limit(MOST_NAMED))
            found.append(Shortcoming(kind, count, tuple(keys)))
    return Readiness(tuple(found), _count(has_forecast))


def _count(*which: ColumnElement[bool]) -> int:
    return db.session.scalar(select(func.count()).select_from(RegionItemRow).where(
        RegionItemRow.in_catalogue, *which)) or 0
