"""A pretrained model of the class of Chronos, from a folder of this machine; off unless the dataset file names it.

Nothing is downloaded: ``[challengers.options.chronos] path`` is the folder, and its absence is an error.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from demand_assets.forecasting.challengers.protocol import Capabilities, History, without_gaps
from demand_assets.forecasting.series.gapped import Floats

NEEDED = ("chronos", "torch")


@dataclass(frozen=True)
class Pretrained:
    """Where the model lies; nothing is learned of the region-item."""

    path: str

    def save(self) -> dict[str, Any]:
        """The path."""
        return {"path": self.path}

    def predict(self, history: History) -> Floats:
        """The median of what it expects.

        Raises: ImportError: chronos or torch is not installed here. ValueError: the folder is not there.
        """
        import torch

        medians, _ = _pipeline(self.path).predict_quantiles(
            torch.tensor(without_gaps(history), dtype=torch.float32)[None, None],
            prediction_length=history.horizon, quantile_levels=[0.5])
        return np.asarray(medians[0], dtype=np.float64).reshape(-1)


class Chronos:
    """A pretrained model."""

    title = "Chronos"
    capabilities = Capabilities(needs_to_fit=NEEDED, needs_to_forecast=NEEDED)

    def fit(self, history: History) -> Pretrained:
        """The model in the folder of the options.

        Raises: ValueError: no folder is given, or it is not there.
        """
        path = str(history.options.get("path", ""))
        _check(path)
        return Pretrained(path)

    def load(self, saved: dict[str, Any]) -> Pretrained:
        """What was saved."""
        return Pretrained(str(saved["path"]))


@lru_cache(maxsize=1)
def _pipeline(path: str) -> Any:
    _check(path)
    from chronos import BaseChronosPipeline

    return BaseChronosPipeline.from_pretrained(path, device_map="cpu", local_files_only=True)


def _check(path: str) -> None:
    if not path or not Path(path).is_dir():
        raise ValueError(f"[challengers.options.chronos] path is {path!r}, which is no folder of this machine; give "
                         "the folder with the model's files")
