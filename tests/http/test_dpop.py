"""DPoP on the wire: lines 50 to 56 of the security checklist, against a server that reads every proof by itself."""

import base64
import hashlib
import json
import logging
from dataclasses import replace

import pytest
from aiohttp import ClientResponseError
from joserfc import jwt
from joserfc.jwk import ECKey, JWKRegistry

from oauthreg import AsyncAssertionClient, AsyncOAuth2Client, DPoPKey, MemoryStore, PendingLogin
from oauthreg.errors import (
    InvalidKeyError,
    MalformedResponseError,
    MissingCredentialError,
    OAuthError,
    UnsupportedMethodError,
    UsageError,
)
from oauthreg.http.token_life import TokenLives
from oauthreg.provider import OAuth2Settings, Provider

CALLBACK = "https://app.example/cb"
KEY = DPoPKey()
OTHER_KEY = DPoPKey()
CHALLENGE = ("WWW-Authenticate", 'DPoP error="use_dpop_nonce", error_description="a nonce is needed"')


def b64(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def hash_of(text):
    return b64(hashlib.sha256(text.encode()).digest())


class ProofReader:
    """A server that wants a proof with every token request and every call, and demands its nonce if it has one.

    ``proofs`` are the headers as they came, ``claims`` what they said. ``nonce`` is demanded, ``next_nonces`` are given
    with successes; what is not right is answered with 400 or 401 and the reason.
    """

    def __init__(self, authority, reply):
        self.authority = authority
        self.reply = reply
        self.own = authority.server.answer
        self.proofs = []
        self.claims = []
        self.keys = {}
        self.nonce = None
        self.next_nonces = []
        self.token_type = "DPoP"
        self.call_replies = []
        authority.server.answer = self.answer

    async def answer(self, sent):
        path = sent.target.partition("?")[0]
        if path in ("/revoke", "/introspect", "/device"):
            assert sent.header("DPoP") is None
            return await self.own(sent)
        is_call = path != "/token"
        status = 401 if is_call else 400
        try:
            jkt, claims = self.read(sent, is_call)
        except AssertionError as error:
            return self.reply({"error": "invalid_dpop_proof", "error_description": str(error)}, status)
        headers = [("DPoP-Nonce", self.next_nonces.pop(0))] if self.next_nonces else []
        if self.nonce is not None and claims.get("nonce") != self.nonce:
            return self.reply({"error": "use_dpop_nonce"}, status, ("DPoP-Nonce", self.nonce), CHALLENGE)
        return self.call(sent, jkt, headers) if is_call else await self.token(sent, jkt, headers)

    async def token(self, sent, jkt, headers):
        form = dict(pair.split("=") for pair in sent.body.decode().split("&"))
        if self.keys.get(form.get("refresh_token"), jkt) != jkt:
            return self.reply({"error": "invalid_grant"}, 400)
        self.authority.fields["token_type"] = self.token_type
        made = await self.own(sent)
        token = json.loads(made.body)
        self.keys |= {token.get(name): jkt for name in ("access_token", "refresh_token")}
        return self.reply(token, made.status, *headers)

    def call(self, sent, jkt, headers):
        if self.call_replies:
            return self.call_replies.pop(0)
        token = sent.header("Authorization").removeprefix("DPoP ")
        if token not in self.authority.good or self.keys[token] != jkt:
            return self.reply({}, 401, ("WWW-Authenticate", 'DPoP error="invalid_token"'))
        return self.reply({"token": token, "sub": "7"}, 200, *headers)

    def read(self, sent, is_call):
        """The thumbprint of the key and the claims. Each proof is good for its own request, and once."""
        proof = sent.header("DPoP")
        assert proof is not None, "no proof"
        assert proof not in self.proofs, "the proof came before"
        self.proofs.append(proof)
        header = json.loads(base64.urlsafe_b64decode(proof.split(".")[0] + "=="))
        assert header.keys() == {"typ", "alg", "jwk"}, "the header"
        assert (header["typ"], header["alg"]) == ("dpop+jwt", "ES256"), "the type"
        assert header["jwk"].keys() == {"kty", "crv", "x", "y"}, "the key"
        key = JWKRegistry.import_key(header["jwk"])
        claims = jwt.decode(proof, key, algorithms=["ES256"]).claims
        assert claims["jti"] not in {known["jti"] for known in self.claims}, "the identifier"
        self.claims.append(claims)
        path = sent.target.partition("?")[0]
        assert (claims["htm"], claims["htu"]) == (sent.method, f"http://{sent.header('Host')}{path}"), "the request"
        scheme, _, token = (sent.header("Authorization") or "").partition(" ")
        assert not is_call or scheme == "DPoP", "the scheme"
        assert claims.get("ath") == (hash_of(token) if is_call else None), "the token's hash"
        assert claims["iat"] == 1_700_000_000, "the time"
        return key.thumbprint(), claims


@pytest.fixture
def reader(authority, json_reply):
    return ProofReader(authority, json_reply)


@pytest.fixture
def make_client(session, authority, clock):
    """Makes public clients of ``authority``."""

    def make(**options):
        known = {
            "token_endpoint": f"{authority.url}/token",
            "authorization_endpoint": "https://as.example/authorize",
            "revocation_endpoint": f"{authority.url}/revoke",
            "introspection_endpoint": f"{authority.url}/introspect",
            "clock": clock,
            "redirect_uri": CALLBACK,
            "dpop_key": KEY,
        }
        return AsyncOAuth2Client(session, "client", options.pop("client_secret", None), **{**known, **options})

    return make


@pytest.fixture
def provider(authority):
    """A provider that demands DPoP, with changes."""

    def make(dpop="required", algorithms=(), **changes):
        endpoints = {name: f"{authority.url}/{name}" for name in ("authorize", "token", "revoke", "introspect")}
        settings = OAuth2Settings(dpop=dpop, dpop_algorithms=algorithms, client_auth="none")
        return Provider(
            name="acme",
            protocol="oauth2",
            endpoints={**endpoints, "api_base": f"{authority.url}/", **changes.pop("endpoints", {})},
            oauth2=settings,
            allow_insecure_http=True,
            **changes,
        )

    return make


@pytest.fixture
async def logged_in(make_client, reader):
    """A client with a bound token; what its login sent is forgotten."""
    client = make_client()
    await client.fetch_token(code="C")
    reader.claims.clear()
    reader.authority.server.sent.clear()
    return client


async def call(client, url, method="GET", **options):
    async with client.request(method, url, **options) as response:
        return response.status


class TestProofs:
    async def test_checklist_50_a_login_and_calls(self, make_client, authority, reader):
        client = make_client()
        token = await client.fetch_token(code="C")
        assert (token.token_type, token["dpop_jkt"]) == ("DPoP", KEY.thumbprint)
        for method, url in (("GET", f"{authority.url}/me?x=1#f"), ("POST", f"{authority.url}/things")):
            assert await call(client, url, method) == 200
        sent = authority.server.sent
        assert [request.header("Authorization") for request in sent] == [None, "DPoP A1", "DPoP A1"]
        assert [claims["htu"].rpartition("/")[2] for claims in reader.claims] == ["token", "me", "things"]
        assert ["ath" in claims for claims in reader.claims] == [False, True, True]

    async def test_checklist_50_the_host_that_a_request_claims(self, logged_in, authority, reader, make_client):
        client = make_client(token=logged_in.token, allowed_origins=[authority.url, "http://api.localhost"])
        url = f"{authority.url}/me"
        assert await call(client, url, headers={"Host": "api.localhost"}) == 200
        assert reader.claims[-1]["htu"] == "http://api.localhost/me"

    async def test_revocation_and_introspection_need_no_proof(self, logged_in, authority):
        assert (await logged_in.introspect_token())["active"]
        await logged_in.revoke_token()
        assert [sent.header("DPoP") for sent in authority.server.sent] == [None, None]

    async def test_a_bearer_token_goes_without_proof(self, make_client, authority):
        client = make_client(token=authority.give())
        assert await call(client, f"{authority.url}/me") == 200
        (sent,) = authority.server.sent
        assert (sent.header("Authorization"), sent.header("DPoP")) == ("Bearer A1", None)


class TestNonces:
    async def test_checklist_51_the_token_endpoint_wants_its_nonce(self, make_client, authority, reader):
        reader.nonce = "n1"
        await make_client().fetch_token(code="C")
        assert [claims.get("nonce") for claims in reader.claims] == [None, "n1"]
        assert [form["code"] for form in authority.asked] == ["C"]  # the challenge used nothing up

    async def test_checklist_51_a_second_challenge_of_the_token_endpoint(self, make_client, authority, json_reply):
        answers = [json_reply({"error": "use_dpop_nonce"}, 400, ("DPoP-Nonce", f"n{n}")) for n in (1, 2, 3)]
        authority.server.replies = answers
        with pytest.raises(OAuthError) as refused:
            await make_client().fetch_token(code="C")
        assert refused.value.code == "dpop-nonce-refused"
        assert len(authority.server.sent) == 2

    async def test_checklist_51_the_api_wants_its_nonce(self, logged_in, authority, reader):
        reader.nonce = "n1"
        assert await call(logged_in, f"{authority.url}/me", "POST", data={"a": "1"}) == 200
        assert [claims.get("nonce") for claims in reader.claims] == [None, "n1"]
        assert [sent.body for sent in authority.server.sent] == [b"a=1", b"a=1"]
        assert await call(logged_in, f"{authority.url}/me") == 200
        assert len(reader.claims) == 3

    async def test_checklist_51_a_second_challenge_of_the_api(self, logged_in, authority, json_reply):
        answers = [json_reply({}, 401, ("DPoP-Nonce", f"n{number}"), CHALLENGE) for number in (1, 2, 3)]
        authority.server.replies = answers
        with pytest.raises(OAuthError) as refused:
            await call(logged_in, f"{authority.url}/me")
        assert (refused.value.code, refused.value.status) == ("dpop-nonce-refused", 401)
        assert len(authority.server.sent) == 2
        assert authority.refreshes == []

    async def test_checklist_51_a_challenge_without_a_nonce_stands(self, logged_in, authority, json_reply):
        authority.server.replies = [json_reply({}, 401, CHALLENGE)]
        assert await call(logged_in, f"{authority.url}/me") == 401
        assert len(authority.server.sent) == 1
        assert authority.refreshes == []

    async def test_checklist_51_one_challenge_of_several(self, logged_in, authority, json_reply):
        headers = (("DPoP-Nonce", "n1"), CHALLENGE, ("WWW-Authenticate", 'Bearer realm="x"'))
        authority.server.replies = [json_reply({}, 401, *headers)]
        assert await call(logged_in, f"{authority.url}/me") == 200

    async def test_checklist_51_a_body_that_is_used_up_is_not_sent_again(self, logged_in, authority, reader):
        async def body():
            yield b"once"

        reader.nonce = "n1"
        assert await call(logged_in, f"{authority.url}/me", "POST", data=body()) == 401
        assert await call(logged_in, f"{authority.url}/me") == 200
        assert [claims.get("nonce") for claims in reader.claims] == [None, "n1"]

    async def test_a_nonce_and_a_token_may_both_be_stale(self, logged_in, authority, reader):
        authority.good.clear()
        reader.nonce = "n1"
        assert await call(logged_in, f"{authority.url}/me") == 200
        assert authority.refreshes == ["R1"]
        assert logged_in.token.access_token == "A2"
        paths = [sent.target for sent in authority.server.sent]
        assert paths == ["/me", "/me", "/token", "/me"]

    async def test_checklist_52_a_nonce_of_a_success_is_the_next_one(self, logged_in, authority, reader):
        reader.next_nonces = ["n1", "n2"]
        for _ in range(3):
            assert await call(logged_in, f"{authority.url}/me") == 200
        assert [claims.get("nonce") for claims in reader.claims] == [None, "n1", "n2"]

    @pytest.mark.parametrize("hops", [1, 2])
    async def test_a_nonce_of_an_answer_that_is_raised_is_the_next_one(
        self, hops, logged_in, authority, reader, json_reply
    ):
        nonce = ("DPoP-Nonce", "n1")
        reader.call_replies = [json_reply({}, 302, ("Location", "/there"), nonce), json_reply({}, 404)][-hops:]
        if hops == 1:
            reader.call_replies = [json_reply({}, 404, nonce)]
        with pytest.raises(ClientResponseError):
            await call(logged_in, f"{authority.url}/me", raise_for_status=True)
        assert await call(logged_in, f"{authority.url}/me") == 200
        assert [claims.get("nonce") for claims in reader.claims][-1] == "n1"

    async def test_checklist_52_a_nonce_stays_with_its_origin(
        self, logged_in, authority, reader, make_authority, json_reply, make_client
    ):
        other = ProofReader(await make_authority(), json_reply)
        other.authority.good.add("A1")
        other.keys["A1"] = KEY.thumbprint
        client = make_client(token=logged_in.token, allowed_origins=[authority.url, other.authority.url])
        reader.next_nonces, other.next_nonces = ["n1"], ["o1"]
        for server in (authority, other.authority, authority, other.authority):
            assert await call(client, f"{server.url}/me") == 200
        assert [claims.get("nonce") for claims in reader.claims] == [None, "n1"]
        assert [claims.get("nonce") for claims in other.claims] == [None, "o1"]

    async def test_checklist_52_a_nonce_belongs_to_the_host_that_a_request_claims(
        self, logged_in, authority, reader, make_client
    ):
        client = make_client(token=logged_in.token, allowed_origins=[authority.url, "http://api.localhost"])
        reader.nonce, host = "n1", {"Host": "api.localhost"}
        assert await call(client, f"{authority.url}/me", headers=host) == 200
        reader.nonce, reader.next_nonces = None, ["n2"]
        assert await call(client, f"{authority.url}/me", headers=host) == 200
        reader.nonce = "n2"
        assert await call(client, f"{authority.url}/me", headers=host) == 200
        reader.nonce = None
        assert await call(client, f"{authority.url}/me") == 200
        assert [claims.get("nonce") for claims in reader.claims] == [None, "n1", "n1", "n2", None]

    async def test_checklist_52_clients_that_share_tokens_share_nonces(self, make_client, authority, reader):
        lives = TokenLives()
        reader.nonce = "n1"
        for _ in range(2):
            await make_client(lives=lives).fetch_token(code="C")
        assert [claims.get("nonce") for claims in reader.claims] == [None, "n1", "n1"]

    async def test_each_origin_of_a_redirect_may_want_its_nonce(
        self, logged_in, authority, reader, make_authority, json_reply, make_client, redirect
    ):
        other = ProofReader(await make_authority(), json_reply)
        other.authority.good.add("A1")
        other.keys["A1"] = KEY.thumbprint
        client = make_client(token=logged_in.token, allowed_origins=[authority.url, other.authority.url])
        reader.nonce, other.nonce = "n1", "o1"
        reader.call_replies = [redirect(302, f"{other.authority.url}/there")]
        assert await call(client, f"{authority.url}/me") == 200
        assert [claims.get("nonce") for claims in reader.claims] == [None, "n1"]
        assert [claims.get("nonce") for claims in other.claims] == [None, "o1"]


class TestOneProofForOneRequest:
    async def test_checklist_53_retries_of_the_application(self, logged_in, authority, reader, json_reply):
        reader.call_replies = [json_reply({}, 503), json_reply({}, 429, ("Retry-After", "0"))]
        found = [await call(logged_in, f"{authority.url}/me") for _ in range(3)]
        assert found == [503, 429, 200]
        assert len({claims["jti"] for claims in reader.claims}) == 3

    async def test_checklist_53_retries_of_a_middleware(self, logged_in, authority, reader, json_reply):
        reader.call_replies = [json_reply({}, 503), json_reply({}, 429)]

        async def insist(request, handler):
            response = await handler(request)
            while response.status in (429, 503):
                response.release()
                response = await handler(request)
            return response

        assert await call(logged_in, f"{authority.url}/me", middlewares=(insist,)) == 200
        assert len(reader.claims) == len({claims["jti"] for claims in reader.claims}) == 3

    @pytest.mark.parametrize("status", [302, 307])
    async def test_checklist_53_redirects_within_the_origin(self, status, logged_in, authority, reader, redirect):
        reader.call_replies = [redirect(status, "/next?a=1"), redirect(status, "/last")]
        assert await call(logged_in, f"{authority.url}/me") == 200
        assert [claims["htu"].rpartition("/")[2] for claims in reader.claims] == ["me", "next", "last"]

    async def test_checklist_53_a_proof_follows_no_redirect_elsewhere(
        self, logged_in, reader, authority, make_server, redirect
    ):
        other = await make_server()
        reader.call_replies = [redirect(302, f"{other.url}/stolen")]
        assert await call(logged_in, f"{authority.url}/me") == 200
        (sent,) = other.sent
        assert (sent.header("DPoP"), sent.header("Authorization")) == (None, None)

    async def test_checklist_53_a_renewal_after_an_outage(self, make_client, authority, reader, json_reply, clock):
        token = authority.give(clock() - 1, token_type="DPoP", dpop_jkt=KEY.thumbprint)
        client = make_client(token=token)
        authority.server.replies = [json_reply({}, 503)]
        with pytest.raises(OAuthError):
            await client.refresh_token()
        first = authority.server.sent[0].header("DPoP")
        await client.refresh_token()
        assert reader.proofs[0] != first


class TestTokens:
    @pytest.mark.parametrize("token_type", ["Bearer", None])
    async def test_checklist_54_a_bearer_token_is_refused(self, make_client, reader, token_type):
        reader.token_type = token_type
        client = make_client()
        with pytest.raises(MalformedResponseError) as refused:
            await client.fetch_token(code="C")
        assert refused.value.code == "token-not-bound"
        assert client.token is None

    async def test_checklist_54_unless_the_client_takes_them(self, make_client, authority, reader):
        reader.token_type = "Bearer"
        client = make_client(dpop_bound_access_tokens=False)
        assert (await client.fetch_token(code="C")).token_type == "Bearer"
        authority.server.answer = reader.own
        assert await call(client, f"{authority.url}/me") == 200
        assert authority.server.sent[-1].header("DPoP") is None

    async def test_checklist_54_a_renewal_that_gives_a_bearer_token(self, logged_in, reader):
        reader.token_type = "Bearer"
        with pytest.raises(MalformedResponseError) as refused:
            await logged_in.refresh_token()
        assert refused.value.code == "token-not-bound"
        assert logged_in.token.access_token == "A1"

    async def test_checklist_55_a_public_client_renews_with_its_key(self, logged_in, authority, reader):
        await logged_in.refresh_token()
        assert reader.keys["A2"] == KEY.thumbprint
        assert await call(logged_in, f"{authority.url}/me") == 200

    @pytest.mark.parametrize("key", [OTHER_KEY, None], ids=["other", "none"])
    async def test_checklist_55_another_key_fails_before_any_traffic(self, key, logged_in, make_client, authority):
        client = make_client(token=logged_in.token, dpop_key=key)
        for attempt in (client.refresh_token(), client.get(f"{authority.url}/me")):
            with pytest.raises((InvalidKeyError, MissingCredentialError)) as refused:
                await attempt
            assert refused.value.code == ("wrong-dpop-key" if key else "missing-dpop-key")
            assert "dpop_key=" in refused.value.hint
        assert authority.server.sent == []

    async def test_checklist_55_a_login_ends_with_the_key_that_it_began_with(self, make_client, authority, reader):
        pending = await make_client().start()
        callback = f"{CALLBACK}?code=C&state={pending.values['state']}"
        kept = PendingLogin.from_json(pending.to_json())
        with pytest.raises(InvalidKeyError):
            await make_client(dpop_key=OTHER_KEY).finish(kept, callback)
        with pytest.raises(MissingCredentialError):
            await make_client(dpop_key=None).finish(kept, callback)
        assert authority.server.sent == []
        token = await make_client(dpop_key=KEY.export_private_key()).finish(kept, callback)
        assert token["dpop_jkt"] == KEY.thumbprint

    async def test_a_stored_token_in_another_process(self, session, provider, clock, reader):
        store = MemoryStore()

        def client(**options):
            return AsyncOAuth2Client(
                session, "client", provider=provider(), account="ada", store=store, clock=clock, **options
            )

        await client(dpop_key=KEY).fetch_token(code="C")
        assert await call(client(dpop_key=KEY.export_private_key()), "me") == 200
        with pytest.raises(InvalidKeyError) as refused:  # a key made for the process is another one
            await call(client(), "me")
        assert refused.value.code == "wrong-dpop-key"

    async def test_checklist_56_no_private_key_on_the_wire_or_in_texts(
        self, make_client, authority, reader, caplog, json_reply
    ):
        caplog.set_level(logging.DEBUG)
        secret = ECKey.import_key(KEY.export_private_key()).as_dict(private=True)["d"]
        client = make_client()
        await client.fetch_token(code="C")
        await call(client, f"{authority.url}/me")
        authority.server.replies = [json_reply({"error": "invalid_dpop_proof", "error_description": "no"}, 400)]
        with pytest.raises(OAuthError) as refused:
            await client.refresh_token()
        seen = [repr(sent) for sent in authority.server.sent]
        seen += [repr(client), repr(client.token), json.dumps(client.token), caplog.text, repr(refused.value)]
        assert not [text for text in seen if secret in text]


class TestKeys:
    async def test_a_key_is_made_where_the_provider_demands_one(self, session, provider, clock, reader):
        lives = TokenLives()
        clients = [AsyncOAuth2Client(session, "client", provider=provider(), lives=lives, clock=clock) for _ in "ab"]
        tokens = [await client.fetch_token(code="C") for client in clients]
        assert tokens[0]["dpop_jkt"] == tokens[1]["dpop_jkt"]
        alone = AsyncOAuth2Client(session, "client", provider=provider(), clock=clock)
        assert (await alone.fetch_token(code="C"))["dpop_jkt"] != tokens[0]["dpop_jkt"]

    async def test_providers_and_clients_share_no_key(self, session, provider, clock, reader):
        lives = TokenLives()
        seen = set()
        for client_id, name in (("c1", "a"), ("c2", "a"), ("c1", "b")):
            given = replace(provider(), name=name)
            client = AsyncOAuth2Client(session, client_id, provider=given, lives=lives, clock=clock)
            seen.add((await client.fetch_token(code="C"))["dpop_jkt"])
        assert len(seen) == 3

    async def test_no_key_is_made_where_none_is_demanded(self, session, provider, authority, clock):
        client = AsyncOAuth2Client(session, "client", provider=provider("supported"), clock=clock)
        assert (await client.fetch_token(code="C")).token_type == "Bearer"
        assert authority.server.sent[0].header("DPoP") is None

    async def test_an_algorithm_that_the_provider_takes(self, session, provider, clock):
        with pytest.raises(UnsupportedMethodError) as refused:
            AsyncOAuth2Client(session, "client", provider=provider(algorithms=("PS256",)), dpop_key=KEY, clock=clock)
        assert refused.value.code == "unsupported-dpop-algorithm"
        pem = KEY.export_private_key()
        with pytest.raises(InvalidKeyError):
            AsyncOAuth2Client(session, "client", provider=provider(algorithms=("PS256",)), dpop_key=pem, clock=clock)

    async def test_a_provider_that_is_not_known_to_bind_tokens(self, session, provider):
        with pytest.raises(UsageError) as refused:
            AsyncOAuth2Client(session, "client", provider=provider("unsupported"), dpop_key=KEY)
        assert refused.value.code == "dpop-unsupported"

    async def test_a_key_that_is_none_is_refused_at_construction(self, session):
        with pytest.raises(InvalidKeyError):
            AsyncOAuth2Client(session, "client", dpop_key="no key")

    async def test_what_metadata_says(self, make_client, reader):
        client = make_client(
            dpop_key=None,
            dpop_bound_access_tokens=True,
            dpop_signing_alg_values_supported=["ES256K", "ES256"],
        )
        assert (await client.fetch_token(code="C")).token_type == "DPoP"
        with pytest.raises(UnsupportedMethodError) as refused:
            make_client(dpop_signing_alg_values_supported=["ES256K"])
        assert refused.value.code == "unsupported-dpop-algorithm"

    async def test_an_assertion_client_binds_its_tokens_too(self, session, provider, clock, reader, authority):
        client = AsyncAssertionClient(
            session, issuer="client", key="s" * 32, alg="HS256", provider=provider(), dpop_key=KEY, clock=clock
        )
        assert await call(client, "me") == 200
        assert client.token["dpop_jkt"] == KEY.thumbprint

    async def test_a_wrong_clock_is_set_right_once(self, logged_in, reader, authority, clock, json_reply):
        now = clock()
        clock.advance(3600)
        date = "Tue, 14 Nov 2023 22:13:20 GMT"
        reader_answer = authority.server.answer

        async def dated(sent):
            reply = await reader_answer(sent)
            return type(reply)(reply.status, (*reply.headers, ("Date", date)), reply.body)

        authority.server.answer = dated
        assert (await logged_in.refresh_token()).access_token == "A2"
        assert [claims["iat"] for claims in reader.claims] == [now + 3600, now]
