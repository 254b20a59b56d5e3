"""How long periods are, by the dates of a table."""

import random
from datetime import date, timedelta

import numpy as np
import pytest

from demand_assets.proposals.cannot_propose import CannotProposeError
from demand_assets.proposals.columns.periods import frequency_of

MONTHS = [date(2023 + month // 12, month % 12 + 1, 1) for month in range(40)]


def frequency(*series: list[date]) -> str:
    days = np.array([day for of_one in series for day in of_one], dtype="datetime64[D]")
    owner = np.array([place for place, of_one in enumerate(series) for _ in of_one])
    return frequency_of(days, owner, "D").frequency


def scattered(firsts: list[date], within: int, seed: int) -> list[date]:
    """Each date moved by fewer than so many days."""
    chance = random.Random(seed)
    return [day + timedelta(days=chance.randrange(within)) for day in firsts]


@pytest.mark.parametrize("seed", range(5))
def test_months_stamped_on_any_of_their_days_are_months(seed: int) -> None:
    assert frequency(scattered(MONTHS, 28, seed), scattered(MONTHS[4:], 28, seed + 100)) == "M"


def test_quarters_stamped_on_any_of_their_days_are_quarters() -> None:
    assert frequency(scattered(MONTHS[::3], 85, 1)) == "Q"


def test_weeks_stamped_on_any_of_their_days_are_told() -> None:
    weeks = [date(2025, 1, 6) + timedelta(weeks=week) for week in range(60)]

    with pytest.raises(CannotProposeError, match="write the date of each week's first day"):
        frequency(scattered(weeks, 7, 1))
    assert frequency([*weeks[:20], weeks[20] + timedelta(days=1), *weeks[21:]]) == "W"


@pytest.mark.parametrize("seed", range(5))
def test_days_on_which_little_is_sold_stay_days(seed: int) -> None:
    chance = random.Random(seed)
    days = [date(2025, 1, 1) + timedelta(days=day) for day in range(500)]

    assert frequency(*([day for day in days if chance.random() < often] for often in (0.03, 0.04, 0.14))) == "D"
