"""How much too little is forecast of what is new: told by region-items whose past is hidden from the pooled model.

Boosters learn from rows that know their own past, and take one that knows none for one that sells little. By how much
differs from one training to the next, as what they make of a value that is not known is a matter of chance. So
region-items of the panel are forecast over their last horizon as if they were new, and what came over what is forecast
corrects whatever is new: the median over their totals, by the units that are forecast, which is the factor of the
smallest sum of absolute errors.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.features.borrowed_from_others import LatestFacts, PanelFacts
from demand_assets.forecasting.features.inputs import SeriesInputs
from demand_assets.forecasting.features.past_features import Borrowed, Past
from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.model.bounded_forecasts import bounded
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.panel import Member

ENOUGH = 20
"""Region-items that tell of others."""
FARTHEST = 4.0
"""The factor, or one over it, at most."""


def factor_of_new(model: PooledModel, members: Sequence[Member], panel: Iterable[RegionItem]) -> float:
    """What forecasts of what is new are multiplied by; 1 where too few region-items tell.

    Args:
        members: forecast as if they were new.
        panel: all that the model learned from.
    """
    panel = list(panel)
    of_items, of_regions = (Counter(getattr(one, axis) for one in panel) for axis in ("item", "region"))
    series, rows, actual = [], [], []
    leads = np.arange(1, members[0].series.dataset.horizon + 1) if members else np.zeros(0, dtype=np.int64)
    origins = np.zeros(len(leads), dtype=np.int64)
    for member in members:
        origin = member.series.known - 1 - len(leads)
        came = member.series.judged[origin + 1: origin + 1 + len(leads)]
        if origin < 0 or np.isnan(came).any() or not member.series.largest[member.series.known - 1] > 0:
            continue
        facts = _without(model.facts, member, of_items, of_regions)
        known = member.series.past.borrowed.known
        as_new = SeriesFeatures.of(_hidden(member.series.past.inputs, origin, len(leads)), Borrowed.of(
            facts, member.region_item, known, is_new=True), facts.factors_of_total(member.region_item, known),
            facts.has_smoothed)
        series.append(as_new)
        rows.append(as_new.rows(origins, leads))
        actual.append(float(came.sum()))
    if len(series) < ENOUGH:
        return 1.0
    ratios = np.split(model.ratio(np.concatenate(rows)), len(series))
    told = np.array([bounded(ratio, one, origins, leads).sum() for ratio, one in zip(ratios, series, strict=True)])
    factors = np.array(actual) / np.maximum(told, 1e-9)
    order = np.argsort(factors)
    halfway = np.searchsorted(np.cumsum(told[order]), told.sum() / 2)
    return round(float(np.clip(factors[order][halfway], 1 / FARTHEST, FARTHEST)), 4)


def _hidden(inputs: SeriesInputs, origin: int, horizon: int) -> SeriesInputs:
    """A horizon, and the period before it, without any demand."""
    seen = slice(origin, origin + 1 + horizon)
    return replace(inputs, dates=inputs.dates[seen], demand=np.full(1 + horizon, np.nan), known=0, as_sold=None,
                   is_censored=None, drivers={name: values[seen] for name, values in inputs.drivers.items()},
                   unknown_texts={name: values[seen] for name, values in inputs.unknown_texts.items()})


def _without(facts: PanelFacts, member: Member, of_items: Counter[str], of_regions: Counter[str]) -> PanelFacts:
    """The facts as they would be if the panel did not have the member: the levels of its item and of its region."""
    assert facts.latest is not None
    one, past, last = member.region_item, member.series.past, member.series.known - 1
    seen = facts.seen
    if seen is not None and seen.latest is not None and past.seen is not None:
        seen = replace(seen, latest=_latest_without(seen.latest, one, past.seen, last, of_items, of_regions))
    return replace(facts, seen=seen, latest=_latest_without(facts.latest, one, past, last, of_items, of_regions))


def _latest_without(latest: LatestFacts, one: RegionItem, past: Past, last: int, of_items: Counter[str],
                    of_regions: Counter[str]) -> LatestFacts:
    level = float(np.log(past.level[last]))

    def less(levels: dict[str, float], name: str, count: int) -> dict[str, float]:
        others = {each: value for each, value in levels.items() if each != name}
        return others | {name: (count * levels[name] - level) / (count - 1)} if count > 1 and name in levels else others

    return replace(latest, factor=1.0, item_levels=less(latest.item_levels, one.item, of_items[one.item]),
                   region_levels=less(latest.region_levels, one.region, of_regions[one.region]))
