"""``make try-chart``: run every container that the chart makes, without a cluster, and ask its probes as one would.

Each container becomes a process with its own settings, secrets and volumes, whose root file system is read-only, in a
network of its own where services are found by their names; beside them PostgreSQL, Redis and an S3 server. Then a first
training must be promoted, told by the server of metrics, and a worker must drain. Connections between pods are seen
meanwhile: each must be one that a network policy allows. ``SET=name=value`` sets values of the chart. Needs root on
Linux, Helm, and Debian's postgresql, redis-server and iproute2. Users and images are not tried: there is no cluster.
"""

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil
import yaml

from deploy import services
from deploy.checks import helm
from deploy.checks.check_image import DATASET
from deploy.health import answers_grpc
from deploy.settings import PROJECT

INSIDE = "DEMAND_TRY_CHART"
"""Set in the process that has the network and the mounts to itself."""
POD_ADDRESS = "10.9.8.7"
"""All pods' address, in a network that nobody else is in; a cluster asks by addresses, too."""
CODE = Path("/mnt")
"""Where containers have the code."""
MOUNTED = ("/etc/demand", "/var/lib/demand", "/run/counted")
STORES = ("postgres", "redis", "s3")
URL = "postgresql+psycopg2://{}:trusted@demand-postgres:5432/{}"
TOKEN = "a-token-of-the-trial"  # nosec B105  # known to this trial only
SECRETS: Mapping[str, Mapping[str, str]] = {
    "demand-database-admin": {"POSTGRES_ADMIN_URL": URL.format("demand", "postgres")},
    "demand-object-store": {"AWS_ACCESS_KEY_ID": "demand", "AWS_SECRET_ACCESS_KEY": "not-a-secret"},
    "demand-dagster": {"DAGSTER_DATABASE_URL": URL.format("dagster", "dagster"),
                       "CELERY_BROKER_URL": "redis://demand-redis:6379/0"},
    "demand-mlflow-database": {"MLFLOW_DATABASE_URL": URL.format("mlflow", "mlflow")},
    "demand-web-database": {"WEB_DATABASE_URL": URL.format("web_app", "web")},
    "demand-web-owner": {"WEB_DATABASE_OWNER_URL": URL.format("web_owner", "web")},
    "demand-web": {"WEB_SECRET_KEY": "a-key-of-the-trial-only"}, "demand-metrics": {"METRICS_TOKEN": TOKEN},
}
OF_THE_IMAGE = {"PYTHONPATH": str(CODE), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "WEB_HOST": "0.0.0.0",
                "DEMAND_STATE": "/var/lib/demand", "DAGSTER_DISABLE_TELEMETRY": "yes", "DO_NOT_TRACK": "true",
                "MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
SETTINGS = ("metrics.enabled=true", "firstTraining.enabled=true", "settings.AWS_ENDPOINT_URL=http://demand-s3:9000",
            "settings.MLFLOW_S3_ENDPOINT_URL=http://demand-s3:9000")
REGION_ITEMS = 3
"""Of the dataset."""
PATIENCE_SECONDS = 600
LOOK_SECONDS = 0.2
"""Between two looks at who is connected with whom."""


class TrialError(RuntimeError):
    """Something is not as the chart says; the message says what."""


class Pods:
    """The containers of the chart, as processes.

    Args:
        folder: for their volumes and logs.
        objects: what Helm made.
    """

    def __init__(self, folder: Path, objects: list[dict[str, Any]]) -> None:
        self._folder = folder
        self._maps = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}
        self._made = {kind: {one["metadata"]["labels"]["app.kubernetes.io/name"]: one["spec"]["template"]["spec"]
                             for one in objects if one["kind"] == kind} for kind in ("Job", "Deployment")}
        self._policies = [one["spec"] for one in objects if one["kind"] == "NetworkPolicy"]
        self._open_at = {port["containerPort"]: (pod, port["name"]) for pod, spec in self._made["Deployment"].items()
                         for container in spec["containers"] for port in container.get("ports", [])}
        """Port -> whose it is, and its name."""
        self._pod_of: dict[int, str] = {}
        """Process group -> the pod whose container it is."""
        self.connected: set[tuple[str, int]] = set()
        """Pods and the ports of others that they were seen at."""
        self.running: dict[str, tuple[subprocess.Popen[bytes], dict[str, Any]]] = {}

    def finish(self, pod: str) -> None:
        """Run a job to its end.

        Raises: TrialError: it fails.
        """
        spec = self._made["Job"][pod]
        self._end_well(pod, spec, spec["containers"][0])

    def start(self, *pods: str) -> None:
        """Run what a pod begins with, then its containers."""
        for pod in pods:
            spec = self._made["Deployment"][pod]
            for container in spec.get("initContainers", []):
                self._end_well(pod, spec, container)
            for container in spec["containers"]:
                self.running[container["name"]] = self._begun(pod, spec, container), container

    @property
    def deployments(self) -> set[str]:
        """What goes on for ever."""
        return set(self._made["Deployment"])

    def is_well(self, name: str, probe: Mapping[str, Any]) -> bool:
        """What a probe of a container says now."""
        process, container = self.running[name]
        if process.poll() is not None:
            raise TrialError(self._ended_badly(name, process.returncode))
        seconds = probe.get("timeoutSeconds", 1)
        if "httpGet" in probe:
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            asked = probe["httpGet"]
            headers = {each["name"]: each["value"] for each in asked.get("httpHeaders", [])}
            return _status(ports[asked["port"]], asked["path"], headers, seconds)[0] < 400
        if "grpc" in probe:
            return answers_grpc(f"{POD_ADDRESS}:{probe['grpc']['port']}", seconds)
        command = ["nsenter", "--target", str(process.pid), "--mount", f"--wd={CODE}", *probe["exec"]["command"]]
        with contextlib.suppress(subprocess.TimeoutExpired):
            return subprocess.run(command, env=self._environment(container), capture_output=True, timeout=seconds,
                                  check=False).returncode == 0
        return False

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Look who is connected with whom, to the end of the block."""
        over = Event()

        def look() -> None:
            while not over.wait(LOOK_SECONDS):
                for one in psutil.net_connections("tcp"):
                    # gRPC's are of IPv6 that stands for IPv4. The other end of each connection is one, too.
                    if (one.raddr and one.raddr.ip.removeprefix("::ffff:") == POD_ADDRESS and one.pid
                            and one.raddr.port in self._open_at):
                        with contextlib.suppress(ProcessLookupError):
                            if pod := self._pod_of.get(os.getpgid(one.pid)):
                                self.connected.add((pod, one.raddr.port))

        thread = Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def kept_out(self) -> list[str]:
        """Connections that were seen and that no network policy allows, a line each."""
        return [f"{client} was at port {port} of {server}, to which no network policy lets it"
                for client, port in sorted(self.connected) for server, name in [self._open_at[port]]
                if server != client and not self._lets(client, server, {port, name})]

    def _lets(self, client: str, server: str, port: set[object]) -> bool:
        label = "app.kubernetes.io/name"
        return any(each["port"] in port and ("from" not in rule or any(
            peer.get("podSelector", {}).get("matchLabels", {}).get(label) == client for peer in rule["from"]))
            for policy in self._policies if policy["podSelector"]["matchLabels"].get(label) == server
            for rule in policy["ingress"] for each in rule["ports"])

    def end(self) -> None:
        """End all."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process, _ in self.running.values():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
            deadline = time.monotonic() + 15
            while time.monotonic() < deadline and any(each.poll() is None for each, _ in self.running.values()):
                time.sleep(0.2)

    def _end_well(self, pod: str, spec: Mapping[str, Any], container: dict[str, Any]) -> None:
        if status := self._begun(pod, spec, container).wait(PATIENCE_SECONDS):
            raise TrialError(self._ended_badly(container["name"], status))
        _say(f"{container['name']} of {pod} did its work")

    def _ended_badly(self, name: str, status: int) -> str:
        log = (self._folder / f"{name}.log").read_text()
        return f"{name} ended with status {status}; its log ends:\n{log[-2000:]}"

    def _begun(self, pod: str, spec: Mapping[str, Any], container: dict[str, Any]) -> "subprocess.Popen[bytes]":
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        lines = ["set -e", f"mount --bind {PROJECT} {CODE}"]
        for mount in container["volumeMounts"]:
            volume = volumes[mount["name"]]
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            place = self._folder / "volumes" / (claim or f"{pod}.{mount['name']}")
            place.mkdir(parents=True, exist_ok=True)
            for name, text in self._maps.get(volume.get("configMap", {}).get("name"), {}).items():
                (place / name).write_text(text)
            lines.append(f"mount --bind {place} {mount['mountPath']}")
            if mount.get("readOnly"):
                lines.append(f"mount -o remount,bind,ro {mount['mountPath']}")
        lines += ["mount -o remount,bind,ro /", f"cd {CODE}", 'exec "$@"']
        with (self._folder / f"{container['name']}.log").open("a") as log:
            command = ["unshare", "--mount", "sh", "-c", "\n".join(lines), "sh", *container["command"]]
            begun = subprocess.Popen(command, env=self._environment(container), stdin=subprocess.DEVNULL, stdout=log,
                                     stderr=subprocess.STDOUT, start_new_session=True)
        self._pod_of[begun.pid] = pod
        return begun

    def _environment(self, container: Mapping[str, Any]) -> dict[str, str]:
        ours = OF_THE_IMAGE | {"PATH": f"{CODE}/.venv/bin:/usr/bin:/bin"}
        for source in container["envFrom"]:
            if "configMapRef" in source:
                ours |= self._maps[source["configMapRef"]["name"]]
            elif source["secretRef"]["name"] in SECRETS or not source["secretRef"].get("optional"):
                ours |= SECRETS[source["secretRef"]["name"]]
        for one in container["env"]:
            secret = one.get("valueFrom", {}).get("secretKeyRef")
            # What is left are the processors that it asks for.
            ours[one["name"]] = one.get("value") or (SECRETS[secret["name"]][secret["key"]] if secret else "1")
        return ours


def main() -> int:
    """0 when all is as the chart says; 1 with the first thing that is not."""
    if INSIDE not in os.environ:
        if os.geteuid() != 0 or helm.helm() is None or services.missing():
            print("the chart is not tried: it needs root, Helm (make lint-deploy), postgresql and redis-server")
            return 0
        command = ["unshare", "--net", "--mount", sys.executable, "-m", "deploy.checks.try_chart", *sys.argv[1:]]
        return subprocess.run(command, env=os.environ | {INSIDE: "yes"}, check=False).returncode
    # Not in /tmp, which containers have of their own.
    folder = Path(tempfile.mkdtemp(prefix="demand-chart-", dir="/var/tmp"))  # nosec B108  # made private there
    folder.chmod(0o755)
    try:
        _have_a_network(folder)
        _try(folder, tuple(sys.argv[1:]))
    except (TrialError, helm.ChartError, services.ServiceError) as error:
        print(f"{error} ({folder})", file=sys.stderr)
        return 1
    finally:
        for place in MOUNTED:
            with contextlib.suppress(OSError):  # it was there before, with something in it
                Path(place).rmdir()
    shutil.rmtree(folder)
    return 0


def _try(folder: Path, given: tuple[str, ...]) -> None:
    (folder / "dataset.toml").write_text(DATASET)
    words = [word for one in (*SETTINGS, *given) for word in ("--set", one)]
    words += ["--set-file", f"dataset={folder / 'dataset.toml'}"]
    text = helm.run("template", helm.RELEASE, str(helm.CHART), *words)
    pods = Pods(folder, [one for one in yaml.safe_load_all(text) if one])
    with services.running(folder / "services", 5432, 6379, 9000), _ended(pods), pods.watched():
        pods.finish("demand-stores")
        pods.start("demand-mlflow", "demand-code")
        for name in ("mlflow", "code"):
            _until(f"{name} has started", lambda: pods.is_well(name, pods.running[name][1]["startupProbe"]))  # noqa: B023
        # The background process last: it starts with the migration that web waits for.
        rest = pods.deployments - {"demand-mlflow", "demand-code"}
        pods.start(*sorted(rest, key=lambda pod: (pod == "demand-web", pod)))
        for name, (_, container) in pods.running.items():
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                if probe := container.get(kind):
                    _until(f"{name}: {kind}", lambda: pods.is_well(name, probe))  # noqa: B023
        pods.finish("demand-first-training")
        _until("the server of metrics tells of the promotions", lambda: _told("demand_promotions_announced_total") >= (
            REGION_ITEMS))
        for port in (9464, 8000):
            if (status := _status(port, "/metrics", {}, 30)[0]) != 403:
                raise TrialError(f"whoever has no token is answered {status} at port {port}")
        worker = pods.running["worker"][0]
        worker.terminate()
        if status := worker.wait(PATIENCE_SECONDS):
            raise TrialError(f"a worker that was told to go ended with status {status}")
        _say("a worker drained")
    if kept_out := pods.kept_out():
        raise TrialError("\n".join(kept_out))
    seen = ", ".join(f"{pod} at {port}" for pod, port in sorted(pods.connected))
    _say(f"network policies allow what was seen: {seen}")


@contextlib.contextmanager
def _ended(pods: Pods) -> Iterator[None]:
    try:
        yield
    finally:
        pods.end()


def _have_a_network(folder: Path) -> None:
    """One with the loopback device and the pods' address alone, where the chart's names lead."""
    stores, others = (" ".join(f"demand-{name}" for name in names)
                      for names in (STORES, ("mlflow", "code", "dagster-web", "web", "metrics")))
    (folder / "hosts").write_text(f"127.0.0.1 localhost {stores}\n{POD_ADDRESS} {others}\n")
    for place in MOUNTED:
        Path(place).mkdir(parents=True, exist_ok=True)
    for command in (["mount", "--make-rprivate", "/"], ["mount", "--bind", str(folder / "hosts"), "/etc/hosts"],
                    ["ip", "link", "set", "lo", "up"], ["ip", "addr", "add", f"{POD_ADDRESS}/32", "dev", "lo"]):
        subprocess.run(command, check=True)


def _status(port: int, path: str, headers: Mapping[str, str], seconds: float) -> tuple[int, str]:
    """Status and text; 599 where nobody answers."""
    connection = http.client.HTTPConnection(POD_ADDRESS, port, timeout=seconds)
    try:
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 599, ""
    finally:
        connection.close()


def _told(metric: str) -> float:
    text = _status(9464, "/metrics", {"Authorization": f"Bearer {TOKEN}"}, 30)[1]
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{metric} "))


def _until(what: str, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TrialError(f"not within {PATIENCE_SECONDS} s: {what}")
        time.sleep(1)
    _say(what)


def _say(what: str) -> None:
    print(f"{time.monotonic() - BEGAN:5.0f} s  {what}", flush=True)


BEGAN = time.monotonic()

if __name__ == "__main__":
    sys.exit(main())
