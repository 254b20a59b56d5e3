"""Classes of model by name: those that come along, those of other packages, and what keeps one from being used."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from demand_assets.forecasting.challengers import model_classes
from demand_assets.forecasting.challengers.model_classes import OURS, ChallengerError, check_installed, model_class
from demand_assets.forecasting.challengers.protocol import History

GOOD = "class Model:\n    title = 'fixed'\n    def fit(self, history): ...\n    def load(self, saved): ...\n"


def test_a_class_of_another_package_is_found_by_its_name(plugged: Callable[..., Path]) -> None:
    plugged("fixed", GOOD)

    assert model_class("fixed").title == "fixed"


@pytest.mark.parametrize(("package", "name", "code", "words"), [
    ("own_ets", "ets", GOOD, "'ets' comes with this product and is offered by own_ets 1.0 too"),
    ("own_blend", "blend", GOOD, "'blend' comes with this product and is offered by own_blend 1.0 too"),
    ("broken", "broken", "import nowhere_to_be_found", "'broken' of the package broken 1.0 cannot be loaded from"),
    ("half", "half", "class Model:\n    title = 'half'\n    def fit(self, history): ...\n", "has no load"),
    ("exits", "exits", "import sys\nsys.exit('no licence')", "SystemExit: no licence"),
    ("untitled", "untitled", GOOD.replace("'fixed'", "7"), "has the title 7, which is no text"),
    ("odd", "odd", GOOD.replace("title = 'fixed'", "title = 'odd'\n    class capabilities:\n        needs_to_fit = 7"),
     "has capabilities that cannot be read: TypeError"),
])
def test_what_cannot_be_used_is_refused_in_words(plugged: Callable[..., Path], package: str, name: str,
                                                 code: str, words: str) -> None:
    plugged(name, code, package)

    with pytest.raises(ChallengerError) as refused:
        model_class(name)

    assert words in str(refused.value)


def test_two_packages_with_one_name_are_both_refused(plugged: Callable[..., Path]) -> None:
    plugged("ours", GOOD, "one_model")
    plugged("ours", GOOD, "other_model")

    with pytest.raises(ChallengerError, match=r"offered by one_model 1\.0 and other_model 1\.0\. Uninstall one"):
        model_class("ours")


def test_an_unknown_name_is_told_those_that_there_are() -> None:
    with pytest.raises(ChallengerError, match=r"'arima' is no model class .* seasonal_naive, ets, theta, croston"):
        model_class("arima")


def test_one_library_may_be_named_without_a_tuple(plugged: Callable[..., Path]) -> None:
    plugged("one", GOOD.replace("title = 'fixed'", "title = 'one'\n    class capabilities:\n"
                                "        needs_to_fit = 'nowhere_to_be_found'"))

    with pytest.raises(ChallengerError, match="'one' needs nowhere_to_be_found, not installed here"):
        check_installed("one", to_fit=True)


def test_a_missing_library_is_named_and_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_classes, "find_spec",
                        lambda module: None if module == "statsforecast" else find_spec(module))

    with pytest.raises(ChallengerError, match="'ets' needs statsforecast, not installed here"):
        check_installed("ets", to_fit=True)
    check_installed("ets", to_fit=False)  # its models forecast by numpy alone
    assert "statsforecast" not in sys.modules


@pytest.mark.parametrize("name", ["seasonal_naive", "theta", "croston", "ets", "lightgbm"])
def test_a_class_forecasts_after_json_what_it_forecast_before(week: History, name: str) -> None:
    try:
        check_installed(name, to_fit=True)
    except ChallengerError as missing:
        pytest.skip(str(missing))
    fitted = OURS[name].fit(week)
    longer = replace(week, dates=np.append(week.dates, week.future_dates[:1]), demand=np.append(week.demand, 10.0),
                     drivers={"promo": np.append(week.drivers["promo"], 1.0)}, future_dates=week.future_dates + 1)

    again = OURS[name].load(json.loads(json.dumps(fitted.save())))

    for history in (week, longer):
        assert np.array_equal(again.predict(history), fitted.predict(history))
        assert again.predict(history).shape == (7,)


@pytest.mark.parametrize("name", ["seasonal_naive", "theta"])
def test_a_repeated_week_is_repeated(week: History, name: str) -> None:
    """Theta draws a straight line through four equal weeks that has a slope: within 15 %."""
    assert OURS[name].fit(week).predict(week) == pytest.approx(np.arange(10.0, 80.0, 10.0), rel=0.15)


def test_an_unknown_day_counts_as_a_week_before(week: History) -> None:
    demand = week.demand.copy()
    demand[27] = np.nan

    assert OURS["seasonal_naive"].fit(week).predict(replace(week, demand=demand))[-1] == 70.0


def test_croston_expects_a_sale_of_six_every_third_day_as_two_a_day(week: History) -> None:
    """2 units a day, less half of the weight of 0.02 to 0.3: the correction of Syntetos and Boylan."""
    every_third = replace(week, demand=np.resize([0.0, 0.0, 6.0], 28))

    told = OURS["croston"].fit(every_third).predict(every_third)

    assert 2.0 * 0.85 <= told[0] <= 2.0 * 0.99
    assert len(set(told)) == 1


def test_ets_by_numpy_alone_is_what_statsforecast_forecasts(week: History) -> None:
    models = pytest.importorskip("statsforecast.models", reason="the extra “challengers” is not installed")
    rng = np.random.default_rng(3)
    days = np.arange(120)
    for season, trend in ((1.0, 0.0), (10.0, 0.3), (0.0, 0.4)):
        demand = 50 + season * np.sin(days * 2 * np.pi / 7) + trend * days + rng.normal(0, 2, 120)
        history = replace(week, dates=np.datetime64("2025-06-02") + days, demand=demand, drivers={}, future={})

        told = OURS["ets"].fit(history).predict(history)

        assert told == pytest.approx(models.AutoETS(season_length=7).fit(demand).predict(7)["mean"], rel=1e-6)


def test_croston_is_what_statsforecast_forecasts_with_its_fixed_weight() -> None:
    models = pytest.importorskip("statsforecast.models", reason="the extra “challengers” is not installed")
    from demand_assets.forecasting.challengers.croston import expected_rates

    demand = np.random.default_rng(1).poisson(0.4, 90).astype(np.float64)

    assert expected_rates(demand, 0.1)[-1] == pytest.approx(models.CrostonSBA().fit(demand).predict(1)["mean"][0])


def test_a_pretrained_model_is_asked_for_the_median_of_the_demand(week: History, tmp_path: Path,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipeline:
        """Stands in for a pretrained one: repeats the last value."""

        @classmethod
        def from_pretrained(cls, path: str, device_map: str, local_files_only: bool) -> "Pipeline":
            assert (path, device_map, local_files_only) == (str(tmp_path), "cpu", True)
            return cls()

        def predict_quantiles(self, context: np.ndarray, prediction_length: int,
                              quantile_levels: list[float]) -> tuple[list[np.ndarray], None]:
            assert quantile_levels == [0.5]
            return [np.full((1, prediction_length, 1), context[0, 0, -1])], None

    torch = type(sys)("torch")
    torch.tensor, torch.float32 = np.array, np.float32  # type: ignore[attr-defined]
    chronos = type(sys)("chronos")
    chronos.BaseChronosPipeline = Pipeline  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "chronos", chronos)
    check_installed("chronos", to_fit=True)
    fitted = OURS["chronos"].fit(replace(week, options={"path": str(tmp_path)}))

    assert OURS["chronos"].load(fitted.save()).predict(week).tolist() == [70.0] * 7


def test_a_pretrained_model_without_its_folder_is_refused(week: History) -> None:
    with pytest.raises(ValueError, match=r"\[challengers.options.chronos\] path is '/nowhere', which is no folder"):
        OURS["chronos"].fit(replace(week, options={"path": "/nowhere"}))
