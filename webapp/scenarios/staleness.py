"""Whether a saved scenario still is what would be computed now: what changed since, found without forecasting."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.forecast.totals import Part
from webapp.db.chunked import chunked
from webapp.db.database import db
from webapp.language.translations import lazy_gettext
from webapp.region_items.open_overrides import open_overrides
from webapp.scenarios import states
from webapp.scenarios.fingerprint import Fingerprint, digest_of_dataset, digests, of_others
from webapp.services import services
from webapp.tables import Override, RegionItemRow, SavedScenario, StoredForecast

Word = Literal["fresh", "stale", "waiting", "not computed", "failed"]
WORD_OF: dict[states.State, Word] = {"draft": "not computed", "wanted": "waiting", "computing": "waiting",
                                     "computed": "fresh", "stale": "stale", "failed": "failed"}
WORDS: dict[Word, str] = {
    "fresh": lazy_gettext("up to date"), "stale": lazy_gettext("stale"), "waiting": lazy_gettext("being computed"),
    "not computed": lazy_gettext("not computed"), "failed": lazy_gettext("could not be computed")}
COLOURS: dict[Word, str] = {"fresh": "success", "stale": "warning", "waiting": "info", "not computed": "light",
                            "failed": "danger"}


@dataclass(frozen=True)
class ChangedSince:
    """What is another for one region-item than when the scenario was computed."""

    region_item: RegionItem
    before: str
    """What forecast it, as in ``StoredForecast``."""
    after: str
    origin_before: str
    origin_after: str
    is_gone: bool = False
    """Whether it has left the dataset."""
    is_planned_otherwise: bool = False
    """Whether the same model gives another plan: its past or its planned drivers were changed."""
    is_overridden_otherwise: bool = False
    """Whether overrides of it in these periods were made, changed or undone."""


@dataclass(frozen=True)
class State:
    """How a scenario's result stands."""

    word: Word
    since: Sequence[ChangedSince] = ()
    """Where it is stale: what changed."""
    is_declared_otherwise: bool = False
    """Whether the dataset file says something else of what it depends on."""

    @property
    def words(self) -> str:
        """The state on a page."""
        return str(WORDS[self.word])

    @property
    def colour(self) -> str:
        """Of its badge."""
        return COLOURS[self.word]

    @property
    def models(self) -> list[ChangedSince]:
        """Those that another model forecasts now."""
        return [each for each in self.since if not each.is_gone and each.before != each.after]

    @property
    def demand(self) -> list[ChangedSince]:
        """Those of which newer demand is known."""
        return [each for each in self.since if not each.is_gone and each.origin_before != each.origin_after]

    @property
    def plans(self) -> list[ChangedSince]:
        """Those that have another plan by the same model from the same origin."""
        return [each for each in self.since if each.is_planned_otherwise]

    @property
    def overrides(self) -> list[ChangedSince]:
        """Those whose overrides are others now."""
        return [each for each in self.since if each.is_overridden_otherwise]

    @property
    def gone(self) -> list[ChangedSince]:
        """Those that have left the dataset."""
        return [each for each in self.since if each.is_gone]


def states_of(scenarios: Sequence[SavedScenario]) -> dict[str, State]:
    """Token -> state, by one query for all region-items together, one for their overrides, and one for the plans of
    those that were made again.

    A region-item whose stored forecast is about to be made again counts as unchanged until it is: what it is forecast
    by is known then, some seconds later.
    """
    prints = {each.token: Fingerprint.from_json(each.made_of) for each in scenarios if each.made_of}
    standing = _standing({key for each in scenarios for key in each.made_with})
    stored = _stored({key for one in prints.values() for key, plan in one.plans.items()
                      if (found := standing.get(key)) and found.known_as != plan.known_as})
    held: dict[str, list[Override]] = {}
    if prints:
        keys = sorted({key for each in scenarios if each.token in prints for key in each.made_with})
        held = open_overrides(keys, min(one.first for one in prints.values()), max(one.last for one in prints.values()))
    return {each.token: _state(each, prints.get(each.token), standing, stored, held) for each in scenarios}


@dataclass(frozen=True)
class _Standing:
    """How a region-item is forecast now."""

    served_by: str
    origin: str
    known_as: int
    """``forecast_wanted``, as in ``PlanOf``."""


def _state(scenario: SavedScenario, made_of: Fingerprint | None, standing: Mapping[str, _Standing | None],
           stored: Mapping[str, Part], overrides: Mapping[str, Sequence[Override]]) -> State:
    held = digests({key: of_others(scenario.token, overrides.get(key, ())) for key in scenario.made_with},
                   made_of.first, made_of.last) if made_of else {}
    since = []
    for key, (served_by, origin) in scenario.made_with.items():
        region_item = RegionItem.from_key(key)
        if key not in standing:
            since.append(ChangedSince(region_item, served_by, "", origin, "", is_gone=True))
            continue
        now = standing[key] or _Standing(served_by, origin, -1)
        same = (now.served_by, now.origin) == (served_by, origin)
        plan = made_of.plans.get(key) if made_of and same and key in stored else None
        is_planned_otherwise = plan is not None and made_of is not None and plan.known_as != now.known_as and (
            not plan.is_also(stored[key], made_of.periods))
        is_overridden_otherwise = made_of is not None and held.get(key) != made_of.overrides.get(key)
        if not same or is_planned_otherwise or is_overridden_otherwise:
            since.append(ChangedSince(region_item, served_by, now.served_by, origin, now.origin,
                                      is_planned_otherwise=is_planned_otherwise,
                                      is_overridden_otherwise=is_overridden_otherwise))
    is_declared_otherwise = made_of is not None and made_of.dataset != digest_of_dataset(services().dataset)
    word = WORD_OF[states.state_of(scenario, is_outdated=bool(since) or is_declared_otherwise)]
    return State(word, since, is_declared_otherwise) if word == "stale" else State(word)


def _standing(keys: Iterable[str]) -> dict[str, _Standing | None]:
    """Key -> how it is forecast now; None while that is not known; those out of the dataset are left out."""
    found: dict[str, _Standing | None] = {}
    for part in chunked(sorted(keys)):
        rows = db.session.execute(select(
            RegionItemRow.key, RegionItemRow.forecast_due, RegionItemRow.forecast_wanted, StoredForecast.served_by,
            StoredForecast.origin).outerjoin(StoredForecast, StoredForecast.key == RegionItemRow.key).where(
            RegionItemRow.key.in_(part), RegionItemRow.in_catalogue))
        found |= {key: None if is_due or served_by is None else _Standing(served_by, origin, wanted)
                  for key, is_due, wanted, served_by, origin in rows}
    return found


def _stored(keys: Iterable[str]) -> dict[str, Part]:
    """Key -> its stored forecast."""
    found: dict[str, Part] = {}
    for part in chunked(sorted(keys)):
        rows = db.session.execute(select(StoredForecast.key, StoredForecast.content).where(
            StoredForecast.key.in_(part)))
        found |= {key: Part.from_bytes(content) for key, content in rows}
    return found
