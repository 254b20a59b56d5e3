"""The source of demand of each kind: simulated, files, databases, and what packages plug in."""

from collections.abc import Mapping
from datetime import datetime

from demand_assets.forecasting.contract.source import Source
from demand_assets.forecasting.dataset.dataset_file import Dataset


def source_of(dataset: Dataset, started_at: datetime | None, environment: Mapping[str, str] | None) -> Source:
    """The source of the demand alone; arguments as of ``open_source``."""
    match dataset.source.kind:
        case "simulated":
            from demand_assets.sources.simulated.source import Simulation
            return Simulation(dataset, started_at)
        case "file":
            from demand_assets.sources.files import Files
            return Files(dataset, environment)
        case "sql":
            from demand_assets.sources.sql import Database
            return Database(dataset, environment)
        case _:
            from demand_assets.sources.plugged import Plugged
            return Plugged(dataset, environment)
