"""What-if answers on demand whose true effects are known."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset, Pins
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.features.driver_effects import Slopes, driver_effects
from demand_assets.forecasting.features.inputs import series_inputs
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.model.serving.pooled_model import DETAILS_FILE, PooledModel
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.whatif.scenario import PLAN, Change, Planned, Scenario, apply, declared_direction
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


@pytest.mark.parametrize(("driver", "action", "value"), [
    ("price", "percent", -20.0), ("price", "percent", 35.0), ("price", "set", 9.5), ("price", "add", 0.5),
    ("promo", "set", 1.0), ("promo", "set", 0.0)])
@pytest.mark.parametrize("served", ["pooled", "own"])
def test_a_changed_driver_moves_the_plan_by_the_ratio_of_its_effects(
        pooled: PooledModel, forecaster: Forecaster, served: str, driver: str, action: str, value: float) -> None:
    one = PANEL[1]
    model = pooled if served == "pooled" else train(TABLES[one], SHOP, pooled, one)
    plan = forecaster.forecast(one, model).table

    found = forecaster.forecast(one, model, scenario=changed(driver, action, value)).table

    effects = pooled.facts.item_effects[one.item]
    ratio = (found["price"] / plan["price"]) ** effects["price"] * np.exp(
        effects["promo"] * (found["promo"] - plan["promo"]))
    assert pooled.recipe.drivers == "mean"
    np.testing.assert_allclose(found["forecast"], plan["forecast"] * ratio, rtol=1e-5)


def test_a_scenario_that_sets_what_is_planned_is_the_plan(pooled: PooledModel, forecaster: Forecaster) -> None:
    plan = forecaster.forecast(PANEL[0], pooled).table
    same = Scenario(planned=(Planned("price", tuple(
        (date.date(), float(price)) for date, price in zip(plan["date"], plan["price"], strict=True))),))

    pd.testing.assert_frame_equal(forecaster.forecast(PANEL[0], pooled, scenario=same).table, plan)


def test_what_is_planned_otherwise_is_forecast_nearly_as_the_scenario_that_says_so(
        pooled: PooledModel, tmp_path: Path) -> None:
    """The boosters that see drivers learn of the new plan; of a scenario they do not."""
    one, store = PANEL[1], DemandStore(str(tmp_path))
    cheaper = TABLES[one].assign(price=lambda table: table["price"].where(table["demand"].notna(), 9.0))
    store.write("demand", one, cheaper)
    planned = Forecaster(SHOP, store).forecast(one, pooled).table["forecast"]
    store.write("demand", one, TABLES[one])

    asked = Forecaster(SHOP, store).forecast(one, pooled, scenario=changed("price", "set", 9.0)).table["forecast"]

    assert planned.sum() == pytest.approx(asked.sum(), rel=0.05)


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
               ) -> Slopes:
    panel = {one: series_inputs(demand, dataset) for one, demand in tables.items()}
    return driver_effects(panel, dataset, ("price",), periods_before_end)


def test_effects_are_found_again_and_drawn_together() -> None:
    found = effects_of(TABLES)

    assert found.item_effects["kettle"]["price"] == pytest.approx(-1, abs=0.1)
    assert found.item_effects["toaster"]["price"] == pytest.approx(-2, abs=0.1)
    assert found.effects["price"] == pytest.approx(-1.5, abs=0.1)
    assert np.exp(found.effects["promo"]) == pytest.approx(LIFT, rel=0.03)
    assert found.moves == {}


def test_effects_do_not_look_at_the_last_periods() -> None:
    last = (TABLES[PANEL[0]].index >= DAYS - 50) & (TABLES[PANEL[0]].index < DAYS)
    rewritten = {one: demand.assign(demand=demand["demand"].mask(last, 999.0)) for one, demand in TABLES.items()}

    assert effects_of(rewritten, periods_before_end=50) == effects_of(TABLES, periods_before_end=50)
    assert effects_of(rewritten) != effects_of(TABLES)


def test_an_effect_against_its_declared_direction_is_none() -> None:
    """The promos are declared to lower demand, which they raise."""
    price, promo = SHOP.drivers
    wrong = SHOP.model_copy(update={"drivers": (price, promo.model_copy(update={"effect": "decreasing"}))})

    assert effects_of(TABLES, wrong).effects["promo"] == 0


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


CAFE = Dataset(name="cafe", frequency="D", horizon=14, source=HERE, training=Pins(
    drivers="mean", scale="log", year_features=False, rounds=30, own_share=0.0), drivers=(
        Driver(name="open", kind="yes_no", effect="increasing"), Driver(name="temperature", kind="number"),
        Driver(name="rain", kind="number"), Driver(name="fee", kind="number", effect="decreasing")))
WET = -0.04
"""A millimetre of rain adds this to the logarithm of demand; no direction of it is declared."""


def served_in_a_cafe(one: RegionItem) -> pd.DataFrame:
    """Closed on Mondays; warm days come with the season that raises demand, and raise nothing; rain lowers it, and
    often there is none; a fee of 0 is a hole."""
    table = demand_of(one).drop(columns=["price", "promo"])
    days = np.arange(len(table))
    rain = np.maximum(np.random.default_rng(len(one.region)).normal(0, 6, len(days)).round(1), 0)
    is_open = (days % 7 != 0).astype(float)
    fee = np.where(days % 61 == 3, 0.0, demand_of(one)["price"])
    return table.assign(demand=table["demand"] * is_open * np.exp(WET * rain), open=is_open, fee=fee, rain=rain,
                        temperature=15 + 10 * np.sin(2 * np.pi * days / 365.25))


CAFES = {one: served_in_a_cafe(one) for one in PANEL}


@pytest.fixture(scope="module")
def of_cafes() -> PooledModel:
    return train_pooled(PANEL, CAFES.__getitem__, CAFE)


@pytest.fixture
def cafe(tmp_path: Path) -> Forecaster:
    store = DemandStore(str(tmp_path))
    for one, demand in CAFES.items():
        store.write("demand", one, demand)
    return Forecaster(CAFE, store)


def test_an_undeclared_number_is_not_taken_out_of_demand_and_is_told_to_be_uncertain(
        of_cafes: PooledModel, cafe: Forecaster) -> None:
    assert set(of_cafes.facts.effects) == {"open", "fee"}
    assert all(set(effects) == {"open", "fee"} for effects in of_cafes.facts.item_effects.values())

    warmer, dearer = (cafe.forecast(PANEL[0], of_cafes, scenario=changed(driver, "add", 1.0))
                      for driver in ("temperature", "fee"))

    assert "even the sign of the difference is uncertain" in " ".join(warmer.flags)
    assert "uncertain" not in " ".join(dearer.flags + cafe.forecast(PANEL[0], of_cafes).flags)
    planned = of_cafes.effects(cafe.ask(PANEL[0], of_cafes).rows)
    assert (planned["temperature"] == 0).all()
    assert (planned["rain"] == 0).all()


@pytest.mark.parametrize(("action", "value"), [("add", 5.0), ("set", 0.0), ("percent", 40.0), ("add", 60.0)])
@pytest.mark.parametrize("served", ["pooled", "own", "saved"])
def test_an_undeclared_number_whose_slope_is_certain_moves_the_plan_by_it(
        of_cafes: PooledModel, cafe: Forecaster, tmp_path: Path, served: str, action: str, value: float) -> None:
    one, model = PANEL[0], of_cafes
    if served == "own":
        model = train(CAFES[one], CAFE, of_cafes, one)
    if served == "saved":
        of_cafes.save(tmp_path)
        model = PooledModel.load(tmp_path)
    plan = cafe.forecast(one, model).table

    found = cafe.forecast(one, model, scenario=changed("rain", action, value)).table

    slope = of_cafes.facts.item_moves[one.item]["rain"]
    assert slope == pytest.approx(WET, rel=0.15)
    assert of_cafes.facts.moves["rain"] == pytest.approx(WET, rel=0.15)
    np.testing.assert_allclose(
        found["forecast"], plan["forecast"] * np.exp(slope * (found["rain"] - plan["rain"])), rtol=1e-5)
    told = cafe.explain(one, model, scenario=changed("rain", action, value))
    np.testing.assert_allclose(told.drop(columns="date").sum(axis=1), found["forecast"])


def test_of_what_is_not_certain_boosters_are_asked(of_cafes: PooledModel, cafe: Forecaster) -> None:
    """What comes with the season alone has no slope that is told from it."""
    assert "temperature" not in of_cafes.facts.moves
    assert all("temperature" not in moves for moves in of_cafes.facts.item_moves.values())

    rows = [cafe.ask(PANEL[0], of_cafes, scenario=asked).rows for asked in (PLAN, changed("temperature", "add", 9.0))]

    differs = {name for name, *values in zip(of_cafes.feature_names, *(each.T for each in rows), strict=True)
               if not np.array_equal(*values, equal_nan=True)}
    assert "target:temperature" in differs
    assert all(name.startswith("target:temperature") for name in differs)


def test_a_day_that_is_opened_sells_what_such_days_do(of_cafes: PooledModel, cafe: Forecaster) -> None:
    """What is forecast of a closed day is next to nothing, and its noise is not multiplied by the effect of opening."""
    plan = cafe.forecast(PANEL[0], of_cafes).table
    opened = cafe.forecast(PANEL[0], of_cafes, scenario=changed("open", "set", 1.0)).table

    was_open = plan["open"] == 1
    np.testing.assert_array_equal(opened["forecast"][was_open], plan["forecast"][was_open])
    assert plan["forecast"][~was_open].max() < 2
    assert opened["forecast"][~was_open].max() < 2 * plan["forecast"][was_open].max()
    assert opened["forecast"][~was_open].min() > 0.3 * plan["forecast"][was_open].min()


def test_values_of_nothing_are_left_out_of_ratios_in_their_own_rows_only(of_cafes: PooledModel) -> None:
    facts, one = of_cafes.facts, PANEL[0]
    series = series_features(CAFES[one], CAFE, facts, one)
    leads = np.arange(1, 15)
    names, rows = series.named_rows(np.full(14, 600), leads)
    is_hole = CAFES[one]["fee"].to_numpy()[600 + leads] == 0

    assert "fee" in facts.positive
    assert facts.with_zeros == ("fee",)
    assert facts.item_effects["toaster"]["fee"] == pytest.approx(-2, abs=0.2)
    assert is_hole.sum() == 1
    for name in ("target:fee:against_recent", "target:fee:against_usual"):
        np.testing.assert_array_equal(np.isnan(rows[:, names.index(name)]), is_hole)
    assert (rows[is_hole, names.index("effect:fee")] == 0).all()
    assert np.abs(rows[:, names.index("effect:fee")]).max() < 1


def test_a_model_that_knows_one_way_only_is_read_as_it_was_written(tmp_path: Path) -> None:
    """As of before there was a mean: without its entries."""
    one = PANEL[0]
    pins = CAFE.training.model_copy(update={"drivers": "log_linear"})
    model = train_pooled(PANEL[:2], CAFES.__getitem__, CAFE.model_copy(update={"training": pins}))
    model.save(tmp_path)
    details = json.loads((tmp_path / DETAILS_FILE).read_text())
    del details["seeing_columns"]
    for name in ("with_zeros", "seen", "moves", "item_moves"):
        del details["facts"][name]
    details["fits"] = [{name: value for name, value in fit.items() if name != "seeing"} for fit in details["fits"]]
    details["facts"]["positive"] = []
    (tmp_path / DETAILS_FILE).write_text(json.dumps(details))

    old = PooledModel.load(tmp_path)

    series = series_features(CAFES[one], CAFE, old.facts, one)
    pairs = np.full(14, 600), np.arange(1, 15)
    rows = old.rows_of(series, *pairs)
    effect = np.exp(sum(old.effects(rows).values()))
    (booster,) = old.latest.boosters.values()
    margin = booster.inplace_predict(rows[:, list(old.columns)], predict_type="margin").astype(np.float64)
    assert old.latest.seeing == {}
    assert not [name for name in series.names if name.startswith(("seen:", "planned:"))]
    np.testing.assert_array_equal(old.ratio(rows), np.maximum(
        np.expm1(margin) * effect * old.latest.correction, 1e-3))
