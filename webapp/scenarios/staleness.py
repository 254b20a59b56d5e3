"""Whether a saved scenario still is what would be computed now: what changed since, found without forecasting."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.scenarios import states
from webapp.tables import RegionItemRow, SavedScenario, StoredForecast

Word = Literal["fresh", "stale", "waiting", "not computed", "failed"]
WORD_OF: dict[states.State, Word] = {"draft": "not computed", "wanted": "waiting", "computing": "waiting",
                                     "computed": "fresh", "stale": "stale", "failed": "failed"}
WORDS: dict[Word, str] = {"fresh": "up to date", "stale": "stale", "waiting": "being computed",
                          "not computed": "not computed", "failed": "could not be computed"}
COLOURS: dict[Word, str] = {"fresh": "success", "stale": "warning", "waiting": "info", "not computed": "light",
                            "failed": "danger"}


@dataclass(frozen=True)
class Since:
    """What is another for one region-item than when the scenario was computed."""

    region_item: RegionItem
    before: str
    """What forecast it, as in ``StoredForecast``."""
    after: str
    origin_before: str
    origin_after: str
    is_gone: bool = False
    """Whether it has left the dataset."""


@dataclass(frozen=True)
class State:
    """How a scenario's result stands."""

    word: Word
    since: Sequence[Since] = ()
    """Where it is stale: what changed."""

    @property
    def words(self) -> str:
        """The state on a page."""
        return WORDS[self.word]

    @property
    def colour(self) -> str:
        """Of its badge."""
        return COLOURS[self.word]

    @property
    def models(self) -> list[Since]:
        """Those that another model forecasts now."""
        return [each for each in self.since if not each.is_gone and each.before != each.after]

    @property
    def demand(self) -> list[Since]:
        """Those of which newer demand is known."""
        return [each for each in self.since if not each.is_gone and each.origin_before != each.origin_after]

    @property
    def gone(self) -> list[Since]:
        """Those that have left the dataset."""
        return [each for each in self.since if each.is_gone]


def states_of(scenarios: Sequence[SavedScenario]) -> dict[str, State]:
    """Token -> state, by one query for all region-items together.

    A region-item whose stored forecast is about to be made again counts as unchanged until it is: what it is forecast
    by is known then, some seconds later.
    """
    standing = _standing({key for each in scenarios for key in each.made_with})
    return {each.token: _state(each, standing) for each in scenarios}


def _state(scenario: SavedScenario, standing: Mapping[str, tuple[str, str] | None]) -> State:
    since = []
    for key, (served_by, origin) in scenario.made_with.items():
        if key not in standing:
            since.append(Since(RegionItem.from_key(key), served_by, "", origin, "", is_gone=True))
        elif (found := standing[key]) is not None and found != (served_by, origin):
            since.append(Since(RegionItem.from_key(key), served_by, found[0], origin, found[1]))
    word = WORD_OF[states.state_of(scenario, is_outdated=bool(since))]
    return State(word, since if word == "stale" else ())


def _standing(keys: Iterable[str]) -> dict[str, tuple[str, str] | None]:
    """Key -> what forecasts it and its origin; None while that is not known; those out of the dataset are left out."""
    found: dict[str, tuple[str, str] | None] = {}
    wanted = sorted(keys)
    for part in chunked(wanted):
        rows = db.session.execute(select(
            RegionItemRow.key, RegionItemRow.forecast_due, StoredForecast.served_by, StoredForecast.origin).outerjoin(
            StoredForecast, StoredForecast.key == RegionItemRow.key).where(
            RegionItemRow.key.in_(part), RegionItemRow.in_catalogue))
        found |= {key: None if is_due or served_by is None else (served_by, origin)
                  for key, is_due, served_by, origin in rows}
    return found
