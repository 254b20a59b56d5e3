"""``[calendar]`` of a dataset file: what it says, what it makes, and what it refuses."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from demand_assets.forecasting.contract.calendar_events import Event
from demand_assets.forecasting.dataset.dataset_file import Dataset, DatasetFileError, load_dataset

FAIR = {"name": "fair", "rows": [{"from": "2024-05-01", "to": "2024-05-03"}]}


def dataset(calendar: dict[str, Any], frequency: str = "D", **more: Any) -> Dataset:
    """A dataset with a calendar."""
    return Dataset.model_validate({"name": "shop", "frequency": frequency, "calendar": calendar,
                                   "source": {"kind": "file", "path": "unused.csv"}, **more})


def refused(calendar: dict[str, Any], **more: Any) -> str:
    """Why it is."""
    with pytest.raises(ValidationError) as error:
        dataset(calendar, **more)
    return str(error.value)


class TestDrivers:
    """What a calendar makes stands beside the declared drivers."""

    def test_days_are_yes_or_no(self) -> None:
        """A holiday, the day before it and the day after it; pay days; the end of the month; events."""
        made = dataset({"holidays": "DE-BY", "pay_days": 15, "month_end": 3, "events": [{**FAIR, "days_before": 2}]},
                       drivers=[{"name": "promo", "kind": "yes_no"}])
        assert made.driver_names == ("promo", "holiday", "before_holiday", "after_holiday", "pay_day", "month_end",
                                     "fair", "before_fair")
        assert {driver.kind for driver in made.drivers} == {"yes_no"}
        assert made.driver("before_fair").title == "2 days before fair"

    @pytest.mark.parametrize(("frequency", "names"), [("W", ("holiday", "fair")), ("M", ("holiday", "fair"))])
    def test_weeks_and_months_count_days(self, frequency: str, names: tuple[str, ...]) -> None:
        """Nothing beside them unless asked for."""
        made = dataset({"holidays": ["DE-BY"], "events": [FAIR]}, frequency)
        assert made.driver_names == names
        assert {driver.kind for driver in made.drivers} == {"number"}

    def test_none_without_a_calendar(self) -> None:
        """And the dataset is the one that its source has to fill."""
        plain = dataset({}, drivers=[{"name": "promo", "kind": "yes_no"}])
        assert plain.driver_names == ("promo",)
        assert plain.of_source is plain

    def test_source_need_not_have_them(self) -> None:
        """A source is asked for the declared drivers alone."""
        made = dataset({"holidays": "DE", "events": [FAIR]}, drivers=[{"name": "promo", "kind": "yes_no"}])
        assert made.of_source.driver_names == ("promo",)

    def test_written_and_read_again(self) -> None:
        """A dataset survives its own JSON."""
        made = dataset({"holidays": {"default": "DE", "south": ["DE-BY", "AT"]}, "events": [FAIR]})
        assert Dataset.model_validate(made.model_dump(by_alias=True)) == made

    @pytest.mark.parametrize("codes", ["DE", ["DE-BY", "AT-9"], {"default": [], "north": "DE-SH"},
                                       {"Nord\u00a0West": "DE-SH"}])
    def test_codes_by_region(self, codes: Any) -> None:
        """One code, several, by region, none for some."""
        table = dataset({"holidays": codes}).calendar.holidays
        assert all(isinstance(value, tuple) for value in table.values())
        assert "Nord\u00a0West" not in table


class TestRefusals:
    """Each mistake is named, with what is allowed."""

    @pytest.mark.parametrize(("codes", "words"), [
        ("XX", "'XX' is no country"), ("de", "Did you mean 'DE'?"), ("Germany", "Did you mean 'DE'?"),
        ("DEU", "Did you mean 'DE'?"), ("united states", "Did you mean 'US'?"), ("", "'' is no country"),
        ("DE-XX", "DE has no part 'XX'"), ("DE-by", "it has BB, BE"), ("SG-1", "write 'SG'"), (7, "a code as in"),
        ({"north": {"code": "DE"}}, "a code as in"), ({"north": "XX"}, "'XX' is no country"),
        ("HolidayBase", "no country"),
    ])
    def test_holidays(self, codes: Any, words: str) -> None:
        """No country, no part, no code."""
        assert words in refused({"holidays": codes})

    @pytest.mark.parametrize(("row", "words"), [
        ({"from": "2024-05-03", "to": "2024-05-01"}, "before it begins on 2024-05-03"),
        ({"from": 20240501}, "20240501 is no date"), ({"from": "01.05.2024"}, "'01.05.2024' is no date"),
        ({"from": "2024-02-30"}, "'2024-02-30' is no date"), ({"from": "0001-01-01"}, "outside the years"),
        ({"from": "2024-05-01", "to": "9999-12-31"}, "outside the years"), ({"from": True}, "True is no date"),
        ({"to": "2024-05-01"}, "from"), ({"from": "2024-05-01", "region": " "}, "region is empty"),
        ({"from": "2024-05-01", "until": "2024-05-02"}, "until"),
    ])
    def test_rows(self, row: dict[str, Any], words: str) -> None:
        """Dates that are none, or not in order; entries that are none."""
        assert words in refused({"events": [{"name": "fair", "rows": [row]}]})

    @pytest.mark.parametrize(("events", "words"), [
        ({}, "need one of rows, path and source; given: none"), ({"path": "a.csv", **FAIR}, "given: rows and path"),
        ({"path": "a.csv", "only": ["x"]}, "only needs the column"), ({"source": {"kind": "ftp"}}, "'ftp'"),
        ({"source": {"kind": "sql", "url": "sqlite://"}}, "either a table or a query"),
        ({"source": {"kind": "file", "path": "a", "sep": ";"}}, "source.sep"),
        ({"path": "a.csv", "days_before": 99}, "days_before"),
    ])
    def test_events(self, events: dict[str, Any], words: str) -> None:
        """Rows and a table at once, or neither; a table that cannot be described so."""
        assert words in refused({"events": [{"name": "fair", **events}]})

    @pytest.mark.parametrize("day", ["friday", 0, 32, True, "15", 1.5])
    def test_pay_days(self, day: Any) -> None:
        """What is no day of a month."""
        assert "is no pay day" in refused({"pay_days": [1, day]})

    @pytest.mark.parametrize("entry", [{"pay_days": 1}, {"month_end": 2}])
    def test_months_have_the_same_pay_days(self, entry: dict[str, Any]) -> None:
        """So they say nothing."""
        assert "says nothing of months" in refused(entry, frequency="M")

    @pytest.mark.parametrize(("calendar", "name"), [
        ({"holidays": "DE"}, "holiday"), ({"events": [FAIR]}, "fair"), ({"holidays": "DE"}, "after_holiday"),
        ({"pay_days": 1}, "pay_day")])
    def test_driver_of_that_name(self, calendar: dict[str, Any], name: str) -> None:
        """The source's own driver and the calendar's cannot both be."""
        words = refused(calendar, drivers=[{"name": name, "kind": "yes_no"}])
        assert f"[calendar] makes a driver called {name!r}, and [[drivers]] declares one" in words

    def test_two_events_of_one_name(self) -> None:
        """Also where one is named as days beside the other."""
        assert "two drivers called 'holiday'" in refused({"holidays": "DE", "events": [{**FAIR, "name": "holiday"}]})
        assert "two drivers called 'before_fair'" in refused({"events": [
            {**FAIR, "days_before": 1}, {**FAIR, "name": "before_fair"}]})

    def test_future_of_a_declared_driver(self) -> None:
        """``calendar`` is no word for it."""
        assert "future = 'calendar'" in refused({}, drivers=[{"name": "promo", "kind": "yes_no", "future": "calendar"}])

    def test_column_of_a_calendar(self) -> None:
        """It has none."""
        assert "names what is no driver: holiday" in refused(
            {"holidays": "DE"}, columns={"drivers": {"holiday": "Feiertag"}})

    def test_days_beside_no_holidays(self) -> None:
        """Events have their own."""
        assert "no holidays are given" in refused({"days_before": 2, "events": [FAIR]})

    def test_told_with_the_file(self, tmp_path: Path) -> None:
        """The message names the entry."""
        (tmp_path / "shop.toml").write_text('frequency = "D"\n[source]\nkind = "file"\npath = "a.csv"\n'
                                            '[calendar]\nholidays = "XX"\n')
        with pytest.raises(DatasetFileError, match=r"calendar\.holidays: .*'XX' is no country"):
            load_dataset(tmp_path / "shop.toml")


def test_tables_stand_beside_the_file(tmp_path: Path) -> None:
    """A relative path is taken from the dataset file's folder; TOML's own dates are dates."""
    (tmp_path / "shop.toml").write_text("""frequency = "D"
[source]
kind = "file"
path = "a.csv"
[[calendar.events]]
name = "school_holiday"
path = "school.csv"
[[calendar.events]]
name = "sale"
source = { kind = "file", path = "sales.xlsx", sheet = "sales" }
[[calendar.events]]
name = "fair"
rows = [{ name = "May fair", from = 2024-05-01, to = 2024-05-03, region = "north", yearly = true }]
""")
    school, sale, fair = load_dataset(tmp_path / "shop.toml").calendar.events
    assert school.path == str(tmp_path / "school.csv")
    assert sale.source == {"kind": "file", "path": str(tmp_path / "sales.xlsx"), "sheet": "sales"}
    assert [Event.from_json(event.to_json()) for event in fair.written] == list(fair.written)
    assert fair.written[0].region == "north"
