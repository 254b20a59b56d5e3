"""Who is retrained by itself, and who first: by decay, drift, age and new data, within a budget."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from types import MappingProxyType

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.gate.drift import LEAST_NEW_PERIODS
from demand_assets.forecasting.gate.monitoring import Observation
from demand_assets.forecasting.series.metrics import in_percent


@dataclass(frozen=True)
class Nomination:
    """A region-item that should be retrained, and why."""

    region_item: RegionItem
    reason: str
    weight: float
    """Decay times volume: what is retrained first when there is not room for all."""


@dataclass(frozen=True)
class Learned:
    """What the last retrain that was asked for knew already, whatever the gate made of it."""

    version: int
    """In production then."""
    new_periods: int
    """Since the training of that version."""

    def is_all_of(self, one: Observation, dataset: Dataset) -> bool:
        """Whether the same version is in production, and too few periods came since then to say anything new."""
        return (one.version == self.version
                and one.new_periods - self.new_periods < LEAST_NEW_PERIODS[dataset.frequency])


NOTHING: Mapping[RegionItem, Learned] = MappingProxyType({})


def nominate(observations: Iterable[Observation], dataset: Dataset, now: datetime, waiting: Collection[RegionItem],
             learned: Mapping[RegionItem, Learned] = NOTHING) -> list[Nomination]:
    """Who is retrained now: by decay, drift, age and new data, the largest (decay x volume) first.

    Args:
        observations: the latest of each region-item.
        dataset: holds the thresholds and the budget.
        waiting: those that a retrain was asked for lately, which are left alone.
        learned: what it knew. A candidate that was not promoted leaves drift, age and the count of new periods as they
            were: they ask again when there is more to learn. Decay asks after each cool-down.
    """
    nominated = [Nomination(one.region_item, reason, one.decay * max(one.volume, 1e-9)) for one in observations
                 if one.region_item not in waiting and not one.pinned
                 and (reason := _reason(one, dataset, now, learned.get(one.region_item)))]
    first_things_first = sorted(nominated, key=lambda nomination: (-nomination.weight, nomination.region_item))
    return first_things_first[:dataset.retraining.budget_per_tick]


def standing(observations: Sequence[Observation], dataset: Dataset, now: datetime,
             waiting: Collection[RegionItem] = (), learned: Mapping[RegionItem, Learned] = NOTHING) -> str:
    """Why none is retrained, in numbers: how near the worst of those that were measured come to each threshold.

    Args:
        observations: as for ``nominate``, which nominates none of them.
        waiting, learned: as for ``nominate``.
    """
    if not observations:
        return "no model in production was measured in the last two days, so none is known to need a retrain"
    rules = dataset.retraining
    scored = [one for one in observations if isfinite(one.wape)]
    told = [f"of {len(observations)} measured models in production none is to be retrained now"]
    if scored:
        best, worst = min(scored, key=lambda one: one.wape), max(scored, key=lambda one: one.decay)
        told.append(f"best WAPE {in_percent(best.wape)}")
        told.append(f"largest decay {worst.decay:.2f} times the backtest's WAPE, {worst.region_item} (limit "
                    f"{rules.decay:g})")
    moved, newest = max(observations, key=lambda one: one.drift), max(observations, key=lambda one: one.new_periods)
    oldest = max(0.0, *((now - one.promoted_at).total_seconds() / 86_400 for one in observations))
    told.append(f"largest drift {moved.drift:.2f}, {moved.drifted} of {moved.region_item} (limit {rules.drift:g})")
    told.append(f"most new demand {newest.new_periods} periods (limit {rules.new_periods or dataset.horizon})")
    told.append(f"oldest {oldest:.0f} days (limit {rules.max_age_days:g})")
    told += [f"{count} {words}" for count, words in (
        (len({one.region_item for one in observations} & set(waiting)), "retrained lately"),
        (sum(learned[one.region_item].is_all_of(one, dataset) for one in observations
             if one.region_item in learned and one.region_item not in waiting),
         "retrained before on almost the same demand"),
        (sum(one.pinned for one in observations), "pinned")) if count]
    return "; ".join(told)


def _reason(one: Observation, dataset: Dataset, now: datetime, learned: Learned | None) -> str:
    rules = dataset.retraining
    if one.unusable:
        return f"the model cannot be used: {one.unusable}"
    new_periods = rules.new_periods or dataset.horizon
    age = (now - one.promoted_at).total_seconds() / 86_400
    if one.decay > rules.decay:
        return (f"accuracy decayed: WAPE {in_percent(one.wape)} since the training, {in_percent(one.wape_backtest)} in "
                "the backtest")
    if learned and learned.is_all_of(one, dataset):
        return ""
    if one.drift > rules.drift:
        return f"{one.drifted} drifted: population stability index {one.drift:.2f} above {rules.drift:g}"
    if one.new_periods >= new_periods:
        return f"new demand: {one.new_periods} periods since the training"
    if age > rules.max_age_days and one.new_periods:
        return f"age: promoted {age:.0f} days ago"
    return ""
