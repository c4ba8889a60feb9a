"""Logins by authorization code, from URL to token. Test ids are those of ``tests/vectors/oauth2_cases.json``."""

import base64
import json
from types import MappingProxyType
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from multidict import MultiDict

from oauthreg.claims import parse_claims
from oauthreg.errors import AccessDeniedError, MismatchingStateError, ResponseError, UsageError
from oauthreg.login import PendingLogin
from oauthreg.oauth2.authorize import code_challenge
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.oauth2.login import LoginRequest, build_login, login_flow, parse_callback
from oauthreg.provider import CallbackSettings, Leg, OAuth2Settings, Provider, Scopes
from oauthreg.records import replace

NOTHING = MappingProxyType({})
NOW = 1_700_000_000
REDIRECT = "https://c.example"
GOOD = {"access_token": "AT1", "expires_in": 3600}


class CallbackField:
    names = frozenset({"callback:device_id"})

    def render(self, documents):
        return documents["callback"]["device_id"]


class ClientField:
    names = frozenset({"client:device_id"})

    def render(self, documents):
        return documents["client"]["device_id"]


def begin(given, credentials=NOTHING, **arguments):
    request = LoginRequest(**{"redirect_uri": REDIRECT, "now": NOW} | arguments)
    return build_login(given, ClientIdentity("c1", lambda: NOW, str, credentials=credentials), request)


def query(url):
    return dict(parse_qsl(urlsplit(url).query))


def callback(pending, **changes):
    fields = {"code": "C1", "state": pending.values.get("state", "")} | changes
    return f"{REDIRECT}/?" + "&".join(f"{name}={quote(value)}" for name, value in fields.items() if value)


class TestStart:
    """A login that begins."""

    def test_what_the_browser_gets_and_what_is_kept(self, provider):
        pending = begin(provider(), scope=["a", "b"], resources=["https://r.example"], params=(("prompt", "login"),))
        sent = query(pending.url)
        assert sent == {
            "response_type": "code",
            "client_id": "c1",
            "redirect_uri": REDIRECT,
            "scope": "a b",
            "state": pending.values["state"],
            "code_challenge": code_challenge(pending.values["code_verifier"]),
            "code_challenge_method": "S256",
            "resource": "https://r.example",
            "prompt": "login",
        }
        assert pending.values.keys() == {"scope", "resource", "server", "state", "code_verifier"}
        assert (pending.provider, pending.protocol, pending.created) == ("example", "oauth2", NOW)

    def test_checklist_10_a_nonce_where_an_id_token_is_asked_for(self, provider):
        for given, scope in (
            (provider(), "openid email"),
            (provider(protocol="oidc"), "email"),
            (provider(oauth2=OAuth2Settings(response_type="code id_token")), "email"),
        ):
            pending = begin(given, scope=scope)
            assert query(pending.url)["nonce"] == pending.values["nonce"]
        assert "nonce" not in begin(provider(), scope="email").values
        assert query(begin(provider(), nonce="N").url)["nonce"] == "N"

    def test_without_pkce_or_state_where_the_provider_has_none(self, provider):
        pending = begin(provider(oauth2=OAuth2Settings(pkce="unsupported", state=False)))
        assert query(pending.url).keys() == {"response_type", "client_id", "redirect_uri"}
        assert pending.values == {"server": "https://as.example/token"}
        assert begin(provider(oauth2=OAuth2Settings(state=False)), state="S").values["state"] == "S"

    def test_values_of_the_callers_own(self, provider):
        pending = begin(provider(), state="S", code_verifier="v" * 43, url="https://other.example/authorize")
        assert (pending.values["state"], pending.values["code_verifier"]) == ("S", "v" * 43)
        assert pending.url.startswith("https://other.example/authorize?")

    def test_only_a_digest_of_the_binding_is_kept(self, provider):
        pending = begin(provider(), binding="PLANTED-session")
        assert "PLANTED" not in pending.to_json()

    def test_templates_see_the_clients_credentials(self, provider):
        given = provider(authorize=Leg("GET", params=(("device", ClientField()),)))
        pending = begin(given, {"device_id": "D1"})
        assert query(pending.url)["device"] == "D1"

    def test_SL03_repr_shows_no_secret(self, provider):
        assert "PLANTED" not in repr(begin(provider(), state="PLANTED", nonce="PLANTED"))


class TestCallback:
    """What the browser brings back."""

    def test_it_works_in_another_process(self, provider):
        pending = PendingLogin.from_json(begin(provider(), binding="cookie").to_json())
        assert parse_callback(provider(), pending, callback(pending), now=NOW, binding="cookie").code == "C1"

    @pytest.mark.parametrize(
        "form",
        [
            lambda state: f"code=C1&state={state}&user=%7B%22name%22%3A%22Ada%22%7D",
            lambda state: f"code=C1&state={state}&user=%7B%22name%22%3A%22Ada%22%7D".encode(),
            lambda state: {"code": "C1", "state": state, "user": '{"name":"Ada"}'},
            lambda state: MultiDict(code="C1", state=state, user='{"name":"Ada"}'),
            lambda state: {"code": ["C1"], "state": [state], "user": ['{"name":"Ada"}'], "error": None},
        ],
        ids=["text", "octets", "mapping", "multidict", "lists"],
    )
    def test_CM01_a_posted_form(self, provider, form):
        given = provider(oauth2=OAuth2Settings(response_mode="form_post"), callback=CallbackSettings(json=("user",)))
        pending = begin(given)
        assert query(pending.url)["response_mode"] == "form_post"
        found = parse_callback(given, pending, form(pending.values["state"]), now=NOW)
        assert (found.code, found.parameters["user"]) == ("C1", {"name": "Ada"})

    @pytest.mark.parametrize(
        ("issuer", "is_good"), [("https://kc.example/realms/x", True), ("https://as.example", False)]
    )
    def test_an_issuer_that_nobody_announced_must_live_where_this_login_was_sent(self, provider, issuer, is_good):
        for given in (provider(), Provider(protocol="oauth2", name="example")):
            pending = begin(given, url="https://kc.example/auth")
            response = f"{callback(pending)}&iss={quote(issuer, safe='')}"
            if is_good:
                assert parse_callback(given, pending, response, now=NOW).code == "C1"
                continue
            with pytest.raises(MismatchingStateError) as refused:
                parse_callback(given, pending, response, now=NOW)
            assert refused.value.code == "issuer-mismatch"

    def test_ST04_a_binding_that_none_has_made(self, provider):
        pending = begin(provider(), binding="mine")
        changed = replace(pending, values={**pending.values, "binding": "é"})
        with pytest.raises(MismatchingStateError) as refused:
            parse_callback(provider(), changed, callback(pending), now=NOW, binding="mine")
        assert refused.value.code == "binding-mismatch"

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            pytest.param(None, "binding-missing", id="ST04-missing"),
            pytest.param("victim", "binding-mismatch", id="ST04-other"),
            pytest.param("", "binding-mismatch", id="ST04-empty"),
        ],
    )
    def test_ST04_a_login_bound_to_another_browser(self, provider, given, code):
        pending = begin(provider(), binding="attacker")
        with pytest.raises(MismatchingStateError) as refused:
            parse_callback(provider(), pending, callback(pending), now=NOW, binding=given)
        assert refused.value.code == code

    def test_CM02_a_lost_cookie_is_explained(self, provider):
        given = provider(oauth2=OAuth2Settings(response_mode="form_post"))
        pending = begin(given, binding="cookie")
        with pytest.raises(MismatchingStateError, match=r"SameSite=None; Secure"):
            parse_callback(given, pending, callback(pending), now=NOW)

    def test_checklist_14_the_answer_belongs_to_the_server_that_the_request_went_to(self, provider):
        """Servers of one definition, which have no issuers to be told by (RFC 9700 section 4.4.2)."""
        pending = begin(provider(endpoints={"token": "https://evil.example/oauth/token"}))
        for other in ("https://as.example/oauth/token", "https://evil.example/tenant/token"):
            with pytest.raises(MismatchingStateError) as refused:
                parse_callback(provider(endpoints={"token": other}), pending, callback(pending), now=NOW)
            assert refused.value.code == "other-provider"
        same = provider(endpoints={"token": "https://EVIL.example:443/oauth/token?v=2"})
        assert parse_callback(same, pending, callback(pending), now=NOW).code == "C1"

    def test_where_the_server_is_not_known_yet_or_no_more_nothing_is_compared(self, provider):
        nowhere = replace(provider(), endpoints={"authorize": "https://as.example/authorize"})
        for before, after in ((nowhere, provider()), (provider(), nowhere)):
            pending = begin(before)
            assert parse_callback(after, pending, callback(pending), now=NOW).code == "C1"

    def test_a_server_may_move_its_endpoints_by_its_metadata(self, provider):
        known = provider(oauth2=OAuth2Settings(issuer="https://as.example"))
        moved = replace(known, endpoints={**known.endpoints, "token": "https://as.example/v2/token"})
        pending = begin(known)
        told = replace(moved, from_metadata=frozenset({"token"}))
        assert parse_callback(told, pending, callback(pending), now=NOW).code == "C1"
        with pytest.raises(MismatchingStateError) as refused:
            parse_callback(moved, pending, callback(pending), now=NOW)
        assert refused.value.code == "other-provider"

    def test_ST05_a_late_callback(self, provider):
        pending = begin(provider())
        assert parse_callback(provider(), pending, callback(pending), now=NOW + 600).code == "C1"
        with pytest.raises(MismatchingStateError) as refused:
            parse_callback(provider(), pending, callback(pending), now=NOW + 660)
        assert refused.value.code == "login-expired"
        assert parse_callback(provider(), pending, callback(pending), now=NOW + 660, lifetime=3600).code == "C1"

    def test_a_login_at_another_provider(self, provider):
        pending = begin(provider())
        with pytest.raises(MismatchingStateError) as refused:
            parse_callback(provider(name="other"), pending, callback(pending), now=NOW)
        assert refused.value.code == "other-provider"

    def test_a_login_that_began_before_the_definition_said_more(self, provider):
        """A pending login outlives an update; one of OAuth 1.0 is another."""
        pending = begin(provider())
        assert parse_callback(provider(protocol="oidc"), pending, callback(pending), now=NOW).code == "C1"
        known = provider(oauth2=OAuth2Settings(issuer="https://as.example"))
        assert parse_callback(known, pending, callback(pending), now=NOW).code == "C1"
        with pytest.raises(MismatchingStateError):
            parse_callback(provider(protocol="oauth1"), pending, callback(pending), now=NOW)

    def test_an_age_of_the_definition_is_kept_with_the_login(self, provider):
        leg = Leg(method="GET", params=(("max_age", "300"),))
        assert begin(provider(authorize=leg)).values["max_age"] == "300"
        assert "max_age" not in begin(provider()).values

    def test_checklist_13_a_login_at_another_issuer_of_one_provider(self, provider):
        first, second = (provider(oauth2=OAuth2Settings(issuer=f"https://{name}.example")) for name in ("a", "b"))
        pending = begin(first)
        assert parse_callback(first, pending, callback(pending), now=NOW).code == "C1"
        for other in (second, provider()):
            with pytest.raises(MismatchingStateError) as refused:
                parse_callback(other, pending, callback(pending), now=NOW)
            assert refused.value.code == "other-provider"

    def test_a_pending_login_without_state_proves_nothing(self, provider):
        pending = PendingLogin("example", "oauth2", "", REDIRECT, {}, NOW)
        with pytest.raises(UsageError) as refused:
            parse_callback(provider(), pending, callback(pending), now=NOW)
        assert refused.value.code == "invalid-pending-login"
        settings = OAuth2Settings(state=False)
        assert parse_callback(provider(oauth2=settings), pending, callback(pending), now=NOW).code == "C1"

    def test_ST03_PK06_every_login_has_values_of_its_own(self, drive, provider, identity):
        given, client = provider(), identity(client_secret=None)
        first, second = begin(given), begin(given)
        for pending, other in ((second, first), (first, second)):
            with pytest.raises(MismatchingStateError):
                parse_callback(given, pending, callback(other), now=NOW)
            _, (request,) = drive(login_flow(given, client, pending, callback(pending)), GOOD)
            assert dict(request.form)["code_verifier"] == pending.values["code_verifier"]


class TestFinish:
    """The code exchanged for a token."""

    def test_the_token_request(self, drive, provider, identity):
        given = provider(
            token=Leg(params=(("device", CallbackField()),)),
            callback=CallbackSettings(keep=("realm", "absent")),
            scopes=Scopes(separator=",", in_token_request=True),
        )
        pending = begin(given, scope=["a", "b"], resources=["https://r.example", "https://s.example"])
        answer = callback(pending, realm="7", device_id="D1")
        token, (request,) = drive(login_flow(given, identity(), pending, answer), GOOD | {"scope": "a"})
        assert request.form == (
            ("grant_type", "authorization_code"),
            ("code", "C1"),
            ("redirect_uri", REDIRECT),
            ("code_verifier", pending.values["code_verifier"]),
            ("scope", "a,b"),
            ("resource", "https://r.example"),
            ("resource", "https://s.example"),
            ("device", "D1"),
        )
        assert (token.access_token, token["realm"], token.missing_scopes) == ("AT1", "7", ("b",))
        assert "absent" not in token

    @pytest.mark.parametrize(
        ("changes", "kind"),
        [
            pytest.param({"state": "evil"}, MismatchingStateError, id="ST01-wrong"),
            pytest.param({"state": ""}, MismatchingStateError, id="ST01-missing"),
            pytest.param({"iss": "https://evil.example"}, MismatchingStateError, id="IS01"),
            pytest.param({"error": "access_denied"}, AccessDeniedError, id="CE01"),
            pytest.param({"error": "access_denied", "state": "", "code": ""}, AccessDeniedError, id="CE02"),
        ],
    )
    def test_a_bad_callback_sends_nothing(self, provider, identity, changes, kind):
        pending = begin(provider())
        with pytest.raises(kind):
            next(login_flow(provider(), identity(), pending, callback(pending, **changes)))

    def test_an_endpoint_and_parameters_of_the_callers_choice(self, drive, provider, identity):
        pending = begin(provider())
        flow = login_flow(
            provider(), identity(), pending, callback(pending), params=(("x", "1"),), url="https://o.example/token"
        )
        _, (request,) = drive(flow, GOOD)
        assert (request.url, dict(request.form)["x"]) == ("https://o.example/token", "1")

    def test_an_id_token_that_tells_the_user_is_checked(self, drive, provider, identity):
        given = provider(
            oauth2=OAuth2Settings(issuer="https://as.example"),
            claims=parse_claims({"sub": "id_token:sub"}, documents=("id_token",)),
        )
        pending = begin(given, scope="openid")

        def finish(nonce):
            claims = {
                "iss": "https://as.example",
                "sub": "u1",
                "aud": "c1",
                "iat": NOW,
                "exp": NOW + 60,
                "nonce": nonce,
            }
            pieces = [
                base64.urlsafe_b64encode(json.dumps(piece).encode()).decode() for piece in ({"alg": "RS256"}, claims)
            ]
            flow = login_flow(given, identity(), pending, callback(pending))
            return drive(flow, GOOD | {"id_token": f"{pieces[0]}.{pieces[1]}.c2ln"})[0]

        assert finish(pending.values["nonce"]).access_token == "AT1"
        with pytest.raises(ResponseError) as refused:
            finish("other")
        assert refused.value.code == "id-token-nonce"

    def test_any_other_id_token_is_only_kept(self, drive, provider, identity):
        pending = begin(provider(), scope="openid")
        token, _ = drive(login_flow(provider(), identity(), pending, callback(pending)), GOOD | {"id_token": "x"})
        assert token.id_token == "x"
