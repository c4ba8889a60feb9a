import subprocess
import sys

import pytest

from oauthreg.cli import app
from oauthreg.cli.app import group, run

COMMANDS = (
    "accounts", "check", "demo", "doctor", "explain", "list", "login", "logout", "request", "schema", "show", "token",
)  # fmt: skip


def test_every_command_is_listed_with_one_line(oauthreg):
    done = oauthreg("--help")
    assert done.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in done.out


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_explains_itself_with_examples(oauthreg, name):
    done = oauthreg(name, "--help")
    assert done.code == 0
    assert "Examples:\n  " in done.out
    assert f"oauthreg {name}" in done.out
    assert "--json" in done.out


def test_the_version_is_said_with_and_without_an_installation(oauthreg, monkeypatch):
    for found, said in (("1.2", "oauthreg 1.2\n"), (None, "oauthreg (not installed)\n")):
        monkeypatch.setattr(app, "installed_version", lambda _, found=found: found)
        assert oauthreg("--version").out == said


@pytest.mark.parametrize("arguments", [("frob",), ("show",), ("list", "--frob"), ("check", "no-such-file.toml")])
def test_wrong_usage_is_2_and_said_on_stderr(oauthreg, arguments):
    done = oauthreg(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Error: " in done.err


def test_an_error_ends_with_its_exit_code_and_its_hint(oauthreg):
    done = oauthreg("show", "acne")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: no definition has the name: 'acne'\nhint: did you mean `acme`?\n"


def test_an_interruption_is_130(oauthreg, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(group, "main", interrupt)
    done = oauthreg("list")
    assert (done.code, done.err) == (130, "interrupted\n")


def test_no_colour_is_used_when_it_is_not_wanted(oauthreg, monkeypatch):
    colours = []
    monkeypatch.setattr(group, "main", lambda *_, color, **__: colours.append(color))
    run([])
    monkeypatch.setenv("NO_COLOR", "1")
    run([])
    assert colours == [None, False]


PROGRAM = """
import sys
from oauthreg.cli.app import run
code = run({arguments!r})
heavy = {{"aiohttp", "pydantic", "cryptography", "rich", "yarl", "asyncio"}}
print(sorted(heavy & set(sys.modules)), code, file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["demo", "--help"], ["check", "--help"], ["frob"]])
def test_help_loads_nothing_heavy(arguments):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(arguments=arguments)],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == f"[] {2 if 'frob' in arguments else 0}"


def test_definitions_are_listed_without_aiohttp(folder):
    program = PROGRAM.format(arguments=["list"]).replace('"pydantic", ', "").replace('"yarl", ', "")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "aiohttp" not in done.stderr


def test_a_reader_that_has_seen_enough_is_left_in_peace(folder):
    writer = subprocess.Popen(
        [sys.executable, "-m", "oauthreg", "list", "--json"],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    writer.stdout.close()
    assert writer.stderr.read() == ""
    writer.wait()
    writer.stderr.close()
