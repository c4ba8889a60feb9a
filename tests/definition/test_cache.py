"""What was found good is read again without its files being parsed, and only while nothing has changed."""

import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from oauthreg.definition import Definition, Loader, SettledDefinition, cache, compile_definition
from oauthreg.errors import DefinitionInvalidError, DefinitionSyntaxError, UsageError

ACME = """\
schema = 1
title = "Acme"
protocol = "oauth1"
aliases = ["acme-classic"]

[endpoints]
request_token = "https://api.acme.example/request_token"
authorize = "https://www.acme.example/authorize"
token = "https://api.acme.example/access_token"
"""
CHILD = 'schema = 1\nextends = "acme"\ntitle = "Child"\nprotocol = "oauth1"\n'
ROOT = Path(__file__).parents[2]


@pytest.fixture(name="folder")
def fixture_folder(tmp_path, monkeypatch):
    """A folder with two definitions that have been at rest for long enough."""
    monkeypatch.setattr(cache, "_YOUNG", -60.0)
    folder = tmp_path / "providers"
    folder.mkdir()
    (folder / "acme.toml").write_text(ACME)
    (folder / "child.toml").write_text(CHILD)
    return folder


@pytest.fixture(name="new")
def fixture_new(folder, tmp_path):
    """Makes a loader as a process of its own would: nothing is remembered but what stands in the file."""

    def new(*more, kept_in=tmp_path / "kept"):
        cache._lines_of.cache_clear()
        return Loader([folder, *more], environ={"OAUTHREG_CACHE": str(kept_in)})

    return new


def file_of(loader):
    return loader._cache.path


def is_kept(loader, name):
    return isinstance(loader.settle(name), SettledDefinition)


# --- kept, and for how long -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["acme", "child"])
def test_what_was_loaded_once_is_kept_for_others(new, name):
    first, second = new().settle(name), new().settle(name)
    assert (type(first), isinstance(second, SettledDefinition)) == (Definition, True)
    assert (second.name, second.title, second.aliases) == (first.name, first.title, first.aliases)
    assert (second.file, repr(second)) == (first.file, f"<SettledDefinition '{name}'>")
    assert compile_definition(second) == compile_definition(first)


def test_it_is_kept_for_the_same_process_as_well(new):
    loader = new()
    assert [is_kept(loader, "acme") for _ in range(2)] == [False, True]


def test_loading_gives_the_whole_definition_all_the_same(new):
    new().load("acme")
    assert isinstance(new().load("acme"), Definition)


def test_what_is_kept_already_is_not_kept_again(new):
    new().load("acme")
    size = file_of(new()).stat().st_size
    new().load("acme")
    assert file_of(new()).stat().st_size == size


def test_a_changed_file_is_read_anew(new, folder):
    new().settle("acme")
    before = (folder / "acme.toml").stat()
    (folder / "acme.toml").write_text(ACME.replace("Acme", "Emca"))
    os.utime(folder / "acme.toml", ns=(before.st_atime_ns, before.st_mtime_ns))  # same size, same time
    assert new().settle("acme").title == "Emca"
    assert is_kept(new(), "acme")


def test_a_file_that_broke_is_refused_with_its_place(new, folder):
    new().settle("acme")
    (folder / "acme.toml").write_text(ACME.replace("title", "titel"))
    for _ in range(2):
        with pytest.raises(DefinitionInvalidError, match=r"acme\.toml:2:1"):
            new().settle("acme")
    (folder / "acme.toml").write_text("= 1")
    for name in ("acme", "child"):
        with pytest.raises(DefinitionSyntaxError, match=r"acme\.toml:1:1"):
            new().settle(name)


def test_a_file_is_read_anew_when_what_it_extends_has_changed(new, folder):
    new().settle("child")
    assert is_kept(new(), "child")
    (folder / "acme.toml").write_text(ACME.replace("api.acme", "api2.acme"))
    assert new().settle("child").endpoints.token == "https://api2.acme.example/access_token"


def test_a_file_that_hides_another_counts(new, tmp_path):
    new().settle("child")
    over = tmp_path / "over"
    over.mkdir()
    (over / "acme.toml").write_text(ACME.replace("api.acme", "over.acme"))
    assert new(over).settle("child").endpoints.token == "https://over.acme.example/access_token"
    assert new(over).settle("acme").endpoints.token == "https://over.acme.example/access_token"
    assert new().settle("child").endpoints.token == "https://api.acme.example/access_token"


def test_a_file_that_extends_the_one_it_hides_is_kept(new, tmp_path):
    over = tmp_path / "over"
    over.mkdir()
    (over / "acme.toml").write_text('schema = 1\nextends = "acme"\ntitle = "Over"\nprotocol = "oauth1"\n')
    new(over).settle("acme")
    settled = new(over).settle("acme")
    assert isinstance(settled, SettledDefinition)
    assert (settled.title, settled.endpoints.token) == ("Over", "https://api.acme.example/access_token")
    assert new().settle("acme").title == "Acme"


def test_what_was_added_is_neither_kept_nor_hidden_by_what_is(new, folder):
    new().settle("acme")
    loader = new()
    loader.add("acme", ACME.replace("Acme", "Added"))
    assert loader.settle("acme").title == "Added"
    loader.add("child", loader.read(folder / "child.toml"))
    assert not is_kept(loader, "child")
    assert new().settle("acme").title == "Acme"


def test_a_file_that_was_just_written_is_not_kept(new, monkeypatch):
    monkeypatch.setattr(cache, "_YOUNG", 60.0)
    new().settle("acme")
    assert not is_kept(new(), "acme")
    assert not file_of(new()).exists()


def test_a_file_that_is_gone_is_not_found(new, folder):
    new().settle("acme")
    loader = new()
    loader.names()
    (folder / "acme.toml").unlink()
    with pytest.raises(Exception, match="cannot read"):
        loader.settle("acme")


def test_aliases_are_found_without_reading_the_files(new, folder):
    assert new().resolve("acme-classic") == "acme"
    loader = new()
    loader.read = None
    assert loader.resolve("acme-classic") == "acme"
    assert is_kept(loader, "acme-classic")


def test_a_broken_file_has_its_aliases_with_and_without_a_cache(new, folder):
    (folder / "odd.toml").write_text('aliases = ["strange"]\n')
    for loader in (new(), new(), new(kept_in="off")):
        assert loader.resolve("strange") == "odd"


# --- files that are no good -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", range(7))
def test_a_damaged_line_is_as_good_as_none(new, step):
    """Every seventh octet is changed in turn, and once the rest is cut off there."""
    new().settle("acme")
    path = file_of(new())
    whole = path.read_bytes()
    for place in range(step, len(whole), 7 * 97):
        for damaged in (whole[:place] + bytes([whole[place] ^ 0x15]) + whole[place + 1 :], whole[:place]):
            path.write_bytes(damaged)
            definition = new().settle("acme")
            assert (definition.title, definition.endpoints.token) == ("Acme", "https://api.acme.example/access_token")


@pytest.mark.parametrize("octets", [b"", b"\n\n", b"\t" * 20, b"\x00" * 4096, b"00000000\t\t\t\t\t", os.urandom(2048)])
def test_a_file_of_something_else_is_as_good_as_none(new, octets):
    loader = new()
    file_of(loader).parent.mkdir(parents=True)
    file_of(loader).write_bytes(octets)
    assert new().settle("acme").title == "Acme"
    assert is_kept(new(), "acme")


def test_what_follows_a_torn_line_is_whole(new):
    new().settle("child")
    path = file_of(new())
    path.write_bytes(path.read_bytes()[:-40])
    new().settle("child")
    assert is_kept(new(), "child")


def test_the_data_of_a_line_may_be_no_json_if_its_checksum_is_right(new):
    """Whoever can write such a line could as well write into the user's folder: he gets the same checks of URLs."""
    new().settle("acme")
    path = file_of(new())
    lines = path.read_bytes().split(b"\n")
    changed = [line[9:].replace(b"https://api.acme.example", b"http://evil.example") for line in lines if line]
    path.write_bytes(b"\n".join(b"%08x\t%s" % (zlib.crc32(line), line) for line in changed))
    with pytest.raises(UsageError) as caught:
        compile_definition(new().settle("acme"))
    assert caught.value.code == "insecure-url"


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no such permissions here")
def test_a_file_that_others_may_write_is_left_alone(new):
    new().settle("acme")
    path = file_of(new())
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    path.chmod(0o666)
    size = path.stat().st_size
    assert not is_kept(new(), "acme")
    assert path.stat().st_size == size


def test_a_link_is_not_followed_when_something_is_kept(new, tmp_path):
    target = tmp_path / "target"
    path = file_of(new())
    path.parent.mkdir(parents=True)
    path.symlink_to(target)
    assert new().settle("acme").title == "Acme"
    assert not target.exists()


def test_a_place_that_cannot_be_written_does_no_harm(new, tmp_path):
    (tmp_path / "file").write_text("")
    loader = new(kept_in=tmp_path / "file" / "folder")
    assert [loader.settle(name).title for name in ("acme", "child")] == ["Acme", "Child"]
    assert file_of(loader) is None


def test_it_can_be_switched_off(new, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert new(kept_in="off").settle("acme").title == "Acme"
    assert not is_kept(new(kept_in="off"), "acme")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["providers"]


def test_it_lies_in_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert file_of(Loader(environ={})).parent == tmp_path / "oauthreg"


def test_other_code_has_a_file_of_its_own(new, monkeypatch):
    new().settle("acme")
    monkeypatch.setattr(cache, "_code", lambda: "other")
    assert not is_kept(new(), "acme")
    monkeypatch.setattr(cache, "_code", lambda: None)
    assert not is_kept(new(), "acme")


def test_files_of_old_code_are_taken_away(new, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    for name, age in (("definitions-old.cache", 91), ("definitions-young.cache", 1), ("other.txt", 91)):
        (kept / name).write_text("x")
        os.utime(kept / name, (0, cache.time.time() - age * 86400))
    new().settle("acme")
    names = {path.name for path in kept.iterdir()}
    assert names == {"definitions-young.cache", "other.txt", file_of(new()).name}


def test_a_file_that_has_grown_too_large_is_begun_anew(new, monkeypatch):
    new().settle("acme")
    monkeypatch.setattr(cache, "_LARGEST", file_of(new()).stat().st_size + 10)
    new().settle("child")
    assert file_of(new()).stat().st_size < cache._LARGEST
    for _ in range(2):
        new().settle("acme")  # the outline went with the rest, and comes back with the next loader
    monkeypatch.setattr(cache, "_LARGEST", 10)
    assert not is_kept(new(), "acme")


def test_a_path_that_would_break_the_line_is_not_kept(new, tmp_path):
    odd = tmp_path / "a\tb"
    odd.mkdir()
    (odd / "odd.toml").write_text(ACME)
    new(odd).settle("odd")
    assert not is_kept(new(odd), "odd")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_in_the_place_of_the_file_keeps_nobody_waiting(new, tmp_path):
    (tmp_path / "kept").mkdir()
    os.mkfifo(file_of(new()))
    for name in ("acme", "child", "acme-classic"):
        loader = new()
        assert not is_kept(loader, name)
        assert file_of(loader) is None
    assert [path.is_fifo() for path in (tmp_path / "kept").iterdir()] == [True]


def test_a_link_in_the_place_of_the_file_is_not_followed(new, tmp_path):
    new().settle("acme")
    file_of(new()).rename(tmp_path / "elsewhere")
    file_of(new()).symlink_to(tmp_path / "elsewhere")
    assert not is_kept(new(), "acme")


def test_a_folder_that_no_system_has_is_as_good_as_none(new):
    assert not is_kept(new(kept_in="a\0b"), "acme")


# --- processes ------------------------------------------------------------------------------------------------------

WRITE = """
import sys
from oauthreg.definition import Loader, cache
cache._YOUNG = -60.0
loader = Loader(sys.argv[1:2], environ={"OAUTHREG_CACHE": sys.argv[2]})
for name in loader.names():
    loader.load(name)
"""
USE = """
import sys
from oauthreg.definition import Loader, compile_definition
compile_definition(Loader(sys.argv[1:2], environ={"OAUTHREG_CACHE": sys.argv[2]}).settle("child"))
sys.exit("pydantic" in sys.modules or "tomli" in sys.modules)
"""


def processes(code, folder, kept, count=1):
    arguments = [sys.executable, "-c", code, str(folder), str(kept)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    started = [subprocess.Popen(arguments, env=environ) for _ in range(count)]
    return [process.wait() for process in started]


def test_processes_that_write_at_once_do_not_disturb_each_other(new, folder, tmp_path):
    for number in range(40):
        (folder / f"p{number}.toml").write_text(ACME.replace("acme-classic", f"classic-{number}"))
    assert processes(WRITE, folder, tmp_path / "kept", count=3) == [0, 0, 0]
    loader = new()
    lines = [line for line in file_of(loader).read_bytes().split(b"\n") if line]
    assert len(lines) > 40
    assert all(line[:8] == b"%08x" % zlib.crc32(line[9:]) for line in lines)
    assert [name for name in loader.names() if not is_kept(loader, name)] == []


def test_neither_pydantic_nor_toml_is_needed_for_what_is_kept(folder, tmp_path):
    assert processes(WRITE, folder, tmp_path / "kept") == [0]
    assert processes(USE, folder, tmp_path / "kept") == [0]
