"""Which marks of written numbers a dataset file declares, by demand; and which drivers and amounts have others."""

import re

from demand_assets.proposals.cannot_propose import CannotProposeError
from demand_assets.proposals.columns.drivers import Proposed, ProposedDriver
from demand_assets.proposals.columns.facts import Column, grouped_thousands, why_unsettled
from demand_assets.proposals.draft import Draft
from demand_assets.proposals.terminal_questions import Ask


def note_marks(draft: Draft, demand: Column, proposed: Proposed, ask: Ask, given: str, is_alone: bool) -> None:
    """Note the marks of numbers, unless one of several files may have others, which reading tells; leave out drivers
    whose marks are left open, or are others than those of demand."""
    marks = demand.marks
    if marks is None:
        found = grouped_thousands(demand)
        mark = "." if demand.evidence.point else ","
        value = demand.evidence.point or demand.evidence.comma
        if not value:  # two units, or two currencies
            raise CannotProposeError(why_unsettled(demand))
        if found is None:
            thousands, decimal = value.replace(mark, ""), value.replace(mark, ".")
            chosen = ask(f"Is {value!r} in {demand.name!r} {thousands} or {decimal}?", [thousands, decimal], "")
            if not chosen:
                raise CannotProposeError(
                    f"{value!r} in the column {demand.name!r} of {given} may be {thousands} or {decimal}, and nothing "
                    "settles it; write numbers without a mark between thousands")
            if chosen == decimal:
                draft.source["decimal"] = (mark, f"as answered: {value!r} is {decimal}")
            else:
                draft.source["thousands"] = (mark, f"as answered: {value!r} is {thousands}")
        else:
            draft.source["thousands"] = (mark, (
                f"{value!r} in {demand.name!r} is {value.replace(mark, '')}: all numbers without the mark are below "
                "1000, and the others follow on from them only so"))
    elif marks.is_mixed:
        draft.notes.append(f"in {demand.name!r} both the point and the comma stand before decimals")
    elif demand.evidence.comma_decimal and (is_alone or demand.evidence.point_groups or not demand.evidence.point):
        draft.source["decimal"] = (",", f"in {demand.name!r} it stands before the decimals")
    spaced = next((value for value in demand.distinct
                   if re.search(r"\d[\u00a0\u202f\u2009 '’]\d{3}(?!\d)", value)), None)
    if spaced is not None and "thousands" not in draft.source:
        mark = "'" if re.search("['’]", spaced) else " "
        draft.source["thousands"] = (mark, f"groups thousands, as in {spaced!r}")
    kept: list[ProposedDriver] = []
    for driver in proposed.drivers:
        why = _other_marks(driver, draft)
        if why:
            proposed.left.append((driver.column, why))
        else:
            kept.append(driver)
    proposed.drivers = kept
    amounts = []
    for amount in proposed.money:
        column = amount.column
        why = _other_marks(ProposedDriver(amount.kind, column.name, "number", "", source=column),
                           draft) if column else ""
        if why and column:
            proposed.left.append((column.name, why))
        elif column or any(driver.name == amount.driver for driver in kept):
            amounts.append(amount)
    proposed.money = amounts


def _other_marks(driver: ProposedDriver, draft: Draft) -> str:
    """Why the numbers of a driver cannot be read beside those of demand; empty where they can."""
    column = driver.source
    if column is None or driver.kind != "number":
        return ""
    evidence, decimal, thousands = column.evidence, draft.source.get("decimal"), draft.source.get("thousands")
    declared = decimal[0] if decimal else {".": ",", ",": "."}.get(thousands[0]) if thousands else None
    if column.marks is None and declared is None and not (thousands and thousands[0] in " '"):
        found = grouped_thousands(column)
        value = evidence.point or evidence.comma
        if found is None:
            return f"{value!r} may have a mark of thousands or of decimals, and nothing settles it"
        others = [one for one in (driver.source,) if one is not None]
        if others and any(key in draft.source for key in ("decimal", "thousands")):
            return f"{value!r} groups thousands, and demand is written otherwise"
        draft.source["thousands"] = (found.thousands, (
            f"{value!r} in {column.name!r} is {value.replace(found.thousands, '')}: all numbers without the mark are "
            "below 1000, and the others follow on from them only so"))
        return ""
    own = "." if evidence.point_decimal else "," if evidence.comma_decimal else None
    if declared and own and own != declared:
        return f"its decimal mark is {own!r}, and that of demand {declared!r}"
    return ""
