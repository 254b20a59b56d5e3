"""How a machine reaches its package indexes (settings of pip, uv and npm), made ready for a build of the images.

``python -m deploy.checks.machine_settings FOLDER`` reads the settings, files and environment together, as the three
tools do, and writes into FOLDER what ``build_image.sh`` mounts into the build; each setting is told in a line, with
whether the build has it and, where it has not, why. What is carried is named here, setting by setting: all else stays
outside.

- Where packages come from and how the way there is opened (indexes, proxies, certificates, passwords): carried. A file
  or folder that such a setting names is mounted under one place, where it hides nothing of the image; one that is not
  there is left out, for the tools fail on it even where another index has everything.
- What is installed (constraints, more requirements, release dates): left out. The lock names each version with its
  hashes; a constraint can only agree with it or stop the build. `make setup` installs without constraints too (see
  ignore_machine_constraints.sh), and tells of which with ``python -m deploy.checks.machine_settings --overruled``.

Only the standard library is used: the build may be started where nothing of the product is installed.
"""

import argparse
import sys
from pathlib import Path

from deploy.checks.package_tools.build_settings import BuildSettings, Setting
from deploy.checks.package_tools.certificates import BUNDLE, add_other_certificates
from deploy.checks.package_tools.machine import Machine
from deploy.checks.package_tools.npm_settings import npm_lines
from deploy.checks.package_tools.pip_settings import pip_lines
from deploy.checks.package_tools.uv_settings import uv_lines

PIP_CONF, UV_TOML, NPMRC, NETRC = "/etc/pip.conf", "/etc/uv/uv.toml", "/root/.npmrc", "/root/.netrc"
PROXY_VARIABLES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")


def for_the_build(machine: Machine) -> BuildSettings:
    """All settings of that machine, sorted into what the build has and what it has not."""
    build = BuildSettings()
    certificates: list[str] = []
    pip = pip_lines(machine, build, certificates)
    uv = uv_lines(machine, build)
    npm = npm_lines(machine, build, certificates)
    add_other_certificates(machine, build, certificates)
    _passwords_and_proxies(machine, build)
    if certificates:
        # One bundle for all: a store that trusts one certificate more can do no harm where hashes decide.
        build.files[BUNDLE] = "\n".join(dict.fromkeys(certificates)) + "\n"
        pip.append(f"cert = {BUNDLE}")
        uv.insert(0, "system-certs = true")
        npm.append(f"cafile = {BUNDLE}")
    for place, lines in ((PIP_CONF, ["[global]", *pip] if pip else []), (UV_TOML, uv), (NPMRC, npm)):
        if lines:
            build.files[place] = "\n".join(lines) + "\n"
    return build


def _passwords_and_proxies(machine: Machine, build: BuildSettings) -> None:
    """A netrc file is mounted; proxies of the environment are passed on by buildah itself, for the build only."""
    named = machine.environment.get("NETRC")
    netrc = machine.folder / named if named else machine.home / ".netrc"
    setting = Setting("passwords", "netrc", str(netrc), "NETRC" if named else "its usual place")
    if netrc.is_file():
        build.mounts[NETRC] = netrc
        build.carry(setting)
    elif named:
        build.leave(setting, "no such file is there")
    for lower in PROXY_VARIABLES:
        for variable in (lower, lower.upper()):
            if value := machine.environment.get(variable):
                build.carry(Setting("proxies", variable, value, "environment"))


def write(build: BuildSettings, folder: Path) -> None:
    """Put into a folder what the build mounts: ``volumes``, one for each line, and the files that it names.

    What is the machine's own goes by a link of a plain name: in a volume, a colon parts.
    """
    volumes = []
    for number, (place, text) in enumerate(build.files.items()):
        file = folder / f"file-{number}"
        file.touch(mode=0o600)
        file.write_text(text)
        volumes.append(f"{file}:{place}:ro")
    for number, (place, path) in enumerate(build.mounts.items()):
        link = folder / f"link-{number}"
        link.symlink_to(path.resolve())
        volumes.append(f"{link}:{place}:ro")
    (folder / "volumes").write_text("".join(f"{volume}\n" for volume in volumes))


def main() -> int:
    """0, or 2 when it is called wrongly."""
    parser = argparse.ArgumentParser(prog="python -m deploy.checks.machine_settings", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("folder", nargs="?", type=Path, help="an empty folder for what the build mounts")
    what.add_argument("--overruled", action="store_true", help="tell which settings the lock overrules")
    given = parser.parse_args()
    if given.folder and (not given.folder.is_dir() or any(given.folder.iterdir())):
        parser.error(f"{given.folder} is not an empty folder; name one, as `mktemp -d` makes it")
    build = for_the_build(Machine.this())
    if given.overruled:
        print("".join(f"{line}\n" for line in build.overruled), end="")
        return 0
    write(build, given.folder.resolve())
    print(build.words)
    return 0


if __name__ == "__main__":
    sys.exit(main())
