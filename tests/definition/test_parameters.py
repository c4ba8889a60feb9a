"""What a definition's requests are said to carry is what they carry."""

import inspect
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc.jwk import ECKey

from oauthreg.definition import compile_definition, load_definition
from oauthreg.definition.parameters import OF_CLIENTS, OF_GRANTS, known_parameters, made_parameters
from oauthreg.oauth1 import flow as oauth1
from oauthreg.oauth2 import GRANTS
from oauthreg.oauth2.authorize import authorization_parameters
from oauthreg.oauth2.client_auth import CLIENT_AUTH_METHODS, authenticate_client
from oauthreg.oauth2.draft import ClientIdentity, Draft
from oauthreg.oauth2.logout import build_logout_url
from oauthreg.oauth2.token_endpoint import device_authorization_flow, introspection_flow, revocation_flow, token_flow
from oauthreg.provider import AssertionSettings, OAuth2Settings, Provider

ENDPOINTS = """
[endpoints]
authorize = "https://a.example/authorize"
token = "https://a.example/token"
device = "https://a.example/device"
revoke = "https://a.example/revoke"
introspect = "https://a.example/introspect"
end_session = "https://a.example/out"
"""
ACME = f"""
schema = 1
title = "Acme"
protocol = "oauth2"
{ENDPOINTS}
[scopes]
parameter = "perms"
default = ["read"]

[oauth2]
client_auth = "client_secret_post"
response_mode = "query"
dpop = "supported"
"""
CLIENT = ClientIdentity("app", lambda: 1_700_000_000, lambda: "id1", "s3cr3t")
ASSERTION = "e30.e30.e30"


def of(text=""):
    definition = load_definition(ACME + text)
    return definition, compile_definition(definition, credentials={"client_id": "app"})


def names(pairs):
    return {name for name, _ in pairs}


def in_query(url):
    return names(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def sent(flow):
    return names(next(flow).form)


def arguments(build):
    """A value for each parameter of a function."""
    known = {"audience": ["a"], "assertion": ASSERTION, "grant_type": "x"}
    return {name: known.get(name, "x") for name in inspect.signature(build).parameters}


@pytest.mark.parametrize("grant", GRANTS)
def test_what_a_grant_sends(grant):
    assert names(GRANTS[grant](**arguments(GRANTS[grant]))) == {"grant_type", *OF_GRANTS[grant]}
    assert OF_GRANTS.keys() == GRANTS.keys()


@pytest.mark.parametrize("method", CLIENT_AUTH_METHODS)
def test_what_a_client_proves_itself_with(method):
    """Its identifier, which any request may have, stands elsewhere."""
    key = ECKey.generate_key("P-256").as_pem(private=True)
    client = ClientIdentity("app", lambda: 1_700_000_000, lambda: "id1", "s3cr3t" * 9, key)
    algorithm = "HS256" if method == "client_secret_jwt" else "ES256"
    settings = OAuth2Settings(
        client_auth=method,
        client_auth_name="x",
        issuer="https://a.example",
        client_assertion=AssertionSettings(algorithm),
    )
    draft = Draft([])
    authenticate_client(draft, client, Provider(protocol="oauth2", oauth2=settings))
    assert names(draft.parameters) - {"client_id"} == {*OF_CLIENTS.get(method, ())}


@pytest.mark.parametrize("settings", ["", "state = false\n", 'nonce = "never"\n'])
def test_what_a_login_begins_with(settings):
    definition, provider = of(settings)
    made = authorization_parameters(
        provider,
        client_id="app",
        redirect_uri="https://app.example/",
        state=None if "state" in settings else "x",
        code_verifier="x" * 43,
        nonce=None if "nonce" in settings else "x",
        dpop_jkt="x",
    )
    assert names(made) == made_parameters(definition, "authorize")


def test_what_the_other_requests_carry():
    definition, provider = of()
    seen = {
        "token": sent(
            token_flow(
                provider,
                CLIENT,
                "authorization_code",
                code="x",
                redirect_uri="https://app.example/",
                code_verifier="x" * 43,
            )
        ),
        "refresh": sent(token_flow(provider, CLIENT, "refresh_token", refresh_token="x")),
        "device": sent(device_authorization_flow(provider, CLIENT)),
        "revoke": sent(revocation_flow(provider, CLIENT, "x", token_type_hint="access_token")),
        "introspect": sent(introspection_flow(provider, CLIENT, "x", token_type_hint="access_token")),
        "end_session": in_query(
            build_logout_url(
                provider,
                client_id="app",
                id_token_hint="x",
                post_logout_redirect_uri="https://app.example/",
                state="x",
            )
        ),
    }
    # One request sends what one grant wants.
    assert seen.pop("token") | {"refresh_token", "scope"} == made_parameters(definition, "token")
    assert seen.pop("refresh") | {"scope"} == made_parameters(definition, "refresh")
    assert seen == {leg: made_parameters(definition, leg) for leg in seen}


def test_what_the_client_makes_is_known():
    definition, _ = of()
    for leg in ("authorize", "token", "refresh", "device", "revoke", "introspect", "end_session"):
        assert made_parameters(definition, leg) <= {*known_parameters(definition, leg)}


def test_what_a_login_of_oauth1_begins_with():
    text = ACME.replace("oauth2", "oauth1").partition("[oauth1]")[0]
    text = (
        text.replace("device =", "request_token =")
        .replace("introspect =", "refresh =")
        .replace("end_session", "userinfo")
    )
    definition = load_definition(f'{text}\n[oauth1]\ncallback = "both"\n')
    provider = compile_definition(definition, credentials={"client_id": "app"})
    url = oauth1.build_authorization_url(provider, "rt", callback="https://app.example/")
    assert in_query(url) == made_parameters(definition, "authorize")


@pytest.mark.parametrize(
    "text",
    [
        'pkce = "unsupported"\n[token]\nrename = { code_verifier = "" }\n',
        'pkce = "unsupported"\n[authorize]\nrename = { code_challenge = "" }\n',
        '[token]\nrename = { code = "", code_verifier = "" }\n',  # an identity request has the code
        'state = false\n[authorize]\nrename = { state = "" }\nparams = { state = "x" }\n',
        'nonce = "never"\n[authorize]\nparams = { nonce = "x" }\n',
        '[authorize]\nrename = { client_id = "" }\nparams = { client_id = "{client_id}-web" }\n',
        '[authorize]\nrename = { state = "nonce", nonce = "state" }\nparams = { resource = "https://a.example/" }\n',
        '[token]\nrename = { client_secret = "client_assertion" }\n',
        '[callback]\nforward = ["device_id"]\n[token]\nrename = { device_id = "device" }\n',
    ],
)
def test_what_can_work_is_no_problem(text):
    of(text)
