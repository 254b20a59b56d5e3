"""Made-up settings of pip, uv and npm, of each sort, and what a build of the images gets of them."""

import functools
import hashlib
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from configparser import RawConfigParser
from pathlib import Path
from urllib.parse import quote

import pytest

from deploy.checks.machine_settings import NETRC, NPMRC, PIP_CONF, UV_TOML, for_the_build, write
from deploy.checks.package_tools.build_settings import OVERRULED, PLACE, BuildSettings
from deploy.checks.package_tools.certificates import BUNDLE
from deploy.checks.package_tools.machine import Machine
from deploy.settings import PROJECT

CERTIFICATE = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----"
TOOLS = Path(sys.executable).parent


class MadeUp:
    """A machine in a folder: its files, its environment."""

    def __init__(self, root: Path) -> None:
        self.root, self.home, self.folder = root, root / "home", root / "work"
        self.environment: dict[str, str] = {}
        for each in (self.home, self.folder):
            each.mkdir()

    def file(self, name: str, text: str = "") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def settings(self, **environment: str) -> BuildSettings:
        return for_the_build(Machine(self.environment | environment, self.home, self.folder, self.root,
                                     (self.root / "python", self.root / "virtualenv")))


@pytest.fixture
def machine(tmp_path: Path) -> MadeUp:
    return MadeUp(tmp_path)


def pip_conf(build: BuildSettings) -> dict[str, str]:
    parser = RawConfigParser()
    parser.read_string(build.files.get(PIP_CONF, "[global]"))
    return dict(parser["global"])


def uv_toml(build: BuildSettings) -> dict[str, object]:
    return tomllib.loads(build.files.get(UV_TOML, ""))


def on_the_machine(build: BuildSettings, location: str) -> Path:
    """What a location in the build is on the machine."""
    inside = location.removeprefix("file://")
    place = max((each for each in build.mounts if inside == each or inside.startswith(f"{each}/")), key=len)
    return build.mounts[place] / inside.removeprefix(place).lstrip("/")


def told(lines: list[str], *words: str) -> bool:
    return any(all(word in line for word in words) for line in lines)


def test_a_machine_without_settings_adds_nothing(machine):
    build = machine.settings()

    assert (build.files, build.mounts, build.left_out) == ({}, {}, [])
    assert build.words == "settings of this machine that the build has:\n  none\nleft out of the build:\n  none"


# pip


@pytest.mark.parametrize("place", ["etc/xdg/pip/pip.conf", "etc/pip.conf", "home/.pip/pip.conf",
                                   "home/.config/pip/pip.conf", "python/pip.conf", "virtualenv/pip.conf"])
def test_each_file_of_pip_is_read(machine, place):
    file = machine.file(place, "[global]\nindex-url = https://index.example/simple\n")

    build = machine.settings()

    assert pip_conf(build) == {"index-url": "https://index.example/simple"}
    assert build.carried == [f"pip: index-url=https://index.example/simple ({file})"]


def test_pips_nearer_settings_count(machine):
    machine.file("etc/pip.conf", "[global]\ntimeout = 1\nretries = 1\n[install]\nproxy = http://proxy.example:1\n")
    machine.file("home/.config/pip/pip.conf", "[global]\ntimeout = 2\nproxy = http://proxy.example:2\n")
    machine.file("virtualenv/pip.conf", "[global]\ntimeout = 3\n[download]\nretries = 9\n")

    assert pip_conf(machine.settings(PIP_TIMEOUT="4", PIP_RETRIES="")) == {
        "timeout": "4", "retries": "1", "proxy": "http://proxy.example:1"}


def test_folders_of_xdg_are_those_of_the_environment(machine):
    machine.file("etc/elsewhere/pip/pip.conf", "[global]\ntimeout = 1\n")
    machine.file("mine/pip/pip.conf", "[global]\nretries = 2\n")
    machine.file("mine/uv/uv.toml", 'index-strategy = "unsafe-best-match"\n')

    build = machine.settings(XDG_CONFIG_DIRS="/etc/elsewhere", XDG_CONFIG_HOME=str(machine.root / "mine"))

    assert pip_conf(build) == {"timeout": "1", "retries": "2"}
    assert uv_toml(build) == {"index-strategy": "unsafe-best-match"}


def test_a_named_pip_conf_takes_the_place_of_the_users(machine):
    machine.file("home/.config/pip/pip.conf", "[global]\ntimeout = 2\n")
    machine.file("work/own.conf", "[global]\nretries = 7\n")
    machine.file("etc/pip.conf", "[global]\nno-index = no\n")

    assert pip_conf(machine.settings(PIP_CONFIG_FILE="own.conf")) == {"no-index": "no", "retries": "7"}
    assert pip_conf(machine.settings(PIP_CONFIG_FILE="absent.conf")) == {"no-index": "no", "timeout": "2"}
    assert pip_conf(machine.settings(PIP_CONFIG_FILE=os.devnull, PIP_RETRIES="5")) == {"retries": "5"}


@pytest.mark.parametrize("name", ["constraint", "build-constraint", "requirement"])
@pytest.mark.parametrize("is_there", [True, False])
def test_constraints_are_left_out_whether_their_file_is_there_or_not(machine, name, is_there):
    named = machine.file("constraints.txt", "uv<1\n") if is_there else machine.root / "absent.txt"
    file = machine.file("etc/pip.conf", f"[global]\n{name} = {named}\n")

    build = machine.settings()

    assert (build.files, build.mounts) == ({}, {})
    assert build.left_out == [f"pip: {name}={named} ({file}): {OVERRULED}"]
    assert build.overruled == [f"pip: {name}={named} ({file})"]


def test_of_several_indexes_those_that_are_there_are_mounted_with_what_is_beside_them(machine):
    machine.file("srv/one/simple/a/index.html")
    machine.file("srv/two/simple/a/index.html")
    absent = machine.root / "srv" / "absent"
    machine.file("etc/pip.conf", f"""[global]
extra-index-url =
    file://{machine.root}/srv/one/simple
    https://user:secret@index.example/simple file://{absent}
    {machine.root}/srv/two/simple/
""")

    build = machine.settings()

    one, server, two = pip_conf(build)["extra-index-url"].split()
    assert on_the_machine(build, one) == machine.root / "srv/one/simple"
    assert on_the_machine(build, two) == machine.root / "srv/two/simple"
    assert server == "https://user:secret@index.example/simple"
    assert sorted(build.mounts.values()) == [machine.root / "srv/one", machine.root / "srv/two"]
    assert told(build.left_out, "extra-index-url", f"{absent} is not there")
    assert "secret" not in build.words
    assert "https://***@index.example/simple" in build.words


@pytest.mark.parametrize("form", ["{path}", "file://{quoted}", "file://localhost{quoted}", "file:{quoted}"])
def test_a_location_is_a_path_or_an_address_with_percent_escapes(machine, form):
    folder = machine.root / "50% of it, é" / "simple index"
    folder.mkdir(parents=True)

    build = machine.settings(PIP_INDEX_URL=form.format(path=folder, quoted=quote(str(folder))))

    url = pip_conf(build)["index-url"]
    assert " " not in url
    assert url == f"file://{PLACE}/0/simple%20index"
    assert build.mounts == {f"{PLACE}/0": folder.parent}


def test_relative_paths_and_those_of_the_home_are_found(machine):
    machine.file("work/wheels/a.whl")
    machine.file("home/more/a.whl")
    machine.file("work/page/links.html")

    build = machine.settings(PIP_FIND_LINKS="wheels ~/more page/links.html nowhere")

    wheels, more, page = pip_conf(build)["find-links"].split()
    assert on_the_machine(build, wheels) == machine.folder / "wheels"
    assert on_the_machine(build, more) == machine.home / "more"
    assert on_the_machine(build, page) == machine.folder / "page/links.html"
    assert told(build.left_out, "find-links=nowhere (PIP_FIND_LINKS)", "is not there")


def test_a_setting_of_which_nothing_is_there_is_no_setting(machine):
    build = machine.settings(PIP_INDEX_URL="file:///no/such/simple", PIP_CERT="/no/such.pem",
                             PIP_CLIENT_CERT="no-such.pem")

    assert build.files == {}
    assert [line.split(":")[1].split("=")[0].strip() for line in build.left_out] == ["index-url", "cert", "client-cert"]


def test_what_does_not_say_where_packages_come_from_is_left_out_without_its_value(machine):
    build = machine.settings(PIP_TARGET="/somewhere", PIP_USER="1", UV_PUBLISH_TOKEN="secret", UV_CACHE_DIR="/c",
                             npm_config_otp="secret", NPM_CONFIG_PREFIX="/p")

    assert build.files == {}
    assert [line.split()[1] for line in build.left_out] == [
        "target", "user", "UV_PUBLISH_TOKEN", "UV_CACHE_DIR", "otp", "prefix"]
    assert "secret" not in build.words


def test_the_folder_for_the_build_is_an_empty_one(tmp_path):
    (tmp_path / "file").touch()

    done = run(sys.executable, "-m", "deploy.checks.machine_settings", tmp_path, PYTHONPATH=str(PROJECT))

    assert done.returncode == 2
    assert f"{tmp_path} is not an empty folder; name one" in done.stderr


def test_a_client_certificate_is_mounted(machine):
    client = machine.file("home/client key.pem", "key")

    build = machine.settings(PIP_CLIENT_CERT="~/client key.pem")

    assert on_the_machine(build, pip_conf(build)["client-cert"]) == client


@pytest.mark.parametrize(("place", "text", "words"), [
    ("etc/pip.conf", "index-url = https://u:secret@index.example\n", "MissingSectionHeaderError"),
    ("home/.config/uv/uv.toml", "index-url = https://u:secret@index.example\n", "line 1"),
])
def test_a_file_that_cannot_be_read_is_told_without_what_is_in_it(machine, place, text, words):
    file = machine.file(place, text)

    build = machine.settings()

    assert build.files == {}
    assert told(build.left_out, str(file), words, "Correct it or remove it")
    assert "secret" not in build.words


# uv


@pytest.mark.parametrize("place", ["etc/uv/uv.toml", "etc/xdg/uv/uv.toml", "home/.config/uv/uv.toml", "work/uv.toml",
                                   "uv.toml"])
def test_each_file_of_uv_is_read(machine, place):
    machine.file(place, 'index-url = "https://index.example/simple"\n[pip]\nno-index = false\n')

    assert uv_toml(machine.settings()) == {"index-url": "https://index.example/simple", "pip": {"no-index": False}}


def test_uvs_nearer_settings_count_and_lists_are_joined(machine):
    machine.file("etc/uv/uv.toml", 'index-strategy = "first-index"\nallow-insecure-host = ["a.example"]\n')
    machine.file("home/.config/uv/uv.toml", 'index-strategy = "unsafe-best-match"\nallow-insecure-host = ["b.example"]')

    assert uv_toml(machine.settings()) == {"index-strategy": "unsafe-best-match",
                                           "allow-insecure-host": ["b.example", "a.example"]}
    assert uv_toml(machine.settings(UV_INDEX_STRATEGY="unsafe-first-match"))["index-strategy"] == "unsafe-first-match"


def test_a_named_uv_toml_takes_the_place_of_all_others(machine):
    machine.file("home/.config/uv/uv.toml", "no-index = true\n")
    machine.file("work/own.toml", 'https-proxy = "http://me:secret@proxy.example"\n')

    build = machine.settings(UV_CONFIG_FILE="own.toml")

    assert uv_toml(build) == {"https-proxy": "http://me:secret@proxy.example"}
    assert "secret" not in build.words
    assert uv_toml(machine.settings(UV_NO_CONFIG="1")) == {}


def test_uvs_indexes_and_folders_are_mounted_from_where_their_file_is(machine):
    machine.file("home/.config/uv/wheels/a.whl")
    machine.file("home/.config/uv/own/simple/a/index.html")
    machine.file("home/.config/uv/uv.toml", """
find-links = ["./wheels", "./absent"]
index = [
    {name = "own", url = "own/simple", default = true, publish-url = "https://index.example/upload"},
    {name = "flat", url = "wheels", format = "flat"},
    {name = "gone", url = "file:///no/such/simple"},
    {name = "far", url = "https://index.example/simple", explicit = true},
]
""")

    build = machine.settings()

    content = uv_toml(build)
    [wheels] = content["find-links"]
    own, flat, far = content["index"]
    assert flat["url"] == wheels
    assert on_the_machine(build, wheels) == machine.home / ".config/uv/wheels"
    assert on_the_machine(build, own.pop("url")) == machine.home / ".config/uv/own/simple"
    assert own == {"name": "own", "default": True}
    assert far == {"name": "far", "url": "https://index.example/simple", "explicit": True}
    assert told(build.left_out, "index=file:///no/such/simple", "is not there")
    assert told(build.left_out, "find-links=./absent", "is not there")


def test_uvs_variables_are_written_as_settings(machine):
    machine.file("work/a/b.whl")
    machine.file("home/.config/uv/uv.toml", """
index = [{name = "main", url = "https://old.example/simple", default = true},
         {name = "own", url = "https://old.example/own"}]
[pip]
index-url = "https://old.example/pip"
""")

    build = machine.settings(
        UV_DEFAULT_INDEX="https://index.example/simple", UV_INDEX="own=https://index.example/own a/absent",
        UV_INDEX_OWN_USERNAME="me", UV_INDEX_OWN_PASSWORD="se/cret", UV_FIND_LINKS="a,no/such",
        UV_EXTRA_INDEX_URL="https://one.example https://two.example", UV_INSECURE_HOST="index.example b.example")

    content = uv_toml(build)
    assert content["index"] == [{"name": "own", "url": "https://me:se%2Fcret@index.example/own"},
                                {"url": "https://index.example/simple", "default": True}]
    assert "pip" not in content
    assert [on_the_machine(build, each) for each in content["find-links"]] == [machine.folder / "a"]
    assert content["extra-index-url"] == ["https://one.example", "https://two.example"]
    assert content["allow-insecure-host"] == ["index.example", "b.example"]
    assert "cret" not in build.words
    assert told(build.left_out, "UV_INDEX=a/absent", "is not there")


@pytest.mark.parametrize("name", ["UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE_NEWER"])
def test_uvs_constraints_are_left_out(machine, name):
    file = machine.file("etc/uv/uv.toml", 'constraint-dependencies = ["uv<0"]\n')

    build = machine.settings(**{name: "no/such/file"})

    assert build.files == {}
    assert sorted(build.overruled) == sorted([f"uv: {name}=no/such/file (environment)",
                                              f'uv: constraint-dependencies=["uv<0"] ({file})'])


# npm


@pytest.mark.parametrize("place", ["etc/npmrc", "usr/etc/npmrc", "usr/local/etc/npmrc", "home/.npmrc"])
def test_each_file_of_npm_is_read(machine, place):
    machine.file(place, "registry=https://npm.example/\n")

    assert machine.settings().files == {NPMRC: 'registry = "https://npm.example/"\n'}


def test_files_of_npm_are_named_by_the_environment(machine):
    machine.file("home/.npmrc", "registry=https://old.example/\n")
    machine.file("work/user.npmrc", "fetch-retries=4\n")
    machine.file("work/global.npmrc", "registry=https://npm.example/\nfetch-retries=3\n")

    build = machine.settings(NPM_CONFIG_USERCONFIG="user.npmrc", npm_config_globalconfig="global.npmrc")

    assert build.files[NPMRC] == 'registry = "https://npm.example/"\nfetch-retries = "4"\n'


def test_npms_scopes_tokens_and_variables(machine):
    machine.file("home/.npmrc", """; a comment
registry = "https://old.example/"
@own:registry=https://npm.example/own/ ; said here
//npm.example/own/:_authToken=${NPM_TOKEN}
//npm.example/:_password = "a#b"
""")

    build = machine.settings(NPM_TOKEN="secret", npm_config_registry="https://npm.example/",
                             NPM_CONFIG_STRICT_SSL="false")

    assert build.files[NPMRC].splitlines() == [
        'registry = "https://npm.example/"',
        '@own:registry = "https://npm.example/own/"',
        '//npm.example/own/:_authToken = "secret"',
        '//npm.example/:_password = "a#b"',
        'strict-ssl = "false"']
    assert "secret" not in build.words
    assert "a#b" not in build.words
    assert told(build.carried, "npm: //npm.example/own/:_authToken=***")


def test_npms_client_certificate_is_mounted_and_one_that_is_absent_is_not(machine):
    machine.file("home/client.pem", "key")
    machine.file("home/.npmrc", "//npm.example/:certfile=~/client.pem\n//npm.example/:keyfile=~/absent.pem\n")

    build = machine.settings()

    assert build.files[NPMRC] == f"//npm.example/:certfile = {PLACE}/0\n"
    assert build.mounts == {f"{PLACE}/0": machine.home / "client.pem"}
    assert told(build.left_out, "keyfile", "no such file")


# Certificates, passwords, proxies


def test_all_certificates_are_one_bundle_for_all_three_tools(machine):
    store = machine.file("etc/ssl/certs/ca-certificates.crt", CERTIFICATE.format("store"))
    of_pip = machine.file("a b.pem", CERTIFICATE.format("pip"))
    machine.file("home/.config/pip/pip.conf", f"[global]\ncert = {of_pip}\n")
    machine.file("home/.npmrc", f"cafile={machine.file('npm.pem', CERTIFICATE.format('npm'))}\n"
                                'ca[]="-----BEGIN CERTIFICATE-----\\ninline\\n-----END CERTIFICATE-----"\n')
    machine.file("certs/one.0", CERTIFICATE.format("folder"))

    build = machine.settings(
        SSL_CERT_FILE=str(store), SSL_CERT_DIR=f"{machine.root}/certs:{machine.root}/absent",
        NODE_EXTRA_CA_CERTS=str(machine.file("node.pem", CERTIFICATE.format("node"))),
        REQUESTS_CA_BUNDLE=str(machine.file("empty.pem", "nothing")))

    names = [line for line in build.files[BUNDLE].splitlines() if "CERTIFICATE" not in line]
    assert names == ["pip", "npm", "inline", "store", "folder", "node"]
    assert pip_conf(build)["cert"] == BUNDLE
    assert uv_toml(build) == {"system-certs": True}
    assert build.files[NPMRC] == f"cafile = {BUNDLE}\n"
    assert told(build.left_out, "SSL_CERT_DIR", "absent", "no such file or folder")
    assert told(build.left_out, "REQUESTS_CA_BUNDLE", "no certificate is in it")


def test_the_machines_own_store_is_the_builds_where_no_setting_names_another(machine):
    machine.file("etc/ssl/certs/ca-certificates.crt", CERTIFICATE.format("store"))

    build = machine.settings()

    assert build.files[BUNDLE] == CERTIFICATE.format("store") + "\n"
    assert uv_toml(build) == {"system-certs": True}


def test_npms_certificate_may_be_one_line(machine):
    build = machine.settings(NPM_CONFIG_CA=CERTIFICATE.format("inline").replace("\n", "\\n"))

    assert build.files[BUNDLE] == CERTIFICATE.format("inline") + "\n"


def test_nobody_else_may_read_what_is_written_for_the_build(machine, tmp_path):
    folder = tmp_path / "build"
    folder.mkdir()

    write(machine.settings(PIP_INDEX_URL="https://me:secret@index.example/simple"), folder)

    assert [oct(file.stat().st_mode)[-3:] for file in folder.glob("file-*")] == ["600"]


def test_a_netrc_is_mounted_where_the_tools_look_for_it(machine):
    usual = machine.file("home/.netrc", "machine index.example login me password secret\n")
    named = machine.file("work/own", "machine index.example login me password secret\n")

    assert machine.settings().mounts == {NETRC: usual}
    assert machine.settings(NETRC="own").mounts == {NETRC: named}
    assert machine.settings(NETRC="absent").left_out
    assert "secret" not in machine.settings().words


def test_proxies_are_told_without_their_password(machine):
    build = machine.settings(HTTPS_PROXY="http://me:secret@proxy.example:1", no_proxy="localhost",
                             PIP_PROXY="me:secret@proxy.example:1")

    assert pip_conf(build) == {"proxy": "me:secret@proxy.example:1"}
    assert build.carried == ["pip: proxy=***@proxy.example:1 (PIP_PROXY)",
                             "proxies: HTTPS_PROXY=http://***@proxy.example:1 (environment)",
                             "proxies: no_proxy=localhost (environment)"]


# With the tools themselves


@pytest.fixture
def in_a_build(machine: MadeUp, tmp_path: Path) -> Callable[[BuildSettings, str], Path]:
    """The file that a build has at that place, with the mounts as links: what is named in it is found here."""
    def file(build: BuildSettings, place: str) -> Path:
        folder = tmp_path / "build"
        folder.mkdir()
        write(build, folder)
        volumes = dict(line.split(":")[1::-1] for line in (folder / "volumes").read_text().splitlines())
        assert volumes.keys() == build.files.keys() | build.mounts.keys()
        text = Path(volumes[place]).read_text()
        for mount in build.mounts:
            text = text.replace(mount, volumes[mount])
        settings = folder / "settings"
        settings.write_text(text)
        return settings

    return file


@pytest.fixture
def index(machine: MadeUp) -> Path:
    """A file index in a folder of an odd name, its archives beside it, and a lock of the one package in it."""
    root = machine.root / "an index: 50%"
    wheel = root / "files" / "made_up-1.0-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("made_up.py", "")
        archive.writestr("made_up-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: made-up\nVersion: 1.0\n")
        archive.writestr("made_up-1.0.dist-info/WHEEL",
                         "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("made_up-1.0.dist-info/RECORD", "made_up.py,,\nmade_up-1.0.dist-info/METADATA,,\n"
                         "made_up-1.0.dist-info/WHEEL,,\nmade_up-1.0.dist-info/RECORD,,\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    page = root / "simple" / "made-up" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<!DOCTYPE html><html><body><a href="../../files/{wheel.name}#sha256={digest}">{wheel.name}</a>'
                    "</body></html>")
    machine.file("lock.txt", f"made-up==1.0 --hash=sha256:{digest}\n")
    return root / "simple"


def run(*words: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A command with that environment alone."""
    return subprocess.run(words, env={"PATH": os.environ["PATH"]} | environment, capture_output=True, text=True,
                          check=False)


pip_install = functools.partial(run, sys.executable, "-m", "pip", "install", "--no-deps", "--require-hashes",
                                "--no-cache-dir", "--disable-pip-version-check", "-r")


def test_pip_installs_from_a_file_index_under_the_settings_of_the_build(machine, index, in_a_build):
    build = machine.settings(PIP_INDEX_URL=f"file://{quote(str(index))}", PIP_CONSTRAINT="/no/such/file",
                             PIP_FIND_LINKS=f"{machine.folder} /no/such/folder")

    done = pip_install(machine.root / "lock.txt", "--target", machine.root / "out",
                       PIP_CONFIG_FILE=str(in_a_build(build, PIP_CONF)), HOME=str(machine.home),
                       PIP_CONSTRAINT="/dev/null")  # of the machine that the test runs on

    assert done.returncode == 0, done.stderr
    assert (machine.root / "out" / "made_up.py").exists()


@pytest.mark.parametrize("setting", ["index", "default variable", "variable", "find-links"])
def test_uv_installs_from_a_file_index_under_the_settings_of_the_build(machine, index, in_a_build, setting):
    url = f"file://{quote(str(index))}"
    match setting:
        case "index":
            machine.file("home/.config/uv/uv.toml", f"index = [{{name = 'own', url = '{url}', default = true}}]")
            build = machine.settings(UV_FIND_LINKS="/no/such/folder")
        case "default variable":
            build = machine.settings(UV_DEFAULT_INDEX=url, UV_CONSTRAINT="/no/such/file")
        case "variable":
            build = machine.settings(UV_INDEX_URL=url, UV_EXTRA_INDEX_URL="file:///no/such/folder")
        case _:
            machine.file("etc/uv/uv.toml", f"no-index = true\nfind-links = ['{index.parent / 'files'}']")
            build = machine.settings()

    done = run(TOOLS / "uv", "pip", "install", "--no-cache", "--require-hashes", "--python", sys.executable,
               "--target", machine.root / "out", "-r", machine.root / "lock.txt",
               UV_CONFIG_FILE=str(in_a_build(build, UV_TOML)), HOME=str(machine.home))

    assert done.returncode == 0, done.stderr
    assert (machine.root / "out" / "made_up.py").exists()


def test_npm_reads_the_settings_of_the_build_as_the_machines(machine, in_a_build):
    own = machine.file("home/.npmrc", "@own:registry=https://npm.example/own/ ; said here\n"
                                      "registry='https://npm.example/a#b'\nfetch-retries=${TRIES}\nnoproxy=a.example\n")
    build = machine.settings(TRIES="7")

    def read(npmrc: Path) -> dict[str, object]:
        done = run(TOOLS / "npm", "config", "list", "--json", NPM_CONFIG_USERCONFIG=str(npmrc), TRIES="7",
                   HOME=str(machine.home))
        return {name: value for name, value in json.loads(done.stdout).items() if name != "userconfig"}

    found = read(in_a_build(build, NPMRC))
    assert found == read(own)
    assert (found["registry"], found["fetch-retries"]) == ("https://npm.example/a#b", 7)


# `make setup`


@pytest.mark.parametrize("text", ["made-up<1\n", None])
def test_the_lock_is_installed_whatever_pips_constraints_say(machine, index, text):
    constraint = machine.root / "constraints.txt"
    if text:
        constraint.write_text(text)
    machine.file("home/.config/pip/pip.conf", f"[global]\nindex-url = file://{quote(str(index))}\n"
                                              f"constraint = {constraint}\n")
    install = ["pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", str(machine.root / "out"),
               "-r", str(machine.root / "lock.txt")]

    def setup(first: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(["sh", "-euc", f'{first}; exec "$@"', "sh", sys.executable, "-m", *install], cwd=PROJECT,
                              env={"PATH": os.environ["PATH"], "HOME": str(machine.home)}, capture_output=True,
                              text=True, check=False)

    done = setup(f". deploy/ignore_machine_constraints.sh; ignore_machine_constraints {sys.executable}")

    assert done.returncode == 0, done.stderr
    assert (machine.root / "out" / "made_up.py").exists()
    assert "setup: not used, for the lock names every version with its hashes:" in done.stdout
    assert f"pip: constraint={constraint}" in done.stdout
    assert setup("true").returncode == 1, "without ignore_machine_constraints the constraint would have stopped pip"


# deploy/build_image.sh, with a buildah and a debootstrap that only write down what they are told

NO_BUILDAH = """#!/bin/sh
for word; do printf '%s ' "$word"; done >>"$CALLS"
echo >>"$CALLS"
case " $* " in *" build "*" --target ${FAILING:-none} "*) echo 'no such package' >&2; exit 1 ;; esac
"""


def build_image(machine: MadeUp, **environment: str) -> tuple["subprocess.CompletedProcess[str]", list[str]]:
    for tool in ("buildah", "debootstrap"):
        machine.file(f"tools/{tool}", NO_BUILDAH).chmod(0o755)
    calls = machine.file("calls")
    done = run("bash", PROJECT / "deploy" / "build_image.sh", machine.root / "images", **environment | {
        "PATH": f"{machine.root}/tools:{os.environ['PATH']}", "HOME": str(machine.home), "CALLS": str(calls),
        "BASE_IMAGE": "pull", "PYTHON": sys.executable, "TMPDIR": str(machine.folder)})
    return done, [line for line in calls.read_text().splitlines() if " build " in line]


def test_only_the_stages_that_install_see_the_settings_and_nothing_of_them_is_kept(machine):
    done, builds = build_image(machine, PIP_INDEX_URL="https://me:secret@index.example/simple")

    assert done.returncode == 0, done.stderr
    assert [(line.split("--target ")[1].split()[0], PIP_CONF in line) for line in builds] == [
        ("installer", True), ("packages", True), ("front-end", True), ("product", False), ("pipeline", False),
        ("web", False)]
    assert list(machine.folder.iterdir()) == []
    assert "pip: index-url=https://***@index.example/simple (PIP_INDEX_URL)" in done.stdout


def test_a_build_that_fails_says_which_settings_it_had_and_which_not(machine):
    done, builds = build_image(machine, FAILING="front-end", PIP_FIND_LINKS="/no/such/folder",
                               NPM_CONFIG_REGISTRY="https://me:secret@npm.example/")

    assert done.returncode == 1
    assert len(builds) == 3
    said = done.stderr[done.stderr.index("build_image:"):]
    assert "the stage front-end of the Dockerfile could not be built" in said
    assert "npm: registry=https://***@npm.example/ (NPM_CONFIG_REGISTRY)" in said
    assert "pip: find-links=/no/such/folder (PIP_FIND_LINKS): /no/such/folder is not there" in said
    assert "secret" not in done.stdout + done.stderr
    assert list(machine.folder.iterdir()) == []
