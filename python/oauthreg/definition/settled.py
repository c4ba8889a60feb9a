"""A definition that was validated in an earlier process: plain data that has the attributes of the model's classes.

Importing pydantic and making the model takes longer than all else that a first client needs, and nothing of it is
needed to read what was found good. So the schema's outline (keys, defaults, which table is of which class) is kept
beside the data, and tables are made of both when somebody looks.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

from oauthreg.definition.names import shown

Outline: TypeAlias = Mapping[str, Mapping[str, tuple[str, Any, str, str]]]
"""Class -> attribute -> its key, its default, its kind and, for tables, their class.

The kinds are ``plain``, ``list`` (a tuple), ``date``, ``table``, ``tables`` (by name) and ``rows`` (a tuple of them).
"""

ROOT = "Definition"


class SettledTable:
    """One table: what is written in it, and under that the defaults."""

    def __init__(self, of: str, data: Mapping[str, Any], outline: Outline) -> None:
        self._of = of
        self._data = data
        self._outline = outline

    def __getattr__(self, name: str) -> Any:
        """The value of a key, made once."""
        row = None if name.startswith("_") else self._outline[self._of].get(name)
        if row is None:
            raise AttributeError(f"a settled table has no attribute {name!r}", name=name, obj=self)
        key, default, kind, of = row
        value = self.__dict__[name] = self._made(self._data.get(key, default), kind, of)
        return value

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Attributes and values in the schema's order, as in the model."""
        return ((name, getattr(self, name)) for name in self._outline[self._of])

    @property
    def model_fields_set(self) -> frozenset[str]:
        """The attributes that are written."""
        fields = self._outline[self._of]
        return frozenset(name for name, (key, *_) in fields.items() if key in self._data)

    def _made(self, value: Any, kind: str, of: str) -> Any:
        if kind == "plain" or value is None:
            return value
        if kind == "list":
            return tuple(value)
        if kind == "date":
            return date.fromisoformat(value)
        if kind == "table":
            return SettledTable(of, value, self._outline)
        if kind == "tables":
            return {name: SettledTable(of, table, self._outline) for name, table in value.items()}
        return tuple(SettledTable(of, table, self._outline) for table in value)


class SettledDefinition(SettledTable):
    """A whole definition, from JSON that is read when it is first looked into."""

    def __init__(self, name: str, path: str, aliases: tuple[str, ...], text: bytes, outline: Outline) -> None:
        self.name = name
        self._path = path
        self.aliases = aliases
        self._of = ROOT
        self._text = text
        self._outline = outline

    def __getattr__(self, name: str) -> Any:
        """The value of a key; the data itself when it is first needed."""
        if name == "_data":
            self._data = json.loads(self._text)
            return self._data
        return super().__getattr__(name)

    @property
    def file(self) -> str:
        """Where it was read from."""
        return shown(Path(self._path))

    def __repr__(self) -> str:
        return f"<SettledDefinition {self.name!r}>"


def parse_outline(text: bytes) -> Outline:
    """The outline of the schema as it is kept."""
    outline: Outline = json.loads(text)
    return outline
