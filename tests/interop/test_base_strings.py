"""PHP's provider says what it signed when it refuses: its base string is ours, byte for byte."""

import time

import pytest
from yarl import URL

from .logins import log_in

METHODS = ("HMAC-SHA1", "HMAC-SHA256")

REQUESTS = {
    "query": ("GET", "echo?a=1&b=2", None, None),
    "order": ("GET", "echo?a-b=2&a=3&a10=4&a9=5", None, None),
    "escapes": ("GET", "echo?a=%26%3D%25+%2B%7E&b=%E2%98%83", None, None),
    "no-value": ("GET", "echo?a&b=&c=1", None, None),
    "path": ("GET", "echo/a%2Fb;c=1/%7E/%E2%98%83?d=1", None, None),
    "form": ("POST", "echo?b=2", b"a=1+2&c=%C3%A9", "application/x-www-form-urlencoded"),
    "json": ("POST", "echo", b'{"a": 1}', "application/json"),
    "delete": ("DELETE", "echo?a=1", None, None),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", REQUESTS)
async def test_base_strings_equal_those_of_php(name, method, setup, session):
    settings = setup("php", method)
    signer = settings.signer((await log_in(settings, session)).token, client_secret="not-the-secret")
    verb, path, body, content_type = REQUESTS[name]
    url = settings.counterpart.url(path)
    # The server's clock is the system's.
    variable = {"nonce": "the-nonce", "timestamp": int(time.time())}
    headers = {"Authorization": signer.authorization(verb, url, body, content_type, **variable)}
    if content_type is not None:
        headers["Content-Type"] = content_type

    async with session.request(verb, URL(url, encoded=True), data=body, headers=headers) as response:
        report = await response.text()

    problem, _, base_string = report.partition("&debug_sbs=")
    assert (response.status, problem) == (401, "oauth_problem=signature_invalid")
    assert base_string == signer.base_string(verb, url, body, content_type, **variable)
