"""What taking demand in tells of periods out of stock, and what it stores."""

import numpy as np
import pandas as pd
import pytest

from demand_assets.defs.metadata import to_metadata
from demand_assets.forecasting.contract.dagster_names import INSPECTED_FEATURES
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.pipeline.take_in import TakeIn, TakeInStage, numbers_of
from demand_assets.sources import open_source
from tests.demand_assets.forecasting.raw_demand import KETTLE, PROMO, TODAY, dataset, days, raw, validate

WEEKLY = {"name": "shop", "frequency": "W", "horizon": 4, "columns": {"stock": "left"}, "source": {
    "kind": "simulated", "regions": 1, "items": 2, "years": 2, "today": "2026-06-01", "stock_outs": 0.2}}


@pytest.mark.parametrize("gone", [0, 3])
def test_periods_out_of_stock_are_told_and_stored(tmp_path, gone):
    dataset, store = Dataset.model_validate(WEEKLY), DemandStore(str(tmp_path))
    source = open_source(dataset)
    catalogue = source.catalogue()
    one, other = catalogue.region_items
    raw = source.read([one, other])
    last = np.sort(raw.loc[raw["demand"].notna(), "date"].unique())[len(raw["date"].unique()) - 4 - gone:]
    raw.loc[raw["date"].isin(last) & (raw["item"] == one.item), ["demand", "stock"]] = [0.0, 0.0]

    part = TakeInStage(dataset, store).take_in(TakeIn([one, other], ["raw_demand", "demand", INSPECTED_FEATURES], raw,
                                                      catalogue.last_date, source.today(), plots=True))

    assert [outcome.status for outcome in part.outcomes] == ["done"] * 6
    told = next(outcome for outcome in part.outcomes if (outcome.asset, outcome.region_item) == ("demand", one))
    stored = store.read("demand", one)
    censored = int(stored[AT_LEAST].notna().sum())
    assert 0.1 * len(stored) < censored < 0.4 * len(stored)
    metadata = to_metadata(told)
    assert (told.details["censored_periods"], told.details["newest_censored"] >= gone) == (censored, True)
    assert told.details["censored_share"] == round(censored / told.details["periods"], 4)
    assert {"censored_periods", "censored_share"} <= set(metadata)
    assert told.details["last_date"] == str(catalogue.last_date.date())


@pytest.mark.parametrize(("default", "noted"), [(True, ["promo"]), (False, None)])
def test_a_default_that_the_past_contradicts_is_noted_with_the_load(default, noted):
    rows = raw(days(60), promo=["yes", *["no"] * 11] * 5)

    validated = validate(rows, dataset(drivers=({**PROMO, "future": "given", "default": default},)))

    assert numbers_of(validated).get("contradicted") == noted


def test_texts_that_are_categories_are_stored_as_texts(tmp_path):
    rows = raw(days(60), demand=["see note", *["5"] * 59])
    kept = rows.astype(dict.fromkeys(["region", "item", "date", "demand"], "category"))
    stage = TakeInStage(dataset(), DemandStore(str(tmp_path)))

    part = stage.take_in(TakeIn([KETTLE], ["raw_demand", "demand"], kept, None, TODAY, plots=False))

    assert [outcome.status for outcome in part.outcomes] == ["done"] * 2
    pd.testing.assert_frame_equal(stage.store.read("raw_demand", KETTLE), rows)


def marks(tmp_path, source, rows):
    stage = TakeInStage(source, DemandStore(str(tmp_path)))
    part = stage.take_in(TakeIn([KETTLE], ["raw_demand", "demand"], rows, None, TODAY, plots=False))
    return part.outcomes[-1].details["demand_mark"]


def test_the_mark_of_demand_is_another_for_other_demand_and_for_another_dataset_file(tmp_path):
    rows = raw(days(60), demand=range(60), promo=["no"] * 60)
    first = marks(tmp_path, dataset(drivers=({**PROMO, "future": "repeat_last"},)), rows)

    assert first == marks(tmp_path, dataset(drivers=({**PROMO, "future": "repeat_last"},)), rows.copy())
    assert first != marks(tmp_path, dataset(drivers=({**PROMO, "future": "repeat_last"},)),
                          rows.assign(demand=[*range(59), 60]))
    assert first != marks(tmp_path, dataset(drivers=({**PROMO, "future": "repeat_season"},)), rows)
