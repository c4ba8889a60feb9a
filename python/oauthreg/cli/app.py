"""The group of commands, and what becomes of their errors."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from oauthreg.cli.exits import exit_code, render_error

_COMMANDS = ("check", "demo", "doctor", "list", "show")
"""Each is a module of this folder that holds a ``command``."""


class _Commands(click.Group):
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


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="oauthreg", message="%(prog)s %(version)s")
def group() -> None:
    r"""Log in with any OAuth provider; a provider is one TOML file.

    \b
    Examples:
      oauthreg demo              a whole login against a local provider
      oauthreg list              the providers that are known here
      oauthreg check acme.toml   every problem of a provider file, at once
    """


def run(arguments: Sequence[str] | None = None, **options: Any) -> int:
    """The exit code of a command line; errors are said on stderr. ``arguments`` default to those of the process."""
    try:
        colour = False if os.environ.get("NO_COLOR") else None
        outcome = group.main(arguments, prog_name="oauthreg", standalone_mode=False, color=colour, **options)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return exit_code(KeyboardInterrupt())
    except BrokenPipeError:
        # Whoever read the output has seen enough, as in `oauthreg list | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the outermost frame
        click.echo(render_error(error), err=True)
        return exit_code(error)
    return outcome if isinstance(outcome, int) else 0
