"""Where tokens are kept between two requests, two processes and two machines.

Names are loaded when they are first used: a client without a store needs none of them.
"""

from typing import TYPE_CHECKING

from oauthreg.facade import load_from

if TYPE_CHECKING:
    from oauthreg.stores.memory import MemoryStore as MemoryStore
    from oauthreg.stores.token_store import TokenKey as TokenKey, TokenStore as TokenStore

_HOME = {"MemoryStore": "memory", "TokenKey": "token_store", "TokenStore": "token_store"}
"""Name -> the module that holds it."""

__all__ = ["MemoryStore", "TokenKey", "TokenStore"]

if not TYPE_CHECKING:  # a checker that saw it would take any name
    __getattr__ = load_from(globals(), _HOME)
