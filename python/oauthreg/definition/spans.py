"""Where each key and value of a TOML text stands: key path -> line and column.

The parser gives values without places. This scanner reads the same text a second time, and only
when there is something to report: it knows the shape of TOML (headers, dotted keys, strings, arrays, inline tables,
comments) and nothing of the meaning of values. It never raises: text that is not TOML is mapped as far as it goes.

Spec: TOML 1.1.0.
"""

import bisect
import re
from collections.abc import Iterator
from functools import cached_property
from operator import itemgetter
from typing import TypeAlias

import tomli

from oauthreg.definition.secrecy import is_secret_path, is_template, open_length
from oauthreg.records import dataclass

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the top of the document down, such as ``("identity", "request", 0, "url")``."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_STRING = re.compile(
    r'''"""(?:[^\\]|\\.)*?(?:"{3,5}(?!")|\Z)''' r"|'''.*?(?:'{3,5}(?!')|\Z)" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE = re.compile(r"[^,\]}#\n]*[^,\]}#\s]")
_DEEPEST = 100
"""Keys of a path beyond which nothing is mapped: each path holds all that lead to it."""


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a text: line and column from 1, in characters, and how far it reaches on that line."""

    line: int
    column: int
    length: int = 1


class Spans:
    """The places of all keys and values of one text."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self._starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        self._lines = self.text.split("\n")
        scanner = _Scanner(self.text)
        scanner.scan()
        self._keys = scanner.keys
        self._values = dict(scanner.values)
        self._every_value = scanner.values
        self._written = scanner.written
        self._shown_lengths: dict[int, int] = {}

    def __contains__(self, path: KeyPath) -> bool:
        return path in self._keys or path in self._values

    def key(self, path: KeyPath) -> Span:
        """The key at ``path``; without one, the nearest table around it that has a place, or the text's start."""
        while path:
            if path in self._keys:
                return self._span(*self._keys[path])
            if path in self._values:
                return self._span(*self._values[path])
            path = path[:-1]
        return Span(1, 1)

    def value(self, path: KeyPath, part: str = "") -> Span:
        """The value at ``path``, or the first place of ``part`` within it; the key where a table has no value.

        An item that a file need not write as one of a list is the whole value.
        """
        while path not in self._values and path and isinstance(path[-1], int) and path[:-1] in self._values:
            path = path[:-1]
        if path not in self._values:
            return self.key(path)
        start, end = self._values[path]
        found = self.text.find(part, start, end) if part else -1
        return self._span(start, end) if found < 0 else self._span(found, found + len(part))

    def at(self, offset: int) -> Span:
        """The place of one character."""
        return self._span(min(offset, len(self.text)), 0)

    def offset(self, line: int, column: int) -> int:
        """The character at a place, counted from the text's start."""
        return self._starts[min(line, len(self._starts)) - 1] + column - 1

    def last_key(self, offset: int) -> Span:
        """The last key that begins before a character; the text's start without one."""
        before = [place for _, place in self._written if place[0] < offset]
        return self._span(*before[-1]) if before else Span(1, 1)

    def repeated(self, offset: int) -> tuple[Span, Span] | None:
        """The key before a character that stands a second time, and where it stood first.

        A key is also there when it is a table for longer keys, or a value under which longer keys would go.
        """
        line = self.last_key(offset).line
        same: dict[KeyPath, tuple[int, int]] = {}
        within: dict[KeyPath, tuple[int, int]] = {}
        overlap = None
        for path, place in self._written:
            if place[0] >= offset:
                break
            if self._span(*place).line == line:
                if path in same:
                    return self._span(*place), self._span(*same[path])
                around = [first for length in range(1, len(path)) if (first := same.get(path[:length]))]
                overlapping = [*around, within[path]] if path in within else around
                if overlapping and overlap is None:
                    overlap = self._span(*place), self._span(*min(overlapping))
            same.setdefault(path, place)
            for length in range(1, len(path)):
                within.setdefault(path[:length], place)
        return overlap

    def bare(self) -> Iterator[tuple[str, Span]]:
        """The values that stand neither in quotes nor in brackets, with their places."""
        for _, (start, end) in self._every_value:
            if self.text[start : start + 1] not in "[{\"'":
                yield self.text[start:end], self._span(start, end)

    def shown_length(self, number: int) -> int:
        """How many characters of a line stand before the first that may be of a credential."""
        line = self.line(number)
        if line and number not in self._shown_lengths:
            start = self._starts[number - 1]
            next_one = bisect.bisect_left(self._secrets, start, key=itemgetter(1))
            hidden = [first for first, _ in self._secrets[next_one : next_one + 1] if first < start + len(line)]
            self._shown_lengths[number] = min([open_length(line), *(max(first - start, 0) for first in hidden)])
        return self._shown_lengths.get(number, 0)

    def comments(self) -> Iterator[tuple[int, str]]:
        """Each comment with its line, in order; a `#` within a text or a key begins none."""
        texts = [place for place in self._values.values() if self.text[place[0]] not in "[{"]
        texts = sorted([*texts, *(place for _, place in self._written)])
        starts = [start for start, _ in texts]
        at = self.text.find("#")
        while at >= 0:
            before = bisect.bisect_right(starts, at) - 1
            if before >= 0 and at < texts[before][1]:
                at = self.text.find("#", texts[before][1])
                continue
            line = self._span(at, at).line
            yield line, self.line(line)[at - self._starts[line - 1] + 1 :].strip()
            at = self.text.find("#", self._starts[line]) if line < len(self._starts) else -1

    def on_line(self, number: int) -> list[tuple[KeyPath, str]]:
        """The values that begin or end on a line, with their text; the tables whose headers stand there have none."""
        start, end = self._starts[number - 1], self._starts[number - 1] + len(self.line(number))
        values = [
            (path, place) for path, place in self._values.items() if start <= place[0] < end or start < place[1] <= end
        ]
        whole = [
            (path, self.text[slice(*place)])
            for path, place in values
            if not any(other != place and other[0] <= place[0] and place[1] <= other[1] for _, other in values)
        ]
        return whole or [(path, "") for path, place in self._written if start <= place[0] < end]

    def line(self, number: int) -> str:
        """The text of a line, without its end."""
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""

    @cached_property
    def _secrets(self) -> list[tuple[int, int]]:
        """The places of values that may be credentials, in order, none within another."""
        found: list[tuple[int, int]] = []
        for path, place in sorted(self._every_value, key=itemgetter(1)):
            if found and place[1] <= found[-1][1]:
                continue
            if is_secret_path(path) and not is_template(self.text[slice(*place)]):
                found.append(place)
        return found

    def _span(self, start: int, end: int) -> Span:
        line = bisect.bisect_right(self._starts, start)
        column = start - self._starts[line - 1] + 1
        line_end = self._starts[line - 1] + len(self._lines[line - 1])
        return Span(line, column, max(min(end, line_end) - start, 1))


class _Scanner:
    """One pass over the text, collecting offsets."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.keys: dict[KeyPath, tuple[int, int]] = {}
        self.values: list[tuple[KeyPath, tuple[int, int]]] = []
        self.written: list[tuple[KeyPath, tuple[int, int]]] = []
        self._at = 0
        self._tables: dict[KeyPath, int] = {}

    def scan(self) -> None:
        table: KeyPath = ()
        while True:
            self._skip(_BLANK)
            if self._at >= len(self.text):
                return
            start = self._at
            if self.text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            if self._at == start:
                self._next_line()

    def _header(self) -> KeyPath:
        """``[table]`` or ``[[array of tables]]``: the path of the table that the following pairs belong to."""
        is_array = self.text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        parts = self._dotted()
        path = self._walk((), parts[:-1])
        if parts:
            name, place = parts[-1]
            path = (*path, name)
            self.written.append((path, place))
            if is_array:
                self._tables[path] = self._tables.get(path, -1) + 1
                self.keys.setdefault(path, place)
                path = (*path, self._tables[path])
            elif path in self._tables:
                path = (*path, self._tables[path])
            self.keys[path] = place
        self._next_line()
        return path

    def _pair(self, table: KeyPath) -> None:
        parts = self._dotted()
        if not parts:
            return
        path = self._walk(table, parts[:-1])
        name, place = parts[-1]
        path = (*path, name)
        self.written.append((path, place))
        self.keys.setdefault(path, place)
        if self.text.startswith("=", self._at):
            self._at += 1
            self._skip(_SPACE)
            self._value(path)

    def _walk(self, path: KeyPath, parts: list[tuple[str, tuple[int, int]]]) -> KeyPath:
        for name, place in parts:
            path = (*path, name)
            self.keys.setdefault(path, place)
            if path in self._tables:
                path = (*path, self._tables[path])
        return path

    def _dotted(self) -> list[tuple[str, tuple[int, int]]]:
        """A key and its parts, each with its place; the scanner then stands on what follows."""
        parts: list[tuple[str, tuple[int, int]]] = []
        while True:
            self._skip(_SPACE)
            match = _KEY.match(self.text, self._at)
            if match is None:
                return parts
            if len(parts) < _DEEPEST:
                parts.append((_unquote(match[0]), match.span()))
            self._at = match.end()
            self._skip(_SPACE)
            if not self.text.startswith(".", self._at):
                return parts
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        start = self._at
        if len(path) > _DEEPEST:
            self._at = len(self.text)
        elif self.text.startswith("[", start):
            self._items(path)
        elif self.text.startswith("{", start):
            self._inline_table(path)
        else:
            match = _STRING.match(self.text, start) or _BARE.match(self.text, start)
            if match is None:
                return
            self._at = match.end()
        self.values.append((path, (start, self._at)))

    def _items(self, path: KeyPath) -> None:
        self._at += 1
        position = 0
        while True:
            self._skip(_BLANK)
            if self._closes("]"):
                return
            start = self._at
            self._value((*path, position))
            position += 1
            self._skip(_BLANK)
            if self.text.startswith(",", self._at):
                self._at += 1
            elif self._at == start:
                return

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while True:
            self._skip(_BLANK)
            if self._closes("}"):
                return
            start = self._at
            self._pair(path)
            self._skip(_BLANK)
            if self.text.startswith(",", self._at):
                self._at += 1
            elif self._at == start:
                return

    def _closes(self, bracket: str) -> bool:
        if self._at >= len(self.text):
            return True
        closed = self.text.startswith(bracket, self._at)
        self._at += closed
        return closed

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self._at)
        self._at = match.end() if match else self._at

    def _next_line(self) -> None:
        end = self.text.find("\n", self._at)
        self._at = len(self.text) if end < 0 else end + 1


def _unquote(key: str) -> str:
    if key[0] not in "\"'":
        return key
    try:
        return str(tomli.loads(f"key = {key}")["key"])
    except tomli.TOMLDecodeError:
        return key[1:-1]
