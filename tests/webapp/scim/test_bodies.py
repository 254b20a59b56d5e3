"""Bodies that nobody needs are refused in words, and never stored."""

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.webapp.scim.builders import JANE, Provider, entra_user, newest, refused
from webapp.scim.bodies import DEEPEST, LARGEST_BODY, MOST_VALUES


def sent(provider: Provider, body: bytes, mimetype: str = "application/scim+json") -> TestResponse:
    return provider.app.test_client().post("/scim/v2/Users", data=body, content_type=mimetype, headers={
        "Authorization": f"Bearer {provider.token}"})


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'"text"', b"7", b"\xff\xfe{}", b'{"userName": NaN}', b'{"userName": Infinity}',
    b'{"userName": ' + b"9" * 5000 + b"}", b'{"a":' * 100_000, b"[" * 100_000,
    b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1),
    b'{"userName": "a\\u0000@example.com"}', b'{"userName": "a\\ud800@example.com"}', b'{"a\\u0000": 1}',
    b'{"x": [' + b"1," * MOST_VALUES + b"1]}",
])
def test_what_is_no_body_is_refused_as_such(app: Flask, provider: Provider, body: bytes) -> None:
    before = newest(app).id

    refused(sent(provider, body), 400, "invalidSyntax")

    assert newest(app).id == before


@pytest.mark.parametrize("mimetype", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "",
                                      "application/xml", "text/json"])
def test_other_types_are_refused(provider: Provider, mimetype: str) -> None:
    refused(sent(provider, b"{}", mimetype), 415)


@pytest.mark.parametrize("mimetype", ["application/scim+json", "application/scim+json; charset=utf-8",
                                      "application/json",
                                      "APPLICATION/JSON;charset=UTF-8"])
def test_both_types_of_json_are_taken(provider: Provider, mimetype: str) -> None:
    refused(sent(provider, b"{}", mimetype), 400, "invalidValue")


def test_a_body_that_is_too_large_is_not_read(provider: Provider) -> None:
    detail = refused(sent(provider, b'{"x": "' + b"x" * LARGEST_BODY + b'"}'), 413)

    assert "4 MB" in detail


@pytest.mark.parametrize("operations", [None, [], {}, "x", [None], ["x"], [[]], [{}], 7])
def test_a_patch_without_operations_is_none(provider: Provider, operations: Any) -> None:
    made = provider.made("Users", entra_user())

    response = provider.ask("PATCH", f"/Users/{made['id']}", {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})

    assert response.status_code == 400, response.text
    assert provider.found(f'userName eq "{JANE}"') == [made]
