"""The cache of models on disk: nothing of a damaged file reaches XGBoost, and it is fetched anew."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from demand_assets.forecasting.contract.region_item import pooled_name
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.registry.version_files import IDENTITY_FILE
from tests.demand_assets.damage import CONTENTS, PLACES, flipped
from tests.webapp.conftest import KETTLE, Background, page, text_of
from tests.webapp.fakes import FakeRegistry
from webapp.db.database import db
from webapp.serving.model_files import ModelFiles
from webapp.serving.production_models import ProductionModels
from webapp.tables import RegionItemRow

OWN, POOLED = "own", "pooled"
FILES = [(OWN, "model.ubj"), (OWN, "forecast.json"), (OWN, IDENTITY_FILE), (POOLED, "pooled.json"),
         (POOLED, IDENTITY_FILE), (POOLED, "*.ubj")]


@pytest.fixture
def promoted(background: Background, registry: FakeRegistry, model: ForecastModel) -> Path:
    """The cache's folder, with version 1 of the kettles' model and of the pooled one."""
    registry.promote(KETTLE, model)
    background.watch()
    return background.services.settings.models_folder


def file_in(models: Path, whose: str, name: str) -> Path:
    folder = models / (KETTLE.model_name("shop") if whose == OWN else pooled_name("shop")) / "1"
    return max(folder.glob(name))


def rot(path: Path, content: bytes) -> None:
    """Change a file as a disk does: nothing else tells of it."""
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def new_process(background: Background) -> ProductionModels:
    return ProductionModels(background.services.settings.models_folder, "shop")


@pytest.mark.parametrize(("whose", "name"), FILES)
def test_no_flipped_bit_of_a_cached_file_is_forecast_with(background: Background, promoted: Path, whose: str,
                                                          name: str, model: ForecastModel) -> None:
    path = file_in(promoted, whose, name)
    whole = path.read_bytes()
    for bit in range(3, 8 * len(whole), max(8 * len(whole) // 12, 1)):
        rot(path, flipped(whole, bit))
        try:
            loaded = new_process(background).load(KETTLE, 1)
        except ModelFilesError:
            continue
        assert name == IDENTITY_FILE  # of what it says beside the hashes, nothing is forecast with
        assert loaded.booster.save_raw() == model.booster.save_raw()


@pytest.mark.parametrize(("whose", "name"), FILES)
def test_a_damaged_copy_is_fetched_anew_by_the_process_that_held_it(background: Background, promoted: Path,
                                                                    registry: FakeRegistry, whose: str,
                                                                    name: str) -> None:
    files = ModelFiles(registry, background.services.models)
    files.whole(KETTLE, 1)
    path = file_in(promoted, whose, name)
    whole, fetched = path.read_bytes(), len(registry.fetched)
    for damage in CONTENTS:
        rot(path, damage(whole))
        files.whole(KETTLE, 1)
        assert path.read_bytes() == whole
    assert len(registry.fetched) == fetched + len(CONTENTS)
    new_process(background).load(KETTLE, 1)


@pytest.mark.parametrize("damage", PLACES)
@pytest.mark.parametrize(("whose", "name"), [(OWN, "model.ubj"), (POOLED, "*.ubj")])
def test_what_stands_in_a_files_place_is_replaced(background: Background, promoted: Path, registry: FakeRegistry,
                                                  damage: Callable[[Path], None], whose: str, name: str) -> None:
    damage(file_in(promoted, whose, name))

    with pytest.raises(ModelFilesError):
        new_process(background).load(KETTLE, 1)
    ModelFiles(registry, background.services.models).whole(KETTLE, 1)
    new_process(background).load(KETTLE, 1)


def test_a_rotten_file_is_mended_after_a_page_met_it(app: Flask, client: FlaskClient, background: Background,
                                                     promoted: Path) -> None:
    path = file_in(promoted, POOLED, "*.ubj")
    whole = path.read_bytes()
    rot(path, flipped(whole))
    background.start_again()
    assert "damaged" in text_of(page(client.get(f"/forecasts?ri={KETTLE.key}")))

    background.watch()

    assert path.read_bytes() == whole
    background.start_again()
    assert "damaged" not in text_of(page(client.get(f"/forecasts?ri={KETTLE.key}")))


def test_files_of_before_there_were_hashes_are_loaded_and_get_theirs(background: Background, promoted: Path,
                                                                     registry: FakeRegistry) -> None:
    for whose in (OWN, POOLED):
        file_in(promoted, whose, IDENTITY_FILE).unlink()
    new_process(background).load(KETTLE, 1)

    ModelFiles(registry, background.services.models).whole(KETTLE, 1)

    path = file_in(promoted, OWN, "model.ubj")
    rot(path, flipped(path.read_bytes()))
    with pytest.raises(ModelFilesError):
        new_process(background).load(KETTLE, 1)


def test_a_version_whose_files_are_gone_everywhere_is_told_while_it_still_forecasts(
        app: Flask, client: FlaskClient, background: Background, registry: FakeRegistry, promoted: Path,
        tmp_path: Path) -> None:
    before = text_of(page(client.get(f"/forecasts?ri={KETTLE.key}")).select_one("#by-period"))
    shutil.rmtree(promoted / KETTLE.model_name("shop"))
    shutil.rmtree(tmp_path / "registry" / KETTLE.model_name("shop"))

    background.check_cache()
    background.watch()

    with app.app_context():
        told = db.session.get_one(RegionItemRow, KETTLE.key).model_problem
    assert "its files are gone, here and from MLflow" in told
    assert "until the app is started again" in told
    shown = page(client.get(f"/forecasts?ri={KETTLE.key}"))
    assert text_of(shown.select_one("#by-period")) == before
    assert "files are gone" in text_of(page(client.get(f"/models/region-item?ri={KETTLE.key}")))
