"""Rules of other packages: what they are told, and what becomes of what they say."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.plugins import GATE_RULES, PluginError
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset, DatasetFileError, load_dataset
from demand_assets.forecasting.gate import gate as gate_module
from demand_assets.forecasting.gate.gate import Contestant, Decision
from demand_assets.forecasting.gate.plugged_rules import heard_rules, rules_of

PlugIn = Callable[..., Path]
TEA = RegionItem("north", "tea")
ACTUAL = np.full((3, 4), 100.0)
PROMOTED = Decision("promote", "first model: WAPE 5.0 % against 30.0 % of seasonal naive", {"wape": 0.05})
DEMAND = pd.DataFrame({"date": pd.date_range("2026-01-01", periods=20), "demand": 100.0})


@pytest.fixture(autouse=True)
def opened_anew() -> Iterator[None]:
    """What other tests plugged in by the same name is forgotten."""
    rules_of.cache_clear()
    yield
    rules_of.cache_clear()


def shop(*rules: dict[str, object]) -> Dataset:
    return Dataset.model_validate({"name": "shop", "frequency": "D", "source": {"kind": "simulated"},
                                   "gate": {"rules": rules}})


def contestant(forecast: float) -> Contestant:
    table = np.full((3, 4), forecast)
    return Contestant(table, table - 6, table + 6, "2026-01-01", "old", {"name": "a"})


def heard(dataset: Dataset, decision: Decision = PROMOTED, forecast: float = 105.0,
          production: float | None = None) -> Decision:
    return heard_rules(decision, DEMAND, dataset, TEA, ACTUAL, contestant(forecast),
                       None if production is None else contestant(production), ACTUAL + 30)


def rule(body: str) -> str:
    return ("from pydantic import BaseModel\nclass Offered:\n    class Entries(BaseModel, extra='forbid'):\n"
            "        limit: float = 1.0\n    def __init__(self, entries):\n        self.entries = entries\n"
            f"    def objection(self, contest):\n        {body}\n")


@pytest.mark.usefixtures("examples")
def test_an_objection_is_the_reason_why_what_serves_is_kept() -> None:
    """105 units against 60 a period: 75 % more, and 30 % are allowed."""
    decision = heard(shop({"rule": "largest_jump", "largest": 0.3}), production=60.0)

    assert decision == Decision("keep", "the rule largest_jump objects: it forecasts +75.0% against the model in "
                                        "production; at most 30% is allowed",
                                {"wape": 0.05, "gate_rule": "largest_jump"})


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize("production", [None, 100.0])
def test_where_none_objects_the_reason_says_which_were_asked(production: float | None) -> None:
    decision = heard(shop({"rule": "largest_jump"}), production=production)

    assert decision == Decision("promote", f"{PROMOTED.reason}; no objection by the rule largest_jump",
                                {"wape": 0.05, "gate_rules_passed": "largest_jump"})


def test_rules_are_asked_of_promotions_only_and_none_is_the_default(plug_in: PlugIn) -> None:
    plug_in(GATE_RULES, "strict", rule("raise RuntimeError('asked')"))
    kept = Decision("keep", "worse", {})

    assert heard(shop({"rule": "strict"}), kept) is kept
    assert heard(shop()) is PROMOTED


def test_the_first_objection_counts_and_the_order_is_the_files(plug_in: PlugIn) -> None:
    plug_in(GATE_RULES, "one", rule("return '  no\\n  thanks '"), package="acme-one")
    plug_in(GATE_RULES, "two", rule("return 'never'"), package="acme-two")

    assert heard(shop({"rule": "one"}, {"rule": "two"})).reason == "the rule one objects: no thanks"
    assert heard(shop({"rule": "two"}, {"rule": "one"})).reason == "the rule two objects: never"


@pytest.mark.parametrize(("body", "words"), [
    ("return 1 / 0", "'strict' of the package acme-plugin 1.2 failed to judge the candidate of north, tea: "
                     "ZeroDivisionError: division by zero"),
    ("raise SystemExit(3)", r"failed to judge .*: it would have ended the program \(SystemExit: 3\)"),
    ("return True", "answered True when asked to judge a candidate; None, or a reason in words"),
    ("return float('nan')", "answered nan"),
    ("return 'x' * 301", "answered 'xxx.*at most 300 characters"),
    ("contest.forecast[:] = 0", "read-only"),
    ("contest.numbers['wape'] = 0", "does not support item assignment")])
def test_a_rule_that_fails_or_answers_nonsense_is_told_by_name(plug_in: PlugIn, body: str, words: str) -> None:
    plug_in(GATE_RULES, "strict", rule(body))

    with pytest.raises(PluginError, match=words):
        heard(shop({"rule": "strict"}))


def test_what_a_rule_does_to_its_copy_of_the_demand_changes_nothing(plug_in: PlugIn) -> None:
    plug_in(GATE_RULES, "strict", rule("contest.demand['demand'] = 0.0"))

    heard(shop({"rule": "strict"}))

    assert DEMAND["demand"].sum() == 2000


def test_a_rule_without_the_method_is_refused(plug_in: PlugIn) -> None:
    plug_in(GATE_RULES, "strict", rule("pass").replace("objection", "judge"))

    with pytest.raises(PluginError, match=r"has no method objection\(contest\)"):
        heard(shop({"rule": "strict"}))


SHOP = 'frequency = "D"\n[source]\nkind = "simulated"\n'


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize(("entries", "words"), [
    ('[[gate.rules]]\nrule = "largest_drop"\n', "gate.rules.0: 'largest_drop' is no gate rule .*: there are "
                                               "largest_jump"),
    ('[[gate.rules]]\nrule = "largest_jump"\nlargst = 1\n', "gate.rules.0: .*largst: Extra inputs .* are: largest"),
    ("[gate]\nmargins = 1\n", "gate.margins: Extra inputs are not permitted"),
    ("[gate]\nmargin = -0.1\n", "gate.margin: Input should be greater than or equal to 0"),
    ("[gate]\ncoverage_range = [0.9, 0.5]\n", "gate.coverage_range: .*no range of shares around the 0.8")])
def test_mistakes_in_a_dataset_file_are_named(tmp_path: Path, entries: str, words: str) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(SHOP + entries)

    with pytest.raises(DatasetFileError, match=words):
        load_dataset(file)


@pytest.mark.usefixtures("examples")
def test_a_dataset_is_known_without_the_package_of_its_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a model is loaded that was trained with them."""
    file = tmp_path / "shop.toml"
    file.write_text(f'{SHOP}[[gate.rules]]\nrule = "largest_jump"\nlargest = 0.3\n')
    described = load_dataset(file).model_dump_json()
    monkeypatch.undo()

    again = Dataset.model_validate_json(described)

    assert again.gate.rules[0].entries == {"largest": 0.3}


def test_the_entries_of_a_gate_are_the_gates_own_settings() -> None:
    assert gate_module.Gate is Dataset.model_fields["gate"].annotation
