"""What a published plan holds in all: as it was frozen, or of those of its region-items that whoever asks sees."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow.compute as pc

from webapp.personal.seen_region_items import sees_everything
from webapp.published_plans.plan_tables import parts_of
from webapp.published_plans.readiness import Readiness
from webapp.tables import PublishedPlan

READ = ("key", "date", "forecast", "model", "override_id", "served_by")


@dataclass(frozen=True)
class PlanFigures:
    """Of all region-items of a version that whoever asks sees."""

    size: int
    """Region-items."""
    overrides: int
    """Periods of them that are overridden."""
    total: float
    """Units, with overrides."""
    model: float
    """Units by the models alone."""
    served_by: Mapping[str, int]
    """As in ``PublishedPlan``."""
    lower: float | None
    """The 80 % interval of the total; None where some are not seen, for it is not known of the others alone."""
    upper: float | None
    told: Readiness
    """What was told before it was published; nothing where some are not seen."""


def figures_of(plan: PublishedPlan) -> PlanFigures:
    """The figures of a version."""
    if sees_everything():
        return PlanFigures(plan.size, plan.overrides, plan.total, plan.model, plan.served_by, plan.lower, plan.upper,
                           Readiness.from_json(plan.told))
    overrides, total, model, served_by = 0, 0.0, 0.0, Counter[str]()
    for part in parts_of(plan.id, READ):
        table = part.table
        overrides += len(table) - table["override_id"].null_count
        total += pc.sum(table["forecast"]).as_py() or 0.0
        model += pc.sum(table["model"]).as_py() or 0.0
        served_by.update(dict(zip(table["key"].to_pylist(), table["served_by"].to_pylist(), strict=True)).values())
    return PlanFigures(served_by.total(), overrides, total, model, dict(served_by), None, None, Readiness((), 0))
