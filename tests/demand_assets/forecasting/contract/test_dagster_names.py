"""What both halves call by name is there, under that name."""

from demand_assets.definitions import defs
from demand_assets.forecasting.contract import dagster_names as names


def test_every_job_and_op_has_the_name_that_is_asked_for() -> None:
    ops = {job: {node.name for node in defs.resolve_job_def(job).graph.nodes} for job in (
        names.REFRESH_JOB, names.RETRAIN_JOB, names.FIT_JOB, names.PROMOTE_JOB, names.MONITOR_JOB, names.POOL_JOB)}

    assert ops == {
        "refresh": {"region_item"}, "retrain": {"region_item"}, "fit": {"fit_and_judge"}, "promote": {"judge"},
        "monitor": {"measure_production"}, "pool": {"pooled_model"}}


def test_a_retrain_makes_the_assets_that_the_web_app_asks_for() -> None:
    made = {key.to_user_string() for key in defs.resolve_job_def("retrain").asset_layer.selected_asset_keys}

    assert made == set(names.RETRAINED_ASSETS)


def test_the_keys_of_a_configuration_are_read_as_they_were_written() -> None:
    assert names.keys_of(names.run_config(["a|b", "c|d"], op="judge")) == ["a|b", "c|d"]
    for other in ({}, None, "text", {"ops": None}, {"ops": {"judge": None}}, {"ops": {"judge": {"config": []}}},
                  {"ops": {"judge": {"config": {"region_items": None}}}}, {"loggers": {}}):
        assert names.keys_of(other) == []
