"""Weekly and monthly data: periods are named as they are, and scenarios reach them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flask_migrate import upgrade

from demand_assets.forecasting.contract.region_item import RegionItem
from tests.webapp.conftest import EMAIL, PASSWORD, page, post, text_of
from webapp import create_app
from webapp.accounts.views import create_user
from webapp.background.journal import read_catalogue
from webapp.settings import Settings

ITEM = RegionItem("all", "juice")
DATASET = """\
frequency = "{frequency}"
horizon = {horizon}
[source]
kind = "simulated"
[[drivers]]
name = "price"
kind = "number"
"""


@pytest.mark.parametrize(("frequency", "rule", "horizon", "first", "period", "words"), [
    ("W", "7D", 8, "2026-01-01", "2027-07-15", "8 weeks"), ("M", "MS", 6, "2020-01-01", "2026-09-01", "6 months")])
def test_periods_other_than_days(tmp_path: Path, frequency: str, rule: str, horizon: int, first: str, period: str,
                                 words: str) -> None:
    (tmp_path / "shop.toml").write_text(DATASET.format(frequency=frequency, horizon=horizon))
    app = create_app(Settings(demand_dataset=tmp_path / "shop.toml", demand_state=tmp_path / "var",
                              web_secret_key="x" * 32))
    store = app.extensions["services"].store
    dates = pd.date_range(first, periods=80, freq=rule)
    store.write("demand", ITEM, pd.DataFrame({"date": dates, "demand": np.full(80, 10.0), "price": 2.0}))
    store.write_catalogue([ITEM])
    with app.app_context():
        upgrade()
        create_user(EMAIL, PASSWORD, "planner")
        read_catalogue(store)
    client = app.test_client()
    post(client, "/sign-in", {"email": EMAIL, "password": PASSWORD}, form_on="/sign-in")

    soup = page(client.get(f"/forecasts?ri={ITEM.key}"))
    assert text_of(soup.h2) == f"{10 * horizon} units in {words}"
    change = {"change-0-driver": "price", "change-0-action": "percent", "change-0-value": "-10",
              "change-0-first": period, "change-0-last": period}
    answered = post(client, "/forecasts", {"ri": ITEM.key, **change})
    assert answered.status_code == 200
    options = [option["value"] for option in page(answered).select("[name=change-0-first] option")]
    assert len(options) == horizon
    assert page(answered).select_one("[name=change-0-first] option[selected]")["value"] == period  # type: ignore[index]
    changed = [text_of(cell) for cell in page(answered).select("#by-period td strong")]
    assert changed == ["1.8"]
    override = {"first": period, "last": period, "way": "value", "amount": "25", "comment": "a fair", "token": "a form"}
    assert post(client, "/overrides", {"ri": ITEM.key, **override}).status_code == 303
    overridden = page(client.get(f"/forecasts?ri={ITEM.key}"))
    assert text_of(overridden.h2) == f"{10 * horizon + 15} units in {words}"
    assert [option["value"] for option in overridden.select("#override-first option")] == options
