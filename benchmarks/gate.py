"""How often the gate is right, and what it is worth, in contests whose right outcome is known.

    python -m benchmarks.gate [--seed 1] [--contests 500] [--json out.json]

Simulated demand, smooth, erratic and intermittent; forecasters that are the expected demand with an error of known
size. The gate sees three windows of four weeks; the truth is the WAPE to expect over the year after them. A promotion
is false when the candidate is no better in truth, or on newer demand worse, and costly when it is worse by more than
1 %; one is missed when a candidate is kept that is better by more than the margin. The oracle promotes what is right.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.support.gate_contests import DATA, GAINS, KINDS, Contest, contests
from benchmarks.support.machine import described
from demand_assets.forecasting.dataset.models.gate_margins import Gate
from demand_assets.forecasting.gate.gate import judge

COSTLY = 0.01
"""By what share of the true WAPE a costly promotion is worse at least."""
Rule = Callable[[Contest], bool]


def main(arguments: list[str] | None = None) -> int:
    """Judge and report."""
    given = _parser().parse_args(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=120)
    machine = described()
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), markup=False, highlight=False)
    played = list(contests(given.contests, given.seed))
    promoted = {name: [rule(contest) for contest in played] for name, rule in _rules().items()}
    found = {"seed": given.seed, "contests": given.contests, "classes": _classes(played, promoted["gate"]),
             **of_oracle(played, promoted["gate"]),
             "rules": {name: worth(played, verdicts) for name, verdicts in promoted.items()}}
    console.print(_classes_table(found["classes"]))
    console.print(_rules_table(found["rules"]))
    console.print(f"of the oracle's gain: {_percent(found['share_of_oracle_gain'])}; of its promotions worse by more "
                  f"than {COSTLY:.0%}: {_percent(found['costly_false_promotions'], '.1%')}", markup=False)
    if given.json:
        given.json.write_text(json.dumps({"machine": machine, **found}, indent=2) + "\n")
    return 0


def is_right(contest: Contest) -> bool:
    """Whether the candidate should serve: it is better in truth; on newer demand, no worse."""
    return contest.gain >= 0 if contest.data == "newer demand" else contest.gain > 0


def of_oracle(played: Sequence[Contest], promoted: Sequence[bool]) -> dict[str, float | None]:
    """What a rule's promotions are worth beside the oracle's, and the share of them that are costly; None where there
    is nothing to divide by."""
    gain = sum(contest.gain * verdict for contest, verdict in zip(played, promoted, strict=True))
    possible = sum(contest.gain for contest in played if is_right(contest))
    costly = [contest.gain < -COSTLY for contest, verdict in zip(played, promoted, strict=True) if verdict]
    return {"share_of_oracle_gain": round(float(gain / possible), 5) if possible else None,
            "costly_false_promotions": _mean(costly)}


def _rules() -> dict[str, Rule]:
    def gate(settings: Gate) -> Rule:
        return lambda of: judge(of.actual, of.candidate, of.production, of.seasonal_naive, settings
                                ).verdict == "promote"

    return {"gate": gate(Gate()), "gate at chance 0": gate(Gate(chance=0.0)), "always promote": lambda _: True,
            "never promote": lambda _: False, "oracle": is_right}


def _classes(played: Sequence[Contest], promoted: Sequence[bool]) -> list[dict[str, Any]]:
    """Contests and share promoted of each class."""
    found = []
    for data in DATA:
        for kind in KINDS:
            for gain_class in GAINS:
                verdicts = [verdict for contest, verdict in zip(played, promoted, strict=True)
                            if (contest.data, contest.kind, contest.gain_class) == (data, kind, gain_class)]
                found.append({"data": data, "kind": kind, "gain": gain_class, "contests": len(verdicts),
                              "promoted": _mean(verdicts)})
    return found


def worth(played: Sequence[Contest], promoted: Sequence[bool]) -> dict[str, Any]:
    """How often a rule errs, and by what share it changes the true WAPE of what serves, each in all and by class."""
    margin = Gate().margin

    def of(use: Callable[[Contest], bool]) -> dict[str, float | None]:
        chosen = [(contest, verdict) for contest, verdict in zip(played, promoted, strict=True) if use(contest)]
        return {
            "false_promotions": _mean([verdict for contest, verdict in chosen if not is_right(contest)]),
            "false_promotions_of_worse": _mean([verdict for contest, verdict in chosen if contest.gain < 0]),
            "missed_promotions": _mean([not verdict for contest, verdict in chosen if contest.gain > margin]),
            "wape_change": _mean([-contest.gain * verdict for contest, verdict in chosen]),
            "wape_change_if_all_were_worse": _mean([-contest.gain * verdict for contest, verdict in chosen
                                                    if contest.gain < 0])}

    def of_data(data: str) -> dict[str, float | None]:
        return of(lambda contest: contest.data == data)

    def of_kind(kind: str) -> dict[str, float | None]:
        return of(lambda contest: contest.kind == kind)

    return {"all": of(lambda _: True), **{data: of_data(data) for data in DATA},
            **{kind: of_kind(kind) for kind in KINDS}}


def _classes_table(classes: list[dict[str, Any]]) -> Table:
    table = Table(title="share promoted by the gate, by what the candidate is in truth")
    table.add_column("contest")
    for gain_class in GAINS:
        table.add_column(gain_class, justify="right")
    for data in DATA:
        for kind in KINDS:
            shares = [entry["promoted"] for entry in classes if (entry["data"], entry["kind"]) == (data, kind)]
            table.add_row(f"{data}, {kind}", *(_percent(share) for share in shares))
    return table


def _rules_table(rules: dict[str, Any]) -> Table:
    table = Table(title="rules, side by side")
    table.add_column("rule")
    for column in ("contests", "false promotions", "of worse ones", "missed promotions", "true WAPE changes by",
                   "were all worse, by"):
        table.add_column(column, justify="left" if column == "contests" else "right")
    for rule, worth in rules.items():
        for group, numbers in worth.items():
            if group == "all" or rule.startswith("gate"):
                shares = [_percent(numbers[name]) for name in (
                    "false_promotions", "false_promotions_of_worse", "missed_promotions")]
                changes = [_percent(numbers[name], "+.2%") for name in ("wape_change", "wape_change_if_all_were_worse")]
                table.add_row(rule if group == "all" else "", group, *shares, *changes)
    return table


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 5) if len(values) else None


def _percent(value: float | None, form: str = ".0%") -> str:
    return "–" if value is None else format(value, form).replace("%", " %")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="another seed, other contests")
    parser.add_argument("--contests", type=int, default=500)
    parser.add_argument("--json", type=Path, help="write the numbers there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
