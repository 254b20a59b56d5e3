import shlex
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from deploy.processes import Folders, environment, preparations, processes, runner_settings
from deploy.settings import PROJECT, SettingsError, read_settings


def test_relative_paths_are_those_of_the_caller(monkeypatch, tmp_path):
    monkeypatch.setenv("CALLED_FROM", str(tmp_path))
    monkeypatch.setenv("DATASET", "mine.toml")
    monkeypatch.setenv("STATE", "")

    settings = read_settings()

    assert settings.dataset_file == tmp_path / "mine.toml"
    assert settings.state_folder == PROJECT / "var"


@pytest.mark.parametrize(("name", "value"), [("WEB_PORT", "0"), ("DAGSTER_PORT", "eight"), ("HORIZON", "0")])
def test_a_value_out_of_range_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=f"{name}={value} cannot be used"):
        read_settings()


def test_a_value_that_cannot_be_used_shows_no_password(monkeypatch):
    monkeypatch.setenv("WEB_PORT", "http://ada:secret@example.com:80")

    with pytest.raises(SettingsError, match="WEB_PORT") as error:
        read_settings()

    assert "secret" not in str(error.value)


def test_two_servers_cannot_share_a_port(monkeypatch):
    monkeypatch.setenv("MLFLOW_PORT", "8000")

    with pytest.raises(SettingsError, match="WEB_PORT and MLFLOW_PORT are both 8000"):
        read_settings()


def test_every_process_gets_a_section():
    text = runner_settings(read_settings(), Folders(Path("/srv/state")))

    names = [line.removeprefix("[program:").removesuffix("]") for line in text.splitlines() if "[program:" in line]
    servers = processes(read_settings(), Folders(Path("/srv/state")))
    assert names == [process.name for process in [*servers, *preparations()]]


def test_the_process_runner_understands_odd_folder_names(tmp_path, monkeypatch):
    folders = Folders(tmp_path / "50% of it, my 'state' é")
    folders.make()
    monkeypatch.chdir(folders.run)
    (folders.run / "supervisord.conf").write_text(runner_settings(read_settings(), folders))
    options = ServerOptions()

    options.realize(["-c", "supervisord.conf"])

    programs = {group.name: group.process_configs[0] for group in options.process_group_configs}
    assert Path(programs["web"].stdout_logfile).resolve() == folders.logs / "web.log"
    assert (folders.mlflow / "artifacts").as_uri() in shlex.split(programs["mlflow"].command)


def test_a_proxy_for_the_outside_is_not_used_between_our_servers():
    folders = Folders(Path("/srv/state"))

    inner = environment(read_settings(), folders, {"NO_PROXY": "intranet", "http_proxy": "http://proxy:3128"})

    assert inner["NO_PROXY"] == "intranet,127.0.0.1,localhost"
    assert inner["http_proxy"] == "http://proxy:3128"


def test_a_horizon_is_passed_on_only_when_given(monkeypatch):
    folders = Folders(Path("/srv/state"))
    assert "DEMAND_HORIZON" not in environment(read_settings(), folders, {"DEMAND_HORIZON": "3"})

    monkeypatch.setenv("HORIZON", "7")

    assert environment(read_settings(), folders, {})["DEMAND_HORIZON"] == "7"
