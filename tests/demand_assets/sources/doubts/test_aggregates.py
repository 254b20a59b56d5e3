"""What is the sum of some others, whatever it is called."""

import numpy as np
import pandas as pd
import pytest

from demand_assets.sources import open_source
from demand_assets.sources.doubts.aggregates import aggregates_among
from tests.demand_assets.sources.shop import file_dataset

COUNTRIES = ("DE", "FR", "UK", "US", "CA")
EMEA, NORAM = COUNTRIES[:3], COUNTRIES[3:]


def sums(*names, seed=0):
    return dict(zip(names, np.random.default_rng(seed).poisson(9, (len(names), 128)).astype(float), strict=True))


def test_groups_of_countries_and_all_of_them_are_found():
    parts = sums(*COUNTRIES)
    groups = {"EMEA": sum(parts[name] for name in EMEA), "NORAM": sum(parts[name] for name in NORAM)}
    everywhere = {"Planet": sum(parts.values())}

    found = aggregates_among(parts | groups | everywhere)

    assert {name: sorted(of) for name, of in found.items()} == {
        "EMEA": sorted(EMEA), "NORAM": sorted(NORAM), "Planet": sorted(COUNTRIES)}


def test_what_only_nearly_is_the_sum_or_is_the_same_as_another_is_none():
    parts = sums(*COUNTRIES)
    nearly = sum(parts[name] for name in EMEA)
    nearly[5] += 1

    assert aggregates_among(parts | {"nearly": nearly, "twin": parts["DE"].copy()}) == {}


def test_a_few_sales_that_add_up_by_chance_are_none():
    few = {name: np.zeros(128) for name in "abc"}
    few["a"][3], few["b"][7], few["c"][[3, 7]] = 1, 2, [1, 2]

    assert aggregates_among(few) == {}


@pytest.mark.parametrize("kind", ["region", "item"])
def test_a_source_tells_of_it_with_the_entry_that_leaves_it_out(tmp_path, kind):
    days = pd.date_range("2024-01-01", periods=30)
    rows = [(other, name, day, 3 + (place * 7 + number * 5) % 11) for place, day in enumerate(days)
            for number, name in enumerate(COUNTRIES) for other in ("x", "y")]
    rows += [(other, "EMEA", day, sum(units for one, name, on, units in rows
                                      if (one, on) == (other, day) and name in EMEA))
             for day in days for other in ("x", "y")]
    names = ["shop", "article"] if kind == "item" else ["article", "shop"]
    pd.DataFrame(rows, columns=[*names, "day", "sold"]).to_csv(tmp_path / "a.csv", index=False)

    def notices(**rules):
        dataset = file_dataset(tmp_path / "a.csv", drivers=False)
        return open_source(dataset.model_copy(update={"rules": dataset.rules.model_copy(update=rules)})
                           ).catalogue().notices

    assert [notice for notice in notices() if notice.startswith(
        f"The {kind} 'EMEA' is the sum of 3 others ('DE', 'FR', 'UK')")]
    assert not notices(**{f"leave_out_{kind}s": ["EMEA"]})
