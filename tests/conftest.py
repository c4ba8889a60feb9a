"""What every test may use: both signing engines, a clock that stands still, a fixed nonce, and the report's header.

``OAUTHREG_ENGINE`` decides as it does for users: ``native`` demands the native engine (its absence stops the run),
``pure`` leaves it out, and without it the native engine is tested where it is built. What is left out is counted as
deselected, and the header says so.
"""

import os
import platform
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

import oauthreg
from oauthreg import signing

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=300, database=None)
settings.load_profile("repeatable")


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine of the signing floor: ``module`` has the functions, ``signer`` makes the public object."""

    name: signing.EngineName
    module: ModuleType

    def signer(self, *arguments: Any, **options: Any) -> signing.Signer:
        return signing.Signer(*arguments, **options, engine=self.name)


class FrozenClock:
    """Seconds since 1970 that pass only when told."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class ServerKeys:
    """Keys of a server, by name and kind, and JWTs signed with them by the joserfc package: nothing of ours makes them.

    Kinds are ``RSA``, ``Ed25519`` and the curves of ``EC``; equal names and kinds are equal keys.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Any] = {}
        self._registry = JWSRegistry(algorithms=list(JWSRegistry.algorithms), strict_check_header=False)
        self._registry.max_header_length = 1 << 16

    def private(self, name: str = "k1", kind: str = "RSA") -> Any:
        if (name, kind) not in self._made:
            kinds = {"RSA": lambda: RSAKey.generate_key(2048), "Ed25519": lambda: OKPKey.generate_key("Ed25519")}
            self._made[name, kind] = kinds.get(kind, lambda: ECKey.generate_key(kind))()
        return self._made[name, kind]

    def jwk(self, name: str = "k1", kind: str = "RSA", **members: Any) -> dict[str, Any]:
        """The public half under its own name; members that are ``None`` are left out."""
        known = {**self.private(name, kind).as_dict(private=False), "kid": name, **members}
        return {member: value for member, value in known.items() if value is not None}

    def sign(
        self,
        claims: dict[str, Any],
        name: str = "k1",
        algorithm: str = "RS256",
        kind: str = "RSA",
        *,
        key: Any = None,
        **header: Any,
    ) -> str:
        """A JWT; members of the header that are ``None`` are left out."""
        head = {"alg": algorithm, "kid": name, **header}
        head = {member: value for member, value in head.items() if value is not None}
        with warnings.catch_warnings(action="ignore"):  # joserfc has a word to say about EdDSA
            return jwt.encode(head, claims, key or self.private(name, kind), registry=self._registry)

    def sign_with_secret(self, claims: dict[str, Any], secret: bytes, algorithm: str = "HS256", **header: Any) -> str:
        key = OctKey(secret, secret)
        return jwt.encode({"alg": algorithm, **header}, claims, key, registry=self._registry)


@pytest.fixture(scope="session")
def server_keys() -> ServerKeys:
    """Keys that a server signs with."""
    return ServerKeys()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What was found good is kept in a folder of this run, and not in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", params=["native", "pure"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    return Engine(request.param, signing.load_engine(request.param))


@pytest.fixture(scope="session")
def engines() -> list[Engine]:
    """Every engine under test at once, the pure one first."""
    names: list[signing.EngineName] = ["pure", "native"] if _is_native_tested() else ["pure"]
    return [Engine(name, signing.load_engine(name)) for name in names]


@pytest.fixture(scope="session")
def twins() -> tuple[Engine, Engine]:
    """The native and the pure engine, for tests that compare them."""
    return Engine("native", signing.load_engine("native")), Engine("pure", signing.load_engine("pure"))


@pytest.fixture
def clock() -> FrozenClock:
    """14 November 2023, 22:13:20 UTC, until it is advanced."""
    return FrozenClock()


@pytest.fixture
def nonce() -> str:
    return "n0nce"


@pytest.fixture(scope="session")
def check_types(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[str]]:
    """What the strictest type checker says to an application's program: ``line: error: …``."""
    pytest.importorskip("mypy", reason="mypy comes with the extra `dev`")
    folder = tmp_path_factory.mktemp("types")
    environment = {**os.environ, "MYPYPATH": str(Path(oauthreg.__file__).parents[1])}
    options = ["--strict", "--follow-imports=silent", "--no-error-summary", "--config-file=", "--cache-dir=cache"]
    options.append("--disable-error-code=import-untyped")  # what others leave untyped is not ours

    def check(program: str) -> list[str]:
        (folder / "program.py").write_text(program, encoding="utf-8")
        command = [sys.executable, "-m", "mypy", *options, "program.py"]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        return [line.removeprefix("program.py:") for line in done.stdout.splitlines()]

    return check


def pytest_report_header() -> list[str]:
    packages = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "yarl", "pydantic", "cryptography"))
    engines = "native and pure" if _is_native_tested() else f"pure ONLY: {_why_not_native()}"
    return [f"signing engines under test: {engines}", f"with: {packages}, {platform.python_implementation()}"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _is_native_tested():
        return
    left_out = [item for item in items if _needs_native(item)]
    items[:] = [item for item in items if not _needs_native(item)]
    config.hook.pytest_deselected(items=left_out)


def _needs_native(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    return "twins" in getattr(item, "fixturenames", ()) or (call is not None and call.params.get("engine") == "native")


def _is_native_tested() -> bool:
    return os.environ.get("OAUTHREG_ENGINE") != "pure" and signing.ENGINE == "native"


def _why_not_native() -> str:
    if os.environ.get("OAUTHREG_ENGINE") == "pure":
        return "OAUTHREG_ENGINE=pure leaves the native one out"
    return "THE NATIVE ENGINE IS NOT BUILT, its tests are left out (OAUTHREG_ENGINE=native would make that an error)"
