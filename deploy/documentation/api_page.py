"""docs/reference/api.md: every operation of the API, from its OpenAPI document."""

from collections import defaultdict

from deploy.documentation.made_up_app import made_up_app
from deploy.documentation.words_of_code import table
from webapp.access import MAY
from webapp.api.document import METHODS, document_of

ABOUT = """\
# Operations of the API

What a token of each role may ask; a role may all that the ones before it may. [How to ask](../api.md): tokens, lists,
errors, sending again. The app has the same with every field, at `/api/v1/openapi.json` and, to browse and try, at
`/api`.

"""
PASSED_OVER = ("If-None-Match",)
"""Arguments that every operation has which reads."""


def api_page() -> str:
    """The page of the API's operations, in Markdown."""
    with made_up_app() as app:
        document = document_of(app)
    rows = defaultdict(list)
    for path, operations in document["paths"].items():
        for method in METHODS:
            if found := operations.get(method):
                query = [f"`{one['name']}`" for one in found["parameters"]
                         if one["in"] in ("query", "header") and one["name"] not in PASSED_OVER]
                rows[found["tags"][0]].append((f"`{method.upper()} {path.removeprefix('/api/v1')}`", found["x-role"],
                                               found["summary"].replace("|", "\\|"), ", ".join(query)))
    parts = [ABOUT, table(("role", "may"), *MAY.items())]
    head = ("operation", "role", "what it does", "arguments")
    parts += [f"\n## {tag['name']}\n\n{tag['description']}\n\n{table(head, *rows.pop(tag['name']))}"
              for tag in document["tags"]]
    return "".join(parts)
