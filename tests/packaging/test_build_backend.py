import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging


@pytest.fixture
def toolchain(tmp_path, monkeypatch, root):
    """A PATH with nothing on it but what the test puts there; the working directory is the project's root."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("OAUTHREG_BUILD", raising=False)
    monkeypatch.chdir(root)
    return folder


def put_program(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def put_toolchain(folder: Path, version: str = "1.999.0 (0123abcd 2030-01-01)") -> None:
    put_program(folder, "cargo", f"echo 'cargo {version}'")
    put_program(folder, "rustc", f"echo 'rustc {version}'")


@pytest.mark.parametrize("wanted", ["auto", ""])
def test_a_toolchain_means_the_native_engine(toolchain, backend, monkeypatch, wanted):
    put_toolchain(toolchain)
    monkeypatch.setenv("OAUTHREG_BUILD", wanted)
    assert str(backend.choose_engine()) == (
        "oauthreg: building the native signing engine, because cargo and rustc are there"
    )


def test_no_toolchain_means_the_pure_engine(toolchain, backend):
    assert str(backend.choose_engine()) == (
        "oauthreg: building the pure signing engine, because `cargo` is not on the PATH"
    )


OBSTACLES = {
    "no rustc": ("echo cargo 1.999.0", None, "`rustc` is not on the PATH"),
    "rustup without a toolchain": ("exit 1", "echo error: no default toolchain >&2; exit 1", "`rustc --version` fails"),
    "not rustc": ("echo cargo 1.999.0", "echo hello", "`rustc --version` fails"),
    "old": ("echo cargo 1.63.0", "echo 'rustc 1.63.0 (4b91a6ea7 2022-08-08)'", "rustc 1.63 is older than "),
    "old, though greater as text": ("echo cargo 1.9.0", "echo rustc 1.9.0", "rustc 1.9 is older than "),
}


@pytest.fixture(params=OBSTACLES)
def obstacle(request, toolchain):
    cargo, rustc, words = OBSTACLES[request.param]
    put_program(toolchain, "cargo", cargo)
    if rustc is not None:
        put_program(toolchain, "rustc", rustc)
    return words


def test_an_unusable_toolchain_means_the_pure_engine_and_says_why(obstacle, backend):
    choice = backend.choose_engine()
    assert choice.engine == "pure"
    assert choice.reason.startswith(obstacle)


def test_a_demanded_native_engine_turns_the_obstacle_into_an_error(obstacle, backend, monkeypatch):
    monkeypatch.setenv("OAUTHREG_BUILD", "native")
    with pytest.raises(SystemExit) as caught:
        backend.choose_engine()
    assert str(caught.value).startswith(f"oauthreg: OAUTHREG_BUILD=native, but {obstacle}")


@pytest.mark.parametrize("version", ["{needed}.0 (0123abcd 2025-06-23)", "{needed}.0-nightly (0123abcd 2025-06-23)"])
def test_the_oldest_supported_rustc_is_new_enough(toolchain, backend, root, version):
    needed = tomllib.loads((root / "Cargo.toml").read_text())["package"]["rust-version"]
    put_toolchain(toolchain, version.format(needed=needed))
    assert backend.choose_engine().engine == "native"


def test_a_demand_for_the_pure_engine_ignores_the_toolchain(toolchain, backend, monkeypatch):
    put_toolchain(toolchain)
    monkeypatch.setenv("OAUTHREG_BUILD", "pure")
    assert str(backend.choose_engine()) == "oauthreg: building the pure signing engine, because OAUTHREG_BUILD=pure"


@pytest.mark.parametrize("wanted", ["Native", "rust", "1", " pure"])
def test_an_unknown_demand_is_refused(toolchain, backend, monkeypatch, wanted):
    monkeypatch.setenv("OAUTHREG_BUILD", wanted)
    with pytest.raises(SystemExit) as caught:
        backend.choose_engine()
    assert str(caught.value) == f"oauthreg: `OAUTHREG_BUILD` must be `auto`, `native`, `profiled` or `pure`: {wanted!r}"


def put_profiler(folder: Path, place: Path) -> None:
    """A toolchain that has its profiler where rustup puts it."""
    put_toolchain(folder)
    put_program(folder, "rustc", f"[ \"$1\" = --print ] && echo '{place}' || echo 'rustc 1.999.0'")
    programs = place / "lib" / "rustlib" / "some-target" / "bin"
    programs.mkdir(parents=True)
    put_program(programs, "llvm-profdata", "exit 0")


def test_a_profiled_engine_is_built_on_demand_where_the_toolchain_can(toolchain, backend, monkeypatch, tmp_path):
    monkeypatch.setenv("OAUTHREG_BUILD", "profiled")
    put_profiler(toolchain, tmp_path / "toolchain")
    assert str(backend.choose_engine()) == (
        "oauthreg: building the native signing engine, profiled, because OAUTHREG_BUILD=profiled"
    )
    monkeypatch.delenv("OAUTHREG_BUILD")
    assert backend.choose_engine() == ("native", "cargo and rustc are there", False)


def test_a_profiler_on_the_path_will_do_if_it_is_of_the_same_llvm(toolchain, backend, monkeypatch):
    put_toolchain(toolchain, "1.999.0\nLLVM version: 22.1.2")
    put_program(toolchain, "llvm-profdata", "echo LLVM; echo '  Debian LLVM version 22.0.9'")
    monkeypatch.setenv("OAUTHREG_BUILD", "profiled")
    assert backend.choose_engine().is_profiled


PROFILERS = {
    "none": (None, "there is no `llvm-profdata`"),
    "of another LLVM": ("echo LLVM version 14.0.6", "`llvm-profdata` is not of the LLVM that `rustc` has"),
    "broken": ("exit 127", "`llvm-profdata` is not of the LLVM that `rustc` has"),
}


@pytest.mark.parametrize("profiler", PROFILERS)
def test_a_demand_for_a_profiled_engine_says_what_is_missing(toolchain, backend, monkeypatch, profiler):
    script, words = PROFILERS[profiler]
    put_toolchain(toolchain, "1.999.0\nLLVM version: 22.1.2")
    if script is not None:
        put_program(toolchain, "llvm-profdata", script)
    monkeypatch.setenv("OAUTHREG_BUILD", "profiled")
    with pytest.raises(SystemExit) as caught:
        backend.choose_engine()
    assert str(caught.value) == (
        f"oauthreg: OAUTHREG_BUILD=profiled, but {words}: `rustup component add llvm-tools` installs the right one"
    )


def test_an_obstacle_to_any_native_engine_comes_first(obstacle, backend, monkeypatch):
    monkeypatch.setenv("OAUTHREG_BUILD", "profiled")
    with pytest.raises(SystemExit) as caught:
        backend.choose_engine()
    assert str(caught.value).startswith(f"oauthreg: OAUTHREG_BUILD=profiled, but {obstacle}")


@pytest.mark.parametrize(("wanted", "profile", "folder"), [("profiled", "true", "/x/profiled"), ("native", "", "/x")])
def test_only_a_profiled_build_profiles_and_is_compiled_apart(
    toolchain, call_hook, root, tmp_path, wanted, profile, folder
):
    put_profiler(toolchain, tmp_path / "toolchain")
    put_program(toolchain, "maturin", 'echo "profile=$MATURIN_PGO folder=$CARGO_TARGET_DIR" >&2; exit 101')
    done = call_hook(
        "build_wheel", root, tmp_path, OAUTHREG_BUILD=wanted, PATH=str(toolchain), CARGO_TARGET_DIR="/x", MATURIN_PGO=""
    )
    assert done.returncode == 1
    assert f"profile={profile} folder={folder}\n" in done.stderr


def test_an_engine_that_counts_is_not_left_in_the_tree(toolchain, call_hook, root, tmp_path):
    put_profiler(toolchain, tmp_path / "toolchain")
    tree = tmp_path / "tree"
    (tree / "python" / "oauthreg" / "providers").mkdir(parents=True)
    for name in ("rust", "Cargo.toml", "pyproject.toml"):
        (tree / name).symlink_to(root / name)
    engine = tree / "python" / "oauthreg" / "signing" / "_native.abi3.so"
    engine.parent.mkdir()
    put_program(toolchain, "maturin", f"echo counting >'{engine}'; echo error: training failed >&2; exit 101")
    done = call_hook("build_editable", tree, tmp_path, OAUTHREG_BUILD="profiled", PATH=str(toolchain))
    assert done.returncode == 1
    assert "training failed" in done.stderr
    assert engine.parent.is_dir()
    assert not engine.exists()


@pytest.mark.parametrize(
    ("wanted", "requirement"), [("native", "maturin"), ("profiled", "maturin"), ("pure", "hatchling")]
)
def test_only_the_chosen_builder_is_required(toolchain, backend, monkeypatch, tmp_path, wanted, requirement):
    put_profiler(toolchain, tmp_path / "toolchain")
    monkeypatch.setenv("OAUTHREG_BUILD", wanted)
    assert [item.partition(">")[0] for item in backend.get_requires_for_build_wheel()] == [requirement]
    assert backend.get_requires_for_build_editable() == backend.get_requires_for_build_wheel()


def test_an_sdist_requires_no_toolchain(toolchain, backend):
    assert backend.get_requires_for_build_sdist() == [backend.REQUIRES["pure"]]


def test_the_builders_are_those_that_the_tests_install(root, backend):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert set(backend.REQUIRES.values()) <= set(project["optional-dependencies"]["test"])


@pytest.mark.parametrize("wanted", ["auto", "native"])
def test_a_native_build_that_fails_is_an_error_and_never_a_pure_wheel(toolchain, call_hook, root, tmp_path, wanted):
    put_toolchain(toolchain)
    put_program(toolchain, "maturin", "echo error: linking failed >&2; exit 101")
    done = call_hook("build_wheel", root, tmp_path, OAUTHREG_BUILD=wanted, PATH=str(toolchain))
    assert done.returncode == 1
    assert "building the native signing engine" in done.stdout
    assert "linking failed" in done.stderr
    assert done.stderr.endswith("the native signing engine failed to build; OAUTHREG_BUILD=pure avoids it\n")
    assert not list(tmp_path.glob("*.whl"))


@pytest.mark.parametrize("hook", ["build_wheel", "build_editable", "build_sdist"])
def test_a_link_that_was_checked_out_as_text_is_refused(call_hook, root, tmp_path, hook):
    """git without `core.symlinks` writes such a file: the wheel would carry no provider."""
    (tmp_path / "rust").symlink_to(root / "rust")
    package = tmp_path / "python" / "oauthreg"
    package.mkdir(parents=True)
    (package / "providers").write_text("../../providers")
    done = call_hook(hook, tmp_path, tmp_path, OAUTHREG_BUILD="pure")
    assert done.returncode == 1
    assert "`python/oauthreg/providers` does not lead to `providers/`" in done.stderr
    assert "core.symlinks" in done.stderr


def test_run_as_a_script_it_says_what_it_would_build(root):
    done = subprocess.run(
        [sys.executable, "rust/build_backend.py"],
        cwd=root,
        env={"PATH": "", "OAUTHREG_BUILD": "pure"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "oauthreg: building the pure signing engine, because OAUTHREG_BUILD=pure\n"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not on the PATH")
@pytest.mark.parametrize(
    ("engine", "words"), [("native", "; a first native build takes three to five minutes"), ("pure", "")]
)
def test_a_set_up_says_how_long_it_takes_only_where_it_takes_long(root, tmp_path, engine, words):
    programs = tmp_path / "venv" / "bin"
    programs.mkdir(parents=True)
    put_program(programs, "pip", "exit 1")
    chosen = f"oauthreg: building the {engine} signing engine, because the test says so"
    put_program(programs, "python", f"[ $1 = -m ] || echo '{chosen}'")
    foreign = ("MAKE", "MFLAGS", "OAUTHREG_")  # of a `make test` around this one
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    command = ["make", "--no-print-directory", "-C", str(root), f"VENV={programs.parent}", "set-up"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{chosen}\noauthreg: setting up {programs.parent}{words}\n"
