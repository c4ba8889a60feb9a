"""What a certified relying party of OpenID Connect must do and refuse, by the names of the conformance suite's modules.

Those of the code flow, each with an RSA, an elliptic and an Edwards key. The names are without ``oidcc-client-test``.
"""

import base64
import json
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from joserfc import jwe, jwt
from joserfc.jwk import ECKey, RSAKey

from oauthreg.clock import Clock
from oauthreg.errors import (
    CallbackError,
    MalformedResponseError,
    MismatchingStateError,
    MissingCredentialError,
    OAuthError,
    ResponseError,
    UnsupportedMethodError,
)
from oauthreg.http.oauth2_client import AsyncOAuth2Client
from oauthreg.http.shared_answers import COOL_DOWN
from oauthreg.jose import half_hash
from oauthreg.provider import OAuth2Settings, Provider

CALLBACK = "https://app.example/cb"


def encode(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


class Claims:
    """Claims of which some are those of the userinfo answer and some those of the ID token."""

    documents = ("id_token", "userinfo")

    def render(self, documents):
        return {**documents["userinfo"], "nickname": documents["id_token"].get("nick", "")}


@pytest.fixture(params=[("RS256", "RSA"), ("ES256", "P-256"), ("EdDSA", "Ed25519")], ids=lambda pair: pair[0])
def signing(request, issuer):
    """The algorithm that the issuer signs with."""
    issuer.algorithm, issuer.kind = request.param
    return issuer.algorithm


@pytest.fixture
def make_client(session, issuer, signing, clock):
    """Makes clients that find out everything but the issuer."""

    def make(**changes):
        settings = {"issuer": issuer.url, "id_token_algorithms": (signing,)} | changes.pop("settings", {})
        provider = Provider(
            name="op",
            protocol="oidc",
            endpoints={"discovery": f"{issuer.url}/.well-known/openid-configuration"},
            oauth2=OAuth2Settings(**settings),
            claims=Claims(),
        )
        given = {"redirect_uri": CALLBACK, "scope": "openid profile", "clock": Clock(wall=clock, monotonic=clock)}
        return AsyncOAuth2Client(session, "client", "secret", provider=provider, **given | changes)

    return make


@pytest.fixture
def log_in(make_client, issuer):
    """A login whose ID token has other claims (``...`` for none), or is made otherwise."""

    async def run(sign=None, client=None, **changes):
        client = client or make_client()
        pending = await client.start()
        claims = issuer.claims(pending.values["nonce"]) | changes
        claims = {name: value for name, value in claims.items() if value is not ...}
        issuer.authority.fields = {"id_token": (sign or issuer.sign)(claims)}
        await client.finish(pending, f"{CALLBACK}?code=C&state={pending.values['state']}")
        return client

    return run


@pytest.fixture
def tell(issuer, json_reply):
    """Has the userinfo endpoint say something."""
    return lambda document: issuer.authority.api_replies.append(json_reply(document))


async def test_the_normal_flow(log_in, tell):
    client = await log_in(nick="adi")
    tell({"sub": "u1", "name": "Ada"})
    profile = await client.profile()
    assert (profile.sub, profile.name, profile.nickname) == ("u1", "Ada", "adi")


@pytest.mark.parametrize(
    ("module", "changes", "code"),
    [
        ("invalid-iss", {"iss": "https://evil.example"}, "id-token-issuer"),
        ("missing-sub", {"sub": ...}, "id-token-incomplete"),
        ("missing-iat", {"iat": ...}, "id-token-incomplete"),
        ("missing-exp", {"exp": ...}, "id-token-incomplete"),
        ("expired-exp", {"exp": 1}, "jwt-expired"),
        ("invalid-aud", {"aud": "client2"}, "id-token-audience"),
        ("missing-aud", {"aud": ...}, "id-token-audience"),
        ("invalid-secondary-aud", {"aud": ["client", "evil"]}, "id-token-audience"),
        ("nonce-invalid", {"nonce": "another"}, "id-token-nonce"),
        ("missing-nonce", {"nonce": ...}, "id-token-nonce"),
        ("invalid-athash", {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "id-token-hash"),
    ],
)
async def test_checklist_57_what_must_be_refused(log_in, module, changes, code):
    with pytest.raises(ResponseError) as refused:
        await log_in(**changes)
    assert refused.value.code == code, module


async def test_checklist_58_missing_athash_and_valid_ones(log_in, signing):
    assert (await log_in()).token
    assert (await log_in(at_hash=half_hash("A2", signing))).token


async def test_valid_aud_as_array(log_in):
    assert (await log_in(aud=["client"])).token


async def test_invalid_sig(log_in, issuer):
    def damaged(claims):
        head, _, signature = issuer.sign(claims).rpartition(".")
        octets = bytearray(base64.urlsafe_b64decode(signature + "=="))
        octets[7] ^= 0x10
        return f"{head}.{base64.urlsafe_b64encode(octets).rstrip(b'=').decode()}"

    with pytest.raises(ResponseError) as refused:
        await log_in(damaged)
    assert refused.value.code == "id-token-signature"


async def test_invalid_sig_hs256(log_in, issuer, server_keys):
    for secret in (b"secret", server_keys.private("k1", issuer.kind).as_pem(private=False)):
        with pytest.raises(ResponseError) as refused:
            await log_in(lambda claims, secret=secret: server_keys.sign_with_secret(claims, secret, kid="k1"))
        assert refused.value.code == "jwt-algorithm"


async def test_idtoken_sig_none(log_in, issuer):
    def unsigned(claims):
        head = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
        return f"{head}.{issuer.sign(claims).split('.')[1]}."

    with pytest.raises(ResponseError) as refused:
        await log_in(unsigned)
    assert refused.value.code == "jwt-unsigned"


async def test_invalid_alternate_alg(log_in, issuer, signing):
    other = {"RS256": ("PS256", "RSA"), "ES256": ("RS256", "RSA"), "EdDSA": ("ES256", "P-256")}[signing]
    with pytest.raises(ResponseError) as refused:
        await log_in(lambda claims: issuer.keys.sign(claims, "k1", *other))
    assert refused.value.code == "jwt-algorithm"


async def test_kid_absent_single_jwks(log_in, issuer):
    assert (await log_in(lambda claims: issuer.sign(claims, kid=None))).token


async def test_kid_absent_multiple_jwks(log_in, issuer):
    issuer.published = ["k0", "k1", "k2"]
    assert (await log_in(lambda claims: issuer.sign(claims, kid=None))).token


async def test_checklist_61_userinfo_invalid_sub(log_in, tell):
    client = await log_in()
    for told in ({"sub": "u2", "name": "Eve"}, {"name": "Eve"}):
        tell(told)
        with pytest.raises(ResponseError) as refused:
            await client.profile()
        assert refused.value.code == "userinfo-subject"


async def test_userinfo_bearer_header_and_body(log_in, make_client, issuer, tell):
    tell({})
    await (await log_in()).get(f"{issuer.url}/me")
    assert issuer.authority.used == ["Bearer A1"]
    client = await log_in(client=make_client(token_placement="body"))
    tell({})
    await client.post(f"{issuer.url}/me", data={"x": "1"})
    assert issuer.authority.server.sent[-1].body == b"x=1&access_token=A2"


async def test_userinfo_signed(log_in, issuer, reply):
    client = await log_in()
    told = {"iss": issuer.url, "aud": "client", "sub": "u1", "name": "Ada"}
    as_jwt = (("Content-Type", "application/jwt"),)
    issuer.authority.api_replies = [reply(200, as_jwt, issuer.sign(told).encode())]
    assert (await client.profile()).name == "Ada"
    issuer.authority.api_replies = [reply(200, as_jwt, issuer.sign(told, "evil", kid="k1").encode())]
    with pytest.raises(ResponseError) as refused:
        await client.profile()
    assert refused.value.code == "userinfo-signature"


async def test_encrypted_id_token_and_userinfo(log_in, make_client, issuer, reply):
    """Of the suite's encryption modules; what the joserfc package encrypts is opened, checked and kept signed."""
    key = RSAKey.generate_key(2048)
    registry = jwe.JWERegistry(algorithms=["RSA-OAEP", "A256GCM"])

    def encrypted(claims):
        return jwe.encrypt_compact(
            {"alg": "RSA-OAEP", "enc": "A256GCM"}, issuer.sign(claims).encode(), key, registry=registry
        )

    opening = {"decryption_key": key.as_pem(private=True), "id_token_encrypted_response_alg": "RSA-OAEP"}
    client = await log_in(encrypted, make_client(**opening))
    told = {"iss": issuer.url, "aud": "client", "sub": "u1", "name": "Ada"}
    issuer.authority.api_replies = [reply(200, (("Content-Type", "application/jwt"),), encrypted(told).encode())]
    assert (await client.profile()).name == "Ada"
    assert client.token.id_token.count(".") == 2
    with pytest.raises(ResponseError) as refused:
        await log_in(client=make_client(**opening))
    assert refused.value.code == "jwt-not-encrypted"
    with pytest.raises(MissingCredentialError) as refused:
        await log_in(encrypted, make_client(id_token_encrypted_response_alg="RSA-OAEP"))
    assert refused.value.code == "missing-decryption-key"
    assert issuer.authority.server.sent[-1].target != "/token"
    with pytest.raises(UnsupportedMethodError, match="unknown encryption algorithm: 'RSA1_5'"):
        make_client(id_token_encrypted_response_alg="RSA1_5")


async def test_signed_requests_and_signed_responses(make_client, issuer, signing):
    """As FAPI 2.0 Message Signing wants both; the old door opens such a callback as well."""
    key = ECKey.generate_key("P-256")
    options = {"private_key": key.as_pem(private=True), "request_object_signing_alg": "ES256"}
    client = make_client(**options, response_mode="jwt")
    for way in ("finish", "fetch_token"):
        if way == "finish":
            pending = await client.start(scope="email")
            url, state = pending.url, pending.values["state"]
        else:
            await client.discover()
            url, state = client.create_authorization_url(scope="email")
        asked = jwt.decode(dict(parse_qsl(urlsplit(url).query))["request"], key, algorithms=["ES256"]).claims
        assert (asked["aud"], asked["state"], asked["response_mode"]) == (issuer.url, state, "jwt")
        told = {"iss": issuer.url, "aud": "client", "exp": int(issuer.clock()) + 60, "code": "C", "state": state}
        for text, kind in (
            (f"{CALLBACK}?code=C&state={state}", CallbackError),
            (f"{CALLBACK}?response={issuer.sign(told, 'evil', kid='k1')}", CallbackError),
            (f"{CALLBACK}?response={issuer.sign({**told, 'state': 'another'})}", MismatchingStateError),
            (f"{CALLBACK}?response={issuer.sign(told)}", None),
        ):
            finished = (
                client.finish(pending, text)
                if way == "finish"
                else client.fetch_token(authorization_response=text, state=state)
            )
            if kind is None:
                assert (await finished).access_token
                continue
            with pytest.raises(kind):
                await finished
    assert [form["code"] for form in issuer.authority.asked] == ["C", "C"]


async def test_scope_userinfo_claims(make_client):
    pending = await make_client().start(scope=["openid", "profile", "email", "address", "phone"])
    assert "scope=openid%20profile%20email%20address%20phone" in pending.url


async def test_discovery_openid_config_and_jwks_uri_keys(log_in, issuer):
    await log_in()
    assert issuer.fetched == ["/.well-known/openid-configuration", "/jwks"]


async def test_discovery_issuer_mismatch(log_in, issuer):
    issuer.metadata["issuer"] = "https://evil.example"
    with pytest.raises(MalformedResponseError) as refused:
        await log_in()
    assert refused.value.code == "foreign-server-metadata"


async def test_signing_key_rotation(log_in, make_client, issuer, clock):
    client = make_client()
    await log_in(client=client)
    for name in ("k2", "k3"):
        issuer.published = [name]
        await log_in(lambda claims, name=name: issuer.sign(claims, name), client=client)
        clock.advance(COOL_DOWN + 1)


async def test_signing_key_rotation_just_before_signing(log_in, issuer):
    def rotating(claims):
        issuer.published = ["k9"]
        return issuer.sign(claims, "k9")

    assert (await log_in(rotating)).token


async def test_refresh_token_and_refresh_token_invalid_issuer_and_sub(log_in, issuer):
    for changes in ({}, {"iss": "https://evil.example"}, {"sub": "u2"}):
        client = await log_in()
        first = client.token.access_token
        issuer.authority.fields = {"id_token": issuer.sign(issuer.claims(**changes))}
        if not changes:
            assert (await client.refresh_token()).access_token != first
            continue
        with pytest.raises(ResponseError) as refused:
            await client.refresh_token()
        assert refused.value.code == "id-token-user"
        assert client.token.access_token == first


async def test_dynamic_registration(make_client, issuer, json_reply):
    issuer.metadata["registration_endpoint"] = f"{issuer.url}/register"
    issuer.authority.api_replies = [json_reply({"client_id": "c9"}, 201)]
    made = await make_client().register_client({"redirect_uris": [CALLBACK], "id_token_signed_response_alg": "ES256"})
    assert made == {"client_id": "c9"}


async def test_rp_init_logout(log_in, issuer):
    issuer.metadata["end_session_endpoint"] = f"{issuer.url}/out"
    client = await log_in()
    url = client.create_logout_url(CALLBACK, state="s1")
    assert url.startswith(f"{issuer.url}/out?client_id=client&id_token_hint={client.token.id_token}&")
    assert url.endswith("&state=s1")


async def test_rp_init_logout_no_state_and_other_state(make_client):
    client = make_client()
    client.check_logout_response(f"{CALLBACK}?state=s1", "s1")
    for query, code in [("", "state-missing"), ("?state=", "state-missing"), ("?state=s2", "state-mismatch")]:
        with pytest.raises(MismatchingStateError) as refused:
            client.check_logout_response(f"{CALLBACK}{query}", "s1")
        assert refused.value.code == code


async def test_rp_frontchannel_rpinitlogout_and_opinitlogout(make_client, issuer):
    client = make_client()
    there = f"https://app.example/logout?iss={quote(issuer.url, safe='')}"
    assert await client.parse_front_channel_logout(f"{there}&sid=s1") == "s1"
    assert await client.parse_front_channel_logout("https://app.example/logout") is None
    for url in (there, f"{there}x&sid=s1", "https://app.example/logout?sid=s1"):
        with pytest.raises(MismatchingStateError) as refused:
            await client.parse_front_channel_logout(url)
        assert refused.value.code == "issuer-mismatch"


@pytest.fixture
def logout_claims(issuer):
    events = {"http://schemas.openid.net/event/backchannel-logout": {}}
    return lambda **changes: issuer.claims(**{"sid": "s1", "jti": "j1", "events": events} | changes)


async def test_rp_backchannel_rpinitlogout(make_client, issuer, logout_claims):
    client = make_client()
    for header in ({}, {"typ": "logout+jwt"}, {"typ": "JWT"}):
        ended = await client.check_logout_token(issuer.sign(logout_claims(), **header))
        assert (ended.iss, ended.sub, ended.sid, ended.jti) == (issuer.url, "u1", "s1", "j1")
    assert (await client.check_logout_token(issuer.sign(logout_claims(sub=...)))).sub is None
    assert (await client.check_logout_token(issuer.sign(logout_claims(sid=...)))).sid is None
    assert issuer.fetched == ["/.well-known/openid-configuration", "/jwks"]


@pytest.mark.parametrize(
    ("module", "changes", "code"),
    [
        ("wrong-iss", {"iss": "https://evil.example"}, "logout-token-issuer"),
        ("wrong-aud", {"aud": "another"}, "logout-token-audience"),
        ("no-event", {"events": ...}, "logout-token-event"),
        ("wrong-event", {"events": {"http://schemas.openid.net/event/other": {}}}, "logout-token-event"),
        ("with-nonce", {"nonce": "n"}, "logout-token-nonce"),
    ],
)
async def test_rp_backchannel_rpinitlogout_with(make_client, issuer, logout_claims, module, changes, code):
    with pytest.raises(ResponseError) as refused:
        await make_client().check_logout_token(issuer.sign(logout_claims(**changes)))
    assert refused.value.code == code, module


async def test_rp_backchannel_rpinitlogout_alg_none(make_client, logout_claims):
    text = ".".join(encode(part) for part in ({"alg": "none"}, logout_claims())) + "."
    with pytest.raises(ResponseError) as refused:
        await make_client().check_logout_token(text)
    assert refused.value.code == "jwt-unsigned"


async def test_rp_backchannel_rpinitlogout_wrong_alg(make_client, issuer, logout_claims):
    client = make_client(settings={"id_token_algorithms": ("RS384",)})
    with pytest.raises(ResponseError) as refused:
        await client.check_logout_token(issuer.sign(logout_claims()))
    assert refused.value.code == "jwt-algorithm"


async def test_a_logout_token_of_a_stranger(make_client, issuer, logout_claims):
    """Whom no channel proves: with another key, with the signature of another token, with none that is known."""
    client, good = make_client(), issuer.sign(logout_claims())
    head, body, _ = issuer.sign(logout_claims(sub="u2")).split(".")
    with pytest.raises(ResponseError) as refused:
        await client.check_logout_token(f"{head}.{body}.{good.rpartition('.')[2]}")
    assert refused.value.code == "logout-token-signature"
    with pytest.raises(ResponseError) as refused:
        await client.check_logout_token(issuer.sign(logout_claims(), "k2"))
    assert refused.value.code in {"logout-token-signature", "unknown-key"}


async def test_an_id_token_is_no_logout_token(log_in, make_client):
    client = await log_in()
    with pytest.raises(ResponseError) as refused:
        await make_client().check_logout_token(client.token.id_token)
    assert refused.value.code == "logout-token-event"


async def test_mtls_endpoint_aliases(make_client, issuer):
    issuer.metadata["mtls_endpoint_aliases"] = {"token_endpoint": f"{issuer.url}/mtls/token"}
    client = make_client(settings={"client_auth": "tls_client_auth"}, grant_type="client_credentials")
    with pytest.raises(OAuthError):
        await client.fetch_token()  # what answers there is the API
    assert issuer.authority.log[-1] == "POST /mtls/token"


async def test_max_age(log_in, make_client, clock):
    for auth_time, is_good in ((clock() - 100, True), (clock() - 359, True), (clock() - 361, False), (..., False)):
        aged = make_client(max_age=300)
        if is_good:
            assert (await log_in(client=aged, auth_time=auth_time)).token
            continue
        with pytest.raises(ResponseError) as refused:
            await log_in(client=aged, auth_time=auth_time)
        assert refused.value.code == "id-token-age"
