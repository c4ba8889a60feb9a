import datetime as dt
import tomllib

import pytest
from hypothesis import given, strategies as st

from oauthreg.cli.toml import render_toml
from oauthreg.registry import Registry

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
PLAIN = st.one_of(TEXT, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.dates())
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))


@given(st.dictionaries(TEXT, VALUES, max_size=6))
def test_what_is_written_is_read_back(document):
    assert tomllib.loads(render_toml(document)) == document


@pytest.mark.parametrize("name", Registry(environ={}).names())
def test_every_bundled_definition_is_read_back(name):
    document = Registry(environ={}).definition(name).model_dump(by_alias=True, exclude_unset=True)
    assert plain(tomllib.loads(render_toml(document))) == plain(document)


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def test_short_tables_stand_on_one_line_and_long_ones_under_a_header():
    document = {
        "title": "A",
        "day": dt.date(2026, 1, 2),
        "claims": {"sub": {"path": "id", "as": "str"}},
        "long": {"text": {"a": "x" * 60, "b": "y" * 60}},
        "list": [{"a": 1}, {"b": [True, 2]}],
        "empty": {},
    }
    assert render_toml(document, {("claims", "sub"): "from base.toml"}) == (
        'title = "A"\nday = 2026-01-02\n'
        '\n[claims]\nsub = { path = "id", as = "str" }  # from base.toml\n'
        f'\n[long.text]\na = "{"x" * 60}"\nb = "{"y" * 60}"\n'
        "\n[[list]]\na = 1\n\n[[list]]\nb = [true, 2]\n\n[empty]\n"
    )


def test_patterns_keep_their_backslashes():
    assert render_toml({"pattern": r"^api\.x$"}) == "pattern = '^api\\.x$'\n"
    assert render_toml({"pattern": "it's \\"}) == 'pattern = "it\'s \\\\"\n'
