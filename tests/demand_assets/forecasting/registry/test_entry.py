"""What people do to the registry by hand, in MLflow's own page, and what is made of it."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from demand_assets.forecasting.contract.region_item import RegionItem, escape
from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.registry.entry import RegistryEntry
from demand_assets.forecasting.registry.registry import Registry
from tests.demand_assets.forecasting.conftest import KETTLES
from tests.demand_assets.forecasting.registry.conftest import promoted, register

OTHER = RegionItem("south", "toasters")
EDITED = ["", "Ask Ada before you touch this.", "{not JSON", "null", "[]", "7", '{"owner": "Ada"}',
          '{"decision": "promote", "reason": 5}', '{"previous": "x", "promoted_at": "soon", "decided_at": null, '
          '"decided": null, "decision": "", "reason": "", "summary": {}}', "\u2028 {", '{"a":' * 400]

BAD_TAGS = ["x", "{}", "[]", "null", '{"at": "soon"}', '{"at": "0001-01-01T00:00:00+05:00"}', '{"at": 5, "by": 7}',
            '{"at": "2026-01-01", "version": -1, "replaced": -1, "by": "ada"}', "9" * 4000,
            '{"at": "2026-01-01", "by": "\\ud800"}',
            '{"at": "2026-01-01", "version": 9999999999999999999, "replaced": 9999999999}']


def told(registry: Registry) -> dict[RegionItem, RegistryEntry]:
    """As the web app's one query brings it."""
    return {entry.region_item: entry for _, entry in registry.page(100).entries}


def name_of(registry: Registry, one: RegionItem = KETTLES) -> str:
    return one.model_name(registry.dataset)


def set_tag(registry: Registry, key: str, value: str) -> None:
    registry.session.client.set_registered_model_tag(name_of(registry), key, value)


@pytest.mark.parametrize("description", EDITED[:3])
def test_a_description_is_for_people(registry: Registry, model: ForecastModel, description: str) -> None:
    promoted(registry, KETTLES, model)
    before = told(registry)[KETTLES]
    registry.session.client.update_registered_model(name_of(registry), description)

    assert told(registry)[KETTLES] == before
    registry.pin(KETTLES, 1, "ada", "Christmas")
    registry.record_decision(KETTLES, register(registry, KETTLES, model), Decision("keep", "pinned"), "r2")
    registry.unpin(KETTLES)
    promoted(registry, KETTLES, model)
    registry.roll_back(KETTLES, 1, 3, "ada", "too high")

    assert told(registry)[KETTLES].production == 1
    assert registry.session.client.get_registered_model(name_of(registry)).description == description


def test_whatever_a_person_writes_in_a_description_stays_there(registry: Registry, model: ForecastModel) -> None:
    promoted(registry, KETTLES, model)
    before = told(registry)[KETTLES]
    for description in EDITED:
        registry.session.client.update_registered_model(name_of(registry), description)
        assert told(registry)[KETTLES] == before
        registry.move_old_entry(name_of(registry))
        assert registry.session.client.get_registered_model(name_of(registry)).description == description


def test_an_alias_moved_by_hand_shows_the_version_it_names_and_nothing_of_another(registry: Registry,
                                                                                  model: ForecastModel) -> None:
    for _ in range(3):
        register(registry, KETTLES, model)
    registry.record_decision(KETTLES, 3, Decision("promote", "better"), "r1")

    registry.session.client.set_registered_model_alias(name_of(registry), "production", "2")

    entry = told(registry)[KETTLES]
    assert (entry.production, entry.previous, entry.promoted_at, entry.rolled_back, entry.files) == (
        2, None, None, {}, None)
    assert "v2 is in production by an alias that was set in MLflow" in entry.problem
    assert registry.load(KETTLES, 2).version == 2
    registry.session.client.set_registered_model_alias(name_of(registry), "production", "3")
    assert told(registry)[KETTLES].problem == ""
    assert told(registry)[KETTLES].promoted_at is not None


def test_an_alias_moved_back_by_hand_tells_when_that_version_was_promoted(registry: Registry,
                                                                          model: ForecastModel) -> None:
    promoted(registry, KETTLES, model)
    first = told(registry)[KETTLES].promoted_at
    promoted(registry, KETTLES, model)

    registry.session.client.set_registered_model_alias(name_of(registry), "production", "1")

    assert (told(registry)[KETTLES].promoted_at, told(registry)[KETTLES].previous) == (first, None)
    assert told(registry)[KETTLES].decided == 2  # so v2 is not judged and promoted again


def test_a_pinned_version_that_is_replaced_by_hand_is_said(registry: Registry, model: ForecastModel) -> None:
    for _ in range(2):
        promoted(registry, KETTLES, model)
    registry.pin(KETTLES, 2, "ada", "Christmas")

    registry.session.client.set_registered_model_alias(name_of(registry), "production", "1")

    entry = told(registry)[KETTLES]
    assert (entry.pinned_by, entry.pinned_version, entry.production) == ("ada", 2, 1)
    assert "v2 is pinned by ada, but v1 is in production" in entry.problem


def test_an_alias_that_was_taken_away_is_said(registry: Registry, model: ForecastModel) -> None:
    for _ in range(2):
        promoted(registry, KETTLES, model)

    registry.session.client.delete_model_version(name_of(registry), "2")

    assert told(registry)[KETTLES].production is None
    assert "no version is in production any more" in told(registry)[KETTLES].problem


@pytest.mark.parametrize("key", ["promotion.1", "pin", "old_entry"])
def test_a_tag_edited_by_hand_costs_its_own_region_item_at_most(registry: Registry, model: ForecastModel,
                                                                key: str) -> None:
    promoted(registry, OTHER, model)
    promoted(registry, KETTLES, model)
    before = told(registry)
    right = registry.session.client.get_registered_model(name_of(registry)).tags.get(key)

    for value in BAD_TAGS:
        set_tag(registry, key, value)
        entries = told(registry)
        assert entries[OTHER] == before[OTHER]
        assert entries[KETTLES].production == 1
        assert f"the tag {key!r}" in entries[KETTLES].problem

    if right:
        set_tag(registry, key, right)
    else:
        registry.session.client.delete_registered_model_tag(name_of(registry), key)
    assert told(registry) == before


def test_what_no_database_stores_is_left_out(registry: Registry, model: ForecastModel) -> None:
    promoted(registry, KETTLES, model)
    set_tag(registry, "pin", '{"at": "2026-01-01", "version": 1, "by": "a\\u0000da", "reason": "\\u0000"}')

    entry = told(registry)[KETTLES]

    assert (entry.pinned_by, entry.pinned_reason, entry.pinned_at) == ("ada", "", "2026-01-01T00:00:00.000+00:00")


def test_a_pin_that_cannot_be_read_holds_until_it_is_taken_off(registry: Registry, model: ForecastModel) -> None:
    promoted(registry, KETTLES, model)
    set_tag(registry, "pin", "for ever")

    assert told(registry)[KETTLES].pinned_by
    registry.unpin(KETTLES)
    assert (told(registry)[KETTLES].pinned_by, told(registry)[KETTLES].problem) == ("", "")


@pytest.mark.parametrize("tags", [{"decision": "perhaps"}, {"decision_numbers": "{"}, {"decision": ""},
                                  {"decision_numbers": '{"decided_at": "soon"}'}, {"decision_numbers": "[1]"},
                                  {"data_hash": ""}, {"decision": "promote"}])
def test_a_version_whose_tags_were_edited_costs_no_more(registry: Registry, model: ForecastModel,
                                                        tags: dict[str, str]) -> None:
    promoted(registry, KETTLES, model)
    for key, value in tags.items():
        registry.session.client.set_model_version_tag(name_of(registry), "1", key, value)

    assert told(registry)[KETTLES].production == 1
    assert registry.load(KETTLES, 1).card == model.card
    registry.record_decision(KETTLES, 1, Decision("promote", "again"), "r1")
    assert (told(registry)[KETTLES].decided, told(registry)[KETTLES].problem) == (1, "")


@pytest.mark.parametrize(("tag", "text"), [
    ("wape", "good"), ("wape", "inf"), ("wape", "-1e999"), ("wape", "NaN"), ("bias", "0,1"), ("rows", "many"),
    ("trained_to", "yesterday"), ("trained_from", "2026-13-01"), ("coverage_80", "x" * 4000)])
def test_what_is_no_number_and_no_date_of_a_version_is_not_told(registry: Registry, model: ForecastModel, tag: str,
                                                                text: str) -> None:
    """Pages write numbers as numbers, dates as dates, and databases keep no infinity."""
    promoted(registry, KETTLES, model)
    registry.session.client.set_model_version_tag(name_of(registry), "1", tag, text)
    registry.session.client.set_model_version_tag(
        name_of(registry), "1", "decision_numbers", '{"wape_production": "good", "gate_rule": "ours", "bias": [1]}')

    newest = told(registry)[KETTLES].newest
    version, = registry.registered().versions
    assert newest
    assert newest.numbers.keys() == version.numbers.keys() - {"gate_rule"}
    assert not {tag, "wape_production"} & version.numbers.keys()
    assert version.numbers["gate_rule"] == "ours"


def test_a_version_without_tags_is_as_good(registry: Registry, model: ForecastModel) -> None:
    promoted(registry, KETTLES, model)
    for key in registry.tags(KETTLES, 1):
        registry.session.client.delete_model_version_tag(name_of(registry), "1", key)

    assert told(registry)[KETTLES].production == 1
    assert registry.load(KETTLES, 1).card == model.card


def test_a_model_made_by_hand_with_a_name_like_ours_is_none_of_ours(registry: Registry, model: ForecastModel) -> None:
    promoted(registry, KETTLES, model)
    before, client, ours = told(registry), registry.session.client, escape(registry.dataset)
    for rest in ("", ".", ".north", ".north.kettles.x", ".n~6Frth.kettle", ".~FF.x", ". .x", ".pooled"):
        if rest != ".pooled":
            client.create_registered_model(f"{ours}{rest}")
        version = client.create_model_version(f"{ours}{rest}", "/nowhere")
        client.set_registered_model_alias(f"{ours}{rest}", "production", version.version)

    assert told(registry) == before


def test_a_model_made_by_hand_with_a_name_of_ours_costs_that_region_item(registry: Registry, model: ForecastModel,
                                                                         tmp_path: Path) -> None:
    promoted(registry, KETTLES, model)
    client, name = registry.session.client, name_of(registry, OTHER)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "MLmodel").write_text("flavors: {}")
    client.create_registered_model(name)
    client.create_model_version(name, str(tmp_path / "theirs"))
    client.set_registered_model_alias(name, "production", "1")

    entry = told(registry)[OTHER]

    assert (entry.production, entry.candidate) == (1, None)
    assert entry.problem
    with pytest.raises(ModelFilesError):
        registry.load(OTHER, 1)
    assert told(registry)[KETTLES].problem == ""
    assert promoted(registry, OTHER, model) == 2
    assert told(registry)[OTHER].problem == ""


def old_description(**facts: Any) -> str:
    """As the product wrote it when the description held all facts."""
    return json.dumps({
        "previous": None, "promoted_at": "2025-11-28T11:07:00.133+00:00", "decided_at": "2025-11-28T11:07:00.133+00:00",
        "decided": 1, "decision": "promote", "reason": "first model", "summary": {"wape": 0.2, "data_hash": "13a1"},
        "source": "/somewhere/else", "pinned_by": "", "pinned_reason": "", "pinned_at": None, "rolled_back": {},
        **facts}, ensure_ascii=False)


class TestOldEntries:
    def in_old_form(self, registry: Registry, model: ForecastModel, **facts: Any) -> str:
        """Two versions, the first in production, everything in the description; its text."""
        client, name = registry.session.client, name_of(registry)
        for _ in range(2):
            register(registry, KETTLES, model)
        client.set_registered_model_alias(name, "production", "1")
        described = old_description(**facts)
        client.update_registered_model(name, described)
        return described

    def facts(self, registry: Registry) -> tuple[Any, ...]:
        entry = told(registry)[KETTLES]
        return (entry.production, entry.candidate, entry.previous, entry.promoted_at, entry.pinned_by,
                entry.pinned_reason, entry.pinned_version, entry.rolled_back, entry.problem)

    def test_they_are_read_and_moved_once_and_say_the_same(self, registry: Registry, model: ForecastModel) -> None:
        self.in_old_form(registry, model, pinned_by="ada", pinned_reason="Ö", pinned_at="2025-11-28T12:00:00+00:00")
        before = self.facts(registry)

        for _ in range(3):
            registry.move_old_entry(name_of(registry))

        assert before[:7] == (1, 2, None, "2025-11-28T11:07:00.133+00:00", "ada", "Ö", 1)
        assert self.facts(registry) == before
        assert not told(registry)[KETTLES].is_old
        assert not registry.session.client.get_registered_model(name_of(registry)).description

    def test_a_crash_before_the_description_is_emptied_is_mended(self, registry: Registry,
                                                                 model: ForecastModel) -> None:
        described = self.in_old_form(registry, model)
        before = self.facts(registry)
        registry.move_old_entry(name_of(registry))
        registry.session.client.update_registered_model(name_of(registry), described)

        assert self.facts(registry) == before
        assert told(registry)[KETTLES].is_old
        registry.move_old_entry(name_of(registry))
        assert self.facts(registry) == before
        assert not told(registry)[KETTLES].is_old

    def test_whoever_comes_late_overwrites_nothing_newer(self, registry: Registry, model: ForecastModel) -> None:
        described = self.in_old_form(registry, model, pinned_by="ada", pinned_at="2025-11-28T12:00:00+00:00")
        registry.unpin(KETTLES)
        registry.record_decision(KETTLES, 2, Decision("promote", "better"), "r1")
        after = self.facts(registry)

        registry.session.client.update_registered_model(name_of(registry), described)  # what the late one had read
        registry.move_old_entry(name_of(registry))

        assert self.facts(registry) == after
        assert after[:3] == (2, 2, 1)
        assert after[4] == ""

    def test_what_an_older_version_of_the_product_writes_later_counts(self, registry: Registry,
                                                                      model: ForecastModel) -> None:
        self.in_old_form(registry, model)
        registry.move_old_entry(name_of(registry))
        registry.session.client.update_registered_model(name_of(registry), old_description(
            pinned_by="ada", pinned_reason="later", pinned_at="2025-11-29T12:00:00+00:00"))

        assert self.facts(registry)[4:7] == ("ada", "later", 1)
        registry.move_old_entry(name_of(registry))
        assert self.facts(registry)[4:7] == ("ada", "later", 1)

    def test_many_may_move_them_at_once(self, registry: Registry, model: ForecastModel) -> None:
        described = self.in_old_form(registry, model, pinned_by="ada", pinned_at="2025-11-28T12:00:00+00:00")
        before = self.facts(registry)
        for _ in range(4):
            with ThreadPoolExecutor(6) as pool:
                for moving in [pool.submit(registry.move_old_entry, name_of(registry)) for _ in range(6)]:
                    moving.result()
            assert self.facts(registry) == before
            assert not told(registry)[KETTLES].is_old
            registry.session.client.delete_registered_model_tag(name_of(registry), "old_entry")
            registry.session.client.update_registered_model(name_of(registry), described)

    def test_a_roll_back_is_read(self, registry: Registry, model: ForecastModel) -> None:
        back = {"by": "ada", "reason": "too high", "at": "2025-11-28T11:07:00.133+00:00", "from": 2}
        self.in_old_form(registry, model, rolled_back=back, previous=2)

        assert told(registry)[KETTLES].rolled_back == back
        assert told(registry)[KETTLES].previous == 2

    def test_one_that_is_as_long_as_can_be_is_moved(self, registry: Registry, model: ForecastModel) -> None:
        self.in_old_form(registry, model, reason="ü\"" * 2200, pinned_by="ada", pinned_at="2025-11-28T12:00:00+00:00")

        registry.move_old_entry(name_of(registry))

        assert self.facts(registry)[4] == "ada"
        tag = registry.session.client.get_registered_model(name_of(registry)).tags["old_entry"]
        assert len(tag) <= 5000

    def test_the_facts_never_go_to_another_version(self, registry: Registry, model: ForecastModel) -> None:
        self.in_old_form(registry, model)
        registry.move_old_entry(name_of(registry))

        registry.session.client.set_registered_model_alias(name_of(registry), "production", "2")

        assert told(registry)[KETTLES].promoted_at is None
        assert "set in MLflow" in told(registry)[KETTLES].problem


@pytest.mark.parametrize("digest", ["123e4567", "00120034", "inf", "1" * 40])
def test_texts_of_a_card_stay_texts_also_where_they_look_like_numbers(registry: Registry, model: ForecastModel,
                                                                      digest: str) -> None:
    """By them it is told whether there is anything new to learn."""
    told = replace(model, card=replace(model.card, data_hash=digest, sold_hash=digest))
    version = register(registry, KETTLES, told)

    entry = registry.entry(KETTLES)
    assert entry is not None
    assert entry.newest is not None
    (listed,) = registry.registered().versions
    known = {name: value for name, value in asdict(told.card).items() if value == value and value != ""}
    assert (entry.newest.version, entry.newest.numbers, listed.numbers) == (version, known, known)
    assert {type(entry.newest.numbers[name]) for name in ("data_hash", "code_version", "trained_to")} == {str}


def test_the_versions_of_one_retrain_are_found_by_its_request_and_by_its_run(registry: Registry,
                                                                             model: ForecastModel) -> None:
    version = promoted(registry, KETTLES, model)
    with registry.batch("training", {}) as batch:
        batch.register(KETTLES, model, {"request_id": "r2", "dagster_run_id": "run 2"})

    (found,) = registry.made_for("request_id", "r1").versions
    assert (found.region_item, found.version, found.decision, found.request_id) == (KETTLES, version, "promote", "r1")
    (other,) = registry.made_for("dagster_run_id", "run 2").versions
    assert (other.version, other.decision) == (2, "")
    assert registry.made_for("request_id", "r").versions == []
    assert registry.made_for("request_id", "it's").versions == []
