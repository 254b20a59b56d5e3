"""The list of work as its reader sees it: filtered by its URL, paged, downloaded, and its start on the overview."""

import csv
import io
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.conftest import EMAIL, KETTLE, ODD, page, post, text_of
from tests.webapp.overview.builders import judge_all
from tests.webapp.work_list.builders import REJECTED, do, found, listed, move, only, refresh, send, stored_unusual, tell
from webapp.db.database import db, now, writing
from webapp.tables import SavedScenario, WorkEntry

SOUTH = RegionItem("south", "kettle")


@pytest.fixture
def three(app: Flask) -> None:
    """Three tasks: data of the kettles in the north, moves of the kettles in the south and of an odd item."""
    tell(app, **REJECTED)
    move(app, SOUTH, 200.0, 300.0)
    move(app, ODD, 10.0, 20.0)
    refresh(app)


def test_the_most_important_comes_first_with_why_and_where_to(app: Flask, client: FlaskClient, three: None) -> None:
    rows = page(client.get("/work")).select("#work tbody tr")

    assert [text_of(row.th) for row in rows] == [
        f"Forecast moved {SOUTH}", f"Data rejected {KETTLE}", f"Forecast moved {ODD}"]
    assert "+200 units (+66.7" in text_of(rows[0])
    assert "the price is negative" in text_of(rows[1])
    links = [row.select_one("a.open")["href"] for row in rows[:2]]  # type: ignore[index]
    assert links == [f"/forecasts?ri={SOUTH.key}".replace("|", "%7C"), "/data/quarantine?ri=north%7Ckettle"]
    for link in links:
        assert client.get(str(link)).status_code == 200


@pytest.mark.parametrize(("query", "count"), [
    ("kind=moved", 2), ("kind=stale", 0), ("q=south", 1), ("q=kettle", 2), ("owner=nobody", 2), ("owner=me", 1),
    (f"owner={EMAIL}", 1), ("state=assigned", 1), ("state=open", 2), ("state=resolved", 0), ("state=all", 3),
    ("due=overdue", 1), ("due=today", 1), ("due=week", 3), ("sort=due", 3), ("sort=owner&dir=desc", 3)])
def test_the_url_says_what_is_shown(app: Flask, client: FlaskClient, three: None, query: str, count: int) -> None:
    with app.app_context(), writing():
        db.session.execute(update(WorkEntry).where(WorkEntry.kind == "refused").values(
            owner=EMAIL, due=str(date.today() - timedelta(days=1))))

    assert len(listed(client, query)) == count


@pytest.mark.parametrize("query", ["kind=x", "state=done", "owner=zoe@example.com", "due=never", "sort=x", "page=0",
                                   "attribute=colour:red", "attribute=x", "format=pdf"])
def test_a_url_that_names_what_there_is_not_is_refused_with_what_there_is(client: FlaskClient, query: str) -> None:
    assert client.get(f"/work?{query}").status_code == 422


def test_an_act_leads_back_to_the_list_as_it_was_filtered(client: FlaskClient, app: Flask, three: None) -> None:
    response = send(client, "take", found(app, "moved")[0], kind="moved", sort="due", dir="desc", q="kettle")

    assert response.location == "/work?q=kettle&kind=moved&sort=due&dir=desc"


def test_all_that_match_are_changed_and_no_others(app: Flask, client: FlaskClient, three: None) -> None:
    post(client, "/work", {"act": "resolve", "everything": "1", "kind": "moved", "reason": "a promotion"},
         form_on="/work")

    assert listed(client, "state=resolved&kind=moved") == listed(client, "state=resolved")
    assert len(listed(client)) == 1


def test_pages_of_a_long_list_have_each_task_once(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), writing():
        db.session.add_all([WorkEntry(kind="moved", subject=f"north|item {number}", due="2026-07-01", rank=1.0, told={
            "moved": 1.0, "forecast": 2.0}) for number in range(60)])

    first, second, third = (listed(client, f"page={number}") for number in (1, 2, 3))

    assert [len(each) for each in (first, second, third)] == [25, 25, 10]
    assert len({*first, *second, *third}) == 60


def test_a_viewer_reads_and_is_offered_nothing_else(viewer: FlaskClient, three: None) -> None:
    soup = page(viewer.get("/work"))

    assert len(soup.select("#work tbody tr")) == 3
    assert soup.select("#work [name=entry], #work button, #work [name=act]") == []


def test_the_file_has_what_the_list_has(client: FlaskClient, three: None) -> None:
    text = client.get("/work?format=csv&kind=moved").text.removeprefix("\ufeff")

    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["What"], row["Of"], row["At stake, units"], row["State"]) for row in rows] == [
        ("Forecast moved", str(SOUTH), "200.0", "open"), ("Forecast moved", str(ODD), "10.0", "open")]


def test_the_overview_shows_the_first_and_how_many_there_are(app: Flask, client: FlaskClient, three: None) -> None:
    judge_all(app)
    with app.app_context():
        do("assign", only(app, "refused"), owner=EMAIL)

    seen = page(client.get("/"))

    assert text_of(seen.select_one("#first-work ul a")) == "Forecast moved: south · kettle"
    assert text_of(seen.select_one("[data-figure=work]")) == "Needs you 3 tasks 0 overdue · 1 yours"


def test_an_overview_with_nothing_to_do_says_so(app: Flask, client: FlaskClient) -> None:
    judge_all(app)

    assert text_of(page(client.get("/")).select_one("#first-work")).endswith("Nothing to do.")
    assert "Nothing to do" in client.get("/work").text


def test_retrains_of_what_is_ticked_are_asked_on_the_page_of_retrains(app: Flask, client: FlaskClient,
                                                                     three: None) -> None:
    moved = found(app, "moved")

    asked = page(post(client, "/work/retrain", {"entry": [f"{one.id}.{one.version}" for one in moved]},
                      form_on="/work"))

    form = asked.select_one("form[action='/retrains']")
    assert form is not None
    assert {str(one["value"]) for one in form.select("[name=ri]")} == {SOUTH.key, ODD.key}
    response = client.post("/retrains", data={
        str(one["name"]): [str(each["value"]) for each in form.select(f"[name={one['name']}]")]
        for one in form.select("input[name]")})
    assert response.status_code == 303


def test_a_scenario_that_became_private_is_not_named_to_others(app: Flask, client: FlaskClient,
                                                               admin: FlaskClient) -> None:
    tell(app, last_date="2026-06-30")
    with app.app_context(), writing():
        db.session.add(SavedScenario(token="a" * 32, name="Secret sale", created_by=EMAIL, computed_at=now(), summary={
            "plan": 1.0, "difference": 1.0, "plan_revenue": None, "difference_revenue": None, "first": "2026-06-01",
            "last": "2026-06-30"}))
    refresh(app)
    assert "Secret sale" in listed(admin)[0]
    with app.app_context(), writing():
        db.session.execute(update(SavedScenario).values(is_private=True))

    assert "Secret sale" in listed(client)[0]
    assert "Secret" not in admin.get("/work").text
    assert "a" * 32 not in page(admin.get("/work")).select_one("#work tbody").decode()  # type: ignore[union-attr]
    refresh(app)
    assert listed(admin) == []


@pytest.mark.parametrize("told", [
    {"kind": "bias", "told": {"bias": 0.5, "periods": 14}}, {"kind": "missed", "told": {"periods": 3, "missed": None}},
    {"kind": "stale", "told": {"since": "2026-01-01", "version": 3}},
    {"kind": "stale", "told": {"drift": 0.5, "drifted": "", "version": 3}},
    {"kind": "refused", "told": {"rows": 3, "of": 30}}, {"kind": "failed", "told": {"why": "too short", "retrain": 1}},
    {"kind": "kept", "told": {"why": "no better"}}, {"kind": "no_model", "told": {"status": "baseline"}},
    {"kind": "override", "told": {"lost": 12.0, "periods": 3, "by": [EMAIL]}},
    {"kind": "stock_out", "told": {"periods": 1, "last": "2026-06-30"}},
    {"kind": "moved", "told": {"moved": 3.0, "before": 0.0}}, {"kind": "moved", "told": {"moved": 3.0, "before": 9.0}},
    {"kind": "moved", "told": {"moved": 3.0, "forecast": 3.0}},
    {"kind": "of tomorrow", "told": {"what": "a newer version tells"}}], ids=lambda one: str(one["kind"]))
def test_every_kind_has_words_and_a_link(app: Flask, client: FlaskClient, told: dict[str, object]) -> None:
    with app.app_context(), writing():
        db.session.add(WorkEntry(subject=KETTLE.key, due="2026-07-01", **told))

    row = page(client.get("/work")).select("#work tbody tr")[0]

    assert "None" not in text_of(row)
    assert str(row.select_one("a.open")["href"]).startswith("/")  # type: ignore[index]


def test_unusual_sales_lead_to_where_they_are_adjusted(app: Flask, client: FlaskClient) -> None:
    stored_unusual(app, "2026-06-16")
    refresh(app)

    row = page(client.get("/work")).select("#work tbody tr")[0]

    assert str(row.select_one("a.open")["href"]).endswith("#outliers")  # type: ignore[index]
