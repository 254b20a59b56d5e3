"""When a dataset's demand is no good to train on, and what is said of it before and after a training."""

import pytest

from demand_assets.pipeline.unusable_demand import problems


@pytest.mark.parametrize("is_trained", [False, True])
def test_demand_that_is_mostly_taken_is_good_enough(is_trained: bool) -> None:
    assert problems(3, 1, 0.5, 0.5, is_trained) == []
    assert problems(3, 1, None, 0.5, is_trained) == []


def test_what_would_be_and_what_was_is_said() -> None:
    assert problems(3, 0, 0.51, 0.5, is_trained=False) == [
        "nothing could be used: the demand of none of the 3 region-items",
        "51.0% of all units would be refused, more than rules.refused_units_share = 0.5 allows"]
    assert problems(3, 0, 0.51, 0.5, is_trained=True) == [
        "nothing was trained: the demand of none of the 3 region-items could be used",
        "51.0% of all units were refused, more than rules.refused_units_share = 0.5 allows"]
