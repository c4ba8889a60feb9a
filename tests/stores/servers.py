"""PostgreSQL and Redis as programs of this machine, each on a socket in a folder of its own."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from signal import Signals

_PATIENCE = 30
"""Seconds until a program must serve, or have ended."""


_REDIS_READY = "eady to accept connections"
_POSTGRESQL_READY = "ready to accept connections"


class MissingProgramError(Exception):
    """A program that is not installed on this machine."""


class Server:
    """A program that serves at ``socket``, and can be ended and started again, or killed."""

    def __init__(self, command: Sequence[str], folder: Path, socket: Path, ready: str, user: str | None) -> None:
        self.folder = folder
        self.socket = socket
        self._ready = ready
        self._command = command
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it serves."""
        said = self.folder / "log"
        with said.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, **_as(self._user)
            )
        end = time.monotonic() + _PATIENCE
        while self._ready not in said.read_text(errors="replace"):
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self._command[0]} does not serve:\n{said.read_text(errors='replace')}")
            time.sleep(0.01)

    def stop(self, by: Signals = Signals.SIGINT) -> None:
        """End it by a signal; by the usual one, it leaves those who are connected no time."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(by)
            process.wait(timeout=_PATIENCE)


@contextmanager
def serve_redis() -> Iterator[Server]:
    """A Redis that writes everything it holds to its disk at once."""
    program = _found("redis-server", "valkey-server")
    with _folder(None) as folder:
        socket = folder / "redis.sock"
        command = [program, "--port", "0", "--unixsocket", str(socket), "--dir", str(folder), "--save", ""]
        yield from _served(
            Server([*command, "--appendonly", "yes", "--appendfsync", "always"], folder, socket, _REDIS_READY, None)
        )


@contextmanager
def serve_postgresql() -> Iterator[Server]:
    """A PostgreSQL with an empty database ``postgres`` of the user ``postgres``, who needs no password."""
    program, initialise = _found("postgres"), _found("initdb")
    # It refuses to run as root.
    user = next((name for name in ("postgres", "nobody") if _exists(name)), None) if os.geteuid() == 0 else None
    with _folder(user) as folder:
        data, socket = folder / "data", folder / ".s.PGSQL.5432"
        subprocess.run(
            [initialise, "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True, capture_output=True, cwd=folder, timeout=_PATIENCE, **_as(user),
        )  # fmt: skip
        settings = ["listen_addresses=", f"unix_socket_directories={folder}", "port=5432"]
        command = [program, "-D", str(data), *(word for setting in settings for word in ("-c", setting))]
        yield from _served(Server(command, folder, socket, _POSTGRESQL_READY, user))


def _served(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def _folder(user: str | None) -> Iterator[Path]:
    """A folder whose path is short enough for a socket's, and which its user may reach."""
    with tempfile.TemporaryDirectory(prefix="oauthreg-", ignore_cleanup_errors=True) as name:
        if user is not None:
            shutil.chown(name, user)
        yield Path(name)


def _found(*programs: str) -> str:
    """The first of the programs that is installed; Debian keeps PostgreSQL's away from the PATH."""
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, places)])
    for program in programs:
        if (found := shutil.which(program, path=path)) is not None:
            return found
    raise MissingProgramError(f"{' or '.join(programs)} is not installed")


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _as(user: str | None) -> dict[str, object]:
    return {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
