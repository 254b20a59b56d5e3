"""Is a new pooled model a better ground to stand on than the one in production?"""

from collections.abc import Sequence

import numpy as np

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.gate.contest import other_drivers
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.backtest import judged_origins
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.panel import Read, evenly_chosen
from demand_assets.forecasting.model.unknown_drivers import OtherDriversError
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.forecasting.series.metrics import in_percent, recorded, wape

COMPARED = 100
"""Region-items whose windows both models forecast, evenly chosen."""


def judge_pooled(candidate: PooledModel, production: PooledModel | None, region_items: Sequence[RegionItem], read: Read,
                 dataset: Dataset) -> Decision:
    """Promote the newer pooled model unless it is worse, on windows that neither model's fits have seen.

    The first is promoted as it is: what stands on it passes the gate by itself. So is one that replaces a model which
    cannot forecast the dataset any more. Where both cannot be compared the newer one must be no worse than the
    baseline. Where no forecast would move, none is promoted but for intervals that newer demand has measured, or for
    deciles where there were none.
    """
    numbers = {name: candidate.card.get(name) for name in ("wape", "wape_seasonal_naive", "bias")}
    if production is None:
        return Decision("promote", "first pooled model of the dataset", numbers)
    try:
        production.as_known(dataset)
    except OtherDriversError as error:
        return Decision("promote", f"the pooled model in production cannot be used: {error}", numbers)
    if problem := other_drivers(candidate, production):
        return _on_its_own(problem, numbers)
    if candidate.card.get("carried_over", "") != production.card.get("carried_over", ""):
        return _on_its_own("other items' demand is carried over than when the one in production was trained", numbers)
    if _forecasts_the_same(candidate, production, region_items, read, dataset):
        return _of_the_same(candidate, production, numbers)
    actual, mine, theirs = _compared(candidate, production, region_items, read, dataset)
    if not len(actual) or not np.isfinite(wape(actual, theirs)):
        return _on_its_own("there is no demand in windows that neither has seen", numbers)
    new, old = wape(actual, mine), wape(actual, theirs)
    numbers = {"wape": recorded(new), "wape_production": recorded(old)}
    words = f"WAPE {in_percent(new)} against {in_percent(old)} of the pooled model in production"
    if not np.isfinite(new) or new > old * (1 + dataset.gate.pooled_margin):
        return Decision("keep", f"{words}, on windows that neither has seen", numbers)
    is_newer = candidate.latest.seen > production.latest.seen
    return Decision("promote", f"{words}{', and trained on newer demand' if is_newer else ''}", numbers)


def _of_the_same(candidate: PooledModel, production: PooledModel, numbers: dict[str, float | None]) -> Decision:
    """The decision on a candidate that forecasts exactly what the model in production does."""
    words = "the same forecasts: the candidate forecasts exactly what the pooled model in production does"
    if (candidate.latest.calibration, candidate.horizon_inflation) == (
            production.latest.calibration, production.horizon_inflation):
        return Decision("keep", words, numbers)
    if candidate.has_deciles and not production.has_deciles and candidate.latest.seen >= production.latest.seen:
        return Decision("promote", f"{words}; it adds deciles, which that one does not have", numbers)
    if candidate.latest.seen <= production.latest.seen:
        return Decision("keep", f"{words}, and its other intervals come from no newer demand", numbers)
    return Decision("promote", f"{words}; only its intervals are other ones, measured on newer demand (to "
                               f"{candidate.latest.seen.astype('datetime64[D]')})", numbers)


def _forecasts_the_same(candidate: PooledModel, production: PooledModel, region_items: Sequence[RegionItem],
                        read: Read, dataset: Dataset) -> bool:
    """Whether two models forecast exactly the same of every region-item: what lies ahead, and the judged windows. They
    seldom do, and then the first region-item tells.

    Args:
        candidate, production: know the same drivers.
    """
    has_looked = False
    for one in region_items:
        demand = read(one)
        try:
            each = [model.series_of(demand, dataset, one) for model in (candidate, production)]
        except (NotEnoughHistoryError, OtherDriversError):
            continue
        for origin in (each[0].known - 1, *_windows(each[0])):
            leads = np.arange(1, min(dataset.horizon, len(each[0].dates) - 1 - origin) + 1)
            if origin < 0 or not len(leads):
                continue
            has_looked = True
            mine, theirs = (model.forecast(series, np.full(len(leads), origin), leads)
                            for model, series in zip((candidate, production), each, strict=True))
            if not np.array_equal(mine, theirs, equal_nan=True):
                return False
    return has_looked


def _windows(series: SeriesFeatures) -> list[int]:
    """The origins of the judged windows; none where the history is too short for any."""
    try:
        return [int(origin) for origin in judged_origins(series)]
    except NotEnoughHistoryError:
        return []


def _on_its_own(problem: str, numbers: dict[str, float | None]) -> Decision:
    """The decision on a candidate that cannot be compared."""
    mine, floor = numbers["wape"], numbers["wape_seasonal_naive"]
    words = f"cannot be compared: {problem}"
    if mine is None or floor is None:
        return Decision("promote", f"{words}, and no window to judge it in; what stands on it is judged by itself",
                        numbers)
    words = f"{words}; judged on its own: WAPE {in_percent(mine)} against {in_percent(floor)} of seasonal naive"
    return Decision("promote" if mine <= floor else "keep", words, numbers)


def _compared(candidate: PooledModel, production: PooledModel, region_items: Sequence[RegionItem], read: Read,
              dataset: Dataset) -> tuple[Floats, Floats, Floats]:
    """Actuals of windows that neither has seen and both models' forecasts of them; all empty where there is none.

    Args:
        candidate, production: know the same drivers.
    """
    found: list[tuple[Floats, Floats, Floats]] = []
    leads = np.arange(1, dataset.horizon + 1)
    for one in evenly_chosen(region_items, COMPARED):
        demand = read(one)
        try:
            series = [model.series_of(demand, dataset, one).as_planned for model in (candidate, production)]
            origins = judged_origins(series[0])
        except (NotEnoughHistoryError, OtherDriversError):
            continue
        for origin in origins:
            starts = np.full(len(leads), origin)
            date = series[0].dates.to_numpy()[origin].astype("datetime64[D]")
            try:
                units = [model.forecast(features, starts, leads, model.fit_before(date))
                         for model, features in zip((candidate, production), series, strict=True)]
            except NotEnoughHistoryError:
                continue
            found.append((series[0].sold[starts + leads], units[0], units[1]))
    if not found:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    actual, mine, theirs = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return actual, mine, theirs
