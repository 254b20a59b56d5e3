"""docs/glossary.md: the terms of the pages, and those of the pipeline that they do not use."""

from deploy.documentation.words_of_code import table
from webapp.guide.terms import TERMS

OF_THE_PIPELINE = {
    "asset": "Something that Dagster makes and keeps, as `demand` or `production_model`.",
    "backfill": "Dagster's word for one asset made for many partitions; a retrain is one.",
    "candidate": "The newest trained version, which the gate judges.",
    "catalogue": "All region-items that there is demand of.",
    "challenger": "Another class of model that may forecast in place of XGBoost's where it is better: "
                  "[challengers](challengers.md).",
    "dataset file": "What says where demand is, what it is called and how it is forecast: "
                    "[dataset files](datasets.md).",
    "decile": "So many tenths of what comes should lie at it or below: of `p10` one tenth, of `p90` nine. `p10` and "
              "`p90` are no bounds of the 80 % interval: that holds 80 % together, and where it begins at zero, up to "
              "20 % lie above it.",
    "demand store": "Checked demand, known drivers, the catalogue and the journal; a folder or a bucket.",
    "driver": "What moves demand and is known or planned ahead: price, promotion, holiday, weather.",
    "journal": "What happened to each region-item, as the pipeline tells it: [journal](reference/journal.md).",
    "median": "The decile `p50`: as much of what comes lies below as above. The forecast is what is expected on "
              "average: more than the median where few periods sell much, and what adds up to totals.",
    "partition": "Dagster's word for a region-item.",
    "period": "A day, week, month or quarter, as the dataset file says.",
    "registry": "MLflow's list of models, their versions and which of them forecasts: "
                "[registry](reference/registry.md).",
    "run": "What Dagster carries out at once, for one or hundreds of region-items.",
    "scenario": "A what-if that is kept: changed drivers, and the forecast that the models make of them.",
    "sensor": "What starts something in Dagster when something happened.",
    "state directory": "The folder in which everything is kept, `./var` unless `STATE` says otherwise.",
}


def glossary_page() -> str:
    """The page: terms in the order of the alphabet."""
    terms = {**OF_THE_PIPELINE, **{str(title): str(sentence) for title, sentence in TERMS.values()}}
    return "# Glossary\n\n" + table(("term", "what it means"), *sorted(terms.items(), key=lambda one: one[0].lower()))
