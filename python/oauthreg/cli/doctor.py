"""``oauthreg doctor``: which engine runs here and why, which versions, and whether the definitions are sound."""

import os
import platform
import ssl
from pathlib import Path
from typing import Any

import click

from oauthreg.cli.command import Command, json_option
from oauthreg.cli.exits import FINE, UNEXPECTED
from oauthreg.cli.installation import installed_version
from oauthreg.cli.output import echo_json, echo_table, note
from oauthreg.errors import OAuthRegError

_PACKAGES = ("aiohttp", "yarl", "pydantic", "cryptography", "joserfc", "platformdirs", "click", "rich")

Finding = dict[str, str]
"""``what`` was looked at, how it ``is``, and ``wrong``: why that will not do, or an empty text."""


_EXAMPLES = (
    ("oauthreg doctor", "everything at a glance"),
    ("oauthreg doctor --json", "for a report"),
)


@click.command(
    cls=Command, examples=_EXAMPLES, short_help="Show the engine, versions and search paths of this installation."
)
@json_option
def command(*, as_json: bool) -> int:
    """Show the engine, versions and search paths of this installation, and check the definitions.

    The exit code is 1 when something is wrong.
    """
    findings = [_engine(), _interpreter(), _itself(), *map(_package, _PACKAGES), *_definitions()]
    wrong = [finding for finding in findings if finding["wrong"]]
    if as_json:
        echo_json({"ok": not wrong, "findings": findings})
    else:
        echo_table(("", "what", "is"), [_row(finding) for finding in findings])
        for finding in wrong:
            note(f"{finding['what']}: {finding['wrong']}")
    return UNEXPECTED if wrong else FINE


def _engine() -> Finding:
    from oauthreg.cli.installation import ADVICE, describe_engine

    try:
        name, why = describe_engine()
    except (ImportError, OAuthRegError) as error:
        return _finding("signing engine", "none", f"{error}; {ADVICE}")
    return _finding("signing engine", f"{name}: {why}")


def _interpreter() -> Finding:
    text = (
        f"{platform.python_implementation()} {platform.python_version()}, {ssl.OPENSSL_VERSION}, {platform.platform()}"
    )
    return _finding("python", text)


def _itself() -> Finding:
    return _finding(
        "oauthreg", installed_version("oauthreg") or f"not installed, runs from {Path(__file__).parents[1]}"
    )


def _package(name: str) -> Finding:
    found = installed_version(name)
    return _finding(name, found or "missing", "" if found or name == "rich" else f"pip install {name}")


def _definitions() -> list[Finding]:
    from oauthreg.definition import Loader

    loader = Loader(environ=os.environ)
    found = []
    for place in loader.places:
        is_folder = os.path.isdir(place)  # noqa: PTH112 - which never raises
        there = f"files: {len(list(place.glob('*.toml')))}" if is_folder else "not there"
        found.append(_finding("searched", f"{place} ({there})"))
    for name in loader.names():
        problems = _problems(loader, name)
        if problems:
            found.append(_finding(f"definition {name}", "invalid", f"{problems}; see `oauthreg check`"))
    return [_finding("definitions", f"{len(loader.names())} checked"), *found]


def _problems(loader: Any, name: str) -> str:
    try:
        problems = loader.check(name)
    except OAuthRegError as error:
        return error.message
    return problems[0].message if len(problems) == 1 else f"{len(problems)} problems" if problems else ""


def _finding(what: str, how: str, wrong: str = "") -> Finding:
    return {"what": what, "is": how, "wrong": wrong}


def _row(finding: Finding) -> tuple[str, str, str]:
    return "wrong" if finding["wrong"] else "ok", finding["what"], finding["is"]
