"""The page of order-up-to quantities, their file, and the rules by which they are made."""

from collections.abc import Iterator, Sequence

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from demand_assets.forecasting.dataset.order_up_to import SERVICE_LEVELS
from demand_assets.forecasting.dataset.prices_and_costs import KINDS
from demand_assets.forecasting.forecast.order_up_to import OrderUpToError
from webapp.access import needs
from webapp.administration.segment_rules import TooManyRulesError
from webapp.db.database import LARGEST_ID, db, snapshot
from webapp.language.translations import ENGLISH, in_language
from webapp.language.translations import gettext as _
from webapp.order_up_to.lead_times import of_file, remove_rule, rules, set_rule
from webapp.order_up_to.quantities import lines_of
from webapp.pages.download_files import Cell, exact, requested_format, spooled_file_of
from webapp.pages.listing import Kind, Query, View, containing, find_page, in_order, parse_view
from webapp.pages.rounded_money import in_currency, rounded_money
from webapp.pages.typed_numbers import TypedNumberError, read_number
from webapp.region_items.attributes import Filter, arguments_of, conditions_of, declared, parse_filters
from webapp.region_items.segments import SegmentError, is_seen, parsed_segment, refuse_unseen
from webapp.services import services
from webapp.tables import OrderUpToRule, RegionItemRow

bp = Blueprint("order_up_to", __name__, url_prefix="/order-up-to")

LIST = Kind(columns={"region_item": RegionItemRow.position.expression,
                     "forecast": RegionItemRow.forecast_total.expression}, sort="region_item")


@bp.get("")
@needs("viewer")
def show() -> ResponseReturnValue:
    """Every region-item with its quantity: a page, or a file."""
    view, filters = parse_view(LIST, request.args), parse_filters(request.args)
    query = _matching(view, filters)
    if form := requested_format(request.args):
        with snapshot(), in_language(ENGLISH):  # a file is the same for every reader
            keys = list(db.session.scalars(query.with_only_columns(RegionItemRow.key)))
            name = f"order_up_to_{services().dataset.name}"
            return spooled_file_of(form, name, _columns(), _cells(keys))
    page = find_page(query, view)
    chosen = arguments_of(filters)
    return render_template(
        "order_up_to/show.html", page=page, view=view, lines=list(lines_of([row.key for row in page.rows])),
        rules=[row for row in rules() if is_seen(row.segment)], of_file=of_file(), levels=SERVICE_LEVELS,
        attributes=list(declared()),
        chosen=chosen, fixed={"attribute": chosen} if chosen else {}, shown_money=_money())


@bp.post("/rules")
@needs("planner")
def change() -> ResponseReturnValue:
    """Keep a rule for all or for a segment."""
    try:
        segment = parsed_segment(request.form.get("segment", ""))
        lead_time, review_period = _periods("lead_time"), _periods("review_period")
        refuse_unseen(segment)
        changed = set_rule(segment, lead_time, review_period, _level())
    except (OrderUpToError, SegmentError, TooManyRulesError) as error:
        abort(422, str(error))
    flash(_("Saved: order up to: %(segment)s.", segment=segment or _("all")) if changed else (
        _("Nothing was changed.")), "success" if changed else "info")
    return redirect(url_for("order_up_to.show", _anchor="rules"), 303)


@bp.post("/rules/<int:rule_id>/remove")
@needs("planner")
def remove(rule_id: int) -> ResponseReturnValue:
    """Remove a rule, so that the next that fits counts."""
    before = db.session.get(OrderUpToRule, rule_id) if 0 < rule_id <= LARGEST_ID else None
    if before is not None and is_seen(before.segment):
        refuse_unseen(before.segment)
    elif before is not None:
        abort(404, _("There is no such rule."))
    row = remove_rule(rule_id)
    if row is None:
        abort(404, _("There is no such rule."))
    flash(_("Removed: order up to: %(segment)s.", segment=row.segment or _("all")), "success")
    return redirect(url_for("order_up_to.show", _anchor="rules"), 303)


def _matching(view: View, filters: Sequence[Filter]) -> Query:
    query: Query = select(RegionItemRow).where(RegionItemRow.in_catalogue, *conditions_of(filters))
    return in_order(containing(query, view.search), view, RegionItemRow.position.expression)


def _money() -> list[str]:
    """``price`` and ``cost``, where the dataset has them."""
    dataset = services().dataset
    return [kind for kind in KINDS if dataset.has_money and dataset.amount(kind) is not None]


def _columns() -> list[str]:
    unit = services().dataset.unit
    money = {"price": in_currency("Order up to at price"), "cost": in_currency("Order up to at cost")}
    return ["Region", "Item", "From", "To", "Lead time, periods", "Review period, periods", "Service level, %",
            f"Forecast, {unit}", f"Of it by overrides, {unit}", f"Order up to, {unit}",
            *(money[kind] for kind in _money()), "Not known because"]


def _cells(keys: Sequence[str]) -> Iterator[Sequence[Cell]]:
    shown = _money()
    for line in lines_of(keys):
        money = {"price": line.at_price, "cost": line.at_cost}
        terms = [line.terms.lead_time, line.terms.review_period, line.terms.service_level] if line.terms else [None] * 3
        yield [line.row.region, line.row.item, line.first, line.last, *terms, line.forecast, line.overridden or None,
               line.quantity, *(exact(rounded_money(money[kind])) for kind in shown), line.why]


def _periods(name: str) -> int | None:
    text = request.form.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise OrderUpToError(
            _("The lead time must be a whole number of periods, not %(text)s.", text=repr(text[:40]))
            if name == "lead_time" else
            _("The review period must be a whole number of periods, not %(text)s.", text=repr(text[:40])))
    return int(text)


def _level() -> float | None:
    text = request.form.get("service_level", "").strip().removesuffix("%")
    try:
        return read_number(text) if text else None
    except TypedNumberError as error:
        raise OrderUpToError(_("A service level of %(text)s is not possible. %(error)s", text=repr(text[:40]),
                               error=error)) from error


def add_to(app: Flask) -> None:
    """Serve the page."""
    app.register_blueprint(bp)
