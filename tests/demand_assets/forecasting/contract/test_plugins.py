"""Plug-ins by entry points: what is said of one that is not there, is there twice, or cannot be used."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from demand_assets.forecasting.contract.plugins import GATE_RULES, SOURCES, PluginError, plugin

PlugIn = Callable[..., Path]
EMPTY = ("from pydantic import BaseModel\nclass Offered:\n    class Entries(BaseModel, extra='forbid'):\n"
         "        limit: int = 1\n")


def test_what_is_plugged_in_is_found_with_its_package(plug_in: PlugIn) -> None:
    plug_in(SOURCES, "warehouse", EMPTY)

    assert plugin(SOURCES, "warehouse").words == "the source kind 'warehouse' of the package acme-plugin 1.2"


def test_a_name_that_is_not_there_is_refused_with_those_that_are(plug_in: PlugIn) -> None:
    plug_in(SOURCES, "warehouse", EMPTY)

    with pytest.raises(PluginError, match=r"'warehause' is no source kind .*: there are file, warehouse\. .*install"):
        plugin(SOURCES, "warehause", ("file",))
    with pytest.raises(PluginError, match=r"there are warehouse, file\. "):  # each once, ours too if it is plugged in
        plugin(SOURCES, "warehause", ("warehouse", "file"))
    with pytest.raises(PluginError, match="'warehouse' is no gate rule that is known here: there are none"):
        plugin(GATE_RULES, "warehouse")


def test_one_that_was_removed_is_not_there(plug_in: PlugIn) -> None:
    folder = plug_in(SOURCES, "warehouse", EMPTY)
    plugin(SOURCES, "warehouse")
    shutil.rmtree(folder)

    with pytest.raises(PluginError, match="install the package that has it"):
        plugin(SOURCES, "warehouse")


def test_two_packages_may_not_offer_the_same(plug_in: PlugIn) -> None:
    plug_in(SOURCES, "warehouse", EMPTY)
    plug_in(SOURCES, "warehouse", EMPTY, package="other-plugin")

    with pytest.raises(PluginError, match=r"offered by acme-plugin 1\.2 and other-plugin 1\.2\. Uninstall one"):
        plugin(SOURCES, "warehouse")


@pytest.mark.parametrize(("code", "words"), [
    ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
    ("raise SystemExit(0)", r"it would have ended the program \(SystemExit: 0\). Install"),
    ("raise RuntimeError('licence\\nsecond line')", "RuntimeError: licence. Install"),
    ("import sys\nsys.exit('no licence')", r"\(SystemExit: no licence\)\. Install"),
    ("offered = 1", "AttributeError: .*Offered")])
def test_one_that_cannot_be_loaded_is_named_with_its_error(plug_in: PlugIn, code: str, words: str) -> None:
    plug_in(SOURCES, "warehouse", code)

    with pytest.raises(PluginError, match=f"'warehouse' of the package acme-plugin 1.2 cannot be loaded .*{words}"):
        plugin(SOURCES, "warehouse")


def test_entries_are_held_to_its_own_model(plug_in: PlugIn) -> None:
    plug_in(SOURCES, "warehouse", EMPTY)
    found = plugin(SOURCES, "warehouse")

    assert found.made_of({"limit": 3}).model_dump() == {"limit": 3}
    with pytest.raises(PluginError, match=r"refuses its entries: limt: Extra inputs .*Its entries are: limit\."):
        found.made_of({"limt": 3})


@pytest.mark.parametrize(("does", "words"), [
    ("raise KeyError('x')", "KeyError: 'x'"),
    ("raise SystemExit(3)", r"it would have ended the program \(SystemExit: 3\)"),
    ("import sys; sys.exit()", r"it would have ended the program \(SystemExit: \)")])
def test_whatever_it_does_when_it_is_asked_is_told_with_its_name(plug_in: PlugIn, does: str, words: str) -> None:
    plug_in(SOURCES, "warehouse", "from pydantic import BaseModel, model_validator\nclass Offered:\n"
            "    class Entries(BaseModel):\n        @model_validator(mode='before')\n        def check(cls, value):\n"
            f"            {does}\n    @staticmethod\n    def ask():\n        {does}\n")
    found = plugin(SOURCES, "warehouse")

    with pytest.raises(PluginError, match=f"'warehouse' of the package acme-plugin 1.2 failed to tell: {words}"):
        found.asked("tell", found.offered.ask)
    with pytest.raises(PluginError, match=f"acme-plugin 1.2 failed to check its entries: {words}"):
        found.made_of({})


def test_ctrl_c_is_a_persons(plug_in: PlugIn) -> None:
    plug_in(SOURCES, "warehouse", EMPTY)

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plugin(SOURCES, "warehouse").asked("tell", interrupted)


def test_one_without_a_model_of_entries_is_refused(plug_in: PlugIn) -> None:
    plug_in(SOURCES, "warehouse", "class Offered:\n    pass\n")

    with pytest.raises(PluginError, match="has no class Entries"):
        plugin(SOURCES, "warehouse").made_of({})
