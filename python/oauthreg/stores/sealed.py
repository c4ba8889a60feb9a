"""Tokens sealed: encrypted before they reach a store, so that who reads or copies it has nothing.

Spec: RFC 7516 (JWE), with ``dir`` and ``A256GCM`` of RFC 7518 sections 4.5 and 5.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from oauthreg.errors import InvalidKeyError, ResponseError, TokenStoreError, UsageError
from oauthreg.sealing import SealingKeys
from oauthreg.stores.token_store import TokenKey, key_parts, unstorable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager

    from oauthreg.stores.token_store import ListingStore, TokenStore

_MOST_NAMED = 10
_FIELD = "sealed"
"""The only field of a sealed token; what it holds is a JWE."""


class SealedStore:
    """A ``TokenStore`` around another one, which gets sealed tokens alone.

    ``sealing_key`` is what ``new_sealing_key`` made: keep it as a secret, apart from the store, for without it all
    users must log in again. ``former_keys`` open what was sealed before; whatever is saved is sealed with
    ``sealing_key``, and ``reseal`` does so with all that is there. A sealed token opens at its own place alone, so that
    one that was copied to another account is refused. Providers, accounts and client identifiers stay readable, and
    whoever can write to the store can bring back a token that was there before.

    A token that nobody sealed is refused, since whoever can write to the store might have put it there;
    ``accept_unsealed_tokens`` is for a store that held tokens before, until ``reseal`` has gone through it.

    Raises ``InvalidKeyError`` for a key of another form.
    """

    def __init__(
        self,
        store: TokenStore,
        sealing_key: str,
        *former_keys: str,
        accept_unsealed_tokens: bool = False,
    ) -> None:
        self._store = store
        self._keys = SealingKeys(sealing_key, *former_keys)
        self._accepts_unsealed = accept_unsealed_tokens

    def __repr__(self) -> str:
        return f"<SealedStore around {self._store!r}>"

    @property
    def is_local(self) -> bool:
        """Whether the store around which this is belongs to this process alone."""
        return getattr(self._store, "is_local", False)

    async def load(self, key: TokenKey) -> tuple[dict[str, Any], int] | None:
        """The token, and its version.

        Raises ``TokenStoreError`` with the code ``unknown-sealing-key``, ``unsealed-token``, or ``broken-seal`` where
        the token was changed or belongs to another place.
        """
        found = await self._store.load(key)
        return None if found is None else (self._open(key, found[0]), found[1])

    async def save(self, key: TokenKey, token: Mapping[str, Any], *, seen_version: int | None) -> int:
        """The new version. Raises ``TokenStoreError``, of a late writer with the code ``stale-version``."""
        try:
            sealed = self._keys.seal({"key": key_parts(key), "token": dict(token)})
        except (TypeError, ValueError):  # which may quote a value
            raise unstorable() from None
        return await self._store.save(key, {_FIELD: sealed}, seen_version=seen_version)

    async def delete(self, key: TokenKey) -> None:
        """Forget the token."""
        await self._store.delete(key)

    def token_keys(self, *, provider: str | None = None, account: str | None = None) -> AsyncIterator[TokenKey]:
        """The keys of all tokens, or of those of one provider, of one account, or of both.

        Raises ``UsageError`` where the store around which this is does not tell them.
        """
        return self._listing.token_keys(provider=provider, account=account)

    def lease(self, key: TokenKey, seconds: float) -> AbstractAsyncContextManager[None]:
        """A context that one holder at a time is in, for ``seconds`` at most."""
        return self._store.lease(key, seconds)

    async def reseal(self) -> AsyncIterator[TokenKey]:
        """Seal with ``sealing_key`` what is sealed with a former key, or not at all; gives the key of each such token.

        Any number of processes may use the store meanwhile: a token that they replace is left to them. Once it ends,
        former keys are no longer needed. Raises ``TokenStoreError`` after the last one if some did not open, and names
        them.
        """
        closed: list[str] = []
        async for key in self._listing.token_keys():
            found = await self._store.load(key)
            if found is None or self._is_current(found[0]):
                continue
            try:
                token = self._open(key, found[0])
            except TokenStoreError as error:
                closed.append(f"{key.account or 'the client'!r} at {key.provider} ({error.code})")
                continue
            try:
                await self.save(key, token, seen_version=found[1])
            except TokenStoreError as error:
                if error.code != "stale-version":
                    raise
            else:
                yield key
        if closed:
            raise _closed(
                f"of {', '.join(closed[:_MOST_NAMED])}{' …' if len(closed) > _MOST_NAMED else ''} did not open",
                "broken-seal",
                _LOG_IN_AGAIN,
            )

    @property
    def _listing(self) -> ListingStore:
        if not hasattr(self._store, "token_keys"):
            raise UsageError(
                f"{type(self._store).__name__} does not tell what it holds",
                code="no-listing",
                hint="give it a method `token_keys`, as in `ListingStore`",
            )
        return cast("ListingStore", self._store)

    def _open(self, key: TokenKey, stored: Mapping[str, Any]) -> dict[str, Any]:
        if not _is_sealed(stored):
            if self._accepts_unsealed:
                return dict(stored)
            raise _closed(
                "is not sealed",
                "unsealed-token",
                "if the store held tokens before it was sealed, pass `accept_unsealed_tokens=True` and call `reseal`",
            )
        try:
            content = self._keys.open(stored[_FIELD])
        except InvalidKeyError:
            raise _closed(
                "was sealed with a key that is not known",
                "unknown-sealing-key",
                "pass the former keys behind the current one until `reseal` has gone through the store",
            ) from None
        except ResponseError:
            raise _closed("was changed since it was sealed", "broken-seal", _LOG_IN_AGAIN) from None
        token = content.get("token")
        # The same keys may seal other things, such as logins under way.
        if content.get("key") != list(key_parts(key)) or not isinstance(token, dict):
            raise _closed("was sealed for another account or provider", "broken-seal", _LOG_IN_AGAIN)
        return token

    def _is_current(self, stored: Mapping[str, Any]) -> bool:
        return _is_sealed(stored) and self._keys.is_current(stored[_FIELD])


_LOG_IN_AGAIN = "restore the store, or delete this token and let the user log in again"


def _is_sealed(stored: Mapping[str, Any]) -> bool:
    return stored.keys() == {_FIELD} and isinstance(stored[_FIELD], str)


def _closed(what: str, code: str, hint: str) -> TokenStoreError:
    return TokenStoreError(f"the stored token {what}", code=code, hint=hint)
