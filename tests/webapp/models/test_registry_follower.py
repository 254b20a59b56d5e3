"""How often the registry is asked, and what comes first when much changes at once."""

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.model_files import OtherPooledError
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.registry.entry import RegistryEntry
from demand_assets.forecasting.registry.registered_models import Page
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.registry.session import RegistryDownError
from demand_assets.forecasting.registry.version_files import local_path
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, page, text_of
from tests.webapp.fakes import FakeRegistry
from tests.webapp.models.builders import follower_of, where
from webapp.background.loops.registry import RegistryLoop
from webapp.db.database import db, now, writing
from webapp.models.new_versions import NewVersions
from webapp.models.registry_follower import FIRST_PAGE, SWEEP_PAGE, RegistryFollower
from webapp.region_items.rows import rows_of
from webapp.services import Services
from webapp.serving.model_files import ModelFiles
from webapp.serving.production_models import ProductionModels
from webapp.tables import RegionItemRow, Watermark
from webapp.tables.watermarks import set_watermark

MANY = REGION_ITEMS[:FIRST_PAGE + 5]


def wanted(app: Flask) -> set[RegionItem]:
    return where(app, RegionItemRow.wanted_version.is_not(None))


def test_when_nothing_changed_a_look_is_one_small_question_and_writes_nothing(app: Flask, background: Background,
                                                                             registry: FakeRegistry,
                                                                             model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    with app.app_context():
        looking = follower_of(background)
        looking.look()
        registry.pages_asked.clear()
        db.session.get_one(RegionItemRow, KETTLE.key).wanted = {"untouched": True}
        db.session.commit()
        assert looking.look()
        assert db.session.get_one(RegionItemRow, KETTLE.key).wanted == {"untouched": True}

    assert registry.pages_asked == [FIRST_PAGE + 1]


def test_more_changes_than_a_question_brings_are_found_by_the_next_the_newest_first(
        app: Flask, background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(ODD, model)
    with app.app_context():
        looking = follower_of(background)
        for each in MANY:
            registry.promote(each, model)

        assert looking.look()
        assert wanted(app) == {ODD, *MANY[-FIRST_PAGE:]}
        assert looking.look()
        assert wanted(app) == {ODD, *MANY}
        looking.look()
        looking._settled_at = 0.0  # some time later
        looking.look()

    assert registry.pages_asked[-1] == FIRST_PAGE + 1


def test_after_a_time_of_being_down_everything_since_is_found(app: Flask, background: Background,
                                                              registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(ODD, model)
    background.watch(sweep=True)
    for each in MANY:
        registry.promote(each, model)
    with app.app_context():
        started_again = RegistryFollower(registry, background.services.models)
        started_again.look()
        started_again.look()

    assert wanted(app) == {ODD, *MANY}


def test_what_a_sweep_brought_never_replaces_what_was_seen_later(app: Flask, background: Background,
                                                                 registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    with app.app_context():
        looking = follower_of(background)
        looking.sweep()
        registry.promote(KETTLE, model)
        looking.look()
        looking.note_swept()
        assert db.session.get_one(RegionItemRow, KETTLE.key).wanted_version == 2


def test_a_model_that_was_deleted_in_mlflow_is_taken_out_of_production_and_the_page_says_so(
        app: Flask, client: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    for each in (KETTLE, ODD):
        registry.promote(each, model)
    background.watch(sweep=True)
    registry.delete(KETTLE)

    background.watch(sweep=True)

    with app.app_context():
        gone, there = rows_of([KETTLE.key, ODD.key])
        assert (gone.production_version, gone.wanted_version, gone.status) == (None, None, "baseline")
        assert (gone.wape, gone.coverage_80, gone.promoted_at, gone.numbers) == (None, None, None, {})
        assert (there.production_version, there.model_problem) == (1, "")
    told = text_of(page(client.get(f"/forecasts?ri={KETTLE.key}")).select_one("#model"))
    assert "the model was deleted or renamed there" in told
    assert "No model is in production. This is" in told  # and not: “No model is in production: better”
    assert "Backtest WAPE" not in told
    registry.promote_pooled(model.pooled)
    background.watch(sweep=True)
    told = text_of(page(client.get(f"/forecasts?ri={KETTLE.key}")).select_one("#model"))
    assert "Forecast by the pooled model until its own can be used again" in told
    assert "yet" not in told
    registry.promote(KETTLE, model)
    background.watch()
    with app.app_context():
        (again,) = rows_of([KETTLE.key])
        assert (again.production_version, again.model_problem) == (1, "")


def test_a_model_that_moved_from_page_to_page_during_a_sweep_stays(
        app: Flask, background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    """It is asked for by its name; as long as MLflow does not answer that, nothing is taken out."""
    for each in (KETTLE, ODD):
        registry.promote(each, model)
    background.watch(sweep=True)
    with app.app_context():
        looking = follower_of(background)
        while not looking.sweep():
            pass
        looking._missing = [KETTLE.key, ODD.key]
        registry.delete(ODD)
        registry.is_down = True
        with pytest.raises(RegistryDownError):
            looking.ask_for_missing()
        assert looking.is_any_missing
        registry.is_down = False
        looking.ask_for_missing()
        assert not looking.is_any_missing

        assert [row.production_version for row in rows_of([KETTLE.key, ODD.key])] == [1, None]


def test_an_mlflow_without_any_model_takes_none_out_of_production(app: Flask, background: Background,
                                                                  registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    background.watch(sweep=True)
    registry.delete(KETTLE)

    background.watch(sweep=True)

    with app.app_context():
        assert rows_of([KETTLE.key])[0].production_version == 1


def test_at_most_one_question_a_second_also_while_everything_is_seen_again(background: Background, tmp_path: Path,
                                                                          model: ForecastModel) -> None:
    asked: list[float] = []

    class Timed(FakeRegistry):
        def page(self, size: int, token: str = "") -> Page:
            asked.append(monotonic())
            return super().page(size, token)

        def pooled_production(self) -> int | None:
            asked.append(monotonic())
            return super().pooled_production()

    registry = Timed(tmp_path / "timed", "shop")
    registry.promote(KETTLE, model)
    loop, started = RegistryLoop(background.services, registry), monotonic()
    with background.app.app_context():
        while monotonic() - started < 5.0:
            loop.step()
            loop.sweep.again()
            sleep(0.02)

    assert 4 <= len(asked) <= 6  # five looks, and one question between them


class Changing(FakeRegistry):
    """So many of its models change all the time."""

    changing, looks = 0, 0

    def page(self, size: int, token: str = "") -> Page:
        self.looks += size != SWEEP_PAGE
        at = int(time() * 1000)
        entries = [RegistryEntry(RegionItem("north", str(number)), f"shop.north.{number}", None, None)
                   for number in range(min(size, self.changing))]
        return Page([(at, entry) for entry in entries], at, at - 60_000)


@pytest.mark.parametrize(("changing", "looks"), [(3, [1, 1, 1, 1, 1]), (2 * FIRST_PAGE + 1, [1, 1, 1, 0, 1])])
def test_while_a_large_retrain_changes_much_the_registry_is_asked_less_often(
        background: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changing: int,
        looks: list[int]) -> None:
    clock, registry = [1000.0], Changing(tmp_path / "changing", "shop")
    registry.changing = changing
    monkeypatch.setattr("webapp.background.pacing.monotonic", lambda: clock[0])
    found = []
    with background.app.app_context():
        with writing():
            set_watermark("registry", "1")
        loop = RegistryLoop(background.services, registry)
        for seconds in (1.2, 1.2, 1.2, 2.2, 0.0):
            before = registry.looks
            loop.step()
            found.append(registry.looks - before)
            clock[0] += seconds

    assert found == looks


@pytest.mark.parametrize(("changing", "looks"), [
    (3, [1, 1, 1, 0, 1, 0, 1]), (2 * FIRST_PAGE + 1, [1, 1, 1, 0, 0, 0, 0])])
def test_what_was_written_right_after_a_look_is_looked_at_soon_but_for_a_large_retrain(
        background: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changing: int,
        looks: list[int]) -> None:
    clock, registry, file = [1000.0], Changing(tmp_path / "changing", "shop"), tmp_path / "mlflow.db"
    registry.changing = changing
    monkeypatch.setattr("webapp.background.pacing.monotonic", lambda: clock[0])
    found = []
    with background.app.app_context():
        with writing():
            set_watermark("registry", "1")
        background.services.settings.mlflow_database_file = file
        file.touch()
        loop = RegistryLoop(background.services, registry)
        for seconds in (1.2, 1.2, 0.2, 0.2, 0.4, 0.71, 0.0):
            before = registry.looks
            loop.step()
            found.append(registry.looks - before)
            clock[0] += seconds
            if len(found) == 3:
                file.write_bytes(b"written")

    assert found == looks


@pytest.fixture
def mlflow(empty_mlflow: Path, tmp_path: Path, model: ForecastModel) -> Registry:
    """A real registry that holds the pooled model, without a server."""
    file = shutil.copy(empty_mlflow, tmp_path / "mlflow.db")
    made = Registry(f"sqlite:///{file}", "shop", (tmp_path / "artifacts").as_uri())
    with made.batch("pooled", {}) as batch:
        batch.register_pooled(model.pooled, {})
    return made


@dataclass
class ByHand:
    """The app on a real registry, and somebody with MLflow's page."""

    app: Flask
    registry: Registry
    follower: RegistryFollower
    new_versions: NewVersions
    model: ForecastModel

    def promote(self, *ones: RegionItem, data: str = "") -> None:
        model = replace(self.model, card=replace(self.model.card, data_hash=data)) if data else self.model
        for one in ones:
            with self.registry.batch("test", {}) as batch:
                version = batch.register(one, model, {})
            self.registry.record_decision(one, version, Decision("promote", "better"), "")

    def look(self) -> None:
        """As the loop does it, with a sweep; what waits for its next try is tried."""
        with self.app.app_context():
            for row in db.session.scalars(select(RegionItemRow).where(RegionItemRow.fetch_after.is_not(None))):
                row.fetch_after = now()
            db.session.commit()
            while not self.follower.sweep():
                pass
            self.follower.note_swept()
            self.follower.look()
            self.new_versions.announce_wanted(seconds=60)

    def of(self, one: RegionItem) -> tuple[int | None, str]:
        """Version in production and problem, as the overview shows them."""
        with self.app.app_context():
            row = db.session.get_one(RegionItemRow, one.key)
            return row.production_version, row.model_problem

    def forecasts(self, one: RegionItem) -> int | None:
        """The version whose own files are read for a forecast."""
        services: Services = self.app.extensions["services"]
        with self.app.app_context():
            row = db.session.get_one(RegionItemRow, one.key)
            serving = services.models.serving(row, None)
        name = one.model_name("shop")
        if not isinstance(serving.model, ForecastModel):
            return None
        told = json.loads((services.models.folder(one, serving.model.version) / "identity.json").read_text())
        assert (told["name"], told["version"]) == (name, serving.model.version)
        return serving.model.version

    def client(self) -> Any:
        return self.registry.session.client


@pytest.fixture
def by_hand(app: Flask, mlflow: Registry, model: ForecastModel) -> ByHand:
    services: Services = app.extensions["services"]
    made = ByHand(app, mlflow, RegistryFollower(mlflow, services.models),
                  NewVersions(services, ModelFiles(mlflow, services.models)), model)
    made.promote(KETTLE, ODD)
    made.promote(KETTLE)
    made.look()
    assert made.of(KETTLE) == (2, "")
    return made


NAME = KETTLE.model_name("shop")


@pytest.mark.parametrize("description", ["Ask Ada.", '{"owner": "Ada"}', "", "{"])
def test_a_description_edited_in_mlflow_ends_nothing(by_hand: ByHand, description: str) -> None:
    by_hand.client().update_registered_model(NAME, description)
    by_hand.look()
    by_hand.promote(KETTLE, ODD)
    by_hand.look()

    assert (by_hand.of(KETTLE), by_hand.of(ODD)) == ((3, ""), (2, ""))
    assert by_hand.client().get_registered_model(NAME).description == description


def test_an_alias_moved_in_mlflow_is_followed_to_that_versions_own_files(by_hand: ByHand) -> None:
    by_hand.client().set_registered_model_alias(NAME, "production", "1")
    by_hand.look()
    assert by_hand.of(KETTLE) == (1, "")  # which was promoted once
    assert by_hand.forecasts(KETTLE) == 1

    with by_hand.registry.batch("test", {}) as batch:
        batch.register(KETTLE, by_hand.model, {})
    by_hand.client().set_registered_model_alias(NAME, "production", "3")
    by_hand.look()
    assert by_hand.of(KETTLE)[0] == by_hand.forecasts(KETTLE) == 3
    assert "set in MLflow" in by_hand.of(KETTLE)[1]
    assert by_hand.of(ODD) == (1, "")

    by_hand.promote(KETTLE)
    by_hand.look()
    assert by_hand.of(KETTLE) == (4, "")


def test_a_pin_that_crosses_a_promotion_keeps_every_version_with_its_own_files(by_hand: ByHand) -> None:
    stale = by_hand.registry.entry(KETTLE)
    with by_hand.registry.batch("test", {}) as batch:
        version = batch.register(KETTLE, by_hand.model, {})
    by_hand.registry.pin(KETTLE, 2, "ada", "Christmas")
    by_hand.registry.record_decision(KETTLE, version, Decision("promote", "better"), "", stale)
    by_hand.look()

    assert by_hand.of(KETTLE) == (2, "")
    assert by_hand.forecasts(KETTLE) == 2


@pytest.mark.parametrize("harm", ["cut", "another's", "gone", "hash", "deleted"])
def test_what_is_wrong_in_the_registry_costs_one_region_item_until_it_is_put_right(by_hand: ByHand, tmp_path: Path,
                                                                                   harm: str) -> None:
    by_hand.promote(KETTLE)
    folder = local_path(by_hand.registry.session.version(NAME, 3).source)
    other = local_path(by_hand.registry.session.version(ODD.model_name("shop"), 1).source)
    assert folder
    assert other
    shutil.copytree(folder, tmp_path / "right")
    if harm == "cut":
        (folder / "model.ubj").write_bytes((folder / "model.ubj").read_bytes()[:99])
    elif harm in ("gone", "another's"):
        shutil.rmtree(folder)
    if harm == "another's":
        shutil.copytree(other, folder)
    elif harm == "hash":
        by_hand.client().set_model_version_tag(NAME, "3", "data_hash", "ffff")
    elif harm == "deleted":
        by_hand.client().delete_model_version(NAME, "3")

    for _ in range(3):
        by_hand.look()
        version, problem = by_hand.of(KETTLE)
        assert problem
        assert version == (None if harm == "deleted" else 2)
        assert by_hand.forecasts(KETTLE) == version
    by_hand.promote(ODD)
    by_hand.look()
    assert by_hand.of(ODD) == (2, "")

    if harm == "hash":
        by_hand.client().set_model_version_tag(NAME, "3", "data_hash", by_hand.model.card.data_hash)
    elif harm == "deleted":
        by_hand.client().set_registered_model_alias(NAME, "production", "2")
    else:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "right", folder)
    by_hand.look()
    by_hand.look()
    assert by_hand.of(KETTLE) == (2 if harm == "deleted" else 3, "")


def test_a_hash_edited_while_a_version_serves_is_shown_and_the_version_serves_on(by_hand: ByHand) -> None:
    by_hand.client().set_model_version_tag(NAME, "2", "data_hash", "ffff")
    for _ in range(3):
        by_hand.look()
        assert by_hand.of(KETTLE)[0] == by_hand.forecasts(KETTLE) == 2
        assert "the version is of ffff" in by_hand.of(KETTLE)[1]

    by_hand.client().set_model_version_tag(NAME, "2", "data_hash", by_hand.model.card.data_hash)
    by_hand.look()
    by_hand.look()
    assert by_hand.of(KETTLE) == (2, "")


def test_a_model_deleted_and_made_anew_under_the_same_number_is_fetched_again(by_hand: ByHand) -> None:
    by_hand.client().delete_registered_model(NAME)
    by_hand.promote(KETTLE, data="1111")
    by_hand.promote(KETTLE, data="2222")
    by_hand.look()

    assert by_hand.of(KETTLE) == (2, "")
    with by_hand.app.app_context():
        row = db.session.get_one(RegionItemRow, KETTLE.key)
        assert row.numbers["data_hash"] == "2222"
        services: Services = by_hand.app.extensions["services"]
        assert services.models.load(KETTLE, 2).card.data_hash == "2222"


@pytest.mark.parametrize("number", [1, 2])
def test_a_model_deleted_and_made_anew_of_the_same_demand_forecasts_by_its_own_files(by_hand: ByHand,
                                                                                     number: int) -> None:
    """Nothing but its seal tells it from the version of the same number that is still here."""
    by_hand.client().delete_registered_model(NAME)
    by_hand.model = replace(by_hand.model, recipe=replace(by_hand.model.recipe, own_share=0.125))
    for _ in range(number):
        by_hand.promote(KETTLE)
    by_hand.look()

    assert by_hand.of(KETTLE) == (number, "")
    services: Services = by_hand.app.extensions["services"]
    assert services.models.load(KETTLE, number).recipe.own_share == 0.125


def test_a_model_made_by_hand_is_a_problem_of_its_own(by_hand: ByHand, tmp_path: Path) -> None:
    one = REGION_ITEMS[3]
    by_hand.client().create_registered_model(one.model_name("shop"))
    by_hand.client().create_model_version(one.model_name("shop"), str(tmp_path))
    by_hand.client().set_registered_model_alias(one.model_name("shop"), "production", "1")
    by_hand.look()

    assert by_hand.of(one)[0] is None
    assert "cannot forecast here" in by_hand.of(one)[1]
    assert by_hand.of(KETTLE) == (2, "")


def test_entries_of_the_old_form_are_rewritten_one_a_look(by_hand: ByHand) -> None:
    old = {"previous": 1, "promoted_at": "2025-11-28T11:07:00.133+00:00", "decided_at": "2025-11-28T11:07:00.133+00:00",
           "decided": 2, "decision": "promote", "reason": "first model", "summary": {}, "source": "/somewhere/else",
           "pinned_by": "ada", "pinned_reason": "Ö", "pinned_at": "2025-11-28T11:07:00.133+00:00", "rolled_back": {}}
    for name in (NAME, ODD.model_name("shop")):
        by_hand.client().update_registered_model(name, json.dumps(old))
    for _ in range(3):
        by_hand.look()

    assert [by_hand.client().get_registered_model(name).description for name in (NAME, ODD.model_name("shop"))] == [
        "", ""]
    with by_hand.app.app_context():
        assert db.session.get_one(RegionItemRow, KETTLE.key).pinned_by == "ada"
    assert by_hand.of(KETTLE) == (2, "")


def test_a_registry_too_slow_for_a_large_page_is_seen_whole_by_smaller_ones(app: Flask, background: Background,
                                                                           registry: FakeRegistry,
                                                                           model: ForecastModel) -> None:
    for one in MANY:
        registry.promote(one, model)
    registry.answers_for = FIRST_PAGE
    seeing = RegistryFollower(registry, background.services.models)

    with app.app_context():
        for _ in range(12):
            with suppress(RegistryDownError):
                if seeing.sweep():
                    break
        else:
            pytest.fail(f"not seen whole; pages asked for: {registry.pages_asked}")

    assert wanted(app) == set(MANY)
    assert registry.pages_asked[:3] == [1000, 500, 250]


def test_a_page_grows_again_when_the_registry_is_quick_again(app: Flask, background: Background,
                                                            registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    registry.answers_for = 300
    seeing = RegistryFollower(registry, background.services.models)

    with app.app_context():
        for _ in range(3):
            with suppress(RegistryDownError):
                seeing.sweep()
        registry.answers_for = 1000
        db.session.delete(db.session.get(Watermark, "registry"))  # as on a new database
        db.session.commit()
        asked = len(registry.pages_asked)
        again = seeing.sweep()

    assert again
    assert registry.pages_asked[asked:] == [350]


def test_a_model_renamed_to_another_region_items_name_is_warned_of_once(by_hand: ByHand,
                                                                        caplog: pytest.LogCaptureFixture) -> None:
    """Nothing but a person puts it right, and it is tried again every 15 seconds until then."""
    other = REGION_ITEMS[3]
    by_hand.client().rename_registered_model(NAME, other.model_name("shop"))
    for _ in range(4):
        by_hand.look()

    told = [record.getMessage() for record in caplog.records if "cannot forecast here" in record.getMessage()]
    assert len(told) == 1
    assert str(other) in told[0]
    assert by_hand.of(other)[0] is None
    assert f"they are those of {NAME} version 2" in by_hand.of(other)[1]

    by_hand.client().rename_registered_model(other.model_name("shop"), NAME)
    by_hand.look()
    assert by_hand.of(KETTLE) == (2, "")
    by_hand.client().rename_registered_model(NAME, other.model_name("shop"))
    by_hand.look()
    assert "cannot forecast here" in by_hand.of(other)[1]


def test_a_pooled_model_deleted_and_made_anew_under_the_same_number_is_no_others(by_hand: ByHand) -> None:
    """What stands on the new one forecasts by it; what stood on the one before never forecasts by the new one."""
    by_hand.model = replace(by_hand.model, pooled=by_hand.registry.load_pooled(1))
    by_hand.promote(KETTLE, ODD, ODD)
    by_hand.look()
    services: Services = by_hand.app.extensions["services"]
    assert (by_hand.forecasts(KETTLE), by_hand.forecasts(ODD)) == (3, 3)
    before = services.forecaster.forecast(KETTLE, services.models.load(KETTLE, 3)).columns["forecast"]

    by_hand.client().delete_registered_model("shop.pooled")
    latest = by_hand.model.pooled.latest
    with by_hand.registry.batch("pooled", {}) as batch:
        assert batch.register_pooled(replace(by_hand.model.pooled, fits=(
            *by_hand.model.pooled.fits[:-1], replace(latest, correction=2 * latest.correction))), {}) == 1
    registry = by_hand.registry.session
    by_hand.model = replace(by_hand.model, pooled=Registry(registry.uri, "shop", registry.artifacts).load_pooled(1))
    by_hand.promote(KETTLE)
    by_hand.look()

    assert by_hand.of(KETTLE) == (4, "")
    after = services.forecaster.forecast(KETTLE, services.models.load(KETTLE, 4)).columns["forecast"]
    assert after.sum() == pytest.approx(2 * before.sum(), rel=0.02)
    restarted = ProductionModels(services.models.root, "shop")
    assert restarted.load(KETTLE, 4).pooled.latest.correction == 2 * latest.correction
    with pytest.raises(OtherPooledError, match="deleted or renamed, and made anew"):
        restarted.load(ODD, 3)
    with by_hand.app.app_context():
        odd = db.session.get_one(RegionItemRow, ODD.key)
        assert not isinstance(restarted.serving(odd, None).model, ForecastModel)
