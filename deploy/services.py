"""PostgreSQL, Redis and an S3 server on the loopback address, to try the profiles out and to test them.

``make services`` starts them in the foreground. The binaries are Debian's; the S3 server is moto's, which keeps what it
is given in memory. Nobody has to sign in: not for demand that matters.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deploy.health import answers_http, listens
from deploy.settings import SettingsError, read_services_settings

DATABASES = ("dagster", "mlflow", "web")
BUCKET = "demand"
OWNER = "demand"
UNPRIVILEGED = ("postgres", "nobody")
"""Users as whom PostgreSQL may run when root starts it; it refuses to run as root."""
START_SECONDS = 60
POSTGRESQL_FOLDERS = "/usr/lib/postgresql"
S3_MODULE = "moto.server"


class ServiceError(RuntimeError):
    """A service cannot be started; the message says what to install or to change."""


@dataclass(frozen=True)
class Services:
    """What runs, as the product's settings name it."""

    folder: Path
    postgres_port: int
    redis_port: int
    s3_port: int

    def environment(self, prefix: str = "") -> dict[str, str]:
        """The settings that use them.

        Args:
            prefix: of the databases' names and the folders in the bucket.
        """
        dagster, mlflow, web = (f"postgresql://{OWNER}@127.0.0.1:{self.postgres_port}/{prefix}{name}"
                                for name in DATABASES)
        return {
            "DAGSTER_DATABASE_URL": dagster, "MLFLOW_DATABASE_URL": mlflow, "WEB_DATABASE_URL": web,
            "DEMAND_STORE_URL": f"s3://{BUCKET}/{prefix}demand",
            "MLFLOW_ARTIFACTS_URL": f"s3://{BUCKET}/{prefix}models",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.s3_port}", "AWS_ACCESS_KEY_ID": "demand",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret", "AWS_DEFAULT_REGION": "us-east-1",
            "CELERY_BROKER_URL": f"redis://127.0.0.1:{self.redis_port}/0",
        }

    def add_databases(self, prefix: str = "") -> None:
        """Make the databases that are not there yet."""
        import psycopg2
        from psycopg2 import sql

        with contextlib.closing(psycopg2.connect(host="127.0.0.1", port=self.postgres_port, user=OWNER,
                                                 dbname="postgres")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT datname FROM pg_database")
                present = {name for (name,) in cursor.fetchall()}
                for name in DATABASES:
                    if f"{prefix}{name}" not in present:
                        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(f"{prefix}{name}")))

    def add_bucket(self) -> None:
        """Make the bucket; nothing happens when it is there."""
        import boto3

        environment = self.environment()
        boto3.client("s3", endpoint_url=environment["AWS_ENDPOINT_URL"], region_name="us-east-1",
                     aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
                     aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"]).create_bucket(Bucket=BUCKET)


def missing() -> list[str]:
    """What has to be installed first, in words; nothing when all is there."""
    absent = []
    if not _postgresql():
        absent.append("PostgreSQL (Debian: apt install postgresql)")
    if not shutil.which("redis-server"):
        absent.append("Redis (Debian: apt install redis-server)")
    if not find_spec("moto"):
        absent.append("moto, the S3 server (make setup installs it)")
    return absent


@contextlib.contextmanager
def running(folder: Path, postgres_port: int, redis_port: int, s3_port: int) -> Iterator[Services]:
    """The three servers, empty but for databases and a bucket; stopped at the end.

    The S3 server cannot but begin empty, so the others do too: what they say of each other stays true.
    Raises: ServiceError: something is not installed, does not start, or a port is taken.
    """
    if absent := missing():
        raise ServiceError(f"not installed: {', '.join(absent)}")
    if taken := [port for port in (postgres_port, redis_port, s3_port) if listens(port)]:
        raise ServiceError(f"in use: port {', '.join(map(str, taken))}; stop what listens there, or choose others: "
                           "make services POSTGRES_PORT=… REDIS_PORT=… S3_PORT=…")
    for name in ("postgresql", "redis", "state"):
        shutil.rmtree(folder / name, ignore_errors=True)
    services = Services(folder, postgres_port, redis_port, s3_port)
    as_user = _make_cluster(folder / "postgresql")
    (folder / "redis").mkdir(exist_ok=True)
    commands = {
        "postgresql": [*as_user, str(_program("postgres")), "-D", str(folder / "postgresql"), "-p", str(postgres_port),
                       "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
                       "-c", "max_connections=200"],
        "redis": [str(shutil.which("redis-server")), "--bind", "127.0.0.1", "--port", str(redis_port), "--save", "",
                  "--dir", str(folder / "redis")],
        "s3": [sys.executable, "-m", S3_MODULE, "-H", "127.0.0.1", "-p", str(s3_port)],
    }
    with contextlib.ExitStack() as started:
        processes = {name: started.enter_context(_process(command, folder / f"{name}.log"))
                     for name, command in commands.items()}
        _wait(processes["postgresql"], lambda: listens(postgres_port), folder / "postgresql.log")
        _wait(processes["redis"], lambda: listens(redis_port), folder / "redis.log")
        _wait(processes["s3"], lambda: answers_http(f"http://127.0.0.1:{s3_port}/moto-api/"), folder / "s3.log")
        services.add_databases()
        services.add_bucket()
        yield services


def _make_cluster(data: Path) -> list[str]:
    """Make PostgreSQL's data folder; the words before a command that make it run as its owner."""
    as_user: list[str] = []
    data.mkdir(parents=True, mode=0o700)
    if os.geteuid() == 0:
        user = _unprivileged()
        shutil.chown(data, user.pw_uid, user.pw_gid)
        as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        if subprocess.run([*as_user, "test", "-x", str(data)], check=False).returncode:
            raise ServiceError(f"PostgreSQL does not run as root, and the user {user.pw_name} may not enter {data}; "
                               "choose a folder that every user may enter: make services SERVICES=/var/tmp/services")
    made = subprocess.run([*as_user, str(_program("initdb")), "-D", str(data), "-U", OWNER, "--auth=trust",
                           "--encoding=UTF8", "--no-locale", "--no-sync"], cwd="/", capture_output=True, text=True,
                          check=False)
    if made.returncode:
        raise ServiceError(f"initdb could not make {data}: {made.stderr.strip()}")
    return as_user


def _unprivileged() -> pwd.struct_passwd:
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ServiceError(f"PostgreSQL does not run as root, and none of the users {', '.join(UNPRIVILEGED)} exists; "
                       "add one, or start the services as another user")


def _postgresql() -> Path | None:
    """The folder of PostgreSQL's programs: Debian's newest, or the one on the PATH."""
    folders = sorted(Path(POSTGRESQL_FOLDERS).glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    candidates = [*folders, *([Path(on_path).resolve().parent] if on_path else [])]
    return next((folder for folder in candidates if (folder / "initdb").exists()), None)


def _program(name: str) -> Path:
    folder = _postgresql()
    if folder is None:
        raise ServiceError("PostgreSQL is not installed (Debian: apt install postgresql)")
    return folder / name


@contextlib.contextmanager
def _process(command: Sequence[str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A server in a session of its own, so that Ctrl-C in the terminal reaches us only; stopped at the end."""
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                   start_new_session=True)
    try:
        yield process
    finally:
        # PostgreSQL's fast shutdown, which does not wait for its clients; an ordinary end for the others.
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", answers: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise ServiceError(f"a service did not start; {log} ends:\n{log.read_text()[-1000:]}")
        time.sleep(0.1)


def main() -> int:
    """Start the services and print the settings that use them, until Ctrl-C; the exit status."""
    try:
        settings = read_services_settings()
        settings.folder.mkdir(parents=True, exist_ok=True)
        with running(settings.folder, settings.postgres_port, settings.redis_port, settings.s3_port) as services:
            print(f"PostgreSQL, Redis and an S3 server answer; their files are in {settings.folder}. Paste this where "
                  "you type `make run PROFILE=stores` or `make run PROFILE=celery`:\n")
            for name, value in services.environment().items():
                print(f"export {name}={value}")
            print(f"export STATE={settings.folder / 'state'}")
            print("\nCtrl-C stops them. Each start begins empty, the state directory above too.", flush=True)
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    except (SettingsError, ServiceError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
