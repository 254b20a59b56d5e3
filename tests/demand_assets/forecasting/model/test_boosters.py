"""Boosters: what each learns from."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from demand_assets.forecasting.contract.recipes import Recipe, Scale
from demand_assets.forecasting.model import boosters
from demand_assets.forecasting.model.boosters import TrainingRows, fit_boosters, fit_on_all, mean_answer
from demand_assets.forecasting.model.enough_history import NotEnoughHistoryError

BOTH = Recipe(scale="mix", rounds=4, depth=2, min_child_weight=1.0, subsample=1.0, columns=1.0)


@pytest.fixture
def rows() -> TrainingRows:
    """Sixty rows of two features, the second of which tells demand."""
    made = np.random.default_rng(3)
    features = made.random((60, 2), dtype=np.float32)
    days = np.datetime64("2026-01-01") + np.arange(60)
    return TrainingRows(features, 0.5 + features[:, 1].astype(np.float64), np.ones(60), np.full(60, 10.0), days)


@pytest.mark.parametrize("first", ["log", "tweedie"])
def test_two_boosters_of_many_rows_learn_from_a_half_each_and_between_them_from_all(
        rows: TrainingRows, first: Scale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosters, "HALVED_FROM", 60)
    learned: list[set[np.datetime64]] = []
    matrix = boosters._matrix

    def noting(some: TrainingRows, columns: Any, bins: Any, places: Any) -> Any:
        learned.append(set(some.date[places]))
        return matrix(some, columns, bins, places)

    monkeypatch.setattr(boosters, "_matrix", noting)

    found = fit_boosters(rows, BOTH, [0, 1], [0, 0], first_half=first)

    assert list(found) == ["log", "tweedie"]
    of_log, of_tweedie = learned
    assert not of_log & of_tweedie
    assert of_log | of_tweedie == set(rows.date)
    assert min(map(len, learned)) > 20
    again = fit_boosters(rows, BOTH, [0, 1], [0, 0], first_half=first)
    assert np.array_equal(mean_answer(found, rows.features, [0, 1]), mean_answer(again, rows.features, [0, 1]))


def test_a_half_is_learned_as_if_there_were_no_other_rows(rows: TrainingRows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights among them: rows of another level are not all of one weight."""
    uneven = replace(rows, level=1.0 + np.arange(60.0), effect=np.where(np.arange(60) % 3 == 0, 2.0, 1.0))
    monkeypatch.setattr(boosters, "HALVED_FROM", 60)
    half = np.random.default_rng(0).random(60) < 0.5

    found = fit_boosters(uneven, BOTH, [1, 0], [0, 0])

    for scale, which in (("log", half), ("tweedie", ~half)):
        alone = fit_on_all(uneven.where(which), Recipe(**{**BOTH.to_json(), "scale": scale}), [1, 0], [0, 0])
        assert found[scale].save_raw() == alone[scale].save_raw()  # type: ignore[index]


def test_an_even_choice_of_what_is_known_and_no_copy_where_that_is_all(rows: TrainingRows) -> None:
    last = rows.date[-1]

    some, few = rows.before(rows.date[49]), rows.before(rows.date[49], 20)

    assert rows.before(last) is rows
    assert rows.before(last, 60) is rows
    assert list(some.date) == list(rows.date[:50])
    assert list(few.date) == list(rows.date[:50:3])
    assert np.array_equal(few.features, rows.features[:50:3])


def test_the_other_way_learns_from_the_other_half(rows: TrainingRows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosters, "HALVED_FROM", 60)

    one, other = (fit_boosters(rows, BOTH, [0, 1], [0, 0], first_half=first) for first in ("log", "tweedie"))

    for scale in ("log", "tweedie"):
        answers = [mean_answer({scale: each[scale]}, rows.features, [0, 1]) for each in (one, other)]
        assert not np.array_equal(*answers)


@pytest.mark.parametrize("scale", ["log", "tweedie", "mix"])
def test_few_rows_are_all_learned_by_each(rows: TrainingRows, scale: Scale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosters, "HALVED_FROM", 61 if scale == "mix" else 60)  # a single one has all whatever it is
    recipe = Recipe(**{**BOTH.to_json(), "scale": scale})

    found = fit_boosters(rows, recipe, [0, 1], [0, 0])

    for alone in recipe.members:
        of_all = fit_boosters(rows, Recipe(**{**BOTH.to_json(), "scale": alone}), [0, 1], [0, 0])
        assert np.array_equal(mean_answer({alone: found[alone]}, rows.features, [0, 1]),
                              mean_answer(of_all, rows.features, [0, 1]))


def test_bins_of_many_rows_are_found_on_some_and_forecasts_hardly_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among them a flag that is seldom up: a hundredth of the rows still splits."""
    made = np.random.default_rng(4)
    features = made.random((6000, 3), dtype=np.float32)
    features[:, 2] = made.random(6000) < 0.01
    ratio = 0.5 + features[:, 1].astype(np.float64) + 2 * features[:, 2]
    many = TrainingRows(features, ratio, np.ones(6000), np.full(6000, 10.0),
                        np.datetime64("2010-01-01") + np.arange(6000))
    recipe = Recipe(**{**BOTH.to_json(), "rounds": 40, "depth": 4, "learning_rate": 0.3})
    of_all = fit_on_all(many, recipe, [0, 1, 2], [0, 0, 0])
    monkeypatch.setattr(boosters, "ROWS_OF_BINS", 1000)

    found = fit_on_all(many, recipe, [0, 1, 2], [0, 0, 0])

    answers, before = (mean_answer(each, features, [0, 1, 2]) for each in (found, of_all))
    assert not np.array_equal(answers, before)
    assert np.abs(answers / ratio - 1).mean() == pytest.approx(np.abs(before / ratio - 1).mean(), abs=0.003)
    assert answers[features[:, 2] > 0].mean() > 2.5


def test_no_row_is_said() -> None:
    none = TrainingRows(np.zeros((0, 2), dtype=np.float32), *(np.zeros(0) for _ in range(3)),
                        np.zeros(0, dtype="datetime64[D]"))

    with pytest.raises(NotEnoughHistoryError, match="no training row"):
        fit_boosters(none, BOTH, [0, 1], [0, 0])
