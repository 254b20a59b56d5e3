"""``python -m webapp.vendored_files``: the few files that the pages load, from node_modules to static/vendor."""

import shutil
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
VENDOR = FOLDER / "static" / "vendor"
"""Where the pages expect them."""
FILES = {
    "bootstrap/dist/css/bootstrap.min.css": "bootstrap.min.css",
    "bootstrap/dist/js/bootstrap.bundle.min.js": "bootstrap.bundle.min.js",
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "echarts/dist/echarts.common.min.js": "echarts.common.min.js",
    "swagger-ui-dist/swagger-ui-bundle.js": "swagger-ui-bundle.js",
    "swagger-ui-dist/swagger-ui.css": "swagger-ui.css",
    "bootstrap/LICENSE": "bootstrap.LICENSE",
    "htmx.org/LICENSE": "htmx.LICENSE",
    "echarts/LICENSE": "echarts.LICENSE",
    "echarts/NOTICE": "echarts.NOTICE",
    "swagger-ui-dist/LICENSE": "swagger-ui.LICENSE",
    "swagger-ui-dist/NOTICE": "swagger-ui.NOTICE",
}


def missing_files() -> list[str]:
    """The names of the files that are not there yet."""
    return [name for name in FILES.values() if not (VENDOR / name).is_file()]


def copy(source: Path, target: Path) -> None:
    """Copy the files.

    Raises: FileNotFoundError: one is not there.
    """
    target.mkdir(parents=True, exist_ok=True)
    for name, short in FILES.items():
        shutil.copyfile(source / name, target / short)


if __name__ == "__main__":
    try:
        copy(FOLDER / "node_modules", VENDOR)
    except FileNotFoundError as missing:
        sys.exit(f"{missing.filename} is missing: run `npm ci` in {FOLDER} first")
