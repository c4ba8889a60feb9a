"""Damaged files: each gives a typed error with a place, soon and in little room, and never anything else."""

import random
import re
import time
import tracemalloc
from pathlib import Path

import pytest

from oauthreg.definition import Loader, compile_definition, render_problems
from oauthreg.errors import DefinitionError, UsageError

FILES = sorted((Path(__file__).parents[2] / "providers").glob("*.toml"))
ROUNDS = 200
SECONDS = 5  # alone it is below one; a test says nothing of a busy machine
OCTETS = 50 * 2**20
HUGE = [
    "9" * 5000,
    "[" * 3000,
    '"' + "x" * 100_000 + '"',
    "[" + '"a",' * 5000 + "]",
    "{ " + ", ".join(f"k{number} = 1" for number in range(3000)) + " }",
    "a." * 2000 + "a = 1",
    "{a=" * 500,
    '"""' + "\n" * 20_000 + '"""',
    "1e999",
    "-inf",
]
BOMBS = [
    '"' + "{a}" * 600 + '"',
    '"' + "{" * 2000 + '"',
    '"' + "{{" * 1000 + '"',
    '"' + "[]." * 100 + '"',
    '"' + "*." * 200 + 'a"',
    '"' + "a.{b." * 100 + '"',
    '"(a+)+$"',
    '"(((a{1,1000}){1,1000}){1,1000})"',
    '"{{{{{"',
    '"a[b=c].d[e^=f]"',
    '"[' + "a" * 600 + ']"',
    '{ path = "a", map = { ' + ", ".join(f"k{number} = 1" for number in range(2000)) + " } }",
    '{ format = "' + "{a?}" * 200 + '" }',
    "[" + '{ path = "a" },' * 500 + "]",
    '{ path = "a", if = "b", else = ' * 30 + '"c"' + " }" * 30,
]


def rename_key(text, choose):
    """One edit in one key."""
    places = [match.span(1) for match in re.finditer(r"(?m)^[\[ ]*([a-z_]{2,})", text)]
    begin, end = choose.choice(places)
    at = choose.randrange(begin, end)
    return text[:at] + choose.choice("abcdefghijklmnopqrstuvwxyz_") + text[at + choose.choice([0, 1]) :]


def change_type(text, choose):
    """One value of another type."""
    places = [match.span(1) for match in re.finditer(r'(?m)= ("[^"\n]*"|\[.*\]|\{.*\}|true|false|[0-9-]+)$', text)]
    begin, end = choose.choice(places)
    value = choose.choice(["1", "true", '"x"', "[]", "{}", "[1]", "{ a = 1 }", "1.5", "2026-01-01", "[[]]", '[""]'])
    return text[:begin] + value + text[end:]


def move_table(text, choose):
    """One table under another header, or under none."""
    headers = list(re.finditer(r"(?m)^\[+[^\]\n]+\]+", text))
    header = choose.choice(headers)
    names = ["oauth1", "[oauth1]", "claims", "x.y", "endpoints.token", "", "variables", "[[example]]", "api.error"]
    name = choose.choice(names)
    return text[: header.start()] + (f"[{name}]" if name else "") + text[header.end() :]


def cut(text, choose):
    """The text up to some place."""
    return text[: choose.randrange(len(text))]


def lose_a_piece(text, choose):
    """The text without some characters."""
    begin = choose.randrange(len(text))
    return text[:begin] + text[begin + choose.randrange(1, 30) :]


def lose_a_line(text, choose):
    """The text without one line."""
    lines = text.splitlines(keepends=True)
    lines.pop(choose.randrange(len(lines)))
    return "".join(lines)


def put_in(text, choose):
    """Characters that mean something, somewhere."""
    at = choose.randrange(len(text))
    return (
        text[:at]
        + choose.choice(['"', "'", "[", "]", "{", "}", "=", ".", "#", "\n", "\\", "\0", "é", '"""'])
        + text[at:]
    )


def grow(text, choose):
    """A huge or twisted value in place of any other."""
    return replace_value(text, choose, HUGE)


def bomb(text, choose):
    """A template, path or pattern that is made to cost much, in place of any other value."""
    return replace_value(text, choose, BOMBS)


def replace_value(text, choose, values):
    places = [match.span(1) for match in re.finditer(r'(?m)= ("[^"\n]*"|\{.*\}|\[.*\])(?: #.*)?$', text)]
    begin, end = choose.choice(places)
    return text[:begin] + choose.choice(values) + text[end:]


def rename_to_another(text, choose):
    """One key under the name of another key of the same file."""
    places = [match.span(1) for match in re.finditer(r"(?m)^([a-z_]{2,}) =", text)]
    begin, end = choose.choice(places)
    other = text[slice(*choose.choice(places))]
    return text[:begin] + other + text[end:]


KINDS = [
    rename_key,
    rename_to_another,
    change_type,
    move_table,
    cut,
    lose_a_piece,
    lose_a_line,
    put_in,
    grow,
    bomb,
]


def problems_of(loader, name, text):
    """What is said about a text; nothing if it is a definition, which can then be used."""
    try:
        definition = loader.add(name, text)
    except DefinitionError as error:
        return error.problems or pytest.fail(f"no problem is named: {error}")
    try:
        compile_definition(definition)
    except UsageError as error:
        assert error.code  # noqa: PT017 - most need a variable
    return loader.check(name)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_damaged_file_gets_an_error_with_a_place(kind):
    choose = random.Random(kind.__name__)
    refused = 0
    for _ in range(ROUNDS):
        path = choose.choice(FILES)
        text = kind(path.read_text("utf-8"), choose)
        begin = time.thread_time()
        problems = problems_of(Loader(environ={}), path.stem, text)
        shown = render_problems(problems)
        assert time.thread_time() - begin < SECONDS, text
        lines = text.replace("\r\n", "\n").split("\n")
        for problem in problems:
            assert 1 <= problem.line <= len(lines), text
            assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1, text
            assert problem.message
        assert "Traceback" not in shown
        refused += bool(problems)
    assert refused > ROUNDS / 8


PLACES = ("title", "pattern", "token", "default", "expiring", "keep", "name", "userinfo")


@pytest.mark.parametrize(
    ("value", "key"), list(zip([*HUGE, *BOMBS], PLACES * 4, strict=False)), ids=lambda text: text[:12]
)
def test_no_value_takes_much_room(value, key):
    """In a URL, a parameter, a pattern, a claim, a list, an example."""
    text = (FILES[0].parent / "shopify.toml").read_text("utf-8")
    changed = re.sub(rf"(?m)^{key} = .*$", lambda _: f"{key} = {value}", text, count=1)
    assert changed != text
    loader = Loader(environ={})
    tracemalloc.start()
    try:
        render_problems(problems_of(loader, "shopify", changed))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < OCTETS


MANY = [f"k{number} = 1" for number in range(3000)]


@pytest.mark.parametrize(
    ("line", "faults"),
    [(r"\[oauth2\]", "[oauth2]\n" + "\n".join(MANY)), ("claims = .*", "claims = { " + ", ".join(MANY) + " }")],
    ids=["unknown-keys", "claims-of-an-example"],
)
def test_of_too_many_faults_the_first_hundred_are_told(line, faults):
    """Each costs a search of its line, which may hold them all."""
    text = (FILES[0].parent / "shopify.toml").read_text("utf-8")
    changed = re.sub(rf"(?m)^{line}$", lambda _: faults, text, count=1)
    assert len(problems_of(Loader(environ={}), "shopify", changed)) == 100
