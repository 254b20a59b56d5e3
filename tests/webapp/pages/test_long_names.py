import io
from urllib.parse import urlencode

import pandas as pd
import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.contract.source import Catalogue
from tests.webapp.api.conftest import Program, token_for
from tests.webapp.conftest import REGION_ITEMS, Background, page, text_of
from webapp.pages.download_files import file_of

LONG = "Edelstahl-Wasserkocher <1,7 l> | 茶壺: " * 12 + "Ende"
ONE = RegionItem("north", LONG)


@pytest.fixture
def long_named(background: Background) -> RegionItem:
    background.services.store.write_source_notes(Catalogue((ONE,), None, long_names={ONE.item: LONG}))
    background.catalogue(*REGION_ITEMS, ONE)
    return ONE


def test_pages_show_a_long_name_in_full_and_link_to_the_short_one(client: FlaskClient, long_named: RegionItem) -> None:
    soup = page(client.get("/", query_string={"q": "ende"}))
    link = next(link for link in soup.select("th a") if "Ende" in text_of(link))

    assert text_of(link) == f"north · {LONG}"
    assert len(str(link["href"])) < 400
    assert LONG in text_of(page(client.get(str(link["href"]))).select_one("h1, h2"))


@pytest.mark.parametrize("given", [LONG, ONE.item])
def test_either_name_selects_it(app: Flask, client: FlaskClient, long_named: RegionItem, given: str) -> None:
    asked = Program(app, token_for(app, "viewer")).told(f"/region-items?{urlencode({'item': given})}")

    assert [(one["key"], one["item"]) for one in asked["region_items"]] == [(ONE.key, LONG)]
    assert LONG in page(client.get("/forecasts", query_string={"item": given})).get_text()


def test_files_hold_it_in_full(app: Flask, long_named: RegionItem) -> None:
    columns, rows = ["region", "item"], [[ONE.region, ONE.item]]
    with app.test_request_context():
        text, book = (_content(file_of(form, "items", columns, rows)) for form in ("csv", "xlsx"))

    assert pd.read_csv(io.BytesIO(text)).iloc[0].tolist() == ["north", LONG]
    assert pd.read_excel(io.BytesIO(book)).iloc[0].tolist() == ["north", LONG]


def _content(file: Response) -> bytes:
    file.direct_passthrough = False
    return file.data


def test_a_short_name_of_which_nothing_is_known_is_shown_as_it_is(client: FlaskClient) -> None:
    assert f"There is no region-item {ONE}" in page(client.get("/forecasts", query_string={"ri": ONE.key})).get_text()
