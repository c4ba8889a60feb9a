"""What a client of 2026 must keep to, one test for each line, as far as it shows without a network.

The numbers are those of one list that other test modules share (``test_checklist_NN_…``).
Spec: RFC 9700; RFC 8252; RFC 7636; RFC 6749; draft-ietf-oauth-rfc7523bis; RFC 8707; RFC 8705; RFC 8628; RFC 7009.
"""

import re
import traceback
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from oauthreg.errors import (
    CallbackError,
    InvalidKeyError,
    MalformedResponseError,
    OAuthError,
    TemporarilyUnavailableError,
    TokenExpiredError,
    UnsupportedMethodError,
    UsageError,
)
from oauthreg.messages import Sleep
from oauthreg.oauth2.assertion_grant import assertion_flow
from oauthreg.oauth2.authorize import check_redirect_uri, make_code_verifier, make_state
from oauthreg.oauth2.client_auth import CLIENT_AUTH_METHODS, check_client_auth
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.oauth2.login import LoginRequest, build_login, login_flow, parse_callback
from oauthreg.oauth2.token_endpoint import (
    DeviceAuthorization,
    client_endpoint,
    device_authorization_flow,
    device_token_flow,
    introspection_flow,
    renewal_flow,
    revocation_flow,
    token_flow,
)
from oauthreg.provider import AssertionSettings, OAuth2Settings
from oauthreg.token import OAuth2Token

NOW = 1_700_000_000
REDIRECT = "https://c.example"
GOOD = {"access_token": "AT1", "token_type": "Bearer"}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
ASSERTING = OAuth2Settings(client_auth="private_key_jwt", issuer="https://as.example")


def begin(given, **arguments):
    request = LoginRequest(**{"redirect_uri": REDIRECT, "now": NOW} | arguments)
    return build_login(given, ClientIdentity("c1", lambda: NOW, str), request)


def query(url):
    return dict(parse_qsl(urlsplit(url).query))


def callback(pending, **changes):
    return {"code": "C1", "state": pending.values["state"]} | changes


def assertion(request):
    text = dict(request.form)["client_assertion"]
    return jwt.decode(text, RSAKey(KEY.public_key(), KEY.public_key()), algorithms=["RS256"])


@pytest.fixture
def protocol_requests(drive, provider, identity):
    """The request to every endpoint at which a client authenticates."""

    def made(settings=ASSERTING, **client):
        given = provider(oauth2=settings)
        flows = (
            (token_flow(given, identity(**client), "authorization_code", code="C1"), GOOD),
            (renewal_flow(given, identity(**client), OAuth2Token(refresh_token="R1")), GOOD),
            (revocation_flow(given, identity(**client), "T1"), ""),
            (introspection_flow(given, identity(**client), "T1"), {"active": True}),
            (
                device_authorization_flow(given, identity(**client)),
                {"device_code": "D", "user_code": "U", "verification_uri": "https://as.example/d"},
            ),
        )
        return [drive(flow, answer)[1][0] for flow, answer in flows]

    return made


class TestAuthorizationRequest:
    """Lines 1 to 7."""

    def test_checklist_01_pkce_without_being_asked(self, provider):
        sent = query(begin(provider()).url)
        assert sent["code_challenge_method"] == "S256"
        assert len(sent["code_challenge"]) == 43

    def test_checklist_02_states_and_verifiers_are_random(self, provider):
        logins = [begin(provider()).values for _ in range(1000)]
        for name, make in (("state", make_state), ("code_verifier", make_code_verifier)):
            values = {login[name] for login in logins} | {make()}
            assert len(values) == 1001
            # 43 characters of base64url are 256 bits.
            assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", value) for value in values)

    def test_checklist_03_an_error_leads_to_no_plain_challenge(self, provider):
        pending = begin(provider())
        with pytest.raises(OAuthError):
            parse_callback(provider(), pending, callback(pending, error="invalid_request"), now=NOW)
        assert query(begin(provider()).url)["code_challenge_method"] == "S256"

    @pytest.mark.parametrize("response_type", ["token", "id_token token", "code token"])
    def test_checklist_04_no_token_in_the_front_channel(self, provider, response_type):
        with pytest.raises(UsageError) as refused:
            begin(provider(oauth2=OAuth2Settings(response_type=response_type)))
        assert refused.value.code == "implicit-grant-refused"

    @pytest.mark.parametrize("uri", ["https://c.example", "https://C.example:443/a%2fb?x=%20", "http://127.0.0.1:1/"])
    def test_checklist_05_the_redirect_uri_to_the_letter(self, drive, provider, identity, uri):
        pending = begin(provider(), redirect_uri=uri)
        _, (request,) = drive(login_flow(provider(), identity(), pending, callback(pending)), GOOD)
        assert query(pending.url)["redirect_uri"] == dict(request.form)["redirect_uri"] == uri

    def test_checklist_06_no_fragment_in_a_redirect_uri(self, provider):
        with pytest.raises(UsageError) as refused:
            begin(provider(), redirect_uri="https://c.example/#x")
        assert refused.value.code == "invalid-redirect-uri"

    def test_checklist_07_http_only_to_loopback_and_schemes_in_reverse_domain_form(self):
        for good in ("http://127.0.0.1:8000/cb", "http://[::1]/cb", "com.example.app:/cb"):
            assert check_redirect_uri(good) == good
        for bad in ("http://c.example/cb", "http://127.0.0.1.example/cb", "myapp:/cb", "myapp://cb"):
            with pytest.raises(UsageError):
                check_redirect_uri(bad)


class TestAuthorizationResponse:
    """Lines 17 to 19."""

    @pytest.mark.parametrize("name", ["code", "state", "iss", "error"])
    def test_checklist_17_no_parameter_twice(self, provider, name):
        pending = begin(provider())
        with pytest.raises(CallbackError) as refused:
            parse_callback(provider(), pending, callback(pending, **{name: ["a", "b"]}), now=NOW)
        assert refused.value.code == "repeated-parameter"

    def test_checklist_18_an_access_token_in_the_callback_is_not_used(self, drive, provider, identity):
        pending = begin(provider())
        answer = callback(pending, access_token="INJECTED", token_type="Bearer", refresh_token="INJECTED")
        token, (request,) = drive(login_flow(provider(), identity(), pending, answer), GOOD)
        assert "INJECTED" not in f"{dict(token)} {request.form}"
        with pytest.raises(CallbackError) as refused:
            parse_callback(provider(), pending, {"state": pending.values["state"], "access_token": "A"}, now=NOW)
        assert refused.value.code == "code-missing"

    @pytest.mark.parametrize(
        "changes",
        [
            {"state": "PLANTED"},
            {"iss": "https://PLANTED.example"},
            {"code": ["PLANTED", "PLANTED"]},
            {"error": "server_error", "error_description": "code=PLANTED"},
            {"code": "", "x": "PLANTED"},
        ],
        ids=",".join,
    )
    def test_checklist_19_no_code_and_no_state_in_an_error(self, provider, changes, caplog):
        pending = begin(provider(), state="PLANTED-state")
        with caplog.at_level("DEBUG"), pytest.raises((CallbackError, OAuthError)) as refused:
            parse_callback(provider(), pending, {"code": "PLANTED", "state": "PLANTED-state"} | changes, now=NOW)
        error = refused.value
        assert "PLANTED" not in f"{error} {error!r} {error.args} {vars(error)} {caplog.text}"


class TestTokenEndpoint:
    """Lines 24 to 27."""

    @pytest.mark.parametrize("method", sorted(CLIENT_AUTH_METHODS.keys() - {"query"}))
    def test_checklist_24_one_client_authentication_and_no_secret_in_a_url(self, protocol_requests, method):
        settings = OAuth2Settings(client_auth=method, client_auth_name="X-Secret", issuer="https://as.example")
        for request in protocol_requests(settings, client_secret="S3CR3T-S3CR3T", private_key=KEY):
            names, headers = dict(request.form), dict(request.headers)
            if request.authenticator is not None:
                headers |= dict(request.authenticator.authenticate("POST", request.url, None, None).headers)
            ways = [
                way in place
                for place, way in (
                    (headers, "Authorization"),
                    (headers, "X-Secret"),
                    (names, "client_secret"),
                    (names, "client_assertion"),
                )
            ]
            assert sum(ways) == (method not in ("none", "tls_client_auth", "self_signed_tls_client_auth"))
            assert "?" not in request.url

    def test_checklist_25_no_password_grant_unless_it_is_enabled(self, provider, identity):
        with pytest.raises(UsageError) as refused:
            next(token_flow(provider(), identity(), "password", username="ada", password="p"))
        assert refused.value.code == "password-grant-refused"

    @pytest.mark.parametrize(
        "body", [{}, {"access_token": ""}, {"access_token": 7}, GOOD | {"error": "x"}, GOOD | {"ok": False}], ids=str
    )
    def test_checklist_26_an_answer_that_is_no_token_changes_nothing(self, drive, provider, identity, body):
        token = OAuth2Token(access_token="A", refresh_token="R")
        with pytest.raises((OAuthError, MalformedResponseError)):
            drive(renewal_flow(provider(), identity(), token), body)
        assert token == {"access_token": "A", "refresh_token": "R"}

    @pytest.mark.parametrize("token_type", ["mac", "DPoP", "bot", "Bearer x"])
    def test_checklist_27_a_token_type_that_is_not_understood(self, drive, provider, identity, token_type):
        flow = token_flow(provider(), identity(), "client_credentials")
        with pytest.raises(MalformedResponseError) as refused:
            drive(flow, GOOD | {"token_type": token_type})
        assert refused.value.code == "unsupported-token-type"


class TestStoredTokens:
    """Line 35, the part of the flows."""

    def test_checklist_35_a_refresh_token_goes_to_its_providers_endpoints_alone(self, drive, provider, identity):
        given = provider(endpoints={"api_base": "https://api.example/", "userinfo": "https://api.example/me"})
        for flow, answer in (
            (renewal_flow(given, identity(), OAuth2Token(refresh_token="R1")), GOOD),
            (revocation_flow(given, identity(), "R1", token_type_hint="refresh_token"), ""),
        ):
            _, (request,) = drive(flow, answer)
            assert "R1" in dict(request.form).values()
            assert request.url in (given.endpoints["token"], given.endpoints["revoke"])


class TestAssertions:
    """Lines 39 to 45."""

    def test_checklist_39_the_audience_is_the_issuer_at_every_endpoint(self, protocol_requests):
        requests = protocol_requests(private_key=KEY)
        assert len({request.url for request in requests}) == 4
        assert [assertion(request).claims["aud"] for request in requests] == ["https://as.example"] * 5

    def test_checklist_40_two_audiences_are_refused_at_configuration(self, provider, identity):
        audiences = AssertionSettings(audience=("https://as.example", "https://as.example/token"))
        given = provider(oauth2=OAuth2Settings(client_auth="private_key_jwt", client_assertion=audiences))
        with pytest.raises(UsageError) as refused:
            check_client_auth(given, identity(private_key=KEY))
        assert refused.value.code == "several-audiences"

    def test_checklist_41_about_the_client_for_minutes_and_never_twice(self, protocol_requests):
        found = [assertion(request).claims for request in protocol_requests(private_key=KEY)]
        found += [assertion(request).claims for request in protocol_requests(private_key=KEY)]
        assert {(claims["iss"], claims["sub"]) for claims in found} == {("c1", "c1")}
        assert all(0 < claims["exp"] - claims["iat"] <= 600 for claims in found)

    def test_checklist_41_each_attempt_has_an_assertion_of_its_own(self, drive, provider, identity):
        client = identity(private_key=KEY)
        flows = [token_flow(provider(oauth2=ASSERTING), client, "client_credentials") for _ in range(3)]
        assert len({assertion(drive(flow, GOOD)[1][0]).claims["jti"] for flow in flows}) == 3

    def test_checklist_42_the_type_of_the_header_and_its_switch(self, drive, provider, identity):
        old = OAuth2Settings(client_auth="private_key_jwt", client_assertion=AssertionSettings(typ="JWT"))
        for settings, typ in ((ASSERTING, "client-authentication+jwt"), (old, "JWT")):
            flow = token_flow(provider(oauth2=settings), identity(private_key=KEY), "client_credentials")
            assert assertion(drive(flow, GOOD)[1][0]).header["typ"] == typ

    def test_checklist_43_endpoints_of_others_change_no_audience(self, drive, provider, identity):
        given = provider(oauth2=ASSERTING, endpoints={"token": "https://evil.example/token"})
        flow = token_flow(given, identity(private_key=KEY), "client_credentials", url="https://evil.example/t")
        assert assertion(drive(flow, GOOD)[1][0]).claims["aud"] == "https://as.example"

    def test_checklist_44_the_audience_of_a_grant_is_configured(self, drive, provider, identity):
        settings = OAuth2Settings(client_auth="none", assertion=AssertionSettings(audience="https://as.example/aud"))
        given = provider(oauth2=settings, endpoints={"token": "https://evil.example/token"})
        _, (request,) = drive(assertion_flow(given, identity(private_key=KEY), issuer="i"), GOOD)
        text = dict(request.form)["assertion"]
        found = jwt.decode(text, RSAKey(KEY.public_key(), KEY.public_key()), algorithms=["RS256"])
        assert found.claims["aud"] == "https://as.example/aud"

    @pytest.mark.parametrize(
        ("method", "algorithm", "kind"),
        [
            ("private_key_jwt", "ES256", InvalidKeyError),
            ("private_key_jwt", "none", UnsupportedMethodError),
            ("private_key_jwt", "HS256", InvalidKeyError),
            ("client_secret_jwt", "HS256", InvalidKeyError),
        ],
    )
    def test_checklist_45_algorithm_and_key_fit_at_construction(self, provider, identity, method, algorithm, kind):
        settings = OAuth2Settings(client_auth=method, client_assertion=AssertionSettings(algorithm))
        with pytest.raises(kind):
            check_client_auth(provider(oauth2=settings), identity(client_secret=PEM, private_key=PEM))


class TestOthers:
    """Lines 66 to 69."""

    def test_checklist_66_resource_and_audience_in_all_three_requests(self, drive, provider, identity):
        resources, params = ["https://a.example", "https://b.example"], (("audience", "api"),)
        pending = begin(provider(), resources=resources, params=params)
        sent = parse_qs(urlsplit(pending.url).query)
        assert (sent["resource"], sent["audience"]) == (resources, ["api"])
        code = login_flow(provider(), identity(), pending, callback(pending), params=params)
        renewal = renewal_flow(
            provider(), identity(), OAuth2Token(refresh_token="R"), resources=resources, params=params
        )
        for flow in (code, renewal):
            _, (request,) = drive(flow, GOOD)
            assert [value for name, value in request.form if name == "resource"] == resources
            assert [value for name, value in request.form if name == "audience"] == ["api"]

    def test_checklist_67_mutual_tls_uses_its_aliases_and_no_secret(self, drive, provider, identity):
        aliases = {name: f"https://mtls.as.example/{name}" for name in ("token", "revoke", "introspect", "device")}
        settings = OAuth2Settings(client_auth="tls_client_auth", mtls_endpoints=aliases, require_mtls_endpoints=True)
        given = provider(oauth2=settings)
        assert {name: client_endpoint(given, identity(), name) for name in aliases} == aliases
        _, (request,) = drive(token_flow(given, identity(client_secret="S3CR3T"), "client_credentials"), GOOD)
        assert request.url == "https://mtls.as.example/token"
        assert "S3CR3T" not in f"{request.form} {request.headers} {request.url}"

    def test_checklist_68_polling_slows_down_and_ends(self, provider, identity, answer):
        authorization = DeviceAuthorization("PLANTED-device", "PLANTED-user", "https://as.example/d", expires_in=60)
        waited, told = [0.0], []
        flow = device_token_flow(
            provider(),
            identity(),
            authorization,
            elapsed=lambda: sum(waited),
            progress=lambda *state: told.append(state),
        )
        step = next(flow)
        with pytest.raises(TokenExpiredError) as ended:  # noqa: PT012 - the flow ends where it will
            while True:
                if isinstance(step, Sleep):
                    waited.append(step.seconds)
                step = flow.send(None if isinstance(step, Sleep) else answer({"error": "slow_down"}, 400))
        assert waited == [0, 5, 10, 15, 20]
        shown = "".join(traceback.format_exception(ended.value)) + f"{told} {authorization!r}"
        assert "PLANTED" not in shown

    def test_checklist_69_only_a_2xx_revokes(self, drive, provider, identity, answer):
        for body in ("", "ok", "<html>", {"error": "x"}):
            assert drive(revocation_flow(provider(), identity(), "T1"), answer(body, 200))[0] is None
        with pytest.raises(OAuthError) as refused:
            drive(revocation_flow(provider(), identity(), "T1"), answer({"error": "unsupported_token_type"}, 400))
        assert refused.value.error == "unsupported_token_type"
        with pytest.raises(TemporarilyUnavailableError):
            drive(revocation_flow(provider(), identity(), "T1"), answer("", 503))
