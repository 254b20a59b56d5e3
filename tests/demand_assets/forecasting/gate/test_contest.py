"""Contests in which production has no honest score: it knows other drivers, or has seen the windows."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.gate.contest import contest, same_forecasts
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.gate.pooled_contest import judge_pooled
from demand_assets.forecasting.model.boosters import training_rows
from demand_assets.forecasting.model.own_share import SHARE_PRIOR, SharePrior
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.own_model import OWN_ROWS, backtest, train
from demand_assets.forecasting.model.unknown_drivers import OtherPastError
from demand_assets.forecasting.series.carried_over_demand import CARRIED_FROM
from demand_assets.forecasting.series.metrics import wape
from tests.demand_assets.forecasting.conftest import (
    KETTLES,
    as_trained_before,
    pooled_over,
    quick,
    weekly_demand,
    without_deciles,
)

EVENT = Driver(name="event", kind="category")
CLOSED = Driver(name="closed", kind="yes_no")
INCOME = Driver(name="income", kind="number")


@pytest.fixture(scope="module")
def weekly(weekly: Dataset) -> Dataset:
    return quick(weekly)


def demand() -> pd.DataFrame:
    weeks = np.arange(134)
    return weekly_demand(130, future=4).assign(
        event=np.where(weeks % 9 == 0, "fair", "none"), closed=(weeks % 11 == 0).astype(float), income=weeks % 7 + 1.0)


def with_drivers(dataset: Dataset, *drivers: Driver) -> Dataset:
    return dataset.model_copy(update={"drivers": drivers})


@cache
def fitted(described: str) -> PooledModel:
    return pooled_over({KETTLES: demand()}, Dataset.model_validate_json(described))


def pooled_on(dataset: Dataset) -> PooledModel:
    """The pooled model over ``demand()``, version 1; fitted once for each dataset, as no test changes it."""
    return fitted(dataset.model_dump_json())


def on(dataset: Dataset, table: pd.DataFrame | None = None, version: int = 1) -> ForecastModel:
    """The kettles' model on the pooled one over this table, or over ``demand()``."""
    pooled = pooled_on(dataset) if table is None else pooled_over({KETTLES: table}, dataset)
    return train(demand() if table is None else table, dataset, pooled.with_version(version), KETTLES)


def has_no_score_of_production(decision: Decision) -> bool:
    return not {"wape_production", "bias_production", "wape_totals_production"} & set(decision.numbers)


@pytest.mark.parametrize("added", [EVENT, CLOSED, INCOME])
def test_a_driver_added_cannot_be_compared_and_the_candidate_is_judged_on_its_own(weekly: Dataset,
                                                                                  added: Driver) -> None:
    more = with_drivers(weekly, *weekly.drivers, added)
    production, candidate = on(weekly), on(more, version=2)

    decision = contest(demand(), more, candidate, production, KETTLES)

    assert decision.verdict == "promote"
    assert decision.reason.startswith("cannot be compared: the model in production knows other drivers: not "
                                      f"{added.name}; judged on its own: WAPE ")
    assert decision.reason.endswith("of seasonal naive")
    assert has_no_score_of_production(decision)
    assert decision.numbers["windows_compared"] == 0


def test_a_candidate_that_cannot_be_compared_must_beat_the_baseline(weekly: Dataset) -> None:
    more = with_drivers(weekly, *weekly.drivers, CLOSED)
    production, candidate = on(weekly), on(more, version=2)
    poor = replace(candidate, backtest={**candidate.backtest, "forecast": np.full((3, 4), 900.0).tolist()})

    decision = contest(demand(), more, poor, production, KETTLES)

    assert decision.verdict == "keep"
    assert "is worse than seasonal naive" in decision.reason
    assert has_no_score_of_production(decision)


def test_an_older_candidate_that_cannot_be_compared_is_kept_out(weekly: Dataset) -> None:
    more = with_drivers(weekly, *weekly.drivers, CLOSED)
    older = on(more, demand().iloc[:122], version=2)

    decision = contest(demand(), more, older, on(weekly), KETTLES)

    assert decision.verdict == "keep"
    assert "the candidate was trained on older demand (to 2025-04-28, production to 2025-06-23)" in decision.reason


@pytest.mark.parametrize(("drivers", "says"), [
    (lambda d: d[:1], "but promo"),
    (lambda d: (d[0], d[1].model_copy(update={"name": "offer"})), "not offer; but promo"),
    (lambda d: (d[0], d[1].model_copy(update={"kind": "number"})), "and of another kind promo")])
def test_a_driver_removed_renamed_or_of_another_kind(weekly: Dataset, says: str,
                                                     drivers: Callable[[tuple[Driver, ...]], tuple]) -> None:
    changed = with_drivers(weekly, *drivers(weekly.drivers))
    table = demand().assign(offer=lambda found: found["promo"])

    decision = contest(table, changed, on(changed, table, version=2), on(weekly), KETTLES)

    assert decision.verdict == "promote"
    assert decision.reason.startswith(f"cannot be compared: the model in production knows other drivers: {says}; ")
    assert has_no_score_of_production(decision)


def test_a_candidate_of_yesterdays_drivers_is_kept_out(weekly: Dataset) -> None:
    decision = contest(demand(), with_drivers(weekly, weekly.drivers[0]), on(weekly), None, KETTLES)

    assert decision.verdict == "keep"
    assert decision.reason.startswith("it cannot forecast the dataset as it is now: it was trained with the driver")


def test_the_order_of_drivers_in_the_file_is_no_difference(weekly: Dataset) -> None:
    turned = with_drivers(weekly, *reversed(weekly.drivers))

    decision = contest(demand(), turned, on(turned, version=2), on(weekly), KETTLES)

    assert "cannot be compared" not in decision.reason
    assert decision.numbers["windows_compared"] == 3


def without_older_fits(model: ForecastModel, keep: int = 1) -> ForecastModel:
    return replace(model, pooled=replace(model.pooled, fits=model.pooled.fits[-keep:]))


def test_production_that_has_seen_all_windows_has_no_score(weekly: Dataset) -> None:
    other = weekly.model_copy(update={"training": weekly.training.model_copy(update={"own_share": 0.1})})
    production = without_older_fits(on(other))

    decision = contest(demand(), weekly, on(weekly, version=2), production, KETTLES)

    assert has_no_score_of_production(decision)
    assert decision.reason.startswith("cannot be compared: there is no demand in windows that the model in production "
                                      "has not seen; judged on its own")


def test_only_windows_that_production_has_not_seen_are_compared(weekly: Dataset) -> None:
    other = weekly.model_copy(update={"training": weekly.training.model_copy(update={"own_share": 0.1})})
    whole = on(other)
    production, candidate = without_older_fits(whole, keep=2), on(weekly, version=2)

    decision = contest(demand(), weekly, candidate, production, KETTLES)

    last = whole.backtest
    actual, forecast = np.array(last["actual"][2]), np.array(last["forecast"][2])
    assert decision.numbers["windows_compared"] == 1
    expected = np.abs(actual - forecast).sum() / actual.sum()
    assert decision.numbers["wape_production"] == pytest.approx(expected, abs=1e-4)
    assert "in the 1 of 3 windows that it had not seen" in decision.reason


def test_both_see_the_same_drivers_whichever_was_judged_how(weekly: Dataset) -> None:
    table = weekly_demand(130)
    new, other = on(weekly, table, version=2), on(weekly.model_copy(
        update={"training": weekly.training.model_copy(update={"own_share": 0.1})}), table)
    old_new, old_other = as_trained_before(new), as_trained_before(other)

    by_plan, also, as_came = (contest(table, weekly, candidate, production, KETTLES).numbers for candidate, production
                              in ((new, other), (new, old_other), (old_new, other)))

    assert by_plan["wape"] == pytest.approx(new.card.wape, abs=1e-4)
    assert by_plan["wape_production"] == also["wape_production"] == pytest.approx(other.card.wape, abs=1e-4)
    assert as_came["wape"] == pytest.approx(new.card.wape_realised, abs=1e-4)
    assert as_came["wape_production"] == pytest.approx(other.card.wape_realised, abs=1e-4)
    assert by_plan["bias_realised"] == pytest.approx(new.card.bias_realised, abs=1e-4)


def test_what_a_plan_leaves_out_is_not_held_against_a_candidate(weekly: Dataset) -> None:
    """Nobody plans the promotions, so forecasts by the plan are far too low; with them they are right."""
    promo = weekly.drivers[1].model_copy(update={"future": "given", "default": False})
    unplanned = with_drivers(weekly, weekly.drivers[0].model_copy(update={"future": "known"}), promo)
    table = weekly_demand(130).assign(promo=lambda rows: np.where(np.arange(130) % 2, rows["promo"], 1.0))
    units = np.where(table["promo"] == 1, 300.0, 100.0)
    table["demand"] = units + np.arange(130) % 3

    candidate = on(unplanned, table)

    assert candidate.card.bias < -0.35
    assert abs(candidate.card.bias_realised) < 0.1
    assert "too low" not in contest(table, unplanned, candidate, None, KETTLES).reason


def judged(candidate: PooledModel, production: PooledModel, dataset: Dataset, table: pd.DataFrame) -> Decision:
    return judge_pooled(candidate, production, [KETTLES], lambda _: table, dataset)


@pytest.mark.parametrize("added", [EVENT, CLOSED, INCOME])
def test_a_pooled_model_that_knows_one_driver_more_is_promoted_on_its_own(weekly: Dataset, added: Driver) -> None:
    more = with_drivers(weekly, *weekly.drivers, added)

    decision = judged(on(more).pooled, on(weekly).pooled, more, demand())

    assert decision.verdict == "promote"
    assert decision.reason.startswith("cannot be compared: the model in production knows other drivers: not "
                                      f"{added.name}; judged on its own: WAPE ")
    assert "wape_production" not in decision.numbers


def test_a_pooled_model_that_cannot_be_compared_must_beat_the_baseline(weekly: Dataset) -> None:
    more = with_drivers(weekly, *weekly.drivers, CLOSED)
    poor = replace(on(more).pooled, card={"wape": 0.9, "wape_seasonal_naive": 0.5})

    assert judged(poor, on(weekly).pooled, more, demand()).verdict == "keep"


@pytest.mark.parametrize("is_read_again", [False, True])
def test_a_pooled_model_that_forecasts_exactly_the_same_is_no_promotion(weekly: Dataset, is_read_again: bool,
                                                                        tmp_path: Path) -> None:
    production = on(weekly).pooled
    candidate = on(weekly, demand(), version=2).pooled  # fitted again, on the same demand
    if is_read_again:
        production.save(tmp_path)
        production = PooledModel.load(tmp_path)

    decision = judged(candidate, production, weekly, demand())

    assert (decision.verdict, decision.reason) == (
        "keep", "the same forecasts: the candidate forecasts exactly what the pooled model in production does")


@pytest.mark.parametrize(("moved", "verdict", "words"), [
    (7, "promote", "only its intervals are other ones, measured on newer demand (to "),
    (0, "keep", "and its other intervals come from no newer demand")])
def test_of_the_same_forecasts_only_intervals_that_newer_demand_measured_are_promoted(
        weekly: Dataset, moved: int, verdict: str, words: str) -> None:
    production = on(weekly).pooled
    latest = replace(production.latest, seen=production.latest.seen + np.timedelta64(moved, "D"))
    candidate = replace(production, fits=(*production.fits[:-1], latest), horizon_inflation=9.0)

    decision = judged(candidate, production, weekly, demand())

    assert decision.verdict == verdict
    assert decision.reason.startswith("the same forecasts: ")
    assert words in decision.reason


def test_of_the_same_forecasts_those_with_deciles_replace_those_without(weekly: Dataset) -> None:
    candidate, table = on(weekly).pooled, demand()
    before = without_deciles(candidate)

    assert not before.has_deciles
    decision = judged(candidate, before, weekly, table)
    assert (decision.verdict, decision.reason) == (
        "promote", "the same forecasts: the candidate forecasts exactly what the pooled model in production does; it "
                   "adds deciles, which that one does not have")
    assert judged(before, candidate, weekly, table).verdict == "keep"


def test_a_retrain_that_forecasts_the_same_adds_deciles(weekly: Dataset) -> None:
    candidate = replace(on(weekly), recipe=replace(on(weekly).recipe, own_share=0.0))
    before = replace(candidate, calibration=replace(candidate.calibration, spread=None),
                     card=replace(candidate.card, code_version="14"))

    decision = contest(demand(), weekly, candidate, before, KETTLES)

    assert decision.verdict == "promote"
    assert decision.reason.endswith("; it adds deciles, which that one does not have")
    assert contest(demand(), weekly, before, candidate, KETTLES).verdict == "keep"
    older = replace(candidate, card=replace(candidate.card, trained_to="2020-01-01"))
    assert contest(demand(), weekly, older, before, KETTLES).verdict == "keep"


def test_a_pooled_model_that_forecasts_one_region_item_otherwise_is_judged_by_its_error(weekly: Dataset) -> None:
    production = on(weekly).pooled
    fits = tuple(replace(fit, correction=fit.correction * (1 + 1e-12)) for fit in production.fits)

    decision = judged(replace(production, fits=fits), production, weekly, demand())

    assert decision.reason.startswith("WAPE ")


def test_a_pooled_model_that_can_forecast_replaces_one_that_cannot(weekly: Dataset) -> None:
    fewer = with_drivers(weekly, weekly.drivers[0])
    poor = replace(on(fewer).pooled, card={"wape": 0.9, "wape_seasonal_naive": 0.5})

    decision = judged(poor, on(weekly).pooled, fewer, demand())

    assert decision.verdict == "promote"
    assert "cannot be used: it was trained with the driver promo" in decision.reason


def test_a_retrain_that_forecasts_exactly_the_same_is_kept(weekly: Dataset) -> None:
    """An adjustment that the model does not learn from: its own share is 0, and the pooled model is the same."""
    table = demand()
    production = on(weekly)
    without_own = replace(production, recipe=replace(production.recipe, own_share=0.0))
    candidate = replace(without_own, card=replace(without_own.card, data_hash="adjusted"))

    assert same_forecasts(table, weekly, candidate, without_own, KETTLES)
    decision = contest(table, weekly, candidate, without_own, KETTLES)

    assert (decision.verdict, decision.reason.split(":")[0]) == ("keep", "the same forecasts")


def test_forecasts_with_an_own_share_are_not_those_without(weekly: Dataset) -> None:
    table = demand()
    production = on(weekly)
    share = 0.0 if production.recipe.own_share else 1.0
    other = replace(production, recipe=replace(production.recipe, own_share=share))

    assert not same_forecasts(table, weekly, other, production, KETTLES)


def test_windows_are_forecast_by_the_share_known_at_each_whatever_the_models_own_became(weekly: Dataset) -> None:
    table = demand()
    pooled = pooled_on(weekly)
    pooled = replace(pooled, card={**pooled.card, SHARE_PRIOR: SharePrior(0.5, 0.4).to_json()})
    candidate = train(table, weekly, pooled, KETTLES)
    production = replace(candidate, recipe=replace(candidate.recipe, own_share=0.123),
                         card=replace(candidate.card, data_hash="before"))

    decision = contest(table, weekly, candidate, production, KETTLES)

    series = pooled.series_of(table, weekly, KETTLES)
    origins = series.dates.get_indexer(pd.DatetimeIndex(candidate.backtest["origins"]))
    again, _ = backtest(series.as_planned, training_rows(series, KETTLES, OWN_ROWS), pooled, production.recipe, origins)
    assert not np.allclose(again.own, again.pooled)  # a share says something
    assert np.allclose(again.forecast, np.array(candidate.backtest["forecast"]), atol=1e-4)
    assert decision.numbers["wape_production"] == pytest.approx(wape(again.actual, again.forecast), abs=1e-4)


def without_own_share(table: pd.DataFrame, dataset: Dataset, pooled: PooledModel) -> ForecastModel:
    """A candidate that forecasts as its pooled model does."""
    card = {**pooled.card, SHARE_PRIOR: SharePrior(0.0).to_json()}
    return train(table, dataset, replace(pooled, recipe=replace(pooled.recipe, own_share=0.0), card=card), KETTLES)


def test_a_week_more_that_moves_only_the_interval_says_by_how_much(weekly: Dataset) -> None:
    """The pooled model alone forecasts, so weeks more of demand move no forecast, but the errors that are known."""
    table = demand()
    pooled = pooled_over({KETTLES: table.iloc[:120]}, weekly)
    production = without_own_share(table.iloc[:126], weekly, pooled)
    candidate = without_own_share(table, weekly, pooled)

    decision = contest(table, weekly, candidate, production, KETTLES)

    assert decision.verdict == "promote"
    said = re.fullmatch(r"the same forecasts: .*; only the 80 % interval becomes (\d+\.\d) % (wider|narrower), "
                        r"measured on newer demand \(to 2025-06-23\)", decision.reason)
    assert said is not None, decision.reason
    widths = [np.subtract(*model.calibration.interval(np.full(4, 50.0), np.full(4, 50.0), np.arange(1, 5))[::-1]).sum()
              for model in (candidate, production)]
    assert (widths[0] > widths[1]) == (said[2] == "wider")


def test_the_same_model_from_its_files_is_the_same(weekly: Dataset, tmp_path: Path) -> None:
    """What is in production comes from files, a candidate from its training."""
    table = demand()
    pooled = pooled_on(weekly)
    candidate = without_own_share(table, weekly, pooled)
    candidate.save(tmp_path)
    production = ForecastModel.load(tmp_path, pooled, 1)
    adjusted = replace(candidate, card=replace(candidate.card, data_hash="adjusted"))

    decision = contest(table, weekly, adjusted, production, KETTLES)

    assert (decision.verdict, decision.reason.split(":")[0]) == ("keep", "the same forecasts")
    assert "ahead" in decision.reason


def test_a_model_that_learned_demand_carried_over_is_no_measure_of_one_that_did_not(weekly: Dataset) -> None:
    alone, plain = on(weekly), demand()
    linked = replace(alone, card=replace(alone.card, carried_from="0.5 × old", data_hash="another"))
    carrying = demand()
    carrying.attrs[CARRIED_FROM] = "0.5 × old"
    pooled = replace(alone.pooled, card={**alone.pooled.card, "carried_over": "abc"})

    for candidate, production, table, words in (
            (alone, linked, plain, "learned demand carried over (0.5 × old), the candidate its own demand alone"),
            (linked, alone, carrying, "learned its own demand alone, the candidate demand carried over (0.5 × old)")):
        decision = contest(table, weekly, candidate, production, KETTLES)
        assert decision.reason.startswith(f"cannot be compared: the model in production {words}; judged on its own: ")
        assert has_no_score_of_production(decision)
    assert "other items' demand is carried over" in judge_pooled(
        alone.pooled, pooled, [KETTLES], lambda _: plain, weekly).reason
    with pytest.raises(OtherPastError, match="and north · kettle carries over nothing now"):
        linked.series_of(plain, weekly, KETTLES)
