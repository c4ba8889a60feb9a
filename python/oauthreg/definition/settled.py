"""A definition that was validated in an earlier process: plain data that has the attributes of the model's classes.

Importing pydantic and making the model takes longer than all else that a first client needs, and nothing of it is
needed to read what was found good. So the schema's outline (keys, defaults, which table is of which class) is kept
beside the data, and tables are made of both when somebody looks. All tables have one class: Python takes longer to make
one than to fill a table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, TypeAlias

from oauthreg.definition.names import shown

Fields: TypeAlias = Mapping[str, Any]
"""Attribute -> its default, or a list where there is more to say: key, default, kind and, for tables, their class.

The kinds are ``plain``, ``list`` (a tuple), ``date``, ``table``, ``tables`` (by name) and ``rows`` (a tuple of them).
"""

_ROOT = "Definition"


class SettledTable:
    """One table: what is written in it, and the defaults of all else."""

    def __init__(self, shape: Shape, data: Mapping[str, Any]) -> None:
        self.__dict__.update(shape.plain)
        self._shape = shape
        self._data = data
        for key, value in data.items():
            name, kind, of = shape.by_key.get(key) or (key, "plain", "")
            setattr(self, name, shape.outline.made(value, kind, of))

    def __getattr__(self, name: str) -> Any:
        """The default of a key that is not written and must be made of data."""
        row = None if name.startswith("_") else self._shape.made.get(name)
        if row is None:
            raise _unknown(self, name)
        _, default, kind, of = row
        value = self._shape.outline.made(default, kind, of)
        setattr(self, name, value)
        return value

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Attributes and values in the schema's order, as in the model."""
        return ((name, getattr(self, name)) for name in self._fields)

    @property
    def model_fields_set(self) -> frozenset[str]:
        """The attributes that are written."""
        by_key = self._shape.by_key
        return frozenset(by_key[key][0] if key in by_key else key for key in self._data)

    @property
    def _fields(self) -> Fields:
        return self._shape.fields


class SettledDefinition(SettledTable):
    """A whole definition, from JSON that is read when it is first looked into; its tables are made one by one."""

    _shape: Shape

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
        shape = self._shape
        if name.startswith("_") or name not in shape.fields:
            raise _unknown(self, name)
        key, default, kind, of = shape.made.get(name) or (name, shape.plain[name], "plain", "")
        value = shape.outline.made(self._data.get(key, default), kind, of)
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


class Shape:
    """What all tables of one class have in common.

    ``plain`` holds the defaults that are values as they stand, ``made`` the rows of all other attributes, ``by_key``
    attribute, kind and class of what these are called in a table.
    """

    __slots__ = ("by_key", "fields", "made", "outline", "plain")

    def __init__(self, fields: Fields, outline: Outline) -> None:
        self.fields = fields
        self.outline = outline
        self.plain = {name: row for name, row in fields.items() if type(row) is not list}
        self.made = {name: row for name, row in fields.items() if type(row) is list}
        self.by_key = {row[0]: (name, row[2], row[3]) for name, row in self.made.items()}


class Outline:
    """The schema as it is kept: the fields of each class, by which tables are made of plain data."""

    def __init__(self, fields: Mapping[str, Fields]) -> None:
        self._fields = fields
        self._shapes: dict[str, Shape] = {}
        self._unwritten: dict[str, SettledTable] = {}
        own = {"_shape": Shape(fields[_ROOT], self)}
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
        shape = self._shapes.get(of)
        if shape is None:
            shape = self._shapes[of] = Shape(self._fields[of], self)
        table = SettledTable(shape, data)
        if not data:
            self._unwritten[of] = table
        return table


@lru_cache(maxsize=2)
def parse_outline(text: bytes) -> Outline:
    """The outline of the schema as it is kept."""
    return Outline(json.loads(text))


def _unknown(table: SettledTable, name: str) -> AttributeError:
    return AttributeError(f"a settled table has no attribute {name!r}", name=name, obj=table)
