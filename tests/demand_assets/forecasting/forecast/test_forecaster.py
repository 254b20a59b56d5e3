"""Many forecasts at once are the same as each alone; what is held in memory is what would be read."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.challengers.model_classes import OURS, model_class
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset, Pins
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.forecast.forecaster import Forecast, Forecaster
from demand_assets.forecasting.model.serving import pooled_model as pooled_module
from demand_assets.forecasting.model.serving.baseline import BASELINE
from demand_assets.forecasting.model.serving.challenger import Challenger
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.serving.serving_model import ServingModel
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.model.unknown_drivers import OtherDriversError
from demand_assets.forecasting.series.planned_drivers import future_drivers
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.stored_files import NotInStoreError
from demand_assets.forecasting.whatif.explanation import ROWS_OF_A_THREAD
from demand_assets.forecasting.whatif.scenario import PLAN, Change, Scenario
from tests.demand_assets.forecasting.conftest import HERE, KETTLES, pooled_over, quick, trained, weekly_demand

TOASTERS = RegionItem("south", "toaster")
DEARER = Scenario((Change("price", "percent", 30.0, date(2025, 7, 1), date(2025, 7, 13)),))
"""In two of the four weeks."""
TABLES = {KETTLES: weekly_demand(130, future=4), TOASTERS: weekly_demand(130, future=4, seed=1)}


@pytest.fixture(scope="module")
def weekly(weekly: Dataset) -> Dataset:
    return quick(weekly)


@pytest.fixture
def store(tmp_path: Path) -> DemandStore:
    store = DemandStore(str(tmp_path))
    for one, table in TABLES.items():
        store.write("demand", one, table)
    return store


@pytest.fixture(scope="module")
def pooled(weekly: Dataset) -> PooledModel:
    return pooled_over(TABLES, weekly)


@pytest.fixture(scope="module")
def own(weekly: Dataset, pooled: PooledModel) -> ForecastModel:
    """The kettles' model, on the pooled one."""
    return train(TABLES[KETTLES], weekly, pooled, KETTLES)


@pytest.fixture(scope="module")
def another(weekly: Dataset) -> ForecastModel:
    """The toasters' model, on another pooled model than the kettles'."""
    return train(TABLES[TOASTERS], weekly, pooled_over(TABLES, weekly), TOASTERS)


@pytest.fixture(scope="module")
def kettles_model(weekly: Dataset) -> ForecastModel:
    """The kettles' model, on a pooled model over the kettles alone."""
    return trained(TABLES[KETTLES], weekly)


def test_many_at_once_are_as_each_alone(weekly: Dataset, store: DemandStore, pooled: PooledModel,
                                        own: ForecastModel) -> None:
    asked = [(KETTLES, own, PLAN), (TOASTERS, pooled, DEARER), (KETTLES, BASELINE, PLAN), (KETTLES, own, DEARER)]

    forecaster = Forecaster(weekly, store)
    together = forecaster.answer([forecaster.ask(one, model, scenario=scenario) for one, model, scenario in asked])

    for (one, model, scenario), forecast in zip(asked, together, strict=True):
        alone = Forecaster(weekly, store).forecast(one, model, scenario=scenario)
        pd.testing.assert_frame_equal(forecast.table, alone.table)
        assert (forecast.served_by, forecast.version, forecast.flags) == (alone.served_by, alone.version, alone.flags)


@pytest.mark.parametrize("exact", [True, False])
def test_many_explained_at_once_are_as_each_alone(
        weekly: Dataset, store: DemandStore, exact: bool, pooled: PooledModel, own: ForecastModel,
        another: ForecastModel) -> None:
    naive = replace(own, boosters=own, challenger=Challenger({"seasonal_naive": OURS["seasonal_naive"].load({})}))
    asked = [(KETTLES, own, PLAN), (TOASTERS, pooled, DEARER), (KETTLES, naive, PLAN), (KETTLES, own, DEARER),
             (TOASTERS, another, PLAN)]
    forecaster = Forecaster(weekly, store)

    together = forecaster.explain_many([forecaster.ask(one, model, scenario=scenario)
                                        for one, model, scenario in asked], exact)

    for (one, model, scenario), told in zip(asked, together, strict=True):
        pd.testing.assert_frame_equal(told, forecaster.explain(one, model, scenario=scenario, exact=exact),
                                      check_exact=True)
        assert told["date"].tolist() == forecaster.forecast(one, model).table["date"].tolist()


def test_the_baseline_is_not_explained(weekly: Dataset, store: DemandStore) -> None:
    forecaster = Forecaster(weekly, store)

    with pytest.raises(ValueError, match="repeats past demand"):
        forecaster.explain_many([forecaster.ask(KETTLES, BASELINE)])


def test_contributions_of_many_rows_are_those_of_each(weekly: Dataset, store: DemandStore,
                                                      pooled: PooledModel) -> None:
    """From so many rows on they are worked out in several threads."""
    forecaster = Forecaster(weekly, store)
    asked = [forecaster.ask(KETTLES, pooled), forecaster.ask(TOASTERS, pooled)] * (ROWS_OF_A_THREAD // 8 + 1)

    together = forecaster.explain_many(asked, exact=False)

    assert sum(len(told) for told in together) >= ROWS_OF_A_THREAD
    for told, alone in zip(together[-2:], forecaster.explain_many(asked[:2], exact=False), strict=True):
        pd.testing.assert_frame_equal(told, alone, check_exact=True)


class TestChallenger:
    @pytest.fixture
    def naive(self, kettles_model: ForecastModel) -> ForecastModel:
        """Seasonal naive in place of boosters; of 52 weeks, so what was sold a year before."""
        model = replace(kettles_model, version=7)
        return replace(model, boosters=model,
                       challenger=Challenger({"seasonal_naive": OURS["seasonal_naive"].load({})}))

    def test_it_forecasts_explains_and_says_what_does_not_move_it(self, weekly: Dataset, store: DemandStore,
                                                                   naive: ForecastModel) -> None:
        forecaster = Forecaster(weekly, store)

        forecast = forecaster.forecast(KETTLES, naive, scenario=DEARER)

        year_ago = weekly_demand(130, future=4)["demand"].iloc[78:82].tolist()
        assert forecast.table["forecast"].tolist() == year_ago
        assert (forecast.by_class, forecast.without) == ("seasonal naive", "")
        assert ("price is changed without effect: seasonal naive, which forecasts this region-item, knows no "
                "drivers.") in forecast.flags
        assert forecaster.explain(KETTLES, naive)["seasonal naive"].tolist() == year_ago

    @pytest.mark.parametrize(("told", "groups"), [
        ("{'base': np.full(4, 30.0), 'trend': np.full(4, 12.0)}", {"base": 30.0, "trend": 12.0}),
        ("{'base': np.full(3, 30.0)}", {"of two parts": 42.0}), ("1 / 0", {"of two parts": 42.0})])
    def test_a_class_that_explains_is_asked_and_checked(
            self, weekly: Dataset, store: DemandStore, naive: ForecastModel, plugged: Callable[[str, str], Path],
            told: str, groups: dict[str, float]) -> None:
        plugged("parts", "import numpy as np\n"
                "class Model:\n"
                "    title = 'of two parts'\n"
                "    class capabilities:\n        explains = True\n"
                "    def fit(self, history): return self\n"
                "    def load(self, saved): return self\n"
                "    def save(self): return {}\n"
                "    def predict(self, history): return np.full(history.horizon, 42.0)\n"
                f"    def explain(self, history): return {told}\n")
        model = replace(naive, challenger=Challenger({"parts": model_class("parts").load({})}))

        explained = Forecaster(weekly, store).explain(KETTLES, model).drop(columns="date")

        assert explained.to_dict("list") == {
            name: [units] * 4 for name, units in {"usual level": 0.0, "limits": 0.0, **groups}.items()}

    def test_where_it_fails_its_boosters_are_explained_under_their_own_names(
            self, weekly: Dataset, store: DemandStore, naive: ForecastModel) -> None:
        assert naive.boosters is not None
        broken = replace(naive, challenger=Challenger({"seasonal_naive": OURS["croston"].load({"weight": np.nan})}))
        forecaster = Forecaster(weekly, store)

        pd.testing.assert_frame_equal(forecaster.explain(KETTLES, broken), forecaster.explain(KETTLES, naive.boosters))

    def test_where_it_fails_its_boosters_forecast_as_if_they_were_alone(self, weekly: Dataset, store: DemandStore,
                                                                        naive: ForecastModel) -> None:
        assert naive.challenger is not None
        assert naive.boosters is not None
        broken = replace(naive, challenger=Challenger({"seasonal_naive": OURS["croston"].load({"weight": np.nan})}))
        forecaster, others = Forecaster(weekly, store), Forecaster(weekly, store)

        without = forecaster.answer([forecaster.ask(KETTLES, broken, scenario=scenario) for scenario in (PLAN, DEARER)])

        for one, scenario in zip(without, (PLAN, DEARER), strict=True):
            alone = others.forecast(KETTLES, naive.boosters, scenario=scenario)
            pd.testing.assert_frame_equal(one.table, alone.table)
            assert one.without == "seasonal_naive answered 4 forecasts that are no numbers"
            assert any("Forecast by the XGBoost model of the same version" in flag for flag in one.flags)


def test_the_plan_at_hand_holds_a_scenario_as_one_made_for_it(weekly: Dataset, store: DemandStore,
                                                              kettles_model: ForecastModel) -> None:
    forecaster = Forecaster(weekly, store)
    plan = forecaster.forecast(KETTLES, kettles_model)

    given = forecaster.answer([forecaster.ask(KETTLES, kettles_model, scenario=DEARER, plan=plan)])[0]

    pd.testing.assert_frame_equal(given.table, forecaster.forecast(KETTLES, kettles_model, scenario=DEARER).table)
    assert (given.table["forecast"] <= plan.table["forecast"]).all()


class TestHeld:
    def test_demand_is_read_again_when_it_is_known_as_another(self, weekly: Dataset, store: DemandStore) -> None:
        forecaster = Forecaster(weekly, store)
        before = forecaster.answer([forecaster.ask(KETTLES, BASELINE, known_as=1)])[0]
        store.write("demand", KETTLES, weekly_demand(131, future=3))

        same = forecaster.answer([forecaster.ask(KETTLES, BASELINE, known_as=1)])[0]
        newer = forecaster.answer([forecaster.ask(KETTLES, BASELINE, known_as=2)])[0]

        assert same.origin == before.origin == pd.Timestamp("2025-06-23")
        assert newer.origin == pd.Timestamp("2025-06-30")
        assert len(forecaster.history(KETTLES, known_as=2)) == 131

    def test_an_answer_is_kept_for_the_same_demand_model_and_horizon_only(
            self, weekly: Dataset, store: DemandStore, kettles_model: ForecastModel) -> None:
        forecaster = Forecaster(weekly, store)
        plan = forecaster.answer([forecaster.ask(KETTLES, BASELINE, 4, known_as=1)])[0]
        forecaster.answer([forecaster.ask(KETTLES, BASELINE, 4, DEARER, plan, known_as=1)])

        assert forecaster.answered(KETTLES, BASELINE, 4, 1) is plan
        assert forecaster.answered(KETTLES, BASELINE, 4, 2) is None
        assert forecaster.answered(KETTLES, BASELINE, 3, 1) is None
        assert forecaster.answered(KETTLES, kettles_model, 4, 1) is None

    def test_without_a_name_nothing_is_held(self, weekly: Dataset, store: DemandStore) -> None:
        forecaster = Forecaster(weekly, store)
        forecaster.forecast(KETTLES, BASELINE)
        store.remove("demand", KETTLES)

        with pytest.raises(NotInStoreError):
            forecaster.forecast(KETTLES, BASELINE)

    def test_features_are_those_of_the_model_asked(self, weekly: Dataset, store: DemandStore,
                                                   kettles_model: ForecastModel) -> None:
        forecaster = Forecaster(weekly, store)
        forecaster.ask(KETTLES, BASELINE, known_as=1)

        held = forecaster.answer([forecaster.ask(KETTLES, kettles_model, known_as=1)])[0]

        pd.testing.assert_frame_equal(held.table, forecaster.forecast(KETTLES, kettles_model).table)


PAST_DATES = pd.date_range(end="2025-06-29", periods=420)
CAFE = Dataset(name="cafe", frequency="D", horizon=14, source=HERE, drivers=(
    Driver(name="price", kind="number", effect="decreasing"), Driver(name="promo", kind="yes_no", effect="increasing"),
    Driver(name="rain", kind="number", default=0.0), Driver(name="shelf", kind="category")))
CAFES = [RegionItem("north", "cake"), RegionItem("south", "cake"), RegionItem("south", "pie")]


def cafe_demand(seed: int) -> pd.DataFrame:
    """Daily demand that every driver moves, planned two weeks ahead."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range(PAST_DATES[0], periods=434)
    price = np.where(rng.random(434) < 0.2, 8.0, 10.0)
    promo, rain = (rng.random(434) < 0.1).astype(float), np.where(rng.random(434) < 0.3, rng.uniform(1, 9, 434), 0.0)
    mean = 20 * (price / 10) ** -2 * (1 + 0.8 * promo) * np.exp(-0.04 * rain) * (1 + 0.3 * (dates.dayofweek == 5))
    demand = rng.poisson(mean).astype(float)
    demand[420:] = np.nan
    return pd.DataFrame({"date": dates, "demand": demand, "price": price, "promo": promo, "rain": rain,
                         "shelf": np.where(dates.month % 2, "front", "back")})


def of_days(driver: str, action: str, value: float | str, first: int = 2, last: int = 9) -> Change:
    return Change(driver, action, value, date(2025, 6, 30) + timedelta(first),  # type: ignore[arg-type]
                  date(2025, 6, 30) + timedelta(last))


WHAT_IFS = [Scenario(changes) for changes in (
    (of_days("price", "percent", -20.0),), (of_days("promo", "set", 1.0),), (of_days("rain", "set", 6.0),),
    (of_days("rain", "set", 0.0, 0, 13),), (of_days("shelf", "set", "back"),), (of_days("shelf", "set", "roof"),),
    (of_days("price", "set", 9.0, 0, 13), of_days("promo", "set", 0.0), of_days("rain", "add", 2.0, 9, 10)))]


@pytest.fixture(scope="module", params=["boosted", "log_linear", "mean"])
def cafes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[
        Dataset, DemandStore, list[tuple[RegionItem, ServingModel]]]:
    """A pooled model that treats drivers in each of the ways, a model of its own on top of it, and the baseline."""
    pins = Pins(drivers=request.param, scale="mix", year_features=False, rounds=9, own_rounds=10, own_share=0.5)
    dataset = CAFE.model_copy(update={"training": pins})
    store = DemandStore(str(tmp_path_factory.mktemp("cafes")))
    tables = {one: cafe_demand(seed) for seed, one in enumerate(CAFES)}
    for one, table in tables.items():
        store.write("demand", one, table)
    pooled = pooled_over(tables, dataset)
    return dataset, store, [(CAFES[0], pooled), (CAFES[1], train(tables[CAFES[1]], dataset, pooled, CAFES[1])),
                            (CAFES[2], BASELINE)]


@pytest.fixture(scope="module", params=[14, 11])
def answered(cafes: tuple[Dataset, DemandStore, list[tuple[RegionItem, ServingModel]]],
             request: pytest.FixtureRequest) -> tuple[int, Forecaster, list[Forecast]]:
    """A horizon, and the plans over it beside which one scenario after the other is asked."""
    dataset, store, models = cafes
    forecaster = Forecaster(dataset, store)
    return request.param, forecaster, forecaster.answer([
        forecaster.ask(one, model, request.param, known_as=1) for one, model in models])


@pytest.mark.parametrize("scenario", WHAT_IFS)
def test_beside_a_plan_that_was_answered_a_scenario_is_as_if_computed_anew(
        cafes: tuple[Dataset, DemandStore, list[tuple[RegionItem, ServingModel]]], scenario: Scenario,
        answered: tuple[int, Forecaster, list[Forecast]]) -> None:
    """To the last bit: boosters are asked of what the scenario changes only."""
    dataset, store, models = cafes
    horizon, forecaster, plans = answered

    asked = [forecaster.ask(one, model, horizon, scenario, plan, 1)
             for (one, model), plan in zip(models, plans, strict=True)]
    found = forecaster.answer(asked)

    assert [request.beside is not None for request in asked] == [True, True, False]
    for (one, model), request, forecast in zip(models, asked, found, strict=True):
        anew = Forecaster(dataset, store)
        asked_alone = anew.ask(one, model, horizon, scenario)
        (alone,) = anew.answer([asked_alone])
        pd.testing.assert_frame_equal(forecast.table, alone.table, check_exact=True)
        assert (forecast.flags, forecast.in_short, forecast.assumed) == (alone.flags, alone.in_short, alone.assumed)
        np.testing.assert_array_equal(request.rows, asked_alone.rows)
    told = forecaster.explain_many(asked[:2])
    for (one, model), each in zip(models, told, strict=False):
        pd.testing.assert_frame_equal(each, Forecaster(dataset, store).explain(one, model, horizon, scenario),
                                      check_exact=True)


def test_boosters_are_asked_only_of_what_they_look_at(
        cafes: tuple[Dataset, DemandStore, list[tuple[RegionItem, ServingModel]]],
        monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, store, models = cafes
    forecaster = Forecaster(dataset, store)
    forecaster.answer([forecaster.ask(one, model, known_as=1) for one, model in models])
    asked: list[int] = []
    usual = pooled_module.mean_answer

    def counted(boosters: Any, rows: np.ndarray, *more: Any) -> np.ndarray:
        asked.append(len(rows))
        return usual(boosters, rows, *more)

    monkeypatch.setattr(pooled_module, "mean_answer", counted)
    cheaper = Scenario((of_days("price", "percent", -20.0, 2, 3),))
    forecaster.answer([forecaster.ask(one, model, scenario=cheaper, plan=forecaster.answered(one, model, 14, 1),
                                      known_as=1) for one, model in models])

    way = dataset.training.drivers
    if way == "boosted":  # the two days and those beside them, of both region-items
        assert asked == [8]
    else:  # a price acts by its effect, which is no booster's
        assert asked == []


def test_another_future_on_the_same_past_is_as_if_computed_anew() -> None:
    dataset = Dataset(name="shop", frequency="W", horizon=4, source=HERE, drivers=(
        Driver(name="price", kind="number", effect="decreasing"), Driver(name="promo", kind="yes_no"),
        Driver(name="shelf", kind="category")))
    demand = weekly_demand(130, future=4).assign(shelf=["back", "front"] * 67)
    completed, _ = future_drivers(demand, dataset, 4)
    changed = completed.iloc[130:].assign(price=20.0, promo=1.0, shelf="front")
    series = series_features(completed, dataset)
    origins, leads = np.full(4, 129), np.arange(1, 5)
    series.rows(origins, leads)

    other = series.with_future(changed)

    anew = series_features(pd.concat([completed.iloc[:130], changed]), dataset)
    np.testing.assert_array_equal(other.rows(origins, leads), anew.rows(origins, leads))
    assert other.drivers["price"][129] == series.drivers["price"][129] != 20.0


EVENT, CLOSED, INCOME = (Driver(name="event", kind="category", label="Town fair"), Driver(name="closed", kind="yes_no"),
                         Driver(name="income", kind="number", future="repeat_last"))
VALUES = {"event": "fair", "closed": 1.0, "income": 3.0}


class TestOtherDrivers:
    """The dataset file is changed under models that were trained before."""

    @pytest.fixture
    def model(self, kettles_model: ForecastModel) -> ForecastModel:
        return kettles_model

    @pytest.mark.parametrize("is_taken_in", [False, True])
    @pytest.mark.parametrize("added", [EVENT, CLOSED, INCOME])
    def test_a_driver_added_changes_no_forecast_and_is_said(self, weekly: Dataset, store: DemandStore, added: Driver,
                                                            model: ForecastModel, is_taken_in: bool) -> None:
        before = {one.served_by: Forecaster(weekly, store).forecast(KETTLES, one)
                  for one in (model, model.pooled, BASELINE)}
        if is_taken_in:
            store.write("demand", KETTLES, store.read("demand", KETTLES).assign(**{added.name: VALUES[added.name]}))
        more = weekly.model_copy(update={"drivers": (added, *weekly.drivers)})
        forecaster = Forecaster(more, store)

        after = {one.served_by: forecaster.forecast(KETTLES, one) for one in (model, model.pooled, BASELINE)}

        for name, forecast in after.items():
            np.testing.assert_array_equal(forecast.part.forecast, before[name].part.forecast)
            np.testing.assert_array_equal(forecast.part.scale, before[name].part.scale)
            said = [f"{added.title} has no part in the forecast: the model was trained without that driver. A new "
                    "pooled model, and a retrain on it, will know it."]
            assert list(forecast.flags) == (said if name != "baseline" else [])
        assert added.name not in forecaster.explain(KETTLES, model)
        assert set(forecaster.history(KETTLES)) >= {added.name}

    @pytest.mark.parametrize("added", [EVENT, CLOSED, INCOME])
    def test_a_scenario_on_a_driver_that_is_not_known_says_so(self, weekly: Dataset, store: DemandStore, added: Driver,
                                                              model: ForecastModel) -> None:
        more = weekly.model_copy(update={"drivers": (*weekly.drivers, added)})
        forecaster = Forecaster(more, store)
        change = Change(added.name, "set", VALUES[added.name], date(2025, 7, 1), date(2025, 7, 13))

        for one in (model, model.pooled, BASELINE):
            plan = forecaster.forecast(KETTLES, one)
            scenario = forecaster.forecast(KETTLES, one, scenario=Scenario((change,)))

            np.testing.assert_array_equal(scenario.part.forecast, plan.part.forecast)
            assert scenario.flags[0].startswith(f"{added.title} is changed without effect: ")

    def test_a_known_driver_moves_as_before_beside_one_that_is_not(self, weekly: Dataset, store: DemandStore,
                                                                   model: ForecastModel) -> None:
        plenty = CLOSED.model_copy(update={"effect": "increasing"})
        more = weekly.model_copy(update={"drivers": (*weekly.drivers, plenty)})
        both = Scenario((*DEARER.changes, Change("closed", "set", 1.0, date(2025, 7, 1), date(2025, 7, 13))))

        alone = Forecaster(weekly, store).forecast(KETTLES, model, scenario=DEARER)
        together = Forecaster(more, store).forecast(KETTLES, model, scenario=both)

        np.testing.assert_array_equal(together.part.forecast, alone.part.forecast)

    def test_the_order_in_the_file_changes_nothing(self, weekly: Dataset, store: DemandStore,
                                                   model: ForecastModel) -> None:
        turned = weekly.model_copy(update={"drivers": weekly.drivers[::-1]})

        assert Forecaster(turned, store).forecast(KETTLES, model).flags == ()
        np.testing.assert_array_equal(Forecaster(turned, store).forecast(KETTLES, model).part.forecast,
                                      Forecaster(weekly, store).forecast(KETTLES, model).part.forecast)

    @pytest.mark.parametrize(("change", "says"), [
        ({"name": "offer"}, "with the driver promo, which the dataset file no longer declares; a retrain"),
        ({"kind": "number"}, "promo of kind yes_no, and the dataset file now declares it of kind number; a retrain"),
        ({"kind": "category", "effect": "none"}, "now declares it of kind category")])
    def test_a_driver_renamed_or_of_another_kind_is_refused(self, weekly: Dataset, store: DemandStore, change: dict,
                                                            says: str, model: ForecastModel) -> None:
        price, promo = weekly.drivers
        changed = weekly.model_copy(update={"drivers": (price, promo.model_copy(update=change))})

        for one in (model, model.pooled):
            with pytest.raises(OtherDriversError, match=says):
                Forecaster(changed, store).forecast(KETTLES, one)
        assert Forecaster(changed, store).forecast(KETTLES, BASELINE).served_by == "baseline"

    @pytest.mark.parametrize("column", [None, "yes"])
    def test_a_known_driver_that_stored_demand_does_not_have_is_refused(self, weekly: Dataset, store: DemandStore,
                                                                        column: str | None,
                                                                        model: ForecastModel) -> None:
        stored = store.read("demand", KETTLES).drop(columns="promo")
        store.write("demand", KETTLES, stored.assign(promo=column) if column else stored)

        for one in (model, model.pooled):
            with pytest.raises(OtherDriversError, match="promo, and the stored demand of north · kettle has no"):
                Forecaster(weekly, store).forecast(KETTLES, one)
        baseline = Forecaster(weekly, store).forecast(KETTLES, BASELINE)
        assert baseline.assumed == ("promo is not known for 4 of 4 periods: “no” is assumed.",)
