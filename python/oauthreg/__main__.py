"""``python -m oauthreg`` and the program ``oauthreg``."""

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

    sys.exit(run())


if __name__ == "__main__":
    main()
