"""The processes of one machine's product: how each is started, and what they are told.

Which waits for which is in ``start_in_order``.
"""

import hashlib
import os
import shlex
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from demand_assets.dagster_instance.instance import BROKER_VARIABLE, DATABASE_VARIABLE
from demand_assets.dagster_instance.runs.starter import STARTER_VARIABLE
from demand_assets.forecasting.contract.dagster_names import LOCATION
from demand_assets.forecasting.contract.database_urls import with_driver
from demand_assets.forecasting.store.half_restored import refuse_half_restored
from demand_assets.forecasting.store.private_folder import keep_private, private_files
from deploy.settings import PROJECT, RunSettings

WORKSPACE = Path(__file__).resolve().parent / "workspace.yaml"
"""Where Dagster's webserver and daemon look for the code server."""
GUARDED_MLFLOW = "demand_assets.forecasting.registry.guarded_server"
"""MLflow's command, whose server refuses what pages of other origins send."""
RUN_FOLDER_VARIABLE = "DEMAND_RUN_FOLDER"
"""In the environment of every process that a run starts, those that Dagster starts included: whose they are."""
PROCESS_VARIABLE = "DEMAND_PROCESS"
"""In the environment of a server and of all that it starts: which it is."""
RUN_STARTER = "deploy.supervision.run_starter"
"""The server that forks Dagster's runs."""
STOCK_LAUNCH_SECONDS = "600"
"""How long Dagster's own launcher waits for the code server's word that a run's process was started."""
METRICS, METRICS_PROGRAM = "metrics", "deploy.observability.exporter"
"""The server of metrics and health, where it is asked for."""
ELSEWHERE = "--elsewhere"
"""Said to it where the servers are in other containers: it tells only what the databases say."""
COUNTED_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where servers keep what they count, by the name that prometheus-client has for it."""
JSON_LINES = Path(__file__).resolve().parent / "observability" / "uvicorn_json_lines.json"
"""What MLflow's server is told of its log lines so that they are JSON."""
SHARED_MEMORY = Path("/dev/shm")  # nosec B108  # a private folder in it, whose owner is looked at
DATABASE, OLD_RUNS = "start-database", "start-old-runs"
LONGEST_FOLDER = 75
"""Bytes of a folder's name, with which that of a socket in it is sure to fit."""
DRAIN_SECONDS = 40
"""How long `make run` waits for its own worker's runs when it stops; what is cut off then is started again."""


@dataclass(frozen=True)
class Folders:
    """Where one dataset keeps its state."""

    root: Path

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME: settings, runs and events."""
        return self.root / "dagster"

    @property
    def mlflow(self) -> Path:
        """The registry's database and artifacts."""
        return self.root / "mlflow"

    @property
    def logs(self) -> Path:
        """One file for each process, rotated."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Lock, process ids and the process runner's own settings."""
        return self.root / "run"

    @property
    def counted(self) -> Path:
        """Where servers keep what they count: in memory, for what is mapped from a full disk ends who writes to it."""
        name = hashlib.sha256(str(self.root.resolve()).encode()).hexdigest()[:16]
        return SHARED_MEMORY / f"demand-metrics-{os.getuid()}-{name}" if SHARED_MEMORY.is_dir() else (
            self.run / "metrics")

    def begin_to_count(self) -> None:
        """Empty that folder, which nobody else may read.

        Raises: OSError: another user has made it.
        """
        self.counted.mkdir(mode=0o700, exist_ok=True)
        found = self.counted.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise OSError(f"{self.counted} belongs to somebody else; remove it")
        self.counted.chmod(0o700)
        for file in self.counted.iterdir():
            file.unlink()

    def make(self) -> bool:
        """Whether other users could read the state until now; the folders that are missing are made, all private.

        Raises: HalfRestoredError: a restore of the state was cut off.
        """
        refuse_half_restored(self.root)
        private_files()
        was_open = keep_private(self.root)
        for folder in (self.dagster, self.mlflow / "artifacts", self.logs, self.run):
            folder.mkdir(parents=True, exist_ok=True)
        return was_open


@dataclass(frozen=True)
class Process:
    """One process of the product."""

    name: str
    command: tuple[str, ...]
    stop_seconds: int = 15
    """How long it may take to stop before it is killed."""
    port: int = 0
    """Where it listens; 0 when nowhere."""
    niceness: int = 0
    """Above 0 it leaves the processor to others first: pages come before training."""
    alone: bool = False
    """Only the process itself is told to stop; what it started goes on until it sees to that."""
    once: bool = False
    """It does its work and ends, and prints what the person at the terminal should read; servers are started again
    when they end, and their output is for their log only."""


def processes(settings: RunSettings, folders: Folders) -> list[Process]:
    """All processes; they stop in the opposite order."""
    python = sys.executable
    workspace = str(WORKSPACE)
    is_json = settings.demand_log_format == "json"
    lines = ("--log-format", "json") if is_json else ()
    mlflow_lines = f" --log-config {shlex.quote(str(JSON_LINES))}" if is_json else ""
    metrics = Process(METRICS, (python, "-m", METRICS_PROGRAM), port=settings.metrics_port or 0, niceness=3)
    worker = Process("worker", (python, "-m", "demand_assets.dagster_instance.runs.worker"),
                     stop_seconds=DRAIN_SECONDS, niceness=3,
                     alone=True)
    starter = Process("run-starter", (python, "-m", RUN_STARTER), niceness=3, alone=True)
    return [
        Process("mlflow", (
            python, "-m", "mlflow" if settings.mlflow_web == "stock" else GUARDED_MLFLOW, "server",
            "--host", settings.listen_host, "--port", str(settings.mlflow_port),
            "--workers", "1", "--uvicorn-opts", f"--log-level warning{mlflow_lines}",
            # Clients write artifacts to disk or to the object store themselves: no detour over HTTP.
            "--no-serve-artifacts", "--default-artifact-root",
            settings.mlflow_artifacts_url or (folders.mlflow / "artifacts").as_uri()), port=settings.mlflow_port),
        Process("dagster-code", (
            python, "-m", "dagster", "api", "grpc", "--host", settings.listen_host, "--port", str(settings.code_port),
            "--module-name", "demand_assets.definitions", "--working-directory", str(PROJECT),
            "--location-name", LOCATION, "--use-python-environment-entry-point",
            "--inject-env-vars-from-instance", *lines), stop_seconds=40, port=settings.code_port, niceness=3),
        Process("dagster-daemon", (
            python, "-m", "demand_assets.dagster_instance.daemon", "run", "--workspace", workspace, *lines),
            stop_seconds=30, niceness=3),
        *([starter] if settings.has_run_starter else []),
        Process("dagster-web", (
            python, "-m", "demand_assets.dagster_instance.webserver", "--host", settings.listen_host,
            "--port", str(settings.dagster_port), "--workspace", workspace, *lines), stop_seconds=30,
            port=settings.dagster_port, niceness=3),
        Process("web", (
            python, "-m", "gunicorn", "--config", "python:webapp.gunicorn_conf", "--no-control-socket",
            "webapp.wsgi:app"), port=settings.web_port),
        Process("web-sync", (python, "-m", "webapp.background")),
        *([worker] if settings.has_worker else []),
        *([metrics] if settings.metrics_port else []),
        Process("first-training", (python, "-m", "demand_assets.commands.first_training"), niceness=3, once=True),
    ]


def preparations() -> list[Process]:
    """What is done before the servers that need it, and the launcher reads what it prints."""
    return [Process(DATABASE, (sys.executable, "-m", "deploy.web_database"), once=True),
            Process(OLD_RUNS, (sys.executable, "-m", "deploy.state_directory.unfinished_runs"), once=True)]


def printed_by(preparation: str, folders: Folders) -> Path:
    """Where a preparation's output is until the launcher has read it."""
    return folders.run / f"{preparation}.out"


def environment(settings: RunSettings, folders: Folders, outer: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of every process: the caller's, and what each half of the product must know."""
    registry = with_driver(settings.mlflow_database_url or f"sqlite:///{folders.mlflow / 'mlflow.db'}")
    own = {
        RUN_FOLDER_VARIABLE: str(folders.root),
        "DEMAND_DATASET": str(settings.dataset_file),
        "DEMAND_STATE": str(settings.state_folder),
        "DAGSTER_HOME": str(folders.dagster),
        "DAGSTER_URL": f"http://127.0.0.1:{settings.dagster_port}",
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "WEB_HOST": settings.web_host,
        "WEB_PORT": str(settings.web_port),
        "CODE_HOST": "127.0.0.1",
        "CODE_PORT": str(settings.code_port),
        "MLFLOW_URL": f"http://127.0.0.1:{settings.mlflow_port}",
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{settings.mlflow_port}",
        # Not on the command line, which everybody on the machine may read: it may hold a password.
        "MLFLOW_BACKEND_STORE_URI": registry,
        # Runs on this machine write to the registry's database themselves: a request to the server costs more than
        # what it asks for, and a run asks seven times for each region-item.
        "DEMAND_MLFLOW_URL": registry,
        **{name: str(settings.of_the_pipeline[name]) for name in ("RUN_LAUNCHER", "WORKERS")},
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # Left to itself MLflow trusts names such as 10.evil.example, which may be pointed at this address.
        "MLFLOW_SERVER_ALLOWED_HOSTS": outer.get("MLFLOW_SERVER_ALLOWED_HOSTS") or ",".join(
            f"{host}:{settings.mlflow_port}" for host in ("127.0.0.1", "localhost", "[::1]")),
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "PYTHONUNBUFFERED": "1",
        # Dagster's own commands find the project's modules.
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), outer.get("PYTHONPATH", "")])),
        # A proxy for the outside must not stand between our own servers.
        "NO_PROXY": _with_loopback(outer.get("NO_PROXY", "")),
        "no_proxy": _with_loopback(outer.get("no_proxy", "")),
    }
    if settings.metrics_port:
        own[COUNTED_VARIABLE] = str(folders.counted)
    if settings.demand_log_format == "json":
        own["MLFLOW_CONFIGURE_LOGGING"] = "false"  # its lines go to the root's handler, which writes JSON
    if outer.get("DAGSTER_WORKERS") == "stock":
        # The code server starts runs then, and to give up on it leaves open whether it did.
        own["DAGSTER_GRPC_TIMEOUT_SECONDS"] = outer.get("DAGSTER_GRPC_TIMEOUT_SECONDS", STOCK_LAUNCH_SECONDS)
    if settings.has_run_starter:
        own[STARTER_VARIABLE] = str(folders.run / "run-starter.sock")
    if not settings.mlflow_database_url:
        own["MLFLOW_DATABASE_FILE"] = str(folders.mlflow / "mlflow.db")
    if settings.dagster_database_url:
        # Dagster's settings file refers to it, so it is spelt as Dagster's libraries need it.
        own[DATABASE_VARIABLE] = with_driver(settings.dagster_database_url)
    if settings.celery_broker_url:
        own[BROKER_VARIABLE] = settings.celery_broker_url
    if settings.aws_endpoint_url:
        own["MLFLOW_S3_ENDPOINT_URL"] = settings.aws_endpoint_url
    if settings.horizon:
        own["DEMAND_HORIZON"] = str(settings.horizon)
    # Many small models are fitted side by side, each on one thread.
    threads = {name: outer.get(name, "1") for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    inherited = {name: value for name, value in outer.items() if name != "DEMAND_HORIZON"}
    return inherited | threads | own


def _socket(folder: Path) -> str:
    """Where the process runner listens, in its folder. It makes the name absolute, for which the system has room for
    some 100 bytes only; by way of its current folder, which Linux has, any folder does."""
    is_short = len(os.fsencode(folder)) <= LONGEST_FOLDER
    return "supervisor.sock" if is_short else "/proc/self/cwd/supervisor.sock"


def runner_settings(settings: RunSettings, folders: Folders) -> str:
    """The process runner's settings file; nothing starts by itself, the launcher starts each when its time comes."""
    # Relative to the runner's folder: supervisor reads a log's path as a format, twice.
    logs = os.path.relpath(folders.logs, folders.run)
    sections = [f"""\
[supervisord]
nodaemon = true
strip_ansi = true
logfile = {logs}/processes.log
logfile_maxbytes = 2MB
logfile_backups = 2
pidfile = supervisord.pid
childlogdir = {logs}

[unix_http_server]
file = {_socket(folders.run)}
chmod = 0700

[supervisorctl]
serverurl = unix://supervisor.sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""]
    servers, before = processes(settings, folders), preparations()
    for priority, process in enumerate([*servers, *before], start=1):
        output = f"{logs}/{process.name}.log"
        errors = f"{logs}/{process.name}.errors.log"
        if process in before:
            output, errors = printed_by(process.name, folders).name, output
        sections.append(f"""\
[program:{process.name}]
command = {_escaped(shlex.join(("nice", "-n", str(process.niceness), *_as_started(process))))}
directory = {_escaped(PROJECT)}
priority = {priority}
autostart = false
autorestart = {"false" if process.once else "true"}
startsecs = {0 if process.once else 3}
startretries = 3
stopasgroup = {"false" if process.alone else "true"}
killasgroup = true
stopwaitsecs = {process.stop_seconds}
redirect_stderr = {"false" if process.once else "true"}
stdout_logfile = {output}
stderr_logfile = {errors}
stdout_logfile_maxbytes = 5MB
stdout_logfile_backups = 2
""")
    return "\n".join(sections)


def _as_started(process: Process) -> tuple[str, ...]:
    """The command of a server, which ends what an earlier life of it left before it becomes it."""
    if process.once:
        return process.command
    return (sys.executable, "-m", "deploy.supervision.takeover", process.name, str(process.port), *process.command)


def _escaped(value: object) -> str:
    return str(value).replace("%", "%%")


def _with_loopback(hosts: str) -> str:
    return ",".join(filter(None, [hosts, "127.0.0.1", "localhost"]))
