"""Words that the pages do not use any more: another word is used for the same thing, or it took a sentence to say."""

import re
from pathlib import Path

import pytest

WEBAPP = Path(__file__).parents[2] / "webapp"
RETIRED = {
    "Take back": "Undo", "Taking back": "Undo", "taken back together": "undone together",
    "Take the pin off": "Unpin", "pin is taken off": "unpinned", "What came of it": "Decision",
    "Did they help": "Override accuracy", "Did overrides help": "Override accuracy", "On last year": "vs last year",
    "none known yet": "no actuals yet", "No period has become known": "no actuals yet",
    "Take care": "Outside past experience", "no demand bears": "no sales history at such values",
    "if the effects hold": "if past effects hold", "to the drivers as they stand": "to today's plan",
    "where both speak": "if both set a value", "left empty:": "Leave empty to",
    "Else everyone": "Otherwise everyone", "Compare those ticked": "Compare", "of seasonal naive<": "naive",
    "Flags, columns, order": "Filter, columns, sort", "then by …": "Shift-click a heading",
    "a retrain waits or runs": "retraining", "failed before it was started": "could not start",
    "May at most": "Role", "in place of your password": "Tokens let programs sign in as you",
    "Hours until a session": "Sign people out after (hours)", "nobody comes in": "only people an administrator added",
    "That cannot be done": "the problem by name", "trainings failed": "retrains failed",
    "candidates refused": "models kept", "candidate refused": "model kept", "rows refused": "rows rejected",
    "It stands on v": "Built on pooled model v1", "Intervals of sums": "Totals allow for errors that move together",
    "Unusual in the past": "Unusual periods", "Forecast before\"": "Past forecast",
    "refused rows": "rejected rows", "Refused rows": "Rejected rows", "rows quarantined": "rejected rows",
    "Somebody": "Someone", " somebody": " someone", "Everybody": "Everyone", " everybody": " everyone",
    "How right": "Accuracy", "Until when": "Snooze until", "From when on": "Threshold", "Told of": "Events",
    "which is the most": "the maximum", "Mend ": "Fix", "short-cut": "shortcut", "weighed by": "weighted by",
    "Nothing was done twice": "Already published", "no so many": "That page does not exist",
    "all there are": "all of them", "those there are": "all of them", "cannot be answered": "cannot be computed",
    "is not possible; a": "must be", "as ever": "as usual", "list of work<": "Work list",
    "either way<": "no difference",
}
"""What was said -> what is said."""
TEXTS = sorted([*(WEBAPP / "templates").rglob("*.html"), *WEBAPP.glob("*/**/*.py")])


def spoken(file: Path) -> str:
    """What people may read of a file: a template without its comments, the strings of a module but its docstrings."""
    text = file.read_text()
    if file.suffix == ".html":
        return re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    text = re.sub(r'""".*?"""', "", text, flags=re.DOTALL)
    return "\n".join(re.findall(r'f?"([^"\n]*)"', text))


@pytest.mark.parametrize("words", RETIRED)
def test_retired_words_do_not_come_back(words: str) -> None:
    found = [str(file.relative_to(WEBAPP)) for file in TEXTS
             if "migrations" not in file.parts and "api" not in file.parts and words in SPOKEN[file]]

    assert found == [], f"say {RETIRED[words]!r} in place of {words!r}"


SPOKEN = {file: spoken(file) for file in TEXTS}
