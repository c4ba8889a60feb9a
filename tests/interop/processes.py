"""Counterparts that are programs: started, waited for until they tell where they serve, and ended."""

import re
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

_PATIENCE = 30
"""Seconds until a program must serve; none needs more than two on an idle machine."""
_GRACE = 5
"""Seconds that it may take to end."""


@contextmanager
def serve_program(
    command: Sequence[str], environment: Mapping[str, str], *, origin: str = r"^(http://\S+)$"
) -> Iterator[str]:
    """The origin of a program that serves, found by the pattern ``origin`` in one of its lines."""
    started: Future[str] = Future()
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
    ) as process:
        log = threading.Thread(target=_read_log, args=(process.stdout, started, origin), name=f"log of {command[0]}")
        log.start()
        try:
            yield started.result(timeout=_PATIENCE)
        finally:
            process.terminate()
            try:
                process.wait(timeout=_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
            log.join(timeout=_GRACE)


def wait_until_open(origin: str) -> None:
    """Return when somebody listens at the origin: some programs say so before they do. Raises ``TimeoutError``."""
    host, _, port = origin.removeprefix("http://").partition(":")
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise TimeoutError(f"nobody listens at {origin}") from None
            time.sleep(0.01)
        else:
            return


def _read_log(lines: Iterable[str], started: "Future[str]", origin: str) -> None:
    """Finds the origin in the line that tells it, and keeps the pipe from filling up."""
    last: deque[str] = deque(maxlen=20)
    for line in lines:
        last.append(line)
        found = re.search(origin, line)
        if found and not started.done():
            started.set_result(found[1])
    if not started.done():
        started.set_exception(RuntimeError(f"the program ended before it served:\n{''.join(last)}"))
