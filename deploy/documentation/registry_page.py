"""docs/reference/registry.md: what stands in MLflow, tag by tag."""

from dataclasses import fields

from demand_assets.forecasting.model.serving.own_model import ModelCard
from demand_assets.forecasting.registry import entry, region_item_tags, version_files, versions
from demand_assets.forecasting.telemetry.tracing import TRACEPARENT
from deploy.documentation.words_of_code import as_markdown, table, words_of

ABOUT = """\
# Registry: models, aliases, tags

Each region-item is a registered model `<dataset>.<region>.<item>`, the pooled model is `<dataset>.pooled`. Facts are
tags, one for each, and each is used only of the version that it names ([why](../decisions/0014-facts-are-tags.md)).
Descriptions are for people: they are neither read nor written. [Loading a model elsewhere](../notebook.md).

| alias | of |
| --- | --- |
| `candidate` | the newest trained version |
| `production` | the version that forecasts |

"""
OF_EVERY_VERSION = {
    "dataset": "The dataset's name.",
    "recipe": "How it is built, as JSON.",
    "request_id": "The retrain that asked for it.",
    "asked_by": "Who asked.",
    "dagster_run_id": "Dagster's run that made it.",
    TRACEPARENT: "The [trace](../observability.md#one-trace) that it is a part of.",
    "decision": "The gate's: `promote: …` or `keep: …`, with the reason.",
    "decision_numbers": "What the gate measured, and when, as JSON.",
    version_files.SEALED: words_of(version_files)["SEALED"],
    versions.PYFUNC: words_of(versions)["PYFUNC"],
    entry.EXPIRING: words_of(entry)["EXPIRING"],
}
OF_A_REGION_ITEM = {"region": "The region's name.", "item": "The item's name."}
OF_A_REGISTERED_MODEL = {
    "dataset, region, item": "What it is of.",
    f"{region_item_tags.PROMOTION}<version>": "How that version came into production, as JSON, below.",
    region_item_tags.PIN: "The version that is pinned, as JSON, below.",
    region_item_tags.OLD_ENTRY: "A description of before, as it was.",
}


def registry_page() -> str:
    """The page of the registry's tags, in Markdown."""
    card = words_of(ModelCard)
    parts = [ABOUT, "## Tags of a version\n\n", _tags(OF_EVERY_VERSION),
             "\nOf a region-item's version besides, with its card: metrics are of the backtest, over all leads, as "
             "fractions.\n\n",
             _tags({**OF_A_REGION_ITEM, **{one.name: card[one.name] for one in fields(ModelCard)}}),
             "\nOf a pooled version besides: its card, a JSON value each, among them `wape`, `wape_seasonal_naive`, "
             "`rmsse`, `bias`, `rows`, `region_items`, `trained_to`, `code_version`.\n",
             "\n## Tags of a registered model\n\n", _tags(OF_A_REGISTERED_MODEL)]
    for fact in (region_item_tags.Promotion, region_item_tags.Pin):
        words = {"at": "When, ISO.", "reason": "Why, in the person's words.", "version": "Which."} | words_of(fact)
        rows = [(f"`{name}`", as_markdown(words[name])) for name in fact.model_fields]
        parts.append(f"\n`{fact.__name__.lower()}`: {fact.__doc__}\n\n{table(('field', 'what it is'), *rows)}")
    return "".join(parts)


def _tags(words: dict[str, str]) -> str:
    return table(("tag", "what it is"), *((f"`{name}`", as_markdown(text)) for name, text in words.items()))
