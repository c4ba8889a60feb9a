"""From a definition to the provider that clients use."""

import pytest

from oauthreg.definition import check_usable, compile_definition, credentials_in_texts, required_credentials
from oauthreg.definition.validation import validate
from oauthreg.errors import UsageError
from oauthreg.provider import CallbackSettings, Leg, OAuth1Settings, Provider, Scopes, TokenAnswer, TokenPlacement

USERINFO = "https://api.acme.example/me"


def test_what_is_not_written_is_the_standard(define):
    provider = compile_definition(define())
    assert provider.oauth1 == OAuth1Settings()
    assert (provider.request_token, provider.authorize, provider.token) == (Leg(), Leg("GET"), Leg())
    assert (provider.request_token_answer, provider.token_answer) == (TokenAnswer(), TokenAnswer())
    assert provider.callback == CallbackSettings()
    assert provider.scopes == Scopes()
    assert (provider.claims, provider.api_error, provider.api_headers) == (None, None, ())
    assert provider.allow_insecure_http is False
    assert Provider().name == "custom"


def test_identity_and_endpoints(define):
    provider = compile_definition(define(docs="https://docs.acme.example/#auth"))
    assert (provider.name, provider.title, provider.protocol, provider.status) == ("acme", "Acme", "oauth1", "alive")
    assert provider.docs == "https://docs.acme.example/#auth"
    assert provider.endpoints == {
        "request_token": "https://api.acme.example/request_token",
        "authorize": "https://www.acme.example/authorize",
        "token": "https://api.acme.example/access_token",
        "userinfo": USERINFO,
        "api_base": "https://api.acme.example/",
    }


def test_all_settings_of_oauth1(define):
    table = {
        "signature": ["RSA-SHA256", "HMAC-SHA256"],
        "placement": "query",
        "callback": "both",
        "verifier": "none",
        "confirm": "lenient",
        "flow": "two-legged",
        "body_hash": True,
        "send_version": False,
        "session_handle": True,
        "authorize_url_from": "login_url",
    }
    settings = compile_definition(define(oauth1=table)).oauth1
    assert settings.signature_methods == ("RSA-SHA256", "HMAC-SHA256")
    assert (settings.placement, settings.callback, settings.verifier) == ("query", "both", "none")
    assert (settings.confirm, settings.flows, settings.body_hash) == ("lenient", ("two-legged",), True)
    assert (settings.version, settings.session_handle) == (None, True)
    assert settings.authorize_url_from({"login_url": "https://x.example"}) == "https://x.example"


@pytest.mark.parametrize(
    ("realm", "fixed", "made"),
    [("{url}", None, "url"), ("{origin}", None, "origin"), ("", "", None), ("Acme", "Acme", None), (None, None, None)],
)
def test_the_realm_is_fixed_or_made_of_each_request(define, realm, fixed, made):
    settings = compile_definition(define(oauth1={} if realm is None else {"realm": realm})).oauth1
    assert (settings.realm, settings.realm_from) == (fixed, made)


def test_what_some_servers_want_beyond_oauth1(define):
    table = {
        "flow": ["three-legged", "xauth"],
        "callback": "oob",
        "token_in_callback": False,
        "send_empty_token": True,
        "signed_scheme": "http",
        "signed_host": "old.acme.example",
        "verifier_placement": "body",
        "nonce_length": 40,
        "bearer": "oauth_token_secret",
    }
    provider = compile_definition(
        define(
            oauth1=table, token_placement={"name": "X-Key"}, callback={"denied": ["no", "a=b", "not oauth_verifier"]}
        )
    )
    settings = provider.oauth1
    assert (settings.flows, settings.callback, settings.token_in_callback) == (("three-legged", "xauth"), "oob", False)
    assert (settings.send_empty_token, settings.signed_scheme, settings.bearer) == (True, "http", "oauth_token_secret")
    assert (settings.signed_host, settings.verifier_placement) == ("old.acme.example", "body")
    assert settings.nonce_length == 40
    plaintext = {"signature": "PLAINTEXT", "send_nonce": False, "send_timestamp": False}
    silent = compile_definition(define(oauth1=plaintext)).oauth1
    assert (silent.send_nonce, silent.send_timestamp) == (False, False)
    told = compile_definition(define(token={"response": {"midnight_in": "UTC"}}))
    assert told.token_answer.midnight_in == "UTC"
    assert provider.token_placement == TokenPlacement(name="X-Key")
    assert provider.callback.denied == (("no", None), ("a", "b"))
    assert provider.callback.denied_without == ("oauth_verifier",)


@pytest.mark.parametrize(
    ("told", "base"),
    [
        ("videos.acme.example", "https://videos.acme.example/"),
        ("https://videos.acme.example", "https://videos.acme.example/"),
        ("videos.acme.example.evil.example", None),
        (None, None),
    ],
)
def test_the_token_answer_may_name_the_host_of_the_api(define, told, base):
    table = {"base_from": "domain", "base_pattern": r"(https://)?[a-z]+\.acme\.example"}
    provider = compile_definition(define(api=table))
    assert provider.api_base.render({"token": {"domain": told}}) == base


def test_legs(define):
    leg = {
        "method": "GET",
        "placement": "query",
        "params": {"a": "1"},
        "query": {"b": "2"},
        "headers": {"X-C": "3"},
        "rename": {"scope": "perms"},
    }
    provider = compile_definition(
        define(request_token=leg, authorize={"params": {"x": "y"}, "rename": {"oauth_token": "z"}})
    )
    assert provider.request_token == Leg(
        "GET", "query", (("a", "1"),), (("b", "2"),), (("X-C", "3"),), {"scope": "perms"}
    )
    assert provider.authorize == Leg("GET", params=(("x", "y"),), rename={"oauth_token": "z"})


def test_answers(define):
    response = {"format": "xml", "root": "r", "fields": {"oauth_token": "r.t"}, "success_status": [201]}
    answer = compile_definition(define(token={"response": response})).token_answer
    document = {"r": {"t": "abc"}}
    assert (answer.format, answer.success_status, answer.error) == ("xml", (201,), None)
    assert answer.root(document) == {"t": "abc"}
    assert answer.fields["oauth_token"](document) == "abc"


@pytest.mark.parametrize(
    ("table", "document", "text", "holds"),
    [
        ({"code": "error.code"}, {"error": {"code": 8}}, "", True),
        ({"code": "error.code"}, {"error": {}}, "", False),
        ({"code": "error.code"}, {"error": {"code": ""}}, "", False),
        ({"when": {"path": "ok", "equals": False}}, {"ok": False}, "", True),
        ({"when": {"path": "ok", "equals": False}}, {"ok": True}, "", False),
        ({"when": {"path": "ok", "equals": False}}, {"ok": 0}, "", False),
        ({"when": {"path": "ok", "equals": False}}, {}, "", False),
        ({"when": {"path": "stat", "equals": "fail"}}, {"stat": "fail"}, "", True),
        ({"when": {"path": "code", "equals": 1}}, {"code": True}, "", False),
        ({"when": {"path": "code", "in": [1, 2]}}, {"code": 2}, "", True),
        ({"when": {"path": "code", "in": [1, 2]}}, {"code": "2"}, "", False),
        ({"when": {"path": "code", "not_in": [0, "0"]}}, {"code": 0}, "", False),
        ({"when": {"path": "code", "not_in": [0, "0"]}}, {"code": "0"}, "", False),
        ({"when": {"path": "code", "not_in": [0, "0"]}}, {"code": 40001}, "", True),
        ({"when": {"path": "code", "not_in": [0, "0"]}}, {}, "", False),
        ({"when": {"path": "error", "present": True}}, {"error": "x"}, "", True),
        ({"when": {"path": "token", "present": False}}, {}, "", True),
        ({"when": {"path": "token", "present": False}}, {"token": "x"}, "", False),
        ({"when": {"text_prefix": "Error"}}, "Error: no", "Error: no", True),
        ({"when": {"text_prefix": "Error"}}, "x", " \nError: no", True),
        ({"when": {"text_prefix": "Error"}}, "x", "No Error", False),
        ({"when": {"path": ".", "equals": "nope"}}, "nope", "nope", True),
    ],
)
def test_errors_with_a_good_status(define, table, document, text, holds):
    for tables in ({"token": {"error": table}}, {"api": {"error": table}}, {"userinfo": {"error": table}}):
        provider = compile_definition(define(**tables))
        (rule,) = filter(None, [provider.token_answer.error, provider.api_error, provider.identity[0].error])
        assert rule.holds(document, text) is holds


def test_an_error_says_why(define):
    table = {"code": "error.code", "description": "error.text"}
    rule = compile_definition(define(api={"error": table})).api_error
    document = {"error": {"code": 8, "text": "bad"}}
    assert (rule.error(document), rule.description(document)) == ("8", "bad")
    assert (rule.error({}), rule.description({})) == ("", "")
    rule = compile_definition(define(api={"error": {"when": {"text_prefix": "E"}}})).api_error
    assert (rule.error("E"), rule.description("E")) == ("", "")


def test_callback_and_scopes(define):
    provider = compile_definition(
        define(
            callback={"denied": ["denied", "oauth_verifier=denied", "x="], "errors": ["e"], "keep": ["role"]},
            scopes={"default": ["read"], "separator": ",", "parameter": "perms", "leg": "request_token"},
        )
    )
    assert provider.callback == CallbackSettings(
        denied=(("denied", None), ("oauth_verifier", "denied"), ("x", "")), errors=("e",), keep=("role",)
    )
    assert provider.scopes == Scopes(("read",), ",", "perms", "request_token")


def test_the_userinfo_request(define):
    table = {
        "params": {"fields": "a b", "x": "{v}"},
        "headers": {"X-V": "{v}"},
        "format": "jwt",
        "jwt": {"algorithms": ["HS512"], "audience": "{client_id}", "issuer": "https://{v}.example", "leeway": 5},
    }
    definition = define(userinfo=table, variables={"v": {"default": "1"}})
    (request,) = compile_definition(definition, credentials={"client_id": "app"}).identity
    assert request.name == "userinfo"
    assert request.url == f"{USERINFO}?fields=a%20b&x=1"
    assert (request.method, request.headers, request.form, request.format) == ("GET", (("X-V", "1"),), (), "jwt")
    assert (request.jwt.algorithms, request.jwt.audience, request.jwt.issuer) == (
        ("HS512",),
        "app",
        "https://1.example",
    )
    assert (request.jwt.nonce, request.jwt.leeway) == (False, 5)
    jwt = compile_definition(define(userinfo={"format": "jwt", "jwt": {}})).identity[0].jwt
    assert (jwt.audience, jwt.issuer) == (None, None)


def test_a_userinfo_request_may_be_a_post(define):
    (request,) = compile_definition(define(userinfo={"method": "POST", "params": {"a": "b"}})).identity
    assert (request.url, request.method, request.form) == (USERINFO, "POST", (("a", "b"),))
    (request,) = compile_definition(define(userinfo={"method": "POST", "json": {"query": "{ me { id } }"}})).identity
    assert request.json == {"query": "{ me { id } }"}


def test_further_requests_use_earlier_documents(define):
    requests = [
        {"name": "plain", "url": "https://b.acme.example/x?y=1", "params": {"z": "{v}"}},
        {
            "name": "emails",
            "url": "https://c.acme.example/{v}/{userinfo:id}",
            "params": {"a": "b"},
            "when": "not email",
            "optional": True,
        },
    ]
    definition = define(identity={"request": requests}, variables={"v": {"default": "s/t"}})
    _, plain, emails = compile_definition(definition).identity
    assert plain.url == "https://b.acme.example/x?y=1&z=s%2Ft"
    assert (plain.when, plain.optional) == (None, False)
    assert emails.url.render({"userinfo": {"id": "a/b"}}) == "https://c.acme.example/s%2Ft/a%2Fb?a=b"
    assert emails.url.render({"userinfo": {}}) is None
    assert emails.when({"userinfo": {}})
    assert not emails.when({"userinfo": {"email": "a@example.org"}})
    assert emails.optional
    assert definition.identity.request[1].url.endswith("{userinfo:id}")


def test_claims(define):
    requests = {"request": [{"name": "emails", "url": f"{USERINFO}/emails"}]}
    provider = compile_definition(define(claims={"sub": "id", "email": "emails:[0]"}, identity=requests))
    assert provider.claims.render({"userinfo": {"id": 7}, "emails": ["a@b.example"]}) == {
        "sub": "7",
        "email": "a@b.example",
    }
    assert provider.identity_documents == ("emails", "userinfo")


def test_origins_are_those_that_receive_signed_requests(define):
    requests = {"request": [{"name": "a", "url": "https://b.acme.example:8443/{userinfo:id}"}]}
    provider = compile_definition(
        define(
            identity=requests,
            api={"origins": ["https://upload.acme.example", "https://{v}.example"]},
            variables={"v": {"kind": "label", "default": "x"}},
        )
    )
    assert provider.origins == {
        ("https", "api.acme.example", 443),
        ("https", "b.acme.example", 8443),
        ("https", "upload.acme.example", 443),
        ("https", "x.example", 443),
    }


def test_variables_and_environments(acme):
    acme["variables"] = {"host": {"default": "api.acme.example", "kind": "host"}, "v": {"default": "1"}}
    acme["endpoints"]["userinfo"] = "https://{host}/{v}/me"
    acme["environments"] = {
        "sandbox": {"variables": {"host": "sandbox.acme.example"}, "endpoints": {"token": "https://s.acme.example/t"}}
    }
    definition = validate(acme).named("acme")

    def userinfo(**options):
        return compile_definition(definition, **options).endpoints["userinfo"]

    assert userinfo() == "https://api.acme.example/1/me"
    assert userinfo(variables={"v": "2"}) == "https://api.acme.example/2/me"
    assert userinfo(environment="sandbox") == "https://sandbox.acme.example/1/me"
    assert userinfo(environment="sandbox", variables={"host": "x.example"}) == "https://x.example/1/me"
    sandbox = compile_definition(definition, environment="sandbox")
    assert sandbox.endpoints["token"] == "https://s.acme.example/t"
    assert ("https", "s.acme.example", 443) in sandbox.origins


def test_an_environment_may_have_less_and_another_issuer(acme):
    acme |= {"protocol": "oauth2", "variables": {"v": {"default": "1"}}}
    acme["oauth2"] = {"issuer": "https://acme.example/{v}"}
    del acme["endpoints"]["request_token"]
    acme["endpoints"] |= {"revoke": "https://r.acme.example/", "end_session": "https://out.acme.example/"}
    acme["environments"] = {
        "sandbox": {"without": ["revoke", "userinfo"], "issuer": "https://s.acme.example/{v}"},
        "unknown": {"issuer": ""},
    }
    definition = validate(acme).named("acme")
    whole = compile_definition(definition)
    assert whole.oauth2.issuer == "https://acme.example/1"
    assert ("https", "r.acme.example", 443) in whole.origins
    assert ("https", "out.acme.example", 443) not in whole.origins
    sandbox = compile_definition(definition, environment="sandbox")
    assert sandbox.oauth2.issuer == "https://s.acme.example/1"
    assert whole.endpoints.keys() - sandbox.endpoints.keys() == {"revoke", "userinfo"}
    assert sandbox.identity == ()
    assert ("https", "r.acme.example", 443) not in sandbox.origins
    assert compile_definition(definition, environment="unknown").oauth2.issuer is None


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({}, "missing-variable", "'acme' needs the variable `account`, the account id"),
        ({"variables": {"acount": "A"}}, "unknown-variable", "'acme' takes no variable 'acount'"),
        ({"variables": {"account": "A", "host": "a"}}, "unknown-variable", "'acme' takes no variable 'host'"),
        ({"variables": {"account": "a"}}, "invalid-variable", "the variable `account` of 'acme' is not of the pattern"),
        ({"variables": {"account": 5}}, "invalid-variable", "the variable `account` of 'acme' is not text: 5"),
        ({"environment": "sandbx"}, "unknown-environment", "'acme' has no environment 'sandbx'"),
    ],
)
def test_wrong_variables_and_environments(acme, options, code, message):
    acme["variables"] = {
        "account": {"title": "the account id", "pattern": "[A-Z_]+"},
        "host": {"from": "account", "lower": True, "replace": {"_": "-"}},
    }
    acme["endpoints"]["userinfo"] = "https://{host}.acme.example/me"
    acme["environments"] = {"sandbox": {}}
    definition = validate(acme).named("acme")
    with pytest.raises(UsageError) as caught:
        compile_definition(definition, **options)
    assert caught.value.code == code
    assert caught.value.message.startswith(message)
    assert caught.value.hint or code == "invalid-variable"


def test_two_spellings_of_one_value(acme):
    acme["variables"] = {
        "account": {"pattern": "[A-Z0-9_]+"},
        "host": {"from": "account", "lower": True, "replace": {"_": "-"}},
    }
    acme["endpoints"]["userinfo"] = "https://{host}.acme.example/me"
    acme["oauth1"] = {"realm": "{account}"}
    provider = compile_definition(validate(acme), variables={"account": "12_SB1"})
    assert provider.endpoints["userinfo"] == "https://12-sb1.acme.example/me"
    assert provider.oauth1.realm == "12_SB1"


def test_a_value_that_no_host_can_have_is_refused(acme):
    acme["variables"] = {"tenant": {"pattern": ".*"}}
    acme["endpoints"]["userinfo"] = "https://{tenant}.acme.example/me"
    definition = validate(acme).named("acme")
    for value in ("evil.example/", "evil.example#", "a@evil.example", "evil.example?"):
        with pytest.raises(UsageError) as caught:
            compile_definition(definition, variables={"tenant": value})
        assert caught.value.code == "invalid-variable"


def test_values_are_encoded_for_their_place(acme):
    acme["variables"] = {"v": {}}
    acme["endpoints"]["userinfo"] = "https://api.acme.example/{v}/me?v={v}"
    acme["api"] = {"headers": {"X-V": "v={v}"}}
    provider = compile_definition(validate(acme), variables={"v": "a/b?{c}&ü"})
    assert (
        provider.endpoints["userinfo"]
        == "https://api.acme.example/a%2Fb%3F%7Bc%7D%26%C3%BC/me?v=a%2Fb%3F%7Bc%7D%26%C3%BC"
    )
    assert provider.api_headers == (("X-V", "v=a/b?{c}&ü"),)
    with pytest.raises(UsageError):
        compile_definition(validate(acme), variables={"v": ".."})


@pytest.mark.parametrize("value", ["https://acme.internal/jira", "https://acme.internal/jira/"])
def test_a_url_variable_is_the_beginning_of_urls(acme, value):
    acme["variables"] = {"base": {"kind": "url"}}
    acme["endpoints"] |= {"userinfo": "{base}/me", "api_base": "{base}/", "token": "{base}?t"}
    provider = compile_definition(validate(acme), variables={"base": value})
    assert provider.endpoints["userinfo"] == "https://acme.internal/jira/me"
    assert provider.endpoints["api_base"] == "https://acme.internal/jira/"
    assert provider.endpoints["token"] == "https://acme.internal/jira?t"


def test_http_off_this_machine_is_asked_for_by_name(acme):
    acme["variables"] = {"base": {"kind": "url"}}
    acme["endpoints"] |= {"userinfo": "{base}/me"}
    acme["identity"] = {"request": [{"name": "a", "url": "{base}/{userinfo:id}"}]}
    definition = validate(acme).named("acme")
    with pytest.raises(UsageError) as caught:
        compile_definition(definition, variables={"base": "http://acme.internal"})
    assert caught.value.code == "insecure-url"
    assert compile_definition(definition, variables={"base": "http://localhost:8080"}).allow_insecure_http is False
    provider = compile_definition(definition, variables={"base": "http://acme.internal"}, allow_insecure_http=True)
    assert provider.allow_insecure_http
    assert ("http", "acme.internal", 80) in provider.origins
    with pytest.raises(UsageError):
        compile_definition(definition, variables={"base": "http://acme.internal:99999"}, allow_insecure_http=True)


def test_what_lacks_its_value_is_left_out(define):
    definition = define(
        variables={"app": {"required": False}, "app_host": {"from": "app"}},
        oauth1={"realm": "{app}"},
        authorize={"params": {"name": "{app}", "host": "{app_host}", "fixed": "1"}},
        api={"headers": {"X-Key": "{api_key}"}},
        credentials={"api_key": {}},
    )
    provider = compile_definition(definition)
    assert provider.oauth1.realm is None
    assert provider.authorize.params == (("fixed", "1"),)
    assert provider.api_headers == ()
    provider = compile_definition(definition, variables={"app": "Ada"}, credentials={"api_key": "k"})
    assert provider.oauth1.realm == "Ada"
    assert provider.authorize.params == (("name", "Ada"), ("host", "Ada"), ("fixed", "1"))
    assert provider.api_headers == (("X-Key", "k"),)


def test_a_realm_may_be_empty(define):
    assert compile_definition(define(oauth1={"realm": ""})).oauth1.realm == ""


@pytest.mark.parametrize(
    ("tables", "code", "message", "hint"),
    [
        (
            {"status": "dead", "lifecycle": {"replaced_by": "acme2"}},
            "provider-retired",
            "the provider 'acme' is gone",
            "use `acme2`",
        ),
        (
            {"status": "unsupported", "reason": "its keys come by post"},
            "provider-unsupported",
            "a definition cannot express what 'acme' needs: its keys come by post",
            "",
        ),
    ],
)
def test_no_provider_without_a_client(define, tables, code, message, hint):
    with pytest.raises(UsageError) as caught:
        compile_definition(define(**tables))
    assert (caught.value.code, caught.value.message, caught.value.hint) == (code, message, hint)
    check_usable(define())


def test_credentials_that_are_needed(define):
    assert required_credentials(define()) == ("client_id", "client_secret")
    assert required_credentials(define(oauth1={"signature": "RSA-SHA1"})) == ("client_id", "private_key")
    both = define(oauth1={"signature": ["HMAC-SHA1", "RSA-SHA1"]})
    assert required_credentials(both, "RSA-SHA1") == ("client_id", "private_key")
    assert required_credentials(define(oauth1={"signature": "PLAINTEXT"})) == ("client_id", "client_secret")
    others = {"client_secret": {"required": False}, "api_key": {}, "extra": {"required": False}}
    assert required_credentials(define(credentials=others)) == ("client_id", "api_key")


def test_credentials_that_texts_name(define, acme):
    definition = define(
        credentials={"api_key": {}, "unused": {}},
        variables={"v": {"default": "1"}},
        api={"headers": {"X-Key": "{api_key}", "X-V": "{v}"}},
        identity={"request": [{"name": "a", "url": f"{USERINFO}?id={{client_id}}&u={{userinfo:id}}"}]},
    )
    assert credentials_in_texts(definition) == {"api_key", "client_id"}
    acme["environments"] = {"sandbox": {"endpoints": {"userinfo": f"{USERINFO}?k={{client_id}}"}}}
    assert credentials_in_texts(validate(acme)) == {"client_id"}


def test_the_credentials_in_its_texts_are_secrets_of_a_provider(define):
    definition = define(credentials={"api_key": {}}, api={"headers": {"X-Key": "{api_key}", "X-App": "{client_id}"}})
    provider = compile_definition(definition, credentials={"client_id": "app", "api_key": "PLANTED"})
    assert dict(provider.api_headers) == {"X-Key": "PLANTED", "X-App": "app"}
    assert provider.secrets == ("PLANTED",)
    assert "PLANTED" not in repr(provider)
