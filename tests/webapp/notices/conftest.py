"""One app for all tests of a file."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.webapp.notices.builders import Receiver, receiving


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    """The app; nothing is trained."""
    return shared_app


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found
