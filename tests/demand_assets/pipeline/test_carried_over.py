"""Demand that is carried over reaches training and forecast, is judged nowhere, and goes without a trace."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demand_assets.defs.resources import open_pipeline
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.predecessors import Link
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.forecasting.model.unknown_drivers import OtherPastError
from demand_assets.forecasting.series.adjusted_demand import CARRIED, known_periods
from demand_assets.pipeline.carried_over import carried_in_words, carried_over
from demand_assets.pipeline.outcomes import RequestedBy
from demand_assets.settings import Settings

OLD, NEW, LAUNCH, TEA = (RegionItem("north", item) for item in ("old", "new", "launch", "tea"))
WEEKS = 110
ROWS = ('[[predecessors]]\nitem = "new"\nreplaces = "old"\nscale = 0.5\n'
        '[[predecessors]]\nitem = "launch"\nsimilar = ["tea"]\nscale = 2\n')


def open_shop(folder: Path, rows: str, name: str = "shop"):
    """A shop in which ``old`` is sold in 100 weeks, ``new`` in the last 12, ``tea`` always and ``launch`` never yet."""
    if not (folder / "sales.csv").exists():
        rng, dates = np.random.default_rng(1), pd.date_range("2023-01-02", periods=WEEKS + 4, freq="7D")
        season = 40 + 20 * np.sin(np.arange(len(dates)) * 2 * np.pi / 26)
        sold = {"old": slice(0, 100), "new": slice(WEEKS - 12, WEEKS), "tea": slice(0, WEEKS),
                "launch": slice(WEEKS, None)}
        pd.concat([pd.DataFrame({"region": "north", "item": item, "date": dates[span],
                                 "demand": rng.poisson(season[span]) if item != "launch" else None})
                   for item, span in sold.items()]).to_csv(folder / "sales.csv", index=False)
    file = folder / f"{name}.toml"
    file.write_text('name = "shop"\nfrequency = "W"\nhorizon = 4\n[source]\nkind = "file"\npath = "sales.csv"\n'
                    '[training]\nscale = "tweedie"\ndrivers = "boosted"\nyear_features = false\nrounds = 20\n'
                    'depth = 3\nlearning_rate = 0.2\nmin_child_weight = 5\nsubsample = 1.0\ncolumns = 1.0\n'
                    'regularisation = 1\n'
                    'own_rounds = 5\nown_share = 0.5\n' + rows)
    settings = Settings(dataset=file, state=folder / "var", cores=1, mlflow_url=None)
    return open_pipeline(settings)


@pytest.fixture
def shop(tmp_path: Path, empty_mlflow: Path) -> Path:
    """A folder with nothing trained yet."""
    (tmp_path / "var" / "shop" / "mlflow").mkdir(parents=True)
    shutil.copy(empty_mlflow, tmp_path / "var" / "shop" / "mlflow" / "mlflow.db")
    return tmp_path


def pool(pipeline):
    """Take all demand in, and make the pooled model anew."""
    list(pipeline.carry([OLD, NEW, LAUNCH, TEA], ["raw_demand", "demand"], RequestedBy()))
    pipeline.pool(RequestedBy())


def forecasts(pipeline):
    """Of each region-item, by the pooled model in production."""
    forecaster = Forecaster(pipeline.dataset, pipeline.store)
    pooled = pipeline.registry.load_pooled(pipeline.registry.pooled_production())
    return {one: forecaster.forecast(one, pooled).table["forecast"].tolist() for one in (OLD, NEW, LAUNCH, TEA)}


def test_what_is_carried_over_is_learned_and_forecast_from_and_goes_with_its_row(shop):
    before = open_shop(shop, "")
    pool(before)
    alone, stored = forecasts(before), before.store.read("demand", NEW)

    linked = open_shop(shop, ROWS)
    pool(linked)
    outcomes = {one.asset: one for one in linked.carry([NEW], ["candidate_model", "production_model"], RequestedBy())}
    carried = linked.store.read("demand", NEW)
    told = carried_over(linked.store, [OLD, NEW, LAUNCH, TEA])

    assert carried[CARRIED].count() == WEEKS - 12
    assert carried[CARRIED].sum() == 0.5 * linked.store.read("demand", OLD)["demand"].iloc[:WEEKS - 12].sum()
    assert carried["demand"].sum() == stored["demand"].sum()  # its own stays what it is
    assert told[NEW.key] == {"from": "0.5 × old", "periods": WEEKS - 12, "units": carried[CARRIED].sum(), "why_not": ""}
    assert told[LAUNCH.key]["from"] == "2 × the similar tea"
    assert set(told) == {NEW.key, LAUNCH.key}
    assert "north|new from 0.5 × old: 98 periods" in carried_in_words(told)[0]

    card = outcomes["candidate_model"].details  # 12 weeks of its own are too few for a model; 110 are enough
    assert (card["carried_periods"], card["carried_from"]) == (WEEKS - 12, "0.5 × old")
    assert card["backtest_sums"]["points"] == 12
    assert card["backtest_sums"]["actual"] == stored["demand"].sum()
    now = forecasts(linked)
    tea = linked.store.read("demand", TEA)["demand"]
    assert now[NEW] != alone[NEW]
    assert 0.6 < np.mean(now[LAUNCH]) / (2 * tea.iloc[WEEKS - 8:WEEKS].mean()) < 1.6

    again = open_shop(shop, "")
    pool(again)

    assert again.store.read("demand", NEW).equals(stored)
    assert forecasts(again) == alone
    assert carried_over(again.store, [NEW]) == {}
    with pytest.raises(OtherPastError, match=r"carried over from 0.5 × old, and north · new"):
        Forecaster(again.dataset, again.store).forecast(NEW, again.registry.load(NEW, card["version"]))


def test_a_planners_word_counts_before_the_dataset_file_and_goes_alone(shop):
    pipeline = open_shop(shop, ROWS)
    list(pipeline.carry([OLD, NEW, LAUNCH, TEA], ["raw_demand", "demand"], RequestedBy()))
    of_file = pipeline.store.read("demand", NEW)
    last = pd.Timestamp(of_file["date"].iloc[-1]).date()

    pipeline.store.write_adjustments(NEW, {last: 1.0}, [Link("new", "tea", scale=3, by="ann@shop")])
    planned = pipeline.store.read("demand", NEW)
    assert planned[CARRIED].sum() == 3 * pipeline.store.read("demand", TEA)["demand"].iloc[:WEEKS - 12].sum()
    assert pipeline.store.adjustments(NEW) == {last: 1.0}

    pipeline.store.write_adjustments(NEW, {})
    assert pipeline.store.read("demand", NEW).equals(of_file)


def test_a_chain_carries_over_what_was_carried_over_and_a_circle_ends(shop):
    pipeline = open_shop(shop, '[[predecessors]]\nitem = "launch"\nreplaces = "new"\n' + ROWS.partition("\n[[")[0])
    list(pipeline.carry([OLD, NEW, LAUNCH, TEA], ["raw_demand", "demand"], RequestedBy()))

    chain = pipeline.store.read("demand", LAUNCH)
    old, new = (pipeline.store.read("demand", one) for one in (OLD, NEW))
    assert chain[CARRIED].count() == WEEKS
    assert chain[CARRIED].sum() == new[CARRIED].sum() + new["demand"].sum()

    pipeline.store.write_adjustments(OLD, {}, [Link("old", "launch", by="ann@shop")])  # two acts at one moment
    assert pipeline.store.read("demand", OLD)["demand"].equals(old["demand"])
    assert CARRIED in pipeline.store.read("demand", LAUNCH)


def test_an_item_that_ended_too_long_ago_to_be_forecast_is_carried_over(shop):
    pipeline = open_shop(shop, '[[predecessors]]\nitem = "launch"\nreplaces = "old"\n[rules]\nstale_periods = 4\n')
    outcomes = {(one.region_item, one.asset): one for one in pipeline.carry(
        [OLD, LAUNCH], ["raw_demand", "demand"], RequestedBy())}

    assert outcomes[OLD, "demand"].status == "quarantined"
    assert not pipeline.store.has("demand", OLD)
    demand = pipeline.store.read("demand", LAUNCH)
    assert demand[CARRIED].count() == 100
    assert known_periods(demand) == WEEKS


def test_why_nothing_is_carried_over_is_told(shop):
    pipeline = open_shop(shop, '[[predecessors]]\nitem = "new"\nreplaces = "old"\ndate = "2020-01-01"\n'
                               '[[predecessors]]\nitem = "tea"\nreplaces = "old"\n'
                               '[[predecessors]]\nitem = "old"\nreplaces = "launch"\n'
                               '[[predecessors]]\nitem = "tea"\nreplaces = "coffee"\n')
    list(pipeline.carry([OLD, NEW, LAUNCH, TEA], ["raw_demand", "demand"], RequestedBy()))

    lines = carried_in_words(carried_over(pipeline.store, [OLD, NEW, LAUNCH, TEA]))

    assert [line.split(":")[0] for line in lines] == ["north|new", "north|old", "north|tea"]
    assert "its date 2020-01-01 is not after 2023-01-02, where the history of 'old' begins" in lines[0]
    assert "no demand of 'launch' is known" in lines[1]
    assert "its own demand begins on 2023-01-02, not after that of 'old' (2023-01-02)" in lines[2]
    assert ["no item 'coffee'" in notice for notice in pipeline.store.read_source_notes().notices] == [True]
