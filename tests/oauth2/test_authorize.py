"""The authorization request and its response. Test ids are those of ``tests/vectors/oauth2_cases.json``."""

import hashlib
import hmac
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from multidict import MultiDict
from yarl import URL

from oauthreg.errors import (
    AccessDeniedError,
    CallbackError,
    MismatchingStateError,
    MissingCredentialError,
    OAuthError,
    TemporarilyUnavailableError,
    UsageError,
)
from oauthreg.oauth2.authorize import (
    build_authorization_url,
    check_redirect_uri,
    check_resources,
    code_challenge,
    make_code_verifier,
    make_state,
    parse_authorization_response,
)
from oauthreg.provider import CallbackSettings, CallbackSignature, Leg, OAuth2Settings, Provider, Scopes

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
ENDPOINTS = {"authorize": "https://as.example/authorize"}


def provider(**changes):
    return Provider(protocol="oauth2", endpoints=ENDPOINTS, **changes)


def build(given=None, **arguments):
    made = {"client_id": "c1", "redirect_uri": "https://c.example/cb", "state": "S1"} | arguments
    return build_authorization_url(given or provider(), **made)


def query(url):
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def parse(response, *, given=None, state="S1", **changes):
    return parse_authorization_response(given or provider(**changes), response, state=state)


class QueryDict(dict):
    """What Django, Flask and Starlette give: one value of each name, unless all are asked for."""

    def __init__(self, pairs):
        super().__init__(pairs)
        self.pairs = pairs

    def getlist(self, name):
        return [value for known, value in self.pairs if known == name]


class TestRequest:
    """The URL to send the user to."""

    def test_the_parameters_of_the_standard(self):
        assert query(build(scope=["a", "b"], code_verifier=VERIFIER, nonce="N")) == {
            "response_type": "code",
            "client_id": "c1",
            "redirect_uri": "https://c.example/cb",
            "scope": "a b",
            "state": "S1",
            "nonce": "N",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
        }

    def test_AU02_SC06_spaces_are_percent_encoded(self):
        assert "scope=openid%20email" in build(scope="openid email")
        assert "scope=openid%20x" in build(scope=["openid", "x"])

    @pytest.mark.parametrize("uri", ["https://c.example", "https://C.example/a%2fb?x=%20", "com.example.app:/cb"])
    def test_AU03_checklist_05_the_redirect_uri_is_sent_as_given(self, uri):
        assert query(build(redirect_uri=uri))["redirect_uri"] == uri

    @pytest.mark.parametrize(
        "name", ["scope", "client_id", "state", "redirect_uri", "code_challenge", "response_type", "perms", "nonce"]
    )
    def test_AU04_reserved_names_are_refused(self, name):
        with pytest.raises(UsageError) as refused:
            build(provider(scopes=Scopes(parameter="perms")), params=((name, "x"),), nonce="N")
        assert refused.value.code == "reserved-parameter"

    def test_AU04_the_callers_parameters_replace_the_definitions(self):
        leg = Leg(method="GET", params=(("prompt", "consent"), ("access_type", "offline")))
        made = build(
            provider(authorize=leg, oauth2=OAuth2Settings(response_mode="query")),
            params=(("prompt", "none"), ("response_mode", "form_post"), ("nonce", "N")),
        )
        sent = parse_qs(urlsplit(made).query)
        assert all(len(values) == 1 for values in sent.values())
        assert (sent["prompt"], sent["access_type"], sent["response_mode"], sent["nonce"]) == (
            ["none"],
            ["offline"],
            ["form_post"],
            ["N"],
        )

    def test_templates_see_the_client_identifier(self):
        class Text:
            names = frozenset({"client:client_id"})

            def render(self, documents):
                return f"app:{documents['client']['client_id']}"

        assert query(build(provider(authorize=Leg(method="GET", query=(("app", Text()),)))))["app"] == "app:c1"

    def test_RA01_resources_repeat(self):
        made = build(resources=["https://a.example", "https://b.example"])
        assert parse_qs(urlsplit(made).query)["resource"] == ["https://a.example", "https://b.example"]

    @pytest.mark.parametrize("resource", ["api", "https://a.example/#x", "", "/x"])
    def test_RA03_a_resource_is_an_absolute_uri(self, resource):
        with pytest.raises(UsageError) as refused:
            check_resources([resource])
        assert refused.value.code == "invalid-resource"
        assert check_resources("urn:x:1") == ("urn:x:1",)
        assert check_resources(None) == ()

    @pytest.mark.parametrize("resources", [URL("https://a.example"), [URL("https://a.example")], [b"urn:x:1"], 7])
    def test_a_resource_is_text(self, resources):
        with pytest.raises(UsageError) as refused:
            check_resources(resources)
        assert refused.value.code == "invalid-resource"

    def test_checklist_04_the_front_channel_carries_no_tokens(self):
        for response_type in ("token", "id_token token", "id_token", "code token", "code id_token token"):
            with pytest.raises(UsageError) as refused:
                build(provider(oauth2=OAuth2Settings(response_type=response_type)))
            assert refused.value.code == "implicit-grant-refused"
        assert "code%20id_token" in build(provider(oauth2=OAuth2Settings(response_type="code id_token")))

    def test_a_legs_deviations(self):
        leg = Leg(
            method="GET",
            rename={"client_id": "appid", "state": ""},
            params=(("empty", ""), ("z", "1")),
            query=(("kept", "é"),),
            sort_params=True,
            fragment="#wechat",
            literal=("scope",),
        )
        made = build(
            provider(authorize=leg, scopes=Scopes(separator="+")),
            scope=["a", "b"],
            url="https://as.example/go?first=%2F",
            redirect_uri=None,
        )
        assert made == "https://as.example/go?first=%2F&appid=c1&kept=%C3%A9&response_type=code&scope=a+b&z=1#wechat"

    def test_an_empty_scope_can_be_kept(self):
        assert "scope=" not in build()
        assert "&scope=&" in build(provider(authorize=Leg(method="GET", omit_empty=False)))

    def test_the_response_mode_is_sent(self):
        assert query(build(provider(oauth2=OAuth2Settings(response_mode="form_post"))))["response_mode"] == "form_post"


class TestPKCE:
    """Proof key for code exchange: S256 unless a definition says otherwise."""

    def test_PK01_checklist_02_verifiers_and_states_are_random(self):
        verifiers = {make_code_verifier() for _ in range(1000)} | {make_state() for _ in range(1000)}
        assert len(verifiers) == 2000
        assert all(code_challenge(verifier) for verifier in verifiers)

    @pytest.mark.parametrize("verifier", ["a" * 42, "a" * 129, "a" * 42 + "+", "a" * 42 + "=", "é" * 43, ""])
    def test_PK01_other_verifiers_are_refused(self, verifier):
        with pytest.raises(UsageError) as refused:
            build(code_verifier=verifier)
        assert refused.value.code == "invalid-code-verifier"
        assert not verifier or verifier not in str(refused.value)

    def test_PK01_the_shortest_and_the_longest(self):
        assert code_challenge("a" * 43)
        assert code_challenge("a" * 128)

    def test_PK03_PK05_checklist_01_the_challenge_is_S256(self):
        made = query(build(code_verifier=VERIFIER))
        assert made["code_challenge"] == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        assert made["code_challenge_method"] == "S256"
        assert VERIFIER not in build(code_verifier=VERIFIER)

    def test_PK04_plain_only_if_the_provider_says_so(self):
        made = query(build(provider(oauth2=OAuth2Settings(pkce_method="plain")), code_verifier=VERIFIER))
        assert (made["code_challenge"], made["code_challenge_method"]) == (VERIFIER, "plain")

    def test_a_hexadecimal_challenge(self):
        assert code_challenge(VERIFIER, encoding="hex") == hashlib.sha256(VERIFIER.encode()).hexdigest()


class TestRedirectURIs:
    """What may be a redirection URI."""

    @pytest.mark.parametrize(
        "uri",
        [
            "https://c.example",
            "https://c.example/cb?x=1",
            "http://127.0.0.1:8080/cb",
            "http://[::1]/",
            "http://localhost:1/",
            "com.example.app:/cb",
        ],
    )
    def test_good_ones(self, uri):
        assert check_redirect_uri(uri) is uri

    @pytest.mark.parametrize(
        "uri",
        [
            pytest.param("https://c.example/cb#x", id="checklist_06"),
            pytest.param("https://c.example/cb#", id="checklist_06-empty"),
            pytest.param("http://c.example/cb", id="checklist_07"),
            pytest.param("myapp:/cb", id="checklist_07-scheme"),
            pytest.param("myapp://cb", id="checklist_07-scheme-with-host"),
            "/cb",
            "c.example/cb",
            "",
            "https:///cb",
            "https://[::1/cb",
            "https://c.example:port/cb",
            "https://c.example/c b",
            "https://c.example/cb\n",
            "javascript:alert(1)",
            pytest.param(URL("https://c.example/cb"), id="no-text"),
            b"https://c.example/cb",
            7,
        ],
    )
    def test_others(self, uri):
        with pytest.raises(UsageError) as refused:
            check_redirect_uri(uri)
        assert refused.value.code == "invalid-redirect-uri"

    def test_a_refusal_shows_no_query(self):
        with pytest.raises(UsageError, match=r"'http://c\.example/cb'") as refused:
            check_redirect_uri("http://u:PLANTED@c.example/cb?x=PLANTED")
        assert "PLANTED" not in str(refused.value)


class TestResponse:
    """The callback."""

    def test_the_code_and_everything_else(self):
        found = parse("https://c.example/cb?code=C1&state=S1&realmId=7")
        assert (found.code, found.parameters["realmId"]) == ("C1", "7")
        assert "C1" not in repr(found)

    def test_ST06_the_fragment_is_ignored(self):
        assert parse("https://c.example/cb?code=C1&state=S1#_=_").code == "C1"
        assert parse("https://c.example/cb?state=S1&code=C1#code=EVIL&state=S1").code == "C1"

    def test_CM04_the_scheme_of_the_callback_does_not_matter(self):
        assert parse("http://app.example/cb?code=C&state=S1").code == "C"

    @pytest.mark.parametrize(
        "response",
        ["code=C1&state=S1&user=%7B%22name%22%3A1%7D", {"code": "C1", "state": "S1", "user": '{"name":1}'}],
    )
    def test_CM01_a_form_post_body_or_mapping(self, response):
        found = parse(response, callback=CallbackSettings(json=("user",)))
        assert (found.code, found.parameters["user"]) == ("C1", {"name": 1})

    def test_json_that_a_callback_does_not_carry(self):
        assert "user" not in parse("code=C1&state=S1", callback=CallbackSettings(json=("user",))).parameters

    # What is kept of it goes through recursive functions later.
    @pytest.mark.parametrize("user", ["{", '{"a":' + "[" * 500 + "]" * 500 + "}", "[" * 100_000, '{"a":NaN}'])
    def test_broken_json_in_a_callback(self, user):
        with pytest.raises(CallbackError) as refused:
            parse({"code": "C1", "state": "S1", "user": user}, callback=CallbackSettings(json=("user",)))
        assert refused.value.code == "callback-json"

    @pytest.mark.parametrize(
        ("response", "code"),
        [
            pytest.param("?code=C&state=evil", "state-mismatch", id="ST01-wrong"),
            pytest.param("?code=C", "state-missing", id="ST01-missing"),
            pytest.param("?code=C&state=", "state-missing", id="ST01-empty"),
            pytest.param("?code=C&state=s1", "state-mismatch", id="ST01-case"),
        ],
    )
    def test_checklist_11_the_state_must_match(self, response, code):
        with pytest.raises(MismatchingStateError) as refused:
            parse(response)
        assert refused.value.code == code

    def test_a_provider_without_state(self):
        assert parse("?code=C", state=None).code == "C"

    @pytest.mark.parametrize(
        "response",
        [
            "?code=GOOD&code=EVIL&state=S1",
            "?code=C&state=S1&state=S1",
            "?error=a&error=b&state=S1",
            "?code=C&state=S1&iss=a&iss=b",
        ],
    )
    def test_CE05_checklist_17_repeated_parameters_are_refused(self, response):
        for given in (response, MultiDict(parse_qsl(response[1:])), QueryDict(parse_qsl(response[1:]))):
            with pytest.raises(CallbackError) as refused:
                parse(given)
            assert refused.value.code == "repeated-parameter"

    @pytest.mark.parametrize(
        ("issuer", "given"),
        [
            pytest.param("https://as1.example", "https%3A%2F%2Fevil.example", id="IS01"),
            pytest.param("https://as.example", "https://as.example/", id="IS05-slash"),
            pytest.param("https://as.example/", "https://as.example", id="IS05-no-slash"),
            pytest.param("https://as.example", "HTTPS://as.example", id="checklist_15-case"),
            pytest.param("https://as.example/%41", "https://as.example/A", id="checklist_15-percent"),
        ],
    )
    def test_checklist_13_another_issuer_comes_before_everything(self, issuer, given):
        for response in (f"?code=C&state=S1&iss={given}", f"?error=access_denied&state=evil&iss={given}"):
            with pytest.raises(MismatchingStateError) as refused:
                parse(response, oauth2=OAuth2Settings(issuer=issuer))
            assert refused.value.code == "issuer-mismatch"

    def test_the_right_issuer(self):
        settings = OAuth2Settings(issuer="https://as.example", issuer_in_callback=True)
        assert parse("?code=C&state=S1&iss=https://as.example", oauth2=settings).code == "C"
        with pytest.raises(MismatchingStateError) as refused:
            parse("?code=C&state=S1", oauth2=settings)
        assert refused.value.code == "issuer-missing"

    def test_CE02_an_error_without_state_is_told_and_marked(self):
        with pytest.raises(AccessDeniedError) as refused:
            parse("?error=access_denied")
        assert refused.value.parameters["state_verified"] is False

    def test_CE03_an_error_with_state(self):
        with pytest.raises(OAuthError) as refused:
            parse("?error_description=grant+not+allowed&state=S1&error=unauthorized_client#.")
        assert (refused.value.error, refused.value.description) == ("unauthorized_client", "grant not allowed")
        assert refused.value.parameters["state_verified"] is True

    def test_CE01_other_errors(self):
        with pytest.raises(TemporarilyUnavailableError):
            parse("?error=temporarily_unavailable&state=S1")
        with pytest.raises(AccessDeniedError):
            parse("?denied=1&state=S1", callback=CallbackSettings(denied=(("denied", None),)))
        silent = CallbackSettings(denied_without=("code",))
        with pytest.raises(AccessDeniedError) as refused:
            parse("?state=S1", callback=silent)
        assert refused.value.parameters["state_verified"] is True
        with pytest.raises(OAuthError, match="server_error"):
            parse("?state=S1&error=server_error", callback=silent)
        assert parse("?state=S1&code=C", callback=silent).code == "C"

    def test_CE04_a_missing_code_names_what_was_there(self):
        with pytest.raises(CallbackError, match=r"state.*x") as refused:
            parse("?state=S1&x=PLANTED")
        assert refused.value.code == "code-missing"
        assert "PLANTED" not in str(refused.value)

    @pytest.mark.parametrize("code", ["PLANTED", "PLANTED==", "https://c.example/cb?PLANTED"])
    def test_a_code_that_is_passed_by_itself_is_not_shown(self, code):
        with pytest.raises(CallbackError) as refused:
            parse(code, state=None)
        assert refused.value.code == "code-missing"
        assert "PLANTED" not in str(refused.value)

    def test_of_names_without_end_the_first_are_told(self):
        with pytest.raises(CallbackError) as refused:
            parse("&".join(f"{'x' * 1000}{number}=1" for number in range(1000)), state=None)
        assert len(str(refused.value)) < 1200

    def test_checklist_18_a_token_in_the_callback_is_no_code(self):
        with pytest.raises(CallbackError) as refused:
            parse("?state=S1&access_token=PLANTED")
        assert refused.value.code == "code-missing"

    def test_SL04_checklist_19_no_message_shows_a_value(self):
        for response in (
            "?code=PLANTED&state=PLANTED",
            "?code=PLANTED&code=PLANTED",
            "?code=PLANTED",
            "?state=S1&user=PLANTED",
        ):
            with pytest.raises(CallbackError) as refused:
                parse(response)
            assert "PLANTED" not in f"{refused.value} {refused.value!r} {refused.value.args}"

    @pytest.mark.parametrize(
        "response",
        [
            "https://c.example/cb?code=a?b&state=S1",
            "/cb?code=a?b&state=S1",
            "?code=a?b&state=S1",
            "cb?code=a?b&state=S1",
            "com.example.app:/cb?code=a?b&state=S1",
            "code=a?b&state=S1",
            "state=S1&code=a?b",
            URL("https://c.example/cb?code=a?b&state=S1"),
        ],
        ids=str,
    )
    def test_what_is_the_query_of_a_url_and_what_is_a_form(self, response):
        assert parse(response).code == "a?b"

    @pytest.mark.parametrize("response", ["https://c.example/cb", "https://c.example/code=C1&state=S1", "", {}])
    def test_a_url_without_query_carries_nothing(self, response):
        with pytest.raises(CallbackError) as refused:
            parse(response, state=None)
        assert refused.value.code == "code-missing"

    def test_parameters_of_a_framework_that_are_absent(self):
        assert parse({"code": "C", "state": "S1", "error": None, "iss": None}).code == "C"

    def test_an_issuer_that_nobody_announced_must_live_where_the_user_was_sent(self):
        assert parse("?code=C&state=S1&iss=https://as.example/tenant").code == "C"
        for issuer in ("https://evil.example", "http://as.example", "https://as.example:444", "as.example", ""):
            with pytest.raises(MismatchingStateError) as refused:
                parse(f"?code=C&state=S1&iss={issuer}")
            assert refused.value.code == "issuer-mismatch"
            assert "add the provider's `issuer`" in refused.value.hint

    def test_an_issuer_is_compared_with_nothing_where_no_page_is_known(self):
        known = Provider(protocol="oauth2", name="example")
        assert parse("?code=C&state=S1&iss=https://as.example", given=known).code == "C"
        with pytest.raises(MismatchingStateError) as refused:
            parse("?code=C&state=S2&iss=https://as.example", given=known)
        assert refused.value.code == "state-mismatch"

    def test_IS02_an_issuer_that_is_always_sent(self):
        with pytest.raises(MismatchingStateError) as refused:
            parse("?error=access_denied&state=S1", oauth2=OAuth2Settings(issuer_in_callback=True))
        assert refused.value.code == "issuer-missing"

    def test_a_renamed_state(self):
        given = provider(authorize=Leg(method="GET", rename={"state": "customField"}))
        assert parse("?code=C&customField=S1", given=given).code == "C"
        with pytest.raises(MismatchingStateError):
            parse("?code=C&customField=S2&state=S1", given=given)

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            ("user_denied", AccessDeniedError),
            ("authorization_declined", AccessDeniedError),
            ("server_error", TemporarilyUnavailableError),
            ("invalid_scope", OAuthError),
        ],
    )
    def test_kinds_of_errors(self, error, kind):
        with pytest.raises(kind) as refused:
            parse(f"?error={error}&error_uri=https://as.example/e&state=S1")
        assert type(refused.value) is kind
        assert (refused.value.error, refused.value.uri) == (error, "https://as.example/e")

    def test_what_a_stranger_writes_is_one_line_of_a_log(self):
        """Everybody can open a callback, before any state is looked at (RFC 6749 section 4.1.2.1)."""
        with pytest.raises(OAuthError) as refused:
            parse("?error=%0aINFO:root:user%20admin&error_description=%1b%5B2K%0d%0a&error_uri=%0a")
        assert refused.value.error == "\\nINFO:root:user admin"
        assert str(refused.value).isprintable()

    def test_an_error_without_a_value_is_none(self):
        assert parse("?code=C&state=S1&error=").code == "C"

    def test_a_denial_by_value(self):
        callback = CallbackSettings(denied=(("result", "no"),))
        assert parse("?code=C&state=S1&result=yes", callback=callback).code == "C"
        with pytest.raises(AccessDeniedError):
            parse("?result=no&state=S1", callback=callback)

    def test_a_renamed_code(self):
        assert parse("?auth_code=C&state=S1", callback=CallbackSettings(code="auth_code")).code == "C"

    def test_a_signed_callback(self):
        given = provider(callback=CallbackSettings(signature=CallbackSignature("hmac")))
        signed = "code=C&shop=a.example&state=S1&timestamp=1"
        mac = hmac.digest(b"secret", signed.encode(), "sha256").hex()
        url = f"https://c.example/cb?state=S1&code=C&hmac={mac}&timestamp=1&shop=a.example"
        assert parse_authorization_response(given, url, state="S1", client_secret="secret").code == "C"
        for broken in (url.replace("a.example", "b.example"), url.replace(mac, "0"), url.replace(f"&hmac={mac}", "")):
            with pytest.raises(MismatchingStateError) as refused:
                parse_authorization_response(given, broken, state="S1", client_secret="secret")
            assert refused.value.code == "callback-signature-mismatch"

    def test_a_signed_callback_cannot_be_rearranged(self):
        given = provider(callback=CallbackSettings(signature=CallbackSignature("hmac")))
        signed = "code=C%26shop=evil.example%25&state=S1"
        mac = hmac.digest(b"secret", signed.encode(), "sha256").hex()
        good = f"?code=C%26shop%3Devil.example%25&state=S1&hmac={mac}"
        assert (
            parse_authorization_response(given, good, state="S1", client_secret="secret").code == "C&shop=evil.example%"
        )
        with pytest.raises(MismatchingStateError):
            parse_authorization_response(
                given, f"?code=C&shop=evil.example%25&state=S1&hmac={mac}", state="S1", client_secret="secret"
            )

    @pytest.mark.parametrize("secret", [None, ""])
    def test_a_signature_without_a_secret_proves_nothing(self, secret):
        given = provider(callback=CallbackSettings(signature=CallbackSignature("hmac")))
        mac = hmac.digest(b"", b"code=C&state=S1", "sha256").hex()
        with pytest.raises(MissingCredentialError):
            parse_authorization_response(given, f"?code=C&state=S1&hmac={mac}", state="S1", client_secret=secret)
