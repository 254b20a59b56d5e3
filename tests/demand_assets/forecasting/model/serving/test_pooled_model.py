"""The pooled model: what region-items borrow from each other, what no fit may see, what goes to disk and back."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.recipes import Recipe
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Backtesting, Dataset, Pins
from demand_assets.forecasting.features.borrowed_from_others import PanelFacts
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.features.total_factors import TotalFactors
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.gate.pooled_contest import judge_pooled
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.model_files import ModelFilesError, booster_of
from demand_assets.forecasting.model.own_share import SHARE_PRIOR, SharePrior
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import DETAILS_FILE, PooledModel
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.series.planned_drivers import future_drivers
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.waiting_for_room import DISK, exhausted
from demand_assets.forecasting.whatif.explanation import ExplanationRequest, explain_many
from demand_assets.forecasting.whatif.scenario import Change, Scenario
from tests.demand_assets.forecasting.conftest import pooled_over, quick, weekly_demand

SHOPS = {RegionItem(region, item): weekly_demand(130, future=4, seed=seed)
         for seed, (region, item) in enumerate((region, item) for region in ("north", "south", "east")
                                               for item in ("kettle", "toaster"))}
KETTLES = RegionItem("north", "kettle")
NEW = RegionItem("west", "kettle")


@pytest.fixture(scope="module")
def weekly(weekly: Dataset) -> Dataset:
    return quick(weekly)


@pytest.fixture(scope="module")
def pooled(weekly: Dataset) -> PooledModel:
    return pooled_over(SHOPS, weekly)


@pytest.fixture(scope="module")
def model(weekly: Dataset, pooled: PooledModel) -> ForecastModel:
    return train(SHOPS[KETTLES], weekly, pooled, KETTLES)


def store_of(folder: Path, demand: dict[RegionItem, pd.DataFrame]) -> DemandStore:
    store = DemandStore(str(folder))
    for one, table in demand.items():
        store.write("demand", one, table)
    return store


def test_fits_end_before_the_windows_that_they_forecast(model: ForecastModel, pooled: PooledModel) -> None:
    seen = [str(fit.seen) for fit in pooled.fits]

    assert seen[1:-1] == model.backtest["origins"] == ["2025-03-31", "2025-04-28", "2025-05-26"]
    assert seen[0] == "2025-02-03"  # two horizons before the first
    assert seen[-1] == "2025-06-23"


def test_all_demand_after_an_origin_may_change_and_its_forecast_does_not(model: ForecastModel,
                                                                         weekly: Dataset) -> None:
    origin = pd.Timestamp(model.backtest["origins"][0])
    rewritten = {one: table.assign(demand=table["demand"].where(table["date"] <= origin, 1.0).where(
        table["demand"].notna())) for one, table in SHOPS.items()}

    again = train(rewritten[KETTLES], weekly, pooled_over(rewritten, weekly), KETTLES)

    for name in ("forecast", "own", "pooled", "seasonal_naive", "lower_80", "upper_80"):
        assert again.backtest[name][0] == model.backtest[name][0]
    assert again.backtest["forecast"][2] != model.backtest["forecast"][2]


def test_other_planned_drivers_change_the_forecast(model: ForecastModel, weekly: Dataset, tmp_path: Path) -> None:
    shuffled = SHOPS[KETTLES].copy()
    shuffled.loc[130:, "price"] = [8.0, 12.0, 8.0, 12.0]
    before, after = (Forecaster(weekly, store_of(tmp_path / str(place), {KETTLES: table})).forecast(KETTLES, model)
                     for place, table in enumerate((SHOPS[KETTLES], shuffled)))

    assert (before.table["forecast"] != after.table["forecast"]).all()


def test_the_page_forecasts_for_an_origin_what_the_backtest_did(model: ForecastModel, weekly: Dataset,
                                                                tmp_path: Path) -> None:
    """A page whose demand ends at a window's origin shows the backtest's forecast of that window, to the last bit."""
    window = 1
    origin = pd.Timestamp(model.backtest["origins"][window])
    known = {one: table[table["date"] <= origin + pd.Timedelta(weeks=4)].assign(
        demand=lambda rows: rows["demand"].where(rows["date"] <= origin)) for one, table in SHOPS.items()}
    series = series_features(SHOPS[KETTLES], weekly, model.pooled.facts, KETTLES)
    then = model.pooled.fit_before(np.datetime64(origin, "D"))
    earlier = replace(model.pooled, fits=(then,))

    shown = Forecaster(weekly, store_of(tmp_path, known)).forecast(KETTLES, earlier).table["forecast"]

    place = int(series.dates.get_loc(origin))
    backtested = model.pooled.forecast(series, np.full(4, place), np.arange(1, 5), then)
    np.testing.assert_array_equal(shown.to_numpy(), backtested)
    assert model.backtest["pooled"][window] == [round(float(units), 4) for units in backtested]


def test_a_region_item_with_three_weeks_is_served_by_the_pooled_model(pooled: PooledModel, weekly: Dataset,
                                                                      tmp_path: Path) -> None:
    young = weekly_demand(130, future=4, seed=99).iloc[127:].reset_index(drop=True)
    with pytest.raises(NotEnoughHistoryError):
        train(young, weekly, pooled, NEW)

    shown = Forecaster(weekly, store_of(tmp_path, {NEW: young})).forecast(NEW, pooled)

    assert shown.served_by == "pooled"
    assert shown.version == 1
    assert 200 < shown.table["forecast"].sum() < 1000
    assert (shown.table["lower_80"] < shown.table["forecast"]).all()


def test_a_region_item_without_any_demand_is_forecast_at_its_siblings_level(pooled: PooledModel, weekly: Dataset,
                                                                            tmp_path: Path) -> None:
    planned = weekly_demand(130, future=4, seed=99).iloc[129:].reset_index(drop=True).assign(demand=np.nan)

    shown = Forecaster(weekly, store_of(tmp_path, {NEW: planned})).forecast(NEW, pooled)

    assert pooled.facts.expected_level(NEW) == pytest.approx(110, rel=0.25)
    assert str(shown.origin.date()) == str(planned["date"].iloc[0].date())
    assert 200 < shown.table["forecast"].sum() < 1000


def doubled(pooled: PooledModel, origin: str) -> PooledModel:
    """The model when the north's total was found to be twice the sum of its items, from an origin on."""
    totals = TotalFactors("", {origin: {"north": {"all": (2.0,) * 4}}})
    return replace(pooled, facts=replace(pooled.facts, totals=totals))


def test_items_of_a_total_are_corrected_and_others_are_not(pooled: PooledModel, weekly: Dataset,
                                                           tmp_path: Path) -> None:
    forecaster = Forecaster(weekly, store_of(tmp_path, SHOPS))
    corrected = doubled(pooled, "2025-06-23")

    for one in SHOPS:
        before, after = (forecaster.forecast(one, model).table["forecast"] for model in (pooled, corrected))
        np.testing.assert_allclose(after, before * (2 if one.region == "north" else 1))


def test_windows_before_a_correction_was_known_do_not_see_it(pooled: PooledModel, model: ForecastModel,
                                                             weekly: Dataset) -> None:
    again = train(SHOPS[KETTLES], weekly, doubled(pooled, model.backtest["origins"][1]), KETTLES)

    for name in ("forecast", "pooled", "lower_80"):
        assert again.backtest[name][0] == model.backtest[name][0]
        assert np.all(np.array(again.backtest[name][1]) > model.backtest[name][1])


def test_a_scenario_moves_a_corrected_forecast_in_the_same_ratio(pooled: PooledModel, weekly: Dataset,
                                                                 tmp_path: Path) -> None:
    forecaster = Forecaster(weekly, store_of(tmp_path, SHOPS))
    cheap = Scenario((Change("price", "percent", -10.0, date(2025, 6, 24), date(2025, 7, 30)),))

    plain, corrected = (forecaster.forecast(KETTLES, model, scenario=cheap).table["forecast"]
                        / forecaster.forecast(KETTLES, model).table["forecast"]
                        for model in (pooled, doubled(pooled, "2025-06-23")))

    assert (plain > 1.05).sum() > 2
    np.testing.assert_allclose(plain, corrected)


def test_an_explanation_of_a_corrected_forecast_adds_up_without_limits(pooled: PooledModel, weekly: Dataset,
                                                                       tmp_path: Path) -> None:
    forecaster = Forecaster(weekly, store_of(tmp_path, SHOPS))
    corrected = doubled(pooled, "2025-06-23")

    told = forecaster.explain(KETTLES, corrected)

    np.testing.assert_allclose(told.drop(columns="date").sum(axis=1),
                               forecaster.forecast(KETTLES, corrected).table["forecast"], rtol=1e-4)
    assert (told["limits"].abs() < 0.5).all()


def test_saved_and_loaded_it_corrects_the_same_and_one_of_before_corrects_nothing(
        pooled: PooledModel, tmp_path: Path) -> None:
    corrected = doubled(pooled, "2025-06-23")
    corrected.save(tmp_path)
    assert PooledModel.load(tmp_path).facts.totals == corrected.facts.totals

    details = json.loads((tmp_path / DETAILS_FILE).read_text())
    del details["facts"]["totals"]
    (tmp_path / DETAILS_FILE).write_text(json.dumps(details))
    assert PooledModel.load(tmp_path).facts.totals == TotalFactors()


def test_saved_and_loaded_it_forecasts_the_same(pooled: PooledModel, weekly: Dataset, tmp_path: Path) -> None:
    pooled.save(tmp_path)
    completed, _ = future_drivers(SHOPS[KETTLES], weekly, 4)
    series = series_features(completed, weekly, pooled.facts, KETTLES)
    origins, leads = np.full(4, 129), np.arange(1, 5)

    for loaded in (PooledModel.load(tmp_path, 1), PooledModel.load(tmp_path, 1, latest_only=True)):
        np.testing.assert_array_equal(loaded.forecast(series, origins, leads), pooled.forecast(series, origins, leads))
        assert loaded.latest.calibration == pooled.latest.calibration
        assert loaded.facts == pooled.facts


def test_a_model_refuses_another_pooled_version(model: ForecastModel, pooled: PooledModel, tmp_path: Path) -> None:
    model.save(tmp_path)

    with pytest.raises(ModelFilesError, match="stands on version 1 of the pooled model, not 2"):
        ForecastModel.load(tmp_path, pooled.with_version(2))


@pytest.mark.parametrize("damage", ["", "{}", "not json"])
def test_damaged_pooled_files_are_named(pooled: PooledModel, tmp_path: Path, damage: str) -> None:
    pooled.save(tmp_path)
    (tmp_path / "pooled.json").write_text(damage)

    with pytest.raises(ModelFilesError, match="fetched again"):
        PooledModel.load(tmp_path)


def test_what_an_engineer_pins_is_not_chosen(weekly: Dataset) -> None:
    pins = Pins(scale="log", drivers="boosted", year_features=False, own_share=1.0, rounds=15)
    pinned = weekly.model_copy(update={"training": pins, "backtest": Backtesting(windows=2, stride=2)})

    pooled = pooled_over(SHOPS, pinned)
    model = train(SHOPS[KETTLES], pinned, pooled, KETTLES)

    assert (pooled.recipe.scale, pooled.recipe.own_share, pooled.recipe.rounds) == ("log", 1.0, 15)
    assert not any("season_52" in pooled.feature_names[place] for place in pooled.columns)
    assert model.backtest["forecast"] == model.backtest["own"]
    assert model.backtest["origins"] == ["2025-05-12", "2025-05-26"]


@pytest.mark.parametrize("pins", [{}, {"own_share": 0.5}])
def test_a_renewed_model_takes_over_what_was_chosen_and_what_region_items_own_shares_start_from(
        pooled: PooledModel, weekly: Dataset, pins: dict[str, float]) -> None:
    prior = {"mean": 0.25, "spread": 0.3, "clustering": 2.0}
    like = replace(pooled.with_version(7), recipe=Recipe.quick(
        drivers="mean", scale="log", year_features=False, own_share=0.25), card={
            "recipes": {"searched": 1.0}, "own_shares": {"0.25": 1.0}, SHARE_PRIOR: prior})
    dataset = weekly.model_copy(update={"training": Pins(depth=2, **pins)})  # type: ignore[arg-type]

    renewed = train_pooled(list(SHOPS), SHOPS.__getitem__, dataset, like=like)

    share = pins.get("own_share", 0.25)
    assert renewed.recipe == replace(like.recipe, depth=2, own_share=share)
    assert renewed.facts.seen is not None
    assert all(fit.seeing for fit in renewed.fits)
    assert renewed.card["recipe_of_version"] == 7
    assert renewed.card["recipes"] == {"searched": 1.0}
    assert SharePrior.from_card(share, renewed.card) == (SharePrior(0.5) if pins else SharePrior(**prior))


def test_nothing_is_chosen_on_judged_windows(weekly: Dataset) -> None:
    """Eighteen weeks leave no windows before the three judged ones: the recipe is the one written down."""
    young = {one: table.iloc[112:].reset_index(drop=True) for one, table in SHOPS.items()}

    pooled = pooled_over(young, weekly)

    assert pooled.card["recipes"] == pooled.card["own_shares"] == {}
    assert pooled.recipe.own_share == 0.5


def without_the_end(facts: PanelFacts) -> PanelFacts:
    """What series with a past see; ``test_panel_facts`` shows that they do not see the rest."""
    return replace(facts, latest=None, seen=without_the_end(facts.seen) if facts.seen else None)


@pytest.mark.parametrize("stride", [2, 16])
def test_whatever_the_stride_nothing_after_the_first_window_reaches_it(weekly: Dataset, stride: int) -> None:
    """Demand that turns lumpy after the first origin changes neither its forecast nor its interval."""
    strided = weekly.model_copy(update={"backtest": Backtesting(windows=3, stride=stride)})
    before = train(SHOPS[KETTLES], strided, pooled_over(SHOPS, strided), KETTLES)
    origin = pd.Timestamp(before.backtest["origins"][0])
    lumpy = {one: table.assign(demand=table["demand"].where(
        (table["date"] <= origin) | table["demand"].isna(), np.where(np.arange(len(table)) % 3, 0.0, 900.0)))
        for one, table in SHOPS.items()}

    after = train(lumpy[KETTLES], strided, pooled_over(lumpy, strided), KETTLES)

    assert without_the_end(after.pooled.facts) == without_the_end(before.pooled.facts)
    for name in ("forecast", "own", "pooled", "lower_80", "upper_80"):
        assert after.backtest[name][0] == before.backtest[name][0]


def test_the_choice_is_recorded(pooled: PooledModel) -> None:
    assert set(pooled.card["own_shares"]) == {"0.0", "0.25", "0.5"}
    # two scales and their mix, with and without last year; drivers two ways and the mean of both
    assert len(pooled.card["recipes"]) == 18
    assert pooled.card["wape"] < 0.5 * pooled.card["wape_seasonal_naive"]


def test_contributions_add_up_to_the_forecast_and_name_the_drivers(model: ForecastModel, weekly: Dataset,
                                                                   tmp_path: Path) -> None:
    forecaster = Forecaster(weekly, store_of(tmp_path, {KETTLES: SHOPS[KETTLES]}))
    day = forecaster.forecast(KETTLES, model).table["date"].iloc[0].date()
    cheap = Scenario((Change("price", "set", 8.0, day, day),))

    plan, changed = (forecaster.explain(KETTLES, model, scenario=scenario) for scenario in (Scenario(()), cheap))

    forecast = forecaster.forecast(KETTLES, model).table["forecast"]
    np.testing.assert_allclose(plan.drop(columns="date").sum(axis=1), forecast, rtol=1e-5)
    assert list(plan.columns) == ["date", "usual level", "recent demand", "calendar", "price", "promo", "limits"]
    moved = (changed.drop(columns="date") - plan.drop(columns="date")).iloc[0].abs()
    assert moved.idxmax() == "price"


def test_the_pooled_model_explains_itself_too(pooled: PooledModel, weekly: Dataset) -> None:
    completed, _ = future_drivers(SHOPS[KETTLES], weekly, 4)
    series = series_features(completed, weekly, pooled.facts, KETTLES)
    origins, leads = np.full(4, 129), np.arange(1, 5)

    rows = pooled.rows_of(series, origins, leads)
    (told,) = explain_many([ExplanationRequest(pooled, series, origins, leads, rows)])

    np.testing.assert_allclose(sum(told.values()), pooled.forecast(series, origins, leads), rtol=1e-5)


def test_the_first_pooled_model_is_promoted_and_a_worse_one_is_not(pooled: PooledModel, weekly: Dataset) -> None:
    blind = {one: table.assign(price=10.0, promo=0.0) for one, table in SHOPS.items()}
    poor = pooled_over(blind, weekly)

    def judged(candidate: PooledModel, production: PooledModel | None) -> str:
        return judge_pooled(candidate, production, list(SHOPS), lambda one: SHOPS[one], weekly).verdict

    assert judged(pooled, None) == "promote"
    assert judged(poor, pooled) == "keep"
    assert judged(pooled, poor) == "promote"


def test_a_full_disk_is_told_as_one(pooled: PooledModel, tmp_path: Path) -> None:
    pooled.save(tmp_path)
    written = next(tmp_path.glob("*.ubj"))
    content = written.read_bytes()
    booster = booster_of(content)
    written.unlink()
    written.symlink_to("/dev/full")

    with pytest.raises(OSError, match="No space left") as raised:
        pooled.save(tmp_path)

    assert exhausted(raised.value) == DISK
    booster.save_model(tmp_path / "by xgboost.ubj")
    assert (tmp_path / "by xgboost.ubj").read_bytes() == content
