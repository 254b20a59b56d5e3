"""Files that are another version's, cut, gone or of before: told from those that were asked for."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.model.model_files import ModelFilesError
from demand_assets.forecasting.model.serving.own_model import ForecastModel
from demand_assets.forecasting.registry.registry import Registry
from demand_assets.forecasting.registry.session import NotRegisteredError
from demand_assets.forecasting.registry.version_files import IDENTITY_FILE, local_path
from tests.demand_assets.forecasting.conftest import KETTLES
from tests.demand_assets.forecasting.registry.conftest import register

OTHER = RegionItem("south", "toasters")


def folder_of(registry: Registry, one: RegionItem, version: int) -> Path:
    """Where the registry keeps a version's files."""
    folder = local_path(registry.session.version(one.model_name(registry.dataset), version).source)
    assert folder is not None
    return folder


def replaced(folder: Path, other: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(other, folder)


def halved(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:file.stat().st_size // 2])


HARMS: dict[str, Callable[[Path, Path], object]] = {
    "a booster cut in half": lambda folder, _: halved(folder / "model.ubj"),
    "details cut in half": lambda folder, _: halved(folder / "forecast.json"),
    "an identity cut in half": lambda folder, _: halved(folder / IDENTITY_FILE),
    "an empty booster": lambda folder, _: (folder / "model.ubj").write_bytes(b""),
    "no booster": lambda folder, _: (folder / "model.ubj").unlink(),
    "no details": lambda folder, _: (folder / "forecast.json").unlink(),
    "no identity": lambda folder, _: (folder / IDENTITY_FILE).unlink(),
    "another's booster": lambda folder, other: (folder / "model.ubj").write_bytes(b"other"),
    "another's details": lambda folder, other: (folder / "forecast.json").write_text(
        (other / "forecast.json").read_text().replace("0.", "1.")),
    "another's folder": replaced,
    "another's folder of before": lambda folder, other: (replaced(folder, other), (folder / IDENTITY_FILE).unlink()),
    "another's identity": lambda folder, other: shutil.copy(other / IDENTITY_FILE, folder),
    "no JSON object": lambda folder, _: (folder / "forecast.json").write_text("[]"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_harmed_files_are_refused_until_they_are_put_right(registry: Registry, model: ForecastModel, tmp_path: Path,
                                                           harm: str) -> None:
    name = KETTLES.model_name(registry.dataset)
    folder, other = (folder_of(registry, one, register(registry, one, model)) for one in (KETTLES, OTHER))
    shutil.copytree(folder, tmp_path / "right")
    HARMS[harm](folder, other)

    for read in (lambda: registry.load(KETTLES, 1), lambda: registry.fetch(name, 1, tmp_path / "cache")):
        with pytest.raises(ModelFilesError, match=name.replace(" ", ".")):
            read()
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert registry.load(OTHER, 1).version == 1

    replaced(folder, tmp_path / "right")
    assert registry.load(KETTLES, 1).card == model.card
    assert registry.fetch(name, 1, tmp_path / "cache").is_dir()


def test_another_version_of_the_same_model_is_refused(registry: Registry, model: ForecastModel) -> None:
    first, second = (folder_of(registry, KETTLES, register(registry, KETTLES, model)) for _ in range(2))
    replaced(second, first)

    with pytest.raises(ModelFilesError, match=r"they are those of .* version 1"):
        registry.load(KETTLES, 2)


@pytest.mark.parametrize("is_here", [True, False], ids=["on this machine", "downloaded"])
def test_a_copy_holds_nothing_but_what_a_hash_is_held_against(registry: Registry, model: ForecastModel, tmp_path: Path,
                                                              is_here: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(registry, KETTLES, register(registry, KETTLES, model))
    for strange in ("input_example.json", "MLmodel", "conda.yaml"):
        (folder / strange).write_text("{}")
    if not is_here:
        monkeypatch.setattr("demand_assets.forecasting.registry.registry.local_path", lambda _: None)

    copy = registry.fetch(KETTLES.model_name(registry.dataset), 1, tmp_path / "cache")

    held = json.loads((copy / IDENTITY_FILE).read_text())["sha256"]
    assert {file.name for file in copy.rglob("*")} == {*held, IDENTITY_FILE}


def test_files_that_are_gone_are_said(registry: Registry, model: ForecastModel, tmp_path: Path) -> None:
    shutil.rmtree(folder_of(registry, KETTLES, register(registry, KETTLES, model)))

    with pytest.raises(NotRegisteredError, match="cannot be fetched"):
        registry.fetch(KETTLES.model_name(registry.dataset), 1, tmp_path)


def test_a_hash_that_was_edited_is_refused_until_it_is_put_right(registry: Registry, model: ForecastModel) -> None:
    register(registry, KETTLES, model)
    name, tag = KETTLES.model_name(registry.dataset), registry.session.client.set_model_version_tag
    tag(name, "1", "data_hash", "ffff")

    with pytest.raises(ModelFilesError, match="the version is of ffff"):
        registry.load(KETTLES, 1)
    tag(name, "1", "data_hash", model.card.data_hash)
    assert registry.load(KETTLES, 1).version == 1


class TestFilesOfBefore:
    """As they were stored when they did not say whose they are."""

    def unsealed(self, registry: Registry, model: ForecastModel) -> Path:
        folder = folder_of(registry, KETTLES, register(registry, KETTLES, model))
        (folder / IDENTITY_FILE).unlink()
        registry.session.client.delete_model_version_tag(KETTLES.model_name(registry.dataset), "1", "identity")
        return folder

    def test_they_are_loaded_and_their_copies_say_whose_they_are(self, registry: Registry, model: ForecastModel,
                                                                 tmp_path: Path) -> None:
        self.unsealed(registry, model)

        assert registry.load(KETTLES, 1).card == model.card
        copy = registry.fetch(KETTLES.model_name(registry.dataset), 1, tmp_path)
        assert json.loads((copy / IDENTITY_FILE).read_text())["data_hash"] == model.card.data_hash

    def test_those_of_other_demand_are_refused(self, registry: Registry, model: ForecastModel) -> None:
        details = self.unsealed(registry, model) / "forecast.json"
        details.write_text(details.read_text().replace(model.card.data_hash, "ffff"))

        with pytest.raises(ModelFilesError, match="they are of demand ffff"):
            registry.load(KETTLES, 1)
