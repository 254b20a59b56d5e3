"""Which way drivers work: by the scores of each, small is good, and by what the dataset file pins."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from demand_assets.forecasting.contract.recipes import Recipe
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Backtesting, Dataset, Pins
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.model.serving.own_model import OwnFits
from demand_assets.forecasting.model.serving.pooled_model import Fit
from demand_assets.forecasting.model.training.own_model import OWN_ROWS, train
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.model.training.recipe_choice import best_panel, is_mean
from demand_assets.forecasting.series.gapped import Floats
from tests.demand_assets.forecasting.conftest import HERE, weekly_demand

SHOPS = {RegionItem("north", item): weekly_demand(130, seed=seed) for seed, item in enumerate(("kettle", "toaster"))}
PRICE, PROMO = Driver(name="price", kind="number", effect="decreasing"), Driver(name="promo", kind="yes_no")


def chosen(way: str | None, *drivers: Driver, tables: dict[RegionItem, pd.DataFrame] = SHOPS) -> str:
    pins = Pins(drivers=way, scale="log", year_features=False, rounds=5)  # type: ignore[arg-type]
    dataset = Dataset(name="shop", frequency="W", horizon=4, source=HERE, drivers=drivers, training=pins)
    panel, recipe, fitted, _ = best_panel(list(tables), tables.__getitem__, dataset, 1)
    assert panel.drivers == recipe.drivers
    assert fitted is None
    return recipe.drivers


@pytest.mark.parametrize(("boosted", "log_linear", "mean", "is_taken"), [
    (1.0, 0.99, 0.95, True), (1.0, 0.95, 0.952, True),  # no worse than effects alone
    (1.0, 0.90, 0.95, False),  # effects alone are clearly better
    (1.0, 1.03, 1.03, True), (1.0, 1.03, 1.035, False),
    (1.0, None, 0.98, True), (1.0, None, 0.995, False), (1.0, None, 1.0, False)])  # effects are not taken alone
def test_the_mean_is_taken_with_caution(boosted: float, log_linear: float | None, mean: float, is_taken: bool) -> None:
    assert is_mean(boosted, log_linear, mean) == is_taken


@pytest.mark.parametrize("way", ["log_linear", "boosted", "mean"])
def test_the_way_is_what_the_file_pins(way: str) -> None:
    assert chosen(way, PRICE, PROMO) == way


def test_without_an_effect_there_is_no_mean_to_make() -> None:
    undeclared = PRICE.model_copy(update={"effect": "none"})

    assert chosen("mean", undeclared) == "boosted"
    assert chosen("mean", undeclared, PROMO) == "mean"
    assert chosen("mean", PRICE, tables={
        one: table.assign(price=np.nan) for one, table in SHOPS.items()}) == "mean"  # an effect of nothing known is 0


@pytest.mark.parametrize(("way", "pins", "steps", "is_fitted"), [
    ("mean", {}, (85, 0.15), True), ("boosted", {}, (130, 0.1), False), ("log_linear", {}, (130, 0.1), False),
    ("mean", {"rounds": 3}, (3, 0.1), True), ("boosted", {"learning_rate": 0.9}, (130, 0.9), True)])
def test_recipes_are_compared_by_quick_fits_and_a_mean_stays_with_them(
        way: str, pins: dict[str, float], steps: tuple[int, float], is_fitted: bool) -> None:
    dataset = Dataset(name="shop", frequency="W", horizon=4, source=HERE, drivers=(PRICE, PROMO),
                      training=Pins(drivers=way, scale="log", depth=1, **pins))  # type: ignore[arg-type]

    _, recipe, fitted, scores = best_panel(list(SHOPS), SHOPS.__getitem__, dataset, 1)

    assert (recipe.drivers, recipe.rounds, recipe.learning_rate) == (way, *steps)
    assert (fitted is not None) == is_fitted
    assert scores
    if fitted:
        boosters = [*fitted.boosters.values(), *fitted.seeing.values()]
        assert {booster.num_boosted_rounds() for booster in boosters} == {recipe.rounds}


@pytest.mark.parametrize(("weeks", "horizon", "compared", "uses_last_year"), [
    (104, 4, {"with", "without"}, None),  # by what the windows say
    (104, 26, set(), True),  # they would end where 25 weeks are known, which have no last year
    (76, 26, set(), False)])  # of less than a year and a half hardly anything has a last year
def test_last_year_is_a_feature_where_no_comparison_could_see_it(
        weeks: int, horizon: int, compared: set[str], uses_last_year: bool | None) -> None:
    tables = {one: weekly_demand(weeks, seed=seed) for seed, one in enumerate(SHOPS)}
    dataset = Dataset(name="shop", frequency="W", horizon=horizon, source=HERE, drivers=(PRICE,),
                      backtest=Backtesting(windows=1), training=Pins(drivers="boosted"))

    _, recipe, _, scores = best_panel(list(tables), tables.__getitem__, dataset, 1)

    assert {words.split(", ")[1].removesuffix(" last year") for words in scores} == compared
    assert uses_last_year in (None, recipe.year_features)


def test_the_share_is_tried_out_with_boosters_as_they_will_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the rows that the region-item's own booster learns from, not on all that the pooled model drew of it."""
    tables = {one: weekly_demand(400, seed=seed) for seed, one in enumerate(SHOPS)}
    dataset = Dataset(name="shop", frequency="W", horizon=4, source=HERE, drivers=(PRICE, PROMO),
                      training=Pins(scale="log", year_features=True, rounds=5, drivers="boosted"))
    tried, served = list[float](), list[float]()

    def noting(learned: list[float]) -> Any:
        def noted(own: OwnFits, fit: Fit, recipe: Recipe, known: npt.NDArray[np.bool_], ratio: Floats) -> Any:
            learned.append(float(own.rows.ratio[known].sum()))
            assert np.count_nonzero(known) <= OWN_ROWS
            return fitted(own, fit, recipe, known, ratio)
        return noted

    fitted = OwnFits.fit
    monkeypatch.setattr(OwnFits, "fit", noting(tried))
    pooled = train_pooled(list(tables), tables.__getitem__, dataset).with_version(1)
    monkeypatch.setattr(OwnFits, "fit", noting(served))
    for one, table in tables.items():
        train(table, dataset, pooled, one)

    assert len(tried) == len(SHOPS)
    assert set(tried) <= set(served)  # the first window's
