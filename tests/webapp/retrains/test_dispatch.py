import stat
from pathlib import Path

import pytest

from webapp.retrains.dispatch import goes_as_backfill, ranges
from webapp.settings import Settings

ORDER = [f"a|{n:04}" for n in range(2500)]


@pytest.mark.parametrize(("picked", "count"), [
    ([0], 1), ([0, 1, 2], 1), ([2, 0, 1], 1), ([0, 2], 2), ([0, 1, 5, 9], 3)])
def test_ranges_are_counted_in_dagsters_order(picked: list[int], count: int) -> None:
    assert ranges([ORDER[n] for n in picked], ORDER) == count


@pytest.mark.parametrize(("keys", "backfill"), [
    (ORDER[:1], True), (ORDER[:20], True), (ORDER[:500], True), (ORDER, True),
    (ORDER[:9:2], True), (ORDER[:11:2], False), (ORDER[::2][:50], False), (ORDER[::2], False),
    ([key for place, key in enumerate(ORDER) if place % 200], True),
    ([key for place, key in enumerate(ORDER) if place % 50], False),
])
def test_what_carries_a_selection(keys: list[str], backfill: bool) -> None:
    assert goes_as_backfill(keys, ORDER) is backfill


@pytest.mark.parametrize(("url", "normalised"), [
    ("postgres://u:p@h/db", "postgresql+psycopg2://u:p@h/db"), ("postgresql://u@h/db", "postgresql+psycopg2://u@h/db"),
    ("postgresql+psycopg2://u@h/db", "postgresql+psycopg2://u@h/db"), ("sqlite:///x.db", "sqlite:///x.db")])
def test_postgresql_urls_name_the_driver_that_is_installed(url: str, normalised: str) -> None:
    assert Settings(web_database_url=url).database_url == normalised


def test_the_secret_key_is_made_once_and_readable_by_its_owner_only(settings: Settings, tmp_path: Path) -> None:
    first = Settings(demand_dataset=settings.demand_dataset, demand_state=tmp_path / "other")
    second = Settings(demand_dataset=settings.demand_dataset, demand_state=tmp_path / "other")

    assert first.secret_key == second.secret_key
    assert len(first.secret_key) == 64
    assert stat.S_IMODE((first.folder / "secret_key").stat().st_mode) == 0o600
