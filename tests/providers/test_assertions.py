"""What bundled definitions sign, as a token endpoint reads it with joserfc, on its own."""

import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from oauthreg.errors import UsageError
from oauthreg.registry import Registry

NOW = 1_735_689_600


@pytest.fixture(name="rsa_key", scope="module")
def fixture_rsa_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(name="forms")
async def fixture_forms():
    """The forms that a token endpoint on loopback received; ``.url`` is its own."""

    class Forms(list):
        url = ""
        keys = ()
        answer = {"access_token": "not-a-secret", "token_type": "Bearer", "expires_in": 3600}  # noqa: RUF012

    forms = Forms()

    async def token(request):
        forms.append(dict(await request.post()))
        return web.json_response(forms.answer)

    async def jwks(_):
        return web.json_response({"keys": forms.keys})

    app = web.Application()
    app.router.add_post("/token", token)
    app.router.add_get("/jwks", jwks)
    async with TestServer(app) as server:
        forms.url = str(server.make_url("/token"))
        yield forms


@pytest.fixture(name="make_client")
async def fixture_make_client(forms):
    """Makes a client of a bundled definition whose token endpoint is on loopback."""
    async with aiohttp.ClientSession() as session:

        def make(name, credentials, **options):
            registry = Registry(credentials={name: credentials}, environ={})
            provider = registry.provider(name)
            known = {"token": forms.url, "jwks": forms.url.replace("token", "jwks")}
            local = replace(provider, endpoints={**provider.endpoints, **known})
            return registry.client(name, session, provider=local, clock=lambda: NOW, **options)

        yield make


def read(text, private_key, algorithm):
    """Header and claims of a JWT, its signature verified."""
    public = private_key.public_key()
    key = (ECKey if algorithm.startswith("ES") else RSAKey)(public, public)
    token = jwt.decode(text, key, algorithms=[algorithm])
    return token.header, token.claims


def public_jwk(private_key, kid):
    return {**RSAKey(private_key, private_key).as_dict(private=False), "kid": kid, "use": "sig", "alg": "RS256"}


async def test_box_is_told_what_the_subject_is_and_authenticates_the_client(make_client, forms, rsa_key):
    credentials = {"client_id": "app", "client_secret": "s3", "private_key": rsa_key, "key_id": "k1"}
    client = make_client("box", credentials, grant_type="jwt_bearer", subject="4711")
    await client.fetch_token()
    (form,) = forms
    header, claims = read(form.pop("assertion"), rsa_key, "RS256")
    assert form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "client_id": "app",
        "client_secret": "s3",
    }
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert claims.pop("jti")
    assert claims == {
        "iss": "app",
        "sub": "4711",
        "aud": forms.url,
        "iat": NOW,
        "exp": NOW + 45,
        "box_sub_type": "enterprise",
    }


async def test_box_refuses_more_than_a_minute_before_it_is_asked(make_client, forms, rsa_key):
    credentials = {"client_id": "app", "client_secret": "s3", "private_key": rsa_key}
    options = {"grant_type": "jwt_bearer", "subject": "4711"}
    await make_client("box", credentials, expires_in=60, **options).fetch_token()
    with pytest.raises(UsageError) as caught:
        await make_client("box", credentials, expires_in=61, **options).fetch_token()
    assert (caught.value.code, len(forms)) == ("assertion-lifetime", 1)


async def test_a_service_account_asks_for_scopes_in_the_claims_and_sends_nothing_else(make_client, forms, rsa_key):
    credentials = {"client_id": "svc@example.org", "private_key": rsa_key, "key_id": "k1"}
    client = make_client("google-service-account", credentials, scope=["a", "b"], subject="ada@example.org")
    await client.fetch_token()
    (form,) = forms
    header, claims = read(form.pop("assertion"), rsa_key, "RS256")
    assert form == {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}
    assert header["kid"] == "k1"
    assert (claims["iss"], claims["sub"], claims["scope"]) == ("svc@example.org", "ada@example.org", "a b")
    assert claims["exp"] - claims["iat"] == 3600


async def test_a_service_account_speaks_for_itself_without_a_subject(make_client, forms, rsa_key):
    client = make_client("google-service-account", {"client_id": "svc@example.org", "private_key": rsa_key}, scope="a")
    await client.fetch_token()
    header, claims = read(forms[0]["assertion"], rsa_key, "RS256")
    assert "sub" not in claims
    assert "kid" not in header


async def test_apple_gets_a_signed_secret_and_tells_the_name_once(make_client, forms, rsa_key):
    key = ec.generate_private_key(ec.SECP256R1())
    credentials = {"client_id": "org.example.app", "team_id": "T1", "key_id": "K1", "private_key": key}
    client = make_client("apple", credentials)
    pending = await client.start(redirect_uri="https://app.example/callback")
    query = parse_qs(urlsplit(pending.url).query)
    assert query["response_mode"] == ["form_post"]
    assert query["scope"] == ["openid name email"]
    assert "+" not in pending.url
    about = {"iss": "https://appleid.apple.com", "aud": "org.example.app", "iat": NOW, "exp": NOW + 600}
    about |= {"sub": "001", "email": "a@example.org", "email_verified": "true", "nonce": query["nonce"][0]}
    signed = jwt.encode({"alg": "RS256", "kid": "A1"}, about, RSAKey(rsa_key, rsa_key))
    forms.answer, forms.keys = forms.answer | {"id_token": signed}, [public_jwk(rsa_key, "A1")]
    user = {"name": {"firstName": "Ada", "lastName": "Example"}}
    await client.finish(pending, {"code": "c0de", "state": query["state"][0], "user": json.dumps(user)})
    header, claims = read(forms[0]["client_secret"], key, "ES256")
    assert header == {"alg": "ES256", "kid": "K1"}
    assert {name: claims[name] for name in ("iss", "sub", "aud", "exp")} == {
        "iss": "T1",
        "sub": "org.example.app",
        "aud": "https://appleid.apple.com",
        "exp": NOW + 60,
    }
    profile = await client.profile()
    assert (profile.sub, profile.email_verified, profile.given_name, profile.family_name) == (
        "001",
        True,
        "Ada",
        "Example",
    )
