"""What of a source was not used, added up and in words."""

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.journal import Entry
from demand_assets.pipeline.unused_rows import unused, unused_in_words

NORTH, SOUTH = RegionItem("north", "kettle"), RegionItem("south", "kettle")
TAKEN_IN = {
    NORTH: Entry(NORTH, "validated", numbers={
        "rows": 100, "quarantined": 3, "repeated": 2, "periods": 100, "unknown_periods": 3, "units_read": 1000.0,
        "units_refused": 250.0, "units_repeated": 4.0, "quarantined_by_rule": {"absurd": 2, "not_a_number": 1},
        "units_refused_by_rule": {"absurd": 250.0}, "notices": ["Something else.", "Its newest demand is refused."],
        "largest_refused": [["2024-01-03", "1 x", "not_a_number"], ["2024-01-02", "200", "absurd"]]}),
    SOUTH: Entry(SOUTH, "quarantined", numbers={"rows": 10, "units_read": 0.0, "largest_refused": [
        ["2024-01-09", "700", "absurd"]]})}


def test_counts_and_units_are_added_up_and_the_largest_come_first() -> None:
    told = unused(TAKEN_IN)

    assert (told["rows"], told["rows_refused"], told["rows_repeated"], told["periods_unknown"]) == (110, 3, 2, 3)
    assert told["units_refused_share"] == 0.25
    assert told["values_refused_by_rule"] == {"absurd": 2, "not_a_number": 1}
    assert [one["value"] for one in told["largest_refused"]] == ["1 x", "700", "200"]


def test_words_begin_with_what_is_gravest_and_name_what_helps() -> None:
    lines = unused_in_words({
        "unused": unused(TAKEN_IN), "source_notices": [],
        "notices": {"north|kettle": TAKEN_IN[NORTH].numbers["notices"]},
        "names_left_out": [{"region": "n", "item": "", "reason": "item '' is empty", "rows": 7}],
        "files_skipped": [{"name": "south.xls", "reason": "it is an old Excel workbook"}]})

    assert lines[0] == "north|kettle: Its newest demand is refused."
    assert "refused, absurd (demand is many times anything seen before): 2 values, 25.0% of all units" in lines
    assert any("rules.several_rows = 'sum'" in line for line in lines)
    assert any("item '' is empty (7 rows)" in line for line in lines)
    assert any("south.xls" in line for line in lines)


def test_nothing_is_said_where_all_was_used() -> None:
    told = {"unused": unused({NORTH: Entry(NORTH, "validated", numbers={"rows": 5, "units_read": 5.0})}),
            "source_notices": [], "notices": {}, "names_left_out": [], "files_skipped": []}

    assert unused_in_words(told) == []
    assert unused({})["units_refused_share"] is None


def test_periods_out_of_stock_are_told_by_region_item_with_their_share() -> None:
    told = unused({NORTH: Entry(NORTH, "validated", numbers={
        "rows": 50, "periods": 50, "censored_periods": 5, "newest_censored": 2}),
        SOUTH: Entry(SOUTH, "validated", numbers={"rows": 10, "periods": 10, "censored_periods": 4})})
    lines = unused_in_words({"unused": told, "source_notices": [], "notices": {}, "names_left_out": [],
                             "files_skipped": []})

    assert (told["periods_out_of_stock"], told["newest_periods_out_of_stock"]) == (9, 2)
    assert told["out_of_stock"] == [{"region_item": SOUTH.key, "periods": 4, "share": 0.4, "newest": 0},
                                    {"region_item": NORTH.key, "periods": 5, "share": 0.1, "newest": 2}]
    assert lines == ["out of stock, so that demand is at least what was sold: 9 of 60 periods, of 2 region-items, 1 of "
                     "them to the end; most in south|kettle 4 (40.0%); north|kettle 5 (10.0%)"]
