"""Whether the app's database was written since somebody looked, so that loops at rest ask it nothing."""

from pathlib import Path

from sqlalchemy import make_url

from demand_assets.forecasting.store.written_since import Rest, Sign, files_of_database, written

SELDOM_SECONDS = 10.0
"""After so long a loop looks although nothing seems to have been written."""


def files_of(url: str) -> list[Path] | None:
    """The files that a commit writes; None where the database is no file of this machine."""
    found = make_url(url)
    if found.get_backend_name() != "sqlite" or not found.database or found.database == ":memory:":
        return None
    return files_of_database(Path(found.database))


def sign_of(url: str) -> Sign:
    """Tells when the database was written last; always another value where it is no file of this machine."""
    files = files_of(url)
    return written(files) if files else object


def rest_of(url: str, longest: float = SELDOM_SECONDS) -> Rest:
    """When a look into the database may be left out."""
    return Rest(sign_of(url), longest)
