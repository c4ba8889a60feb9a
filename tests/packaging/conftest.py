import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]

CallHook = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root: a checkout or an unpacked sdist."""
    return ROOT


@pytest.fixture(scope="session")
def load_script() -> Callable[[str], ModuleType]:
    """Makes a module of a script in ``rust/``, anew each time."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, ROOT / "rust" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def backend(load_script) -> ModuleType:
    return load_script("build_backend")


@pytest.fixture(scope="session")
def call_hook() -> CallHook:
    """Calls a hook of the backend as a frontend does: in a process of its own, in the root of `tree`."""

    def call(hook: str, tree: Path, directory: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        # maturin's Python module looks for its program on the PATH.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            [sys.executable, "-c", f"import build_backend; print(build_backend.{hook}({str(directory)!r}))"],
            cwd=tree,
            env={
                **os.environ,
                "PATH": path,
                "PYTHONPATH": str(tree / "rust"),
                "PYTHONDONTWRITEBYTECODE": "1",  # the tree stays as it is
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return call
