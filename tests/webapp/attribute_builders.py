"""An app whose dataset has attributes, taken in."""

from collections.abc import Mapping
from dataclasses import replace

from flask import Flask

from demand_assets.forecasting.dataset.attributes import Attribute, Attributes, Hierarchies, Value
from webapp.region_items.attributes import follow
from webapp.services import Services

DEPARTMENT = Attribute(name="department", of="item")
CATEGORY = Attribute(name="category", of="item", label="product group")
SIZE = Attribute(name="size", of="region", kind="number", unit="m²")
OPENED = Attribute(name="opened", of="region", kind="date")
FRESH = Attribute(name="fresh", of="item", kind="yes_no")
ALL = (CATEGORY, DEPARTMENT, SIZE, OPENED, FRESH)
Values = Mapping[str, Mapping[str, Value]]


def declare(app: Flask, attributes: tuple[Attribute, ...] = ALL, item: tuple[str, ...] = ("department", "category"),
            ) -> None:
    """Let the dataset file declare attributes, with levels above items."""
    services: Services = app.extensions["services"]
    dataset = services.dataset.model_copy(update={"attributes": attributes, "hierarchies": Hierarchies(item=item)})
    app.extensions["services"] = replace(services, dataset=dataset)


def take_in(app: Flask, items: Values, regions: Values | None = None, state: str = "1") -> bool:
    """Whether what the pipeline found changed the attributes of the app."""
    services: Services = app.extensions["services"]
    services.store.write_attributes(Attributes(items, regions or {}, state=state))
    with app.app_context():
        return follow(services.store.read_attributes(), services.dataset)
