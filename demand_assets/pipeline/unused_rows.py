"""What of a source was not used, added up over its region-items and told in words."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from demand_assets.forecasting.contract.quarantine import RULES
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.journal import Entry

LARGEST = 5
"""How many refused values are told."""
_SHOWN = 5
"""How many names, files and region-items are told one by one."""


def unused(taken_in: Mapping[RegionItem, Entry]) -> dict[str, Any]:
    """Rows, units and periods that were not used, by rule, the largest refused values, and which region-items were out
    of stock in how many periods, those with the largest share of them first.

    Args:
        taken_in: what the validation said of each region-item.
    """
    rows, units, counts = Counter[str](), Counter[str](), Counter[str]()
    sums = Counter[str]()
    largest: list[tuple[float, dict[str, str]]] = []
    out: list[dict[str, Any]] = []
    for one, entry in sorted(taken_in.items()):
        numbers = entry.numbers
        rows.update(numbers.get("quarantined_by_rule", {}))
        units.update(numbers.get("units_refused_by_rule", {}))
        counts.update({name: numbers.get(name, 0) for name in (
            "rows", "quarantined", "repeated", "combined", "periods", "unknown_periods", "filled_zero",
            "newest_refused", "negative_as_zero", "censored_periods", "newest_censored")})
        if censored := numbers.get("censored_periods"):
            out.append({"region_item": one.key, "periods": censored, "share": round(censored / numbers["periods"], 4),
                        "newest": numbers.get("newest_censored", 0)})
        sums.update({name: numbers.get(name, 0.0) for name in ("units_read", "units_refused", "units_repeated")})
        for date, value, rule in numbers.get("largest_refused", []):
            largest.append((_size(value), {"region_item": one.key, "date": date, "value": value, "rule": rule}))
    largest.sort(key=lambda pair: -pair[0])
    read = sums["units_read"]
    return {
        "rows": counts["rows"], "rows_refused": counts["quarantined"], "values_refused_by_rule": dict(rows),
        "units_read": _short(read), "units_refused": _short(sums["units_refused"]),
        "units_refused_share": round(sums["units_refused"] / read, 4) if read else None,
        "units_refused_by_rule": {rule: _short(sum_) for rule, sum_ in units.items()},
        "largest_refused": [told for _, told in largest[:LARGEST]],
        "rows_repeated": counts["repeated"], "units_repeated": _short(sums["units_repeated"]),
        "rows_combined": counts["combined"], "periods": counts["periods"],
        "periods_unknown": counts["unknown_periods"], "periods_filled_zero": counts["filled_zero"],
        "newest_periods_refused": counts["newest_refused"], "negative_as_zero": counts["negative_as_zero"],
        "periods_out_of_stock": counts["censored_periods"], "newest_periods_out_of_stock": counts["newest_censored"],
        "out_of_stock": sorted(out, key=lambda told: -told["share"])}


def unused_in_words(summary: Mapping[str, Any]) -> list[str]:
    """The same as lines to read, the gravest first; none where all was used.

    Args:
        summary: with ``unused``, ``notices``, ``names_left_out``, ``files_skipped`` and ``source_notices``.
    """
    told, lines = summary["unused"], list[str](summary["source_notices"])
    notices = [(key, notice) for key, its in summary["notices"].items() for notice in its]
    notices.sort(key=lambda pair: "newest demand" not in pair[1])
    lines += [f"{key}: {notice}" for key, notice in notices[:_SHOWN]]
    if len(notices) > _SHOWN:
        lines.append(f"and {len(notices) - _SHOWN} more such notices, all in the JSON file (JSON=…)")
    for rule, count in sorted(told["values_refused_by_rule"].items(), key=lambda pair: -pair[1]):
        its = told["units_refused_by_rule"].get(rule, 0)
        share = f", {its / told['units_read']:.1%} of all units" if its and told["units_read"] else ""
        lines.append(f"refused, {rule} ({RULES.get(rule, rule)}): {count} values{share}")
    if told["largest_refused"]:
        each = [f"{one['value']} on {one['date']} ({one['region_item']}, {one['rule']})"
                for one in told["largest_refused"]]
        lines.append(f"largest refused: {'; '.join(each)}")
    if told["rows_repeated"]:
        lines.append(f"{told['rows_repeated']} rows ({told['units_repeated']:,.15g} units) are identical to another of "
                     "their period and were left out; if each is a sale, set rules.several_rows = 'sum'")
    if told["rows_combined"]:
        lines.append(f"{told['rows_combined']} rows were put together with another of their period")
    if told["periods_unknown"]:
        lines.append(f"demand is unknown in {told['periods_unknown']} of {told['periods']} periods")
    if out := told["out_of_stock"]:
        each = "; ".join(f"{one['region_item']} {one['periods']} ({one['share']:.1%})" for one in out[:_SHOWN])
        now = sum(one["newest"] > 0 for one in out)
        lines.append(f"out of stock, so that demand is at least what was sold: {told['periods_out_of_stock']} of "
                     f"{told['periods']} periods, of {len(out)} region-items, {now} of them to the end; most in {each}")
    names, files = summary["names_left_out"], summary["files_skipped"]
    lines += [f"left out: region {one['region']!r}, item {one['item']!r}: {one['reason']} ({one['rows']} rows)"
              for one in names[:_SHOWN]]
    if len(names) > _SHOWN:
        lines.append(f"and {len(names) - _SHOWN} more names that were left out")
    lines += [f"not read: {one['name']}: {one['reason']}" for one in files[:_SHOWN]]
    if len(files) > _SHOWN:
        lines.append(f"and {len(files) - _SHOWN} more files that were not read")
    return lines


def _size(value: str) -> float:
    """How large a refused value is; what is no number is larger than any."""
    try:
        return float(value)
    except ValueError:
        return float("inf")


def _short(units: float) -> float:
    return float(f"{units:.12g}")
