"""Programs that ask the API, each with a token of its role."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.webapp.conftest import ADMIN, EMAIL, VIEWER
from webapp.accounts.tokens import make_token
from webapp.db.database import db, now
from webapp.tables import RoleName, User

OWNERS: dict[RoleName, str] = {"viewer": VIEWER, "planner": EMAIL, "admin": ADMIN}
KETTLES = "/region-items/north%7Ckettle"


def token_for(app: Flask, role: RoleName, owner: str = "") -> str:
    """A token with that role."""
    with app.app_context():
        user = db.session.scalars(select(User).where(User.email == (owner or OWNERS[role]))).one()
        return make_token(user, f"{role}'s program", role, now() + timedelta(days=30))[1]


@dataclass
class Program:
    """Asks the API with a token."""

    app: Flask
    token: str

    def ask(self, method: str, path: str, json: Any = None, **headers: str) -> TestResponse:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.app.test_client().open(f"/api/v1{path}", method=method, json=json,
                                           headers={"Authorization": f"Bearer {self.token}", **more})

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.ask("GET", path, **headers)

    def post(self, path: str, json: Any = None, **headers: str) -> TestResponse:
        return self.ask("POST", path, json, **headers)

    def told(self, path: str) -> Any:
        response = self.get(path)
        assert response.status_code == 200, response.text
        return response.json


@pytest.fixture
def program(app: Flask) -> Callable[[RoleName], Program]:
    """Role -> a program with a token of that role."""
    return lambda role: Program(app, token_for(app, role))


@pytest.fixture
def viewing(app: Flask) -> Program:
    return Program(app, token_for(app, "viewer"))


@pytest.fixture
def planning(app: Flask) -> Program:
    return Program(app, token_for(app, "planner"))


@pytest.fixture
def ruling(app: Flask) -> Program:
    return Program(app, token_for(app, "admin"))


def problem_of(response: TestResponse, status: int) -> dict[str, Any]:
    """What a refusal tells."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/problem+json"
    told: dict[str, Any] = response.json
    assert told["status"] == status
    return told
