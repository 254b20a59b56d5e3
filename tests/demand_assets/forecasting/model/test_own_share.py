"""The share of its own booster that each region-item takes: by its evidence, drawn to what holds for all."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.model.own_share import SHARE_PRIOR, Evidence, SharePrior, prior_of
from demand_assets.forecasting.model.training.own_model import train
from tests.demand_assets.forecasting.conftest import KETTLES, pooled_over, weekly_demand

RANDOM = np.random.default_rng(3)
PERIODS = 28


def window(share: float, noise: float = 1.0) -> Evidence:
    """Evidence of one window of a region-item whose best share is this."""
    pooled = np.full(PERIODS, 100.0)
    margin = RANDOM.normal(0, 0.2, PERIODS)
    actual = pooled * np.exp(share * margin) + noise * RANDOM.normal(0, 10, PERIODS)
    return Evidence.of(actual, pooled, pooled * np.exp(margin))


def test_evidence_names_the_share_that_fits() -> None:
    assert window(0.0, noise=0.01).estimate == pytest.approx(0.0, abs=0.02)
    assert sum((window(0.8) for _ in range(50)), Evidence()).estimate == pytest.approx(0.8, abs=0.15)


def test_where_region_items_do_not_differ_all_have_the_same_share() -> None:
    prior = prior_of(0.25, [[window(0.25), window(0.25)] for _ in range(100)])

    assert prior.spread < 0.15
    assert prior.share(window(0.25)) == pytest.approx(0.25, abs=0.1)


def test_where_they_differ_each_has_its_own() -> None:
    shares = np.repeat([0.0, 1.0], 50)
    prior = prior_of(0.5, [[window(share), window(share)] for share in shares])

    assert prior.spread == pytest.approx(0.5, abs=0.15)
    told = [prior.share(window(share) + window(share)) for share in shares]
    assert np.mean(told[:50]) < 0.25
    assert np.mean(told[50:]) > 0.75
    assert all(0 <= one <= 1 for one in told)


def test_what_says_little_stays_with_the_others() -> None:
    prior = SharePrior(0.3, spread=0.2)

    assert prior.share(Evidence()) == 0.3
    assert abs(prior.share(window(1.0, noise=20.0)) - 0.3) < 0.15
    assert prior.share(sum((window(1.0, noise=0.1) for _ in range(30)), Evidence())) > 0.9


def test_windows_that_contradict_each_other_tell_no_spread() -> None:
    prior = prior_of(0.5, [[window(1.5, noise=0.3), window(-0.5, noise=0.3)] for _ in range(50)])

    assert prior.spread == 0.0
    assert prior.clustering > 10


@pytest.mark.parametrize(("actual", "pooled", "own"), [
    ([np.nan, np.nan], [1.0, 2.0], [2.0, 3.0]), ([1.0, 2.0], [0.0, 0.0], [0.0, 0.0]), ([], [], []),
    ([5.0, 5.0], [5.0, 5.0], [5.0, 5.0])])
def test_nothing_known_or_nothing_corrected_is_no_evidence(actual: list[float], pooled: list[float],
                                                           own: list[float]) -> None:
    evidence = Evidence.of(*(np.array(values, dtype=float) for values in (actual, pooled, own)))

    assert not evidence.says_something
    assert SharePrior(0.5, spread=1.0).share(evidence) == 0.5
    assert prior_of(0.5, [[evidence, evidence]] * 30) == SharePrior(0.5)


def test_a_pooled_model_of_an_earlier_version_gives_all_its_share() -> None:
    assert SharePrior.from_card(0.25, {"wape": 0.1}) == SharePrior(0.25)
    stored = SharePrior(0.5, 0.123456, 1.5).to_json()
    assert SharePrior.from_card(0.25, {SHARE_PRIOR: stored}) == SharePrior(0.5, 0.12346, 1.5)


def test_the_share_of_a_window_is_decided_by_what_was_known_at_its_origin(weekly: Dataset) -> None:
    demand = weekly_demand(130, future=4)
    pooled = pooled_over({KETTLES: demand}, weekly)
    differing = replace(pooled, card={**pooled.card, SHARE_PRIOR: {"mean": 0.5, "spread": 0.5, "clustering": 1.0}})
    model = train(demand, weekly, differing, KETTLES)
    origin = int(demand["date"].searchsorted(pd.Timestamp(model.backtest["origins"][1])))
    rewritten = demand.copy()
    rewritten.loc[origin + 1:129, "demand"] *= 3

    again = train(rewritten, weekly, differing, KETTLES)

    assert again.backtest["forecast"][:2] == model.backtest["forecast"][:2]
    assert again.recipe.own_share != model.recipe.own_share
    assert 0 <= model.recipe.own_share <= 1
    assert model.recipe.own_share != 0.5


def test_without_a_spread_it_is_the_recipes(weekly: Dataset) -> None:
    demand = weekly_demand(130, future=4)
    pooled = pooled_over({KETTLES: demand}, weekly)
    of_yesterday = replace(pooled, recipe=replace(pooled.recipe, own_share=0.25),
                           card={name: value for name, value in pooled.card.items() if name != SHARE_PRIOR})

    assert train(demand, weekly, of_yesterday, KETTLES).recipe.own_share == 0.25
