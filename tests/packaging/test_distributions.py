"""What goes into the wheels and the sdist, and that a wheel made from the sdist is no different."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from configparser import ConfigParser
from email import message_from_string
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.packaging

TOP_LEVEL = {
    *("Cargo.lock", "Cargo.toml", "Makefile", "PKG-INFO", "pyproject.toml", ".gitignore"),
    *("ARCHITECTURE.md", "CHANGELOG.md", "LICENSE", "README.md"),
    *("docs", "providers", "python", "rust", "tests"),
}


def test_the_link_leads_to_the_providers(root):
    link = root / "python" / "oauthreg" / "providers"
    assert link.is_dir()
    assert definitions(link) == definitions(root / "providers") != {}


def definitions(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.toml")}


@pytest.fixture(scope="session")
def sdist(root, call_hook, tmp_path_factory) -> Path:
    return made(call_hook("build_sdist", root, folder := tmp_path_factory.mktemp("sdist")), folder)


@pytest.fixture(scope="session")
def unpacked(sdist, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        for member in archive:
            assert member.isfile(), f"not a plain file: {member.name}"
            target = folder / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.extractfile(member).read())
    (tree,) = folder.iterdir()
    return tree


@pytest.fixture(scope="session", params=["pure", "native"])
def engine(request, root, backend) -> str:
    if request.param == "native":
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(root)
            choice = backend.choose_engine()
        if choice.engine != "native":
            pytest.skip(f"no native wheel is built here: {choice.reason}")
    return request.param


@pytest.fixture(scope="session", params=["tree", "sdist"])
def wheel(request, engine, root, call_hook, tmp_path_factory) -> Path:
    tree = root if request.param == "tree" else request.getfixturevalue("unpacked")
    folder = tmp_path_factory.mktemp(f"{engine}-from-{request.param}")
    # Both trees share their compiled dependencies with the engine that the tests run on.
    target = os.environ.get("CARGO_TARGET_DIR", str(root / "target"))
    return made(call_hook("build_wheel", tree, folder, OAUTHREG_BUILD=engine, CARGO_TARGET_DIR=target), folder)


def made(done: "subprocess.CompletedProcess[str]", folder: Path) -> Path:
    """The file that a hook made, whose name it gives as the last line."""
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / done.stdout.splitlines()[-1]


def test_a_wheel_holds_the_package_and_its_metadata_and_nothing_else(wheel, root):
    files = read_wheel(wheel)
    inside = {name: content for name, content in files.items() if name.startswith("oauthreg/")}
    assert not [name for name in files.keys() - inside.keys() if not name.startswith("oauthreg-")]
    assert not [name for name in files.keys() - inside.keys() if ".dist-info/" not in name]
    assert {name: content for name, content in inside.items() if not is_extension(name)} == read_package(root)


def read_wheel(wheel: Path) -> dict[str, bytes]:
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def is_extension(name: str) -> bool:
    return name.endswith(tuple(EXTENSION_SUFFIXES))


def read_package(root: Path) -> dict[str, bytes]:
    """The package as it stands in the tree: the providers' folder is entered through its link and gives TOML alone."""
    package = root / "python" / "oauthreg"
    files = [path for path in package.rglob("*") if path.is_file() and path.parent != package / "providers"]
    files += (package / "providers").glob("*.toml")
    return {
        path.relative_to(package.parent).as_posix(): path.read_bytes()
        for path in files
        if path.suffix != ".pyc" and not is_extension(path.name)
    }


def test_a_wheel_holds_every_provider(wheel, root):
    prefix = "oauthreg/providers/"
    held = {name.removeprefix(prefix): data for name, data in read_wheel(wheel).items() if name.startswith(prefix)}
    assert held == definitions(root / "providers") != {}


def test_a_wheel_is_typed(wheel):
    assert {"oauthreg/py.typed", "oauthreg/signing/_native.pyi"} <= read_wheel(wheel).keys()


def test_a_wheel_has_its_engine_and_says_where_it_runs(wheel, engine):
    extensions = [name for name in read_wheel(wheel) if is_extension(name)]
    if engine == "pure":
        assert extensions == []
        assert wheel.name.endswith("-py3-none-any.whl")
    else:
        assert [name.partition(".")[0] for name in extensions] == ["oauthreg/signing/_native"]
        assert "-cp311-abi3-" in wheel.name


def test_the_metadata_is_that_of_the_project_whoever_builds_it(wheel, root):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    crate = tomllib.loads((root / "Cargo.toml").read_text(encoding="utf-8"))["package"]
    files = {name.partition("/")[2]: data.decode() for name, data in read_wheel(wheel).items() if ".dist-info/" in name}
    metadata = message_from_string(files["METADATA"])
    assert metadata["Name"] == project["name"] == crate["name"]
    assert metadata["Version"] == crate["version"]
    assert metadata["Summary"] == project["description"] == crate["description"]
    assert metadata["License-Expression"] == project["license"] == crate["license"]
    assert metadata["Requires-Python"] == project["requires-python"]
    assert set(metadata.get_all("Provides-Extra")) == set(project["optional-dependencies"])
    required = {Requirement(line) for line in metadata.get_all("Requires-Dist")}
    assert {item for item in required if item.marker is None} == {Requirement(line) for line in project["dependencies"]}
    assert metadata.get_payload().strip() == (root / "README.md").read_text(encoding="utf-8").strip()
    entry_points = ConfigParser()
    entry_points.read_string(files["entry_points.txt"])
    assert {group: dict(entry_points[group]) for group in entry_points.sections()} == {
        "console_scripts": project["scripts"],
        **project["entry-points"],
    }
    assert files["licenses/LICENSE"] == (root / "LICENSE").read_text(encoding="utf-8")


def test_what_an_sdist_is_made_of_exists(root):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    for name in project["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"]:
        assert (root / name).exists(), name


def test_an_sdist_holds_every_tracked_file(root, unpacked):
    """Whoever has the sdist can build both wheels and run the tests."""
    if not (root / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    tracked = {name for name in listed.split("\0") if name and not name.startswith(".ci/")}
    assert sorted(name for name in tracked if not (unpacked / name).exists()) == []


def test_an_sdist_holds_nothing_unexpected(unpacked):
    assert {path.name for path in unpacked.iterdir()} <= TOP_LEVEL
    assert [path for path in unpacked.rglob("*") if is_extension(path.name) or path.suffix == ".pyc"] == []


def test_an_sdist_holds_the_providers_at_both_ends_of_the_link(unpacked, root):
    """A file system without links can build from it."""
    assert definitions(unpacked / "providers") == definitions(root / "providers") != {}
    assert definitions(unpacked / "python" / "oauthreg" / "providers") == definitions(root / "providers")
    assert not (unpacked / "python" / "oauthreg" / "providers").is_symlink()


def test_pip_installs_without_a_toolchain(root, tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OAUTHREG_")}
    environment["PATH"] = str(tmp_path / "empty")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*install, "--target", str(tmp_path), str(root)], env=environment, capture_output=True, check=True)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import oauthreg, oauthreg.signing\n"
        "print(oauthreg.__file__, oauthreg.signing.ENGINE)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(tmp_path / "oauthreg" / "__init__.py"), "pure"]


def test_an_editable_install_replaces_the_engine_of_an_earlier_build(unpacked, call_hook, tmp_path):
    tree = shutil.copytree(unpacked, tmp_path / "tree")
    stale = tree / "python" / "oauthreg" / "signing" / "_native.abi3.so"
    stale.write_bytes(b"")
    wheel = made(call_hook("build_editable", tree, tmp_path, OAUTHREG_BUILD="pure"), tmp_path)
    assert not stale.exists()
    (link,) = (content for name, content in read_wheel(wheel).items() if name.endswith(".pth"))
    assert Path(link.decode().strip()) == tree / "python"
