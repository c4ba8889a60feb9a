"""The token of one client of OAuth 1.0 and its successors: in memory, and in a store where it has an account.

Tokens of OAuth 1.0 rarely end, so nothing here watches the time: a life looks into its place in the store before its
first use, before a renewal, and when its token was refused.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from oauthreg import http
from oauthreg.errors import MissingTokenError, TokenStoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from oauthreg.http.stored_token import StoredToken
    from oauthreg.token import OAuth1Token

    TokenUpdater: TypeAlias = Callable[[OAuth1Token], Awaitable[None] | None]
    """Called with every new access token before it is used."""

    Save: TypeAlias = Callable[[], Awaitable[OAuth1Token | None]]
    """Puts a token into the store, and gives the one that is there afterwards."""


class OAuth1Life:
    """``token`` is the latest one in memory; it may be a request token, whose ``verifier`` came with the callback.

    ``access`` is what calls with the token have in common, and goes with it. ``stored`` is the token's place in a
    store. ``updater`` is told every new access token. What saves tokens runs in tasks that no caller's cancellation
    reaches; ``everybodys`` tasks are waited for by others as well.
    """

    def __init__(
        self,
        updater: TokenUpdater | None,
        stored: StoredToken | None = None,
        *,
        everybodys: set[asyncio.Task[OAuth1Token]] | None = None,
    ) -> None:
        self.token: OAuth1Token | None = None
        self.verifier: str | None = None
        self.access: http.Access | None = None
        self.is_request_token = False
        self.updater = updater
        self.stored = stored
        self._is_settled = stored is None
        self._unsaved: Save | None = None
        self._renewal: tuple[OAuth1Token, asyncio.Task[OAuth1Token]] | None = None
        self._tasks: set[asyncio.Task[OAuth1Token]] = set()
        self._everybodys = everybodys

    def put(self, token: OAuth1Token | None, *, is_settled: bool = False, is_request_token: bool = False) -> None:
        """Set the token in memory; ``is_settled`` if it is the one that is stored. The verifier stays."""
        self.token, self.access, self._unsaved = token, None, None
        self._is_settled, self.is_request_token = is_settled or self.stored is None, is_request_token

    async def settled(self) -> OAuth1Token | None:
        """The token that counts: one that is given is used as it is, without one the stored one is.

        One that could not be saved is saved first. Raises ``TokenStoreError``.
        """
        stored, given = self.stored, self.token
        if stored is None or self._is_settled or self.is_request_token or self.verifier is not None:
            return given
        if self._unsaved is not None:
            counts = await self._unsaved()
            await stored.end_turn()
        elif given is not None and given.token:
            return given
        else:
            counts = (await stored.load()).token or given  # which may be a secret without a token
        if self.token == given:
            self.put(counts, is_settled=True)
        return self.token

    async def obtain(self, fetch: Callable[[], Awaitable[OAuth1Token]]) -> OAuth1Token:
        """The token of a login, saved and then used; with a store whatever becomes of the caller, for it is spent."""
        stored, before = self.stored, self.token
        if stored is None:
            token = await fetch()
            await self._tell(token)
            self._use(token)
            return token

        async def obtain() -> OAuth1Token:
            token = await fetch()
            await self._save(token, partial(stored.save_login, token), of=before)
            if self.token == before:  # nobody set another one since
                self._use(token)
            await self._tell(token)
            return token

        task = self._begin(obtain())
        await asyncio.wait([task])
        return task.result()

    async def renew(self, old: OAuth1Token, fetch: Callable[[], Awaitable[OAuth1Token]]) -> OAuth1Token:
        """The successor of a token, of one renewal for all who ask for it; or the one that the store has by now.

        Raises ``MissingTokenError``, ``TokenStoreError``, ``UsageError`` and what ``fetch`` and the updater raise.
        """
        from oauthreg.http.renewals import own_tasks

        token, renewal = self._renewal or (None, None)
        if renewal is None or renewal.done() or token != old or renewal.get_loop() is not asyncio.get_running_loop():
            renewal = self._begin(self._renewed(old, fetch))
            self._renewal = old, renewal
        if renewal in own_tasks.get():
            raise UsageError(
                "a renewal waits for itself: `token_updater` asks for another one",
                code="renewal-waits-for-itself",
                hint="let `token_updater` save the token, and nothing else",
            )
        # Unlike `shield`, `wait` leaves the task alone and has nothing to say about its errors.
        await asyncio.wait([renewal])
        return renewal.result()

    async def keep(self, token: OAuth1Token, stored: StoredToken) -> OAuth1Token:
        """Save a token in a place, which is the life's own from now on; the token that is there then.

        Raises ``TokenStoreError``.
        """
        await stored.save_login(token)
        self.stored = stored
        if self._is_settled and self.token is not None and self.token != token:  # renewed meanwhile
            successor = self.token
            return await self._save(successor, partial(stored.save_successor, successor, token, None), of=successor)
        self._is_settled = self._is_settled or self.token == token
        return token

    async def forget(self, token: OAuth1Token) -> None:
        """Be without a token that was given up, in the store as well; another one that came meanwhile stays."""
        if self.token == token:
            self.put(None)
        if self.stored is not None:
            await self.stored.delete(token)

    async def newer_than(self, token: OAuth1Token | None) -> OAuth1Token | None:
        """The token that came into the store since this one was found there; it is used from now on."""
        found = None
        if self.stored is not None:
            with suppress(TokenStoreError):  # whoever asks has a refusal, which tells more
                found = (await self.stored.load()).token
        if found is None or found == token:
            return None
        if self.token == token:
            self._use(found)
        return found

    async def aclose(self) -> None:
        """Return when nothing is saved or renewed in this event loop any more, but for what this is called from."""
        from oauthreg.http.renewals import own_tasks, wait_for_all

        await wait_for_all(self._tasks, own=own_tasks.get())

    async def _renewed(self, old: OAuth1Token, fetch: Callable[[], Awaitable[OAuth1Token]]) -> OAuth1Token:
        stored = self.stored
        if stored is None:
            token = await self._taken(old, await fetch())
            if self.stored is not None:  # it was given a place meanwhile, where the old one is now
                await self._save(token, partial(self.stored.save_successor, token, old, None), of=token)
            return token
        is_given = not self._is_settled and self._unsaved is None and self.token == old
        await stored.take_turn()
        try:
            found, version = await stored.load()
            if found == old or is_given:
                token = await fetch()
                save = partial(stored.save_successor, token, old, version)
                return await self._taken(old, await self._save(token, save, of=old))
            if self.token == old:
                self.put(found, is_settled=True)
            return _not_deleted(found)
        finally:
            if self._unsaved is None:
                await stored.end_turn()

    async def _taken(self, old: OAuth1Token, token: OAuth1Token) -> OAuth1Token:
        """A new token, used unless another one was set meanwhile, which counts for more than a successor."""
        if self.token == old:
            try:
                await self._tell(token)
            finally:
                if self.token == old:
                    self._use(token)
        return token

    async def _save(self, token: OAuth1Token, save: Save, *, of: OAuth1Token | None) -> OAuth1Token:
        """The token that is stored now. One that cannot be saved is in use all the same, and saved before that."""
        try:
            stored = await save()
        except TokenStoreError:
            if self.token == of:
                self._use(token, is_settled=False)
                self._unsaved = save
            raise
        if stored is None and self.token == of:
            self.put(None, is_settled=True)
        return _not_deleted(stored)

    async def _tell(self, token: OAuth1Token) -> None:
        if self.updater is not None:
            await http.awaited(self.updater(token))

    def _use(self, token: OAuth1Token, *, is_settled: bool = True) -> None:
        self.put(token, is_settled=is_settled)
        self.verifier = None

    def _begin(self, work: Coroutine[None, None, OAuth1Token]) -> asyncio.Task[OAuth1Token]:
        """A task that is not its caller's, and that is waited for at the end."""
        from oauthreg.http.renewals import note_end, own_tasks

        async def run() -> OAuth1Token:
            # Where tasks begin eagerly, this one does not before it is known.
            await asyncio.sleep(0)
            own_tasks.set((*(outer for outer in own_tasks.get() if not outer.done()), task))
            return await work

        task = asyncio.get_running_loop().create_task(run())
        task.add_done_callback(note_end)
        for tasks in (self._tasks, self._everybodys):
            if tasks is not None:
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        return task


def _not_deleted(token: OAuth1Token | None) -> OAuth1Token:
    if token is None:
        raise MissingTokenError("the token was deleted from the store", hint="let the user log in again")
    return token
