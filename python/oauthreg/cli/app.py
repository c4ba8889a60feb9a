"""The group of commands, and what becomes of their errors."""

import importlib
import os
from collections.abc import Sequence
from typing import Any

import click

from oauthreg.cli.command import Group
from oauthreg.cli.exits import exit_code, render_error
from oauthreg.cli.installation import installed_version
from oauthreg.cli.output import note, tolerate_any_text

_COMMANDS = (
    "accounts",
    "check",
    "demo",
    "doctor",
    "explain",
    "key",
    "list",
    "login",
    "logout",
    "request",
    "schema",
    "show",
    "token",
)
"""Each is a module of this folder that holds a ``command``."""


_EXAMPLES = (
    ("oauthreg demo", "a whole login against a local provider"),
    ("oauthreg list", "the providers that are known here"),
    ("oauthreg login acme", "log in for real; then `oauthreg request acme me`"),
    ("oauthreg check acme.toml", "every problem of a provider file, at once"),
)


class _Commands(Group):
    """Loads a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        """The names, in order."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as click calls it
        """The command of that name."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"oauthreg.cli.{cmd_name}").command
        return command


def _say_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"oauthreg {installed_version('oauthreg') or '(not installed)'}")
        ctx.exit()


@click.group(cls=_Commands, examples=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_version,
    help="Show the version and exit.",
)
def group() -> None:
    """Log in with any OAuth provider; a provider is one TOML file."""


def run(arguments: Sequence[str] | None = None, **options: Any) -> int:
    """The exit code of a command line; errors are said on stderr. ``arguments`` default to those of the process."""
    tolerate_any_text()
    try:
        colour = False if os.environ.get("NO_COLOR") else None
        outcome = group.main(arguments, prog_name="oauthreg", standalone_mode=False, color=colour, **options)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        note("interrupted")
        return exit_code(KeyboardInterrupt())
    except Exception as error:  # noqa: BLE001 - the outermost frame
        note(*render_error(error).split("\n"))
        return exit_code(error)
    return outcome if isinstance(outcome, int) else 0
