"""Where tokens are kept between two requests, two processes and two machines."""

from oauthreg.stores.memory import MemoryStore
from oauthreg.stores.token_store import TokenKey, TokenStore

__all__ = ["MemoryStore", "TokenKey", "TokenStore"]
