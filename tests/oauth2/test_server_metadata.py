"""What servers publish of themselves, and the registration of clients."""

import json

import pytest

from oauthreg.errors import (
    MalformedResponseError,
    OAuthError,
    ResponseError,
    TemporarilyUnavailableError,
    UsageError,
)
from oauthreg.oauth2.client_auth import client_auth_method
from oauthreg.oauth2.jwk_set import jwks_flow
from oauthreg.oauth2.registration import build_registration_request, registration_flow
from oauthreg.oauth2.server_metadata import completed_flow, server_metadata_flow, well_known_urls, with_metadata
from oauthreg.provider import OAuth2Settings, Provider

KNOWN = OAuth2Settings(issuer="https://as.example")
METADATA = {"issuer": "https://as.example", "token_endpoint": "https://as.example/token", "x_own": [1]}
KEYS = {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "k1"}, {"kty": "own"}], "more": 1}
PUBLISHED = {
    "discovery": "https://as.example/.well-known/oauth-authorization-server",
    "jwks": "https://as.example/jwks",
}
APPLICATION = {"redirect_uris": ["https://c.example/cb"], "client_name": "Jörg"}


@pytest.fixture
def published(provider):
    def make(oauth2=KNOWN, **endpoints):
        return provider(
            endpoints=PUBLISHED | {"registration": "https://as.example/register"} | endpoints, oauth2=oauth2
        )

    return make


class TestMetadata:
    def test_it_is_asked_for_without_any_credential(self, drive, published):
        found, (request,) = drive(server_metadata_flow(published()), METADATA)
        assert found == METADATA
        assert (request.method, request.url) == ("GET", PUBLISHED["discovery"])
        assert request.headers == (("Accept", "application/json"),)
        assert (request.authenticator, request.form, request.body) == (None, None, None)

    def test_another_url_may_be_given(self, drive, provider):
        _, (request,) = drive(server_metadata_flow(provider(oauth2=KNOWN), url="https://as.example/other"), METADATA)
        assert request.url == "https://as.example/other"

    @pytest.mark.parametrize(
        ("settings", "issuer"),
        [
            (OAuth2Settings(), "https://anybody.example"),
            (OAuth2Settings(issuer="https://a", issuer_aliases=("https://b",)), "https://b"),
            (OAuth2Settings(issuer_template="https://as.example/{tid}/v2.0"), "https://as.example/{tenantid}/v2.0"),
        ],
    )
    def test_the_issuer_is_compared_with_what_is_known(self, drive, published, settings, issuer):
        assert drive(server_metadata_flow(published(settings)), {"issuer": issuer})[0] == {"issuer": issuer}

    @pytest.mark.parametrize("issuer", ["https://as.example/", "https://evil.example", "HTTPS://as.example"])
    def test_metadata_of_another_issuer(self, drive, published, issuer):
        with pytest.raises(MalformedResponseError) as refused:
            drive(server_metadata_flow(published()), METADATA | {"issuer": issuer})
        assert refused.value.code == "foreign-server-metadata"

    @pytest.mark.parametrize("body", ["[]", "{}", '{"issuer": 1}', '{"issuer": ""}', "1"])
    def test_what_is_no_metadata(self, drive, published, answer, body):
        with pytest.raises(MalformedResponseError) as refused:
            drive(server_metadata_flow(published()), answer(body))
        assert refused.value.code == "no-server-metadata"

    def test_an_outage_and_a_page(self, drive, published, answer):
        with pytest.raises(TemporarilyUnavailableError):
            drive(server_metadata_flow(published()), answer("", 503))
        with pytest.raises(MalformedResponseError):
            drive(server_metadata_flow(published()), answer("<!doctype html><title>x</title>"))

    @pytest.mark.parametrize("flow", [server_metadata_flow, jwks_flow])
    def test_a_provider_that_publishes_nothing(self, provider, flow):
        with pytest.raises(UsageError) as refused:
            next(flow(provider()))
        assert refused.value.code == "missing-endpoint"


class OfUserinfo:
    """Claims of the userinfo answer."""

    documents = frozenset({"userinfo"})


FOUND = {
    "issuer": "https://as.example",
    "authorization_endpoint": "https://as.example/found/authorize",
    "token_endpoint": "https://as.example/found/token",
    "userinfo_endpoint": "https://api.example/found/me",
    "jwks_uri": "https://keys.example/jwks",
    "end_session_endpoint": "https://as.example/out",
    "more": {"x": 1},
}
WELL_KNOWN = "https://as.example/.well-known/openid-configuration"


NO_ENDPOINTS = [
    "http://as.example/token",
    "http://169.254.169.254/x",
    "https://169.254.169.254/x",
    "https://10.0.0.1/x",
    "https://[fd00::1]/x",
    "https://[::ffff:10.0.0.1]/x",
    "https://127.0.0.1/x",
    "https://localhost/x",
    "https://a.localhost/x",
    "https://0.0.0.0/x",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "//as.example/token",
    "/token",
    "https://",
    "https://user:PLANTED@as.example/",
    "https://as.example/token#x",
    "https://as.example/ token",
    "https://as.example/\ntoken",
    "https://as.example:99999/",
    "",
    123,
    ["https://as.example/token"],
    True,
    "https://127.1/x",
    "https://0177.0.0.1/x",
    "https://0x7f.1/x",
    "https://0x7f000001/x",
    "https://2130706433/x",
    "https://2852039166/x",
    "https://0/x",
    "https://localhost./x",
    "https://127.0.0.1./x",
    "https://\uff11\uff12\uff17.0.0.1/x",
    "https://\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54/x",
    "https://[::127.0.0.1]/x",
    "https://[64:ff9b::7f00:1]/x",
    "https://[64:ff9b:1::7f00:1]/x",
    "https://[2002:7f00:1::]/x",
    "https://224.0.0.1/x",
    "https://[ff02::1]/x",
    "https://[::]/x",
    "https://evil\\.internal/x",
    "https://a..b/x",
    "https://" + "a" * 64 + ".example/x",
    "https://" + "a." * 127 + "example/x",
    "https://%31%32%37.0.0.1/x",
    "https://" + "a" * 3000 + ".example/",
    "https://" + "\u0300\u0315" * 300_000,
]


class TestCompleting:
    """What a definition leaves out is taken from the metadata."""

    @pytest.fixture
    def bare(self):
        def make(**changes):
            given = {"name": "example", "protocol": "oidc", "endpoints": {"discovery": WELL_KNOWN}, "oauth2": KNOWN}
            return Provider(**given | changes)

        return make

    def test_nothing_is_fetched_where_nothing_is_missing(self, drive, bare):
        whole = bare(endpoints={"discovery": WELL_KNOWN, "token": "https://as.example/token"})
        assert drive(completed_flow(whole, "token")) == (whole, [])
        without = bare(endpoints={}, oauth2=OAuth2Settings())
        assert drive(completed_flow(without, "token")) == (without, [])

    def test_what_is_missing_is(self, drive, bare):
        found, (request,) = drive(completed_flow(bare(), "token"), FOUND)
        assert (request.url, request.shared.source, request.authenticator) == (WELL_KNOWN, "any", None)
        assert found.endpoints == {
            "discovery": WELL_KNOWN,
            "authorize": "https://as.example/found/authorize",
            "token": "https://as.example/found/token",
            "userinfo": "https://api.example/found/me",
            "jwks": "https://keys.example/jwks",
            "end_session": "https://as.example/out",
        }

    def test_DI06_what_the_definition_says_is_not(self, bare):
        own = {"discovery": WELL_KNOWN, "token": "https://as.example/own", "userinfo": "https://as.example/own"}
        given = bare(
            endpoints=own, claims=OfUserinfo(), oauth2=OAuth2Settings(issuer="https://own.example", require_par=True)
        )
        found = with_metadata(given, FOUND | {"token_endpoint": "http://169.254.169.254/"}, WELL_KNOWN)
        assert own.items() <= found.endpoints.items()
        assert (found.identity, found.origins, found.oauth2.issuer) == ((), frozenset(), "https://own.example")
        assert found.oauth2.require_par

    def test_the_userinfo_request_is_made_where_claims_need_it(self, bare):
        found = with_metadata(bare(claims=OfUserinfo()), FOUND, WELL_KNOWN)
        assert [(request.name, request.url) for request in found.identity] == [
            ("userinfo", "https://api.example/found/me")
        ]
        assert found.origins == {("https", "api.example", 443)}
        assert with_metadata(bare(), FOUND, WELL_KNOWN).identity == ()

    @pytest.mark.parametrize(
        "url",
        [
            "https://as.example/t/1/.well-known/openid-configuration",
            "https://as.example/.well-known/openid-configuration/t/1",
            "https://as.example/.well-known/oauth-authorization-server/t/1",
            "https://as.example/t/1/.well-known/oauth-authorization-server",
        ],
    )
    def test_an_issuer_is_known_by_the_place_of_its_metadata(self, bare, url):
        for issuer in ("https://as.example/t/1", "https://as.example/t/1/"):
            found = with_metadata(bare(oauth2=OAuth2Settings()), FOUND | {"issuer": issuer}, url)
            assert found.oauth2.issuer == issuer
        for issuer in ("https://as.example/t/2", "https://evil.example/t/1", "http://as.example/t/1", "x", ""):
            found = with_metadata(bare(oauth2=OAuth2Settings()), FOUND | {"issuer": issuer}, url)
            assert found.oauth2.issuer is None

    @pytest.mark.parametrize("value", NO_ENDPOINTS, ids=lambda value: repr(value)[:60])
    def test_checklist_64_DI06_an_endpoint_that_no_secret_may_go_to(self, bare, answer, value):
        told = FOUND | {"token_endpoint": value}
        flow = completed_flow(bare(), "token")
        assert next(flow).shared.source == "any"
        assert flow.send(answer(told)).shared.source == "new"  # it may have been mended since
        with pytest.raises(ResponseError) as refused:
            flow.send(answer(told))
        assert refused.value.code == "unusable-server-metadata"
        assert "`token` endpoint" in refused.value.message
        assert "PLANTED" not in str(refused.value)
        assert len(str(refused.value)) < 1000

    @pytest.mark.parametrize("value", NO_ENDPOINTS, ids=lambda value: repr(value)[:60])
    def test_DI06_it_hurts_nobody_who_does_not_need_it(self, bare, value):
        told = {"token_endpoint": value, "mtls_endpoint_aliases": {"revocation_endpoint": value}}
        found = with_metadata(bare(), FOUND | told, WELL_KNOWN)
        assert "token" not in found.endpoints
        assert found.endpoints["authorize"] == "https://as.example/found/authorize"
        assert found.oauth2.mtls_endpoints == {}

    def test_a_server_in_an_internal_network_names_its_own_host(self, bare):
        where = "https://10.0.0.5/.well-known/openid-configuration"
        given = bare(endpoints={"discovery": where})
        assert with_metadata(given, {"token_endpoint": "https://10.0.0.5:8443/t"}, where).endpoints["token"]
        assert "token" not in with_metadata(given, {"token_endpoint": "https://10.0.0.6/t"}, where).endpoints

    def test_a_server_on_this_machine(self, bare):
        where = "http://127.0.0.1:8000/.well-known/openid-configuration"
        given = bare(endpoints={"discovery": where})
        for value in ("http://localhost:9000/t", "http://127.0.0.1:9000/t", "http://[::1]:9000/t"):
            assert with_metadata(given, {"token_endpoint": value}, where).endpoints["token"] == value

    def test_clear_text_where_it_is_allowed(self, bare):
        found = with_metadata(bare(allow_insecure_http=True), {"token_endpoint": "http://as.example/t"}, WELL_KNOWN)
        assert found.endpoints["token"] == "http://as.example/t"

    def test_what_servers_say_of_themselves_is_heard(self, bare, identity):
        told = {
            "authorization_response_iss_parameter_supported": True,
            "require_pushed_authorization_requests": True,
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", 7],
            "mtls_endpoint_aliases": {"token_endpoint": "https://mtls.as.example/token", "x": 1},
        }
        found = with_metadata(bare(), FOUND | told, WELL_KNOWN)
        settings = found.oauth2
        assert (settings.issuer_in_callback, settings.require_par) == (True, True)
        assert settings.mtls_endpoints == {"token": "https://mtls.as.example/token"}
        assert client_auth_method(found, identity()) == "client_secret_post"
        assert client_auth_method(found, identity(client_secret=None)) == "none"

    @pytest.mark.parametrize(
        "methods",
        [None, [], "client_secret_post", {"client_secret_post": 1}, ["client_secret_basic", "client_secret_post"], 5],
    )
    def test_else_a_secret_goes_into_a_header(self, bare, identity, methods):
        found = with_metadata(bare(), FOUND | {"token_endpoint_auth_methods_supported": methods}, WELL_KNOWN)
        assert client_auth_method(found, identity()) == "client_secret_basic"

    @pytest.mark.parametrize("told", ["yes", 1, None, "true", False])
    def test_what_is_no_true_changes_nothing(self, bare, told):
        names = ("authorization_response_iss_parameter_supported", "require_pushed_authorization_requests")
        settings = with_metadata(bare(), FOUND | dict.fromkeys(names, told), WELL_KNOWN).oauth2
        assert (settings.issuer_in_callback, settings.require_par) == (False, False)

    def test_metadata_of_another_issuer_are_not_kept(self, bare, answer):
        shared = next(completed_flow(bare(), "token")).shared
        assert shared.read(answer(FOUND)) == FOUND
        with pytest.raises(MalformedResponseError):
            shared.read(answer(FOUND | {"issuer": "https://evil.example"}))
        other = next(completed_flow(bare(oauth2=OAuth2Settings(issuer="https://other.example")), "token")).shared
        assert other.owner != shared.owner

    def test_what_metadata_do_not_name_is_missing(self, drive, bare):
        with pytest.raises(UsageError, match="its server's metadata name none") as refused:
            drive(completed_flow(bare(), "device"), FOUND)
        assert refused.value.code == "missing-endpoint"
        assert "device" not in drive(completed_flow(bare(), optional=("device",)), FOUND)[0].endpoints

    def test_fresh_ones_are_asked_for(self, drive, bare):
        whole = bare(endpoints={"discovery": WELL_KNOWN, "token": "https://as.example/token"})
        found, (request,) = drive(completed_flow(whole, "token", is_fresh=True), FOUND)
        assert request.shared.source == "new"
        assert found.endpoints["token"] == "https://as.example/token"

    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            (["ES256"], ("ES256",)),
            (["HS256", "ES384", "x", 7], ("ES384",)),
            (["RS256", "ES256"], ()),
            (["HS256"], ()),
            ("ES256", ()),
            (None, ()),
        ],
    )
    def test_what_it_cannot_sign_with_is_not_expected(self, bare, told, expected):
        """ID14: RS256 is, unless the server says that it does not know it."""
        found = with_metadata(bare(), FOUND | {"id_token_signing_alg_values_supported": told}, WELL_KNOWN)
        assert found.oauth2.id_token_algorithms == expected

    @pytest.mark.parametrize("issuer", ["https://[", "https://\u2100.com", "https://" + "x" * 5000, "x"])
    def test_an_issuer_that_is_no_url(self, issuer):
        assert WELL_KNOWN not in well_known_urls(issuer)

    @pytest.mark.parametrize("error", ["invalid_grant", "access_denied", "invalid_client"])
    def test_an_error_of_the_metadata_says_nothing_of_a_token(self, drive, bare, published, answer, error):
        """Nor of a user, and neither do the keys."""
        said = answer({"error": error}, 400)
        for flow in (completed_flow(bare(), "token"), jwks_flow(published()), server_metadata_flow(published())):
            next(flow)
            with pytest.raises(MalformedResponseError):
                flow.send(said)


class TestKeys:
    def test_all_of_the_set_is_given(self, drive, published):
        found, (request,) = drive(jwks_flow(published()), KEYS)
        assert found == KEYS
        assert (request.method, request.url, request.authenticator) == ("GET", PUBLISHED["jwks"], None)

    @pytest.mark.parametrize("body", ["[]", "{}", '{"keys": {}}', '{"keys": [1]}', '{"keys": [null]}'])
    def test_what_is_no_set(self, drive, published, answer, body):
        with pytest.raises(MalformedResponseError) as refused:
            drive(jwks_flow(published()), answer(body))
        assert refused.value.code == "no-jwks"

    @pytest.mark.parametrize("key", [{}, {"kid": "x"}, {"kty": 1}, {"kty": None}])
    def test_a_key_of_which_nobody_knows_what_it_is_does_no_harm(self, drive, published, key):
        """RFC 7517 section 5: such keys are passed over."""
        assert drive(jwks_flow(published()), {"keys": [key, *KEYS["keys"]], "more": 1})[0] == {**KEYS, "more": 1}

    @pytest.mark.parametrize("key", [{"kty": "oct", "k": "c2VjcmV0LW9m"}, {"kty": "RSA", "d": "c2VjcmV0LW9m"}])
    def test_a_set_with_secrets(self, drive, published, key):
        with pytest.raises(MalformedResponseError) as refused:
            drive(jwks_flow(published()), {"keys": [*KEYS["keys"], key]})
        assert refused.value.code == "secret-keys"
        assert "c2VjcmV0LW9m" not in str(refused.value) + repr(refused.value)


class TestRegistration:
    def test_the_application_is_described_as_json(self, drive, published):
        made = APPLICATION | {"client_id": "c2", "client_secret": "s2"}
        found, (request,) = drive(registration_flow(published(), APPLICATION), made)
        assert found == made
        assert (request.method, request.url) == ("POST", "https://as.example/register")
        assert json.loads(request.body) == APPLICATION
        assert dict(request.headers) == {"Accept": "application/json", "Content-Type": "application/json"}

    def test_an_initial_access_token(self):
        request = build_registration_request("https://as.example/register", {}, initial_access_token="IAT-secret")
        assert dict(request.headers)["Authorization"] == "Bearer IAT-secret"
        assert "IAT-secret" not in repr(request)

    def test_what_a_refusal_repeats_is_masked(self, drive, published, answer):
        said = {"error": "invalid_token", "error_description": "IAT-secret is not good"}
        flow = registration_flow(published(), APPLICATION, initial_access_token="IAT-secret")
        with pytest.raises(OAuthError) as refused:
            drive(flow, answer(said, 401))
        assert "IAT-secret" not in str(refused.value) + repr(refused.value)

    @pytest.mark.parametrize(
        "uri", ["http://c.example/", "/cb", "https://c.example/#x", 5, None, b"https://c.example/"]
    )
    def test_redirection_uris_that_cannot_be_used(self, uri):
        with pytest.raises(UsageError) as refused:
            build_registration_request("https://as.example/register", {"redirect_uris": [uri]})
        assert refused.value.code == "invalid-redirect-uri"

    @pytest.mark.parametrize(
        "metadata", [{"redirect_uris": "https://c.example/"}, {"x": object()}, {"x": float("nan")}]
    )
    def test_metadata_that_cannot_be_sent(self, metadata):
        with pytest.raises(UsageError) as refused:
            build_registration_request("https://as.example/register", metadata)
        assert refused.value.code == "invalid-client-metadata"

    def test_a_refusal_has_its_words(self, drive, published, answer):
        said = {"error": "invalid_client_metadata", "error_description": "no such grant"}
        with pytest.raises(OAuthError, match="no such grant") as refused:
            drive(registration_flow(published(), APPLICATION), answer(said, 400))
        assert refused.value.error == "invalid_client_metadata"

    @pytest.mark.parametrize("body", ["[]", "{}", '{"client_id": ""}', '{"client_id": 7}'])
    def test_an_answer_without_a_client(self, drive, published, answer, body):
        with pytest.raises(MalformedResponseError) as refused:
            drive(registration_flow(published(), APPLICATION), answer(body, 201))
        assert refused.value.code == "no-client-id"
