"""Programs read order-up-to quantities."""

import pytest
from flask import Flask

from tests.webapp.api.conftest import Program
from tests.webapp.conftest import ODD, REGION_ITEMS
from tests.webapp.order_up_to.builders import TWO_DAYS_AT_90, forecast_of, keep_forecasts
from webapp.order_up_to.lead_times import set_rule


def test_quantities_are_told_page_by_page_with_the_reason_where_one_is_not_known(app: Flask, viewing: Program) -> None:
    keep_forecasts(app, but={ODD: forecast_of(past=False)})
    with app.app_context():
        set_rule("", 1, 1, 90.0)

    found, cursor = [], ""
    while cursor is not None:
        told = viewing.told(f"/order-up-to?limit=12{f'&cursor={cursor}' if cursor else ''}")
        found += told["region_items"]
        cursor = told["next"]

    assert sorted(one["key"] for one in found) == sorted(one.key for one in REGION_ITEMS)
    by_key = {one["key"]: one for one in found}
    assert by_key["south|kettle"] == {
        "key": "south|kettle", "region": "south", "item": "kettle", "lead_time": 1, "review_period": 1,
        "service_level": 90.0, "first": "2026-07-01", "last": "2026-07-02", "forecast": 20.0, "overridden": 0.0,
        "order_up_to": pytest.approx(TWO_DAYS_AT_90), "at_cost": None, "at_price": None, "not_known_because": ""}
    assert by_key[ODD.key]["order_up_to"] is None
    assert by_key[ODD.key]["not_known_because"].startswith("Too little history")
    assert [one["key"] for one in viewing.told("/order-up-to?region=south")["region_items"]] == ["south|kettle"]
