"""Prices and costs as the app knows them, and units as they are counted where they become money."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.prices_and_costs import KINDS
from demand_assets.forecasting.forecast.revenue_and_margin import as_kept
from demand_assets.forecasting.forecast.totals import Part
from demand_assets.forecasting.series.gapped import Floats
from webapp.db.database import db, writing
from webapp.region_items.attributes import attributes_of
from webapp.region_items.forecast_figures import want_every_forecast
from webapp.region_items.open_overrides import apply
from webapp.tables import Override
from webapp.tables.watermarks import Watermark, set_watermark

KNOWN_AS = "money"


def amounts_of(region_items: Sequence[RegionItem], dataset: Dataset) -> dict[RegionItem, dict[str, float]]:
    """Region-item -> attribute -> value, of attributes that are prices or costs; those not known are left out."""
    names = {amount.attribute for kind in KINDS if (amount := dataset.amount(kind)) is not None and amount.attribute}
    if not names:
        return {one: {} for one in region_items}
    return {one: {name: float(value) for name, value in values.items() if name in names}
            for one, values in attributes_of(region_items).items()}


def units_in_money(model: Part, overrides: Sequence[Override]) -> Floats:
    """Units of each period, with overrides, from the model's forecast as it is kept: what is told of them in money is
    the same to the digit on every page, in files and in the API."""
    kept = as_kept(model.forecast)
    return as_kept(apply(replace(model, forecast=kept), overrides).forecast) if overrides else kept


def follow_entries(dataset: Dataset) -> bool:
    """Whether the dataset file says otherwise than before where prices and costs stand, or which periods are out of
    stock; all forecasts are made again then, with what they are in money and what last year's sales were."""
    entries = [*(amount.model_dump_json() if (amount := dataset.amount(kind)) else "" for kind in KINDS),
               dataset.stock_entry or ""]
    said = hashlib.sha256("\n".join(entries).encode()).hexdigest()[:32] if any(entries) else ""
    mark = db.session.get(Watermark, KNOWN_AS)
    before = mark.value if mark else ""
    db.session.rollback()
    if said == before:
        return False
    with writing():
        want_every_forecast()
        set_watermark(KNOWN_AS, said)
    return True
