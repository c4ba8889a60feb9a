"""What servers publish of themselves, and the registration of clients."""

import json

import pytest

from oauthreg.errors import MalformedResponseError, OAuthError, TemporarilyUnavailableError, UsageError
from oauthreg.oauth2.registration import build_registration_request, registration_flow
from oauthreg.oauth2.server_metadata import jwks_flow, server_metadata_flow
from oauthreg.provider import OAuth2Settings

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


class TestKeys:
    def test_all_of_the_set_is_given(self, drive, published):
        found, (request,) = drive(jwks_flow(published()), KEYS)
        assert found == KEYS
        assert (request.method, request.url, request.authenticator) == ("GET", PUBLISHED["jwks"], None)

    @pytest.mark.parametrize("body", ["[]", "{}", '{"keys": {}}', '{"keys": [1]}', '{"keys": [{"kty": 1}]}'])
    def test_what_is_no_set(self, drive, published, answer, body):
        with pytest.raises(MalformedResponseError) as refused:
            drive(jwks_flow(published()), answer(body))
        assert refused.value.code == "no-jwks"

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
