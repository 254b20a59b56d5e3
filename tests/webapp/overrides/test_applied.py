"""One number: wherever a forecast is told, overrides are in it, whatever they are and however they came and went."""

import io
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook

from tests.webapp.api.conftest import Program, token_for
from tests.webapp.conftest import KETTLE, ODD, REGION_ITEMS, Background, demand_of, page, post, text_of
from tests.webapp.overrides.builders import rows_of
from webapp import create_app
from webapp.db.database import db, writing
from webapp.forecasts import query
from webapp.overrides import applied
from webapp.region_items.forecast_figures import want_forecast
from webapp.stored_forecasts.groups import refresh_due
from webapp.tables import Override, RegionItemRow

NORTH = [one for one in REGION_ITEMS if one.region == "north"]


Number = Decimal | float
"""As it is printed on a page; or as a file or the API has it."""


def printed(words: str) -> Decimal:
    """The first number of words."""
    return Decimal(words.split(" ")[0].replace(",", ""))


def is_same(number: Number, exact: float) -> bool:
    """Whether a number is the exact one, to the last digit that is printed."""
    last_digit = 10.0 ** int(number.as_tuple().exponent) if isinstance(number, Decimal) else 1e-2
    return abs(float(number) - exact) <= 0.5 * last_digit + 1e-3


class Told:
    """What each place says of a forecast: with overrides, and the model's."""

    def __init__(self, app: Flask, client: FlaskClient) -> None:
        self._app, self._client = app, client
        self._api = Program(app, token_for(app, "planner"))

    def _page(self, url: str, **args: Any) -> Any:
        response = self._client.get(url, query_string=args)
        assert response.status_code == 200
        return page(response)

    def of(self, **selection: str) -> dict[str, tuple[Number, Number]]:
        """Place -> the two numbers of one region-item (``ri``), or of a region, an item or ``all``."""
        found = {"page": self._on_page(selection), **self._in_files(selection), "API totals": self._in_api(selection)}
        if "ri" in selection:
            one = self._api.told(f"/region-items/{selection['ri']}")
            found["API region-item"] = one["forecast"], one["model"]
            listed = self._api.told(f"/forecasts?key={selection['ri']}")["forecasts"][0]
            found["API forecast"] = listed["total"], listed["model"]
            assert listed["total"] == pytest.approx(sum(each["forecast"] for each in listed["periods"]))
            found["overview"] = self._in_overview(selection["ri"])
        else:
            found["totals"] = self._in_totals(selection)
        return found

    def _on_page(self, selection: dict[str, str]) -> tuple[Number, Number]:
        soup = self._page("/forecasts", **selection)
        total, beside = printed(text_of(soup.select_one("#totals h2"))), soup.select_one("#with-overrides")
        return total, printed(text_of(beside).split("alone: ")[1]) if beside else total

    def _in_overview(self, key: str) -> tuple[Number, Number]:
        soup = self._page("/", columns="total", size="250")
        row = next(row for row in soup.select("#table tbody tr") if key in str(row))
        cell = row.select_one("[data-label=Forecast]")
        assert cell is not None
        total = printed(next(cell.stripped_strings))
        model = [text_of(small) for small in cell.select(".small") if "model" in small.text]
        return total, printed(model[0].removeprefix("model ")) if model else total

    def _in_totals(self, selection: dict[str, str]) -> tuple[Number, Number]:
        (kind, name), = selection.items()
        soup = self._page("/totals", by="item" if kind == "item" else "region")
        wanted = "All" if kind == "all" else name
        cell = next(row for row in soup.select("tbody tr") if row.th and text_of(row.th) == wanted).select_one(
            "[data-label=Forecast]")
        assert cell is not None
        assert "being summed again" not in cell.text
        total = printed(next(cell.stripped_strings))
        return total, printed(text_of(cell).split("model ")[1]) if "model" in cell.text else total

    def _in_files(self, selection: dict[str, str]) -> dict[str, tuple[Number, Number]]:
        found = {}
        for of in ("periods", "region-items"):
            rows = rows_of(self._client.get("/forecasts/download", query_string={
                **selection, "format": "csv", "of": of}))
            found[f"CSV by {of}"] = (sum(float(row["Forecast, units"]) for row in rows),
                                     sum(float(row["Model, units"]) for row in rows))
        book = load_workbook(io.BytesIO(self._client.get("/forecasts/download", query_string={
            **selection, "format": "xlsx"}).data))
        about = {row[0].value: row[1].value for row in book["About"].iter_rows()}
        found["Excel"] = float(str(about["Total, units"])), float(str(about["Model total, units"]))
        return found

    def _in_api(self, selection: dict[str, str]) -> tuple[Number, Number]:
        (kind, name), = selection.items()
        asked = {"ri": f"key={name}", "all": "all=true"}.get(kind, f"{kind}={name}")
        told = self._api.told(f"/totals?{asked}")
        assert told["total"]["forecast"] == pytest.approx(sum(each["forecast"] for each in told["periods"]))
        return told["total"]["forecast"], told["model"]


def agreed(places: dict[str, tuple[Number, Number]]) -> tuple[float, float]:
    """The two numbers that all places tell."""
    with_overrides, model = map(float, places["API totals"])
    for place, told in places.items():
        assert is_same(told[0], with_overrides), (place, places)
        assert is_same(told[1], model), (place, places)
    return with_overrides, model


SELECTIONS: tuple[dict[str, str], ...] = ({"ri": KETTLE.key}, {"ri": ODD.key}, {"region": "north"}, {"item": "kettle"},
                                          {"all": "1"})


@pytest.fixture
def summed_up(app: Flask, background: Background) -> Callable[[], None]:
    """Makes the totals that are due, as the background process does next."""
    background.have_stored_forecasts()

    def sum_up() -> None:
        with app.app_context():
            refresh_due(app.extensions["services"], create_app)

    sum_up()
    return sum_up


def override(client: FlaskClient, of: list[str], way: str, amount: str, days: tuple[str, str]) -> None:
    fields = {"ri": of, "first": days[0], "last": days[1], "way": way, "amount": amount, "comment": "a fair",
              "token": uuid4().hex}
    response = post(client, "/overrides", fields, form_on=f"/forecasts?ri={KETTLE.key}")
    assert response.status_code == 303, text_of(page(response))


def ids(app: Flask) -> list[int]:
    with app.app_context():
        return list(db.session.scalars(db.select(Override.id).where(Override.removed_at.is_(None)).order_by(
            Override.id)))


@pytest.mark.parametrize("is_large", [False, True], ids=["forecast on the page", "from the stored forecasts"])
def test_every_place_tells_the_same_number_before_with_and_after_overrides(
        app: Flask, client: FlaskClient, summed_up: Callable[[], None], is_large: bool,
        monkeypatch: pytest.MonkeyPatch) -> None:
    if is_large:
        monkeypatch.setattr(query, "MOST_REGION_ITEMS", 1)
        monkeypatch.setattr(applied, "MOST_REGION_ITEMS", 1)
    told = Told(app, client)

    def numbers() -> dict[str, tuple[float, float]]:
        summed_up()
        one_number = {}
        for selection in SELECTIONS:
            places = told.of(**selection)
            one_number[str(selection)] = agreed(places)
        return one_number

    steps = [numbers()]
    override(client, [KETTLE.key], "value", "500", ("2026-07-01", "2026-07-02"))
    steps.append(numbers())
    override(client, [one.key for one in (KETTLE, ODD, *NORTH[:3])], "percent", "-40", ("2026-07-02", "2026-07-04"))
    steps.append(numbers())
    assert post(client, f"/overrides/{ids(app)[0]}/remove", {}, form_on="/overrides").status_code == 303
    steps.append(numbers())
    for before, after in pairwise(steps):
        assert before["{'all': '1'}"][0] != after["{'all': '1'}"][0]
    for step in steps:
        assert step["{'all': '1'}"][1] == pytest.approx(steps[0]["{'all': '1'}"][0])


def test_a_total_that_is_not_summed_up_again_yet_says_so(client: FlaskClient, summed_up: Callable[[], None]) -> None:
    def waiting() -> set[str]:
        return {text_of(row.th) for row in page(client.get("/totals")).select("tbody tr")
                if row.th and "being summed again" in row.text}

    assert waiting() == set()
    override(client, [KETTLE.key], "value", "500", ("2026-07-01", "2026-07-02"))
    assert waiting() == {"All", KETTLE.region}
    summed_up()
    assert waiting() == set()


def test_an_override_whose_period_became_known_leaves_the_number(app: Flask, client: FlaskClient,
                                                                 background: Background,
                                                                 summed_up: Callable[[], None]) -> None:
    override(client, [KETTLE.key], "value", "500", ("2026-07-01", "2026-07-02"))
    store = background.services.store
    later = demand_of(12.0).assign(date=lambda known: known["date"] + pd.Timedelta(days=1))
    store.write("demand", KETTLE, later)
    with app.app_context(), writing():
        want_forecast(db.session.get_one(RegionItemRow, KETTLE.key))
    background.make_stored_forecasts()
    summed_up()

    places = Told(app, client).of(ri=KETTLE.key)
    with_overrides, model = agreed(places)
    assert 480 < with_overrides - model < 500


def test_the_overview_says_that_its_forecasts_are_with_overrides(client: FlaskClient) -> None:
    assert "and overrides" in text_of(page(client.get("/")).select_one("#table"))
