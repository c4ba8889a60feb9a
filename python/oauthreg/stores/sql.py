"""Tokens in two tables of a database: what stores in SQL have in common, in words of SQLite as of PostgreSQL.

A row is found by the digest of its key; the columns with the key's parts are for ``token_keys``, and for those who
look into the table. No statement needs a transaction with another one: each does its whole work or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oauthreg.stores.polled_lease import PolledLease
from oauthreg.stores.token_store import (
    KEY_PARTS,
    TokenKey,
    digest_of,
    key_parts,
    new_version,
    parse_token,
    render_token,
    stale_version,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

_PARTS = ", ".join(KEY_PARTS)
_TYPED_PARTS = ", ".join(f"{part} TEXT NOT NULL" for part in KEY_PARTS)

_TOKEN_COLUMNS = f"digest TEXT PRIMARY KEY, {_TYPED_PARTS}, token TEXT NOT NULL, version BIGINT NOT NULL"
_LEASE_COLUMNS = "digest TEXT PRIMARY KEY, holder TEXT NOT NULL, ends DOUBLE PRECISION NOT NULL"

TABLES = (
    f"CREATE TABLE IF NOT EXISTS oauthreg_tokens ({_TOKEN_COLUMNS})",
    "CREATE INDEX IF NOT EXISTS oauthreg_tokens_by_account ON oauthreg_tokens (account)",
    f"CREATE TABLE IF NOT EXISTS oauthreg_leases ({_LEASE_COLUMNS})",
)
"""What creates the tables that are not there yet. ``ends`` is in seconds since 1970."""

_LOAD = "SELECT token, version FROM oauthreg_tokens WHERE digest = $1"

_INSERT = (
    f"INSERT INTO oauthreg_tokens (digest, token, version, {_PARTS}) "  # noqa: S608 - names of columns
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (digest) DO NOTHING"
)

_UPDATE = "UPDATE oauthreg_tokens SET token = $2, version = $3 WHERE digest = $1 AND version = $4"

_DELETE = "DELETE FROM oauthreg_tokens WHERE digest = $1"

_KEYS = (
    f"SELECT digest, {_PARTS} FROM oauthreg_tokens WHERE digest > $1 "  # noqa: S608 - names of columns
    "AND (CAST($2 AS TEXT) IS NULL OR provider = $2) AND (CAST($3 AS TEXT) IS NULL OR account = $3) "
    "ORDER BY digest LIMIT 500"
)

# A lease that ends later than any that is taken now was taken before the clock was put back.
_TAKE_LEASE = (
    "INSERT INTO oauthreg_leases (digest, holder, ends) VALUES ($1, $2, {now} + $3) "
    "ON CONFLICT (digest) DO UPDATE SET holder = excluded.holder, ends = excluded.ends "
    "WHERE oauthreg_leases.ends <= {now} OR oauthreg_leases.ends > {now} + 2 * $3 "
    "OR oauthreg_leases.holder = excluded.holder"
)

_GIVE_LEASE_BACK = "DELETE FROM oauthreg_leases WHERE digest = $1 AND holder = $2"


class SQLStore:
    """A ``TokenStore`` by statements, which a subclass runs.

    ``now`` gives an expression of SQL: the seconds since 1970 by which leases end. ``sleep`` waits between two looks at
    one.
    """

    def __init__(self, *, now: Callable[[], str], sleep: Callable[[float], Awaitable[object]]) -> None:
        self._now = now
        self._sleep = sleep

    async def load(self, key: TokenKey) -> tuple[dict[str, Any], int] | None:
        """The token, and its version."""
        rows = await self._fetch(_LOAD, digest_of(key))
        return (parse_token(rows[0][0]), rows[0][1]) if rows else None

    async def save(self, key: TokenKey, token: Mapping[str, Any], *, seen_version: int | None) -> int:
        """The new version. Raises ``TokenStoreError``, of a late writer with the code ``stale-version``."""
        version = new_version()
        row = digest_of(key), render_token(token), version
        if seen_version is None:
            changed = await self._change(_INSERT, *row, *key_parts(key))
        else:
            changed = await self._change(_UPDATE, *row, seen_version)
        if not changed:
            raise stale_version()
        return version

    async def delete(self, key: TokenKey) -> None:
        """Forget the token."""
        await self._change(_DELETE, digest_of(key))

    async def token_keys(self, *, provider: str | None = None, account: str | None = None) -> AsyncIterator[TokenKey]:
        """The keys of all tokens, or of those of one provider, of one account, or of both."""
        last = ""
        while rows := await self._fetch(_KEYS, last, provider, account):
            for last, *parts in rows:  # noqa: B007 - the next page begins after it
                yield TokenKey(*parts)

    def lease(self, key: TokenKey, seconds: float) -> AbstractAsyncContextManager[None]:
        """A context that one holder at a time is in, for ``seconds`` at most."""
        digest = digest_of(key)

        async def take(holder: str) -> bool:
            return await self._change(_TAKE_LEASE.format(now=self._now()), digest, holder, seconds)

        async def give_back(holder: str) -> bool:
            return await self._change(_GIVE_LEASE_BACK, digest, holder)

        return PolledLease(take, give_back, sleep=self._sleep)

    async def _fetch(self, statement: str, *values: object) -> Sequence[Sequence[Any]]:
        """The rows that a statement gives."""
        raise NotImplementedError

    async def _change(self, statement: str, *values: object) -> bool:
        """Whether a statement changed a row."""
        raise NotImplementedError
