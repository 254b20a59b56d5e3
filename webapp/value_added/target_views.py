"""The administrators' page of targets of accuracy and bias."""

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.access import needs
from webapp.administration.segment_rules import TooManyRulesError
from webapp.language.translations import gettext as _
from webapp.pages.typed_numbers import AmbiguousNumberError, TypedNumberError, read_number
from webapp.region_items.segments import SegmentError, parsed_segment
from webapp.value_added.comparing import kinds
from webapp.value_added.targets import TargetError, remove_target, set_target, targets

bp = Blueprint("targets", __name__, url_prefix="/admin/targets")


@bp.get("")
@needs("admin")
def show() -> ResponseReturnValue:
    """Every target, and a form for another."""
    return render_template("value_added/targets.html", targets=targets())


@bp.post("")
@needs("admin")
def change() -> ResponseReturnValue:
    """Keep a target for all or for a segment."""
    try:
        segment = parsed_segment(request.form.get("segment", ""))
        if segment and segment.partition(":")[0] not in kinds():
            raise TargetError(_("Accuracy is not summed by %(kind)s. It is by %(kinds)s.",
                                kind=segment.partition(":")[0], kinds=", ".join(kinds())))
        changed = set_target(segment, _share("wape", _("WAPE")), _share("tolerance", _("tolerance")),
                             _share("bias", _("bias")))
    except (SegmentError, TargetError, TooManyRulesError) as error:
        abort(422, str(error))
    flash(_("Saved: accuracy target: %(segment)s.", segment=segment or _("all")) if changed else (
        _("Nothing was changed.")), "success" if changed else "info")
    return redirect(url_for("targets.show"), 303)


@bp.post("/<int:target_id>/remove")
@needs("admin")
def remove(target_id: int) -> ResponseReturnValue:
    """Remove a target; the one for all counts then, if there is one."""
    row = remove_target(target_id)
    if row is None:
        abort(404, _("There is no such target."))
    flash(_("Removed: accuracy target: %(segment)s.", segment=row.segment or _("all")), "success")
    return redirect(url_for("targets.show"), 303)


def _share(name: str, words: str) -> float:
    """A share that was typed in percent."""
    text = request.form.get(name, "").strip()
    try:
        return round(read_number(text) / 100, 6)
    except AmbiguousNumberError as error:
        raise TargetError(_("%(error)s You wrote %(text)s for %(field)s.", error=error, text=repr(text[:40]),
                            field=words)) from error
    except TypedNumberError as error:
        raise TargetError(_("Give a percent for %(field)s, not %(text)s.", field=words,
                            text=repr(text[:40]))) from error


def add_to(app: Flask) -> None:
    """Serve the page of targets."""
    app.register_blueprint(bp)
