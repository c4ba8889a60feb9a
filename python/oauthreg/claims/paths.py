"""Paths: where in a provider's answers a value stands.

::

    response.user.id              keys; a number is an index in a list and a key in an object
    ["https://x.example/id"]      a key with dots in it, also written 'https://x.example/id'
    [0]  [-1]                     an item of a list
    emails[primary=true].email    the first item whose key has that value (nested keys too: [attributes.primary=true])
    emails[primary]               the first item whose key is true
    urns[id^=urn:person:]         the first item whose key starts so
    emails[].email                a list: the rest of the path for every item
    localized.*                   the first value that is there
    localized.{preferred.tag}     a key that another path gives, mixed with text if need be: {language}_{country}
    .                             the whole document
    token:user_id                 another document than `userinfo`

A selector on anything but a list behaves as on a list of one. A value that is not there is ``None``, and so is an
empty text, list or object. Following a path never raises and its work is bounded, whatever the document.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Protocol, TypeAlias

from oauthreg.claims.casts import as_text, is_absent, is_true
from oauthreg.claims.placeholders import Placeholder, closing_brace, closing_quote, split_placeholders
from oauthreg.claims.problems import TemplateSyntaxError, closest, refusal
from oauthreg.errors import quoted
from oauthreg.records import dataclass

USERINFO = "userinfo"
"""The document of a path without a prefix."""

_LONGEST = 512
_REMEMBERED = 1024
_DEEPEST = 12
_MOST_ITEMS = 1000
_EFFORT = 100_000
"""Items that one rendering may look at: 20 ms or so of work."""

_PREFIX = re.compile(r"([A-Za-z_][\w-]*):", re.ASCII)
_BARE = re.compile(r"[\w$@#~+%&-]+")
_BARE_IN_SELECTOR = re.compile(r"[\w@#-]+")
"""Fewer, because ``[key~=value]`` and the like are operators elsewhere."""
_INDEX = re.compile(r"-?[0-9]{1,6}", re.ASCII)
_COMPARISON = re.compile(r"\s*(\^?=)\s*(.*)", re.DOTALL)
_QUOTE_HINT = 'quote a key that has other characters than letters, digits and `-_$@#~+%&`: `["a key"]`'


class ExhaustedError(Exception):
    """The documents are so large or tangled that the rest is left unread; never leaves this package."""


@dataclass(slots=True)
class Reading:
    """The documents of one rendering and the effort that is left for them."""

    documents: Mapping[str, object]
    effort: int = _EFFORT

    def spend(self, effort: int = 1) -> None:
        """Take from what is left; raises ``ExhaustedError``."""
        if effort > self.effort:
            raise ExhaustedError
        self.effort -= effort


class Step(Protocol):
    """One step of a path: from a value to the next."""

    def follow(self, value: object, reading: Reading) -> object:
        """The value that the step leads to, ``None`` if there is none."""


Steps: TypeAlias = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path; ``documents`` are those that it reads."""

    text: str
    document: str
    steps: Steps
    documents: frozenset[str]

    @property
    def is_list(self) -> bool:
        """Whether the path gives a list of its own making (``[]``)."""
        return bool(self.steps) and isinstance(self.steps[-1], _Projected)  # what follows is part of it

    def find(self, documents: Mapping[str, object]) -> object:
        """The value in the documents, or ``None``."""
        try:
            return self.read(Reading(documents))
        except ExhaustedError:
            return None

    def find_in(self, document: object) -> object:
        """The value in this one document, or ``None``."""
        return self.find({self.document: document})

    def find_text(self, reading: Reading) -> str | None:
        """The value as text, or ``None``."""
        try:
            return as_text(self.read(reading)) or None
        except ExhaustedError:
            return None

    def read(self, reading: Reading) -> object:
        """The value, or ``None``; raises ``ExhaustedError``."""
        value = _walk(reading.documents.get(self.document), self.steps, reading)
        return None if is_absent(value) else value


@dataclass(frozen=True, slots=True)
class Condition:
    """``path``, which holds where a value is there and not false, or ``not path``."""

    path: Path
    negated: bool

    def holds(self, documents: Mapping[str, object]) -> bool:
        """Whether the documents fulfil it."""
        return is_true(self.path.find(documents)) is not self.negated

    def read(self, reading: Reading) -> bool:
        """Whether the documents fulfil it; raises ``ExhaustedError``."""
        return is_true(self.path.read(reading)) is not self.negated


def parse_path(text: str, *, documents: Collection[str] = (), document: str = USERINFO) -> Path:
    """The path in ``text``; ``documents`` are those that it may name, ``document`` is meant where it names none.

    Without ``documents`` the path is one into a single document: see ``Path.find_in``.
    Raises ``TemplateSyntaxError``.
    """
    return _parsed(text, tuple(documents), document)


@lru_cache(maxsize=_REMEMBERED)
def _parsed(text: str, documents: tuple[str, ...], document: str) -> Path:
    """A path is parsed once: ``id`` and ``email`` stand in nearly every definition."""
    return _PathParser(text, documents, document).path()


def parse_condition(text: str, *, documents: Collection[str] = (), document: str = USERINFO) -> Condition:
    """The condition ``path`` or ``not path``.

    Raises ``TemplateSyntaxError``.
    """
    negated = text.startswith("not ")
    return Condition(parse_path(text.removeprefix("not ").strip(), documents=documents, document=document), negated)


@dataclass(frozen=True, slots=True)
class _Key:
    name: str
    index: int | None

    @classmethod
    def of(cls, name: str) -> "_Key":
        return cls(name, int(name) if _INDEX.fullmatch(name) else None)

    def follow(self, value: object, _: Reading) -> object:
        if isinstance(value, (dict, Mapping)):
            return value.get(self.name)
        if self.index is not None and isinstance(value, (list, tuple)):
            return _item(value, self.index)
        return None


@dataclass(frozen=True, slots=True)
class _FoundKey:
    parts: tuple[str | Path, ...]

    def follow(self, value: object, reading: Reading) -> object:
        texts = [part if isinstance(part, str) else as_text(part.read(reading)) for part in self.parts]
        found = [text for text in texts if text is not None]
        return _Key.of("".join(found)).follow(value, reading) if len(found) == len(texts) else None


@dataclass(frozen=True, slots=True)
class _Item:
    index: int

    def follow(self, value: object, _: Reading) -> object:
        return _item(_as_items(value), self.index)


@dataclass(frozen=True, slots=True)
class _FirstValue:
    def follow(self, value: object, reading: Reading) -> object:
        values = value.values() if isinstance(value, Mapping) else _as_items(value)
        return next((item for item in _counted(values, reading) if not is_absent(item)), None)


@dataclass(frozen=True, slots=True)
class _Selected:
    """The first item whose value at ``keys`` is true (``wanted`` is None), equals ``wanted``, or starts so."""

    keys: tuple[_Key, ...]
    wanted: str | None = None
    prefix: bool = False

    def follow(self, value: object, reading: Reading) -> object:
        items = _counted(_as_items(value), reading)
        return next((item for item in items if self._fits(_walk(item, self.keys, reading))), None)

    def _fits(self, value: object) -> bool:
        if self.wanted is None:
            return is_true(value)
        text = as_text(value)
        return text is not None and (text.startswith(self.wanted) if self.prefix else text == self.wanted)


@dataclass(frozen=True, slots=True)
class _Projected:
    """The rest of the path for every item that has it; lists within lists become one."""

    rest: Steps
    nested: bool

    def follow(self, value: object, reading: Reading) -> object:
        found: list[object] = []
        for item in _counted(_as_items(value), reading):
            result = _walk(item, self.rest, reading)
            if self.nested and isinstance(result, list):
                found.extend(result)
            elif not is_absent(result):
                found.append(result)
            if len(found) > _MOST_ITEMS:
                return None
        return found


def _walk(value: object, steps: Sequence[Step], reading: Reading) -> object:
    for step in steps:
        if value is None:
            return None
        value = step.follow(value, reading)
    return value


def _as_items(value: object) -> Sequence[object]:
    return value if isinstance(value, (list, tuple)) else (value,)


def _counted(items: Collection[object], reading: Reading) -> Iterator[object]:
    for item in items:
        reading.spend()
        yield item


def _item(items: Sequence[object], index: int) -> object:
    return items[index] if -len(items) <= index < len(items) else None


class _PathParser:
    """One pass over the text; a key made of other paths is parsed by a parser of its own, which allows no further."""

    def __init__(self, text: str, documents: Collection[str], document: str, *, inner: bool = False) -> None:
        self.text = text
        self.documents = documents
        self.document = document
        self.inner = inner
        self.read: set[str] = set()
        self.depth = 0

    def path(self) -> Path:
        if len(self.text) > _LONGEST:
            raise refusal(f"path of {len(self.text)} characters: {quoted(self.text)}", f"a path may have {_LONGEST}")
        self.document, at = self._prefix()
        self.read.add(self.document)
        steps = [] if self.text[at:] == "." else self._steps(at)
        if self.depth > _DEEPEST:
            raise refusal(f"path of {self.depth} steps: {quoted(self.text)}", f"a path may have {_DEEPEST}")
        return Path(self.text, self.document, _folded(steps), frozenset(self.read))

    def _prefix(self) -> tuple[str, int]:
        found = _PREFIX.match(self.text)
        name = found[1] if found else self.document
        if self.documents and name not in self.documents:
            raise self._unknown_document(name) if found else self._no_default(name)
        if found and not self.documents:
            raise refusal(f"a path into a single document has a prefix: {quoted(self.text)}", self._colon_hint())
        return name, found.end() if found else 0

    def _no_default(self, name: str) -> TemplateSyntaxError:
        return refusal(
            f"there is no document `{name}` for the path: {quoted(self.text)}",
            f"name the document, as in `{min(self.documents)}:{self.text}`",
        )

    def _unknown_document(self, name: str) -> TemplateSyntaxError:
        if "://" in self.text:
            hint = 'a constant is `{ value = "…" }`, text with placeholders `{ format = "…" }`'
        else:
            hint = f"{closest(name, sorted(self.documents))}; {self._colon_hint()}"
        return refusal(f"unknown document: {quoted(name)}", hint)

    def _colon_hint(self) -> str:
        return f'a key with a colon is quoted: `["{self.text.split(".")[0]}"]`'

    def _steps(self, at: int) -> list[Step | None]:
        """The steps, with ``None`` for ``[]``."""
        steps: list[Step | None] = []
        key_due = True  # a dot has been read, or nothing yet
        while at < len(self.text):
            if self.text[at] == "[" and (not key_due or not steps):
                step, at = self._bracket(at)
                key_due = False
            elif key_due:
                step, at = self._segment(at)
                key_due = False
            elif self.text[at] == ".":
                at, key_due = at + 1, True
                continue
            else:
                raise self._unexpected(at)
            steps.append(step)
            self.depth += 1
        if key_due:
            raise refusal(f"a key is missing at the end: {quoted(self.text)}", "`.` alone is the whole document")
        return steps

    def _segment(self, at: int) -> tuple[Step, int]:
        mark = self.text[at]
        if mark in "\"'":
            return self._quoted_key(at)
        if mark == "*":
            return _FirstValue(), at + 1
        end = at
        while end < len(self.text) and (found := _BARE.match(self.text, end) or self._braces(end)):
            end = found.end() if isinstance(found, re.Match) else found
        if end == at:
            raise self._unexpected(at)
        segment = self.text[at:end]
        return (self._found_key(segment) if "{" in segment else _Key.of(segment)), end

    def _braces(self, at: int) -> int | None:
        return closing_brace(self.text, at) + 1 if self.text[at] == "{" else None

    def _found_key(self, segment: str) -> _FoundKey:
        if self.inner:
            raise refusal(f"a path within a path within a path: {quoted(self.text)}", "one level is enough")
        return _FoundKey(tuple(self._part(part) for part in split_placeholders(segment)))

    def _part(self, part: str | Placeholder) -> str | Path:
        if isinstance(part, str):
            return part
        parser = _PathParser(part.expression, self.documents, self.document, inner=True)
        path = parser.path()
        self.read |= parser.read
        self.depth += parser.depth
        return path

    def _bracket(self, at: int) -> tuple[Step | None, int]:
        end = self._closing_bracket(at)
        content = self.text[at + 1 : end].strip()
        if not content:
            return None, end + 1
        if _INDEX.fullmatch(content):
            return _Item(int(content)), end + 1
        return self._selector(content), end + 1

    def _closing_bracket(self, at: int) -> int:
        end = at + 1
        while end < len(self.text) and self.text[end] != "]":
            end = (closing_quote(self.text, end) if self.text[end] in "\"'" else end) + 1
        if end >= len(self.text):
            raise refusal(f"`[` without `]`: {quoted(self.text[at:])}", _QUOTE_HINT)
        return end

    def _selector(self, content: str) -> Step:
        keys, rest = self._selector_keys(content)
        if not rest:
            lone_quoted = content[0] in "\"'" and len(keys) == 1
            return keys[0] if lone_quoted else _Selected(keys)
        comparison = _COMPARISON.fullmatch(rest)
        wanted = _unquoted(comparison[2]) if comparison else ""
        if comparison is None or not wanted:
            raise refusal(
                f"unreadable selector: {quoted(f'[{content}]')}",
                'as in `[0]`, `[-1]`, `[key]`, `[key=value]`, `[key^=prefix]`, `[]` or `["a key"]`',
            )
        return _Selected(keys, wanted, prefix=comparison[1] == "^=")

    def _selector_keys(self, content: str) -> tuple[tuple[_Key, ...], str]:
        keys: list[_Key] = []
        at = 0
        while True:
            if content[at : at + 1] in {'"', "'"}:
                key, at = _quoted_key(content, at)
            else:
                found = _BARE_IN_SELECTOR.match(content, at)
                key, at = (_Key.of(found[0]), found.end()) if found else (_Key.of(""), len(content))
            if not key.name:
                raise refusal(f"selector without a key: {quoted(f'[{content}]')}", _QUOTE_HINT)
            keys.append(key)
            if content[at : at + 1] != ".":
                self.depth += len(keys) - 1
                return tuple(keys), content[at:]
            at += 1

    def _quoted_key(self, at: int) -> tuple[_Key, int]:
        key, end = _quoted_key(self.text, at)
        if not key.name:
            raise refusal(f"empty key: {quoted(self.text)}", _QUOTE_HINT)
        return key, end

    def _unexpected(self, at: int) -> TemplateSyntaxError:
        mark = self.text[at]
        if mark == ".":
            return refusal(f"empty key: {quoted(self.text)}", "write one `.` between two keys")
        if "{" in self.text:
            hint = 'text with placeholders is written `{ format = "…" }`'
        elif self.text[at - 1 : at] == "]":
            hint = "a `.` goes between `]` and the next key"
        elif mark == "|":
            hint = 'alternatives are a list: `["a", "b"]`'
        else:
            hint = _QUOTE_HINT
        return refusal(f"unexpected `{mark}` in the path: {quoted(self.text)}", hint)


def _quoted_key(text: str, at: int) -> tuple[_Key, int]:
    end = closing_quote(text, at)
    return _Key.of(_unescaped(text[at + 1 : end])), end + 1


def _unquoted(value: str) -> str:
    """A selector's value: quotes around it are dropped, and only then a backslash escapes."""
    if value[:1] in {'"', "'"} and closing_quote(value, 0) == len(value) - 1:
        return _unescaped(value[1:-1])
    return value


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _folded(steps: Sequence[Step | None]) -> Steps:
    """The steps after ``[]`` become part of its step."""
    rest: Steps = ()
    nested = False
    for step in reversed(steps):
        if step is None:
            rest, nested = (_Projected(rest, nested),), True
        else:
            rest = (step, *rest)
    return rest
