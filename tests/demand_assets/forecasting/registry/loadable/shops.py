"""A dataset with models that are registered as the pipeline does, and what the forecast page shows of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc import PyFuncModel

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset, Pins
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.forecast import totals
from demand_assets.forecasting.forecast.forecaster import Forecast, Forecaster
from demand_assets.forecasting.model.serving.baseline import BASELINE
from demand_assets.forecasting.model.serving.serving_model import ServingModel
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.registry.loadable.origin import Origin
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.whatif.scenario import PLAN, Scenario
from tests.demand_assets.forecasting.conftest import HERE, KETTLES, daily_demand, pooled_over
from tests.demand_assets.forecasting.registry.conftest import PROMOTE

TOASTERS = RegionItem("south", "toaster")
ODD = RegionItem("Nörd/|:.", "v1.5 ~ 'L' %")
HORIZON = 14


@dataclass(frozen=True)
class Shop:
    """A dataset with models in production and demand in a store."""

    registry: Registry
    dataset: Dataset
    store: DemandStore
    origin: Origin

    def page(self, one: RegionItem, by: str, scenario: Scenario = PLAN, horizon: int = HORIZON,
             coverage: float = 0.8) -> pd.DataFrame:
        """What the forecast page shows: date, forecast, lower, upper; by the web app's own functions."""
        return totals.by_date([self.forecast(one, by, scenario, horizon).part], coverage)

    def forecast(self, one: RegionItem, by: str, scenario: Scenario = PLAN, horizon: int = HORIZON) -> Forecast:
        """What the page makes of it."""
        models: dict[str, Callable[[], ServingModel]] = {
            "own": lambda: self.registry.load(one, 1), "pooled": lambda: self.registry.load_pooled(1),
            "baseline": lambda: BASELINE}
        return Forecaster(self.dataset, self.store).forecast(one, models[by](), horizon, scenario)

    def load(self, name: str, **config: str) -> PyFuncModel:
        """The model in production, as anybody loads it."""
        return mlflow.pyfunc.load_model(f"models:/{name}@production", model_config=config or None)


def demand_of(seed: int) -> pd.DataFrame:
    """Daily demand of 200 days that falls with the price and rises with promos, and two weeks of planned drivers."""
    rng = np.random.default_rng(seed)
    table = daily_demand(200 + HORIZON, seed)
    price, promo = np.round(rng.uniform(8, 12, len(table)), 2), (rng.random(len(table)) < 0.2).astype(float)
    units = np.round(table["demand"] * (price / 10) ** -2 * np.where(promo == 1, 2.0, 1.0))
    return table.assign(demand=units.where(table.index < 200), price=price, promo=promo)


def open_shop(state: Path, empty_mlflow: Path) -> Shop:
    """Kettles and the oddly named with models of their own, toasters without; laid out as a state directory is."""
    folder = state / "simulated"
    (folder / "mlflow").mkdir(parents=True)
    (folder / "mlflow" / "mlflow.db").write_bytes(empty_mlflow.read_bytes())
    dataset = Dataset(name="simulated", frequency="D", horizon=HORIZON, source=HERE, drivers=(
        Driver(name="price", kind="number", effect="decreasing", future="known"),
        Driver(name="promo", kind="yes_no", effect="increasing", future="known")),
        training=Pins(rounds=20, own_rounds=5))
    store = DemandStore(str(folder / "demand"))
    demand = {KETTLES: demand_of(0), TOASTERS: demand_of(1), ODD: demand_of(2)}
    for one, table in demand.items():
        store.write("demand", one, table)
    uri = f"sqlite:///{folder}/mlflow/mlflow.db"
    registry, origin = Registry(uri, "simulated", str(folder / "mlflow" / "artifacts")), Origin(
        dataset, store.url, KETTLES)
    pooled = pooled_over({one: store.read("demand", one) for one in (KETTLES, TOASTERS)}, dataset)
    with registry.batch("pooled", {}, origin) as batch:
        registry.decide_pooled(batch.register_pooled(pooled, {}, KETTLES), PROMOTE)
    with registry.batch("training", {}, origin, 1) as batch:
        for one in (KETTLES, ODD):
            model = train(store.read("demand", one), dataset, pooled, one)
            registry.record_decision(one, batch.register(one, model, {}), PROMOTE, "r1")
        batch.tell({"wape": 0.1, "trained": 2, "bias": float("nan")}, "abc", 2)
    return Shop(registry, dataset, store, origin)


def hexed(table: pd.DataFrame, one: RegionItem) -> list[list[str]]:
    """The page's table as the fresh environment writes its own: every bit of each number."""
    return [[one.region, one.item, str(row.date), row.forecast.hex(), row.lower.hex(), row.upper.hex()]
            for row in table[["date", "forecast", "lower", "upper"]].itertuples()]
