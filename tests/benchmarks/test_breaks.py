"""The benchmark of breaks on a world small enough for a test."""

import numpy as np
import pandas as pd

from benchmarks.breaks import FACTORS, UNPLANNED, Break, planted


def test_the_level_breaks_where_it_is_planted_and_nobody_knows_what_comes() -> None:
    plan: Break = planted(1, 4, seed=0, years=1.5)
    as_it_was = planted(1, 4, seed=0, years=1.5)
    broken = [one for one in plan.tables if one in plan.broken]
    then = pd.Timestamp(plan.at)

    known, now = plan.known(then), plan.known(plan.now)

    assert 0 < len(broken) < len(plan.tables)
    for one, table in known.items():
        ahead = table[table["date"] > then]
        assert len(ahead) == plan.dataset.horizon
        assert ahead[["demand", UNPLANNED]].isna().all(axis=None)
        assert ahead["price"].notna().all()
        assert now[one].loc[now[one]["date"] <= then, "demand"].equals(table.loc[table["date"] <= then, "demand"])
        assert np.isfinite(plan.actual(one)).sum() > plan.dataset.horizon // 2
    first = broken[0]
    after = plan.tables[first]["date"] > then
    whole = plan.tables[first].loc[after, "demand"].dropna() / FACTORS[0]
    assert len(whole) > plan.dataset.horizon
    assert np.allclose(whole, whole.round())
    assert as_it_was.broken == plan.broken
