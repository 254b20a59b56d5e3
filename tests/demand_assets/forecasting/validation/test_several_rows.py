import numpy as np
import pandas as pd
import pytest

from tests.demand_assets.forecasting.raw_demand import EVENT, PRICE, PROMO, dataset, days, raw, validate


def units(validated):
    return validated.demand["demand"].tolist()


class TestSeveralRows:
    ROWS = pd.DataFrame({"date": [*days(6), "2024-01-03", "2024-01-03", "2024-01-05"],
                         "demand": [1.0, 1, 1, 1, 1, 1, 1, 4, 3], "price": [2.0, 2, 2, 2, 2, 2, 2, 4, 2]})

    def made(self, rule, **more):
        table = raw(self.ROWS["date"].tolist(), self.ROWS["demand"].tolist(), price=self.ROWS["price"].tolist())
        return validate(table, dataset(drivers=(PRICE,), several_rows=rule, **more))

    def test_are_added_up(self):
        validated = self.made("sum")

        assert units(validated) == [1, 1, 6, 1, 4, 1]
        assert validated.demand["price"].iloc[2] == pytest.approx(8 / 3)
        assert validated.counts["combined"] == 3

    def test_their_mean_counts(self):
        assert units(self.made("mean")) == [1, 1, 2, 1, 2, 1]

    def test_the_last_holds(self):
        assert units(self.made("last")) == [1, 1, 4, 1, 3, 1]

    def test_or_all_are_refused(self):
        validated = self.made("refuse", quarantined_share=1)

        assert np.isnan(np.array(units(validated)))[[2, 4]].all()
        assert validated.quarantine["rule"].tolist() == ["conflicting"] * 5

    def test_identical_ones_are_told_with_their_units(self):
        validated = validate(raw([*days(6), "2024-01-03"], [1.0, 1, 7, 1, 1, 1, 7]))

        assert units(validated)[2] == 7
        assert validated.counts["repeated"] == 1
        assert validated.units.repeated == 7

    def test_a_sum_of_which_a_part_is_refused_is_unknown(self):
        table = raw([*days(6), "2024-01-03"], ["1", "1", "1", "1", "1", "1", "12x"])

        assert np.isnan(units(validate(table, dataset(several_rows="sum")))[2])

    def test_returns_are_taken_off_before_negative_demand_is_refused(self):
        table = raw([*days(6), "2024-01-03"], [1.0, 1, 5, 1, 1, 1, -2])

        validated = validate(table, dataset(several_rows="sum"))

        assert units(validated)[2] == 3
        assert validated.quarantine.empty

    @pytest.mark.parametrize("several_rows", [None, "sum", "last"])
    def test_a_plan_and_a_sale_of_one_day_are_one_row(self, several_rows):
        table = raw([*days(6), *days(6)], [*[1.0] * 6, *[None] * 6], price=[*[None] * 6, *[3.0] * 6],
                    promo=[*[None] * 6, *["yes"] * 6], event=[*[None] * 6, *["fair"] * 6])

        validated = validate(table, dataset(drivers=(PRICE, PROMO, EVENT), several_rows=several_rows))

        assert units(validated) == [1] * 6
        assert validated.demand["price"].tolist() == [3] * 6
        assert validated.demand["promo"].tolist() == [1] * 6
        assert validated.demand["event"].tolist() == ["fair"] * 6
        assert validated.quarantine.empty
