"""The JSON schema says what the models say, in the words of JSON schema: judged by a validator of others."""

import json
import os
import tomllib
from datetime import date
from pathlib import Path

import jsonschema
import pytest

from oauthreg.definition import Loader
from oauthreg.definition.json_schema import SCHEMA_FILE, build_json_schema, render_json_schema
from oauthreg.definition.model import Definition
from oauthreg.definition.validation import InvalidDefinition, keys_of, validate

FILES = sorted((Path(__file__).parents[2] / "providers").glob("*.toml"))
CASES = sorted((Path(__file__).parent / "cases").glob("*.toml"))
SCHEMA = build_json_schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker(["date"]))


def as_json(value):
    """A TOML document as JSON: dates become text."""
    return json.loads(json.dumps(value, default=date.isoformat))


def errors(document):
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(as_json(document))]


def test_the_file_of_the_package_is_what_the_models_say():
    if os.environ.get("OAUTHREG_UPDATE_GOLDEN") == "1":
        SCHEMA_FILE.write_text(render_json_schema(), "utf-8")
    assert SCHEMA_FILE.read_text("utf-8") == render_json_schema()


def test_the_schema_is_a_schema():
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_bundled_file_fits(path):
    assert errors(tomllib.loads(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("protocl",), "oauth1", "$: Additional properties are not allowed ('protocl' was unexpected)"),
        (("endpoints", "tokn"), "https://a.example/", "'tokn' was unexpected"),
        (("endpoints", "token"), "ftp://a.example/", "$.endpoints.token"),
        (("endpoints", "api_base"), "https://a.example/v1", "$.endpoints.api_base"),
        (("protocol",), "oauth3", "'oauth3' is not one of"),
        (("schema",), 2, "1 was expected"),
        (("schema",), "1", "'1' is not of type 'integer'"),
        (("title",), 1, "1 is not of type 'string'"),
        (("title",), " ", "$.title"),
        (("aliases",), "x", "'x' is not of type 'array'"),
        (("oauth1",), {"placement": "footer"}, "'footer' is not one of"),
        (("oauth1",), {"signature": ["HMAC-MD5"]}, "$.oauth1.signature"),
        (("oauth1",), {"body_hash": "yes"}, "'yes' is not of type 'boolean'"),
        (("oauth2",), {"grants": ["implicit"]}, "'implicit' is not one of"),
        (("oauth2",), {"grants": []}, "[] should be non-empty"),
        (("oauth2",), {"client_auth": "basic"}, "'basic' is not one of"),
        (("oauth2",), {"leeway": 4000}, "4000 is greater than the maximum of 3600"),
        (("variables",), {"Host": {}}, "'Host' does not match"),
        (("variables",), {"host": {"kind": "domain"}}, "'domain' is not one of"),
        (("token",), {"response": {"fields": {"oauth_tokn": "a"}}}, "$.token.response.fields"),
        (("token",), {"response": {"success_status": [404]}}, "404 is greater than the maximum of 299"),
        (("exchange",), {"renews": True}, "'url' is a required property"),
        (("callback",), {"signature": {}}, "'parameter' is a required property"),
        (("identity",), {"request": [{"name": "x"}]}, "'url' is a required property"),
        (("meta",), {"checked": "yesterday"}, "'yesterday' is not a 'date'"),
        (("claims",), {"name": "n"}, "'sub' is a required property"),
        (("claims",), {"sub": {"path": "id", "format": "{id}"}}, "$.claims.sub"),
        (("claims",), {"sub": {"path": "id", "as": "text"}}, "$.claims.sub"),
        (("claims",), {"sub": {"path": "id", "lowr": True}}, "$.claims.sub"),
        (("claims",), {"sub": []}, "$.claims.sub"),
        (("claims",), {"sub": 1}, "$.claims.sub"),
        (("example",), [{"claims": {"email_verified": "yes"}}], "'yes' is not of type 'boolean'"),
    ],
)
def test_a_wrong_file_is_refused(acme, path, value, said):
    table = acme
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = value
    found = errors(acme)
    assert any(said in error for error in found), found


@pytest.mark.parametrize("name", ["schema", "title", "protocol"])
def test_what_is_missing_is_refused_unless_another_file_may_have_it(acme, name):
    del acme[name]
    assert errors(acme) == [f"$: '{name}' is a required property"]
    assert errors({**acme, "extends": "other"}) == []


def test_a_file_that_extends_another_may_leave_out_what_its_tables_need(acme):
    assert errors({**acme, "extends": "other", "exchange": {"renews": True}, "claims": {"name": "n"}}) == []


@pytest.mark.parametrize("path", [*CASES, *FILES], ids=lambda path: path.stem)
def test_what_the_schema_refuses_the_models_refuse_as_well(path):
    """An editor never marks what is right."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except ValueError:
        return
    if "extends" in data:
        return
    try:
        validate(data)
    except InvalidDefinition:
        return
    assert errors(data) == []


def test_a_definition_that_uses_every_form_fits_both(acme):
    acme |= {
        "protocol": "oauth1",
        "oauth1": {"signature": "HMAC-SHA256", "realm": ""},
        "variables": {"host": {"pattern": "a|b", "default": "a"}},
        "claims": {
            "sub": [{"path": "id", "as": "str"}, "uid"],
            "name": {"format": "{a} {b?}", "if": "not c", "else": {"value": "x"}},
            "gender": {"path": "sex", "map": {"1": "female"}, "lower": True},
            "birthdate": {"path": "born", "as": "date", "format_in": "%d.%m.%Y"},
            "groups": {"path": "g[].n", "join": " "},
        },
        "lifecycle": {"retires": date(2030, 1, 1)},
        "userinfo": {"error": {"when": {"path": "a", "in": [1, "1", True]}}},
    }
    validate(acme)
    assert errors(acme) == []


@pytest.mark.parametrize("flag", ["https", "html_unescape", "urldecode", "lower"])
def test_a_filter_may_be_switched_off(acme, flag):
    acme["claims"] = {"sub": {"path": "id", flag: False}}
    validate(acme)
    assert errors(acme) == []


@pytest.mark.parametrize("host", ["localhost:80", "app.localhost", "127.0.0.1", "[::1]:80", "[0:0:0:0:0:0:0:1]"])
def test_clear_text_on_this_machine_is_not_marked(acme, host):
    acme["endpoints"]["token"] = f"http://{host}/"
    validate(acme)
    assert errors(acme) == []


def test_an_empty_table_of_claims_is_none(acme):
    acme["claims"] = {}
    validate(acme)
    assert errors(acme) == []


@pytest.mark.parametrize("host", ["a.example", "evillocalhost", "[::1", "[localhost]"])
def test_clear_text_to_others_is_marked(acme, host):
    acme["endpoints"]["token"] = f"http://{host}/"
    assert any("$.endpoints.token" in error for error in errors(acme))


def test_every_key_of_the_models_is_in_the_schema():
    assert list(SCHEMA["properties"]) == keys_of(Definition)
    assert all("description" in schema for schema in SCHEMA["properties"].values())


def test_every_bundled_definition_has_a_schema_when_it_is_merged():
    loader = Loader(environ={})
    for path in FILES:
        assert errors(loader.load(path.stem).model_dump(mode="json", by_alias=True, exclude_unset=True)) == []
