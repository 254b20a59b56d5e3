"""Rules of other packages that may object to a promotion, and what they are told of the contest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Protocol

import pandas as pd

from demand_assets.forecasting.contract.plugins import GATE_RULES, Plugin, PluginError, plugin
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.models.gate_margins import GateRule
from demand_assets.forecasting.gate.gate import Contestant, Decision
from demand_assets.forecasting.series.gapped import Floats

LONGEST_OBJECTION = 300
"""Characters; what a page shows as a reason."""


@dataclass(frozen=True)
class Contest:
    """What a rule is told of a candidate that the gate would promote. Nothing of it can be changed."""

    region: str
    item: str
    dataset: Dataset
    demand: pd.DataFrame
    """A copy of the demand known now: columns date, demand (units, null where unknown), and the drivers."""
    origins: tuple[str, ...]
    """The last date known at each window's start, ISO."""
    actual: Floats
    """Shape (windows, horizon), in units, as all tables below; NaN where unknown."""
    forecast: Floats
    """The candidate's."""
    lower_80: Floats
    upper_80: Floats
    seasonal_naive: Floats
    production: Floats | None
    """Of the model that serves; NaN in windows that it cannot be compared in. None where none serves."""
    trained_to: str
    """Last date of the candidate's training data, ISO."""
    numbers: Mapping[str, Any]
    """What the gate measured: ``wape``, ``wape_seasonal_naive``, ``bias``, ``coverage_80`` … as shares, not percent."""
    reason: str
    """Why the gate would promote it."""


class Rule(Protocol):
    """What an entry point of the group ``demand_assets.gate_rules`` names: a class that is made of its ``Entries``.

    ``Entries`` is a model of pydantic of what ``[[gate.rules]]`` may say beside ``rule``.
    """

    def objection(self, contest: Contest) -> str | None:
        """Why the candidate must not be promoted, in words that a planner understands; None or empty where it may."""


@dataclass(frozen=True)
class _Opened:
    plugin: Plugin
    rule: Rule

    def objection(self, contest: Contest) -> str:
        """Its objection. Raises: PluginError."""
        said = self.plugin.asked(f"judge the candidate of {contest.region}, {contest.item}",
                                 lambda: self.rule.objection(contest))
        if said is None:
            return ""
        if not isinstance(said, str) or len(said) > LONGEST_OBJECTION:
            raise self.plugin.nonsense("judge a candidate", said, "None, or a reason in words of at most "
                                       f"{LONGEST_OBJECTION} characters")
        return " ".join(said.split())


class GateRules:
    """The rules of a dataset file.

    Raises: PluginError: one is not installed, cannot be loaded, or refuses its entries.
    """

    def __init__(self, entries: Sequence[GateRule]) -> None:
        self._rules = [_opened(one) for one in entries]

    def heard(self, decision: Decision, contest: Contest) -> Decision:
        """The decision after every rule was asked; the first objection keeps what serves.

        Raises: PluginError: a rule raised an error, or answered nonsense.
        """
        passed: list[str] = []
        for one in self._rules:
            if objection := one.objection(contest):
                return Decision("keep", f"the rule {one.plugin.name} objects: {objection}",
                                {**decision.numbers, "gate_rule": one.plugin.name})
            passed.append(one.plugin.name)
        names = ", ".join(passed)
        return replace(decision, reason=f"{decision.reason}; no objection by the rule{'s' * (len(passed) > 1)} {names}",
                       numbers={**decision.numbers, "gate_rules_passed": names})


def _opened(entry: GateRule) -> _Opened:
    found = plugin(GATE_RULES, entry.rule)
    entries = found.made_of(entry.entries)
    rule = found.asked("be opened", lambda: found.offered(entries))
    if not callable(getattr(rule, "objection", None)):
        raise PluginError(f"{found.words} has no method objection(contest). Add one: it returns None, or why the "
                          "candidate must not be promoted.")
    return _Opened(found, rule)


@dataclass(frozen=True)
class _Told:
    """Rules as a dataset file has them, the same where they say the same."""

    text: str
    rules: tuple[GateRule, ...] = field(compare=False)


@lru_cache(maxsize=4)
def rules_of(told: _Told) -> GateRules:
    """The rules that a dataset file names, opened once in each process."""
    return GateRules(told.rules)


def heard_rules(decision: Decision, demand: pd.DataFrame, dataset: Dataset, region_item: RegionItem, actual: Floats,
                candidate: Contestant, production: Contestant | None, seasonal_naive: Floats) -> Decision:
    """The gate's decision after the dataset's own rules were asked; they are asked of promotions only.

    Raises: PluginError: a rule is not there any more, raised an error, or answered nonsense.
    """
    rules = dataset.gate.rules
    if not rules or decision.verdict == "keep":
        return decision
    told = _Told("".join(one.model_dump_json() for one in rules), rules)
    return rules_of(told).heard(decision, Contest(
        region=region_item.region, item=region_item.item, dataset=dataset, demand=demand.copy(),
        origins=candidate.origins, actual=_fixed(actual), forecast=_fixed(candidate.forecast),
        lower_80=_fixed(candidate.lower_80), upper_80=_fixed(candidate.upper_80),
        seasonal_naive=_fixed(seasonal_naive), production=None if production is None else _fixed(production.forecast),
        trained_to=candidate.trained_to, numbers=MappingProxyType(dict(decision.numbers)), reason=decision.reason))


def _fixed(table: Floats) -> Floats:
    """A copy that cannot be written to."""
    copied = table.copy()
    copied.flags.writeable = False
    return copied
