"""What must hold between tables. The words about each mistake stand in ``cases``; here are the borders."""

import pytest

from oauthreg.definition.requests import documents_of
from oauthreg.definition.rules import RULES, check
from oauthreg.definition.validation import InvalidDefinition, validate

USERINFO = "https://api.acme.example/me"


def messages(acme, **tables):
    """What is wrong with the small definition once it has these tables."""
    try:
        validate({**acme, **tables})
    except InvalidDefinition as error:
        return [finding.message for finding in error.findings]
    return []


def with_endpoint(acme, url, **variables):
    return messages(acme, endpoints={**acme["endpoints"], "userinfo": url}, variables=variables)


def test_the_small_definition_keeps_all_rules(define, acme):
    assert list(check(define(), acme)) == []
    assert len(set(RULES)) == len(RULES)


@pytest.mark.parametrize(
    ("url", "variable"),
    [
        ("https://{v}/me", {"default": "a.example", "pattern": "[a-z.]+"}),
        ("https://{v}/me", {"kind": "host"}),
        ("https://{v}.acme.example/me", {"kind": "label"}),
        ("https://acme.example/{v}/me", {}),
        ("https://acme.example/me?tenant={v}", {}),
        ("https://acme.example/{v}/me", {"required": False, "default": "v1"}),
        ("{v}/me", {"kind": "url"}),
        ("{v}", {"kind": "url"}),
    ],
)
def test_a_variable_where_it_may_stand(acme, url, variable):
    assert with_endpoint(acme, url, v=variable) == []


def test_a_variable_with_a_bad_name_is_one_fault(acme):
    assert with_endpoint(acme, "https://acme.example/{a b}", **{"a b": {}}) == ["not a name: 'a b'"]


@pytest.mark.parametrize(
    ("url", "variable"),
    [
        ("https://{v}/me", {}),
        ("https://{v}/me", {"default": "a.example"}),
        ("https://{v}/me", {"kind": "opaque"}),
        ("https://acme.example:{v}/me", {}),
        ("{v}/me", {}),
        ("{v}/me", {"kind": "host"}),
        ("https://acme.example/{v}", {"kind": "url"}),
        ("https://{v}/me", {"kind": "url"}),
        ("https://acme.example/{v}/me", {"required": False}),
    ],
)
def test_a_variable_where_it_must_not_stand(acme, url, variable):
    assert len(with_endpoint(acme, url, v=variable)) == 1


def test_a_derived_variable_is_bound_by_its_source(acme):
    url = "https://{host}.acme.example/me"
    assert with_endpoint(acme, url, account={"pattern": "[A-Z]+"}, host={"from": "account", "lower": True}) == []
    assert with_endpoint(acme, url, account={}, host={"from": "account"}) == [
        "a variable in a host needs a pattern: 'host'"
    ]


def test_a_credential_may_stand_in_a_path_and_never_in_a_host(acme):
    credentials = {"api_key": {}}
    for url, wrong in [
        (f"{USERINFO}?key={{api_key}}&id={{client_id}}", []),
        ("https://{api_key}.acme.example/me", ["a credential in a host: 'api_key'"]),
    ]:
        endpoints = {**acme["endpoints"], "userinfo": url}
        assert messages(acme, endpoints=endpoints, credentials=credentials) == wrong


@pytest.mark.parametrize("name", ["client_secret", "private_key", "passphrase"])
def test_no_secret_of_the_protocol_goes_into_any_text(acme, name):
    text = f"{{{name}}}"
    for tables in (
        {"oauth1": {"realm": text}},
        {"token": {"params": {"x": text}}},
        {"request_token": {"headers": {"X-Key": text}}},
        {"authorize": {"params": {"x": text}}},
        {"api": {"headers": {"X-Key": text}}},
        {"userinfo": {"params": {"x": text}}},
        {"identity": {"request": [{"name": "x", "url": f"{USERINFO}?{text}"}]}},
        {"identity": {"request": [{"name": "x", "url": USERINFO, "headers": {"X-Key": text}}]}},
        {"userinfo": {"format": "jwt", "jwt": {"audience": text}}},
    ):
        assert messages(acme, credentials={name: {"required": False}}, **tables) == [
            f"a secret is never put into a text: {name!r}"
        ]


@pytest.mark.parametrize(
    ("flow", "present"),
    [("three-legged", ["request_token", "authorize", "token"]), ("two-legged", ["token"]), ("none", [])],
)
def test_a_flow_needs_its_endpoints_and_no_others(acme, flow, present):
    def left(names):
        endpoints = {name: acme["endpoints"][name] for name in names}
        return messages(acme, endpoints=endpoints, oauth1={"flow": flow})

    assert left(present) == []
    for name in present:
        assert left([other for other in present if other != name]) == [
            f"missing in `[endpoints]`: `{name}`, which a {flow} login needs"
        ]


def test_a_ready_made_authorization_url_needs_no_endpoint(acme):
    del acme["endpoints"]["authorize"]
    assert messages(acme, oauth1={"authorize_url_from": "login_url"}) == []


def test_a_json_body_belongs_to_a_post_and_fills_it(acme):
    body = {"query": "{ me { id } }"}
    assert messages(acme, userinfo={"method": "POST", "json": body}) == []
    assert messages(acme, userinfo={"json": body}) == ["`json` is a body, and a `GET` has none"]
    full = {"method": "POST", "json": body, "params": {"a": "b"}}
    assert messages(acme, userinfo=full) == ["`json` is the whole body, and there is no room for `params` beside it"]


@pytest.mark.parametrize("status", ["dead", "unsupported"])
def test_what_has_no_client_needs_no_endpoints(status):
    tables = {"schema": 1, "title": "Acme", "protocol": "oauth1", "status": status, "reason": "its server is gone"}
    assert validate(tables).status == status


OPENID = {"schema": 1, "title": "Acme", "protocol": "oidc", "oauth2": {"issuer": "https://as.acme.example"}}


def test_an_issuer_is_all_that_openid_connect_needs():
    assert validate(OPENID).protocol == "oidc"


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (
            {"oauth2": {}},
            ["missing key in `[oauth2]`: `issuer`"],
        ),
        (
            {"oauth2": {"issuer_template": "https://as.example/{id_token:tid}"}},
            ["missing in `[endpoints]`: `authorize`, `token`, which the grants need"],
        ),
        ({"request_token": {}}, ["`[request_token]` in a definition of oidc"]),
        ({"scopes": {"default": ["email"]}}, ["no `openid` among the scopes of a login: no ID token would come"]),
        ({"scopes": {"default": ["email"], "required": ["openid"]}}, []),
        ({"scopes": {"default": ["openid", "email"]}}, []),
        ({"claims": {"sub": "id_token:sub", "name": "name"}}, []),
        ({"claims": {"sub": "sub"}, "identity": {"id_token": {"algorithms": ["ES256"]}}}, []),
        ({"endpoints": {"request_token": USERINFO}}, ["`request_token` in a definition of oidc"]),
        ({"oauth2": {"issuer": "https://as.example", "require_par": True}}, []),
        ({"oauth2": {"issuer": "https://as.example", "grants": ["device_code"]}}, []),
    ],
    ids=str,
)
def test_openid_connect(changes, found):
    assert messages(OPENID, **changes) == found


@pytest.mark.parametrize(
    ("issuer", "message"),
    [
        ("id.example.org", "not an absolute URL: 'id.example.org'"),
        ("http://id.example.org", None),
        ("https://id.example.org?y=1", "an issuer has no query, no fragment and no user"),
        ("https://id.example.org#f", None),
        ("https://u:p@id.example.org", None),
        (" https://id.example.org", None),
        ("https://id.example.org/.well-known/openid-configuration", "the place of the metadata, and no issuer"),
    ],
)
def test_what_is_no_issuer(issuer, message):
    found = messages(OPENID, oauth2={"issuer": issuer})
    assert len(found) == 1
    assert message is None or found == [message]
    assert messages(OPENID, environments={"test": {"issuer": issuer}}) == found


@pytest.mark.parametrize("name", ["id_token", "access_token", "refresh_token", "expires_in", "scope", "oauth_token"])
def test_nothing_of_a_token_comes_from_the_browser(acme, name):
    assert messages(acme, callback={"keep": ["shop", name]}) == [f"a field of the token itself: {name!r}"]


def test_a_request_sees_the_answers_before_it(acme):
    def requests(first, second):
        return {
            "request": [
                {"name": "first", "url": USERINFO + first},
                {"name": "second", "url": USERINFO + second, "when": "first:id"},
            ]
        }

    assert messages(acme, identity=requests("/{userinfo:id}", "/{first:id}/{token:x}/{callback:y}")) == []
    assert messages(acme, identity=requests("/{second:id}", "")) == ["unknown document: 'second'"]
    assert messages(acme, identity={"request": [{"name": "a", "url": USERINFO, "when": "b:c"}]}) == [
        "unknown document: 'b'"
    ]


def test_the_documents_of_a_definition(define, acme):
    assert documents_of(define()) == ("userinfo", "token", "callback")
    request = {"request": [{"name": "emails", "url": USERINFO}]}
    assert documents_of(define(identity=request)) == ("userinfo", "emails", "token", "callback")
    del acme["endpoints"]["userinfo"]
    del acme["endpoints"]["request_token"]
    assert documents_of(validate({**acme, "protocol": "oauth2"})) == ("token", "callback", "id_token")


def test_a_claim_far_from_any_standard_one_is_an_extra(acme):
    assert messages(acme, claims={"sub": "id", "team": "team", "groups": "groups"}) == []
    assert messages(acme, claims={"sub": "id", "locales": "x"}) == ["almost a standard claim: 'locales'"]
    assert messages(acme, claims={"sub": "id", "locale": "x", "locales": "y"}) == []


@pytest.mark.parametrize("parameter", ["oauth_nonce", "oauth_verifier", "oauth_signature"])
@pytest.mark.parametrize("leg", ["request_token", "token"])
def test_protocol_parameters_belong_to_the_signature_and_to_the_page_for_the_user(acme, leg, parameter):
    assert len(messages(acme, **{leg: {"params": {parameter: "x"}}})) == 1
    assert len(messages(acme, **{leg: {"query": {parameter: "x"}}})) == 1
    assert messages(acme, authorize={"params": {parameter: "x"}}) == []


def test_body_placement_needs_a_body(acme):
    assert messages(acme, oauth1={"placement": "body"}) == []
    assert len(messages(acme, oauth1={"placement": "body"}, token={"method": "GET"})) == 1
    assert messages(acme, oauth1={"placement": "body"}, token={"method": "GET", "placement": "query"}) == []


def test_a_realm_needs_a_header_on_some_request(acme):
    assert len(messages(acme, oauth1={"placement": "query", "realm": "x"})) == 1
    assert messages(acme, oauth1={"placement": "query", "realm": "x"}, token={"placement": "header"}) == []


def test_an_environment_sets_variables_that_are_there(acme):
    acme["variables"] = {"v": {"default": "a", "pattern": "[a-z]"}, "w": {"from": "v"}}
    acme["api"] = {"params": {"w": "{w}"}}
    for values, wrong in [
        ({"v": "b"}, []),
        ({"v": "B"}, ["not of the pattern '[a-z]': 'B'"]),
        ({"w": "b"}, ["a variable that comes from another: 'w'"]),
        ({"x": "b"}, ["unknown variable: 'x'"]),
    ]:
        assert messages(acme, environments={"sandbox": {"variables": values}}) == wrong


@pytest.mark.parametrize(
    ("table", "use"),
    [
        ("api", {"headers": {"X-V": "a {v}"}}),
        ("environments", {"sandbox": {"endpoints": {"userinfo": "https://a.example/{v}"}}}),
        ("userinfo", {"method": "POST", "json": {"of": ["{v}"]}}),
        ("scopes", {"required": ["{v}"]}),
    ],
)
def test_a_variable_is_used_wherever_a_text_has_it(acme, table, use):
    acme["variables"] = {"v": {}}
    assert messages(acme) == ["nothing uses this variable: 'v'"]
    assert messages(acme, **{table: use}) == []


def test_a_variable_may_be_what_a_misspelt_text_means(acme):
    acme["variables"] = {"tenant": {}}
    assert messages(acme, api={"params": {"t": "{tenat}"}}) == ["unknown variable: 'tenat'"]


def test_an_environment_may_set_a_variable_that_is_at_fault(acme):
    acme["variables"] = {"v": {"kind": "hots"}}
    acme["api"] = {"params": {"v": "{v}"}}
    assert messages(acme, environments={"sandbox": {"variables": {"v": "b"}}}) == ["unknown value: 'hots'"]


def test_environments_have_checked_urls(acme):
    endpoints = {"userinfo": "https://{sandbox}/me"}
    assert messages(acme, environments={"sandbox": {"endpoints": endpoints}}) == ["unknown variable: 'sandbox'"]


def test_an_example_without_claims_to_expect_is_for_definitions_without_claims(acme):
    assert messages(acme, example=[{"userinfo": {"id": 1}, "claims": {"sub": "1"}}]) == [
        "claims are expected and there is no `[claims]`"
    ]
