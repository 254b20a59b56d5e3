"""What went wrong, for identity providers: the error of SCIM (RFC 7644, section 3.12)."""

import json

from flask import Response, request

ROOT = "/scim"
PREFIX = f"{ROOT}/v2"
MIMETYPE = "application/scim+json"
SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"


def is_scim() -> bool:
    """Whether the request is for SCIM, so that errors are for identity providers."""
    return request.path == ROOT or request.path.startswith(f"{ROOT}/")


def scim_error(status: int, detail: str, scim_type: str | None = None, **headers: str) -> Response:
    """An answer that refuses.

    Args:
        scim_type: the keyword of RFC 7644 for it, as ``uniqueness``; None where there is none.
    """
    told = {"schemas": [SCHEMA], "status": str(status), "scimType": scim_type, "detail": detail}
    return Response(json.dumps({name: value for name, value in told.items() if value is not None}), status,
                    mimetype=MIMETYPE, headers={name.replace("_", "-"): value for name, value in headers.items()})
