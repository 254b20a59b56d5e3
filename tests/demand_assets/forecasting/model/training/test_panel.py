"""What the pooled training sees of a dataset: the boosted way within both, and the same whoever makes the features."""

import gc
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset, Pins
from demand_assets.forecasting.model.boosters import TrainingRows
from demand_assets.forecasting.model.training import pooled_model
from demand_assets.forecasting.model.training.aside import in_order
from demand_assets.forecasting.model.training.panel import Panel, panel_of
from demand_assets.forecasting.model.training.pooled_model import train_pooled
from tests.demand_assets.forecasting.conftest import weekly_demand

TABLES = {RegionItem(f"r{number // 8}", f"i{number % 8}"): weekly_demand(150, seed=number).iloc[number:].reset_index()
          for number in range(32)}


def panel(dataset: Dataset, way: str, aside: Any = map) -> Panel:
    return panel_of(list(TABLES), TABLES.__getitem__, dataset, way, aside)  # type: ignore[arg-type]


def last_first(work: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
    """Other processes that come to the last task first."""
    yield from map(work, reversed(list(tasks)))


def test_the_boosted_way_is_within_both(weekly: Dataset) -> None:
    """The same features to the last bit; demand over the level nearly, for features have fewer digits."""
    alone, within = panel(weekly, "boosted"), panel(weekly, "mean").seeing

    assert (within.drivers, within.size, within.ends) == (alone.drivers, alone.size, alone.ends)
    assert (within.names, within.constraints) == (alone.names, alone.constraints)
    assert within.facts == alone.facts
    np.testing.assert_array_equal(within.rows.features, alone.rows.features)
    np.testing.assert_array_equal(within.rows.date, alone.rows.date)
    for column in ("ratio", "effect", "level"):
        np.testing.assert_allclose(getattr(within.rows, column), getattr(alone.rows, column), rtol=2e-6)
    origins, leads = np.array([80, 81, 90]), np.array([1, 4, 2])
    for mine, its in zip(within.judged, alone.judged, strict=True):
        assert (mine.region_item, mine.first_target) == (its.region_item, its.first_target)
        for seen in ("as_planned", "as_came"):
            np.testing.assert_array_equal(getattr(mine.series, seen).rows(origins, leads),
                                          getattr(its.series, seen).rows(origins, leads))
        np.testing.assert_array_equal(mine.series.level, its.series.level)


def test_rows_are_in_the_order_of_region_items_whoever_is_first(weekly: Dataset) -> None:
    here, there = panel(weekly, "mean"), panel(weekly, "mean", last_first)

    np.testing.assert_array_equal(here.rows.features, there.rows.features)
    assert [member.region_item for member in here.judged] == [member.region_item for member in there.judged]


def test_results_are_taken_in_the_order_of_tasks() -> None:
    assert list(in_order(last_first, str, range(5))) == ["0", "1", "2", "3", "4"]
    assert list(in_order(map, str, [])) == []


def test_models_are_the_same_to_the_last_bit_whoever_makes_the_features(weekly: Dataset) -> None:
    """By other processes, in any order, and their totals too."""
    dataset = weekly.model_copy(update={"training": Pins(rounds=3), "drivers": weekly.drivers[:1]})
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        models = [train_pooled(list(TABLES), TABLES.__getitem__, dataset, aside=aside)
                  for aside in (map, partial(last_first_in, processes))]

    cards = [{name: told for name, told in model.card.items() if name != "seconds"} for model in models]
    assert cards[0] == cards[1]
    assert cards[0]["totals"]
    here, there = (replace(model, fits=(), card={}) for model in models)
    assert here == there
    for mine, its in zip(*(model.fits for model in models), strict=True):
        assert mine.boosters.keys() == its.boosters.keys()
        assert all(mine.boosters[scale].save_raw() == its.boosters[scale].save_raw() for scale in mine.boosters)


def last_first_in(processes: ProcessPoolExecutor, work: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
    yield from reversed(list(processes.map(work, tasks)))


def test_no_rows_are_held_once_they_are_learned_from(weekly: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are the largest thing that a pooled training holds, and what comes after takes memory too."""
    held: list[int] = []
    settle = pooled_model.settled

    def settled(*arguments: Any) -> Any:
        gc.collect()
        held.extend(len(found.ratio) for found in gc.get_objects() if isinstance(found, TrainingRows))
        return settle(*arguments)

    monkeypatch.setattr(pooled_model, "settled", settled)
    dataset = weekly.model_copy(update={"training": Pins(rounds=3, own_share=0.5), "drivers": weekly.drivers[:1]})

    card = train_pooled(list(TABLES)[:2], TABLES.__getitem__, dataset).card

    assert card["rows"] > 0
    assert held
    assert not any(held)
