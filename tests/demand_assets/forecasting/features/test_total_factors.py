"""Which factor of a total a region-item's forecast has, by its origin and lead."""

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.periods import Frequency
from demand_assets.forecasting.features.borrowed_from_others import PanelFacts
from demand_assets.forecasting.features.total_factors import TotalFactors, factors_at

DAYS = pd.date_range("2026-01-01", periods=60, freq="D").to_numpy().astype("datetime64[D]")
TABLES = {"2026-01-10": (1.1, 1.2, 1.3), "2026-01-20": (2.1, 2.2, 2.3)}


def at(origin: int, *leads: int, season: int = 2, frequency: Frequency = "D",
       dates: np.ndarray = DAYS) -> list[float]:
    return factors_at(TABLES, dates, frequency, season, np.full(len(leads), origin), np.array(leads)).tolist()


def test_an_origin_has_the_newest_table_that_it_could_know() -> None:
    assert at(8, 1, 2) == [1.0, 1.0]  # 9 January
    assert at(9, 1, 2, 3) == [1.1, 1.2, 1.3]
    assert at(18, 1, season=100) == [1.0]  # 19 January: the tenth period after the table, which is stale
    assert at(19, 1, 2, 3) == [2.1, 2.2, 2.3]


def test_between_tables_a_period_has_its_own_factor_whatever_the_lead() -> None:
    assert at(20, 1, 2) == [2.2, 2.3]


def test_beyond_the_table_the_same_season_before_counts_until_it_is_stale() -> None:
    assert at(20, 3, 4, 5, 6) == [2.2, 2.3, 2.2, 1.0]  # periods 4, 5, 6 and 7 after the table of 3


def test_a_season_longer_than_the_table_has_nothing_before_it() -> None:
    assert at(20, 3, season=52) == [1.0]


def test_weeks_dated_by_another_day_than_the_table_are_the_same_weeks() -> None:
    weeks = pd.date_range("2026-01-05", periods=10, freq="7D").to_numpy().astype("datetime64[D]")  # Mondays

    found = factors_at({"2026-01-14": (1.5, 1.6)}, weeks, "W", 52, np.array([1, 1]), np.array([1, 2]))

    assert found.tolist() == [1.5, 1.6]  # the 14th lies in the week of the 12th


@pytest.mark.parametrize("tables", [{}, {"2026-01-20": (2.0,)}])
def test_without_rows_there_is_no_factor(tables: dict[str, tuple[float, ...]]) -> None:
    none = np.zeros(0, dtype=np.int64)

    assert len(factors_at(tables, DAYS, "D", 7, none, none)) == 0


def test_facts_of_before_there_were_factors_correct_nothing() -> None:
    stored = {"categories": {}, "common": {}, "positive": [], "item_levels": {}, "region_levels": {}, "effects": {},
              "item_effects": {}, "usual": {}, "item_usual": {}}

    assert PanelFacts.from_json(stored).totals == TotalFactors()
