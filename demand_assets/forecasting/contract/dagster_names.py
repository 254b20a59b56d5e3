"""Names in Dagster that both halves use: code location, jobs, ops, assets, tags, configuration of a run, who asked.

The pipeline defines what carries these names; the web app asks for it by name through GraphQL. Names that are in the
run history of existing instances stay as they are.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

LOCATION = "demand_assets"
"""The code location, which the workspace file names too."""
REPOSITORY = "__repository__"
"""What Dagster calls the only repository of a code location."""
REGION_ITEMS = "region_items"
"""The dynamic set of partitions."""

REFRESH_JOB = "refresh"
RETRAIN_JOB = "retrain"
FIT_JOB = "fit"
PROMOTE_JOB = "promote"
MONITOR_JOB = "monitor"
POOL_JOB = "pool"
EXPIRY_JOB = "expire"

REGION_ITEM_OP = "region_item"
"""The op of the graph: of the jobs ``refresh`` and ``retrain``."""
FIT_OP = "fit_and_judge"
JUDGE_OP = "judge"
MEASURE_OP = "measure_production"
EXPIRE_JOURNAL_OP, EXPIRE_VERSIONS_OP, EXPIRE_RUNS_OP = "expire_journal", "expire_versions", "expire_runs"

Asset = Literal["raw_demand", "demand", "features_for_inspection", "candidate_model", "production_model"]
"""Those of a region-item."""
RAW_DEMAND: Final = "raw_demand"
DEMAND: Final = "demand"
INSPECTED_FEATURES: Final = "features_for_inspection"
"""A table to look at, which nothing is made from: its failure keeps no region-item from its training."""
CANDIDATE_MODEL: Final = "candidate_model"
PRODUCTION_MODEL: Final = "production_model"
POOLED_MODEL = "pooled_model"
TAKEN_IN_ASSETS: tuple[Asset, ...] = (RAW_DEMAND, DEMAND, INSPECTED_FEATURES)
"""What the job ``refresh`` makes."""
TRAINED_ASSETS: tuple[Asset, ...] = (CANDIDATE_MODEL, PRODUCTION_MODEL)
"""What the job ``fit`` makes."""
RETRAINED_ASSETS = (*TAKEN_IN_ASSETS, *TRAINED_ASSETS)
"""What the job ``retrain`` makes."""

REQUEST_TAG = "demand/request_id"
"""Which request a run works on; runs that Dagster starts again carry the same."""
ASKED_BY_TAG = "demand/asked_by"
"""Who asked for a run, and after ``: `` why."""
GOES_ON_TAG = "demand/goes_on"
"""On a run with region-items that an earlier one of the same request began and may not have ended."""
TRACE_TAG = "demand/traceparent"
"""The W3C ``traceparent`` of what led to a run: its trace is that of the request."""
KIND_TAG = "demand/kind"
"""What a run does: one of the kinds below."""
MEASURES_TAG = "demand/measures"
"""Which look at production a run of ``monitor`` carries out."""
SOURCE_STATE = "source_state"
"""In the metadata of raw demand: the source's fingerprint before it was read."""
DEMAND_MARK = "demand_mark"
"""In the metadata of demand, and in the journal: as before where neither the demand nor how it is read changed."""
VERSION = "version"
"""In the metadata of models: the registered version that the asset is now."""
CANDIDATE_VERSION = "candidate_version"
"""In the metadata of a production model: the version that was judged and not promoted."""
SECONDS = "seconds"
"""In the metadata of a run's observation of its last asset: stage -> wall and processor seconds, over all workers."""
REFRESH_KIND, RETRAIN_KIND, PROMOTION_KIND, MONITOR_KIND, POOL_KIND, EXPIRY_KIND = (
    "refresh", "retrain", "promotion", "monitor", "pool", "expiry")

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG, RANGE_END_TAG = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
PRIORITY_TAG = "dagster/priority"
BACKFILL_TAG = "dagster/backfill"
"""Which backfill a run carries a part of."""

BY_SENSOR = "sensor"
BY_DAMAGE = f"{BY_SENSOR}: damaged files"
"""Asks for files of the demand store to be made again: where the source does not answer, from the raw rows."""
BY_SCHEDULE = "weekly schedule"
BY_FIRST_TRAINING = "first training"
BY_PROMOTION_SENSOR = "promotion sensor"
BY_MAKE_TRAIN = "make train"
ASKED_BY_NOBODY = (BY_SENSOR, BY_SCHEDULE, BY_FIRST_TRAINING, BY_PROMOTION_SENSOR)
"""Who asks without a person."""
SENSOR_REQUEST, SCHEDULE_REQUEST, TRAIN_REQUEST = "sensor-", "schedule-", "train-"
"""How the ids of requests begin that no planner made."""
BACKFILL_REQUEST = "backfill-"
"""How the request's id begins, before the backfill's, of a backfill that an engineer started in Dagster."""

KEYS_FIELD = "region_items"
"""The field of an op's configuration that holds partition keys; they may be scattered."""


def run_config(keys: Sequence[str], op: str = REGION_ITEM_OP) -> dict[str, Any]:
    """The configuration of a run whose op works on these partition keys."""
    return {"ops": {op: {"config": {KEYS_FIELD: list(keys)}}}}


def keys_of(config: object) -> list[str]:
    """The partition keys that a run's configuration names, of whichever op; none where it names none."""
    found: list[str] = []
    ops = config.get("ops") if isinstance(config, dict) else None
    for op in (ops.values() if isinstance(ops, dict) else ()):
        fields = op.get("config") if isinstance(op, dict) else None
        keys = fields.get(KEYS_FIELD) if isinstance(fields, dict) else None
        found.extend(key for key in keys or () if isinstance(key, str))
    return found
