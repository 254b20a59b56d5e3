"""One app for all tests of a file."""

import pytest
from flask import Flask


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    """The app; nothing is trained."""
    return shared_app
