"""How often the registry is asked, and what comes first when much changes at once."""

from pathlib import Path
from time import monotonic, sleep

from flask import Flask
from sqlalchemy import select
from sqlalchemy.sql.elements import ColumnElement

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.own import ForecastModel
from demand_assets.forecasting.registry.registry import Page
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background
from tests.webapp.fakes import FakeRegistry
from webapp.background.registry_loop import RegistryLoop
from webapp.db.database import db, now
from webapp.models.watch import FIRST_PAGE, Watch
from webapp.serving.model_files import ModelFiles
from webapp.tables import RegionItemRow

MANY = REGION_ITEMS[:FIRST_PAGE + 5]


def watch(background: Background) -> Watch:
    """A watch that has seen everything there is."""
    made = Watch(background.registry, background.services,
                 ModelFiles(background.registry, background.services.models))
    while not made.sweep():
        pass
    return made


def where(app: Flask, condition: ColumnElement[bool]) -> set[RegionItem]:
    with app.app_context():
        return {row.region_item for row in db.session.scalars(select(RegionItemRow).where(condition))}


def wanted(app: Flask) -> set[RegionItem]:
    return where(app, RegionItemRow.wanted_version.is_not(None))


def announced(app: Flask) -> set[RegionItem]:
    return where(app, RegionItemRow.production_version.is_not(None))


def test_when_nothing_changed_a_look_is_one_small_question_and_writes_nothing(app: Flask, background: Background,
                                                                             registry: FakeRegistry,
                                                                             model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    with app.app_context():
        looking = watch(background)
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
        looking = watch(background)
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
        started_again = Watch(registry, background.services, ModelFiles(registry, background.services.models))
        started_again.look()
        started_again.look()

    assert wanted(app) == {ODD, *MANY}


def test_what_a_sweep_brought_never_replaces_what_was_seen_later(app: Flask, background: Background,
                                                                 registry: FakeRegistry, model: ForecastModel) -> None:
    registry.promote(KETTLE, model)
    with app.app_context():
        looking = watch(background)
        looking.sweep()
        registry.promote(KETTLE, model)
        looking.look()
        looking.note_swept()
        assert db.session.get_one(RegionItemRow, KETTLE.key).wanted_version == 2


def test_the_newest_is_announced_first_and_what_failed_last(app: Flask, background: Background,
                                                            registry: FakeRegistry, model: ForecastModel) -> None:
    with app.app_context():
        looking = watch(background)
        registry.damage(KETTLE, registry.promote(KETTLE, model))
        looking.look()
        looking.announce_wanted(seconds=60)
        db.session.get_one(RegionItemRow, KETTLE.key).fetch_after = now()
        db.session.commit()
        for each in MANY[1:4]:
            registry.promote(each, model)
            looking.look()

        for left in (3, 2, 1):
            assert looking.announce_wanted(seconds=0)
            assert announced(app) == set(MANY[left:4])
        assert not looking.announce_wanted(seconds=0)


def test_a_version_after_one_that_failed_does_not_wait_for_the_next_try(app: Flask, background: Background,
                                                                       registry: FakeRegistry,
                                                                       model: ForecastModel) -> None:
    registry.damage(KETTLE, registry.promote(KETTLE, model))
    background.watch(sweep=True)
    assert announced(app) == set()

    registry.promote(KETTLE, model)
    background.watch()

    assert announced(app) == {KETTLE}


def test_files_are_fetched_from_where_the_entry_says(background: Background, registry: FakeRegistry,
                                                     model: ForecastModel) -> None:
    told: list[str] = []

    class Telling(FakeRegistry):
        def fetch(self, name: str, version: int, folder: Path, source: str = "") -> Path:
            told.append(source)
            return super().fetch(name, version, folder, source)

    registry.promote(KETTLE, model)
    registry.__class__ = Telling
    background.watch(sweep=True)

    assert told[0].endswith("shop.north.kettle/1")


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
            loop._sweep.again()
            sleep(0.02)

    assert 4 <= len(asked) <= 6  # five looks, and one question between them
