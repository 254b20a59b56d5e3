"""An identity provider with a token."""

import pytest
from flask import Flask

from tests.webapp.scim.builders import Provider, scim_token


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    return shared_app


@pytest.fixture
def provider(app: Flask) -> Provider:
    return Provider(app, scim_token(app))
