"""All problems in one pass, and none that is only the consequence of another. The many kinds stand in ``cases``."""

from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from oauthreg.definition import model
from oauthreg.definition.validation import _FREE, _REQUIRED, InvalidDefinition, keys_of, validate

USERINFO = "https://api.acme.example/me"

MODELS = [
    table
    for table in vars(model).values()
    if isinstance(table, type) and issubclass(table, BaseModel) and table not in {BaseModel, model.Table}
]


def findings(data):
    with pytest.raises(InvalidDefinition) as caught:
        validate(data)
    return [(finding.path, finding.message) for finding in caught.value.findings]


def test_a_valid_definition_is_given(acme):
    definition = validate(acme)
    assert definition.title == "Acme"
    assert definition.oauth1.signature == ("HMAC-SHA1",)


def test_one_signature_method_is_a_list_of_one(define):
    assert define(oauth1={"signature": "PLAINTEXT"}).oauth1.signature == ("PLAINTEXT",)
    assert define(oauth1={"signature": ["HMAC-SHA1", "PLAINTEXT"]}).oauth1.signature == ("HMAC-SHA1", "PLAINTEXT")


def test_nothing_is_read_as_what_it_is_not(acme):
    for table, key, value in [("oauth1", "body_hash", 1), ("oauth1", "realm", 1), ("scopes", "default", "read")]:
        assert len(findings({**acme, table: {key: value}})) == 1


def test_mistakes_of_all_floors_are_found_at_once(acme):
    acme |= {"titel": 1, "oauth1": {"placement": "heder", "realm": "{x}"}, "claims": {"sub": "a..b"}}
    assert [path for path, _ in findings(acme)] == [
        ("titel",),
        ("oauth1", "placement"),
        ("oauth1", "realm"),
        ("claims", "sub"),
    ]


def test_a_misspelt_table_is_read_as_what_it_means(acme):
    acme["userinf"] = {"jwt": {}}
    assert findings(acme) == [
        (("userinf",), "unknown key: 'userinf'"),
        (("userinf",), '`jwt` and `format = "jwt"` go together'),
    ]


def test_a_misspelt_key_in_a_misspelt_table_is_found_under_its_written_name(acme):
    acme["ouath1"] = {"placment": "heder"}
    assert [path for path, _ in findings(acme)] == [("ouath1",), ("ouath1", "placment"), ("ouath1", "placment")]


def test_a_required_key_that_is_misspelt_is_not_missing(acme):
    acme["titel"] = acme.pop("title")
    assert findings(acme) == [(("titel",), "unknown key: 'titel'")]


def test_a_variable_at_fault_is_still_a_variable(acme):
    acme["endpoints"]["userinfo"] = "https://{host}/me"
    acme["variables"] = {"host": {"pattern": 5, "default": 5}}
    assert [path for path, _ in findings(acme)] == [("variables", "host", "default"), ("variables", "host", "pattern")]


@pytest.mark.parametrize("value", [[], {}, 5, True, 1.5, "x", [[]], [{}]], ids=repr)
def test_any_value_anywhere_is_found_and_nothing_else_happens(acme, value):
    for table in keys_of(model.Definition):
        for data in ({**acme, table: value}, {**acme, table: {"x": value}}, {**acme, table: {"x": {"kind": value}}}):
            try:
                validate(data)
            except InvalidDefinition as error:
                assert error.findings  # noqa: PT017 - most of these values are at fault, and some are not


def test_an_item_at_fault_moves_none_after_it(acme):
    good = {"name": "a", "url": "https://api.acme.example/a"}
    acme["identity"] = {"request": [5, good, {**good, "name": "b", "optional": "yes"}]}
    assert [path for path, _ in findings(acme)] == [("identity", "request", 0), ("identity", "request", 2, "optional")]


def test_a_request_at_fault_is_still_a_document(acme):
    acme["identity"] = {"request": [{"name": "emails", "url": "http://api.acme.example/a"}]}
    acme["claims"] = {"sub": "emails:id"}
    assert [path for path, _ in findings(acme)] == [("identity", "request", 0, "url")]


def test_a_key_of_a_table_of_names_is_found(acme):
    acme["variables"] = {"Bad-Name": {}, "good": {}}
    acme["api"] = {"params": {"x": "{good}"}}
    assert findings(acme) == [(("variables", "Bad-Name"), "not a name: 'Bad-Name'")]


def test_a_finding_is_reported_once(acme):
    acme["identity"] = {"request": [{"name": "a", "url": "http://x.example/{y}"}]}
    found = findings(acme)
    assert len(found) == len(set(found)) == 1


@pytest.mark.parametrize(
    ("at", "made"),
    [
        (("example", 0, "userinfo"), lambda deep: {"example": [{"userinfo": deep, "claims": {}}]}),
        (("claims", "sub"), lambda deep: {"claims": {"sub": deep}}),
        (("userinfo", "json"), lambda deep: {"userinfo": {"method": "POST", "json": deep}}),
        (
            ("identity", "request", 0, "json"),
            lambda deep: {"identity": {"request": [{"name": "x", "url": USERINFO, "method": "POST", "json": deep}]}},
        ),
        (("nothing",), lambda deep: {"nothing": deep}),
    ],
)
def test_deep_tables_are_refused_before_anything_recurses(acme, at, made):
    deep = {}
    for _ in range(40):
        deep = {"a": deep}
    ((path, message),) = findings({**acme, **made(deep)})
    assert path[: len(at) + 1] == (*at, "a")
    assert message == "tables and lists nest more than 32 deep"


def test_the_tables_that_may_nest_as_they_like_are_known():
    def is_free(annotation, metadata=()):
        if annotation is Any:
            return not metadata  # a check of ours lets plain values through alone
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            fields = annotation.model_fields.values()
            is_open = annotation.model_config.get("extra") == "allow"
            return is_open or any(is_free(field.annotation, field.metadata) for field in fields)
        if get_origin(annotation) is Annotated:
            return is_free(get_args(annotation)[0], annotation.__metadata__)
        return any(map(is_free, get_args(annotation)))

    fields = model.Definition.model_fields.items()
    assert {name for name, field in fields if is_free(field.annotation, field.metadata)} == set(_FREE)


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ("CLIENT_SECRET", "hunter2"),
        ("variables", {"client_secret": {"default": "hunter2", "pattern": "x"}}),
        ("variables", {"x": {"default": "x"}, "clientSecert": {"default": 5}}),
        ("api", {"headers": {"Authorization": "Bearer hunter2"}, "params": {"app_secret": "{hunter2"}}),
        ("api", {"headers": {"X-Api-Key": "hunter2\n", "Api-Key": ["hunter2"], "apikey": 0xBADC0DE}}),
        ("token", {"params": {"password": "hunter2\x01", "passphrase": "hunter2 {nothing}"}}),
        ("environments", {"x": {"variables": {"passwd": "hunter2"}}}),
        (
            "userinfo",
            {"url": "x?client_secret=hunter2", "query": {"secret": "{hunter2} {", "a": "{x:client_secret=hunter2}"}},
        ),
    ],
)
def test_no_finding_quotes_a_value_under_the_name_of_a_secret(acme, table, value):
    with pytest.raises(InvalidDefinition) as caught:
        validate({**acme, table: value})
    text = repr(caught.value.findings)
    assert not any(secret in text for secret in ("hunter2", str(0xBADC0DE)))


def test_no_hint_quotes_a_value_under_the_name_of_a_secret(acme):
    acme["endpoints"].pop("userinfo")
    claims = {"sub": "token:id", "api_key": "hunter2", "passwd": ["hunter2.x"], "name": "open"}
    with pytest.raises(InvalidDefinition) as caught:
        validate({**acme, "claims": claims})
    assert [finding.hint for finding in caught.value.findings] == ["", "", "name the document, as in `callback:open`"]
    assert "hunter2" not in repr(caught.value.findings)


def test_a_template_under_the_name_of_a_secret_is_quoted(acme):
    with pytest.raises(InvalidDefinition) as caught:
        validate({**acme, "api": {"params": {"api_key": "{clientid}"}}})
    assert "'clientid'" in caught.value.findings[0].message


def test_a_secret_is_in_no_finding(acme):
    acme |= {
        "client_secret": "hunter2",
        "credentials": {"client_secret": "hunter2", "api_key": {"value": "hunter2", "required": "hunter2"}},
        "callback": {"client_secret": "hunter2"},
        "title": {"client_secret": "hunter2"},
    }
    with pytest.raises(InvalidDefinition) as caught:
        validate(acme)
    assert len(caught.value.findings) == 6
    assert "hunter2" not in repr(caught.value.findings)


def test_every_required_key_has_a_stand_in():
    required = {
        field.alias or name for table in MODELS for name, field in table.model_fields.items() if field.is_required()
    }
    assert required == set(_REQUIRED)


def test_every_key_says_what_it_is():
    undescribed = [
        f"{table.__name__}.{name}"
        for table in MODELS
        for name, field in table.model_fields.items()
        if not field.description
    ]
    assert undescribed == []


def test_tables_are_frozen_and_forbid_unknown_keys():
    assert all(table.model_config["frozen"] and table.model_config["strict"] for table in MODELS)
    assert [table.__name__ for table in MODELS if table.model_config["extra"] != "forbid"] == ["Example"]


def test_no_name_is_written_twice_in_a_table():
    assert all(len(keys_of(table)) == len(set(keys_of(table))) for table in MODELS)
    assert keys_of(None) == []


def test_defaults_are_values_of_their_fields():
    for table in MODELS:
        for name, field in table.model_fields.items():
            words = get_args(field.annotation)
            if words and all(isinstance(word, str) for word in words) and not field.is_required():
                assert field.default in words, f"{table.__name__}.{name}"
