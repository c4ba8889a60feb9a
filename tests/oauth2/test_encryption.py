"""ID tokens, logout tokens and userinfo answers that a provider encrypts. The joserfc package is what encrypts here."""

import json

import pytest
from joserfc import jwe
from joserfc.jwk import RSAKey

from oauthreg.errors import MissingCredentialError, ResponseError
from oauthreg.jwe import DecryptionKeys
from oauthreg.messages import Response
from oauthreg.oauth2.id_token import Expected, id_token_flow, keys_flow
from oauthreg.oauth2.logout_token import LOGGED_OUT, logout_token_flow
from oauthreg.oauth2.token_endpoint import renewal_flow
from oauthreg.oauth2.userinfo import opened_flow
from oauthreg.provider import OAuth2Settings
from oauthreg.token import OAuth2Token

NOW = 1_700_000_000
ISSUER = "https://as.example"
CLAIMS = {"iss": ISSUER, "sub": "u1", "aud": "c1", "iat": NOW, "exp": NOW + 3600}
KEY = RSAKey.generate_key(2048)
OTHER = RSAKey.generate_key(2048)
OPENING = DecryptionKeys(KEY.as_pem(private=True))
GOOD = {"access_token": "AT1", "token_type": "Bearer", "expires_in": 60}


def encrypted(text, key=KEY, algorithm="RSA-OAEP-256"):
    registry = jwe.JWERegistry(algorithms=[algorithm, "A128CBC-HS256"])
    return jwe.encrypt_compact({"alg": algorithm, "enc": "A128CBC-HS256"}, text.encode(), key, registry=registry)


@pytest.fixture
def openid(provider):
    """An OpenID provider that publishes keys."""

    def make(*encryption):
        settings = OAuth2Settings(issuer=ISSUER, id_token_encryption=encryption)
        return provider(protocol="oidc", endpoints={"jwks": f"{ISSUER}/jwks"}, oauth2=settings)

    return make


@pytest.fixture
def check(drive, openid, identity, known):
    """The ID token that is kept of a login which brought ``text``."""

    def run(text, *encryption, keys=OPENING, asked=True):
        found = OAuth2Token(access_token="AT", id_token=text)
        client = identity(decryption_keys=keys)
        flow = id_token_flow(openid(*encryption), client, found, Expected("n0nce", is_needed=True))
        drive(flow, *[known] * asked)
        return found.id_token

    return run


class TestIDTokens:
    """Spec: OpenID Connect Core 1.0 section 3.1.3.7, point 1."""

    @pytest.mark.parametrize("encryption", [(), ("RSA-OAEP-256",), ("RSA-OAEP", "RSA-OAEP-256")], ids=str)
    def test_what_is_inside_is_checked_and_kept(self, check, server_keys, encryption):
        text = server_keys.sign({**CLAIMS, "nonce": "n0nce"})
        assert check(encrypted(text), *encryption) == text

    def test_one_that_is_not_encrypted_may_come_unless_it_was_agreed_on(self, check, server_keys):
        text = server_keys.sign({**CLAIMS, "nonce": "n0nce"})
        assert check(text) == text
        assert check(text, keys=None) == text
        with pytest.raises(ResponseError, match="not encrypted with RSA-OAEP-256, as was agreed on") as refused:
            check(text, "RSA-OAEP-256", asked=False)
        assert refused.value.code == "jwt-not-encrypted"

    @pytest.mark.parametrize(
        ("changes", "code"),
        [({"nonce": "another"}, "id-token-nonce"), ({"aud": "c2"}, "id-token-audience"), ({"exp": 1}, "jwt-expired")],
    )
    def test_encryption_proves_nothing(self, check, server_keys, changes, code):
        with pytest.raises(ResponseError) as refused:
            check(encrypted(server_keys.sign({**CLAIMS, "nonce": "n0nce", **changes})), asked=False)
        assert refused.value.code == code

    def test_anybody_can_encrypt_to_a_public_key(self, check, server_keys):
        forged = server_keys.sign({**CLAIMS, "nonce": "n0nce"}, "evil", kid="k1")
        with pytest.raises(ResponseError) as refused:
            check(encrypted(forged), asked=2)
        assert refused.value.code == "id-token-signature"

    @pytest.mark.parametrize(
        ("inside", "code"),
        [
            (json.dumps(CLAIMS), "jwt-malformed"),
            ("e30.e30.", "jwt-unsigned"),
            ("", "jwt-malformed"),
            ("a.b.c", "jwt-malformed"),
        ],
    )
    def test_what_is_inside_must_be_signed(self, check, inside, code):
        with pytest.raises(ResponseError) as refused:
            check(encrypted(inside), asked=False)
        assert refused.value.code == code

    def test_nothing_is_opened_twice(self, check, server_keys):
        with pytest.raises(ResponseError) as refused:
            check(encrypted(encrypted(server_keys.sign(CLAIMS))), asked=False)
        assert refused.value.code == "jwt-encrypted"

    @pytest.mark.parametrize(
        ("key", "algorithm", "encryption", "code"),
        [
            (OTHER, "RSA-OAEP-256", (), "jwt-decryption"),
            (KEY, "RSA-OAEP", ("RSA-OAEP-256",), "jwt-algorithm"),
        ],
    )
    def test_one_that_cannot_be_opened(self, check, server_keys, key, algorithm, encryption, code):
        text = encrypted(server_keys.sign({**CLAIMS, "nonce": "n0nce"}), key, algorithm)
        with pytest.raises(ResponseError) as refused:
            check(text, *encryption, asked=False)
        assert refused.value.code == code

    def test_without_a_key_the_error_says_what_is_missing(self, check, server_keys):
        with pytest.raises(ResponseError, match="there is no key that opens it") as refused:
            check(encrypted(server_keys.sign(CLAIMS)), keys=None, asked=False)
        assert (refused.value.code, refused.value.hint) == ("jwt-encrypted", "pass `decryption_key=`")

    def test_where_it_was_agreed_on_a_missing_key_is_noticed_before_the_code_is_sent(self, openid, identity):
        with pytest.raises(MissingCredentialError) as refused:
            next(keys_flow(openid("RSA-OAEP"), identity()))
        assert refused.value.code == "missing-decryption-key"


class TestRenewals:
    """What was exchanged is spent: an ID token that cannot be opened costs nothing but itself."""

    @pytest.fixture
    def renew(self, drive, openid, identity, known):
        def run(former, text, *encryption):
            token = OAuth2Token(access_token="A", refresh_token="R", id_token=former)
            flow = renewal_flow(openid(*encryption), identity(decryption_keys=OPENING), token)
            return drive(flow, GOOD | {"id_token": text}, known)[0]

        return run

    def test_it_is_opened_and_is_about_the_same_user(self, renew, server_keys):
        former, text = server_keys.sign(CLAIMS), server_keys.sign({**CLAIMS, "iat": NOW - 1})
        assert renew(former, encrypted(text), "RSA-OAEP-256").id_token == text
        with pytest.raises(ResponseError) as refused:
            renew(former, encrypted(server_keys.sign({**CLAIMS, "sub": "u2"})))
        assert refused.value.code == "id-token-user"

    def test_one_that_cannot_be_opened_leaves_the_former_in_place(self, drive, openid, identity, server_keys):
        former = server_keys.sign(CLAIMS)
        plain = server_keys.sign({**CLAIMS, "iat": NOW - 1})
        for text in (encrypted(plain, OTHER), plain):
            token = OAuth2Token(access_token="A", refresh_token="R", id_token=former)
            flow = renewal_flow(openid("RSA-OAEP-256"), identity(decryption_keys=OPENING), token)
            found, _ = drive(flow, GOOD | {"id_token": text})
            assert (found.access_token, found.id_token) == ("AT1", former)


def test_a_logout_token(drive, openid, identity, server_keys, known):
    """Spec: OpenID Connect Back-Channel Logout 1.0 section 2.6, point 1."""
    claims = {**CLAIMS, "jti": "j1", "events": {LOGGED_OUT: {}}}
    client = identity(decryption_keys=OPENING)
    text = server_keys.sign(claims)
    for encryption in ((), ("RSA-OAEP-256",)):
        assert drive(logout_token_flow(openid(*encryption), client, encrypted(text)), known)[0].sub == "u1"
    for given, keys, code in ((text, OPENING, "jwt-not-encrypted"), (encrypted(text), None, "jwt-encrypted")):
        with pytest.raises(ResponseError) as refused:
            next(logout_token_flow(openid("RSA-OAEP-256"), identity(decryption_keys=keys), given))
        assert refused.value.code == code


class TestUserinfo:
    """Spec: OpenID Connect Core 1.0 section 5.3.2."""

    @pytest.fixture
    def open_(self, drive, openid, known):
        def run(text, asked=0, keys=OPENING):
            answer = Response(200, {"content-type": "application/jwt"}, text.encode())
            flow = opened_flow(openid(), answer, client_id="c1", client_secret=None, now=NOW, decryption_keys=keys)
            opened = drive(flow, *[known] * asked)[0]
            assert opened.headers["content-type"] == "application/json"
            return json.loads(opened.body)

        return run

    def test_signed_and_encrypted(self, open_, server_keys):
        assert open_(encrypted(server_keys.sign(CLAIMS)), asked=1) == CLAIMS

    def test_encrypted_alone_says_what_a_plain_answer_would(self, open_):
        assert open_(encrypted(json.dumps({"sub": "u1", "name": "Zo\u00eb"}))) == {"sub": "u1", "name": "Zoë"}

    @pytest.mark.parametrize(
        ("text", "keys", "code"),
        [
            (encrypted("{}", OTHER), OPENING, "jwt-decryption"),
            (encrypted("{}"), None, "jwt-encrypted"),
            (encrypted("e30.e30."), OPENING, "jwt-unsigned"),
            (encrypted(""), OPENING, "jwt-malformed"),
        ],
    )
    def test_what_tells_nothing(self, open_, text, keys, code):
        with pytest.raises(ResponseError) as refused:
            open_(text, keys=keys)
        assert refused.value.code == code
