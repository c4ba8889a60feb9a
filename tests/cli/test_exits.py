import errno
import os
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

import oauthreg
from oauthreg import errors
from oauthreg.cli import exits
from oauthreg.cli.exits import exit_code, render_error

CODES = [
    (errors.DefinitionInvalidError("x"), 3),
    (errors.DefinitionSyntaxError("x"), 3),
    (errors.UnknownProviderError("x"), 2),
    (errors.UsageError("x"), 2),
    (errors.MissingCredentialError("x"), 2),
    (errors.MissingTokenError("x"), 4),
    (errors.ReauthorizationRequired("x"), 4),
    (errors.OAuthError("x"), 5),
    (errors.AccessDeniedError("x"), 5),
    (errors.MalformedResponseError("x"), 5),
    (errors.OAuthRegError("x"), 1),
    (aiohttp.ClientPayloadError("x"), 6),
    (aiohttp.ServerTimeoutError("x"), 6),
    (TimeoutError("x"), 6),
    (ConnectionRefusedError("x"), 6),
    (OSError(errno.ENOSPC, "No space left on device"), 1),
    (PermissionError(errno.EACCES, "Permission denied", "key"), 1),
    (KeyboardInterrupt(), 130),
    (ZeroDivisionError("x"), 1),
]


@pytest.mark.parametrize(("error", "code"), CODES, ids=[type(error).__name__ for error, _ in CODES])
def test_an_error_has_its_exit_code(error, code):
    assert exit_code(error) == code


def test_errors_are_said_in_one_line_with_their_hint():
    assert render_error(errors.UsageError("no", hint="do that")) == "error: no\nhint: do that"
    assert render_error(TimeoutError("too long")) == "error: TimeoutError: too long"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the output cannot be written: No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "key"), "key: Permission denied"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        (OSError("odd"), "odd"),
    ],
)
def test_what_this_machine_refuses_is_said_without_a_traceback(error, said):
    assert render_error(error) == f"error: {said}"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no disk that is always full")  # noqa: PTH110
@pytest.mark.parametrize("arguments", [("list",), ("list", "--json"), ("schema",), ("--help",)])
def test_a_full_disk_is_told(arguments):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "oauthreg", *arguments],
            env={"PYTHONPATH": ":".join(sys.path)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "error: the output cannot be written: No space left on device\n")


def test_advice_is_the_command_line_s():
    said = render_error(errors.UsageError("x", code="missing-variable", hint='pass `variables={"a": …}`'))
    assert said == "error: x\nhint: `--variable NAME=VALUE`, or OAUTHREG_<NAME>_<VARIABLE>"


@pytest.mark.parametrize("code", exits._ADVICE)
def test_advice_is_for_errors_that_there_are(code):
    sources = Path(oauthreg.__file__).parent.rglob("*.py")
    assert any(f'code="{code}"' in path.read_text("utf-8") for path in sources)


def test_a_server_cannot_write_lines_of_its_own():
    for error in (errors.OAuthError("x", "y\nlogged in"), aiohttp.ClientError("y\nlogged in")):
        assert render_error(error).endswith("y\\nlogged in")
        assert "\n" not in render_error(error)


def test_an_unexpected_error_shows_where_it_came_from():
    try:
        _ = 1 / 0
    except ZeroDivisionError as error:
        said = render_error(error)
    assert said.startswith("Traceback")
    assert said.endswith("error: unexpected; this is a fault of oauthreg")
