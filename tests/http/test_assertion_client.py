"""The assertion client against a token endpoint that verifies JWTs with joserfc, on its own."""

import asyncio
import inspect
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.jws import extract_compact

from oauthreg.errors import (
    InvalidKeyError,
    MissingCredentialError,
    OAuthError,
    ReauthorizationRequired,
    UnsupportedMethodError,
    UsageError,
)
from oauthreg.http import AsyncAssertionClient
from oauthreg.http.token_life import TokenLives
from oauthreg.provider import AssertionSettings, OAuth2Settings, Provider, Scopes
from oauthreg.records import replace
from oauthreg.stores import MemoryStore

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture(scope="session")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def pem(rsa_key):
    return rsa_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture
def public_key(rsa_key):
    return RSAKey(rsa_key.public_key(), rsa_key.public_key())


@pytest.fixture
def make_client(session, authority, pem, clock):
    """Makes clients without a definition."""

    def make(*arguments, **options):
        url = f"{authority.url}/token"
        options = {"key": pem, "audience": url, "clock": clock, **options}
        return AsyncAssertionClient(session, url, *arguments or ("svc@example.org",), **options)

    return make


class Template:
    """Text with one placeholder, as definitions have it."""

    names = frozenset({"assertion:scope"})

    def __init__(self, *path):
        self.path = path

    def render(self, documents):
        value = documents
        for name in self.path:
            value = value.get(name) or {}
        return value or None


@pytest.fixture
def make_defined(session, authority, pem, clock):
    """Makes clients of a provider that wants the scope among the claims."""

    def make(assertion=None, **options):
        settings = assertion or AssertionSettings(claims={"scope": Template("assertion", "scope")})
        provider = Provider(
            name="acme",
            protocol="oauth2",
            endpoints={"token": f"{authority.url}/token", "api_base": f"{authority.url}/"},
            oauth2=OAuth2Settings(grants=("jwt_bearer",), assertion=settings),
        )
        return AsyncAssertionClient(
            session, provider=provider, **{"issuer": "svc@example.org", "key": pem, "clock": clock, **options}
        )

    return make


async def text_of(client, url):
    async with client.get(url) as response:
        return await response.text()


def verified(assertion, key, algorithm="RS256"):
    token = jwt.decode(assertion, key, algorithms=[algorithm])
    return token.header, token.claims


class TestConstruction:
    def test_the_arguments_are_those_of_the_old_module(self):
        parameters = inspect.signature(AsyncAssertionClient).parameters
        positional = {name: p.default for name, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD}
        assert positional == {
            "session": inspect.Parameter.empty,
            "token_url": None,
            "issuer": None,
            "subject": None,
            "audience": None,
            "grant_type": None,
            "claims": None,
            "token_placement": "header",
            "scope": None,
        }
        assert AsyncAssertionClient.JWT_BEARER_GRANT_TYPE == JWT_BEARER

    async def test_it_needs_an_issuer_and_a_key(self, session, pem):
        with pytest.raises(MissingCredentialError) as caught:
            AsyncAssertionClient(session, "https://as.example/token", key=pem)
        assert caught.value.code == "missing-issuer"
        with pytest.raises(MissingCredentialError) as caught:
            AsyncAssertionClient(session, "https://as.example/token", "me")
        assert caught.value.code == "missing-private-key"

    async def test_under_what_a_store_keeps_its_tokens(self, make_client, authority):
        store = MemoryStore()
        client = make_client(account="ada", store=store, claims={"x": "1"})
        await client.ensure_active_token()
        assert [key async for key in store.token_keys()] == [client.token_key("ada")]
        assert client.token_key("bob") == replace(client.token_key("ada"), account="bob")

    async def test_the_client_identifier_may_be_the_issuer(self, session, pem):
        assert AsyncAssertionClient(session, "https://as.example/token", client_id="me", key=pem).client_id == "me"

    @pytest.mark.parametrize(
        ("alg", "key"),
        [
            ("RS256", ec.generate_private_key(ec.SECP256R1())),
            ("ES256", ec.generate_private_key(ec.SECP384R1())),
            ("HS256", "-----BEGIN PRIVATE KEY-----"),
            ("RS256", "an API key"),
        ],
    )
    async def test_case_JK07_a_key_of_the_wrong_kind_is_refused_at_once(self, alg, key, make_client):
        with pytest.raises(InvalidKeyError):
            make_client(key=key, alg=alg)

    async def test_unknown_algorithms_are_refused(self, make_client):
        with pytest.raises(UnsupportedMethodError):
            make_client(alg="none")

    async def test_it_shows_no_secret(self, make_client, pem):
        assert repr(make_client(token="PLANTED")) == "<AsyncAssertionClient provider='custom' client_id=''>"


class TestWithoutDefinition:
    async def test_the_assertion_of_the_old_module(self, make_client, authority, public_key, clock):
        client = make_client(
            "svc@example.org", "ada@example.org", claims={"own": 1}, header={"alg": "RS256", "kid": "k1"}
        )
        await text_of(client, authority.url)
        (form,) = authority.asked
        assert form.keys() == {"grant_type", "assertion"}
        assert form["grant_type"] == JWT_BEARER
        header, claims = verified(form["assertion"], public_key)
        assert header == {"alg": "RS256", "kid": "k1", "typ": "JWT"}
        assert len(claims.pop("jti")) >= 22
        assert claims == {
            "iss": "svc@example.org",
            "sub": "ada@example.org",
            "aud": f"{authority.url}/token",
            "iat": int(clock()),
            "exp": int(clock()) + 3600,
            "own": 1,
        }
        assert authority.used == ["Bearer A1"]

    async def test_the_scope_goes_into_the_form(self, make_client, authority, public_key):
        await make_client(scope=["a", "b"]).fetch_token()
        assert authority.asked[0]["scope"] == "a b"
        assert "scope" not in verified(authority.asked[0]["assertion"], public_key)[1]

    async def test_unless_the_claims_have_it(self, make_client, authority, public_key):
        await make_client(scope="a", claims={"scope": "b"}).fetch_token()
        assert "scope" not in authority.asked[0]

    async def test_without_a_subject_there_is_no_such_claim(self, make_client, authority, public_key):
        await make_client().fetch_token()
        assert "sub" not in verified(authority.asked[0]["assertion"], public_key)[1]

    async def test_the_audience_is_the_token_endpoint_by_default(self, make_client, authority, public_key):
        await make_client(audience=None).fetch_token()
        assert verified(authority.asked[0]["assertion"], public_key)[1]["aud"] == f"{authority.url}/token"

    @pytest.mark.parametrize(
        ("times", "expected"),
        [
            ({"expires_in": 60}, (1_700_000_000, 1_700_000_060)),
            ({"issued_at": 1_699_999_000, "expires_at": 1_699_999_100}, (1_699_999_000, 1_699_999_100)),
            ({"expires_at": 1_700_000_500}, (1_700_000_000, 1_700_000_500)),
            ({"expires_in": 7200}, (1_700_000_000, 1_700_007_200)),
        ],
    )
    async def test_given_times(self, times, expected, make_client, authority, public_key):
        await make_client(**times).fetch_token()
        claims = json.loads(extract_compact(authority.asked[0]["assertion"].encode()).payload)
        assert (claims["iat"], claims["exp"]) == expected

    async def test_other_algorithms_and_grants(self, make_client, authority):
        key = ec.generate_private_key(ec.SECP256R1())
        await make_client(key=key, alg="ES256", key_id="k2", grant_type="urn:example:assertion").fetch_token()
        form = authority.asked[0]
        assert form["grant_type"] == "urn:example:assertion"
        header, _ = verified(form["assertion"], ECKey(key.public_key(), key.public_key()), "ES256")
        assert header["kid"] == "k2"

    async def test_a_shared_secret(self, make_client, authority):
        await make_client(key="k" * 32, alg="HS256").fetch_token()
        verified(authority.asked[0]["assertion"], OctKey.import_key("k" * 32), "HS256")


class TestTokenLife:
    async def test_the_first_request_fetches_and_a_later_one_renews(self, make_client, authority, clock):
        client = make_client()
        await asyncio.gather(*(text_of(client, authority.url) for _ in range(10)))
        clock.advance(3600)
        await text_of(client, authority.url)
        assert [form["grant_type"] for form in authority.asked] == [JWT_BEARER] * 2

    async def test_case_JA05_each_assertion_is_new(self, make_client, authority, public_key, clock):
        client = make_client()
        await client.fetch_token()
        clock.advance(7200)
        await client.refresh_token()
        claims = [verified(form["assertion"], public_key)[1] for form in authority.asked]
        assert claims[0]["jti"] != claims[1]["jti"]
        assert claims[1]["iat"] - claims[0]["iat"] == 7200

    async def test_renewing_at_the_same_time_is_renewing_once(self, make_client, authority):
        client = make_client()
        await client.fetch_token()
        tokens = await asyncio.gather(*(client.refresh_token() for _ in range(5)))
        assert {token.access_token for token in tokens} == {"A2"}

    async def test_case_JA15_an_error_is_not_taken_for_a_token(self, make_client, authority, json_reply):
        told = []
        client = make_client(token_updater=told.append)
        authority.replies = [json_reply({"error": "invalid_grant"})]
        with pytest.raises(ReauthorizationRequired):
            await client.get(authority.url)
        assert (told, client.token) == ([], None)
        await text_of(client, authority.url)

    async def test_the_clients_of_a_registry_share_tokens_by_subject_and_scope(self, make_client, authority):
        lives = TokenLives(MemoryStore())
        for _ in range(2):
            for subject, scope in (("ada", "a"), ("bob", "a"), ("ada", "b")):
                await text_of(make_client("svc", subject, scope=scope, lives=lives), authority.url)
        assert len(authority.asked) == 3

    @pytest.mark.parametrize(
        ("claims", "asked"),
        [
            ([{"target_audience": "https://one.example"}, {"target_audience": "https://two.example"}], 2),
            ([{"target_audience": "https://one.example"}, {}], 2),
            ([{"a": {"b": 1}, "c": 2}, {"c": 2, "a": {"b": 1}}], 1),
            ([{"jti": "1", "iat": 1_699_999_990, "exp": 1_700_000_600}, {"sub": None}], 1),
        ],
    )
    async def test_claims_say_what_a_token_is_for(self, claims, asked, make_client, authority):
        """As `target_audience` does at Google: the token for one service must not reach another."""
        lives = TokenLives()
        for own in claims:
            await text_of(make_client(claims=own, lives=lives), authority.url)
        assert len(authority.asked) == asked

    async def test_a_401_is_repaired(self, make_client, authority):
        client = make_client()
        await client.fetch_token()
        authority.good.clear()
        await text_of(client, authority.url)
        assert authority.used == ["Bearer A1", "Bearer A2"]

    async def test_a_given_token_is_used(self, make_client, authority, clock):
        await text_of(make_client(token=authority.give(clock() + 3600)), authority.url)
        assert authority.asked == []

    async def test_skew_is_learnt_from_the_refusal(self, make_client, authority, public_key, json_reply):
        authority.replies = [json_reply({"error": "invalid_grant"}, 400, ("Date", "Tue, 14 Nov 2023 22:23:20 GMT"))]
        client = make_client()
        await client.fetch_token()
        issued = [verified(form["assertion"], public_key)[1]["iat"] for form in authority.asked]
        assert issued[1] - issued[0] == pytest.approx(600, abs=5)

    async def test_only_once(self, make_client, authority, json_reply):
        authority.replies = [
            json_reply({"error": "invalid_grant"}, 400, ("Date", "Tue, 14 Nov 2023 22:23:20 GMT")),
            json_reply({"error": "invalid_grant"}, 400, ("Date", "Tue, 14 Nov 2023 23:23:20 GMT")),
        ]
        with pytest.raises(OAuthError):
            await make_client().fetch_token()
        assert len(authority.asked) == 2


class TestByDefinition:
    async def test_case_JA12_the_scope_among_the_claims(self, make_defined, authority, public_key):
        await make_defined(scope=["s1", "s2"]).fetch_token()
        (form,) = authority.asked
        assert form.keys() == {"grant_type", "assertion"}
        assert verified(form["assertion"], public_key)[1]["scope"] == "s1 s2"

    async def test_a_second_client_secret_goes_along(self, make_defined, authority):
        await make_defined(client_id="client", client_secret="secret", issuer="client").fetch_token()
        assert authority.authorizations == ["Basic Y2xpZW50OnNlY3JldA=="]

    async def test_further_credentials_fill_the_claims(self, make_defined, authority, public_key):
        settings = AssertionSettings(claims={"enterprise": Template("client", "enterprise_id")})
        await make_defined(settings, credentials={"enterprise_id": "E1"}).fetch_token()
        assert verified(authority.asked[0]["assertion"], public_key)[1]["enterprise"] == "E1"

    async def test_case_JA09_a_lifetime_that_is_too_long_is_refused(self, make_defined, authority):
        with pytest.raises(UsageError) as caught:
            await make_defined(expires_in=7200).fetch_token()
        assert caught.value.code == "assertion-lifetime"
        assert authority.log == []

    async def test_case_JA14_a_self_signed_token_asks_nobody(self, make_defined, authority, public_key, clock):
        client = make_defined(AssertionSettings(self_signed=True), audience="https://svc.example/")
        for _ in range(2):
            async with client.get(authority.url) as response:
                assert response.status == 401
        assert "POST /token" not in authority.log
        tokens = [used.removeprefix("Bearer ") for used in authority.used]
        _, claims = verified(tokens[0], public_key)
        assert claims["iss"] == claims["sub"] == "svc@example.org"
        assert (claims["aud"], "scope" in claims) == ("https://svc.example/", False)
        assert claims["exp"] - claims["iat"] <= 3600

    async def test_case_JA14_it_is_made_anew_before_it_ends(self, make_defined, authority, clock):
        client = make_defined(AssertionSettings(self_signed=True), audience="https://svc.example/")
        first = await client.fetch_token()
        authority.good.add(first.access_token)
        await text_of(client, "me")
        clock.advance(3599)
        async with client.get("me"):
            pass
        assert authority.used[0] == f"Bearer {first.access_token}"
        assert authority.used[1] not in ("", authority.used[0])

    async def test_case_JA13_for_somebody_else_a_token_is_fetched(self, make_defined, authority):
        client = make_defined(AssertionSettings(self_signed=True), audience="https://svc.example/", subject="ada")
        await text_of(client, "me")
        assert authority.used == ["Bearer A1"]


class TestServiceAccountFile:
    @pytest.fixture
    def account(self, authority, pem):
        return {
            "type": "service_account",
            "project_id": "project",
            "private_key_id": "key-1",
            "private_key": pem,
            "client_email": "svc@project.example.org",
            "client_id": "1234",
            "token_uri": f"{authority.url}/token",
        }

    @pytest.fixture
    def path(self, account, tmp_path):
        path = tmp_path / "account.json"
        path.write_text(json.dumps(account))
        return path

    async def test_the_example_of_the_old_module(self, path, session, authority, public_key, clock):
        """As Authlib's documentation has it: read the file, build the client, call the API."""
        conf = json.loads(path.read_text())
        client = AsyncAssertionClient(
            session,
            token_url=conf["token_uri"],
            issuer=conf["client_email"],
            subject=None,
            audience=conf["token_uri"],
            grant_type=AsyncAssertionClient.JWT_BEARER_GRANT_TYPE,
            claims={"scope": "https://api.example/auth/calendar"},
            key=conf["private_key"],
            header={"alg": "RS256", "kid": conf["private_key_id"]},
            clock=clock,
        )
        async with client.get(f"{authority.url}/calendars") as response:
            assert (await response.json())["token"] == "A1"
        (form,) = authority.asked
        assert form.keys() == {"grant_type", "assertion"}
        header, claims = verified(form["assertion"], public_key)
        assert header["kid"] == "key-1"
        assert claims.keys() == {"iss", "aud", "iat", "exp", "scope", "jti"}

    @pytest.mark.parametrize("scope", ["a b", ["a", "b"]])
    async def test_in_one_line(self, scope, path, session, authority, public_key, clock):
        client = AsyncAssertionClient.from_service_account_file(path, session, scope=scope, subject="ada", clock=clock)
        await text_of(client, authority.url)
        header, claims = verified(authority.asked[0]["assertion"], public_key)
        assert header["kid"] == "key-1"
        assert (claims["iss"], claims["sub"], claims["scope"]) == ("svc@project.example.org", "ada", "a b")
        assert claims["aud"] == f"{authority.url}/token"
        assert "scope" not in authority.asked[0]

    async def test_with_a_definition(self, path, session, authority, public_key, clock):
        provider = Provider(
            name="acme",
            protocol="oauth2",
            endpoints={"token": f"{authority.url}/token"},
            oauth2=OAuth2Settings(
                assertion=AssertionSettings(
                    claims={"scope": Template("assertion", "scope")}, audience="https://aud.example"
                )
            ),
            scopes=Scopes(default=("d",)),
        )
        client = AsyncAssertionClient.from_service_account_file(str(path), session, provider=provider, clock=clock)
        await client.fetch_token()
        _, claims = verified(authority.asked[0]["assertion"], public_key)
        assert (claims["aud"], claims["scope"]) == ("https://aud.example", "d")

    async def test_without_a_scope(self, path, session, authority, public_key, clock):
        await AsyncAssertionClient.from_service_account_file(path, session, clock=clock).fetch_token()
        assert "scope" not in verified(authority.asked[0]["assertion"], public_key)[1]

    @pytest.mark.parametrize(
        ("change", "word"),
        [
            (lambda _: "no JSON", "JSON"),
            (lambda _: [], "service_account"),
            (lambda account: {**account, "type": "authorized_user"}, "service_account"),
            (lambda account: {**account, "private_key": None}, "private_key"),
            (lambda account: {name: account[name] for name in account if name != "token_uri"}, "token_uri"),
            (None, "No such file"),
        ],
        ids=["text", "list", "other type", "no key", "no endpoint", "no file"],
    )
    async def test_a_file_that_is_none(self, change, word, account, path, session):
        if change is None:
            path.unlink()
        else:
            changed = change(account)
            path.write_text(changed if isinstance(changed, str) else json.dumps(changed))
        with pytest.raises(MissingCredentialError) as caught:
            AsyncAssertionClient.from_service_account_file(path, session)
        assert caught.value.code == "unreadable-credential"
        assert word in str(caught.value)
        assert "BEGIN" not in str(caught.value)
