"""What is in production, on a real MLflow store without a server: promotions, pins, roll backs, and two at once."""

import json
import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest

from demand_assets.forecasting.gate.gate import Decision
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.registry.entry import RegistryEntry
from demand_assets.forecasting.registry.promotions_pins_and_roll_backs import ActRefusedError, held_by_pin
from demand_assets.forecasting.registry.registry import Registry
from tests.demand_assets.forecasting.conftest import KETTLES
from tests.demand_assets.forecasting.registry.conftest import PROMOTE, promoted, register


@pytest.fixture(params=[False, True], ids=["quick", "stock"])
def stock(request: pytest.FixtureRequest) -> bool:
    """As the product runs by itself, and on nothing but MLflow's public parts."""
    return bool(request.param)


def test_promotion_remembers_what_it_replaced(registry: Registry, model: ForecastModel) -> None:
    for _ in range(2):
        promoted(registry, KETTLES, model)

    entry = registry.entry(KETTLES)

    assert (entry.production, entry.previous, entry.candidate) == (2, 1, 2)
    assert registry.tags(KETTLES, 2)["decision"] == "promote: better"
    assert json.loads(registry.tags(KETTLES, 2)["decision_numbers"])["wape"] == 0.1


def test_promoting_twice_is_promoting_once(registry: Registry, model: ForecastModel) -> None:
    for _ in range(2):
        promoted(registry, KETTLES, model)

    registry.record_decision(KETTLES, 2, PROMOTE, "r1")

    assert (registry.entry(KETTLES).production, registry.entry(KETTLES).previous) == (2, 1)


def test_keeping_leaves_production_and_says_why(registry: Registry, model: ForecastModel) -> None:
    promoted(registry, KETTLES, model)
    promoted_at = registry.entry(KETTLES).promoted_at

    registry.record_decision(KETTLES, register(registry, KETTLES, model), Decision("keep", "worse"), "r2")

    entry = registry.entry(KETTLES)
    assert (entry.production, entry.candidate, entry.decision, entry.reason) == (1, 2, "keep", "worse")
    assert entry.promoted_at == promoted_at


def test_a_promotion_dates_the_model_and_says_where_its_files_are(registry: Registry, model: ForecastModel) -> None:
    version = register(registry, KETTLES, model)
    before = registry.page(10)

    registry.record_decision(KETTLES, version, PROMOTE, "r1")

    after = registry.page(10)
    assert after.newest > before.newest
    assert [entry.region_item for entry in registry.entries()] == [KETTLES]
    assert after.entries[0][1].files.source == registry.versions(KETTLES)[0].source


def test_a_roll_back_is_written_on_the_version_and_leaves_what_was_decided(registry: Registry,
                                                                           model: ForecastModel) -> None:
    for _ in range(2):
        promoted(registry, KETTLES, model)

    registry.roll_back(KETTLES, 1, 2, "ada@example.com", "v2 is too high")

    told = json.loads(registry.tags(KETTLES, 1)["rolled_back"])
    assert (told["by"], told["reason"], told["from"], told["to"]) == ("ada@example.com", "v2 is too high", 2, 1)
    entry = registry.entry(KETTLES)
    assert (entry.decided, entry.decision) == (2, "promote")
    assert (entry.production, entry.previous, entry.rolled_back["from"]) == (1, 2, 2)


def test_a_decision_leaves_the_pin(registry: Registry, model: ForecastModel) -> None:
    promoted(registry, KETTLES, model)
    registry.pin(KETTLES, 1, "ada@example.com", "Christmas")

    registry.record_decision(KETTLES, register(registry, KETTLES, model), Decision("keep", "pinned"), "r2")

    assert registry.entry(KETTLES).pinned_reason == "Christmas"


def test_a_pin_keeps_what_serves_and_tells_the_candidates_merit() -> None:
    entry = RegistryEntry(KETTLES, "shop.north.kettles", 1, 2, pinned_by="ada@example.com", pinned_reason="Christmas")

    held = held_by_pin(entry, PROMOTE)

    assert held.verdict == "keep"
    assert held.reason == "pinned by ada@example.com: Christmas; the candidate would have been promoted: better"
    assert held.numbers == PROMOTE.numbers
    assert "would not have been promoted either: worse" in held_by_pin(entry, Decision("keep", "worse")).reason
    assert held_by_pin(replace(entry, pinned_by=""), PROMOTE) is PROMOTE
    assert held_by_pin(None, PROMOTE) is PROMOTE


class Interrupted:
    """MLflow's client; another process acts right before one of the changes that are made with it."""

    def __init__(self, models: Any, at: int, act: Callable[[], object]) -> None:
        self._models, self._left, self._act = models, at, act

    def __getattr__(self, name: str) -> Any:
        def changing(*given: str) -> Any:
            if self._left == 0:
                self._act()
            self._left -= 1
            return getattr(self._models, name)(*given)

        return changing


def pinned_if_it_can_be(registry: Registry) -> bool:
    try:
        registry.pin(KETTLES, 1, "ada", "Christmas")
    except ActRefusedError:
        return False
    return True


def is_consistent(registry: Registry, pinned: bool) -> bool:
    """Whether the pin is in force on what it was put on, or was refused and is not there."""
    entry = registry.entry(KETTLES)
    return registry.load(KETTLES, entry.production).version == entry.production and entry.problem == "" and (
        (entry.pinned_by, entry.pinned_version, entry.production) == (("ada", 1, 1) if pinned else ("", None, 2)))


@pytest.mark.parametrize("step", range(4))
def test_a_pin_in_the_midst_of_a_promotion_holds_or_is_refused(registry: Registry, model: ForecastModel,
                                                               step: int) -> None:
    promoted(registry, KETTLES, model)
    version = register(registry, KETTLES, model)
    other, answers = Registry(registry.session.uri, registry.dataset), []
    before = registry.entry(KETTLES)
    models = registry.session.models
    registry.session.models = Interrupted(models, step, lambda: answers.append(pinned_if_it_can_be(other)))

    decision = registry.record_decision(KETTLES, version, PROMOTE, "r1", before, is_told=True)

    registry.session.models = models
    if not answers:
        answers.append(pinned_if_it_can_be(other))
    assert is_consistent(registry, answers[0])
    assert decision.verdict == ("keep" if answers[0] else "promote")
    assert not answers[0] or registry.tags(KETTLES, 2)["decision"].startswith("keep: pinned by ada")


@pytest.mark.parametrize("step", range(3))
def test_a_promotion_in_the_midst_of_a_pin_gives_way_or_the_pin_is_refused(registry: Registry, model: ForecastModel,
                                                                           step: int) -> None:
    promoted(registry, KETTLES, model)
    version = register(registry, KETTLES, model)
    other = Registry(registry.session.uri, registry.dataset)
    before = other.entry(KETTLES)
    models = registry.session.models
    registry.session.models = Interrupted(
        models, step, lambda: other.record_decision(KETTLES, version, PROMOTE, "r1", before))

    pinned = pinned_if_it_can_be(registry)

    registry.session.models = models
    assert is_consistent(registry, pinned) or (step == 2 and pinned)


def test_writers_of_different_facts_lose_nothing(registry: Registry, model: ForecastModel) -> None:
    for _ in range(2):
        promoted(registry, KETTLES, model)
    version = register(registry, KETTLES, model)
    other = Registry(registry.session.uri, registry.dataset)
    stale = registry.entry(KETTLES)
    other.pin(KETTLES, 2, "ada", "Christmas")

    registry.record_decision(KETTLES, version, Decision("keep", "worse"), "r2", stale)
    other.unpin(KETTLES)
    registry.record_decision(KETTLES, version, PROMOTE, "r2", stale)
    other.roll_back(KETTLES, 1, 3, "bob", "too high")
    registry.record_decision(KETTLES, version, Decision("keep", "worse"), "r2", stale)

    entry = registry.entry(KETTLES)
    assert (entry.production, entry.previous, entry.rolled_back["by"], entry.pinned_by, entry.decision) == (
        1, 3, "bob", "", "keep")
    assert entry.problem == ""


def act_again_and_again(uri: str, dataset: str, stock: bool, which: str, together: Barrier) -> None:
    """Pin and unpin, or promote, eight times, whatever is refused; begins when the other process does."""
    registry = Registry(uri, dataset, stock=stock)
    together.wait(120)
    for turn in range(8):
        with suppress(ActRefusedError):
            if which == "pin":
                registry.pin(KETTLES, registry.entry(KETTLES).production, f"ada {turn}", "why")
                registry.unpin(KETTLES)
            else:
                registry.record_decision(KETTLES, 1 + turn % 2, PROMOTE, f"r{turn}")


@pytest.mark.parametrize("stock", [False])
def test_two_processes_that_pin_and_promote_at_once_leave_an_entry_that_is_right(registry: Registry,
                                                                                 model: ForecastModel) -> None:
    for _ in range(2):
        promoted(registry, KETTLES, model)
    processes = multiprocessing.get_context("spawn")
    together = processes.Barrier(2)
    shared = registry.session.uri, registry.dataset, registry.session.stock
    other = processes.Process(target=act_again_and_again, args=(*shared, "pin", together))
    other.start()
    act_again_and_again(*shared, "promote", together)
    other.join(120)

    assert other.exitcode == 0

    entry = registry.entry(KETTLES)
    assert (entry.pinned_by, entry.problem) == ("", "")
    assert entry.previous in (1, 2)
    assert registry.load(KETTLES, entry.production).version == entry.production


def test_what_is_noted_of_promotions_does_not_grow_for_ever(registry: Registry, model: ForecastModel) -> None:
    promoted(registry, KETTLES, model)
    name = KETTLES.model_name(registry.dataset)
    for version in range(2, 15):
        registry.session.client.create_model_version(name, "/nowhere")
        registry.record_decision(KETTLES, version, PROMOTE, "r1", is_told=True)

    entry = registry.entry(KETTLES)
    assert (entry.production, entry.previous, entry.problem) == (14, 13, "")
    assert len(registry.session.client.get_registered_model(name).tags) < 14


class CutOffError(Exception):
    """The process ended."""


def cut_off() -> None:
    raise CutOffError


def test_a_promotion_that_was_cut_off_is_done_again_and_the_old_one_serves_until_then(registry: Registry,
                                                                                      model: ForecastModel) -> None:
    promoted(registry, KETTLES, model)
    before, version = registry.entry(KETTLES), register(registry, KETTLES, model)
    # By MLflow's client a note, the alias, and a date, one after the other; by our statements all at once or nothing.
    for steps, is_moved in ((1, False), (2, True)) if registry.session.stock else ((0, False),):
        models = registry.session.models
        registry.session.models = Interrupted(models, steps, cut_off)
        with pytest.raises(CutOffError):
            registry.record_decision(KETTLES, version, PROMOTE, "r1")
        registry.session.models = models
        entry = registry.entry(KETTLES)
        assert entry.problem == ""
        assert (entry.production, entry.previous) == ((2, 1) if is_moved else (1, None))
        assert entry.decided == (2 if is_moved else None)
        assert is_moved or entry.promoted_at == before.promoted_at

    registry.record_decision(KETTLES, version, PROMOTE, "r1")
    assert (registry.entry(KETTLES).production, registry.entry(KETTLES).previous) == (2, 1)
