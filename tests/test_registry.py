"""From a name to a ready client: where definitions, credentials and variables come from."""

import asyncio
import json
import logging
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from urllib.parse import parse_qsl

import aiohttp
import pytest

from oauthreg import DPoPKey, registry as registry_module
from oauthreg.definition import Definition
from oauthreg.errors import (
    DefinitionError,
    DefinitionInvalidError,
    DefinitionSyntaxError,
    InvalidKeyError,
    MissingCredentialError,
    UnknownProviderError,
    UnsupportedMethodError,
    UsageError,
)
from oauthreg.http import AsyncAssertionClient, AsyncOAuth1Client, AsyncOAuth2Client
from oauthreg.jose import generate_private_jwk
from oauthreg.jwe import encrypt_to
from oauthreg.provider import Provider
from oauthreg.registry import Registry
from oauthreg.stores import MemoryStore
from oauthreg.token import OAuth1Token, OAuth2Token

ACME = """schema = 1
title = "Acme"
protocol = "oauth1"
aliases = ["acme-classic"]

[variables.host]
default = "api.acme.example"
pattern = '[a-z.]+'

[environments.sandbox.variables]
host = "sandbox.acme.example"

[endpoints]
request_token = "https://{host}/request_token"
authorize = "https://{host}/authorize"
token = "https://{host}/access_token"
api_base = "https://{host}/"
"""
RSA = ACME + '\n[oauth1]\nsignature = ["RSA-SHA1", "HMAC-SHA1"]\n'
KEYED = ACME + '\n[credentials.api_key]\ntitle = "the key of the application"\n[api.headers]\nX-Key = "{api_key}"\n'
ENVIRON = {"OAUTHREG_ACME_CLIENT_ID": "env-id", "OAUTHREG_ACME_CLIENT_SECRET": "env-secret"}


@pytest.fixture(name="session")
async def fixture_session():
    async with aiohttp.ClientSession() as session:
        yield session


def made(environ=ENVIRON, *, text=ACME, **options):
    registry = Registry(environ=environ, **options)
    registry.add(text, "acme")
    return registry


def key_of(client):
    """What the client signs with."""
    return client.client_id, client._client_secret


# --- names and definitions ------------------------------------------------------------------------------------------


def test_names_are_those_of_files_and_of_what_was_added():
    names = made().names()
    assert names == tuple(sorted(names))
    assert "acme" in names
    assert len(names) > 10


def test_a_definition_is_found_by_name_and_by_alias():
    registry = made()
    assert isinstance(registry.definition("acme"), Definition)
    assert registry.definition("acme") is registry.definition("acme")
    assert registry.definition("acme-classic").name == "acme"


def test_an_unknown_name_gets_a_near_one():
    with pytest.raises(UnknownProviderError) as caught:
        made().definition("acne")
    assert caught.value.code == "unknown-provider"
    assert caught.value.hint == "did you mean `acme`?"


def test_a_text_needs_a_name_and_a_file_has_one(tmp_path):
    registry = Registry(environ={})
    with pytest.raises(UsageError) as caught:
        registry.add(ACME)
    assert caught.value.code == "missing-name"
    path = tmp_path / "acme.toml"
    path.write_text(ACME)
    assert registry.add(path).name == "acme"
    assert registry.add(path, "other").file.endswith("acme.toml")
    assert registry.add(registry.definition("acme")).name == "acme"
    assert registry.add(registry.definition("acme"), "third").name == "third"


@pytest.mark.parametrize("source", [None, b"title = 1", {}, 5, ["acme"]])
def test_what_is_no_definition_is_not_added(source):
    registry = Registry(environ={})
    for named in ((), ("acme",)):
        with pytest.raises(UsageError, match=f"neither TOML text nor a definition: {type(source).__name__}") as caught:
            registry.add(source, *named)
        assert (caught.value.code, "pathlib.Path" in caught.value.hint) == ("invalid-source", True)


@pytest.mark.parametrize("name", [5, b"acme", ["acme"], {"acme": 1}])
def test_a_name_that_is_no_text_is_refused(name):
    for use in (lambda: made().add(ACME, name), lambda: made().definition(name), lambda: made().provider(name)):
        with pytest.raises(UsageError) as caught:
            use()
        assert caught.value.code == "invalid-name"


@pytest.mark.parametrize("path", ["acme.toml", "a\0b.toml", "\ud800.toml"])
def test_a_path_without_a_file_says_so(path):
    with pytest.raises(DefinitionError) as caught:
        Registry(environ={}).add(Path(path))
    assert caught.value.code == "unreadable-definition"


def test_a_path_as_text_is_told_from_toml():
    with pytest.raises(DefinitionSyntaxError, match=r"the name of a file, not its text: 'b/acme\.toml'") as caught:
        Registry(environ={}).add("b/acme.toml", "acme")
    assert "pass it as a `pathlib.Path`" in str(caught.value)
    with pytest.raises(DefinitionSyntaxError, match=r"`=` is missing"):
        Registry(environ={}).add("acme # acme.toml", "acme")


def test_what_is_added_wins_at_once():
    registry = made()
    assert registry.definition("acme").title == "Acme"
    registry.add(ACME.replace('"Acme"', '"Changed"'), "acme")
    assert registry.definition("acme").title == "Changed"
    with pytest.raises(DefinitionInvalidError):
        registry.add("schema = 1", "acme")
    assert registry.definition("acme").title == "Changed"


def test_reload_reads_files_anew(tmp_path):
    path = tmp_path / "acme.toml"
    path.write_text(ACME)
    registry = Registry(paths=[tmp_path], environ={})
    assert registry.definition("acme").title == "Acme"
    path.write_text(ACME.replace('"Acme"', '"Changed"'))
    (tmp_path / "new.toml").write_text(ACME)
    assert registry.definition("acme").title == "Acme"
    registry.reload()
    assert registry.definition("acme").title == "Changed"
    assert "new" in registry.names()


def test_a_broken_file_hurts_only_its_own_provider(tmp_path, session):
    (tmp_path / "broken.toml").write_text("= 1")
    (tmp_path / "acme.toml").write_text(ACME)
    registry = Registry(paths=[tmp_path], environ=ENVIRON)
    assert registry.client("acme", session).provider.name == "acme"
    with pytest.raises(DefinitionError, match=r"broken\.toml:1:1"):
        registry.client("broken", session)


# --- credentials ----------------------------------------------------------------------------------------------------


async def test_credentials_come_from_the_environment(session):
    assert key_of(made().client("acme", session)) == ("env-id", "env-secret")


async def test_credentials_given_to_the_registry_win_over_the_environment(session):
    given = {"acme": {"client_id": "map-id", "client_secret": "map-secret"}, "other": {"client_id": "x"}}
    assert key_of(made(credentials=given).client("acme", session)) == ("map-id", "map-secret")
    asked = []

    def credentials(name):
        asked.append(name)
        return given.get(name)

    assert key_of(made(credentials=credentials).client("acme-classic", session)) == ("map-id", "map-secret")
    assert asked == ["acme"]


async def test_arguments_win_over_all(session):
    registry = made(credentials={"acme": {"client_id": "map-id", "client_secret": "map-secret"}})
    client = registry.client("acme", session, client_id="id", client_secret="secret")
    assert key_of(client) == ("id", "secret")


@pytest.mark.parametrize("empty", [None, {}, {"client_id": None}, {"client_id": "", "client_secret": ""}])
async def test_what_a_source_does_not_have_is_looked_for_further(session, empty):
    assert key_of(made(credentials={"acme": empty}).client("acme", session)) == ("env-id", "env-secret")
    assert key_of(made(credentials=lambda _: empty).client("acme", session)) == ("env-id", "env-secret")


@pytest.mark.parametrize(
    ("credentials", "message"),
    [
        ({"acme": "secret"}, "`credentials` gave no mapping for 'acme': str"),
        ({"acme": {"client_secert": "hunter2"}}, "`credentials` gave an unknown one for 'acme': 'client_secert'"),
    ],
)
async def test_a_source_that_gives_something_else_is_refused(session, credentials, message):
    with pytest.raises(UsageError) as caught:
        made(credentials=credentials).client("acme", session)
    assert (caught.value.code, caught.value.message) == ("invalid-credentials", message)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("credentials", ["secret", b"secret", 5, ["acme"]])
def test_a_source_that_can_give_nothing_is_refused(credentials):
    with pytest.raises(UsageError, match=f"neither a mapping nor a function: {type(credentials).__name__}") as caught:
        made(credentials=credentials)
    assert caught.value.code == "invalid-credentials"


@pytest.mark.parametrize("value", [5, b"hunter2", True, ["hunter2"], "hunter2\n", "\x7fhunter2", "hunter2\udcff"])
async def test_a_credential_that_cannot_stand_in_a_text_is_refused(session, value):
    registry = made(text=KEYED, credentials={"acme": {"api_key": value}})
    for use in (lambda: registry.client("acme", session), lambda: registry.provider("acme")):
        with pytest.raises(UsageError, match="the credential `api_key` of 'acme' is no text") as caught:
            use()
        assert caught.value.code == "invalid-credential"
        assert "hunter2" not in str(caught.value)


async def test_a_credential_may_stand_in_a_file(session, tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"\xef\xbb\xbffile-secret\r\n")
    environ = {"OAUTHREG_ACME_CLIENT_ID": "env-id", "OAUTHREG_ACME_CLIENT_SECRET_FILE": str(path)}
    assert key_of(made(environ).client("acme", session)) == ("env-id", "file-secret")
    assert key_of(made(environ | ENVIRON).client("acme", session)) == ("env-id", "env-secret")


@pytest.mark.parametrize(
    ("octets", "reason"),
    [(None, "No such file"), (b"", "no octets"), (b"x" * 70_000, "65537 octets"), (b"\xff", "no UTF-8")],
)
async def test_a_file_that_holds_no_credential_is_refused(session, tmp_path, octets, reason):
    path = tmp_path / "secret"
    if octets is not None:
        path.write_bytes(octets)
    environ = {"OAUTHREG_ACME_CLIENT_ID": "env-id", "OAUTHREG_ACME_CLIENT_SECRET_FILE": str(path)}
    with pytest.raises(MissingCredentialError, match=reason) as caught:
        made(environ).client("acme", session)
    assert caught.value.code == "unreadable-credential"
    assert "OAUTHREG_ACME_CLIENT_SECRET_FILE" in caught.value.message


async def test_a_path_that_no_file_can_have_holds_no_credential(session):
    environ = {"OAUTHREG_ACME_CLIENT_ID": "env-id", "OAUTHREG_ACME_CLIENT_SECRET_FILE": "a\0b"}
    with pytest.raises(MissingCredentialError) as caught:
        made(environ).client("acme", session)
    assert caught.value.code == "unreadable-credential"


async def test_a_missing_credential_says_where_it_was_looked_for(session):
    with pytest.raises(MissingCredentialError) as caught:
        made({"OAUTHREG_ACME_CLIENT_ID": "env-id"}).client("acme", session)
    assert caught.value.code == "missing-credential"
    assert caught.value.message == "'acme' needs `client_secret`"
    assert caught.value.hint == (
        "looked in the arguments, OAUTHREG_ACME_CLIENT_SECRET and OAUTHREG_ACME_CLIENT_SECRET_FILE"
    )
    with pytest.raises(MissingCredentialError) as caught:
        made({}, credentials={}, text=KEYED).client("acme", session)
    assert caught.value.message == (
        "'acme' needs `client_id` and `client_secret` and `api_key` (the key of the application)"
    )
    assert "`credentials=`" in caught.value.hint


async def test_a_name_with_hyphens_has_underscores_in_the_environment(session):
    environ = {"OAUTHREG_ACME_2_CLIENT_ID": "id", "OAUTHREG_ACME_2_CLIENT_SECRET": "secret"}
    registry = Registry(environ=environ)
    registry.add(ACME, "acme-2")
    assert key_of(registry.client("acme-2", session)) == ("id", "secret")


async def test_an_optional_secret_may_be_missing(session):
    text = ACME + "\n[credentials.client_secret]\nrequired = false\n"
    assert key_of(made({"OAUTHREG_ACME_CLIENT_ID": "id"}, text=text).client("acme", session)) == ("id", None)
    assert key_of(made({}).client("acme", session, client_id="id", client_secret="")) == ("id", "")


async def test_rsa_needs_a_key_and_takes_a_secret_if_there_is_one(session, tmp_path):
    environ = {"OAUTHREG_ACME_CLIENT_ID": "id"}
    with pytest.raises(MissingCredentialError, match="`private_key`"):
        made(environ, text=RSA).client("acme", session)
    path = tmp_path / "key.der"
    path.write_bytes(b"\x30\x82")
    environ |= {"OAUTHREG_ACME_PRIVATE_KEY_FILE": str(path), "OAUTHREG_ACME_PASSPHRASE": "pass"}
    client = made(environ, text=RSA).client("acme", session)
    assert (client._rsa_key, client._passphrase, client._client_secret) == (b"\x30\x82", "pass", None)
    environ |= {"OAUTHREG_ACME_PRIVATE_KEY": "PEM", "OAUTHREG_ACME_CLIENT_SECRET": "secret"}
    client = made(environ, text=RSA).client("acme", session)
    assert (client._rsa_key, client._client_secret) == ("PEM", "secret")
    for name in ("rsa_key", "private_key"):
        client = made({}, text=RSA).client("acme", session, client_id="id", **{name: "given"})
        assert client._rsa_key == "given"


async def test_another_method_of_the_definition_needs_its_own_credentials(session):
    client = made(text=RSA).client("acme", session, signature_method="HMAC-SHA1")
    assert (client.signature_method, client._rsa_key) == ("HMAC-SHA1", None)
    with pytest.raises(UnsupportedMethodError) as caught:
        made(text=RSA).client("acme", session, signature_method="HMAC-SHA256")
    assert caught.value.hint == "did you mean `HMAC-SHA1`?"


async def test_other_credentials_go_where_the_definition_puts_them(session):
    environ = ENVIRON | {"OAUTHREG_ACME_API_KEY": "env-key"}
    registry = made(environ, text=KEYED)
    assert registry.client("acme", session).provider.api_headers == (("X-Key", "env-key"),)
    assert registry.client("acme", session, api_key="given").provider.api_headers == (("X-Key", "given"),)
    assert registry.provider("acme").api_headers == (("X-Key", "env-key"),)
    assert made(text=KEYED).provider("acme").api_headers == ()


async def test_no_secret_is_shown(session, tmp_path):
    registry = made(ENVIRON | {"OAUTHREG_ACME_API_KEY": "hunter2"}, text=KEYED)
    client = registry.client("acme", session, client_secret="hunter2")
    assert "hunter2" not in repr(client) + repr(registry) + repr(registry.definition("acme"))
    assert "hunter2" not in repr(client.provider) + repr(registry.provider("acme"))


# --- variables and environments -------------------------------------------------------------------------------------


async def test_variables_come_from_arguments_then_the_environment_then_the_file(session):
    def host(environ, **options):
        return made(ENVIRON | environ).client("acme", session, **options).provider.endpoints["api_base"]

    assert host({}) == "https://api.acme.example/"
    assert host({"OAUTHREG_ACME_HOST": "env.example"}) == "https://env.example/"
    assert host({"OAUTHREG_ACME_HOST": "env.example"}, variables={"host": "arg.example"}) == "https://arg.example/"
    assert host({}, environment="sandbox") == "https://sandbox.acme.example/"
    assert host({"OAUTHREG_ACME_HOST": "env.example"}, environment="sandbox") == "https://sandbox.acme.example/"
    assert host({}, environment="sandbox", variables={"host": "arg.example"}) == "https://arg.example/"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"variables": {"hots": "a"}}, "unknown-variable"),
        ({"variables": {"host": "A"}}, "invalid-variable"),
        ({"variables": {"host": ["a"]}}, "invalid-variable"),
        ({"variables": {"host": None}}, "invalid-variable"),
        ({"environment": "sandbx"}, "unknown-environment"),
    ],
)
async def test_wrong_options_are_refused(session, options, code):
    with pytest.raises(UsageError) as caught:
        made().client("acme", session, **options)
    assert caught.value.code == code
    assert caught.value.hint or code == "invalid-variable"


async def test_an_override_that_no_client_knows_is_a_type_error(session):
    with pytest.raises(TypeError, match="colour"):
        made().client("acme", session, colour="red")


async def test_overrides_go_to_the_client(session):
    client = made().client(
        "acme", session, redirect_uri="https://app.example/cb", token={"oauth_token": "t"}, realm="r"
    )
    assert client.redirect_uri == "https://app.example/cb"
    assert client.token["oauth_token"] == "t"
    assert client.provider.oauth1.realm == "r"


async def test_a_provider_may_take_the_place_of_the_compiled_one(session):
    local = Provider(name="acme", endpoints={"api_base": "http://127.0.0.1:8000/"})
    assert made().client("acme", session, provider=local).provider.endpoints == local.endpoints


async def test_http_is_asked_for_by_name(session):
    text = ACME.replace("default = \"api.acme.example\"\npattern = '[a-z.]+'", 'kind = "url"').replace(
        '"https://{host}/', '"{host}/'
    )
    text = text.replace('host = "sandbox', 'host = "https://sandbox')
    variables = {"host": "http://acme.internal"}
    registry = made(text=text)
    with pytest.raises(UsageError) as caught:
        registry.client("acme", session, variables=variables)
    assert caught.value.code == "insecure-url"
    client = registry.client("acme", session, variables=variables, allow_insecure_http=True)
    assert client.provider.allow_insecure_http
    assert registry.provider("acme", variables=variables, allow_insecure_http=True) is not None
    with pytest.raises(UsageError):
        registry.client("acme", session, variables=variables)


async def test_its_clients_share_the_lives_of_their_tokens():
    store = MemoryStore()
    async with Registry(store=store, environ={}) as registry:
        assert registry.lives is registry.lives
        assert registry.lives.store is store
        registry.lives.begin(lambda: asyncio.sleep(0, OAuth2Token(access_token="A")), is_shared=True)
    assert registry.lives._tasks == set()


async def test_a_store_may_be_empty(session):
    class Counted(MemoryStore):
        def __len__(self):
            return 0

    registry = made(store=(store := Counted()))
    client = registry.client("acme", session, account="ada", token=OAuth1Token("t", "s"))
    await client.keep_token("ada")
    assert [key.account async for key in store.token_keys()] == ["ada"]


async def test_tokens_may_be_shared_with_another_registry(session):
    registry, other = made(BOUND_ENVIRON, text=BOUND), made(BOUND_ENVIRON, text=BOUND)
    for known in (registry, other):
        client = known.client("acme", session, lives=other.lives, token={"access_token": "x", "token_type": "Bearer"})
        assert client._lives is other.lives


async def test_closing_a_registry_without_clients_does_nothing():
    await Registry(environ={}).aclose()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (('protocol = "oauth1"', 'protocol = "oauth1"\nstatus = "dead"'), "provider-retired"),
        (('protocol = "oauth1"', 'protocol = "oauth1"\nstatus = "unsupported"\nreason = "x"'), "provider-unsupported"),
    ],
)
async def test_without_a_client_there_is_a_reason_before_credentials_are_asked_for(session, change, code):
    text = ACME.replace(*change)
    with pytest.raises(UsageError) as caught:
        made({}, text=text).client("acme", session)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("variables", None, "invalid-variable"),
        ("variables", "host", "invalid-variable"),
        ("variables", {5: "x"}, "unknown-variable"),
        ("environment", 5, "invalid-argument"),
        ("environment", ["sandbox"], "invalid-argument"),
        ("grant_type", ["jwt_bearer"], "invalid-argument"),
        ("signature_method", 5, "unsupported-method"),
    ],
)
async def test_an_option_of_another_type_is_refused(session, option, value, code):
    with pytest.raises(UsageError) as caught:
        made().client("acme", session, **{option: value})
    assert caught.value.code == code
    if option in ("variables", "environment"):
        with pytest.raises(UsageError) as caught:
            made().provider("acme", **{option: value})
        assert caught.value.code == code


# --- compiled providers ---------------------------------------------------------------------------------------------


def test_a_provider_is_compiled_once_for_each_set_of_variables():
    registry = made()
    assert registry.provider("acme") is registry.provider("acme")
    assert registry.provider("acme") is not registry.provider("acme", environment="sandbox")
    other = registry.provider("acme", variables={"host": "a.example"})
    assert other is registry.provider("acme", variables={"host": "a.example"})


def test_the_providers_that_are_kept_have_a_bound(monkeypatch):
    monkeypatch.setattr(registry_module, "_MOST_PROVIDERS", 2)
    registry = made()
    first = registry.provider("acme")
    for letter in "ab":
        registry.provider("acme", variables={"host": letter})
    assert registry.provider("acme") == first
    assert registry.provider("acme") is not first


async def test_an_end_that_comes_near_is_logged_once(session, caplog, monkeypatch):
    monkeypatch.setattr(registry_module, "_today", lambda: date(2026, 11, 25))
    registry = made(text=ACME + "\n[lifecycle]\nretires = 2027-01-01\n")
    with caplog.at_level(logging.WARNING, logger="oauthreg"):
        registry.client("acme", session)
        registry.client("acme", session)
    assert caplog.messages == ["acme: retires on 2027-01-01"]
    caplog.clear()
    made().client("acme", session)
    assert caplog.messages == []


def test_today_is_a_date():
    assert isinstance(registry_module._today(), date)


# --- imports --------------------------------------------------------------------------------------------------------


def test_aiohttp_waits_until_a_client_is_made():
    code = (
        "import sys; from oauthreg.registry import Registry; Registry(environ={}).names(); "
        "sys.exit('aiohttp' in sys.modules)"
    )
    root = Path(__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root / "python", check=False).returncode == 0


# --- OAuth 2.0 ------------------------------------------------------------------------------------------------------

OAUTH2 = """
schema = 1
title = "Acme"
protocol = "oauth2"

[endpoints]
authorize = "https://www.acme.example/authorize"
token = "https://api.acme.example/token"
api_base = "https://api.acme.example/"
"""


async def test_a_definition_of_oauth2_makes_a_client_that_shares_tokens(session):
    registry = Registry(credentials={"acme": {"client_id": "app", "client_secret": "s"}}, environ={})
    registry.add(OAUTH2, "acme")
    client = registry.client("acme", session, account="ada", token={"access_token": "AT1", "token_type": "Bearer"})
    assert isinstance(client, AsyncOAuth2Client)
    again = registry.client("acme", session, account="ada")
    assert again.token["access_token"] == "AT1"
    assert registry.client("acme", session, account="bob").token is None
    pending = await client.start(redirect_uri="https://app.example/callback")
    assert pending.url.startswith("https://www.acme.example/authorize?response_type=code&client_id=app&")
    await registry.aclose()


async def test_a_public_client_needs_no_secret(session):
    registry = Registry(environ={"OAUTHREG_ACME_CLIENT_ID": "app"})
    registry.add(OAUTH2, "acme")
    assert registry.client("acme", session).provider.name == "acme"
    registry.add(OAUTH2 + '\n[oauth2]\nclient_auth = "client_secret_post"\n', "acme")
    with pytest.raises(MissingCredentialError, match="client_secret"):
        registry.client("acme", session)


# --- assertions -----------------------------------------------------------------------------------------------------

SERVICE = """schema = 1
title = "Acme"
protocol = "oauth2"

[endpoints]
authorize = "https://acme.example/authorize"
token = "https://acme.example/token"

[oauth2]
grants = ["jwt_bearer", "authorization_code", "client_credentials"]

[assertion]
algorithm = "HS256"
"""
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONG_SECRET = "a-secret-that-is-long-enough-for-hs256"


@pytest.mark.parametrize(
    ("grant_type", "kind"),
    [
        (None, AsyncAssertionClient),
        ("jwt_bearer", AsyncAssertionClient),
        (BEARER, AsyncAssertionClient),
        ("urn:acme:grant", AsyncAssertionClient),
        ("authorization_code", AsyncOAuth2Client),
        ("client_credentials", AsyncOAuth2Client),
    ],
)
async def test_the_grant_decides_which_client_it_is(session, grant_type, kind):
    given = {} if grant_type is None else {"grant_type": grant_type}
    client = made(ENVIRON | {"OAUTHREG_ACME_CLIENT_SECRET": LONG_SECRET}, text=SERVICE).client("acme", session, **given)
    assert type(client) is kind
    if kind is AsyncAssertionClient:
        assert client._issuer == "env-id"
        assert client._grant_type == (grant_type if grant_type == "urn:acme:grant" else BEARER)
    else:
        assert client.provider.oauth2.grants[0] == grant_type


async def test_a_login_is_the_first_choice_where_it_is_the_first_grant(session):
    text = SERVICE.replace('"jwt_bearer", "authorization_code"', '"authorization_code", "jwt_bearer"')
    registry = made(ENVIRON | {"OAUTHREG_ACME_CLIENT_SECRET": LONG_SECRET}, text=text)
    assert type(registry.client("acme", session)) is AsyncOAuth2Client
    client = registry.client("acme", session, grant_type="jwt_bearer", subject="ada", account="a1")
    assert type(client) is AsyncAssertionClient
    assert (client._subject, client._key.account) == ("ada", "a1")


async def test_an_assertion_needs_its_key_and_takes_no_redirect_uri(session):
    registry = made(ENVIRON, text=SERVICE.replace("HS256", "ES256"))
    with pytest.raises(MissingCredentialError, match="`private_key`"):
        registry.client("acme", session)
    with pytest.raises(UsageError) as caught:
        registry.client("acme", session, private_key="PEM", redirect_uri="https://app.example/callback")
    assert caught.value.code == "no-login"


async def test_oauth1_has_no_grants(session):
    with pytest.raises(TypeError, match="grant_type"):
        made().client("acme", session, grant_type="authorization_code")
    assert type(made().client("acme", session)) is AsyncOAuth1Client


# --- further clients ------------------------------------------------------------------------------------------------


async def test_a_further_client_is_another_one_of_the_same_provider(session):
    registry = made()
    first, second = registry.client("acme", session), registry.client("acme", session)
    assert second is not first
    assert second.provider is first.provider
    first.token = {"oauth_token": "t", "oauth_token_secret": "s"}
    assert second.token["oauth_token"] is None


@pytest.mark.parametrize("kind", [dict, "os.environ"])
async def test_a_further_client_sees_what_has_changed_in_the_environment(session, monkeypatch, kind):
    environ = dict(ENVIRON) if kind is dict else os.environ
    setting = environ.__setitem__ if kind is dict else monkeypatch.setenv
    for name, value in ENVIRON.items():
        setting(name, value)
    registry = made(environ)
    assert [key_of(registry.client("acme", session)) for _ in range(2)] == [("env-id", "env-secret")] * 2
    setting("OAUTHREG_ACME_CLIENT_SECRET", "changed")
    assert key_of(registry.client("acme", session)) == ("env-id", "changed")
    setting("OAUTHREG_ACME_HOST", "other.acme.example")
    assert "other.acme.example" in registry.client("acme", session).provider.endpoints["token"]
    if kind is dict:
        del environ["OAUTHREG_ACME_CLIENT_ID"]
    else:
        monkeypatch.delenv("OAUTHREG_ACME_CLIENT_ID")
    with pytest.raises(MissingCredentialError):
        registry.client("acme", session)


async def test_a_further_client_sees_what_has_changed_in_a_file(session, tmp_path):
    path = tmp_path / "secret"
    path.write_text("first")
    registry = made({"OAUTHREG_ACME_CLIENT_ID": "id", "OAUTHREG_ACME_CLIENT_SECRET_FILE": str(path)})
    assert key_of(registry.client("acme", session)) == ("id", "first")
    path.write_text("second")
    assert key_of(registry.client("acme", session)) == ("id", "second")


async def test_a_further_client_sees_what_has_changed_in_the_callers_mappings(session):
    secrets, variables = {"client_id": "a", "client_secret": "b"}, {"host": "a.example"}
    registry = made({}, credentials={"acme": secrets})
    for _ in range(2):
        assert key_of(registry.client("acme", session, variables=variables)) == ("a", "b")
    secrets["client_secret"], variables["host"] = "c", "b.example"
    client = registry.client("acme", session, variables=variables)
    assert (key_of(client), client.provider.endpoints["api_base"]) == (("a", "c"), "https://b.example/")
    secrets["surplus"] = "x"
    with pytest.raises(UsageError):
        registry.client("acme", session, variables=variables)


async def test_what_one_client_was_given_is_not_the_next_ones(session):
    registry = made()
    usual = ("env-id", "env-secret")
    given = [
        {"client_id": "own", "client_secret": "own"},
        {"environment": "sandbox"},
        {"signature_method": "HMAC-SHA1"},
        {"provider": Provider(name="other")},
        {"redirect_uri": "https://app.example/", "token": {"oauth_token": "t", "oauth_token_secret": "s"}},
        {"variables": {"host": "a.example"}},
    ]
    plain = registry.client("acme", session)
    for options in given:
        special = registry.client("acme", session, **options)
        again = registry.client("acme", session)
        assert (key_of(again), again.provider, again.redirect_uri) == (usual, plain.provider, None)
        assert again.token["oauth_token"] is None
        assert (special.redirect_uri, key_of(special)[0]) == (
            options.get("redirect_uri"),
            options.get("client_id", "env-id"),
        )


async def test_credentials_of_the_definition_given_once_are_not_kept(session):
    registry = made(text=KEYED)
    assert ("X-Key", "k") in registry.client("acme", session, api_key="k").provider.api_headers
    with pytest.raises(MissingCredentialError):
        registry.client("acme", session)


async def test_what_is_kept_of_a_client_shows_no_secret(session):
    registry = made()
    registry.client("acme", session)
    known = registry._known["acme"]
    assert "env-secret" in str(known.prepared.arguments)  # it is there
    assert "env-secret" not in f"{known!r}{known.prepared!r}{known.environ!r}{registry!r}"


BOUND = """schema = 1
title = "Bound"
protocol = "oauth2"

[endpoints]
authorize = "https://bound.example/authorize"
token = "https://bound.example/token"

[oauth2]
client_auth = "none"
dpop = "supported"
"""
BOUND_ENVIRON = {"OAUTHREG_ACME_CLIENT_ID": "id"}


def thumbprint_of(client):
    """The key to which a client binds its tokens."""
    return dict(parse_qsl(client.create_authorization_url(redirect_uri="https://app.example/")[0])).get("dpop_jkt")


@pytest.mark.parametrize("place", ["argument", "object", "credentials", "environment", "file"])
async def test_a_dpop_key_from_every_place(session, tmp_path, place):
    key = DPoPKey()
    pem = key.export_private_key()
    path = tmp_path / "key.pem"
    path.write_text(pem)
    more = {
        "environment": {"OAUTHREG_ACME_DPOP_KEY": pem},
        "file": {"OAUTHREG_ACME_DPOP_KEY_FILE": str(path)},
    }.get(place, {})
    secrets = {"credentials": {"acme": {"dpop_key": pem}}} if place == "credentials" else {}
    given = {"argument": {"dpop_key": pem}, "object": {"dpop_key": key}}.get(place, {})
    registry = made({**BOUND_ENVIRON, **more}, text=BOUND, **secrets)
    for _ in range(2):
        assert thumbprint_of(registry.client("acme", session, **given)) == key.thumbprint


async def test_a_dpop_key_is_loaded_once_for_clients_that_are_alike(session):
    registry = made({**BOUND_ENVIRON, "OAUTHREG_ACME_DPOP_KEY": DPoPKey().export_private_key()}, text=BOUND)
    registry.client("acme", session)
    first = registry._known["acme"].prepared.arguments["dpop_key"]
    registry.client("acme", session)
    assert registry._known["acme"].prepared.arguments["dpop_key"] is first


async def test_a_dpop_key_is_read_where_the_definition_knows_of_it(session):
    environ = {**BOUND_ENVIRON, "OAUTHREG_ACME_DPOP_KEY": "no key"}
    plain = BOUND.replace('dpop = "supported"\n', "")
    assert thumbprint_of(made(environ, text=plain).client("acme", session)) is None
    with pytest.raises(InvalidKeyError):
        made(environ, text=BOUND).client("acme", session)
    with pytest.raises(UsageError) as refused:
        made(BOUND_ENVIRON, text=plain).client("acme", session, dpop_key=DPoPKey())
    assert refused.value.code == "dpop-unsupported"


OPENID = """schema = 1
title = "Acme"
protocol = "oidc"

[endpoints]
discovery = "https://acme.example/.well-known/openid-configuration"

[oauth2]
issuer = "https://acme.example"
"""
ENCRYPTS = f'{OPENID}\n[identity.id_token]\nencryption = ["RSA-OAEP"]\n'


@pytest.mark.parametrize("place", ["argument", "credentials", "environment", "file"])
async def test_a_decryption_key_from_every_place(session, tmp_path, place):
    jwk = json.dumps({"keys": [generate_private_jwk("RSA-OAEP")]})
    path = tmp_path / "keys.json"
    path.write_text(jwk)
    more = {
        "environment": {"OAUTHREG_ACME_DECRYPTION_KEY": jwk},
        "file": {"OAUTHREG_ACME_DECRYPTION_KEY_FILE": str(path)},
    }.get(place, {})
    secrets = {"credentials": {"acme": {"decryption_key": jwk}}} if place == "credentials" else {}
    given = {"decryption_key": jwk} if place == "argument" else {}
    for text in (OPENID, ENCRYPTS):
        registry = made({**BOUND_ENVIRON, **more}, text=text, **secrets)
        sent = encrypt_to("a.b.c", json.loads(jwk)["keys"][0], "RSA-OAEP")
        assert registry.client("acme", session, **given)._client.decryption_keys.open(sent) == "a.b.c"


async def test_a_decryption_key_is_loaded_once_and_wanted_where_the_definition_says_so(session):
    environ = {**BOUND_ENVIRON, "OAUTHREG_ACME_DECRYPTION_KEY": json.dumps(generate_private_jwk("ECDH-ES"))}
    registry = made(environ, text=ENCRYPTS)
    first, second = (registry.client("acme", session)._client.decryption_keys for _ in range(2))
    assert first is second is not None
    assert made(BOUND_ENVIRON, text=OPENID).client("acme", session)._client.decryption_keys is None
    with pytest.raises(MissingCredentialError) as refused:
        made(BOUND_ENVIRON, text=ENCRYPTS).client("acme", session)
    assert "OAUTHREG_ACME_DECRYPTION_KEY" in refused.value.hint
    with pytest.raises(InvalidKeyError):
        made({**BOUND_ENVIRON, "OAUTHREG_ACME_DECRYPTION_KEY": "no key"}, text=OPENID).client("acme", session)


async def test_the_clients_of_a_registry_share_the_key_that_is_made_for_them(session):
    text = BOUND.replace("supported", "required")
    registry, other = made(BOUND_ENVIRON, text=text), made(BOUND_ENVIRON, text=text)
    found = [thumbprint_of(known.client("acme", session)) for known in (registry, registry, other)]
    assert found[0] == found[1] != found[2]
