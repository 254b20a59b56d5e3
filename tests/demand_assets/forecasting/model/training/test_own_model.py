"""From demand to a candidate: leak-free, never negative, better than seasonal naive where there is a pattern."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from demand_assets.forecasting.contract.recipes import Recipe
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset, Pins
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.forecast.forecaster import Forecaster, ForecastError
from demand_assets.forecasting.gate.contest import contest
from demand_assets.forecasting.model.boosters import training_rows
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.model.serving.baseline import BASELINE
from demand_assets.forecasting.model.serving.own_model import ForecastModel, OwnFits, fit_own
from demand_assets.forecasting.model.serving.pooled_model import Fit
from demand_assets.forecasting.model.training.own_model import answers_of, finished, prepared, train, train_with_windows
from demand_assets.forecasting.series.planned_drivers import future_drivers
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.whatif.scenario import Change, Scenario, ScenarioError
from tests.demand_assets.forecasting.conftest import KETTLES, daily_demand, pooled_over, quick, trained, weekly_demand

TOASTERS = RegionItem("north", "toaster")


@pytest.fixture(scope="module")
def weekly(weekly: Dataset) -> Dataset:
    return quick(weekly)


@pytest.fixture(scope="module")
def demand() -> pd.DataFrame:
    return weekly_demand(130, future=4)


@pytest.fixture(scope="module")
def model(demand: pd.DataFrame, weekly: Dataset) -> ForecastModel:
    """Trained once, as no test changes it."""
    return trained(demand, weekly)


@pytest.fixture
def store(tmp_path: Path, demand: pd.DataFrame) -> DemandStore:
    store = DemandStore(str(tmp_path))
    store.write("demand", KETTLES, demand)
    return store


def test_it_learns_price_and_promo(model: ForecastModel) -> None:
    assert model.card.wape < 0.5 * model.card.wape_seasonal_naive
    assert model.card.trained_to == "2025-06-23"
    assert model.card.rows == 130


def test_demand_after_the_first_window_does_not_reach_its_forecast(demand: pd.DataFrame, weekly: Dataset,
                                                                   model: ForecastModel) -> None:
    first = int(demand["date"].searchsorted(pd.Timestamp(model.backtest["origins"][0])))
    rewritten = demand.copy()
    rewritten.loc[first + 1: 129, "demand"] = 1.0

    again = trained(rewritten, weekly)

    assert again.backtest["forecast"][0] == model.backtest["forecast"][0]
    assert again.backtest["forecast"][1] != model.backtest["forecast"][1]


def test_rows_that_are_not_known_yet_reach_neither_bins_nor_fits_of_an_own_booster(
        demand: pd.DataFrame, weekly: Dataset, model: ForecastModel) -> None:
    pooled, series = model.pooled, model.series_of(demand, weekly, KETTLES)
    rows = training_rows(series, KETTLES, 300)
    known = rows.date <= np.quantile(rows.date.astype(np.int64), 0.6).astype("datetime64[D]")
    ratio = pooled.ratio(rows.features)[known]

    def booster(which: npt.NDArray[np.bool_]) -> bytearray:
        """Fitted where these rows hold something else."""
        other = replace(rows, features=np.where(which[:, np.newaxis], np.float32(17), rows.features),
                        ratio=np.where(which, 99.0, rows.ratio), level=np.where(which, 1e6, rows.level))
        own = OwnFits(other, pooled.columns, series.constraints)
        return own.fit(pooled.latest, model.recipe, known, ratio).save_raw()

    assert 0.5 * len(known) < np.count_nonzero(known) < 0.7 * len(known)
    assert booster(~known) == booster(np.zeros_like(known))
    assert booster(known & (np.arange(len(known)) % 9 == 0)) != booster(np.zeros_like(known))


@pytest.mark.parametrize(("first", "are_new"), [(0.3, True), (0.8, False)])
def test_bins_of_own_boosters_are_found_anew_when_far_more_rows_are_known(
        demand: pd.DataFrame, weekly: Dataset, model: ForecastModel, first: float, are_new: bool) -> None:
    pooled, series = model.pooled, model.series_of(demand, weekly, KETTLES)
    rows = training_rows(series, KETTLES, 300)
    ratio, every = pooled.ratio(rows.features), np.ones(len(rows.ratio), dtype=bool)
    few = np.arange(len(every)) < first * len(every)
    own = OwnFits(rows, pooled.columns, series.constraints)

    own.fit(pooled.latest, model.recipe, few, ratio[few])
    later = own.fit(pooled.latest, model.recipe, every, ratio)

    alone = fit_own(rows, pooled, pooled.latest, model.recipe, series.constraints)
    assert (later.save_raw() == alone.save_raw()) is are_new


def test_asked_together_each_is_trained_as_alone(weekly: Dataset) -> None:
    """Of other lengths, so that their windows stand on other fits."""
    tables = {RegionItem("north", f"item {number}"): weekly_demand(130 - number, seed=number).iloc[30 * number:]
              .reset_index(drop=True) for number in range(3)}
    pooled = pooled_over(tables, weekly)

    some = [prepared(table, weekly, pooled, one) for one, table in tables.items()]
    together = [finished(begun, answers) for begun, answers in zip(some, answers_of(some), strict=True)]

    assert len({len(begun.questions) for begun in some}) > 1
    for (one, table), mine in zip(tables.items(), together, strict=True):
        alone = train_with_windows(table, weekly, pooled, one)
        assert mine.model.booster.save_raw() == alone.model.booster.save_raw()
        assert mine.model.backtest == alone.model.backtest
        assert mine.model.calibration == alone.model.calibration
        for window, its in zip(mine.windows, alone.windows, strict=True):
            np.testing.assert_array_equal(window.own, its.own)
            np.testing.assert_array_equal(window.realised, its.realised)


def test_windows_after_one_pooled_fit_share_a_booster_of_what_was_known_at_the_first(
        demand: pd.DataFrame, weekly: Dataset, model: ForecastModel, monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[tuple[np.datetime64, np.datetime64]] = []
    fit = OwnFits.fit

    def noting(own: OwnFits, after: Fit, recipe: Recipe, known: npt.NDArray[np.bool_],
               ratio: npt.NDArray[np.float64]) -> object:
        fits.append((after.seen, own.rows.date[known].max()))
        return fit(own, after, recipe, known, ratio)

    monkeypatch.setattr(OwnFits, "fit", noting)

    found = train_with_windows(demand, weekly, model.pooled, KETTLES)

    first, second, *judged = found.windows
    assert first.fit is second.fit
    assert [window.fit for window in judged] == list(model.pooled.fits[1:-1])
    assert first.seen == second.seen <= found.series.dates[first.origin].to_datetime64()
    assert not np.array_equal(second.own, second.pooled)
    assert [seen for seen, _ in fits] == [one.seen for one in model.pooled.fits]
    assert [until for _, until in fits] == [first.seen, *(window.seen for window in judged), fits[-1][1]]


def test_the_same_demand_gives_the_same_model(demand: pd.DataFrame, weekly: Dataset, model: ForecastModel) -> None:
    again = trained(demand, weekly)

    assert again.booster.save_raw() == model.booster.save_raw()
    assert again.backtest == model.backtest


def test_what_the_page_forecasts_is_what_the_backtest_would(demand: pd.DataFrame, weekly: Dataset,
                                                            model: ForecastModel, store: DemandStore) -> None:
    completed, _ = future_drivers(demand, weekly, 4)
    series = series_features(completed, weekly, model.pooled.facts, KETTLES)

    by_page = Forecaster(weekly, store).forecast(KETTLES, model).table["forecast"].to_numpy()

    np.testing.assert_array_equal(by_page, model.predict(series, np.full(4, 129), np.arange(1, 5)))


def test_saved_and_loaded_it_forecasts_the_same(model: ForecastModel, tmp_path: Path, store: DemandStore,
                                                weekly: Dataset) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    model.save(folder)

    loaded = ForecastModel.load(folder, model.pooled, version=3)

    assert loaded.version == 3
    before, after = (Forecaster(weekly, store).forecast(KETTLES, one).table for one in (model, loaded))
    pd.testing.assert_frame_equal(before, after)


@pytest.mark.parametrize("damage", ["", "{}", '{"recipe": 1}', "not json"])
def test_damaged_files_are_named(model: ForecastModel, tmp_path: Path, damage: str) -> None:
    model.save(tmp_path)
    (tmp_path / "forecast.json").write_text(damage)

    with pytest.raises(ModelFilesError, match="fetched again"):
        ForecastModel.load(tmp_path, model.pooled)


def test_too_little_history_is_said(weekly: Dataset) -> None:
    pooled = pooled_over({KETTLES: weekly_demand(60)}, weekly)

    with pytest.raises(NotEnoughHistoryError, match="10 periods of demand; training needs 16"):
        train(weekly_demand(10), weekly, pooled, KETTLES)


def test_zero_demand_forecasts_next_to_nothing(daily: Dataset) -> None:
    nothing = daily_demand().assign(demand=0.0)
    model = train(nothing, daily, pooled_over({KETTLES: nothing, TOASTERS: daily_demand()}, daily), KETTLES)

    assert np.array(model.backtest["forecast"]).max() < 0.01
    assert contest(nothing, daily, model, None, KETTLES).verdict == "keep"


def test_forecasts_are_never_negative_nor_absurd(daily: Dataset, tmp_path: Path) -> None:
    demand = daily_demand(300).assign(demand=lambda table: np.where(np.arange(300) % 17 == 0, 500.0, 0.0))
    model = trained(demand, daily)
    store = DemandStore(str(tmp_path))
    store.write("demand", KETTLES, demand)

    table = Forecaster(daily, store).forecast(KETTLES, model).table

    assert (table["lower_80"] >= 0).all()
    assert (table["lower_80"] <= table["forecast"]).all()
    assert (table["forecast"] <= table["upper_80"]).all()
    assert table["forecast"].max() <= 1500


class TestScenarios:
    def test_a_lower_price_never_lowers_the_forecast(self, model: ForecastModel, store: DemandStore,
                                                     weekly: Dataset) -> None:
        forecaster = Forecaster(weekly, store)
        plan = forecaster.forecast(KETTLES, model)
        cut = Scenario((Change("price", "percent", -20, plan.table["date"].iloc[0].date(),
                               plan.table["date"].iloc[-1].date()),))

        changed = forecaster.forecast(KETTLES, model, scenario=cut)

        np.testing.assert_allclose(changed.table["price"], 0.8 * plan.table["price"])
        assert (changed.table["forecast"] >= plan.table["forecast"]).all()
        assert changed.table["forecast"].sum() > 1.1 * plan.table["forecast"].sum()

    def test_a_promo_week_changes_its_dates_only_upwards(self, model: ForecastModel, store: DemandStore,
                                                         weekly: Dataset) -> None:
        forecaster = Forecaster(weekly, store)
        week = forecaster.forecast(KETTLES, model).table["date"].iloc[1].date()
        without, promo = (forecaster.forecast(KETTLES, model, scenario=Scenario(
            (Change("promo", "set", value, week, week),))).table["forecast"] for value in (False, True))

        assert promo[1] > 1.3 * without[1]

    def test_values_never_seen_are_flagged(self, model: ForecastModel, store: DemandStore, weekly: Dataset) -> None:
        forecaster = Forecaster(weekly, store)
        first, last = (forecaster.forecast(KETTLES, model).table["date"].iloc[index].date() for index in (0, -1))

        flagged = forecaster.forecast(KETTLES, model, scenario=Scenario((Change("price", "set", 99, first, last),)))

        assert "price is outside what the model has seen" in flagged.flags[0]
        assert "4 of 4 periods" in flagged.flags[0]

    @pytest.mark.parametrize(("change", "says"), [
        (("colour", "set", 1), "no driver"), (("promo", "percent", 10), "cannot be changed by 'percent'"),
        (("price", "set", "cheap"), "needs a number"), (("price", "percent", -150), "cannot fall by more"),
        (("promo", "set", 0.5), "yes \\(1\\) or no \\(0\\)"), (("price", "set", float("nan")), "finite"),
    ])
    def test_what_cannot_be_asked_is_said(self, model: ForecastModel, store: DemandStore, weekly: Dataset,
                                          change: tuple, says: str) -> None:
        forecaster = Forecaster(weekly, store)
        day = forecaster.forecast(KETTLES, model).table["date"].iloc[0].date()

        with pytest.raises(ScenarioError, match=says):
            forecaster.forecast(KETTLES, model, scenario=Scenario((Change(*change, day, day),)))

    def test_dates_outside_the_horizon_are_said(self, model: ForecastModel, store: DemandStore,
                                                weekly: Dataset) -> None:
        long_ago = pd.Timestamp("2001-01-01").date()

        with pytest.raises(ScenarioError, match="touches no period"):
            Forecaster(weekly, store).forecast(KETTLES, model, scenario=Scenario(
                (Change("price", "set", 9, long_ago, long_ago),)))


@pytest.mark.parametrize("horizon", [0, 5, 10_000, -1])
def test_a_horizon_outside_the_models_is_said(model: ForecastModel, store: DemandStore, weekly: Dataset,
                                              horizon: int) -> None:
    with pytest.raises(ForecastError, match="outside 1 to 4"):
        Forecaster(weekly, store).forecast(KETTLES, model, horizon)


def test_without_a_model_the_baseline_repeats_last_season(store: DemandStore, weekly: Dataset,
                                                          demand: pd.DataFrame) -> None:
    answer = Forecaster(weekly, store).forecast(KETTLES, BASELINE)

    assert answer.served_by == "baseline"
    assert answer.table["forecast"].tolist() == demand["demand"].iloc[78:82].tolist()
    assert (answer.table["upper_80"] >= answer.table["forecast"]).all()


def test_intervals_cover_about_what_they_say(weekly: Dataset) -> None:
    shops = {RegionItem(f"region {seed}", "kettle"): weekly_demand(130, seed=seed) for seed in range(12)}
    chosen = weekly.model_copy(update={"training": Pins()})  # with as many rounds as models have
    pooled = pooled_over(shops, chosen)
    shares = [train(demand, chosen, pooled, one).card.coverage_80 for one, demand in shops.items()]

    assert 0.7 <= float(np.mean(shares)) <= 0.9


def test_drivers_that_changed_since_the_training_are_refused(model: ForecastModel, store: DemandStore,
                                                             weekly: Dataset) -> None:
    without_promo = weekly.model_copy(update={"drivers": weekly.drivers[:1]})

    with pytest.raises(ModelFilesError, match="retrain"):
        Forecaster(without_promo, store).forecast(KETTLES, model)
