"""Data quality: what was refused and why, what drifted, how fresh each region-item's demand is."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from flask import Blueprint, Flask, abort, render_template, request
from flask.typing import ResponseReturnValue

from demand_assets.forecasting.contract.quarantine import COLUMNS
from demand_assets.forecasting.store.demand_store import SourceNotes
from webapp.access import needs
from webapp.adjustments.predecessors import carrying_on
from webapp.data_quality import drift, freshness, quarantine
from webapp.data_quality.data_loads import LOADS_KEPT, RUNS_KEPT
from webapp.data_quality.rule_words import RULE_WORDS
from webapp.db.database import db
from webapp.http.errors import error_page
from webapp.language.translations import gettext as _
from webapp.language.translations import in_language, language, lazy_gettext
from webapp.pages.download_files import Cell, file_of, requested_format
from webapp.pages.listing import Kind, Page, Query, View, find_page, parse_view, place_of
from webapp.personal.seen_region_items import refuse_restricted, sees_everything
from webapp.region_items.rows import rows_of
from webapp.services import services
from webapp.systems.links import run_link
from webapp.systems.outages import WORDS
from webapp.tables import DataLoad, DataLoadRun, RegionItemRow

bp = Blueprint("data_quality", __name__, url_prefix="/data")

OF_ALL = lazy_gettext("A load is of all region-items at once.")
CARRYING_ON_SHOWN = 20
"""Region-items that carry on another's demand, as listed; of more the number is told."""


@bp.errorhandler(OSError)
def _store_down(_error: OSError) -> ResponseReturnValue:
    title, consequence = WORDS["store"]
    return error_page(503, _("%(system)s does not answer, so this page cannot be made. %(consequence)s The other pages "
                             "of Data work; try again in a moment.", system=title, consequence=consequence))


@bp.get("")
@needs("viewer")
def show() -> ResponseReturnValue:
    """What was refused by rule, and how the rest stands in a few numbers."""
    if form := requested_format(request.args):
        with in_language(None):  # files are the same for every reader
            rules = quarantine.by_rule()
        return file_of(form, _name("rules"), ("Rule", "In words", "Values refused", "Region-items"),
                       [(one.rule, one.words, one.values, one.region_items) for one in rules])
    rules = quarantine.by_rule()
    dataset = services().dataset
    return render_template(
        "data_quality/show.html", rules=rules, refused=quarantine.refused_counts(),
        drifted=drift.drift_counts(dataset.retraining.drift), fresh=freshness.counts(dataset, date.today()),
        unused=quarantine.unused(), contradicted=quarantine.contradicted_defaults(),
        notes=services().store.read_source_notes() if sees_everything() else SourceNotes(),
        carrying_on=carrying_on(CARRYING_ON_SHOWN))


@bp.get("/region-items")
@needs("viewer")
def region_items() -> ResponseReturnValue:
    """The region-items of which something was refused."""
    def cells(row: RegionItemRow) -> Sequence[Cell]:
        by_rule = "; ".join(f"{words}: {count}" for words, count in quarantine.rules_in_words(row.quarantined))
        return (row.region, row.item, row.quarantined_rows, row.rows_read, by_rule, row.loaded_at,
                _day(row.last_date), row.quarantine_reason)

    return _list(quarantine.REGION_ITEMS, quarantine.region_items, "region_items", cells, (
        "Region", "Item", "Rows refused", "Rows read", "Values refused by rule", "Newest load (UTC)", "Last demand",
        "Why its last good demand is kept"), rules=RULE_WORDS)


@bp.get("/loads")
@needs("viewer")
def loads() -> ResponseReturnValue:
    """The runs of the pipeline that took demand in."""
    refuse_restricted(OF_ALL)

    def cells(run: DataLoadRun) -> Sequence[Cell]:
        by_rule = "; ".join(f"{words}: {count}" for words, count in quarantine.rules_in_words(run.refused))
        return (run.run_id, run.first_at, run.last_at, run.region_items, run.kept, run.rows_read, run.refused_rows,
                by_rule)

    return _list(quarantine.LOADS, quarantine.loads, "loads", cells, (
        "Run", "First (UTC)", "Last (UTC)", "Region-items", "Last good demand kept", "Rows read", "Rows refused",
        "Values refused by rule"), loads_kept=LOADS_KEPT, runs_kept=RUNS_KEPT)


@bp.get("/loads/<run_id>")
@needs("viewer")
def load(run_id: str) -> ResponseReturnValue:
    """The region-items of one run."""
    refuse_restricted(OF_ALL)
    run = db.session.get(DataLoadRun, run_id)
    if run is None:
        abort(404, _("There is no load %(load)s. The newest %(kept)s are kept; Data lists them under Loads.",
                     load=repr(run_id[:64]), kept=RUNS_KEPT))

    has_stock = services().dataset.stock_entry is not None

    def cells(found: tuple[DataLoad, RegionItemRow]) -> Sequence[Cell]:
        one, row = found
        by_rule = "; ".join(f"{words}: {count}" for words, count in quarantine.rules_in_words(one.refused))
        return (row.region, row.item, one.at, one.outcome, one.rows_read, one.refused_rows, by_rule, one.reason,
                _day(one.last_date), *([one.out_of_stock_periods, one.periods] if has_stock else []))

    link = run_link(run_id) if len(run_id) > 10 else None
    return _list(quarantine.LOAD, lambda view: quarantine.load_of(run_id, view), "load", cells, (
        "Region", "Item", "At (UTC)", "Outcome", "Rows read", "Rows refused", "Values refused by rule", "Reason",
        "Last demand", *(["Periods out of stock", "Periods"] if has_stock else [])), run=run, link=link,
        loads_kept=LOADS_KEPT, has_stock=has_stock)


@bp.get("/quarantine", endpoint="quarantine")
@needs("viewer")
def show_quarantine() -> ResponseReturnValue:
    """The refused rows of one region-item's newest load."""
    row = _region_item()
    view = parse_view(quarantine.ROWS, request.args)
    found = quarantine.refused_rows(services().store, row.region_item, view.filters["rule"])
    if form := requested_format(request.args):
        return file_of(form, _name(f"quarantine-{row.region_item}"), COLUMNS, found[list(COLUMNS)].itertuples(
            index=False))
    return render_template("data_quality/quarantine.html", row=row, load=quarantine.newest_load(row),
                           page=_page_of(found.to_dict("records"), view), rules=RULE_WORDS)


@bp.get("/drift")
@needs("viewer")
def drifts() -> ResponseReturnValue:
    """The region-items by how far demand or drivers drifted since the training."""
    over = services().dataset.retraining.drift
    return _list(drift.DRIFT, lambda view: drift.monitored(view, over), "drifts", lambda row: (
        row.region, row.item, row.drift, row.drifted, _day(row.last_date)), (
        "Region", "Item", "Largest population stability index", "What drifted most", "Last demand"),
        over=over, little=drift.LITTLE, large=drift.LARGE, counts=drift.drift_counts(over))


@bp.get("/drift/region-item")
@needs("viewer")
def drifted() -> ResponseReturnValue:
    """Old and new distributions of one region-item."""
    row = _region_item()
    form = requested_format(request.args)
    with in_language(None if form else language()):  # files are the same for every reader
        found, why_not = drift.measured(services(), row)
        columns = drift.distributions(services(), found) if found else []
    if form:
        return file_of(form, _name(f"drift-{row.region_item}"), (
            "Of", "Population stability index", "Values", "Share in the training's last year", "Share since"),
            [(column.name, column.index, one.words, one.before, one.after) for column in columns
             for one in column.bins])
    return render_template("data_quality/drifted.html", row=row, drift=found, why_not=why_not, columns=columns,
                           over=services().dataset.retraining.drift, little=drift.LITTLE, large=drift.LARGE)


@bp.get("/freshness")
@needs("viewer")
def fresh() -> ResponseReturnValue:
    """How far each region-item's known demand lies behind today, those that are furthest behind first."""
    dataset, today = services().dataset, date.today()

    def behind(row: RegionItemRow) -> int | None:
        last = _day(row.last_date)
        return None if last is None else freshness.periods_behind(dataset, last, today)

    def state(row: RegionItemRow) -> freshness.State:
        return freshness.state_of(dataset, _day(row.last_date), today)

    return _list(freshness.FRESHNESS, lambda view: freshness.region_items(dataset, view, today), "fresh", lambda row: (
        row.region, row.item, _day(row.last_date), behind(row), str(freshness.STATES[state(row)]), row.loaded_at), (
        "Region", "Item", "Last demand", "Periods behind today", "State", "Newest load (UTC)"),
        behind=behind, state=state, states=freshness.STATES, counts=freshness.counts(dataset, today))


def _list(kind: Kind, query: Callable[[View], Query], endpoint: str, cells: Callable[[Any], Sequence[Cell]],
          columns: Sequence[str], **more: Any) -> ResponseReturnValue:
    """A list as its page, or all that matches as a file when the URL asks for one."""
    view = parse_view(kind, request.args)
    if form := requested_format(request.args):
        found = db.session.execute(query(view)).all()
        rows: Iterable[Any] = (row[0] if len(row) == 1 else row for row in found)
        with in_language(None):  # files are the same for every reader
            return file_of(form, _name(endpoint.replace("_", "-")), columns, (cells(row) for row in rows))
    page = find_page(query(view), view)
    return render_template(f"data_quality/{endpoint}.html", page=page, view=page.view,
                           rules_in_words=quarantine.rules_in_words, **more)


def _page_of(rows: Sequence[Mapping[Hashable, Any]], view: View) -> Page:
    """A page of rows that are all at hand."""
    place = place_of(view.page, len(rows), view.size)
    return Page(rows[place.before:place.before + view.size], len(rows), view.at_page(place.number), place.pages)


def _region_item() -> RegionItemRow:
    key = request.args.get("ri", "")
    if not key:
        abort(422, _("No region-item is named: the URL needs ri=region|item. The lists of Data lead here."))
    return rows_of([key])[0]


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _name(what: str) -> str:
    return f"{services().dataset.name}-{what}-{date.today()}"


def add_to(app: Flask) -> None:
    """Serve the pages of data quality."""
    app.register_blueprint(bp)
