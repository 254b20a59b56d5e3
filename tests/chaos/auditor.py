"""What must be so whatever happened: compares what the product accepted with what is observed of it."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import isclose

from tests.chaos.observed import Accepted, Observed, Retrain

OPEN_REQUEST = {"stored", "sent"}
OPEN_ITEM = {"queued", "training", "judging"}
DECISION_OF = {"promoted": "promote", "kept": "keep"}
RECORDED = {"retrain": ("retrain",), "override": ("override",), "act": ("model",), "scenario": ("scenario",)}
"""Kind of what was accepted -> kinds of its entries in the audit log."""
CLOSE = 1e-6
"""Relative difference of two forecasts that are the same."""
MORE_FILES, MORE_MEGABYTES, MORE_PROCESSES = 60, 250.0, 1
"""Growth of one process since the campaign's first look from which it is told: caches fill, connections are kept."""


def audit(accepted: Sequence[Accepted], seen: Observed, first: Observed | None = None,
          spent: Collection[str] = ()) -> list[str]:
    """What is wrong, one sentence each, while the product is at rest: nothing was asked, killed or damaged lately.

    Args:
        first: the product at the beginning of the campaign.
        spent: runs that were killed so often that they may fail.
    """
    return [*on_the_way(accepted, seen), *_ended(seen, spent), *_served(seen), *_recorded(accepted, seen),
            *(_grown(first, seen) if first else ())]


def on_the_way(accepted: Sequence[Accepted], seen: Observed) -> list[str]:
    """What is wrong at any moment, also in the middle of everything."""
    return [*_nothing_lost_or_doubled(accepted, seen), *_one_decision_each(seen), *_true(seen), *_whole(seen)]


def _nothing_lost_or_doubled(accepted: Sequence[Accepted], seen: Observed) -> Iterator[str]:
    found = {
        "retrain": Counter(one.reason for one in seen.retrains),
        "override": Counter(comment for comment, _ in seen.overrides),
        "scenario": Counter(name for name, _, _ in seen.scenarios),
        "act": Counter(reason for reason, _, _ in seen.acts),
    }
    for one in accepted:
        times = found[one.kind][one.marker]
        if not times and one.is_certain:
            yield f"lost: {one.kind} {one.marker!r} was accepted in round {one.round}, and is not there"
        if times > 1:
            yield f"doubled: {one.kind} {one.marker!r} of round {one.round} is there {times} times"
    for request_id, times in Counter(one.request_id for one in seen.retrains).items():
        if times > 1:
            yield f"doubled: request {request_id} is {times} retrains"


def _one_decision_each(seen: Observed) -> Iterator[str]:
    decided = defaultdict(list)
    for one in seen.versions:
        if one.decision and one.request_id:
            decided[one.key, one.request_id].append(one.version)
    for (key, request_id), versions in sorted(decided.items()):
        if len(versions) > 1:
            told = ", ".join(f"v{number}" for number in sorted(versions))
            yield f"doubled: request {_named(seen, request_id)} has more than one decided version of {key}: {told}"


def _true(seen: Observed) -> Iterator[str]:
    """What is told of a region-item of a retrain that is over agrees with what the registry has of it."""
    decided = {(one.key, one.request_id): one for one in seen.versions if one.decision}
    for retrain in seen.retrains:
        for item in retrain.items:
            version = decided.get((item.key, retrain.request_id))
            name = f"{item.key} in {_words(retrain)}"
            wanted = DECISION_OF.get(item.state)
            if wanted and version and version.decision != wanted:
                yield f"untrue: {name} is {item.state}, but v{version.version} bears the decision {version.decision}"
            if item.state == "promoted" and not version:
                yield f"untrue: {name} is promoted, and the registry has no decided version of that request"
            if wanted and version and item.version is not None and item.version != version.version:
                yield f"untrue: {name} names v{item.version}, and v{version.version} was decided"


def _whole(seen: Observed) -> Iterator[str]:
    for name, told in sorted(seen.databases.items()):
        if told != "ok":
            yield f"damaged: the database {name}: {told}"
    if seen.audit_problem:
        yield f"audit log: {seen.audit_problem}"


def _ended(seen: Observed, spent: Collection[str]) -> Iterator[str]:
    decided = {(one.key, one.request_id): one for one in seen.versions if one.decision}
    for retrain in seen.retrains:
        if retrain.state in OPEN_REQUEST:
            yield f"not ended: {_words(retrain)} is {retrain.state}"
        for item in retrain.items:
            name = f"{item.key} in {_words(retrain)}"
            version = decided.get((item.key, retrain.request_id))
            if item.state in OPEN_ITEM:
                yield f"not ended: {name} is {item.state}"
            elif item.state == "failed" and item.run_id not in spent:
                yield f"failed: {name}: {item.reason}"
            elif item.state == "cancelled" and not retrain.is_cancelled:
                yield f"untrue: {name} is cancelled, and nobody asked for that"
            if version and item.state in ("failed", "cancelled"):
                yield f"untrue: {name} is {item.state}, and v{version.version} was decided ({version.decision})"
    for reason, state, problem in seen.acts:
        if state not in ("done", "refused"):
            yield f"not ended: the act {reason!r} is {state} {problem}".rstrip()
    for name, is_computed, problem in seen.scenarios:
        if not is_computed:
            yield f"not ended: the scenario {name!r} is not computed {problem}".rstrip()
    if seen.unfinished_runs:
        yield f"not ended: Dagster believes that {seen.unfinished_runs} runs are going on"


def _served(seen: Observed) -> Iterator[str]:
    for key, one in sorted(seen.serving.items()):
        if one.alias != one.announced:
            yield f"alias: {key} has v{one.alias} in production, and the app announces v{one.announced}"
        elif other := _other(one.files, one.cached):
            yield f"files: {key} v{one.alias}: {', '.join(other)} is not what the registry holds"
        if one.problem:
            yield f"no forecast: {key}: {one.problem}"
            continue
        if one.shown_by == "production" and one.shown_version != one.announced:
            yield f"alias: {key} is forecast by v{one.shown_version}, and the app announces v{one.announced}"
        if one.announced is not None and one.shown_by != "production":
            yield f"alias: {key} is forecast by the {one.shown_by} model, and v{one.announced} is announced"
        if len(one.shown) != len(one.reproduced) or not all(
                isclose(shown, made, rel_tol=CLOSE, abs_tol=CLOSE)
                for shown, made in zip(one.shown, one.reproduced, strict=True)):
            yield (f"forecast: {key} v{one.shown_version} is shown as {_few(one.shown)}, and the registry's files make "
                   f"{_few(one.reproduced)}")


def _recorded(accepted: Sequence[Accepted], seen: Observed) -> Iterator[str]:
    told = defaultdict(list)
    for _, kind, words in seen.audit_entries:
        told[kind].append(words)
    there = {*(one.reason for one in seen.retrains), *(comment for comment, _ in seen.overrides),
             *(name for name, _, _ in seen.scenarios), *(reason for reason, _, _ in seen.acts)}
    for one in accepted:
        if one.marker in there and not any(one.marker in words for kind in RECORDED[one.kind] for words in told[kind]):
            yield f"audit log: {one.kind} {one.marker!r} of round {one.round} is not in it"


def _grown(first: Observed, seen: Observed) -> Iterator[str]:
    for name, now in sorted(seen.processes.items()):
        before = first.processes.get(name)
        if before is None:
            yield f"growth: {now.count} processes {name!r}, of which there were none"
            continue
        if now.count > before.count + MORE_PROCESSES:
            yield f"growth: {now.count} processes {name!r}, {before.count} at first"
        if now.open_files > before.open_files + MORE_FILES:
            yield f"growth: {name} has {now.open_files} open files, {before.open_files} at first"
        if now.megabytes > before.megabytes + MORE_MEGABYTES:
            yield f"growth: {name} has {now.megabytes:.0f} MB, {before.megabytes:.0f} at first"


def _other(files: Mapping[str, str], cached: Mapping[str, str]) -> list[str]:
    return sorted(name for name in files.keys() | cached.keys() if files.get(name) != cached.get(name))


def _named(seen: Observed, request_id: str) -> str:
    return next((_words(one) for one in seen.retrains if one.request_id == request_id), request_id)


def _words(retrain: Retrain) -> str:
    return f"retrain {retrain.id} ({retrain.reason or retrain.source})"


def _few(values: Sequence[float]) -> str:
    return "[" + ", ".join(f"{value:.6g}" for value in values[:3]) + (", …]" if len(values) > 3 else "]")
