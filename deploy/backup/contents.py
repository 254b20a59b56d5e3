"""What a backup holds, and in which order it is taken while everything goes on.

What refers to others is taken before them: the app's database knows what Dagster did, Dagster's what the journal says,
the journal what MLflow has, MLflow's database which files there are. So whatever a part refers to is in the parts taken
after it, and what those know beyond is taken up after a restore as after a pause: a request that is
noted as sent is in Dagster, a version that is announced is registered, a registered one has its files. Adjustments come
first, since the app's database is what makes their files; a restore has them written again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from deploy.backup.databases import POSTGRESQL, SQLITE, Postgres
from deploy.backup.files import Folder, Objects, place_of
from deploy.processes import Folders
from deploy.settings import BackupSettings

DATASET = "dataset.toml"
"""The dataset file, as the backup calls it."""
SQLITE_NAMES = {"web": "web/app.db", "dagster": "dagster/history/runs.db", "mlflow": "mlflow/mlflow.db"}
"""Whose tables -> the database, or the first of several, in the state directory."""
NOT_KEPT = ("run/", "logs/", "worker/", "dagster/dagster.yaml", "dagster/run_processes/", DATASET)
"""Of the state directory: what belongs to the processes that run, and what every start writes anew."""
STORE, ARTIFACTS, ADJUSTMENTS = "demand/", "mlflow/artifacts/", "demand/adjustments/"
ORDER = (ADJUSTMENTS, "web/app.db", "web/", "dagster/schedules/", "dagster/history/runs.db", "dagster/", STORE,
         "mlflow/mlflow.db", "mlflow/")
"""How the names begin of what is taken first, second …; whatever else there is comes last."""


def dump_of(which: str) -> str:
    """The name in a backup of the dump of a database on a server."""
    return f"databases/{which}.dump"


@dataclass(frozen=True)
class Contents:
    """What one dataset's product keeps, and where."""

    settings: BackupSettings
    folders: Folders

    @property
    def servers(self) -> dict[str, Postgres]:
        """web, dagster, mlflow -> its database, of those that are on a server."""
        settings = self.settings
        urls = {"web": settings.web_database_owner_url or settings.web_database_url,
                "dagster": settings.dagster_database_url, "mlflow": settings.mlflow_database_url}
        return {which: Postgres(url) for which, url in urls.items() if url and url.startswith("postgres")}

    @property
    def kinds(self) -> dict[str, str]:
        """web, dagster, mlflow -> sqlite or postgresql."""
        return {which: POSTGRESQL if which in self.servers else SQLITE for which in SQLITE_NAMES}

    @property
    def artifacts(self) -> str:
        """Where models' files are, as MLflow's database names it."""
        return self.settings.mlflow_artifacts_url or str(self.folders.mlflow / "artifacts")

    @cached_property
    def elsewhere(self) -> dict[str, Folder | Objects]:
        """How names begin in a backup -> where those files are, of those outside the state directory."""
        urls = {STORE: self.settings.demand_store_url, ARTIFACTS: self.settings.mlflow_artifacts_url}
        return {begin: place_of(url) for begin, url in urls.items() if url}

    @property
    def state(self) -> Folder:
        """The dataset's folder in the state directory."""
        return Folder(self.folders.root)

    def home_of(self, name: str) -> tuple[Folder | Objects, str]:
        """Where the file of that name in a backup belongs, and its name there."""
        for begin, place in self.elsewhere.items():
            if name.startswith(begin):
                return place, name.removeprefix(begin)
        return self.state, name

    def names(self, begin: str) -> Iterator[str]:
        """The names of all files that begin so, as a backup calls them: listed when that is asked for."""
        for prefix, place in self.elsewhere.items():
            if prefix.startswith(begin) or begin.startswith(prefix):
                yield from (name for below in place.names() if (name := prefix + below).startswith(begin))
        outside = tuple(self.elsewhere)
        for name in self.state.names():
            if name.startswith(begin) and not name.startswith(NOT_KEPT) and not (outside and name.startswith(outside)):
                yield name
