"""Demand and plans of drivers that programs upload: stored whole or not at all, and read beside the source's own."""

from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path

import pandas as pd
import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import load_dataset
from demand_assets.forecasting.dataset.demand.stock_entries import AT_LEAST
from demand_assets.forecasting.store.uploads import read_uploads
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.sources import open_source
from tests.webapp.api.conftest import Program, problem_of, token_for
from tests.webapp.conftest import EMAIL, PASSWORD
from tests.webapp.killed import makes
from webapp import create_app
from webapp.accounts.views import create_user
from webapp.background.journal import read_catalogue
from webapp.background.loops.store import StoreLoop
from webapp.data_quality import uploads
from webapp.data_quality.uploads import UploadRow, upload
from webapp.db.database import db, writing
from webapp.groups.changes import add_group, remove_group
from webapp.settings import Settings
from webapp.tables import AuditEntry, RegionItemRow, User

DATASET = """\
frequency = "D"
horizon = 14
[source]
kind = "file"
path = "demand.csv"
uploads = "uploads"
[columns]
region = "shop"
item = "article"
demand = "sold"
[calendar]
holidays = "DE"
[columns.drivers]
price = "shelf_price"
[[drivers]]
name = "price"
kind = "number"
[[drivers]]
name = "promo"
kind = "yes_no"
"""
KETTLE = RegionItem("north", "kettle")
KNOWN = pd.date_range("2026-03-01", "2026-06-30")
ROW = {"region": "north", "item": "kettle", "date": "2026-07-01", "demand": 12.5,
       "drivers": {"price": 9.9, "promo": True}}


@pytest.fixture
def shop(tmp_path: Path) -> Flask:
    """The app of a dataset in a CSV file, whose demand the pipeline took in; it knows the price of 2026-07-02 too."""
    (tmp_path / "shop.toml").write_text(DATASET)
    lines = [f"{day.date()},north,kettle,{10 + day.dayofweek},10,0" for day in KNOWN]
    (tmp_path / "demand.csv").write_text("\n".join(["date,shop,article,sold,shelf_price,promo", *lines,
                                                    "2026-07-02,north,kettle,,8.5,1"]) + "\n")
    app = create_app(Settings(demand_dataset=tmp_path / "shop.toml", demand_state=tmp_path / "var",
                              web_secret_key="x" * 32, dagster_url="http://dagster.test",
                              mlflow_url="http://mlflow.test"))
    services = app.extensions["services"]
    services.store.write_catalogue([KETTLE])
    services.store.write("demand", KETTLE, taken_in(app))
    with app.app_context():
        upgrade()
        create_user(EMAIL, PASSWORD, "planner")
        read_catalogue(services.store)
        with writing():
            db.session.get_one(RegionItemRow, KETTLE.key).last_date = "2026-06-30"
    return app


def taken_in(app: Flask) -> pd.DataFrame:
    """What the pipeline makes of the source as it stands."""
    dataset = app.extensions["services"].dataset
    outcome = validate_panel(open_source(dataset).read([KETTLE]), dataset, [KETTLE], None,
                             pd.Timestamp("2026-08-01"))[0]
    assert outcome.quarantine.empty, outcome.quarantine
    assert outcome.demand is not None
    return outcome.demand


def at(demand: pd.DataFrame, day: str) -> list[float]:
    row = demand.set_index("date").loc[day]
    return [row["demand"], row["price"], row["promo"]]


@pytest.fixture
def planning(shop: Flask) -> Program:
    return Program(shop, token_for(shop, "planner"))


def test_uploaded_demand_is_read_beside_the_sources_own(shop: Flask, planning: Program) -> None:
    before = open_source(shop.extensions["services"].dataset).fingerprint()
    response = planning.post("/demand", {"rows": [ROW]})

    assert response.status_code == 201, response.text
    assert response.json == {"rows": 1, "region_items": 1, "replaced": 0}
    assert open_source(shop.extensions["services"].dataset).fingerprint() != before
    assert at(taken_in(shop), "2026-07-01") == [12.5, 9.9, 1.0]
    with shop.app_context():
        entry = db.session.query(AuditEntry).filter_by(kind="data").one()
    assert (entry.by, entry.act, entry.subject) == (EMAIL, "uploaded", "1 rows of demand of 1 region-items")


def test_what_an_upload_leaves_out_is_as_the_source_plans_it(shop: Flask, planning: Program) -> None:
    planning.post("/demand", {"rows": [ROW, {**ROW, "date": "2026-07-02", "drivers": {}}]})

    assert at(taken_in(shop), "2026-07-02") == [12.5, 8.5, 1.0]


def test_the_later_upload_stands(shop: Flask, planning: Program) -> None:
    planning.post("/demand", {"rows": [ROW]})
    again = planning.post("/demand", {"rows": [{**ROW, "demand": 20, "drivers": {"price": 7.5}}]})

    assert again.json["replaced"] == 1
    assert at(taken_in(shop), "2026-07-01") == [20.0, 7.5, 1.0]


def test_what_the_source_comes_to_know_stands(shop: Flask, planning: Program, tmp_path: Path) -> None:
    planning.post("/demand", {"rows": [ROW]})
    with (tmp_path / "demand.csv").open("a") as file:
        file.write("2026-07-01,north,kettle,33,9.5,0\n")

    assert at(taken_in(shop), "2026-07-01") == [33.0, 9.5, 0.0]


def test_a_plan_of_drivers_is_taken_in(shop: Flask, planning: Program) -> None:
    response = planning.post("/driver-plans", {"rows": [
        {"region": "north", "item": "kettle", "date": f"2026-07-{day:02}", "drivers": {"price": 6.5}}
        for day in range(1, 8)]})

    assert response.status_code == 201, response.text
    demand = taken_in(shop)
    assert at(demand, "2026-07-05")[1] == 6.5
    assert at(demand, "2026-07-02")[1:] == [6.5, 1.0]


def test_what_a_calendar_makes_is_known_as_far_as_forecasts_reach(shop: Flask, planning: Program) -> None:
    told = {one["name"]: (one["kind"], one["future"]) for one in planning.told("/dataset")["drivers"]}
    assert told == {"price": ("number", "known"), "promo": ("yes_no", "known"), "holiday": ("yes_no", "known"),
                    "before_holiday": ("yes_no", "known"), "after_holiday": ("yes_no", "known")}
    ahead = taken_in(shop).set_index("date").loc["2026-07-01":]
    assert len(ahead) == 14
    assert ahead["holiday"].notna().all()


@pytest.mark.parametrize(("change", "path", "words"), [
    ({"date": "2026-06-30"}, "date", "known up to 2026-06-30"),
    ({"item": "spoon"}, "item", "no item 'spoon'"),
    ({"demand": -3}, "demand", "negative|below"),
    ({"demand": 1e9}, "demand", "times"),
    ({"date": "2926-07-01"}, "date", ""),
    ({"drivers": {"weather": 1}}, "drivers.weather", "no driver"),
    ({"drivers": {"price": True}}, "drivers.price", "number"),
    ({"drivers": {"holiday": True}}, "drivers.holiday", "there are price, promo"),
])
def test_one_wrong_row_stores_nothing(shop: Flask, planning: Program, tmp_path: Path, change: dict[str, object],
                                      path: str, words: str) -> None:
    told = problem_of(planning.post("/demand", {"rows": [ROW, {**ROW, "date": "2026-07-03", **change}]}), 422)

    assert f"body.rows.1.{path}" in [one["path"] for one in told["errors"]], told
    assert any(word in one["problem"] for one in told["errors"] for word in words.split("|"))
    assert not (tmp_path / "uploads" / "uploaded.csv").exists()
    with shop.app_context():
        assert db.session.query(AuditEntry).filter_by(kind="data").count() == 0


def test_the_same_period_twice_is_told(planning: Program) -> None:
    told = problem_of(planning.post("/demand", {"rows": [ROW, ROW]}), 422)

    assert "Row 0 tells" in told["errors"][0]["problem"]


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(shop: Flask, planning: Program, tmp_path: Path) -> None:
    (tmp_path / "uploads").write_text("this is no folder")

    problem_of(planning.post("/demand", {"rows": [ROW]}), 503)

    with shop.app_context():
        assert db.session.query(AuditEntry).filter_by(kind="data").count() == 0


def test_other_sources_refuse_and_say_why(app: Flask) -> None:
    program = Program(app, token_for(app, "planner"))

    assert not program.told("/dataset")["takes_uploads"]
    assert "takes no uploads" in problem_of(program.post("/demand", {"rows": [ROW]}), 409)["detail"]


def test_a_killed_upload_is_stored_whole_or_not_at_all(shop: Flask) -> None:
    """The file and its entry in the audit log, once the background process has looked."""
    dataset = shop.extensions["services"].dataset
    row = UploadRow("north", "kettle", date(2026, 7, 1), 12.5, {})
    with shop.app_context():
        for moment in count():
            is_killed = makes(lambda: upload(shop.extensions["services"], [row]), moment)
            StoreLoop(shop.extensions["services"]).step()
            assert len(read_uploads(dataset)) == db.session.query(AuditEntry).filter_by(kind="data").count()
            if not is_killed:
                break
        assert moment > 2
        assert [path.name for path in dataset.uploads.iterdir()] == ["uploaded.csv"]


def test_an_upload_whose_process_ends_after_its_transaction_is_finished(
        shop: Flask, planning: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = shop.extensions["services"].dataset
    with monkeypatch.context() as killed:
        killed.setattr(uploads, "put_staged", lambda *_: None)
        planning.post("/demand", {"rows": [ROW]})
    assert read_uploads(dataset) == {}

    planning.post("/demand", {"rows": [{**ROW, "date": "2026-07-02"}]})

    assert len(read_uploads(dataset)) == 2


def test_what_was_out_of_stock_is_uploaded_too(shop: Flask, planning: Program, tmp_path: Path) -> None:
    refused = problem_of(planning.post("/demand", {"rows": [{**ROW, "out_of_stock": True}]}), 422)
    planning.post("/demand", {"rows": [ROW]})  # of before the dataset file says so
    declared = DATASET.replace('demand = "sold"', 'demand = "sold"\nstock = "left"')
    (tmp_path / "shop.toml").write_text(declared)
    own = (tmp_path / "demand.csv").read_text().splitlines()
    (tmp_path / "demand.csv").write_text("\n".join([f"{own[0]},left", *(f"{line},4" for line in own[1:])]) + "\n")
    services = shop.extensions["services"]
    shop.extensions["services"] = replace(services, dataset=load_dataset(tmp_path / "shop.toml"))
    days = [{**ROW, "date": f"2026-07-{day:02}", "demand": 3.0, **more} for day, more in (
        (2, {"out_of_stock": True}), (3, {"out_of_stock": False}), (4, {}))]
    response = planning.post("/demand", {"rows": days})

    assert "columns.stock or columns.available" in str(refused["errors"])
    assert response.status_code == 201, response.text
    found = taken_in(shop).set_index("date")
    assert found.loc["2026-07-01":"2026-07-04", "demand"].fillna(-1).tolist() == [12.5, -1, 3.0, 3.0]
    assert found.loc["2026-07-02", AT_LEAST] == 3.0
    planning.post("/demand", {"rows": [{**ROW, "date": "2026-07-02", "demand": 9.0}]})
    assert taken_in(shop).set_index("date").loc["2026-07-02", "demand"] == 9.0


@pytest.mark.parametrize("path", ["/demand", "/driver-plans"])
def test_nobody_uploads_what_they_do_not_see(shop: Flask, planning: Program, path: str) -> None:
    row = {name: value for name, value in ROW.items() if name != "demand" or path == "/demand"}
    with shop.app_context():
        group = add_group("south", rules=[("region", "south")], members=list(db.session.scalars(select(User.id)))).id

    refused = [problem_of(planning.post(path, {"rows": [{**row, "item": item}]}), 422)["errors"][0]["problem"]
               for item in ("kettle", "nothing")]

    assert refused[0] == refused[1].replace("nothing", "kettle"), "as of what is not there"
    assert read_uploads(shop.extensions["services"].dataset.of_source) == {}
    with shop.app_context():
        remove_group(group)
    assert planning.post(path, {"rows": [row]}).status_code == 201
