"""The terms of the pages, a sentence each: behind the info signs, on a page of their own, and in docs/web.md."""

from flask import Flask, g, get_template_attribute, request
from markupsafe import Markup

from webapp.accuracy.judged_forecasts import JUDGED_ORIGINS
from webapp.language.translations import lazy_gettext as _l

TERMS: dict[str, tuple[str, str]] = {
    "region_item": (_l("region-item"), _l("One item in one region: what is forecast, with a model of its own.")),
    "horizon": (_l("horizon"), _l("How many periods ahead are forecast.")),
    "lead": (_l("lead"), _l("How many periods ahead of the last known demand a forecast is.")),
    "interval": (_l("interval"), _l("Of all outcomes, 80 % should lie in the 80 % interval; a total has an interval "
                                "of its own, because errors partly cancel out and partly move together.")),
    "override": (_l("override"), _l(
        "A planner's number in place of the model's forecast; Forecast is with overrides.")),
    "wape": (_l("WAPE"), _l("Weighted absolute percentage error: the sum of absolute errors divided by the units "
                        "sold; smaller is better.")),
    "accuracy": (_l("accuracy"), _l("WAPE of the models' forecasts as they stood, made from the newest "
                                "%(judged_origins)s periods of each region-item, at all leads, on demand known "
                                "since.", judged_origins=JUDGED_ORIGINS)),
    "bias": (_l("bias"), _l("What was forecast too much (+) or too little (−), divided by the units sold.")),
    "naive": (_l("seasonal naive"), _l("Repeats what was sold one season ago; what every model has to beat.")),
    "skill": (_l("skill"), _l("How much smaller the error is than that of seasonal naive; above 0 % is better.")),
    "coverage": (_l("coverage"), _l("The share of outcomes that lay in the interval; of the 80 % interval 80 % "
                                "should.")),
    "backtest": (_l("backtest"), _l("The model is fitted on older demand only and forecasts newer demand that it has "
                                "not seen.")),
    "pooled": (_l("pooled model"), _l("One model over all region-items; it forecasts those without a model of their "
                                  "own, and own models are built on it.")),
    "baseline": (_l("baseline"), _l("Seasonal naive, which forecasts where no model is better.")),
    "gate": (_l("gate"), _l("Promotes a new model only where it is better than the one in production and than "
                        "seasonal naive, on demand that none of them has seen.")),
    "kept": (_l("kept"), _l("The gate did not promote the new model; what served before still does.")),
    "drift": (_l("drift"), _l("How differently demand or a driver is distributed since the training: the population "
                          "stability index, 0 where nothing has changed.")),
    "pinned": (_l("pinned"), _l("No new model replaces a pinned one until an administrator unpins it.")),
    "at_stake": (_l("at stake"), _l(
        "What may be wrong, in money where prices are known: the difference (from usual sales, the forecast before, "
        "actual sales, the model or the plan) or the forecast of the periods out of stock; where a model, its training "
        "or its data is the matter, the whole forecast.")),
    "service_level": (_l("service level"), _l(
        "The share of order cycles, over all region-items, in which demand is no higher than what was ordered up to; a "
        "single region-item may get less. A cycle lasts the lead time and the review period together.")),
    "quarantine": (_l("quarantine"), _l(
        "Too much of the newest demand was rejected, so the last good demand is used.")),
}
"""Name -> title and sentence."""


def info(name: str) -> Markup:
    """An info sign for a term, at its first place on a page; nothing at others.

    It is a button that opens the sentence, by keyboard too and without a script.
    """
    told: set[str] = g.setdefault("terms_told", set())
    if name in told:
        return Markup("")
    told.add(name)
    part = request.headers.get("HX-Target", "")
    title, sentence = map(str, TERMS[name])
    sign = get_template_attribute("guide/_info.html", "sign")
    return Markup(sign(f"term-{name}{f'-{part}' if part else ''}", title, sentence))  # nosec B704  # a template of ours


def add_to(app: Flask) -> None:
    """Let templates put signs beside terms."""
    app.jinja_env.globals.update(info=info)
