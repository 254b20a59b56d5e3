"""The page of a long list that a URL asks for."""

from flask import abort
from werkzeug.datastructures import MultiDict

LARGEST_PAGE = 1_000_000


def parse_page(fields: MultiDict[str, str], name: str = "page") -> int:
    """The page's number; an error page when it is none."""
    page = fields.get(name, "") or "1"
    if not (page.isascii() and page.isdigit() and len(page) < 10 and 1 <= int(page) <= LARGEST_PAGE):
        abort(422, f"There is no page {page[:40]!r}; pages are numbered from 1.")
    return int(page)
