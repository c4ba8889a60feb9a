"""The life of a token: renewed once for everybody who needs it, saved before it is used, never lost on the way.

A :class:`TokenLife` belongs to a token, not to a client: however many clients and tasks use the token, one renewal
answers them all, in a task of its own that no caller's cancellation reaches.

Spec: RFC 6749 section 6; RFC 9700 section 4.14 (a refresh token that was replaced must never be sent again).
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from copy import copy
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from weakref import WeakValueDictionary

from oauthreg import http, oauth2
from oauthreg.errors import (
    MissingTokenError,
    ReauthorizationRequired,
    TemporarilyUnavailableError,
    TokenExpiredError,
    TokenStoreError,
    UsageError,
)
from oauthreg.http.finished_logins import FinishedLogins, fingerprint
from oauthreg.http.renewals import (
    LATER_PAUSES,
    RENEWING,
    RIVAL_PATIENCE,
    UNPROVEN,
    give_back,
    insist,
    no_token,
    note_end,
    take_lease,
    telling,
    wait_for_all,
)
from oauthreg.records import dataclass, field
from oauthreg.token import OAuth2Token

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from oauthreg.http.driver import Sleeper
    from oauthreg.http.shared_answers import SharedAnswers
    from oauthreg.stores import TokenKey, TokenStore

TokenUpdater: TypeAlias = Callable[[OAuth2Token], Any]
"""Called with every new token before it is used; what it returns is awaited if it can be."""

Way: TypeAlias = Literal["refresh", "grant"]
"""How a token is renewed: by its refresh token, or by asking for a new one as at first."""

_log = logging.getLogger("oauthreg")

_inside: ContextVar[tuple[_Flight, ...]] = ContextVar("oauthreg_renewals", default=())
"""The renewals that the running code is part of, as are the tasks that it starts."""

_LAST_ATTEMPTS = 10.0
"""Seconds for which the end waits for tokens that a store does not take."""

_UNKNOWN = -1
"""In place of a version."""

_GLANCE = 0.5
"""Seconds after which who waits for another event loop sees whether it still runs."""

_PAUSE = 5.0
"""Seconds for which a token that is still good is used after a renewal failed, before the next attempt."""

_REFUSAL = 300.0
"""Seconds for which a new token that an API refused is not renewed because one refuses it again."""

_JITTER = 0.25
"""How much earlier than the leeway says a renewal may happen, as a part of it: tokens that came together part ways."""

_REMEMBERED = 32
"""Tokens of the past that a life knows again."""

_KEPT = 4096
"""Lives that are kept although no client uses them."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """How one client renews its token, and when.

    ``renew`` is given the token at hand and gives the next one; ``way`` says how that is done, ``None`` for not at all.
    ``now`` gives seconds since 1970; ``leeway`` is how many seconds before its end a token is renewed, and with
    ``in_background`` requests go on meanwhile with the one that is still good. ``updater`` is told the new one. A
    refresh token that ``may_repeat`` can be sent twice.
    """

    renew: Callable[[OAuth2Token | None], Awaitable[OAuth2Token]]
    way: Callable[[OAuth2Token | None], Way | None]
    now: Callable[[], float]
    leeway: float = 60.0
    in_background: bool = False
    updater: TokenUpdater | None = None
    may_repeat: bool = False


class TokenLife:
    """One token and its successors. Made by :class:`TokenLives`.

    ``token`` is the latest one in memory, which may be about to be saved. With a store, what others saved there counts.
    """

    def __init__(self, lives: TokenLives, key: TokenKey | None = None) -> None:
        self._lives = lives
        self._key = key
        self._place = None if key is None or lives.store is None else (lives.store, key)
        self.token: OAuth2Token | None = None
        self._version: int | None = None
        self._is_given = False
        self._yielded: OAuth2Token | None = None
        self._is_login = False
        self._is_unwritten = False
        self._untold: TokenUpdater | None = None
        self._end: ReauthorizationRequired | None = None
        self._resumes_at = 0.0
        self._jitter = 0.0
        self._past: list[str] = []
        self._spent: list[str] = []
        self._replaced: int | None = _UNKNOWN
        self._refused: tuple[str, ...] = ()
        self._refused_at = 0.0
        self._lease: AbstractAsyncContextManager[None] | None = None
        self._rival: str | None = None
        self._outwaited: str | None = None
        self._announced = 0
        self._flight: _Flight | None = None
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<TokenLife of {self._key}>"

    async def use(self, renewal: Renewal) -> OAuth2Token:
        """A token that is saved and good, renewed before if it must be.

        A token that is still good is given even if renewing it early fails. Raises ``MissingTokenError`` and
        ``TokenExpiredError`` where nothing can be renewed, ``ReauthorizationRequired`` (once the server said so,
        without asking again), ``TokenStoreError``, and what the renewal raises.
        """
        while True:
            if self.token is not None and self._is_ready:
                if not self._is_due(renewal):
                    return self.token
                if renewal.in_background and not self.token.is_expired(renewal.now()):
                    self._board(lambda: self._settle(renewal))
                    return self.token
            token = await self._fly(lambda: self._settle(renewal))
            if token is not None:
                return token

    async def replace(self, rejected: str, renewal: Renewal) -> OAuth2Token:
        """Another token than the access token ``rejected``: the one that came meanwhile, or a renewed one.

        Raises as ``use`` does.
        """
        while self.token is None or not self._is_ready or self.token.access_token == rejected:
            made = await self._fly(lambda: self._settle(renewal, rejected))
            if made is not None:
                return made
        return self.token

    async def obtain(
        self, fetch: Callable[[], Awaitable[OAuth2Token]], renewal: Renewal, *, is_fetched: bool = False
    ) -> OAuth2Token:
        """The token that ``fetch`` gives, which is saved and takes the place of the one at hand.

        ``fetch`` is called when the store has given way, unless its token ``is_fetched`` and would be lost.
        """
        make = self._adopt if is_fetched else self._fetch
        while True:
            token = await self._fly(lambda: make(fetch, renewal), is_shared=False)
            if token is not None:
                return token

    def offer(self, token: OAuth2Token) -> None:
        """Take a token that the caller has from elsewhere, unless it is one that this life is past.

        If a store holds another one, that one counts if it ends later, and as long as its grant lasts.
        """
        if token != self.token and not any(name in self._past for name in fingerprints(token)):
            self._put(token)
            self._is_given = self._place is not None

    def note_refusal(self, token: OAuth2Token, now: float) -> None:
        """Remember that an API refused a token that had just been renewed: renewing it again at once will not help."""
        self._refused, self._refused_at = fingerprints(token), now

    def is_refused(self, token: OAuth2Token, now: float) -> bool:
        """Whether ``note_refusal`` was told of this token; not for good, as it may end like any other."""
        return now - self._refused_at < _REFUSAL and fingerprints(token) == self._refused

    def forget(self) -> None:
        """Be without a token; a store is not touched."""
        self._put(None)
        self._version, self._is_given, self._is_unwritten, self._untold = None, False, False, None
        self._yielded, self._is_login = None, False
        self._lives.unsaved.discard(self)

    async def at_rest(self) -> OAuth2Token | None:
        """The latest token in memory, once no renewal is about to replace it but those that this is called from.

        What comes after it, a ``token_updater`` among others, is not waited for: that may be waiting for the caller.
        """
        while (flight := self._flight) is not None and not flight.has_token and flight not in _inside.get():
            await flight.wait_for_token()
        return self.token

    async def latest(self) -> OAuth2Token | None:
        """The latest token, from the store if there is none in memory. Raises ``TokenStoreError``."""
        if self.token is not None:
            return self.token
        found = await self._load()
        return None if found is None else _usable(found[0])

    async def delete(self) -> None:
        """Be without a token, in the store as well. Raises ``TokenStoreError``."""
        self.forget()
        if self._place is not None:
            store, key = self._place
            with telling("the token could not be deleted"):
                await store.delete(key)
            self.forget()  # a renewal under way may have found it once more
        # Nothing spent is left for others to find.
        lease, self._lease = self._lease, None
        if lease is not None:
            await give_back(lease, None)

    @property
    def is_stored(self) -> bool:
        """Whether there is nothing to put into the store: it has the token at hand, or one that came later."""
        return not self._is_given and not self._is_unwritten

    @property
    def _is_ready(self) -> bool:
        return not self._is_given and not self._is_unwritten and self._untold is None

    def _is_due(self, renewal: Renewal) -> bool:
        """Whether the token must be renewed, or should be and can."""
        token, now = self.token, renewal.now()
        if token is None or token.is_expired(now):
            return True
        if token.expires_at is None or self._end is not None or now < self._resumes_at or renewal.way(token) is None:
            return False
        return token.is_expired(now, renewal.leeway * (1 + _JITTER * self._jitter))

    async def _settle(self, renewal: Renewal, rejected: str | None = None) -> OAuth2Token:
        """Do what must be done before a token can be used; a token that is still good makes up for a failure."""
        try:
            return await self._settle_now(renewal, rejected)
        except Exception as error:
            token, now = self.token, renewal.now()
            if token is None or not self._is_ready or token.access_token == rejected or token.is_expired(now):
                raise
            asked = error.retry_after if isinstance(error, TemporarilyUnavailableError) else None
            self._resumes_at = now + max(asked or 0.0, _PAUSE)
            _log.warning("a token could not be renewed and is used while it lasts: %s", type(error).__name__)
            return token

    async def _settle_now(self, renewal: Renewal, rejected: str | None) -> OAuth2Token:
        """Look into the store, save what is unsaved, renew."""
        if self._lease is not None:
            # It may be over by now, so that it is good for saving, which versions guard, and not for renewing.
            async with self._leased(renewal):
                await self._look_anew()
                await self._save()
        if self._is_ready:
            await self._look()
            if (good := self._good(renewal, rejected)) is not None:
                return good
            self._check_renewable(renewal)
        async with self._leased(renewal):
            old: OAuth2Token | None = None
            token: OAuth2Token | None = None
            while True:
                await self._look_anew()
                await self._save()
                if token is not None and self.token == old:
                    # It was given up in memory alone: what the store holds is spent.
                    return await self._keep(token, renewal)
                if (good := self._good(renewal, rejected)) is not None:
                    return good
                self._check_renewable(renewal)
                old = self.token
                if not await self._announce(renewal, rejected):
                    continue
                token = await self._next(old, renewal)
                self._note_spent(old, token)
                # A token that was set meanwhile counts for more than the successor of the old one.
                if token is not None and self.token is old:
                    return await self._keep(token, renewal)

    async def _announce(self, renewal: Renewal, rejected: str | None) -> bool:
        """Say in the store that the refresh token is about to be sent; ``False`` if all has to be seen anew.

        Whoever finds that waits, even if the lease is over: its holder may be slow, cut off from the store, or have
        another clock. And whoever comes late finds out here that others were there, before anything is spent. Where the
        store is away nothing is sent: what came back could not be saved. Raises ``TokenStoreError``.
        """
        if self._place is None or not self._is_announced(renewal, self.token):
            return True
        if self._rival not in (None, self._outwaited):
            token, now = self.token, renewal.now()
            if token is None or token.access_token == rejected or token.is_expired(now):
                await self._outwait(self._rival)
            else:
                self._resumes_at = now + _PAUSE  # it is good while another one renews it
            return False
        store, key = self._place
        self._announced += 1
        announced = {**_stored_form(self.token), RENEWING: f"{self._lives.name}-{self._announced}"}
        with telling("the token's renewal could not be announced"):
            try:
                self._version = await store.save(key, announced, seen_version=self._version)
            except TokenStoreError as error:
                seen = self._version
                if error.code == "stale-version":
                    await self._look()
                if self._version == seen:
                    raise  # it is another error, or a store that reads from a copy shows the newer one later
                return False
        return True

    def _is_announced(self, renewal: Renewal, token: OAuth2Token | None) -> bool:
        """Whether others have to know of a renewal: it spends the refresh token, and they may have it as well."""
        is_local = getattr(self._lives.store, "is_local", False)
        return not (is_local or renewal.may_repeat) and renewal.way(token) == "refresh"

    async def _outwait(self, rival: str | None) -> None:
        """Give a renewal that another process announced the time to come to its end."""
        for _ in range(RIVAL_PATIENCE):
            await self._lives.sleep(1.0)
            await self._look()
            if self._rival != rival:
                return
        _log.warning("a renewal that another process announced has not come to an end: it is begun once more")
        self._outwaited = rival

    async def _withdraw(self) -> None:
        """Say in the store that the renewal is over, and that the token is as it was."""
        if self._place is not None and self.token is not None:
            store, key = self._place
            with suppress(Exception):  # then others wait a while in vain
                self._version = await store.save(key, _stored_form(self.token), seen_version=self._version)

    async def _next(self, old: OAuth2Token | None, renewal: Renewal) -> OAuth2Token | None:
        """The successor of a token; ``None`` if it has been replaced, as the end of its grant may be a sign of."""
        try:
            return await self._renewed(old, renewal)
        except ReauthorizationRequired as error:
            if renewal.way(old) != "refresh":
                raise
            await self._look()
            if self.token is not old:
                return None
            if self._yielded is not None:
                self._put(self._yielded)
                self._yielded, self._is_unwritten = None, True
                return None
            self._end = error
            raise

    async def _renewed(self, old: OAuth2Token | None, renewal: Renewal) -> OAuth2Token:
        try:
            return await renewal.renew(old)
        except Exception:
            if self._is_announced(renewal, old) and self.token is old:
                await self._withdraw()
            raise

    def _good(self, renewal: Renewal, rejected: str | None) -> OAuth2Token | None:
        token = self.token
        return None if token is None or token.access_token == rejected or self._is_due(renewal) else token

    def _check_renewable(self, renewal: Renewal) -> None:
        token = self.token
        if self._end is not None:
            raise _again(self._end)
        way = renewal.way(token)
        if way is None and token is None:
            raise MissingTokenError("there is no token", hint="log in, or set `token`")
        if way is None:
            raise TokenExpiredError(
                "the access token has expired and cannot be renewed",
                hint="let the user log in again; renewing takes a refresh token, the client's identifier, and the URL",
            )
        ends = token.refresh_expires_at if token else None
        if way == "refresh" and ends is not None and renewal.now() >= ends:
            raise ReauthorizationRequired(
                "invalid_grant", "the refresh token has expired", hint="let the user log in again"
            )

    async def _fetch(self, fetch: Callable[[], Awaitable[OAuth2Token]], renewal: Renewal) -> OAuth2Token:
        async with self._leased(renewal):
            self._replaced = _UNKNOWN
            with suppress(TokenStoreError):
                found = await self._load()
                self._replaced = None if found is None else found[1]
            return await self._keep(await fetch(), renewal, is_login=True)

    async def _adopt(self, fetch: Callable[[], Awaitable[OAuth2Token]], renewal: Renewal) -> OAuth2Token:
        token = await fetch()
        self._take(token, renewal, is_login=True)
        async with self._leased(renewal):
            await self._save()
        return self.token or token

    async def _keep(self, token: OAuth2Token, renewal: Renewal, *, is_login: bool = False) -> OAuth2Token:
        """Take a new token, in memory at once, and save it."""
        failure, token.failure = token.failure, None
        self._take(token, renewal, is_login=is_login)
        await self._save()
        if failure is not None:
            raise failure
        return self.token or token

    def _take(self, token: OAuth2Token, renewal: Renewal, *, is_login: bool) -> None:
        """Take a new token, which is still to be saved. That of a login replaces whatever is stored."""
        if is_login:
            self._is_given, self._is_login = False, True
        self._put(token)
        self._yielded = None
        self._is_unwritten, self._untold = self._place is not None, renewal.updater
        if self._flight is not None and not self._flight.taken.done():
            self._flight.taken.set_result(None)

    async def _save(self) -> None:
        """Do what is left of the saving, in order. Raises ``TokenStoreError``; then it is done first next time."""
        if not self._is_ready:
            self._lives.unsaved.add(self)
        try:
            await self._write_and_tell()
        except Exception:
            if self._is_unwritten:
                self._lives.save_later(self)
            raise
        self._untold, self._is_login = None, False
        self._lives.unsaved.discard(self)

    async def _write_and_tell(self) -> None:
        with telling("a new token could not be saved"):
            while self._place is not None and self._is_unwritten:
                await insist(partial(self._try_to_write, *self._place), self._lives.sleep)
            if self.token is not None and self._untold is not None:
                await http.awaited(self._untold(copy(self.token)))

    async def _try_to_write(self, store: TokenStore, key: TokenKey) -> None:
        """Put the token into the store, unless a newer one came there first."""
        try:
            self._version = await store.save(key, _stored_form(self.token), seen_version=self._version)
        except TokenStoreError as error:
            if error.code != "stale-version":
                raise
            seen = self._version
            try:
                await self._look()
            except TokenStoreError:
                if not self._is_login:
                    raise
                # What is there cannot be read, and a login takes the place of whatever it is.
                await store.delete(key)
                self._version = None
                return
            if self._is_unwritten and self._version == seen:
                raise  # a store that reads from a copy shows the newer one later
        else:
            self._is_unwritten = self._is_login = False

    async def save_again(self) -> bool:
        """Whether nothing is left to be saved, after one more attempt."""
        if self in self._lives.unsaved:
            flight, _ = self._board(self._save_alone, is_shared=False)
            if flight not in _inside.get():
                await flight.wait()
        return self not in self._lives.unsaved

    async def _save_alone(self) -> OAuth2Token:
        """Save what is unsaved; the lease that was kept for that may be over, but versions guard.

        A login of which nobody knows what it replaces waits for somebody who asks for its token: another one may have
        come since.
        """
        lease, self._lease = self._lease, None
        try:
            if not self._is_login or self._replaced != _UNKNOWN or await self._load() is None:
                await self._look_anew()
                await self._save()
        except BaseException:
            self._lease = lease
            raise
        if lease is not None:
            await give_back(lease, None)
        return self.token or OAuth2Token()

    async def _load(self) -> tuple[OAuth2Token, int] | None:
        if self._place is None:
            return None
        store, key = self._place
        with telling("the token could not be loaded"):
            found = await store.load(key)
            if found is None:
                self._rival = None
                return None
            token, version = OAuth2Token(found[0]), found[1]
        token.is_proven = token.pop(UNPROVEN, None) is None
        announced = token.pop(RENEWING, None)
        self._rival = None if announced is None or str(announced).startswith(f"{self._lives.name}-") else str(announced)
        if self._rival is None:
            self._outwaited = None
        return token, version

    async def _look_anew(self) -> None:
        """See what others saved. A login that could not be saved gives way to what came since, and to nothing else."""
        if self._is_login:
            found = None
            with suppress(TokenStoreError):  # what cannot be read is replaced
                found = await self._load()
            if found is None or self._replaced in (found[1], _UNKNOWN):
                return
            self._is_login = False
        await self._look()

    async def _look(self) -> None:
        """See what others saved: take it over, unless the token at hand is about to be saved and newer."""
        if self._place is None:
            return
        found = await self._load()
        stored, version = found if found is not None else (None, None)
        if stored is not None and self.token is not None and stored.id_token == self.token.id_token:
            self.token.is_proven = self.token.is_proven or stored.is_proven
        if stored == self.token:
            self._is_unwritten = self._is_login = False
        elif not self._counts(stored, version):
            taken = None if stored is None else _usable(stored)
            if self._is_given:
                self._yielded = self.token
            self._is_unwritten, self._untold = False, None
            self._put(taken)
        elif self._is_given or self._is_spent(stored):
            self._is_unwritten = True
        self._version, self._is_given = version, False

    def _counts(self, stored: OAuth2Token | None, version: int | None) -> bool:
        """Whether the token at hand counts for more than another one that is stored."""
        if self._is_login or (version == self._version and not self._is_given):
            return True
        if self.token is not None and self._is_spent(stored):
            return True  # the store fell back to what it held before
        if self._is_ready or self.token is None:
            return False
        if stored is None:
            return self._is_given
        is_past = any(name in self._past for name in fingerprints(stored))
        return is_past or (self._is_given and not _is_newer(stored, self.token))

    def _note_spent(self, old: OAuth2Token | None, token: OAuth2Token | None) -> None:
        """Know a refresh token again that was sent and came back as another one."""
        if old is not None and old.refresh_token and token is not None and token.refresh_token != old.refresh_token:
            self._spent = [*self._spent, fingerprints(old)[0]][-_REMEMBERED:]

    def _is_spent(self, stored: OAuth2Token | None) -> bool:
        """Whether the refresh token of a stored token is one that this life has spent."""
        return stored is not None and bool(stored.refresh_token) and fingerprints(stored)[0] in self._spent

    @asynccontextmanager
    async def _leased(self, renewal: Renewal) -> AsyncIterator[None]:
        """Keep other processes from renewing at the same time.

        After a renewal that could not be saved the lease is kept, for the next attempt or until it is over: others
        would find the refresh token that is spent, and sending it would end the grant (RFC 9700 section 4.14).
        """
        lease, self._lease = self._lease, None
        if lease is None and self._place is not None:
            lease = await take_lease(*self._place)
        error: BaseException | None = None
        try:
            yield
        except BaseException as caught:
            error = caught
            raise
        finally:
            if self._is_unwritten and not self._is_login and renewal.way(self.token) == "refresh":
                self._lease = lease
            elif lease is not None:
                await give_back(lease, error)

    def _put(self, token: OAuth2Token | None) -> None:
        """Set the token in memory; what it replaces belongs to the past."""
        if token is not None:
            token.pop(RENEWING, None)  # of one that somebody read from the store
            token.pop(UNPROVEN, None)
        names = () if token is None else fingerprints(token)
        past = [*self._past, *(name for name in fingerprints(self.token) if name not in names)]
        self._past, forgotten = past[-_REMEMBERED:], past[:-_REMEMBERED]
        self.token = token
        self._end, self._resumes_at, self._jitter = None, 0.0, self._lives.jitter()
        if self._key is None:
            self._lives.remember(self, names, forgotten)

    def _board(
        self, make: Callable[[], Coroutine[Any, Any, OAuth2Token]], *, is_shared: bool = True
    ) -> tuple[_Flight, bool]:
        """The renewal under way, or a new one; and whether it is new."""
        with self._lock:
            flight = self._flight
            if flight is not None and not flight.is_over:
                return flight, False
            self._flight = flight = self._lives.begin(make, is_shared=is_shared)
            return flight, True

    async def _fly(
        self, make: Callable[[], Coroutine[Any, Any, OAuth2Token]], *, is_shared: bool = True
    ) -> OAuth2Token | None:
        """What a renewal gives that begins now; ``None`` after the end of another one, as all has to be seen anew.

        The error of another one is shared if both are for everybody.
        """
        flight, is_new = self._board(make, is_shared=is_shared)
        if flight in _inside.get():
            raise UsageError(
                "a renewal waits for itself: what it calls makes requests with the token that is being renewed",
                code="renewal-waits-for-itself",
                hint="let `token_updater` and hooks use the session, or another client",
            )
        await flight.wait()
        if flight.loop is not asyncio.get_running_loop():
            return None
        if is_new:
            return flight.task.result()
        if is_shared and flight.is_shared:
            # A closed session, or one of no use, is the fault of the client that began; others have theirs.
            with suppress(RuntimeError, UsageError):
                flight.task.result()
        return None


class TokenLives:
    """What the clients of one registry share: the lives of their tokens, DPoP keys and nonces, which logins are over.

    ``store`` keeps tokens that have an account or belong to the client itself. ``jitter`` gives numbers from 0 to 1.
    ``sleep`` waits in place of ``asyncio.sleep``.
    """

    def __init__(
        self,
        store: TokenStore | None = None,
        *,
        jitter: Callable[[], float] = random.random,
        sleep: Sleeper = asyncio.sleep,
    ) -> None:
        self.store = store
        self.jitter = jitter
        self.sleep = sleep
        self.finished = FinishedLogins()
        self.unsaved: set[TokenLife] = set()
        self._name = os.urandom(8).hex()
        self._savers: dict[TokenLife, asyncio.Task[None]] = {}
        self._dpop_keys: dict[tuple[str, ...], oauth2.DPoPKey] = {}
        self._told: set[str] = set()
        self._of_key: WeakValueDictionary[TokenKey, TokenLife] = WeakValueDictionary()
        self._of_token: WeakValueDictionary[str, TokenLife] = WeakValueDictionary()
        self._recent: OrderedDict[TokenLife, None] = OrderedDict()
        self._tasks: set[asyncio.Task[OAuth2Token]] = set()

    def of_key(self, key: TokenKey) -> TokenLife:
        """The life of the token with this key."""
        life = self._of_key.get(key)
        if life is None:
            life = self._of_key[key] = TokenLife(self, key)
        self._touch(life)
        return life

    def of_token(self, token: OAuth2Token | None) -> TokenLife:
        """The life of a token without a key: the one that knows this very token, or a new one."""
        for name in fingerprints(token):
            life = self._of_token.get(name)
            if life is not None:
                self._touch(life)
                if token is not None and life.token is not None and _is_newer(token, life.token):
                    life.offer(token)
                return life
        life = TokenLife(self)
        if token is not None:
            life.offer(token)
        return life

    def remember(self, life: TokenLife, names: Iterable[str], forgotten: Iterable[str]) -> None:
        """Know a life again by its token, and no longer by those of long ago."""
        for name in forgotten:
            self._of_token.pop(name, None)
        for name in names:
            self._of_token[name] = life
        self._touch(life)

    def begin(self, make: Callable[[], Coroutine[Any, Any, OAuth2Token]], *, is_shared: bool) -> _Flight:
        """Run a renewal in a task of its own, which ``aclose`` waits for."""

        async def renewal() -> OAuth2Token:
            # Where tasks begin eagerly, this one does not before it is known as the one under way.
            await asyncio.sleep(0)
            _inside.set((*(outer for outer in _inside.get() if not outer.is_over), flight))
            return await make()

        loop = asyncio.get_running_loop()
        flight = _Flight(loop, loop.create_task(renewal()), Future(), Future(), is_shared)
        for end in (flight.taken, flight.landed):
            end.set_running_or_notify_cancel()  # from now on nobody who waits can cancel it
        self._tasks.add(flight.task)
        flight.task.add_done_callback(self._tasks.discard)
        flight.task.add_done_callback(flight.land)
        return flight

    @cached_property
    def nonces(self) -> oauth2.DPoPNonces:
        """The nonces for DPoP proofs that origins gave."""
        return oauth2.DPoPNonces()

    @cached_property
    def published(self) -> SharedAnswers:
        """What servers publish of themselves."""
        from oauthreg.http.shared_answers import SharedAnswers

        return SharedAnswers()

    def dpop_key(self, algorithms: tuple[str, ...], *owner: str) -> oauth2.DPoPKey:
        """The key that was made for a client, by whatever tells it from others; it ends with the process."""
        place = (*owner, *algorithms)
        key = self._dpop_keys.get(place)
        if key is None:
            # Of two threads that come at once the first one's key is everybody's.
            key = self._dpop_keys.setdefault(place, oauth2.DPoPKey(algorithms=algorithms))
        return key

    def is_news(self, text: str) -> bool:
        """Whether this is asked for the first time: clients come and go, and one warning is enough."""
        is_first = text not in self._told
        self._told.add(text)
        return is_first

    @property
    def name(self) -> str:
        """What tells the renewals of this process from those of others."""
        return f"{self._name}-{os.getpid()}"

    def save_later(self, life: TokenLife) -> None:
        """Go on saving a token that a store did not take, whether anybody asks for it or not."""
        if life not in self._savers:
            saver = self._savers[life] = asyncio.get_running_loop().create_task(self._save_on(life))
            saver.add_done_callback(lambda _: self._savers.pop(life, None))

    async def _save_on(self, life: TokenLife) -> None:
        for pause in LATER_PAUSES:
            await self.sleep(pause)
            if await life.save_again():
                return

    async def rest(self) -> None:
        """Return when no renewal is under way in this event loop any more, but for one that this is called from."""
        await wait_for_all(self._tasks, own=[flight.task for flight in _inside.get()])

    async def aclose(self) -> None:
        """Return when no renewal is under way in this event loop any more; do so before sessions are closed.

        One that this is called from is not waited for. What could not be saved is tried once more.
        """
        await self.rest()
        unsaved = [*self.unsaved]
        if unsaved:
            saving = [asyncio.ensure_future(life.save_again()) for life in unsaved]
            await asyncio.wait(saving, timeout=_LAST_ATTEMPTS)
            for attempt in saving:
                attempt.cancel()
            for life in unsaved:
                if life in self.unsaved:
                    _log.warning("a new token could not be saved: whoever needs it next has to log in again")
        loop = asyncio.get_running_loop()
        for saver in [saver for saver in self._savers.values() if saver.get_loop() is loop]:
            saver.cancel()
            await asyncio.wait([saver])
        await self.rest()
        if "published" in vars(self):
            await self.published.aclose()

    def _touch(self, life: TokenLife) -> None:
        self._recent[life] = None
        self._recent.move_to_end(life)
        if len(self._recent) > _KEPT:
            self._recent.popitem(last=False)


@dataclass(frozen=True, slots=True)
class _Flight:
    """A renewal under way: its loop, its task, and whether its error is everybody's.

    ``taken`` is done when its token is in memory, ``landed`` when all is, as other loops see it.
    """

    loop: asyncio.AbstractEventLoop
    task: asyncio.Task[OAuth2Token]
    taken: Future[None]
    landed: Future[None]
    is_shared: bool
    process: int = field(default_factory=os.getpid)

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it here; that of a loop that has stopped is over, too."""
        # After a fork, the loop of the other process still looks as if it ran.
        return self.task.done() or not self.loop.is_running() or self.process != os.getpid()

    @property
    def has_token(self) -> bool:
        """Whether it will take no token any more."""
        return self.taken.done() or self.is_over

    async def wait_for_token(self) -> None:
        """Return when it has its token, or is over."""
        taken = asyncio.wrap_future(self.taken)
        while not self.has_token:  # a loop that stops tells nobody
            await asyncio.wait([taken], timeout=_GLANCE)

    async def wait(self) -> None:
        """Return when it is over, with nothing said of its end."""
        if self.loop is asyncio.get_running_loop():
            # Unlike `shield`, `wait` leaves the task alone and has nothing to say about its errors.
            await asyncio.wait([self.task])
            return
        landed = asyncio.wrap_future(self.landed)
        while not self.is_over:  # a loop that stops tells nobody
            await asyncio.wait([landed], timeout=_GLANCE)

    def land(self, task: asyncio.Task[OAuth2Token]) -> None:
        """Tell other loops, and log what nobody may be left to hear."""
        if not self.taken.done():
            self.taken.set_result(None)
        self.landed.set_result(None)
        note_end(task)


def fingerprints(token: OAuth2Token | None) -> tuple[str, ...]:
    """Names by which a token is known again, without the token being kept."""
    values = () if token is None else (token.refresh_token, token.access_token)
    return tuple(fingerprint(value) for value in values if value)


def _stored_form(token: OAuth2Token | None) -> dict[str, Any]:
    """A token as it is put into a store, with the mark of one whose ID token nobody has checked."""
    return {**(token or {}), **({} if token is None or token.is_proven else {UNPROVEN: True})}


def _usable(token: OAuth2Token) -> OAuth2Token:
    """A token as a store kept it. Raises ``TokenStoreError`` for what is none."""
    if not token.access_token.isprintable() or not (token.access_token or token.refresh_token):
        raise no_token()
    if not token.access_token:
        token["expires_at"] = 0  # it is to be renewed before it is used
    return token


def _is_newer(token: OAuth2Token, other: OAuth2Token) -> bool:
    """Whether a token ends later than another, as far as both are known to end."""
    ends, other_ends = token.expires_at, other.expires_at
    return ends is not None and other_ends is not None and ends > other_ends


def _again(error: ReauthorizationRequired) -> ReauthorizationRequired:
    """The same refusal to be raised once more, without the traceback of the first time."""
    return copy(error).with_traceback(None)
