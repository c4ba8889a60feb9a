"""Starts and stops the PHP counterpart: ``php -S`` on a port of the system's choice."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from .counterpart import CLIENTS, TIMESTAMP_WINDOW, USER, Counterpart

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
    started: Future[str] = Future()
    with subprocess.Popen(
        [program, "-d", "display_errors=stderr", "-S", "127.0.0.1:0", str(SCRIPT)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        log = threading.Thread(target=_read_log, args=(process.stderr, started), name="log of the PHP counterpart")
        log.start()
        try:
            origin = started.result(timeout=10)
            yield Counterpart(f"php-oauth {version}", origin)
        finally:
            process.terminate()
            log.join(timeout=10)


def _read_log(lines: Iterable[str], started: "Future[str]") -> None:
    """Finds the origin in the line that tells of the start, and keeps the pipe from filling up."""
    for line in lines:
        found = re.search(r"Development Server \((http://\S+)\) started", line)
        if found and not started.done():
            started.set_result(found[1])
    if not started.done():
        started.set_exception(RuntimeError("php ended before it served"))
