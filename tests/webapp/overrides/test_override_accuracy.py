"""Did overrides help: scored by hand, on what stood when each period began."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.conftest import KETTLE, ODD, demand_of, page, text_of
from tests.webapp.overrides.builders import rows_of
from webapp.db.database import db, writing
from webapp.overrides.override_accuracy import judge
from webapp.services import Services
from webapp.tables import ArchivedForecast, Override, StoredForecast

ANNA, BEN = "anna@example.com", "ben@example.com"
SOLD = demand_of(12.0).set_index("date")["demand"]
"""18 on Sunday 28 June, 6 on Monday 29, 9 on Tuesday 30."""
MORNING = datetime(2026, 6, 29, 6, tzinfo=UTC)


@pytest.fixture
def services(app: Flask) -> Iterator[Services]:
    """Those of the app, in its context."""
    with app.app_context():
        yield app.extensions["services"]


def archive(origin: int, units: float, made_at: datetime, one: RegionItem = KETTLE, naive: float = 10.0,
            since: datetime | None = None) -> None:
    """What was forecast after a day of June for each of the three days that follow."""
    rows = np.array([[units] * 3, [units - 2] * 3, [units + 2] * 3, [naive] * 3], dtype="<f4")
    with writing():
        db.session.add(ArchivedForecast(key=one.key, origin=f"2026-06-{origin}", made_at=made_at, since=since,
                                        served_by="1",
                                        content=rows.tobytes()))


def known_until(day: str, one: RegionItem = KETTLE) -> None:
    with writing():
        db.session.merge(StoredForecast(key=one.key, made_at=MORNING, origin=day, served_by="1", content=b""))


def overridden(day: str, way: str, amount: float, made_at: datetime, by: str = ANNA,
               removed_at: datetime | None = None, one: RegionItem = KETTLE) -> None:
    with writing():
        db.session.add(Override(batch="b", key=one.key, date=day, way=way, amount=amount, comment="I know better",
                                made_by=by, made_at=made_at, removed_at=removed_at))


def hours(count: float) -> datetime:
    """So many hours after the morning of the 29th."""
    return MORNING + timedelta(hours=count)


@pytest.fixture
def judged_days(app: Flask) -> None:
    """Anna said 8 for the 29th: 6 came, the model said 12. Ben said half for the 30th: 9 came, the model said 10."""
    with app.app_context():
        archive(28, 12.0, hours(0))
        archive(29, 10.0, hours(24))
        overridden("2026-06-29", "value", 8.0, hours(-48))
        overridden("2026-06-30", "percent", -50.0, hours(-48), BEN)
        known_until("2026-06-30")


def test_model_override_and_naive_are_scored_beside_each_other(services: Services, judged_days: None) -> None:
    assert SOLD.loc["2026-06-29":"2026-06-30"].tolist() == [6.0, 9.0]  # type: ignore[misc]

    found = judge(services)
    anna, ben = found.by("planner")
    [item] = found.by("item")

    assert (anna.name, anna.periods, anna.saved) == (ANNA, 1, pytest.approx(4))
    assert (anna.wape_model, anna.wape_override, anna.wape_naive) == pytest.approx((6 / 6, 2 / 6, 4 / 6))
    assert (anna.bias_model, anna.bias_override, anna.bias_naive) == pytest.approx((6 / 6, 2 / 6, 4 / 6))
    assert (ben.name, ben.saved) == (BEN, pytest.approx(-3))  # he was 4 off, the model 1
    assert (ben.bias_model, ben.bias_override) == pytest.approx((1 / 9, -4 / 9))
    assert (item.name, item.periods, item.saved) == ("kettle", 2, pytest.approx(1))
    assert (item.wape_model, item.wape_override, item.wape_naive) == pytest.approx((7 / 15, 6 / 15, 5 / 15))
    assert [one.name for one in found.by("region-item")] == [str(KETTLE)]


def test_what_stood_when_the_demand_came_is_judged_not_what_it_replaced(services: Services) -> None:
    archive(28, 12.0, hours(0))
    overridden("2026-06-29", "value", 8.0, hours(-3), ANNA, removed_at=hours(1))
    overridden("2026-06-29", "value", 6.0, hours(1), BEN)
    known_until("2026-06-30")

    [one] = judge(services).rows

    assert (one.planner, one.override) == (BEN, 6.0)


def test_an_override_made_when_newer_demand_had_come_is_not_judged_but_told(
        services: Services, client: FlaskClient) -> None:
    """The forecast from the 29th was made once more after the override, which changes nothing."""
    archive(28, 12.0, hours(0))
    archive(29, 12.0, hours(40), since=hours(24))
    overridden("2026-06-30", "value", 6.0, hours(30))
    known_until("2026-06-30")

    assert [(one.override, one.model) for one in judge(services).rows] == [(6.0, 12.0)]
    found = judge(services, lead=2)
    assert (found.rows, found.too_late, found.unknown) == ([], 1, 0)
    seen = page(client.get("/overrides/helped?lead=2"))
    assert text_of(seen.select_one("#not-judged")) == "Not judged: 1 day, first overridden later than that."
    assert "at least 2 days ahead, with the override that stood when the next demand arrived" in text_of(seen)


def test_what_is_overridden_between_two_batches_is_judged_for_all_days_of_the_second(services: Services) -> None:
    """Both days came at once: no forecast was made between the override and its day."""
    archive(28, 12.0, hours(0))
    overridden("2026-06-30", "value", 6.0, hours(4))
    overridden("2026-06-29", "value", 7.0, hours(4), removed_at=hours(5))
    known_until("2026-06-30")

    for lead in (1, 2):
        found = judge(services, lead=lead)
        assert [(str(one.date), one.override) for one in found.rows] == [("2026-06-30", 6.0)]
        assert found.too_late == 0


def test_an_override_taken_back_in_time_is_not_judged(services: Services) -> None:
    archive(28, 12.0, hours(0))
    overridden("2026-06-29", "value", 6.0, hours(-5), removed_at=hours(-4))
    known_until("2026-06-30")

    found = judge(services)

    assert (found.rows, found.too_late, found.unknown) == ([], 0, 0)


def test_where_an_origin_is_missing_the_newest_before_counts(services: Services) -> None:
    archive(27, 11.0, hours(-24))
    overridden("2026-06-29", "percent", 10.0, hours(-30))
    overridden("2026-06-26", "percent", 10.0, hours(-300))
    known_until("2026-06-30")

    found = judge(services)

    assert [(str(one.date), one.model, one.override) for one in found.rows] == [
        ("2026-06-29", 11.0, pytest.approx(12.1))]
    assert found.unknown == 1  # of the 26th no forecast is kept


def test_a_longer_lead_judges_what_stood_that_long_before(services: Services, judged_days: None) -> None:
    overridden("2026-06-28", "value", 1.0, hours(-200))
    archive(27, 14.0, hours(-24))

    found = judge(services, lead=2)

    assert [(str(one.date), one.model, one.override) for one in found.rows] == [
        ("2026-06-29", 14.0, 8.0), ("2026-06-30", 12.0, 6.0)]


def test_a_period_ahead_waits(services: Services) -> None:
    archive(30, 12.0, hours(48))
    overridden("2026-07-01", "value", 6.0, hours(1))
    known_until("2026-06-30")

    found = judge(services)

    assert (found.rows, found.waiting, found.too_late) == ([], 1, 0)


def test_scores_are_searched_and_filtered(services: Services, judged_days: None) -> None:
    archive(28, 12.0, hours(0), ODD)
    overridden("2026-06-29", "value", 6.0, hours(-1), one=ODD)
    known_until("2026-06-30", ODD)

    assert len(judge(services).rows) == 3
    assert [one.key for one in judge(services, words="süd").rows] == [ODD.key]
    assert [one.planner for one in judge(services, planner=BEN).rows] == [BEN]


def test_naive_is_scored_where_it_knew_something_and_zero_sold_has_no_share(services: Services) -> None:
    services.store.write("demand", KETTLE, demand_of(0.0))
    archive(28, 12.0, hours(0), naive=float("nan"))
    overridden("2026-06-29", "value", 2.0, hours(-1))
    known_until("2026-06-30")

    [score] = judge(services).by("planner")

    assert (score.wape_model, score.wape_override, score.wape_naive, score.saved) == (None, None, None, 10.0)


def test_the_page_and_its_file_show_the_scores_to_a_viewer(viewer: FlaskClient, judged_days: None) -> None:
    soup = page(viewer.get("/overrides/helped"))
    rows = [[text_of(cell) for cell in row.find_all(["th", "td"])] for row in soup.select("#scores tbody tr")]

    assert rows[0] == [ANNA, "1", "100.0 %", "33.3 %", "66.7 %", "+100.0 %", "+33.3 %", "+66.7 %", "+4"]
    assert rows[1][0] == BEN
    assert rows[1][-1] == "−3"
    assert text_of(soup.select_one("#scores tfoot th")) == "All"
    [row] = rows_of(viewer.get("/overrides/helped?by=item&format=csv"))
    assert (row["Item"], row["Periods judged"], float(row["Error saved, units"])) == ("kettle", "2", 1.0)


def test_with_nothing_to_judge_the_page_says_when_there_will_be(client: FlaskClient, app: Flask) -> None:
    assert "Overrides are judged once the demand of their days arrives" in client.get("/overrides/helped").text
    with app.app_context():
        overridden("2026-07-01", "value", 6.0, hours(1))
        known_until("2026-06-30")

    assert "1 overridden day lies ahead" in text_of(page(client.get("/overrides/helped")))
