"""Tasks of one cause are one line: what they say together, one tick for all of them, each still somebody's own."""

from datetime import date

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import update

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.conftest import ADMIN, EMAIL, KETTLE, ODD, page, post, text_of
from tests.webapp.overview.builders import judge_all
from tests.webapp.work_list.builders import do, found, listed, move, refresh, stored_unusual
from webapp.access import Actor
from webapp.db.database import db, writing
from webapp.tables import WorkEntry
from webapp.work_list.causes import first_lines
from webapp.work_list.query import count_work
from webapp.work_list.states import is_to_do

SOUTH = RegionItem("south", "kettle")


@pytest.fixture
def unusual(app: Flask) -> None:
    """Unusual days of both kettles, three in all, and of an odd item."""
    stored_unusual(app, "2026-06-16", "2026-06-17")
    stored_unusual(app, "2026-06-20", region_item=SOUTH)
    stored_unusual(app, "2026-06-18", region_item=ODD)
    refresh(app)


def add(app: Flask, *tasks: tuple[str, RegionItem, dict[str, object]]) -> None:
    """Add tasks: kind, region-item, what is told."""
    with app.app_context(), writing():
        db.session.add_all([WorkEntry(kind=kind, subject=one.key, due="2099-01-01", told=told, rank=9.0 - place)
                            for place, (kind, one, told) in enumerate(tasks)])


def test_an_item_that_sold_unusually_is_one_line_with_all_its_regions(client: FlaskClient, unusual: None) -> None:
    first, second = page(client.get("/work")).select("#work tbody tr")

    assert text_of(first.th) == "Unusual sales to adjust north, south · kettle"
    assert text_of(first.select_one(".reason")) == "3 days in 2 regions, latest Sat, Jun 20, 2026"
    assert text_of(first.select_one("td[data-label='At stake']")) == "120 units"  # three days of 50 where 10 are usual
    assert text_of(first.select_one("a.open")) == "Show 2"
    assert text_of(second.th) == f"Unusual sales to adjust {ODD}"


def test_what_is_the_same_in_every_line_is_said_once(app: Flask, client: FlaskClient, unusual: None) -> None:
    def said(query: str = "") -> tuple[str, list[str]]:
        soup = page(client.get(f"/work?{query}"))
        row = soup.select("#work tbody tr")[0]
        return text_of(soup.select_one("#same") or soup.new_tag("p")), [str(cell["data-label"])
                                                                        for cell in row.select("td[data-label]")]

    with app.app_context(), writing():
        db.session.execute(update(WorkEntry).values(due="2099-01-01"))
    assert said() == ("All: Unusual sales to adjust · due Jan 1, 2099 · open", ["Why", "At stake"])
    assert said("sort=due") == ("All: Unusual sales to adjust · open", ["Why", "At stake", "Due"])
    assert said("q=south") == ("", ["Why", "At stake", "Due", "State"])  # a single line
    odd = next(one for one in found(app, "unusual") if one.subject == ODD.key)
    with app.app_context(), writing():
        db.session.execute(update(WorkEntry).where(WorkEntry.id == odd.id).values(owner=EMAIL, due="2026-01-01"))
    assert said() == ("All: Unusual sales to adjust", ["Why", "At stake", "Due", "State"])


def test_the_last_line_counts_tasks_and_groups(client: FlaskClient, unusual: None) -> None:
    grouped, each = (page(client.get(f"/work?{query}")) for query in ("", "group=each"))

    assert text_of(grouped.select("#list [role=status]")[-1]) == "3 tasks in 2 groups"
    assert text_of(each.select("#list [role=status]")[-1]) == "3 tasks"
    assert text_of(grouped.select_one("label[for=every-entry]")) == "all 3 tasks"


def test_a_line_leads_to_each_of_its_tasks(client: FlaskClient, unusual: None) -> None:
    link = str(page(client.get("/work")).select("#work tbody a.open")[0]["href"])

    soup = page(client.get(link))

    assert [text_of(row.th) for row in soup.select("#work tbody tr")] == [
        f"Unusual sales to adjust {KETTLE}", f"Unusual sales to adjust {SOUTH}"]
    assert "2 tasks of one cause" in text_of(soup.main)
    assert {str(one["href"]) for one in soup.select("#work tbody a.open")} == {
        f"/forecasts?ri={one.key}#outliers".replace("|", "%7C") for one in (KETTLE, SOUTH)}


def test_one_tick_is_for_all_of_them(app: Flask, client: FlaskClient, unusual: None) -> None:
    tick = str(page(client.get("/work")).select("#work [name=entry]")[0]["value"])

    answer = post(client, "/work", {"act": "accept", "entry": [tick], "reason": "a fair"}, form_on="/work")

    assert text_of(page(client.get(answer.location)).select_one(".alert")) == (
        "2 tasks resolved, 3 unusual periods adjusted.")
    assert [(one.subject, one.resolved_at is not None) for one in found(app, "unusual")] == [
        (KETTLE.key, True), (SOUTH.key, True), (ODD.key, False)]


def test_what_one_of_them_is_otherwise_is_told(app: Flask, client: FlaskClient, unusual: None) -> None:
    kettle = next(one for one in found(app, "unusual") if one.subject == KETTLE.key)
    with app.test_request_context():
        g.actor = Actor(ADMIN, "admin", "browser")
        do("assign", kettle, owner=EMAIL)

    row = page(client.get("/work")).select("#work tbody tr")[0]

    assert text_of(row.select_one("td[data-label=State]")) == "1 yours 1 open"
    assert listed(client, "owner=nobody&group=each") == listed(client, "owner=nobody")


def test_one_by_one_each_task_is_a_line(client: FlaskClient, unusual: None) -> None:
    assert len(listed(client)) == 2
    assert len(listed(client, "group=each")) == 3
    assert len(listed(client, "q=south")) == 1  # of what is searched


@pytest.mark.parametrize(("tasks", "count"), [
    ([("failed", KETTLE, {"why": "no answer"}), ("failed", ODD, {"why": "no answer"})], 1),
    ([("failed", KETTLE, {"why": "no answer"}), ("failed", ODD, {"why": "too short"})], 2),
    ([("failed", KETTLE, {"why": "no answer"}), ("kept", ODD, {"why": "no answer", "retrain": 3})], 2),
    ([("kept", KETTLE, {"why": "worse", "retrain": 3}), ("kept", ODD, {"why": "no better", "retrain": 3})], 1),
    ([("stale", KETTLE, {"since": "2026-01-01", "version": 1}),
      ("stale", ODD, {"since": "2026-01-01", "version": 2})], 1),
    ([("stale", KETTLE, {"drift": 0.5, "drifted": "", "version": 1}),
      ("stale", SOUTH, {"drift": 0.6, "drifted": "", "version": 1}),
      ("stale", ODD, {"drift": 0.6, "drifted": "", "version": 1})], 2),
    ([("no_model", KETTLE, {"status": "untrained"}), ("no_model", ODD, {"status": "untrained"})], 1),
    ([("scenario", RegionItem("a", "b"), {"last": "2026-06-30"}),
      ("scenario", RegionItem("c", "d"), {"last": "2026-06-30"})], 2)])
def test_what_the_pipeline_did_is_one_cause_by_its_reason(
        app: Flask, client: FlaskClient, tasks: list[tuple[str, RegionItem, dict[str, object]]], count: int) -> None:
    add(app, *tasks)

    assert len(listed(client)) == count


def test_lines_are_ordered_by_what_is_at_stake_in_all_of_them(app: Flask, client: FlaskClient) -> None:
    move(app, KETTLE, 60.0, 100.0)
    move(app, SOUTH, 60.0, 100.0)
    move(app, ODD, 100.0, 200.0)
    refresh(app)

    rows = page(client.get("/work")).select("#work tbody tr")

    assert [text_of(row.select_one("td[data-label='At stake']")) for row in rows] == ["120 units", "100 units"]


@pytest.mark.parametrize("sort", ["rank", "due", "found", "kind", "owner"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_pages_have_each_line_once(app: Flask, client: FlaskClient, sort: str, direction: str) -> None:
    add(app, *(("failed", KETTLE if number == 0 else RegionItem("north", f"item {number:02}"),
                {"why": f"reason {number // 2}"}) for number in range(28)), *(
        ("failed", RegionItem("nowhere", str(number)), {"why": f"other {number}"}) for number in range(25)))

    pages = [listed(client, f"page={number}&sort={sort}&dir={direction}") for number in (1, 2)]

    assert [len(each) for each in pages] == [25, 14]
    assert len({*pages[0], *pages[1]}) == 39


def test_the_overview_counts_lines_and_shows_the_first(app: Flask, client: FlaskClient, unusual: None) -> None:
    judge_all(app)

    seen = page(client.get("/"))

    assert text_of(seen.select_one("[data-figure=work]")) == "Needs you 3 tasks in 2 groups · 0 overdue · 0 yours"
    entries = [text_of(one) for one in seen.select("#first-work ul a")]
    assert entries == ["Unusual sales to adjust: north, south · kettle", f"Unusual sales to adjust: {ODD}"]


def test_who_sees_some_region_items_has_the_tasks_of_those(app: Flask, unusual: None) -> None:
    with app.test_request_context():
        g.actor = Actor(EMAIL, "planner", "browser", "", ({"region": ("south",)},))
        (line,) = first_lines([is_to_do(date.today())], 25, None)

        assert [entry.subject for entry in line.entries] == [SOUTH.key]
        assert (count_work().lines, count_work().to_do) == (1, 1)


@pytest.mark.parametrize("cause", ["x", "1.1", "12345678901"])
def test_a_cause_that_is_none_is_refused(client: FlaskClient, cause: str) -> None:
    assert client.get(f"/work?cause={cause}").status_code == 422


def test_a_cause_that_is_gone_leaves_nothing(client: FlaskClient) -> None:
    assert "Nothing matches" in client.get("/work?cause=4711").text


def test_an_act_on_one_of_a_line_leads_back_to_the_others(app: Flask, client: FlaskClient, unusual: None) -> None:
    entry = found(app, "unusual")[0]

    answer = post(client, "/work", {"act": "take", "entry": [f"{entry.id}.{entry.version}"], "cause": str(entry.id)},
                  form_on="/work")

    assert answer.location == f"/work?cause={entry.id}"
