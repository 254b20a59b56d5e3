"""The app with something on every page, and the addresses of those pages."""

from datetime import date, timedelta
from functools import partial
from urllib.parse import quote

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import Catalogue
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import (
    ADMIN,
    EMAIL,
    KETTLE,
    ODD,
    PASSWORD,
    VIEWER,
    Background,
    ask_for_retrain,
    demand_of,
    post,
)
from tests.webapp.fakes import FakeRegistry
from tests.webapp.overrides.builders import part
from tests.webapp.pipeline_sentences import failed, kept, promoted, quarantine
from tests.webapp.scenario_forms import saved
from tests.webapp.value_added.builders import WEEK_BEFORE, Judged, sum_up
from tests.webapp.value_added.builders import tell as tell_judged
from webapp.accounts.tokens import make_token
from webapp.accounts.views import create_user
from webapp.db.database import db, now, writing
from webapp.groups.changes import add_group
from webapp.notices.events import Told, tell
from webapp.notices.new_events import bad_data_words
from webapp.notices.webhooks import make_webhook
from webapp.order_up_to.lead_times import set_rule as set_order_up_to_rule
from webapp.overrides.overrides import place
from webapp.overrides.wanted_override import WantedOverride
from webapp.published_plans.publishing import WantedPlan, publish
from webapp.published_plans.readiness import WORDS, Readiness
from webapp.scim.tokens import make_token as make_scim_token
from webapp.tables import SavedView, User
from webapp.value_added.targets import set_target
from webapp.work_list.refresh import take_up
from webapp.work_list.states import Cause
from webapp.work_list.thresholds import default_rule, set_rule

TOASTER = RegionItem("north", "item 02")
"""Whose newest model the gate kept out, and whose newest demand is refused."""
HAND_OVER_FOLDER = "/a/folder"
STARTS = ("/", "/forecasts?ri=north%7Ckettle&adjust=2026-06-16", "/forecasts", "/totals", "/heat-map", "/scenarios",
          "/scenarios/new?ri=north%7Ckettle&change-0-driver=price", "/retrains", "/retrains/1", "/retrains/2",
          "/models",
          "/models/region-item?ri=north%7Ckettle", "/models/act?ri=north%7Ckettle&kind=roll_back&version=1", "/data",
          "/data/quarantine?ri=north%7Ckettle",
          "/data/quarantine?ri=north%7Citem%2002", "/models/region-item?ri=north%7Citem%2002",
          f"/models/region-item?ri={quote(ODD.key)}",
          "/forecasts?ri=north%7Citem%2002", "/data/loads/run-1", "/data/region-items",
          "/data/drift/region-item?ri=north%7Ckettle", "/admin/audit",
          "/admin/users/4", "/admin/users", "/admin/groups", "/admin/groups/1", "/admin/tokens", "/admin/scim",
          "/overrides",
          "/published-plans/new", "/published-plans/1", "/account", "/search?q=kettle", "/work",
          "/work?state=all", "/admin/work", "/notices", "/admin/webhooks", "/order-up-to", "/value-added",
          "/value-added?by=planner&segment=region:north", "/value-added/scenarios", "/admin/targets",
          "/views", "/views/new?q=kettle", "/?view=1&q=item", "/panels",
          f"/forecasts?ri={quote(ODD.key)}")


def furnish(client: FlaskClient, app: Flask, background: Background, registry: FakeRegistry,
            model: ForecastModel) -> Flask:
    """Put something on every page."""
    for version in (1, 2):
        registry.promote(KETTLE, model)
        background.journal(Entry(KETTLE, "trained", request_id="r", numbers={"version": version, "wape": 0.2}),
                           Entry(KETTLE, "promoted", request_id="r", reason=promoted(), numbers={"version": version}))
    background.watch(sweep=True)
    unusual = demand_of(12.0)
    unusual.loc[[150, 160], "demand"] = 900.0
    background.services.store.write("demand", ODD, unusual)
    background.make_stored_forecasts()
    background.journal(Entry(ODD, "started", request_id="r"), Entry(ODD, "failed", request_id="r", reason=failed()))
    background.journal(Entry(TOASTER, "trained", request_id="r", numbers={"version": 1}),
                       Entry(TOASTER, "kept", request_id="r", reason=kept(), numbers={"version": 1}))
    why, refused = quarantine()
    background.services.store.write("quarantine", TOASTER, refused)
    background.journal(Entry(TOASTER, "quarantined", run_id="run-1", reason=why, numbers={
        "rows": 22, "quarantined": len(refused), "quarantined_by_rule": {"negative": 1}, "last_date": "2024-01-20"}))
    background.services.store.write_source_notes(Catalogue(
        (), None, (("north", "", "is empty", 4),),
        (("south.xls", "it is an old Excel workbook; save it as .xlsx or CSV"),),
        ("Calendar, holidays: none are given for 'north', so theirs are not known. Name them, or give a default; [] "
         "says that a region has none.",)))
    ask_for_retrain(client, [KETTLE.key])
    post(client, "/adjustments", {"ri": KETTLE.key, "date": "2026-06-17", "units": "40", "reason": "x"})
    post(client, "/predecessors", {"ri": KETTLE.key, "other": "item 01", "reason": "new packaging"},
         form_on=f"/forecasts?ri={KETTLE.key}")
    saved(client, ri=[KETTLE.key])
    with app.app_context():
        take_up([Cause("refused", KETTLE.key, default_rule("refused"), told={"why": why})], ["refused"])
        make_webhook("chat", "https://chat.example.com/hooks/1", ["data"])
        with writing():
            tell(Told("data", "data x", partial(bad_data_words, 2), "/data"), [EMAIL, ADMIN, VIEWER], False)
        set_rule("moved", "region:north", is_on=True, threshold=0.3, periods=None, due_days=1, again_days=0)
        set_order_up_to_rule("region:north", 1, 1, 90.0)
        set_target("region:north", 0.2, 0.05, 0.1)
        with writing():
            db.session.add(SavedView(person=ADMIN, name="Ours", is_shared=True, arguments={"q": "kettle"},
                                     changed_by=ADMIN))
    tell_judged(app, Judged(10, 13, 12, override=11, by=EMAIL), Judged(9, 13, 12, bucket=WEEK_BEFORE))
    sum_up(app)
    with app.app_context():
        place(WantedOverride(date(2026, 7, 1), date(2026, 7, 2), "percent", 10.0, "a fair", "form"),
              {KETTLE.key: part(30.0)})
        app.extensions["services"].settings.web_hand_over_folder = HAND_OVER_FOLDER
        publish(WantedPlan("Week 27", "", "p" * 32, Readiness.all_of(WORDS)))
        make_token(db.session.scalars(select(User).where(User.email == ADMIN)).one(), "nightly", "viewer",
                   now() + timedelta(days=30))
        make_scim_token("Entra", now() + timedelta(days=30))
        create_user("victim@example.com", PASSWORD, "planner").identity = "https://sso.example|1"
        db.session.commit()
        add_group("Northern", role="planner", rules=[("region", "north"), ("item", "kettle")],
                  members=[db.session.scalars(select(User.id).where(User.email == "victim@example.com")).one()])
    return app
