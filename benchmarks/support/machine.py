"""What a measurement was made on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("dagster", "mlflow", "xgboost-cpu", "pandas", "numpy", "flask", "gunicorn")


def described() -> dict[str, str]:
    """The machine, its load, and the versions of what matters."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"cpu": f"{os.cpu_count()} x {_cpu()}", "memory": f"{memory:.0f} GiB", "load": f"{os.getloadavg()[0]:.1f}",
            "python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
