"""The backtest's report: every measure in total and by lead, beside seasonal naive."""

import numpy as np
import pytest

from demand_assets.forecasting.dataset.dataset_file import Dataset
from tests.demand_assets.forecasting.conftest import trained, weekly_demand


def test_every_measure_stands_in_total_and_by_lead(weekly: Dataset) -> None:
    report = trained(weekly_demand(130, future=4), weekly).report

    assert len(report["by_lead"]) == 4
    for measures in (report["total"], *report["by_lead"]):
        assert set(measures["seasonal_naive"]) == {"wape", "mase", "rmsse", "bias"}
        assert set(measures["forecast"]) == {
            "wape", "mase", "rmsse", "bias", *(f"{name}_{level}" for name in ("coverage", "width", "pinball")
                                               for level in (50, 80, 95))}
    total = report["total"]["forecast"]
    assert total["coverage_50"] <= total["coverage_80"] <= total["coverage_95"]
    assert total["width_50"] < total["width_80"] < total["width_95"]
    assert total["wape"] < report["total"]["seasonal_naive"]["wape"]


def test_the_report_is_of_the_windows_that_are_kept(weekly: Dataset) -> None:
    model = trained(weekly_demand(130, future=4), weekly)
    actual, forecast = (np.array(model.backtest[name]) for name in ("actual", "forecast"))

    second_lead = np.abs(actual[:, 1] - forecast[:, 1]).sum() / actual[:, 1].sum()

    assert model.report["by_lead"][1]["forecast"]["wape"] == pytest.approx(second_lead, abs=1e-4)
    assert model.report["total"]["forecast"]["wape"] == pytest.approx(model.card.wape, abs=1e-4)
