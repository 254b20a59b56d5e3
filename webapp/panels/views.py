"""The panels beside a selection of forecasts: what is ticked in one changes what the others count."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flask import Blueprint, Flask, render_template, request

from demand_assets.forecasting.dataset.attributes import AXES, Axis
from webapp.access import needs
from webapp.panels.panels import LONGEST_FIND, Panel, panels_of, uncounted
from webapp.region_items.attributes import ARGUMENT, Filter, parsed
from webapp.region_items.overview_table.query import View, count_matching, parse_view
from webapp.services import services

bp = Blueprint("panels", __name__, url_prefix="/panels")

HORIZONS = {"D": (7, 14, 28, 56, 91), "W": (4, 8, 13, 26, 52), "M": (3, 6, 12, 24), "Q": (2, 4, 8)}
"""Offered beside the dataset's whole horizon."""
NOT_KEPT = ("horizon", "past", "page", "tab", "why")
"""Arguments of the page of forecasts that the panels say themselves, or that belong to what was shown before."""


class Asked(Protocol):
    """What a page of forecasts is asked."""

    horizon: int
    longest: int
    selection: Any

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The selection as fields of a form."""

    def query(self) -> Any:
        """The URL's arguments."""


@dataclass(frozen=True)
class Choice:
    """What is chosen in the panels."""

    panels: Sequence[Panel]
    filters: Sequence[Filter]
    matching: int
    """Region-items that all choices leave."""
    horizons: Sequence[int] = ()
    kept: Sequence[tuple[str, str]] = ()
    """Fields that stay as they are."""


@bp.get("")
@needs("viewer")
def values() -> str:
    """What the panels count when other values are ticked, and how many region-items that chooses."""
    view = parse_view(request.args)
    return render_template("panels/values.html", choice=_choice(
        View(attributes=view.attributes, items=view.items, regions=view.regions)))


def asked_finds() -> dict[Axis, str]:
    """What the values of each panel are searched for."""
    return {axis: request.args.get(f"find-{axis}", "").strip()[:LONGEST_FIND] for axis in AXES}


def forecast_panels(asked: Asked) -> Choice:
    """The panels beside a selection; a selection that they cannot say ticks nothing, and they are counted once they are
    opened."""
    kinds = {name for name, _ in asked.fields}
    filters = [parsed(value) if name == ARGUMENT else (name, value) for name, value in asked.fields] if (
        len(kinds) == 1 and kinds <= {ARGUMENT, *AXES}) else []
    if filters or not asked.fields or any(asked_finds().values()):
        found = _choice(View(attributes=tuple(sorted(filters)), items="item" if kinds == {"item"} else "",
                             regions="region" if kinds == {"region"} else ""))
    else:
        found = Choice(uncounted(), (), 0)
    kept = [(name, str(value)) for name, value in asked.query().items()
            if name not in NOT_KEPT and name not in asked.selection]
    offered = HORIZONS.get(services().dataset.frequency[:1], ())
    horizons = sorted({*(count for count in offered if count < asked.longest), asked.longest, asked.horizon})
    return Choice(found.panels, found.filters, found.matching, horizons, kept)


def _choice(view: View) -> Choice:
    return Choice(panels_of(view, asked_finds()), view.attributes, count_matching(view))


def add_to(app: Flask) -> None:
    """Serve what changes of the panels; pages of forecasts show them."""
    app.register_blueprint(bp)
    app.jinja_env.globals.update(forecast_panels=forecast_panels)
