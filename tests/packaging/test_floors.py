"""The house has floors, and imports only go down: read from the code with `ast`, type-checking imports included."""

import ast
import sys
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement

# From the ground up; a module may import its own floor and those below.
FLOORS = (
    ("clock", "errors", "facade", "login", "messages", "origins", "provider", "records", "redaction", "token"),
    ("jose", "jwe", "jws", "sealing", "signing"),
    ("answers", "claims", "identity", "legs", "oauth1", "oauth2", "oidc", "sealed_login", "server_time"),
    ("definition",),
    ("http", "stores"),
    ("registry",),
    ("",),  # the façade, `oauthreg` itself
    ("cli", "simulator"),
    ("__main__",),
)

# Clients are made from plain objects: they work without any definition.
FORBIDDEN = frozenset({("http", "definition"), ("stores", "definition")})

# Protocol steps do no I/O and read no clock.
FLOWS = ("answers", "claims", "identity", "legs", "oauth1", "oauth2", "oidc", "server_time")
IMPURE = frozenset({"asyncio", "http", "select", "socket", "ssl", "subprocess", "time", "urllib"})

# Who may import what others wrote; the rows are the declared dependencies.
THIRD_PARTY = {
    "aiohttp": ("http", "simulator", "cli"),
    "click": ("cli", "__main__"),
    "cryptography": ("jose", "jws", "signing"),
    "idna": ("signing",),
    "joserfc": ("jose", "jwe"),
    "platformdirs": ("definition",),
    "pydantic": ("definition",),
    "pytest": ("simulator",),
    "rich": ("cli",),
    "tomli": ("definition",),
    "yarl": ("http", "simulator"),
}


class Import(NamedTuple):
    """One imported module, and where the statement stands."""

    target: str
    place: str


def test_every_module_has_a_floor(root):
    assert sorted({part_of(module) for module in modules(root)} - {part for floor in FLOORS for part in floor}) == []


def test_no_import_goes_up(root):
    found = [
        f"{item.place}: {name} imports {item.target}"
        for name, item in imports(root)
        if item.target.partition(".")[0] == "oauthreg" and not may_import(part_of(name), part_of(item.target))
    ]
    assert found == []


def may_import(part: str, other: str) -> bool:
    return part == other or (floor_of(other) <= floor_of(part) and (part, other) not in FORBIDDEN)


def floor_of(part: str) -> int:
    return next(number for number, parts in enumerate(FLOORS) if part in parts)


def test_others_code_is_imported_where_it_belongs(root):
    found = [
        f"{item.place}: {name} imports {item.target}"
        for name, item in imports(root)
        if (package := item.target.partition(".")[0]) not in {"oauthreg", *sys.stdlib_module_names}
        and part_of(name) not in THIRD_PARTY.get(package, ())
    ]
    assert found == []


def test_others_code_is_declared(root):
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    # The pytest that loads the plugin is the application's.
    declared = [*project["dependencies"], *project["optional-dependencies"]["cli"], "pytest"]
    assert {Requirement(line).name for line in declared} == set(THIRD_PARTY)


def test_flows_do_no_io_and_read_no_clock(root):
    found = [
        f"{item.place}: {name} imports {item.target}"
        for name, item in imports(root)
        if part_of(name) in FLOWS and item.target.partition(".")[0] in IMPURE and item.target != "urllib.parse"
    ]
    assert found == []


def modules(root: Path) -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    top = root / "python"
    files = [*top.glob("oauthreg/**/*.py"), *top.glob("oauthreg/**/*.pyi")]
    return {".".join(path.relative_to(top).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def part_of(module: str) -> str:
    """The module or folder right under `oauthreg` that a module belongs to; empty for the façade."""
    return ".".join(module.split(".")[1:2])


def imports(root: Path) -> Iterator[tuple[str, Import]]:
    known = modules(root)
    for name, path in known.items():
        package = name if path.stem == "__init__" else name.rpartition(".")[0]
        for item in imports_of(path.read_text("utf-8"), package, known.keys()):
            yield name, item._replace(place=f"{path.relative_to(root)}:{item.place}")


def imports_of(code: str, package: str, known: Collection[str]) -> Iterator[Import]:
    """What code in `package` imports by statement, or by a call that names the module."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Import(names=names):
                targets = [alias.name for alias in names]
            case ast.ImportFrom(module=module, names=names, level=level):
                source = absolute(module, package, level)
                # `from oauthreg import errors` imports a module, `from oauthreg import Registry` the façade.
                members = [f"{source}.{alias.name}" for alias in names]
                targets = [member if member in known else source for member in members]
            case ast.Call(
                func=ast.Name("import_module" | "__import__") | ast.Attribute(attr="import_module" | "__import__"),
                args=[ast.Constant(str(target)), *_],
            ):
                targets = [target]
            case _:
                continue
        for target in targets:
            yield Import(target, str(node.lineno))


def absolute(module: str | None, package: str, level: int) -> str:
    if level == 0:
        return str(module)
    above = package.split(".")[: len(package.split(".")) - level + 1]
    return ".".join([*above, *([module] if module else [])])


KNOWN = frozenset({"oauthreg", "oauthreg.errors", "oauthreg.oauth1", "oauthreg.oauth1.flow", "oauthreg.registry"})


@pytest.mark.parametrize(
    ("code", "targets"),
    [
        ("import os, aiohttp.web", ["os", "aiohttp.web"]),
        ("from oauthreg import errors", ["oauthreg.errors"]),
        ("from oauthreg import Registry, errors", ["oauthreg", "oauthreg.errors"]),
        ("from oauthreg.registry import Registry", ["oauthreg.registry"]),
        ("from . import flow", ["oauthreg.oauth1.flow"]),
        ("from .flow import x", ["oauthreg.oauth1.flow"]),
        ("from .. import errors", ["oauthreg.errors"]),
        ("from ..registry import Registry as R", ["oauthreg.registry"]),
        ("if TYPE_CHECKING:\n    import aiohttp", ["aiohttp"]),
        ("def f():\n    try:\n        import pydantic\n    finally:\n        pass", ["pydantic"]),
        ("import_module('oauthreg.registry')", ["oauthreg.registry"]),
        ("importlib.import_module('aiohttp')", ["aiohttp"]),
        ("__import__('socket')", ["socket"]),
        ("x = 'import aiohttp'  # import aiohttp", []),
    ],
)
def test_every_way_to_import_is_seen(code, targets):
    assert [item.target for item in imports_of(code, "oauthreg.oauth1", KNOWN)] == targets


@pytest.mark.parametrize(
    ("part", "other", "allowed"),
    [
        ("oauth1", "signing", True),
        ("oauth1", "claims", True),
        ("signing", "oauth1", False),
        ("errors", "messages", True),
        ("errors", "signing", False),
        ("http", "definition", False),
        ("registry", "definition", True),
        ("registry", "http", True),
        ("registry", "", False),
        ("", "registry", True),
        ("cli", "", True),
        ("cli", "simulator", True),
        ("simulator", "__main__", False),
    ],
)
def test_down_is_allowed_and_up_is_not(part, other, allowed):
    assert may_import(part, other) is allowed
