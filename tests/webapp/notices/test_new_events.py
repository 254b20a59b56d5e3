"""What happened is told to those whom it concerns, once, as far as it concerns them."""

from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from tests.webapp.conftest import ADMIN, EMAIL, KETTLE, LAST_DAY, ODD, VIEWER, Background, page, text_of
from tests.webapp.fakes import FakeRegistry
from tests.webapp.notices.builders import notices
from tests.webapp.published_plans.builders import published_row
from tests.webapp.work_list.builders import tell
from webapp.db.database import db, now, writing
from webapp.groups.changes import add_group, change_group
from webapp.language.translations import lazy_gettext
from webapp.notices.events import Told
from webapp.notices.events import tell as tell_people
from webapp.notices.new_events import FILES_COME, SINCE, tell_what_happened
from webapp.tables import DataLoadRun, HandOver, Notice, PublishedPlan, Retrain, RetrainItem, User, WorkEntry
from webapp.tables.watermarks import set_watermark


def look(app: Flask) -> int:
    with app.app_context():
        return tell_what_happened(app.extensions["services"])


def add(app: Flask, *rows: object) -> None:
    with app.app_context(), writing():
        db.session.add_all(rows)


def retrain(number: int, asked_by: str = EMAIL, source: str = "planner", state: str = "finished") -> Retrain:
    return Retrain(request_id=f"r{number}", asked_by=asked_by, source=source, size=2, state=state, finished_at=now(),
                   items=[RetrainItem(key=KETTLE.key, state="promoted"), RetrainItem(key=ODD.key, state="failed")])


def test_who_asked_for_a_retrain_is_told_once_how_it_ended(app: Flask) -> None:
    look(app)
    add(app, retrain(1), retrain(2, ADMIN), retrain(3, "the pipeline", "automatic"), retrain(4, VIEWER))
    for _ in range(2):
        look(app)

    unknown = "1 promoted, 1 failed. How the forecast changes is not known here."
    assert notices(app, EMAIL) == [f"Retrain 1 is over: {unknown}"]
    assert notices(app, ADMIN) == [f"Retrain 2 is over: {unknown}"]
    assert notices(app, VIEWER) == []  # who may retrain no more


def test_of_a_retrain_of_what_they_see_no_longer_nobody_is_told(app: Flask, client: FlaskClient) -> None:
    look(app)
    add(app, retrain(1), Retrain(request_id="r2", asked_by=EMAIL, source="planner", size=1, state="cancelled",
                                 finished_at=now(), items=[RetrainItem(key=KETTLE.key, state="cancelled")]))
    with app.app_context():
        group = add_group("kettles", rules=[("item", "kettle")], members=list(db.session.scalars(select(User.id).where(
            User.email == EMAIL)))).id
    look(app)

    assert notices(app, EMAIL) == ["Retrain 2 was cancelled: 1 cancelled"]
    assert "Retrain 2 was cancelled" in client.get("/notices").text
    with app.app_context():
        change_group(group, {"rules": [("region", "south")]})
    assert "Retrain 2 was cancelled" not in client.get("/notices").text


def test_a_retrain_is_told_with_what_it_changes(app: Flask, client: FlaskClient, background: Background,
                                                registry: FakeRegistry, model: ForecastModel) -> None:
    look(app)
    registry.promote(KETTLE, model)
    background.watch()
    add(app, Retrain(request_id="r", asked_by=EMAIL, source="planner", size=1, state="finished", finished_at=now(),
                     items=[RetrainItem(key=KETTLE.key, state="promoted", version=1)]))
    look(app)
    shown = text_of(page(client.get("/retrains/1/forecast", query_string={"ri": KETTLE.key})).select_one(".in-words"))

    assert shown.startswith("Over 14 days the forecast goes from ")
    assert [told.replace("\u00a0", " ") for told in notices(app, EMAIL)] == [
        f"Retrain 1 is over: 1 promoted. {shown}".replace("\u00a0", " ")]


def test_a_retrain_waits_for_the_files_of_its_model_but_not_long(app: Flask, registry: FakeRegistry) -> None:
    look(app)
    add(app, Retrain(request_id="r", asked_by=EMAIL, source="planner", size=1, state="finished", finished_at=now(),
                     items=[RetrainItem(key=KETTLE.key, state="promoted", version=9)]))
    assert (look(app), notices(app, EMAIL)) == (0, [])

    with app.app_context(), writing():
        db.session.get_one(Retrain, 1).finished_at = now() - FILES_COME
        set_watermark(SINCE, (now() - 2 * FILES_COME).isoformat())
    look(app)
    assert notices(app, EMAIL) == ["Retrain 1 is over: 1 promoted. How the forecast changes is not known here."]


def test_nothing_is_told_of_what_was_before_people_were_told_at_all(app: Flask) -> None:
    add(app, retrain(1), DataLoadRun(run_id="run", first_at="2026-01-01", last_at=now().isoformat(), kept=1))

    assert (look(app), look(app)) == (0, 0)


def test_people_are_told_again_after_the_clock_was_put_back(app: Flask) -> None:
    with app.app_context(), writing():
        set_watermark(SINCE, (now() + timedelta(days=365)).isoformat())
    look(app)
    add(app, retrain(1))

    assert look(app) == 1


def test_a_promotion_is_told_to_who_has_a_task_there(app: Flask) -> None:
    look(app)
    add(app, WorkEntry(kind="bias", subject=KETTLE.key, due="2099-01-01", owner=EMAIL),
        WorkEntry(kind="moved", subject=KETTLE.key, due="2099-01-01", owner=EMAIL),
        WorkEntry(kind="bias", subject=ODD.key, due="2099-01-01", owner=ADMIN, resolved_at=now()))
    for region_item in (KETTLE, ODD):
        tell(app, region_item, production_version=7, promoted_at=now() + timedelta(seconds=1))
    for _ in range(2):
        look(app)

    assert notices(app, EMAIL) == ["north · kettle: v7 was promoted"]
    assert notices(app, ADMIN) == []


def test_rejected_data_is_told_to_those_who_can_do_something(app: Flask) -> None:
    look(app)
    at = (now() + timedelta(seconds=1)).isoformat(timespec="milliseconds")
    add(app, DataLoadRun(run_id="bad", first_at=at, last_at=at, kept=1), DataLoadRun(run_id="good", first_at=at,
                                                                                     last_at=at, kept=0))
    look(app)

    said = ["New data of 1 region-item was rejected; its last good data is used"]
    assert (notices(app, EMAIL), notices(app, ADMIN), notices(app, VIEWER)) == (said, said, [])


def test_a_published_plan_is_told_to_the_others_and_its_hand_over_to_all(app: Flask) -> None:
    look(app)
    published_row(app, LAST_DAY)
    add(app, HandOver(plan_id=1, place="plan.csv", attempts=1, problem="the folder is full"))
    look(app)
    said = ["The plan “Week 27” could not be handed over yet", "boss@example.com published the plan “Week 27”"]
    assert sorted(notices(app, EMAIL)) == sorted(notices(app, VIEWER)) == said

    with app.app_context(), writing():
        db.session.get_one(HandOver, 1).done_at = now()
    for _ in range(2):
        look(app)

    assert sorted(notices(app, EMAIL)) == sorted([*said, "The plan “Week 27” was handed over"])
    with app.app_context(), writing():
        db.session.get_one(PublishedPlan, 1).published_by = EMAIL
        db.session.execute(delete(Notice))
    look(app)
    assert sorted(notices(app, EMAIL)) == ["The plan “Week 27” was handed over"]  # who published it knows


def test_notices_are_stored_in_english_and_read_in_any_language(
        app: Flask, client: FlaskClient, viewer: FlaskClient) -> None:
    told = Told("data", "data y", lazy_gettext("The plan “%(plan)s” was handed over", plan="Week 27"), "/data")
    with app.test_request_context("/", headers={"Accept-Language": "fr"}):  # of who does it, not of who is told
        db.session.query(User).filter_by(email=VIEWER).one().language = "de"
        db.session.commit()
        with writing():
            tell_people(told, [EMAIL, VIEWER], is_mail_set=False)
        texts = dict(db.session.query(Notice.person, Notice.text).filter_by(cause="data y").all())

    assert texts == dict.fromkeys((EMAIL, VIEWER), "The plan “Week 27” was handed over")
    assert "Der Plan „Week 27“ wurde übergeben" in text_of(page(viewer.get("/notices")))
    french = page(client.get("/notices", headers={"Accept-Language": "fr"}))
    assert "Le plan « Week 27 » a été transmis" in text_of(french)
