"""Contests among classes of model: who may take part, who is out and why, and what is stored of the winner."""

import json
import re
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.challengers.model_classes import model_class
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.models.challenger_entries import Challengers, Where
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.gate.among_challengers import CONTEST, candidate_of, why
from demand_assets.forecasting.gate.contest import contest
from demand_assets.forecasting.model.serving.challenger import history_at, history_to_fit
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.training.challengers import compete
from demand_assets.forecasting.model.training.own_model import Trained, train, train_with_windows
from tests.demand_assets.forecasting.conftest import KETTLES, pooled_over, weekly_demand

DOCUMENT = Path(__file__).parents[5] / "docs" / "challengers.md"
INSTALL = Callable[[str, str], Path]
CLASS = """
import json
import numpy as np
class Model:
    title = "Plugged in"
    class capabilities:
        drivers = True
    def fit(self, history):
        {fit}
        return self
    def load(self, saved):
        return self
    def save(self):
        return {{}}
    def predict(self, history):
        {predict}
"""
KNOWS = ("weeks = history.future_dates.astype(int) // 7\n"
         "        factor = np.where(weeks * weeks * 7919 % 11 > 6, 1.6, 1.0)\n"
         "        return 100 * factor * (history.future['price'] / 10) ** -2.0 * (1 + history.future['promo'])")
"""What made the demand, but for the noise."""


def secret() -> pd.DataFrame:
    """Demand with 130 weeks known, in some of which 60 % more is sold for a reason that no booster knows."""
    table = weekly_demand(130, future=4)
    return table.assign(demand=np.round(table["demand"] * factor_of(table)))


def factor_of(table: pd.DataFrame) -> np.ndarray:
    weeks = table["date"].to_numpy().astype("datetime64[D]").astype(int) // 7
    return np.where(weeks * weeks * 7919 % 11 > 6, 1.6, 1.0)


def truth() -> np.ndarray:
    """The four weeks ahead, but for the noise."""
    ahead = secret().iloc[130:]
    return (100 * factor_of(ahead) * (ahead["price"] / 10) ** -2.0 * (1 + ahead["promo"])).to_numpy()


def plugin(predict: str = KNOWS, fit: str = "pass") -> str:
    return CLASS.format(fit=fit, predict=predict)


def known_ahead(dataset: Dataset) -> Dataset:
    return dataset.model_copy(update={"drivers": tuple(
        driver.model_copy(update={"future": "known"}) for driver in dataset.drivers)})


@pytest.fixture(scope="module")
def trained() -> Trained:
    """The kettles' boosters and their windows, with drivers that are known ahead."""
    dataset = known_ahead(Dataset.model_validate({
        "name": "shop", "frequency": "W", "horizon": 4, "source": {"kind": "file", "path": "nowhere.csv"},
        "drivers": [{"name": "price", "kind": "number", "effect": "decreasing"},
                    {"name": "promo", "kind": "yes_no", "effect": "increasing"}]}))
    table = secret()
    return train_with_windows(table, dataset, pooled_over({KETTLES: table}, dataset), KETTLES)


def entries(*names: str, blend: bool = False, **more: object) -> Challengers:
    return Challengers.model_validate({"compete": names, "blend": blend, **more})


def stored(model: ForecastModel, folder: Path) -> ForecastModel:
    folder.mkdir()
    model.save(folder)
    return ForecastModel.load(folder, model.pooled, 7)


def test_a_class_that_is_better_takes_the_place_of_the_boosters(trained: Trained, plugged: INSTALL,
                                                                tmp_path: Path) -> None:
    plugged("truth", plugin())

    model = candidate_of(trained, entries("truth"), {})

    assert model.challenger is not None
    assert why(model).startswith("Plugged in in place of XGBoost: WAPE ")
    assert model.card.wape < trained.model.card.wape
    assert model.report[CONTEST]["wape"]["truth"] < model.report[CONTEST]["wape"]["xgboost"]
    again = stored(model, tmp_path / "model")
    assert again.predict(trained.series, np.full(4, 129), np.arange(1, 5)) == pytest.approx(truth())
    assert again.calibration == model.calibration != trained.model.calibration


def test_a_class_that_is_worse_leaves_the_boosters(trained: Trained, plugged: INSTALL) -> None:
    """Forecasts three times as high as demand are off by twice of it."""
    plugged("high", plugin(KNOWS.replace("100 *", "300 *")))

    choice = compete(trained, entries("high"), {})

    assert (choice.best, choice.chosen) == ("xgboost", None)
    assert choice.wapes["high"] == pytest.approx(2.0, abs=0.15)


FIRST_JUDGED = "np.datetime64('2023-01-02') + 7 * 117"
"""The last week known in the first judged window."""


def test_the_judged_windows_choose_nothing(trained: Trained, plugged: INSTALL) -> None:
    """However well it does in them: who is no good before does not get there."""
    plugged("late", plugin(KNOWS.replace(
        "return 100", f"return (100 if history.dates[-1] >= {FIRST_JUDGED} else 900)")))

    choice = compete(trained, entries("late"), {})

    assert (choice.best, choice.chosen) == ("xgboost", None)


def test_who_was_good_before_must_be_good_in_the_judged_windows_too(trained: Trained, plugged: INSTALL) -> None:
    plugged("early", plugin(KNOWS.replace(
        "return 100", f"return (100 if history.dates[-1] < {FIRST_JUDGED} else 145)")))

    model = candidate_of(trained, entries("early"), {})

    assert model.report[CONTEST]["best"] == "early"
    assert model.challenger is None
    assert re.fullmatch("XGBoost: Plugged in did better in the windows before, and in the judged ones WAPE 4.* % is "
                        "worse than seasonal naive with 3.* %", why(model))


def test_the_page_is_told_the_real_reason_why_a_class_did_not_take_the_place(trained: Trained,
                                                                             plugged: INSTALL) -> None:
    """Ten units more or less in turn are no bias, and make it as good as the boosters at most."""
    plugged("early", plugin(KNOWS.replace("return 100 *", "return np.array([35, -35, 35, -35])[:history.horizon] * ("
                                          f"history.dates[-1] >= {FIRST_JUDGED}) + 100 *")))

    told = why(candidate_of(trained, entries("early"), {}))

    assert told.startswith("XGBoost: Plugged in did better in the windows before, and in the judged ones WAPE ")
    assert "of XGBoost, on the same demand" in told
    assert "in production" not in told


def test_a_class_that_was_best_and_then_went_out_is_told_so(trained: Trained, plugged: INSTALL) -> None:
    plugged("early", plugin(f"assert history.dates[-1] < {FIRST_JUDGED}, 'too late'\n        " + KNOWS))

    model = candidate_of(trained, entries("early"), {})

    assert model.challenger is None
    assert why(model) == ("XGBoost: Plugged in did better in the windows before the judged ones and then went out "
                          "(early: failed to forecast: AssertionError: too late)")


@pytest.mark.parametrize(("before", "after"), [
    ("return {}", "return {'at': np.datetime64('2026-01-01')}"), ("return {}", "raise OSError('no room')"),
    ("return self\n    def save", "raise KeyError('at')\n    def save")])
def test_a_class_that_cannot_be_stored_is_out_before_it_costs_the_training(trained: Trained, plugged: INSTALL,
                                                                           before: str, after: str) -> None:
    plugged("truth", plugin().replace(before, after))

    model = candidate_of(trained, entries("truth"), {})

    assert model.challenger is None
    assert model.report[CONTEST]["out"]["truth"].startswith("truth cannot be saved and loaded: ")
    assert "then went out (truth: cannot be saved and loaded" in why(model)


@pytest.mark.parametrize(("code", "words"), [
    (plugin(fit="raise RuntimeError('no licence')"), "failed to fit: RuntimeError: no licence"),
    (plugin(fit="raise SystemExit('no licence')"),
     "failed to fit: it would have ended the program (SystemExit: no licence)"),
    (plugin("raise SystemExit('no licence')"),
     "failed to forecast: it would have ended the program (SystemExit: no licence)"),
    (plugin("raise KeyError('x')"), "failed to forecast: KeyError: 'x'"),
    (plugin("return np.full(history.horizon, np.nan)"), "answered 4 forecasts that are no numbers"),
    (plugin("return np.full(history.horizon, np.inf)"), "answered 4 forecasts that are no numbers"),
    (plugin("return np.ones(history.horizon + 1)"), "answered an array of shape (5,) where (4,) is wanted"),
    (plugin("return 7"), "answered an array of shape () where (4,) is wanted"),
    (plugin("return 'many'"), "failed to forecast: ValueError"),
    (plugin(fit="while True: pass"), "took more than 0.2 s"),
    (plugin("\n        try:\n            while True: pass\n        except Exception: return 1"), "took more than"),
    (plugin(fit="__import__('time').sleep(60)"), "took more than 0.2 s"),
])
def test_a_class_that_fails_is_out_and_the_boosters_stand(trained: Trained, plugged: INSTALL, code: str,
                                                          words: str) -> None:
    plugged("faulty", code)

    model = candidate_of(trained, entries("faulty", seconds=0.2), {})

    assert model.challenger is None
    assert words in model.report[CONTEST]["out"]["faulty"]
    assert why(model) == "XGBoost: no other class could compete"
    assert replace(model, report=trained.model.report) == trained.model


def test_a_class_sees_nothing_after_the_origin_that_was_not_planned(trained: Trained, plugged: INSTALL) -> None:
    """It would forecast without any error from what it was given too much; it finds the demand ends at the origin."""
    plugged("spy", plugin("assert len(history.demand) == len(history.dates) == len(history.drivers['price'])\n"
                          "        assert history.future_dates[0] > history.dates[-1]\n"
                          "        assert set(history.future) == {'price', 'promo'}\n"
                          "        return np.full(history.horizon, float(len(history.demand)))"))

    choice = compete(trained, entries("spy"), {})

    assert not choice.out
    assert choice.wapes["spy"] > choice.wapes["xgboost"]


def test_a_class_is_fitted_for_the_whole_horizon_where_the_source_has_no_rows_ahead(
        trained: Trained, plugged: INSTALL) -> None:
    """The drivers to come are unknown there: the rows that a forecast plans them by are not in what is learned from."""
    plugged("truth", plugin(fit="assert history.horizon == 4, history.horizon"))
    dataset = trained.series.dataset
    without = train_with_windows(secret().iloc[:130], dataset, trained.model.pooled, KETTLES)

    found = history_to_fit(without.series, 129, {})
    choice = compete(without, entries("truth"), {})

    assert (found.future_dates.astype(int) // 7 == found.dates[-1].astype(int) // 7 + np.arange(1, 5)).all()
    assert all(np.isnan(values).all() and values.shape == (4,) for values in found.future.values())
    assert (choice.out, choice.best) == ({}, "truth")
    assert choice.chosen is not None


def test_a_class_is_given_the_plan_of_its_origin_not_what_came(weekly: Dataset) -> None:
    """By its rule the last price is repeated; those that came moved every week."""
    series = series_features(weekly_demand(), weekly)

    planned, came = history_at(series.as_planned, 99, {}), history_at(series.as_came, 99, {})

    assert set(planned.future["price"]) == {planned.drivers["price"][-1]}
    assert came.future["price"].tolist() == weekly_demand()["price"].iloc[100:104].tolist()
    assert len(planned.demand) == 100


def test_the_mean_of_all_is_a_challenger_too(trained: Trained, plugged: INSTALL, tmp_path: Path) -> None:
    """Two classes that are wrong by as much, each to its side: their mean with the boosters is better than any."""
    plugged("high", plugin(KNOWS.replace("100 *", "113 *")))
    plugged("low", plugin(KNOWS.replace("100 *", "87 *")))

    choice = compete(trained, entries("high", "low", blend=True), {})

    assert choice.best == "blend"
    assert choice.chosen is not None
    assert choice.chosen.challenger is not None
    assert choice.chosen.challenger.identity == "xgboost+high+low"
    at, leads = np.full(4, trained.series.known - 1), np.arange(1, 5)
    boosters = trained.model.predict(trained.series, at, leads)
    again = stored(choice.chosen, tmp_path / "model")
    assert again.predict(trained.series, at, leads) == pytest.approx((2 * truth() + boosters) / 3)


def test_a_class_that_is_uninstalled_leaves_the_boosters_of_the_same_version(trained: Trained, plugged: INSTALL,
                                                                             tmp_path: Path) -> None:
    place = plugged("truth", plugin())
    model = candidate_of(trained, entries("truth"), {})
    stored(model, tmp_path / "model")
    shutil.rmtree(next(place.glob("truth*.dist-info")))
    model_class.cache_clear()

    left = ForecastModel.load(tmp_path / "model", model.pooled, 7)

    assert (left.version, left.challenger) == (7, None)
    assert left.without.startswith("'truth' is no model class that is known here")
    assert left.card == trained.model.card
    assert left.calibration == trained.model.calibration


def test_a_class_that_fails_when_it_serves_leaves_it_to_the_boosters(trained: Trained, plugged: INSTALL) -> None:
    plugged("truth", plugin())
    model = candidate_of(trained, entries("truth"), {})
    assert model.challenger is not None
    model.challenger.members["truth"].predict = lambda history: 1 / 0  # type: ignore[method-assign]
    at, leads = np.full(4, trained.series.known - 1), np.arange(1, 5)

    assert np.array_equal(model.predict(trained.series, at, leads), trained.model.predict(trained.series, at, leads))


def test_files_of_yesterday_hold_no_challenger(trained: Trained, tmp_path: Path) -> None:
    stored(trained.model, tmp_path / "model")

    details = json.loads((tmp_path / "model" / "forecast.json").read_text())

    assert "challenger" not in details
    assert "boosters" not in details
    assert CONTEST not in details["report"]


def test_which_classes_compete_where() -> None:
    given = Challengers(compete=("ets",), where=(
        Where(demand_class=("intermittent", "lumpy"), compete=("croston",)),
        Where(attribute={"category": ("Food", "Drink")}, compete=("ets", "theta")),
        Where(attribute={"category": ("Toys",)}, compete=())))

    assert given.names_for("lumpy", {"category": "Food"}) == ("croston",)
    assert given.names_for("smooth", {"category": "Drink"}) == ("ets", "theta")
    assert given.names_for("smooth", {"category": "Toys"}) == ()
    assert given.names_for("smooth", {}) == ("ets",)
    assert given.all_names == ("ets", "croston", "theta")


def contested(table: pd.DataFrame, dataset: Dataset, candidate: ForecastModel, production: ForecastModel) -> str:
    return contest(table, dataset, candidate, production, KETTLES).reason


def test_production_of_another_class_is_compared_as_its_class_forecasts(trained: Trained, plugged: INSTALL) -> None:
    plugged("truth", plugin())
    production = candidate_of(trained, entries("truth"), {})
    dataset = known_ahead(trained.series.dataset).model_copy(update={"challengers": entries("truth")})
    table = secret()

    reason = contested(table, dataset, trained.model, production)

    wape = f"{100 * production.card.wape:.1f}"
    assert f"against {wape} % of the model in production" in reason
    assert "the margin of 1" in reason


def test_a_class_that_no_longer_competes_does_not_hold_its_place(trained: Trained, plugged: INSTALL) -> None:
    plugged("truth", plugin())
    production = candidate_of(trained, entries("truth"), {})
    table = secret()

    decision = contest(table, trained.series.dataset, trained.model, production, KETTLES)

    assert decision.verdict == "promote"
    assert "the dataset file no longer lets truth, which is in production, compete" in decision.reason


def test_the_same_class_on_the_same_demand_is_nothing_new(trained: Trained, plugged: INSTALL) -> None:
    plugged("truth", plugin())
    production = candidate_of(trained, entries("truth"), {})
    dataset = trained.series.dataset.model_copy(update={"challengers": entries("truth")})

    decision = contest(secret(), dataset, production, production, KETTLES)

    assert (decision.verdict, decision.reason[:11]) == ("keep", "nothing new")


def test_the_same_class_with_other_options_is_not_nothing_new(trained: Trained, plugged: INSTALL) -> None:
    plugged("truth", plugin(KNOWS.replace("100 *", "history.options.get('level', 100) *")))
    production = candidate_of(trained, entries("truth", options={"truth": {"level": 104}}), {})
    asked = entries("truth", options={"truth": {"level": 100}})
    dataset = trained.series.dataset.model_copy(update={"challengers": asked})

    decision = contest(secret(), dataset, candidate_of(trained, asked, {}), production, KETTLES)

    assert not decision.reason.startswith("nothing new")


def test_without_challengers_a_training_is_the_same_to_the_digit(trained: Trained) -> None:
    table = secret()

    alone = train(table, trained.series.dataset, trained.model.pooled, KETTLES)

    assert (alone.challenger, alone.boosters, alone.without) == (None, None, "")
    assert alone.backtest == trained.model.backtest


def test_the_class_of_the_documentation_takes_part(trained: Trained, plugged: INSTALL) -> None:
    pytest.importorskip("lightgbm", reason="the extra “challengers” is not installed")
    document = DOCUMENT.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    *_, written = re.findall(r"```toml\n(.*?)```", document, re.DOTALL)
    plugged("my_lightgbm", code)

    model = candidate_of(trained, Challengers.model_validate(tomllib.loads(written)["challengers"]), {})

    told = model.report[CONTEST]
    assert not told["out"]
    assert set(told["wape"]) == {"xgboost", "my_lightgbm", "blend"}
    assert told["wape"]["my_lightgbm"] < 0.6
    assert told["why"].startswith(("XGBoost", "My LightGBM", "blend"))


def test_the_first_example_of_the_documentation_is_a_dataset_files() -> None:
    first, *_ = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)

    given = Challengers.model_validate(tomllib.loads(first)["challengers"])

    assert given.names_for("lumpy", {}) == ("croston",)
    assert given.names_for("smooth", {}) == ("ets", "theta")


def test_what_neighbours_spend_is_not_a_class_that_runs_beside_them(trained: Trained, plugged: INSTALL) -> None:
    """Each fit waits for another thread that spends as much as the whole budget."""
    plugged("waits", plugin(fit="import threading, time\n"
                            "        def burn():\n"
                            "            started = time.thread_time()\n"
                            "            while time.thread_time() < started + 0.2: pass\n"
                            "        other = threading.Thread(target=burn); other.start(); other.join()"))
    found: list[object] = []
    thread = Thread(target=lambda: found.append(compete(trained, entries("waits", seconds=0.2), {}).out))
    thread.start()
    thread.join()

    assert found == [{}]
