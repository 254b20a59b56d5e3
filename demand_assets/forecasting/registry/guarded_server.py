"""MLflow's server, with its own pages only: ``python -m demand_assets.forecasting.registry.guarded_server server …``,
with the options of ``mlflow server``.

MLflow trusts pages of every port of this machine, also to read. A page of another program here, or one that somebody
else's program was made to show, could so change and read models. Here only MLflow's own pages may, and those of origins
that ``MLFLOW_SERVER_CORS_ALLOWED_ORIGINS`` names; programs, which are no pages, send no origin. The command names its
app by a function of its module, which is wrapped here, and so is that by which it starts the server as a process of its
own: it is run in this one, which has imported all of it already. With ``MLFLOW_WEB=stock`` MLflow's own command is run,
in two processes (docs/private_parts.md).
"""

import os
import sys
from collections.abc import Collection
from fnmatch import fnmatchcase
from importlib import import_module
from runpy import run_module
from typing import Any, NoReturn
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

APP = "mlflow.server.fastapi_app:app"
OURS = "demand_assets.forecasting.registry.guarded_server:guarded"
OF_OURS = ("same-origin", "none")
"""``Sec-Fetch-Site`` of MLflow's own pages, and of what a person typed or opened."""


class OwnOriginsOnly:
    """Answers 403 to what a page of another origin sends, and passes on everything else."""

    def __init__(self, app: ASGIApp, origins: Collection[str] = ()) -> None:
        """Guard the app.

        Args:
            origins: other ones that may, as in ``http://localhost:3001``; ``*`` stands for any letters.
        """
        self._app, self._origins = app, tuple(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and (why := self._refusal(scope)):
            await PlainTextResponse(f"{why}\n", status_code=403)(scope, receive, send)
            return
        if scope["type"] == "websocket" and (why := self._refusal(scope)):
            await send({"type": "websocket.close", "code": 1008, "reason": why[:120]})
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None:
            if urlsplit(origin).netloc.lower() == headers.get("host", "").lower() or self._is_allowed(origin):
                return ""
            return (f"The page of {origin!r} may not use MLflow: only its own pages may. If it should, name it in "
                    "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS and start again.")
        is_opened = scope.get("method") == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if headers.get("sec-fetch-site", "none") not in OF_OURS and not is_opened:
            return "A page of another origin may not use MLflow: only its own pages may."
        return ""

    def _is_allowed(self, origin: str) -> bool:
        return any(fnmatchcase(origin, allowed) if "*" in allowed else origin == allowed for allowed in self._origins)


def guarded() -> ASGIApp:
    """MLflow's app behind the guard, made in the process that serves it."""
    from mlflow.server.fastapi_app import app
    from mlflow.server.security_utils import get_allowed_origins_from_env

    return OwnOriginsOnly(app, get_allowed_origins_from_env() or ())


def main() -> None:
    """Serve until told to stop."""
    import_module("uvicorn")  # before MLflow, which guards its app where it finds its server loaded
    # Imported here: it imports uvicorn.
    from demand_assets.forecasting.telemetry.server_turns import wake_seldom

    wake_seldom()
    from mlflow import server
    from mlflow.cli import cli

    if not server.is_running_as_server:
        raise SystemExit("MLflow's app was loaded without its guards against other hosts; run the product with "
                         "MLFLOW_WEB=stock until that is mended (docs/private_parts.md)")
    build = server._build_uvicorn_command

    def build_guarded(*arguments: Any, **options: Any) -> list[str]:
        command: list[str] = build(*arguments, **options)  # type: ignore[no-untyped-call]
        if command[-1] != APP:
            raise SystemExit(f"MLflow would serve {command[-1]} and not {APP}, so it is not guarded; until that is "
                             "mended, the product runs with MLFLOW_WEB=stock (docs/private_parts.md)")
        return [*command[:-1], "--factory", OURS]

    def serve(command: list[str], *, extra_env: dict[str, str], **_: Any) -> NoReturn:
        python, option, module, *arguments = command
        if (python, option, module) != (sys.executable, "-m", "uvicorn"):
            raise SystemExit(f"MLflow would start {' '.join(command)} and not uvicorn; until that is mended, the "
                             "product runs with MLFLOW_WEB=stock (docs/private_parts.md)")
        os.environ.update(extra_env)  # where MLflow's app looks for its databases
        sys.argv = [module, *arguments]
        run_module(module, run_name="__main__", alter_sys=True)
        raise SystemExit(0)

    server._build_uvicorn_command = build_guarded
    server._exec_cmd = serve  # type: ignore[assignment,attr-defined]
    cli(sys.argv[1:], prog_name="mlflow")


if __name__ == "__main__":
    main()
