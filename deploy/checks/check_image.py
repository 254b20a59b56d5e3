"""``python -m deploy.checks.check_image``: build the images, run the product from them, see a forecast.

Needs no Docker, but root on Debian (see deploy/build_image.sh) and the packages of `make setup`. What is run is what
Compose and Kubernetes run: ``python -m deploy.container NAME``. Everything that it starts, it ends; its folder goes.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import cache_from_source
from pathlib import Path
from uuid import uuid4

import psutil
import requests

from benchmarks.support.product import page, sign_up
from deploy.checks.machine_settings import NETRC, NPMRC, PIP_CONF, UV_TOML
from deploy.checks.package_tools.build_settings import PLACE
from deploy.health import answers_grpc, answers_http
from deploy.masked_text import masked
from deploy.settings import PROJECT

USER = 10001
BUILD_SECONDS = 1800
"""Of a machine that is busy with tests and gives them way."""
TRAIN_SECONDS = 300
START_SECONDS = 300
LOG_CHARACTERS = 10_000
OF_THE_MACHINE = (PIP_CONF, str(Path(UV_TOML).parent), NPMRC, NETRC, PLACE)
"""What only the stages that install may see: even empty, it must not be in an image."""
DATASET = """\
title = "Tiny shop"
frequency = "D"
horizon = 14

[source]
kind = "simulated"
regions = 1
items = 3
years = 1
seed = 11
today = "2026-06-01"

[[drivers]]
name = "price"
kind = "number"
effect = "decreasing"

[retraining]
automatic = false

[training]
scale = "log"
drivers = "boosted"
year_features = false
rounds = 100
own_rounds = 20
own_share = 0.5
"""
"""Nothing is chosen by data: half of a training's time."""


class CheckFailedError(RuntimeError):
    """The images are not what they should be; the message says in what."""


class Images:
    """The two built images, and how a process of them is run."""

    def __init__(self, storage: Path, logs: Path, environment: dict[str, str]) -> None:
        driver = (storage / "driver").read_text().strip()
        self._buildah = ["buildah", "--root", f"{storage}/storage", "--runroot", f"{storage}/run",
                         "--storage-driver", driver]
        self._logs, self._environment = logs, environment
        self._containers = {image: self._ask("from", "--pull-never", f"localhost/demand-{image}").strip()
                            for image in ("pipeline", "web")}

    def sizes(self) -> list[str]:
        """One line for each image."""
        lines = self._ask("images", "--format", "{{.Name}} {{.Size}}").splitlines()
        return [line for line in lines if line.split(" ")[0].removeprefix("localhost/demand-") in self._containers]

    def folder(self, image: str) -> Path:
        """Where this machine sees all files of that image."""
        return Path(self._ask("mount", self._containers[image]).strip())

    def run(self, image: str, *command: str, volumes: tuple[str, ...] = (), seconds: int = 60) -> str:
        """What a command prints in a container of that image.

        Raises: CheckFailedError: it ends with an error.
        """
        done = subprocess.run(self._words(image, command, volumes), capture_output=True, text=True, timeout=seconds,
                              stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise CheckFailedError(f"{image}: `{' '.join(command)}` ended with status {done.returncode}:\n"
                                   f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        return done.stdout

    @contextlib.contextmanager
    def running(self, image: str, name: str, volumes: tuple[str, ...]) -> Iterator[Path]:
        """That process of the product in a container; its output is in the file. Ended at the end."""
        log = self._logs / f"{name}.log"
        command = ("python", "-m", "deploy.container", name)
        with log.open("w") as output:
            process = psutil.Popen(self._words(image, command, volumes), stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            yield log
        finally:
            _end(process)

    def _words(self, image: str, command: tuple[str, ...], volumes: tuple[str, ...]) -> list[str]:
        settings = [word for name, value in self._environment.items() for word in ("--env", f"{name}={value}")]
        mounts = [word for volume in volumes for word in ("--volume", volume)]
        return [*self._buildah, "run", "--isolation", "chroot", "--network", "host", *settings, *mounts,
                self._containers[image], "--", *command]

    def _ask(self, *arguments: str) -> str:
        return subprocess.run([*self._buildah, *arguments], capture_output=True, text=True, check=True).stdout


def main() -> int:
    """0 when a forecast came out of the images; 1 with the reason."""
    parser = argparse.ArgumentParser(prog="python -m deploy.checks.check_image", description=__doc__)
    parser.add_argument("--storage", help="keep the images, and what was installed for them, in this folder; a second "
                        "check installs only what changed")
    given = parser.parse_args()
    if reason := _why_impossible():
        print(f"image check skipped: {reason}")
        return 0
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:4.0f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory(prefix="demand-image-", ignore_cleanup_errors=True) as name:
        folder, storage = Path(name), Path(given.storage or f"{name}/images")
        folder.chmod(0o755)
        try:
            _build(storage, folder / "build.log")
            say("both images are built")
            check(storage, folder, say)
        except (CheckFailedError, subprocess.SubprocessError) as error:
            print(f"image check failed: {error}", file=sys.stderr)
            return 1
    return 0


def check(storage: Path, folder: Path, say: Callable[[str], None]) -> None:
    """Train with the pipeline's image, serve with the web's, and look at the page as a planner.

    Raises: CheckFailedError: the first thing that is not as it should be.
    """
    state = folder / "state"
    state.mkdir()
    os.chown(state, USER, USER)
    dataset = folder / "tiny.toml"
    dataset.write_text(DATASET)
    dataset.chmod(0o644)
    volumes = (f"{state}:/var/lib/demand", f"{dataset}:/etc/demand/tiny.toml:ro")
    ports = dict(zip(("WEB_PORT", "MLFLOW_PORT", "CODE_PORT", "DAGSTER_PORT"), map(str, _free_ports(4)), strict=True))
    web, mlflow = (f"http://127.0.0.1:{ports[name]}" for name in ("WEB_PORT", "MLFLOW_PORT"))
    images = Images(storage, folder, {
        **ports, "DEMAND_DATASET": "/etc/demand/tiny.toml", "DEMAND_CORES": "2", "MLFLOW_URL": mlflow,
        "DAGSTER_URL": f"http://127.0.0.1:{ports['DAGSTER_PORT']}", "CODE_HOST": "127.0.0.1",
        "MLFLOW_SERVER_ALLOWED_HOSTS": "mlflow,mlflow:5000,localhost:*,127.0.0.1:*"})

    for size in images.sizes():
        say(f"size {size}")
    for image in ("pipeline", "web"):
        _check_contents(images, image)
    say("neither image runs as root or has a compiler, or anything of the build machine's index settings")

    with contextlib.ExitStack() as running:
        logs = {"mlflow": running.enter_context(images.running("pipeline", "mlflow", volumes)),
                "code": running.enter_context(images.running("pipeline", "code", volumes))}
        _wait("mlflow", logs["mlflow"], lambda: answers_http(f"{mlflow}/health"))
        if _status(f"{mlflow}/api/2.0/mlflow/experiments/search?max_results=1", "mlflow:5000") != 200:
            raise CheckFailedError("MLflow refuses the host name that Compose and Kubernetes call it by")
        _wait("code", logs["code"], lambda: answers_grpc(f"127.0.0.1:{ports['CODE_PORT']}"))
        images.run("pipeline", "python", "-m", "deploy.health", f"grpc://127.0.0.1:{ports['CODE_PORT']}")
        say("from the pipeline image: MLflow and the code server answer, and so does the health check in it")

        images.run("pipeline", "python", "-m", "demand_assets.commands.train", "--dataset", "/etc/demand/tiny.toml",
                   "--state", "/var/lib/demand", "--json", "/var/lib/demand/trained.json", volumes=volumes,
                   seconds=TRAIN_SECONDS)
        trained = json.loads((state / "trained.json").read_text())
        if not trained["promoted"] or trained["failed"]:
            raise CheckFailedError(f"the training promoted nothing or failed: {trained}")
        say(f"from the pipeline image: trained {trained['region_items']} region-items, promoted {trained['promoted']}")

        logs["web"] = running.enter_context(images.running("web", "web", volumes))
        _wait("web", logs["web"], lambda: answers_http(f"{web}/health"))
        logs["web-sync"] = running.enter_context(images.running("web", "web-sync", volumes))
        units = _forecast(web, logs)
        say(f"from the web image: a planner signed in and read the forecast of a production model: {units}")


def _check_contents(images: Images, image: str) -> None:
    user = images.run(image, "id", "-u").strip()
    if user != str(USER):
        raise CheckFailedError(f"{image} runs as user {user}, not as {USER}")
    found = images.run(image, "sh", "-c", "command -v gcc cc c++ clang make npm uv || true").split()
    root = images.folder(image)
    found += [place for place in OF_THE_MACHINE if (root / place.lstrip("/")).exists()]
    if found:
        raise CheckFailedError(f"{image} has what only the build needs: {', '.join(found)}")
    app = root / "app"
    sources = [app / "webapp" / "__init__.py", *app.glob(".venv/lib/*/site-packages/mlflow/__init__.py")]
    if again := [str(source) for source in sources if not is_compiled(source)]:
        raise CheckFailedError(f"{image}: each start compiles anew what it imports, for one {', '.join(again)}")


def is_compiled(source: Path) -> bool:
    """Whether Python takes what it compiled of that module before, because it is of the very file."""
    compiled = Path(cache_from_source(str(source)))
    if not compiled.exists():
        return False
    status, header = source.stat(), compiled.read_bytes()[:16]  # PEP 552: magic number, flags, time, size
    return [int.from_bytes(header[at:at + 4], "little") for at in (4, 8, 12)] == [
        0, int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF]


def _forecast(web: str, logs: dict[str, Path]) -> str:
    """Region-item, model and total of a forecast by a production model, as a signed-in planner reads them."""
    link = re.search(r"http://\S+/first-admin/\S+", logs["web"].read_text())
    if link is None:
        raise CheckFailedError(f"no sign-in link was printed:\n{logs['web'].read_text()}")
    planner = sign_up(link.group(), "planner@example.com", uuid4().hex)

    def keys_in_production() -> list[str]:
        table = page(planner, f"{web}/", params={"status": "production"})
        return [str(box["value"]) for box in table.select("#table tbody [name=ri]")]

    _wait("a model in production", logs["web-sync"], lambda: bool(keys_in_production()))
    key = keys_in_production()[0]
    forecast = page(planner, f"{web}/forecasts", params={"ri": key, "horizon": 7})
    model = forecast.select_one("#model .badge")
    total = next((heading.get_text(" ", strip=True) for heading in forecast.select("h2")
                  if re.search(r"\d.* in 7 days", heading.get_text(" "))), "")
    if model is None or not re.search(r"v\d+", model.text) or not total:
        raise CheckFailedError(f"the page of {key} shows no forecast by a production model:\n{forecast.text[:3000]}")
    return f"{key}, {model.text.strip()}, {total}"


def _build(storage: Path, log: Path) -> None:
    with log.open("w") as output:
        process = psutil.Popen(["bash", PROJECT / "deploy" / "build_image.sh", storage],
                               stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                               env=os.environ | {"PYTHON": sys.executable})
        try:
            status = process.wait(BUILD_SECONDS)
            how = f"ended with status {status}"
        except psutil.TimeoutExpired:
            status, how = 1, f"took longer than {BUILD_SECONDS} s"
        finally:
            _end(process)
    if status:
        raise CheckFailedError(f"the build {how}; its log ends:\n{masked(log.read_text()[-LOG_CHARACTERS:])}")


def _why_impossible() -> str:
    if os.geteuid() != 0:
        return "it needs root (chroot and mounts)"
    if not Path("/etc/debian_version").exists():
        return "it needs Debian (buildah and debootstrap from its packages)"
    return ""


def _wait(name: str, log: Path, is_there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_there():
        if time.monotonic() > deadline:
            raise CheckFailedError(f"{name} was not there after {START_SECONDS} s; its log ends:\n"
                                   f"{log.read_text()[-4000:]}")
        time.sleep(0.5)


def _status(url: str, host: str) -> int:
    return requests.get(url, headers={"Host": host}, timeout=30).status_code


def _end(process: psutil.Popen) -> None:
    """End a container's process and all that it started: TERM for what runs in it, then KILL."""
    tree = [process, *process.children(recursive=True)] if process.is_running() else []
    for number in (signal.SIGTERM, signal.SIGKILL):
        for one in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(number)
        _, tree = psutil.wait_procs(tree, timeout=20)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


if __name__ == "__main__":
    sys.exit(main())
