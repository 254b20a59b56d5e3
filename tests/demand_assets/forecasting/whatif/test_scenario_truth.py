"""What-if answers on demand whose true effects are known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.dataset_file import Dataset
from demand_assets.forecasting.contract.drivers import Driver
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.features.driver_effects import Effects, driver_effects
from demand_assets.forecasting.features.inputs import series_inputs
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.model.pooled import PooledModel
from demand_assets.forecasting.model.training.own import train
from demand_assets.forecasting.model.training.pooled import train_pooled
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.whatif.scenario import PLAN, Change, Scenario, apply, declared_direction
from tests.demand_assets.forecasting.conftest import HERE

ELASTICITY = {"kettle": -1.0, "toaster": -2.0}
LIFT = 1.5
"""A promo multiplies demand by this."""
SHOP = Dataset(name="shop", frequency="D", horizon=14, source=HERE, drivers=(
    Driver(name="price", kind="number", effect="decreasing"), Driver(name="promo", kind="yes_no", effect="increasing")))
PANEL = [RegionItem(region, item) for region in ("north", "south", "west") for item in ELASTICITY]
DAYS = 700


def demand_of(one: RegionItem) -> pd.DataFrame:
    """50 units at a price of 10, which moves by 12 % at most; a week's pattern, promos, and Poisson noise."""
    rng = np.random.default_rng([ord(letter) for letter in one.key])
    days = np.arange(DAYS + SHOP.horizon)
    price = np.round(10 * (0.88 + 0.24 * np.repeat(rng.random(len(days) // 28 + 1), 28)[: len(days)]), 2)
    promo = (np.repeat(rng.random(len(days) // 7 + 1), 7)[: len(days)] < 0.15).astype(float)
    mean = 50 * (price / 10) ** ELASTICITY[one.item] * LIFT**promo * np.array([1, 1, 1, 1, 1, 1.3, 0.7])[days % 7]
    return pd.DataFrame({"date": pd.date_range("2024-01-01", periods=len(days)), "price": price, "promo": promo,
                         "demand": np.where(days < DAYS, rng.poisson(mean), np.nan)})


TABLES = {one: demand_of(one) for one in PANEL}


@pytest.fixture(scope="module")
def pooled() -> PooledModel:
    return train_pooled(PANEL, TABLES.__getitem__, SHOP)


@pytest.fixture(scope="module")
def forecaster(tmp_path_factory: pytest.TempPathFactory) -> Forecaster:
    store = DemandStore(str(tmp_path_factory.mktemp("demand")))
    for one, demand in TABLES.items():
        store.write("demand", one, demand)
    return Forecaster(SHOP, store)


def changed(driver: str, action: str, value: float) -> Scenario:
    dates = TABLES[PANEL[0]]["date"].iloc[DAYS:]
    return Scenario((Change(driver, action, value, dates.iloc[0].date(), dates.iloc[-1].date()),))  # type: ignore[arg-type]


@pytest.mark.parametrize("percent", [-20, -10, 10, 20])
def test_the_effect_of_a_price_is_near_the_truth_even_beyond_what_was_seen(
        pooled: PooledModel, forecaster: Forecaster, percent: float) -> None:
    found, true = 0.0, 0.0
    for one in PANEL:
        plan, scenario = (forecaster.forecast(one, pooled, scenario=asked).table["forecast"].sum()
                          for asked in (PLAN, changed("price", "percent", percent)))
        effect = (1 + percent / 100) ** ELASTICITY[one.item] - 1
        assert np.sign(scenario - plan) == np.sign(effect)
        found, true = found + scenario - plan, true + plan * effect

    assert found == pytest.approx(true, rel=0.2)


def test_nothing_moves_against_its_declared_direction(pooled: PooledModel, forecaster: Forecaster) -> None:
    one = PANEL[0]
    model = train(TABLES[one], SHOP, pooled, one)
    plan = forecaster.forecast(one, model).table
    for scenario in (changed("price", "percent", -1), changed("price", "percent", 30), changed("promo", "set", 1.0),
                     changed("promo", "set", 0.0)):
        answer = forecaster.forecast(one, model, scenario=scenario).table
        direction = declared_direction(plan, apply(scenario, plan, SHOP), SHOP)

        assert ((answer["forecast"] - plan["forecast"]) * direction >= 0).all()


def test_what_was_never_seen_is_flagged(pooled: PooledModel, forecaster: Forecaster) -> None:
    one = PANEL[0]
    model = train(TABLES[one], SHOP, pooled, one)

    (flag,) = forecaster.forecast(one, model, scenario=changed("price", "set", 20.0)).flags

    assert forecaster.forecast(one, model).flags == ()
    assert flag.startswith("price is outside what the model has seen (8.")
    assert "in 14 of 14 periods" in flag


def effects_of(tables: dict[RegionItem, pd.DataFrame], dataset: Dataset = SHOP, periods_before_end: int = 0,
               ) -> tuple[Effects, dict[str, Effects]]:
    panel = {one: series_inputs(demand, dataset) for one, demand in tables.items()}
    return driver_effects(panel, dataset, ("price",), periods_before_end)


def test_effects_are_found_again_and_drawn_together() -> None:
    mean, of_items = effects_of(TABLES)

    assert of_items["kettle"]["price"] == pytest.approx(-1, abs=0.1)
    assert of_items["toaster"]["price"] == pytest.approx(-2, abs=0.1)
    assert mean["price"] == pytest.approx(-1.5, abs=0.1)
    assert np.exp(mean["promo"]) == pytest.approx(LIFT, rel=0.03)


def test_effects_do_not_look_at_the_last_periods() -> None:
    last = (TABLES[PANEL[0]].index >= DAYS - 50) & (TABLES[PANEL[0]].index < DAYS)
    rewritten = {one: demand.assign(demand=demand["demand"].mask(last, 999.0)) for one, demand in TABLES.items()}

    assert effects_of(rewritten, periods_before_end=50) == effects_of(TABLES, periods_before_end=50)
    assert effects_of(rewritten) != effects_of(TABLES)


def test_an_effect_against_its_declared_direction_is_none() -> None:
    """The promos are declared to lower demand, which they raise."""
    price, promo = SHOP.drivers
    wrong = SHOP.model_copy(update={"drivers": (price, promo.model_copy(update={"effect": "decreasing"}))})

    mean, _ = effects_of(TABLES, wrong)

    assert mean["promo"] == 0


def test_the_model_is_the_same_after_saving(pooled: PooledModel, forecaster: Forecaster, tmp_path: Path) -> None:
    pooled.save(tmp_path)

    again = PooledModel.load(tmp_path)

    asked = changed("price", "percent", -20)
    before, after = (forecaster.forecast(PANEL[0], model, scenario=asked).table["forecast"]
                     for model in (pooled, again))
    assert (before == after).all()
    assert pooled.recipe.drivers == "mean"


def test_explanations_add_up_and_tell_of_the_price(pooled: PooledModel, forecaster: Forecaster) -> None:
    both = PLAN, changed("price", "percent", 20)
    plan, dear = (forecaster.explain(PANEL[0], pooled, scenario=asked).drop(columns="date") for asked in both)
    units = [forecaster.forecast(PANEL[0], pooled, scenario=asked).table["forecast"] for asked in both]

    np.testing.assert_allclose(plan.sum(axis=1), units[0])
    np.testing.assert_allclose(dear.sum(axis=1), units[1])
    assert (dear["price"] < plan["price"]).all()
