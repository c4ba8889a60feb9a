"""Files found, layered and read. What is wrong inside a file stands in ``cases``."""

import os
import sys
from pathlib import Path

import pytest

from oauthreg.definition import Definition, Loader, load_definition, loader, render_problems
from oauthreg.errors import (
    DefinitionError,
    DefinitionInvalidError,
    DefinitionSyntaxError,
    UnknownProviderError,
    UsageError,
)

ACME = """schema = 1
title = "Acme"
protocol = "oauth1"
aliases = ["acme-classic"]

[endpoints]
request_token = "https://api.acme.example/request_token"
authorize = "https://www.acme.example/authorize"
token = "https://api.acme.example/access_token"

[token]
headers = { X-A = "1", X-B = "2" }

[callback]
keep = ["role", "company"]
"""
WITH_CLAIMS = f"""{ACME}
[claims]
sub = "id"
""".replace("[token]", 'userinfo = "https://api.acme.example/me"\n\n[token]')


def write(folder: Path, name: str, text: str = ACME) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(text, "utf-8")
    return path


def titled(title: str) -> str:
    return ACME.replace('"Acme"', f'"{title}"')


def test_a_file_in_a_folder_is_a_definition(loader, tmp_path):
    write(tmp_path, "acme")
    definition = loader.load("acme")
    assert (definition.name, definition.title, definition.file) == ("acme", "Acme", "acme.toml")
    assert "acme" in loader.names()


def test_the_bundled_definitions_are_there():
    assert len(Loader(environ={}).names()) >= 10


def test_later_places_win(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folders = [tmp_path / "config" / "oauthreg" / "providers", tmp_path / "env1", tmp_path / "env2", tmp_path / "arg"]
    environ = {"OAUTHREG_PATH": os.pathsep.join([str(tmp_path / "env1"), "", str(tmp_path / "env2")])}
    for folder in folders:
        write(folder, "acme", titled(folder.name))
        last = Loader([tmp_path / "arg"] if folder.name == "arg" else [], environ=environ)
        assert last.load("acme").title == folder.name
    assert last.places[1:] == tuple(folders)


def test_a_single_file_may_be_given(tmp_path):
    path = write(tmp_path, "acme")
    write(tmp_path, "other")
    names = Loader([str(path)], environ={}).names()
    assert "acme" in names
    assert "other" not in names


def test_a_given_path_must_be_there(tmp_path):
    with pytest.raises(UsageError) as caught:
        Loader([tmp_path / "missing"], environ={})
    assert caught.value.code == "no-such-path"
    assert Loader(environ={"OAUTHREG_PATH": str(tmp_path / "missing")}).names()


def test_a_given_path_stays_what_it_was(tmp_path, monkeypatch):
    write(tmp_path / "own", "acme")
    monkeypatch.chdir(tmp_path)
    loader = Loader(["own"], environ={})
    monkeypatch.chdir(tmp_path / "own")
    assert loader.load("acme").title == "Acme"
    monkeypatch.chdir("/")
    loader.reload()
    assert loader.load("acme").title == "Acme"


@pytest.mark.parametrize("paths", [None, 5, ".", b".", Path(), [None], [b"."], [5]])
def test_what_is_no_list_of_paths_is_refused(paths):
    with pytest.raises(UsageError) as caught:
        Loader(paths, environ={})
    assert caught.value.code == "no-such-path"


@pytest.mark.parametrize("place", [os.devnull, "a" * 5000, "a\0b", "loop"])
def test_what_is_neither_file_nor_folder_is_passed_over(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    write(tmp_path / "more", "acme")
    named = Loader(environ={"OAUTHREG_PATH": os.pathsep.join([place, "more"])})
    assert named.load("acme-classic").name == "acme"
    assert "acme" in named.names()
    with pytest.raises(UsageError) as caught:
        Loader([place], environ={})
    assert caught.value.code == "no-such-path"


def test_a_user_without_a_home_has_no_folder(monkeypatch):
    def nowhere():
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr(loader, "user_config_folder", nowhere)
    homeless = Loader(environ={})
    assert len(homeless.places) == 1
    assert homeless.load(homeless.names()[0])
    with pytest.raises(UnknownProviderError) as caught:
        homeless.load("xyzzy")
    assert caught.value.hint == "put `xyzzy.toml` into a folder that `OAUTHREG_PATH` names"


@pytest.mark.skipif(sys.platform == "win32", reason="there a working directory cannot be taken away")
def test_nothing_is_found_from_a_working_directory_that_is_gone(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    write(tmp_path / "more", "acme")
    named = Loader(environ={"OAUTHREG_PATH": os.pathsep.join([".", str(tmp_path / "more")])})
    assert named.load("acme").title == "Acme"
    assert "acme" in named.names()
    with pytest.raises(UsageError) as caught:
        Loader(["."], environ={})
    assert caught.value.code == "no-such-path"


def test_a_users_folder_that_may_not_be_looked_into_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", "/" + "a" * 5000)
    assert Loader([tmp_path], environ={}).names()
    with pytest.raises(UnknownProviderError):
        Loader([tmp_path], environ={}).load("acme")


def test_a_folder_that_cannot_be_listed_is_passed_over(loader, tmp_path, monkeypatch):
    write(tmp_path / "more", "acme")
    scandir = os.scandir

    def refused(path):
        if Path(path) == tmp_path:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    write(tmp_path, "found")
    several = Loader([tmp_path, tmp_path / "more"], environ={})
    assert several.check("found") == ()
    assert several.load("found").title == "Acme"
    assert "found" not in several.names()
    with pytest.raises(UnknownProviderError):
        several.load("../found")
    assert "acme" in several.names()
    assert several.load("acme-classic").name == "acme"


def test_an_odd_entry_of_a_folder_hurts_no_other(loader, tmp_path):
    write(tmp_path, "acme")
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    (tmp_path / "lost.toml").symlink_to("nowhere")
    write(tmp_path, "long", ACME.replace("schema = 1", "schema = 0x" + "f" * 4000))
    assert {"loop", "lost"}.isdisjoint(loader.names())
    assert loader.load("acme-classic").name == "acme"
    for name in ("loop", "xyzzy"):
        with pytest.raises(UnknownProviderError):
            loader.load(name)
    with pytest.raises(DefinitionSyntaxError, match=r"long\.toml:1:10: a number that is too long"):
        loader.load("long")


def test_only_the_file_that_is_asked_for_is_read(loader, tmp_path):
    write(tmp_path, "acme")
    write(tmp_path, "broken", "= 1")
    (tmp_path / "octets.toml").write_bytes(b"\xff")
    assert loader.load("acme").title == "Acme"
    with pytest.raises(DefinitionSyntaxError):
        loader.load("broken")


def test_other_files_are_no_definitions(loader, tmp_path):
    (tmp_path / "README.md").write_text("x")
    (tmp_path / "folder.toml").mkdir()
    assert {"README", "folder"}.isdisjoint(loader.names())


def test_an_unknown_name_gets_a_near_one_or_the_folders(loader, tmp_path):
    write(tmp_path, "acme")
    with pytest.raises(UnknownProviderError, match="no definition has the name: 'acne'") as caught:
        loader.load("acne")
    assert caught.value.hint == "did you mean `acme`?"
    assert isinstance(caught.value, LookupError)
    with pytest.raises(UnknownProviderError) as caught:
        loader.load("xyzzy")
    assert caught.value.hint.startswith("put `xyzzy.toml` into one of: config/oauthreg/providers, .")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("acme.toml", "a name is the stem of its file; did you mean `acme`?"),
        ("./acne.toml", "a name is the stem of its file; did you mean `acme`?"),
        ("xyzzy.toml", "a name is the stem of its file; put `xyzzy.toml` into one of: config/oauthreg/providers, ."),
        ("x y\n", "a name has lower-case letters, digits and `-`"),
    ],
)
def test_a_name_that_none_can_be_gets_no_file_of_its_own(loader, tmp_path, name, hint):
    write(tmp_path, "acme")
    with pytest.raises(UnknownProviderError) as caught:
        loader.load(name)
    assert caught.value.hint.startswith(hint)
    assert "\n" not in caught.value.hint


@pytest.mark.parametrize("name", ["", "../acme", "acme.toml", "ACME", "acme\0"])
def test_a_name_never_becomes_a_path(loader, tmp_path, name):
    write(tmp_path, "acme")
    with pytest.raises(UnknownProviderError):
        loader.load(name)


def test_a_name_is_text(loader):
    with pytest.raises(UsageError, match="a provider's name is text: 5"):
        loader.load(5)


def test_an_alias_leads_to_its_definition(loader, tmp_path):
    write(tmp_path, "acme")
    write(tmp_path, "broken", "= 1")
    write(tmp_path, "odd", 'aliases = "x"')
    write(tmp_path, "odder", "aliases = [1]")
    assert loader.load("acme-classic").name == "acme"
    assert loader.resolve("acme") == "acme"
    with pytest.raises(UnknownProviderError) as caught:
        loader.load("acme-clasic")
    assert caught.value.hint == "did you mean `acme-classic`?"


@pytest.mark.parametrize(("below", "above"), [("aaa", "zzz"), ("zzz", "aaa")])
def test_of_two_with_an_alias_the_nearer_wins(tmp_path, below, above):
    write(tmp_path / "below", below)
    write(tmp_path / "above", above)
    both = Loader([tmp_path / "below", tmp_path / "above"], environ={})
    assert both.resolve("acme-classic") == above
    assert [both.check(name) for name in (below, above)] == [(), ()]
    both.add("mmm", ACME)
    assert both.resolve("acme-classic") == "mmm"
    swapped = Loader([tmp_path / "above" / f"{above}.toml", tmp_path / "below"], environ={})
    assert swapped.resolve("acme-classic") == below


def test_an_alias_that_leads_nowhere_by_mistake_is_a_problem(loader, tmp_path):
    write(tmp_path, "acme")
    write(tmp_path, "other")
    write(tmp_path, "third", ACME.replace("acme-classic", "twitter"))
    found = [loader.check(name) for name in ("acme", "other", "third")]
    assert [[(problem.key, problem.message, problem.hint) for problem in problems] for problems in found] == [
        [("aliases[0]", "an alias of two definitions: 'acme-classic'", "`other` has it, too")],
        [("aliases[0]", "an alias of two definitions: 'acme-classic'", "`acme` has it, too")],
        [("aliases[0]", "an alias that is another's name: 'twitter'", "names come first")],
    ]
    assert loader.load("third").aliases == ("twitter",)


def test_an_alias_that_a_nearer_name_hides_is_none(tmp_path):
    write(tmp_path / "below", "acme")
    write(tmp_path / "above", "acme-classic", titled("Above"))
    both = Loader([tmp_path / "below", tmp_path / "above"], environ={})
    assert (both.load("acme-classic").title, both.check("acme")) == ("Above", ())


def test_a_file_with_a_bad_name_says_so(loader, tmp_path):
    write(tmp_path, "My_Acme")
    assert "My_Acme" not in loader.names()
    with pytest.raises(DefinitionInvalidError) as caught:
        loader.load("My_Acme")
    assert str(caught.value).startswith("My_Acme.toml:1:1: not a provider's name: 'My_Acme'\n  hint: rename the file")


def test_tables_are_merged_and_lists_replaced(loader, tmp_path):
    write(tmp_path, "acme")
    changes = '[token.headers]\nX-B = "3"\nX-C = "4"\n[callback]\nkeep = ["entity"]\n'
    write(tmp_path, "sandbox", f'extends = "acme"\ntitle = "Sandbox"\n{changes}')
    definition = loader.load("sandbox")
    assert definition.name == "sandbox"
    assert definition.title == "Sandbox"
    assert definition.token.headers == {"X-A": "1", "X-B": "3", "X-C": "4"}
    assert definition.callback.keep == ("entity",)
    assert definition.endpoints == loader.load("acme").endpoints
    assert definition.aliases == ()
    assert [source.name for source in loader.chain("sandbox")] == ["sandbox", "acme"]


def test_a_claim_and_a_test_on_an_answer_are_replaced_as_a_whole(loader, tmp_path):
    picture = '{ if = "avatar", format = "https://a.example/{avatar}" }'
    error = '[api.error]\nwhen = { path = "ok", equals = false }\ncode = "error"\n'
    write(tmp_path, "acme", f'{WITH_CLAIMS}name = "n"\npicture = {picture}\n{error}')
    changed = '[claims]\npicture = { format = "https://b.example/{photo}" }\n[api.error.when]\npath = "s"\nin = [1]\n'
    write(tmp_path, "child", f'extends = "acme"\n{changed}')
    child = loader.load("child")
    assert child.claims == {"sub": "id", "name": "n", "picture": {"format": "https://b.example/{photo}"}}
    assert (child.api.error.when.named(), child.api.error.code) == ({"path", "in"}, "error")


def test_what_is_not_wanted_is_not_taken_over(loader, tmp_path):
    write(
        tmp_path,
        "acme",
        f'{WITH_CLAIMS}name = "n"\nemail = "e"\nemail_verified = "v"\n[api.headers]\nA = "1"\nB = "2"\n',
    )
    less = 'without = ["claims.email", "api.headers.A", "callback"]\n'
    write(tmp_path, "child", f'extends = "acme"\n{less}[callback]\nerrors = ["err"]\n')
    write(tmp_path, "grandchild", 'extends = "child"\n[claims]\nemail = "mail"\n')
    child = loader.load("child")
    assert child.claims == {"sub": "id", "name": "n"}  # a word on an address goes with it
    assert (child.api.headers, child.callback.keep, child.callback.errors) == ({"B": "2"}, (), ("err",))
    grandchild = loader.load("grandchild")
    assert (grandchild.claims["email"], grandchild.without) == ("mail", ())
    assert loader.add("again", child).claims == child.claims


def test_what_is_not_taken_over_must_be_there(loader, tmp_path):
    write(tmp_path, "acme", f'{WITH_CLAIMS}name = "n"\n')
    write(tmp_path, "child", 'extends = "acme"\nwithout = ["claims.nam", "title.x", "api"]\n\n[token]\nbody = "x"\n')
    write(tmp_path, "grandchild", 'extends = "child"\nwithout = ["token.body"]\n')
    assert [(problem.key, problem.message) for problem in loader.check("child")] == [
        ("without[0]", "nothing of this name is taken over: 'claims.nam'"),
        ("without[1]", "nothing of this name is taken over: 'title.x'"),
        ("without[2]", "nothing of this name is taken over: 'api'"),
        ("token.body", "unknown value: 'x'"),
    ]
    assert {problem.definition for problem in loader.check("grandchild")} == {"grandchild.toml"}
    write(tmp_path, "child", 'extends = "acme"\nwithout = "claims"\n')
    assert [problem.message for problem in loader.check("child")] == ["a list is expected, not text: 'claims'"]


@pytest.mark.parametrize("claim", ["email", "phone_number"])
def test_a_word_on_another_address_is_not_inherited(loader, tmp_path, claim):
    write(tmp_path, "acme", f'{WITH_CLAIMS}{claim} = "a"\n{claim}_verified = "a_ok"\n')
    write(tmp_path, "same", 'extends = "acme"\n[claims]\nname = "n"\n')
    write(tmp_path, "other", f'extends = "acme"\n[claims]\n{claim} = "b"\n')
    write(tmp_path, "both", f'extends = "acme"\n[claims]\n{claim} = "b"\n{claim}_verified = "b_ok"\n')
    write(tmp_path, "below", 'extends = "other"\n[claims]\nname = "n"\n')
    told = {name: loader.load(name).claims.get(f"{claim}_verified") for name in ("same", "other", "both", "below")}
    assert told == {"same": "a_ok", "other": None, "both": "b_ok", "below": None}


def test_a_file_may_change_the_one_that_it_hides(tmp_path):
    below, above, top = tmp_path / "below", tmp_path / "above", tmp_path / "top"
    write(below, "acme")
    write(above, "acme", 'extends = "acme"\ntitle = "Changed"\n')
    write(top, "acme", 'extends = "acme"\n[callback]\nkeep = []\n')
    definition = Loader([below, above, top], environ={}).load("acme")
    assert (definition.title, definition.callback.keep) == ("Changed", ())


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("again", ["above", "alias", "above/acme.toml"])
def test_a_file_that_is_found_twice_hides_nothing_of_its_own(tmp_path, again, listed):
    below, above = tmp_path / "below", tmp_path / "above"
    write(below, "acme")
    write(above, "acme", 'extends = "acme"\ntitle = "Changed"\n')
    (tmp_path / "alias").symlink_to(above)
    environ = {"OAUTHREG_PATH": os.pathsep.join(map(str, (above, below, above)))}
    twice = Loader([above, tmp_path / again], environ=environ)
    if listed:
        twice.names()
    assert [source.file for source in twice.chain("acme")] == [
        str(tmp_path / again.partition("/")[0] / "acme.toml"),
        str(below / "acme.toml"),
    ]
    assert (twice.load("acme").title, twice.check("acme")) == ("Changed", ())


def test_a_file_that_is_found_twice_extends_itself_all_the_same(tmp_path):
    write(tmp_path, "acme", 'extends = "acme"\ntitle = "Changed"\n')
    twice = Loader([tmp_path, tmp_path], environ={})
    with pytest.raises(DefinitionInvalidError, match="extends itself: 'acme'"):
        twice.load("acme")


def test_a_definition_is_extended_by_its_name(loader, tmp_path):
    write(tmp_path, "acme")
    write(tmp_path, "child", 'extends = "acme-classic"\n')
    write(tmp_path, "broken", "= 1")
    (problem,) = loader.check("child")
    assert (problem.message, problem.hint) == (
        "unknown definition: 'acme-classic'",
        "it is an alias: write `acme`",
    )
    assert loader.load("acme-classic").name == "acme"


def test_a_chain_has_an_end(loader, tmp_path):
    for number in range(9):
        write(tmp_path, f"acme-{number}", f'extends = "acme-{number + 1}"\n')
    write(tmp_path, "acme-9")
    assert loader.load("acme-2").title == "Acme"
    with pytest.raises(DefinitionInvalidError, match="more than 8 definitions extend each other"):
        loader.load("acme-0")


def test_problems_are_in_the_file_that_has_them(loader, tmp_path):
    write(tmp_path, "acme", ACME + '\n[oauth1]\nrealm = "{x}"\n')
    write(tmp_path, "sandbox", 'extends = "acme"\n\n[api.headers]\nX-Y = "{y}"\n')
    problems = loader.check("sandbox")
    assert [(problem.file, problem.line, problem.key) for problem in problems] == [
        ("acme.toml", 18, "oauth1.realm"),
        ("sandbox.toml", 4, "api.headers.X-Y"),
    ]
    with pytest.raises(DefinitionInvalidError) as caught:
        loader.load("sandbox")
    assert caught.value.problems == problems
    assert str(caught.value) == render_problems(problems)


def test_a_problem_in_a_file_that_is_extended_says_whose_it_is(loader, tmp_path):
    write(tmp_path, "acme", f'{WITH_CLAIMS}\n[[example]]\nuserinfo = {{ id = 1 }}\nclaims = {{ sub = "1" }}\n')
    write(tmp_path, "child", 'extends = "acme"\n[claims]\nsub = "uid"\n')
    write(tmp_path, "grandchild", 'extends = "child"\n')
    write(tmp_path, "own", 'extends = "acme"\nexample = []\n[claims]\nsub = "uid"\n')
    for name in ("child", "grandchild"):
        (problem,) = loader.check(name)
        assert (problem.file, problem.definition) == ("acme.toml", f"{name}.toml")
        assert problem.hint == "the example is inherited: write `example = []`, or one of your own"
        note = f"  note: found while checking {name}.toml, which extends this file"
        assert render_problems([problem]).splitlines()[-1] == note
    assert loader.check("own") == loader.check("acme") == ()
    write(tmp_path, "acme", f"{ACME}\n[api.headers]\nX-Y = '{{y}}'\n")
    with pytest.raises(DefinitionInvalidError, match=r"found while checking own\.toml") as caught:
        loader.load("own")
    assert {problem.definition for problem in caught.value.problems} == {"own.toml", ""}


@pytest.mark.parametrize("text", ["= 1", 'extends = "nobody"', 'extends = "grandchild"'])
def test_a_file_that_is_extended_and_cannot_be_used_says_whose_it_is(loader, tmp_path, text):
    write(tmp_path, "acme", text)
    write(tmp_path, "child", 'extends = "acme"\n')
    write(tmp_path, "grandchild", 'extends = "child"\n')
    (problem,) = loader.check("grandchild")
    assert (problem.file, problem.definition) == ("acme.toml", "grandchild.toml")
    (problem,) = loader.check("acme")
    assert problem.file in {"acme.toml", "child.toml"}


MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize("mark", [b"", MARK])
def test_a_file_is_utf_8(loader, tmp_path, mark):
    text = ACME.replace("Acme", "Akmé").replace("\n", "\r\n").encode("latin-1")
    (tmp_path / "acme.toml").write_bytes(mark + text)
    with pytest.raises(DefinitionSyntaxError) as caught:
        loader.load("acme")
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.message) == (2, 13, "an octet that is no UTF-8: 0xE9")


def test_a_file_may_begin_with_a_mark(loader, tmp_path):
    (tmp_path / "acme.toml").write_bytes(MARK + ACME.encode())
    assert loader.load("acme").title == "Acme"


def test_a_file_has_a_largest_size(loader, tmp_path):
    write(tmp_path, "acme", ACME + "#" * (256 * 1024 - len(ACME)))
    assert loader.load("acme").title == "Acme"
    write(tmp_path, "acme", ACME + "#" * (256 * 1024 - len(ACME) + 1))
    with pytest.raises(DefinitionSyntaxError, match="too large"):
        loader.load("acme")


def test_a_file_that_cannot_be_read_says_why(loader, tmp_path):
    path = write(tmp_path, "acme")
    loader.names()
    path.unlink()
    with pytest.raises(DefinitionError, match=r"cannot read acme.toml: No such file or directory") as caught:
        loader.load("acme")
    assert caught.value.code == "unreadable-definition"
    with pytest.raises(DefinitionError):
        loader.check("acme")


def test_a_checkout_without_symbolic_links_says_so(tmp_path, monkeypatch):
    link = tmp_path / "providers"
    link.write_text("../../providers")
    monkeypatch.setattr(loader, "_BUNDLED", link)
    with pytest.raises(DefinitionError) as caught:
        Loader(environ={}).names()
    assert caught.value.code == "no-bundled-definitions"
    assert "symlinks" in caught.value.hint


def test_new_files_are_found_after_reload(loader, tmp_path):
    loader.names()
    write(tmp_path, "acme")
    assert "acme" not in loader.names()
    loader.reload()
    assert "acme" in loader.names()


def test_a_text_is_added_before_all_files(loader, tmp_path):
    write(tmp_path, "acme")
    assert loader.add("acme", titled("Added")).title == "Added"
    loader.reload()
    assert (loader.load("acme").title, loader.load("acme").file) == ("Added", "<string>")


def test_an_added_text_may_change_the_file_that_it_hides(loader, tmp_path):
    write(tmp_path, "acme")
    below = loader.load("acme")
    changed = loader.add("acme", 'extends = "acme"\ntitle = "Changed"\n')
    assert changed.title == "Changed"
    assert changed.endpoints == below.endpoints


def test_what_cannot_be_used_is_not_added(loader):
    for text, error in [("= 1", DefinitionSyntaxError), ("a = 1", DefinitionInvalidError)]:
        with pytest.raises(error) as caught:
            loader.add("acme", text)
        assert caught.value.problems[0].file == "<string>"
        with pytest.raises(UnknownProviderError):
            loader.load("acme")
    loader.add("acme", ACME)
    with pytest.raises(DefinitionInvalidError):
        loader.add("acme", "a = 1")
    assert loader.load("acme").title == "Acme"
    with pytest.raises(UsageError) as caught:
        loader.add("Acme", ACME)
    assert caught.value.code == "invalid-name"


def test_a_loaded_definition_is_added_under_another_name(loader, tmp_path):
    write(tmp_path, "acme")
    added = loader.add("copy", loader.load("acme"))
    assert isinstance(added, Definition)
    assert added == loader.load("acme").named("copy", "acme.toml")
    assert loader.add("sandbox", 'extends = "copy"\ntitle = "Sandbox"\n').callback.keep == ("role", "company")


def test_problems_of_a_text_without_lines_are_told_all_the_same(loader, tmp_path):
    write(tmp_path, "acme")
    loader.add("copy", loader.load("acme"))
    with pytest.raises(DefinitionInvalidError, match="<string>:1:11: unknown definition: 'cop'"):
        loader.add("x", 'extends = "cop"\n')


def test_examples_are_checked(loader, tmp_path):
    example = '\n[claims]\nsub = "token:id"\n\n[[example]]\ntoken = { id = 1 }\nclaims = { sub = "2" }\n'
    write(tmp_path, "acme", ACME + example)
    (problem,) = loader.check("acme-classic")
    assert (problem.line, problem.column, problem.message) == (22, 18, "the documents give another `sub`: '1'")
    with pytest.raises(UnknownProviderError):
        loader.check("xyzzy")


def test_a_definition_is_loaded_from_a_text_or_a_path(tmp_path):
    assert load_definition(ACME, name="acme").name == "acme"
    assert load_definition(ACME).name == "custom"
    assert load_definition(write(tmp_path, "acme")).name == "acme"
    with pytest.raises(DefinitionSyntaxError):
        load_definition("= 1")
    with pytest.raises(DefinitionSyntaxError, match=r"the name of a file, not its text: 'acme\.toml'"):
        load_definition("acme.toml")
