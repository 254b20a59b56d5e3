"""``python -m demand_assets.dagster_instance.private_parts``: whether the installed Dagster still has what we lean on.

Everything of Dagster that we use without its being public: named ``dagster._…``, or not marked ``@public`` in its
source. Nothing else of it may be named in this project, and each has a setting with which the product does without. To
be run after an upgrade of Dagster in a trial environment; docs/private_parts.md says what each buys and what breaks.
"""

import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any

STORAGE, FAILURES, WORKERS = "DAGSTER_STORAGE=stock", "DAGSTER_FAILURES=stock", "DAGSTER_WORKERS=stock"
WEB, BACKFILLS, METRICS = "DAGSTER_WEB=stock", "DAGSTER_BACKFILLS=stock", "METRICS_PORT="
LOOPS = "DAGSTER_LOOPS=stock"


@dataclass(frozen=True)
class PrivatePart:
    """One thing that Dagster may move without a word."""

    where: str
    """Module and name in it, as in ``dagster._serdes:ConfigurableClassData``."""
    used_in: str
    """The module of ``demand_assets.dagster_instance`` that uses it."""
    switch: str
    """The setting with which the product runs without it."""
    parameters: tuple[str, ...] = ()
    """Those that we pass or take, in their order from the first on."""
    attributes: tuple[str, ...] = ()
    """Attributes that its ``__init__`` sets and we use."""

    def problem(self) -> str:
        """What an upgrade changed, and what to do; empty when it is as we use it."""
        package = self.where.split(":")[0].split(".")[0].replace("_", "-")
        what = next(self._changes(), "")
        return what and (f"{package} {version(package)}: {self.where} {what}. "
                         f"demand_assets/dagster_instance/{self.used_in}.py uses it; until that is mended, the product "
                         f"runs without it with {self.switch} (docs/private_parts.md).")

    def _changes(self) -> Iterator[str]:
        module, path = self.where.split(":")
        try:
            found: Any = import_module(module)
        except ImportError:
            yield "is gone: there is no such module"
            return
        for name in path.split("."):
            if not hasattr(found, name):
                yield "is gone"
                return
            found = getattr(found, name)
        if self.parameters:
            there = [name for name in inspect.signature(found).parameters if name != "self"]
            if tuple(there[:len(self.parameters)]) != self.parameters:
                yield f"takes ({', '.join(there)}) and not ({', '.join(self.parameters)}, …)"
        set_there = found.__init__.__code__.co_names if self.attributes else ()
        for name in self.attributes:
            if name not in set_there:
                yield f"has no attribute {name} any more"


_SQLITE = "dagster._core.storage.event_log:SqliteEventLogStorage"
_LAUNCHER = "dagster_celery.launcher:CeleryRunLauncher"
_INSTANCE = "dagster:DagsterInstance"
_POSTGRES = "dagster_postgres:PostgresEventLogStorage"
_PLANNED = "supports_partition_subset_in_asset_materialization_planned_events"

PRIVATE_PARTS = (
    PrivatePart(_SQLITE, "sqlite_event_log", STORAGE, ("base_dir", "inst_data"), ("_db_lock", "_initialized_dbs")),
    PrivatePart(f"{_SQLITE}._connect", "sqlite_event_log", STORAGE, ("shard",)),
    PrivatePart(f"{_SQLITE}._initdb", "sqlite_event_log", STORAGE, ("engine",)),
    PrivatePart(f"{_SQLITE}.conn_string_for_shard", "sqlite_event_log", STORAGE, ("shard_name",)),
    PrivatePart(f"{_SQLITE}.supports_asset_checks", "sqlite_event_log", STORAGE),
    PrivatePart(f"{_SQLITE}.has_table", "sqlite_event_log", STORAGE, ("table_name",)),
    PrivatePart(f"{_SQLITE}.from_config_value", "sqlite_event_log", STORAGE, ("inst_data", "config_value")),
    PrivatePart(f"{_SQLITE}.store_event", "sqlite_event_log", STORAGE, ("event",)),
    PrivatePart(f"{_SQLITE}.dispose", "sqlite_event_log", STORAGE),
    PrivatePart(f"{_SQLITE}.run_connection", "sqlite_event_log", STORAGE, ("run_id",)),
    PrivatePart(f"{_SQLITE}.index_transaction", "sqlite_event_log", STORAGE),
    PrivatePart(f"{_SQLITE}.prepare_insert_event", "sqlite_event_log", STORAGE, ("event",)),
    PrivatePart(f"{_SQLITE}._event_to_row", "sqlite_event_log", STORAGE, ("event",)),
    PrivatePart(f"{_SQLITE}._store_asset_event", "sqlite_event_log", STORAGE, ("conn", "event", "event_id")),
    PrivatePart(f"{_SQLITE}.store_asset_check_event", "sqlite_event_log", STORAGE, ("event", "event_id")),
    PrivatePart(f"{_SQLITE}.{_PLANNED}", "sqlite_event_log", STORAGE),
    PrivatePart("dagster._core.storage.event_log:SqlEventLogStorage", "events/planned_partitions", STORAGE),
    PrivatePart("dagster._core.storage.event_log.schema:SqlEventLogStorageTable", "events/planned_partitions", STORAGE),
    PrivatePart(f"{_SQLITE}._has_asset_key_index_cols_on_connection", "sqlite_event_log", STORAGE, ("conn",)),
    PrivatePart("dagster._core.storage.event_log.schema:SqlEventLogStorageTable", "sqlite_event_log", STORAGE),
    PrivatePart("dagster._core.storage.event_log:SqlEventLogStorage", "events/events_together", STORAGE),
    PrivatePart("dagster._core.storage.event_log:SqlEventLogStorage._store_asset_event_tags", "events/events_together",
                STORAGE, ("conn", "events", "event_ids")),
    PrivatePart("dagster._core.storage.event_log.schema:SqlEventLogStorageTable", "events/events_together", STORAGE),
    PrivatePart("dagster._core.storage.event_log.schema:AssetCheckExecutionsTable", "events/events_together", STORAGE),
    PrivatePart("dagster._core.storage.asset_check_execution_record:AssetCheckExecutionRecordStatus",
                "events/events_together", STORAGE),
    PrivatePart(f"{_INSTANCE}.event_log_storage", "events/reported_together", STORAGE),
    PrivatePart("dagster_postgres:PostgresEventLogStorage", "postgres_event_log", STORAGE,
                ("postgres_url", "should_autocreate_tables", "inst_data"), ("_engine",)),
    PrivatePart("dagster_postgres:PostgresEventLogStorage.from_config_value", "postgres_event_log", STORAGE,
                ("inst_data", "config_value")),
    PrivatePart(f"{_POSTGRES}.dispose", "postgres_event_log", STORAGE),
    PrivatePart(f"{_POSTGRES}.store_event", "postgres_event_log", STORAGE, ("event",)),
    PrivatePart(f"{_POSTGRES}.index_transaction", "postgres_event_log", STORAGE),
    PrivatePart(f"{_POSTGRES}._event_to_row", "postgres_event_log", STORAGE, ("event",)),
    PrivatePart(f"{_POSTGRES}._store_asset_event", "postgres_event_log", STORAGE, ("conn", "event", "event_id")),
    PrivatePart(f"{_POSTGRES}.store_asset_check_event", "postgres_event_log", STORAGE, ("event", "event_id")),
    PrivatePart(f"{_POSTGRES}.{_PLANNED}", "postgres_event_log", STORAGE),
    PrivatePart("dagster._core.events:AssetMaterializationPlannedData", "events/planned_partitions", STORAGE,
                ("asset_key", "partition", "partitions_subset")),
    PrivatePart("dagster._serdes:ConfigurableClassData", "sqlite_event_log", STORAGE),
    *(PrivatePart(f"{storage}{name}", "at_rest/sqlite_storages", STORAGE, parameters)
      for storage in ("dagster._core.storage.runs:SqliteRunStorage",
                      "dagster._core.storage.schedules:SqliteScheduleStorage")
      for name, parameters in (("", ("conn_string", "inst_data")), (".connect", ()),
                               (".from_local", ("base_dir", "inst_data")),
                               (".from_config_value", ("inst_data", "config_value")))),
    PrivatePart("dagster._core.storage.event_log:SqliteEventLogStorage.path_for_shard", "sqlite_event_log", STORAGE,
                ("run_id",)),
    PrivatePart("dagster._core.storage.event_log.schema:AssetCheckExecutionsTable", "expiry", STORAGE),
    PrivatePart("dagster._core.events:AssetMaterializationPlannedData", "events/partition_reports", FAILURES,
                ("asset_key", "partition")),
    PrivatePart("dagster:DagsterEvent.build_asset_materialization_planned_event", "events/partition_reports", FAILURES,
                ("job_name", "step_key", "asset_materialization_planned_data")),
    PrivatePart(f"{_INSTANCE}.report_dagster_event", "events/partition_reports", FAILURES, ("dagster_event", "run_id")),
    PrivatePart(f"{_INSTANCE}.get_records_for_run", "events/partition_reports", FAILURES,
                ("run_id", "cursor", "of_type")),
    PrivatePart(f"{_INSTANCE}.report_dagster_event", "runs/ended_or_put_back", FAILURES, ("dagster_event", "run_id")),
    PrivatePart(f"{_INSTANCE}.report_run_canceled", "runs/ended_or_put_back", FAILURES, ("dagster_run", "message")),
    PrivatePart(f"{_INSTANCE}.report_run_failed", "runs/ended_or_put_back", FAILURES, ("dagster_run", "message")),
    PrivatePart(f"{_INSTANCE}.run_launcher", "runs/ended_or_put_back", FAILURES),
    PrivatePart("dagster:DagsterEvent.job_enqueue", "runs/ended_or_put_back", FAILURES, ("run",)),
    PrivatePart("dagster._core.launcher:RunLauncher", "runs/local_launcher", WORKERS),
    PrivatePart("dagster._core.launcher:RunLauncher.supports_check_run_worker_health", "runs/local_launcher", WORKERS),
    PrivatePart("dagster._core.launcher:RunLauncher.supports_resume_run", "runs/local_launcher", WORKERS),
    PrivatePart("dagster._core.launcher:RunLauncher.resume_run", "runs/local_launcher", WORKERS, ("context",)),
    PrivatePart("dagster._core.launcher:ResumeRunContext", "runs/local_launcher", WORKERS,
                ("dagster_run", "workspace", "resume_attempt_number")),
    PrivatePart("dagster._serdes:ConfigurableClass", "runs/local_launcher", WORKERS),
    PrivatePart("dagster._cli.api:_execute_run_command_body", "runs/interruption", WORKERS,
                ("run_id", "instance", "write_stream_fn", "set_exit_code_on_failure")),
    PrivatePart("dagster._cli.api:_resume_run_command_body", "runs/interruption", WORKERS,
                ("run_id", "instance", "write_stream_fn", "set_exit_code_on_failure")),
    PrivatePart("dagster._utils.interrupts:capture_interrupts", "runs/run_process", WORKERS),
    PrivatePart(_LAUNCHER, "runs/celery_launcher", WORKERS,
                ("default_queue", "broker", "backend", "include", "config_source"),
                ("celery", "broker", "default_queue")),
    PrivatePart(f"{_LAUNCHER}.launch_run", "runs/celery_launcher", WORKERS, ("context",)),
    PrivatePart(f"{_LAUNCHER}.terminate", "runs/celery_launcher", WORKERS, ("run_id",)),
    PrivatePart(f"{_LAUNCHER}.check_run_worker_health", "runs/celery_launcher", WORKERS, ("run",)),
    PrivatePart(f"{_LAUNCHER}.get_run_worker_debug_info", "runs/celery_launcher", WORKERS,
                ("run", "include_container_logs")),
    PrivatePart(f"{_LAUNCHER}._instance", "runs/celery_launcher", WORKERS),
    PrivatePart("dagster_celery.tasks:create_execute_job_task", "runs/celery_launcher", WORKERS, ("celery",)),
    PrivatePart("dagster_celery.tasks:create_resume_job_task", "runs/celery_launcher", WORKERS, ("celery",)),
    PrivatePart("dagster_celery.config:TASK_EXECUTE_JOB_NAME", "runs/celery_launcher", WORKERS),
    PrivatePart("dagster_celery.config:TASK_RESUME_JOB_NAME", "runs/celery_launcher", WORKERS),
    PrivatePart(f"{_LAUNCHER}._launch_celery_task_run", "runs/celery_launcher", WORKERS,
                ("run", "task_signature", "routing_key")),
    PrivatePart("dagster._grpc.types:ResumeRunArgs", "runs/celery_launcher", WORKERS,
                ("job_origin", "run_id", "instance_ref", "set_exit_code_on_failure")),
    PrivatePart("dagster._serdes:pack_value", "runs/celery_launcher", WORKERS, ("val",)),
    PrivatePart(f"{_INSTANCE}.get_ref", "runs/celery_launcher", WORKERS),
    PrivatePart("dagster_celery.tags:DAGSTER_CELERY_TASK_ID_TAG", "runs/celery_launcher", WORKERS),
    PrivatePart("dagster_celery.tags:DAGSTER_CELERY_RUN_PRIORITY_TAG", "runs/celery_launcher", WORKERS),
    PrivatePart("dagster._core.launcher:CheckRunHealthResult", "runs/celery_launcher", WORKERS, ("status", "msg")),
    PrivatePart("dagster._core.launcher:LaunchRunContext", "runs/celery_launcher", WORKERS,
                ("dagster_run", "workspace")),
    PrivatePart("dagster._core.launcher:WorkerStatus.NOT_FOUND", "runs/celery_launcher", WORKERS),
    PrivatePart("dagster._core.errors:DagsterUserCodeUnreachableError", "runs/celery_launcher", WORKERS),
    PrivatePart(f"{_INSTANCE}.add_run_tags", "runs/celery_launcher", WORKERS, ("run_id", "new_tags")),
    PrivatePart(f"{_INSTANCE}.report_engine_event", "runs/celery_launcher", WORKERS,
                ("message", "dagster_run", "engine_event_data", "cls")),
    PrivatePart(f"{_INSTANCE}.report_run_canceling", "runs/celery_launcher", WORKERS, ("run",)),
    PrivatePart("dagster._core.definitions.partitions.subset:DefaultPartitionsSubset", "events/partition_reports",
                FAILURES, ("subset",)),
    PrivatePart("dagster._daemon.daemon:BackfillDaemon", "backfills", BACKFILLS, ("settings",),
                ("_threadpool_executor",)),
    PrivatePart("dagster._daemon.daemon:BackfillDaemon.core_loop", "backfills", BACKFILLS,
                ("workspace_process_context", "shutdown_event")),
    PrivatePart("dagster._daemon.backfill:execute_backfill_jobs", "backfills", BACKFILLS,
                ("workspace_process_context", "logger", "backfill_jobs", "threadpool_executor",
                 "submit_threadpool_executor", "backfill_futures")),
    PrivatePart("dagster._core.execution.backfill:PartitionBackfill", "backfills", BACKFILLS),
    PrivatePart("dagster._core.execution.backfill:BulkActionStatus", "backfills", BACKFILLS),
    PrivatePart("dagster._core.execution.backfill:BulkActionsFilter", "backfills", BACKFILLS),
    PrivatePart("dagster._core.storage.dagster_run:NOT_FINISHED_STATUSES", "backfills", BACKFILLS),
    PrivatePart("dagster._core.storage.runs.schema:BulkActionsTable", "backfills", BACKFILLS),
    PrivatePart("dagster._core.storage.runs.schema:BackfillTagsTable", "expiry", BACKFILLS),
    PrivatePart("dagster._core.execution.backfill:BULK_ACTION_TERMINAL_STATUSES", "expiry", BACKFILLS),
    PrivatePart("dagster._core.storage.runs.schema:RunsTable", "backfills", BACKFILLS),
    PrivatePart(f"{_INSTANCE}.get_backfills", "backfills", BACKFILLS, ("filters",)),
    PrivatePart(f"{_INSTANCE}.get_run_ids", "backfills", BACKFILLS, ("filters",)),
    PrivatePart(f"{_INSTANCE}.root_directory", "backfills", BACKFILLS),
    PrivatePart("dagster._daemon.sensor:is_under_min_interval", "at_rest/daemon_loops", LOOPS,
                ("state", "remote_sensor")),
    PrivatePart("dagster._daemon.daemon:IntervalDaemon", "at_rest/daemon_loops", LOOPS, ("interval_seconds",),
                ("interval_seconds",)),
    PrivatePart("dagster._daemon.daemon:IntervalDaemon.core_loop", "at_rest/daemon_loops", LOOPS,
                ("workspace_process_context", "shutdown_event")),
    *(PrivatePart(f"{daemon}{name}", "at_rest/daemon_loops", LOOPS, parameters)
      for daemon in ("dagster._daemon.auto_run_reexecution.event_log_consumer:EventLogConsumerDaemon",
                     "dagster._daemon.freshness:FreshnessDaemon",
                     "dagster._daemon.run_coordinator.queued_run_coordinator_daemon:QueuedRunCoordinatorDaemon")
      for name, parameters in (("", ()), (".run_iteration", ("workspace_process_context",)))),
    PrivatePart("dagster._grpc.server_watcher:WATCH_INTERVAL", "at_rest/daemon_loops", LOOPS),
    PrivatePart("dagster._grpc.server_watcher:MAX_RECONNECT_ATTEMPTS", "at_rest/daemon_loops", LOOPS),
    PrivatePart(f"{_INSTANCE}.get_daemon_heartbeats", "metrics", METRICS),
    PrivatePart(f"{_INSTANCE}.all_instigator_state", "metrics", METRICS),
    PrivatePart(f"{_INSTANCE}.get_ticks", "metrics", METRICS, ("origin_id", "selector_id")),
    PrivatePart("dagster_webserver.cli:create_app_from_workspace_process_context", "webserver", WEB,
                ("workspace_process_context",)),
    PrivatePart("dagster_webserver.cli:main", "webserver", WEB),
)


def main() -> int:
    """Say what changed; 0 when nothing did."""
    problems = [problem for part in PRIVATE_PARTS if (problem := part.problem())]
    all_well = f"all {len(PRIVATE_PARTS)} private parts of dagster {version('dagster')} are as we use them"
    print("\n".join(problems) or all_well)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
