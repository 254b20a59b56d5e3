"""The administrators' page of the rules by which the list of work is found."""

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.access import needs
from webapp.administration.segment_rules import TooManyRulesError
from webapp.http.choices import one_of
from webapp.language.translations import gettext as _
from webapp.pages.typed_numbers import AmbiguousNumberError, TypedNumberError, read_number
from webapp.region_items.segments import SegmentError, parsed_segment
from webapp.work_list.thresholds import (
    KINDS,
    MOST_DAYS,
    RuleError,
    default_rule,
    inside_sentence,
    named,
    remove_rule,
    rules,
    set_rule,
)

bp = Blueprint("work_rules", __name__, url_prefix="/admin/work")


@bp.get("")
@needs("admin")
def show() -> ResponseReturnValue:
    """Every kind with its rules, and a form for another."""
    kind = one_of("kind", request.args.get("kind", "") or "moved", KINDS)
    return render_template("work_list/rules.html", kinds=KINDS, rules=rules(), chosen=kind, plain=default_rule(kind),
                           most_days=MOST_DAYS, inside_sentence=inside_sentence)


@bp.post("")
@needs("admin")
def change() -> ResponseReturnValue:
    """Keep a rule for all or for a segment."""
    kind = one_of("kind", request.form.get("kind", ""), KINDS)
    known = KINDS[kind]
    try:
        segment = parsed_segment(request.form.get("segment", ""))
        changed = set_rule(
            kind, segment, is_on=bool(request.form.get("is_on")),
            threshold=_number("threshold", known.threshold_words) if known.threshold is not None else None,
            periods=_whole("periods", known.periods_words) if known.periods is not None else None,
            due_days=_whole("due_days", _("Days until due")),
            again_days=_whole("again_days", _("Days until reopened")))
    except (RuleError, SegmentError, TooManyRulesError) as error:
        abort(422, str(error))
    flash(_("Saved: %(rule)s. The list follows within minutes.", rule=named(kind, segment)) if changed else
          _("Nothing was changed."),
          "success" if changed else "info")
    return redirect(url_for("work_rules.show", kind=kind), 303)


@bp.post("/<int:rule_id>/remove")
@needs("admin")
def remove(rule_id: int) -> ResponseReturnValue:
    """Remove a rule, so that the next that fits counts."""
    row = remove_rule(rule_id)
    if row is None:
        abort(404, _("There is no such rule."))
    flash(_("Removed: %(rule)s.", rule=named(row.kind, row.segment)), "success")
    return redirect(url_for("work_rules.show"), 303)


def _number(name: str, words: str) -> float:
    text = request.form.get(name, "").strip()
    try:
        return read_number(text)
    except AmbiguousNumberError as error:
        raise RuleError(_("%(problem)s You wrote %(text)s for %(what)s.", problem=error, text=repr(text[:40]),
                          what=inside_sentence(words))) from error
    except TypedNumberError as error:
        raise RuleError(_("Give a number for %(what)s, not %(text)s.", what=inside_sentence(words),
                          text=repr(text[:40]))) from error


def _whole(name: str, words: str) -> int:
    text = request.form.get(name, "").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise RuleError(_("%(what)s: %(text)s is not a whole number from 0 to %(most)s.", what=words,
                          text=repr(text[:40]), most=MOST_DAYS))
    return int(text)


def add_to(app: Flask) -> None:
    """Serve the page of rules."""
    app.register_blueprint(bp)
