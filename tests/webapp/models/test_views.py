"""What is told of a region-item's versions."""

import json

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.own_model import train
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import (
    KETTLE,
    ODD,
    REGION_ITEMS,
    Background,
    ask_for_retrain,
    demand_of,
    page,
    post,
    text_of,
)
from tests.webapp.fakes import FakeRegistry
from webapp.db.database import db, now
from webapp.tables import ArchivedForecast, ModelVersion, Retrain

CARD = {"wape": 0.2, "wape_seasonal_naive": 0.3, "bias": -0.05, "coverage_80": 0.79, "trained_from": "2025-11-23",
        "trained_to": "2026-06-01", "rows": 191}


def trained(version: int, request_id: str = "", **numbers: object) -> Entry:
    return Entry(KETTLE, "trained", request_id, "run1", numbers={"version": version, **CARD, **numbers})


def versions(client: FlaskClient, key: str = KETTLE.key) -> list[str]:
    soup = page(client.get("/models/region-item", query_string={"ri": key}))
    table = soup.select_one("#versions table")
    return [text_of(row) for row in table.select("tbody tr")] if table else []


@pytest.fixture(scope="module")
def older(dataset: Dataset, pooled: PooledModel) -> ForecastModel:
    """Trained on all but the last 20 days."""
    early = demand_of(12.0).iloc[:-20]
    return train(early, dataset, train_pooled([KETTLE], lambda _: early, dataset).with_version(1), KETTLE)


def test_a_version_is_told_with_data_metrics_decision_and_who_asked(app: Flask, client: FlaskClient,
                                                                    background: Background) -> None:
    ask_for_retrain(client, [KETTLE.key], reason="stale")
    with app.app_context():
        request_id = db.session.query(Retrain).one().request_id
    background.journal(trained(2, request_id), Entry(KETTLE, "kept", request_id, "run1", "not better", {
        "version": 2, "replaced": 1, "wape": 0.2, "wape_production": 0.19}))

    row, = versions(client)
    assert row.startswith("v2")
    for told in ("on Nov 23, 2025 to Jun 1, 2026, 191 days", "requested by planner@example.com (stale), #1",
                 "kept not better", "production had 19.0 %",
                 "20.0 % with the drivers that came 30.0 % −5.0 % 79 %"):  # judged before plans were
        assert told in row.replace(" ,", ",")


def test_a_version_that_is_judged_by_the_plan_tells_what_known_drivers_are_worth(client: FlaskClient,
                                                                                 background: Background) -> None:
    background.journal(trained(1, wape_realised=0.12, judged_with="as_planned"),
                       trained(2, wape_realised=0.2, judged_with="as_planned"))

    same, worth = versions(client)

    assert "20.0 % 30.0 %" in same
    assert "20.0 % 12.0 % with the drivers as they came 30.0 %" in worth


def test_versions_stand_newest_first_with_production_and_the_previous_marked(client: FlaskClient,
                                                                             background: Background,
                                                                             registry: FakeRegistry,
                                                                             model: ForecastModel) -> None:
    for version in (1, 2):
        registry.promote(KETTLE, model)
        background.journal(trained(version), Entry(KETTLE, "promoted", "", "run1", "better", {"version": version}))
    background.watch(sweep=True)

    second, first = versions(client)
    assert second.startswith("v2 in production")
    assert first.startswith("v1 previous")


def test_the_same_entries_twice_change_nothing(app: Flask, background: Background) -> None:
    entries = [trained(1, "sensor-1"), Entry(KETTLE, "promoted", "sensor-1", "run1", "better",
                                             {"version": 1, "wape": 0.15, "request_id": "sensor-1"})]
    for _ in range(2):
        background.journal(*entries)

    with app.app_context():
        version = db.session.query(ModelVersion).one()
        assert (version.decision, version.reason, version.request_id) == ("promote", "better", "sensor-1")
        assert version.numbers["wape"] == 0.15
        assert version.numbers["trained_to"] == "2026-06-01"


def test_the_end_of_a_retrain_whose_candidate_was_replaced_is_no_decision_on_the_later_one(
        app: Flask, background: Background) -> None:
    background.journal(
        trained(2, "second"), Entry(KETTLE, "kept", "first", "run1", "a later retrain's v2 was judged instead",
                                    {"version": 2, "request_id": "second"}))

    with app.app_context():
        version = db.session.query(ModelVersion).one()
        assert (version.decision, version.request_id) == ("", "second")


def test_accuracy_since_is_measured_by_the_versions_own_files(client: FlaskClient, background: Background,
                                                             registry: FakeRegistry, older: ForecastModel) -> None:
    registry.promote(KETTLE, older)
    background.journal(trained(1))
    background.watch(sweep=True)

    assert "on 20 days, naive" in versions(client)[0]


def test_without_files_the_forecasts_that_were_kept_are_measured(app: Flask, client: FlaskClient,
                                                                 background: Background) -> None:
    background.journal(trained(3), trained(4))
    actual = demand_of(12.0).set_index("date")["demand"]
    from_10th = actual.loc["2026-06-11":"2026-06-24"].to_numpy()  # type: ignore[misc]
    table = np.stack([1.1 * from_10th, from_10th, from_10th, 1.5 * from_10th]).astype("<f4")
    with app.app_context():
        db.session.add(ArchivedForecast(key=KETTLE.key, origin="2026-06-10", made_at=now(), served_by="3",
                                        content=table.tobytes()))
        db.session.commit()

    four, three = versions(client)
    assert "10.0 % on 14 days, naive 50.0 %; as it stood then" in three.replace(" ;", ";")
    assert "unknown: its files are not here, and no forecast of it was kept" in four


def test_two_versions_are_compared_on_the_same_periods(client: FlaskClient, background: Background,
                                                       registry: FakeRegistry, older: ForecastModel) -> None:
    for version in (1, 2):
        registry.promote(KETTLE, older)
        background.journal(trained(version))
    background.watch(sweep=True)
    registry.fetch(KETTLE.model_name("shop"), 1, background.services.settings.models_folder)

    soup = page(client.get(f"/models/compare?ri={KETTLE.key}&a=1&b=2"))
    since, windows = (text_of(section) for section in soup.select("section"))
    assert "On 20 days" in since
    assert "v2, in production" in since.replace(" ,", ",")
    assert "None yet" not in windows
    drawn = json.loads(soup.select_one(".compare-data").text)  # type: ignore[union-attr]
    assert [line["name"] for line in drawn["lines"]] == ["v1", "v2"]
    assert len(drawn["actual"]) == len(drawn["lines"][0]["rows"]) == 20


def test_another_version_is_offered_to_compare_even_where_the_oldest_serves(client: FlaskClient, background: Background,
                                                                            registry: FakeRegistry,
                                                                            model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    background.journal(trained(1), trained(2))
    background.watch()

    soup = page(client.get(f"/models/region-item?ri={KETTLE.key}"))
    assert [soup.select_one(f"#{name} [selected]")["value"] for name in "ab"] == ["2", "1"]  # type: ignore[index]


def test_what_cannot_be_compared_says_why(client: FlaskClient, background: Background) -> None:
    background.journal(trained(1), trained(2))

    words = client.get(f"/models/compare?ri={KETTLE.key}&a=1&b=2").text
    assert "Fetch the files of v1" in words
    assert "Fetch the files of v2" in words
    came_from = f"/models/region-item?ri={KETTLE.key}"
    refused = client.get(f"/models/compare?ri={KETTLE.key}&a=1&b=1", headers={"Referer": f"http://localhost{came_from}"})
    assert refused.status_code == 422
    assert page(refused).select_one(".empty a")["href"] == came_from  # type: ignore[index]
    elsewhere = client.get(f"/models/compare?ri={KETTLE.key}&a=1&b=1", headers={"Referer": "http://other.example/x"})
    assert page(elsewhere).select_one(".empty a").text == "To the overview"  # type: ignore[union-attr]
    for wrong in ("9", "x", "", "-1", "1" * 30):
        assert client.get(f"/models/compare?ri={KETTLE.key}&a=1&b={wrong}").status_code == 404


def test_files_are_fetched_on_request_by_anybody(client: FlaskClient, background: Background, registry: FakeRegistry,
                                                 model: ForecastModel) -> None:
    for version in (1, 2, 3):
        registry.promote(KETTLE, model)
        background.journal(trained(version))
        background.watch(sweep=True)
    assert "Fetch files" in versions(client)[2]

    fields = {"ri": KETTLE.key, "version": "1", "token": "t" * 32}
    for _ in range(2):
        assert post(client, "/models/fetch", fields).status_code == 303
    assert "files are being fetched" in versions(client)[2]
    background.act()

    assert "Fetch files" not in versions(client)[2]
    assert "Manual changes" not in client.get(f"/models/region-item?ri={KETTLE.key}").text


def test_the_newest_decisions_are_listed_searched_filtered_and_paged(client: FlaskClient,
                                                                     background: Background) -> None:
    assert "No decisions yet" in client.get("/models").text
    for number, one in enumerate(REGION_ITEMS):
        at = f"2026-06-{1 + number // 24:02}T{number % 24:02}:00:00.000+00:00"
        step = "promoted" if number % 2 else "kept"
        background.journal(Entry(one, step, "sensor-1", "run1", "words", {"version": 1}, at=at))

    def rows(**asked: str) -> list[str]:
        return [text_of(row.th) for row in page(client.get("/models", query_string=asked)).select("tbody tr")]

    newest_first = [str(one) for one in reversed(REGION_ITEMS)]
    assert rows() == newest_first[:25]
    assert rows(page="2") == rows(page="99") == newest_first[25:]
    assert rows(q="kettle") == ["south · kettle", "north · kettle"]
    assert rows(q="kettle", decision="promote") == ["south · kettle"]
    assert rows(decision="pinned") == []
    chips = page(client.get("/models?q=kettle")).select(".chip")
    assert [text_of(chip) for chip in chips] == ["north · kettle", "south · kettle"]
    assert "No region-item matches" in client.get("/models?q=nothing+like+it").text
    assert client.get("/models?decision=maybe").status_code == 422
    assert client.get("/models?page=0").status_code == 422


def test_the_number_that_decided_is_among_the_decisions(client: FlaskClient, background: Background) -> None:
    background.journal(
        Entry(KETTLE, "trained", numbers={"version": 1, "wape": 0.2}),
        Entry(KETTLE, "promoted", reason="WAPE 15.2 % against 16.1 % of the model in production, in the 2 of 3 windows "
              "that it had not seen", numbers={"version": 1, "wape": 0.2, "wape_compared": 0.152, "windows_compared": 2,
                                               "wape_production": 0.161}))

    row = page(client.get("/models")).select_one("#decisions tbody tr")

    assert row is not None
    assert text_of(row.select_one("[data-label=WAPE]")) == "20.0 % 15.2 % in the 2 windows compared"
    assert text_of(row.select_one("[data-label=Production]")) == "16.1 %"


def test_a_region_item_without_versions_and_one_that_is_not_there(client: FlaskClient) -> None:
    assert versions(client, ODD.key) == []
    assert "No version yet" in client.get("/models/region-item", query_string={"ri": ODD.key}).text
    for wrong in ("", "north|nothing", "no key"):
        assert client.get("/models/region-item", query_string={"ri": wrong}).status_code == 404
