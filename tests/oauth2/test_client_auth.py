"""Client authentication: every method, exactly one at a time."""

import base64
import logging

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from oauthreg.errors import InvalidKeyError, MissingCredentialError, UnsupportedMethodError, UsageError
from oauthreg.jose import parse_unverified_jwt
from oauthreg.oauth1.placement import FORM, OAuth1Authentication
from oauthreg.oauth2.assertion import ASSERTION_TYPE
from oauthreg.oauth2.client_auth import (
    CLIENT_AUTH_METHODS,
    authenticate_client,
    check_client_auth,
    client_auth_method,
)
from oauthreg.oauth2.draft import Draft
from oauthreg.oauth2.server_metadata import with_metadata
from oauthreg.oauth2.token_endpoint import token_flow
from oauthreg.provider import AssertionSettings, OAuth1Settings, OAuth2Settings
from oauthreg.records import replace
from oauthreg.signing.verify import verify

NOW = 1_700_000_000
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P256 = ec.generate_private_key(ec.SECP256R1())
SECRET = "s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t"


@pytest.fixture
def authenticate(provider, identity):
    def authenticated(client_auth=None, *, settings=None, parameters=(), **client):
        given = provider(oauth2=OAuth2Settings(client_auth=client_auth, issuer="https://as.example", **settings or {}))
        draft = Draft(list(parameters))
        authenticate_client(draft, identity(**client), given)
        return draft

    return authenticated


def basic(draft):
    ((name, value),) = draft.headers
    assert name == "Authorization"
    return value


class TestOAuth1:
    """``oauth1``: the finished request is signed."""

    @pytest.mark.parametrize("method", ["HMAC-SHA256", "HMAC-SHA1"])
    def test_the_request_is_signed_as_the_provider_says(self, provider, identity, method):
        settings = OAuth1Settings(signature_methods=(method,), realm="acme")
        there = provider(oauth1=settings, oauth2=OAuth2Settings(client_auth="oauth1"))
        draft = Draft([("grant_type", "client_credentials")])
        authenticate_client(draft, identity(client_secret=SECRET), there)
        assert (draft.parameters, draft.headers, draft.query) == ([("grant_type", "client_credentials")], [], [])
        assert SECRET not in repr(draft)
        url, body = "https://as.example/token", b"grant_type=client_credentials"
        made = draft.authenticator.authenticate("POST", url, body, FORM)
        authorization = dict(made.headers)["Authorization"]
        signed = verify("POST", url, body, FORM, authorization=authorization, client_secret=SECRET, now=NOW)
        assert (signed.client_id, signed.token, signed.signature_method) == ("c1", None, method)
        assert signed.realm == "acme"

    def test_a_token_request_carries_the_signer(self, provider, identity):
        there = provider(oauth2=OAuth2Settings(client_auth="oauth1", grants=("client_credentials",)))
        request = next(token_flow(there, identity(client_secret=SECRET), "client_credentials"))
        assert isinstance(request.authenticator, OAuth1Authentication)
        assert dict(request.form) == {"grant_type": "client_credentials"}

    def test_it_needs_a_secret(self, authenticate):
        with pytest.raises(MissingCredentialError):
            authenticate("oauth1", client_secret=None)


class TestBasic:
    """``client_secret_basic``."""

    @pytest.mark.parametrize(
        ("name", "secret", "expected"),
        [
            pytest.param("ab/C 1", "x/y+z=:w%", "Basic YWIlMkZDKzE6eCUyRnklMkJ6JTNEJTNBdyUyNQ==", id="CA01"),
            pytest.param("app", "a+b", "Basic YXBwOmElMkJi", id="CA02"),
            pytest.param(
                "123-ab.apps.example.com",
                "GX-a_b.c",
                "Basic MTIzLWFiLmFwcHMuZXhhbXBsZS5jb206R1gtYV9iLmM=",
                id="CA04",
            ),
        ],
    )
    def test_the_header(self, authenticate, name, secret, expected):
        assert basic(authenticate("client_secret_basic", client_id=name, client_secret=secret)) == expected

    @pytest.mark.parametrize(
        ("secret", "written"),
        [
            pytest.param("100%25", "100%2525", id="CA05"),
            pytest.param("a%b", "a%25b", id="CA05-lone"),
            pytest.param("\u043f\u0430", "%D0%BF%D0%B0", id="CA07"),
            pytest.param("", "", id="empty"),
            pytest.param("~", "~", id="tilde"),
            pytest.param("?>?>?>", "%3F%3E%3F%3E%3F%3E", id="CA08"),
        ],
    )
    def test_both_parts_are_form_encoded(self, authenticate, secret, written):
        value = basic(authenticate("client_secret_basic", client_secret=secret))
        assert base64.b64decode(value.removeprefix("Basic "), validate=True).decode() == f"c1:{written}"

    @pytest.mark.parametrize("secret", ["x/y+z=:w%", "\u043f\u0430", "a:b"])
    def test_CA06_raw_for_servers_that_do_not_decode(self, authenticate, secret):
        value = basic(authenticate("client_secret_basic", settings={"basic_encoding": "raw"}, client_secret=secret))
        assert base64.b64decode(value.removeprefix("Basic "), validate=True).decode() == f"c1:{secret}"

    def test_CA06_a_colon_cannot_be_sent_raw(self, provider, identity):
        given = provider(oauth2=OAuth2Settings(basic_encoding="raw"))
        with pytest.raises(UsageError) as refused:
            check_client_auth(given, identity("a:b"))
        assert refused.value.code == "colon-in-client-id"

    def test_CA09_nothing_is_in_the_body(self, authenticate):
        assert authenticate("client_secret_basic").parameters == []
        draft = authenticate("client_secret_basic", settings={"send_client_id": True})
        assert draft.parameters == [("client_id", "c1")]


class TestSecretAsUsername:
    """``secret_as_username``."""

    @pytest.mark.parametrize(
        ("encoding", "secret", "user"), [("form", "sk_a+b:", "sk_a%2Bb%3A"), ("raw", "sk_a+b", "sk_a+b")]
    )
    def test_the_secret_stands_alone(self, authenticate, encoding, secret, user):
        settings = {"basic_encoding": encoding, "send_client_id": True}
        made = authenticate("secret_as_username", client_secret=secret, settings=settings)
        assert base64.b64decode(basic(made).partition(" ")[2]).decode() == f"{user}:"
        assert made.parameters == [("client_id", "c1")]

    def test_a_colon_would_end_the_name(self, authenticate):
        with pytest.raises(UsageError) as refused:
            authenticate("secret_as_username", client_secret="PLANTED:", settings={"basic_encoding": "raw"})
        assert refused.value.code == "colon-in-client-secret"
        assert "PLANTED" not in str(refused.value)


class TestMethods:
    """The table and the plain methods."""

    def test_the_default_follows_the_secret(self, provider, identity):
        given = provider()
        assert client_auth_method(given, identity()) == "client_secret_basic"
        assert client_auth_method(given, identity(client_secret="")) == "client_secret_basic"
        assert client_auth_method(given, identity(client_secret=None)) == "none"

    def test_PC01_a_public_client_names_itself(self, authenticate):
        draft = authenticate(client_secret=None)
        assert (draft.parameters, draft.headers, draft.query) == ([("client_id", "c1")], [], [])

    def test_post(self, authenticate):
        draft = authenticate("client_secret_post", client_secret=SECRET)
        assert draft.parameters == [("client_id", "c1"), ("client_secret", SECRET)]
        assert (draft.headers, draft.query) == ([], [])

    def test_a_header_of_the_providers_own(self, authenticate):
        draft = authenticate("header", settings={"client_auth_name": "secret_key"}, client_secret=SECRET)
        assert (draft.headers, draft.parameters) == ([("secret_key", SECRET)], [("client_id", "c1")])
        with pytest.raises(UsageError) as refused:
            authenticate("header")
        assert refused.value.code == "unnamed-client-auth"

    def test_query(self, authenticate):
        draft = authenticate("query", client_secret=SECRET)
        assert draft.query == [("client_id", "c1"), ("client_secret", SECRET)]
        assert (draft.headers, draft.parameters) == ([], [])
        assert authenticate("query", settings={"client_auth_name": "key"}).query[1][0] == "key"

    @pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth"])
    def test_checklist_67_a_certificate_needs_no_secret_and_sends_none(self, authenticate, method):
        draft = authenticate(method, client_secret=SECRET)
        assert (draft.parameters, draft.headers, draft.query) == ([("client_id", "c1")], [], [])

    def test_a_parameter_never_stands_twice(self, authenticate):
        draft = authenticate("client_secret_post", parameters=[("client_id", "c1")])
        assert [name for name, _ in draft.parameters] == ["client_id", "client_secret"]

    @pytest.mark.parametrize("name", ["basic", "client_secret_Basic"])
    def test_CA12_an_unknown_method_is_refused_with_the_known_ones(self, provider, identity, name):
        given = provider(oauth2=OAuth2Settings(client_auth=name))
        with pytest.raises(UnsupportedMethodError) as refused:
            check_client_auth(given, identity())
        assert refused.value.code == "unknown-client-auth"
        assert all(known in str(refused.value) for known in CLIENT_AUTH_METHODS)

    @pytest.mark.parametrize("method", ["private_key_jwt", "client_secret_jwt"])
    def test_an_assertion_can_be_checked_before_anybody_knows_whom_it_is_for(self, provider, identity, method):
        given = provider(oauth2=OAuth2Settings(client_auth=method, client_assertion=AssertionSettings("ES256")))
        given = replace(given, endpoints={"discovery": "https://as.example/metadata"})
        check_client_auth(given, identity(client_secret=SECRET, private_key=P256))
        with pytest.raises((InvalidKeyError, MissingCredentialError)):
            check_client_auth(given, identity(client_secret=None, private_key=RSA))

    @pytest.mark.parametrize("method", ["private_key_jwt", "client_secret_jwt"])
    def test_what_metadata_call_the_token_endpoint_is_no_audience(self, provider, identity, method):
        """A stranger's metadata could name another server's, and show it there what came to a place of their own."""
        settings = OAuth2Settings(client_auth=method, client_assertion=AssertionSettings("ES256"))
        client = identity(client_secret=SECRET, private_key=P256)
        bare = replace(provider(oauth2=settings), endpoints={"discovery": "https://as.example/metadata"})
        told = {"issuer": "https://as.example/app", "token_endpoint": "https://honest.example/token"}
        found = with_metadata(bare, told, "https://as.example/metadata")
        with pytest.raises(UsageError) as refused:
            authenticate_client(Draft([]), client, found)
        assert (refused.value.code, found.oauth2.issuer) == ("issuer-unknown", None)
        known = with_metadata(replace(bare, oauth2=replace(settings, issuer="https://as.example/app")), told, "x")
        authenticate_client(draft := Draft([]), client, known)
        assert parse_unverified_jwt(dict(draft.parameters)["client_assertion"])[1]["aud"] == "https://as.example/app"

    @pytest.mark.parametrize(
        ("method", "code"),
        [
            ("client_secret_basic", "missing-client-secret"),
            ("client_secret_post", "missing-client-secret"),
            ("client_secret_jwt", "missing-client-secret"),
            ("query", "missing-client-secret"),
            ("header", "missing-client-secret"),
            ("private_key_jwt", "missing-private-key"),
            ("signed_secret", "missing-private-key"),
        ],
    )
    def test_what_is_missing_is_told_before_any_traffic(self, provider, identity, method, code):
        given = provider(oauth2=OAuth2Settings(client_auth=method, client_auth_name="x"))
        with pytest.raises(MissingCredentialError) as refused:
            check_client_auth(given, identity(client_secret=None))
        assert refused.value.code == code
        assert method in str(refused.value)


class TestAssertions:
    """``private_key_jwt``, ``client_secret_jwt`` and ``signed_secret``, verified by another package."""

    def test_private_key_jwt(self, authenticate):
        draft = authenticate("private_key_jwt", private_key=RSA, key_id="k1", client_secret=None)
        fields = dict(draft.parameters)
        assertion = fields.pop("client_assertion")
        assert fields == {"client_id": "c1", "client_assertion_type": ASSERTION_TYPE}
        assert (draft.headers, draft.query) == ([], [])
        token = jwt.decode(assertion, RSAKey(RSA.public_key(), RSA.public_key()), algorithms=["RS256"])
        assert token.header == {"alg": "RS256", "typ": "client-authentication+jwt", "kid": "k1"}
        assert token.claims == {
            "iss": "c1",
            "sub": "c1",
            "aud": "https://as.example",
            "iat": NOW,
            "exp": NOW + 60,
            "jti": "id1",
        }

    @pytest.mark.parametrize(("given", "used"), [("RS256", "HS256"), ("HS512", "HS512")])
    def test_client_secret_jwt(self, authenticate, given, used):
        settings = {"client_assertion": AssertionSettings(given, lifetime=60)}
        draft = authenticate("client_secret_jwt", settings=settings, client_secret=SECRET)
        assert SECRET not in str(draft.parameters)
        token = jwt.decode(dict(draft.parameters)["client_assertion"], OctKey.import_key(SECRET), algorithms=[used])
        assert token.claims["sub"] == "c1"

    def test_a_signed_secret_of_a_team(self, authenticate):
        class Team:
            names = frozenset({"client:team_id"})

            def render(self, documents):
                return documents["client"]["team_id"]

        settings = {
            "client_assertion": AssertionSettings(
                "ES256",
                typ="JWT",
                claims={"iss": Team()},
                lifetime=300,
                max_lifetime=15_777_000,
                audience="https://id.example",
            )
        }
        draft = authenticate(
            "signed_secret",
            settings=settings,
            client_id="com.example.web",
            private_key=P256,
            key_id="KEY1",
            credentials={"team_id": "TEAM1"},
        )
        fields = dict(draft.parameters)
        assert fields.keys() == {"client_id", "client_secret"}
        token = jwt.decode(fields["client_secret"], ECKey(P256.public_key(), P256.public_key()), algorithms=["ES256"])
        assert token.header == {"alg": "ES256", "typ": "JWT", "kid": "KEY1"}
        assert token.claims == {
            "iss": "TEAM1",
            "sub": "com.example.web",
            "aud": "https://id.example",
            "iat": NOW,
            "exp": NOW + 300,
            "jti": "id1",
        }

    @pytest.mark.parametrize(
        ("algorithm", "key"),
        [
            pytest.param("RS256", P256, id="JK07-ec"),
            pytest.param("ES256", RSA, id="JK07-rsa"),
            pytest.param("ES384", P256, id="JK07-curve"),
        ],
    )
    def test_JK07_a_key_that_fits_no_algorithm_is_refused_at_creation(self, provider, identity, algorithm, key):
        settings = OAuth2Settings(client_auth="private_key_jwt", client_assertion=AssertionSettings(algorithm))
        with pytest.raises(InvalidKeyError) as refused:
            check_client_auth(provider(oauth2=settings), identity(private_key=key))
        assert refused.value.code == "wrong-key-kind"

    def test_JA01_an_unknown_issuer_is_warned_of(self, provider, identity, caplog):
        def checked(**settings):
            caplog.clear()
            with caplog.at_level(logging.WARNING, "oauthreg"):
                check_client_auth(
                    provider(oauth2=OAuth2Settings(client_auth="private_key_jwt", **settings)),
                    identity(private_key=RSA),
                )
            return [record.getMessage() for record in caplog.records]

        assert checked() == ["the issuer of example is not known: client assertions name its token endpoint"]
        assert checked(issuer="https://as.example") == []
        assert checked(client_assertion=AssertionSettings(audience="https://as.example/token")) == []
