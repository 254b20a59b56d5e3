"""Everything Dagster serves, assembled."""

import dagster as dg

from demand_assets.defs import checks, expiry, jobs, schedules, sensors
from demand_assets.defs.assets import assets_of
from demand_assets.defs.resources import PipelineResource
from demand_assets.forecasting.telemetry import log_lines
from demand_assets.settings import Settings


def _sensors() -> list[dg.SensorDefinition]:
    settings = Settings()
    if settings.run_launcher != "celery" or settings.dagster_workers == "stock":
        return sensors.ALL
    # Imported here: nobody else needs Celery.
    from demand_assets.dagster_instance.runs.celery_launcher import lost_starts

    return [*sensors.ALL, lost_starts]


defs = dg.Definitions(
    assets=assets_of(Settings()),
    asset_checks=checks.ALL,
    jobs=[*jobs.ALL, expiry.expire],
    sensors=_sensors(),
    schedules=[*schedules.ALL, expiry.daily_expiry],
    resources={"pipeline": PipelineResource()},
    executor=dg.in_process_executor,
    loggers={"console": dg.json_console_logger} if log_lines.is_json() else None,
)
