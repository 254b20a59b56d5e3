"""Forecasts of region-items: what the web app shows and what the backtest measured, by the same functions."""

import os
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock
from typing import cast

import numpy as np
import pandas as pd

from demand_assets.forecasting.challengers.model_classes import ChallengerError
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.stored_drivers import with_every_driver
from demand_assets.forecasting.features.series_features import SeriesFeatures
from demand_assets.forecasting.forecast import totals
from demand_assets.forecasting.forecast.flags import Flagged, flags_of
from demand_assets.forecasting.forecast.sold_span import SoldSpan
from demand_assets.forecasting.model.boosters import Rows
from demand_assets.forecasting.model.intervals import Calibration, bounds
from demand_assets.forecasting.model.serving.baseline import BASELINE
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel, ServedBy
from demand_assets.forecasting.model.serving.serving_model import ServingModel
from demand_assets.forecasting.series.adjusted_demand import known_periods, learned
from demand_assets.forecasting.series.censored_demand import observed_periods
from demand_assets.forecasting.series.gapped import Floats, Ints
from demand_assets.forecasting.series.known_history import KnownHistory
from demand_assets.forecasting.series.planned_drivers import future_drivers
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.stored_files import NotInStoreError
from demand_assets.forecasting.whatif.analogues import nearest_past
from demand_assets.forecasting.whatif.explanation import ExplanationRequest, explain_many
from demand_assets.forecasting.whatif.scenario import (
    PLAN,
    Columns,
    Scenario,
    apply,
    apply_to_columns,
    declared_direction,
    unseen_values,
)

HELD = 500
"""Region-items of which what was read and prepared stays in memory: some 250 kB for three years of days each."""
THREADS = min(os.cpu_count() or 1, 4)
"""That ask boosters of many rows at once."""
PLANS_HELD = 3000
"""Forecasts under the plan that stay in memory: some 10 kB each."""


class ForecastError(ValueError):
    """A forecast that cannot be made; the message says what is allowed."""


@dataclass(frozen=True)
class Forecast:
    """The forecast of one region-item, for all leads of the horizon."""

    region_item: RegionItem
    origin: pd.Timestamp
    """The last period with known demand, or out of stock."""
    served_by: ServedBy
    version: int | None
    """Of the model that serves; of the pooled one where it serves alone."""
    columns: dict[str, np.ndarray]
    """Of ``table``."""
    part: totals.Part
    """What totals need of it."""
    assumed: tuple[str, ...] = ()
    """What had to be assumed of future drivers, in sentences."""
    flags: tuple[str, ...] = ()
    """Where drivers leave what the model has seen, in sentences."""
    in_short: Mapping[str, str] = field(default_factory=dict)
    """The same of some flags in short, alike for region-items whose models saw other values."""
    by_class: str = ""
    """The title of the class that forecasts, where it is another than XGBoost."""
    without: str = ""
    """Why the class that was promoted does not, in words; empty where it does, or XGBoost was."""

    @cached_property
    def table(self) -> pd.DataFrame:
        """Schema Forecast: date, lead, forecast, lower_80, upper_80 (units), each driver as used, and as planned the
        price and the cost of a unit where they stand in the rows of demand.

        Made when it is asked for: totals of hundreds do not need it.
        """
        return pd.DataFrame(self.columns)


@dataclass(frozen=True)
class _Ready:
    """One region-item's demand with the planned drivers, ready to be forecast from."""

    demand: pd.DataFrame
    """As stored."""
    series: SeriesFeatures
    planned: Columns
    """Dates and drivers of the horizon as planned."""
    assumed: tuple[str, ...]
    span: SoldSpan
    pooled: PooledModel | None
    """What the features were made for; None for the baseline."""
    histories: dict[int | None, KnownHistory] = field(default_factory=dict)
    """Periods, None for all -> so many of the history, as they were asked for."""
    plans: "dict[int, _PlanRows]" = field(default_factory=dict)
    """Periods -> what was asked of the boosters for the plan, and what they said."""


@dataclass(frozen=True)
class _PlanRows:
    """The features of one region-item under the plan, and what boosters say of them: a scenario asks them only of what
    it changes."""

    rows: Rows
    answers: tuple[Floats, ...]
    """As ``PooledModel.answers``."""
    model: ServingModel
    factor: Floats | None
    """As ``ForecastModel.factor``, by that model; None where it has none."""
    calibration: Calibration
    """By that model."""


@dataclass(frozen=True)
class ForecastRequest:
    """One region-item under one scenario: all that its forecast needs but the boosters' answers."""

    region_item: RegionItem
    model: ServingModel
    scenario: Scenario
    series: SeriesFeatures
    origins: Ints
    leads: Ints
    rows: Rows
    """Of all features; none for the baseline."""
    drivers: Columns
    """Of the future as they are used, with dates."""
    planned: Columns
    """The same under the plan; the same arrays where the scenario changes nothing."""
    assumed: tuple[str, ...]
    span: SoldSpan
    plan: "Forecast | ForecastRequest | None"
    """The same under the plan, for a scenario that is held to declared directions."""
    known_as: Hashable = None
    """What its stored demand is known as; None when the caller did not say."""
    beside: "_PlanRows | None" = None
    """Under the plan, where it was answered before."""


class Forecaster:
    """Forecasts from the demand store and given models.

    What was read and prepared of a region-item is held in memory when the caller says what its demand is known as.
    """

    def __init__(self, dataset: Dataset, store: DemandStore) -> None:
        self._dataset = dataset
        self._store = store
        self._held: OrderedDict[RegionItem, tuple[Hashable, _Ready]] = OrderedDict()
        self._plans: OrderedDict[tuple[RegionItem, int], tuple[Hashable, ServingModel, Forecast]] = OrderedDict()
        self._lock = Lock()

    def history(self, region_item: RegionItem, periods: int | None = None, known_as: Hashable = None) -> pd.DataFrame:
        """Date, demand (NaN = unknown; what is carried over in a column of its own) and drivers up to the last known
        demand, or the last period out of stock; the last ``periods`` of it.

        Raises: NotInStoreError: no demand is stored for the region-item.
        """
        return self.known_history(region_item, periods, known_as).table

    def known_history(self, region_item: RegionItem, periods: int | None = None,
                      known_as: Hashable = None) -> KnownHistory:
        """``history`` with the arrays of it; made once of what is held in memory.

        Raises: NotInStoreError: no demand is stored for the region-item.
        """
        held = self._held.get(region_item)
        if held is not None and known_as is not None and held[0] == known_as:
            histories = held[1].histories
            if periods not in histories:
                histories[periods] = _known_history(held[1].demand, periods)
            return histories[periods]
        return _known_history(with_every_driver(self._store.read("demand", region_item), self._dataset), periods)

    def forecast(self, region_item: RegionItem, model: ServingModel, horizon: int | None = None,
                 scenario: Scenario = PLAN) -> Forecast:
        """Point forecasts and 80 % intervals.

        A scenario that only pushes drivers in directions whose effects are declared never moves the forecast of a
        changed period the other way: where the model would, the plan's forecast stands.

        Args:
            model: the region-item's own, the pooled one, or ``BASELINE``.
            horizon: periods, the dataset's unless given.
            scenario: changes to the drivers of the future.
        Raises:
            ForecastError: a horizon outside 1 to the dataset's.
            NotInStoreError: no demand is stored for the region-item.
            ScenarioError: the scenario cannot be applied.
            OtherDriversError: the dataset or the stored demand lacks a driver that the model was trained with.
            ModelFilesError: the model was fitted on other features than are made now.
        """
        return self.answer([self.ask(region_item, model, horizon, scenario)])[0]

    def ask(self, region_item: RegionItem, model: ServingModel, horizon: int | None = None, scenario: Scenario = PLAN,
            plan: Forecast | None = None, known_as: Hashable = None) -> ForecastRequest:
        """All of a forecast that can fail, and all that is the region-item's alone; ``answer`` does the rest.

        Args:
            plan: the same under the plan, where it is at hand.
            known_as: what the stored demand is known as; as long as it is the same, the store is not read again.
        Raises: as ``forecast``.
        """
        dataset = self._dataset
        horizon = dataset.horizon if horizon is None else horizon
        if not 1 <= horizon <= dataset.horizon:
            raise ForecastError(f"horizon {horizon} is outside 1 to {dataset.horizon}, the longest that the models of "
                                f"{dataset.title} were trained for")
        ready = self._ready(region_item, model, known_as)
        planned = ready.planned if horizon == dataset.horizon else {
            name: values[:horizon] for name, values in ready.planned.items()}
        drivers, series, needed = planned, ready.series, None
        if scenario != PLAN:
            drivers = apply_to_columns(scenario, planned, dataset)
            series = ready.series.with_future(drivers, [name for name in planned if drivers[name] is planned[name]])
            needed = plan or self.ask(region_item, model, horizon, known_as=known_as)
        beside = ready.plans.get(horizon)
        origins, leads = np.full(horizon, ready.series.known - 1, dtype=np.int64), np.arange(1, horizon + 1)
        if model.pooled is None and np.isnan(series.demand[: series.known]).all():
            raise NotInStoreError(f"{region_item} has no demand yet; it is forecast once there is a pooled model")
        if beside is None or model.pooled is None:
            rows = model.rows_of(series, origins, leads)
        else:
            rows = beside.rows if scenario == PLAN else series.rows_beside(
                ready.series, beside.rows, model.pooled.place_of, origins, leads)
        return ForecastRequest(region_item, model, scenario, series, origins, leads, rows, drivers, planned,
                               ready.assumed, ready.span, needed, known_as, beside)

    def answered(self, region_item: RegionItem, model: ServingModel, horizon: int,
                 known_as: Hashable) -> Forecast | None:
        """The forecast under the plan, if it was answered lately; None: ask."""
        with self._lock:
            known, asked_of, forecast = self._plans.get((region_item, horizon), (None, None, None))
        return forecast if known is not None and known == known_as and asked_of is model else None

    def answer(self, asked: Sequence[ForecastRequest]) -> list[Forecast]:
        """The forecasts of what was asked, in its order; by the boosters of a model whose challenger fails."""
        try:
            return self._answer(asked)
        except ChallengerError:
            return self._answer([_without_failing(one) for one in asked])

    def _answer(self, asked: Sequence[ForecastRequest]) -> list[Forecast]:
        plans = [one.plan for one in asked if isinstance(one.plan, ForecastRequest)]
        computed = list(zip([*asked, *plans], _compute([*asked, *plans]), strict=True))
        found = {id(one): each for one, each in computed}
        for one, each in computed:
            if one.scenario == PLAN and one.known_as is not None and one.model.pooled is not None:
                self._keep_rows(one, each)
        forecasts = [self._forecast(one, found[id(one)], found[id(one.plan)].units if isinstance(
            one.plan, ForecastRequest) else None) for one in asked]
        with self._lock:
            for one, forecast in zip(asked, forecasts, strict=True):
                if one.scenario == PLAN and one.known_as is not None:
                    self._plans[one.region_item, len(one.leads)] = (one.known_as, one.model, forecast)
                    self._plans.move_to_end((one.region_item, len(one.leads)))
            while len(self._plans) > PLANS_HELD:
                self._plans.popitem(last=False)
        return forecasts

    def _forecast(self, asked: ForecastRequest, computed: "_Computed", plan: Floats | None) -> Forecast:
        dataset, series, model, units, calibration = (
            self._dataset, asked.series, asked.model, computed.units, computed.calibration)
        if isinstance(asked.plan, Forecast):
            plan = asked.plan.part.forecast
        if plan is not None:
            units = _held(units, plan, declared_direction(asked.planned, asked.drivers, series.dataset))
        unseen = unseen_values(asked.drivers, model.driver_ranges, model.categories, series.dataset)
        flags = flags_of(Flagged(asked.region_item.region, model, series, asked.planned, asked.drivers), dataset,
                         unseen)
        days = asked.drivers["date"].astype("datetime64[D]")
        is_sold = asked.span.covers(days, dataset.frequency)
        units = np.where(is_sold, units, 0.0)
        scale = np.where(is_sold, calibration.scaling.scale(units, series.level[asked.origins], asked.leads), 0.0)
        lower, upper = bounds(units, scale, calibration.lower, calibration.upper, 0.8)
        dates = asked.drivers["date"]
        columns = {"date": dates, "lead": asked.leads, "forecast": units, "lower_80": lower, "upper_80": upper,
                   **{name: asked.drivers[name] for name in (*dataset.driver_names, *dataset.money.by_row)}}
        return Forecast(
            region_item=asked.region_item, origin=series.dates[int(asked.origins[0])], columns=columns,
            version=model.version, served_by=model.served_by, in_short=unseen,
            assumed=(*asked.span.words_for(days, dataset.frequency), *asked.assumed), flags=flags, part=totals.Part(
                days, units, scale, calibration.lower, calibration.upper, model.paths,
                model.horizon_inflation, calibration.spread),
            by_class=model.challenger.title if isinstance(model, ForecastModel) and model.challenger else "",
            without=model.without if isinstance(model, ForecastModel) else "")

    def explain(self, region_item: RegionItem, model: ServingModel, horizon: int | None = None,
                scenario: Scenario = PLAN, exact: bool = True) -> pd.DataFrame:
        """Contributions by driver and group of features to each period's forecast, in units that add up to it.

        Under a scenario they add up to what the model says before declared directions are held.

        Args: as for ``forecast``; ``exact`` as for ``explanation.explain_many``.
        Returns: date and a column for each group (``explanation.explain_many``).
        """
        return self.explain_many([self.ask(region_item, model, horizon, scenario)], exact)[0]

    def explain_many(self, asked: Sequence[ForecastRequest], exact: bool = True) -> list[pd.DataFrame]:
        """``explain`` of many: the rows of all that stand on one pooled model are its boosters' question together."""
        told = explain_many([ExplanationRequest(one.model, one.series, one.origins, one.leads, one.rows)
                             for one in asked], exact)
        return [pd.DataFrame({"date": one.drivers["date"], **parts})
                for one, parts in zip(asked, told, strict=True)]

    def most_like(self, region_item: RegionItem, horizon: int, scenario: Scenario, count: int) -> pd.DataFrame:
        """The past periods most like those that a scenario changes, by drivers and calendar (``nearest_past``).

        Raises: as for ``forecast``.
        """
        ready = self._ready(region_item, BASELINE, None)
        planned = pd.DataFrame(dict(ready.planned)).iloc[:horizon]
        asked = apply(scenario, planned, self._dataset)
        names = list(self._dataset.driver_names)
        changed = (asked[names].astype("string") != planned[names].astype("string")).any(axis=1).to_numpy()
        return nearest_past(ready.demand, self._dataset, asked[changed], count)

    def _keep_rows(self, asked: ForecastRequest, computed: "_Computed") -> None:
        """Let later scenarios find what boosters said of the plan, as long as the region-item is held in memory."""
        known, ready = self._held.get(asked.region_item, (None, None))
        if ready is not None and known == asked.known_as and ready.series is asked.series:
            ready.plans[len(asked.leads)] = _PlanRows(
                asked.rows, computed.answers, asked.model, computed.factor, computed.calibration)

    def _ready(self, region_item: RegionItem, model: ServingModel, known_as: Hashable) -> _Ready:
        with self._lock:
            known, held = self._held.get(region_item, (None, None))
            if held is not None and known_as is not None and known == known_as and held.pooled is model.pooled:
                self._held.move_to_end(region_item)
                return held
        dataset, horizon = self._dataset, self._dataset.horizon
        stored = self._store.read("demand", region_item)
        model.check_drivers(stored, dataset, region_item)
        stored = with_every_driver(stored, dataset)
        demand, assumed = future_drivers(stored, dataset, horizon)
        demand.attrs.update(stored.attrs)
        ready = _Ready(stored, model.series_of(demand, dataset, region_item),
                       {name: demand[name].to_numpy()[len(demand) - horizon:]
                        for name in ("date", *dataset.driver_names, *dataset.money.by_row)},
                       assumed, SoldSpan.of(stored, dataset), model.pooled)
        if known_as is not None:
            with self._lock:
                self._held[region_item] = (known_as, ready)
                while len(self._held) > HELD:
                    self._held.popitem(last=False)
        return ready


def _known_history(demand: pd.DataFrame, periods: int | None) -> KnownHistory:
    is_known = not np.isnan(learned(demand)).all()
    history = demand.iloc[: known_periods(demand) if is_known else observed_periods(demand)]
    return KnownHistory(history.tail(periods) if periods else history)


@dataclass(frozen=True)
class _Computed:
    """Point forecasts of one region-item, and what of them stands where a scenario changes nothing."""

    units: Floats
    """Point forecasts, shape (n,)."""
    answers: tuple[Floats, ...]
    """As ``PooledModel.answers``; none of the baseline."""
    factor: Floats | None
    """As ``ForecastModel.factor``; None where there is none."""
    calibration: Calibration


def _compute(asked: Sequence[ForecastRequest]) -> list[_Computed]:
    """The point forecasts of each, in its order; the rows of all that stand on one pooled model are its question
    together, and of those whose plan was answered before, only what differs from it."""
    by_pooled: dict[tuple[int, bool], tuple[PooledModel, list[int]]] = {}
    for place, one in enumerate(asked):
        pooled = one.model.pooled
        if pooled is not None:
            by_pooled.setdefault((id(pooled), one.beside is not None), (pooled, []))[1].append(place)
    ratios, answers = [np.zeros(0)] * len(asked), [tuple[Floats, ...]()] * len(asked)
    for (_, is_beside), (pooled, places) in by_pooled.items():
        rows = np.concatenate([asked[place].rows for place in places])
        found = (_answers_beside(pooled, rows, [asked[place].beside for place in places]) if is_beside
                 else pooled.answers(rows, threads=THREADS))
        ends = np.cumsum([len(asked[place].rows) for place in places])[:-1]
        for place, ratio, *each in zip(places, np.split(pooled.ratio_of(found, rows), ends), *(
                np.split(answer, ends) for answer in found), strict=True):
            ratios[place], answers[place] = ratio, tuple(each)
    return [_computed_of(one, ratio, each) for one, ratio, each in zip(asked, ratios, answers, strict=True)]


def _answers_beside(pooled: PooledModel, rows: Rows, plans: Sequence[_PlanRows | None]) -> tuple[Floats, ...]:
    """``PooledModel.answers`` of rows whose plans, all of them given and in the same order, were answered before."""
    there = [plan for plan in plans if plan is not None]
    return pooled.answers_beside(rows, np.concatenate([plan.rows for plan in there]), tuple(
        np.concatenate(answers) for answers in zip(*(plan.answers for plan in there), strict=True)), THREADS)


def _computed_of(asked: ForecastRequest, ratio: Floats, answers: tuple[Floats, ...]) -> _Computed:
    """The point forecasts that follow from the boosters' answers; by the plan's calibration and factor where the same
    model forecasts from the same rows."""
    model = asked.model
    beside = asked.beside if asked.beside is not None and asked.beside.model is model else None
    calibration = beside.calibration if beside is not None else model.calibration_of(asked.series)
    if not isinstance(model, ForecastModel) or model.challenger is not None:
        return _Computed(model.units(ratio, asked.rows, asked.series, asked.origins, asked.leads), answers, None,
                         calibration)
    columns = list(model.pooled.columns)
    factor = beside.factor if beside is not None and np.array_equal(
        beside.rows[:, columns].view(np.int32), asked.rows[:, columns].view(np.int32)) else None
    if factor is None:
        factor = model.factor(asked.rows)
    return _Computed(model.units(ratio, asked.rows, asked.series, asked.origins, asked.leads, factor), answers, factor,
                     calibration)


def _without_failing(asked: ForecastRequest) -> ForecastRequest:
    """The request to the boosters where the model's challenger fails; else as it is."""
    model = asked.model
    if not isinstance(model, ForecastModel) or model.challenger is None:
        return asked
    plan = _without_failing(asked.plan) if isinstance(asked.plan, ForecastRequest) else asked.plan
    try:
        model.challenger.units(np.zeros(len(asked.origins)), asked.series, asked.origins, asked.leads)
        if not isinstance(plan, ForecastRequest) or plan.model is model:
            return replace(asked, plan=plan)
        why = cast(ForecastModel, plan.model).without
    except ChallengerError as error:
        why = str(error)
    served = model.without_challenger(why)
    if isinstance(plan, ForecastRequest):
        plan = replace(plan, model=served)
    return replace(asked, model=served, plan=plan)


def _held(units: Floats, plan: Floats, direction: Ints) -> Floats:
    """The scenario's forecast, not against the declared direction of what was changed in each period."""
    return np.where(direction > 0, np.maximum(units, plan), np.where(direction < 0, np.minimum(units, plan), units))
