"""Where demand comes from: simulated, files (local or in an object store), databases, what packages plug in."""

from collections.abc import Mapping
from datetime import datetime

from demand_assets.forecasting.contract.source import Source
from demand_assets.forecasting.dataset.dataset_file import Dataset
from demand_assets.sources.source_kinds import source_of


def open_source(dataset: Dataset, started_at: datetime | None = None,
                environment: Mapping[str, str] | None = None) -> Source:
    """The source that the dataset file describes; nothing is read before it is asked.

    Args:
        dataset: the dataset file.
        started_at: when the simulated clock began to run (``seconds_per_day``); now unless given. Whoever keeps the
            state passes the moment of the first start, else each start begins the story anew.
        environment: values of ``${NAME}`` in paths and URLs; the process's environment unless given.
    """
    source = source_of(dataset.of_source, started_at, environment)
    if not dataset.has_calendar:
        return source
    from demand_assets.sources.beside_demand.calendar_tables import WithCalendar
    return WithCalendar(source, dataset, environment)
