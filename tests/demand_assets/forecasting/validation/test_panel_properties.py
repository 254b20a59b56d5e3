"""What holds for any rows whatever: nothing raises, no row is lost, and it does not matter what lies beside them or how
their texts are kept."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demand_assets.forecasting.validation.rows_to_demand import Validated, validate_panel
from demand_assets.forecasting.validation.schemas import Quarantine, demand_schema
from tests.demand_assets.forecasting.raw_demand import EVENT, KETTLE, PRICE, PROMO, TOASTER, TODAY, dataset

DATES = st.one_of(
    st.dates(pd.Timestamp("2023-11-01").date(), pd.Timestamp("2024-07-15").date()).map(str),
    st.sampled_from(["2024-01-01", "2024-01-08", "2024-01", "20240103", "2024-01-01T05:00:00Z", "1970-01-01",
                     "9999-12-31", "rubbish", "", None, 45000, 1.5, float("nan"), pd.NaT, True,
                     pd.Timestamp(2024, 1, 2)]),
    st.datetimes(), st.text(max_size=12))
VALUES = st.one_of(
    st.integers(-5, 40), st.integers(), st.floats(), st.booleans(), st.none(), st.text(max_size=8),
    st.decimals().filter(lambda number: not number.is_snan()),
    st.sampled_from(["5", " 7 ", "1,234", "abc", "yes", "no", "inf", pd.NA, np.float32(2.5), [1], b"5", 1 + 2j]))
ROWS = st.lists(st.tuples(st.sampled_from([KETTLE, TOASTER]), DATES, VALUES, VALUES, VALUES), max_size=25)
REPEATED = st.lists(st.integers(0, 50), max_size=4)
CLEAN = {"D": "2024-04-01", "W": "2023-11-06", "M": "2021-06-01"}
STEP = {"D": "D", "W": "7D", "M": "MS"}
ROW_RULES = {"unreadable_date", "mixed_time_zones", "stray_date", "off_weekday", "conflicting", "beyond_horizon"}


TEXTS = dict.fromkeys(("date", "demand", "price", "promo", "event"), str)
MARKED = ({"name": "mark", "kind": "number"}, PRICE, PROMO, EVENT)


def clean_rows(region_item, frequency):
    return [(region_item, str(day.date()), 5, 9.9, True)
            for day in pd.date_range(CLEAN[frequency], periods=30, freq=STEP[frequency])]


def marked_rows(rows, repeated=()):
    """Rows as a source gives them, each with a number of its own in the driver mark; some of them again at the end."""
    marked = [(mark, *row) for mark, row in enumerate(rows, start=1)]
    marked += [marked[place % len(marked)] for place in repeated]
    raw = pd.DataFrame({"region": [row[1].region for row in marked], "item": [row[1].item for row in marked],
                        "row": np.arange(1, len(marked) + 1), "mark": [row[0] for row in marked],
                        **{name: pd.Series([row[place] for row in marked], dtype=object)
                           for place, name in enumerate(("date", "demand", "price", "promo"), start=2)}})
    return raw.assign(event=raw["promo"])


def assert_same(found: Validated, expected: Validated) -> None:
    """To the last bit."""
    assert (found.region_item, found.problem, found.counts, found.units, found.notices) == (
        expected.region_item, expected.problem, expected.counts, expected.units, expected.notices)
    for name in ("demand", "quarantine", "ended"):
        table, other = getattr(found, name), getattr(expected, name)
        assert (table is None) == (other is None)
        if table is not None:
            pd.testing.assert_frame_equal(table, other, check_exact=True)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS, REPEATED, st.sampled_from("DWM"), st.sampled_from(["unknown", "zero"]),
       st.sampled_from(["quarantine", "zero"]))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_row_is_in_demand_or_in_quarantine_and_nothing_raises(rows, repeated, frequency, gaps, negative):
    of = dataset(frequency, MARKED, horizon=1, gaps=gaps,
                 negative=negative, quarantined_share=1.0, unknown_share=1.0, stale_periods=10_000)
    raw = marked_rows([*clean_rows(KETTLE, frequency), *rows], repeated)

    outcomes = validate_panel(raw, of, [KETTLE, TOASTER], pd.Timestamp("2024-06-20"), TODAY)

    for validated in outcomes:
        counts = validated.counts
        assert counts["rows"] == int((raw["item"] == validated.region_item.item).sum())
        Quarantine.validate(validated.quarantine)
        if validated.demand is None:
            assert validated.problem
            continue
        demand_schema(of).validate(validated.demand)
        refused_rows = set(validated.quarantine.loc[validated.quarantine["rule"].isin(ROW_RULES), "row"])
        in_demand = set(validated.demand["mark"].dropna())
        assert not in_demand & set(raw.loc[raw["row"].isin(refused_rows), "mark"])
        assert counts["rows"] == (len(in_demand) + len(refused_rows) + counts["repeated"] + counts["leading_unknown"])
        values_refused = set(validated.quarantine.loc[validated.quarantine["column"] == "demand", "row"]) - refused_rows
        unknown = validated.demand.loc[validated.demand["demand"].isna(), "mark"]
        assert set(raw.loc[raw["row"].isin(values_refused), "mark"]) & in_demand <= set(unknown)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 500), st.none()), min_size=45, max_size=90), st.randoms())
def test_clean_demand_comes_out_as_it_went_in_whatever_the_order(units, random):
    dates = pd.date_range("2024-01-01", periods=len(units))
    order = list(range(len(units)))
    random.shuffle(order)
    raw = pd.DataFrame({"region": "north", "item": "kettle", "row": range(1, len(units) + 1),
                        "date": [str(dates[place].date()) for place in order],
                        "demand": pd.Series([units[place] for place in order], dtype=object)})
    of = dataset(horizon=1, unknown_share=1.0, absurd_multiple=1e9)

    validated = validate_panel(raw, of, [KETTLE], None, TODAY)[0]

    known = [place for place, value in enumerate(units) if value is not None]
    if len(known) >= 30:
        out = validated.demand.set_index("date")["demand"].dropna()
        assert out.to_dict() == {dates[place]: float(units[place]) for place in known}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS, st.booleans(), st.randoms(use_true_random=False), st.sampled_from("DW"),
       st.sampled_from(["unknown", "zero"]), st.sampled_from([None, "sum", "mean", "last", "refuse"]))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_becomes_of_a_region_item_does_not_depend_on_those_beside_it(rows, is_clean, random, frequency, gaps,
                                                                          several_rows):
    of = dataset(frequency, MARKED, horizon=1, gaps=gaps, **({"several_rows": several_rows} if several_rows else {}))
    rows = [*clean_rows(KETTLE, frequency), *(clean_rows(TOASTER, frequency) if is_clean else ()), *rows]
    random.shuffle(rows)
    raw = marked_rows([row for row in rows if "%" not in f"{row[3]}"])  # a percent sign counts for the whole column
    raw = raw.astype(TEXTS)  # as sources give columns of several types; to Python 1 and True are one value
    end = pd.Timestamp("2024-06-20")

    together = validate_panel(raw, of, [TOASTER, KETTLE], end, TODAY)

    for one, found in zip((TOASTER, KETTLE), together, strict=True):
        mine = raw[raw["item"] == one.item].sample(frac=1, random_state=1).sort_values("row")
        assert_same(found, validate_panel(mine, of, [one], end, TODAY)[0])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS, st.sampled_from("DWM"))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_texts_may_be_categories_of_which_some_have_no_row(rows, frequency):
    of = dataset(frequency, MARKED, horizon=1)
    rows = [row for row in rows if not any("\0" in str(value) for value in row)]  # behind it pandas compares nothing
    raw = marked_rows([*clean_rows(KETTLE, frequency), *rows]).astype(TEXTS)
    kept = raw.assign(**{name: pd.Categorical(raw[name], ["5 %", *reversed(raw[name].unique())])
                         for name in raw if name not in ("row", "mark")})
    asked = [KETTLE, TOASTER]

    for found, expected in zip(*(validate_panel(each, of, asked, None, TODAY) for each in (kept, raw)), strict=True):
        assert_same(found, expected)
