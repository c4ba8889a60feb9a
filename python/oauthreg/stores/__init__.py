"""Where tokens are kept between two requests, two processes and two machines.

Names are loaded when they are first used: a client without a store needs none of them.
"""

from typing import TYPE_CHECKING

from oauthreg.facade import load_from

if TYPE_CHECKING:
    from oauthreg.stores.memory import MemoryStore as MemoryStore
    from oauthreg.stores.postgresql import PostgreSQLStore as PostgreSQLStore
    from oauthreg.stores.redis import RedisStore as RedisStore
    from oauthreg.stores.sealed import SealedStore as SealedStore
    from oauthreg.stores.sqlite import SQLiteStore as SQLiteStore
    from oauthreg.stores.token_store import (
        ListingStore as ListingStore,
        TokenKey as TokenKey,
        TokenStore as TokenStore,
    )

_HOME = {
    "ListingStore": "token_store",
    "MemoryStore": "memory",
    "PostgreSQLStore": "postgresql",
    "RedisStore": "redis",
    "SQLiteStore": "sqlite",
    "SealedStore": "sealed",
    "TokenKey": "token_store",
    "TokenStore": "token_store",
}
"""Name -> the module that holds it."""

__all__ = sorted(_HOME)  # noqa: PLE0605 - one table of names is enough

if not TYPE_CHECKING:  # a checker that saw it would take any name
    __getattr__ = load_from(globals(), _HOME)
