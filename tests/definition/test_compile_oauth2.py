"""From a definition of OAuth 2.0 to a provider."""

import pytest

from oauthreg.definition import compile_definition, credentials_in_texts, load_definition, required_credentials
from oauthreg.errors import UsageError

ACME = """
schema = 1
title = "Acme"
protocol = "oauth2"

[endpoints]
authorize = "https://www.acme.example/authorize"
token = "https://api.acme.example/token"
refresh = "https://api.acme.example/refresh"
end_session = "https://www.acme.example/out"
userinfo = "https://api.acme.example/me"

[claims]
sub = "id"
"""


def compiled(text="", **options):
    return compile_definition(load_definition(ACME + text), credentials={"client_id": "app"}, **options)


def test_a_plain_definition_is_the_standard():
    provider = compiled()
    assert provider.protocol == "oauth2"
    assert provider.oauth2.grants == ("authorization_code", "refresh_token")
    assert (provider.oauth2.pkce, provider.oauth2.client_auth) == ("supported", None)
    assert provider.endpoints["refresh"] == "https://api.acme.example/refresh"
    assert provider.origins == {("https", "api.acme.example", 443)}
    assert (provider.refresh, provider.exchange, provider.proof, provider.api_base) == (None, None, None, None)
    assert provider.token_placement.prefix == "Bearer "


def test_every_deviation_reaches_the_provider():
    provider = compiled(
        """
[oauth2]
client_auth = "header"
client_auth_name = "X-Secret"
pkce = "required"
pkce_encoding = "hex"
issuer = "https://as.acme.example/{client_id}"
issuer_in_callback = true
refresh_scope = true
leeway = 5

[scopes]
required = ["openid"]
in_token_request = true

[authorize]
omit_empty = false
sort_params = true
fragment = "#x"
literal = ["scope"]
params = { a = "{client_id}" }
rename = { client_id = "app" }

[token]
body = "json"
path_parameter = "code"
headers = { X-A = "b" }

[token.response]
root = "data"
expires_kind = "iso8601"
zero_is_expired = true
default_expires_in = 60
token_types = { bot = "Bearer" }
error_map = { bad = "invalid_grant" }
keep = ["user"]
scope_separator = ","
fields = { access_token = "token" }

[refresh]
params = { again = "1" }

[token_placement]
kind = "query"
name = "key"

[proof]
parameter = "proof"

[end_session]
params = { app = "{client_id}" }
rename = { state = "" }

[claims.name]
path = "id_token:name"

[identity.id_token]
algorithms = ["ES256"]
encryption = ["ECDH-ES", "RSA-OAEP"]
leeway = 5

[callback]
code = "auth_code"
denied = ["not auth_code"]
json = ["user"]
signature = { parameter = "hmac" }
"""
    )
    settings, answer = provider.oauth2, provider.token_answer
    assert (settings.client_auth, settings.client_auth_name, settings.pkce_encoding) == ("header", "X-Secret", "hex")
    assert (settings.issuer, settings.issuer_in_callback) == ("https://as.acme.example/app", True)
    assert (settings.refresh_scope, settings.leeway, settings.pkce) == (True, 5, "required")
    assert (provider.scopes.required, provider.scopes.in_token_request) == (("openid",), True)
    leg = provider.authorize
    assert (leg.omit_empty, leg.sort_params, leg.fragment, leg.literal) == (False, True, "#x", ("scope",))
    assert (leg.params, leg.rename) == ((("a", "app"),), {"client_id": "app"})
    assert (provider.token.body, provider.token.path_parameter) == ("json", "code")
    assert provider.token.headers == (("X-A", "b"),)
    assert (settings.id_token_algorithms, settings.id_token_leeway) == (("ES256",), 5)
    assert settings.id_token_encryption == ("ECDH-ES", "RSA-OAEP")
    leg = provider.end_session
    assert (leg.params, leg.rename, leg.method) == ((("app", "app"),), {"state": ""}, "GET")
    assert provider.callback.denied_without == ("auth_code",)
    assert (answer.expires_kind, answer.zero_is_expired, answer.default_expires_in) == ("iso8601", True, 60)
    assert (answer.token_types, answer.error_map) == ({"bot": "Bearer"}, {"bad": "invalid_grant"})
    assert (answer.keep, answer.scope_separator) == (("user",), ",")
    assert answer.root({"data": 1}) == 1
    assert answer.fields["access_token"]({"token": "t"}) == "t"
    assert provider.refresh.params == (("again", "1"),)
    assert (provider.token_placement.kind, provider.token_placement.name) == ("query", "key")
    assert provider.proof.name == "proof"
    assert (provider.callback.code, provider.callback.json) == ("auth_code", ("user",))
    assert provider.callback.signature.parameter == "hmac"


def test_an_exchange_reads_the_token():
    provider = compiled(
        """
[exchange]
url = "https://api.acme.example/exchange"
method = "GET"
params = { grant_type = "more", short = "{token:access_token}", app = "{client_id}" }
renews = true
"""
    )
    exchange = provider.exchange
    assert (exchange.url, exchange.renews, exchange.leg.method) == ("https://api.acme.example/exchange", True, "GET")
    rendered = {
        name: value if isinstance(value, str) else value.render({"token": {"access_token": "a/b"}})
        for name, value in exchange.leg.params
    }
    assert rendered == {"grant_type": "more", "short": "a/b", "app": "app"}
    assert dict(exchange.leg.params)["short"].render({}) is None


def test_a_renamed_field_is_looked_for_at_the_root_first():
    fields = '{ access_token = "accessToken", refresh_token = "renewal.token", id_token = "data.signed" }'
    answer = compiled(f'\n[token.response]\nroot = "data"\nfields = {fields}\n').token_answer
    document = {
        "data": {"accessToken": "AT", "signed": "x"},
        "accessToken": "none",
        "renewal": {"token": "RT"},
    }
    assert {name: find(document) for name, find in answer.fields.items()} == {
        "access_token": "AT",
        "refresh_token": "RT",
        "id_token": "x",
    }
    assert [find({"data": [], "accessToken": "AT"}) for find in answer.fields.values()] == ["AT", None, None]


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("https://eu1.acme.example", "https://eu1.acme.example/"),
        ("https://eu1.acme.example/", "https://eu1.acme.example/"),
        ("https://acme.example.evil.example", None),
        ("http://eu1.acme.example", None),
        (None, None),
        (7, None),
    ],
)
def test_the_base_of_the_api_comes_from_the_token_only_where_the_pattern_allows(given, base):
    provider = compiled(
        r"""
[api]
base_from = "instance.url"
base_pattern = 'https://[a-z0-9]+\.acme\.example/?'
"""
    )
    assert provider.api_base.render({"token": {"instance": {"url": given}}}) == base
    assert provider.api_origins == (provider.api_base,)


@pytest.mark.parametrize(
    ("client_auth", "needed"),
    [
        (None, ("client_id",)),
        ("none", ("client_id",)),
        ("client_secret_post", ("client_id", "client_secret")),
        ("private_key_jwt", ("client_id", "private_key")),
        ("signed_secret", ("client_id", "private_key")),
        ("tls_client_auth", ("client_id",)),
    ],
)
def test_credentials_that_client_authentication_needs(client_auth, needed):
    text = f'\n[oauth2]\nclient_auth = "{client_auth}"\n' if client_auth else ""
    definition = load_definition(ACME + text + "\n[credentials.app_key]\nrequired = false\n")
    assert required_credentials(definition) == needed


def test_a_plain_definition_signs_as_the_standard_says():
    settings = compiled().oauth2
    assert (settings.client_assertion.algorithm, settings.client_assertion.lifetime) == ("RS256", 60)
    assert settings.client_assertion.typ == "client-authentication+jwt"
    assert (settings.assertion.typ, settings.assertion.lifetime, settings.assertion.max_lifetime) == ("JWT", 3600, None)
    assert (settings.assertion.audience, settings.assertion.self_signed) == (None, False)
    assert (settings.issuer_aliases, settings.issuer_template, settings.trusted_audiences) == ((), None, ())
    assert (settings.strict_scope, settings.certificate_bound, settings.require_mtls_endpoints) == (False, False, False)
    assert settings.mtls_endpoints == {}
    assert (settings.dpop, settings.dpop_algorithms) == ("unsupported", ())


def test_how_tokens_are_bound_reaches_the_provider():
    settings = compiled('\n[oauth2]\ndpop = "required"\ndpop_algorithms = ["EdDSA", "ES256"]\n').oauth2
    assert (settings.dpop, settings.dpop_algorithms) == ("required", ("EdDSA", "ES256"))


ASSERTIONS = """
[variables.kind]
default = "user"

[credentials.team_id]

[credentials.key_id]
required = false

[oauth2]
grants = ["jwt_bearer"]
client_auth = "private_key_jwt"
issuer_aliases = ["www.acme.example", "{client_id}"]
issuer_template = "https://www.acme.example/{kind}/{id_token:tid}/{{x}}"
trusted_audiences = ["{client_id}-web"]
strict_scope = true
require_mtls_endpoints = true
certificate_bound = true

[oauth2.mtls_endpoints]
token = "https://mtls.acme.example/{kind}/token"

[assertion]
algorithm = "ES256"
typ = ""
audience = "https://api.acme.example/{kind}"
lifetime = 30
max_lifetime = 60
backdate = 5
self_signed = true
header = { kid = "{key_id}" }

[assertion.claims]
kind = "{kind}"
admin = true
level = 3
for = "{kind}: {assertion:scope} & {assertion:subject}"

[client_assertion]
audience = "https://api.acme.example/{client_id}"
claims = { iss = "{team_id}" }
"""


def test_every_key_of_an_assertion_reaches_the_provider():
    settings = compiled(ASSERTIONS).oauth2
    table = settings.assertion
    assert (table.algorithm, table.typ, table.audience) == ("ES256", "", "https://api.acme.example/user")
    assert (table.lifetime, table.max_lifetime, table.backdate, table.self_signed) == (30, 60, 5, True)
    assert {name: table.claims[name] for name in ("kind", "admin", "level")} == {
        "kind": "user",
        "admin": True,
        "level": 3,
    }
    assert settings.client_assertion.audience == "https://api.acme.example/app"
    assert settings.issuer_aliases == ("www.acme.example", "app")
    assert settings.issuer_template == "https://www.acme.example/user/{tid}/{x}"
    assert (settings.trusted_audiences, settings.strict_scope) == (("app-web",), True)
    assert (settings.require_mtls_endpoints, settings.certificate_bound) == (True, True)
    assert settings.mtls_endpoints == {"token": "https://mtls.acme.example/user/token"}


def test_values_stand_in_a_claim_as_they_are():
    claim = compiled(ASSERTIONS).oauth2.assertion.claims["for"]
    documents = {"assertion": {"scope": "a b/c", "subject": "ada@example.org"}}
    assert claim.render(documents) == "user: a b/c & ada@example.org"
    assert claim.render({"assertion": {"scope": "a"}}) is None
    assert claim.render({}) is None
    assert claim.names == {"assertion:scope", "assertion:subject"}


def test_a_claim_without_its_credential_is_left_out():
    settings = compiled(ASSERTIONS).oauth2
    assert (dict(settings.assertion.header), dict(settings.client_assertion.claims)) == ({}, {})
    definition = load_definition(ACME + ASSERTIONS)
    given = {"client_id": "app", "key_id": "k1", "team_id": "t1"}
    settings = compile_definition(definition, credentials=given).oauth2
    assert settings.assertion.header == {"kid": "k1"}
    assert settings.client_assertion.claims == {"iss": "t1"}
    assert credentials_in_texts(definition) == {"client_id", "key_id", "team_id"}


@pytest.mark.parametrize(
    ("table", "grant", "needed"),
    [
        ("", None, ("client_id", "private_key")),
        ('\n[assertion]\nalgorithm = "HS256"\n', None, ("client_id", "client_secret")),
        ("", "authorization_code", ("client_id",)),
    ],
)
def test_credentials_that_an_assertion_needs(table, grant, needed):
    definition = load_definition(ACME + '\n[oauth2]\ngrants = ["jwt_bearer", "authorization_code"]\n' + table)
    assert required_credentials(definition, grant=grant) == needed


def test_a_parameter_of_the_exchange_may_mix_texts_and_the_token():
    provider = compiled(
        """
[credentials.tenant]
required = false

[exchange]
url = "https://api.acme.example/exchange"
params = { a = "x {token:user.id}/{client_id}", b = "{tenant}" }
"""
    )
    ((name, value),) = provider.exchange.leg.params
    assert (name, value.render({"token": {"user": {"id": 7}}})) == ("a", "x 7/app")


@pytest.mark.parametrize(
    "issuer",
    [
        "https://as.example",
        "https://as.example/",
        "https://As.Example:443/a/../b",
        "https://as.example/%7euser",
        "https://as.example/x?",
        "https://as.example/x//y/",
    ],
)
def test_DI03_an_issuer_stays_what_it_is_character_by_character(issuer):
    table = f"""
[oauth2]
issuer = "{issuer}"
issuer_aliases = ["{issuer}#"]
trusted_audiences = ["{issuer}?a"]
client_auth = "private_key_jwt"

[client_assertion]
audience = "{issuer}"
"""
    settings = compiled(table).oauth2
    assert type(settings.issuer) is str
    assert (settings.issuer, settings.issuer_aliases, settings.trusted_audiences) == (
        issuer,
        (f"{issuer}#",),
        (f"{issuer}?a",),
    )
    assert settings.client_assertion.audience == issuer


OPENID = """
schema = 1
title = "Acme"
protocol = "oidc"

[variables.base_url]
kind = "url"
default = "https://id.acme.example/"

[variables.tenant]
default = "t1"

[oauth2]
issuer = "{base_url}{tenant}"

[environments.test]
issuer = "https://test.acme.example"
"""


class TestOpenIDConnect:
    """What the standard says where a definition does not."""

    def openid(self, text="", **options):
        return compile_definition(load_definition(OPENID + text), **options)

    def test_the_rest_stands_where_the_issuer_has_its_metadata(self):
        provider = self.openid()
        assert provider.oauth2.issuer == "https://id.acme.example/t1"
        assert provider.endpoints == {"discovery": "https://id.acme.example/t1/.well-known/openid-configuration"}
        assert provider.scopes.default == ("openid", "profile", "email")

    def test_of_an_environment_or_a_tenant_as_well(self):
        assert (
            self.openid(environment="test").endpoints["discovery"].startswith("https://test.acme.example/.well-known/")
        )
        other = self.openid(variables={"base_url": "https://id.acme.example", "tenant": "/t2/"})
        assert other.oauth2.issuer == "https://id.acme.example/t2/"
        assert other.endpoints["discovery"] == "https://id.acme.example/t2/.well-known/openid-configuration"

    def test_what_is_written_counts_for_more(self):
        provider = self.openid(
            """
[endpoints]
discovery = "https://id.acme.example/metadata"
token = "https://id.acme.example/token"

[scopes]
default = ["openid", "phone"]

[claims]
sub = "id_token:sub"
"""
        )
        assert provider.endpoints["discovery"] == "https://id.acme.example/metadata"
        assert provider.scopes.default == ("openid", "phone")
        assert provider.claims.render({"id_token": {"sub": "1"}, "userinfo": {"sub": "2"}})["sub"] == "1"

    def test_an_issuer_off_this_machine_is_reached_by_tls(self):
        with pytest.raises(UsageError) as refused:
            self.openid(variables={"base_url": "http://id.acme.example/"})
        assert refused.value.code == "insecure-url"
        assert self.openid(variables={"base_url": "http://127.0.0.1:8080/"}).endpoints["discovery"]

    def test_claims_are_the_standard_ones_of_both_answers(self):
        claims = self.openid().claims
        assert claims.documents == {"id_token", "userinfo"}
        told = {"id_token": {"sub": "1", "name": "Ada", "locale": "en"}, "userinfo": {"sub": "1", "name": "Ada E."}}
        assert claims.render(told) == {"sub": "1", "name": "Ada E.", "locale": "en"}
        assert claims.render({"id_token": {"sub": "1"}}) == {"sub": "1"}

    def test_claims_of_its_own_come_on_top(self):
        claims = self.openid('[claims]\norg = "org_id"\nname = "display"\n').claims
        told = {"userinfo": {"sub": "1", "name": "x", "display": "Ada", "org_id": "o1", "email": "a@x"}}
        assert claims.render(told) == {"sub": "1", "name": "Ada", "org": "o1", "email": "a@x"}

    @pytest.mark.parametrize("name", ["email", "phone_number"])
    def test_what_is_verified_is_what_the_same_answer_tells(self, name):
        def render(userinfo, id_token, text=""):
            return self.openid(text).claims.render({"userinfo": {"sub": "1", **userinfo}, "id_token": id_token})

        verified = f"{name}_verified"
        assert verified not in render({name: "new"}, {name: "old", verified: True})
        assert verified not in render({name: "new", verified: "no"}, {name: "old", verified: True})
        assert render({name: "new", verified: False}, {name: "old", verified: True})[verified] is False
        assert render({}, {name: "old", verified: True})[verified] is True
        assert render({name: "new", verified: True}, {name: "old"})[verified] is True
        for odd in (" ", ["a@x"], {"a": 1}, 0, False):
            told = render({name: odd, verified: True}, {name: "old", verified: False})
            assert not (told.get(verified) and told.get(name))
        only = f'[claims]\n{verified} = "{verified}"\n'
        assert name not in render({verified: True}, {name: "old"}, only)
        there = f'[claims]\n{verified} = "id_token:{verified}"\n'
        told = render({name: "new"}, {name: "old", verified: True}, there)
        assert (told[name], told[verified]) == ("old", True)
        other = f'[claims]\n{name} = "others[0]"\n'
        assert verified not in render({"others": ["other"], verified: True}, {}, other)
