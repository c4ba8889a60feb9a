"""Every bundled definition: valid, sourced, without stray placeholders, its examples true, and a client can be made."""

import copy
import functools
import itertools
import operator
import re
from datetime import date
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from oauthreg.claims import Profile, parse_claims
from oauthreg.definition import Loader, compile_definition, render_problems, required_credentials
from oauthreg.definition.requests import VERIFIED, claims_of, documents_of
from oauthreg.definition.rules import templates_of
from oauthreg.definition.spans import Spans
from oauthreg.errors import UsageError
from oauthreg.http import AsyncAssertionClient
from oauthreg.registry import Registry
from oauthreg.signing.keys import generate_private_key
from oauthreg.simulator.inventions import invent_variables

FOLDER = Path(__file__).parents[2] / "providers"
NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))


def values_of(document, path=()):
    """Every plain value in a document, by its path."""
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        yield from values_of(value, (*path, key))
    if not isinstance(document, dict | list):
        yield path


def without_value(documents, path):
    """The documents with nothing at a path."""
    changed = copy.deepcopy(documents)
    *parents, last = path
    functools.reduce(operator.getitem, parents, changed)[last] = None
    return changed


PASSING_CLAIMS = ("name", "nickname", "preferred_username", "profile", "email", "phone_number")
"""Claims whose value a user may give up, and another one take."""

by_name = pytest.mark.parametrize("name", NAMES)
WITHOUT_CLIENT = [name for name in NAMES if Loader([FOLDER], environ={}).load(name).status in ("dead", "unsupported")]
by_usable_name = pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_CLIENT])


@pytest.fixture(name="loader", scope="module")
def fixture_loader():
    return Loader([FOLDER], environ={})


@pytest.fixture(name="keys", scope="module")
def fixture_keys():
    """A private key for each kind of algorithm."""
    return {"RS": generate_private_key(), "ES": ec.generate_private_key(ec.SECP256R1())}


def made_credentials(definition, private_key, grant=None):
    """A value for each credential that is needed."""
    known = {"client_secret": "not-a-secret", "private_key": private_key}
    return {name: known.get(name, f"the-{name}") for name in required_credentials(definition, grant=grant)}


def compiled(definition, **options):
    return compile_definition(
        definition, variables=invent_variables(definition), credentials={"client_id": "app"}, **options
    )


def test_all_are_found_by_name():
    assert set(NAMES) <= set(Registry(environ={}).names())
    assert len(NAMES) >= 10


@by_name
def test_it_has_no_problem_and_its_examples_are_true(loader, name):
    assert render_problems(loader.check(name)) == ""


@by_name
def test_it_says_where_its_facts_come_from(loader, name):
    meta = loader.load(name).meta
    assert meta.sources
    assert meta.checked <= date(2100, 1, 1)


@pytest.mark.parametrize("name", WITHOUT_CLIENT)
async def test_one_without_a_client_says_why(name):
    registry = Registry(environ={})
    async with aiohttp.ClientSession() as session:
        with pytest.raises(UsageError, match=re.escape(registry.definition(name).reason)) as caught:
            registry.client(name, session)
    assert caught.value.code in ("provider-retired", "provider-unsupported")


@by_name
def test_who_can_name_the_user_has_an_example(loader, name):
    definition = loader.load(name)
    assert bool(definition.example) == bool(claims_of(definition))


@by_name
def test_its_first_example_has_the_token_that_its_addresses_are_made_of(loader, name):
    definition = loader.load(name)
    if definition.status in ("dead", "unsupported") or not definition.example:
        return
    provider = compiled(definition)
    documents = {**definition.example[0].documents, "client": {"client_id": "app"}}
    documents["token"] = {"access_token": "at", "oauth_token": "at", **documents.get("token", {})}
    made = [*(request.url for request in provider.identity if not request.optional), provider.api_base]
    assert [url.names for url in made if hasattr(url, "render") and url.render(documents) is None] == []


@by_name
def test_every_claim_of_it_is_shown_by_an_example(loader, name):
    definition = loader.load(name)
    shown = {claim for example in definition.example for claim in example.claims}
    assert shown == set(definition.claims) or (definition.protocol == "oidc" and not definition.claims and shown)


@by_name
def test_it_calls_no_address_verified_on_the_strength_of_another(loader, name):
    claims = loader.load(name).claims

    def place(claim):
        """Where the first path of a claim leads, without its last key."""
        first = claims[claim][0] if isinstance(claims[claim], list) else claims[claim]
        path = first["path"] if isinstance(first, dict) else first
        return path[: max(map(path.rfind, ".:")) + 1]

    if "email_verified" in claims:
        assert place("email") == place("email_verified")


@by_name
def test_what_it_calls_verified_is_no_address_in_place_of_the_one_that_is_not_there(loader, name):
    definition = loader.load(name)
    template = parse_claims(claims_of(definition), documents=documents_of(definition))
    for example, claim in itertools.product(definition.example, VERIFIED):
        usual = template.render(example.documents)
        for path in values_of(example.documents) if usual.get(f"{claim}_verified") else ():
            changed = template.render(without_value(example.documents, path))
            assert changed.get(claim) in (usual[claim], None) or not changed.get(f"{claim}_verified")


@by_name
def test_whoever_has_one_name_alone_has_a_name(loader, name):
    definition = loader.load(name)
    template = parse_claims(claims_of(definition), documents=documents_of(definition))
    for example in definition.example:
        usual = template.render(example.documents)
        for path in values_of(example.documents) if {"name", "given_name", "family_name"} <= usual.keys() else ():
            left = template.render(without_value(example.documents, path)).keys()
            assert "name" in left or len(left & {"given_name", "family_name"}) != 1


@by_name
def test_it_names_nobody_for_good_by_what_somebody_else_may_have_later(loader, name):
    claims = claims_of(loader.load(name))

    def paths(claim):
        """All paths that a claim may come from."""
        if isinstance(claim, str):
            yield claim
        elif isinstance(claim, list):
            for one in claim:
                yield from paths(one)
        elif isinstance(claim, dict):
            for key in ("path", "format", "else"):
                yield from paths(claim.get(key))

    passing = {path for claim in PASSING_CLAIMS for path in paths(claims.get(claim))}
    told = [path in passing for path in paths(claims.get("sub"))]
    assert all(told) or not any(told)  # where there is no id, no alternative is one


@by_usable_name
def test_its_urls_are_https_and_have_no_stray_placeholder(loader, name):
    definition = loader.load(name)
    for environment in (None, *definition.environments):
        provider = compiled(definition, environment=environment)
        urls = [*provider.endpoints.values(), *(r.url for r in provider.identity if isinstance(r.url, str))]
        assert [url for url in urls if not re.fullmatch(r"https://[^{}\s]+", url)] == []
        texts = [*provider.api_headers, *provider.authorize.params, *provider.token.params, *provider.token.headers]
        assert [value for _, value in texts if "{" in value] == []
        assert "{" not in (provider.oauth1.realm or "")
        assert provider.origins or provider.endpoints["discovery"]


@by_usable_name
def test_the_servers_of_one_environment_get_nothing_of_another(loader, name):
    definition = loader.load(name)
    own = compiled(definition)
    for environment in definition.environments:
        other = compiled(definition, environment=environment)
        if other.endpoints.get("token") == own.endpoints.get("token"):
            continue
        told = {"refresh", "device", "par", "revoke", "introspect", "end_session"} & other.endpoints.keys()
        assert {endpoint for endpoint in told if other.endpoints[endpoint] == own.endpoints[endpoint]} == set()
        assert other.oauth2.issuer is None or other.oauth2.issuer != own.oauth2.issuer


@by_name
def test_none_of_its_variables_and_credentials_is_unused(loader, name):
    definition = loader.load(name)
    used = set(re.findall(r"\{(\w+)\}", " ".join(templates_of(definition))))
    used |= {variable.from_ for variable in definition.variables.values()}
    assert set(definition.variables) - used == set()
    assert set(definition.credentials) - used - {"client_id", "client_secret", "private_key", "passphrase"} == set()


@by_name
def test_nothing_that_is_the_default_is_written(loader, name):
    def repeated(table, path=()):
        for key in table.model_fields_set:
            value, field = getattr(table, key), type(table).model_fields[key]
            if hasattr(value, "model_fields_set"):
                yield from repeated(value, (*path, key))
            elif not field.is_required() and value == field.get_default(call_default_factory=True):
                yield (*path, key)

    assert list(repeated(loader.load(name))) == []


@by_name
def test_a_plain_provider_fits_on_one_screen(name):
    text = (FOLDER / f"{name}.toml").read_text("utf-8")
    assert len(text.partition("[[example]]")[0].splitlines()) <= 70


@by_name
def test_no_value_in_it_is_a_real_one(name):
    text = (FOLDER / f"{name}.toml").read_text("utf-8")
    example = text.partition("[[example]]")[2]
    assert set(re.findall(r"[\w.]+@([\w.]+)", example)) <= {"example.org", "N01"}
    spans = Spans(text)
    assert not spans.line(1).startswith("#")


@by_usable_name
async def test_a_client_can_be_made(loader, keys, name):
    definition = loader.load(name)
    credentials = made_credentials(definition, keys[definition.client_assertion.algorithm[:2]])
    registry = Registry(credentials={name: credentials}, environ={})
    async with aiohttp.ClientSession() as session:
        if definition.status in ("dead", "unsupported"):
            with pytest.raises(UsageError, match=re.escape(definition.reason)):
                registry.client(name, session, variables=invent_variables(definition))
            return
        client = registry.client(name, session, variables=invent_variables(definition))
        assert client.provider.name == name
        if definition.oauth2.grants[0] == "jwt_bearer":
            assert type(client) is AsyncAssertionClient
            return
        if definition.protocol != "oauth1" and "authorization_code" not in definition.oauth2.grants:
            assert client.provider.endpoints["token"]
            return
        if definition.protocol == "oidc" and "authorize" not in client.provider.endpoints:
            with pytest.raises(UsageError, match="authorize"):
                client.create_authorization_url()
            assert client.provider.endpoints["discovery"].startswith(client.provider.oauth2.issuer.rstrip("/"))
            return
        if definition.protocol != "oauth1":
            pending = await client.start(redirect_uri="https://app.example/callback")
            assert pending.url.startswith(client.provider.endpoints["authorize"])
            assert ("code_challenge" in pending.url) is (definition.oauth2.pkce != "unsupported")
            return
        assert client.signature_method == definition.oauth1.signature[0]
        if "three-legged" in definition.oauth1.flow:
            url = client.create_authorization_url(request_token="rt")
            assert url.startswith(client.provider.endpoints["authorize"])


@by_usable_name
def test_a_profile_can_be_made_of_its_examples(loader, name):
    definition = loader.load(name)
    claims = compiled(definition).claims
    for example in definition.example:
        profile = Profile.from_claims(claims.render(example.documents), raw=example.documents)
        assert profile.sub == example.claims["sub"]
