"""The dataset file changes under trained models: the pipeline goes on, and says what models do not know."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pandas as pd
import pytest

from demand_assets.defs.resources import open_pipeline
from demand_assets.forecasting.contract.dagster_names import RETRAINED_ASSETS, TAKEN_IN_ASSETS, TRAINED_ASSETS
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import Catalogue, Source
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.dataset.models.challenger_entries import Challengers
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.gate.among_challengers import CONTEST
from demand_assets.forecasting.gate.automatic_retrains import nominate
from demand_assets.forecasting.model.training.own_model import Prepared, answers_of
from demand_assets.forecasting.series.gapped import Floats
from demand_assets.pipeline import train_stage
from demand_assets.pipeline.monitor import latest, measure
from demand_assets.pipeline.outcomes import Outcome, RequestedBy
from demand_assets.pipeline.run import Pipeline
from demand_assets.pipeline.train_stage import Train
from demand_assets.settings import Settings
from tests.demand_assets.conftest import PINNED, copy_state, settings_in

ALL = RETRAINED_ASSETS
TODAY = RequestedBy(request_id="r1", run_id="run", by="a test")
EVENT, CLOSED, INCOME = (Driver(name="event", kind="category"), Driver(name="closed", kind="yes_no"),
                         Driver(name="income", kind="number"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a dataset whose models are made fast."""
    return settings_in(tmp_path, PINNED)


@pytest.fixture(scope="module")
def trained_state(tmp_path_factory: pytest.TempPathFactory, pooled_state: Path) -> Path:
    """A state directory in which a model of each region-item was trained and judged; to be copied."""
    settings = settings_in(tmp_path_factory.mktemp("trained"), PINNED)
    copy_state(pooled_state, settings)
    carried(open_pipeline(settings))
    return settings.state


@pytest.fixture
def trained(settings: Settings, trained_state: Path) -> Pipeline:
    """The pipeline, with a model of each region-item."""
    copy_state(trained_state, settings)
    return open_pipeline(settings)


@dataclass(frozen=True)
class WithMore:
    """The same demand, with the columns that the dataset file declares now."""

    source: Source
    dataset: Dataset

    def fingerprint(self) -> str:
        return self.source.fingerprint()

    def today(self) -> pd.Timestamp:
        return self.source.today()

    def catalogue(self) -> Catalogue:
        return self.source.catalogue()

    def read(self, region_items: Sequence[RegionItem]) -> pd.DataFrame:
        found = self.source.read(region_items)
        week = pd.DatetimeIndex(found["date"]).dayofyear // 7
        found = found.assign(event=["fair" if number % 9 == 0 else "none" for number in week],
                             closed=(week % 11 == 0).astype(float), income=week % 7 + 1.0, offer=found["promo"])
        return found[["region", "item", "row", "date", "demand", *self.dataset.driver_names]]


def with_drivers(pipeline: Pipeline, *drivers: Driver) -> Pipeline:
    dataset = pipeline.dataset.model_copy(update={"drivers": drivers})
    return replace(pipeline, dataset=dataset, source=WithMore(pipeline.source, dataset))


def carried(pipeline: Pipeline, assets: Sequence[str] = ALL) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    again = replace(TODAY, run_id=uuid4().hex)  # the same run goes on with what it has registered
    for outcome in pipeline.carry(pipeline.source.catalogue().region_items, assets, again):
        assert outcome.status == "done", outcome.reason
        found.setdefault(outcome.asset, []).append(outcome)
    return found


def outcomes_of(pipeline: Pipeline, ones: Sequence[RegionItem], plots: bool = False) -> list[tuple[object, ...]]:
    """What becomes of these when one worker is given them together, without what differs from run to run."""
    again = replace(TODAY, run_id=uuid4().hex)
    with pipeline.registry.batch("training", again.tags, pipeline._origin(ones), 1) as batch:
        part = pipeline._training.train(Train(ones, TRAINED_ASSETS, again, plots, 1, batch))
    varying = ("version", "replaced", "seconds", "request_id")
    return sorted((one.region_item.key, one.asset, one.status, one.reason, json.dumps(
        {name: value for name, value in one.details.items() if name not in varying}, default=str))
        for one in part.outcomes)


def test_the_pooled_model_is_asked_of_all_that_a_worker_is_given_together_and_each_is_trained_as_alone(
        trained: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them is too short, and the demand of another is damaged: neither keeps the others."""
    ones = list(trained.source.catalogue().region_items)
    short, damaged, *others = ones
    trained.store.write("demand", short, trained.store.read("demand", short).tail(10).reset_index(drop=True))
    trained.store.write_bytes(f"demand/{damaged.path}.parquet", b"PAR1")
    asked: list[int] = []

    def noting(some: Sequence[Prepared]) -> list[list[Floats]]:
        asked.append(len(some))
        return answers_of(some)

    def broken(some: Sequence[Prepared]) -> list[list[Floats]]:
        raise RuntimeError("no room for so many rows")

    monkeypatch.setattr(train_stage, "answers_of", noting)
    together = outcomes_of(trained, ones)
    one_by_one = outcomes_of(trained, ones, plots=True)
    monkeypatch.setattr(train_stage, "answers_of", broken)
    after_a_failure = outcomes_of(trained, ones)

    assert asked == [len(others), 1, 1]
    assert together == one_by_one == after_a_failure
    told = {(key, asset): status for key, asset, status, *_ in together}
    assert told[short.key, "candidate_model"] == "quarantined"
    assert told[damaged.key, "candidate_model"] == "failed"
    assert all(told[one.key, "production_model"] == "done" for one in others)


@pytest.mark.parametrize(("added", "taking_in"), [
    (EVENT, ALL), (EVENT, TRAINED_ASSETS), (CLOSED, TRAINED_ASSETS), (INCOME, ALL)])
def test_with_a_driver_added_training_goes_on_and_a_new_pooled_model_learns_it(trained: Pipeline, added: Driver,
                                                                               taking_in: Sequence[str]) -> None:
    more = with_drivers(trained, *trained.dataset.drivers, added)

    for outcome in carried(more, taking_in)["candidate_model"]:
        assert outcome.details["pooled_version"] == 1
        assert outcome.reason.startswith(f"it does not know {added.name}, nor does the pooled model")
    carried(more, TAKEN_IN_ASSETS)
    renewed = more.pool(TODAY)
    judged = carried(more)["production_model"]

    assert renewed.decision.verdict == "promote"
    assert renewed.decision.reason.startswith("cannot be compared: the model in production knows other drivers: not "
                                              f"{added.name}; judged on its own: WAPE ")
    assert list(renewed.model.drivers) == [*trained.dataset.driver_names, added.name]
    assert any(outcome.details["verdict"] == "promote" for outcome in judged)
    for outcome in judged:
        assert "cannot be compared: the model in production knows other drivers" in outcome.reason or (
            "seasonal naive" in outcome.reason)
        assert "wape_production" not in outcome.details
        model = more.registry.load(outcome.region_item, outcome.details["version"])
        assert not Forecaster(more.dataset, more.store).forecast(outcome.region_item, model).flags


def test_a_driver_that_no_stored_demand_has_is_not_learned(pipeline: Pipeline) -> None:
    carried(pipeline, TAKEN_IN_ASSETS)
    more = with_drivers(pipeline, EVENT, *pipeline.dataset.drivers)

    assert list(more.pool(TODAY).model.drivers) == list(pipeline.dataset.driver_names)


def test_a_driver_that_some_stored_demand_has_is_learned_of_it(pipeline: Pipeline) -> None:
    carried(pipeline, TAKEN_IN_ASSETS)
    more = with_drivers(pipeline, EVENT, *pipeline.dataset.drivers)
    ones = more.source.catalogue().region_items
    list(more.carry(ones[:2], TAKEN_IN_ASSETS, TODAY))

    assert list(more.pool(TODAY).model.drivers) == ["event", *pipeline.dataset.driver_names]


@pytest.mark.parametrize("drivers", [
    lambda price, promo: (price,), lambda price, promo: (price, promo.model_copy(update={"name": "offer"})),
    lambda price, promo: (price, promo.model_copy(update={"kind": "number"}))])
def test_with_a_driver_gone_the_next_training_makes_a_pooled_model_without_it(
        trained: Pipeline, drivers: Callable[[Driver, Driver], tuple[Driver, ...]]) -> None:
    changed = with_drivers(trained, *drivers(*trained.dataset.drivers))

    outcomes = carried(changed)

    assert changed.registry.pooled_production() == 2
    for made, judged in zip(outcomes["candidate_model"], outcomes["production_model"], strict=True):
        assert made.details["pooled_version"] == 2
        assert "wape_production" not in judged.details
        model = changed.registry.load(judged.region_item, judged.details["version"])
        assert model.drivers == {driver.name: driver.kind for driver in changed.dataset.drivers}
        Forecaster(changed.dataset, changed.store).forecast(judged.region_item, model)


def test_what_cannot_be_used_is_measured_as_such_and_retrained_by_itself(trained: Pipeline) -> None:
    fewer = with_drivers(trained, trained.dataset.drivers[0])
    ones = [one for one in fewer.source.catalogue().region_items
            if (entry := fewer.registry.entry(one)) and entry.production]
    now = datetime.now(UTC)

    measure(fewer, ones, now)

    nominated = nominate(latest(fewer.store, now), fewer.dataset, now, ())
    assert ones
    assert {one.region_item for one in nominated} == set(ones)
    assert all(one.reason.startswith("the model cannot be used: it was trained with the driver promo, which the "
                                     "dataset file no longer declares") for one in nominated)


def test_classes_compete_where_the_dataset_file_lets_them_and_the_decision_says_what_came_of_it(
        pipeline: Pipeline) -> None:
    open_to_all = replace(pipeline, dataset=pipeline.dataset.model_copy(update={
        "challengers": Challengers(compete=("theta", "nowhere_installed"))}))

    outcomes = carried(open_to_all)

    assert outcomes["production_model"]
    for outcome in outcomes["production_model"]:
        model = open_to_all.registry.load(outcome.region_item, outcome.details["version"])
        told = model.report[CONTEST]
        assert set(told["wape"]) == {"xgboost", "theta", "blend"}
        assert "'nowhere_installed' is no model class that is known here" in told["out"]["nowhere_installed"]
        assert outcome.reason.endswith(told["why"])
        assert (model.challenger is None) == told["why"].startswith("XGBoost")
        Forecaster(open_to_all.dataset, open_to_all.store).forecast(outcome.region_item, model)


def test_without_challengers_no_other_class_is_as_much_as_looked_for(pipeline: Pipeline,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    looked_for: list[str] = []
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **asked: looked_for.append(str(asked)) or [])
    monkeypatch.setattr("demand_assets.forecasting.contract.plugins.entry_points",
                        lambda **asked: looked_for.append(str(asked)) or [])

    for outcome in carried(pipeline)["candidate_model"]:
        assert CONTEST not in pipeline.registry.load(outcome.region_item, outcome.details["version"]).report

    assert not [group for group in looked_for if "demand_assets.models" in group]
    assert not {"statsforecast", "mlforecast", "lightgbm", "torch"} & set(sys.modules)
