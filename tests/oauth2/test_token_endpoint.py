"""Requests to the token endpoint and its neighbours. Test ids are those of ``tests/vectors/oauth2_cases.json``."""

import json
import traceback
from urllib.parse import parse_qs, urlsplit

import pytest

from oauthreg.answers import malformed
from oauthreg.errors import (
    AccessDeniedError,
    ClientAuthenticationError,
    MalformedResponseError,
    MissingCredentialError,
    OAuthError,
    OAuthRegError,
    ReauthorizationRequired,
    ResponseError,
    TemporarilyUnavailableError,
    TokenExpiredError,
    UnsupportedMethodError,
    UsageError,
)
from oauthreg.jose import half_hash, sign_jwt
from oauthreg.messages import Sleep
from oauthreg.oauth2.token_endpoint import (
    DeviceAuthorization,
    client_endpoint,
    device_authorization_flow,
    device_token_flow,
    exchange_flow,
    introspection_flow,
    renewal_flow,
    revocation_flow,
    token_flow,
)
from oauthreg.provider import Exchange, Leg, OAuth2Settings, Scopes, TokenAnswer
from oauthreg.records import replace
from oauthreg.token import OAuth2Token

NOW = 1_700_000_000
ISSUER = "https://as.example"
GOOD = {"access_token": "AT1", "token_type": "Bearer", "expires_in": 3600}
PENDING = {"error": "authorization_pending"}
DEVICE = {
    "device_code": "PLANTED-device",
    "user_code": "PLANTED-user",
    "verification_uri": "https://as.example/device",
    "expires_in": 900,
    "interval": 5,
}
ALIASES = {"token": "https://mtls.as.example/token"}
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


class Field:
    """A template over one field of one document."""

    def __init__(self, document, field):
        self.document, self.field = document, field

    @property
    def names(self):
        return frozenset((f"{self.document}:{self.field}",))

    def render(self, documents):
        return documents.get(self.document, {}).get(self.field)


class OfIDToken:
    """Claims of which some are those of the ID token."""

    documents = frozenset({"id_token"})


class TestTokenRequest:
    """One request by any grant."""

    def test_PC01_PK03_the_code_of_a_public_client(self, drive, provider, identity):
        flow = token_flow(
            provider(),
            identity(client_secret=None),
            "authorization_code",
            code="C1",
            redirect_uri="https://c.example",
            code_verifier=VERIFIER,
        )
        token, (request,) = drive(flow, GOOD)
        assert (request.method, request.url) == ("POST", "https://as.example/token")
        assert request.headers == (("Accept", "application/json"),)
        assert request.form == (
            ("grant_type", "authorization_code"),
            ("code", "C1"),
            ("redirect_uri", "https://c.example"),
            ("code_verifier", VERIFIER),
            ("client_id", "c1"),
        )
        assert (token.access_token, token.expires_at, token.raw) == ("AT1", NOW + 3600, GOOD)

    def test_EC06_the_lifetime_counts_from_the_request(self, provider, identity, clock, answer):
        flow = token_flow(provider(), identity(), "client_credentials")
        next(flow)
        clock.advance(30)
        with pytest.raises(StopIteration) as end:
            flow.send(answer(GOOD))
        assert end.value.value.expires_at == NOW + 3600

    def test_RA02_CC03_further_parameters_and_resources(self, drive, provider, identity):
        resources = ["https://a.example", "https://b.example"]
        for grant, arguments in (("authorization_code", {"code": "C"}), ("refresh_token", {"refresh_token": "R"})):
            flow = token_flow(
                provider(), identity(), grant, resources=resources, params=(("audience", "api"),), **arguments
            )
            _, (request,) = drive(flow, GOOD)
            assert [value for name, value in request.form if name == "resource"] == resources
            assert dict(request.form)["audience"] == "api"

    @pytest.mark.parametrize("resource", ["api", "https://a.example/#x", "https://[a", "https://a.example/ b"])
    def test_RA03_a_resource_that_is_none(self, provider, identity, resource):
        with pytest.raises(UsageError) as refused:
            next(token_flow(provider(), identity(), "client_credentials", resources=[resource]))
        assert refused.value.code == "invalid-resource"

    @pytest.mark.parametrize(
        ("grant", "settings", "scopes", "sent"),
        [
            pytest.param("refresh_token", {}, {}, None, id="SC09"),
            pytest.param("refresh_token", {"refresh_scope": True}, {}, "a b", id="refresh_scope"),
            pytest.param("authorization_code", {}, {}, None, id="code"),
            pytest.param("authorization_code", {}, {"in_token_request": True}, "a b", id="in_token_request"),
            pytest.param("authorization_code", {}, {"in_token_request": True, "separator": ","}, "a,b", id="separator"),
        ],
    )
    def test_the_scope_is_said_again_where_it_is_wanted(self, drive, provider, identity, grant, settings, scopes, sent):
        arguments = {"code": "C"} if grant == "authorization_code" else {"refresh_token": "R"}
        given = provider(oauth2=OAuth2Settings(**settings), scopes=Scopes(**scopes))
        _, (request,) = drive(token_flow(given, identity(), grant, scopes=["a", "b"], **arguments), GOOD)
        assert dict(request.form).get("scope") == sent

    def test_SC02_what_was_not_granted_is_noted(self, drive, provider, identity):
        flow = token_flow(provider(), identity(), "client_credentials", scopes=["a", "b"], scope="a b")
        token, _ = drive(flow, GOOD | {"scope": "a"})
        assert token.missing_scopes == ("b",)

    def test_SC02_strictly_it_is_a_refusal(self, drive, provider, identity):
        given = provider(oauth2=OAuth2Settings(strict_scope=True))

        def granted(scope, grant="authorization_code", **arguments):
            flow = token_flow(given, identity(), grant, scopes=["a", "b"], **arguments or {"code": "C"})
            return drive(flow, GOOD | {"scope": scope})[0].scopes

        assert granted("b a") == ("b", "a")
        assert granted("a", "refresh_token", refresh_token="R") == ("a",)
        with pytest.raises(AccessDeniedError, match="b") as refused:
            granted("a")
        assert refused.value.code == "scope-not-granted"

    def test_TE02_a_legs_headers_and_parameters(self, drive, provider, identity):
        leg = Leg(
            rename={"client_id": "client_key", "code": "auth_code"},
            params=(
                ("action", "requesttoken"),
                ("device", Field("callback", "device_id")),
                ("absent", Field("x", "y")),
            ),
            query=(("v", "1"),),
            headers=(("User-Agent", "app/1"), ("accept", "text/plain")),
        )
        given = provider(token=leg, oauth2=OAuth2Settings(client_auth="client_secret_post"))
        flow = token_flow(
            given, identity(), "authorization_code", code="C1", documents={"callback": {"device_id": "D1"}}
        )
        _, (request,) = drive(flow, GOOD)
        assert request.url == "https://as.example/token?v=1"
        assert request.headers == (("User-Agent", "app/1"), ("accept", "text/plain"))
        assert dict(request.form) == {
            "grant_type": "authorization_code",
            "auth_code": "C1",
            "client_key": "c1",
            "client_secret": "s3cr3t-of-c1",
            "action": "requesttoken",
            "device": "D1",
        }

    def test_a_request_by_get(self, drive, provider, identity):
        given = provider(token=Leg("GET"), oauth2=OAuth2Settings(client_auth="none"))
        _, (request,) = drive(token_flow(given, identity(), "authorization_code", code="C 1"), GOOD)
        assert request.form is None
        assert parse_qs(urlsplit(request.url).query) == {
            "grant_type": ["authorization_code"],
            "code": ["C 1"],
            "client_id": ["c1"],
        }

    def test_a_request_in_json(self, drive, provider, identity):
        given = provider(token=Leg(body="json"))
        _, (request,) = drive(token_flow(given, identity(), "authorization_code", code="C1"), GOOD)
        assert json.loads(request.body) == {"grant_type": "authorization_code", "code": "C1"}
        assert ("Content-Type", "application/json") in request.headers
        assert dict(request.headers)["Authorization"].startswith("Basic ")

    def test_credentials_in_the_query_go_by_the_providers_names(self, drive, provider, identity):
        given = provider(
            token=Leg(rename={"client_id": "app_id"}),
            oauth2=OAuth2Settings(client_auth="query", client_auth_name="app_key"),
        )
        _, (request,) = drive(token_flow(given, identity(), "authorization_code", code="C1"), GOOD)
        assert request.url == "https://as.example/token?app_id=c1&app_key=s3cr3t-of-c1"
        assert dict(request.form) == {"grant_type": "authorization_code", "code": "C1"}

    def test_an_endpoint_of_the_callers_choice(self, drive, provider, identity):
        flow = token_flow(provider(), identity(), "client_credentials", url="https://other.example/token")
        assert drive(flow, GOOD)[1][0].url == "https://other.example/token"

    def test_checklist_25_passwords_only_where_they_are_enabled(self, drive, provider, identity):
        arguments = {"username": "ada", "password": "p4ssw0rd"}
        with pytest.raises(UsageError) as refused:
            next(token_flow(provider(), identity(), "password", **arguments))
        assert refused.value.code == "password-grant-refused"
        given = provider(oauth2=OAuth2Settings(grants=("password",)))
        assert drive(token_flow(given, identity(), "password", **arguments), GOOD)[0].access_token == "AT1"

    def test_mistakes_are_told_before_any_traffic(self, provider, identity):
        for flow, kind in (
            (token_flow(provider(), identity(), "implicit"), UnsupportedMethodError),
            (token_flow(provider(endpoints={"token": ""}), identity(), "client_credentials"), UsageError),
            (
                token_flow(
                    provider(oauth2=OAuth2Settings(client_auth="client_secret_basic")),
                    identity(client_secret=None),
                    "client_credentials",
                ),
                MissingCredentialError,
            ),
        ):
            with pytest.raises(kind):
                next(flow)

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            (GOOD | {"error": "invalid_client"}, ClientAuthenticationError),
            ({"error": "invalid_grant"}, ReauthorizationRequired),
            ({}, MalformedResponseError),
        ],
    )
    def test_a_refusal_is_raised(self, drive, provider, identity, body, kind):
        with pytest.raises(kind):
            drive(token_flow(provider(), identity(), "client_credentials"), body)

    def test_a_flow_without_answer_says_so(self, provider, identity):
        flow = token_flow(provider(), identity(), "client_credentials")
        next(flow)
        with pytest.raises(OAuthRegError) as refused:
            flow.send(None)
        assert refused.value.code == "flow-without-response"


class TestIDTokens:
    """What came with a login says who the user is: it is checked whichever way the login took."""

    LOGINS = (("authorization_code", {"code": "C"}), ("device_code", {"device_code": "D"}))

    @staticmethod
    def id_token(**changes):
        claims = {"iss": ISSUER, "aud": "c1", "sub": "u1", "iat": NOW, "exp": NOW + 60} | changes
        return sign_jwt(claims, "s" * 32, "HS256")

    def start(self, provider, identity, grant, arguments, nonce=None):
        given = provider(oauth2=OAuth2Settings(issuer=ISSUER), claims=OfIDToken())
        return token_flow(given, identity(), grant, nonce=nonce, **arguments)

    @pytest.mark.parametrize(("grant", "arguments"), LOGINS)
    def test_a_good_one(self, drive, provider, identity, grant, arguments):
        given = self.id_token(nonce="n1")
        token, _ = drive(self.start(provider, identity, grant, arguments, "n1"), GOOD | {"id_token": given})
        assert token.id_token == given

    @pytest.mark.parametrize(("grant", "arguments"), LOGINS)
    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"iss": "https://evil.example"}, "id-token-issuer"),
            ({"aud": "another"}, "id-token-audience"),
            ({"exp": NOW - 3600}, "jwt-expired"),
            ({"exp": 10**400, "iat": 10**400}, "jwt-time"),
            ({"nonce": "n2"}, "id-token-nonce"),
        ],
    )
    def test_others(self, drive, provider, identity, grant, arguments, changes, code):
        flow = self.start(provider, identity, grant, arguments, "n1")
        with pytest.raises(ResponseError) as refused:
            drive(flow, GOOD | {"id_token": self.id_token(nonce="n1") if not changes else self.id_token(**changes)})
        assert refused.value.code == code

    def test_one_that_came_with_a_renewal_costs_no_token(self, drive, provider, identity):
        """What was exchanged is spent; whose ID token cannot be trusted is left without."""
        flow = self.start(provider, identity, "refresh_token", {"refresh_token": "R"})
        token, _ = drive(flow, GOOD | {"id_token": self.id_token(iss="https://evil.example")})
        assert (token.access_token, token.id_token) == ("AT1", None)

    def test_ID09_two_spellings_of_an_issuer_are_one(self, drive, provider, identity):
        """What was renewed is spent, so that a refusal would end the grant."""
        settings = OAuth2Settings(issuer=ISSUER, issuer_aliases=("as.example",), id_token_algorithms=("HS256",))
        given = provider(oauth2=settings, claims=OfIDToken())
        for old, new in ((ISSUER, "as.example"), ("as.example", ISSUER)):
            token = OAuth2Token(access_token="A", refresh_token="R", id_token=self.id_token(iss=old))
            told = self.id_token(iss=new)
            client = identity(client_secret="s" * 32)
            assert drive(renewal_flow(given, client, token), GOOD | {"id_token": told})[0].id_token == told

    def test_ID09_two_tenants_are_not(self, drive, provider, identity):
        given = provider(oauth2=OAuth2Settings(issuer_template="https://as.example/{tid}"), claims=OfIDToken())
        former, other = (self.id_token(iss=f"https://as.example/{tid}", tid=tid) for tid in "ab")
        token = OAuth2Token(access_token="A", refresh_token="R", id_token=former)
        with pytest.raises(ResponseError) as refused:
            drive(renewal_flow(given, identity(), token), GOOD | {"id_token": other})
        assert refused.value.code == "id-token-user"

    @pytest.mark.parametrize("grant", ["jwt_bearer", "saml2_bearer", "client_credentials"])
    def test_one_of_another_grant_is_kept_if_it_is_good(self, drive, provider, identity, grant):
        settings = OAuth2Settings(issuer=ISSUER, id_token_algorithms=("HS256",))
        given, client = provider(oauth2=settings, claims=OfIDToken()), identity(client_secret="s" * 32)
        arguments = {} if grant == "client_credentials" else {"assertion": "x"}
        good = self.id_token()
        assert drive(token_flow(given, client, grant, **arguments), GOOD | {"id_token": good})[0].id_token == good
        for bad in (self.id_token(aud="other"), self.id_token(exp=5), good[:-6] + "AAAAAA"):
            assert drive(token_flow(given, client, grant, **arguments), GOOD | {"id_token": bad})[0].id_token is None

    def test_one_of_a_second_step_takes_the_place_of_the_first_if_it_is_good(self, drive, provider, identity):
        step = Exchange("https://as.example/exchange", Leg(), TokenAnswer())
        settings = OAuth2Settings(issuer=ISSUER, id_token_algorithms=("HS256",))
        given = provider(oauth2=settings, claims=OfIDToken(), exchange=step)
        client, first = identity(client_secret="s" * 32), self.id_token()
        for second, expected in ((self.id_token(email="x"), ...), (self.id_token(aud="other"), first)):
            flow = token_flow(given, client, "authorization_code", code="C")
            token, _ = drive(flow, GOOD | {"id_token": first}, GOOD | {"id_token": second})
            assert token.id_token == (second if expected is ... else expected)
        flow = token_flow(given, client, "authorization_code", code="C")
        with pytest.raises(ResponseError):
            drive(flow, GOOD | {"id_token": first}, GOOD | {"id_token": self.id_token(sub="u2")})

    @pytest.mark.parametrize("changes", [{"sub": "u2"}, {"iss": "https://evil.example"}], ids=str)
    def test_ID09_one_about_another_user_ends_the_renewal(self, drive, provider, identity, changes):
        given = provider(oauth2=OAuth2Settings(issuer=ISSUER), claims=OfIDToken())
        old = OAuth2Token(access_token="A", refresh_token="R", id_token=self.id_token())
        with pytest.raises(ResponseError) as refused:
            drive(renewal_flow(given, identity(), old), GOOD | {"id_token": self.id_token(**changes)})
        assert refused.value.code == "id-token-user"

    def test_a_second_step_comes_after_the_check(self, drive, provider, identity):
        """The ID token is that of the first access token (`at_hash`)."""
        step = Exchange("https://as.example/exchange", Leg(), TokenAnswer())
        given = provider(oauth2=OAuth2Settings(issuer=ISSUER), claims=OfIDToken(), exchange=step)
        flow = token_flow(given, identity(), "authorization_code", code="C")
        with pytest.raises(ResponseError):
            drive(flow, GOOD | {"id_token": self.id_token(at_hash="AAAA")})
        told = self.id_token(at_hash=half_hash("AT1", "HS256"))
        flow = token_flow(given, identity(), "authorization_code", code="C")
        token, _ = drive(flow, GOOD | {"id_token": told}, GOOD | {"access_token": "AT2"})
        assert (token.access_token, token.id_token) == ("AT2", told)


class TestEchoes:
    """SL02: what a server repeats of our secrets stays out of its refusal."""

    SECRET = "PLANTED/s3cr3t+é"

    @pytest.mark.parametrize(
        "body",
        [
            '{"error":"invalid_grant","error_description":"No PLANTED/s3cr3t+é","x":{"y":["PLANTED/s3cr3t+é"]}}',
            '{"error":"invalid_grant","error_description":"The code PLANTED\\/s3cr3t+\\u00e9 is bad"}',
            "error=invalid_grant&error_description=PLANTED%2Fs3cr3t%2B%C3%A9",
            "<p>PLANTED/s3cr3t+é</p>",
            "PLANTED%2Fs3cr3t%2B%C3%A9 PLANTED/s3cr3t%2B%C3%A9",
        ],
        ids=["json", "json-escaped", "form", "html", "text"],
    )
    @pytest.mark.parametrize("status", [200, 400, 404, 503])
    def test_SL02_as_it_is_or_encoded(self, provider, identity, answer, body, status):
        flow = token_flow(provider(), identity(client_secret=self.SECRET), "authorization_code", code=self.SECRET)
        next(flow)
        with pytest.raises(OAuthRegError) as refused:
            flow.send(answer(body, status))
        error = refused.value
        shown = "".join(traceback.format_exception(error)) + f"{error!r} {error.args} {vars(error)}"
        assert "PLANTED" not in shown
        assert error.__context__ is None

    def test_SL02_further_credentials_as_well(self, provider, identity, answer):
        client = identity(credentials={"api_key": self.SECRET})
        for flow in (
            token_flow(provider(), client, "authorization_code", code="C"),
            introspection_flow(provider(), client, "A"),
        ):
            next(flow)
            with pytest.raises(OAuthRegError) as refused:
                flow.send(answer({"error": "invalid_request", "error_description": f"key {self.SECRET} is bad"}, 400))
            assert "key *** is bad" in str(refused.value)

    def test_a_good_answer_is_read_as_it_came(self, drive, provider, identity):
        flow = token_flow(provider(), identity(), "refresh_token", refresh_token="R1-R1-R1")
        assert drive(flow, GOOD | {"refresh_token": "R1-R1-R1"})[0].refresh_token == "R1-R1-R1"


class TestRenewal:
    """The next token of a user."""

    old = OAuth2Token(access_token="A", refresh_token="R1", scope="a", expires_at=1, api_domain="x")

    def test_RK01_the_refresh_token_is_sent_and_kept(self, drive, provider, identity):
        token, (request,) = drive(renewal_flow(provider(), identity(), self.old), GOOD)
        assert request.form == (("grant_type", "refresh_token"), ("refresh_token", "R1"))
        assert (token.access_token, token.refresh_token, token["api_domain"]) == ("AT1", "R1", "x")
        assert token.expires_at == NOW + 3600
        _, (second,) = drive(renewal_flow(provider(), identity(), token), GOOD)
        assert dict(second.form)["refresh_token"] == "R1"

    def test_RK03_a_rotated_one_replaces_it(self, drive, provider, identity):
        token, _ = drive(renewal_flow(provider(), identity(), self.old), GOOD | {"refresh_token": "R2"})
        _, (second,) = drive(renewal_flow(provider(), identity(), token), GOOD)
        assert dict(second.form)["refresh_token"] == "R2"

    def test_RK07_another_grant_takes_nothing_over(self, drive, provider, identity):
        flow = token_flow(provider(), identity(), "authorization_code", previous=self.old, code="C")
        assert drive(flow, GOOD)[0].refresh_token is None

    def test_an_endpoint_and_a_leg_of_its_own(self, drive, provider, identity):
        given = provider(
            endpoints={"refresh": "https://as.example/renew"},
            refresh=Leg(rename={"grant_type": ""}, params=(("type", "refresh"),)),
            oauth2=OAuth2Settings(client_auth="none"),
        )
        flow = renewal_flow(given, identity(), self.old, params=(("x", "1"),), resources=["https://a.example"])
        _, (request,) = drive(flow, GOOD)
        assert request.url == "https://as.example/renew"
        assert dict(request.form) == {
            "refresh_token": "R1",
            "resource": "https://a.example",
            "client_id": "c1",
            "type": "refresh",
            "x": "1",
        }

    def test_RF08_without_a_refresh_token_nothing_is_sent(self, provider, identity):
        for token in (OAuth2Token(access_token="A"), OAuth2Token(access_token="A", refresh_token="")):
            with pytest.raises(TokenExpiredError) as refused:
                next(renewal_flow(provider(), identity(), token))
            assert refused.value.code == "no-refresh-token"

    def test_EC07_an_expired_refresh_token_is_not_sent(self, drive, provider, identity, clock):
        token = OAuth2Token(self.old, refresh_expires_at=NOW + 1800)
        clock.advance(1799)
        assert drive(renewal_flow(provider(), identity(), token), GOOD)[0].access_token == "AT1"
        clock.advance(1)
        with pytest.raises(ReauthorizationRequired) as refused:
            next(renewal_flow(provider(), identity(), token))
        assert refused.value.error == "invalid_grant"

    @pytest.mark.parametrize("status", [408, 429, 500, 503], ids=lambda status: f"RF02-{status}")
    def test_RF02_an_outage_ends_nothing(self, provider, identity, answer, status):
        flow = renewal_flow(provider(), identity(), self.old)
        next(flow)
        with pytest.raises(TemporarilyUnavailableError):
            flow.send(answer({"error": "invalid_grant"}, status))
        assert self.old.refresh_token == "R1"

    def test_RF05_RF01_one_request_for_an_ended_grant(self, provider, identity, answer):
        flow = renewal_flow(provider(), identity(), self.old)
        next(flow)
        with pytest.raises(ReauthorizationRequired):
            flow.send(answer({"error": "invalid_grant", "error_description": "invalid refresh_token"}, 400))


class TestExchange:
    """A second step after the token endpoint."""

    exchange = Exchange(
        "https://api.example/exchange",
        Leg("GET", params=(("grant_type", "long_lived"), ("exchange_token", Field("token", "access_token")))),
        TokenAnswer(),
    )

    def test_what_a_refresh_token_gives_at_the_same_endpoint_is_exchanged_as_well(self, drive, provider, identity):
        old = OAuth2Token(access_token="KEPT", refresh_token="R1")
        given = provider(exchange=self.exchange)
        token, requests = drive(
            renewal_flow(given, identity(), old), GOOD | {"refresh_token": "R2"}, {"access_token": "L"}
        )
        assert parse_qs(urlsplit(requests[1].url).query)["exchange_token"] == ["AT1"]
        assert (token.access_token, token.refresh_token) == ("L", "R2")

    def test_where_it_fails_after_a_renewal_the_new_refresh_token_is_kept(self, drive, provider, identity):
        old = OAuth2Token(access_token="KEPT", refresh_token="R1", expires_at=NOW - 1)
        flow = renewal_flow(provider(exchange=self.exchange), identity(), old)
        token, _ = drive(flow, GOOD | {"refresh_token": "R2"}, {"error": "temporarily_unavailable"})
        assert (token.refresh_token, token.access_token, token.is_expired(now=NOW)) == ("R2", "KEPT", True)
        assert (token.token_type, "expires_in" in token) == ("Bearer", False)
        assert isinstance(token.failure, OAuthError)
        assert token.failure.error == "temporarily_unavailable"

    def test_what_was_kept_for_its_refresh_token_alone_is_no_token_yet(self, drive, provider, identity):
        flow = renewal_flow(provider(exchange=self.exchange), identity(), OAuth2Token(refresh_token="R1"))
        token, _ = drive(flow, GOOD | {"refresh_token": "R2"}, {"error": "temporarily_unavailable"})
        assert (token.refresh_token, token.access_token, token.is_expired(now=NOW)) == ("R2", "", True)

    def test_where_it_fails_after_a_login_there_is_no_token(self, drive, provider, identity):
        flow = token_flow(provider(exchange=self.exchange), identity(), "authorization_code", code="C1")
        with pytest.raises(OAuthError):
            drive(flow, GOOD, {"error": "temporarily_unavailable"})

    @pytest.mark.parametrize("changes", ["endpoint", "access_token"])
    def test_what_renews_the_token_that_was_kept_gives_another_one_to_keep(self, drive, provider, identity, changes):
        given = {
            "endpoint": provider(exchange=self.exchange, endpoints={"refresh": "https://as.example/renew"}),
            "access_token": provider(exchange=self.exchange, oauth2=OAuth2Settings(refresh_with="access_token")),
        }[changes]
        token, _ = drive(renewal_flow(given, identity(), OAuth2Token(access_token="KEPT", refresh_token="R1")), GOOD)
        assert token.access_token == "AT1"

    def test_a_users_token_is_exchanged(self, drive, provider, identity):
        given = provider(exchange=self.exchange)
        flow = token_flow(given, identity(), "authorization_code", code="C1")
        token, (_, second) = drive(flow, GOOD | {"user_id": "7"}, {"access_token": "LONG", "expires_in": 5_184_000})
        assert second.method == "GET"
        assert parse_qs(urlsplit(second.url).query) == {
            "client_id": ["c1"],
            "client_secret": ["s3cr3t-of-c1"],
            "grant_type": ["long_lived"],
            "exchange_token": ["AT1"],
        }
        assert (token.access_token, token["user_id"], token.expires_at) == ("LONG", "7", NOW + 5_184_000)

    def test_a_token_of_the_client_itself_is_not(self, drive, provider, identity):
        given = provider(exchange=self.exchange)
        assert len(drive(token_flow(given, identity(), "client_credentials"), GOOD)[1]) == 1

    def test_the_same_step_may_renew(self, drive, provider, identity):
        given = provider(exchange=Exchange(self.exchange.url, self.exchange.leg, TokenAnswer(), renews=True))
        token, (request,) = drive(
            renewal_flow(given, identity(client_secret=None), OAuth2Token(access_token="OLD")), GOOD
        )
        assert parse_qs(urlsplit(request.url).query)["exchange_token"] == ["OLD"]
        assert "client_secret" not in request.url
        assert token.access_token == "AT1"

    def test_a_provider_without_it(self, provider, identity):
        with pytest.raises(UsageError) as refused:
            next(exchange_flow(provider(), identity(), OAuth2Token(access_token="A")))
        assert refused.value.code == "no-exchange"


class TestMutualTLS:
    """Endpoint aliases of RFC 8705 section 5."""

    def endpoints(self, provider, identity, client_auth, **settings):
        given = provider(oauth2=OAuth2Settings(client_auth=client_auth, **settings))
        names = ("token", "revoke", "introspect", "device")
        return {name: client_endpoint(given, identity(), name) for name in names}

    @pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth"])
    def test_MT02_checklist_67_a_certificate_uses_the_aliases(self, provider, identity, method):
        every = {name: f"https://mtls.as.example/{name}" for name in ("token", "revoke", "introspect", "device")}
        assert self.endpoints(provider, identity, method, mtls_endpoints=every) == every
        assert self.endpoints(provider, identity, method, mtls_endpoints=ALIASES) == {
            "token": "https://mtls.as.example/token",
            "revoke": "https://as.example/revoke",
            "introspect": "https://as.example/introspect",
            "device": "https://as.example/device",
        }
        assert self.endpoints(provider, identity, method)["token"] == "https://as.example/token"

    def test_MT02_a_demanded_alias_that_is_missing(self, provider, identity):
        settings = OAuth2Settings(client_auth="tls_client_auth", mtls_endpoints=ALIASES, require_mtls_endpoints=True)
        given = provider(oauth2=settings)
        assert client_endpoint(given, identity(), "token") == "https://mtls.as.example/token"
        with pytest.raises(UsageError) as refused:
            client_endpoint(given, identity(), "revoke")
        assert refused.value.code == "missing-mtls-endpoint"

    def test_MT03_certificate_bound_tokens_use_the_alias_of_the_token_endpoint(self, drive, provider, identity):
        aliases = ALIASES | {"revoke": "https://mtls.as.example/revoke"}
        found = self.endpoints(provider, identity, "private_key_jwt", mtls_endpoints=aliases, certificate_bound=True)
        assert found["token"] == "https://mtls.as.example/token"
        assert found["revoke"] == "https://as.example/revoke"
        given = provider(oauth2=OAuth2Settings(mtls_endpoints=aliases, certificate_bound=True))
        _, (request,) = drive(token_flow(given, identity(), "refresh_token", refresh_token="R"), GOOD)
        assert request.url == "https://mtls.as.example/token"

    def test_other_clients_use_no_alias(self, provider, identity):
        found = self.endpoints(provider, identity, "client_secret_basic", mtls_endpoints=ALIASES)
        assert found["token"] == "https://as.example/token"


class TestDevice:
    """The device flow."""

    authorization = DeviceAuthorization("D1-D1-D1", "U1", "https://as.example/device")

    def test_the_request(self, drive, provider, identity):
        given = provider(scopes=Scopes(default=("a", "b"), required=("openid",)))
        flow = device_authorization_flow(
            given, identity(client_secret=None), resources=["https://a.example"], params=(("audience", "api"),)
        )
        found, (request,) = drive(flow, DEVICE)
        assert request.url == "https://as.example/device"
        assert request.form == (
            ("client_id", "c1"),
            ("scope", "a b openid"),
            ("resource", "https://a.example"),
            ("audience", "api"),
        )
        assert (found.user_code, found.verification_uri) == ("PLANTED-user", "https://as.example/device")

    def test_a_confidential_client_authenticates(self, drive, provider, identity):
        _, (request,) = drive(device_authorization_flow(provider(), identity(), scope="a"), DEVICE)
        assert dict(request.headers)["Authorization"].startswith("Basic ")
        assert dict(request.form) == {"client_id": "c1", "scope": "a"}

    @pytest.mark.parametrize(
        ("interval", "seconds"),
        [
            pytest.param(..., 5, id="DF02-missing"),
            pytest.param(0, 5, id="DF02-zero"),
            pytest.param("5", 5, id="DF02-text"),
            (-1, 5),
            (None, 5),
            (0.001, 1),
            (7, 7),
            ("soon", 5),
            (10**400, 5),
            (True, 5),
            (10**9, 86400),
        ],
    )
    def test_the_interval(self, drive, provider, identity, interval, seconds):
        body = {name: value for name, value in (DEVICE | {"interval": interval}).items() if value is not ...}
        found, _ = drive(device_authorization_flow(provider(), identity()), body)
        assert found.interval == seconds

    @pytest.mark.parametrize(
        ("expires_in", "seconds"),
        [(1, 1), (86400, 86400), ("604800", 604800), (10**400, 900), (float("inf"), 900), (True, 900), (0, 900)],
    )
    def test_the_lifetime(self, drive, provider, identity, answer, expires_in, seconds):
        body = json.dumps(DEVICE | {"expires_in": expires_in}).replace("Infinity", "1e999")
        found, _ = drive(device_authorization_flow(provider(), identity()), answer(body))
        assert found.expires_in == seconds

    def test_a_complete_uri_that_is_no_text_is_left_out(self, drive, provider, identity):
        for given in ({"a": 1}, 7, ["x"], "", None):
            found, _ = drive(
                device_authorization_flow(provider(), identity()), DEVICE | {"verification_uri_complete": given}
            )
            assert found.verification_uri_complete is None

    def test_other_spellings_and_the_complete_uri(self, drive, provider, identity):
        body = {
            "device_code": "D",
            "user_code": "U",
            "verification_url": "https://as.example/d",
            "verification_uri_complete": "https://as.example/d?user_code=U",
        }
        found, _ = drive(device_authorization_flow(provider(), identity()), body)
        assert found.verification_uri == "https://as.example/d"
        assert found.verification_uri_complete == "https://as.example/d?user_code=U"
        assert (found.expires_in, found.interval) == (900, 5)

    @pytest.mark.parametrize(
        ("body", "kind", "code"),
        [
            ({"error": "unauthorized_client"}, OAuthError, "oauth-error"),
            ({"device_code": "D"}, MalformedResponseError, "no-device-code"),
            ([], MalformedResponseError, "no-device-code"),
            ({"device_code": "D", "user_code": "U"}, MalformedResponseError, "no-verification-uri"),
            (DEVICE | {"verification_uri": "javascript:alert(1)"}, MalformedResponseError, "no-verification-uri"),
            (DEVICE | {"verification_uri": "file:///etc/passwd"}, MalformedResponseError, "no-verification-uri"),
            (DEVICE | {"verification_uri": "https://a.example/\x1b[2K"}, MalformedResponseError, "no-verification-uri"),
            (DEVICE | {"verification_uri": "https:"}, MalformedResponseError, "no-verification-uri"),
            (DEVICE | {"user_code": "AB\x1b]0;PLANTED\x07"}, MalformedResponseError, "no-device-code"),
            ({**DEVICE, "verification_uri": ["https://as.example"]}, MalformedResponseError, "no-verification-uri"),
        ],
    )
    def test_an_answer_without_codes(self, drive, provider, identity, body, kind, code):
        with pytest.raises(kind) as refused:
            drive(device_authorization_flow(provider(), identity()), body)
        assert refused.value.code == code

    def poll(self, drive, provider, identity, *answers, elapsed=None, progress=None, authorization=None, **options):
        flow = device_token_flow(
            provider(),
            identity(client_secret=None),
            authorization or self.authorization,
            elapsed=elapsed or (lambda: 0.0),
            progress=progress,
            **options,
        )
        return drive(flow, *answers)

    def waits(self, yielded):
        return [step.seconds for step in yielded if isinstance(step, Sleep)]

    def test_the_token_after_some_waiting(self, drive, provider, identity):
        told = []
        token, yielded = self.poll(
            drive,
            provider,
            identity,
            PENDING,
            PENDING,
            GOOD | {"scope": "a"},
            progress=lambda *state: told.append(state),
            scopes=["a", "b"],
            resources=["https://a.example"],
            params=(("x", "1"),),
        )
        assert isinstance(yielded[0], Sleep)
        assert self.waits(yielded) == [5, 5, 5]
        assert told == [("authorization_pending", 5)] * 2
        assert yielded[1].form == (
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", "D1-D1-D1"),
            ("resource", "https://a.example"),
            ("client_id", "c1"),
            ("x", "1"),
        )
        assert (token.access_token, token.missing_scopes) == ("AT1", ("b",))

    def test_DF06_checklist_68_slow_down_grows_and_stays(self, drive, provider, identity):
        slow = {"error": "slow_down"}
        _, yielded = self.poll(
            drive, provider, identity, slow, PENDING, slow | {"interval": 30}, slow | {"interval": 1}, GOOD
        )
        assert self.waits(yielded) == [5, 10, 10, 30, 35]

    def test_an_outage_is_waited_for(self, drive, provider, identity, answer):
        told = []
        _, yielded = self.poll(
            drive,
            provider,
            identity,
            answer("<html>", 502),
            answer("", 429, retry_after="60"),
            GOOD,
            progress=lambda state, _: told.append(state),
        )
        assert self.waits(yielded) == [5, 10, 60]
        assert told == ["temporarily_unavailable"] * 2

    def test_DF05_checklist_68_the_deadline_counts_requests_too(self, provider, identity, answer):
        passed, polls = 0.0, 0

        def answered(step):
            nonlocal passed, polls
            if isinstance(step, Sleep):
                passed += step.seconds
                return None
            passed, polls = passed + 55, polls + 1
            return answer(PENDING, 400)

        flow = device_token_flow(provider(), identity(client_secret=None), self.authorization, elapsed=lambda: passed)
        step = next(flow)
        for _ in range(29):
            step = flow.send(answered(step))
        with pytest.raises(TokenExpiredError) as refused:
            flow.send(answered(step))
        assert refused.value.code == "device-code-expired"
        assert (polls, passed) == (15, 900)

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            ({"error": "access_denied"}, AccessDeniedError),
            ({"error": "authorization_declined"}, AccessDeniedError),
            ({"error": "expired_token"}, TokenExpiredError),
            ({"error": "invalid_grant"}, ReauthorizationRequired),
            ({"error": "invalid_client"}, ClientAuthenticationError),
        ],
    )
    def test_an_end_without_token(self, drive, provider, identity, body, kind):
        with pytest.raises(kind):
            self.poll(drive, provider, identity, body)

    def test_a_question_at_the_deadline_is_not_asked(self, provider, identity):
        authorization = DeviceAuthorization("D", "U", "https://as.example/d", expires_in=10)
        with pytest.raises(TokenExpiredError):
            next(device_token_flow(provider(), identity(), authorization, elapsed=lambda: 5.0))
        assert next(device_token_flow(provider(), identity(), authorization, elapsed=lambda: 4.9)) == Sleep(5)

    def test_cancellation_ends_the_polling(self, provider, identity):
        flow = device_token_flow(provider(), identity(), self.authorization, elapsed=lambda: 0.0)
        assert next(flow) == Sleep(5)
        flow.close()
        with pytest.raises(StopIteration):
            next(flow)

    def test_checklist_68_no_code_is_shown(self, drive, provider, identity):
        found, _ = drive(device_authorization_flow(provider(), identity()), DEVICE)
        assert "PLANTED" not in repr(found)


class TestRevocation:
    """RFC 7009."""

    def test_the_request(self, drive, provider, identity):
        _, (request,) = drive(revocation_flow(provider(), identity(), "T1", token_type_hint="refresh_token"), "")
        assert (request.url, request.form) == (
            "https://as.example/revoke",
            (("token", "T1"), ("token_type_hint", "refresh_token")),
        )
        assert dict(request.headers)["Authorization"].startswith("Basic ")

    def test_a_provider_with_a_way_of_its_own(self, drive, provider, identity):
        leg = Leg("DELETE", rename={"token": ""}, params=(("access_token", Field("token", "access_token")),))
        given = provider(revoke=leg, oauth2=OAuth2Settings(client_auth="none"))
        flow = revocation_flow(given, identity(), "T1", url="https://api.example/permissions")
        _, (request,) = drive(flow, '{"success":true}')
        assert (request.method, request.url) == (
            "DELETE",
            "https://api.example/permissions?client_id=c1&access_token=T1",
        )

    @pytest.mark.parametrize(
        ("status", "body"),
        [(200, ""), (200, "ok"), (204, ""), (200, '{"error":"x"}')],
        ids=lambda value: f"RV01-{value}",
    )
    def test_RV01_checklist_69_any_2xx_is_success(self, drive, provider, identity, answer, status, body):
        assert drive(revocation_flow(provider(), identity(), "T1"), answer(body, status))[0] is None

    @pytest.mark.parametrize("status", [200, 302])
    def test_an_answer_that_is_not_handed_over_shows_no_token_of_its_url(self, provider, identity, answer, status):
        given = provider(revoke=Leg(method="DELETE", path_parameter="token"))
        flow = revocation_flow(given, identity(), "PLANTED/token")
        url = next(flow).url
        assert url == "https://as.example/revoke/PLANTED%2Ftoken"
        response = replace(answer("", status, x_path=url), url=url)
        error = malformed(response, "the answer is too large", code="c", hint="h")
        assert "PLANTED" in str(error) + str(error.headers)
        with pytest.raises(MalformedResponseError, match="revoke/") as refused:
            flow.throw(error)
        assert refused.value.code == "c"
        assert "PLANTED" not in str(refused.value) + repr(refused.value) + str(refused.value.headers)

    def test_RV03_checklist_69_refusals_are_none(self, drive, provider, identity, answer):
        with pytest.raises(OAuthError) as refused:
            drive(revocation_flow(provider(), identity(), "T1"), answer({"error": "unsupported_token_type"}, 400))
        assert refused.value.error == "unsupported_token_type"
        with pytest.raises(TemporarilyUnavailableError) as later:
            drive(revocation_flow(provider(), identity(), "T1"), answer("", 503, retry_after="7"))
        assert later.value.retry_after == 7.0


class TestIntrospection:
    """RFC 7662."""

    def test_what_the_server_says(self, drive, provider, identity):
        flow = introspection_flow(provider(), identity(), "T1", token_type_hint="access_token")
        found, (request,) = drive(flow, {"active": True, "sub": "u1"})
        assert found == {"active": True, "sub": "u1"}
        assert (request.url, request.form) == (
            "https://as.example/introspect",
            (("token", "T1"), ("token_type_hint", "access_token")),
        )

    @pytest.mark.parametrize("body", [{}, {"active": "true"}, [], '"x"'])
    def test_an_answer_that_says_nothing(self, drive, provider, identity, body):
        with pytest.raises(MalformedResponseError) as refused:
            drive(introspection_flow(provider(), identity(), "T1"), body)
        assert refused.value.code == "no-introspection"

    def test_a_refusal(self, drive, provider, identity, answer):
        with pytest.raises(ClientAuthenticationError):
            drive(introspection_flow(provider(), identity(), "T1"), answer({"error": "invalid_client"}, 401))
