"""Words of the rules of the validation."""

from demand_assets.forecasting.contract.quarantine import RULES
from webapp.data_quality.rule_words import RULE_WORDS


def test_every_rule_of_the_pipeline_has_the_same_words() -> None:
    assert {rule: str(words) for rule, words in RULE_WORDS.items()} == RULES
