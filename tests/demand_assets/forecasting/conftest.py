"""Demand made by hand, so that a test's numbers can be checked by the reader."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.challengers.model_classes import model_class
from demand_assets.forecasting.contract.plugins import MODELS
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset, Pins
from demand_assets.forecasting.dataset.demand.source_entries import FileSource
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.model.backtest import REALISED
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.model.training.pooled_model import train_pooled

KETTLES = RegionItem("north", "kettle")
HERE = FileSource(kind="file", path="nowhere.csv")


@pytest.fixture(scope="session")
def weekly() -> Dataset:
    """A weekly dataset with a price, which lowers demand, and a promo, which raises it."""
    return Dataset(name="shop", frequency="W", horizon=4, source=HERE, drivers=(
        Driver(name="price", kind="number", effect="decreasing", future="repeat_last"),
        Driver(name="promo", kind="yes_no", effect="increasing")))


@pytest.fixture(scope="session")
def daily() -> Dataset:
    """A daily dataset without drivers."""
    return Dataset(name="shop", frequency="D", horizon=7, source=HERE)


def weekly_demand(periods: int = 130, future: int = 0, seed: int = 0) -> pd.DataFrame:
    """About 100 units a week, twice that in a promo week, less when dear; ``future`` more weeks with drivers only."""
    rng = np.random.default_rng(seed)
    weeks = np.arange(periods + future)
    price = np.round(rng.uniform(8, 12, len(weeks)), 2)
    promo = (rng.random(len(weeks)) < 0.2).astype(float)
    units = 100 * (price / 10) ** -2 * np.where(promo == 1, 2.0, 1.0) * rng.uniform(0.9, 1.1, len(weeks))
    return pd.DataFrame({"date": pd.date_range("2023-01-02", periods=len(weeks), freq="7D"),
                         "demand": np.where(weeks < periods, np.round(units), np.nan), "price": price, "promo": promo})


def daily_demand(periods: int = 200, seed: int = 0) -> pd.DataFrame:
    """A week's pattern of 10 to 40 units with a little noise."""
    rng = np.random.default_rng(seed)
    pattern = np.array([10, 12, 15, 20, 30, 40, 25])
    days = np.arange(periods)
    return pd.DataFrame({"date": pd.date_range("2025-01-06", periods=periods, freq="D"),
                         "demand": np.round(pattern[days % 7] * rng.uniform(0.85, 1.15, periods))})


def pooled_over(demand: dict[RegionItem, pd.DataFrame], dataset: Dataset) -> PooledModel:
    """Version 1 of the pooled model over these region-items."""
    return train_pooled(list(demand), lambda one: demand[one], dataset).with_version(1)


def trained(demand: pd.DataFrame, dataset: Dataset) -> ForecastModel:
    """The kettles' model, on a pooled model over the kettles alone."""
    return train(demand, dataset, pooled_over({KETTLES: demand}, dataset), KETTLES)


def quick(dataset: Dataset) -> Dataset:
    """The same dataset with models of few rounds, whose training takes a third of the time."""
    return dataset.model_copy(update={"training": Pins(rounds=20)})


def without_deciles(pooled: PooledModel) -> PooledModel:
    """The model as code trained it that knew nothing of deciles."""
    fits = tuple(fit if fit.calibration is None else replace(fit, calibration=replace(fit.calibration, shapes={
        name: replace(shape, spread=None, spread_of_unknown=None) for name, shape in fit.calibration.shapes.items()}))
        for fit in pooled.fits)
    return replace(pooled, fits=fits, card={**pooled.card, "code_version": "14"})


def as_trained_before(model: ForecastModel) -> ForecastModel:
    """The same model as version 3 of the code stored it: judged with the drivers that came."""
    backtest = {name: table for name, table in model.backtest.items() if name not in (REALISED, "judged_with")}
    card = replace(model.card, judged_with="", wape=model.card.wape_realised, bias=model.card.bias_realised,
                   wape_realised=float("nan"), bias_realised=float("nan"), code_version="3")
    return replace(model, card=card, backtest={**backtest, "forecast": model.backtest[REALISED]})


@pytest.fixture
def plugged(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[
        [str, str], Path]]:
    """Installs a package with a class of model ``Model`` under that name, from its code; gives the folder it is in."""
    folder = tmp_path_factory.mktemp("packages")
    monkeypatch.syspath_prepend(folder)
    model_class.cache_clear()
    installed: list[str] = []

    def install(name: str, code: str, package: str = "") -> Path:
        package = package or f"{name}_package"
        installed.append(package)
        (folder / f"{package}.py").write_text(code)
        info = folder / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{MODELS}]\n{name} = {package}:Model\n")
        return folder

    yield install
    model_class.cache_clear()
    for package in installed:
        sys.modules.pop(package, None)
