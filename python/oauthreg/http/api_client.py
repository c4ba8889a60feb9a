"""What all clients share: one request object for every verb, over a session that stays the caller's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

from aiohttp import ClientError
from yarl import URL

from oauthreg import http
from oauthreg.clock import Clock
from oauthreg.errors import OAuthRegError, UsageError
from oauthreg.origins import Origin, parse_origin
from oauthreg.provider import Documents, Provider

if TYPE_CHECKING:
    from aiohttp import ClientMiddlewareType, ClientSession

    from oauthreg.claims import Profile
    from oauthreg.http.driver import Around, Sleeper
    from oauthreg.http.middleware import Hope, Repair
    from oauthreg.jwe import DecryptionKeys
    from oauthreg.messages import Authenticator, Flow, Pairs

    Callback: TypeAlias = str | bytes | URL | Mapping[str, Any]
    """What the user's browser brings back: a URL, the form of a POST, or its parameters."""

Result = TypeVar("Result")

TRANSPORT_OPTIONS = frozenset(
    {
        "cookies",
        "proxy",
        "proxy_auth",
        "proxy_headers",
        "server_hostname",
        "skip_auto_headers",
        "ssl",
        "timeout",
        "trace_request_ctx",
    }
)
"""What protocol requests hand on to ``session.request`` as it is."""

_CLOCK_TOLERANCE = 5.0
"""Seconds: a clock that differs by less is not why a time was refused."""

_LONGEST_FLIGHT = 300.0
"""Seconds: a request that is refused may be that much older than the answer that put the clock right."""


class Default(str):
    """A default that can be told from the same text given by the caller."""

    __slots__ = ()


class ApiClient(ABC):
    """A client of one provider over an ``aiohttp.ClientSession``, which it neither changes nor closes."""

    def __init__(
        self,
        session: ClientSession,
        provider: Provider,
        *,
        origins: frozenset[Origin],
        clock: Clock,
    ) -> None:
        self.session = session
        self.provider = provider
        self.clock = clock
        self._origins = origins

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is bound to its session: make a new one in place of a copy")

    def get(self, url: str | URL, **options: Any) -> http.RequestContext:
        """A GET; see ``request``."""
        return self.request("GET", url, **options)

    def options(self, url: str | URL, **options: Any) -> http.RequestContext:
        """An OPTIONS; see ``request``."""
        return self.request("OPTIONS", url, **options)

    def head(self, url: str | URL, **options: Any) -> http.RequestContext:
        """A HEAD; see ``request``."""
        return self.request("HEAD", url, **options)

    def post(self, url: str | URL, **options: Any) -> http.RequestContext:
        """A POST; see ``request``."""
        return self.request("POST", url, **options)

    def put(self, url: str | URL, **options: Any) -> http.RequestContext:
        """A PUT; see ``request``."""
        return self.request("PUT", url, **options)

    def patch(self, url: str | URL, **options: Any) -> http.RequestContext:
        """A PATCH; see ``request``."""
        return self.request("PATCH", url, **options)

    def delete(self, url: str | URL, **options: Any) -> http.RequestContext:
        """A DELETE; see ``request``."""
        return self.request("DELETE", url, **options)

    @abstractmethod
    def request(self, method: str, url: str | URL, **options: Any) -> http.RequestContext:
        """An authenticated request, awaited or entered with ``async with``; ``options`` are ``session.request``'s."""

    def _send(
        self,
        method: str,
        url: str | URL,
        access: http.Access,
        middlewares: Sequence[ClientMiddlewareType] | None,
        options: Mapping[str, Any],
        repair: Repair | None = None,
        repairs: int = 1,
        is_hopeful: Hope | None = None,
    ) -> http.RequestContext:
        """One authenticated request, not yet begun: aiohttp's own object, which is a ``RequestContext`` in all it does.

        Raises at once what keeps it from beginning.
        """
        self._check_loop()
        missing: Pairs = ()
        if self.provider.api_headers:
            given = options.get("headers")
            if given is not None and not isinstance(given, Mapping):
                # An iterator gives its pairs once.
                options = {**options, "headers": (given := tuple(given))}
            missing = self._missing_headers(given)
        own = http.AuthenticationMiddleware(access, missing, repair, repairs, is_hopeful)
        if access.base is not None:
            url = http.resolve(access.base, url)
        in_turn: Sequence[ClientMiddlewareType] = (*http.chain(self.session, middlewares), own)
        return self.session.request(method, url, middlewares=in_turn, **options)  # type: ignore[return-value]

    def _missing_headers(self, given: Any) -> Pairs:
        """The provider's API headers that neither the caller nor the session sets."""
        items = given.items() if isinstance(given, Mapping) else given or ()
        taken = {str(name).lower() for name, _ in items} | {name.lower() for name in self.session.headers}
        return tuple(pair for pair in self.provider.api_headers if pair[0].lower() not in taken)

    def _running(
        self,
        flow: Flow[Result],
        options: Mapping[str, Any] = MappingProxyType({}),
        origins: Iterable[Origin] = (),
        around: Around | None = None,
        sleep: Sleeper | None = None,
    ) -> Awaitable[Result]:
        """The value of a flow that is run over the session."""
        self._check_loop()
        return http.run(
            flow,
            self.session,
            origins=origins,
            allow_insecure_http=self.provider.allow_insecure_http,
            options=options,
            around=around,
            sleep=sleep,
        )

    def _check_loop(self) -> None:
        """A session lives in the event loop in which it was made; elsewhere it fails in ways that say nothing."""
        owner = getattr(self.session, "_loop", None)
        if owner is not get_running_loop() and isinstance(owner, AbstractEventLoop):
            raise UsageError(
                f"the session belongs to another event loop: {owner!r}",
                code="foreign-event-loop",
                hint="set `client.session` to a session that was made in this event loop",
            )

    async def fetch_server_time(self, **options: Any) -> float:
        """The server's time, in seconds since 1970, which this client's clock goes by from now on.

        Clients do so by themselves when the server refuses a timestamp. ``options`` concern the transport (``proxy``,
        ``ssl``, ``timeout`` …). Raises ``UsageError`` where the provider does not tell its time, ``OAuthError`` and
        ``MalformedResponseError``.
        """
        now = await self._server_time(transport_options(options))
        self.clock.learn(now)
        return now

    async def _server_time(self, options: Mapping[str, Any]) -> float:
        from oauthreg.server_time import server_time_flow

        return await self._running(server_time_flow(self.provider), options)

    async def _learn_time(self, headers: Mapping[str, str], options: Mapping[str, Any] = MappingProxyType({})) -> bool:
        """Whether a refused time was the fault of this clock, which is right afterwards.

        The server is asked where it tells its time; else, or if it does not answer, the ``Date`` of its refusal does.
        """
        if self.clock.learnt_ago <= _LONGEST_FLIGHT:
            return True
        now = await self._told_time(headers, options)
        if now is None or abs(now - self.clock()) <= _CLOCK_TOLERANCE:
            return False
        self.clock.learn(now)
        return True

    async def _told_time(self, headers: Mapping[str, str], options: Mapping[str, Any]) -> float | None:
        if "server_time" in self.provider.endpoints:
            with suppress(OAuthRegError, ClientError, TimeoutError):
                return await self._server_time(options)
        from oauthreg.answers import parse_http_date
        from oauthreg.server_time import is_of_our_days

        told = parse_http_date(headers.get("date", ""))
        return told if told is not None and is_of_our_days(told) else None

    def _identity(
        self,
        authenticator_for: Callable[[str | None], Authenticator],
        known: Documents,
        *,
        client_id: str,
        client_secret: str | None,
        provider: Provider | None = None,
        decryption_keys: DecryptionKeys | None = None,
    ) -> Flow[dict[str, Any]]:
        """The identity requests of ``provider``, by default the client's own.

        Raises ``UsageError`` for a provider without ``[claims]``.
        """
        if self.provider.claims is None:
            raise UsageError(
                f"{self.provider.name} says nothing about profiles",
                code="no-claims",
                hint="use a provider whose definition has `[claims]`",
            )
        from oauthreg.identity import identity_flow
        from oauthreg.signing._pure import make_nonce

        return identity_flow(
            provider or self.provider,
            authenticator_for,
            known,
            make_nonce=make_nonce,
            now=self.clock,
            client_id=client_id,
            client_secret=client_secret or "",
            decryption_keys=decryption_keys,
        )

    def _profile(self, documents: Documents, token: Mapping[str, Any]) -> Profile:
        """The claims that documents give; ``token`` is what may be shown of the token answer."""
        from oauthreg.claims import Profile

        claims = self.provider.claims.render(documents) if self.provider.claims is not None else {}
        return Profile.from_claims(claims, raw={**documents, "token": token})


def transport_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options, all of which concern the transport. Raises ``TypeError``, as for an argument that is not known."""
    unknown = sorted(options.keys() - TRANSPORT_OPTIONS)
    if unknown:
        raise TypeError(f"unexpected keyword argument: {unknown[0]!r}")
    return options


def pairs(name: str, given: Any) -> Pairs:
    """A mapping or pairs as pairs of text. Raises ``UsageError`` that names the argument."""
    try:
        items = given.items() if isinstance(given, Mapping) else given or ()
        return tuple((str(key), str(value)) for key, value in items)
    except (TypeError, ValueError):
        raise UsageError(
            f"`{name}` must be a mapping or pairs: {type(given).__name__}", code="invalid-parameters"
        ) from None


def flat_pairs(parameters: Mapping[str, Any]) -> Pairs:
    """Parameters as pairs: ``None`` is left out, and a sequence repeats its name."""
    listed = [(name, value if isinstance(value, (list, tuple)) else [value]) for name, value in parameters.items()]
    return tuple((name, str(item)) for name, values in listed for item in values if item is not None)


def taken(parameters: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The parameters of those names, which are taken out."""
    return {name: parameters.pop(name) for name in names if name in parameters}


def refuse_in_url(names: Iterable[str]) -> None:
    """Raises ``UsageError`` for what concerns the transport, where a user's browser would be shown it."""
    for name in names:
        if name in TRANSPORT_OPTIONS or name == "headers":
            raise UsageError(
                f"`{name}` concerns requests, and this makes a URL for the user's browser",
                code="transport-option",
                hint="leave it out: the browser has its own",
            )


def check_account(account: str, own: str | None = None) -> None:
    """Raises ``UsageError`` for an account that is none, or another one than the client's own."""
    if not account:
        raise UsageError("`account` is empty", code="empty-account", hint="make a client for each user, by a name")
    if own not in (None, account):
        raise UsageError(
            f"the token is kept under another account: {own!r}",
            code="other-account",
            hint="make a client for each user",
        )


def learning_clock(clock: Callable[[], float] | None) -> Clock:
    """A clock that can learn the server's time, from one that gives seconds since 1970."""
    if clock is None:
        return Clock()
    return clock if isinstance(clock, Clock) else Clock(wall=clock)


def pinned_origins(provider: Provider | None, allowed: Iterable[str]) -> frozenset[Origin]:
    """The pinned origins; those of its endpoints for a provider made by hand, none for a client without one."""
    if provider is not None and provider.origins and allowed == ():
        return provider.origins
    texts = (allowed,) if isinstance(allowed, str) else allowed
    known = provider or Provider()
    own: Iterable[Origin] = known.origins or {parse_origin(url) for url in known.endpoints.values() if url}
    # yarl writes a host as it will be compared: an internationalised one as its A-label.
    return frozenset({*own, *(parse_origin(str(URL(text))) for text in texts)})
