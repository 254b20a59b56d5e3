"""What a forecast says of itself where what forecasts does not know what it is asked of: in sentences, for people."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.driver_effects import has_slope
from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.serving_model import ServingModel
from demand_assets.forecasting.whatif.scenario import Columns


@dataclass(frozen=True)
class Flagged:
    """A forecast of one region-item, as far as it is flagged."""

    region: str
    model: ServingModel
    series: SeriesFeatures
    planned: Columns
    """Drivers as planned."""
    drivers: Columns
    """As the scenario has them."""


def flags_of(asked: Flagged, dataset: Dataset, unseen: Iterable[str]) -> tuple[str, ...]:
    """The sentences, in the order in which they are told.

    Args:
        unseen: those of values that the model has not seen, as ``unseen_values`` gives them.
    """
    return (*_of_challenger(asked.model), *_unknown(asked, dataset), *_undeclared(asked, asked.series.dataset), *unseen,
            *_of_calendar(asked, dataset), *_of_attributes(asked, dataset))


def _of_challenger(model: ServingModel) -> tuple[str, ...]:
    """A sentence where the version's challenger does not forecast."""
    if not isinstance(model, ForecastModel) or not model.without:
        return ()
    return (f"Forecast by the XGBoost model of the same version, with its own interval: the class that was promoted "
            f"cannot forecast here ({model.without}). The next retrain takes the best class that can.",)


def _unknown(asked: Flagged, dataset: Dataset) -> tuple[str, ...]:
    """A sentence for each driver that has no part in the forecast, since what forecasts does not know it.

    Of the baseline, which knows none, only those that a scenario changes.
    """
    sentences = []
    challenger = asked.model.challenger if isinstance(asked.model, ForecastModel) else None
    for driver in dataset.drivers:
        if driver.name in asked.model.drivers:
            if challenger and not challenger.sees_drivers and _is_changed(asked, driver.name):
                sentences.append(f"{driver.title} is changed without effect: {challenger.title}, which forecasts this "
                                 "region-item, knows no drivers.")
            continue
        is_changed = _is_changed(asked, driver.name)
        if asked.model.served_by == "baseline":
            if is_changed:
                sentences.append(f"{driver.title} is changed without effect: the seasonal-naive baseline repeats past "
                                 "demand, whatever the drivers.")
        elif is_changed:
            sentences.append(f"{driver.title} is changed without effect: the model was trained without that driver and "
                             "cannot tell what it does. A new pooled model, and a retrain on it, will know it.")
        else:
            sentences.append(f"{driver.title} has no part in the forecast: the model was trained without that driver. "
                             "A new pooled model, and a retrain on it, will know it.")
    return tuple(sentences)


def _undeclared(asked: Flagged, dataset: Dataset) -> tuple[str, ...]:
    """A sentence for each number that a scenario changes and that has no effect which a what-if could be told by."""
    if asked.model.pooled is None:
        return ()
    return tuple(
        f"{driver.title} is changed, and the dataset file does not say what demand does when it rises: the model may "
        "take what only came with it for its effect, so that even the sign of the difference is uncertain. Where it is "
        "known to raise or to lower demand, declare its effect; a new pooled model will tell it by one."
        for driver in dataset.drivers if driver.kind == "number" and not has_slope(driver)
        and _is_changed(asked, driver.name))


def _is_changed(asked: Flagged, driver: str) -> bool:
    """Whether the scenario makes something else of a driver than the plan."""
    before, after = asked.planned[driver], asked.drivers[driver]
    return before is not after and not pd.Series(before).astype("string").equals(pd.Series(after).astype("string"))


def _of_calendar(asked: Flagged, dataset: Dataset) -> tuple[str, ...]:
    """A sentence for each driver that stands for other days than those that the model learned it from."""
    if asked.model.pooled is None:
        return ()
    return tuple(f"{dataset.driver(name).title} stands for other days than when the model was trained, since the "
                 "calendar in the dataset file was changed: its effect is that of those days. A new pooled model, and "
                 "a retrain on it, will know it."
                 for name in asked.model.pooled.other_days(dataset, asked.region))


def _of_attributes(asked: Flagged, dataset: Dataset) -> tuple[str, ...]:
    """A sentence for each attribute that is not what the model learned of it."""
    if asked.model.pooled is None:
        return ()
    facts, titles = asked.model.pooled.facts, {one.name: one.title for one in dataset.attributes}
    others = facts.other_attributes(dataset.attributes)
    unseen = facts.unseen_attributes(asked.series.past.borrowed.known)
    return (*(f"The model learned the attribute {name.replace('_', ' ')}, which the dataset file "
              f"{'now declares as something else' if name in titles else 'no longer declares'}; it goes on with what "
              "was known of it. A new pooled model, and a retrain on it, will know the attributes as they are."
              for name in others),
            *(f"The model has not seen the {titles[name]} {value!r} and takes it for one of the rare ones. A new "
              "pooled model, and a retrain on it, will know it."
              for name, value in unseen.items() if name not in others))
