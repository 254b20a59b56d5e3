"""Dagster's webserver behind ``OwnPagesOnly``: ``python -m demand_assets.dagster_instance.webserver``, with the options
of ``dagster-webserver``.

The command builds its app by a function of its module, which is wrapped here; with ``DAGSTER_WEB=stock`` the command
itself is run, and nothing is guarded (docs/private_parts.md).
"""

from typing import Any

from dagster_webserver import cli
from starlette.types import ASGIApp

from demand_assets.dagster_instance.own_pages_only import OwnPagesOnly
from demand_assets.forecasting.telemetry.server_turns import wake_seldom
from demand_assets.settings import Settings


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    if settings.dagster_web == "guarded":
        _guard(settings.dagster_hosts, settings.dagster_origins)
    if settings.dagster_loops == "resting":
        # Imported here: leans on private parts of Dagster, which stock parts do without.
        from demand_assets.dagster_instance.at_rest.daemon_loops import watch_patiently

        watch_patiently()
        wake_seldom()
    cli.main()


def _guard(hosts: tuple[str, ...], origins: tuple[str, ...]) -> None:
    make = cli.create_app_from_workspace_process_context

    def guarded(*arguments: Any, **options: Any) -> ASGIApp:
        return OwnPagesOnly(make(*arguments, **options), hosts, origins)

    cli.create_app_from_workspace_process_context = guarded


if __name__ == "__main__":
    main()
