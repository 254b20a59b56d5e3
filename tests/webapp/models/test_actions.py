"""Rolling back and pinning: by administrators, with a reason, once, whatever happens in between."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.registry.session import RegistryDownError
from tests.webapp.conftest import KETTLE, ODD, Background, page, post, text_of
from tests.webapp.fakes import FakeRegistry
from tests.webapp.models.builders import ask, form
from webapp.background.loops.registry import RegistryLoop
from webapp.db.database import db
from webapp.tables import ModelAction, RegionItemRow

HERE = "/models/region-item?ri=north%7Ckettle"


def row(app: Flask) -> RegionItemRow:
    with app.app_context():
        return db.session.get_one(RegionItemRow, KETTLE.key)


def acts(app: Flask) -> list[tuple[str, str, str]]:
    with app.app_context():
        return [(act.kind, act.state, act.problem) for act in db.session.query(ModelAction).order_by(ModelAction.id)]


@pytest.mark.usefixtures("three")
class TestRollBack:
    def test_the_page_says_what_will_happen_before(self, admin: FlaskClient) -> None:
        words = text_of(page(admin.get(form("roll_back", 1))))

        assert "Roll back to v1: north · kettle?" in words
        assert "it replaces v3" in words
        assert "v3 stays in the registry and is not promoted again by itself" in words

    def test_it_waits_is_carried_out_and_told(self, app: Flask, admin: FlaskClient, background: Background,
                                              registry: FakeRegistry) -> None:
        assert ask(admin, "roll_back", 1).location == HERE
        assert "v3 → v1 admin@example.com" in text_of(page(admin.get(HERE)))
        assert "waiting" in text_of(page(admin.get(HERE)))
        assert row(app).production_version == 3

        background.act()
        background.watch()

        assert acts(app) == [("roll_back", "done", "")]
        after = row(app)
        assert (after.production_version, after.previous_version, after.decision) == (1, 3, "roll_back")
        words = text_of(page(admin.get(HERE)))
        assert "v1 in production" in words
        assert "rolled back from v3 by admin@example.com: too high" in words
        assert (KETTLE.model_name("shop"), 1) in registry.fetched

    def test_it_is_undone_by_another(self, app: Flask, admin: FlaskClient, background: Background) -> None:
        ask(admin, "roll_back", 2)
        background.act()
        background.watch()
        undo = page(admin.get(HERE)).find("a", string="Undo")
        assert undo is not None
        assert undo["href"] == form("roll_back", 3)  # type: ignore[index]

        ask(admin, "roll_back", 3, "it was right after all")
        background.act()
        background.watch()

        assert (row(app).production_version, row(app).previous_version) == (3, 2)
        assert "put in production in place of v2 by admin@example.com: it was right" in text_of(page(admin.get(HERE)))

    def test_a_second_click_is_one_act(self, app: Flask, admin: FlaskClient) -> None:
        for _ in range(2):
            assert ask(admin, "roll_back", 1, token="t" * 32).location == HERE

        assert len(acts(app)) == 1
        assert "Already requested" in text_of(page(admin.get(HERE)))

    def test_while_one_waits_another_is_not_stored(self, app: Flask, admin: FlaskClient) -> None:
        ask(admin, "roll_back", 1)
        ask(admin, "roll_back", 2)

        assert len(acts(app)) == 1
        assert "has to be carried out first" in text_of(page(admin.get(HERE)))

    def test_carried_out_twice_is_carried_out_once(self, app: Flask, admin: FlaskClient, background: Background,
                                                   registry: FakeRegistry) -> None:
        ask(admin, "roll_back", 1)
        background.act()
        with app.app_context():  # the background process was killed before it could note that
            act = db.session.query(ModelAction).one()
            act.state = "stored"
            db.session.commit()
        background.act()
        background.watch()

        assert acts(app) == [("roll_back", "done", "")]
        assert (row(app).production_version, row(app).previous_version) == (1, 3)

    def test_while_the_registry_is_down_it_waits(self, app: Flask, admin: FlaskClient, background: Background,
                                                 registry: FakeRegistry) -> None:
        ask(admin, "roll_back", 1)
        registry.is_down = True
        with pytest.raises(RegistryDownError):
            background.act()
        assert acts(app) == [("roll_back", "stored", "")]

        registry.is_down = False
        background.act()
        assert acts(app) == [("roll_back", "done", "")]

    def test_the_background_process_does_it_and_announces_the_version(self, app: Flask, admin: FlaskClient,
                                                                     background: Background,
                                                                     registry: FakeRegistry) -> None:
        ask(admin, "roll_back", 2)
        with app.app_context():
            RegistryLoop(background.services, registry).step()

        assert acts(app) == [("roll_back", "done", "")]
        assert row(app).production_version == 2

    def test_a_version_that_cannot_forecast_is_refused_and_nothing_changes(self, app: Flask, admin: FlaskClient,
                                                                           background: Background,
                                                                           registry: FakeRegistry) -> None:
        registry.damage(KETTLE, 1)
        ask(admin, "roll_back", 1)
        background.act()
        background.watch()

        kind, state, problem = acts(app)[0]
        assert (kind, state) == ("roll_back", "refused")
        assert "cannot be read" in problem
        assert row(app).production_version == 3
        assert "refused" in text_of(page(admin.get(HERE)))

    def test_what_was_promoted_meanwhile_stays(self, app: Flask, admin: FlaskClient, background: Background,
                                               registry: FakeRegistry, model: ForecastModel) -> None:
        ask(admin, "roll_back", 1)
        registry.promote(KETTLE, model)
        background.act()

        assert acts(app) == [("roll_back", "refused", "v4 is in production meanwhile, not v3")]

    def test_it_may_be_pinned_at_once(self, app: Flask, admin: FlaskClient, background: Background) -> None:
        ask(admin, "roll_back", 1, also_pin="1")
        background.act()
        background.watch()

        assert [state for _, state, _ in acts(app)] == ["done", "done"]
        assert (row(app).production_version, row(app).pinned_by) == (1, "admin@example.com")

    def test_it_needs_a_reason_and_another_version(self, app: Flask, admin: FlaskClient) -> None:
        assert ask(admin, "roll_back", 1, reason="  ").status_code == 422
        assert ask(admin, "roll_back", 1, reason="x" * 301).status_code == 422
        assert ask(admin, "roll_back", 1, token="short").status_code == 422
        assert admin.get(form("roll_back", 3)).status_code == 422
        assert admin.get(form("roll_back", 9)).status_code == 404
        assert admin.get(form("burn", 1)).status_code == 422
        assert acts(app) == []


@pytest.mark.usefixtures("three")
class TestPin:
    def test_a_pin_is_told_and_taken_off(self, app: Flask, admin: FlaskClient, background: Background) -> None:
        ask(admin, "pin", 3, "Christmas")
        background.act()
        background.watch()
        words = text_of(page(admin.get(HERE)))
        assert "v3 in production pinned" in words
        assert "Pinned by admin@example.com" in words
        assert "Christmas. No candidate replaces it" in words
        assert "pinned" in text_of(page(admin.get("/models?decision=pinned")).tbody)

        ask(admin, "unpin", reason="over")
        background.act()
        background.watch()
        assert row(app).pinned_by == ""
        assert "unpinned" in text_of(page(admin.get(HERE)))

    def test_only_what_serves_can_be_pinned_and_only_what_is_pinned_unpinned(self, admin: FlaskClient) -> None:
        assert admin.get(form("pin", 2)).status_code == 422
        assert admin.get(form("unpin")).status_code == 422

    def test_planners_see_why_they_cannot(self, app: Flask, client: FlaskClient) -> None:
        words = text_of(page(client.get(HERE)))
        assert "Administrators can roll back to an older version, or pin this one" in words
        assert "Pin v3" not in words

        for kind in ("roll_back", "pin", "unpin"):
            assert client.get(form(kind, 1)).status_code == 403
        refused = post(client, "/models/act", {"token": "t" * 32, "ri": KETTLE.key, "kind": "roll_back",
                                               "version": "1", "reason": "I want to"})
        assert refused.status_code == 403
        assert "Only administrators can roll back" in refused.text
        assert acts(app) == []


def test_without_a_model_of_its_own_there_is_nothing_to_pin(admin: FlaskClient) -> None:
    response = admin.get("/models/act", query_string={"ri": ODD.key, "kind": "pin", "version": "1"})

    assert response.status_code == 422
    assert "no model of its own in production" in response.text
