"""A settled definition is the model's definition in all that clients read."""

from dataclasses import fields, is_dataclass
from datetime import date
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType

import pytest
from pydantic import BaseModel

from oauthreg.definition import Definition, Loader, SettledDefinition, compile_definition, credentials_in_texts
from oauthreg.definition.model import Table
from oauthreg.definition.outline import render_outline, render_settled
from oauthreg.definition.settled import SettledTable, parse_outline
from oauthreg.definition.validation import validate
from oauthreg.errors import UsageError
from oauthreg.simulator.inventions import invent_variables

LOADER = Loader(environ={"OAUTHREG_CACHE": "off"})


def settled(definition):
    text = render_settled(definition)
    outline = parse_outline(render_outline().encode())
    return outline.definition(definition.name, "x.toml", " ".join(definition.aliases), text.encode())


def assert_same(table, other):
    """Every attribute that a settled table has is the model's."""
    assert table.model_fields_set == {name for name in other.model_fields_set if name in table._fields}
    for name, value in table:
        assert_equal(value, getattr(other, name))


def assert_equal(value, other):
    if isinstance(value, SettledTable):
        assert isinstance(other, BaseModel)
        assert_same(value, other)
    elif isinstance(value, tuple):
        assert isinstance(other, tuple)
        for one, another in zip(value, other, strict=True):
            assert_equal(one, another)
    elif isinstance(value, dict):
        assert list(value) == list(other)
        for name, one in value.items():
            assert_equal(one, other[name])
    else:
        assert (type(value), value) == (type(other), other)


def anatomy(value):  # noqa: C901, PLR0911 - one line for each kind of thing
    """What a compiled provider consists of, down to what its functions hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return type(value), [(field.name, anatomy(getattr(value, field.name))) for field in fields(value)]
    if isinstance(value, FunctionType):
        held = [cell.cell_contents for cell in value.__closure__ or ()]
        return value.__qualname__, [anatomy(item) for item in held]
    if isinstance(value, MethodType):
        return value.__func__.__qualname__, anatomy(value.__self__)
    if isinstance(value, partial):
        return "partial", anatomy(value.func), anatomy(value.args), anatomy(value.keywords)
    if isinstance(value, Definition | SettledDefinition):
        return "definition", value.name
    if isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, dict):
        return value.__name__, anatomy(value.__self__)
    if isinstance(value, Table | SettledTable):
        return "table", [(name, anatomy(item)) for name, item in value]
    if hasattr(value, "items"):
        return "mapping", [(name, anatomy(item)) for name, item in value.items()]
    if isinstance(value, tuple | list):
        return type(value), [anatomy(item) for item in value]
    if isinstance(value, BuiltinFunctionType | type) or not hasattr(value, "__dict__"):
        return value
    return type(value), anatomy(vars(value))


@pytest.mark.parametrize("name", LOADER.names())
def test_every_bundled_definition_comes_back_as_it_was(name):
    definition = LOADER.load(name)
    assert_same(settled(definition), definition)


@pytest.mark.parametrize("name", LOADER.names())
def test_the_same_provider_is_compiled_of_it(name):
    definition = LOADER.load(name)
    other = settled(definition)
    assert credentials_in_texts(other) == credentials_in_texts(definition)
    for environment in (None, *definition.environments):
        options = {"environment": environment, "variables": invent_variables(definition, environment)}
        assert compiled(other, options) == compiled(definition, options)


def compiled(definition, options):
    """The anatomy of the provider, or why there is none."""
    try:
        return anatomy(compile_definition(definition, **options))
    except UsageError as error:
        return error.code, str(error)


def test_tables_share_the_defaults_and_nothing_that_is_written(acme):
    first = settled(
        validate(
            {**acme, "variables": {"a": {"title": "A"}}, "api": {"params": {"a": "{a}"}}, "scopes": {"default": ["x"]}}
        ).named("acme")
    )
    second = settled(validate(acme).named("acme"))
    assert (first.scopes.default, list(first.variables)) == (("x",), ["a"])
    assert (second.scopes.default, second.variables) == ((), {})
    assert second.revoke is second.device
    assert first.revoke is second.revoke


def test_what_no_client_reads_is_left_out(acme):
    definition = settled(validate({**acme, "meta": {"sources": ["acme.example"]}}).named("acme"))
    for name in ("meta", "example", "nothing", "_private", "__deepcopy__"):
        with pytest.raises(AttributeError):
            getattr(definition, name)
    assert isinstance(definition, SettledDefinition)
    assert not isinstance(definition, Definition)


def test_dates_come_back_as_dates(acme):
    definition = validate({**acme, "lifecycle": {"retires": date(2027, 1, 1)}})
    assert settled(definition.named("acme")).lifecycle.retires == date(2027, 1, 1)


def test_names_that_stand_nowhere_are_told_quickly(acme):
    definition = settled(validate({**acme, "token": {"params": {"k": "{client_id}"}}}).named("acme"))
    assert definition.in_braces(["client_id", "api_key", "client"]) == {"client_id"}
