"""How a run carries region-items through its stages."""

import ast
from pathlib import Path

import demand_assets.pipeline
from demand_assets.pipeline.outcomes import RequestedBy
from demand_assets.pipeline.run import Pipeline
from demand_assets.settings import Settings


def test_features_that_cannot_be_stored_keep_no_region_item_from_its_training(
        pipeline: Pipeline, settings: Settings) -> None:
    one = pipeline.source.catalogue().region_items[0]
    in_the_way = settings.folder / "demand" / "demand_features"
    in_the_way.parent.mkdir(parents=True, exist_ok=True)
    in_the_way.touch()

    outcomes = list(pipeline.carry(
        [one], {"raw_demand", "demand", "features_for_inspection", "candidate_model"}, RequestedBy("r1")))

    assert {outcome.asset: outcome.status for outcome in outcomes} == {
        "raw_demand": "done", "demand": "done", "features_for_inspection": "failed", "candidate_model": "done"}


def test_no_module_of_the_pipeline_knows_dagster() -> None:
    files = sorted(Path(demand_assets.pipeline.__path__[0]).glob("*.py"))
    imported = {(file.name, name) for file in files for node in ast.walk(ast.parse(file.read_text()))
                for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import)
                             else [node.module or ""] if isinstance(node, ast.ImportFrom) else [])}

    assert len(files) > 5
    assert {(file, name) for file, name in imported if name.split(".")[0] == "dagster"} == set()
