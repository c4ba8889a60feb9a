"""Text that is no TOML: our words, and the place."""

import re
from pathlib import Path

import pytest
import tomli

from oauthreg.definition import syntax
from oauthreg.definition.syntax import parse_toml
from oauthreg.errors import DefinitionSyntaxError


def problem_of(text):
    with pytest.raises(DefinitionSyntaxError) as caught:
        parse_toml(text, "acme.toml")
    (problem,) = caught.value.problems
    assert str(caught.value).startswith(f"acme.toml:{problem.line}:{problem.column}: {problem.message}")
    assert caught.value.__cause__ is None
    return problem


def test_toml_is_read():
    assert parse_toml("a = 1\r\nb = 2026-11-25\n", "acme.toml").keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("title = X\n", (1, 9), "not a value"),
        ("a = tru", (1, 5), "not a value"),
        ("a = \n", (1, 5), "not a value"),
        ("a =", (1, 1), "the value is missing, or its list is not closed"),
        ("= 1", (1, 1), "neither a key nor a header"),
        ("äb = 1", (1, 1), "neither a key nor a header"),
        ("key", (1, 1), "`=` is missing after the key"),
        ("a: 1", (1, 2), "`=` is missing after the key"),
        ("a = 1 b = 2", (1, 7), "unexpected text after a value"),
        ("x = 01", (1, 6), "unexpected text after a value"),
        ('a = "x\n', (1, 7), "the text is not closed"),
        ("a = 'x\n'", (1, 7), "the text is not closed"),
        ("a = 'x", (1, 1), "the text is not closed"),
        ("b = 1\na = '''x", (2, 1), "the text is not closed"),
        ('a = """abc', (1, 1), "the text is not closed"),
        ("a = [1,\n2\n", (1, 1), "the list is not closed, or lacks a comma"),
        ("a = [1 2]", (1, 8), "the list is not closed, or lacks a comma"),
        ("a = { b = 1 c = 2 }", (1, 13), "the inline table is not closed, or lacks a comma"),
        ("a = { b = 1,\n c 2 }\n", (2, 4), "`=` is missing after the key"),
        ("a = { b = 1,\n c = 2\n", (2, 2), "the inline table is not closed, or lacks a comma"),
        ("[]", (1, 2), "not a key"),
        ("[a\nb = 1", (1, 3), "the header is not closed"),
        ("[[a]\nb = 1", (1, 4), "the header is not closed"),
        ('a = "\\q"\n', (1, 8), "a backslash that escapes nothing"),
        ('a = "\\u12"\n', (1, 8), "a bad escape in the text"),
        ('a = "\\ud800"\n', (1, 12), "a bad escape in the text"),
        ('a = "\x01"\n', (1, 6), "a control character"),
        ("a = '\x01'\n", (1, 6), "a control character"),
        ("a = 2026-02-30\n", (1, 5), "no such day or time"),
        ("a = 1\na = 2\n", (2, 1), "the key is defined twice"),
        ("[a]\n[a]\n", (2, 2), "the key is defined twice"),
        ("[[a]]\n[a]\n", (2, 2), "the key is defined twice"),
        ("a = {}\n[a.b]\n", (2, 4), "the key is defined twice"),
        ("a = []\n[[a]]\n", (2, 3), "the key is defined twice"),
        ("a = { b = 1, b = 2 }", (1, 14), "the key is defined twice"),
        ("a.b = 1\na = 2", (2, 1), "the key is defined twice"),
        ("[a.b.c]\n[a]\nb.c.d = 1\n", (3, 5), "the key is defined twice"),
        ("a = " + "9" * 5000, (1, 5), "a number that is too long"),
        ("# " + "9" * 5000 + "\nb = '" + "9" * 5000 + "'\na = " + "9" * 5000, (3, 5), "a number that is too long"),
        ("a = 9223372036854775808", (1, 5), "a number that is too long"),
        ("b = -9223372036854775808\na = -9223372036854775809", (2, 5), "a number that is too long"),
        ("a = 0x" + "f" * 50000, (1, 5), "a number that is too long"),
        ("[a]\nb = [1, { c = 0o" + "7" * 5000 + " }]", (2, 15), "a number that is too long"),
        ("a = 0b1" + "0" * 63, (1, 5), "a number that is too long"),
        ("a = " + "[" * 5000, (1, 1), "tables and lists nest too deep"),
    ],
)
def test_a_fault_has_its_place_and_our_words(text, place, message):
    problem = problem_of(text)
    assert ((problem.line, problem.column), problem.message) == (place, message)


def test_every_number_of_64_bits_is_read():
    text = "a = 0x7fff_ffff_ffff_ffff\nb = -9223372036854775808\nc = +9_223_372_036_854_775_807\nd = 0b0"
    assert parse_toml(text, "acme.toml") == {"a": 2**63 - 1, "b": -(2**63), "c": 2**63 - 1, "d": 0}


def test_a_number_that_is_too_long_may_be_a_secret():
    with pytest.raises(DefinitionSyntaxError) as caught:
        parse_toml("password = 11112222333344445555\n", "acme.toml")
    assert "1111" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        '[credentials]\nprivate_key = """\n-----BEGIN\nhunter2\\q\n"""\n',
        '[x]\nprivate_key = """\n-----BEGIN\nhunter2\x01\n"""\n',
        '[x]\nclient_secret = [\n"hunter2", ??\n]\n',
        "client_secret: hunter2\n",
        '{"client_secret": "hunter2"}',
        "clientSecret = hunter2\n",
        "client_secret = 'x'\nclient_secret = 'hunter2'\n",
        "[variables.client_secret]\ndefault = 'x'\ndefault = 'hunter2'\ndefault = 'x'\n",
    ],
)
def test_no_secret_is_shown_of_a_text_that_is_no_toml(text):
    with pytest.raises(DefinitionSyntaxError) as caught:
        parse_toml(text, "acme.toml")
    assert "hunter2" not in str(caught.value)


def test_a_key_twice_says_where_it_stands_first():
    assert problem_of("a = 1\n\nb = 2\na = 3\n").hint == "it stands on line 1 already"


def test_all_messages_of_the_library_have_our_words():
    source = Path(tomli.__file__).with_name("_parser.py").read_text("utf-8")
    messages = re.findall(r'TOMLDecodeError\(\s*f?"([^"]+)"', source)
    assert len(messages) >= 20
    unknown = [message for message in messages if not any(message.startswith(start) for start, _, _ in syntax._WORDS)]
    assert unknown == []


def test_a_message_that_is_not_known_yet_still_has_its_place(monkeypatch):
    monkeypatch.setattr(syntax, "_WORDS", ())
    assert problem_of("\na = X").message == "invalid value"
    assert problem_of("\na = X").line == 2
