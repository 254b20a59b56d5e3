"""Models' files of a state directory that was moved or copied: found where they are now, before anything starts."""

from demand_assets.dagster_instance.instance import prepare_registry
from demand_assets.forecasting.registry.moved_files import bring_home
from deploy.processes import Folders
from deploy.settings import RunSettings


def prepare_models(settings: RunSettings, folders: Folders) -> int:
    """How many locations MLflow's database had of another state directory; they are of this one now.

    With an object store there are none: what lies in it is where it was.
    """
    if settings.mlflow_database_url is None:
        return prepare_registry(folders.mlflow)
    if settings.mlflow_artifacts_url is None:
        return bring_home(settings.mlflow_database_url, str(folders.mlflow / "artifacts"))
    return 0
