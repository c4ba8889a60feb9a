"""``python -m oauthreg`` and the program ``oauthreg``."""

import os
import sys


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        import click  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.exit("the command line needs click: pip install 'oauthreg[cli]'")
    from oauthreg.cli.app import run

    code = run()
    try:
        if sys.stdout is not None:  # a process may have none
            sys.stdout.flush()
    except OSError:
        # That it cannot be written has been said, and the interpreter would try again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


if __name__ == "__main__":
    main()
