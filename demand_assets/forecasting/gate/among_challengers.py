"""Which class of model a candidate is: its boosters, unless a challenger is better on windows that chose nothing."""

from dataclasses import replace
from typing import Any

import numpy as np

from demand_assets.forecasting.challengers.model_classes import model_class
from demand_assets.forecasting.dataset.attributes import Value
from demand_assets.forecasting.dataset.models.challenger_entries import Challengers
from demand_assets.forecasting.dataset.models.gate_margins import Gate
from demand_assets.forecasting.gate.contest import contestant
from demand_assets.forecasting.gate.gate import judge
from demand_assets.forecasting.model.serving.challenger import BLEND, BOOSTERS
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.training.challengers import Choice, compete
from demand_assets.forecasting.model.training.own_model import Trained
from demand_assets.forecasting.series.metrics import in_percent

CONTEST = "challengers"
"""The entry of a model's report that tells of the contest among classes."""


def candidate_of(trained: Trained, entries: Challengers, attributes: dict[str, Value]) -> ForecastModel:
    """The candidate of the region-item; where classes competed, its report tells what came of it.

    The class that was best on the windows before the judged ones takes the boosters' place if it passes the gate
    against them on the judged windows, as a candidate must against a model in production on the same demand.
    """
    choice = compete(trained, entries, attributes)
    if not choice.wapes and not choice.out:
        return trained.model
    model, words = _decided(trained.model, choice, trained.series.dataset.gate)
    return replace(model, report={**model.report, CONTEST: {**choice.to_json(), "why": words}})


def why(model: ForecastModel) -> str:
    """What came of the contest among classes, in words; empty where none competed."""
    told: dict[str, Any] = model.report.get(CONTEST, {})
    return str(told.get("why", ""))


def _decided(boosters: ForecastModel, choice: Choice, gate: Gate) -> tuple[ForecastModel, str]:
    challenger = choice.chosen
    if challenger is None or challenger.challenger is None:
        if len(choice.wapes) < 2:
            return boosters, "XGBoost: no other class could compete"
        if choice.best != BOOSTERS:
            title = "the blend" if choice.best == BLEND else model_class(choice.best).title
            went = "; ".join(f"{name}: {choice.out[name].removeprefix(f'{name} ')}"
                             for name in choice.wapes if name in choice.out)
            return boosters, (f"XGBoost: {title} did better in the windows before the judged ones and then went out "
                              f"({went})")
        return boosters, "XGBoost: no other class was better in the windows before the judged ones"
    decision = judge(np.array(boosters.backtest["actual"], dtype=np.float64), contestant(challenger),
                     contestant(boosters), np.array(boosters.backtest["seasonal_naive"], dtype=np.float64), gate)
    title, numbers = challenger.challenger.title, decision.numbers
    measure = "wape_totals" if "wape_totals" in numbers else "wape"
    mine, theirs = numbers.get(measure), numbers.get(f"{measure}_production")
    compared = (f"WAPE {in_percent(mine)} against {in_percent(theirs)} of XGBoost in the same windows"
                if mine is not None and theirs is not None else "not compared")
    if decision.verdict == "promote":
        return challenger, f"{title} in place of XGBoost: {compared}"
    # The boosters stand where the rule has the model in production, and are called so.
    reason = decision.reason.replace("the model in production", "XGBoost")
    return boosters, f"XGBoost: {title} did better in the windows before, and in the judged ones {reason}"
