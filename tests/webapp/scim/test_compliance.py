"""What somebody else's checker of the RFCs finds: scim2-tester asks the app as a provider would."""

from typing import Any

import pytest
from flask import Flask

from tests.webapp.scim.builders import scim_token

KNOWN = {
    "search_with_attributes: There is no page": "users and groups are not searched together",
    "check_add_attribute: PATCH modify() returned unexpected value for 'emails'": "one address is kept: the primary",
    "check_replace_attribute: PATCH modify() returned unexpected value for 'emails'": "and it is the primary one",
    "check_remove_attribute: Failed to remove attribute 'active'": "nobody is deactivated by what is not said",
    "check_remove_attribute: PATCH modify() did not remove attribute 'emails'": "everybody has an address",
}
"""What the checker says, by its beginning, and why it is so: docs/scim.md."""


@pytest.fixture(autouse=True)
def _names_are_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checker makes up names; here one is an address, or comes with one."""
    from scim2_tester import filling  # seconds, which every process of the tests would wait when it collects them

    made_up = filling.generate_random_value

    def value(context: Any, path: Any, **more: Any) -> Any:
        found = made_up(context, path, **more)
        return f"{found}@example.com" if str(path) == "userName" and found is not None else found

    monkeypatch.setattr(filling, "generate_random_value", value)


@pytest.mark.parametrize("kind", ["User", "Group"])
def test_a_checker_of_the_standard_finds_no_other_fault(app: Flask, kind: str) -> None:
    from scim2_client.engines.wsgi import WSGISCIMClient
    from scim2_tester import Status, check_server

    client = WSGISCIMClient(app, "http://localhost/scim/v2", headers={"Authorization": f"Bearer {scim_token(app)}"})

    results = check_server(client, resource_types=[kind])

    wrong = [f"{one.title}: {one.reason}" for one in results if one.status in (Status.ERROR, Status.CRITICAL)]
    assert len(results) > 20
    assert "\n".join(one for one in wrong if not one.startswith(tuple(KNOWN))) == ""
