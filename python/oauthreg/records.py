"""Frozen, slotted dataclasses that are made without writing code: ``dataclass``, ``field`` and ``replace``.

The standard library writes six methods for each class and compiles them when a module is imported, which took half the
time of a first client. Here all classes share these methods. Type checkers see the standard library's names, and so do
those who ask a class for its fields (``dataclasses.fields``, ``replace``, ``asdict``) or its signature.
"""

from collections.abc import Callable, Collection
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias, TypeVar, cast

__all__ = ["dataclass", "field", "replace"]

Made = TypeVar("Made")

_MISSING: Any = object()
_Row: TypeAlias = tuple[str, Callable[[Any, Any], None], Any, Callable[[], Any] | None]
"""A field as ``__init__`` needs it: its name, what sets it, its default, and what makes one."""


class _Field(NamedTuple):
    """What is said of one field beyond its type."""

    default: Any = _MISSING
    default_factory: Callable[[], Any] | None = None
    init: bool = True
    repr: bool = True
    hash: bool | None = None
    compare: bool = True


def make_record_class(
    *,
    slots: bool,
    frozen: bool = False,
    repr: bool = True,  # noqa: A002 - as the standard library calls it
    eq: bool = True,
    kw_only: bool = False,
) -> Callable[[type[Made]], type[Made]]:
    """The decorator that makes a class a record; its arguments mean what they mean in the standard library.

    A record has slots and inherits no fields. Raises ``TypeError`` for one that would.
    """

    def decorate(cls: type[Made]) -> type[Made]:
        if not slots or cls.__bases__ != (object,):
            raise TypeError(f"{cls.__qualname__} has no slots, or a base: it needs the standard library's `dataclass`")
        own = {name: value for name, value in cls.__dict__.items() if name not in ("__dict__", "__weakref__")}
        fields = {name: _said(own.pop(name, _MISSING)) for name in own.get("__annotations__", ())}
        methods: dict[str, Any] = {"__getstate__": _state, "__setstate__": _set_state, "__replace__": replace_record}
        if repr:
            methods["__repr__"] = _rendered
        if frozen:
            methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
        if eq:
            compared = _values([name for name, said in fields.items() if said.compare])
            hashed = _values([name for name, said in fields.items() if _is_hashed(said)])
            methods |= {"__eq__": _equals(compared), "__hash__": _hash(hashed) if frozen else None}
        made: Any = type(cast("Any", cls))(
            cls.__name__,
            cls.__bases__,
            {
                **methods,
                **own,
                "__slots__": tuple(fields),
                "__match_args__": () if kw_only else tuple(name for name, said in fields.items() if said.init),
                "__dataclass_fields__": _AsStandard(_standard_fields),
                "__signature__": _AsStandard(_standard_signature),
                "_record_fields": fields,
            },
        )
        made.__init__ = _init(made, fields, takes_positions=not kw_only)
        return cast("type[Made]", made)

    return decorate


def make_field(**said: Any) -> _Field:
    """What is said of a field, as in the standard library."""
    return _Field(**said)


def replace_record(record: Made, /, **changes: Any) -> Made:
    """A copy of a record with some fields changed."""
    fields: dict[str, _Field] = record._record_fields  # type: ignore[attr-defined]  # noqa: SLF001
    kept = {name: getattr(record, name) for name, said in fields.items() if said.init and name not in changes}
    return type(record)(**kept, **changes)


if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
else:
    dataclass, field, replace = make_record_class, make_field, replace_record


def _said(value: Any) -> _Field:
    return value if isinstance(value, _Field) else _Field(value)


def _is_hashed(said: _Field) -> bool:
    return said.compare if said.hash is None else said.hash


def _init(made: type, fields: dict[str, _Field], *, takes_positions: bool) -> Callable[..., None]:
    """``__init__`` of a class: arguments are laid out, defaults filled in, and then ``__post_init__`` is called."""
    rows = [(name, getattr(made, name).__set__, said.default, said.default_factory) for name, said in fields.items()]
    taken = [row for row in rows if fields[row[0]].init]
    putters = [put for _, put, _, _ in taken]
    most = len(taken) if takes_positions else 0
    finish = _finish(made, [row for row in rows if row not in taken])

    def init(self: Any, /, *values: Any, **named: Any) -> None:
        given, unused = len(values), len(named)
        if given > most:
            raise TypeError(f"{made.__qualname__}() takes {most} positional arguments but {given} were given")
        for put, value in zip(putters, values, strict=False):
            put(self, value)
        for name, put, default, make in taken[given:] if given else taken:
            if unused and name in named:
                put(self, named[name])
                unused -= 1
            elif default is not _MISSING:
                put(self, default)
            elif make is not None:
                put(self, make())
            else:
                raise TypeError(f"{made.__qualname__}() is missing the argument {name!r}")
        if unused:
            raise _unknown(made, named.keys() - {name for name, _, _, _ in taken[given:]})
        if finish is not None:
            finish(self)

    init.__name__, init.__qualname__ = "__init__", f"{made.__qualname__}.__init__"
    return init


def _finish(made: type, rows: list[_Row]) -> Callable[[Any], None] | None:
    """What is left to do after the arguments: the defaults of fields that are none, and ``__post_init__``."""
    own: Callable[[Any], None] | None = getattr(made, "__post_init__", None)
    defaults = [(put, default, make) for _, put, default, make in rows if make or default is not _MISSING]
    if not defaults:
        return own

    def finish(self: Any) -> None:
        for put, default, make in defaults:
            put(self, default if make is None else make())
        if own is not None:
            own(self)

    return finish


def _unknown(made: type, names: Collection[str]) -> TypeError:
    listed = ", ".join(map(repr, sorted(names)))
    return TypeError(f"{made.__qualname__}() got unknown or repeated arguments: {listed}")


def _values(names: list[str]) -> Callable[[Any], Any]:
    """What gives the values of these fields: a tuple, or the one value of a single field."""
    return attrgetter(*names) if names else lambda _: ()


def _equals(values: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def equals(self: Any, other: Any) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return equals


def _hash(values: Callable[[Any], Any]) -> Callable[[Any], int]:
    def hashed(self: Any) -> int:
        return hash(values(self))

    return hashed


def _rendered(self: Any) -> str:
    shown = (f"{name}={getattr(self, name)!r}" for name, said in self._record_fields.items() if said.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self.__slots__]


def _set_state(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__slots__, state, strict=True):
        object.__setattr__(self, name, value)


def _refuse_to_set(self: object, name: str, _: object) -> NoReturn:
    raise _frozen(f"cannot assign to field {name!r} of {type(self).__qualname__}")


def _refuse_to_delete(self: object, name: str) -> NoReturn:
    raise _frozen(f"cannot delete field {name!r} of {type(self).__qualname__}")


def _frozen(message: str) -> AttributeError:
    from dataclasses import FrozenInstanceError

    return FrozenInstanceError(message)


class _AsStandard:
    """An attribute as the standard library makes it, found when somebody asks for it."""

    def __init__(self, find: Callable[[type], Any]) -> None:
        self._find = find

    def __get__(self, _: object, owner: type) -> Any:
        return self._find(_standard_class(owner))


def _standard_class(owner: Any) -> type:
    """A dataclass of the standard library with the fields of a record."""
    from dataclasses import field as standard_field, make_dataclass

    fields = []
    for name, said in owner._record_fields.items():  # noqa: SLF001
        left_out = {key for key in ("default", "default_factory") if getattr(said, key) is _Field._field_defaults[key]}
        options = {key: value for key, value in said._asdict().items() if key not in left_out}
        fields.append((name, owner.__annotations__[name], standard_field(**options)))
    return make_dataclass(owner.__name__, fields, kw_only=not owner.__match_args__)


def _standard_fields(standard: Any) -> Any:
    return standard.__dataclass_fields__


def _standard_signature(standard: Any) -> Any:
    from inspect import signature

    return signature(standard)
