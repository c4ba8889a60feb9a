"""Tokens in a file of SQLite: for the processes of one machine."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oauthreg.errors import UsageError
from oauthreg.stores.sql import TABLES, SQLStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_PATIENCE = 30.0
"""Seconds until a statement fails that waits for other processes; each takes milliseconds."""
_STINT = 0.2
"""Seconds for which a thread waits before it is free for others."""


class SQLiteStore(SQLStore):
    """A ``TokenStore`` in one file, for any number of processes, threads and event loops of one machine.

    ``path`` is the file's. It is made when it is first needed, with its folder if that is missing, and only its owner
    may read it (0600, 0700). What ``save`` has returned from survives a loss of power. A network's file system will not
    do, since SQLite's locks do not hold there.

    Nothing stays open between two calls, so there is nothing to close, and a fork does no harm. ``now`` gives the
    seconds since 1970 by which leases end, ``sleep`` waits between two looks at one.

    Raises ``UsageError`` for a path that names no file.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        try:
            name = os.fsdecode(path)
        except TypeError:
            name = ""
        if not name or name == ":memory:" or name.startswith("file:"):
            raise UsageError(
                f"the tokens need a file, not {path!r}",
                code="no-file",
                hint="pass the path of a file, which need not exist yet; `MemoryStore` keeps tokens in memory",
            )
        super().__init__(now=lambda: repr(float(now())), sleep=sleep)
        self._path = Path(name).absolute()

    def __repr__(self) -> str:
        return f"<SQLiteStore {str(self._path)!r}>"

    async def _fetch(self, statement: str, *values: object) -> list[Any]:
        return (await self._run_in_turn(statement, values))[0]

    async def _change(self, statement: str, *values: object) -> bool:
        return (await self._run_in_turn(statement, values))[1] > 0

    async def _run_in_turn(self, statement: str, values: tuple[object, ...]) -> tuple[list[Any], int]:
        """As ``_run``, when other processes let it; threads, which the application needs as well, wait for stints."""
        for _ in range(int(_PATIENCE / _STINT / 2)):
            try:
                return await asyncio.to_thread(self._run, statement, values)
            except sqlite3.OperationalError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
            await self._sleep(_STINT)
        return await asyncio.to_thread(self._run, statement, values)

    def _run(self, statement: str, values: tuple[object, ...]) -> tuple[list[Any], int]:
        """The rows that a statement gives, and how many it changed."""
        with closing(self._connect()) as connection:
            for table in TABLES:
                connection.execute(table)
            done = connection.execute(statement, {str(place): value for place, value in enumerate(values, 1)})
            return done.fetchall(), done.rowcount

    def _connect(self) -> sqlite3.Connection:
        """A connection in which each statement is a transaction of its own."""
        if not self._path.exists():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # What SQLite writes beside it gets the rights that this one has.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(self._path, timeout=_STINT, isolation_level=None)
        # When a statement has returned, all of it is on the disk, the end of its journal as well.
        connection.execute("PRAGMA synchronous = EXTRA")
        return connection
