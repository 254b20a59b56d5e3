"""Where SCIM's resources are, as the provider reaches them."""

from flask import has_request_context, request

from webapp.http.scim_errors import PREFIX
from webapp.services import services


def address_of(endpoint: str = "") -> str:
    """The address of an endpoint, as ``Users``; of SCIM itself without one. As the settings say, else as it was asked
    for."""
    settings = services().settings
    asked = request.url_root if has_request_context() else settings.public_url
    root = (settings.web_public_url or asked).rstrip("/")
    return f"{root}{PREFIX}/{endpoint}".rstrip("/")
