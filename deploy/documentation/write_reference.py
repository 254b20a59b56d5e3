"""``python -m deploy.documentation.write_reference``: write the pages of docs/ that are made from the code."""

from collections.abc import Callable

from deploy.documentation.api_page import api_page
from deploy.documentation.commands_page import commands_page
from deploy.documentation.glossary_page import glossary_page
from deploy.documentation.journal_page import journal_page
from deploy.documentation.registry_page import registry_page
from deploy.documentation.settings_page import settings_page
from deploy.settings import PROJECT

PAGES: dict[str, Callable[[], str]] = {
    "reference/settings.md": settings_page, "reference/commands.md": commands_page, "reference/api.md": api_page,
    "reference/registry.md": registry_page, "reference/journal.md": journal_page, "glossary.md": glossary_page}
"""Page, below docs/ -> what makes its text."""


def main() -> None:
    """Write those that changed, and name them."""
    for name, text in PAGES.items():
        page = PROJECT / "docs" / name
        made = text()
        if not page.exists() or page.read_text(encoding="utf-8") != made:
            page.parent.mkdir(exist_ok=True)
            page.write_text(made, encoding="utf-8")
            print(f"docs/{name} was out of date; it is written anew")


if __name__ == "__main__":
    main()
