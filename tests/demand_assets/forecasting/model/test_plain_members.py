"""Plain members beside the boosters: what they say, and where they may stand."""

import numpy as np
import pytest

from demand_assets.forecasting.contract.periods import Frequency
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.drivers import Driver
from demand_assets.forecasting.model.plain_members import LAST_YEAR, LEVEL, may_stand, plain_ratios
from tests.demand_assets.forecasting.conftest import HERE

PROMO = Driver(name="promo", kind="yes_no", effect="increasing", future="given", default=False)


def test_the_level_is_one_and_last_year_goes_back_to_what_is_known() -> None:
    place_of = {"lead": 0, "season_4_lag_1": 1, "season_52_lag_1": 2, "season_52_lag_2": 3, "season_52_mean_2": 4}
    rows = np.array([[1, 9, 0.5, 3, 9], [1, 9, np.nan, 3, 9], [1, 9, np.nan, np.nan, 9]], dtype=np.float32)

    level, last_year = plain_ratios((LEVEL, LAST_YEAR), rows, place_of)

    assert level.tolist() == [1, 1, 1]
    assert last_year.tolist() == [0.5, 3, 1]


@pytest.mark.parametrize(("frequency", "drivers", "may"), [
    ("M", (), True), ("W", (), True), ("D", (), False), ("Q", (), False), ("M", (PROMO,), False)])
def test_none_stand_where_a_driver_moves_demand_or_nothing_was_gained(
        frequency: Frequency, drivers: tuple[Driver, ...], may: bool) -> None:
    assert may_stand(Dataset(name="shop", frequency=frequency, horizon=4, source=HERE, drivers=drivers)) is may
