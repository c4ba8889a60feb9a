import json
import os

import pytest

from oauthreg.definition import Loader
from oauthreg.errors import DefinitionError


def test_every_problem_is_shown_with_its_place(oauthreg, broken, golden):
    done = oauthreg("check", "providers/broken.toml")
    assert done.code == 3
    golden("check-broken.txt", done.out)
    assert done.err == "1 definition checked, 2 problems in 1 of them\n"


def test_sound_files_are_0_and_say_so_on_stderr(oauthreg):
    done = oauthreg("check", "providers/acme.toml", "providers/acme-keys.toml")
    assert (done.code, done.out, done.err) == (0, "", "2 definitions checked, no problem\n")


def test_a_folder_stands_for_its_files(oauthreg, broken):
    done = oauthreg("check", "providers")
    assert (done.code, done.err) == (3, "3 definitions checked, 2 problems in 1 of them\n")


def test_what_cannot_be_read_is_a_problem_and_hides_no_other(oauthreg, folder, broken, monkeypatch):
    (folder / "providers" / "gone.toml").symlink_to(folder / "nowhere.toml")
    (folder / "providers" / "round.toml").symlink_to("round.toml")
    (folder / "providers" / "github.toml").symlink_to(folder / "nowhere.toml")  # a bundled file has this name
    (folder / "providers" / "inner.toml").mkdir()
    check = Loader.check

    def locked(self, name):
        if name == "acme":
            raise DefinitionError("cannot read providers/acme.toml: Permission denied", code="unreadable-definition")
        return check(self, name)

    monkeypatch.setattr(Loader, "check", locked)
    said = {
        "acme": "cannot read providers/acme.toml: Permission denied",
        "github": "cannot read it: No such file or directory",
        "gone": "cannot read it: No such file or directory",
        "inner": "no definition: it is a folder",
        "round": "cannot read it: Too many levels of symbolic links",
    }
    lines = [f"providers/{name}.toml:1:1: {message}" for name, message in said.items()]
    done = oauthreg("check", "providers")
    assert done.code == 3
    assert set(lines) < set(done.out.splitlines())
    assert "providers/broken.toml:7:1: unknown key" in done.out
    assert done.err == "7 definitions checked, 7 problems in 6 of them\n"
    one_by_one = oauthreg("check", "--json", *sorted(map(str, (folder / "providers").iterdir())))
    assert one_by_one.code == 3
    found = {problem["file"]: problem["message"] for problem in json.loads(one_by_one.out)}
    assert {f"providers/{name}.toml": message for name, message in said.items()}.items() < found.items()


@pytest.mark.parametrize("name", ["empty", "empty.toml"])
def test_a_folder_without_a_definition_is_no_sound_one(oauthreg, folder, name):
    (folder / name).mkdir()
    done = oauthreg("check", name)
    assert (done.code, done.err) == (3, "1 definition checked, 1 problem in 1 of them\n")
    assert done.out.startswith(f"{name}:1:1: no definition: it is a folder\n")


def test_what_is_no_file_is_not_opened(oauthreg, folder):
    os.mkfifo(folder / "pipe.toml")
    done = oauthreg("check", "pipe.toml")
    assert (done.code, done.out) == (3, "pipe.toml:1:1: no definition: it is no file\n")


def test_what_is_known_and_cannot_be_read_is_a_problem_as_well(oauthreg, folder):
    (folder / "providers" / "gone.toml").symlink_to(folder / "nowhere.toml")
    done = oauthreg("check")
    assert (done.code, done.out) == (3, "providers/gone.toml:1:1: cannot read it: No such file or directory\n")


def test_without_files_all_that_is_known_is_checked(oauthreg, broken):
    done = oauthreg("check")
    assert done.code == 3
    assert "2 problems in 1 of them" in done.err


def test_a_file_outside_the_search_path_may_extend_its_neighbour(oauthreg, folder, monkeypatch):
    monkeypatch.delenv("OAUTHREG_PATH")
    assert oauthreg("check", "providers/acme-keys.toml").code == 0


def test_a_file_in_a_folder_that_is_searched_may_change_the_one_that_it_hides(oauthreg, folder):
    own = folder / "config" / "oauthreg" / "providers"
    own.mkdir(parents=True)
    (own / "google.toml").write_text('extends = "google"\ntitle = "My Google"\n')
    (folder / "providers" / "github.toml").write_text('extends = "github"\ntitle = "My GitHub"\n')
    done = oauthreg("check", "config/oauthreg/providers/google.toml", "providers/github.toml")
    assert (done.code, done.out, done.err) == (0, "", "2 definitions checked, no problem\n")


def test_two_files_of_one_name_are_both_checked(oauthreg, folder, broken):
    (folder / "other").mkdir()
    (folder / "other" / "broken.toml").write_text((folder / "providers" / "acme.toml").read_text())
    done = oauthreg("check", "other/broken.toml", "providers/broken.toml")
    assert (done.code, done.err) == (3, "2 definitions checked, 2 problems in 1 of them\n")


def test_the_files_of_a_folder_share_what_was_read_of_all_others(oauthreg, folder, monkeypatch):
    text = (folder / "providers" / "acme.toml").read_text()
    (folder / "other").mkdir()
    for number in range(3):
        (folder / "other" / f"acme-{number}.toml").write_text(f'aliases = ["a{number}"]\n{text}')
    asked = []
    aliases_of = Loader._aliases_of
    monkeypatch.setattr(Loader, "_aliases_of", lambda self, name: asked.append(name) or aliases_of(self, name))
    assert oauthreg("check", "other").code == 0
    assert len(asked) == len(set(asked))


def test_a_file_of_another_suffix_is_checked_too(oauthreg, folder, broken):
    broken.rename(folder / "broken.txt")
    assert oauthreg("check", "broken.txt").code == 3


def test_problems_are_records_for_programs(oauthreg, broken):
    done = oauthreg("check", "--json", "providers/broken.toml")
    assert done.code == 3
    assert json.loads(done.out)[0] == {
        "file": "providers/broken.toml",
        "line": 7,
        "column": 1,
        "key": "endpoints.authorise",
        "message": "unknown key in `[endpoints]`: 'authorise'",
        "hint": "did you mean `authorize`?",
        "definition": "providers/broken.toml",
    }


def test_the_summary_counts_the_definitions_that_were_checked(oauthreg, folder):
    for number in range(3):
        claims = 'sub = "uid"' if number else 'name = "name"'
        (folder / "providers" / f"child-{number}.toml").write_text(f'extends = "acme"\n[claims]\n{claims}\n')
    done = oauthreg("check", "--json", "providers")
    assert (done.code, done.err) == (3, "5 definitions checked, 2 problems in 2 of them\n")
    assert [(problem["file"], problem["definition"]) for problem in json.loads(done.out)] == [
        ("providers/acme.toml", "providers/child-1.toml"),
        ("providers/acme.toml", "providers/child-2.toml"),
    ]


@pytest.mark.parametrize(
    "text",
    [b"schema = ", b'title = "\xff"', b"", b"schema = 1\n" + b"#" * 300_000],
    ids=["toml", "utf8", "empty", "large"],
)
def test_what_is_no_definition_is_a_problem_with_a_place(oauthreg, folder, text):
    (folder / "bad.toml").write_bytes(text)
    done = oauthreg("check", "bad.toml")
    assert done.code == 3
    assert done.out.startswith("bad.toml:1:")
    assert "Traceback" not in done.err


def test_a_name_that_cannot_be_used_is_a_problem(oauthreg, folder):
    (folder / "Bad Name.toml").write_text((folder / "providers" / "acme.toml").read_text())
    done = oauthreg("check", "Bad Name.toml")
    assert done.code == 3
    assert "Bad Name" in done.out
