"""One edit in a key, a word or a variable: the message says which one was meant."""

import copy
import itertools
import random
import re
import string
import tomllib
from pathlib import Path

import pytest

from oauthreg.definition import Loader
from oauthreg.definition.json_schema import build_json_schema
from oauthreg.definition.spans import Spans
from oauthreg.definition.validation import InvalidDefinition, validate
from oauthreg.errors import DefinitionError

FILES = sorted((Path(__file__).parents[2] / "providers").glob("*.toml"))
FREE = {"claims", "example", "variables", "credentials", "environments", "params", "headers", "rename", "fields"}
"""Tables whose names are the file's own."""


def typo(word, choose):
    """One edit: a letter lost, doubled, wrong, or swapped with its neighbour."""
    at = choose.randrange(len(word))
    other = word[at + 1 : at + 2]
    return choose.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + choose.choice(string.ascii_lowercase) + word[at + 1 :],
            word[:at] + other + word[at] + word[at + 2 :],
        ]
    )


def problems_of(name, text):
    try:
        Loader(environ={}).add(name, text)
    except DefinitionError as error:
        return error.problems
    return ()


class Score:
    """How many typos were understood."""

    def __init__(self):
        self.total = 0
        self.wrong = []

    def count(self, meant, written, hint):
        self.total += 1
        if f"`{meant}`" not in hint:
            self.wrong.append((meant, written, hint))

    def check(self, least):
        assert self.total >= least
        assert len(self.wrong) <= 0.05 * self.total, self.wrong


def written_keys(path):
    """Every key of a file that the schema knows by name, with its place."""
    text = path.read_text("utf-8")
    spans = Spans(text)

    def walk(value, above):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            here = (*above, key)
            if isinstance(key, str) and not FREE & set(above) and key not in {"name", "title"}:
                span = spans.key(here)
                if spans.line(span.line)[span.column - 1 :].startswith(key):
                    yield text, key, span
            if isinstance(child, dict | list):
                yield from walk(child, here)

    yield from walk(tomllib.loads(text), ())


def test_keys():
    choose = random.Random(11)
    score = Score()
    keys = [(path.stem, *found) for path in FILES for found in written_keys(path)]
    for stem, text, key, span in choose.choices(keys, k=420):
        written = typo(key, choose)
        if written in {key, ""} or not re.fullmatch("[a-z0-9_]+", written):
            continue
        lines = text.split("\n")
        line = lines[span.line - 1]
        lines[span.line - 1] = line[: span.column - 1] + written + line[span.column - 1 + len(key) :]
        said = [p for p in problems_of(stem, "\n".join(lines)) if p.line == span.line and "unknown key" in p.message]
        if said:  # else the typo is another key, or one that repeats it
            score.count(key, written, said[0].hint)
    score.check(300)


def words(table, definitions, above=(), seen=()):
    """Every place of the schema that takes one of some words: key path and words."""
    for key, schema in table.get("properties", {}).items():
        here = (*above, key)
        for form in (schema, *schema.get("anyOf", ()), *schema.get("allOf", ())):
            is_open = any("not" in other for other in schema.get("anyOf", ()))  # other words are good as well
            if "enum" in form and isinstance(form["enum"][0], str) and not is_open:
                yield here, form["enum"]
            if "enum" in form.get("items", {}):
                yield (*here, 0), form["items"]["enum"]
            inner = next(
                (
                    (steps, reference.rpartition("/")[2])
                    for steps, place in (
                        ((), form),
                        ((0,), form.get("items")),
                        (("name",), form.get("additionalProperties")),
                    )
                    if isinstance(place, dict) and (reference := place.get("$ref"))
                ),
                None,
            )
            if inner and inner[1] not in seen and not inner[1].startswith("Claim"):
                yield from words(definitions[inner[1]], definitions, (*here, *inner[0]), (*seen, inner[1]))


SCHEMA = build_json_schema()
WORDS = list(words(SCHEMA, SCHEMA["definitions"]))


def put(data, path, value):
    """The data with a value at a path, tables and lists made on the way."""
    for key, following in itertools.pairwise(path):
        empty = [] if isinstance(following, int) else {}
        if isinstance(data, list):
            data.append(empty)
            data = data[-1]
        else:
            data = data.setdefault(key, empty)
    if isinstance(data, list):
        data.append(value)
    else:
        data[path[-1]] = value


def test_words(acme):
    choose = random.Random(12)
    score = Score()
    for path, known in WORDS * 2:
        for word in known:
            written = typo(word, choose)
            if written.casefold() in {other.casefold() for other in known} or not written:
                continue
            data = copy.deepcopy(acme)
            put(data, path, written)
            with pytest.raises(InvalidDefinition) as refused:
                validate(data)
            said = [finding for finding in refused.value.findings if f"'{written}'" in finding.message]
            assert said, (path, written, refused.value.findings)
            score.count(word, written, said[0].hint)
    assert len(WORDS) >= 40
    score.check(500)


def test_casts_and_keys_of_claims(acme):
    choose = random.Random(13)
    score = Score()
    keys = SCHEMA["definitions"]["ClaimSource"]["anyOf"][1]["properties"]
    cases = [*(("as", word) for word in keys["as"]["enum"]), *((None, key) for key in keys if len(key) > 2)]
    for kind, word in cases * 4:
        written = typo(word, choose)
        if not written or written in keys or written in keys["as"]["enum"]:
            continue
        claim = {"path": "id", "as": written} if kind else {"path": "id", written: True}
        with pytest.raises(InvalidDefinition) as refused:
            validate({**acme, "claims": {"sub": claim}})
        said = [finding for finding in refused.value.findings if f"'{written}'" in finding.message]
        score.count(word, written, said[0].hint)
    score.check(50)


VARIABLES = ("tenant", "account", "instance_url", "api_version", "region", "workspace", "shop_domain", "data_centre")


def test_variables(acme):
    choose = random.Random(14)
    score = Score()
    acme["variables"] = {name: {"pattern": "[a-z]+", "default": "a"} for name in VARIABLES}
    acme["credentials"] = {"team_id": {}, "app_key": {}}
    names = (*VARIABLES, "team_id", "app_key", "client_id")
    places = [
        ("endpoints", "authorize"),
        ("endpoints", "userinfo"),
        ("request_token", "params", "x"),
        ("api", "headers", "X-A"),
        ("oauth1", "realm"),
    ]
    for path in places:
        for name in names * 2:
            written = typo(name, choose)
            if written in {*names, ""}:
                continue
            data = copy.deepcopy(acme)
            put(data, path, f"https://www.acme.example/{{{written}}}")
            with pytest.raises(InvalidDefinition) as refused:
                validate(data)
            (finding,) = refused.value.findings
            score.count(name, written, finding.hint)
    score.check(80)


def placed_variables(path):
    """Every place of a file where a variable or credential of its own stands, and all such names."""
    text = path.read_text("utf-8")
    data = tomllib.loads(text)
    names = {*data.get("variables", {}), *data.get("credentials", {}), "client_id"}
    for found in re.finditer(r"\{([a-z_]+)\}", text):
        if found[1] in names:
            yield path.stem, text, found, names


def test_variables_of_bundled_files():
    choose = random.Random(15)
    score = Score()
    for stem, text, found, names in choose.choices(
        [place for path in FILES for place in placed_variables(path)], k=150
    ):
        written = typo(found[1], choose)
        if written in {*names, ""}:
            continue
        changed = f"{text[: found.start(1)]}{written}{text[found.end(1) :]}"
        said = [p for p in problems_of(stem, changed) if f"'{written}'" in p.message]
        if said:  # else it stands in an example
            score.count(found[1], written, said[0].hint)
    score.check(100)


def test_documents(acme):
    choose = random.Random(16)
    score = Score()
    acme["identity"] = {"request": [{"name": "emails", "url": "https://api.acme.example/emails"}]}
    for name in ("token", "callback", "emails", "userinfo") * 10:
        written = typo(name, choose)
        if written in {"token", "callback", "emails", "userinfo", ""}:
            continue
        with pytest.raises(InvalidDefinition) as refused:
            validate({**acme, "claims": {"sub": f"{written}:id"}})
        (finding,) = refused.value.findings
        score.count(name, written, finding.hint)
    score.check(30)
