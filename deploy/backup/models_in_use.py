"""Which models' files are needed: those of versions that MLflow's database has an alias for."""

from sqlalchemy import Engine, column, inspect, select, table

from demand_assets.forecasting.registry.moved_files import at_home
from deploy.backup.contents import ARTIFACTS

ALIASES = table("registered_model_aliases", column("name"), column("version"))
VERSIONS = table("model_versions", column("name"), column("version"), column("source"))


def folders_in_use(engine: Engine, artifacts: str) -> dict[str, str]:
    """A version in words -> its folder as a backup calls it, of every version with an alias.

    Args:
        engine: of MLflow's database.
        artifacts: where models' files are.
    """
    if not inspect(engine).has_table(ALIASES.name):
        return {}
    root = artifacts.rstrip("/") + "/"
    of_alias = (ALIASES.c.name == VERSIONS.c.name) & (ALIASES.c.version == VERSIONS.c.version)
    with engine.connect() as connection:
        found = connection.execute(select(VERSIONS.c.name, VERSIONS.c.version, VERSIONS.c.source).where(of_alias)).all()
    at = {f"version {version} of {name}": at_home(source, artifacts) for name, version, source in found}
    return {words: ARTIFACTS + source.removeprefix(root) for words, source in at.items() if source.startswith(root)}
