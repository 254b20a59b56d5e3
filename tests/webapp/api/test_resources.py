"""What programs are told and can do, resource by resource."""


import pytest
from flask import Flask

from demand_assets.forecasting.store.journal import Entry
from tests.webapp.api.conftest import KETTLES, Program, problem_of
from tests.webapp.attribute_builders import CATEGORY, DEPARTMENT, SIZE, declare, take_in
from tests.webapp.conftest import KETTLE, ODD, Background
from webapp import create_app
from webapp.db.database import db
from webapp.stored_forecasts.groups import refresh_due
from webapp.tables import AuditEntry, ModelAction

CUT = {"driver": "price", "action": "percent", "value": -20, "first": "2026-07-01", "last": "2026-07-14"}


class TestRegionItems:
    def test_they_are_searched_and_filtered(self, viewing: Program) -> None:
        def keys(query: str) -> list[str]:
            return [one["key"] for one in viewing.told(f"/region-items?{query}")["region_items"]]

        assert keys("q=KETTLE") == ["north|kettle", "south|kettle"]
        assert keys("region=south") == ["south|kettle"]
        assert keys("item=kettle&status=untrained") == ["north|kettle", "south|kettle"]
        assert keys("flag=pinned") == []
        assert keys("region=nowhere") == []

    def test_one_is_told_by_its_key_whatever_its_name(self, viewing: Program) -> None:
        found = viewing.told("/region-items?region=süd/west")["region_items"][0]

        again = viewing.told(f"/region-items/{found['key'].replace('%', '%25').replace('|', '%7C')}")

        assert (again["region"], again["item"]) == (ODD.region, ODD.item)

    def test_demand_is_told_between_dates(self, viewing: Program) -> None:
        told = viewing.told(f"{KETTLES}/demand?first=2026-06-24&last=2026-06-25")

        assert [(one["date"], one["demand"]) for one in told["periods"]] == [("2026-06-24", 12.0), ("2026-06-25", 12.0)]
        assert told["periods"][0]["drivers"] == {"price": 10.0, "promo": 0.0, "shelf": "front"}

    def test_all_demand_comes_in_pages(self, viewing: Program) -> None:
        first = viewing.told(f"{KETTLES}/demand?limit=150")
        second = viewing.told(f"{KETTLES}/demand?limit=150&cursor={first['next']}")

        dates = [one["date"] for one in first["periods"] + second["periods"]]
        assert (len(dates), len(set(dates)), dates[-1], second["next"]) == (220, 220, "2026-06-30", None)


class TestAttributes:
    @pytest.fixture(autouse=True)
    def attributes(self, app: Flask, background: Background) -> None:
        def make() -> None:
            take_in(app, {"kettle": {"department": "Kitchen", "category": "Kettles, hot"},
                          "item 01": {"department": "Kitchen", "category": "Pans"}}, {"south": {"size": 80.5}})
            background.make_stored_forecasts()
            with app.app_context():
                refresh_due(app.extensions["services"], create_app)

        declare(app, (CATEGORY, DEPARTMENT, SIZE))
        background.once(make)

    def test_they_are_declared_told_and_filtered_by(self, viewing: Program) -> None:
        declared = viewing.told("/dataset")
        found = viewing.told("/region-items?attribute=department:Kitchen&attribute=size:80.5")["region_items"]

        assert [(one["name"], one["of"], one["kind"]) for one in declared["attributes"]] == [
            ("category", "item", "text"), ("department", "item", "text"), ("size", "region", "number")]
        assert declared["hierarchies"] == {"item": ["department", "category"], "region": []}
        assert [one["key"] for one in found] == ["south|kettle"]
        assert found[0]["attributes"] == {"department": "Kitchen", "category": "Kettles, hot", "size": "80.5"}
        assert viewing.told("/region-items/north%7Citem%2002")["attributes"] == {}

    def test_totals_are_grouped_by_any_and_come_in_pages(self, viewing: Program) -> None:
        first = viewing.told("/totals/groups?by=category&limit=1")
        second = viewing.told(f"/totals/groups?by=category&limit=1&cursor={first['next']}")
        one = viewing.told("/totals?attribute=category:Kettles, hot")

        assert [each["name"] for each in first["totals"] + second["totals"]] == ["Kettles, hot", "Pans"]
        assert second["next"] is None
        assert first["totals"][0]["region_items"] == one["region_items"] == 2
        assert first["totals"][0]["forecast"] == pytest.approx(one["total"]["forecast"])
        inside = viewing.told("/totals/groups?by=item&within=department:Kitchen")
        assert [each["name"] for each in inside["totals"]] == ["item 01", "kettle"]
        assert inside["rest"] is None

    def test_totals_and_the_rest_add_up_to_all(self, viewing: Program) -> None:
        whole = viewing.told("/totals?all=true")
        found = viewing.told("/totals/groups?by=category")

        assert sum(each["region_items"] for each in found["totals"]) + found["rest"]["region_items"] == (
            whole["region_items"] - whole["missing"])
        assert sum(each["forecast"] for each in found["totals"]) + found["rest"]["forecast"] == pytest.approx(
            whole["total"]["forecast"])

    @pytest.mark.parametrize("path", ["/region-items?attribute=colour:red", "/totals?attribute=category",
                                      "/totals/groups?by=size", "/totals/groups?by=region&within=category:Pans",
                                      "/totals/groups"])
    def test_what_there_is_not_is_refused_with_what_there_is(self, viewing: Program, path: str) -> None:
        assert viewing.get(path).status_code == 422


class TestForecasts:
    def test_the_total_of_a_scenario_is_the_sum_of_its_parts(self, planning: Program) -> None:
        answer = planning.post("/forecasts", {"keys": [KETTLE.key, ODD.key], "horizon": 7, "changes": [CUT]}).json

        parts = [one["scenario"]["total"] for one in answer["region_items"]]
        assert answer["scenario"]["forecast"] == pytest.approx(sum(parts))
        assert [len(one["plan"]["periods"]) for one in answer["region_items"]] == [7, 7]

    @pytest.mark.usefixtures("three")
    def test_a_lower_price_sells_more(self, planning: Program) -> None:
        answer = planning.post("/forecasts", {"keys": [KETTLE.key], "changes": [CUT]}).json

        assert answer["region_items"][0]["plan"]["version"] == 3
        assert answer["scenario"]["forecast"] > answer["plan"]["forecast"]

    def test_forecasts_of_an_item_add_up_to_its_total(self, viewing: Program) -> None:
        told = viewing.told("/forecasts?item=kettle&horizon=5&coverage=95")
        total = viewing.told("/totals?item=kettle&horizon=5")

        assert {one["key"] for one in told["forecasts"]} == {"north|kettle", "south|kettle"}
        assert sum(one["total"] for one in told["forecasts"]) == pytest.approx(total["total"]["forecast"])
        assert total["region_items"] == 2
        assert len(total["periods"]) == 5

    def test_many_come_in_pages(self, viewing: Program) -> None:
        first = viewing.told("/forecasts?region=north&limit=20&horizon=1")
        second = viewing.told(f"/forecasts?region=north&limit=20&horizon=1&cursor={first['next']}")

        assert [len(page["forecasts"]) for page in (first, second)] == [20, 9]

    def test_a_wider_interval_is_wider(self, viewing: Program) -> None:
        half, most = (viewing.told(f"/totals?region=south&coverage={wide}")["total"] for wide in (50, 95))

        assert most["upper"] - most["lower"] > half["upper"] - half["lower"]

    @pytest.mark.parametrize("path", ["/forecasts", "/totals", "/forecasts?key=north%7Ckettle&horizon=15",
                                      "/totals?all=true&horizon=15"])
    def test_what_cannot_be_forecast_says_why(self, viewing: Program, path: str) -> None:
        assert problem_of(viewing.get(path), 422)["detail"]

    def test_names_that_are_not_there_are_told(self, viewing: Program) -> None:
        assert "no region 'nowhere'" in problem_of(viewing.get("/totals?region=nowhere"), 404)["detail"]


class TestRetrains:
    def test_one_is_started_followed_and_cancelled(self, planning: Program) -> None:
        started = planning.post("/retrains", {"items": ["kettle"], "reason": "new prices"})

        assert (started.status_code, started.headers["Location"]) == (202, "/api/v1/retrains/1")
        assert started.json["counts"] == {"queued": 2}
        assert planning.told("/retrains/1")["asked_by"] == "planner@example.com"
        assert [one["key"] for one in planning.told("/retrains/1/region-items?state=queued")["region_items"]] == [
            "north|kettle", "south|kettle"]
        assert planning.told("/retrains/1")["outcome"] is None
        cancelled = planning.post("/retrains/1/cancel").json
        assert (cancelled["state"], cancelled["outcome"], cancelled["counts"]) == ("cancelled", "cancelled",
                                                                                   {"cancelled": 2})
        assert "finished" in problem_of(planning.post("/retrains/1/cancel"), 409)["detail"]

    def test_what_is_in_one_already_is_left_out_and_told(self, planning: Program) -> None:
        planning.post("/retrains", {"keys": [KETTLE.key]})

        assert planning.post("/retrains", {"items": ["kettle"]}).json["left_out"] == [KETTLE.key]
        assert "retrain 1" in problem_of(planning.post("/retrains", {"keys": [KETTLE.key]}), 409)["detail"]

    @pytest.mark.usefixtures("three")
    def test_a_pinned_version_is_asked_about(self, planning: Program, ruling: Program, background: Background) -> None:
        ruling.post(f"{KETTLES}/acts", {"kind": "pin", "version": 3, "reason": "it is good"})
        background.act()
        background.watch()

        problem_of(planning.post("/retrains", {"items": ["kettle"]}), 409)
        assert planning.post("/retrains", {"items": ["kettle"], "pinned": "leave"}).json["size"] == 1
        assert planning.post("/retrains", {"keys": [KETTLE.key], "pinned": "include"}).status_code == 202


@pytest.mark.usefixtures("three")
class TestModels:
    def test_versions_stand_newest_first(self, viewing: Program) -> None:
        told = viewing.told(f"{KETTLES}/versions?limit=2")

        assert [(one["version"], one["is_production"]) for one in told["versions"]] == [(3, True), (2, False)]
        assert [one["version"] for one in viewing.told(f"{KETTLES}/versions?limit=2&cursor={told['next']}")[
            "versions"]] == [1]

    def test_an_administrator_rolls_back_once(self, app: Flask, ruling: Program, background: Background) -> None:
        asked = {"kind": "roll_back", "version": 1, "reason": "too high"}
        first = ruling.post(f"{KETTLES}/acts", asked, Idempotency_Key="roll-back-1")
        ruling.post(f"{KETTLES}/acts", asked, Idempotency_Key="roll-back-1")
        background.act()
        background.watch()

        assert first.json["state"] == "stored"
        assert ruling.told(KETTLES)["production_version"] == 1
        assert [(one["kind"], one["state"]) for one in ruling.told(f"{KETTLES}/acts")["acts"]] == [
            ("roll_back", "done")]
        with app.app_context():
            assert db.session.query(ModelAction).count() == 1

    @pytest.mark.parametrize(("asked", "status"), [
        ({"kind": "unpin"}, 409), ({"kind": "roll_back", "version": 3}, 409), ({"kind": "pin", "version": 2}, 409),
        ({"kind": "roll_back", "version": 9}, 404), ({"kind": "pin"}, 422), ({"kind": "fetch"}, 422)])
    def test_what_makes_no_sense_is_refused(self, ruling: Program, asked: dict[str, object], status: int) -> None:
        problem_of(ruling.post(f"{KETTLES}/acts", {"reason": "because", **asked}), status)


class TestScenarios:
    def test_one_is_kept_computed_and_told(self, planning: Program) -> None:
        made = planning.post("/scenarios", {"name": "cheap", "keys": [KETTLE.key], "changes": [CUT]})

        assert made.status_code == 201, made.text
        told = planning.told(f"/scenarios/{made.json['token']}")
        assert (told["name"], told["keys"], told["changes"][0]["value"]) == ("cheap", [KETTLE.key], -20.0)
        result = planning.told(f"/scenarios/{told['token']}/result")
        assert result["units"]["plan"]["forecast"] == pytest.approx(
            sum(one["units"]["plan"]["forecast"] for one in result["periods"]))
        assert planning.told("/scenarios?q=CHEAP")["scenarios"][0]["token"] == told["token"]
        deciles = planning.told(f"/scenarios/{told['token']}/result?deciles=true")
        first, *_, last = [one["units"] for one in deciles["periods"]]
        total = planning.told(f"/totals?key={KETTLE.key}&deciles=true")
        assert result["units"]["plan"]["deciles"] is None
        assert deciles["units"]["plan"]["deciles"] == pytest.approx(total["total"]["deciles"])
        assert first["plan"]["deciles"] == pytest.approx(total["periods"][0]["deciles"])
        assert last["scenario"]["deciles"] == last["plan"]["deciles"]
        assert set(last["difference"]["deciles"].values()) == {0.0}

    def test_it_is_archived_brought_back_and_duplicated(self, planning: Program) -> None:
        token = planning.post("/scenarios", {"keys": [KETTLE.key], "changes": [CUT]}).json["token"]

        assert planning.post(f"/scenarios/{token}/archive", {"archived": True}).json["is_archived"]
        assert planning.told("/scenarios")["scenarios"] == []
        assert not planning.post(f"/scenarios/{token}/archive", {"archived": False}).json["is_archived"]
        copy = planning.post(f"/scenarios/{token}/duplicate", Idempotency_Key="a-copy-of-it").json
        assert copy["name"].endswith("(copy)")
        assert planning.post(f"/scenarios/{token}/duplicate", Idempotency_Key="a-copy-of-it").json == copy
        assert len(planning.told("/scenarios?mine=true")["scenarios"]) == 2
        problem_of(planning.get(f"/scenarios/{copy['token']}/result"), 409)
        assert planning.post(f"/scenarios/{copy['token']}/compute").status_code == 202
        assert planning.told(f"/scenarios/{copy['token']}")["state"] == "fresh"

    def test_a_private_one_is_nobody_elses(self, planning: Program, ruling: Program) -> None:
        token = planning.post("/scenarios", {"keys": [KETTLE.key], "changes": [CUT], "private": True}).json["token"]

        unknown = problem_of(ruling.get(f"/scenarios/{'0' * 32}"), 404)
        assert ruling.told("/scenarios")["scenarios"] == []
        for method, path, body in (("GET", "", None), ("GET", "/result", None), ("POST", "/compute", None),
                                   ("POST", "/duplicate", None), ("POST", "/archive", {"archived": True})):
            assert problem_of(ruling.ask(method, f"/scenarios/{token}{path}", body), 404) == unknown
        assert planning.told(f"/scenarios/{token}")["is_private"]

    def test_what_cannot_be_kept_says_why(self, planning: Program) -> None:
        wrong = planning.post("/scenarios", {"keys": [KETTLE.key], "changes": [{**CUT, "driver": "weather"}]})

        assert "weather" in problem_of(wrong, 422)["detail"]
        problem_of(planning.post("/scenarios", {"keys": ["north|nothing"], "changes": [CUT]}), 404)

    def test_regions_and_items_add_up(self, planning: Program) -> None:
        made = planning.post("/scenarios", {"regions": ["north"], "items": ["kettle"], "changes": [CUT]})
        held = planning.told(f"/scenarios/{made.json['token']}")["keys"]

        assert {"south|kettle", "north|item 01"} < set(held)


class TestQuality:
    def test_refused_rows_are_told_by_rule(self, viewing: Program, background: Background) -> None:
        background.journal(Entry(KETTLE, "validated", numbers={
            "rows": 220, "quarantined": 2, "quarantined_by_rule": {"negative": 2}}))

        told = viewing.told("/quarantine?rule=negative")

        assert [(one["key"], one["rows"], one["by_rule"]) for one in told["region_items"]] == [
            (KETTLE.key, 2, {"negative": 2})]
        assert viewing.told("/quarantine?rule=absurd")["region_items"] == []
        for path in ("/quarantine", f"{KETTLES}/quarantine"):
            assert "There is no rule" in str(problem_of(viewing.get(f"{path}?rule=curse"), 422)["errors"])
        assert viewing.told(f"{KETTLES}/quarantine")["values"] == []

    def test_a_past_period_is_adjusted_and_taken_back(self, planning: Program) -> None:
        asked = {"date": "2026-06-24", "units": 5.0, "reason": "a large order"}
        made = planning.post(f"{KETTLES}/adjustments", asked)

        assert (made.status_code, made.json["sold"], made.json["units"]) == (201, 12.0, 5.0)
        assert len(planning.told(f"{KETTLES}/adjustments?open=true")["adjustments"]) == 1
        assert planning.ask("DELETE", f"/adjustments/{made.json['id']}").json["removed_by"] == "planner@example.com"
        assert planning.told(f"{KETTLES}/adjustments?open=true")["adjustments"] == []
        problem_of(planning.post(f"{KETTLES}/adjustments", {**asked, "date": "2030-01-01"}), 409)

    def test_accuracy_is_told_by_lead(self, viewing: Program) -> None:
        assert viewing.told(f"{KETTLES}/accuracy")["leads"] == []


def test_nothing_that_is_looked_at_is_recorded_as_a_change(app: Flask, viewing: Program) -> None:
    with app.app_context():
        before = db.session.query(AuditEntry).count()
    for path in ("/region-items", KETTLES, "/forecasts?key=north%7Ckettle", "/totals?all=true", "/retrains"):
        assert viewing.get(path).status_code == 200
    with app.app_context():
        assert db.session.query(AuditEntry).count() == before


class TestOverrides:
    ASKED = {"first": "2026-07-01", "last": "2026-07-02", "comment": "a fair is in town"}  # noqa: RUF012  # as given

    def test_one_changes_forecasts_and_totals_and_stays_beside_the_models_own(self, planning: Program) -> None:
        made = planning.post("/overrides", {**self.ASKED, "keys": [KETTLE.key], "way": "percent", "amount": 50})

        assert made.status_code == 201, made.text
        assert made.json["overrides"] == 2
        told = planning.told("/forecasts?key=north%7Ckettle&horizon=3")["forecasts"][0]
        assert told["overrides"] == 2
        assert told["periods"][0]["forecast"] == pytest.approx(1.5 * told["periods"][0]["model"])
        assert told["periods"][2]["forecast"] == told["periods"][2]["model"]
        total = planning.told("/totals?key=north%7Ckettle&horizon=3")
        assert (total["includes_overrides"], total["overrides"]) == (True, 2)
        assert total["total"]["forecast"] == pytest.approx(told["total"])
        without = planning.told("/totals?key=north%7Ckettle&horizon=3&overrides=false")
        assert not without["includes_overrides"]
        assert without["total"]["forecast"] == pytest.approx(sum(one["model"] for one in told["periods"]))

    def test_a_value_of_several_is_shared_out(self, planning: Program) -> None:
        planning.post("/overrides", {**self.ASKED, "items": ["kettle"], "way": "value", "amount": 100})

        periods = planning.told("/totals?item=kettle&horizon=3")["periods"]
        assert [one["forecast"] for one in periods[:2]] == [pytest.approx(100), pytest.approx(100)]

    def test_the_same_request_makes_it_once_and_it_is_taken_back(self, planning: Program) -> None:
        asked = {**self.ASKED, "keys": [KETTLE.key], "way": "percent", "amount": 10}
        made = planning.post("/overrides", asked, Idempotency_Key="the-fair-2026").json
        assert planning.post("/overrides", asked, Idempotency_Key="the-fair-2026").json == made
        rows = planning.told("/overrides?state=open&key=north%7Ckettle")["overrides"]

        assert len(rows) == 2
        assert planning.ask("DELETE", f"/overrides/{rows[0]['id']}").json["removed_by"] == "planner@example.com"
        assert planning.ask("DELETE", f"/override-batches/{made['batch']}").json["overrides"] == 1
        assert planning.told("/overrides?state=open")["overrides"] == []
        problem_of(planning.ask("DELETE", f"/override-batches/{made['batch']}"), 404)

    def test_what_cannot_be_overridden_says_why(self, planning: Program) -> None:
        past = {**self.ASKED, "first": "2020-01-01", "last": "2020-01-02", "keys": [KETTLE.key]}

        assert problem_of(planning.post("/overrides", {**past, "way": "value", "amount": 5}), 422)["detail"]

    def test_forecasts_known_before_an_override_are_told_anew(self, planning: Program) -> None:
        tag = planning.get("/forecasts?key=north%7Ckettle").headers["ETag"]
        planning.post("/overrides", {**self.ASKED, "keys": [KETTLE.key], "way": "percent", "amount": 10})

        assert planning.get("/forecasts?key=north%7Ckettle", If_None_Match=tag).status_code == 200
