"""``make check``: what it says of prices and costs that a dataset file uses, and of those that it does not."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from demand_assets.commands.check import main
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


@pytest.mark.parametrize("source", [{"kind": "simulated"}, {"kind": "sql", "url": "sqlite://", "table": "sales"},
                                    {"kind": "file", "path": "nowhere.csv"}, {"kind": "file", "path": "s3://b/a.csv"}])
def test_of_other_sources_nothing_is_proposed(source: dict[str, str]) -> None:
    assert unused_money(Dataset.model_validate({"name": "shop", "frequency": "D", "source": source})) == []
