"""Filters: those that providers send find what they ask for, all others are refused and not answered with everybody."""

import pytest

from tests.webapp.conftest import EMAIL
from tests.webapp.scim.builders import JANE, Provider, entra_user, group, refused

KNOWN = [
    f'userName eq "{JANE}"', f'USERNAME EQ "{JANE}"', f'username eq "{JANE.upper()}"', 'externalId eq "e-1"',
    f'userName eq "{JANE}" and externalId eq "e-1"', f'(userName eq "{JANE}") AND (displayName eq "Jane Doe")',
    f'urn:ietf:params:scim:schemas:core:2.0:User:userName eq "{JANE}"', f'emails eq "{JANE}"',
    f'emails.value eq "{JANE}"', f'emails[type eq "work" and value eq "{JANE}"]',
    f'emails[type eq "work"].value eq "{JANE}"', r'userName eq "jane\u0040example.com"',
    "(" * 400 + f'userName eq "{JANE}"' + ")" * 400,
]
REFUSED = [
    "", " ", "userName", "userName eq", f"userName eq {JANE}", 'userName eq "x', "eq", 'userName eq "x" and',
    'userName ne "x"', 'userName co "x"', 'userName sw ""', 'userName ew "m"', 'userName gt "a"', "userName pr",
    'not (userName eq "x")', f'userName eq "{JANE}" or userName eq "x"', "active eq true", 'active eq "true"',
    "userName eq null", "userName eq 7", "userName eq true", 'name.givenName eq "Jane"', 'password eq "x"',
    'nothing eq "x"', 'meta.lastModified gt "2026-01-01T00:00:00Z"', 'groups.value eq "group-1"',
    'emails[type eq "work"]', 'emails[value co "x"]', 'emails[type eq "work" or value eq "x"]', 'emails.type eq "work"',
    'userName eq "x"; DROP TABLE user', "userName eq 'x'", 'userName eq "x" -- ', "1 eq 1", 'id eq "x" and 1 eq 1',
    "not (" * 150 + 'userName eq "x"' + ")" * 150,
    " and ".join(['userName eq "x"'] * 11), f'userName eq "{"x" * 2000}"', 'members[value eq "user-1"]',
]


@pytest.mark.parametrize("filter_", KNOWN)
def test_what_is_asked_for_is_found(provider: Provider, filter_: str) -> None:
    made = provider.made("Users", entra_user(externalId="e-1"))

    assert provider.found(filter_) == [made]
    by_post = provider.ask("POST", "/Users/.search", {"filter": filter_, "startIndex": 1, "count": 5})
    assert by_post.json is not None
    assert by_post.json["Resources"] == [made]


@pytest.mark.parametrize("filter_", REFUSED)
def test_anything_else_is_refused(provider: Provider, filter_: str) -> None:
    refused(provider.ask("GET", "/Users", query_string={"filter": filter_}), 400, "invalidFilter")
    refused(provider.ask("POST", "/Users/.search", {"filter": filter_}), 400, "invalidFilter")


@pytest.mark.parametrize("value", [
    "' OR '1'='1", 'x\\" or userName pr or userName eq \\"', "%", "_", "*", "\\u0000", f"{EMAIL}' --", "x" * 900,
    "\\\\",
    "${jndi:ldap://x}", "日本語", "\\ud83d\\ude00",
])
def test_a_value_stays_a_value(provider: Provider, value: str) -> None:
    for filter_ in (f'userName eq "{value}"', f'externalId eq "{value}"', f'id eq "{value}"', f'emails eq "{value}"',
                    f'displayName eq "{value}"'):
        response = provider.ask("GET", "/Users", query_string={"filter": filter_})
        assert response.status_code in (200, 400), response.text
        assert response.json is not None
        assert response.json.get("totalResults", 0) == 0


def test_filters_of_groups_are_their_own(provider: Provider) -> None:
    made = provider.made("Groups", group("Buyers", externalId="e-1"))

    assert provider.found(f'id eq "{made["id"]}" and externalId eq "e-1"', "Groups") == [made]
    for filter_ in ('userName eq "x"', "displayName pr", 'displayName co "B"', 'members.type eq "User"'):
        refused(provider.ask("GET", "/Groups", query_string={"filter": filter_}), 400, "invalidFilter")
