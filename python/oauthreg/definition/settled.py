"""A definition that was validated in an earlier process: plain data that has the attributes of the model's classes.

Importing pydantic and making the model takes longer than all else that a first client needs, and nothing of it is
needed to read what was found good. So the schema's outline (keys, defaults, which table is of which class) is kept
beside the data, and tables are made of both when somebody looks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, TypeAlias

from oauthreg.definition.names import shown

Fields: TypeAlias = Mapping[str, tuple[str, Any, str, str]]
"""Attribute -> its key, its default, its kind and, for tables, their class.

The kinds are ``plain``, ``list`` (a tuple), ``date``, ``table``, ``tables`` (by name) and ``rows`` (a tuple of them).
"""

_ROOT = "Definition"


class SettledTable:
    """One table: what is written in it, and under that the defaults.

    Each table of the schema has a class of its own (see ``Outline``), which gathers the defaults that were asked for:
    all definitions share them.
    """

    _fields: Fields
    _outline: Outline

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        if data:
            for name, (key, _, kind, of) in self._fields.items():
                if key in data:
                    setattr(self, name, self._outline.made(data[key], kind, of))

    def __getattr__(self, name: str) -> Any:
        """The default of a key that is not written."""
        _, default, kind, of = self._field(name)
        value = self._outline.made(default, kind, of)
        setattr(type(self), name, value)
        return value

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Attributes and values in the schema's order, as in the model."""
        return ((name, getattr(self, name)) for name in self._fields)

    @property
    def model_fields_set(self) -> frozenset[str]:
        """The attributes that are written."""
        data = self._data
        return frozenset(name for name, row in self._fields.items() if row[0] in data) if data else frozenset()

    def _field(self, name: str) -> tuple[str, Any, str, str]:
        row = None if name.startswith("_") else self._fields.get(name)
        if row is None:
            raise AttributeError(f"a settled table has no attribute {name!r}", name=name, obj=self)
        return row


class SettledDefinition(SettledTable):
    """A whole definition, from JSON that is read when it is first looked into; its tables are made one by one."""

    def __init__(self, name: str, path: str, aliases: str, text: bytes) -> None:
        self.name = name
        self.aliases = tuple(aliases.split())
        self._path = path
        self._text = text

    def __getattr__(self, name: str) -> Any:
        """The value of a key, made once."""
        if name == "_data":
            self._data = json.loads(self._text)
            return self._data
        key, default, kind, of = self._field(name)
        value = self._outline.made(self._data.get(key, default), kind, of)
        setattr(self, name, value)
        return value

    def in_braces(self, names: Iterable[str]) -> frozenset[str]:
        """Those of these names that stand in braces anywhere in it, be it in a text that has no placeholders."""
        return frozenset(name for name in names if f"{{{name}}}".encode() in self._text)

    @property
    def file(self) -> str:
        """Where it was read from."""
        return shown(self._path)

    def __repr__(self) -> str:
        return f"<SettledDefinition {self.name!r}>"


class Outline:
    """The schema as it is kept: the fields of each class, by which tables are made of plain data."""

    def __init__(self, fields: Mapping[str, Fields]) -> None:
        self._fields = fields
        self._classes: dict[str, type[SettledTable]] = {}
        self._unwritten: dict[str, SettledTable] = {}
        own = {"_fields": fields[_ROOT], "_outline": self}
        self.definition: type[SettledDefinition] = type(_ROOT, (SettledDefinition,), own)

    def made(self, value: Any, kind: str, of: str) -> Any:
        """A value of the model from one of JSON."""
        if kind == "plain" or value is None:
            return value
        if kind == "list":
            return tuple(value)
        if kind == "date":
            return date.fromisoformat(value)
        if kind == "table":
            return self._table(of, value)
        if kind == "tables":
            return {name: self._table(of, table) for name, table in value.items()}
        return tuple(self._table(of, table) for table in value)

    def _table(self, of: str, data: Mapping[str, Any]) -> SettledTable:
        if not data and of in self._unwritten:
            return self._unwritten[of]
        made = self._classes.get(of)
        if made is None:
            made = self._classes[of] = type(of, (SettledTable,), {"_fields": self._fields[of], "_outline": self})
        table = made(data)
        if not data:
            self._unwritten[of] = table
        return table


@lru_cache(maxsize=2)
def parse_outline(text: bytes) -> Outline:
    """The outline of the schema as it is kept."""
    return Outline(json.loads(text))
