"""Drift of demand and drivers since each training: who drifted most, and the distributions behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import func, select

from demand_assets.forecasting.gate.drift import LEAST_NEW_PERIODS, Drift, Stability, drift_of
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.model.unknown_drivers import OtherDriversError
from demand_assets.forecasting.store.stored_files import NotInStoreError
from webapp.db.database import db
from webapp.language.translations import gettext as _
from webapp.pages.listing import Kind, Query, View, containing, in_order
from webapp.pages.numbers_and_dates import period_words, units
from webapp.pages.stored_words import stored_words
from webapp.services import Services
from webapp.tables import RegionItemRow

LITTLE, LARGE = 0.1, 0.25
"""Population stability index below which a shift is commonly called small, and from which on large."""
DRIFT = Kind(
    columns={"region_item": RegionItemRow.position.expression, "drift": RegionItemRow.drift.expression,
             "drifted": RegionItemRow.drifted.expression, "last_date": RegionItemRow.last_date.expression},
    sort="drift", descending=True, filters={"over": ("yes",)})


@dataclass(frozen=True)
class Bin:
    """Values between two edges: how many of each sample, as shares."""

    words: str
    before: float
    after: float


@dataclass(frozen=True)
class Distribution:
    """One column, in the training's last year and since."""

    name: str
    title: str
    index: float
    bins: Sequence[Bin]

    def chart(self) -> dict[str, Any]:
        """What the chart draws, as JSON types: shares in percent."""
        return {"bins": [one.words for one in self.bins],
                "before": [round(100 * one.before, 2) for one in self.bins],
                "after": [round(100 * one.after, 2) for one in self.bins]}


def monitored(view: View, over: float) -> Query:
    """The region-items whose drift was measured.

    Args:
        over: the index above which one is told when the view asks for those only.
    """
    query = select(RegionItemRow).where(RegionItemRow.in_catalogue, RegionItemRow.drift.is_not(None))
    if view.filters["over"]:
        query = query.where(RegionItemRow.drift > over)
    return in_order(containing(query, view.search), view, RegionItemRow.position.expression)


def drift_counts(over: float) -> dict[str, int]:
    """How many region-items are ``monitored``, and of how many the index is ``over`` that."""
    monitored, above = db.session.execute(select(
        func.count(RegionItemRow.drift), func.count().filter(RegionItemRow.drift > over)).where(
        RegionItemRow.in_catalogue)).one()
    return {"monitored": monitored, "over": above}


def measured(services: Services, row: RegionItemRow) -> tuple[Drift | None, str]:
    """The drift of one region-item as it is now, or None and why there is none to tell.

    Raises: OSError: the demand store does not answer.
    """
    if row.production_version is None:
        return None, _("It has no model of its own in production, so there is no training to compare with.")
    try:
        model = services.models.load(row.region_item, row.production_version)
        drift = drift_of(services.store.read("demand", row.region_item), services.dataset, model, row.region_item)
    except OtherDriversError as error:
        return None, _("v%(version)s cannot be compared with the demand of today: %(problem)s.",
                       version=row.production_version, problem=stored_words(str(error)))
    except ModelFilesError:
        return None, _("The files of v%(version)s are not here yet; they are fetched from the registry.",
                       version=row.production_version)
    except NotInStoreError:
        return None, _("No demand is stored for it yet; it appears once the pipeline has read it.")
    least = LEAST_NEW_PERIODS[services.dataset.frequency]
    if drift.new_periods < least:
        return None, _("%(new)s of demand came since the training of v%(version)s; from %(least)s on the "
                       "distributions are compared.", new=period_words(drift.new_periods),
                       version=row.production_version, least=period_words(least))
    return drift, ""


def distributions(services: Services, drift: Drift) -> list[Distribution]:
    """Demand first, then the drivers, those that drifted most first."""
    titles = {driver.name: driver.title for driver in services.dataset.drivers}
    yes_no = {driver.name for driver in services.dataset.drivers if driver.kind == "yes_no"}
    found = [Distribution(name, titles.get(name, name), stability.index, _bins(stability, name in yes_no))
             for name, stability in drift.columns.items()]
    return sorted(found, key=lambda one: (one.name != "demand", -one.index))


def _bins(stability: Stability, is_yes_no: bool) -> list[Bin]:
    edges = [units(float(edge), _decimals(stability)) for edge in stability.edges]
    words = [_("below %(edge)s", edge=edges[0]), *(_("%(first)s to %(last)s", first=low, last=high)
                                                   for low, high in pairwise(edges)),
             _("%(edge)s and above", edge=edges[-1])] if edges else [_("all")]
    words = [_("no"), _("yes")] if is_yes_no and len(words) == 2 else words
    shares = [counts / max(counts.sum(), 1.0) for counts in (stability.before, stability.after)]
    return [Bin(word, float(before), float(after)) for word, before, after in zip(words, *shares, strict=True)]


def _decimals(stability: Stability) -> int:
    """Decimals that keep neighbouring edges apart."""
    edges = stability.edges
    gaps = edges[1:] - edges[:-1]
    smallest = float(gaps.min()) if len(gaps) else 1.0
    return 0 if smallest >= 1 and abs(edges).max(initial=0.0) >= 100 else 1 if smallest >= 0.1 else 2
