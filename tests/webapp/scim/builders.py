"""An identity provider that asks SCIM, and what it sends: in the shapes of Entra ID and Okta, as documented."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from webapp.access import Actor
from webapp.db.database import db, now
from webapp.groups.changes import add_group
from webapp.scim.tokens import make_token
from webapp.tables import AuditEntry, User, UserGroup

CORE = "urn:ietf:params:scim:schemas:core:2.0"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
JANE = "jane@example.com"


def scim_token(app: Flask, name: str = "Entra", days: int = 30) -> str:
    """The text of a new token."""
    with app.app_context():
        return make_token(name, now() + timedelta(days=days))[1]


@dataclass
class Provider:
    """Asks SCIM with a token."""

    app: Flask
    token: str
    mimetype: str = field(default="application/scim+json")

    def ask(self, method: str, path: str, json: Any = None, **more: Any) -> TestResponse:
        client = self.app.test_client()
        return client.open(f"/scim/v2{path}", method=method, json=json, content_type=self.mimetype if json else None,
                           headers={"Authorization": f"Bearer {self.token}"}, **more)

    def told(self, path: str, **query: Any) -> Any:
        response = self.ask("GET", path, query_string=query)
        assert response.status_code == 200, response.text
        assert response.mimetype == "application/scim+json"
        return response.json

    def found(self, filter_: str, kind: str = "Users") -> list[Any]:
        """The resources that a filter finds."""
        answer = self.told(f"/{kind}", filter=filter_)
        assert answer["totalResults"] == len(answer["Resources"])
        resources: list[Any] = answer["Resources"]
        return resources

    def made(self, kind: str, resource: dict[str, Any]) -> Any:
        response = self.ask("POST", f"/{kind}", resource)
        assert response.status_code == 201, response.text
        assert response.json is not None
        assert response.headers["Location"] == response.json["meta"]["location"]
        return response.json

    def patched(self, path: str, *operations: dict[str, Any]) -> TestResponse:
        return self.ask("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})


def entra_user(user_name: str = JANE, **more: Any) -> dict[str, Any]:
    """Somebody new, as Entra ID sends them."""
    return {
        "schemas": [f"{CORE}:User", ENTERPRISE], "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
        "userName": user_name, "active": True, "displayName": "Jane Doe",
        "emails": [{"primary": True, "type": "work", "value": user_name}], "meta": {"resourceType": "User"},
        "name": {"formatted": "Jane Doe", "familyName": "Doe", "givenName": "Jane"}, "roles": [],
        ENTERPRISE: {"department": "Buying"}, **more}


def okta_user(user_name: str = JANE, **more: Any) -> dict[str, Any]:
    """Somebody new, as Okta sends them: with a password that nobody asked for."""
    return {
        "schemas": [f"{CORE}:User"], "userName": user_name, "name": {"givenName": "Jane", "familyName": "Doe"},
        "emails": [{"primary": True, "value": user_name, "type": "work"}], "displayName": "Jane Doe", "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7", "groups": [], "password": "1mz050nq", "active": True, **more}


def group(name: str, *members: str, **more: Any) -> dict[str, Any]:
    """A group with those ids in it."""
    return {"schemas": [f"{CORE}:Group"], "displayName": name, "members": [{"value": one} for one in members], **more}


def refused(response: TestResponse, status: int, scim_type: str | None = None) -> str:
    """What a refusal says."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/scim+json"
    told = response.json
    assert told is not None
    assert told["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert told["status"] == str(status)
    assert told.get("scimType") == scim_type, told
    return str(told["detail"])


def hand_made_group(app: Flask, name: str, members: list[str] = [], **change: Any) -> int:  # noqa: B006  # only read
    """The number of a group that an administrator made."""
    with app.app_context():
        ids = list(db.session.scalars(select(User.id).where(User.email.in_(members))))
        return add_group(name, by=Actor("boss@example.com", "admin", "browser"), members=ids, **change).id


def group_of(app: Flask, name: str) -> tuple[UserGroup, list[str]]:
    """A group, and the addresses of its members."""
    with app.app_context():
        found = db.session.scalars(select(UserGroup).where(UserGroup.name == name)).one()
        query = select(User.email).where(User.groups.any(UserGroup.id == found.id)).order_by(User.email)
        return found, list(db.session.scalars(query))


def user_of(app: Flask, email: str) -> User:
    """A user with their roles and groups."""
    with app.app_context():
        return db.session.scalars(select(User).where(User.email == email)).one()


def newest(app: Flask, kind: str = "user") -> AuditEntry:
    """The newest entry of the audit log of that kind."""
    with app.app_context():
        return db.session.scalars(select(AuditEntry).where(AuditEntry.kind == kind).order_by(
            AuditEntry.id.desc())).first() or AuditEntry()
