"""New versions of models: which is announced first, from where its files are, and what a failure costs."""

from datetime import timedelta
from pathlib import Path

from flask import Flask

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.registry.version_files import VersionFiles
from tests.webapp.conftest import KETTLE, REGION_ITEMS, Background
from tests.webapp.fakes import FakeRegistry
from tests.webapp.models.builders import announced, follower_of, new_versions_of
from webapp.db.database import db, now
from webapp.tables import RegionItemRow


def test_the_newest_is_announced_first_and_what_failed_last(app: Flask, background: Background,
                                                            registry: FakeRegistry, model: ForecastModel) -> None:
    with app.app_context():
        looking, announcing = follower_of(background), new_versions_of(background)
        registry.damage(KETTLE, registry.promote(KETTLE, model))
        looking.look()
        announcing.announce_wanted(seconds=60)
        db.session.get_one(RegionItemRow, KETTLE.key).fetch_after = now()
        db.session.commit()
        for each in REGION_ITEMS[1:4]:
            registry.promote(each, model)
            looking.look()

        for left in (3, 2, 1):
            assert announcing.announce_wanted(seconds=0)
            assert announced(app) == set(REGION_ITEMS[left:4])
        assert not announcing.announce_wanted(seconds=0)


def test_what_was_wanted_before_the_clock_was_put_back_is_announced_at_once(
        app: Flask, background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    with app.app_context():
        looking, announcing = follower_of(background), new_versions_of(background)
        registry.promote(KETTLE, model)
        looking.look()
        db.session.get_one(RegionItemRow, KETTLE.key).fetch_after = now() + timedelta(hours=1)
        db.session.commit()

        announcing.announce_wanted(seconds=60)

        assert announced(app) == {KETTLE}


def test_a_version_after_one_that_failed_does_not_wait_for_the_next_try(app: Flask, background: Background,
                                                                       registry: FakeRegistry,
                                                                       model: ForecastModel) -> None:
    registry.damage(KETTLE, registry.promote(KETTLE, model))
    background.watch(sweep=True)
    assert announced(app) == set()

    registry.promote(KETTLE, model)
    background.watch()

    assert announced(app) == {KETTLE}


def test_files_are_fetched_from_where_the_version_says(background: Background, registry: FakeRegistry,
                                                     model: ForecastModel) -> None:
    asked: list[VersionFiles | None] = []

    class Telling(FakeRegistry):
        def fetch(self, name: str, version: int, folder: Path, told: VersionFiles | None = None) -> Path:
            asked.append(told)
            return super().fetch(name, version, folder, told)

    registry.promote(KETTLE, model)
    registry.__class__ = Telling
    background.watch(sweep=True)

    assert asked[0].source.endswith("shop.north.kettle/1")
