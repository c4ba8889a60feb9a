"""Builds oauthreg: with the native signing engine where a Rust toolchain is, with the pure one alone elsewhere.

The hooks are those of PEP 517 and PEP 660. maturin makes native wheels, hatchling makes pure ones (`py3-none-any`) and
every source distribution, which therefore needs no toolchain. The environment decides:

- `OAUTHREG_BUILD=native` demands the native engine: whatever is in its way is an error;
- `OAUTHREG_BUILD=profiled` demands it as wheels are released: compiled once to count what `rust/training.py` has it do,
  and once more by these counts. That takes twice as long, the toolchain's `llvm-profdata` and the dependencies;
- `OAUTHREG_BUILD=pure` builds the pure engine, whatever toolchain there is;
- unset or `auto` builds the native engine if `cargo` and a new enough `rustc` are on the PATH, else the pure one. A
  native build that has begun and fails is an error: a broken toolchain never turns into a slow engine in silence.

`python rust/build_backend.py` prints what would be built, and why.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple

REQUIRES = {"native": "maturin>=1.15,<2", "pure": "hatchling>=1.27"}

# Frontends call the hooks with the project's root as the working directory.
MANIFEST = Path("Cargo.toml")
PACKAGE = Path("python/oauthreg")


class Choice(NamedTuple):
    """The engine to build, and the reason in words."""

    engine: Literal["native", "pure"]
    reason: str
    is_profiled: bool = False

    def __str__(self) -> str:
        manner = ", profiled," if self.is_profiled else ","
        return f"oauthreg: building the {self.engine} signing engine{manner} because {self.reason}"


def get_requires_for_build_sdist(config_settings: Mapping[str, Any] | None = None) -> list[str]:
    """What an sdist is made with."""
    return [REQUIRES["pure"]]


def build_sdist(sdist_directory: str, config_settings: Mapping[str, Any] | None = None) -> str:
    """Makes the source distribution, from which both kinds of wheel can be built."""
    require_providers()
    return str(import_module("hatchling.build").build_sdist(sdist_directory, config_settings))


def get_requires_for_build_wheel(config_settings: Mapping[str, Any] | None = None) -> list[str]:
    """What the chosen engine's wheel is made with."""
    return [REQUIRES[choose_engine().engine]]


def build_wheel(
    wheel_directory: str,
    config_settings: Mapping[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Makes the chosen engine's wheel."""
    with chosen_builder() as builder:
        return str(builder.build_wheel(wheel_directory, config_settings))


get_requires_for_build_editable = get_requires_for_build_wheel


def build_editable(
    wheel_directory: str,
    config_settings: Mapping[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Makes a wheel that points at this tree; the native engine is built into the tree, an earlier one is removed."""
    remove_built_engine()
    try:
        with chosen_builder() as builder:
            return str(builder.build_editable(wheel_directory, config_settings))
    except SystemExit:
        remove_built_engine()  # which may be the one that counts
        raise


def remove_built_engine() -> None:
    """Removes the native engine from this tree, if there is one."""
    for suffix in EXTENSION_SUFFIXES:
        (PACKAGE / "signing" / f"_native{suffix}").unlink(missing_ok=True)


@contextmanager
def chosen_builder() -> Iterator[ModuleType]:
    """The backend to delegate to, once it is said which engine is built."""
    require_providers()
    choice = choose_engine()
    print(choice, flush=True)
    if choice.engine == "pure":
        yield import_module("hatchling.build")
        return
    if choice.is_profiled:
        os.environ["MATURIN_PGO"] = "true"
        # By it pip hides from the training what the environment that pip runs in has installed of this very tree.
        os.environ.pop("PYTHONPATH", None)
        # Other flags compile everything anew: apart, so that neither build has to do so after the other.
        os.environ["CARGO_TARGET_DIR"] = str(Path(os.environ.get("CARGO_TARGET_DIR", "target"), "profiled"))
    try:
        yield import_module("maturin")
    except SystemExit:
        print("oauthreg: the native signing engine failed to build; OAUTHREG_BUILD=pure avoids it", file=sys.stderr)
        raise


def require_providers() -> None:
    """Exits if the package's link to `providers/` was checked out as a text file: the wheel would carry no provider."""
    link = PACKAGE / "providers"
    if not link.is_dir():
        sys.exit(
            f"oauthreg: `{link.as_posix()}` does not lead to `providers/`; "
            "check out again with `git config core.symlinks true`, or build from an sdist"
        )


def choose_engine() -> Choice:
    """The engine that `OAUTHREG_BUILD` asks for, or that the toolchain allows; exits if they disagree."""
    wanted = os.environ.get("OAUTHREG_BUILD") or "auto"
    if wanted not in ("auto", "native", "profiled", "pure"):
        sys.exit(f"oauthreg: `OAUTHREG_BUILD` must be `auto`, `native`, `profiled` or `pure`: {wanted!r}")
    if wanted == "pure":
        return Choice("pure", "OAUTHREG_BUILD=pure")
    is_profiled = wanted == "profiled"
    obstacle = find_obstacle() or (find_obstacle_to_profiling() if is_profiled else None)
    if obstacle is None:
        reason = "cargo and rustc are there" if wanted == "auto" else f"OAUTHREG_BUILD={wanted}"
        return Choice("native", reason, is_profiled)
    if wanted == "auto":
        return Choice("pure", obstacle)
    sys.exit(f"oauthreg: OAUTHREG_BUILD={wanted}, but {obstacle}")


def find_obstacle() -> str | None:
    """What is known to keep the native engine from being built, in words, or None."""
    for program in ("cargo", "rustc"):
        if shutil.which(program) is None:
            return f"`{program}` is not on the PATH"
    # rustup puts a `rustc` on the PATH that fails as long as there is no toolchain behind it.
    found = re.match(r"rustc (\d+)\.(\d+)", ask("rustc", "--version"))
    if found is None:
        return "`rustc --version` fails"
    needed = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))["package"]["rust-version"]
    if (int(found[1]), int(found[2])) < tuple(int(number) for number in needed.split(".")):
        return f"rustc {found[1]}.{found[2]} is older than {needed}"
    return None


def find_obstacle_to_profiling() -> str | None:
    """What keeps a toolchain that is there from building by a profile, in words, or None."""
    remedy = "`rustup component add llvm-tools` installs the right one"
    sysroot = ask("rustc", "--print", "sysroot").strip()
    if any(Path(sysroot, "lib", "rustlib").glob("*/bin/llvm-profdata*")):
        return None
    # A distribution's own toolchain has it on the PATH, where that of another LLVM may be, which can't read the counts.
    if shutil.which("llvm-profdata") is None:
        return f"there is no `llvm-profdata`: {remedy}"
    compiler, profiler = (
        re.search(r"LLVM version:? (\d+)", ask(*command))
        for command in (("rustc", "-vV"), ("llvm-profdata", "--version"))
    )
    if compiler is None or profiler is None or compiler[1] != profiler[1]:
        return f"`llvm-profdata` is not of the LLVM that `rustc` has: {remedy}"
    return None


def ask(*command: str) -> str:
    """What a program of the toolchain prints; nothing if it fails."""
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout if answer.returncode == 0 else ""


if __name__ == "__main__":
    print(choose_engine())
