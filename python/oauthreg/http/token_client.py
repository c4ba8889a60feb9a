"""What the clients of OAuth 2.0 share: a bearer token that is fresh whenever a request needs it."""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import cached_property, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, TypeVar

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientHandlerType,
    ClientMiddlewareType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ConnectionTimeoutError,
)
from yarl import URL

from oauthreg import http, oauth2
from oauthreg.errors import (
    MissingTokenError,
    OAuthError,
    ResponseError,
    TemporarilyUnavailableError,
    UnsupportedMethodError,
    UsageError,
)
from oauthreg.http.api_client import TRANSPORT_OPTIONS, ApiClient, Default, pinned_origins, transport_options
from oauthreg.origins import Origin, endpoint_name, parse_origin, render_origin
from oauthreg.provider import Documents, Provider, TokenPlacement
from oauthreg.records import replace
from oauthreg.token import DPOP_TYPE, OAuth2Token

if TYPE_CHECKING:
    from oauthreg.claims import Profile
    from oauthreg.clock import Clock
    from oauthreg.http.compliance import ComplianceHooks
    from oauthreg.http.driver import Send, Sleeper
    from oauthreg.http.shared_answers import SharedAnswers
    from oauthreg.http.token_life import Renewal, TokenLife, TokenLives, TokenUpdater, Way
    from oauthreg.messages import Authenticator, Flow, Request, Response, Shared
    from oauthreg.stores import TokenKey, TokenStore

Result = TypeVar("Result")
GivenToken: TypeAlias = str | Mapping[str, Any]
"""A token as applications have it: a mapping under the names of the wire, or an access token."""

DEFAULT_PLACEMENT = Default("header")
_PLACEMENTS: Mapping[str, TokenPlacement] = {
    "header": TokenPlacement(),
    "body": TokenPlacement("body", "access_token", ""),
    "uri": TokenPlacement("query", "access_token", ""),
}
"""``token_placement`` -> placement. Spec: RFC 6750 section 2."""

_DPOP_PLACEMENT = TokenPlacement(prefix=f"{DPOP_TYPE} ")
_MOST_WAYS = 4
_OF_TLS = ("ssl", "server_hostname")
_OF_PROXIES = ("proxy", "proxy_auth", "proxy_headers")
"""Options of the transport that change who answers, and those that change the way there."""

_MOST_REPAIRS = 4
"""Attempts beyond the first: a new token and, where proofs are needed, a nonce for each of a few origins."""

_log = logging.getLogger("oauthreg")


class TokenClient(ApiClient):
    """A client whose requests carry an access token.

    ``account`` is the application's own name for the user: with it, all clients of one registry share the token, and a
    ``store`` keeps it. Without it a token is known by itself, and nothing stores it. ``lives`` are the tokens that
    several clients share, or what gives these when the first is needed.
    """

    def __init__(
        self,
        session: ClientSession,
        provider: Provider,
        *,
        make_client: Callable[[], oauth2.ClientIdentity],
        clock: Clock,
        is_custom: bool,
        store: TokenStore | None,
        lives: TokenLives | Callable[[], TokenLives] | None,
        token_updater: TokenUpdater | None,
        leeway: float | None,
        background_refresh: bool,
        allowed_origins: Iterable[str],
        dpop_key: Any = None,
    ) -> None:
        if provider.protocol == "oauth1":
            raise UsageError(f"{provider.name} speaks another protocol: {provider.protocol!r}", code="wrong-protocol")
        if store is not None and lives is not None:
            raise UsageError("`store` and `lives` exclude each other: the lives have a store", code="two-stores")
        origins = pinned_origins(None if is_custom else provider, allowed_origins)
        super().__init__(session, provider, origins=origins, clock=clock)
        self._make_client = make_client
        self._dpop_key = None if dpop_key is None else read_dpop_key(dpop_key, provider)
        self._store = store
        self._shared_lives = lives
        self._leeway = provider.oauth2.leeway if leeway is None else leeway
        self._in_background = background_refresh
        self._token_updater = token_updater
        self._is_custom = is_custom
        self._given = provider
        # Tokens are kept under where they come from, which must stay the same when the metadata tell the endpoint.
        self._issuing = None if "token" in provider.endpoints else provider.endpoints.get("discovery")
        if provider.token_placement.kind == "query" and self._lives.is_news(f"{provider.name} has tokens in queries"):
            _log.warning("%s: access tokens go into URLs, where logs and histories see them", provider.name)
        self._key: TokenKey | None
        self._access: tuple[OAuth2Token, http.Access] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} provider={self.provider.name!r} client_id={self.client_id!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Return when no renewal is under way any more; do so before the session is closed."""
        if self._shared_lives is None:
            await self._lives.aclose()
        else:  # others go on with what they share
            await self._lives.rest()
        for published in [*vars(self).get("_published_for", {}).values()]:
            await published.aclose()

    @property
    def client_id(self) -> str:
        """The client identifier; empty for a client that only bears a token."""
        return self._client.client_id

    @property
    def token(self) -> OAuth2Token | None:
        """The latest token in memory, a copy.

        May be set to a mapping under the names of the wire, to an access token, or to ``None`` for no token; a token
        that was replaced meanwhile is not taken back. Raises ``MissingTokenError`` for anything else.
        """
        return copy(self._life.token)

    @token.setter
    def token(self, value: GivenToken | None) -> None:
        token = None if value is None else read_token(value, self.clock())
        if self._key is None:
            self._life = self._lives.of_token(token)
        elif token is None:
            self._life.forget()
        else:
            self._life.offer(token)

    def register_compliance_hook(self, hook_type: str, hook: Callable[..., Any]) -> None:
        """Have a function, sync or async, correct what is sent or answered; the types are those of ``HOOK_TYPES``.

        Raises ``UnsupportedMethodError``.
        """
        self._hooks.register(hook_type, hook)

    async def load_token(self) -> OAuth2Token | None:
        """The latest token as it is, from the store if there is none in memory; ``None`` where there is none.

        Nothing is renewed, and nothing asks the provider. Raises ``TokenStoreError``.
        """
        return copy(await self._life.latest())

    async def ensure_active_token(self) -> OAuth2Token:
        """A token that is good now, renewed or asked for if need be: for whoever makes requests by other means.

        Raises as requests do: ``MissingTokenError``, ``TokenExpiredError``, ``ReauthorizationRequired``,
        ``TokenStoreError``, and what the provider refuses.
        """
        return copy(await self._life.use(self._renewal))

    async def discover(self, **options: Any) -> None:
        """Takes from the server's metadata what the provider leaves out: endpoints, issuer, client authentication.

        What needs it does so by itself, but for what makes no traffic: ``create_authorization_url`` and
        ``create_logout_url``. What the provider says itself counts for more. Metadata that are at hand are fetched
        anew, once a minute at most. Nothing happens where none are published (``discovery``). ``options`` concern the
        transport (``proxy``, ``ssl`` …). Raises ``TemporarilyUnavailableError`` and ``MalformedResponseError``.

        Spec: RFC 8414; OpenID Connect Discovery 1.0 section 4.
        """
        await self._take_metadata(transport_options(options), is_fresh=True)

    async def _complete(
        self,
        *names: str,
        url: str | None = None,
        optional: Sequence[str] = (),
        options: Mapping[str, Any] = MappingProxyType({}),
        is_login: bool = False,
    ) -> None:
        """Know these endpoints, unless a URL stands in for them, and for a login the issuer.

        Where the metadata alone tell them they are fetched. ``options`` may be more than those of the transport.
        """
        if "discovery" in self.provider.endpoints:
            known = {name: options[name] for name in TRANSPORT_OPTIONS if name in options} if options else options
            wanted = () if url else names
            await self._take_metadata(known, *wanted, optional=optional, needs_issuer=is_login)

    async def _take_metadata(
        self,
        options: Mapping[str, Any],
        *names: str,
        optional: Sequence[str] = (),
        needs_issuer: bool = False,
        is_fresh: bool = False,
    ) -> None:
        known = self._given if is_fresh else self.provider
        needs_issuer = needs_issuer and (self._is_custom or known.protocol == "oidc")
        flow = oauth2.completed_flow(known, *names, optional=optional, needs_issuer=needs_issuer, is_fresh=is_fresh)
        completed = await self._exchange(flow, options=options)
        if completed is not known:
            self.provider, self._access = completed, None

    async def profile(self, **options: Any) -> Profile:
        """Who the user is, in standard claims; ``.raw`` holds the provider's answers by name.

        ``options`` concern the transport (``proxy``, ``ssl``, ``timeout`` …). Raises ``OAuthError``, ``ResponseError``,
        what a renewal raises, and ``UsageError`` for a provider without ``[claims]``.
        """
        transport_options(options)
        if "userinfo" in self.provider.identity_documents:
            await self._complete(optional=("userinfo",), options=options, is_login=True)
        life = self._life
        token = await life.use(self._renewal)
        try:
            documents = await self._identify(token, options)
        except OAuthError as error:
            if error.status != 401 or not self._can_replace(life, token):
                raise
            token = await life.replace(token.access_token, self._renewal)
            try:
                documents = await self._identify(token, options)
            except OAuthError as again:
                if again.status == 401:
                    life.note_refusal(token, self.clock())
                raise
        return self._profile(documents, _without_secrets(token))

    async def _identify(self, token: OAuth2Token, options: Mapping[str, Any]) -> dict[str, Any]:
        """What the provider says of the user, by document."""
        provider = self.provider.located_for(token)
        known = {**provider.documents_of(token), "token": dict(token)}
        if token.id_token and self.client_id and oauth2.is_checked(self.provider):
            flow = oauth2.kept_id_token_flow(provider, self._client, token.id_token, is_proven=token.is_proven)
            try:
                known["id_token"] = await self._exchange(flow, options=options)
                token.is_proven = True
            except (ResponseError, OAuthError, ClientError, TimeoutError):
                # One that was kept before it was checked, is of another client or of nobody knows whom, tells nothing.
                is_needed = self.provider.protocol != "oidc" or not self.provider.identity
                if is_needed and "id_token" in self.provider.identity_documents:
                    raise
        identity = self._identity(
            lambda _: self._bearer(token),
            known,
            client_id=self.client_id,
            client_secret=self._client.client_secret,
            provider=provider,
            decryption_keys=self._client.decryption_keys,
        )
        # What only the metadata name tells who the user is, and gets no other calls.
        origins = self._origins_for(token) | self.provider.origins
        return await self._exchange(identity, options=options, origins=origins, refuse_redirects=False)

    # Applications make a client for each of their own requests: what the first call needs is made with it.

    @cached_property
    def _client(self) -> oauth2.ClientIdentity:
        made, settings = self._make_client(), self.provider.oauth2
        if self._dpop_key is None and settings.dpop != "required":
            return made
        key = self._dpop_key or self._lives.dpop_key(
            settings.dpop_algorithms, self.provider.name, self._server, made.client_id
        )
        return replace(made, proofs=oauth2.DPoPProofs(key, made.now, made.make_id, self._lives.nonces))

    @cached_property
    def _published_for(self) -> dict[tuple[Any, ...], SharedAnswers]:
        """What servers publish, as those see it who have their own way with TLS."""
        return {}

    @cached_property
    def _hooks(self) -> ComplianceHooks:
        from oauthreg.http.compliance import ComplianceHooks

        return ComplianceHooks()

    @cached_property
    def _lives(self) -> TokenLives:
        from oauthreg.http.token_life import TokenLives

        shared = self._shared_lives
        if shared is None:
            return TokenLives(self._store)
        return shared if isinstance(shared, TokenLives) else shared()

    @cached_property
    def _renewal(self) -> Renewal:
        from oauthreg.http.token_life import Renewal

        return Renewal(
            self._renew,
            self._way,
            self.clock,
            self._leeway,
            self._in_background,
            self._token_updater,
            self.provider.oauth2.refresh_repeatable,
        )

    @cached_property
    def _life(self) -> TokenLife:
        return self._lives.of_token(None) if self._key is None else self._lives.of_key(self._key)

    @property
    def _server(self) -> str:
        """Where tokens come from, as stores know it: tenants of one origin are told apart by their paths."""
        known = self.provider.endpoints
        return endpoint_name(self._issuing or known.get("token") or known.get("refresh"))

    def _take_up(self, key: TokenKey | None, token: GivenToken | None = None) -> None:
        """Use the token with this key from now on, or one that is known by itself."""
        self._key = key
        if key is not None:
            self._life = self._lives.of_key(key)
        if token is not None:
            self.token = token

    @abstractmethod
    def _way(self, token: OAuth2Token | None) -> Way | None:
        """How the next token comes about."""

    @abstractmethod
    async def _renew(self, token: OAuth2Token | None) -> OAuth2Token:
        """The next token, from the provider."""

    def request(
        self,
        method: str,
        url: str | URL,
        *,
        middlewares: Sequence[ClientMiddlewareType] | None = None,
        **options: Any,
    ) -> http.RequestContext:
        """An authenticated request, awaited or entered with ``async with``; ``options`` are ``session.request``'s."""
        return http.RequestContext(self._request(method, url, middlewares, options))

    async def _request(
        self,
        method: str,
        url: str | URL,
        middlewares: Sequence[ClientMiddlewareType] | None,
        options: dict[str, Any],
    ) -> ClientResponse:
        life = self._life
        total = _total_of(options.get("timeout"))
        if total is None:
            token = await life.use(self._renewal)
        else:
            async with asyncio.timeout(total):  # who goes leaves a renewal to others
                token = await life.use(self._renewal)
        if self._hooks.has_call_hooks:
            url, headers, data = await self._hooks.change_call(url, options.get("headers"), options.get("data"))
            options |= {"headers": headers, "data": data}
        repaired: list[OAuth2Token] = []
        challenged: set[Origin] = set()

        def is_hopeful(refusal: Response) -> bool:
            return not (repaired or self._wants_nonce(refusal)) and self._can_replace(life, token)

        async def repair(refusal: Response) -> Authenticator | None:
            if self._wants_nonce(refusal):
                return self._with_nonce(repaired[0] if repaired else token, refusal, challenged)
            if is_hopeful(refusal):
                repaired.append(await life.replace(token.access_token, self._renewal))
                return self._bearer(repaired[0])
            if repaired:
                life.note_refusal(repaired[0], self.clock())
            return None

        if self._client.proofs is not None:
            middlewares = (*http.chain(self.session, middlewares), self._learn_nonce)
        access = self._access_with(token)
        return await self._send(method, url, access, middlewares, options, repair, _MOST_REPAIRS, is_hopeful)

    def _access_with(self, token: OAuth2Token) -> http.Access:
        known = self._access
        if known is None or known[0] is not token:
            self._access = known = (
                token,
                http.Access(
                    self._bearer(token),
                    self._origins_for(token),
                    self.provider.allow_insecure_http,
                    base=self._api_base(token),
                ),
            )
        return known[1]

    def _can_replace(self, life: TokenLife, token: OAuth2Token) -> bool:
        """Whether there is hope for another token than one that was refused."""
        current = life.token
        if current is not None and current.access_token != token.access_token:
            return True
        return self._renewal.way(current) is not None and not life.is_refused(token, self.clock())

    def _wants_nonce(self, refusal: Response) -> bool:
        """Whether a proof was refused for its nonce alone."""
        return self._client.proofs is not None and oauth2.is_nonce_challenge(refusal)

    def _with_nonce(self, token: OAuth2Token, refusal: Response, challenged: set[Origin]) -> Authenticator | None:
        """What to send a request with whose proof only lacked the nonce of the server, once for each origin."""
        origin = parse_origin(refusal.url)
        if origin in challenged:
            raise oauth2.nonce_refused(refusal)
        challenged.add(origin)
        return self._bearer(token) if self._lives.nonces.learn(refusal.url, refusal.headers) else None

    async def _learn_nonce(self, req: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """The answer to one hop, whose nonce is kept. With ``raise_for_status`` nobody else may see it."""
        response = await handler(req)
        known = http.plain_answer(response)
        self._lives.nonces.learn(known.url, known.headers)
        return response

    def _bearer(self, token: OAuth2Token) -> Authenticator:
        """What puts the token on a request: a bound one with a proof. Raises as ``check_token_key``."""
        proofs = oauth2.check_token_key(token, self._client.proofs) if token.token_type == DPOP_TYPE else None
        if proofs is None:
            return self._carrier(token, self.provider.token_placement)
        inner = self._carrier(token, _DPOP_PLACEMENT)
        return oauth2.DPoPAuthentication(proofs, token.access_token, inner)

    def _carrier(self, token: OAuth2Token, placement: TokenPlacement) -> oauth2.BearerAuthentication:
        provider = self.provider
        return oauth2.BearerAuthentication(
            token.access_token,
            placement,
            provider.proof,
            self._client.client_secret or "",
            provider.api_params,
            provider.api_signature,
            self._client,
        )

    def _api_base(self, token: OAuth2Token) -> str | None:
        provider = self.provider.located_for(token)
        base = provider.api_base
        if base is not None and not isinstance(base, str):
            base = base.render(self._documents(token))
        return base or provider.endpoints.get("api_base")

    def _origins_for(self, token: OAuth2Token) -> frozenset[Origin]:
        """The pinned origins, those that only the token tells among them."""
        pinned = (
            self._origins if self.provider.locate is None else self._origins | self.provider.located_for(token).origins
        )
        if not self.provider.api_origins:
            return pinned
        documents = self._documents(token)
        texts = [text if isinstance(text, str) else text.render(documents) for text in self.provider.api_origins]
        return pinned | {parse_origin(text) for text in texts if text}

    def _documents(self, token: OAuth2Token | None) -> Documents:
        return {**self._client.documents, "token": token or {}}

    async def _exchange(
        self,
        flow: Flow[Result],
        *,
        hooks: Literal["access_token", "refresh_token", "revoke_token", "introspect_token"] | None = None,
        options: Mapping[str, Any] = MappingProxyType({}),
        origins: Iterable[Origin] = (),
        sleep: Sleeper | None = None,
        is_patient: bool = False,
        refuse_redirects: bool = True,
        noted: list[Request] | None = None,
    ) -> Result:
        """The value of a flow, whose hooks see what is sent and answered; ``noted`` gets what may have been sent.

        No redirect is followed, and none is read but by a flow that knows where it may go. For a patient flow an error
        of the transport is an outage that will pass.
        """

        async def around(request: Request, send: Send) -> Response:
            if request.shared is not None:
                return await self._published(request, request.shared, send, options)
            if hooks is not None:
                request = await self._hooks.change_request(f"{hooks}_request", request)
            try:
                response = await self._answered(request, send=send, refuse_redirects=refuse_redirects)
            except Exception as error:
                if noted is not None and not is_unsent(error):
                    noted.append(request)
                if not is_patient or not isinstance(error, (ClientError, TimeoutError)):
                    raise
                raise TemporarilyUnavailableError(description=type(error).__name__) from error
            if noted is not None:
                noted.append(request)
            if hooks in ("access_token", "refresh_token"):
                response = await self._hooks.change_response(f"{hooks}_response", response)
            return response

        return await self._running(flow, options, origins, around, sleep)

    async def _published(self, request: Request, shared: Shared, send: Send, options: Mapping[str, Any]) -> Response:
        """The answer to a request for what is the same for everybody.

        What one caller does about TLS is not for all, so that they have answers of their own; time-outs, cookies and
        the like are left out of what is fetched for everybody.
        """
        published, now = self._lives.published, self.clock.monotonic()
        told = {name: options[name] for name in _OF_TLS if name in options}
        if told:
            published = self._published_for.setdefault(tuple(told.items()), type(published)())
            if len(self._published_for) > _MOST_WAYS:
                del self._published_for[next(iter(self._published_for))]
        told |= {name: options[name] for name in _OF_PROXIES if name in options}

        async def around(request: Request, send: Send) -> Response:
            return await self._answered(request, send=send, refuse_redirects=True)

        async def fetch(request: Request) -> Response:
            return await self._running(_sent(request), told, around=around)

        return await published.get(request, shared, fetch if options else partial(around, send=send), now)

    async def _answered(self, request: Request, *, send: Send, refuse_redirects: bool) -> Response:
        """The answer to a protocol request."""
        self._check_session(request)
        response = await send(request)
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("%s %s: %d", request.method, self._shown(request.url), response.status)
        if refuse_redirects:
            _refuse_redirect(response)
        return response

    def _check_session(self, request: Request) -> None:
        """A request authenticates a client in one way, and a session's own credential is another (RFC 6749 2.3)."""
        carried = request.authenticator
        if self._client.proofs is not None and isinstance(carried, oauth2.DPoPAuthentication):
            carried = carried.inner
        if carried is not None:
            return
        session, origin = self.session, parse_origin(request.url)
        # What is no session has no headers, and is refused by name when the request is sent.
        goes_along = "Authorization" in getattr(session, "headers", ()) and all(
            name.lower() != "authorization" for name, _ in request.headers
        )
        if getattr(session, "auth", None) is not None:
            base = getattr(session, "_base_url", None)
            goes_along = goes_along or base is None or parse_origin(str(base)) == origin
        if goes_along:
            raise UsageError(
                f"the session has a credential of its own, which would go along to {render_origin(origin)}",
                code="session-credential",
                hint="give the client a session that was made without `auth=` and without an `Authorization` header",
            )

    def _shown(self, url: str) -> str:
        """A URL as logs may hold it: of one that is made of values, as by a token in its path, the origin alone."""
        from oauthreg.redaction import redact_url

        known = self.provider.endpoints.values()
        shown = redact_url(url)
        return shown if shown in map(redact_url, known) else render_origin(parse_origin(url))

    async def _twice_if_late(
        self,
        attempt: Callable[[], Awaitable[Result]],
        may_be_late: Callable[[OAuthError], bool],
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> Result:
        """What an attempt gives: a second one if it was refused as one may be that is late, and the clock was wrong."""
        try:
            return await attempt()
        except OAuthError as error:
            if not may_be_late(error) or not await self._learn_time(error.headers, options):
                raise
        return await attempt()


def _total_of(timeout: Any) -> float | None:
    """The seconds that a whole request may take, of what ``session.request`` is given as its time-out."""
    total = getattr(timeout, "total", timeout)
    return float(total) if isinstance(total, (int, float)) and total > 0 else None


def _sent(request: Request) -> Flow[Response]:
    """One request as a flow."""
    from oauthreg.legs import answered

    return answered((yield request))


def is_unsent(error: Exception) -> bool:
    """Whether a request failed before anything of it was sent."""
    is_refused = isinstance(error, UsageError) and error.code == "session-credential"
    return is_refused or isinstance(error, (ClientConnectorError, ConnectionTimeoutError))


def note_spent(error: Exception, what: str) -> None:
    """Say in an error of the transport that the provider may have got what is good once; not if nothing was sent."""
    if not is_unsent(error):
        error.add_note(f"{what} may be spent: the provider may have answered all the same")


def read_dpop_key(key: Any, provider: Provider) -> oauth2.DPoPKey:
    """The key that an application gave. Raises ``InvalidKeyError``, ``UnsupportedMethodError`` and ``UsageError``."""
    settings = provider.oauth2
    if settings.dpop == "unsupported":
        raise UsageError(
            f"{provider.name} is not known to bind tokens to DPoP keys",
            code="dpop-unsupported",
            hint='if it does, its definition says `dpop = "supported"` or `"required"`; else leave `dpop_key=` out',
        )
    if not isinstance(key, oauth2.DPoPKey):
        return oauth2.DPoPKey(key, algorithms=settings.dpop_algorithms)
    if settings.dpop_algorithms and key.algorithm not in settings.dpop_algorithms:
        raise UnsupportedMethodError(
            f"{provider.name} takes no DPoP proofs signed with {key.algorithm} "
            f"(it takes: {', '.join(settings.dpop_algorithms)})",
            code="unsupported-dpop-algorithm",
            hint="pass another key",
        )
    return key


def read_token(value: Any, now: float) -> OAuth2Token:
    """A token that an application has kept. Raises ``MissingTokenError``.

    A lifetime without a moment counts from ``now``, which is in seconds since 1970.
    """
    if isinstance(value, str):
        value = {"access_token": value}
    if not isinstance(value, Mapping) or not (value.get("access_token") or value.get("refresh_token")):
        raise MissingTokenError(
            f"a token must be a mapping with `access_token`, an access token or `None`: {type(value).__name__}",
            hint="pass what the login gave, as it was",
        )
    token = OAuth2Token(value)
    token.is_proven = token.id_token is None
    if not token.access_token.isprintable():
        raise MissingTokenError(
            "the access token holds characters that no header can carry",
            code="unusable-token",
            hint="a line end may have come along from the place where it was kept",
        )
    if token.expires_at is None:
        lifetime = OAuth2Token(expires_at=token.get("expires_in")).expires_at
        token.pop("expires_at", None)
        if lifetime is not None and lifetime > 0:
            token["expires_at"] = int(now) + lifetime
    if not token.access_token:
        token["expires_at"] = 0  # it is to be renewed before it is used
    return token


def with_placement(provider: Provider, placement: str) -> Provider:
    """The provider with the caller's ``token_placement``. Raises ``UnsupportedMethodError``."""
    if placement is DEFAULT_PLACEMENT:
        return provider
    chosen = _PLACEMENTS.get(placement)
    if chosen is None:
        raise UnsupportedMethodError(
            f"unknown token placement: {placement!r} (known: {', '.join(_PLACEMENTS)})", code="unknown-placement"
        )
    return replace(provider, token_placement=chosen)


def make_id() -> str:
    """A fresh identifier for an assertion: 128 random bits."""
    from oauthreg import signing

    made: str = signing.load_engine().make_nonce()
    return made


def _without_secrets(value: Any) -> Any:
    """What of a token answer may be shown, however deep it lies."""
    from oauthreg.redaction import is_secret

    if isinstance(value, Mapping):
        return {name: _without_secrets(inner) for name, inner in value.items() if not is_secret(str(name))}
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value


def _refuse_redirect(response: Response) -> None:
    if not 300 <= response.status < 400:
        return
    try:
        target = render_origin(parse_origin(str(URL(response.url).join(URL(response.headers["location"])))))
    except (KeyError, ValueError):
        target = "nowhere"
    from oauthreg.answers import malformed

    raise malformed(
        response,
        f"the endpoint redirects to {target}, and no redirect of a protocol request is followed",
        code="redirect-refused",
        hint="check the endpoint's URL; what was sent holds secrets",
    )
