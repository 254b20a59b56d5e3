"""What days, weeks and months are by a calendar."""

import json
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.calendar_events import Event, EventTables
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.features.series_features import series_features
from demand_assets.forecasting.forecast.forecaster import Forecast, Forecaster
from demand_assets.forecasting.model.serving.own_model import data_hash
from demand_assets.forecasting.model.serving.pooled_model import PooledModel
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from demand_assets.forecasting.model.unknown_drivers import OtherDriversError
from demand_assets.forecasting.series.calendar_days import calendar_values
from demand_assets.forecasting.series.planned_drivers import future_drivers
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.validation.rows_to_demand import validate_panel
from demand_assets.forecasting.whatif.scenario import PLAN, Change, Scenario


def values(calendar: dict[str, Any], first: str, periods: int, frequency: str = "D", region: str = "north",
           tables: EventTables | None = None) -> dict[str, list[float]]:
    """The values of so many periods; nan as None."""
    dataset = Dataset.model_validate({"name": "shop", "frequency": frequency, "calendar": calendar,
                                      "source": {"kind": "file", "path": "unused.csv"}})
    step = {"D": 1, "W": 7, "M": 1}[frequency]
    start = np.datetime64(first, "M" if frequency == "M" else "D")
    dates = (start + step * np.arange(periods)).astype("datetime64[D]")
    return {name: [None if one != one else one for one in found.tolist()]
            for name, found in calendar_values(dataset, region, dates, tables).items()}


def on(calendar: dict[str, Any], name: str, first: str, periods: int, **more: Any) -> list[str]:
    """The days that are meant."""
    found = values(calendar, first, periods, **more)[name]
    return [str(np.datetime64(first) + place) for place, value in enumerate(found) if value]


class TestHolidays:
    """Countries and their parts."""

    @pytest.mark.parametrize(("year", "monday"), [(2022, "2022-04-18"), (2023, "2023-04-10"), (2024, "2024-04-01"),
                                                  (2030, "2030-04-22")])
    def test_easter_moves(self, year: int, monday: str) -> None:
        """Good Friday and Easter Monday are where they are that year."""
        friday = str(np.datetime64(monday) - 3)
        assert on({"holidays": "DE"}, "holiday", f"{year}-03-20", 40) == [friday, monday]

    def test_days_beside(self) -> None:
        """The days before and after are no holidays themselves."""
        found = values({"holidays": "DE"}, "2024-12-23", 6)  # 25 and 26 December
        assert found == {"holiday": [0, 0, 1, 1, 0, 0], "before_holiday": [0, 1, 0, 0, 0, 0],
                         "after_holiday": [0, 0, 0, 0, 1, 0]}
        wider = values({"holidays": "DE", "days_before": 3, "days_after": 0}, "2024-12-20", 8)
        assert wider == {"holiday": [0, 0, 0, 0, 0, 1, 1, 0], "before_holiday": [0, 0, 1, 1, 1, 0, 0, 0]}

    def test_by_region(self) -> None:
        """Each region has its own, the default's, several together, or none."""
        codes = {"holidays": {"default": "DE", "south": "DE-BY", "border": ["DE-BY", "AT"], "abroad": []}}
        found = {region: on(codes, "holiday", "2024-08-01", 90, region=region)
                 for region in ("north", "south", "border", "abroad")}
        assert found == {"north": ["2024-10-03"], "south": ["2024-10-03"], "abroad": [],
                         "border": ["2024-08-15", "2024-10-03", "2024-10-26"]}
        assert on(codes, "holiday", "2024-05-28", 5, region="south") == ["2024-05-30"]  # Corpus Christi

    def test_region_without_any(self) -> None:
        """Not known, which is not "no"."""
        assert values({"holidays": {"south": "DE"}}, "2024-12-25", 2)["holiday"] == [None, None]

    def test_years_that_are_not_known(self) -> None:
        """Before the first year that is known of a country all is unknown, and so beyond the last."""
        assert values({"holidays": "DE"}, "1990-12-30", 4)["holiday"] == [None, None, 1, 0]
        assert values({"holidays": "DE"}, "2100-12-30", 4)["holiday"] == [0, 0, None, None]

    def test_year_by_year_is_as_together(self) -> None:
        """A holiday that is made up for in the year before is one there too."""
        assert on({"holidays": "US"}, "holiday", "2021-12-20", 14) == ["2021-12-24", "2021-12-25", "2021-12-31",
                                                                      "2022-01-01"]

    @pytest.mark.parametrize(("frequency", "first", "found"), [
        ("W", "2024-03-25", [1, 1, 0]), ("W", "2024-03-28", [2, 0, 0]), ("M", "2024-03", [1, 1, 3])])
    def test_weeks_and_months(self, frequency: str, first: str, found: list[float]) -> None:
        """Days in the week from its date on, and in the month."""
        assert values({"holidays": "DE"}, first, 3, frequency)["holiday"] == found

    def test_weeks_named_by_their_end(self) -> None:
        """The six days before the date are the week's."""
        assert values({"holidays": "DE", "weeks": "end"}, "2024-03-31", 3, "W")["holiday"] == [1, 1, 0]

    @pytest.mark.parametrize("weeks", ["begin", "end"])
    def test_weeks_that_the_source_dates_by_their_end_are_shown_by_their_begin(self, weeks: str) -> None:
        """Whatever the calendar says of them."""
        dataset = Dataset.model_validate({
            "name": "shop", "frequency": "W", "calendar": {"holidays": "DE", "weeks": weeks},
            "source": {"kind": "file", "path": "unused.csv"}, "columns": {"week_dated": "last_day"}})
        mondays = np.array(["2024-03-25", "2024-04-01", "2024-04-08"], dtype="datetime64[D]")
        assert calendar_values(dataset, "north", mondays)["holiday"].tolist() == [1, 1, 0]

    def test_the_year_of_53_weeks(self) -> None:
        """Its last week has the New Year of the next one."""
        assert values({"holidays": "DE"}, "2020-12-21", 3, "W")["holiday"] == [2, 1, 0]


class TestPayDays:
    """Days of the month."""

    @pytest.mark.parametrize(("wanted", "found"), [
        (1, ["2024-02-01", "2024-03-01"]), ([15, "last day"], ["2024-02-15", "2024-02-29", "2024-03-15", "2024-03-31"]),
        (31, ["2024-02-29", "2024-03-31"]), ("last working day", ["2024-02-29", "2024-03-29"])])
    def test_days(self, wanted: Any, found: list[str]) -> None:
        """A shorter month has its last day; 29 March 2024 is a Friday."""
        assert on({"pay_days": wanted}, "pay_day", "2024-02-01", 60) == found

    def test_no_one_is_paid_on_a_holiday(self) -> None:
        """29 March 2024 is Good Friday."""
        assert on({"pay_days": "last working day", "holidays": "DE"}, "pay_day", "2024-03-01", 31) == ["2024-03-28"]

    @pytest.mark.parametrize("last", [27, 28, 29, 30, 31])
    def test_same_wherever_the_history_ends(self, last: int) -> None:
        """The month of the last period counts whole."""
        found = on({"pay_days": "last working day"}, "pay_day", "2024-05-01", last)
        assert found == (["2024-05-31"] if last == 31 else [])

    def test_end_of_the_month(self) -> None:
        """So many last days."""
        assert on({"month_end": 2}, "month_end", "2024-02-01", 60) == ["2024-02-28", "2024-02-29", "2024-03-30",
                                                                      "2024-03-31"]

    def test_weeks(self) -> None:
        """How many of them fall into each."""
        assert values({"pay_days": [1, 3]}, "2024-03-25", 3, "W")["pay_day"] == [0, 2, 0]


class TestEvents:
    """Rows with a first and a last day."""

    @staticmethod
    def events(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A calendar with fairs."""
        return {"events": [{"name": "fair", "rows": list(rows), **more}]}

    def test_ranges(self) -> None:
        """Both ends count, a single day is one, what overlaps counts once."""
        calendar = self.events({"from": "2024-05-01", "to": "2024-05-03"}, {"from": "2024-05-03", "to": "2024-05-04"},
                               {"from": "2024-05-06"})
        assert values(calendar, "2024-04-30", 8)["fair"] == [0, 1, 1, 1, 1, 0, 1, 0]
        assert values(calendar, "2024-04-29", 2, "W")["fair"] == [4, 1]

    def test_regions(self) -> None:
        """An event of a region is none elsewhere."""
        calendar = self.events({"from": "2024-05-01", "region": "north"}, {"from": "2024-05-02"})
        assert values(calendar, "2024-05-01", 2)["fair"] == [1, 1]
        assert values(calendar, "2024-05-01", 2, region="south")["fair"] == [0, 1]

    def test_known_from_the_first_year_to_the_last(self) -> None:
        """Of other years nothing is known, unless there are no others."""
        rows = [{"from": "2023-05-01"}, {"from": "2024-05-01"}]
        assert values(self.events(*rows), "2022-12-31", 2)["fair"] == [None, 0]
        assert values(self.events(*rows), "2024-12-31", 2)["fair"] == [0, None]
        assert values(self.events(*rows, complete=True), "2024-12-31", 2)["fair"] == [0, 0]

    def test_holidays_over_the_new_year_tell_nothing_of_the_rest_of_a_year(self) -> None:
        """Those of 2024 at the end of the table end in 2025, of which the rest is not known; so at its beginning."""
        rows = [{"from": "2022-12-23", "to": "2023-01-05"}, {"from": "2024-12-23", "to": "2025-01-05"}]
        found = values(self.events(*rows), "2022-12-22", 747)["fair"]
        assert found[:2] == [None, 1]
        assert found[15:30] == [0] * 15  # from 6 January 2023
        assert found[-2:] == [1, None]
        assert values(self.events(rows[0]), "2022-12-22", 16)["fair"] == [0, *[1] * 14, 0]

    def test_each_region_is_known_as_far_as_its_own_events(self) -> None:
        """One without any as far as those of the others."""
        calendar = self.events({"from": "2024-05-01", "region": "south"}, {"from": "2025-05-01", "region": "north"},
                               {"from": "2024-07-01", "region": "north"})
        assert {region: values(calendar, "2024-12-31", 2, region=region)["fair"]
                for region in ("north", "south", "west")} == {"north": [0, 0], "south": [0, None], "west": [0, 0]}

    def test_yearly(self) -> None:
        """They come back, over the turn of the year and in leap years too, and all years are known."""
        calendar = self.events({"from": "2020-12-30", "to": "2021-01-02", "yearly": True})
        assert values(calendar, "2025-12-29", 6)["fair"] == [0, 1, 1, 1, 1, 0]
        assert on(self.events({"from": "2024-02-29"}, yearly=True), "fair", "2023-02-01", 400) == ["2023-02-28",
                                                                                                 "2024-02-29"]
        assert values(calendar, "2010-06-01", 1)["fair"] == [0]

    @pytest.mark.parametrize(("first", "last"), [("02-25", "03-03"), ("12-20", "03-05"), ("02-20", "02-29")])
    @pytest.mark.parametrize("written_in", [2024, 2020])
    def test_yearly_over_the_end_of_february(self, first: str, last: str, written_in: int) -> None:
        """An event that is written in a leap year ends on its day of the calendar in the others too."""
        over = int(last < first)
        calendar = self.events({"from": f"{written_in - over}-{first}", "to": f"{written_in}-{last}", "yearly": True})
        ends = on(calendar, "fair", "2025-02-21", 30)

        assert ends[-1] == f"2025-{'02-28' if last == '02-29' else last}"
        assert on(calendar, "fair", "2028-02-21", 30)[-1] == f"2028-{last}"

    def test_days_beside(self) -> None:
        """Before and after, as of holidays."""
        found = values(self.events({"from": "2024-05-03"}, days_before=2, days_after=1), "2024-05-01", 5)
        assert found == {"fair": [0, 0, 1, 0, 0], "before_fair": [1, 1, 0, 0, 0], "after_fair": [0, 0, 0, 1, 0]}

    def test_tables(self) -> None:
        """What was read counts as what is written; what was not is unknown."""
        calendar = {"events": [{"name": "fair", "path": "fairs.csv"}]}
        read = {"fair": (Event(date(2024, 5, 1), date(2024, 5, 2)),)}
        assert values(calendar, "2024-05-01", 3, tables=read)["fair"] == [1, 1, 0]
        assert values(calendar, "2024-05-01", 3)["fair"] == [None, None, None]


def test_nothing_without_a_calendar() -> None:
    """And no periods have no values."""
    assert values({}, "2024-05-01", 3) == {}
    assert values({"holidays": "DE", "days_before": 0, "days_after": 0}, "2024-05-01", 0) == {"holiday": []}


CODES = {"default": "DE-SH", "south": "DE-BY"}
LAST = pd.Timestamp("2024-03-24")
KETTLES = [RegionItem(region, f"kettle {number}") for region in ("north", "south") for number in range(2)]
GOOD_FRIDAY, EASTER_MONDAY = pd.Timestamp("2024-03-29"), pd.Timestamp("2024-04-01")


def shops(calendar: dict[str, Any]) -> Dataset:
    """A dataset that is trained in two seconds."""
    return Dataset.model_validate({
        "name": "shops", "frequency": "D", "horizon": 21, "calendar": calendar, "backtest": {"windows": 1},
        "source": {"kind": "file", "path": "unused.csv"}, "training": {
            "scale": "log", "drivers": "log_linear", "year_features": False, "rounds": 20, "own_share": 0}})


def taken_in(dataset: Dataset) -> dict[RegionItem, pd.DataFrame]:
    """Demand of some 60 a day that falls to 24 on each region's holidays, as the validation makes it."""
    dates = pd.date_range("2022-01-01", LAST)
    generator, parts = np.random.default_rng(0), []
    for one in KETTLES:
        holiday = calendar_values(shops({"holidays": CODES}), one.region, dates.to_numpy())["holiday"]
        usual = 60 * np.array([1, 1, 1, 1, 1.2, 1.4, 0.7])[dates.dayofweek]
        parts.append(pd.DataFrame({"region": one.region, "item": one.item, "date": dates,
                                   "demand": generator.poisson(np.where(holiday > 0, 0.4, 1.0) * usual).astype(float)}))
    raw = pd.concat(parts, ignore_index=True)
    raw["row"] = np.arange(len(raw)) + 1
    found = validate_panel(raw, dataset, KETTLES, LAST, LAST + pd.Timedelta(days=1))
    return {one.region_item: one.demand for one in found if one.demand is not None}


@dataclass(frozen=True)
class Trained:
    """A dataset, a store with its demand, and a model trained on it."""

    dataset: Dataset
    store: DemandStore
    model: PooledModel

    def forecast(self, one: RegionItem, model: PooledModel | None = None, scenario: Scenario = PLAN) -> Forecast:
        """A forecast with its own model, or another."""
        return Forecaster(self.dataset, self.store).forecast(one, model or self.model, scenario=scenario)


def trained(folder: Path, calendar: dict[str, Any]) -> Trained:
    """A model of demand that was taken in with this calendar."""
    dataset, store = shops(calendar), DemandStore(str(folder))
    tables = taken_in(dataset)
    for one, table in tables.items():
        store.write("demand", one, table)
    return Trained(dataset, store, train_pooled(KETTLES, lambda one: tables[one], dataset).with_version(1))


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Without a calendar."""
    return trained(tmp_path_factory.mktemp("before"), {})


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """With one."""
    return trained(tmp_path_factory.mktemp("after"), {"holidays": CODES})


def units(forecast: Forecast) -> "pd.Series[float]":
    """By date."""
    return forecast.table.set_index("date")["forecast"]


class TestLearned:
    """What models make of it."""

    def test_moving_holidays_are_forecast(self, before: Trained, after: Trained) -> None:
        """Easter of a year that no model has seen is as low as holidays are; nothing had to be assumed."""
        for one in KETTLES:
            plain, found = units(before.forecast(one)), after.forecast(one)
            for day in (GOOD_FRIDAY, EASTER_MONDAY):
                assert 0.3 < units(found)[day] / plain[day] < 0.55
            assert found.assumed == ()
            usual = pd.Timestamp("2024-04-12")
            assert units(found)[usual] == pytest.approx(plain[usual], rel=0.25)

    def test_scenario_may_move_a_holiday(self, after: Trained) -> None:
        """A holiday that is called off, and one that is declared."""
        plain = units(after.forecast(KETTLES[0]))
        off, declared = EASTER_MONDAY.date(), date(2024, 4, 9)
        scenario = Scenario((Change("holiday", "set", False, off, off),
                             Change("holiday", "set", True, declared, declared)))
        found = units(after.forecast(KETTLES[0], scenario=scenario))
        assert found[EASTER_MONDAY] > 1.5 * plain[EASTER_MONDAY]
        assert found[pd.Timestamp(declared)] < 0.7 * plain[pd.Timestamp(declared)]

    def test_model_of_before_goes_on(self, before: Trained, after: Trained) -> None:
        """As it did, on demand that was taken in with the calendar, and says what it does not know."""
        for stored in (before.store, after.store):
            found = Trained(after.dataset, stored, before.model).forecast(KETTLES[0])
            pd.testing.assert_series_equal(units(found), units(before.forecast(KETTLES[0])))
            assert "holiday has no part in the forecast" in " ".join(found.flags + found.assumed)

    def test_model_that_knows_it_needs_it(self, before: Trained, after: Trained) -> None:
        """Where the calendar was taken out of the dataset file, or its demand was not taken in again."""
        for dataset, store in ((before.dataset, after.store), (after.dataset, before.store)):
            with pytest.raises(OtherDriversError, match="holiday"):
                Trained(dataset, store, after.model).forecast(KETTLES[0])

    @pytest.mark.parametrize(("calendar", "told"), [
        ({"holidays": {**CODES, "west": "AT"}}, []), ({"holidays": {"north": "DE-SH", **CODES}}, []),
        ({"holidays": {**CODES, "north": "DE-BY"}}, ["holiday", "day before holiday", "day after holiday"]),
        ({"holidays": CODES, "days_before": 3}, ["3 days before holiday"])])
    def test_other_days_than_were_learned_are_told(self, after: Trained, calendar: dict[str, Any],
                                                   told: list[str]) -> None:
        """Of the region that has them, where a driver goes on under its name."""
        found = replace(after, dataset=shops(calendar)).forecast(KETTLES[0])
        assert [flag.partition(" stands for other days")[0] for flag in found.flags if "other days" in flag] == told
        assert not any("other days" in flag for flag in after.forecast(KETTLES[0]).flags)

    def test_events_of_the_past_that_were_changed_are_told_and_later_ones_not(self, after: Trained) -> None:
        """So is a driver of the source's own that was the calendar's, but nothing of a model that did not note it."""
        def other(rows: list[str], then: list[str], **more: Any) -> list[str]:
            calendars = [shops({"events": [{"name": "holiday", "rows": [
                {"from": day, **more} for day in some]}]}) for some in (rows, then)]
            card = json.loads(json.dumps({"calendar": calendars[1].calendar.meanings("D")}))
            return replace(after.model, card=card).other_days(calendars[0], "north")

        assert other(["2023-05-01"], ["2023-05-01"]) == other(["2023-05-01", "2025-05-01"], ["2023-05-01"]) == []
        assert other(["2023-05-01"], ["2023-05-02"]) == other(["2023-05-01"], ["2022-05-01", "2023-05-01"]) == [
            "holiday"]
        assert other(["2023-05-01"], ["2023-05-02"], region="south") == []
        assert replace(after.model, card={}).other_days(after.dataset, "north") == []
        assert replace(after.model, card={"calendar": {}}).other_days(after.dataset, "north") == list(
            after.dataset.driver_names)

    def test_change_of_the_past_is_something_new_to_learn(self) -> None:
        """Of the future alone it is not: training does not look there."""
        hashes = []
        for day in (None, "2023-05-02", "2024-04-09"):
            rows = [{"from": "2022-01-01"}, *([{"from": day}] if day else [])]
            dataset = shops({"events": [{"name": "fair", "complete": True, "rows": rows}]})
            completed, _ = future_drivers(taken_in(dataset)[KETTLES[0]], dataset, 21)
            hashes.append(data_hash(series_features(completed, dataset)))
        assert hashes[0] == hashes[2] != hashes[1]
