"""Standard headers in every wrong spelling: no answer is an error of ours."""

import pytest
from flask import Flask

from tests.webapp.api.conftest import token_for
from tests.webapp.conftest import EMAIL, hidden, page, with_session
from webapp import create_app
from webapp.settings import Settings

NAMES = (
    "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Access-Control-Request-Headers", "Authorization",
    "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Length", "Content-Range", "Content-Type",
    "Cookie", "Date", "Expect", "Forwarded", "HX-Current-URL", "HX-Request", "HX-Trigger", "Host", "Idempotency-Key",
    "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Max-Forwards", "Origin",
    "Pragma", "Proxy-Authorization", "Range", "Referer", "Sec-Fetch-Site", "TE", "Trailer", "Transfer-Encoding",
    "Upgrade", "User-Agent", "Via", "X-CSRFToken", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Prefix",
    "X-Forwarded-Proto", "X-HTTP-Method-Override",
)
VALUES = (
    "", ",", "=", ";q=", '"', 'a="', "max-age=x", "max-age=" + "9" * 40, 'no-cache="a', "*/*;q=x", "en;q=inf", "-1",
    "9" * 5000, "bytes=-", "bytes=5-1,x", "bytes=0-" + "9" * 40, "Bearer", "Basic \xff", "Basic OTk=", "Digest a=",
    'W/"', "Thu, 99 Foo 99999 99:99:99 GMT", "Sat, 29 Oct 1994 19:43:31 +99999999", "http://[::1", "[", "a:b:c", "..",
    ":99999999", "text/html; charset=\xff", "multipart/form-data", "multipart/form-data; boundary=", "\xe9\xff", "%zz",
    "application/x-www-form-urlencoded; charset=nonsense", "a*=utf-8''%ff", 'a*0=b; a*1="', "identity;q=0, *;q=0",
    "chunked, gzip", "demand_shop=.....", 'demand_shop="', "x" * 8000,
)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_no_spelling_of_a_header_is_an_error_of_ours(
        template_app: Flask, session_cookies: dict[str, str], name: str) -> None:
    template_app.config["PROPAGATE_EXCEPTIONS"] = False
    signed_on, token = template_app.test_client(), token_for(template_app, "viewer")
    if name != "Cookie":
        with_session(signed_on, session_cookies[EMAIL])
    ways = ((signed_on, "/account"), (template_app.test_client(), "/api/v1/me"),
            (template_app.test_client(), "/static/app.css"), (signed_on, "/nowhere"))
    for place, value in enumerate(VALUES, NAMES.index(name)):  # each value goes each way, with some of the headers
        client, path = ways[place % len(ways)]
        headers = {"Authorization": f"Bearer {token}", name: value}
        assert client.get(path, headers=headers).status_code < 500, (path, value)
    if name == "Content-Type":
        for value in VALUES:
            posted = signed_on.post("/retrains", headers={name: value}, data=b"a=b")
            assert posted.status_code in (400, 413, 415), value


@pytest.mark.parametrize("referrer", ["http://[", "https://[::1", "//[x"])
def test_a_form_that_came_from_no_address_is_refused_over_https(settings: Settings, referrer: str) -> None:
    client = create_app(settings.model_copy(update={"web_https": True})).test_client()
    token = hidden(page(client.get("/sign-in", base_url="https://shop.example")), "csrf_token")

    response = client.post("/sign-in", base_url="https://shop.example", headers={"Referer": referrer}, data={
        "csrf_token": token})

    assert response.status_code == 400


def test_an_address_that_is_none_is_said_in_words(template_app: Flask) -> None:
    response = template_app.test_client().get("/sign-in", headers={"Host": "9" * 300})

    assert response.status_code == 400
    assert "Request not readable" in response.text


@pytest.mark.parametrize("path", ["/sign-in", "/account", "/", "/nowhere", "/choose-password/x", "/health"])
def test_no_page_is_kept_by_anybody(template_app: Flask, path: str) -> None:
    assert template_app.test_client().get(path).headers["Cache-Control"] == "no-store"
