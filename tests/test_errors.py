"""The tree of errors: complete, drawn, told apart by stable codes."""

import copy
import inspect
import pickle
import re
from pathlib import Path
from types import MappingProxyType

import pytest

from oauthreg import errors

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, errors.OAuthRegError)
}


def test_the_drawing_shows_every_class_under_its_parent():
    drawn, stack = {}, []
    for line in errors.__doc__.splitlines():
        found = re.match(r"^(?:    )([│├└─ ]*)([A-Z]\w+)", line)
        if found:
            depth = len(found[1]) // 3
            stack[depth:] = [found[2]]
            drawn[found[2]] = stack[depth - 1] if depth else None
    assert drawn.keys() == CLASSES.keys()
    for name, parent in drawn.items():
        assert parent is None or CLASSES[parent] in CLASSES[name].__mro__[1:3], name


def test_codes_are_slugs_and_differ():
    codes = [value.code for value in CLASSES.values()]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code) for code in codes)


def test_every_class_is_raised_by_some_code():
    source = "".join(path.read_text() for path in Path(errors.__file__).parent.rglob("*.py"))
    abstract = {"OAuthRegError", "DefinitionError", "UsageError", "ResponseError", "CallbackError", "TokenError"}
    for name in CLASSES.keys() - abstract:
        raised = rf"\b{name}\(|\(\s*{name} if|\b{name} if |\({name}, "
        assert re.search(raised, source.replace(f"class {name}(", "")), name


def test_the_hint_stands_on_its_own_line():
    error = errors.UsageError("it is wrong: 'x'", code="some-code", hint="do that")
    assert str(error) == "it is wrong: 'x'\nhint: do that"
    assert (error.message, error.code, error.hint) == ("it is wrong: 'x'", "some-code", "do that")
    assert str(errors.UsageError("plain")) == "plain"


def test_an_answer_of_the_server_reads_as_a_sentence():
    assert str(errors.OAuthError("x", "why", status=401)) == "x: why (status 401)"
    assert str(errors.OAuthError("x")) == "x"
    assert str(errors.OAuthError(status=500)) == "status 500"
    error = errors.OAuthError("x", "why", "https://a.example/", status=400, headers={"date": "d"}, text="t")
    assert (error.uri, error.headers, error.text) == ("https://a.example/", {"date": "d"}, "t")


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_every_error_can_be_sent_to_another_process(copied):
    for kind in CLASSES.values():
        error = kind("x", code="some-code", hint="do that")
        again = copied(error)
        assert (type(again), str(again), vars(again)) == (kind, str(error), vars(error))
    known = {"headers": MappingProxyType({"date": "d"}), "parameters": MappingProxyType({"a": 1}), "status": 400}
    answer = errors.OAuthError("x", "why", "uri", **known, text="t")
    assert vars(copied(answer)) == vars(answer)


def test_callers_may_catch_the_usual_classes():
    assert issubclass(errors.UsageError, ValueError)
    assert issubclass(errors.UnknownProviderError, LookupError)
