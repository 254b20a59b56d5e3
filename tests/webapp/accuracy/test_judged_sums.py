"""What stood, summed up by hand: 10 sold each day of two weeks, and forecasts that anybody can add up."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from webapp.accuracy.judged_sums import FIELDS, JudgedSums, buckets_of, first_open_bucket, judge, leads_of
from webapp.accuracy.past_forecasts import KEPT_ORIGINS, PastForecast
from webapp.tables import Override

ANNA, BEN = "anna@example.com", "ben@example.com"
MONDAY = date(2026, 6, 15)
DAYS = [MONDAY + timedelta(days=days) for days in range(14)]
HISTORY = pd.DataFrame({"date": pd.DatetimeIndex(DAYS), "demand": 10.0})
HORIZON = 4
"""So that 1, 2 and 4 days ahead are judged."""


def at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def past(origin: date, model: float = 12.0, naive: float = 13.0, leads: int = HORIZON) -> PastForecast:
    """What was forecast at six o'clock after a day whose demand was the last one known."""
    units = np.full(leads, model)
    return PastForecast(origin, at(origin + timedelta(days=1), 6), "1", np.array(
        [origin + timedelta(days=lead + 1) for lead in range(leads)], dtype="datetime64[D]"), units, units - 1,
        units + 1, np.full(leads, naive), at(origin + timedelta(days=1), 6))


def override(day: date, made_at: datetime, amount: float = 10.0, way: str = "value", by: str = ANNA,
             removed_at: datetime | None = None, number: int = 1) -> Override:
    return Override(id=number, batch="b", key="k", date=str(day), way=way, amount=amount, comment="", made_by=by,
                    made_at=made_at, removed_at=removed_at, removed_by="", scenario="")


ALL_PAST = [past(MONDAY - timedelta(days=1) + timedelta(days=days)) for days in range(14)]
"""From the Sunday before the first day on, so that every day is forecast a day ahead."""


def told(judged: JudgedSums, bucket: date = MONDAY, lead: int = 1, planner: str = "") -> dict[str, float]:
    """The sums of one cell that are not 0."""
    values = judged.values[judged.cells.index((str(bucket), lead, planner))]
    return {name: float(value) for name, value in zip(FIELDS, values, strict=True) if value}


def judged(made: list[Override] | None = None, kept: list[PastForecast] | None = None,
           history: pd.DataFrame = HISTORY, prices: np.ndarray | None = None) -> JudgedSums:
    return judge(ALL_PAST if kept is None else kept, history, prices, made or [], HORIZON, "D")


def test_a_week_of_the_model_beside_naive() -> None:
    assert told(judged()) == {
        "periods": 7, "rows": 7, "sold": 70, "naive": 91, "model": 84, "plan": 84, "naive_error": 21, "model_error": 14,
        "plan_error": 14}


def test_longer_leads_lack_the_first_days_forecasts() -> None:
    found = told(judged(), lead=4)  # of Monday to Wednesday none was made four days before

    assert (found["periods"], found["no_forecast"], found["rows"], found["sold"]) == (7, 3, 4, 40)
    assert told(judged(), MONDAY + timedelta(days=7), 4)["rows"] == 7


def test_an_override_counts_for_who_made_it_and_in_the_plan_of_all() -> None:
    found = judged([override(DAYS[2], at(DAYS[0], 9), 9.0)])

    assert (told(found)["overridden"], told(found)["plan"], told(found)["plan_error"]) == (1, 81, 13)
    assert told(found, planner=ANNA) == {
        "periods": 1, "rows": 1, "overridden": 1, "sold": 10, "naive": 13, "model": 12, "plan": 9, "naive_error": 3,
        "model_error": 2, "plan_error": 1}


def test_an_override_that_another_replaced_counts_for_whoever_held_it_at_that_lead() -> None:
    friday = DAYS[4]
    first = override(friday, at(DAYS[0], 0), 10.0, by=ANNA, removed_at=at(DAYS[2], 12))
    second = override(friday, at(DAYS[2], 12), 15.0, by=BEN, number=2)

    found = judged([first, second])

    assert told(found, lead=4, planner=ANNA)["plan"] == 10  # stood when Tuesday's demand came, on Wednesday morning
    assert told(found, lead=1, planner=BEN)["plan"] == 15
    assert ("2026-06-15", 1, ANNA) not in found.cells
    assert ("2026-06-15", 4, BEN) not in found.cells


def test_an_override_made_after_the_fact_counts_for_nothing_but_is_counted() -> None:
    found = judged([override(DAYS[2], at(DAYS[3], 6)), override(DAYS[3], at(DAYS[10], 7), number=2)])

    assert (told(found)["too_late"], told(found)["plan"], "overridden" in told(found)) == (2, 84, False)
    assert {planner for _, _, planner in found.cells} == {""}


def test_an_override_made_after_the_forecast_counts_when_it_stood_as_the_next_demand_came() -> None:
    found = judged([override(DAYS[2], at(DAYS[2], 7)), override(DAYS[3], at(DAYS[2], 7), number=2)])

    assert told(found)["plan"] == 80
    assert "too_late" not in told(found)
    longer = told(found, lead=2)  # of the 17th the demand of the 16th had come
    assert (longer["plan"], longer["overridden"], longer["too_late"]) == (5 * 12 + 10, 1, 1)


SUNDAY = MONDAY - timedelta(days=1)
BY_THE_WEEK = [past(SUNDAY, leads=14), past(SUNDAY + timedelta(days=7), leads=14)]
"""Demand comes once a week; with that of the second week, both are judged."""


def test_what_was_overridden_between_two_batches_is_judged_as_it_stood_when_the_second_came() -> None:
    made = [
        override(DAYS[4], at(DAYS[1], 9), 10.0),
        override(DAYS[5], at(DAYS[1], 9), 11.0, removed_at=at(DAYS[2], 9), number=2),
        override(DAYS[5], at(DAYS[2], 9), 14.0, by=BEN, number=3),
        override(DAYS[6], at(DAYS[1], 9), 9.0, removed_at=at(DAYS[3], 9), number=4),
        override(DAYS[8], at(DAYS[1], 9), 10.0, number=5),
        override(DAYS[9], at(DAYS[8], 9), 9.0, number=6),
    ]

    found = judged(made, BY_THE_WEEK)

    assert told(found, planner=ANNA)["plan"] == 10
    assert told(found, planner=BEN)["plan"] == 14
    assert told(found)["plan"] == 5 * 12 + 10 + 14  # what was taken back before is in no plan
    second = MONDAY + timedelta(days=7)
    assert told(found, second)["plan"] == 5 * 12 + 10 + 9
    further = judge(BY_THE_WEEK, HISTORY, None, made, 7, "D")  # a week ahead all are of the first forecast
    assert told(further, second, 7)["plan"] == 5 * 12 + 10 + 12
    assert told(further, second, 7)["too_late"] == 1


def test_a_percent_is_of_the_model_that_stood() -> None:
    assert told(judged([override(DAYS[2], at(DAYS[0], 9), 50.0, "percent")]), planner=ANNA)["plan"] == 18


def test_only_rows_that_all_know_are_compared_and_the_others_are_told_apart() -> None:
    history = HISTORY.assign(demand=[np.nan, *[10.0] * 13])
    kept = [past(one.origin, naive=np.nan) if one.origin == DAYS[1] else one for one in ALL_PAST
            if one.origin != DAYS[2]]  # of Thursday one day ahead, the one from two days ahead stands

    found = told(judged(kept=kept, history=history))

    assert (found["periods"], found["rows"], found["no_demand"], found["no_naive"]) == (7, 4, 1, 2)
    assert (found["sold"], found["model"], found["naive"]) == (40, 48, 52)


def test_money_is_of_rows_with_a_price() -> None:
    prices = np.array([np.nan, 2.0, *[3.0] * 12])

    found = told(judged(prices=prices))

    assert (found["rows"], found["priced"], found["sold_money"]) == (7, 6, 20 + 150)
    assert (found["model_error_money"], found["naive_error_money"]) == (4 + 30, 6 + 45)


def test_nothing_is_judged_without_forecasts_or_demand() -> None:
    assert judged(kept=[]).cells == []
    assert judged(history=HISTORY.iloc[:0]).cells == []
    assert judged(kept=[past(DAYS[-1])]).cells == []


def test_it_is_kept_as_it_is() -> None:
    found = judged([override(DAYS[2], at(DAYS[0], 9), by="ü|\n@example.com")])
    again = JudgedSums.from_bytes(found.to_bytes())

    assert list(again.cells) == list(found.cells)
    assert np.array_equal(again.values, found.values)


@pytest.mark.parametrize(("horizon", "frequency", "leads"), [
    (28, "D", [1, 7, 14, 28]), (1, "D", [1]), (90, "D", [1, 23, 39]), (13, "W", [1, 4, 7, 13]), (6, "M", [1, 2, 3, 6])])
def test_leads_span_the_horizon_as_far_as_forecasts_are_kept(horizon: int, frequency: str, leads: list[int]) -> None:
    assert leads_of(horizon, frequency) == leads  # type: ignore[arg-type]


@pytest.mark.parametrize("frequency", ["D", "W", "M", "Q"])
@pytest.mark.parametrize("horizon", [1, 28, 400])
def test_of_an_open_bucket_every_forecast_is_kept(frequency: str, horizon: int) -> None:
    """However the last known period lies, also when demand comes only once a week."""
    for days in range(40):
        newest = date(2026, 6, 1) + timedelta(days=days)
        steps = {"D": 1, "W": 7, "M": 31, "Q": 92}[frequency]
        first = first_open_bucket(newest, horizon, frequency)  # type: ignore[arg-type]
        oldest_needed = first - timedelta(days=steps * max(leads_of(horizon, frequency)))  # type: ignore[arg-type]
        assert oldest_needed >= newest - timedelta(days=steps * KEPT_ORIGINS)
        dates = np.array([first], dtype="datetime64[D]")
        assert buckets_of(dates, frequency)[0] == dates[0]  # type: ignore[arg-type]
        assert first <= newest


def test_a_bucket_judged_again_when_its_forecasts_begin_to_expire_is_the_same() -> None:
    start = date(2026, 3, 2)
    days = [start + timedelta(days=count) for count in range(120)]
    history = pd.DataFrame({"date": pd.DatetimeIndex(days), "demand": np.arange(120.0) % 7 + 5})
    weekly = [past(days[place], leads=90, model=place) for place in range(0, 120, 7)]
    seen: dict[tuple[str, int, str], np.ndarray] = {}
    for place in range(60, 120):
        newest = days[place]
        kept = [one for one in weekly if newest - timedelta(days=KEPT_ORIGINS) <= one.origin < newest]
        found = judge(kept, history.iloc[:place + 1], None, [], 90, "D")
        for cell, values in zip(found.cells, found.values, strict=True):
            if date.fromisoformat(cell[0]) + timedelta(days=6) <= newest:
                assert np.array_equal(seen.setdefault(cell, values), values), (newest, cell)
    assert len(seen) > 20
