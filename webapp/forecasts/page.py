"""The page of a selection's forecast, put together: of what is forecast on the spot, and of a group from stored
forecasts."""

from dataclasses import replace
from typing import Any

from flask import render_template, request, url_for
from werkzeug.datastructures import MultiDict

from webapp.access import may
from webapp.accuracy.lead_chart import MOST_SEEN, LeadAccuracy, lead_accuracy, miss_of
from webapp.adjustments.adjustments import told_among, told_count
from webapp.adjustments.predecessor_views import predecessors_of
from webapp.adjustments.views import Outliers, outliers_of
from webapp.forecasts.figures import Figures, figures_of
from webapp.forecasts.in_words import in_words
from webapp.forecasts.query import PAGE_SIZE, TABS, ForecastQuery
from webapp.forecasts.recent_changes import changes_of
from webapp.forecasts.what_if import WhatIf, known_values, what_if_of
from webapp.overrides.applied import Overridden, overridden, overridden_group
from webapp.overrides.form import OverrideForm
from webapp.region_items.attributes import attributes_of, declared
from webapp.region_items.own_pooled_or_naive import table_of as evidence_of
from webapp.region_items.rows import open_retrains
from webapp.scenarios.request import ScopedDriverChange
from webapp.services import services
from webapp.serving.explaining_sentences import of_miss
from webapp.serving.explanation import MOST_EXACT, Explanation, explain_lines
from webapp.serving.forecast_of_selection import Answer
from webapp.serving.history import backtest_of
from webapp.serving.line_item import LineItem, analogues_of
from webapp.serving.selection_sizes import MOST_REGION_ITEMS
from webapp.stored_forecasts.group_answer import group_of
from webapp.stored_forecasts.group_page import last_year_of

Parts = dict[str, Any]
"""What a part of the page shows, by the names that its templates give it."""


def selection_page(forecast_query: ForecastQuery, fields: MultiDict[str, str],
                   **more: Any) -> tuple[str, int, dict[str, str]]:
    """The page, its status, and for a what-if the address that holds it; its result alone for htmx.

    Args:
        more: what the page shows besides: ``find``, ``choices`` and ``groups`` of a search, ``changed`` models, the
            ``override_form`` as it was typed.
    """
    what_if = what_if_of(forecast_query, fields)
    answer, form = what_if.answer, what_if.form
    found = overrides_of(answer)
    included = found if found.count and forecast_query.overrides and not answer.has_scenario else None
    only = answer.lines[0] if len(forecast_query.rows) == len(answer.lines) == 1 else None
    seen = lead_accuracy(answer.lines, answer.past.each) if 0 < len(answer.lines) <= MOST_SEEN else None
    backtest = backtest_of(answer.lines, answer.past, services().dataset)
    outliers = outliers_of(only.row, answer.past.each[only.row.key], services().dataset,
                           forecast_query.adjust) if only else Outliers([], [])
    figures = figures_of(forecast_query, answer, found, included, backtest, seen,
                         {row.date: row.usual for row in outliers.rows})
    has_what_if = bool(services().dataset.drivers and answer.lines and (may("forecasts.ask") or form.changes))
    address: dict[str, Any] = {**forecast_query.query(), **(form.query() if form.is_valid else {})}
    is_alone = bool(request.headers.get("HX-Request")) and not request.headers.get("HX-Boosted")
    text = render_template(
        "forecasts/_result.html" if is_alone else "forecasts/show.html", forecast_query=forecast_query, answer=answer,
        query=address, found=found, included=included, backtest=backtest, with_messages=is_alone and (
            request.method == "POST"),
        **_tabs(forecast_query, more, [
            *(["what-if"] if has_what_if else []), "why", "overrides", "accuracy", "model",
            *(["unusual", "history"] if only else ["region-items"]), "table"]),
        **vars(figures), **_scenario(what_if, has_what_if),
        **_explained(forecast_query, answer, included, address), **_accuracy(answer, seen, figures),
        **_models(forecast_query, answer), **_of_one(only, forecast_query, answer, outliers, found),
        **{"changed": [], "find": "", "choices": [], "groups": [], "override_form": OverrideForm(), **more})
    is_kept = request.method == "POST" and is_alone and what_if.status == 200
    return text, what_if.status, {"HX-Push-Url": url_for("forecasts.show", **address)} if is_kept else {}


def group_page(forecast_query: ForecastQuery, **more: Any) -> str:
    """The page of a group that is read from the stored forecasts; ``more`` as for ``selection_page``."""
    dataset = services().dataset
    answer = group_of(forecast_query.keys, dataset, forecast_query.horizon, forecast_query.coverage / 100)
    is_whole = forecast_query.horizon == dataset.horizon  # what is kept of last year is of the whole horizon
    found = overridden_group(answer)
    included = found if found.count and forecast_query.overrides else None
    is_model = bool(found.count and not included)
    last_year = last_year_of(forecast_query.fields) if is_whole else None
    if last_year and is_model:
        last_year = replace(last_year, change=None)  # what is kept of the change is of the forecast with overrides
    return render_template(
        "forecasts/group.html", forecast_query=forecast_query, answer=answer, is_whole=is_whole,
        last_year=last_year, is_model=is_model, query=forecast_query.query(), page_size=PAGE_SIZE, found=found,
        included=included, most=MOST_REGION_ITEMS,
        lines=answer.lines(forecast_query.page, PAGE_SIZE, included.parts if included else None),
        **_tabs(forecast_query, more, ["region-items", "overrides", "table"]),
        **vars(figures_of(forecast_query, answer, found, included, answer.backtest if answer.summed else None)),
        **{"find": "", "choices": [], "groups": [], "override_form": OverrideForm(), **more})


def page_with_override(forecast_query: ForecastQuery, form: OverrideForm) -> tuple[str, int]:
    """The page of a selection with an override as it was typed and what is wrong with it."""
    if forecast_query.is_large:
        return group_page(forecast_query, override_form=form), 422
    return selection_page(forecast_query, MultiDict(), override_form=form)[0], 422


def overrides_of(answer: Answer) -> Overridden:
    """The forecast with its open overrides."""
    return overridden({line.row.key: line.plan.part for line in answer.lines}, answer.periods, answer.coverage)


def sentences_on(forecast_query: ForecastQuery, answer: Answer, explanation: Explanation | None,
                 below_total: bool) -> list[str]:
    """The sentences on an answer that was explained."""
    found = overrides_of(answer)
    included = found if found.count and forecast_query.overrides else None
    return in_words(answer, included, explanation, is_explained=True, below_total=below_total)


def _tabs(forecast_query: ForecastQuery, more: Parts, has: list[str]) -> Parts:
    """The tabs of a page by name, and the one that is seen first: what was asked for, or what is to be put right."""
    form: OverrideForm | None = more.get("override_form")
    wanted = "overrides" if form and form.is_open else "unusual" if forecast_query.adjust else forecast_query.tab
    return {"tabs": {name: TABS[name] for name in has}, "current": wanted if wanted in has else has[0]}


def _scenario(what_if: WhatIf, has_what_if: bool) -> Parts:
    """The form of a what-if, and what it asks, for those who may only look."""
    form = what_if.form
    return {"form": form, "has_what_if": has_what_if, "known_values": known_values(what_if.plan),
            "asked": [ScopedDriverChange(one.driver, one.action, one.value, one.first, one.last)
                      for one in form.changes]}


def _explained(forecast_query: ForecastQuery, answer: Answer, included: Overridden | None, address: Parts) -> Parts:
    """Why the forecast is as it is: in sentences, and where that is asked in contributions."""
    explanation = explain_lines(services(), answer.lines) if forecast_query.why else None
    can_explain = any(line.model.pooled is not None for line in answer.lines) and len(answer.lines) <= MOST_EXACT
    return {"explanation": explanation, "why_sentences": [],
            "sentences": in_words(answer, included, explanation, is_explained=forecast_query.why, below_total=True),
            "explained_by": url_for("forecasts.told_in_words", **address) if can_explain and not explanation else ""}


def _accuracy(answer: Answer, seen: LeadAccuracy | None, figures: Figures) -> Parts:
    """How right past forecasts were, by lead, and the newest beside what came."""
    dataset = services().dataset
    miss = miss_of(seen.archived, answer.past.of_all, answer.past.out_of_stock, dataset.horizon) if seen else None
    return {"seen": seen, "most_seen": MOST_SEEN,
            "miss": of_miss(miss, dataset.unit, figures.table.decimals) if seen and figures.table else []}


def _models(forecast_query: ForecastQuery, answer: Answer) -> Parts:
    """What forecasts the region-items, and what is being retrained."""
    return {"retraining": open_retrains(forecast_query.keys), "declared": declared(),
            "evidence": evidence_of([line.row for line in answer.lines])}


def _of_one(only: LineItem | None, forecast_query: ForecastQuery, answer: Answer, outliers: Outliers,
            found: Overridden) -> Parts:
    """What the page of one region-item has besides: what is unusual, what it carries on, what was changed about it."""
    if only is None:
        return {"outliers": outliers, "predecessors": None, "changes": [], "attributes": {}, "analogues": [],
                "told": told_count(forecast_query.keys)}
    predecessors = predecessors_of(only.row, answer.past.each[only.row.key])
    return {"outliers": outliers, "predecessors": predecessors,
            "changes": changes_of(only.row, outliers, found, predecessors),
            "attributes": attributes_of([only.row.region_item])[only.row.region_item],
            "analogues": analogues_of(services(), only) if answer.has_scenario else [],
            "told": told_among([*outliers.adjustments, *predecessors.counting, *predecessors.overruled,
                                *predecessors.removed])}
