"""``make check``: what it says of prices and costs that a dataset file uses, and of those that it does not."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from demand_assets.commands.check import main
from demand_assets.forecasting.contract.plugins import MODELS
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.proposals.columns.unused_money import unused_money

DAYS = [date(2026, 1, 1) + timedelta(days=day) for day in range(84)]


def said(folder: Path, capsys: pytest.CaptureFixture[str], entries: str = "") -> str:
    rows = [f"{day},{shop},{5 + place % 7},{cost}" for place, day in enumerate(DAYS)
            for shop, cost in (("north", 4.5), ("south", ""), ("west", ""))]
    (folder / "sales.csv").write_text("\n".join(["date,store,units,EK", *rows, ""]))
    (folder / "sales.toml").write_text('frequency = "D"\nhorizon = 7\n[source]\nkind = "file"\npath = "sales.csv"\n'
                                       '[columns]\nregion = "store"\nitem = ""\ndemand = "units"\n' + entries)
    assert main(["--dataset", str(folder / "sales.toml")]) == 0
    return capsys.readouterr().out


def test_a_column_that_looks_like_a_cost_is_proposed_while_nobody_uses_it(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proposed = "the column 'EK' may be the cost of a unit"
    used = said(tmp_path, capsys, '[money]\ncost = { column = "EK" }\n')

    assert 'cost = { column = "EK" } under [money]' in said(tmp_path, capsys)
    assert proposed not in used
    assert "money.cost: known of 1 of 3 region-items, not of south · all and 1 more" in used
    assert proposed not in said(tmp_path, capsys, '[[drivers]]\nname = "ek"\nkind = "number"\n'
                                                  '[columns.drivers]\nek = "EK"\n')


def test_what_a_plug_in_is_called_is_told_as_it_stands(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], plug_in: Callable[..., Path]) -> None:
    plug_in(MODELS, "tree", "raise RuntimeError('no :tea: left')")

    told = said(tmp_path, capsys, '[challengers]\ncompete = ["tree"]\n')

    assert "Install what it needs, or correct the package; without it the other classes compete" in told
    assert "no :tea: left" in told


@pytest.mark.parametrize("source", [{"kind": "simulated"}, {"kind": "sql", "url": "sqlite://", "table": "sales"},
                                    {"kind": "file", "path": "nowhere.csv"}, {"kind": "file", "path": "s3://b/a.csv"}])
def test_of_other_sources_nothing_is_proposed(source: dict[str, str]) -> None:
    assert unused_money(Dataset.model_validate({"name": "shop", "frequency": "D", "source": source})) == []


@pytest.mark.parametrize(("layout", "names"), [("items", ("tea", "rain jacket")), ("regions", ("north", "south"))])
def test_a_column_beside_those_of_items_that_may_be_none_is_named_and_the_advice_works(
        layout: str, names: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = {"items": 'region = ""', "regions": 'item = ""'}[layout]
    rows = [f"{day},{place % 9 + 4},{place % 5 + 2},{15 + place % 8}" for place, day in enumerate(DAYS)]
    (tmp_path / "sales.csv").write_text("\n".join([f"date,{','.join(names)},temperature", *rows, ""]))
    described = ('frequency = "D"\nhorizon = 7\n[source]\nkind = "file"\npath = "sales.csv"\n'
                 f'layout = "{layout}"\n[columns]\n{other}\n')
    (tmp_path / "sales.toml").write_text(described)

    assert main(["--dataset", str(tmp_path / "sales.toml")]) == 0
    told = capsys.readouterr().out
    assert told.count("is read as the demand of") == 1
    advice = told.partition("the column 'temperature' is read as the demand of")[2].partition("or set ")[2]
    key, _, value = advice.splitlines()[0].partition(" = ")

    for entries in (f"[rules]\n{key.removeprefix('rules.')} = {value}\n",
                    '[[drivers]]\nname = "temperature"\nkind = "number"\n'):
        (tmp_path / "sales.toml").write_text(described + entries)
        assert main(["--dataset", str(tmp_path / "sales.toml")]) == 0
        told = capsys.readouterr().out
        assert "2 region-items" in told
        assert "is read as the demand of" not in told
