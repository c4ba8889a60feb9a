"""Tokens in PostgreSQL: for any number of machines."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from oauthreg.stores.sql import TABLES, SQLStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

_NOW = "extract(epoch FROM clock_timestamp())::double precision"
"""By the database's clock, which all machines share."""

_IN_CONFLICT = ("40001", "40P01")
"""A serialization failure, where the database isolates more than it does by default, and a deadlock: to be repeated."""
_ATTEMPTS, _PAUSE = 20, 0.01

_LOCK = 0x6F617574
"""What processes that create the tables at once take one after the other: all of them may find the tables missing."""


class Pool(Protocol):
    """What is asked of a pool of asyncpg."""

    async def execute(self, query: str, *args: Any) -> str:
        """Run a statement; its status ends with the number of rows that it changed."""

    async def fetch(self, query: str, *args: Any) -> Sequence[Any]:
        """The rows that a statement gives."""


class PostgreSQLStore(SQLStore):
    """A ``TokenStore`` in a database, for any number of processes on any number of machines.

    ``pool`` is a pool of asyncpg, which stays the application's: it is neither made nor closed here, and belongs to one
    event loop. ``create_tables`` makes the tables once, or a migration does, with what ``oauthreg.stores.sql.TABLES``
    says. No connection and no transaction is held while a token is renewed; who makes requests with a connection of
    the same pool in hand needs a second one for the token. ``sleep`` waits between two looks at a lease.
    """

    def __init__(self, pool: Pool, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        super().__init__(now=lambda: _NOW, sleep=sleep)
        self._pool = pool

    def __repr__(self) -> str:
        return "<PostgreSQLStore>"

    async def create_tables(self) -> None:
        """Create the tables that are not there yet; any number of processes may do so at once."""
        await self._pool.execute("; ".join((f"SELECT pg_advisory_xact_lock({_LOCK})", *TABLES)))

    async def _fetch(self, statement: str, *values: object) -> Sequence[Sequence[Any]]:
        return await self._pool.fetch(statement, *values)

    async def _change(self, statement: str, *values: object) -> bool:
        for _ in range(_ATTEMPTS):
            try:
                return not (await self._pool.execute(statement, *values)).endswith(" 0")
            except Exception as error:
                if getattr(error, "sqlstate", None) not in _IN_CONFLICT:
                    raise
            await self._sleep(_PAUSE)
        return not (await self._pool.execute(statement, *values)).endswith(" 0")
