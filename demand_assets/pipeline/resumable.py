"""A training of a whole dataset that may be stopped at any moment and gone on with later."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from uuid import uuid4

from demand_assets.forecasting.contract.code_version import CODE_VERSION
from demand_assets.forecasting.contract.dagster_names import TRAIN_REQUEST
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.forecasting.store.demand_store import DemandStore
from demand_assets.forecasting.store.stored_files import NotInStoreError

NAME = "training.json"


@dataclass(frozen=True)
class Training:
    """A training that was begun."""

    request_id: str
    """Of its entries in the journal, which say how far each region-item came."""
    demand: str
    """The source's fingerprint and that of the dataset file."""
    is_pooled: bool = False
    """Whether its pooled model is registered."""


class Unfinished:
    """Remembers in the demand store which training is under way.

    Args:
        fingerprint: of the source; a training of other demand is not gone on with.
    """

    def __init__(self, store: DemandStore, fingerprint: str, dataset: Dataset) -> None:
        described = dataset.model_dump_json() + CODE_VERSION
        self._store = store
        self._demand = f"{fingerprint} {hashlib.sha256(described.encode()).hexdigest()[:16]}"

    def resume(self) -> Training | None:
        """The training that was stopped, if it was of the same demand and dataset file; None where the note of it is
        damaged, which costs the time of a new one."""
        try:
            training = Training(**json.loads(self._store.read_bytes(NAME)))
        except (NotInStoreError, ValueError, TypeError):
            return None
        return training if training.demand == self._demand else None

    def begin(self) -> Training:
        """A new training."""
        return self._kept(Training(f"{TRAIN_REQUEST}{uuid4().hex[:12]}", self._demand))

    def pooled(self, training: Training) -> Training:
        """The same training, its pooled model registered."""
        return self._kept(replace(training, is_pooled=True))

    def end(self) -> None:
        """Nothing is under way any more."""
        self._store.remove_bytes(NAME)

    def _kept(self, training: Training) -> Training:
        self._store.write_bytes(NAME, json.dumps(asdict(training)).encode())
        return training
