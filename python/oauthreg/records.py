"""Frozen, slotted dataclasses that are made without writing code: ``dataclass``, ``field`` and ``replace``.

The standard library writes six methods for each class and compiles them when a module is imported, which took half the
time of a first client. Here all classes share these methods. Type checkers see the standard library's names, and so do
those who ask a class for its fields (``dataclasses.fields``, ``replace``, ``asdict``) or its signature.
"""

from __future__ import annotations

from functools import cache
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from typing import NoReturn, TypeAlias

    _Row: TypeAlias = tuple[str, Callable[[Any, Any], None], Any, Callable[[], Any] | None]
    """A field as ``__init__`` needs it: its name, what sets it, its default, and what makes one."""

__all__ = ["dataclass", "field", "replace"]

Made = TypeVar("Made")

_MISSING: Any = object()


class _Field:
    """What is said of one field beyond its type."""

    __slots__ = ("compare", "default", "default_factory", "hash", "init", "repr")

    def __init__(
        self,
        *,
        default: Any = _MISSING,
        default_factory: Callable[[], Any] | None = None,
        init: bool = True,
        repr: bool = True,  # noqa: A002 - as the standard library calls it
        hash: bool | None = None,  # noqa: A002
        compare: bool = True,
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.init = init
        self.repr = repr
        self.hash = hash
        self.compare = compare


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
        said = {name: own.pop(name, _MISSING) for name in own.get("__annotations__", ())}
        names = tuple(said)
        methods = _FROZEN_METHODS if frozen else _METHODS
        added = {"__slots__": names, "_record_said": said, "_takes_positions": not kw_only}
        made: Any = type(cast("Any", cls))(cls.__name__, cls.__bases__, {**methods, **own, **added})
        if not repr:
            made.__repr__ = cls.__repr__
        if not eq:
            made.__eq__, made.__hash__ = cls.__eq__, cls.__hash__
        return cast("type[Made]", made)

    return decorate


def make_field(**said: Any) -> _Field:
    """What is said of a field, as in the standard library."""
    return _Field(**said)


def replace_record(record: Made, /, **changes: Any) -> Made:
    """A copy of a record with some fields changed."""
    fields = _fields(cast("Any", type(record)))
    kept = {name: getattr(record, name) for name, said in fields.items() if said.init and name not in changes}
    return type(record)(**kept, **changes)


if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
else:
    dataclass, field, replace = make_record_class, make_field, replace_record


@cache
def _fields(made: Any) -> dict[str, _Field]:
    """The fields of a record, which are looked at when the first one is compared or shown."""
    said: dict[str, Any] = made._record_said  # noqa: SLF001
    return {name: one if isinstance(one, _Field) else _Field(default=one) for name, one in said.items()}


def _first_init(self: Any, /, *values: Any, **named: Any) -> None:
    """``__init__`` of a class before it is made; many classes are imported and not used."""
    made: Any = next(cls for cls in type(self).__mro__ if "_record_said" in cls.__dict__)  # not a class derived from it
    made.__init__ = init = _init(made)
    init(self, *values, **named)


def _init(made: Any) -> Callable[..., None]:
    """``__init__`` of a class: arguments are laid out, defaults filled in, and then ``__post_init__`` is called."""
    taken, untaken = _rows(made)
    putters = [put for _, put, _, _ in taken]
    most = len(taken) if made._takes_positions else 0  # noqa: SLF001
    finish = _finish(made, untaken)

    def init(self: Any, /, *values: Any, **named: Any) -> None:
        given, unused = len(values), len(named)
        if given > most:
            raise TypeError(f"{made.__qualname__}() takes {most} positional arguments but {given} were given")
        for put, value in zip(putters, values):  # noqa: B905 - the argument would take a third of the time
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


def _rows(made: Any) -> tuple[list[_Row], list[_Row]]:
    """The fields that ``__init__`` takes, and those that it does not."""
    taken: list[_Row] = []
    untaken: list[_Row] = []
    for name, said in made._record_said.items():  # noqa: SLF001
        put = getattr(made, name).__set__
        if type(said) is _Field:
            (taken if said.init else untaken).append((name, put, said.default, said.default_factory))
        else:
            taken.append((name, put, said, None))
    return taken, untaken


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


@cache
def _compared(made: type) -> Callable[[Any], Any]:
    return _values(name for name, said in _fields(made).items() if said.compare)


@cache
def _hashed(made: type) -> Callable[[Any], Any]:
    return _values(name for name, said in _fields(made).items() if (said.compare if said.hash is None else said.hash))


def _values(names: Iterable[str]) -> Callable[[Any], Any]:
    """What gives the values of these fields: a tuple, or the one value of a single field."""
    known = tuple(names)
    return attrgetter(*known) if known else lambda _: ()


def _equals(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    values = _compared(self.__class__)
    return values(self) == values(other)


def _hash(self: Any) -> int:
    return hash(_hashed(self.__class__)(self))


def _render(self: Any) -> str:
    shown = (f"{name}={getattr(self, name)!r}" for name, said in _fields(self.__class__).items() if said.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


class _View:
    """What a read-only mapping holds, on its way: Python neither pickles nor copies the mapping itself."""

    __slots__ = ("held",)

    def __init__(self, held: dict[Any, Any]) -> None:
        self.held = held


def _state(self: Any) -> list[Any]:
    values = [getattr(self, name) for name in self.__slots__]
    return [_View(dict(value)) if type(value) is MappingProxyType else value for value in values]


def _set_state(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__slots__, state, strict=True):
        object.__setattr__(self, name, MappingProxyType(value.held) if type(value) is _View else value)


def _refuse_to_set(self: object, name: str, _: object) -> NoReturn:
    raise _frozen(f"cannot assign to field {name!r} of {type(self).__qualname__}")


def _refuse_to_delete(self: object, name: str) -> NoReturn:
    raise _frozen(f"cannot delete field {name!r} of {type(self).__qualname__}")


def _frozen(message: str) -> AttributeError:
    from dataclasses import FrozenInstanceError

    return FrozenInstanceError(message)


class _WhenAsked:
    """An attribute of a class that is found when somebody asks for it."""

    def __init__(self, find: Callable[[type], Any]) -> None:
        self._find = find

    def __get__(self, _: object, owner: type) -> Any:
        return self._find(owner)


def _standard_class(made: Any) -> type:
    """A dataclass of the standard library with the fields of a record."""
    from dataclasses import field as standard_field, make_dataclass

    fields = []
    for name, said in _fields(made).items():
        options: dict[str, Any] = {key: getattr(said, key) for key in ("init", "repr", "hash", "compare")}
        if said.default is not _MISSING:
            options["default"] = said.default
        if said.default_factory is not None:
            options["default_factory"] = said.default_factory
        fields.append((name, made.__annotations__[name], standard_field(**options)))
    return make_dataclass(made.__name__, fields, kw_only=not made._takes_positions)  # noqa: SLF001


def _standard_fields(made: type) -> Any:
    return getattr(_standard_class(made), "__dataclass_fields__")  # noqa: B009 - what no class is known to have


def _standard_signature(made: type) -> Any:
    from inspect import signature

    return signature(_standard_class(made))


def _match_args(made: Any) -> tuple[str, ...]:
    return tuple(name for name, said in _fields(made).items() if said.init) if made._takes_positions else ()  # noqa: SLF001


_METHODS: Mapping[str, Any] = {
    "__dataclass_fields__": _WhenAsked(_standard_fields),
    "__eq__": _equals,
    "__getstate__": _state,
    "__hash__": None,
    "__init__": _first_init,
    "__match_args__": _WhenAsked(_match_args),
    "__replace__": replace_record,
    "__repr__": _render,
    "__setstate__": _set_state,
    "__signature__": _WhenAsked(_standard_signature),
}
_FROZEN_METHODS: Mapping[str, Any] = {
    **_METHODS,
    "__delattr__": _refuse_to_delete,
    "__hash__": _hash,
    "__setattr__": _refuse_to_set,
}
