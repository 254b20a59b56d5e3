"""What SCIM's addresses answer: parse, ask, write the resource."""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from flask import Response, request
from pydantic import ValidationError
from scim2_models import (
    Context,
    Error,
    InvalidFilterException,
    ListResponse,
    Meta,
    Resource,
    ResourceType,
    ResponseParameters,
    Schema,
    SCIMException,
    SearchRequest,
)

from webapp.http.scim_errors import MIMETYPE, scim_error
from webapp.scim import bodies, filters, groups, patches, users
from webapp.scim.addresses import address_of
from webapp.scim.bodies import LARGEST_BODY
from webapp.scim.resources import MOST_RESULTS, POLICY, Group, User, config, resource_types, schemas

FURTHEST = 2**31 - 1
"""Number of a row that a page may begin with."""
ASKED = ("filter", "startIndex", "count", "attributes", "excludedAttributes")
"""Of a query; others are passed over, as RFC 7644 has it for sorting where it is not supported."""
Answer = Callable[..., Response]
ANSWERS: dict[str, Answer] = {}
"""Name as in ``views.ROUTES`` -> who answers."""


def _answers(view: Answer) -> Answer:
    """An answer that tells what went wrong as SCIM does."""
    @wraps(view)
    def told(**parts: str) -> Response:
        try:
            return view(**parts)
        except ValidationError as error:
            first = Error.from_validation_errors(error)[0]
            return scim_error(first.status or 400, first.detail or "", first.scim_type)
        except SCIMException as error:
            return scim_error(error.status, error.detail, error.scim_type or None)

    ANSWERS[view.__name__] = told
    return told


def _with_body(view: Answer) -> Answer:
    """The view of a request that sends something, which it gets as ``body``."""
    @wraps(view)
    def read(**parts: str) -> Response:
        body = bodies.read()
        return body if isinstance(body, Response) else view(body=body, **parts)

    return read


@_answers
def users_page() -> Response:
    """Users, by a filter."""
    return _users(_query(User, request.args))


@_answers
@_with_body
def search_users(body: dict[str, Any]) -> Response:
    """The same, where the question is a body."""
    return _users(_query(User, body))


def _users(asked: Any) -> Response:
    which = filters.conditions(asked.filter.ast, users.CONDITIONS) if asked.filter else []
    return _list(User, asked, *users.page(which, *_part(asked)))


@_answers
@_with_body
def make_user(body: dict[str, Any]) -> Response:
    """A new user."""
    wanted = User.model_validate(body, scim_ctx=Context.RESOURCE_CREATION_REQUEST, scim_policy=POLICY)
    asked = _response_parameters(User)
    return _one(users.find(users.create(wanted)), Context.RESOURCE_CREATION_RESPONSE, asked, 201)


@_answers
def user(id: str) -> Response:  # noqa: A002  # as the resource calls it
    """One user."""
    return _one(users.find(id), Context.RESOURCE_QUERY_RESPONSE, _response_parameters(User))


@_answers
@_with_body
def replace_user(body: dict[str, Any], id: str) -> Response:  # noqa: A002
    """A user as they are to be; whether they are active and their address stay where nothing is said of them."""
    wanted = User.model_validate(body, scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST, scim_policy=POLICY)

    def make(now: User) -> User:
        return wanted if wanted.active is not None else wanted.model_copy(update={"active": now.active})

    asked = _response_parameters(User)
    users.change(id, make)
    return _one(users.find(id), Context.RESOURCE_REPLACEMENT_RESPONSE, asked)


@_answers
@_with_body
def patch_user(body: dict[str, Any], id: str) -> Response:  # noqa: A002
    """A user with some attributes changed."""
    operations, asked = patches.parse(User, body), _response_parameters(User)
    users.change(id, lambda now: patches.apply(now, operations))
    return _one(users.find(id), Context.RESOURCE_PATCH_RESPONSE, asked)


@_answers
def remove_user(id: str) -> Response:  # noqa: A002
    """A user who is gone, as far as the provider sees."""
    users.remove(id)
    return Response(status=204)


@_answers
def groups_page() -> Response:
    """Groups, by a filter."""
    return _groups(_query(Group, request.args))


@_answers
@_with_body
def search_groups(body: dict[str, Any]) -> Response:
    """The same, where the question is a body."""
    return _groups(_query(Group, body))


def _groups(asked: Any) -> Response:
    which = filters.conditions(asked.filter.ast, groups.CONDITIONS) if asked.filter else []
    return _list(Group, asked, *groups.page(which, *_part(asked), _wants_members(asked)))


@_answers
@_with_body
def make_group(body: dict[str, Any]) -> Response:
    """A group, new or taken over."""
    wanted = Group.model_validate(body, scim_ctx=Context.RESOURCE_CREATION_REQUEST, scim_policy=POLICY)
    asked = _response_parameters(Group)
    made = groups.create(wanted)
    return _one(groups.find(made, _wants_members(asked)), Context.RESOURCE_CREATION_RESPONSE, asked, 201)


@_answers
def group(id: str) -> Response:  # noqa: A002
    """One group."""
    asked = _response_parameters(Group)
    return _one(groups.find(id, _wants_members(asked)), Context.RESOURCE_QUERY_RESPONSE, asked)


@_answers
@_with_body
def replace_group(body: dict[str, Any], id: str) -> Response:  # noqa: A002
    """A group as it is to be, with these members and no others."""
    wanted = Group.model_validate(body, scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST, scim_policy=POLICY)
    asked = _response_parameters(Group)
    groups.replace(id, wanted)
    return _one(groups.find(id, _wants_members(asked)), Context.RESOURCE_REPLACEMENT_RESPONSE, asked)


@_answers
@_with_body
def patch_group(body: dict[str, Any], id: str) -> Response:  # noqa: A002
    """Nothing, once a group is changed: its members may be many. The group, where attributes of it are asked for."""
    operations, asked = patches.parse(Group, body), _response_parameters(Group)
    groups.patch(id, operations)
    if not asked.attributes:
        return Response(status=204)
    return _one(groups.find(id, _wants_members(asked)), Context.RESOURCE_PATCH_RESPONSE, asked)


@_answers
def remove_group(id: str) -> Response:  # noqa: A002
    """A group that is gone, as far as the provider sees."""
    groups.remove(id)
    return Response(status=204)


@_answers
def service_config() -> Response:
    """What the service can do."""
    kind = "ServiceProviderConfig"
    return _json(_placed(config(LARGEST_BODY), kind, address_of(kind)).model_dump())


@_answers
def types_page() -> Response:
    """The kinds of resources."""
    found = [_placed(one, "ResourceType", f"{address_of('ResourceTypes')}/{one.id}") for one in resource_types()]
    return _json(ListResponse[ResourceType](total_results=len(found), start_index=1, items_per_page=len(found),
                                            resources=found).model_dump())


@_answers
def resource_type(id: str) -> Response:  # noqa: A002
    """One kind of resource."""
    found = next((one for one in resource_types() if one.id == id), None)
    if found is None:
        return scim_error(404, f"There is no resource type {id[:80]!r}.")
    return _json(_placed(found, "ResourceType", f"{address_of('ResourceTypes')}/{id}").model_dump())


@_answers
def schemas_page() -> Response:
    """The attributes of all kinds of resources."""
    found = [_placed(one, "Schema", f"{address_of('Schemas')}/{one.id}") for one in schemas()]
    return _json(ListResponse[Schema](total_results=len(found), start_index=1, items_per_page=len(found),
                                      resources=found).model_dump())


@_answers
def schema(id: str) -> Response:  # noqa: A002
    """The attributes of one kind of resource."""
    found = next((one for one in schemas() if one.id == id), None)
    if found is None:
        return scim_error(404, f"There is no schema {id[:80]!r}.")
    return _json(_placed(found, "Schema", f"{address_of('Schemas')}/{id}").model_dump())


def _query(kind: type[Any], fields: Mapping[str, Any]) -> Any:
    """What a list is asked for.

    Raises: pydantic.ValidationError, InvalidFilterException.
    """
    if len(str(fields.get("filter", ""))) > filters.LONGEST:
        raise InvalidFilterException(detail=f"a filter has at most {filters.LONGEST} characters here")
    given = {name: value for name, value in fields.items() if name in ASKED}
    try:
        return _of(SearchRequest, kind).model_validate(given, scim_ctx=Context.SEARCH_REQUEST, scim_policy=POLICY)
    except RecursionError as error:
        raise InvalidFilterException(detail="the filter has too much in brackets") from error


def _of(message: Any, kind: type[Any]) -> Any:
    """A message of the library about one kind of resource."""
    return message[kind]


def _part(asked: Any) -> tuple[int, int]:
    """The number of the first, from 1, and how many."""
    start = min(asked.start_index or 1, FURTHEST)
    return start, MOST_RESULTS if asked.count is None else min(asked.count, MOST_RESULTS)


def _response_parameters(kind: type[Any]) -> Any:
    """Which attributes an answer is to have."""
    given = {name: value for name, value in request.args.items() if name in ("attributes", "excludedAttributes")}
    return _of(ResponseParameters, kind).model_validate(given, scim_policy=POLICY)


def _wants_members(asked: Any) -> bool:
    """Whether a group is answered with its members."""
    def named(paths: Any) -> bool:
        return any(path.parts[:1] and path.parts[0].lower() == "members" for path in paths or ())

    return named(asked.attributes) if asked.attributes else not named(asked.excluded_attributes)


def _list(kind: type[Any], asked: Any, total: int, found: list[Any]) -> Response:
    answer: Any = _of(ListResponse, kind)(total_results=total, start_index=_part(asked)[0], items_per_page=len(found),
                                          resources=found)
    return _json(answer.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=asked))


def _one(found: Resource[Any], context: Context, asked: Any, status: int = 200) -> Response:
    answer = _json(found.model_dump(scim_ctx=context, response_parameters=asked), status)
    if status == 201 and found.meta is not None and found.meta.location is not None:
        answer.headers["Location"] = str(found.meta.location)
    return answer


def _placed(found: Any, kind: str, location: str) -> Any:
    return found.model_copy(update={"meta": Meta(resource_type=kind, location=location)})


def _json(content: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(content), status, mimetype=MIMETYPE)
