"""What rows come to: odd stamps, spellings of periods, values that are refused."""

import re
import tomllib

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.periods import ordinals, period_dates
from demand_assets.forecasting.validation.placeholders import placeholders_among
from demand_assets.forecasting.validation.written.dates import read_dates
from tests.demand_assets.forecasting.raw_demand import EVENT, PRICE, dataset, days, raw, validate

VISITS = {"name": "visits", "kind": "number"}


def weeks(count, start):
    return [str(day.date()) for day in pd.date_range(start, periods=count, freq="7D")]


def units(validated):
    return validated.demand["demand"].tolist()


class TestARefusedPeriodIsUnknownWhereGapsAreZero:
    @pytest.mark.parametrize(("twice", "demand"), [("2024-01-03", [5.0, 9.0]), ("2024-01-03", ["5", "1 2x"])])
    def test_where_rows_contradict_each_other(self, twice, demand):
        dates = [*days(10), twice, twice]

        validated = validate(raw(dates[:2] + dates[3:], [*["5"] * 9, *map(str, demand)]), dataset(gaps="zero"))

        assert np.isnan(units(validated)[2])
        assert validated.counts["filled_zero"] == 0
        assert validated.counts["unknown_periods"] == 1

    def test_where_a_week_is_dated_on_another_weekday(self):
        dates = weeks(20, "2024-01-01")
        dates[7] = "2024-02-21"

        validated = validate(raw(dates), dataset("W", gaps="zero"))

        assert np.isnan(units(validated)[7])

    def test_where_the_date_cannot_be_read_the_gaps_beside_the_row_are(self):
        dates = [*days(3), "13/01/2024", *days(5, "2024-01-05"), *days(3, "2024-01-11")]

        found = units(validate(raw(dates), dataset(gaps="zero")))

        assert np.isnan(found[3])
        assert found[9] == 0

    def test_no_period_before_the_newest_refused_one_is_filled(self):
        validated = validate(raw(days(12), [*[5.0] * 10, "x", "y"]), dataset(gaps="zero"), last_date="2024-01-12")

        assert np.isnan(units(validated)[10:]).all()


@pytest.mark.parametrize("order", [1, -1])
def test_newest_rows_whose_dates_cannot_be_read_are_told_and_never_zero(order):
    dates = [*days(40), *(f"{day}/02/2024" for day in range(10, 20))]

    validated = validate(raw(dates[::order]), dataset(gaps="zero"), last_date="2024-02-25")

    known = validated.demand["demand"]
    assert known.notna().sum() == 40
    assert known.iloc[40:].isna().all()
    assert "newest demand (10 rows" in validated.notices[0]
    assert validated.counts["newest_refused"] == 10


def test_refused_newest_periods_are_told_first_and_the_forecast_begins_where_demand_is_known():
    validated = validate(raw(days(30), [*[5.0] * 27, "1 000 x", "y", "z"]))

    assert validated.counts["newest_refused"] == 3
    assert "3 days: 2024-01-28 to 2024-01-30" in validated.notices[0]
    assert "begins after 2024-01-27" in validated.notices[0]


def test_that_the_newest_are_refused_is_the_reason_where_demand_ended_long_before():
    validated = validate(raw(days(170), [*[5.0] * 120, *["x"] * 50]), dataset(stale_periods=20), last_date="2024-06-18")

    assert "no longer sold" not in validated.problem
    assert "newest demand (50 days" in validated.problem


@pytest.mark.parametrize("spelling", ["{0}-W{1}", "{0}W{1:02}", "{0}{1:02}", "{0}-{1:02}", "{1:02}.{0}", "{1}/{0}",
                                      "KW {1} 2024", "{0} W{1}"])
def test_weeks_are_read_in_all_their_spellings(spelling):
    dates = [spelling.format(2024, week).replace("KW 9 2024", "KW 9/2024").replace(" 2024", "/2024")
             if spelling.startswith("KW") else spelling.format(2024, week) for week in range(1, 21)]

    validated = validate(raw(dates), dataset("W"))

    assert validated.demand["date"].tolist() == list(pd.date_range("2024-01-01", periods=20, freq="7D"))


def test_weeks_as_numbers_are_read():
    validated = validate(raw([202401 + week for week in range(20)]), dataset("W"))

    assert validated.demand["date"].iloc[4] == pd.Timestamp("2024-01-29")


@pytest.mark.parametrize(("date_format", "first"), [("%Y-%W", "2024-01-01"), ("%Y-%V", "2024-01-01"),
                                                    ("%G-%V", "2024-01-01"), ("%Y-%U", "2024-01-07")])
def test_a_format_of_year_and_week_gives_the_weeks_first_day(date_format, first):
    validated = validate(raw([f"2024-{week:02}" for week in range(1, 21)]),
                         dataset("W", columns={"date_format": date_format}))

    assert validated.demand["date"].tolist() == list(pd.date_range(first, periods=20, freq="7D"))


class TestStampsInUtc:
    LOCAL = pd.date_range("2022-11-01", periods=18, freq="MS", tz="Europe/Berlin")

    @pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"])
    def test_of_local_months_are_refused_until_the_zone_is_named(self, form):
        rows = raw([f"{at.tz_convert('UTC'):{form}}" for at in self.LOCAL])

        refused = validate(rows, dataset("M"))
        named = validate(rows, dataset("M", columns={"time_zone": "Europe/Berlin"}))

        assert "columns.time_zone = 'Europe/Berlin'" in refused.problem
        assert named.demand["date"].tolist() == list(self.LOCAL.tz_localize(None))

    @pytest.mark.parametrize("zone", ["Europe/Berlin", "Europe/London", "Asia/Kolkata", "Asia/Tokyo",
                                      "Australia/Sydney", "UTC"])
    def test_of_local_days_too(self, zone):
        local = pd.date_range("2024-01-01", periods=160, tz=zone)
        stamps = [f"{at.tz_convert('UTC'):%Y-%m-%dT%H:%M:%SZ}" for at in local]
        for rows in (raw(stamps), raw(list(pd.to_datetime(stamps)))):
            assert bool(validate(rows).problem) == (zone != "UTC")
            named = validate(rows, dataset(columns={"time_zone": zone}))
            assert named.demand["date"].tolist() == list(local.tz_localize(None))

    def test_days_west_of_greenwich_are_right_as_they_are(self):
        local = pd.date_range("2024-01-01", periods=160, tz="America/New_York")

        validated = validate(raw([f"{at.tz_convert('UTC'):%Y-%m-%dT%H:%M:%SZ}" for at in local]))

        assert validated.demand["date"].tolist() == list(local.tz_localize(None))

    def test_dates_without_a_time_stay_what_they_are(self):
        validated = validate(raw(days(20)), dataset(columns={"time_zone": "America/New_York"}))

        assert validated.demand["date"].iloc[0] == pd.Timestamp("2024-01-01")


@pytest.mark.parametrize(("gaps", "words"), [((28, 28, 35), "4-4-5"), ((28, 35, 28), "4-4-5"), ((28,), "four weeks")])
@pytest.mark.parametrize("frequency", ["W", "M"])
def test_retail_months_are_named_and_no_advice_leads_into_another_error(gaps, words, frequency):
    dates, at = [], pd.Timestamp("2021-01-31")
    for number in range(36):
        dates.append(str(at.date()))
        at += pd.Timedelta(days=gaps[number % len(gaps)])

    problem = validate(raw(dates), dataset(frequency)).problem

    assert words in problem
    assert "frequency = 'W' or 'D'" in problem


@pytest.mark.parametrize(("dates", "words"), [
    ([str(day.date()) for day in pd.date_range("2019-01-01", periods=20, freq="QS")], "look like quarterly demand"),
    ([f"{year}-Q{quarter}" for year in range(2019, 2024) for quarter in (1, 2, 3, 4)], "is a quarter"),
    ([f"Q{quarter} {year}" for year in range(2019, 2024) for quarter in (1, 2, 3, 4)], "is a quarter")])
@pytest.mark.parametrize("gaps", ["unknown", "zero"])
@pytest.mark.parametrize("frequency", ["M", "W"])
def test_quarters_are_named_and_the_advice_works(dates, words, gaps, frequency):
    problem = validate(raw(dates), dataset(frequency, gaps=gaps)).problem

    assert words in problem
    assert "set frequency = 'Q'" in problem
    assert validate(raw(dates), dataset("Q", gaps=gaps, horizon=4)).problem == ""


@pytest.mark.parametrize(("dates", "words"), [
    ([f"{year}-01-01" for year in range(2010, 2024)], "half a year long or longer"),
    ([str(day.date()) for day in pd.date_range("2019-02-01", periods=20, freq="QS-FEB")], "begin within one"),
    ([str(day.date()) for day in pd.date_range("2019-01-31", periods=20, freq="QE-JAN")], "begin within one"),
    ([str(day.date()) for day in pd.date_range("2019-01-07", periods=20, freq="91D")], "thirteen weeks long")])
@pytest.mark.parametrize("frequency", ["M", "Q"])
def test_years_and_other_quarters_are_named_with_what_can_be_done(dates, words, frequency):
    problem = validate(raw(dates), dataset(frequency)).problem

    assert words in problem
    assert "Deliver demand by" in problem


@pytest.mark.parametrize("text", [
    "2024-Q3", "2024Q3", "2024 Q3", "2024/q3", "Q3/2024", "Q3 2024", "Q3-24", "Q3'24", "3Q24", "3Q 2024",
    "24Q3", "24-Q3", "2024-Q03", "2024/3Q", "K3 2024", "Qtr 3 2024", "III kwartał 2024", "3 кв. 2024", "III kw. 2024",
    "3. Quartal 2024", "Quartal 3/2024", "Quarter 3, 2024", "T3 2024", "2024-T3", "3e trimestre 2024",
    "2024-3. Quartal", "2024-07-01", "2024-09-30", "20240815"])
def test_quarters_are_read_in_all_their_spellings(text):
    days = read_dates(pd.Series([text]), "Q").days

    assert period_dates(ordinals(days, "Q"), "Q")[0] == np.datetime64("2024-07-01")


@pytest.mark.parametrize("text", [
    "2024-Q5", "2024-Q0", "2024-3", "2024-03", "20243", "Q3", "5. Quartal 2024", "2024Q33"])
def test_what_is_no_quarter_or_as_well_a_month_is_refused(text):
    assert np.isnat(read_dates(pd.Series([text]), "Q").days[0])


class TestDemandThatRecursEachYear:
    def test_is_not_absurd(self):
        demand = [2.0] * 120
        for peak, size in ((40, 500.0), (92, 420.0)):
            demand[peak] = size

        validated = validate(raw(weeks(120, "2021-12-05"), demand), dataset("W"))

        assert validated.quarantine.empty
        assert units(validated)[40] == 500.0

    def test_one_that_stands_alone_is(self):
        demand = [2.0] * 120
        demand[40] = 500.0

        assert validate(raw(weeks(120, "2021-12-05"), demand), dataset("W")).quarantine["rule"].tolist() == ["absurd"]


class TestPlaceholders:
    DEMAND = [0.0, 3.0] * 20

    def test_a_price_of_0_is_unknown_and_told_and_takes_nothing_else_away(self):
        validated = validate(raw(days(40), self.DEMAND, price=[0.0, 9.0] * 20), dataset(drivers=(PRICE,)))

        assert validated.problem == ""
        assert validated.counts["unknown:price"] == 20
        assert (validated.demand["price"] == 9.0).all()  # left unknown, it would tell that nothing was sold
        assert set(validated.quarantine["rule"]) == {"price_not_above_0"}
        assert "placeholders = [0]" in validated.quarantine["message"].iloc[0]

    @pytest.mark.parametrize(("declared", "unknown"), [([0], 20), ([], 0)])
    def test_the_advice_works(self, declared, unknown):
        of = dataset(drivers=({**PRICE, "placeholders": declared},))

        validated = validate(raw(days(40), self.DEMAND, price=[0.0, 9.0] * 20), of)

        assert validated.quarantine.empty
        assert validated.counts["unknown:price"] == unknown

    def test_of_other_drivers_are_proposed(self):
        table = raw(days(40), self.DEMAND, visits=[0.0, 90.0] * 20)

        validated = validate(table, dataset(drivers=(VISITS,)))
        declared = validate(table, dataset(drivers=({**VISITS, "placeholders": [0]},)))

        assert "placeholders = [0] for the driver visits" in validated.notices[0]
        assert declared.counts["unknown:visits"] == 20
        assert [notice.split(":")[0] for notice in declared.notices] == [
            "visits is missing in 20 days of which demand is known, and far more or less is sold in them"]

    def test_of_categories(self):
        table = raw(days(4), event=["none", "?", "fair", None])

        validated = validate(table, dataset(drivers=({**EVENT, "placeholders": ["?"]},)))

        assert validated.demand["event"].tolist() == ["none", None, "fair", None]


def test_units_are_told_by_rule_with_the_largest():
    demand = [*["5"] * 20, "-3", "700", "1 x"]
    validated = validate(raw(days(23), demand))

    assert validated.units.refused == 700
    assert validated.units.by_rule == {"negative": 0, "absurd": 700, "not_a_number": 0}
    assert validated.units.read == 800
    assert [value for _, value, _ in validated.units.largest] == ["1 x", "700", "-3"]


class TestOddStamps:
    def stamps(self, zone="Europe/Berlin", odd="2024-02-10T11:00:00Z", count=100):
        found = [day.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
                 for day in pd.date_range("2024-01-01", periods=count, tz=zone)]
        found[40] = odd
        return found

    @pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney"])
    @pytest.mark.parametrize("odd", ["2024-02-10T11:00:00Z", "2024-02-10T00:00:00Z", "2024-02-09T17:20:05Z"])
    def test_do_not_hide_that_all_others_are_midnights_elsewhere(self, zone, odd):
        validated = validate(raw(self.stamps(zone, odd)))

        assert validated.problem.startswith("Its dates are the UTC moments")
        assert "but 1, which are refused" in validated.problem

    def test_are_refused_where_the_zone_is_known(self):
        validated = validate(raw(self.stamps()), dataset(columns={"time_zone": "Europe/Berlin"}))

        assert validated.quarantine["rule"].tolist() == ["odd_time"]
        assert np.isnan(units(validated)[40])
        assert validated.demand["date"].iloc[0] == pd.Timestamp("2024-01-01")

    def test_moments_of_sales_are_none(self):
        moments = [f"2024-01-{day:02}T{8 + day % 9:02}:15:00Z" for day in range(1, 29)]

        assert validate(raw(moments), dataset(columns={"time_zone": "Europe/Berlin"})).quarantine.empty


class TestNumbersThatStandForUnknown:
    DEMAND = (*[5.0, 7.0, 9.0, 11.0] * 10, 9999.0, 9999.0)

    @pytest.mark.parametrize("value", [999.0, 9999.0, 99999.99, 9999999.0, 999999999.0, -1.0, -9.0, -999.0])
    def test_in_demand_are_told_and_the_advice_works(self, value):
        rows = raw(days(42), [*self.DEMAND[:40], value, value])
        notice = next(one for one in validate(rows).notices if "looks like" in one)

        advised = tomllib.loads(re.search(r"rules\.(placeholders = \[[^]]+\])", notice).group(1))
        declared = validate(rows, dataset(**advised))

        assert declared.demand["demand"].max() == 11
        assert declared.counts["placeholder:demand"] == 2
        assert declared.quarantine.empty
        assert not [one for one in declared.notices if "looks like" in one]

    @pytest.mark.parametrize("value", [9999.0, 9999999.0, -1.0, -9.0])
    def test_in_drivers_are_told_and_the_advice_works(self, value):
        visits = [*range(100, 140), value, value]
        rows = raw(days(42), visits=visits)

        notice = validate(rows, dataset(drivers=(VISITS,))).notices[0]
        advised = tomllib.loads(re.search(r"(placeholders = \[[^]]+\]) for the driver visits", notice).group(1))
        declared = validate(rows, dataset(drivers=({**VISITS, **advised},)))

        assert declared.demand["visits"].isna().sum() == 2
        assert declared.notices == ()

    @pytest.mark.parametrize("values", [[99.0, 98.0, 60.0, 99.0], [999.0] * 4, [-1.0, -2.0, 5.0, -1.0],
                                        [4999.0, 9999.0, 7000.0, 9999.0]])
    def test_others_are_none(self, values):
        assert not placeholders_among(np.array(values * 5 + [1.0, 2.0]))


def test_lines_below_the_table_are_not_its_newest_demand():
    validated = validate(raw([*days(40), "Total", "Source: till"]), dataset(gaps="zero"), last_date="2024-02-14")

    assert validated.counts["newest_refused"] == 0
    assert validated.counts["filled_zero"] == 5


@pytest.mark.parametrize(("date_format", "text"), [("%y%V", "2405"), ("%V/%y", "5/24"), ("%G-%V", "2024-05")])
def test_weeks_of_two_digit_years(date_format, text):
    found = read_dates(pd.Series([text]), "W", date_format)

    assert str(found.days[0]) == "2024-01-29"


def test_days_as_spreadsheets_count_them_are_told_with_an_entry_that_reads_them():
    problem = validate(raw([str(45292 + day) for day in range(8)])).problem

    assert "columns.date_start = '1899-12-30'" in problem


@pytest.mark.parametrize(("text", "written"), [
    ("3. März 2024", "%d. %B %Y"), ("3 Mrz 2024", "%d %b %Y"), ("3 Mär. 24", "%d %b %y"), ("3 mars 2024", "%d %B %Y"),
    ("3 MARZO 2024", "%d %B %Y"), ("3 de março de 2024", "%d de %B de %Y"), ("3-mrt-2024", "%d-%b-%Y"),
    ("3 mar 2024", "%d %b %Y"), ("3 March 2024", "%d %B %Y"), ("03Mar2024", "%d%b%Y")])
def test_names_of_months_are_read_in_several_languages(text, written):
    assert read_dates(pd.Series([text]), "D", written).days[0] == np.datetime64("2024-03-03")


@pytest.mark.parametrize("text", ["juillet 2024", "juil. 2024", "Juli 2024", "julio 2024"])
def test_july_is_not_june(text):
    assert read_dates(pd.Series([text]), "M", "%b %Y").days[0] == np.datetime64("2024-07-01")


@pytest.mark.parametrize("text", ["jui 2024", "Smarch 2024", "marras 2024"])
def test_what_may_be_two_months_or_none_is_no_date(text):
    assert np.isnat(read_dates(pd.Series([text]), "M", "%B %Y").days[0])
