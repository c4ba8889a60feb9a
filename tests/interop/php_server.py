"""Starts and stops the PHP counterpart: ``php -S`` on a port of the system's choice."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from .counterpart import CLIENTS, TIMESTAMP_WINDOW, USER, Counterpart
from .processes import serve_program

SCRIPT = Path(__file__).with_suffix(".php")
_EXTENSIONS = ("OAuth", "pdo_sqlite")


def find_php() -> tuple[str, str]:
    """The program and the version of its oauth extension. Raises ``LookupError`` that says what is missing."""
    program = shutil.which("php")
    if program is None:
        raise LookupError("no `php`")
    loaded = subprocess.run([program, "-m"], capture_output=True, text=True, check=True, timeout=10).stdout.split()
    missing = [name for name in _EXTENSIONS if name not in loaded]
    if missing:
        raise LookupError(f"php lacks {' and '.join(missing)}")
    version = subprocess.run(
        [program, "-r", "echo phpversion('oauth');"], capture_output=True, text=True, check=True, timeout=10
    ).stdout
    return program, version


@contextmanager
def serve_php(folder: Path) -> Iterator[Counterpart]:
    """The running counterpart, with its memory and its log in ``folder``."""
    program, version = find_php()
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "INTEROP_CLIENTS": json.dumps({name: asdict(client) for name, client in CLIENTS.items()}),
        "INTEROP_DATABASE": str(folder / "php.sqlite"),
        "INTEROP_TIMESTAMP_WINDOW": str(TIMESTAMP_WINDOW["php"]),
        "INTEROP_USER": json.dumps(USER),
    }
    command = [program, "-d", "display_errors=stderr", "-S", "127.0.0.1:0", str(SCRIPT)]
    with serve_program(command, environment, origin=r"Development Server \((http://\S+)\) started") as origin:
        yield Counterpart(f"php-oauth {version}", origin)
