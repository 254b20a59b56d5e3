"""A registry with many models, and a count of what the web app asks of it."""

import contextlib
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from benchmarks.support.product import PROJECT, Running
from deploy.processes import Folders, environment
from deploy.settings import RunSettings

COPIED = ("registered_models", "model_versions", "registered_model_tags", "registered_model_aliases")
A_DAY_MS = 86_400_000


def fill(product: Running, total: int) -> int:
    """Copy registered models in MLflow's database until there are so many; how many there are.

    The copies are region-items of the same dataset that its source does not have: each with the versions, tags and
    description of a real one, last changed over the past days, and none in production, so that none is fetched.
    """
    with contextlib.closing(sqlite3.connect(product.folder / "mlflow" / "mlflow.db", timeout=60)) as database, database:
        name, = database.execute("SELECT name FROM registered_models WHERE name LIKE '%.%.%' LIMIT 1").fetchone()
        there, = database.execute("SELECT count(*) FROM registered_models").fetchone()
        old = int(time.time() * 1000) - A_DAY_MS
        copies = [(f"{name.split('.')[0]}.gone.item {number}", old - number * 60_000)
                  for number in range(max(total - there, 0))]
        for table in COPIED:
            columns = [column for _, column, *_ in database.execute(f"PRAGMA table_info({table})")]
            values = ", ".join({"name": ":name", "last_updated_time": ":changed"}.get(column, f'"{column}"')
                               for column in columns)
            database.executemany(  # names of tables and columns are MLflow's own
                f"INSERT INTO {table} SELECT {values} FROM {table} WHERE name = :of"  # noqa: S608
                + (" AND alias != 'production'" if table == "registered_model_aliases" else ""),
                [{"name": copy, "changed": changed, "of": name} for copy, changed in copies])
        return there + len(copies)


@contextlib.contextmanager
def counted(product: Running) -> Iterator["Counter[str]"]:
    """The web app's background process is started anew and asks MLflow through a proxy that counts, by path."""
    counts: Counter[str] = Counter()
    settings = RunSettings(dataset=product.dataset, state=product.state,
                           **{name.lower(): int(port) for name, port in product.ports.items()})
    with _proxy(product.mlflow_url, counts) as url:
        _control(product, "stop", "web-sync")
        with (product.folder / "logs" / "web-sync-counted.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "webapp.background"], cwd=PROJECT, stdout=log, stderr=subprocess.STDOUT,
                env=environment(settings, Folders(product.folder)) | {"MLFLOW_URL": url, "MLFLOW_TRACKING_URI": url})
        try:
            yield counts
        finally:
            process.terminate()
            process.wait(30)
            _control(product, "start", "web-sync")


def registry_queries(counts: "Counter[str]") -> int:
    """How many of them were questions to the registry."""
    return sum(count for path, count in counts.items() if "/registered-models/" in path or "/model-versions/" in path)


@contextlib.contextmanager
def _proxy(url: str, counts: "Counter[str]") -> Iterator[str]:
    target = urlsplit(url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            counts[urlsplit(self.path).path] += 1
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with contextlib.closing(HTTPConnection(str(target.hostname), target.port or 80, timeout=60)) as connection:
                connection.request(self.command, self.path, body, {  # MLflow answers its own host names alone
                    **self.headers, "Host": target.netloc, "Connection": "close"})
                answer = connection.getresponse()
                content = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815  the name that http.server looks for

        def log_message(self, _form: str, *_values: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        http.server_close()


def _control(product: Running, order: str, name: str) -> None:
    subprocess.run([sys.executable, "-P", "-m", "supervisor.supervisorctl", "-c", "supervisord.conf", order, name],
                   cwd=Path(product.folder) / "run", check=True, timeout=120, stdout=subprocess.DEVNULL)
