"""Backups taken while a training writes: each is whole, and forecasts to the last bit as the original did."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from pandas.testing import assert_frame_equal

from demand_assets.defs.resources import open_pipeline
from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.forecast.forecaster import Forecaster
from demand_assets.settings import Settings
from deploy.backup.archive import Archive
from deploy.backup.contents import Contents
from deploy.backup.restore import restore
from deploy.backup.take import take
from deploy.processes import Folders
from deploy.settings import RestoreSettings
from tests.conftest import write_tiny_dataset

Forecasts = dict[tuple[RegionItem, int], pd.DataFrame]


def contents(dataset: Path, state: Path) -> Contents:
    return Contents(RestoreSettings(called_from=state.parent, dataset=dataset, state=state), Folders(state / "tiny"))


def training(dataset: Path, state: Path, *more: str) -> "subprocess.Popen[bytes]":
    """One that goes on in one process: others would only take time to start."""
    return subprocess.Popen([sys.executable, "-m", "demand_assets.commands.train", "--dataset", str(dataset), "--state",
                             str(state), *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            env=os.environ | {"DEMAND_CORES": "1"})


def forecasts(dataset: Path, state: Path) -> Forecasts:
    """Of every version in production, on the state's own demand."""
    pipeline = open_pipeline(Settings(dataset=dataset, state=state, mlflow_url=None))
    forecaster = Forecaster(pipeline.dataset, pipeline.store)
    found: Forecasts = {}
    for one in pipeline.source.catalogue().region_items:
        entry = pipeline.registry.entry(one)
        assert entry
        assert entry.production
        source = Path(next(str(version.source) for version in pipeline.registry.versions(one)
                           if int(version.version) == entry.production))
        assert source.is_relative_to(state)
        model = pipeline.registry.load(one, entry.production)
        found[one, entry.production] = forecaster.forecast(one, model).table
    return found


def test_every_backup_forecasts_as_the_original_did(tmp_path: Path) -> None:
    dataset, state = write_tiny_dataset(tmp_path, regions=1, items=2), tmp_path / "var"
    assert training(dataset, state).wait(timeout=300) == 0
    wanted = forecasts(dataset, state)
    backups: list[Path] = []
    with training(dataset, state, "--afresh") as going:
        while going.poll() is None:
            backups.append(take(contents(dataset, state), "tiny", tmp_path / f"{len(backups)}.tar",
                                datetime.now(UTC))[0])
            try:
                going.wait(timeout=0.5 if len(backups) < 5 else 2)
            except subprocess.TimeoutExpired:
                continue
    assert going.returncode == 0
    assert len(backups) > 3
    wanted |= forecasts(dataset, state)
    shutil.rmtree(state)
    for number, backup in enumerate((backups[0], backups[len(backups) // 2], *backups[-3:])):
        other = tmp_path / f"machine {number}" / "var"
        list(restore(Archive(backup), contents(dataset, other)))
        found = forecasts(dataset, other)
        assert len(found) == 2
        for key, table in found.items():
            assert_frame_equal(table, wanted[key], check_exact=True)
    list(restore(Archive(backups[-1]), contents(dataset, state)))
    assert training(dataset, state).wait(timeout=300) == 0
    assert len(forecasts(dataset, state)) == 2
