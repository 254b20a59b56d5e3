"""Gunicorn: workers with a few threads each, loaded once and forked; slow clients hold no thread."""

import gc
import logging
from typing import Any

from demand_assets.forecasting.telemetry import log_lines
from webapp.http.buffered_worker import FOR_PROBES
from webapp.http.open_files import connections_within, raise_limit
from webapp.settings import Settings

_settings = Settings()

bind = _settings.listens_on
workers = _settings.web_workers
worker_class = "webapp.http.buffered_worker.BufferedWorker"
threads = 4
preload_app = True
timeout = 60
graceful_timeout = 10
keepalive = 5
limit_request_line = 8190
umask = 0o077
forwarded_allow_ips = "127.0.0.1"
secure_scheme_headers: dict[str, str] = {}  # what a proxy says is believed by ProxyFix, with WEB_HTTPS=true only
forwarder_headers = ""  # nothing in front of the app says where it is mounted: SCRIPT_NAME is no header of ours
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "info"
# Who signed in is in the log, beside who was refused; what libraries say below a warning is not.
log_lines.set_up()
if log_lines.is_json():
    logconfig_dict = {
        "formatters": {"generic": {"()": log_lines.JSON}}, "root": {"level": "WARNING", "handlers": ["error_console"]},
        "loggers": {"gunicorn.error": {"level": "INFO", "propagate": False, "handlers": ["error_console"]},
                    "gunicorn.access": {"level": "CRITICAL", "propagate": False}}}
logging.getLogger("webapp").setLevel(logging.INFO)
# More connections than a worker has files for would end it; what waits beyond these is bounded too.
worker_connections = connections_within(raise_limit(), threads + FOR_PROBES)
backlog = 256


def pre_fork(server: Any, worker: Any) -> None:
    """Spare the garbage collector what is loaded once and stays: looking through it again and again takes a quarter of
    a second of some request each time."""
    gc.collect()
    gc.freeze()


def post_fork(server: Any, worker: Any) -> None:
    """Let no worker share a database connection with its parent."""
    from webapp.db.database import db
    from webapp.wsgi import app

    with app.app_context():
        db.engine.dispose(close=False)
