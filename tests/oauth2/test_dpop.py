"""DPoP without a network: proofs read by joserfc, nonces kept by origin, flows driven by hand.

Lines 50 to 56 of the security checklist, as far as they need no client; the rest is in ``tests/http``.
"""

import base64
import copy
import hashlib
import json
import pickle
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt
from joserfc.jwk import ECKey, JWKRegistry, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from oauthreg import DPoPKey
from oauthreg.errors import (
    InvalidKeyError,
    MalformedResponseError,
    MissingCredentialError,
    OAuthError,
    UnsupportedMethodError,
    UsageError,
)
from oauthreg.messages import Response
from oauthreg.oauth2.bearer import BearerAuthentication
from oauthreg.oauth2.dpop import (
    ALGORITHMS,
    DPoPAuthentication,
    DPoPNonces,
    DPoPProofs,
    build_proof,
    is_nonce_challenge,
    target_uri,
    thumbprint,
    token_hash,
)
from oauthreg.oauth2.login import LoginRequest, build_login, login_flow, pushed_login_flow
from oauthreg.oauth2.token_endpoint import (
    device_authorization_flow,
    introspection_flow,
    renewal_flow,
    revocation_flow,
    token_flow,
)
from oauthreg.provider import OAuth2Settings, TokenPlacement
from oauthreg.token import OAuth2Token

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "dpop_vectors.json").read_text())
NOW = 1_700_000_000
KEY = DPoPKey()
OTHER_KEY = DPoPKey()
BOUND = {"access_token": "A1", "token_type": "DPoP", "refresh_token": "R1", "expires_in": 60}
CALLBACK = "https://app.example/cb"
REQUIRED = OAuth2Settings(dpop="required")
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}


class WideRegistry(JWSRegistry):
    """Takes headers as long as a public RSA key needs."""

    max_header_length = 4096


def part(piece):
    return json.loads(base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4)))


def read(proof):
    """Header and claims of a proof, whose signature is checked by another implementation with the key within it."""
    header = part(proof.split(".")[0])
    registry = WideRegistry(algorithms=[header["alg"]], strict_check_header=False)
    key = JWKRegistry.import_key(header["jwk"])
    return header, jwt.decode(proof, key, algorithms=[header["alg"]], registry=registry).claims


def proof_of(request, *, method="POST", url=None):
    """The proof that goes on the wire with a request of a flow."""
    made = request.authenticator.authenticate(method, url or request.url, None, None)
    return read(dict(made.headers)["DPoP"])


@pytest.fixture
def make_proofs(clock):
    """Makes the proofs of a client; identifiers are ``j1``, ``j2`` …"""

    def make(key=KEY, nonces=None):
        numbers = iter(range(1, 1000))
        return DPoPProofs(key, clock, lambda: f"j{next(numbers)}", nonces or DPoPNonces())

    return make


@pytest.fixture
def bound(identity, make_proofs):
    """A client that proves a key; it is a public one."""

    def make(key=KEY, **changes):
        return identity(**{"client_secret": None, "proofs": make_proofs(key), **changes})

    return make


class TestPublishedVectors:
    @pytest.mark.parametrize("vector", VECTORS["proofs"], ids=lambda vector: vector["id"])
    def test_a_proof_of_the_rfc(self, vector):
        header, claims = read(vector["proof"])
        assert header == {"typ": "dpop+jwt", "alg": "ES256", "jwk": vector["jwk"]}
        ours, own = read(
            build_proof(
                KEY,
                vector["method"],
                vector["url"],
                now=vector["now"],
                jti=vector["jti"],
                access_token=vector.get("access_token"),
            )
        )
        assert own == claims
        assert ours == {**header, "jwk": dict(KEY.jwk)}

    @pytest.mark.parametrize("vector", VECTORS["thumbprints"], ids=lambda vector: vector["id"])
    def test_a_thumbprint(self, vector):
        assert thumbprint(vector["jwk"]) == vector["expected"]

    @pytest.mark.parametrize("vector", VECTORS["token_hashes"], ids=lambda vector: vector["id"])
    def test_the_hash_of_a_token(self, vector):
        assert token_hash(vector["access_token"]) == vector["expected"]


class TestKeys:
    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    @pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
    def test_checklist_50_each_algorithm_with_the_public_key_alone(self, algorithm):
        key = DPoPKey(algorithms=[algorithm])
        header, claims = read(build_proof(key, "GET", "https://api.example/", now=NOW, jti="j"))
        assert (header["typ"], header["alg"], claims["jti"]) == ("dpop+jwt", algorithm, "j")
        assert PRIVATE_MEMBERS.isdisjoint(header["jwk"])
        assert header["jwk"]["kty"] != "oct"
        assert header.keys() == {"typ", "alg", "jwk"}

    @pytest.mark.parametrize(
        ("made", "algorithm"),
        [
            (ECKey.generate_key("P-256"), "ES256"),
            (ECKey.generate_key("P-384"), "ES384"),
            (ECKey.generate_key("P-521"), "ES512"),
            (OKPKey.generate_key("Ed25519"), "EdDSA"),
            (RSAKey.generate_key(2048), "PS256"),
        ],
        ids=["P-256", "P-384", "P-521", "Ed25519", "RSA"],
    )
    def test_a_key_signs_with_what_fits_it(self, made, algorithm):
        forms = [made.as_pem(private=True), made.as_dict(private=True), json.dumps(made.as_dict(private=True))]
        for form in [*forms, made.as_pem(private=True).decode(), made.as_der(private=True), made.raw_value]:
            key = DPoPKey(form)
            assert key.algorithm == algorithm
            assert key.thumbprint == made.thumbprint()

    def test_the_first_algorithm_that_fits(self):
        rsa = RSAKey.generate_key(2048).as_pem(private=True)
        assert DPoPKey(rsa, algorithms=["ES256", "RS256", "PS256"]).algorithm == "RS256"
        assert DPoPKey(algorithms=["ES384", "ES256"]).algorithm == "ES384"

    def test_members_that_name_the_key_stay_out(self):
        given = {**ECKey.generate_key("P-256").as_dict(private=True), "kid": "k1", "use": "sig", "alg": "ES256"}
        assert DPoPKey(given).jwk.keys() == {"crv", "kty", "x", "y"}

    def test_a_jwk_for_one_algorithm(self):
        given = {**RSAKey.generate_key(2048).as_dict(private=True), "alg": "RS384"}
        assert DPoPKey(given).algorithm == "RS384"

    @pytest.mark.parametrize("algorithm", ["HS256", "none", "ES256K", ""])
    def test_checklist_50_no_symmetric_algorithm_and_none(self, algorithm):
        with pytest.raises(UnsupportedMethodError) as refused:
            DPoPKey(algorithms=[algorithm])
        assert refused.value.code == "unknown-algorithm"

    @pytest.mark.parametrize(
        ("given", "algorithms", "code"),
        [
            (OctKey.generate_key(256).as_dict(private=True), (), "wrong-key-kind"),
            (ECKey.generate_key("P-256").as_pem(private=True), ("ES384", "PS256"), "wrong-key-kind"),
            (rsa.generate_private_key(65537, 1024), (), "short-key"),
            (ECKey.generate_key("P-256").as_dict(private=False), (), "not-a-private-key"),
            (ec.generate_private_key(ec.SECP256K1()), (), "wrong-key-kind"),
        ],
        ids=["shared", "other", "short", "public", "curve"],
    )
    @pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
    def test_a_key_that_cannot_be_used(self, given, algorithms, code):
        with pytest.raises(InvalidKeyError) as refused:
            DPoPKey(given, algorithms=algorithms)
        assert refused.value.code == code

    def test_an_encrypted_key(self):
        made = ECKey.generate_key("P-256")
        pem = made.as_pem(private=True, password="open")
        assert DPoPKey(pem, passphrase="open").thumbprint == made.thumbprint()
        with pytest.raises(InvalidKeyError):
            DPoPKey(pem)

    def test_checklist_56_the_private_key_leaves_by_its_export_alone(self):
        exported = KEY.export_private_key()
        secret = ECKey.import_key(exported).as_dict(private=True)["d"]
        assert DPoPKey(exported).thumbprint == KEY.thumbprint
        header, claims = read(build_proof(KEY, "GET", "https://api.example/", now=NOW, jti="j"))
        shown = [repr(KEY), str(KEY), f"{KEY}", repr(dict(KEY.jwk)), repr(header), repr(claims)]
        assert not [text for text in shown if secret in text or "BEGIN" in text]
        assert repr(KEY) == f"<DPoPKey ES256 {KEY.thumbprint}>"
        assert not hasattr(KEY, "__dict__")
        for leak in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="export_private_key"):
                leak(KEY)

    def test_checklist_56_nothing_that_holds_a_key_shows_it(self, identity, make_proofs):
        proofs = make_proofs()
        secret = ECKey.import_key(KEY.export_private_key()).as_dict(private=True)["d"]
        for holder in (proofs, DPoPAuthentication(proofs, "A-secret"), identity(proofs=proofs)):
            assert secret not in repr(holder)
            assert "A-secret" not in repr(holder)


class TestProofs:
    def test_checklist_50_DP05_what_a_proof_says(self):
        proof = build_proof(
            KEY,
            "GET",
            "https://u:p@api.example/me?x=1#f",
            now=NOW + 0.9,
            jti="j1",
            nonce="n",
            access_token="AT-example-1",
        )
        header, claims = read(proof)
        assert claims == {
            "jti": "j1",
            "htm": "GET",
            "htu": "https://api.example/me",
            "iat": NOW,
            "ath": "1gdxOexABbMOcZUrSgAtcytq3zPI3oyyIMi4sPtEm-A",
            "nonce": "n",
        }
        assert header == {"typ": "dpop+jwt", "alg": "ES256", "jwk": dict(KEY.jwk)}

    def test_without_token_and_nonce_neither_is_there(self):
        _, claims = read(build_proof(KEY, "POST", "https://as.example/token", now=NOW, jti="j1"))
        assert claims.keys() == {"jti", "htm", "htu", "iat"}

    @pytest.mark.parametrize(
        ("url", "target"),
        [
            ("https://API.example:443/me", "https://api.example/me"),
            ("http://api.example:80", "http://api.example/"),
            ("https://api.example?x=1", "https://api.example/"),
            ("https://api.example#f", "https://api.example/"),
            ("https://api.example:8443/a%20b/c;d=1/", "https://api.example:8443/a%20b/c;d=1/"),
            ("https://a@b:c@api.example/@x", "https://api.example/@x"),
            ("https://api.example/a#b?c", "https://api.example/a"),
            ("https://api.example/a?b#c?d", "https://api.example/a"),
            ("http://[::1]:8080/x", "http://[::1]:8080/x"),
            ("HTTPS://api.example/X", "https://api.example/X"),
        ],
    )
    def test_checklist_50_the_target_is_normalized(self, url, target):
        assert target_uri(url) == target
        assert read(build_proof(KEY, "GET", url, now=NOW, jti="j"))[1]["htu"] == target

    @pytest.mark.parametrize("url", ["ftp://api.example/", "/me", "https://", "", "https://h:x/"])
    def test_what_is_no_web_address(self, url):
        with pytest.raises(UsageError) as refused:
            build_proof(KEY, "GET", url, now=NOW, jti="j")
        assert refused.value.code == "invalid-origin"

    @pytest.mark.parametrize("text", ['a"b', "a\\b", "ü", "a\nb", "\u2028"])
    def test_any_text_is_written_as_json(self, text):
        url = f"https://api.example/{text}"
        _, claims = read(build_proof(KEY, text, url, now=NOW, jti=text, nonce=text))
        assert (claims["htm"], claims["htu"], claims["jti"], claims["nonce"]) == (text, url, text, text)

    def test_checklist_53_each_call_makes_a_new_proof(self, make_proofs):
        prover = DPoPAuthentication(make_proofs(), "A1")
        made = [dict(prover.authenticate("GET", "https://api.example/", None, None).headers)["DPoP"] for _ in range(3)]
        assert [read(proof)[1]["jti"] for proof in made] == ["j1", "j2", "j3"]
        assert len(set(made)) == 3

    def test_what_is_beside_a_proof(self, make_proofs):
        inner = BearerAuthentication("A1", TokenPlacement(prefix="DPoP "), params=(("v", "5"),))
        prover = DPoPAuthentication(make_proofs(), "A1", inner)
        made = prover.authenticate("GET", "https://api.example/me", None, None)
        headers = dict(made.headers)
        assert headers["Authorization"] == "DPoP A1"
        assert made.url == "https://api.example/me?v=5"
        claims = read(headers["DPoP"])[1]
        assert (claims["htu"], claims["ath"]) == ("https://api.example/me", token_hash("A1"))
        assert prover.covers == "nothing"
        assert not prover.is_slow

    def test_an_rsa_key_is_slow(self, make_proofs):
        assert DPoPAuthentication(make_proofs(DPoPKey(algorithms=["RS256"]))).is_slow


class TestNonces:
    def test_checklist_52_kept_by_origin(self, make_proofs):
        nonces = DPoPNonces()
        proofs = make_proofs(nonces=nonces)
        assert nonces.learn("https://a.example/token", {"dpop-nonce": "of-a"})
        assert nonces.learn("https://a.example:8443/token", {"dpop-nonce": "of-a-too"})
        wanted = {
            "https://a.example/other?x=1": "of-a",
            "https://A.example:443/": "of-a",
            "https://a.example:8443/": "of-a-too",
            "http://a.example/": None,
            "https://b.example/token": None,
            "https://sub.a.example/": None,
        }
        assert {url: read(proofs.build("GET", url))[1].get("nonce") for url in wanted} == wanted

    def test_checklist_52_the_last_one_counts(self):
        nonces = DPoPNonces()
        for nonce in ("n1", "n2"):
            nonces.learn("https://a.example/", {"dpop-nonce": nonce})
        nonces.learn("https://a.example/", {})
        assert nonces.get(("https", "a.example", 443)) == "n2"
        assert "n2" not in repr(nonces)

    @pytest.mark.parametrize("nonce", ["", "a b", 'a"b', "a\\b", "ü", "x" * 1025, "a, b"])
    def test_what_is_no_nonce(self, nonce):
        nonces = DPoPNonces()
        assert not nonces.learn("https://a.example/", {"dpop-nonce": nonce})
        assert nonces.get(("https", "a.example", 443)) is None

    def test_origins_are_bounded(self):
        nonces = DPoPNonces()
        for number in range(1100):
            nonces.learn(f"https://h{number}.example/", {"dpop-nonce": "n"})
        assert repr(nonces) == "<DPoPNonces of 1024 origins>"
        assert nonces.get(("https", "h0.example", 443)) is None
        assert nonces.get(("https", "h1099.example", 443)) == "n"

    @pytest.mark.parametrize(
        ("status", "body", "challenge", "expected"),
        [
            (400, {"error": "use_dpop_nonce"}, None, True),
            (401, {"error": "use_dpop_nonce"}, None, True),
            (401, "", 'DPoP error="use_dpop_nonce", error_description="x"', True),
            (401, "", 'DPoP realm="x", algs="ES256", error="use_dpop_nonce"', True),
            (401, "", "dpop error=use_dpop_nonce", True),
            (401, "", 'Bearer realm="x", DPoP error="use_dpop_nonce"', True),
            (200, {"error": "use_dpop_nonce"}, None, False),
            (403, {"error": "use_dpop_nonce"}, 'DPoP error="use_dpop_nonce"', False),
            (400, {"error": "invalid_dpop_proof"}, None, False),
            (400, {"error_description": "use_dpop_nonce"}, None, False),
            (400, '["use_dpop_nonce"]', None, False),
            (400, "use_dpop_nonce", None, False),
            (401, "", 'DPoP error="invalid_token"', False),
            (401, "", 'Bearer error="use_dpop_nonce"', False),
            (401, "", 'DPoP error="use_dpop_nonces"', False),
            (401, "", None, False),
        ],
    )
    def test_what_is_a_challenge(self, answer, status, body, challenge, expected):
        headers = {} if challenge is None else {"www_authenticate": challenge}
        assert is_nonce_challenge(answer(body, status, **headers)) is expected

    @pytest.mark.parametrize("text", ["DPoP ", "DPoP error", "DPoP error=", "DPoP error = ", "\n"])
    def test_challenges_without_end_are_read_in_linear_time(self, answer, text):
        # 128 headers of 8 KB, as many as aiohttp takes: the pairs of places in them are 10**10.
        challenges = text * (1_000_000 // len(text))
        assert not is_nonce_challenge(answer("", 401, www_authenticate=challenges))
        assert is_nonce_challenge(answer("", 401, www_authenticate=f'{challenges}DPoP error="use_dpop_nonce"'))


class TestTokenRequests:
    def challenge(self, answer, nonce="n1", status=400):
        return answer({"error": "use_dpop_nonce"}, status, dpop_nonce=nonce)

    def test_a_bound_token_names_its_key(self, drive, provider, bound):
        token, (request,) = drive(token_flow(provider(), bound(), "client_credentials"), BOUND)
        header, claims = proof_of(request)
        assert (claims["htm"], claims["htu"]) == ("POST", "https://as.example/token")
        assert "ath" not in claims
        assert (token.token_type, token["dpop_jkt"]) == ("DPoP", KEY.thumbprint)
        assert thumbprint(header["jwk"]) == KEY.thumbprint

    def test_client_authentication_stays(self, drive, provider, identity, make_proofs):
        flow = token_flow(provider(), identity(proofs=make_proofs()), "client_credentials")
        _, (request,) = drive(flow, BOUND)
        assert dict(request.headers)["Authorization"].startswith("Basic ")

    def test_checklist_51_one_retry_with_the_nonce(self, drive, provider, bound, answer):
        client = bound()
        flow = token_flow(provider(), client, "client_credentials")
        first = next(flow)
        assert "nonce" not in proof_of(first)[1]
        second = flow.send(Response(400, {"dpop-nonce": "n1"}, b'{"error": "use_dpop_nonce"}'))
        assert second.form == first.form
        claims = proof_of(second)[1]
        assert (claims["nonce"], claims["jti"]) == ("n1", "j2")
        with pytest.raises(StopIteration) as end:
            flow.send(answer(BOUND))
        assert end.value.value.access_token == "A1"

    def test_checklist_41_checklist_51_the_retry_has_a_client_assertion_of_its_own(
        self, drive, provider, identity, make_proofs, answer
    ):
        settings = OAuth2Settings(client_auth="client_secret_jwt", issuer="https://as.example")
        client = identity(client_secret="s" * 32, proofs=make_proofs())
        flow = token_flow(provider(oauth2=settings), client, "client_credentials")
        _, sent = drive(flow, self.challenge(answer), BOUND)
        jtis = {part(dict(request.form)["client_assertion"].split(".")[1])["jti"] for request in sent}
        assert len(jtis) == 2

    def test_checklist_51_a_second_challenge_is_an_error(self, drive, provider, bound, answer):
        flow = token_flow(provider(), bound(), "client_credentials")
        with pytest.raises(OAuthError) as refused:
            drive(flow, self.challenge(answer), self.challenge(answer, "n2"))
        assert (refused.value.code, refused.value.error) == ("dpop-nonce-refused", "use_dpop_nonce")
        assert refused.value.status == 400

    def test_checklist_51_a_challenge_without_nonce_is_an_error_at_once(self, drive, provider, bound, answer):
        with pytest.raises(OAuthError) as refused:
            drive(token_flow(provider(), bound(), "client_credentials"), answer({"error": "use_dpop_nonce"}, 400))
        assert refused.value.error == "use_dpop_nonce"

    def test_checklist_51_other_refusals_are_not_repeated(self, drive, provider, bound, answer):
        refusal = answer({"error": "invalid_dpop_proof"}, 400, dpop_nonce="n1")
        client = bound()
        with pytest.raises(OAuthError) as refused:
            drive(token_flow(provider(), client, "client_credentials"), refusal)
        assert refused.value.error == "invalid_dpop_proof"

    def test_checklist_51_nor_is_a_request_without_proof(self, drive, provider, identity, answer):
        with pytest.raises(OAuthError):
            drive(token_flow(provider(), identity(), "client_credentials"), self.challenge(answer))

    def test_checklist_52_a_nonce_of_a_success_is_used_next(self, drive, provider, bound, answer):
        client = bound()
        for _ in range(2):
            _, yielded = drive(token_flow(provider(), client, "client_credentials"), answer(BOUND, dpop_nonce="n7"))
        assert proof_of(yielded[0])[1]["nonce"] == "n7"
        elsewhere = provider(endpoints={"token": "https://other.example/token"})
        _, (request,) = drive(token_flow(elsewhere, client, "client_credentials"), BOUND)
        assert "nonce" not in proof_of(request)[1]

    @pytest.mark.parametrize("fields", [{"token_type": "Bearer"}, {"token_type": "bearer"}, {"token_type": None}])
    def test_checklist_54_TT05_a_bearer_token_where_bound_ones_are_demanded(self, drive, provider, bound, fields):
        with pytest.raises(MalformedResponseError) as refused:
            drive(token_flow(provider(oauth2=REQUIRED), bound(), "client_credentials"), BOUND | fields)
        assert refused.value.code == "token-not-bound"
        assert "A1" not in str(refused.value)

    def test_checklist_54_TT05_where_it_is_optional_a_bearer_token_is_one(self, drive, provider, bound):
        settings = OAuth2Settings(dpop="supported")
        old = OAuth2Token(BOUND, dpop_jkt=KEY.thumbprint)
        bearer = {"access_token": "A2", "token_type": "Bearer"}
        token, _ = drive(renewal_flow(provider(oauth2=settings), bound(), old), bearer)
        assert token.token_type == "Bearer"
        assert "dpop_jkt" not in token

    def test_checklist_54_no_client_without_a_key_asks_where_it_is_demanded(self, provider, identity):
        with pytest.raises(MissingCredentialError) as refused:
            next(token_flow(provider(oauth2=REQUIRED), identity(), "client_credentials"))
        assert refused.value.code == "missing-dpop-key"

    @pytest.mark.parametrize("spelling", ["DPoP", "dpop", "DPOP"])
    def test_the_type_in_any_spelling(self, drive, provider, bound, spelling):
        flow = token_flow(provider(oauth2=REQUIRED), bound(), "client_credentials")
        assert drive(flow, BOUND | {"token_type": spelling})[0].token_type == "DPoP"

    def test_a_server_does_not_name_our_key(self, drive, provider, bound):
        flow = token_flow(provider(), bound(), "client_credentials")
        assert drive(flow, BOUND | {"dpop_jkt": "forged"})[0]["dpop_jkt"] == KEY.thumbprint

    def test_neighbours_of_the_token_endpoint_see_no_proof(self, drive, provider, bound):
        given = provider(oauth2=OAuth2Settings(dpop="required"))
        device = {"device_code": "D", "user_code": "U", "verification_uri": "https://as.example/d"}
        for flow, answer in (
            (revocation_flow(given, bound(), "A1"), ""),
            (introspection_flow(given, bound(), "A1"), {"active": True, "token_type": "DPoP", "cnf": {"jkt": "x"}}),
            (device_authorization_flow(given, bound()), device),
        ):
            _, (request,) = drive(flow, answer)
            assert request.authenticator is None


class TestRenewal:
    TOKEN = OAuth2Token(BOUND, dpop_jkt=KEY.thumbprint)

    def test_checklist_55_a_public_client_renews_with_its_key(self, drive, provider, bound):
        token, (request,) = drive(renewal_flow(provider(), bound(), self.TOKEN), BOUND | {"access_token": "A2"})
        assert thumbprint(proof_of(request)[0]["jwk"]) == KEY.thumbprint
        assert token["dpop_jkt"] == KEY.thumbprint

    def test_checklist_55_another_key_fails_before_any_traffic(self, provider, bound):
        with pytest.raises(InvalidKeyError) as refused:
            next(renewal_flow(provider(), bound(OTHER_KEY), self.TOKEN))
        assert refused.value.code == "wrong-dpop-key"
        assert "dpop_key=" in refused.value.hint

    def test_checklist_55_and_so_does_none(self, provider, identity):
        with pytest.raises(MissingCredentialError) as refused:
            next(renewal_flow(provider(), identity(client_secret=None), self.TOKEN))
        assert refused.value.code == "missing-dpop-key"

    def test_a_client_with_a_secret_may_go_on_with_another_key(self, drive, provider, bound):
        client = bound(OTHER_KEY, client_secret="s" * 8)
        token, _ = drive(renewal_flow(provider(), client, self.TOKEN), BOUND | {"access_token": "A2"})
        assert token["dpop_jkt"] == OTHER_KEY.thumbprint

    def test_a_token_that_does_not_know_its_key(self, drive, provider, bound):
        unmarked = OAuth2Token(BOUND)
        token, _ = drive(renewal_flow(provider(), bound(), unmarked), BOUND)
        assert token["dpop_jkt"] == KEY.thumbprint


class TestLogins:
    def request(self, clock):
        return LoginRequest(CALLBACK, clock())

    def test_the_code_is_bound_to_the_key(self, provider, bound, clock):
        pending = build_login(provider(), bound(), self.request(clock))
        assert dict(parse_qsl(pending.url.partition("?")[2]))["dpop_jkt"] == KEY.thumbprint
        assert pending.values["dpop_jkt"] == KEY.thumbprint

    def test_without_a_key_nothing_is_said(self, provider, identity, clock):
        pending = build_login(provider(), identity(), self.request(clock))
        assert "dpop_jkt" not in pending.url
        assert "dpop_jkt" not in pending.values

    def test_a_pushed_request_has_a_proof_and_its_nonce(self, drive, provider, bound, answer, clock):
        given = provider(endpoints={"par": "https://as.example/par"})
        pushed = {"request_uri": "urn:x:1", "expires_in": 60}
        challenge = answer({"error": "use_dpop_nonce"}, 400, dpop_nonce="n1")
        pending, (first, second) = drive(
            pushed_login_flow(given, bound(), self.request(clock)), challenge, answer(pushed, 201)
        )
        assert dict(first.form)["dpop_jkt"] == dict(second.form)["dpop_jkt"] == KEY.thumbprint
        header, claims = proof_of(second)
        assert (claims["htu"], claims["nonce"]) == ("https://as.example/par", "n1")
        assert thumbprint(header["jwk"]) == KEY.thumbprint
        assert "dpop_jkt" not in pending.url

    def test_checklist_55_a_login_goes_on_with_its_key_alone(self, drive, provider, bound, identity, clock):
        pending = build_login(provider(), bound(), self.request(clock))
        callback = f"{CALLBACK}?code=C&state={pending.values['state']}"
        token, (request,) = drive(login_flow(provider(), bound(), pending, callback), BOUND)
        assert thumbprint(proof_of(request)[0]["jwk"]) == KEY.thumbprint
        with pytest.raises(InvalidKeyError) as refused:
            next(login_flow(provider(), bound(OTHER_KEY), pending, callback))
        assert refused.value.code == "wrong-dpop-key"
        with pytest.raises(MissingCredentialError):
            next(login_flow(provider(), identity(), pending, callback))
        unbound = replace(pending, values=MappingProxyType({**pending.values, "dpop_jkt": KEY.thumbprint}))
        assert drive(login_flow(provider(), bound(), unbound, callback), BOUND)[0] == token

    def test_nobody_else_names_the_key(self, provider, bound, clock):
        request = replace(self.request(clock), params=(("dpop_jkt", "forged"),))
        with pytest.raises(UsageError) as refused:
            build_login(provider(), bound(), request)
        assert refused.value.code == "reserved-parameter"


def test_the_hash_is_that_of_the_tokens_octets():
    digest = hashlib.sha256(b"A1").digest()
    assert token_hash("A1") == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
