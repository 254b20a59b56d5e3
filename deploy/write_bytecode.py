"""``python -m deploy.write_bytecode``: import what processes of the product import, so that Python keeps it compiled.

For images: nobody who runs in one may write to it, and a process that finds nothing compiled takes three times as long
to import, at each start and for each question whether it is well.
"""

import importlib
import subprocess  # nosec B404  # runs commands of the product's own libraries
import sys
from pathlib import Path

from deploy.supervision.forked_start import NEEDS

OF_SINGLE_PROCESSES = ("demand_assets.commands.train", "demand_assets.definitions", "deploy.container", "deploy.health",
                       "dagster_webserver.cli", "grpc_health.v1.health_pb2_grpc", "mlflow.server.fastapi_app")
COMMANDS = ("dagster", "dagster-daemon", "mlflow")
"""That import more than the modules of these names."""


def main() -> None:
    """Import each module once, in this process, and let each command say its options, in one of its own."""
    for module in dict.fromkeys([*(name for needs in NEEDS.values() for name in needs), *NEEDS, *OF_SINGLE_PROCESSES]):
        importlib.import_module(module)
    for command in COMMANDS:
        subprocess.run([str(Path(sys.executable).with_name(command)), "--help"],  # nosec B603  # fixed commands
                       check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
