"""What MLflow writes beside a model's own files, so that ``mlflow.pyfunc`` loads it: written once for a batch.

Models are models from code: a copy of ``pyfunc_loader`` and what it needs to find the rest. MLflow writes such a folder
in some hundred milliseconds; all of a batch are the same but for what stands in for a model's own below, which is
replaced as text.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pandas as pd

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.dataset.driver_kinds import Kind
from demand_assets.forecasting.model.intervals import DECILE_NAMES
from demand_assets.forecasting.model.serving.own_model import BOOSTER_FILE
from demand_assets.forecasting.model.serving.own_model import DETAILS_FILE as OWN_DETAILS
from demand_assets.forecasting.model.serving.pooled_model import DETAILS_FILE as POOLED_DETAILS
from demand_assets.forecasting.model.serving.pooled_model import ServedBy

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

LOADER = Path(__file__).with_name("pyfunc_loader.py")
NEEDED = ("mlflow", "xgboost-cpu", "pandas", "numpy", "pyarrow", "fsspec", "pydantic")
"""The distributions that the shipped code needs."""
HOLIDAYS, OBJECT_STORE = ("holidays",), ("s3fs", "boto3")
"""Those that it needs beside, where the dataset names holidays, and where demand and models are in an object store."""
EXAMPLE = "input_example.json"
MLMODEL = "MLmodel"
FILES = (MLMODEL, "python_env.yaml", "requirements.txt", LOADER.name, EXAMPLE)
_STAND_INS: dict[str, Any] = {"model_uuid": "5ca1ab1e0ddba11c0ffee0ddba11ca11", "model_size_bytes": 7_234_567_890_123,
                              "utc_time_created": "1971-02-03 04:05:06.070809"}
"""Fields of the MLmodel file, and what stands in for them."""
_REGION, _ITEM = "stand-in of a region", "stand-in of an item"


@dataclass(frozen=True)
class ModelFolder:
    """The files that lie beside models of one batch."""

    code: str
    """The name of the shipped code, which tells its content."""
    texts: Mapping[str, str]
    """File name -> content, with stand-ins."""

    def write(self, folder: Path, example: RegionItem, size: int) -> None:
        """Write the files of one model into its folder.

        Args:
            example: the region-item of the input example.
            size: of the model's own files, in bytes; 0 where it is not known.
        """
        own = {"model_uuid": uuid4().hex, "model_size_bytes": size,
               "utc_time_created": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"}
        for name, text in self.texts.items():
            if name == MLMODEL:
                for field, stand_in in _STAND_INS.items():
                    text = text.replace(str(stand_in), str(own[field]))
            elif name == EXAMPLE:
                for stand_in, value in ((_REGION, example.region), (_ITEM, example.item)):
                    text = text.replace(json.dumps(stand_in), json.dumps(value))
            (folder / name).write_text(text, encoding="utf-8")


def own_folder(dataset: Dataset, code: str, pooled: str, store: str) -> ModelFolder:
    """Of the region-items' own models, which stand on the pooled version at ``pooled``, an artifact URI.

    Args:
        code: the name of the shipped code, which lies beside that version.
        store: where the demand is.
    """
    return ModelFolder(code, _texts(_drivers(dataset), dataset.horizon, "production", code, pooled,
                                    _needed(dataset, store)))


def pooled_folder(dataset: Dataset, code: str, store: str) -> ModelFolder:
    """Of the pooled model, beside which the shipped code lies."""
    return ModelFolder(code, _texts(_drivers(dataset), dataset.horizon, "pooled", code, "", _needed(dataset, store)))


def _drivers(dataset: Dataset) -> tuple[tuple[str, Kind], ...]:
    return tuple((driver.name, driver.kind) for driver in dataset.drivers)


def _needed(dataset: Dataset, store: str) -> tuple[str, ...]:
    more = ((HOLIDAYS, any(dataset.calendar.holidays.values())), (OBJECT_STORE, store.startswith("s3://")))
    return (*NEEDED, *(name for names, is_needed in more if is_needed for name in names))


@lru_cache(maxsize=4)
def _texts(drivers: tuple[tuple[str, Kind], ...], horizon: int, served_by: ServedBy, code: str, pooled: str,
           needed: tuple[str, ...]) -> Mapping[str, str]:
    """The files as MLflow writes them itself, once."""
    import mlflow.pyfunc
    from mlflow.models import Model

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        mlflow.pyfunc.save_model(
            str(folder), python_model=str(LOADER), signature=_signature(drivers, horizon, served_by),
            input_example=(pd.DataFrame({"region": [_REGION], "item": [_ITEM]}), {"horizon": horizon, "coverage": 0.8}),
            pip_requirements=[f"{name}=={installed_version(name)}" for name in needed],
            model_config={"code": code, "pooled": pooled, "demand_store": ""})
        described = Model.load(str(folder))
        python = described.flavors[mlflow.pyfunc.FLAVOR_NAME]
        details = OWN_DETAILS if served_by == "production" else POOLED_DETAILS
        # Its name without the path on this machine; and no file for conda, which says what requirements.txt does.
        python |= {"model_code_path": LOADER.name, "artifacts": {"details": {"path": details, "uri": details}},
                   "env": {"virtualenv": "python_env.yaml"}}
        (described.saved_input_example_info or {}).pop("serving_input_path", None)
        if served_by == "production":  # as MLflow's own xgboost flavor describes a booster's file
            described.add_flavor("xgboost", code=None, data=BOOSTER_FILE, model_class="xgboost.core.Booster",
                                 model_format="ubj", xgb_version=installed_version("xgboost-cpu"))
        for field, stand_in in _STAND_INS.items():
            setattr(described, field, stand_in)
        described.save(str(folder / MLMODEL))
        return {name: (folder / name).read_text(encoding="utf-8") for name in FILES}


def _signature(drivers: tuple[tuple[str, Kind], ...], horizon: int, served_by: ServedBy) -> "ModelSignature":
    """What a model is asked and answers. A driver's number may be whole, or yes and no: of those MLflow checks nothing,
    and the model does."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType

    text, number, moment, yes_no = DataType.string, DataType.double, DataType.datetime, DataType.boolean
    anything = AnyType()  # type: ignore[no-untyped-call]
    return ModelSignature(
        inputs=Schema([ColSpec(text, "region"), ColSpec(text, "item"), ColSpec(moment, "date", required=False),
                       *(ColSpec(text if kind == "category" else anything, name, required=False)
                         for name, kind in drivers)]),
        outputs=Schema([ColSpec(text, "region"), ColSpec(text, "item"), ColSpec(moment, "date"),
                        *(ColSpec(number, name) for name in ("forecast", "lower", "upper")),
                        *(ColSpec(number, name, required=False) for name in DECILE_NAMES)]),
        params=ParamSchema([ParamSpec("horizon", DataType.long, horizon), ParamSpec("coverage", number, 0.8),
                            ParamSpec("model", text, served_by), ParamSpec("deciles", yes_no, False)]))
