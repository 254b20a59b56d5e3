"""What would have been planned of drivers in the past: exactly what the product plans when the past is all it knows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.borrowed_from_others import PanelFacts
from demand_assets.forecasting.features.series_features import SeriesFeatures, series_features
from demand_assets.forecasting.series.planned_drivers import future_drivers

KETTLE = RegionItem("north", "kettle")
KINDS = {"number": 2.5, "yes_no": True, "category": "fair"}
RULES = ("known", "repeat_last", "repeat_season", "given")
PERIODS, HORIZON = 120, 5


def dataset(frequency: str, rules=RULES) -> Dataset:
    """A driver of each kind by each of the rules."""
    drivers = [{"name": f"{kind}_{rule}", "kind": kind, "future": rule, **({"default": KINDS[kind]} if rule == "given"
               else {})} for kind in KINDS for rule in rules]
    return Dataset.model_validate({"name": "shop", "frequency": frequency, "horizon": HORIZON, "drivers": drivers,
                                   "source": {"kind": "file", "path": "unused.csv"}})


def demand(of: Dataset, share_unknown: float, seed: int = 0, ahead: int = 0) -> pd.DataFrame:
    """Random values of everything, with holes in what is not known ahead; the last ``ahead`` periods are to come."""
    generator = np.random.default_rng(seed)
    step = {"D": "D", "W": "7D", "M": "MS"}[of.frequency]
    table = pd.DataFrame({"date": pd.date_range("2015-01-01", periods=PERIODS, freq=step),
                          "demand": generator.poisson(9, PERIODS).astype(float)})
    for driver in of.drivers:
        drawn = {"number": generator.lognormal(1, 0.3, PERIODS), "yes_no": generator.integers(0, 2, PERIODS).astype(
            float), "category": generator.choice(["fair", "rain", ""], PERIODS)}[driver.kind]
        is_hole = (generator.random(PERIODS) < share_unknown) & (driver.future != "known")
        table[driver.name] = pd.Series(drawn).astype(object if driver.kind == "category" else float).where(
            ~is_hole, None if driver.kind == "category" else np.nan)
    if ahead:
        table.loc[PERIODS - ahead:, "demand"] = np.nan
        for driver in of.drivers:
            table[driver.name] = table[driver.name].where(table.index < PERIODS - 1, table[driver.name].iloc[0])
    return table


FACTS = PanelFacts(categories={f"category_{rule}": ("", "fair", "rain") for rule in RULES},
                   common={f"category_{rule}": ("fair",) for rule in RULES},
                   effects={f"{kind}_{rule}": 0.1 for kind in ("number", "yes_no") for rule in RULES})


def features(table: pd.DataFrame, of: Dataset, facts: PanelFacts) -> SeriesFeatures:
    return series_features(table, of, facts, KETTLE)


def planned_then(table: pd.DataFrame, of: Dataset, facts: PanelFacts, origin: int, ahead: int = 0) -> SeriesFeatures:
    """The features as the product makes them when demand ends at the origin, ``known`` drivers go on, and the others
    for so many periods."""
    known = table.iloc[:origin + 1 + HORIZON].copy()
    for name in ("demand", *(driver.name for driver in of.drivers if driver.future != "known")):
        last = origin if name == "demand" else origin + ahead
        known[name] = known[name].where(np.arange(len(known)) <= last, None if known[name].dtype == object else np.nan)
    return features(future_drivers(known, of, HORIZON)[0], of, facts)


@pytest.mark.parametrize("frequency", ["D", "W", "M"])
@pytest.mark.parametrize("share_unknown", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("way", ["log_linear", "boosted", "mean"])
def test_an_origin_of_the_past_sees_what_the_product_would_have_planned(frequency, share_unknown, way):
    of = dataset(frequency)
    seeing = PanelFacts(FACTS.categories, FACTS.common)
    facts = {"log_linear": FACTS, "boosted": seeing, "mean": replace(FACTS, seen=seeing)}[way]
    table, leads = demand(of, share_unknown), np.arange(1, HORIZON + 1)
    judged = features(table, of, facts).as_planned

    for origin in (14, 58, 101, PERIODS - 1 - HORIZON):
        starts = np.full(HORIZON, origin)
        then = planned_then(table, of, facts, origin)
        assert then.known == origin + 1
        np.testing.assert_array_equal(judged.rows(starts, leads), then.rows(starts, leads), str(origin))
    starts = np.repeat([14, 58], HORIZON)  # several origins at once
    rows = np.concatenate([planned_then(table, of, facts, origin).rows(np.full(HORIZON, origin), leads)
                           for origin in (14, 58)])
    np.testing.assert_array_equal(judged.rows(starts, np.tile(leads, 2)), rows)


@pytest.mark.parametrize("ahead", [1, 3, HORIZON])
@pytest.mark.parametrize("frequency", ["D", "M"])
def test_what_the_source_has_ahead_now_it_had_ahead_then(frequency, ahead):
    of, facts = dataset(frequency), PanelFacts(FACTS.categories, FACTS.common)
    table, leads = demand(of, 0.0, ahead=ahead), np.arange(1, HORIZON + 1)
    judged = features(table, of, facts).as_planned

    for origin in (14, 58, 101):
        starts = np.full(HORIZON, origin)
        np.testing.assert_array_equal(judged.rows(starts, leads),
                                      planned_then(table, of, facts, origin, ahead).rows(starts, leads))


def test_what_came_after_the_origin_moves_no_plan_by_a_rule():
    of = dataset("W", ("repeat_last", "repeat_season", "given"))
    table, origin = demand(of, 0.2), 70
    other = demand(of, 0.2, seed=1)
    other.iloc[:origin + 1] = table.iloc[:origin + 1]
    facts = PanelFacts(FACTS.categories, FACTS.common)
    starts, leads = np.full(HORIZON, origin), np.arange(1, HORIZON + 1)

    one, two = (features(each, of, facts) for each in (table, other))

    np.testing.assert_array_equal(one.as_planned.rows(starts, leads), two.as_planned.rows(starts, leads))
    assert not np.array_equal(one.rows(starts, leads), two.rows(starts, leads), equal_nan=True)


def test_known_drivers_stay_as_they_came():
    of = dataset("D", ("known",))
    series = features(demand(of, 0.0), of, PanelFacts(FACTS.categories, FACTS.common))

    assert series.as_planned is series
    assert not series.as_planned.is_as_planned


def test_the_last_known_demand_is_forecast_by_the_plan_as_it_stands():
    of = dataset("W")
    table, _ = future_drivers(demand(of, 0.1), of, HORIZON)
    series = features(table, of, PanelFacts(FACTS.categories, FACTS.common))
    starts, leads = np.full(HORIZON, PERIODS - 1), np.arange(1, HORIZON + 1)

    np.testing.assert_array_equal(series.as_planned.rows(starts, leads), series.rows(starts, leads))
    assert series.as_planned.as_came.is_as_planned is False
