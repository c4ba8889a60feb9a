"""From a validated definition to what is kept of it, and the outline by which that is read again."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from oauthreg.definition.model import Definition
from oauthreg.definition.validation import bare_type, is_model

_LEFT_OUT = frozenset({"example", "meta"})
"""Tables that no client reads."""


def render_settled(definition: Definition) -> str:
    """A definition as JSON, without what no client reads."""
    data = definition.model_dump(by_alias=True, exclude_unset=True, exclude={*_LEFT_OUT, "lifecycle"})
    if "lifecycle" in definition.model_fields_set:
        data["lifecycle"] = definition.lifecycle.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return json.dumps(data, separators=(",", ":"), allow_nan=False)


def render_outline() -> str:
    """The outline of the schema as JSON; see ``settled.Fields``."""
    outline: dict[str, dict[str, Any]] = {}
    _outline(Definition, outline)
    return json.dumps(outline, separators=(",", ":"))


def _outline(model: type[BaseModel], found: dict[str, dict[str, Any]]) -> None:
    if model.__name__ in found:
        return
    rows = found[model.__name__] = {}
    for name, field in model.model_fields.items():
        if model is Definition and name in _LEFT_OUT:
            continue
        kind, table = _kind(field.annotation)
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        written = {} if isinstance(default, BaseModel) else default
        key = field.alias or name
        is_plain = kind == "plain" and key == name and not isinstance(written, list | tuple)
        rows[name] = written if is_plain else (key, written, kind, table.__name__ if table else "")
        if table is not None:
            _outline(table, found)


def _kind(annotation: Any) -> tuple[str, type[BaseModel] | None]:
    bare = bare_type(annotation)
    if is_model(bare):
        return "table", bare
    if bare is date:
        return "date", None
    origin, arguments = get_origin(bare), get_args(bare)
    if origin is tuple:
        item = bare_type(arguments[0])
        return ("rows", item) if is_model(item) else ("list", None)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        item = bare_type(arguments[1])
        return ("tables", item) if is_model(item) else ("plain", None)
    return "plain", None
