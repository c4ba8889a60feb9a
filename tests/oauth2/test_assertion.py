"""JWT assertions: their claims, header and bounds. Test ids are those of ``tests/vectors/oauth2_cases.json``."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from oauthreg.errors import InvalidKeyError, UnsupportedMethodError, UsageError
from oauthreg.oauth2.assertion import (
    audience_of,
    build_assertion,
    build_client_assertion,
    build_self_signed_token,
)
from oauthreg.provider import AssertionSettings, OAuth2Settings

NOW = 1_700_000_000
PLAIN = AssertionSettings()
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


class Text:
    """A template over one field of one document."""

    def __init__(self, document, field):
        self.document, self.field = document, field

    @property
    def names(self):
        return frozenset((f"{self.document}:{self.field}",))

    def render(self, documents):
        return documents[self.document].get(self.field)


def decode(text, algorithm="RS256"):
    return jwt.decode(text, RSAKey(KEY.public_key(), KEY.public_key()), algorithms=[algorithm])


@pytest.fixture
def client(identity):
    return identity(private_key=KEY, credentials={"team_id": "T1"})


@pytest.fixture
def build(client):
    def built(settings=PLAIN, **changes):
        arguments = {"issuer": "iss", "subject": "sub", "audience": "aud"} | changes
        return decode(build_assertion(settings, client, **arguments))

    return built


class TestClaims:
    """What is in an assertion."""

    def test_the_claims_of_the_standard(self, build):
        assert build().claims == {
            "iss": "iss",
            "sub": "sub",
            "aud": "aud",
            "iat": NOW,
            "exp": NOW + 3600,
            "jti": "id1",
        }

    def test_an_absent_subject_leaves_no_claim(self, build):
        assert "sub" not in build(subject=None).claims

    def test_JA05_each_assertion_has_an_identifier_of_its_own(self, build):
        assert build().claims["jti"] != build().claims["jti"]
        assert build(claims={"jti": "mine"}).claims["jti"] == "mine"

    def test_JA06_each_assertion_has_times_of_its_own(self, build, clock):
        first = build().claims
        clock.advance(7200)
        second = build().claims
        assert (second["iat"], second["exp"]) == (first["iat"] + 7200, first["exp"] + 7200)

    def test_JA10_times_are_integers(self, build, clock):
        clock.now += 0.75
        claims = build(AssertionSettings(backdate=5), lifetime=60.0).claims
        assert [type(claims[name]) for name in ("iat", "exp")] == [int, int]
        assert (claims["iat"], claims["exp"]) == (NOW - 5, NOW + 55)
        assert build(issued_at=float(NOW)).claims["iat"] == NOW

    @pytest.mark.parametrize("claims", [{"exp": NOW + 60.5}, {"iat": str(NOW)}, {"exp": None}], ids=str)
    def test_JA10_other_times_are_refused(self, build, claims):
        with pytest.raises(UsageError) as refused:
            build(claims=claims)
        assert refused.value.code == "assertion-times"

    @pytest.mark.parametrize("lifetime", [7200, 3601, 0, -60])
    def test_JA09_a_lifetime_out_of_bounds_is_refused(self, build, lifetime):
        with pytest.raises(UsageError, match=r"3600") as refused:
            build(lifetime=lifetime)
        assert refused.value.code == "assertion-lifetime"

    def test_JA09_claims_do_not_get_around_the_bound(self, build):
        with pytest.raises(UsageError) as refused:
            build(claims={"exp": NOW + 7200})
        assert refused.value.code == "assertion-lifetime"

    def test_the_bound_may_be_beyond_the_default(self, build):
        settings = AssertionSettings(lifetime=60, max_lifetime=600)
        assert build(settings).claims["exp"] == NOW + 60
        assert build(settings, lifetime=600).claims["exp"] == NOW + 600
        with pytest.raises(UsageError):
            build(settings, lifetime=601)

    def test_the_providers_claims_are_filled_in(self, build):
        settings = AssertionSettings(
            claims={
                "scope": Text("assertion", "scope"),
                "sub_type": "enterprise",
                "team": Text("client", "team_id"),
                "absent": Text("client", "nothing"),
                "sub": None,
            }
        )
        claims = build(settings, scope="s1 s2").claims
        assert (claims["scope"], claims["sub_type"], claims["team"]) == ("s1 s2", "enterprise", "T1")
        assert claims.keys().isdisjoint({"absent", "sub"})
        assert "scope" not in build(settings).claims

    def test_the_callers_claims_win(self, build):
        settings = AssertionSettings(claims={"iss": "theirs", "x": 1})
        claims = build(settings, claims={"iss": "mine", "x": None}).claims
        assert claims["iss"] == "mine"
        assert "x" not in claims


class TestHeader:
    """What is in the header."""

    def test_type_and_key_identifier(self, client):
        text = build_assertion(
            AssertionSettings(typ="client-authentication+jwt"), client, issuer="i", subject="s", audience="a"
        )
        assert decode(text).header == {"alg": "RS256", "typ": "client-authentication+jwt"}

    def test_JA04_the_type_can_be_set_back(self, build):
        assert build(AssertionSettings(typ="JWT")).header["typ"] == "JWT"
        assert "typ" not in build(AssertionSettings(typ="")).header

    def test_the_providers_header_and_the_callers(self, build):
        settings = AssertionSettings(header={"x5t": "abc", "kid": Text("client", "team_id")})
        header = build(settings, header={"kid": "mine"}).header
        assert (header["x5t"], header["kid"]) == ("abc", "mine")
        assert build(settings).header["kid"] == "T1"

    def test_the_callers_algorithm(self, client):
        text = build_assertion(
            AssertionSettings(), client, issuer="i", subject="s", audience="a", header={"alg": "PS384"}
        )
        assert decode(text, "PS384").header["alg"] == "PS384"

    def test_the_callers_key(self, identity):
        text = build_assertion(AssertionSettings(), identity(), issuer="i", subject="s", audience="a", key=PEM)
        assert decode(text).claims["iss"] == "i"

    def test_no_key_and_no_algorithm(self, identity, client):
        arguments = {"issuer": "i", "subject": "s", "audience": "a"}
        with pytest.raises(InvalidKeyError):
            build_assertion(AssertionSettings(), identity(), **arguments)
        with pytest.raises(UnsupportedMethodError):
            build_assertion(AssertionSettings("none"), client, **arguments)


class TestAudience:
    """Whom an assertion is for."""

    def test_JA01_the_issuer_authenticates_a_client_the_endpoint_a_grant(self, provider, client):
        given = provider(oauth2=OAuth2Settings(issuer="https://as.example"))
        settings = given.oauth2.client_assertion
        assert audience_of(given, settings, client.documents, prefer_issuer=True) == "https://as.example"
        assert audience_of(given, given.oauth2.assertion, client.documents) == "https://as.example/token"
        unknown = provider()
        assert audience_of(unknown, settings, {}, prefer_issuer=True) == "https://as.example/token"

    def test_the_settings_win(self, provider, client):
        given = provider(oauth2=OAuth2Settings(issuer="https://as.example"))
        fixed, filled = AssertionSettings(audience="own"), AssertionSettings(audience=Text("client", "team_id"))
        assert audience_of(given, fixed, client.documents, prefer_issuer=True) == "own"
        assert audience_of(given, filled, client.documents, prefer_issuer=True) == "T1"

    @pytest.mark.parametrize(
        "settings",
        [
            AssertionSettings(audience=["https://as.example", "https://as.example/token"]),
            AssertionSettings(claims={"aud": ["https://as.example", "https://as.example/token"]}),
        ],
        ids=["audience", "claim"],
    )
    def test_JA03_several_audiences_are_refused(self, provider, client, settings):
        given = provider(oauth2=OAuth2Settings(issuer="https://as.example", client_assertion=settings))
        with pytest.raises(UsageError) as refused:
            build_client_assertion(given, client, KEY, "RS256")
        assert refused.value.code == "several-audiences"


class TestOfAClient:
    """Assertions by which a client proves itself: made ready once, new each time."""

    @pytest.fixture
    def given(self, provider):
        def make(**settings):
            return provider(
                oauth2=OAuth2Settings(issuer="https://as.example", client_assertion=AssertionSettings(**settings))
            )

        return make

    @pytest.mark.parametrize("key", ["object", "text", "file"])
    def test_times_and_identifier_are_new(self, given, identity, key, tmp_path):
        path, seconds = tmp_path / "key.pem", iter((NOW, NOW + 7, NOW + 7))
        path.write_text(PEM)
        client = replace(identity(key_id="k1"), now=lambda: next(seconds) + 0.9)
        it = given(lifetime=30, backdate=5, claims={"team": Text("client", "client_id")})
        found = [
            decode(build_client_assertion(it, client, {"object": KEY, "text": PEM, "file": path}[key], "RS256"))
            for _ in range(3)
        ]
        assert [one.claims for one in found] == [
            {
                "iss": "c1",
                "sub": "c1",
                "aud": "https://as.example",
                "team": "c1",
                "iat": issued_at,
                "exp": issued_at + 30,
                "jti": f"id{number}",
            }
            for number, issued_at in enumerate((NOW - 5, NOW + 2, NOW + 2), start=1)
        ]
        assert all(one.header == {"alg": "RS256", "kid": "k1", "typ": PLAIN.typ} for one in found)

    def test_nothing_of_another_provider_key_or_algorithm(self, given, client):
        other, first = rsa.generate_private_key(public_exponent=65537, key_size=2048), given()
        second = replace(first, oauth2=replace(first.oauth2, issuer="https://other.example"))
        for it, key, algorithm in (
            (first, KEY, "RS256"),
            (second, KEY, "RS256"),
            (second, other, "RS256"),
            (first, KEY, "RS512"),
            (first, other, "RS512"),
            (first, KEY, "RS256"),
        ):
            public = RSAKey(key.public_key(), key.public_key())
            found = jwt.decode(build_client_assertion(it, client, key, algorithm), public, algorithms=[algorithm])
            assert (found.claims["aud"], found.header["alg"]) == (it.oauth2.issuer, algorithm)

    def test_a_file_is_read_anew(self, given, client, tmp_path):
        path = tmp_path / "key.pem"
        path.write_text(PEM)
        it = given()
        decode(build_client_assertion(it, client, path, "RS256"))
        path.write_text("no key")
        with pytest.raises(InvalidKeyError):
            build_client_assertion(it, client, path, "RS256")

    @pytest.mark.parametrize("claim", ["iat", "exp", "jti"])
    def test_settings_may_say_what_is_made(self, given, client, claim):
        said = {"iat": NOW + 1, "exp": NOW + 2, "jti": "own"}
        it = given(claims={claim: said[claim]})
        assert decode(build_client_assertion(it, client, KEY, "RS256")).claims[claim] == said[claim]

    def test_an_identifier_of_any_characters(self, given, identity):
        client = replace(identity(), make_id=lambda: 'a"b\\c\n')
        assert decode(build_client_assertion(given(), client, PEM, "RS256")).claims["jti"] == 'a"b\\c\n'

    @pytest.mark.parametrize("key", ["object", "file"])
    def test_a_lifetime_out_of_bounds(self, given, client, key, tmp_path):
        path = tmp_path / "key.pem"
        path.write_text(PEM)
        with pytest.raises(UsageError) as refused:
            build_client_assertion(
                given(lifetime=61, max_lifetime=60), client, KEY if key == "object" else path, "RS256"
            )
        assert refused.value.code == "assertion-lifetime"

    def test_nothing_kept_is_shown(self, given, client):
        build_client_assertion(given(), client, PEM, "RS256")
        assert "PRIVATE" not in repr(client)
        assert "ready" not in repr(client)


class TestSelfSigned:
    """Access tokens that the client signs itself."""

    @pytest.fixture
    def sign(self, provider, client):
        settings = AssertionSettings(claims={"scope": Text("assertion", "scope")}, self_signed=True)
        given = provider(oauth2=OAuth2Settings(assertion=settings))
        return lambda **arguments: build_self_signed_token(given, client, issuer="sa@example", **arguments)

    def test_JA14_for_a_service(self, sign):
        token = sign(audience="https://svc.example/")
        assert (token.token_type, token.expires_at, token["expires_in"]) == ("Bearer", NOW + 3600, 3600)
        claims = decode(token.access_token).claims
        assert {name: claims.get(name) for name in ("iss", "sub", "aud", "scope")} == {
            "iss": "sa@example",
            "sub": "sa@example",
            "aud": "https://svc.example/",
            "scope": None,
        }
        assert claims["exp"] - claims["iat"] == 3600

    def test_JA14_for_scopes(self, sign):
        token = sign(scope="s1 s2", lifetime=60)
        claims = decode(token.access_token).claims
        assert (claims["scope"], "aud" in claims) == ("s1 s2", False)
        assert (token.scopes, token.expires_at) == (("s1", "s2"), NOW + 60)

    @pytest.mark.parametrize("arguments", [{}, {"audience": "a", "scope": "s"}], ids=["neither", "both"])
    def test_JA14_never_for_both_or_neither(self, sign, arguments):
        with pytest.raises(UsageError) as refused:
            sign(**arguments)
        assert refused.value.code == "self-signed-audience"
