"""The web app on the simulated dataset in a folder that goes: for what its code says of itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from flask_openapi3.openapi import OpenAPI

from deploy.settings import simulated_dataset
from webapp import create_app
from webapp.settings import Settings


@contextmanager
def made_up_app() -> Iterator[OpenAPI]:
    """The app; nothing but its document and its commands can be asked, for it has no database."""
    with TemporaryDirectory() as folder:
        yield cast(OpenAPI, create_app(Settings(demand_dataset=simulated_dataset(), demand_state=Path(folder))))
