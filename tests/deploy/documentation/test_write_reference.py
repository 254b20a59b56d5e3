"""The pages of docs/ that are made from the code are those that the code makes now."""

import json
from collections.abc import Callable

import pytest

from demand_assets.forecasting.store.journal import Entry
from deploy.documentation.settings_page import settings
from deploy.documentation.words_of_code import words_of
from deploy.documentation.write_reference import PAGES
from deploy.settings import PROJECT

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("name", "text"), PAGES.items(), ids=PAGES)
def test_a_page_is_what_the_code_makes(name: str, text: Callable[[], str]) -> None:
    page = PROJECT / "docs" / name

    assert text() == page.read_text(encoding="utf-8"), "run: python -m deploy.documentation.write_reference"


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, one in settings().items() if not one.words] == []


def test_a_variable_that_several_read_stands_once_with_all_of_them() -> None:
    assert settings()["DEMAND_STORE_URL"].readers == ["start", "pipeline", "web app", "stores"]
    assert settings()["WEB_WORKERS"].values == "1 to 64"
    assert settings()["METRICS_PORT"].values == "1 to 65535"
    assert settings()["PROFILE"].default == "`embedded`"


def test_the_example_of_the_journal_has_the_fields_of_an_entry() -> None:
    page = (PROJECT / "docs" / "reference" / "journal.md").read_text(encoding="utf-8")
    example = json.loads(page.partition("```json\n")[2].partition("```")[0])

    assert example.keys() == {*Entry.__dataclass_fields__, "sum"}


class Example:
    """A class."""

    first: int = 1
    second, third = 2, 3
    """Both."""


def test_words_are_those_right_below_a_name() -> None:
    assert words_of(Example) == {"second": "Both.", "third": "Both."}
