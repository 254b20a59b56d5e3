"""Where a dataset's demand store is, as a tag of its experiment in MLflow tells whoever loads a model elsewhere."""

import os
from pathlib import Path

from demand_assets.forecasting.registry.version_files import local_path

DEMAND_STORE = "demand_store"
"""The tag."""


def noted(url: str, artifacts: str) -> str:
    """What is noted of a demand store.

    Of one that lies in the same state directory as the models, how it is reached from them: it is still right when the
    directory was moved or copied, where a path of before would lead to the demand of another.

    Args:
        url: of the store: a path or a URL.
        artifacts: where the experiment's files are: a path or a URI.
    """
    home = local_path(artifacts)
    if "://" in url or home is None:
        return url if "://" in url else str(Path(url).absolute())
    store, home = Path(url).absolute(), home.absolute()
    return os.path.relpath(store, home) if store.is_relative_to(home.parents[1]) else str(store)


def store_url(note: str, artifacts: str) -> str:
    """The demand store of which this was noted.

    Args:
        artifacts: where the experiment's files are now.
    """
    home = local_path(artifacts)
    if "://" in note or home is None:
        return note
    return os.path.normpath(home / note)
