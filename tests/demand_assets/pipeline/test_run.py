"""How a run carries region-items through its stages."""

import ast
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest

import demand_assets.pipeline
from demand_assets.forecasting.contract.dagster_names import BY_DAMAGE, RETRAINED_ASSETS
from demand_assets.forecasting.contract.plugins import GATE_RULES
from demand_assets.forecasting.contract.region_item import RegionItem, pooled_name
from demand_assets.forecasting.contract.source import SourceError
from demand_assets.forecasting.dataset.attributes import Attributes
from demand_assets.forecasting.dataset.dataset_file import Dataset, Pins, load_dataset
from demand_assets.forecasting.dataset.models.gate_margins import Gate, GateRule
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.store.demand_store import ATTRIBUTES
from demand_assets.forecasting.store.journal import Journal
from demand_assets.pipeline.outcomes import RequestedBy
from demand_assets.pipeline.renewal_of_pooled import pays_to_renew
from demand_assets.pipeline.run import Pipeline
from demand_assets.settings import Settings
from demand_assets.sources import open_source
from tests.demand_assets.forecasting.conftest import without_deciles


def test_features_that_cannot_be_stored_keep_no_region_item_from_its_training(
        pipeline: Pipeline, settings: Settings) -> None:
    one = pipeline.source.catalogue().region_items[0]
    nowhere = settings.folder / "demand" / "demand_features"
    nowhere.parent.mkdir(parents=True, exist_ok=True)
    nowhere.symlink_to("/proc")  # where nobody can make a folder

    outcomes = list(pipeline.carry(
        [one], {"raw_demand", "demand", "features_for_inspection", "candidate_model"}, RequestedBy("r1")))

    assert {outcome.asset: outcome.status for outcome in outcomes} == {
        "raw_demand": "done", "demand": "done", "features_for_inspection": "failed", "candidate_model": "done"}


def test_the_journal_tells_an_outcome_after_dagster_was_told_and_of_a_run_that_breaks_there_too(
        pipeline: Pipeline) -> None:
    def steps() -> list[str]:
        journal = Journal(pipeline.store)
        return [entry.step for name in journal.files_after("") for entry in journal.read(name)]

    one = pipeline.source.catalogue().region_items[0]
    work = pipeline.carry_together([one], {"raw_demand", "demand"}, RequestedBy("r1"))
    told = next(work)
    before = steps()
    work.close()  # type: ignore[attr-defined]

    assert [outcome.asset for outcome in told] == ["raw_demand", "demand"]
    assert before == ["started"]  # a training that is killed now goes on with it
    assert steps() == ["started", "validated"]


class Silent:
    """A source that does not answer."""

    def __getattr__(self, name: str) -> Callable[..., object]:
        def asked(*_args: object) -> object:
            raise SourceError("the source is down")

        return (lambda: pd.Timestamp("2026-06-01")) if name == "today" else asked


def damage_demand(pipeline: Pipeline, one: RegionItem) -> None:
    pipeline.store.write_bytes(f"demand/{one.path}.parquet", b"PAR1")


def test_damaged_demand_is_made_again_from_the_source(pipeline: Pipeline) -> None:
    one = pipeline.source.catalogue().region_items[0]
    list(pipeline.carry([one], {"raw_demand", "demand"}, RequestedBy("r1")))
    before = pipeline.store.read("demand", one)
    damage_demand(pipeline, one)
    pipeline.store.write_bytes(f"raw_demand/{one.path}.parquet", b"")

    outcomes = list(pipeline.carry([one], {"raw_demand", "demand"}, RequestedBy("", "r2", BY_DAMAGE)))

    assert {outcome.status for outcome in outcomes} == {"done"}
    pd.testing.assert_frame_equal(pipeline.store.read("demand", one), before)


def test_without_the_source_damaged_demand_is_made_again_from_the_raw_rows(pipeline: Pipeline) -> None:
    ones = pipeline.source.catalogue().region_items[:3]
    list(pipeline.carry(ones, {"raw_demand", "demand"}, RequestedBy("r1")))
    pipeline.store.write_catalogue(ones)
    before = pipeline.store.read("demand", ones[0])
    damage_demand(pipeline, ones[0])
    damage_demand(pipeline, ones[1])
    pipeline.store.write_bytes(f"raw_demand/{ones[1].path}.parquet", b"")
    silent = replace(pipeline, source=Silent())

    outcomes = list(silent.carry(ones[:2], {"raw_demand", "demand"}, RequestedBy("", "r2", BY_DAMAGE)))

    assert {outcome.region_item: outcome.status for outcome in outcomes} == {ones[0]: "done", ones[1]: "failed"}
    assert "raw_demand" in outcomes[-1].reason + outcomes[0].reason
    pd.testing.assert_frame_equal(silent.store.read("demand", ones[0]), before)
    with pytest.raises(SourceError):
        list(silent.carry(ones[:1], {"raw_demand", "demand"}, RequestedBy("r3")))


def test_events_of_a_calendar_are_kept_for_when_their_table_cannot_be_read(pipeline: Pipeline, tmp_path: Path) -> None:
    """Taken in from the source, and made again from the raw rows, they are the same; nobody else goes on without."""
    rows = [f"{day.date()},north,kettle,5" for day in pd.date_range("2024-01-01", periods=80)]
    (tmp_path / "demand.csv").write_text("\n".join(["date,region,item,demand", *rows]))
    (tmp_path / "fairs.csv").write_text("from,to\n2024-03-22,2024-03-23\n")
    dataset = Dataset.model_validate({
        "name": "shop", "frequency": "D", "source": {"kind": "file", "path": str(tmp_path / "demand.csv")},
        "calendar": {"holidays": "DE", "events": [
            {"name": "fair", "path": str(tmp_path / "fairs.csv"), "columns": {"region": ""}}]}})
    kettle = RegionItem("north", "kettle")
    calendar = replace(pipeline, dataset=dataset, source=open_source(dataset))
    list(calendar.carry([kettle], {"raw_demand", "demand"}, RequestedBy("r1")))
    before = calendar.store.read("demand", kettle)
    assert before.loc[before["fair"] == 1, "date"].astype(str).tolist() == ["2024-03-22", "2024-03-23"]
    assert list(calendar.store.read("raw_demand", kettle).columns) == ["region", "item", "row", "date", "demand"]

    (tmp_path / "fairs.csv").unlink()
    damage_demand(calendar, kettle)
    with pytest.raises(SourceError, match="fair"):
        list(calendar.carry([kettle], {"raw_demand", "demand"}, RequestedBy("r2")))
    list(calendar.carry([kettle], {"raw_demand", "demand"}, RequestedBy("", "r3", BY_DAMAGE)))

    pd.testing.assert_frame_equal(calendar.store.read("demand", kettle), before)


def test_the_pooled_model_is_trained_without_a_region_item_whose_demand_is_damaged(pipeline: Pipeline) -> None:
    ones = pipeline.source.catalogue().region_items
    list(pipeline.carry(ones, {"raw_demand", "demand"}, RequestedBy("r1")))
    damage_demand(pipeline, ones[2])

    made = pipeline.pool(RequestedBy("r2"))

    assert made.version == 1
    assert [damage.key for damage in pipeline.store.damages()] == [ones[2].key]


def test_demand_that_is_damaged_after_it_was_taken_in_is_taken_in_again_and_trained(pipeline: Pipeline) -> None:
    ones = pipeline.source.catalogue().region_items[:2]
    list(pipeline.carry(ones, {"raw_demand", "demand"}, RequestedBy("r1")))
    damage_demand(pipeline, ones[0])

    outcomes = list(pipeline.carry(ones, set(RETRAINED_ASSETS), RequestedBy("r2")))
    damage_demand(pipeline, ones[0])
    judged = list(pipeline.carry(ones, {"candidate_model", "production_model"}, RequestedBy("r3", "run 3")))

    for found in (outcomes, judged):
        assert {outcome.status for outcome in found} == {"done"}
        last = [outcome.region_item for outcome in found if outcome.asset == "production_model"]
        assert sorted(last) == sorted(ones)


def test_demand_that_is_damaged_in_the_middle_of_a_run_fails_nothing(pipeline: Pipeline) -> None:
    ones = pipeline.source.catalogue().region_items[:2]
    carried = pipeline.carry(ones, set(RETRAINED_ASSETS), RequestedBy("r1", "run 1"))
    outcomes = []
    for outcome in carried:
        outcomes.append(outcome)
        if outcome.asset == "demand" and outcome.region_item == ones[1]:
            damage_demand(pipeline, ones[0])

    journal = Journal(pipeline.store)
    entries = [entry for name in journal.files_after("") for entry in journal.read(name)]

    assert {outcome.status for outcome in outcomes} == {"done"}
    steps = [entry.step for entry in entries if entry.region_item == ones[0]]
    assert steps.count("trained") == 1
    assert steps[-1] in ("promoted", "kept")


def test_damaged_demand_that_nothing_makes_again_fails_its_own_training_only_and_is_noted(pipeline: Pipeline) -> None:
    ones = pipeline.source.catalogue().region_items[:2]
    list(pipeline.carry(ones, {"raw_demand", "demand"}, RequestedBy("r1")))
    pipeline.pool(RequestedBy("r2"))
    damage_demand(pipeline, ones[0])
    pipeline.store.write_bytes(f"raw_demand/{ones[0].path}.parquet", b"")

    silent = replace(pipeline, source=Silent())
    carried = silent.carry(ones, {"candidate_model"}, RequestedBy("r3"))
    outcomes = {outcome.region_item: outcome for outcome in carried}

    assert (outcomes[ones[0]].status, outcomes[ones[1]].status) == ("failed", "done")
    assert "is damaged" in outcomes[ones[0]].reason
    assert [damage.key for damage in pipeline.store.damages()] == [ones[0].key]


def on(pipeline: Pipeline, today: str, **pins: object) -> Pipeline:
    """The same pipeline on that day, whose models are made fast; the own boosters have no share."""
    source = pipeline.dataset.source.model_copy(update={"today": today})
    training = Pins(**{"rounds": 20, "own_rounds": 5, "own_share": 0.0, **pins})
    dataset = pipeline.dataset.model_copy(update={"source": source, "training": training})
    return replace(pipeline, dataset=dataset, source=open_source(dataset))


def retrained(pipeline: Pipeline, ones: Sequence[RegionItem]) -> list[int]:
    """The pooled versions that their new candidates stand on."""
    carried = pipeline.carry(ones, {"candidate_model"}, RequestedBy("r", uuid4().hex))
    return [outcome.details["pooled_version"] for outcome in carried]


def take_in(pipeline: Pipeline, ones: Sequence[RegionItem]) -> None:
    list(pipeline.carry(ones, {"raw_demand", "demand"}, RequestedBy("r", uuid4().hex)))


def test_a_retrain_a_horizon_later_stands_on_a_pooled_model_that_has_seen_all_demand(pipeline: Pipeline) -> None:
    """It makes no choice anew, region-items that are not retrained stay, and the forecast is another with share 0."""
    pipeline, later = on(pipeline, "2026-06-01"), on(pipeline, "2026-06-29")
    ones = list(pipeline.source.catalogue().region_items)
    take_in(pipeline, ones)
    assert retrained(pipeline, ones) == [1, 1, 1, 1]
    take_in(later, ones)

    assert retrained(later, ones[:1]) == [2]

    first, second = (later.registry.load_pooled(version) for version in (1, 2))
    assert (second.recipe, second.card["recipes"]) == (first.recipe, first.card["recipes"])
    assert (first.card["recipes"] != {}, "recipe_of_version" in first.card) == (True, False)
    assert second.card["recipe_of_version"] == 1
    assert (first.latest.seen, second.latest.seen) == (np.datetime64("2026-05-25"), np.datetime64("2026-06-22"))
    assert later.registry.load(ones[1], 1).pooled.version == 1
    before, after = (later.registry.load(ones[0], version) for version in (1, 2))
    series = after.series_of(later.store.read("demand", ones[0]), later.dataset, ones[0])
    ahead = np.full(4, series.known - 1), np.arange(1, 5)
    assert not np.allclose(before.predict(series, *ahead), after.predict(series, *ahead))
    assert retrained(later, ones[2:]) == [2, 2]


def test_no_pooled_model_is_made_for_nothing(pipeline: Pipeline) -> None:
    """Three weeks are no horizon; nor is one that is known of few, or not of the one that is retrained."""
    fast = {"scale": "log", "drivers": "boosted", "year_features": False}
    pipeline, soon, later = (on(pipeline, today, **fast) for today in ("2026-06-01", "2026-06-22", "2026-06-29"))
    ones = list(pipeline.source.catalogue().region_items)
    take_in(pipeline, ones)
    retrained(pipeline, ones[:1])
    for now, taken_in, selected in ((soon, ones, 0), (later, ones[:1], 0), (later, ones[:3], 3)):
        take_in(now, taken_in)

        assert retrained(now, [ones[selected]]) == [1]

        assert now.registry.pooled_candidate() == 1


def test_a_renewed_pooled_model_that_is_not_in_production_is_not_made_again(pipeline: Pipeline) -> None:
    """Whether it was found worse, or a person went back to the one before."""
    fast = {"scale": "log", "drivers": "boosted", "year_features": False}
    pipeline, later = on(pipeline, "2026-06-01", **fast), on(pipeline, "2026-06-29", **fast)
    ones = list(pipeline.source.catalogue().region_items)
    take_in(pipeline, ones)
    retrained(pipeline, ones[:1])
    take_in(later, ones)
    stood_on = retrained(later, ones[:1])
    assert (stood_on, later.registry.pooled_candidate()) == ([later.registry.pooled_production()], 2)
    later.registry.session.set_alias(pooled_name(later.dataset.name), "production", 1)

    assert retrained(later, ones[:1]) == [1]

    assert later.registry.pooled_candidate() == 2


def test_a_pooled_model_of_before_deciles_is_renewed_once(pipeline: Pipeline) -> None:
    """Else a retrain, which stands on it, could not add them. Not where a newer one was tried, or none knows any."""
    pipeline = on(pipeline, "2026-06-01", scale="log", drivers="boosted", year_features=False)
    ones = list(pipeline.source.catalogue().region_items)
    take_in(pipeline, ones)
    retrained(pipeline, ones[:1])
    model = pipeline.registry.load_pooled(1)
    before = without_deciles(model)

    def is_renewed(one: PooledModel) -> bool:
        return pays_to_renew(one, ones, pipeline.dataset, pipeline.source, pipeline.store, pipeline.registry)

    assert model.has_deciles
    assert not is_renewed(model)
    assert is_renewed(before)
    assert not is_renewed(replace(before, card=model.card))
    assert not is_renewed(before.with_version(7))


def test_what_the_dataset_file_pins_goes_before_what_was_chosen(pipeline: Pipeline) -> None:
    pipeline = on(pipeline, "2026-06-01", scale="log", drivers="boosted", year_features=False)
    later = on(pipeline, "2026-06-29", scale="tweedie", own_share=0.5)
    ones = list(pipeline.source.catalogue().region_items)
    take_in(pipeline, ones)
    retrained(pipeline, ones[:1])
    take_in(later, ones)

    retrained(later, ones[:1])

    recipe = later.registry.load_pooled(2).recipe
    assert (recipe.scale, recipe.own_share, recipe.drivers, recipe.year_features) == ("tweedie", 0.5, "boosted", False)


def test_no_module_of_the_pipeline_knows_dagster() -> None:
    files = sorted(Path(demand_assets.pipeline.__path__[0]).glob("*.py"))
    imported = {(file.name, name) for file in files for node in ast.walk(ast.parse(file.read_text()))
                for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import)
                             else [node.module or ""] if isinstance(node, ast.ImportFrom) else [])}

    assert len(files) > 5
    assert {(file, name) for file, name in imported if name.split(".")[0] == "dagster"} == set()


def with_attributes(settings: Settings, pipeline: Pipeline, text: str) -> Pipeline:
    """The pipeline of the same dataset with a table of attributes of items."""
    (settings.dataset.parent / "items.csv").write_text(text)
    settings.dataset.write_text(settings.dataset.read_text() + """
[[attributes]]
name = "category"
of = "item"

[attribute_tables.item]
key = "id"
source = { kind = "file", path = "items.csv" }
""")
    dataset = load_dataset(settings.dataset)
    return replace(pipeline, dataset=dataset)


def test_attributes_are_taken_in_and_changes_are_noticed(
        settings: Settings, pipeline: Pipeline) -> None:
    one, other = sorted({each.item for each in pipeline.source.catalogue().region_items})
    stages = with_attributes(settings, pipeline, f"id,category\n{one},Food\n{other},Tea\n")

    assert stages.take_in_attributes() == stages.store.read_attributes()
    (settings.dataset.parent / "items.csv").write_text(f"id,category\n{one},Drinks\n")
    stages.take_in_attributes()

    assert stages.store.read_attributes().items == {one: {"category": "Drinks"}}
    assert any(f"1 item ({other!r})" in notice for notice in stages.store.read_source_notes().notices)


def test_trouble_with_attributes_leaves_those_of_before_in_use_and_is_told(
        settings: Settings, pipeline: Pipeline) -> None:
    one = pipeline.source.catalogue().region_items[0].item
    stages = with_attributes(settings, pipeline, f"id,category\n{one},Food\n")
    stages.take_in_attributes()
    (settings.dataset.parent / "items.csv").unlink()

    stages.refresh_attributes()

    assert stages.store.read_attributes().items == {one: {"category": "Food"}}
    assert "no file matches" in stages.store.read_source_notes().notices[0]
    (settings.dataset.parent / "items.csv").write_text(f"id,category\n{one},Food\n")
    assert stages.take_in_attributes().problem == ""


def test_a_state_without_attributes_has_none(pipeline: Pipeline) -> None:
    assert pipeline.take_in_attributes() == pipeline.store.read_attributes() == Attributes()
    pipeline.store.write_bytes(ATTRIBUTES, b'{"checksum": "0", "content": {"items": 3')
    assert pipeline.store.read_attributes() == Attributes()
    pipeline.store.write_bytes(ATTRIBUTES, b"[]")
    assert pipeline.store.read_attributes() == Attributes()


def test_attributes_that_are_no_longer_declared_stay_known_to_models(settings: Settings, pipeline: Pipeline) -> None:
    one = pipeline.source.catalogue().region_items[0]
    stages = with_attributes(settings, pipeline, f"id,category\n{one.item},Food\n")
    stages.take_in_attributes()
    text = settings.dataset.read_text()

    for name, column in (("group", "category"), ("label", "category")):  # renamed twice
        settings.dataset.write_text(text.replace('name = "category"', f'name = "{name}"\ncolumn = "{column}"'))
        stages = replace(stages, dataset=load_dataset(settings.dataset))
        stages.take_in_attributes()

    found = stages.store.read_attributes()
    assert found.of(one) == {"label": "Food", "category:item:text": "Food", "group:item:text": "Food"}
    settings.dataset.write_text(text)
    assert replace(stages, dataset=load_dataset(settings.dataset)).take_in_attributes().of(one) == {
        "category": "Food", "group:item:text": "Food", "label:item:text": "Food"}


def test_runs_of_mlflow_tell_what_they_trained_on_and_how_good_it_is(pipeline: Pipeline) -> None:
    ones = pipeline.source.catalogue().region_items[:2]
    list(pipeline.carry(ones, RETRAINED_ASSETS, RequestedBy("r1")))

    client, session = pipeline.registry.session.client, pipeline.registry.session
    runs = {run.info.run_name: run for run in client.search_runs([session.experiment], "metrics.wape > 0")}
    assert runs.keys() == {"train the pooled model", "train 2 region-items"}
    trained = runs["train 2 region-items"]
    assert trained.data.metrics["trained"] == 2
    assert trained.data.metrics.keys() >= {"wape", "wape_seasonal_naive", "bias", "coverage_80", "promoted", "kept"}
    for run in runs.values():
        (used,) = run.inputs.dataset_inputs
        assert (used.dataset.name, json.loads(used.dataset.source)) == ("shop", {"uri": pipeline.store.url})
        assert len(used.dataset.digest) == 16


def with_rule(pipeline: Pipeline, plug_in: Callable[..., Path], name: str, body: str) -> Pipeline:
    plug_in(GATE_RULES, name, (
        "from pydantic import BaseModel\nclass Offered:\n    class Entries(BaseModel):\n        pass\n"
        f"    def __init__(self, entries):\n        pass\n    def objection(self, contest):\n        {body}\n"),
        package=f"acme-{name}")
    gate = Gate(bias_limit=9, coverage_range=(0, 1), rules=(GateRule(rule=name),))
    easily_beaten = {"baseline_season": 5}
    return replace(pipeline, dataset=pipeline.dataset.model_copy(update={"gate": gate, **easily_beaten}))


def test_what_a_rule_of_a_package_says_is_the_reason_everywhere_and_its_failure_is_no_decision(
        pipeline: Pipeline, plug_in: Callable[..., Path]) -> None:
    one, other = pipeline.source.catalogue().region_items[:2]
    assets = {"raw_demand", "demand", "candidate_model", "production_model"}

    kept = list(with_rule(pipeline, plug_in, "frozen", "return 'models are frozen until Monday'").carry(
        [one], assets, RequestedBy("r1")))[-1]
    broken = list(with_rule(pipeline, plug_in, "broken", "return 1 / 0").carry([other], assets, RequestedBy("r2")))[-1]

    words = "the rule frozen objects: models are frozen until Monday"
    entry, journal = pipeline.registry.entry(one), Journal(pipeline.store)
    assert (kept.reason, kept.details["verdict"], kept.details["gate_rule"]) == (words, "keep", "frozen")
    assert entry is not None
    assert (entry.decision, entry.reason, entry.production) == ("keep", words, None)
    assert [(told.step, told.reason) for name in journal.files_after("") for told in journal.read(name)
            if told.step in ("kept", "promoted", "failed")] == [("kept", words), ("failed", broken.reason)]
    assert (broken.status, broken.asset) == ("failed", "candidate_model")
    assert broken.reason.startswith("PluginError: the gate rule 'broken' of the package acme-broken 1.2 failed to ")
    assert pipeline.registry.entry(other) is None
