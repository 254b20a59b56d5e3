"""The page on which a planner decides what a scenario becomes of the plan."""

from collections.abc import Sequence
from typing import cast

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from demand_assets.forecasting.contract.region_item import RegionItem
from webapp.access import actor, needs
from webapp.http.form_tokens import sent_form_token
from webapp.language.translations import gettext as _
from webapp.language.translations import ngettext as _n
from webapp.overrides.wanted_override import OverrideError
from webapp.pages.reader_locale import number
from webapp.scenarios.applying.apply import ChangedSinceSeenError, Decided, apply
from webapp.scenarios.applying.wanted_overrides import (
    ON_CHANGED,
    ON_OVERRIDES,
    OnChanged,
    OnOverrides,
    situation_of,
)
from webapp.scenarios.page import scenario_at
from webapp.serving.forecast_of_selection import words_of
from webapp.tables import SavedScenario

bp = Blueprint("scenario_overrides", __name__, url_prefix="/scenarios")

NAMED = 5
"""Region-items that the page names."""


@bp.get("/<token>/apply")
@needs("planner")
def show(token: str) -> ResponseReturnValue:
    """What it would make of the plan, and what has to be decided first."""
    return _page(scenario_at(token), Decided())


@bp.post("/<token>/apply")
@needs("planner")
def make(token: str) -> ResponseReturnValue:
    """Override the plan, as decided."""
    scenario = scenario_at(token)
    decided = Decided(cast(OnOverrides | None, _one_of("overrides", ON_OVERRIDES)),
                      cast(OnChanged | None, _one_of("changed", ON_CHANGED)))
    form = sent_form_token()
    try:
        made = apply(scenario, decided, form, request.form.get("seen", ""))
    except OverrideError as error:
        return _page(scenario_at(token), decided, str(error), 409 if isinstance(error, ChangedSinceSeenError) else 422)
    if made.is_new and made.replaced:  # the page says the rest
        told = _n("%(num)s override", "%(num)s overrides", made.count, num=number(made.count))
        flash(_n("%(overrides)s, in place of %(num)s earlier override.",
                 "%(overrides)s, in place of %(num)s earlier overrides.", made.replaced,
                 num=number(made.replaced), overrides=told), "success")
    elif not made.is_new:
        flash(_("Already applied."), "info")
    return redirect(url_for("scenarios.detail", token=token), 303)


def _one_of(name: str, allowed: dict[OnOverrides, str] | dict[OnChanged, str]) -> str | None:
    value = request.form.get(name, "")
    return value if value in allowed else None


def _words_of(keys: Sequence[str]) -> str:
    return words_of([RegionItem.from_key(key) for key in keys], NAMED)


def _page(scenario: SavedScenario, decided: Decided, error: str = "", status: int = 200) -> ResponseReturnValue:
    situation = situation_of(scenario, actor())
    return render_template(
        "scenarios/apply.html", scenario=scenario, situation=situation, decided=decided, error=error,
        totals=situation.totals(situation.wanted("replace", "include")), words_of=_words_of,
        ON_OVERRIDES=ON_OVERRIDES, ON_CHANGED=ON_CHANGED), status
