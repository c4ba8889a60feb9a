"""What lets a package offer names that are loaded from its modules when they are first used."""

TYPE_CHECKING = False  # as type checkers know it: the façade of everything must not import `typing`

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def load_from(namespace: "dict[str, Any]", home: "Mapping[str, str]") -> "Callable[[str], Any]":
    """A package's ``__getattr__``, which raises ``AttributeError`` for a name that ``home`` does not know.

    ``home`` says which of the package's modules holds a name, as ``module:other`` where it has another name there.
    ``namespace`` is the package's ``globals()``, where what was loaded is kept.
    """
    package = namespace["__name__"]

    def load(name: str) -> "Any":
        import importlib

        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, there = home[name].partition(":")
        value = namespace[name] = getattr(importlib.import_module(f"{package}.{module}"), there or name)
        return value

    return load
