"""The rules of a dataset file in the making, settled by what the product's own reading and validation say of it."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from demand_assets.forecasting.contract.periods import WORDS
from demand_assets.forecasting.contract.source import Catalogue, SourceError
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.model.enough_history import WARMUP
from demand_assets.forecasting.validation.placeholders import look_strange, placeholders_among
from demand_assets.forecasting.validation.rows_to_demand import RawDemandError
from demand_assets.proposals.cannot_propose import CannotProposeError, one_line
from demand_assets.proposals.columns.facts import Column, Facts
from demand_assets.proposals.columns.found_roles import Roles
from demand_assets.proposals.columns.periods import series_codes
from demand_assets.proposals.draft import Draft, written
from demand_assets.proposals.rows.several_in_a_period import gaps, several_rows
from demand_assets.proposals.rows.told_apart import shared_periods
from demand_assets.proposals.tables import Group
from demand_assets.proposals.terminal_questions import Ask
from demand_assets.proposals.trial_reading import LookedThrough, look_through
from demand_assets.sources.column_names import quoted

_FEW_LEFT_OUT = 0.02
"""Of all rows; where more are, it is to be looked at before anything else."""
_LOOKED_AT = 600_000
"""Rows that the draft is tried on."""


def settle_rules(draft: Draft, facts: Facts, roles: Roles, units: Any, ask: Ask, sample: Mapping[str, Any] | None,
                 group: Group, files: Column | None, is_spread: bool) -> LookedThrough:
    """What is seen of the demand by the draft, once its rules are settled.

    Args:
        units: of each row of the facts.
        sample: entries of ``[source]`` that read a sample of a large source; None where all of it is read.
        files: the name of each row's file or sheet, where there are several.
        is_spread: whether a row of the source holds several demands.
    Raises: CannotProposeError: it cannot be read, or nothing of it can be used.
    """
    read = {key: value for key, value in (sample or {"path": group.path}).items() if key in ("path", "kind")}
    if sample is not None and "format" in draft.source:
        read["format"] = "auto"
    _note_placeholders(draft, facts, roles, units)
    seen = _tried(draft, read, group)
    if (found := _totals(seen.catalogue)):
        for key, names in found.items():
            before, why = draft.rules.get(key, ([], ""))
            draft.rules[key] = ([*before, *names], "; ".join(filter(None, [
                why, f"{', '.join(map(repr, names[:3]))}: the sum of the others, or called so: it would count twice in "
                     "totals" if before else "the sum of the others, or called so: it would count twice in totals"])))
        seen = _tried(draft, read, group)
    unused = seen.summary["unused"]
    conflicting = unused["values_refused_by_rule"].get("conflicting", 0)
    answer = several_rows(facts, roles, units, unused["rows_repeated"] + conflicting, conflicting, ask, files, is_spread
                          ) if len(roles.days) else None
    if answer is None:
        draft.seen.append("no period has several rows that contradict or repeat each other")
    elif answer.value:
        draft.rules["several_rows"] = (answer.value, answer.why)
    else:
        draft.seen.append(answer.why)
        draft.notes.append(answer.why)
    is_summed = draft.rules.get("several_rows", ("", ""))[0] == "sum"
    missing = gaps(facts, roles, units, ask, is_summed) if len(roles.days) else None
    if missing is not None and missing.value:
        draft.rules["gaps"] = (missing.value, missing.why)
    elif missing is not None and missing.why:
        draft.seen.append(missing.why)
    seen = _tried(draft, read, group)
    if seen.catalogue.overlap:
        rows, files = seen.catalogue.overlap
        del draft.rules["several_rows"]
        draft.notes.append(f"{rows:,} rows stand in several files alike, as in {files}: rows that are alike count once")
        seen = _tried(draft, read, group)
    refused = seen.summary["unused"]["values_refused_by_rule"]
    if refused.get("negative"):
        _check_sign(units, roles)
        rows = seen.summary["unused"]["rows"]
        draft.rules["negative"] = ("zero", f"{refused['negative']:,} of {rows:,} values are below 0, as "
                                           f"{'; '.join(seen.examples('negative'))}: returns, taken as nothing sold")
        seen = _tried(draft, read, group)
    for notice in seen.catalogue.nameless:
        raise CannotProposeError(one_line(notice))
    if not seen.usable:
        problem, _ = (seen.problems.most_common(1) or [("no region-item has demand", 0)])[0]
        raise CannotProposeError(one_line(problem))
    seen = _with_horizon(draft, seen, read, group)
    _note_trouble(draft, seen)
    if seen.closed_weekdays:
        draft.seen.append(f"nothing is ever sold on {' and '.join(seen.closed_weekdays)}: forecast as closed")
    return seen


def _check_sign(units: Any, roles: Roles) -> None:
    """Nothing, where most of what is not 0 is above it. Raises: CannotProposeError."""
    if (units < 0).sum() > (units > 0).sum():
        name = roles.demand or "demand"
        below = units[units < 0][0]
        raise CannotProposeError(f"most numbers of the column {name!r} are below 0, as {below:g}: what leaves a stock "
                                 "is often written so; write what was sold as numbers above 0, or in a dataset file, "
                                 f"under [columns], expressions = {written({'demand': f'-{quoted(name)}'})}")


def _totals(catalogue: Catalogue) -> dict[str, list[str]]:
    """The entries of ``[rules]`` that leave out what the catalogue found to be totals over the others."""
    found: dict[str, list[str]] = {}
    for kind in ("region", "item"):
        names = sorted({getattr(one, kind) for one in catalogue.region_items})
        its = [name for name in names if (kind, name) in catalogue.totals]
        if its and len(its) < len(names):
            found[f"leave_out_{kind}s"] = its
    return found


def _note_placeholders(draft: Draft, facts: Facts, roles: Roles, units: Any) -> None:
    """Note the numbers that stand for demand that is not known: nines far above all others of a series; and -1 and the
    like where nothing else in the table is below 0 and no rows are put together, as returns would be."""
    if not look_strange(units).any():
        return
    found: Counter[float] = Counter()
    series = pd.Series(units).groupby(series_codes(roles.keys(facts), facts.rows))
    for _, its in series:
        found.update(dict(placeholders_among(its.to_numpy())))
    below = set(np.unique(units[units < 0]).tolist())
    are_none = below <= set(found) and not (len(roles.days) and shared_periods(facts, roles, units).share)
    values = [value for value in sorted(found) if value > 0 or are_none]
    if values:
        rows = sum(found[value] for value in values)
        draft.rules["placeholders"] = (values, f"{rows:,} rows, and nothing else comes near: not known")


def _tried(draft: Draft, read: Mapping[str, Any], group: Group | None) -> LookedThrough:
    try:
        dataset: Dataset = draft.dataset(read)
        if group is not None and group.is_large:  # between the parts of a sample nothing is known
            rules = dataset.rules.model_copy(update={"unknown_share": 1.0})
            dataset = dataset.model_copy(update={"rules": rules})
        return look_through(dataset, most_rows=_LOOKED_AT)
    except ValidationError as error:
        raise CannotProposeError(f"no dataset file can be made: {one_line(error)}") from error
    except (SourceError, RawDemandError) as error:
        raise CannotProposeError(one_line(error)) from error


def _with_horizon(draft: Draft, seen: LookedThrough, read: Mapping[str, Any], group: Group | None) -> LookedThrough:
    """The same with a horizon that the history allows. Raises: CannotProposeError: none."""
    if not seen.too_short:
        return seen
    frequency = seen.dataset.frequency
    longest = max(int(one.counts.get("periods", 0)) for one in seen.usable)
    horizon = (longest - WARMUP[frequency]) // 2
    word = WORDS[frequency]
    if horizon < 1:
        raise CannotProposeError(f"the longest history is {longest} {word[longest != 1]}; at least "
                                 f"{WARMUP[frequency] + 2} {word[1]} of demand are needed to train on")
    draft.horizon = (horizon, f"{word[1]} to forecast: as many as the history of {longest} {word[1]} allows")
    return _tried(draft, read, group)


def _note_trouble(draft: Draft, seen: LookedThrough) -> None:
    refused = seen.summary["unused"]["values_refused_by_rule"]
    for rule, count in sorted(refused.items(), key=lambda pair: -pair[1]):
        draft.seen.append(f"refused, {rule}: {count:,} values, as {'; '.join(seen.examples(rule))}")
    for problem, count in seen.problems.most_common(3):
        draft.notes.append(f"{count} of {len(seen.validated)} region-items cannot be used: {one_line(problem)}")
    left_out = sum(rows for _, _, _, rows in seen.catalogue.refused)
    if left_out > _FEW_LEFT_OUT * (left_out + seen.summary["unused"]["rows"]):
        region, item, reason, _ = seen.catalogue.refused[0]
        draft.notes.append(f"{left_out:,} rows are left out, as those of region {region!r}, item {item!r}: {reason}")
    for notices in list(seen.summary["notices"].values())[:2]:
        draft.seen += notices
    draft.seen += [f"left out: region {region!r}, item {item!r}: {reason}"
                   for region, item, reason, _ in seen.catalogue.refused[:3]]
