"""The table by period: what a column says is written once, and is what each of its cells says."""

from flask import Flask
from markupsafe import Markup

from webapp.forecasts.period_table import Measure, cell, cells


def test_a_column_says_what_each_of_its_cells_says(app: Flask) -> None:
    measures = [
        Measure("sold", "Sold", "units", [1234.5, None, 0.25, 1234.5]),
        Measure("difference", "Difference", "signed", [-3.0, 0.0, None, 3.0]),
        Measure("driver-price", "Price", "driver", [(1.5, 1.5), (1.5, 1.25), None, (1.5, 1.5)], "number"),
        Measure("driver-promo", "Promo", "driver", [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0)], "yes_no"),
    ]
    with app.test_request_context():
        found = {one.name: cells(one, 1) for one in measures}
        for one in measures:
            assert found[one.name] == [cell(one, place, 1) for place in range(4)]
    assert found["sold"] == ["1,234.5", "", "0.2", "1,234.5"]
    assert found["driver-price"][1] == Markup('<s class="small">1.50</s> <strong>1.25</strong>')
