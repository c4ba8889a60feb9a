"""Key path to line and column: checked against the library's parser, which knows which paths there are."""

import pytest
import tomli
from hypothesis import given, strategies as st

from oauthreg.definition.spans import Span, Spans

TEXT = '''# comment with = and [brackets]
schema = 1
a.b."c d" = { x = 1, y = ["q", { z = 2 }], "w.v" = 'k' } # after
[t.u] # comment
m = """multi
line = 3
[no.table]
"""
'quoted key' = \'\'\'raw
= 4\'\'\'
[[arr]]
n = 1
[[arr]]
n = 2
[arr.sub]
o = [
  1, # one
  [ 2, 3 ],
]
[[arr.deep]]
p = 2026-01-01T00:00:00Z
[[arr.deep]]
p = "with \\" quote # and hash"
'''

PLACES = [
    (("schema",), Span(2, 1, 6), Span(2, 10, 1)),
    (("a",), Span(3, 1, 1), Span(3, 1, 1)),
    (("a", "b"), Span(3, 3, 1), Span(3, 3, 1)),
    (("a", "b", "c d"), Span(3, 5, 5), Span(3, 13, 44)),
    (("a", "b", "c d", "x"), Span(3, 15, 1), Span(3, 19, 1)),
    (("a", "b", "c d", "y"), Span(3, 22, 1), Span(3, 26, 16)),
    (("a", "b", "c d", "y", 0), Span(3, 27, 3), Span(3, 27, 3)),
    (("a", "b", "c d", "y", 1, "z"), Span(3, 34, 1), Span(3, 38, 1)),
    (("a", "b", "c d", "w.v"), Span(3, 44, 5), Span(3, 52, 3)),
    (("t",), Span(4, 2, 1), Span(4, 2, 1)),
    (("t", "u"), Span(4, 4, 1), Span(4, 4, 1)),
    (("t", "u", "m"), Span(5, 1, 1), Span(5, 5, 8)),
    (("t", "u", "quoted key"), Span(9, 1, 12), Span(9, 16, 6)),
    (("arr", 0), Span(11, 3, 3), Span(11, 3, 3)),
    (("arr", 1, "n"), Span(14, 1, 1), Span(14, 5, 1)),
    (("arr", 1, "sub", "o", 1, 0), Span(18, 5, 1), Span(18, 5, 1)),
    (("arr", 1, "deep", 0, "p"), Span(21, 1, 1), Span(21, 5, 20)),
    (("arr", 1, "deep", 1, "p"), Span(23, 1, 1), Span(23, 5, 26)),
]


@pytest.mark.parametrize(("path", "key", "value"), PLACES, ids=str)
def test_every_shape_of_toml_has_its_place(path, key, value):
    spans = Spans(TEXT)
    assert (spans.key(path), spans.value(path)) == (key, value)


def paths(value, path=()):
    """All paths of parsed TOML."""
    if path:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from paths(child, (*path, key))


def test_no_path_is_without_a_place():
    spans = Spans(TEXT)
    assert [path for path in paths(tomli.loads(TEXT)) if path not in spans] == []


def test_a_path_that_is_not_there_gets_the_table_around_it():
    spans = Spans(TEXT)
    assert spans.key(("arr", 1, "sub", "missing")) == spans.key(("arr", 1, "sub"))
    assert spans.value(("missing", "too")) == Span(1, 1)
    assert spans.key(()) == Span(1, 1)


def test_an_inline_table_on_several_lines():
    text = 'a = {\n  b = "\\x41",  # one\n  c = [\n    1, { d = 2, },\n  ],\n}\n"\\x41" = 1\n'
    spans = Spans(text)
    assert [path for path in paths(tomli.loads(text)) if path not in spans] == []
    assert (spans.key(("a", "b")), spans.value(("a", "b"))) == (Span(2, 3), Span(2, 7, 6))
    assert (spans.key(("a", "c", 1, "d")), spans.key(("A",))) == (Span(4, 10), Span(7, 1, 6))


def test_a_part_of_a_value_has_its_own_place():
    spans = Spans('url = "https://{host}/{path}"')
    assert spans.value(("url",), "{path}") == Span(1, 23, 6)
    assert spans.value(("url",), "{absent}") == spans.value(("url",))


def test_an_item_of_a_value_that_is_no_list_is_the_value():
    assert Spans('signature = "X"').value(("signature", 0)) == Span(1, 13, 3)


def test_lines_end_as_in_windows_or_in_unix():
    assert Spans("a = 1\r\nb = 2\r\n").key(("b",)) == Spans("a = 1\nb = 2\n").key(("b",)) == Span(2, 1)
    assert Spans("a = 1\r\nb = 2").line(2) == "b = 2"
    assert Spans("a = 1").line(7) == ""


@pytest.mark.parametrize(
    ("text", "second", "first"),
    [
        ("a = 1\na = 2\n", Span(2, 1), Span(1, 1)),
        ("[a]\n[b]\n[a]\n", Span(3, 2), Span(1, 2)),
        ("a.b = 1\na = 2\n", Span(2, 1), Span(1, 3)),
        ("a = { b = 1 }\n[a.c]\n", Span(2, 4), Span(1, 1)),
        ("a = { b = 1 }\na = { b = 2 }\n", Span(2, 1), Span(1, 1)),
    ],
)
def test_a_repeated_key_is_found_with_its_first_place(text, second, first):
    assert Spans(text).repeated(len(text)) == (second, first)


@pytest.mark.parametrize("again", [0, 59999])
def test_a_repeated_key_is_found_among_many(again):
    text = f"x = {{{', '.join(f'k{number} = 1' for number in range(60000))}, k{again} = 1}}"
    found = Spans(text).repeated(len(text))
    assert found == (Span(1, text.rindex("k") + 1, 1 + len(str(again))), Spans(text).key(("x", f"k{again}")))


@pytest.mark.parametrize("form", ["{} = 1", "[{}]", "a = {{ {} = 1 }}"])
def test_a_key_of_many_parts_is_mapped_as_far_as_any_use_goes(form):
    spans = Spans(form.format(".".join(["a"] * 100_000)) + "\nb = 2\n")
    assert ("a",) * 50 in spans
    assert ("a",) * 500 not in spans


def test_without_a_repeated_key_there_is_none():
    assert Spans("a = 1\nb = 2\n").repeated(12) is None
    assert Spans("").repeated(0) is None


@pytest.mark.parametrize(
    "text",
    [
        "[[[[",
        "a={",
        "a=[1,,2]",
        "\x00",
        '="',
        "a.",
        "[a.]\nb=1",
        'a="""',
        '"',
        "a=[{[{",
        "a==1",
        "[" * 9000,
        "a=" + "[" * 9000,
        "[a b]\n= 1",
        "a = ,",
    ],
)
def test_text_that_is_no_toml_is_mapped_as_far_as_it_goes(text):
    assert Spans(text).key(("a",)).line >= 1


@given(st.text("ab.=[]{}\"'#\n\\, 1", max_size=60))
def test_no_text_is_too_strange(text):
    spans = Spans(text)
    try:
        data = tomli.loads(text)
    except (tomli.TOMLDecodeError, RecursionError):
        return
    assert [path for path in paths(data) if path not in spans] == []


def test_a_large_text_takes_no_time_that_grows_faster_than_it():
    many = "".join(f"key_{i} = [{i}, {{ a = '''x''' }}]\n" for i in range(5000))
    assert Spans(many).key(("key_4999",)) == Span(5000, 1, 8)
