"""Forecasts as a table, of what a table asks: for notebooks, batches and served models.

A table of regions and items asks for the plan. One with dates and drivers asks for those periods under drivers that are
given, as a what-if question of the app does.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from demand_assets.forecasting.contract.region_item import BadNameError, RegionItem, known_as
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.forecast import totals
from demand_assets.forecasting.forecast.forecaster import Forecast, Forecaster, ForecastError
from demand_assets.forecasting.model.intervals import DECILE_NAMES, LEVELS
from demand_assets.forecasting.model.serving.serving_model import ServingModel
from demand_assets.forecasting.store.stored_files import DamagedFileError, NotInStoreError
from demand_assets.forecasting.whatif.scenario import PLAN, Planned, Scenario, ScenarioError

COLUMNS = ("region", "item", "date", "forecast", "lower", "upper")
"""Of what is answered."""
_KINDS = ("object", "object", "datetime64[ns]", "float64", "float64", "float64")
"""Of ``COLUMNS``, also where there are no rows."""
ANSWERED_TOGETHER = 500
"""Region-items whose rows are one question to the pooled model."""
_NAMED = 3
"""Region-items that a message names; of others it tells how many."""


class BadFrameError(ValueError):
    """A table or a parameter that asks for nothing that can be answered; the message says what is allowed."""


@dataclass(frozen=True)
class _Question:
    """One region-item of the table."""

    region_item: RegionItem
    region: Any
    """As the table has it; ``item`` too."""
    item: Any
    scenario: Scenario
    dates: tuple[date, ...] = ()
    """The periods that are asked for; all of the horizon where there are none."""


def score(frame: pd.DataFrame, dataset: Dataset, forecaster: Forecaster,
          model_of: Callable[[RegionItem], ServingModel], horizon: int | None = None,
          coverage: float = 0.8, deciles: bool = False) -> pd.DataFrame:
    """Region, item, date, forecast, lower and upper, in units: what the forecast page shows of the model's forecast.

    Args:
        frame: columns region and item: the plan of each, in the order in which they first stand there. Or region, item,
            date and drivers: one row of the answer for each row, under the drivers that it gives; what is missing, or
            is no column, is as planned.
        model_of: what forecasts a region-item; raises BadFrameError where it forecasts another.
        horizon: periods ahead, the dataset's unless given; dates that are given lie within it.
        coverage: of the interval, one of ``intervals.LEVELS``.
        deciles: whether columns p10 to p90 stand behind them; null where a model was trained before there were
            deciles.
    Raises:
        BadFrameError: of the table or the parameters.
        NotInStoreError: a region-item has no stored demand.
    """
    if coverage not in LEVELS:
        raise BadFrameError(f"coverage {coverage!r} is not known; models have intervals of "
                            f"{', '.join(map(str, LEVELS))}")
    questions = _questions(frame, dataset)
    parts: list[pd.DataFrame] = []
    for start in range(0, len(questions), ANSWERED_TOGETHER):
        some = questions[start:start + ANSWERED_TOGETHER]
        answers = _answered(some, forecaster, model_of, horizon)
        parts += [_table(question, forecast, coverage, deciles)
                  for question, forecast in zip(some, answers, strict=True)]
    if not parts:
        kinds = dict(zip(COLUMNS, _KINDS, strict=True)) | dict.fromkeys(DECILE_NAMES if deciles else (), "float64")
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
    answer = pd.concat(parts, ignore_index=True)
    if not questions[0].dates:
        return answer
    wanted = pd.DataFrame({"region": frame["region"].to_numpy(), "item": frame["item"].to_numpy(),
                           "date": _days(frame)})
    return wanted.merge(answer, on=["region", "item", "date"], how="left", validate="one_to_one")


def _questions(frame: pd.DataFrame, dataset: Dataset) -> list[_Question]:
    if lacking := [name for name in ("region", "item") if name not in frame]:
        raise BadFrameError(f"the table has no column {' or '.join(lacking)}; it needs region and item, and date and "
                            f"drivers where these are given ({', '.join(dataset.driver_names) or 'there are none'})")
    if frame[["region", "item"]].isna().any(axis=None):
        raise BadFrameError("a row has no region or no item")
    is_given = "date" in frame and frame["date"].notna().any()
    if is_given and frame["date"].isna().any():
        raise BadFrameError(f"{int(frame['date'].isna().sum())} of {len(frame)} rows have no date; give one in every "
                            "row, or in none to ask for the plan")
    if not is_given:
        if lost := [name for name in dataset.driver_names if name in frame and frame[name].notna().any()]:
            raise BadFrameError(f"{lost[0]} is given without a date; give the date of each row, or leave the drivers "
                                "out to ask for the plan")
        return [_Question(_region_item(region, item), region, item, PLAN) for region, item in dict.fromkeys(
            zip(frame["region"].tolist(), frame["item"].tolist(), strict=True))]
    given = frame.assign(date=_days(frame))
    if given.duplicated(["region", "item", "date"]).any():
        one = given[given.duplicated(["region", "item", "date"])].iloc[0]
        raise BadFrameError(f"{one['region']} · {one['item']} has two rows of {one['date'].date()}; give one")
    drivers = [name for name in dataset.driver_names if name in frame]
    found = []
    for (region, item), rows in given.groupby(["region", "item"], sort=False):
        days = [at.date() for at in rows["date"]]
        planned = tuple(Planned(name, values) for name in drivers if (values := tuple(
            (day, value) for day, value in zip(days, rows[name].tolist(), strict=True) if not pd.isna(value))))
        found.append(_Question(_region_item(region, item), region, item, Scenario(planned=planned), tuple(days)))
    return found


def _region_item(region: Hashable, item: Hashable) -> RegionItem:
    try:
        return RegionItem(known_as(str(region)), known_as(str(item)))
    except BadNameError as error:
        raise BadFrameError(str(error)) from error


def _days(frame: pd.DataFrame) -> "pd.Series[Any]":
    try:
        return pd.to_datetime(frame["date"]).astype("datetime64[ns]").dt.normalize()
    except (ValueError, TypeError) as error:
        raise BadFrameError(f"the column date holds what is no date: {error}") from error


def _answered(questions: Sequence[_Question], forecaster: Forecaster,
              model_of: Callable[[RegionItem], ServingModel], horizon: int | None) -> list[Forecast]:
    asked, missing = [], list[RegionItem]()
    for one in questions:
        try:
            asked.append(forecaster.ask(one.region_item, model_of(one.region_item), horizon, one.scenario))
        except DamagedFileError:
            raise
        except NotInStoreError:
            missing.append(one.region_item)
        except (ForecastError, ScenarioError) as error:
            raise BadFrameError(f"{one.region_item}: {error}") from error
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise NotInStoreError(f"the demand store has no demand of {', '.join(map(str, missing[:_NAMED]))}{more}; check "
                              "the names of region and item, and that the store is the dataset's")
    return forecaster.answer(asked)


def _table(question: _Question, forecast: Forecast, coverage: float, deciles: bool) -> pd.DataFrame:
    table = totals.by_date([forecast.part], coverage)
    table = table[["date", "forecast", "lower", "upper"]]
    if deciles:
        known = forecast.part.deciles()
        values = np.full((len(table), len(DECILE_NAMES)), np.nan) if known is None else known
        table = table.assign(**dict(zip(DECILE_NAMES, values.T, strict=True)))
    if question.dates:
        there = {at.date() for at in table["date"]}
        if strange := [day for day in question.dates if day not in there]:
            raise BadFrameError(f"{question.region_item}: {strange[0]} is no period of the forecast, which has "
                                f"{len(there)}, from {min(there)} to {max(there)}")
        table = table[table["date"].isin([pd.Timestamp(day) for day in question.dates])]
    table.insert(0, "item", [question.item] * len(table))
    table.insert(0, "region", [question.region] * len(table))
    return table
