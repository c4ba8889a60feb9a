"""Callbacks that come in a JWT. The joserfc package is what signs and encrypts here.

Spec: JWT Secured Authorization Response Mode for OAuth 2.0 (JARM).
"""

from urllib.parse import quote

import pytest
from joserfc import jwe
from joserfc.jwk import RSAKey
from multidict import MultiDict

from oauthreg.errors import AccessDeniedError, CallbackError, MismatchingStateError, UsageError
from oauthreg.jwe import DecryptionKeys
from oauthreg.oauth2.jarm import signed_parameters_flow
from oauthreg.oauth2.login import LoginRequest, build_login, login_flow, parse_callback
from oauthreg.provider import OAuth2Settings

NOW = 1_700_000_000
ISSUER = "https://as.example"
CALLBACK = "https://app.example/cb"
CLAIMS = {"iss": ISSUER, "aud": "c1", "exp": NOW + 60, "code": "C1", "state": "S1"}
MODES = ["jwt", "query.jwt", "form_post.jwt"]


@pytest.fixture
def signing(provider):
    """A provider that signs its callbacks and publishes keys."""

    def make(mode="jwt", endpoints=None, **settings):
        known = {"issuer": ISSUER, "response_mode": mode} | settings
        places = {"jwks": f"{ISSUER}/jwks"} if endpoints is None else endpoints
        return provider(endpoints=places, oauth2=OAuth2Settings(**known))

    return make


@pytest.fixture
def read(drive, signing, identity, known):
    """The parameters of a callback; ``sets`` is how often keys are asked for."""

    def run(callback, *, sets=1, client=None, **settings):
        flow = signed_parameters_flow(signing(**settings), client or identity(), callback)
        return drive(flow, *[known] * sets)[0]

    return run


def in_url(text):
    return f"{CALLBACK}?response={text}"


@pytest.mark.parametrize("mode", MODES)
def test_the_parameters_are_in_the_jwt(read, server_keys, mode):
    text = server_keys.sign({**CLAIMS, "scope": "a b", "expires_in": 60, "session_state": None, "more": {"a": [1]}})
    forms = (
        in_url(text),
        f"response={text}",
        f"response={text}".encode(),
        {"response": text},
        MultiDict(response=text),
    )
    for form in forms:
        assert read(form, mode=mode) == {
            "iss": ISSUER,
            "code": "C1",
            "state": "S1",
            "scope": "a b",
            "expires_in": "60",
            "more": '{"a": [1]}',
        }


def test_where_nothing_is_signed_it_stays_as_it_is(read):
    for mode in ("", "query", "form_post"):
        callback = f"{CALLBACK}?code=C1&state=S1"
        assert read(callback, mode=mode, sets=0) == callback


@pytest.mark.parametrize("name", ["code", "error"])
@pytest.mark.parametrize("value", [7, ["C1"], {"a": "C1"}, True])
def test_what_is_no_text_is_no_code(read, server_keys, name, value):
    with pytest.raises(CallbackError) as refused:
        read(in_url(server_keys.sign({**CLAIMS, name: value})))
    assert refused.value.code == "signed-callback-incomplete"
    assert "C1" not in str(refused.value)


def test_a_null_is_as_if_it_were_not_there(read, server_keys):
    text = server_keys.sign({**CLAIMS, "error": None, "session_state": None})
    assert read(in_url(text)) == {"iss": ISSUER, "code": "C1", "state": "S1"}


def test_what_stands_beside_it_counts_for_nothing(read, server_keys):
    text = server_keys.sign({name: value for name, value in CLAIMS.items() if name != "code"})
    assert "code" not in read(f"{in_url(text)}&code=EVIL&state=EVIL")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://evil.example"}, "signed-callback-issuer"),
        ({"iss": None}, "signed-callback-issuer"),
        ({"aud": "c2"}, "signed-callback-audience"),
        ({"aud": ["c1", "c2"]}, "signed-callback-audience"),
        ({"aud": None}, "signed-callback-audience"),
        ({"exp": None}, "signed-callback-incomplete"),
        ({"exp": "soon"}, "signed-callback-incomplete"),
        ({"exp": NOW - 61}, "jwt-expired"),
        ({"nbf": NOW + 61}, "jwt-time"),
    ],
)
def test_what_is_refused_before_any_key_is_asked_for(read, server_keys, changes, code):
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    with pytest.raises(CallbackError) as refused:
        read(in_url(server_keys.sign(claims)), sets=0)
    assert refused.value.code == code
    assert "C1" not in str(refused.value)


def test_another_signature(read, server_keys):
    with pytest.raises(CallbackError) as refused:
        read(in_url(server_keys.sign(CLAIMS, "evil", kid="k1")), sets=2)
    assert refused.value.code == "signed-callback-signature"
    with pytest.raises(CallbackError) as refused:
        read(in_url(server_keys.sign_with_secret(CLAIMS, b"s" * 32)), sets=0)
    assert refused.value.code == "jwt-algorithm"
    text = server_keys.sign(CLAIMS)
    for bad, code in ((text.rpartition(".")[0] + ".", "jwt-unsigned"), ("a.b", "jwt-malformed")):
        with pytest.raises(CallbackError) as refused:
            read(in_url(bad), sets=0)
        assert refused.value.code == code


def test_the_algorithms_are_those_of_id_tokens(drive, signing, identity, server_keys):
    text = server_keys.sign(CLAIMS, "e1", "ES256", "P-256")
    flow = signed_parameters_flow(signing(id_token_algorithms=("ES256",)), identity(), in_url(text))
    assert drive(flow, {"keys": [server_keys.jwk("e1", "P-256")]})[0]["code"] == "C1"


@pytest.mark.parametrize("callback", [f"{CALLBACK}?code=C1&state=S1", f"{CALLBACK}?response=", "", {"code": "C1"}])
def test_without_a_jwt(read, callback):
    with pytest.raises(CallbackError) as refused:
        read(callback, sets=0)
    assert refused.value.code == "signed-callback-missing"


def test_two_of_them(read, server_keys):
    text = server_keys.sign(CLAIMS)
    with pytest.raises(CallbackError) as refused:
        read(f"{in_url(text)}&response={text}", sets=0)
    assert refused.value.code == "repeated-parameter"


def test_where_nobody_knows_issuer_or_keys(read, server_keys):
    text = in_url(server_keys.sign(CLAIMS))
    for settings, code in (({"issuer": None}, "issuer-unknown"), ({"endpoints": {}}, "keys-unknown")):
        with pytest.raises(UsageError) as refused:
            read(text, sets=0, **settings)
        assert refused.value.code == code


def test_one_that_is_encrypted(read, identity, server_keys):
    key = RSAKey.generate_key(2048)
    registry = jwe.JWERegistry(algorithms=["RSA-OAEP-256", "A256GCM"])
    inside = server_keys.sign(CLAIMS)
    text = jwe.encrypt_compact({"alg": "RSA-OAEP-256", "enc": "A256GCM"}, inside.encode(), key, registry=registry)
    client = identity(decryption_keys=DecryptionKeys(key.as_pem(private=True)))
    assert read(in_url(text), client=client)["code"] == "C1"
    with pytest.raises(CallbackError) as refused:
        read(in_url(text), sets=0)
    assert refused.value.code == "jwt-encrypted"


class TestInALogin:
    """The parameters are those of a login, once they are known to be the provider's."""

    @pytest.fixture
    def pending(self, signing, identity):
        return build_login(signing(), identity(), LoginRequest(CALLBACK, NOW, state="S1"))

    def test_a_whole_one(self, drive, signing, identity, known, pending, server_keys):
        assert "&response_mode=jwt" in pending.url
        parameters, _ = drive(signed_parameters_flow(signing(), identity(), in_url(server_keys.sign(CLAIMS))), known)
        token, (request,) = drive(
            login_flow(signing(), identity(), pending, parameters), {"access_token": "A", "token_type": "Bearer"}
        )
        assert (dict(request.form)["code"], token.access_token) == ("C1", "A")

    @pytest.mark.parametrize(
        ("changes", "kind", "code"),
        [
            ({"state": "S2"}, MismatchingStateError, "state-mismatch"),
            ({"code": None}, CallbackError, "code-missing"),
            ({"code": None, "error": "access_denied"}, AccessDeniedError, "access-denied"),
        ],
    )
    def test_what_the_jwt_says_is_checked_as_ever(
        self, drive, signing, identity, known, pending, server_keys, changes, kind, code
    ):
        claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
        parameters, _ = drive(signed_parameters_flow(signing(), identity(), in_url(server_keys.sign(claims))), known)
        with pytest.raises(kind) as refused:
            parse_callback(signing(), pending, parameters, now=NOW)
        assert refused.value.code == code

    @pytest.mark.parametrize(
        "callback",
        [
            f"{CALLBACK}?code=C1&state=S1&iss={quote(ISSUER, safe='')}",
            {"code": "C1", "state": "S1"},
            f"{CALLBACK}?error=access_denied&state=S1",
        ],
    )
    def test_nobody_can_leave_the_signature_out(self, signing, pending, callback):
        with pytest.raises(MismatchingStateError) as refused:
            parse_callback(signing(), pending, callback, now=NOW)
        assert refused.value.code == "callback-unsigned"

    def test_a_login_that_could_not_be_checked_does_not_begin(self, signing, identity):
        with pytest.raises(UsageError) as refused:
            build_login(signing(issuer=None), identity(), LoginRequest(CALLBACK, NOW))
        assert refused.value.code == "issuer-unknown"

    @pytest.mark.parametrize("mode", ["fragment", "fragment.jwt"])
    def test_a_fragment_comes_to_no_server(self, signing, identity, mode):
        with pytest.raises(UsageError) as refused:
            build_login(signing(mode), identity(), LoginRequest(CALLBACK, NOW))
        assert refused.value.code == "fragment-refused"
