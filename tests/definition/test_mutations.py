"""Damaged files: each gives a typed error with a place, and never anything else."""

import random
import re
import time
import tomllib
from pathlib import Path

import pytest

from oauthreg.definition import Loader, render_problems
from oauthreg.definition.loader import STRING
from oauthreg.definition.spans import Spans
from oauthreg.errors import DefinitionError

FILES = sorted((Path(__file__).parents[2] / "providers").glob("*.toml"))
ROUNDS = 8
HUGE = ["9" * 5000, "[" * 3000, '"' + "x" * 100_000 + '"', "a." * 2000 + "a = 1", "{a=" * 500, "1e999", "-inf"]
BOMBS = ['"{a}{a}{a}{a}"', '"' + "{" * 2000 + '"', '"' + "[].*" * 100 + '"', '"(a+)+$"', '"{{{{{"', '"a[b=c].d[e^=f]"']


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
    """A huge or twisted value."""
    places = [match.span(1) for match in re.finditer(r'(?m)= ("[^"\n]*")$', text)]
    begin, end = choose.choice(places)
    return text[:begin] + choose.choice(HUGE + BOMBS) + text[end:]


KINDS = [rename_key, change_type, move_table, cut, lose_a_piece, lose_a_line, put_in, grow]


def problems_of(loader, name, text):
    """What is said about a text; nothing if it is a definition."""
    try:
        loader.add(name, text)
    except DefinitionError as error:
        return error.problems or pytest.fail(f"no problem is named: {error}")
    return ()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_damaged_file_gets_an_error_with_a_place(kind):
    choose = random.Random(kind.__name__)
    refused = 0
    for path in FILES:
        loader = Loader(environ={})
        for _ in range(ROUNDS):
            text = kind(path.read_text("utf-8"), choose)
            begin = time.process_time()
            problems = problems_of(loader, path.stem, text)
            assert time.process_time() - begin < 5, text
            lines = text.replace("\r\n", "\n").split("\n")
            for problem in problems:
                if problem.file != STRING:
                    continue  # it is about what the file extends
                assert 1 <= problem.line <= len(lines), text
                assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1, text
                assert problem.message
            assert "Traceback" not in render_problems(problems)
            refused += bool(problems)
    assert refused > len(FILES) * ROUNDS / 8


def typo(word, choose):
    """One edit: a letter lost, doubled, wrong, or swapped with its neighbour."""
    at = choose.randrange(len(word))
    other = word[at + 1 : at + 2]
    wrong = choose.choice("abcdefghijklmnopqrstuvwxyz")
    return choose.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + wrong + word[at + 1 :],
            word[:at] + other + word[at] + word[at + 2 :],
        ]
    )


def written_keys(text):
    """Every key of a file that the schema knows by name, with its place."""
    data = tomllib.loads(text)
    spans = Spans(text)
    free = {"claims", "example", "variables", "credentials", "environments", "params", "headers", "rename", "fields"}
    found = {}

    def walk(value, path):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            here = (*path, key)
            if isinstance(key, str) and not free & set(path) and key not in {"name", "title"}:
                found[here] = spans.key(here)
            if isinstance(child, dict | list):
                walk(child, here)

    walk(data, ())
    return {path: span for path, span in found.items() if spans.line(span.line)[span.column - 1 :].startswith(path[-1])}


def test_a_typo_in_a_key_gets_the_right_suggestion():
    loader = Loader(environ={})
    choose = random.Random(11)
    right = total = 0
    wrong = []
    for path in FILES:
        text = path.read_text("utf-8")
        for keys, span in written_keys(text).items():
            for _ in range(2):
                written = typo(keys[-1], choose)
                lines = text.split("\n")
                line = lines[span.line - 1]
                lines[span.line - 1] = line[: span.column - 1] + written + line[span.column - 1 + len(keys[-1]) :]
                if written in {*keys, ""} or not re.fullmatch("[a-z0-9_]+", written):
                    continue
                problems = problems_of(loader, path.stem, "\n".join(lines))
                said = [p for p in problems if p.line == span.line and "unknown key" in p.message]
                if not said:
                    continue  # the typo is another key, or one that repeats it
                total += 1
                right += f"`{keys[-1]}`" in said[0].hint
                wrong += [(keys, written, said[0].hint)] if f"`{keys[-1]}`" not in said[0].hint else []
    assert total >= 300
    assert right >= 0.95 * total, wrong
