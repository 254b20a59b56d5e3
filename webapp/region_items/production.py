"""The table of what forecasts a region-item: its version in production, and the gate's decisions. Written here only.

Every function is part of the caller's transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update

from demand_assets.forecasting.registry.entry import RegistryEntry
from webapp.db.database import db, now
from webapp.region_items.best_model import candidate_numbers, evidence_of
from webapp.region_items.rows import pooled_row, stand_in
from webapp.region_items.stored_forecast import want_outlook
from webapp.tables import Catalogue, Production, RegionItemRow


def refresh_status(row: RegionItemRow) -> None:
    """Set the status that follows from what is known of the row."""
    if row.quarantine_reason:
        row.status = "quarantined"
    elif row.production_version is not None:
        row.status = "production"
    elif row.step in ("kept", "failed") or row.decision:
        row.status = stand_in(row, pooled_row())
    else:
        row.status = "untrained"


def note_pooled(is_there: bool) -> None:
    """Set the status of those that the pooled model, or seasonal naive in its place, forecasts from now on."""
    before, after = ("baseline", "pooled") if is_there else ("pooled", "baseline")
    db.session.execute(update(Production).where(
        Production.status == before, Production.best != "seasonal_naive").values(status=after),
        execution_options={"synchronize_session": False})


def note_trained(row: RegionItemRow, numbers: Mapping[str, Any]) -> None:
    """Note what the backtest of a new candidate measured."""
    row.candidate_numbers = candidate_numbers(numbers)
    _note_best(row)


def note_outcome(row: RegionItemRow, step: str, reason: str, numbers: Mapping[str, Any]) -> None:
    """Note how a training ended, as the journal says.

    Args:
        step: ``promoted``, ``kept`` or ``failed``, which is no decision.
    """
    row.reason = reason
    if row.production_version is None:
        row.wape_seasonal_naive = numbers.get("wape_seasonal_naive", row.wape_seasonal_naive)
    row.decision = {"promoted": "promote", "kept": "keep"}.get(step, row.decision)


def note_entry(row: RegionItemRow, entry: RegistryEntry, has_files: bool) -> None:
    """Take up what the registry says; of a version in production only when that is announced.

    Args:
        has_files: whether the files of the registry's version in production are here.
    """
    row.candidate_version = entry.candidate
    row.decision, row.reason = entry.decision or row.decision, entry.reason or row.reason
    if entry.rolled_back:
        row.decision, row.reason = "roll_back", by_hand_words(entry.production, entry.rolled_back)
    row.pinned_by, row.pinned_reason, row.pinned_at = (entry.pinned_by, entry.pinned_reason, moment(entry.pinned_at))
    row.decided_at = moment(entry.decided_at)
    is_another = row.wanted_version != entry.production
    row.wanted_version = entry.production
    row.wanted = {"previous": entry.previous, "promoted_at": entry.promoted_at, "summary": entry.summary,
                  "source": entry.source, "rolled_back": entry.rolled_back}
    if entry.production is None:
        row.production_version, row.fetch_after, row.model_problem = None, None, ""
    elif entry.production == row.production_version and has_files:
        _take_over(row)
    elif is_another or row.fetch_after is None:
        row.fetch_after, row.model_problem = now(), ""
    _note_best(row)
    refresh_status(row)


def announce(row: RegionItemRow) -> None:
    """Let the wanted version forecast from now on: it was fetched and tried."""
    _take_over(row)
    row.announced_at, row.fetch_after, row.model_problem = now(), None, ""
    _note_best(row)
    refresh_status(row)


def note_unusable(row: RegionItemRow, problem: str, again_at: datetime) -> None:
    """Note why the wanted version cannot forecast here, and when it is tried again."""
    row.model_problem, row.fetch_after = problem, again_at


def want_files(keys: Sequence[str]) -> None:
    """Let the files of these be fetched again; they are missing or damaged here."""
    of_keys = select(Catalogue.id).where(Catalogue.key.in_(keys))
    db.session.execute(update(Production).where(Production.id.in_(of_keys), Production.fetch_after.is_(None)).values(
        fetch_after=now()), execution_options={"synchronize_session": False})


def by_hand_words(version: int | None, told: Mapping[str, Any]) -> str:
    """Who put the version in production, in place of what, and why.

    Args:
        told: as the registry has it: from (a version), by, reason.
    """
    is_back = version is None or told.get("from") is None or version < told["from"]
    act = "rolled back from" if is_back else "put in production in place of"
    return f"{act} v{told.get('from')} by {told.get('by')}: {told.get('reason')}"


def moment(text: str | None) -> datetime | None:
    """A moment that the registry wrote down; UTC when it names no zone."""
    if not text:
        return None
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _take_over(row: RegionItemRow) -> None:
    """Show of the row what the registry says of its wanted version."""
    wanted, summary = row.wanted, row.wanted.get("summary", {})
    row.production_version, row.previous_version = row.wanted_version, wanted.get("previous")
    row.promoted_at, row.numbers = moment(wanted.get("promoted_at")), summary
    row.wape, row.wape_seasonal_naive = summary.get("wape"), summary.get("wape_seasonal_naive")
    row.coverage_80 = summary.get("coverage_80")
    want_outlook(row)


def _note_best(row: RegionItemRow) -> None:
    """Note what the row's evidence says is best."""
    found = evidence_of(row)
    row.best = found.best if found else ""
