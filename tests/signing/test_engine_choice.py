"""Which engine runs: chosen by ``OAUTHREG_ENGINE``, loud about anything but an absent extension."""

import importlib.machinery
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from oauthreg import signing
from oauthreg.errors import UsageError
from oauthreg.signing import _pure

SOURCES = Path(signing.__file__).parents[2]

EXTENSIONS = {
    "absent": "raise ModuleNotFoundError('no native engine here', name='oauthreg.signing._native')",
    "broken": "raise ImportError('undefined symbol: PyNothing')",
    "lacking": "import nothing_of_that_name",
    "stale": f"SURFACE, ENGINE = {_pure.SURFACE - 1}, 'native'",
    "good": f"SURFACE, ENGINE = {_pure.SURFACE}, 'native'",
}

SCRIPT = """
import importlib.abc, importlib.util, sys

class Extension(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_loader(name, self) if name == "oauthreg.signing._native" else None
    def exec_module(self, module):
        exec(sys.argv[1], vars(module))

if sys.argv[1]:
    sys.meta_path.insert(0, Extension())
from oauthreg import signing
print(signing.ENGINE, signing.load_engine().ENGINE)
"""


def run(setting: str | None, extension: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter with that setting and that extension in the place of the built one (``""``: as it is)."""
    environ = {name: value for name, value in os.environ.items() if name != "OAUTHREG_ENGINE"}
    environ |= {"PYTHONPATH": str(SOURCES)} | ({} if setting is None else {"OAUTHREG_ENGINE": setting})
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, EXTENSIONS.get(extension, "")],
        env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "extension", "chosen"),
    [
        (None, "absent", "pure"),
        ("", "absent", "pure"),
        ("auto", "absent", "pure"),
        (None, "good", "native"),
        ("auto", "good", "native"),
        ("native", "good", "native"),
        ("pure", "good", "pure"),
        ("pure", "absent", "pure"),
        ("pure", "broken", "pure"),
        ("pure", "stale", "pure"),
    ],
)
def test_the_engine_that_runs(setting, extension, chosen):
    finished = run(setting, extension)
    assert (finished.stdout.split(), finished.stderr) == ([chosen, chosen], "")


@pytest.mark.parametrize(
    ("setting", "extension", "words"),
    [
        ("native", "absent", "no native engine here"),
        (None, "broken", "undefined symbol: PyNothing"),
        ("auto", "broken", "undefined symbol: PyNothing"),
        ("native", "broken", "undefined symbol: PyNothing"),
        ("auto", "lacking", "nothing_of_that_name"),
        ("auto", "stale", "the native engine is stale"),
        ("native", "stale", "OAUTHREG_ENGINE=pure"),
        ("rust", "good", "unknown engine: 'rust'"),
        ("Native", "good", "use `native`, `pure` or `auto`"),
    ],
)
def test_what_stops_the_import(setting, extension, words):
    finished = run(setting, extension)
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert words in finished.stderr


def test_the_built_engine_is_chosen_where_there_is_one(twins):
    assert run(None, "").stdout.split() == ["native", "native"]
    assert run("native", "").stdout.split() == ["native", "native"]


def test_the_engine_under_test_is_what_it_says(engine):
    assert engine.name == engine.module.ENGINE
    suffix = Path(engine.module.__file__).name.partition(".")[2]
    is_extension = f".{suffix}" in importlib.machinery.EXTENSION_SUFFIXES
    assert is_extension == (engine.name == "native")
    assert type(engine.signer("PLAINTEXT", "ck")) is engine.module.Signer
    assert engine.signer("PLAINTEXT", "ck").engine == engine.name


def test_the_engine_that_was_demanded_runs():
    demanded = os.environ.get("OAUTHREG_ENGINE") or "auto"
    assert signing.ENGINE == signing.load_engine().ENGINE
    if demanded != "auto":
        assert demanded == signing.ENGINE


def imitation(surface: int) -> ModuleType:
    module = ModuleType("oauthreg.signing._native")
    module.SURFACE = surface
    return module


def test_load_engine_in_this_process(monkeypatch):
    name = "oauthreg.signing._native"
    good, stale = imitation(_pure.SURFACE), imitation(_pure.SURFACE + 1)
    assert signing.load_engine("pure") is _pure
    monkeypatch.setitem(sys.modules, name, good)
    assert signing.load_engine("native") is good
    assert signing.load_engine("auto") is good
    monkeypatch.setitem(sys.modules, name, stale)
    for choice in ("native", "auto"):
        with pytest.raises(ImportError, match="the native engine is stale"):
            signing.load_engine(choice)
    monkeypatch.setitem(sys.modules, name, None)
    assert signing.load_engine("auto") is _pure
    with pytest.raises(ModuleNotFoundError):
        signing.load_engine("native")


def test_a_signer_without_a_choice_uses_the_engine_that_runs():
    assert signing.Signer("PLAINTEXT", "ck").engine == signing.ENGINE


@pytest.mark.parametrize("name", ["", "rust", "Pure"])
def test_an_unknown_engine_is_refused(name):
    with pytest.raises(UsageError) as caught:
        signing.load_engine(name)
    assert caught.value.code == "unknown-engine"
    assert caught.value.hint
