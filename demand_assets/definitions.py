"""Everything Dagster serves, assembled."""

import dagster as dg

from demand_assets import checks, jobs, sensors
from demand_assets.assets import pooled_model, region_item
from demand_assets.resources import PipelineResource

defs = dg.Definitions(
    assets=[pooled_model, region_item],
    asset_checks=checks.ALL,
    jobs=jobs.ALL,
    sensors=sensors.ALL,
    schedules=jobs.SCHEDULES,
    resources={"pipeline": PipelineResource()},
    executor=dg.in_process_executor,
)
