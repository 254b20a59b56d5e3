"""docs/reference/journal.md: what the pipeline tells of each region-item."""

import re
from dataclasses import fields
from typing import get_args

from demand_assets.forecasting.store import journal
from deploy.documentation.words_of_code import as_markdown, table, words_of

ABOUT = """\
# Journal: what happened to each region-item

The pipeline writes it, the web app reads it. It lies in the demand store, a folder a day, in small files of JSON lines
that are written once:

    journal/20261129/20261129T190421705696-8119bb594034b07576a049a3e2fab6e9.jsonl

A line is one step of one region-item:

```json
{"region_item": "north|kettle", "step": "kept", "request_id": "first-94d05459961f", "run_id": "5f8f57d6-…",
 "reason": "WAPE 65.4 % of totals of 27 periods is worse than seasonal naive with 29.4 %",
 "numbers": {"version": 1, "wape": 1.1956, "wape_seasonal_naive": 1.2353}, "at": "2026-11-29T19:04:41.501+00:00",
 "asked_by": "first training", "sum": "89027547f3068094"}
```

"""


def journal_page() -> str:
    """The page of the journal's entries, in Markdown."""
    words_of_steps = words_of(journal)["Step"]
    told = dict(re.findall(r"``(\w+)``(?:, ``\w+``)*: ([^`]*?)(?=[;.] ?(?:``|$))", words_of_steps))
    told["kept"] = told["promoted"]
    words = {"region_item": "`region|item`, as in addresses.",
             "step": "One of those below.",
             "run_id": "Dagster's run.", "at": "When, ISO, UTC."} | words_of(journal.Entry)
    rows = [(f"`{one.name}`", as_markdown(words[one.name])) for one in fields(journal.Entry)]
    rows.append(("`sum`", "A digest of the line: where a file is damaged, its other lines are still good."))
    steps = [(f"`{step}`", as_markdown(told[step]), "yes" if step in journal.FINAL_STEPS else "",
              "no" if step in journal.APART else "yes") for step in get_args(journal.Step)]
    return (f"{ABOUT}{table(('field', 'what it is'), *rows)}\n"
            f"{table(('step', 'what it says', 'ends a retrain', 'belongs to one'), *steps)}\n"
            "What is too old is [summed up](../expiry.md): of each region-item the newest entry of each step\n"
            "stays.\n")
