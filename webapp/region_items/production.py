"""The table of what forecasts a region-item: its version in production, and the gate's decisions. Written here only.

Every function is part of the caller's transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from math import isfinite
from typing import Any

from sqlalchemy import select, update

from demand_assets.forecasting.model.serving.own_model import ModelCard
from demand_assets.forecasting.registry.entry import RegistryEntry
from demand_assets.forecasting.registry.region_item_tags import moment
from demand_assets.forecasting.registry.version_files import VersionFiles
from webapp.db.database import db, now
from webapp.db.locks import lock_in_order
from webapp.region_items.forecast_figures import want_forecast
from webapp.region_items.own_pooled_or_naive import candidate_numbers, evidence_of, stand_in
from webapp.region_items.rows import pooled_row
from webapp.tables import Catalogue, Production, RegionItemRow

LONGEST_BY = 255
"""Characters of whoever pinned a version: somebody may have written it into MLflow."""


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
    lock_in_order(Catalogue.key)
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
    row.pinned_by, row.pinned_reason, row.pinned_at = (entry.pinned_by[:LONGEST_BY], entry.pinned_reason,
                                                       moment_of(entry.pinned_at))
    row.decided_at = moment_of(entry.decided_at) or row.decided_at
    is_another = row.wanted_version != entry.production
    is_recreated = _is_recreated(row, entry)
    row.wanted_version = entry.production
    row.wanted = {"previous": entry.previous, "promoted_at": entry.promoted_at, "problem": entry.problem,
                  "rolled_back": entry.rolled_back, "files": asdict(entry.files) if entry.files else None,
                  "traceparent": newest.traceparent if (newest := entry.newest) and (
                      newest.version == entry.production) else ""}
    if entry.production is None:
        if row.production_version is not None:  # what was measured of it is no evidence of what forecasts now
            row.numbers, row.wape, row.coverage_80, row.promoted_at = {}, None, None, None
        row.production_version, row.fetch_after, row.model_problem = None, None, entry.problem
    elif entry.production == row.production_version and not is_recreated and has_files:
        _take_over(row)
        if is_another or row.fetch_after is None:  # else the problem is that of a try that goes on
            row.fetch_after, row.model_problem = None, entry.problem
    elif is_another or row.fetch_after is None:
        row.fetch_after, row.model_problem = now(), ""
    _note_best(row)
    refresh_status(row)


def announce(row: RegionItemRow, card: ModelCard) -> None:
    """Let the wanted version forecast from now on: it was fetched and tried.

    Args:
        card: the version's, as its files tell it.
    """
    _take_over(row, card)
    row.announced_at, row.fetch_after = now(), None
    row.model_problem = row.wanted.get("problem", "")
    _note_best(row)
    refresh_status(row)


def note_unusable(row: RegionItemRow, problem: str, again_at: datetime, files_are_wrong: bool) -> None:
    """Note why the wanted version cannot forecast here, and when it is tried again.

    Args:
        files_are_wrong: what the registry told of its files is asked anew then: it may be put right in MLflow.
    """
    row.model_problem, row.fetch_after = problem, again_at
    if files_are_wrong:
        row.wanted = {**row.wanted, "files": None, "anew": True}


def want_files(keys: Sequence[str]) -> None:
    """Let the files of these be fetched again; they are missing or damaged here."""
    lock_in_order(Catalogue.key, Catalogue.key.in_(keys))
    of_keys = select(Catalogue.id).where(Catalogue.key.in_(keys))
    db.session.execute(update(Production).where(Production.id.in_(of_keys), Production.fetch_after.is_(None)).values(
        fetch_after=now()), execution_options={"synchronize_session": False})


def told_files(row: RegionItemRow) -> VersionFiles | None:
    """What the wanted version told of its files when the registry was last looked at; None when it did not."""
    told = row.wanted.get("files")
    return VersionFiles(**told) if told and told["version"] == row.wanted_version else None


def by_hand_words(version: int | None, told: Mapping[str, Any]) -> str:
    """Who put the version in production, in place of what, and why.

    Args:
        told: as the registry has it: from (a version), by, reason.
    """
    is_back = version is None or told.get("from") is None or version < told["from"]
    act = "rolled back from" if is_back else "put in production in place of"
    return f"{act} v{told.get('from')} by {told.get('by')}: {told.get('reason')}"


def moment_of(text: str | None) -> datetime | None:
    """A moment that the registry wrote down; None where it wrote none."""
    return moment(text) if text else None


def _take_over(row: RegionItemRow, card: ModelCard | None = None) -> None:
    """Show of the row what the registry says of its wanted version.

    Args:
        card: the version's, as its files tell it; what is shown of it stays unless given.
    """
    wanted, is_another = row.wanted, row.production_version != row.wanted_version
    promoted_at = moment_of(wanted.get("promoted_at"))
    if promoted_at is not None:
        row.promoted_at, row.previous_version = promoted_at, wanted.get("previous")
    elif is_another:  # an alias set by hand tells neither
        row.promoted_at, row.previous_version = None, row.production_version
    row.production_version = row.wanted_version
    if card is not None:
        row.numbers = numbers = {name: _json_value(value) for name, value in asdict(card).items()}
        row.wape, row.wape_seasonal_naive = numbers["wape"], numbers["wape_seasonal_naive"]
        row.coverage_80 = numbers["coverage_80"]
    want_forecast(row)


def _is_recreated(row: RegionItemRow, entry: RegistryEntry) -> bool:
    """Whether the version in production is another than the one here that has its number: its model was deleted and
    made anew. It is of other demand, or has another seal than the one that was looked at before."""
    if entry.files is None:
        return False
    here, told = row.numbers.get("data_hash"), entry.files.data_hash
    before = row.wanted.get("files") or {}
    has_other_seal = before.get("version") == entry.files.version and before.get("seal", "") != entry.files.seal
    return bool(here and told and here != told) or has_other_seal


def _json_value(value: Any) -> Any:
    """The value, or None for a number that JSON does not know."""
    return None if isinstance(value, float) and not isfinite(value) else value


def _note_best(row: RegionItemRow) -> None:
    """Note what the row's evidence says is best."""
    found = evidence_of(row)
    row.best = found.best if found else ""
