"""What is refused, and with which words."""

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from oauthreg.errors import InvalidSignatureError, OAuthError
from oauthreg.oauth1.flow import (
    access_token_flow,
    build_authorization_url,
    parse_authorization_response,
    request_token_flow,
)
from oauthreg.provider import Leg, OAuth1Settings
from oauthreg.signing import refusals, verify as verification
from oauthreg.simulator.checks import PROBLEMS

CALLBACK = "https://app.example/cb"


def with_header(text):
    return {"authenticator": None, "headers": (("Authorization", text),)}


BAD_TIMESTAMP = 'OAuth oauth_consumer_key="ck", oauth_nonce="1", oauth_timestamp="x", oauth_signature="s", '
BAD_TIMESTAMP += 'oauth_signature_method="HMAC-SHA1"'

REFUSALS = {
    "no signature": (401, "parameter_absent", lambda _: {"authenticator": None}),
    "a wrong secret": (401, "signature_invalid", lambda world: world.signed_by(client_secret="other")),
    "another client": (
        401,
        "consumer_key_unknown",
        lambda world: {
            "authenticator": replace(
                world.signed_by()["authenticator"],
                signer=type(world.signer())("HMAC-SHA1", "other", "x", clock=world.clock),
            )
        },
    ),
    "another method": (400, "signature_method_rejected", lambda world: world.signed_by(method="HMAC-SHA256")),
    "an old timestamp": (401, "timestamp_refused", lambda world: world.signed_by(clock=lambda: world.clock() - 301)),
    "an early timestamp": (401, "timestamp_refused", lambda world: world.signed_by(clock=lambda: world.clock() + 301)),
    "another version": (400, "version_rejected", lambda world: world.signed_by(version="2.0")),
    "no callback": (400, "parameter_absent", lambda world: world.signed_by(parameters=())),
    "a callback that is no URL": (
        400,
        "parameter_rejected",
        lambda world: world.signed_by(parameters=(("oauth_callback", "nowhere"),)),
    ),
    "another placement": (400, "parameter_rejected", lambda world: world.signed_by(placement="query")),
    "another HTTP method": (405, "parameter_rejected", lambda _: {"method": "GET", "form": None}),
    "a header nobody can read": (400, "parameter_rejected", lambda _: with_header("OAuth =")),
    "a parameter that stands twice": (
        400,
        "parameter_rejected",
        lambda _: with_header('OAuth oauth_nonce="1", oauth_nonce="2"'),
    ),
    "a missing parameter": (400, "parameter_absent", lambda _: with_header('OAuth oauth_nonce="1"')),
    "a timestamp that is no number": (400, "parameter_rejected", lambda _: with_header(BAD_TIMESTAMP)),
    "parameters in two places": (
        400,
        "parameter_rejected",
        lambda world: {
            **with_header('OAuth oauth_nonce="1"'),
            "url": f"{world.provider.endpoints['request_token']}?oauth_nonce=1",
        },
    ),
}


@pytest.mark.parametrize(("status", "problem", "changes"), REFUSALS.values(), ids=REFUSALS)
def test_a_request_is_refused_for(world, status, problem, changes):
    answer = world.ask(**changes(world))
    assert (answer.status, world.served[-1].problem) == (status, problem)
    assert parse_qs(answer.body.decode())["oauth_problem"] == [problem]
    if status == 401:
        assert answer.headers["www-authenticate"] == f'OAuth realm="acme", oauth_problem="{problem}"'


def test_a_refusal_says_what_would_be_right(world):
    late = world.ask(**world.signed_by(clock=lambda: world.clock() - 301))
    assert parse_qs(late.body.decode())["oauth_acceptable_timestamps"] == ["1699999700-1700000300"]
    absent = world.ask(**world.signed_by(parameters=()))
    assert parse_qs(absent.body.decode())["oauth_parameters_absent"] == ["oauth_callback"]


def test_a_wrong_signature_keeps_the_base_string_for_comparison_and_off_the_wire(world):
    answer = world.ask(**world.signed_by(client_secret="other"))
    assert world.served[-1].base_string.startswith("POST&https%3A%2F%2Fapi.example.com")
    assert world.served[-1].base_string.encode() not in answer.body
    assert "POST&" not in repr(world.served[-1])


def test_a_nonce_is_good_once(world):
    authenticator = replace(world.signed_by()["authenticator"], nonce="once")
    assert world.ask(authenticator=authenticator).status == 200
    assert world.ask(authenticator=authenticator).status == 401
    assert world.served[-1].problem == "nonce_used"


def test_the_realm_must_be_that_of_the_definition(make_world):
    world = make_world(oauth1=OAuth1Settings(realm="Acme"))
    assert world.ask(**world.signed_by(realm="Other")).status == 400
    assert world.served[-1].problem == "parameter_rejected"


def test_a_body_must_be_hashed_where_the_definition_says_so(make_world):
    world = make_world(oauth1=OAuth1Settings(body_hash=True))
    token = world.log_in()
    sent = {"method": "POST", "headers": (("Content-Type", "application/json"),), "body": b"{}"}
    assert world.call(token, **sent).status == 200
    assert world.call(token, **sent, body_hash=False).status == 400
    assert world.served[-1].problem == "parameter_absent"


def test_a_request_token_is_good_once_and_only_with_its_verifier(world):
    provider = world.provider
    asked = world.run(request_token_flow(provider, world.signer(), callback=CALLBACK))
    signer = world.signer(token=asked.token, token_secret=asked.token_secret)
    with pytest.raises(OAuthError, match="permission_unknown"):
        world.run(access_token_flow(provider, signer, verifier="early"))
    location = world.browse(build_authorization_url(provider, asked.token), "approve").headers["location"]
    for verifier, problem in ((None, "parameter_absent"), ("wrong", "parameter_rejected")):
        with pytest.raises(OAuthError, match=problem):
            world.run(access_token_flow(provider, signer, verifier=verifier))
    verifier = parse_authorization_response(location).verifier
    assert world.run(access_token_flow(provider, signer, verifier=verifier)).token
    with pytest.raises(OAuthError, match="token_used"):
        world.run(access_token_flow(provider, signer, verifier=verifier))


def test_fixed_parameters_and_headers_of_a_leg_are_wanted(make_world):
    leg = Leg(params=(("access", "write"),), query=(("v", "2"),), headers=(("X-App", "acme"),))
    world = make_world(request_token=leg)
    for changes in (
        {"form": (("access", "read"),)},
        {"url": world.provider.endpoints["request_token"]},
        {"headers": ()},
    ):
        assert world.ask(**changes).status == 400
        assert world.served[-1].problem == "parameter_absent"


def test_api_headers_of_the_definition_are_wanted(make_world):
    world = make_world(api_headers=(("User-Agent", "acme/1"),))
    token = world.log_in()
    assert world.call(token).status == 400
    assert world.call(token, headers=(("User-Agent", "mine"),)).status == 200


def test_every_verification_error_has_its_words():
    codes = re.findall(r'code="([a-z-]+)"', Path(verification.__file__).read_text("utf-8"))
    assert set(PROBLEMS) == {
        *codes,
        InvalidSignatureError.code,
        refusals.no_new_nonce(answer=False, base_string="").code,
    }
