"""Signed API calls of our client, verified by independent servers: queries, forms, other bodies, other methods."""

import time
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from yarl import URL

from oauthreg.errors import UnsignableRequestError

from .counterpart import METHODS, PLACEMENTS, TIMESTAMP_WINDOW
from .logins import log_in
from .quirks import CALL_QUIRKS, expected_status

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Call:
    """A call and what the server must see of it: the decoded query, and the decoded form or the exact body.

    ``options`` are further arguments of the request; ``encoded`` sends the path as it stands, without yarl's changes;
    ``raw_path`` is the path on the wire where it is not just ``/echo``.
    """

    method: str
    path: str
    query: Pairs = field(default_factory=list)
    form: Pairs | None = None
    body: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    encoded: bool = False
    raw_path: str | None = None


SNOWMAN = "☃ & = + é %41"

CALLS = {
    "plain": Call("GET", "echo"),
    "query": Call("GET", "echo?a=1&b=2", [("a", "1"), ("b", "2")]),
    "repeated-names": Call("GET", "echo?a=2&a=1", [("a", "2"), ("a", "1")]),
    "empty-value": Call("GET", "echo?a=&b=1", [("a", ""), ("b", "1")]),
    "no-equals-sign": Call("GET", "echo?a&b=1", [("a", ""), ("b", "1")]),
    "empty-name": Call("GET", "echo?=1", [("", "1")]),
    "empty-pieces": Call("GET", "echo?a=1&&b=2&", [("a", "1"), ("b", "2")]),
    "plus-sign": Call("GET", "echo?a=b+c%2Bd", [("a", "b c+d")]),
    "space": Call("GET", "echo?a=b%20c", [("a", "b c")]),
    "reserved-value": Call("GET", "echo?a=%26%3D%3F%23%25", [("a", "&=?#%")]),
    "delimiters": Call("GET", "echo?a=!*()~-._:@/?,;", [("a", "!*()~-._:@/?,;")]),
    "quote-and-dollar": Call("GET", "echo?a=$'", [("a", "$'")]),
    "brackets": Call("GET", "echo?a%5B%5D=1&a%5Bb%5D=2", [("a[]", "1"), ("a[b]", "2")]),
    "raw-brackets": Call("GET", "echo?a[]=1", [("a[]", "1")]),
    "escaped-percent": Call("GET", "echo?a=%2541%2520", [("a", "%41%20")]),
    "non-ascii-value": Call("GET", "echo?a=%E2%98%83", [("a", "☃")]),
    "raw-non-ascii-value": Call("GET", "echo?a=☃é", [("a", "☃é")]),
    "non-ascii-name-order": Call("GET", "echo?%C3%BC=1&z=2", [("ü", "1"), ("z", "2")]),
    "punctuation-order": Call("GET", "echo?a.b=1&a-b=2&a=3", [("a.b", "1"), ("a-b", "2"), ("a", "3")]),
    "name-realm": Call("GET", "echo?realm=1", [("realm", "1")]),
    "params": Call(
        "GET", "echo?a=1", [("a", "1"), ("b", "x y+z"), ("c", "2")], options={"params": {"b": "x y+z", "c": 2}}
    ),
    "encoded-url": Call("GET", "echo?a=%7E%41+%2c", [("a", "~A ,")], encoded=True),
    "fragment": Call("GET", "echo?a=1#part", [("a", "1")]),
    "path-escaped-slash": Call("GET", "echo/a%2Fb", raw_path="/echo/a%2Fb"),
    "path-parameters": Call("GET", "echo/a;b=1/c,d", raw_path="/echo/a;b=1/c,d"),
    "path-escaped-tilde": Call("GET", "echo/%7Ea", encoded=True, raw_path="/echo/%7Ea"),
    "path-non-ascii": Call("GET", "echo/☃", raw_path="/echo/%E2%98%83"),
    "form": Call("POST", "echo", form=[("a", "1"), ("b", "x y+z")], options={"data": {"a": "1", "b": "x y+z"}}),
    "form-unicode": Call(
        "POST", "echo", form=[("name", SNOWMAN), ("text", "ü")], options={"data": {"name": SNOWMAN, "text": "ü"}}
    ),
    "form-repeated-names": Call(
        "POST", "echo", form=[("a", "2"), ("a", "1")], options={"data": [("a", "2"), ("a", "1")]}
    ),
    "form-and-query": Call("POST", "echo?b=2", [("b", "2")], form=[("a", "1")], options={"data": {"a": "1"}}),
    "form-name-in-query": Call("POST", "echo?a=2", [("a", "2")], form=[("a", "1")], options={"data": {"a": "1"}}),
    "form-with-charset": Call(
        "POST",
        "echo",
        form=[("a", "é")],
        options={"data": b"a=%C3%A9", "headers": {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}},
    ),
    "post-without-body": Call("POST", "echo"),
    "put-form": Call("PUT", "echo", form=[("a", "1")], options={"data": {"a": "1"}}),
    "patch-form": Call("PATCH", "echo", form=[("a", "1")], options={"data": {"a": "1"}}),
    "delete": Call("DELETE", "echo?a=1", [("a", "1")]),
    "delete-form": Call("DELETE", "echo", form=[("a", "1")], options={"data": {"a": "1"}}),
    "json": Call("POST", "echo", body='{"a": "1&b=2"}', options={"json": {"a": "1&b=2"}}),
    "put-json": Call("PUT", "echo", body="[1, 2]", options={"json": [1, 2]}),
    "text-like-a-form": Call(
        "POST", "echo", body="a=1&b=2", options={"data": "a=1&b=2", "headers": {"Content-Type": "text/plain"}}
    ),
    "octets": Call(
        "PUT",
        "echo",
        body="\x00\xff&\xfe=",
        options={"data": b"\x00\xff&\xfe=", "headers": {"Content-Type": "application/octet-stream"}},
    ),
}
MATRIX = [
    (server, method, placement) for server, methods in METHODS.items() for method in methods for placement in PLACEMENTS
]

every_combination = pytest.mark.parametrize(("server", "method", "placement"), MATRIX)
every_server = pytest.mark.parametrize("server", METHODS)
every_placement = pytest.mark.parametrize("placement", PLACEMENTS)


@every_combination
async def test_calls_are_accepted_as_they_were_meant(server, method, placement, setup, session):
    settings = setup(server, method, placement)
    client = await log_in(settings, session)

    surprises = []
    for name, call in CALLS.items():
        outcome, expected = await _outcome(client, settings, call), _expected(server, name, method, placement)
        if outcome != expected:
            surprises.append(f"{name}: {outcome!r}, expected {expected!r}")

    assert not surprises, "\n".join(surprises)


def test_quirks_name_calls_that_are_made():
    assert {name for quirk in CALL_QUIRKS for name in quirk.calls} <= CALLS.keys()


async def _outcome(client, settings, call: Call) -> object:
    """``True`` if the server saw what was meant, otherwise what it saw, or the refusal's status or code."""
    url: Any = settings.counterpart.url(call.path)
    try:
        async with client.request(
            call.method, URL(url, encoded=True) if call.encoded else url, **call.options
        ) as response:
            if response.status != 200:
                return response.status
            return _differences(call, await response.json()) or True
    except UnsignableRequestError as error:
        return error.code


def _differences(call: Call, seen: dict[str, str]) -> list[object]:
    """What the server saw otherwise; protocol parameters are the server's affair."""
    path, query = urlsplit(seen["target"]).path, _foreign(urlsplit(seen["target"]).query)
    found: list[object] = []
    if seen["method"] != call.method:
        found.append(seen["method"])
    if path != (call.raw_path or "/echo"):
        found.append(path)
    if query != call.query:
        found.append(query)
    is_form = "x-www-form-urlencoded" in seen["content_type"]
    if is_form and _foreign(seen["body"]) != (call.form or []):
        found.append(seen["body"])
    if not is_form and (call.form is not None or seen["body"] != call.body):
        found.append((seen["content_type"], seen["body"]))
    return found


def _foreign(text: str) -> Pairs:
    return [pair for pair in parse_qsl(text, keep_blank_values=True) if not pair[0].startswith("oauth_")]


def _expected(server: str, name: str, method: str, placement: str) -> object:
    if placement == "body" and CALLS[name].body:
        return "body-placement-needs-form"
    status = expected_status(server, name, method, placement)
    return True if status == 200 else status


@every_server
@every_placement
async def test_a_captured_request_is_refused_when_it_is_replayed(server, placement, setup, session, wiretap):
    settings = setup(server, placement=placement)
    client = await log_in(settings, session)
    async with client.post(settings.counterpart.url("echo"), data={"a": "1"}) as response:
        assert response.status == 200
    captured = wiretap.sent[-1]

    async with session.request(captured.method, captured.url, headers=captured.headers, data=captured.body) as response:
        assert response.status == 401


@every_server
async def test_a_signature_covers_the_query(server, setup, session):
    settings = setup(server)
    signer = settings.signer((await log_in(settings, session)).token)
    url = settings.counterpart.url("echo?amount=1")

    changed = await _status(session, settings.counterpart.url("echo?amount=100"), signer.authorization("GET", url))
    unchanged = await _status(session, url, signer.authorization("GET", url))

    assert (changed, unchanged) == (401, 200)


@every_server
async def test_a_body_hash_is_an_ordinary_parameter_to_them(server, setup, session, wiretap):
    settings = setup(server)
    client = settings.client(session, body_hash=True)
    client.token = (await log_in(settings, session)).token

    async with client.post(settings.counterpart.url("echo"), json={"a": 1}) as response:
        assert response.status == 200
    assert "oauth_body_hash" in wiretap.sent[-1].headers["Authorization"]


@every_server
async def test_they_do_without_a_version(server, setup, session, wiretap):
    settings = setup(server)
    provider = settings.provider()
    unversioned = replace(provider, oauth1=replace(provider.oauth1, version=None))
    client = settings.client(session, provider=unversioned)
    client.token = (await log_in(settings, session)).token

    async with client.get(settings.counterpart.url("echo")) as response:
        assert response.status == 200
    assert "oauth_version" not in wiretap.sent[-1].headers["Authorization"]


@every_server
async def test_a_realm_is_sent_and_not_signed(server, setup, session, wiretap):
    settings = setup(server)
    client = settings.client(session, realm="api")
    client.token = (await log_in(settings, session)).token

    async with client.get(settings.counterpart.url("echo?a=1")) as response:
        assert response.status == 200
    assert 'realm="api"' in wiretap.sent[-1].headers["Authorization"]

    # RFC 5849 section 3.4.1.3.1 leaves out the header's realm; oauthlib and Authlib leave out the query's as well.
    async with client.get(settings.counterpart.url("echo?realm=other")) as response:
        assert response.status == (200 if server == "php" else 401)


@every_server
async def test_a_timestamp_outside_of_the_window_is_refused(server, setup, session):
    settings = setup(server)
    signer = settings.signer((await log_in(settings, session)).token)
    url = settings.counterpart.url("echo")
    # The server's clock is the system's.
    now, window = time.time(), TIMESTAMP_WINDOW[server]

    statuses = [
        await _status(session, url, signer.authorization("GET", url, timestamp=now - age))
        for age in (window + 60, window - 60)
    ]

    # Authlib calls an old timestamp an invalid request.
    assert statuses == [400 if server == "authlib" else 401, 200]


@every_placement
async def test_a_wrong_clock_is_set_at_the_first_call(placement, setup, session, clock, wiretap):
    """PHP's provider is the one that says why it refuses a call, and in its answer's ``Date`` what time it is."""
    settings = setup("php", placement=placement)
    client = settings.client(session, clock=clock)
    client.token = (await log_in(settings, session)).token
    traffic = len(wiretap.sent)

    async with client.post(settings.counterpart.url("echo"), data={"a": "1"}) as response:
        assert response.status == 200
    assert len(wiretap.sent) == traffic + 2


async def _status(session, url: str, authorization: str) -> int:
    async with session.get(url, headers={"Authorization": authorization}) as response:
        return response.status
