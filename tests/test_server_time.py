"""The request that asks for the server's time, driven by hand."""

import json

import pytest

from oauthreg.errors import MalformedResponseError, OAuthError, TemporarilyUnavailableError, UsageError
from oauthreg.messages import Response
from oauthreg.provider import Provider, ServerTime
from oauthreg.server_time import parse_server_time, server_time_flow

NOW = 1_700_000_000
URL = "https://api.example.com/timestamp"


def at(name):
    return lambda document: document.get(name)


def test_it_is_asked_for_without_any_credential():
    flow = server_time_flow(Provider(endpoints={"server_time": URL}, api_headers=(("X-Api-Key", "k3y"),)))
    request = next(flow)
    assert (request.method, request.url, request.headers) == ("GET", URL, ())
    assert (request.authenticator, request.form, request.body) == (None, None, None)
    with pytest.raises(StopIteration) as stopped:
        flow.send(Response(200, {}, str(NOW).encode()))
    assert stopped.value.value == NOW


@pytest.mark.parametrize(
    ("settings", "body"),
    [
        (ServerTime(), b"1700000000"),
        (ServerTime(), b"\xef\xbb\xbf 1700000000.0\r\n"),
        (ServerTime(kind="absolute_ms"), b"1700000000000"),
        (ServerTime(kind="iso8601"), b"2023-11-14T22:13:20Z\n"),
        (ServerTime(kind="iso8601"), b"2023-11-14T23:13:20+01:00"),
        (ServerTime("json"), b"1700000000"),
        (ServerTime("json", at("timestamp")), b'{"timestamp": 1700000000}'),
        (ServerTime("auto", at("time")), b'{"time": "1700000000"}'),
        (ServerTime("auto", at("time"), "iso8601"), b'{"time": "2023-11-14T22:13:20"}'),
        (ServerTime("auto", at("time"), "absolute_ms"), b"a=1&time=1700000000000"),
        (ServerTime("xml", at("time")), b"<time>1700000000</time>"),
        (ServerTime("jsonp", at("time")), b'f({"time": 1.7e9})'),
    ],
)
def test_it_is_read_in_every_form(settings, body):
    assert parse_server_time(Response(200, {}, body, URL), settings) == NOW


@pytest.mark.parametrize(
    ("settings", "body"),
    [
        (ServerTime(), b""),
        (ServerTime(), b"now"),
        (ServerTime(), b"nan"),
        (ServerTime(), b"inf"),
        (ServerTime(), b"0"),
        (ServerTime(), b"-1700000000"),
        (ServerTime(), b"1700000000000"),  # milliseconds
        (ServerTime(kind="absolute_ms"), b"1700000000"),
        (ServerTime(kind="absolute_ms"), b"9" * 400),
        (ServerTime(kind="iso8601"), b"14.11.2023"),
        (ServerTime("json", at("timestamp")), b"{}"),
        (ServerTime("json", at("timestamp")), b'{"timestamp": true}'),
        (ServerTime("json", at("timestamp")), b'{"timestamp": [1700000000]}'),
        (ServerTime("json", at("timestamp")), b'{"timestamp": null}'),
    ],
)
def test_what_is_no_time(settings, body):
    with pytest.raises(MalformedResponseError) as refused:
        parse_server_time(Response(200, {}, body, URL), settings)
    assert refused.value.code == "no-server-time"
    assert "`path` and `kind` in `[server_time]`" in refused.value.hint


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, "<!doctype html><title>x</title>", MalformedResponseError),
        (302, "", MalformedResponseError),
        (404, "", MalformedResponseError),
        (401, "", OAuthError),
        (503, "", TemporarilyUnavailableError),
        (200, json.dumps({"error": "gone", "timestamp": NOW}), OAuthError),
    ],
)
def test_an_answer_that_is_none(status, body, error):
    with pytest.raises(error):
        parse_server_time(Response(status, {}, body.encode(), URL), ServerTime("auto", at("timestamp")))


def test_a_provider_that_does_not_tell_it():
    with pytest.raises(UsageError) as refused:
        next(server_time_flow(Provider(name="acme")))
    assert (refused.value.code, "`server_time`" in str(refused.value)) == ("missing-endpoint", True)
