"""Plain members beside the boosters: what they say, and where they may stand."""

import numpy as np
import pytest

from demand_assets.forecasting.contract.periods import Frequency
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.features.series_features import SMOOTHED
from demand_assets.forecasting.model.plain_members import (
    LAST_YEAR,
    LEVEL,
    MEMBERS,
    SMOOTHED_SEASON,
    plain_ratios,
    that_may_stand,
)
from tests.demand_assets.forecasting.conftest import HERE

PROMO = Driver(name="promo", kind="yes_no", effect="increasing", future="given", default=False)


def test_the_level_is_one_and_last_year_goes_back_to_what_is_known() -> None:
    place_of = {"lead": 0, "season_4_lag_1": 1, "season_52_lag_1": 2, "season_52_lag_2": 3, "season_52_mean_2": 4}
    rows = np.array([[1, 9, 0.5, 3, 9], [1, 9, np.nan, 3, 9], [1, 9, np.nan, np.nan, 9]], dtype=np.float32)

    level, last_year = plain_ratios((LEVEL, LAST_YEAR), rows, place_of)

    assert level.tolist() == [1, 1, 1]
    assert last_year.tolist() == [0.5, 3, 1]


def test_a_smoothed_season_is_what_the_rows_end_in_and_the_level_where_it_says_nothing() -> None:
    rows = np.array([[1, 0.8], [2, np.nan]], dtype=np.float32)

    assert plain_ratios((SMOOTHED_SEASON,), rows, {"lead": 0, SMOOTHED: 1})[0].tolist() == pytest.approx([0.8, 1])


@pytest.mark.parametrize(("frequency", "drivers", "may"), [
    ("M", (), MEMBERS), ("W", (), MEMBERS), ("D", (), ((SMOOTHED_SEASON,),)), ("Q", (), ((SMOOTHED_SEASON,),)),
    ("M", (PROMO,), ()), ("D", (PROMO,), ())])
def test_none_stand_where_a_driver_moves_demand(frequency: Frequency, drivers: tuple[Driver, ...],
                                                may: tuple[tuple[str, ...], ...]) -> None:
    assert that_may_stand(Dataset(name="shop", frequency=frequency, horizon=4, source=HERE, drivers=drivers)) == may
