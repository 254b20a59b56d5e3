"""A forecasting model, as ``mlflow.pyfunc`` loads it.

A copy of this file lies beside each model. The code that forecasts is shipped once, beside the pooled model that the
model stands on, and is checked against the hash that this model was registered with before any of it is run.
"""

import atexit
import hashlib
import importlib
import io
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.artifacts import download_artifacts
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class Forecasts(PythonModel):
    """Answers with region, item, date, forecast, lower and upper."""

    def load_context(self, context: Any) -> None:
        """Open the model's files with the code that is shipped for them."""
        folder, config = Path(context.artifacts["details"]).parent, dict(context.model_config)
        package = imported(folder, str(config["code"]), str(config["pooled"]))
        self.model = importlib.import_module(f"{package}.registry.loadable.loaded").opened(folder, config)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """The plan of the regions and items of a table, or the periods that it gives dates and drivers of."""
        answer: pd.DataFrame = self.model.predict(model_input, params or {})
        return answer


def imported(folder: Path, code: str, pooled: str) -> str:
    """The name of the package that holds the shipped code: its own for each content, so that several go together.

    Raises: ValueError: the code is not what the model was registered with.
    """
    if code in sys.modules:
        return code
    file = folder / f"{code}.zip"
    if not file.is_file():
        file = Path(download_artifacts(f"{pooled}/{code}.zip"))
    with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as shipped:
        contents = {name: shipped.read(name) for name in sorted(shipped.namelist())}
    digest = hashlib.sha256()
    for name, content in contents.items():
        digest.update(f"{name} {len(content)}\n".encode() + content)
    if code != f"forecasting_{digest.hexdigest()[:32]}":
        raise ValueError(f"the code in {file} is not what this model was registered with; it was changed or damaged, "
                         "and none of it was run")
    root = Path(tempfile.mkdtemp(prefix="forecasting-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    for name, content in contents.items():
        place = root / code / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.replace(b"demand_assets.forecasting", code.encode()))
    sys.path.append(str(root))
    importlib.invalidate_caches()
    return code


set_model(Forecasts())
