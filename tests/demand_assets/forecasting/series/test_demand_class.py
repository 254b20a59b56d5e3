import numpy as np
import pytest

from demand_assets.forecasting.series.demand_class import demand_class


@pytest.mark.parametrize(("demand", "name"), [
    ([10, 11, 9, 10] * 5, "smooth"), ([1, 40, 2, 60] * 5, "erratic"), ([0, 0, 5, 0] * 5, "intermittent"),
    ([0, 0, 1, 0, 0, 30] * 5, "lumpy"), ([0.0] * 20, "dead")])
def test_classes_of_demand(demand: list[float], name: str) -> None:
    assert demand_class(np.array(demand, dtype=float)) == name
