"""Kinds of drivers: values that a plug-in reads, those that it refuses, and plug-ins that misbehave."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demand_assets.forecasting.contract.plugins import DRIVER_KINDS, PluginError
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset, DatasetFileError, load_dataset
from demand_assets.forecasting.dataset.driver_kinds import reading_of
from demand_assets.forecasting.validation.rows_to_demand import Validated, validate_panel

PlugIn = Callable[..., Path]
TEA = RegionItem("north", "tea")


def validated(*words: str | None, kind: str = "number", read_as: str = "promo_level") -> Validated:
    dataset = Dataset.model_validate({
        "name": "shop", "frequency": "D", "source": {"kind": "simulated"},
        "drivers": [{"name": "promo", "kind": kind, "read_as": read_as}]})
    days = pd.date_range("2026-01-01", periods=20)
    raw = pd.DataFrame({"region": "north", "item": "tea", "row": np.arange(1, 21), "date": days, "demand": 5.0,
                        "promo": [*words, *["none"] * (20 - len(words))]})
    return validate_panel(raw, dataset, [TEA], days[-1], days[-1] + pd.Timedelta(days=1))[0]


@pytest.mark.usefixtures("examples")
def test_words_become_what_the_plugin_reads_and_others_are_refused() -> None:
    found = validated("shelf", " Front Page", "?", None, "radio")

    assert found.demand is not None
    assert found.demand["promo"].iloc[:2].tolist() == [1.0, 3.0]
    assert found.quarantine[["row", "column", "value", "rule", "message"]].to_numpy().tolist() == [
        [5, "promo", "radio", "driver_not_read",
         "promo 'radio' is no level of a promotion; levels are none, shelf, leaflet, front page."]]


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize(("entries", "words"), [
    ('kind = "category"\nread_as = "promo_level"', "drivers.promo: .*reads values of kind 'number'. Write kind"),
    ('kind = "number"\nread_as = "promo_levl"', "drivers.promo: 'promo_levl' is no driver kind .* promo_level"),
    ('kind = "promo_level"', "drivers.0.kind: Input should be 'number', 'yes_no' or 'category'")])
def test_mistakes_in_a_dataset_file_are_named(tmp_path: Path, entries: str, words: str) -> None:
    file = tmp_path / "shop.toml"
    file.write_text('frequency = "D"\n[source]\nkind = "file"\npath = "a.csv"\n[[drivers]]\nname = "promo"\n' + entries)

    with pytest.raises(DatasetFileError, match=words):
        load_dataset(file)


@pytest.mark.parametrize(("body", "kind", "words"), [
    ("return {}[value]", "number", "'level' of the package acme-plugin 1.2 failed to read 'none': KeyError: 'none'"),
    ("return 'much'", "number", "answered 'much' when asked to read 'none'; a value of kind 'number'"),
    ("return float('inf')", "number", "answered inf"),
    ("return 0.5", "yes_no", "answered 0.5"),
    ("return 1", "category", "answered 1")])
def test_one_that_fails_or_answers_nonsense_is_told_by_name(plug_in: PlugIn, body: str, kind: str, words: str) -> None:
    plug_in(DRIVER_KINDS, "level", f"class Offered:\n    kind = {kind!r}\n    def read(self, value):\n        {body}\n")

    with pytest.raises(PluginError, match=words):
        validated("none", kind=kind, read_as="level")


@pytest.mark.parametrize("code", ["class Offered:\n    kind = 'date'\n    read = print\n",
                                  "class Offered:\n    kind = 'number'\n"])
def test_one_that_is_no_kind_is_refused(plug_in: PlugIn, code: str) -> None:
    plug_in(DRIVER_KINDS, "level", code)

    with pytest.raises(PluginError, match="needs an attribute kind, one of number, yes_no, category, and a method"):
        reading_of("level")


def test_uploads_which_come_as_values_of_the_kind_are_refused_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text('frequency = "D"\n[source]\nkind = "file"\npath = "a.csv"\nuploads = "up"\n'
                    '[[drivers]]\nname = "promo"\nkind = "number"\nread_as = "promo_level"\n')

    with pytest.raises(DatasetFileError, match=r"leave out source\.uploads, or read_as"):
        load_dataset(file)
