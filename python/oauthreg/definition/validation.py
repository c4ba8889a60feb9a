"""From parsed TOML to a definition, or to everything that is wrong with it.

Pydantic stops at the first floor: rules between tables need a whole model. So what it refuses is mended in a copy (a
misspelt key is renamed, a bad value dropped, a missing one filled in) until the rest is a model that the rules can be
tried on. One pass then reports all, and a fault is not reported again as its own consequence.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from functools import cache, lru_cache
from itertools import islice
from sys import intern
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from oauthreg.definition import rules
from oauthreg.definition.diagnostics import MOST_FINDINGS, Finding, Target, render_path
from oauthreg.definition.model import Definition
from oauthreg.definition.secrecy import is_secret_path, is_template, open_length
from oauthreg.definition.spans import KeyPath
from oauthreg.definition.suggestions import hint, suggestion
from oauthreg.definition.texts import Refused
from oauthreg.errors import quoted
from oauthreg.records import replace

_GAP = object()
"""Stands in a list for an item that was taken out."""
_ROUNDS = 50
_DEEPEST = 32
_MOST_HOMES = 2
_SHORT = 24
_FREE = ("userinfo", "identity", "claims", "example")
"""Tables in which a definition may nest as it likes."""
_QUOTED = re.compile(r"'([^']*)'")
_TYPES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a boolean"),
    (str, "text"),
    (int, "a number"),
    (float, "a number"),
    (dict, "a table"),
    ((list, tuple), "a list"),
    (datetime, "a date with a time"),
    (date, "a date"),
    (time, "a time"),
)
_EXPECTED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "string_type": ("text", "text stands in quotes"),
        "bool_type": ("a boolean", "write `true` or `false`, without quotes"),
        "int_type": ("a whole number", "a number stands without quotes"),
        "tuple_type": ("a list", 'a list stands in brackets, as in `["a", "b"]`'),
        "dict_type": ("a table", 'as in `{ name = "value" }`, or under a header in brackets'),
        "model_type": ("a table", 'as in `{ name = "value" }`, or under a header in brackets'),
        "date_type": ("a date", "a date stands without quotes, as in `2026-11-25`"),
        "date_from_datetime_inexact": ("a date", "a date alone, as in `2026-11-25`"),
    }
)
"""Error type of pydantic -> what is expected, and how it is written."""

_BOUNDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = MappingProxyType(
    {
        "too_short": lambda _: "an empty list",
        "string_too_short": lambda _: "an empty text",
        "greater_than_equal": lambda limits: f"less than {limits['ge']}",
        "less_than_equal": lambda limits: f"more than {limits['le']}",
    }
)
"""Error type of pydantic -> what the value is."""

_REQUIRED: Mapping[str, tuple[Any, str]] = MappingProxyType(
    {
        "schema": (1, "add `schema = 1`"),
        "title": ("-", "the provider's name for people"),
        "protocol": ("oauth1", 'add `protocol = "oauth1"`'),
        "name": ("x", "the document that the answer becomes"),
        "url": ("https://localhost/", "where the request goes"),
        "parameter": ("x", "the parameter that carries it"),
        "algorithm": ("md5", "what the signature is made with"),
        "over": ("{params}", 'the text that is signed, as in `over = "{params}{client_secret}"`'),
    }
)
"""Required key -> what it is taken for while it is missing, and what to do."""

_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "name": "the file's name without `.toml` is the definition's name",
        "client_id": "credentials never stand in a definition: give them by environment or argument",
        "client_secret": "credentials never stand in a definition: give them by environment or argument",
        "consumer_secret": "credentials never stand in a definition: give them by environment or argument",
        "decryption_key": "credentials never stand in a definition: give them by environment or argument",
        "dpop_key": "credentials never stand in a definition: give them by environment or argument",
        "private_key": "credentials never stand in a definition: give them by environment or argument",
        "scope": "the scopes that a login asks for are `default` in `[scopes]`",
        "scopes": "the scopes that a login asks for are `default` in `[scopes]`",
        "signature_method": "write `signature` in `[oauth1]`",
    }
)
"""Keys that people look for, and what to do instead."""


def validate(data: Mapping[str, Any]) -> Definition:
    """The definition in parsed TOML. Raises ``InvalidDefinition`` with every finding, of too many the first hundred."""
    try:
        free = {name: _with_known_texts(data[name]) for name in _FREE if name in data}
    except RecursionError:
        raise InvalidDefinition(tuple(_too_deep(data))) from None
    try:
        definition = Definition.model_validate({**data, **free})
    except ValidationError as error:
        findings = tuple(_too_deep(data)) or _all_findings(data, error)
        raise InvalidDefinition(tuple(_discreet(finding, data) for finding in findings)) from None
    findings = tuple(_discreet(finding, data) for finding in islice(rules.check(definition, data), MOST_FINDINGS))
    if findings:
        raise InvalidDefinition(findings)
    _share_keys(definition)
    return definition


def _with_known_texts(value: Any, depth: int = 1) -> Any:
    """The same tables and lists; keys and short texts, which many definitions have in common, are in memory once.

    Raises ``RecursionError`` where they nest too deep.
    """
    kind = type(value)
    if kind is str:
        return intern(value) if len(value) < _SHORT else value
    if kind is not dict and kind is not list:
        return value
    if depth == _DEEPEST:
        raise RecursionError
    if kind is list:
        return [_with_known_texts(item, depth + 1) for item in value]
    return {intern(key): _with_known_texts(item, depth + 1) for key, item in value.items()}


def _share_keys(definition: Definition) -> None:
    """Let tables with the same keys share the set of them: a tenth of a definition's memory."""
    values = definition.__dict__
    for name in definition.__pydantic_fields_set__:
        value = values[name]
        kind = type(value)
        if kind is str or kind is int:
            continue
        for table in value.values() if kind is dict else value if kind is tuple else (value,):
            if not hasattr(table, "__pydantic_fields_set__"):
                break
            object.__setattr__(table, "__pydantic_fields_set__", _shared(frozenset(table.__pydantic_fields_set__)))


@lru_cache(maxsize=512)
def _shared(keys: frozenset[str]) -> set[str]:
    return set(keys)


class InvalidDefinition(ValueError):  # noqa: N818 - findings on their way to whoever knows the file
    """Everything that is wrong with a definition, not placed yet."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__(f"{len(findings)} findings")
        self.findings = findings


def _discreet(finding: Finding, data: Mapping[str, Any]) -> Finding:
    """The finding without what may be a credential: the value, which stands last in a message, or a part of it."""
    words, colon, quoted_value = finding.message.partition(": ")
    value, shown = _at(data, finding.path), open_length(quoted_value)
    if finding.at == "value" and is_secret_path(finding.path) and not is_template(repr(value)):
        message = words
    elif shown < len(quoted_value):
        message = f"{words}{colon}{quoted_value[:shown]}…"
    else:
        return finding
    is_in_hint = any(text and text in finding.hint for text in _texts_in(value))
    return replace(finding, message=message, hint="" if is_in_hint else finding.hint)


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(item)


def _too_deep(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Later steps may recurse: no text gets to them that nests deeper than any use needs."""
    level: list[tuple[KeyPath, Any]] = [((), data)]
    for _ in range(_DEEPEST):
        level = [
            ((*path, key), child)
            for path, value in level
            for key, child in (value.items() if isinstance(value, Mapping) else enumerate(value))
            if isinstance(child, (dict, list))
        ]
    for path, _ in level[:1]:
        yield Finding(path, f"tables and lists nest more than {_DEEPEST} deep", at="key")


def _all_findings(data: Mapping[str, Any], error: ValidationError) -> tuple[Finding, ...]:
    mending = _Mending(data)
    for _ in range(_ROUNDS):
        mending.take(error)
        if len(mending.findings) >= MOST_FINDINGS:
            break
        try:
            definition = Definition.model_validate(mending.data)
        except ValidationError as next_error:
            error = next_error
            continue
        for finding in islice(rules.check(definition, mending.shape), MOST_FINDINGS):
            mending.report(finding)
        break
    return tuple(dict.fromkeys(mending.findings))


class _Mending:
    """A copy of the data that gets closer to valid with every error that is taken, and the findings so far.

    ``shape`` keeps what was dropped: a name stays known although its table is at fault.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data: Any = copy.deepcopy(dict(data))
        self.shape: Any = copy.deepcopy(dict(data))
        self.findings: list[Finding] = []
        self._moved: list[tuple[KeyPath, KeyPath]] = []
        """Where a key is now, and where it was."""
        self._dropped: set[KeyPath] = set()
        self._left: dict[KeyPath, list[int]] = {}
        """Path of a list that lost items -> where those that are left stood."""
        self._gaps: set[KeyPath] = set()

    def report(self, finding: Finding) -> None:
        """Keep a finding, its path as it stands in the file: names and places are again what they were at first."""
        place = self._first_place(finding.path)
        for now, before in reversed(self._moved):
            if place[: len(now)] == now:
                place = before + place[len(now) :]
        self.findings.append(replace(finding, path=place))

    def take(self, error: ValidationError) -> None:
        """Report the errors of one round and mend what they are about; unknown keys first, since one may be missing."""
        items = sorted(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden")
        for item in items[:MOST_FINDINGS]:
            path = tuple(item["loc"])
            if path[-1] == "[key]":
                self.report(_refusal(path[:-1], item["ctx"]["error"], at="key"))
                self._drop(path[:-1])
            elif item["type"] == "extra_forbidden":
                self._unknown_key(path)
            elif item["type"] == "missing":
                self._missing_key(path)
            else:
                place = self._first_place(path)
                if not any(dropped[: len(place)] == place for dropped in self._dropped):
                    self.report(_wrong_value(path, item))
                self._mend(path, _mended(item))
        self._close_gaps()

    def _unknown_key(self, path: KeyPath) -> None:
        table, key = _at(self.data, path[:-1]), str(path[-1])
        fields = keys_of(_model_at(path[:-1]))
        free = [name for name in fields if name not in table]
        advice = "" if isinstance(table[key], dict) else _ELSEWHERE.get(key, "")
        meant = None if advice else suggestion(key, free)
        homes = [] if advice or meant else _homes_of(key, table[key], path[:-1])
        advice = advice or _homeward(key, homes) or hint(key, free if meant else fields)
        self.report(Finding(path, f"unknown key{_inside(path)}: {quoted(key)}", advice, at="key"))
        if meant is not None:
            self._move(path, (*path[:-1], meant))
        elif len(homes) == 1 and self._has_room((*homes[0], key)):
            self._move(path, (*homes[0], key))
        else:
            self._drop(path)

    def _has_room(self, path: KeyPath) -> bool:
        table = _at(self.data, path[:-1])
        return isinstance(table, dict) and path[-1] not in table and (len(path) == 1 or path[0] in self.data)

    def _move(self, path: KeyPath, target: KeyPath) -> None:
        first, first_target = self._first_place(path), self._first_place(target)
        for tree, old, new in ((self.data, path, target), (self.shape, first, first_target)):
            _at(tree, new[:-1])[new[-1]] = _at(tree, old[:-1]).pop(old[-1])
        self._moved.append((first_target, first))

    def _missing_key(self, path: KeyPath) -> None:
        table, key = _at(self.data, path[:-1]), str(path[-1])
        if key in table:
            return
        if self._first_place(path) not in self._dropped:
            self.report(Finding(path, f"missing key{_inside(path)}: `{key}`", _REQUIRED[key][1], at="table"))
        table[key] = _REQUIRED[key][0]

    def _mend(self, path: KeyPath, value: str) -> None:
        """Put what can be checked of a value in its place, or nothing."""
        if not value:
            self._drop(path)
            return
        for tree, place in ((self.data, path), (self.shape, self._first_place(path))):
            _at(tree, place[:-1])[place[-1]] = value

    def _drop(self, path: KeyPath) -> None:
        """Take out an item of which others are left in its list, or else the nearest key."""
        while isinstance(path[-1], int) and not self._leaves_others(path):
            path = path[:-1]
        self._dropped.add(self._first_place(path))
        if isinstance(path[-1], int):
            _at(self.data, path[:-1])[path[-1]] = _GAP
            self._gaps.add(path[:-1])
        else:
            _at(self.data, path[:-1]).pop(path[-1], None)

    def _leaves_others(self, path: KeyPath) -> bool:
        items, dropped = _at(self.data, path[:-1]), path[-1]
        return isinstance(items, list) and any(item is not _GAP for index, item in enumerate(items) if index != dropped)

    def _close_gaps(self) -> None:
        """Take what was dropped out of its lists: not before all errors with paths into them are taken."""
        for path in sorted(self._gaps, key=len, reverse=True):
            items = _at(self.data, path)
            if isinstance(items, list):
                place = self._first_place(path)
                places = self._left.get(place, range(len(items)))
                self._left[place] = [at for at, item in zip(places, items, strict=True) if item is not _GAP]
                items[:] = [item for item in items if item is not _GAP]
        self._gaps.clear()

    def _first_place(self, path: KeyPath) -> KeyPath:
        """The path with the places that items had before others were taken out."""
        first: KeyPath = ()
        for key in path:
            left = self._left.get(first)
            first = (*first, key if left is None or isinstance(key, str) else left[key])
        return first


def _at(data: Any, path: KeyPath) -> Any:
    """What is at a path; an empty table if something above it was dropped or is none."""
    for key in path:
        try:
            data = data[key]
        except (LookupError, TypeError):
            return {}
    return data


def _inside(path: KeyPath) -> str:
    """`` in `[table]` ``, as the header of the table is written."""
    table = render_path([key for key in path[:-1] if isinstance(key, str)])
    if not table:
        return ""
    return f" in `[[{table}]]`" if isinstance(path[-2], int) else f" in `[{table}]`"


def _refusal(path: KeyPath, error: Refused, *, at: Target = "value") -> Finding:
    return Finding(path, error.message, error.hint, at, error.part, error.mask)


def _wrong_value(path: KeyPath, item: Mapping[str, Any]) -> Finding:
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    if kind == "value_error":
        return _refusal(path, context["error"])
    if kind in _EXPECTED:
        expected, how = _EXPECTED[kind]
        if kind == "tuple_type" and isinstance(value, dict) and _model_at((*path, 0)) is not None:
            how = f"write two brackets: `[[{render_path(path)}]]`"
        return Finding(path, f"{expected} is expected, not {_described(value)}", how)
    if kind == "literal_error" and isinstance(value, str):
        return Finding(path, f"unknown value: {quoted(value)}", hint(value, _QUOTED.findall(context["expected"])))
    if kind == "literal_error":
        return Finding(path, f"text is expected, not {_described(value)}", f"{context['expected']} is expected")
    return Finding(path, f"{_BOUNDS[kind](context)}: {quoted(value)}")


def _mended(item: Mapping[str, Any]) -> str:
    """What a wrong value was meant to be, as far as that is beyond doubt; else empty."""
    value, context = item["input"], item.get("ctx", {})
    if item["type"] == "value_error":
        mended: str = context["error"].mended
        return mended
    known = _QUOTED.findall(context["expected"]) if item["type"] == "literal_error" and isinstance(value, str) else ()
    return next((name for name in known if name.lower() == value.lower()), "")


def _described(value: object) -> str:
    """What a value is, and the value itself if it is short."""
    kind = next(words for kind, words in _TYPES if isinstance(value, kind))
    if isinstance(value, (dict, list, tuple)):
        return kind
    return f"{kind}: {value.isoformat() if isinstance(value, (date, time)) else quoted(value)}"


def keys_of(model: type[BaseModel] | None) -> list[str]:
    """The keys of a table as a file writes them."""
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _model_at(path: KeyPath) -> type[BaseModel] | None:
    """The model of the table at a path."""
    annotation: Any = Definition
    for key in path:
        annotation = bare_type(annotation)
        if is_model(annotation):
            fields = {field.alias or name: field for name, field in annotation.model_fields.items()}
            annotation = fields[str(key)].annotation
        else:
            annotation = get_args(annotation)[1 if get_origin(annotation) is dict else 0]
    annotation = bare_type(annotation)
    return annotation if is_model(annotation) else None


def _homes_of(key: str, value: Any, table: KeyPath) -> list[KeyPath]:
    """The tables, but for the one where it stands, that have a key for such a value; the top is an empty path."""
    first = value[0] if isinstance(value, list) and value else value
    return [home for home, is_table in _homes().get(key, ()) if home != table and is_table is isinstance(first, dict)]


def _homeward(key: str, homes: list[KeyPath]) -> str:
    """Where a key belongs, if that is not too many tables."""
    if not 0 < len(homes) <= _MOST_HOMES:
        return ""
    if () not in homes:
        return f"`{key}` belongs to {' or '.join(f'`[{render_path(home)}]`' for home in homes)}"
    is_table = ((), True) in _homes()[key]
    return f"`{key}` is a table of its own" if is_table else f"`{key}` stands before the first table"


@cache
def _homes() -> Mapping[str, list[tuple[KeyPath, bool]]]:
    """Key -> the tables that have it, the top and those right below, and whether its value is a table."""
    homes: dict[str, list[tuple[KeyPath, bool]]] = {}
    tables: list[tuple[KeyPath, type[BaseModel]]] = [((), Definition)]
    for name, field in Definition.model_fields.items():
        kind = bare_type(field.annotation)
        if is_model(kind):
            tables.append(((field.alias or name,), kind))
    for path, model in tables:
        for name, field in model.model_fields.items():
            homes.setdefault(field.alias or name, []).append((path, _is_table(field.annotation)))
    return homes


def _is_table(annotation: Any) -> bool:
    """Whether a value is one table or many of them."""
    kind = bare_type(annotation)
    if get_origin(kind) is tuple:
        kind = bare_type(get_args(kind)[0])
    return is_model(kind) or get_origin(kind) is dict


def bare_type(annotation: Any) -> Any:
    """The type itself, without `Annotated` and without `None`."""
    while get_origin(annotation) in (Annotated, Union, UnionType):
        annotation = get_args(annotation)[0]
    return annotation


def is_model(annotation: Any) -> bool:
    """Whether a type is the class of a table."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
