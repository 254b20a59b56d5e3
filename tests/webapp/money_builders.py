"""An app whose dataset has prices and costs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Flask

from demand_assets.forecasting.dataset.attributes import Attribute
from demand_assets.forecasting.dataset.prices_and_costs import Money
from demand_assets.forecasting.forecast.forecaster import Forecaster
from webapp.services import Services

LANDED = Attribute(name="landed", of="item", kind="number")
LIST_PRICE = Attribute(name="list_price", of="item", kind="number")


def declare_money(app: Flask, money: Mapping[str, Any], currency: str = "€", drivers: bool = True,
                  attributes: tuple[Attribute, ...] = (LANDED, LIST_PRICE)) -> None:
    """Let the dataset file say where prices and costs stand.

    Args:
        money: entries of ``[money]``.
        drivers: whether the dataset has its drivers, one of which is the price.
    """
    services: Services = app.extensions["services"]
    dataset = services.dataset.model_copy(update={
        "currency": currency, "attributes": attributes, "money": Money.model_validate(money),
        **({} if drivers else {"drivers": ()})})
    app.extensions["services"] = replace(services, dataset=dataset, forecaster=Forecaster(dataset, services.store))
