"""Tables as TOML text, for people to read: what any parser reads back to the same tables."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

_is_bare = re.compile(r"[A-Za-z0-9_-]+").fullmatch
_WIDEST = 100


def render_toml(document: Mapping[str, Any], comments: Mapping[tuple[str, ...], str] | None = None) -> str:
    """The tables as TOML; ``comments`` maps a key path to what is said behind the value."""
    return "\n".join(_table(document, (), comments or {})).strip() + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...], comments: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    """Plain values first, then the tables below, as the format demands."""
    sections = {name: value for name, value in table.items() if _is_section(name, value, path)}
    for name, value in table.items():
        if name not in sections:
            said = comments.get((*path, name))
            yield f"{_key(name)} = {_value(value)}{f'  # {said}' if said else ''}"
    for name, value in sections.items():
        below = (*path, name)
        if isinstance(value, Mapping):
            lines = list(_table(value, below, comments))
            # A header is left out where only tables with their own follow.
            yield from lines if lines[:1] == [""] else ("", f"[{_keys(below)}]", *lines)
        else:
            for item in value:
                yield from ("", f"[[{_keys(below)}]]", *_table(item, below, comments))


def _is_section(name: str, value: Any, path: tuple[str, ...]) -> bool:
    """Whether a value gets a header: a table, or tables in a list, at the top or too long for a line."""
    is_tables = isinstance(value, (list, tuple)) and bool(value) and all(isinstance(item, Mapping) for item in value)
    if not isinstance(value, Mapping) and not is_tables:
        return False
    return not path or len(f"{_key(name)} = {_value(value)}") > _WIDEST


def _keys(path: tuple[str, ...]) -> str:
    return ".".join(map(_key, path))


def _key(name: str) -> str:
    return name if _is_bare(name) else _text(name)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value)
        case date():
            return value.isoformat()
        case Mapping():
            inside = ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items())
            return f"{{ {inside} }}" if inside else "{}"
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
    return str(value)


def _text(value: str) -> str:
    # Patterns are full of backslashes, which a literal string leaves alone.
    if "\\" in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    # A JSON string is a TOML basic string, but for the delete character, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
