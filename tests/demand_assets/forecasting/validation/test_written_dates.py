import pandas as pd
import pytest

from demand_assets.forecasting.validation.written_dates import read_dates


def texts(*values):
    return pd.Series(list(values), dtype=object)


def test_a_text_is_read_by_the_frequency_each_time():
    found = {frequency: str(read_dates(texts("2024-05"), frequency).days[0]) for frequency in ("D", "W", "M", "D")}

    assert found == {"D": "NaT", "W": "2024-01-29", "M": "2024-05-01"}


def test_a_text_is_read_by_the_format_and_the_zone_each_time():
    assert str(read_dates(texts("03/04/2024"), "D", "%d/%m/%Y").days[0]) == "2024-04-03"
    assert str(read_dates(texts("03/04/2024"), "D", "%m/%d/%Y").days[0]) == "2024-03-04"
    assert str(read_dates(texts("2024-01-01T23:30Z"), "D").days[0]) == "2024-01-01"
    assert str(read_dates(texts("2024-01-01T23:30Z"), "D", time_zone="Europe/Berlin").days[0]) == "2024-01-02"


@pytest.mark.parametrize("value", ["1900-01-01", "1969-12-31", "1970-01-01", "2200-12-31"])
def test_days_far_from_today_are_what_they_are(value):
    assert str(read_dates(texts(value), "D").days[0]) == value
