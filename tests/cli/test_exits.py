import aiohttp
import pytest

from oauthreg import errors
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
    (KeyboardInterrupt(), 130),
    (ZeroDivisionError("x"), 1),
]


@pytest.mark.parametrize(("error", "code"), CODES, ids=[type(error).__name__ for error, _ in CODES])
def test_an_error_has_its_exit_code(error, code):
    assert exit_code(error) == code


def test_errors_are_said_in_one_line_with_their_hint():
    assert render_error(errors.UsageError("no", hint="do that")) == "error: no\nhint: do that"
    assert render_error(TimeoutError("too long")) == "error: TimeoutError: too long"


def test_an_unexpected_error_shows_where_it_came_from():
    try:
        _ = 1 / 0
    except ZeroDivisionError as error:
        said = render_error(error)
    assert said.startswith("Traceback")
    assert said.endswith("error: unexpected; this is a fault of oauthreg")
