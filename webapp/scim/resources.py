"""The resources of SCIM as they are here: the attributes that are kept, and what the service says of itself.

Imported by what answers a request only: the library takes time and memory, which nobody needs without SCIM.
"""

from functools import cache
from typing import Annotated, Any

from pydantic import Field
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Filter,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    Schema,
    ScimPolicy,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)

MOST_RESULTS = 200
"""Resources in an answer, whatever ``count`` asks for."""
POLICY = ScimPolicy(unknown=ScimPolicy.Unknown.ignore, remove_value_as_filter=ScimPolicy.RemoveValue.apply,
                    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create)
"""As lenient as Entra needs: attributes that are not kept here are passed over, and members may be removed by value."""


class Name(ComplexAttribute):
    """What a person is called."""

    formatted: str | None = None
    """The whole name, as it is shown."""
    family_name: str | None = None
    """The family name."""
    given_name: str | None = None
    """The given name."""


class Email(ComplexAttribute):
    """An address."""

    value: str | None = None
    """The address."""
    type: str | None = Field(None, examples=["work"])
    """What it is for; one address is kept, as ``work``."""
    primary: bool | None = None
    """Whether it is the one that is kept, where several are sent."""


class GroupOfUser(ComplexAttribute):
    """A group that a user is in."""

    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    """The group's id."""
    ref: Annotated[Reference["Group"] | None, Mutability.read_only] = Field(
        None, serialization_alias="$ref", validation_alias="$ref")
    """The group's address."""
    display: Annotated[str | None, Mutability.read_only] = None
    """The group's name."""


class User(Resource[Any]):
    """Somebody who may sign in."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    """The name by which the provider tells people apart, in any case of letters."""
    name: Name | None = None
    """What the person is called."""
    display_name: str | None = None
    """What the person is called, in one."""
    active: bool | None = None
    """Whether the person may sign in."""
    emails: list[Email] | None = None
    """The address to sign in with and to write to."""
    groups: Annotated[list[GroupOfUser] | None, Mutability.read_only] = None
    """The groups that the user is in; changed at the groups."""


class Member(ComplexAttribute):
    """A user in a group."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """The user's id."""
    ref: Annotated[Reference["User"] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref")
    """The user's address."""
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])
    """Always ``User``: groups in groups are not kept."""


class Group(Resource[Any]):
    """A group of users, with the role that it gives here."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    """The name of the group; a group that has it here already is that group."""
    members: list[Member] | None = None
    """The users in it."""


def config(largest_body: int) -> ServiceProviderConfig:
    """What the service can do, as it says itself."""
    return ServiceProviderConfig(
        patch=Patch(supported=True), bulk=Bulk(supported=False, max_operations=0, max_payload_size=largest_body),
        filter=Filter(supported=True, max_results=MOST_RESULTS), change_password=ChangePassword(supported=False),
        sort=Sort(supported=False), etag=ETag(supported=False), authentication_schemes=[AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken, name="Bearer token", primary=True,
            description="A token that an administrator of the app made under Admin, Provisioning")])


@cache
def resource_types() -> tuple[ResourceType, ...]:
    """The kinds of resources."""
    return ResourceType.from_resource(User), ResourceType.from_resource(Group)


@cache
def schemas() -> tuple[Schema, ...]:
    """The attributes of users and of groups."""
    return User.to_schema(), Group.to_schema()
