"""The versions that the pages list follow the registry, where the journal does not tell of them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.registry.entry import RegistryEntry, VersionFacts
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import KETTLE, ODD, Background, page, post, text_of
from tests.webapp.fakes import FakeRegistry
from webapp.db.database import db, now, writing
from webapp.models.versions import follow_registry, version_of
from webapp.region_items.catalogue import rows_to_follow
from webapp.tables import ModelVersion

LONG_AGO = (now() - timedelta(hours=1)).isoformat()


def told(version: int, request_id: str = "r1", run_id: str = "run1", at: str = LONG_AGO) -> VersionFacts:
    return VersionFacts(version, at, request_id, run_id, {"wape": 0.2, "trained_to": "2026-06-01"})


def note(app: Flask, entry: RegistryEntry) -> list[tuple[int, str]]:
    """Let the versions follow the entry; number and decision of each that is there then."""
    with app.app_context():
        with writing():
            rows_to_follow([entry.region_item])
            follow_registry([entry])
        return [(each.version, each.decision) for each in db.session.query(ModelVersion).filter_by(
            key=entry.region_item.key).order_by(ModelVersion.version)]


def entry(newest: VersionFacts | None, **more: object) -> RegistryEntry:
    return replace(RegistryEntry(KETTLE, "shop.north.kettle", None, None, newest=newest), **more)


def test_a_promoted_version_of_a_killed_worker_can_be_seen_pinned_and_rolled_back_to(
        app: Flask, admin: FlaskClient, background: Background, registry: FakeRegistry, model: ForecastModel) -> None:
    for _ in range(2):
        registry.promote(KETTLE, model)  # and nothing comes in the journal
    background.watch(sweep=True)

    shown = page(admin.get("/models/region-item", query_string={"ri": KETTLE.key}))
    listed = [text_of(row) for row in shown.select("#versions table tbody tr")]
    assert [row.split()[0] for row in listed] == ["v2", "v1"]
    for kind, version in (("pin", 2), ("roll_back", 1)):
        form = {"ri": KETTLE.key, "kind": kind, "version": str(version)}
        assert admin.get("/models/act", query_string=form).status_code == 200
    response = post(admin, "/models/act", {"ri": KETTLE.key, "kind": "roll_back", "version": "1", "reason": "too high",
                                           "token": "0" * 32})
    assert response.status_code == 303
    background.act()
    assert registry.page(10).entries[0][1].production == 1


def test_what_the_newest_version_tells_of_itself_is_shown(app: Flask) -> None:
    assert note(app, entry(told(3))) == [(3, "")]

    with app.app_context():
        found = version_of(KETTLE.key, 3)
        assert found is not None
        assert (found.request_id, found.run_id, found.numbers["wape"]) == ("r1", "run1", 0.2)
        assert found.trained_at is not None


def test_the_journal_s_word_stays_whether_it_comes_before_or_after(app: Flask, background: Background) -> None:
    words = [Entry(KETTLE, "trained", "r1", "run1", numbers={"version": 1, "wape": 0.1}),
             Entry(KETTLE, "kept", "r1", "run1", "not better", {"version": 1})]
    background.journal(*words)
    assert note(app, entry(told(1), candidate=1)) == [(1, "keep")]
    assert note(app, entry(told(2), candidate=2)) == [(1, "keep"), (2, "")]

    background.journal(Entry(KETTLE, "trained", "r1", "run1", numbers={"version": 2, "wape": 0.3}),
                       Entry(KETTLE, "promoted", "r1", "run1", "better", {"version": 2}))

    assert note(app, entry(told(2), candidate=2, production=2)) == [(1, "keep"), (2, "promote")]
    with app.app_context():
        found = version_of(KETTLE.key, 2)
        assert found is not None
        assert (found.reason, found.numbers["wape"]) == ("better", 0.2)


@pytest.mark.parametrize(("newest", "left"), [
    (told(3), [3]),  # the same request made another
    (told(1, "r0"), [1]),  # it was the newest, and is not there any more
    (told(3, "r2"), [2, 3]),  # another request's
    (told(3, "", "run2"), [2, 3]),
])
def test_a_version_that_was_cut_off_and_removed_is_not_listed(app: Flask, newest: VersionFacts,
                                                              left: list[int]) -> None:
    assert note(app, entry(told(2))) == [(2, "")]

    assert [version for version, _ in note(app, entry(newest))] == left


def test_what_the_journal_told_a_moment_ago_is_not_taken_for_removed(app: Flask, background: Background) -> None:
    background.journal(Entry(KETTLE, "trained", "r1", "run1", numbers={"version": 2}))

    assert note(app, entry(told(1, "r0"))) == [(1, ""), (2, "")]


def test_versions_of_other_region_items_are_left_alone(app: Flask) -> None:
    other = replace(entry(told(5)), region_item=ODD)
    note(app, other)

    note(app, entry(told(1)))

    assert note(app, other) == [(5, "")]
