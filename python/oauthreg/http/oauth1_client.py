"""The OAuth 1.0a client: log in, then make signed requests, over a session that stays the caller's.

Names, parameters and the shape of calls are those of Authlib's aiohttp clients (0.11 and 0.12).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType, NoneType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from oauthreg import http, oauth1, signing
from oauthreg.errors import (
    CallbackError,
    MismatchingStateError,
    MissingRequestTokenError,
    MissingTokenError,
    OAuthError,
    UnsupportedMethodError,
    UsageError,
)
from oauthreg.http.api_client import (
    TRANSPORT_OPTIONS,
    ApiClient,
    Default,
    check_account,
    flat_pairs,
    learning_clock,
    pairs,
    pinned_origins,
    refuse_in_url,
    taken,
    transport_options,
)
from oauthreg.http.oauth1_life import OAuth1Life
from oauthreg.origins import Origin, endpoint_name, parse_origin, render_origin
from oauthreg.provider import Placement, Provider
from oauthreg.records import replace
from oauthreg.token import OAuth1Token, OAuth2Token

if TYPE_CHECKING:
    from aiohttp import ClientMiddlewareType, ClientResponse, ClientSession
    from yarl import URL

    from oauthreg.claims import Profile
    from oauthreg.http.api_client import Callback
    from oauthreg.http.finished_logins import FinishedLogins
    from oauthreg.http.middleware import Repair
    from oauthreg.http.oauth1_life import TokenUpdater
    from oauthreg.http.request_context import RequestContext
    from oauthreg.http.stored_token import StoredToken
    from oauthreg.login import PendingLogin
    from oauthreg.messages import Authenticator, Flow, Pairs, Response
    from oauthreg.oauth2 import BearerAuthentication
    from oauthreg.stores import TokenKey, TokenStore

Result = TypeVar("Result")

_DEFAULT_METHOD = Default("HMAC-SHA1")
_DEFAULT_TYPE = Default("HEADER")
_PLACEMENTS: Mapping[str, Placement] = {"HEADER": "header", "QUERY": "query", "BODY": "body"}
"""``signature_type`` -> placement."""


class AsyncOAuth1Client(ApiClient):
    """An OAuth 1.0a client over an ``aiohttp.ClientSession``, which it neither changes nor closes.

    ::

        client = AsyncOAuth1Client(session, client_id, client_secret, token=token, token_secret=token_secret)
        async with client.get("https://api.example.com/me") as response:
            print(await response.json())

    ``provider`` says what the other side does differently, and where it is: with its endpoints the methods need no
    URL, with its ``api_base`` requests may be relative, and only its origins receive signatures. Without one a request
    is signed for the origin that it names, and for no other that it is redirected to. ``allowed_origins`` adds to
    those that may receive signatures (URLs, of which scheme, host and port count).

    ``token`` is the token, or a mapping, or an ``OAuth1Token``. ``signature_method`` and ``signature_type``
    (``HEADER``, ``QUERY`` or ``BODY``) default to the provider's choice. ``realm`` is text or several texts.
    ``body_hash`` (the older name is ``force_include_body``) covers bodies that are no forms. ``clock`` gives seconds
    since 1970; a refused timestamp teaches it the server's time. ``token_updater`` (sync or async) is called with
    every new access token before it is used; if it fails, a login leaves the client as it was, while a renewed token
    takes the place of the old one all the same, which may be spent. Where tokens are renewed, call ``aclose`` before
    the session is closed, or enter the client with ``async with``.

    ``account`` is the application's own name for the user whose token this is, and ``store`` (or a function that gives
    it) keeps it: new tokens are saved there before the updater hears of them, and a client without a token finds its
    own there when it first needs one; as long as there is none, it sends no requests to the API. A ``token`` that is
    given is used as it is; ``keep_token`` stores it. ``renewals`` is where whoever waits for the end of many clients
    finds the tasks that save tokens; ``finished`` gives what they know together of logins that are over, of which
    ``finish`` takes none twice.

    Construction makes no traffic. Raises ``UsageError`` and its kinds, and ``MissingTokenError`` for a ``token`` that
    is none; an RSA key is read when it is first needed.

    Spec: RFC 5849.
    """

    def __init__(
        self,
        session: ClientSession,
        client_id: str,
        client_secret: str | None = None,
        token: str | Mapping[str, Any] | OAuth1Token | None = None,
        token_secret: str | None = None,
        redirect_uri: str | None = None,
        rsa_key: Any = None,
        verifier: str | None = None,
        signature_method: str = _DEFAULT_METHOD,
        signature_type: str = _DEFAULT_TYPE,
        force_include_body: bool = False,
        *,
        provider: Provider | None = None,
        realm: str | Sequence[str] | None = None,
        body_hash: bool | None = None,
        allowed_origins: Iterable[str] = (),
        clock: Callable[[], float] | None = None,
        engine: signing.EngineName | None = None,
        passphrase: str | bytes | None = None,
        token_updater: TokenUpdater | None = None,
        account: str | None = None,
        store: TokenStore | Callable[[], TokenStore] | None = None,
        renewals: set[asyncio.Task[OAuth1Token]] | None = None,
        finished: Callable[[], FinishedLogins] | None = None,
    ) -> None:
        if not client_id:
            from oauthreg.signing import refusals

            raise refusals.missing_client_id()
        if account is not None:
            check_account(account)
        self._is_custom = provider is None
        super().__init__(
            session,
            _with_choices(provider or Provider(), signature_method, signature_type, realm),
            origins=pinned_origins(provider, allowed_origins),
            clock=learning_clock(clock),
        )
        if self._is_rsa and rsa_key is None:
            from oauthreg.signing import refusals

            raise refusals.missing_key(self.signature_method)
        self.client_id = client_id
        self.redirect_uri = redirect_uri
        self._client_secret = client_secret
        self._rsa_key = rsa_key
        self._passphrase = passphrase
        self._engine = engine
        self._body_hash = (force_include_body or self.provider.oauth1.body_hash) if body_hash is None else body_hash
        self._announced: str | None = None
        self._account = account
        self._store = store
        self._logins = finished or _forgetful
        stored = None if store is None or account is None else self._place_of(account, store)
        self._life = OAuth1Life(token_updater, stored, everybodys=renewals)
        # A secret without a token still goes into the key.
        if token_secret:
            self._life.put(OAuth1Token("", token_secret))
        if token:
            self.token = {"oauth_token": token} if isinstance(token, str) else token
        if verifier:
            self._life.verifier = verifier

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Return when no renewal is under way in this event loop any more; do so before the session is closed.

        One that this is called from is not waited for.
        """
        await self._life.aclose()

    def __repr__(self) -> str:
        return f"<AsyncOAuth1Client provider={self.provider.name!r} client_id={self.client_id!r}>"

    @property
    def _token(self) -> OAuth1Token | None:
        """The token in memory."""
        return self._life.token

    @property
    def signature_method(self) -> str:
        """The signature method in use."""
        return self.provider.oauth1.signature_methods[0]

    @property
    def token(self) -> dict[str, str | None]:
        """The token under the names of the wire, ``None`` where there is nothing, and the server's other fields.

        May be set to a mapping with ``oauth_token`` and ``oauth_token_secret`` (or ``oauth_secret``), to an
        ``OAuth1Token``, or to ``None`` for no token. A mapping without a secret leaves the secret as it is: so a
        callback's parameters complete the request token. Raises ``MissingTokenError`` for anything else.
        """
        token = self._token
        return {
            "oauth_token": (token.token or None) if token else None,
            "oauth_token_secret": (token.token_secret or None) if token else None,
            "oauth_verifier": self._life.verifier,
            **(token.extra if token else {}),
        }

    @token.setter
    def token(self, value: Mapping[str, Any] | OAuth1Token | None) -> None:
        if value is None:
            self._life.put(None)
            self._life.verifier = None
            return
        if isinstance(value, OAuth1Token):
            self._life.put(value)
            return
        if not isinstance(value, Mapping):
            raise MissingTokenError(
                f"a token must be a mapping, an `OAuth1Token` or `None`: {type(value).__name__}",
                hint="pass a mapping with `oauth_token` and `oauth_token_secret`",
            )
        token = OAuth1Token.from_mapping(value)
        extra = dict(token.extra)
        self._life.verifier = extra.pop("oauth_verifier", None) or self._life.verifier
        secret = token.token_secret or (self._token.token_secret if self._token else "")
        self._life.put(OAuth1Token(token.token, secret, MappingProxyType(extra)))

    @property
    def auth(self) -> Authenticator:
        """What requests carry now, for sessions made with ``request_class=OAuthRequest``: ``auth=client.auth``.

        That is of the token in memory; nothing looks into a store for it, and nothing repairs what is refused. It knows
        the pinned origins, and whether it may travel in clear text, as the client's own requests do. Raises
        ``MissingTokenError`` where an account has no token in memory.
        """
        self._check_token(is_needed=self._account is not None, hint="await `load_token` before, or log in")
        origins, bearer = self._origins_now, self._bearer
        return http.Access(bearer or self._signing(self._signer_for(self._token)), origins, self._clear_text)

    def request(
        self,
        method: str,
        url: str | URL,
        *,
        signed_parameters: Iterable[tuple[str, str]] | Mapping[str, str] = (),
        middlewares: Sequence[ClientMiddlewareType] | None = None,
        **options: Any,
    ) -> RequestContext:
        """A signed request, to be awaited or entered with ``async with``; ``options`` are those of ``session.request``.

        Each hop of a redirect is signed anew while it stays on the pinned origins; elsewhere it goes unsigned, and not
        at all if it would carry a body. ``signed_parameters`` (pairs or a mapping) are covered by the signature without
        being sent by it: the text fields of a multipart upload, where a provider wants them signed. A refused
        timestamp (401) is repaired once, if the body can be sent again.

        Raises ``UsageError`` for a foreign origin, ``UnsignableRequestError`` for a request whose wire form cannot be
        covered, ``MissingTokenError`` for an account without a token, ``TokenStoreError``, ``ResponseError`` for a
        redirect that cannot be followed, and aiohttp's errors.
        """
        access = self._life.access
        if access is not None and not signed_parameters:
            try:
                return self._send(method, url, access, middlewares, options)
            except Exception:  # noqa: BLE001, S110 - it is raised again when the request is awaited
                pass
        return http.RequestContext(self._request(method, url, signed_parameters, middlewares, options))

    async def fetch_request_token(
        self, url: str | None = None, realm: str | Sequence[str] | None = None, **options: Any
    ) -> dict[str, str]:
        """Temporary credentials, which also become ``token``; ``redirect_uri`` is sent as callback, else ``oob``.

        ``options``: ``data`` and ``params`` (mappings or pairs) are further parameters in the form and the query,
        ``headers`` further headers, and the rest concerns the transport (``proxy``, ``ssl``, ``timeout`` …).

        Raises ``OAuthError``, ``MalformedResponseError`` and ``UsageError``. Spec: RFC 5849 section 2.1.
        """
        provider, params, transport = _with_request(self.provider, "request_token", url, options)
        signer = await self._prepared_signer(None, realm)
        token = await self._run(
            lambda: oauth1.request_token_flow(
                provider, signer, callback=self.redirect_uri, params=params, secrets=self._secrets(None)
            ),
            transport,
        )
        self._announced = self.redirect_uri
        self._life.put(OAuth1Token(token.token, token.token_secret, token.extra), is_request_token=True)
        return token.to_mapping()

    def create_authorization_url(
        self, url: str | None = None, request_token: str | None = None, **parameters: Any
    ) -> str:
        """The URL to send the user to, for ``request_token`` or else the current token.

        ``url`` replaces the provider's endpoint, or the ready-made URL that came with the request token;
        ``parameters`` are added to its query, those of ``None`` left out. Raises ``MissingTokenError`` without a token,
        and ``UsageError``. Spec: RFC 5849 section 2.2.
        """
        refuse_in_url(parameters)
        token = request_token or (self._token.token if self._token else "")
        if not token:
            raise MissingTokenError("there is no request token", hint="await `fetch_request_token` first")
        provider, added = self.provider, flat_pairs(parameters)
        find = provider.oauth1.authorize_url_from
        if url is None and find and self._token and token == self._token.token and (found := find(self._token.extra)):
            from oauthreg.legs import append_query

            return append_query(str(found), added)
        if self._is_custom and self.redirect_uri != self._announced:
            # OAuth 1.0 without the "a": a callback that went with no request token goes here.
            provider = replace(provider, oauth1=replace(provider.oauth1, callback="both"))
        callback = None if "oauth_callback" in parameters else self.redirect_uri
        return oauth1.build_authorization_url(provider, token, callback=callback, url=url, params=added)

    def parse_authorization_response(self, url: Callback) -> dict[str, str]:
        """The parameters of a callback, given as to ``finish``; its token and verifier complete ``token``.

        Raises ``AccessDeniedError`` when the user refused, ``OAuthError``, ``UsageError`` and ``CallbackError``: a
        callback for another token than the client's own is of another login (``MismatchingStateError``).
        """
        response = oauth1.parse_authorization_response(url, self.provider.callback)
        token, own = response.token, self._token.token if self._token else ""
        if token is None and not self.provider.oauth1.token_in_callback:
            token = own or None
        if own or token is None:
            token = _check_same_login(own, token)
        self.token = {"oauth_token": token, "oauth_verifier": response.verifier}
        self._life.is_request_token = True
        return dict(response.parameters)

    async def fetch_access_token(
        self, url: str | None = None, verifier: str | None = None, **options: Any
    ) -> dict[str, str]:
        """Exchanges the request token and the verifier for an access token, which becomes ``token``.

        In a two-legged flow the client asks for itself, without either. ``options`` as in ``fetch_request_token``.

        Raises ``UsageError`` with the code ``missing-verifier``, ``MissingTokenError``, ``OAuthError`` and
        ``MalformedResponseError``. Spec: RFC 5849 section 2.3.
        """
        provider, params, transport = _with_request(self.provider, "token", url, options)
        verifier = _typed(verifier) or self._life.verifier
        flows = provider.oauth1.flows
        is_for_itself = "two-legged" in flows and ("three-legged" not in flows or self._token is None)
        if provider.oauth1.verifier == "required" and not is_for_itself:
            if not verifier:
                raise UsageError(
                    "there is no verifier",
                    code="missing-verifier",
                    hint="pass `verifier=`, or the callback URL to `parse_authorization_response`",
                )
            if not (self._token and self._token.token):
                raise MissingTokenError(
                    "there is no request token", hint="set `token` to what `fetch_request_token` gave"
                )
        request_token = None if is_for_itself else self._token
        signer, secrets = await self._prepared_signer(request_token), self._secrets(request_token)

        async def exchange() -> OAuth1Token:
            return await self._run(
                lambda: oauth1.access_token_flow(
                    provider, signer, verifier=verifier, params=params, sent_at=self.clock(), secrets=secrets
                ),
                transport,
            )

        return (await self._life.obtain(exchange)).to_mapping()

    async def exchange_password(self, username: str, password: str) -> OAuth1Token:
        """Exchanges the user's name and password for an access token (xAuth), which becomes ``token``.

        Both go to the token endpoint in a form and are kept nowhere. Raises ``UsageError`` where there is no such
        login, ``OAuthError`` and ``MalformedResponseError``.
        """
        provider = self.provider
        if "xauth" not in provider.oauth1.flows:
            raise UsageError(
                f"{provider.name} has no login by password",
                code="no-password-login",
                hint="let the user log in at the provider: `start`, then `finish`",
            )
        signer = await self._prepared_signer(None)

        async def exchange() -> OAuth1Token:
            return await self._run(
                lambda: oauth1.password_flow(
                    provider,
                    signer,
                    username=username,
                    password=password,
                    sent_at=self.clock(),
                    secrets=self._secrets(None),
                )
            )

        return await self._life.obtain(exchange)

    def parse_response_token(self, status: int, text: str) -> dict[str, str]:
        """The fields of a token endpoint's answer. Raises ``OAuthError`` and ``MalformedResponseError``."""
        from oauthreg.answers import read_masked
        from oauthreg.messages import Response

        return read_masked(
            Response(status, body=text.encode()),
            lambda response: oauth1.parse_token_answer(response, self.provider.token_answer),
            [value or "" for value in (*self._secrets(None), *self.token.values())],
        )

    @staticmethod
    def handle_error(error_type: str, error_description: str) -> NoReturn:
        """Raises ``OAuthError`` with this error code and description."""
        raise OAuthError(error_type, error_description)

    async def start(
        self, *, redirect_uri: str | None = None, scope: Sequence[str] | str | None = None, **parameters: Any
    ) -> PendingLogin:
        """Begins a login: send the user to ``.url`` of what it returns, and keep the rest for ``finish``.

        Without a ``redirect_uri`` here or at the client the user is shown a code instead, and always where the provider
        knows nothing else: then the ``.redirect_uri`` of what it returns is ``oob``. ``parameters`` are added to the
        authorization URL, but those of the transport (``proxy``, ``ssl``, ``timeout`` …). The client's own token stays
        as it is, so that many users may log in at once. Raises ``UsageError`` where there is no login, ``OAuthError``
        and ``MalformedResponseError``.
        """
        provider = self.provider
        if "three-legged" not in provider.oauth1.flows:
            raise UsageError(
                f"{provider.name} has no login by redirect",
                code="no-login",
                hint=_WITHOUT_LOGIN[provider.oauth1.flows[0]],
            )
        only_oob = provider.oauth1.callback == "oob"
        callback = "oob" if only_oob else redirect_uri or self.redirect_uri or "oob"
        options = taken(parameters, TRANSPORT_OPTIONS)
        refuse_in_url(parameters)
        added = flat_pairs(parameters)
        signer = await self._prepared_signer(None)
        token = await self._run(
            lambda: oauth1.request_token_flow(
                provider, signer, callback=callback, scope=scope, secrets=self._secrets(None)
            ),
            options,
        )
        if token.authorize_url:
            from oauthreg.legs import append_query

            url = append_query(token.authorize_url, added)
        else:
            url = oauth1.build_authorization_url(provider, token.token, callback=callback, scope=scope, params=added)
        from oauthreg.login import PendingLogin, server_of

        values = {"oauth_token": token.token, "oauth_token_secret": token.token_secret, "server": server_of(provider)}
        return PendingLogin(
            provider.name, provider.protocol, url, callback, MappingProxyType(values), int(self.clock())
        )

    async def finish(
        self,
        pending: PendingLogin,
        callback_url: Callback | None = None,
        *,
        verifier: str | None = None,
        **options: Any,
    ) -> OAuth1Token:
        """Ends a login that ``start`` began, here or in another process; the access token becomes ``token``.

        ``callback_url`` is the URL at which the user came back, or the form that the browser posted; out of band,
        ``verifier`` is the code shown to them. ``options`` concern the transport.

        Raises before any traffic ``AccessDeniedError`` when the user refused, ``CallbackError`` for a callback that is
        of another login or server, finished before (``login-finished``) or incomplete, and ``UsageError`` for what is
        no pending login or no callback; ``OAuthError`` and ``MalformedResponseError``.
        """
        from oauthreg.login import check_pending, check_server

        check_pending(pending)
        transport_options(options)
        provider, verifier = self.provider, _typed(verifier)
        check_server(pending, provider)
        login = f"{provider.name} {self.client_id} {pending.values.get('oauth_token')}"
        finished = self._logins()
        if login in finished:
            raise finished.refusal(login)
        kept: dict[str, str] = {}
        documents: dict[str, Mapping[str, str]] = {}
        if callback_url is not None:
            response = oauth1.parse_authorization_response(callback_url, provider.callback)
            if response.token is not None or provider.oauth1.token_in_callback:
                _check_same_login(pending.values.get("oauth_token", ""), response.token)
            verifier, documents = verifier or response.verifier, {"callback": response.parameters}
            kept = {name: response.parameters[name] for name in provider.callback.keep if name in response.parameters}
        if provider.oauth1.verifier == "required" and not verifier:
            raise CallbackError(
                "the callback holds no `oauth_verifier`",
                code="missing-verifier",
                hint="pass the whole callback URL, or the code shown to the user as `verifier=`",
            )
        request_token = OAuth1Token.from_mapping(pending.values)
        signer, secrets = await self._prepared_signer(request_token), self._secrets(request_token)

        async def exchange() -> OAuth1Token:
            if not finished.add(login, self.clock()):
                raise finished.refusal(login)
            try:
                token = await self._run(
                    lambda: oauth1.access_token_flow(
                        provider, signer, verifier=verifier, documents=documents, sent_at=self.clock(), secrets=secrets
                    ),
                    options,
                )
            except BaseException:
                finished.give_back(login)  # it may be tried again: the server tells if its token is used up
                raise
            finished.note_token(login)
            return replace(token, extra=MappingProxyType({**token.extra, **kept}))

        return await self._life.obtain(exchange)

    async def refresh_token(self) -> OAuth1Token:
        """Exchanges the token (and its session handle) for a new one, or makes it good again; it becomes ``token``.

        One renewal answers all who ask meanwhile, and goes on when they are cancelled: the old token may be spent. With
        a store that holds for all processes: the token that came there since this client looked is given instead.

        Raises ``ReauthorizationRequired`` when only a new login helps, ``UsageError`` where tokens are not renewed,
        ``MissingTokenError``, and ``TokenStoreError`` and what the ``token_updater`` raises; the new token is in use
        then.
        """
        provider = self.provider
        if not (provider.oauth1.session_handle or "refresh" in provider.endpoints):
            raise UsageError(
                f"{provider.name} does not renew tokens",
                code="not-renewable",
                hint="its tokens are valid until they are revoked; then the user logs in again",
            )
        old = await self._owned("to renew")

        async def exchange() -> OAuth1Token:
            signer = await self._prepared_signer(old)
            return await self._run(
                lambda: oauth1.refresh_flow(provider, signer, old, sent_at=self.clock(), secrets=self._secrets(old))
            )

        return await self._life.renew(old, exchange)

    async def revoke_token(self) -> None:
        """Gives the token up at the provider, and forgets it, in the store as well.

        Raises ``OAuthError``, ``MissingTokenError``, ``TokenStoreError``, and ``UsageError`` where tokens cannot be
        given up.
        """
        provider, token = self.provider, await self._owned("to give up")
        signer = await self._prepared_signer(token)
        await self._run(lambda: oauth1.revocation_flow(provider, signer, token, secrets=self._secrets(token)))
        await self._life.forget(token)

    async def load_token(self) -> OAuth1Token | None:
        """The latest token as it is, from the store if there is none in memory; ``None`` where there is none.

        Raises ``TokenStoreError``.
        """
        token = await self._life.settled()
        return token if token and token.token else None

    def token_key(self, account: str) -> TokenKey:
        """Under what a store keeps the token of an account, got with this client.

        Raises ``UsageError`` where it could be any provider's.
        """
        from oauthreg.stores import TokenKey

        server = endpoint_name(self.provider.endpoints.get("token"))
        if self._is_custom:
            server = server or " ".join(sorted(map(render_origin, self._origins)))
            if not server:
                raise UsageError(
                    "nobody knows which server's token this is, so it cannot be stored",
                    code="no-server",
                    hint="pass `provider=`, or `allowed_origins=` with the URLs that it is for",
                )
        return TokenKey(self.provider.name, account, self.client_id, server=server)

    async def keep_token(self, account: str) -> OAuth1Token:
        """Saves the token as that of ``account``, the application's own name for the user.

        For a login of which only the profile tells whose it is. What was kept under that name is replaced.

        Raises ``MissingTokenError``, ``UsageError`` where the client has no store or another account, and
        ``TokenStoreError``.
        """
        if self._store is None:
            raise UsageError(
                "there is no store to keep the token in",
                code="no-store",
                hint="make the client with `store=`, or the registry that makes it",
            )
        check_account(account, self._account)
        token = await self._owned("to keep")
        if self._life.is_request_token:
            raise MissingTokenError("there is no access token to keep yet", hint="await `fetch_access_token` first")
        token = await self._life.keep(token, self._life.stored or self._place_of(account, self._store))
        self._account = account
        return token

    async def exchange_token(self) -> OAuth2Token:
        """A token of OAuth 2.0 for the token, which stays as it is; the new one is for an ``AsyncOAuth2Client``.

        Raises ``UsageError`` where there is no such step, ``MissingTokenError``, ``OAuthError`` and
        ``MalformedResponseError``.
        """
        provider, token = self.provider, await self._owned("to exchange")
        signer = await self._prepared_signer(token)
        return await self._run(
            lambda: oauth1.exchange_flow(provider, signer, token, sent_at=self.clock(), secrets=self._secrets(token))
        )

    async def profile(self, **options: Any) -> Profile:
        """Who the user is, in standard claims; ``.raw`` holds the provider's answers by name.

        ``options`` concern the transport (``proxy``, ``ssl``, ``timeout`` …). Raises ``OAuthError``, ``ResponseError``,
        ``MissingTokenError`` where there is no token of a user who logs in or has an account, and ``UsageError`` for a
        provider without ``[claims]``.
        """
        transport_options(options)
        await self._life.settled()
        has_users = self._account is not None or "three-legged" in self.provider.oauth1.flows
        self._check_token(is_needed=has_users and self.provider.claims is not None)
        token, bearer, origins = self._token or OAuth1Token(""), self._bearer, self._origins_now
        signer = await self._prepared_signer(self._token)
        keep = self.provider.callback.keep
        known = {
            "token": token.to_mapping(),
            "callback": {name: token.extra[name] for name in keep if name in token.extra},
        }
        documents = await self._run(
            lambda: self._identity(
                lambda nonce: bearer or self._signing(signer, nonce),
                known,
                client_id=self.client_id,
                client_secret=self._client_secret,
            ),
            options,
            origins,
        )
        return self._profile(
            documents, {name: value for name, value in token.extra.items() if not name.startswith("oauth_")}
        )

    async def _request(
        self,
        method: str,
        url: str | URL,
        signed_parameters: Iterable[tuple[str, str]] | Mapping[str, str],
        middlewares: Sequence[ClientMiddlewareType] | None,
        options: Mapping[str, Any],
    ) -> ClientResponse:
        access = self._life.access or await self._made_access()
        if signed_parameters:
            access = self._covering(access, pairs("signed_parameters", signed_parameters))
        return await self._send(method, url, access, middlewares, options)

    async def _made_access(self) -> http.Access:
        await self._life.settled()
        self._check_token(is_needed=self._account is not None)
        # Before another token can be set: where a request goes and what it carries belong together.
        token, bearer, origins, base = self._token, self._bearer, self._origins_now, self._base_of_token
        authenticator = bearer or self._signing(await self._prepared_signer(token))
        access = http.Access(
            authenticator,
            origins,
            self._clear_text,
            self._repairing(authenticator, token),
            base or self.provider.endpoints.get("api_base"),
            self._is_hopeful,
        )
        if token is self._token:
            self._life.access = access
        return access

    @property
    def _clear_text(self) -> bool:
        """Whether calls may go by http to other machines."""
        # A signature hides the secrets; PLAINTEXT and a bearer's field are the secrets.
        is_bare = self.provider.oauth1.bearer is not None or self.signature_method == "PLAINTEXT"
        return self.provider.allow_insecure_http or not is_bare

    def _signing(self, signer: signing.Signer, nonce: str | None = None) -> oauth1.OAuth1Authentication:
        """What signs a call of the API."""
        settings, params = self.provider.oauth1, self.provider.api_params
        return oauth1.OAuth1Authentication.of(settings, signer, nonce=nonce, params=params)

    def _covering(self, access: http.Access, fields: Pairs) -> http.Access:
        """The same access with signatures that cover further fields; a bearer covers none."""
        if not isinstance(access.authenticator, oauth1.OAuth1Authentication):
            return access
        authenticator = replace(access.authenticator, signed=fields)
        return replace(access, authenticator=authenticator, repair=self._repairing(authenticator, self._token))

    def _secrets(self, token: OAuth1Token | None) -> tuple[str, ...]:
        """What requests for this token tell nobody else: what a signer without a key signs with, and credentials."""
        return self._client_secret or "", token.token_secret if token else "", *self.provider.secrets

    async def _owned(self, purpose: str) -> OAuth1Token:
        token = await self._life.settled()
        if token is None:
            raise MissingTokenError(f"there is no token {purpose}", hint="set `token`, or log in")
        return token

    def _check_token(self, *, is_needed: bool, hint: str = "log in, or set `token`") -> None:
        """Raises ``MissingTokenError`` where a request is for a user, and the application alone would sign it."""
        if is_needed and not (self._token and self._token.token):
            raise MissingTokenError("there is no token", hint=hint)

    @property
    def _bearer(self) -> BearerAuthentication | None:
        """What calls carry where they are not signed. Raises ``MissingTokenError`` for a token without it."""
        name = self.provider.oauth1.bearer
        if name is None:
            return None
        value = self._token.to_mapping().get(name) if self._token else None
        if not value:
            raise MissingTokenError(f"there is no token with a field `{name}`", hint="set `token`, or log in")
        if not str(value).isprintable():
            raise MissingTokenError(
                f"the token's field `{name}` holds characters that no request can carry",
                code="unusable-token",
                hint="log in once more, or ask the provider",
            )
        from oauthreg.oauth2 import BearerAuthentication

        return BearerAuthentication(value, self.provider.token_placement, params=self.provider.api_params)

    @property
    def _base_of_token(self) -> str | None:
        """The base of the API that only the token tells."""
        base = self.provider.api_base
        if base is None or isinstance(base, str):
            return base
        return base.render({"token": self._token.to_mapping() if self._token else {}})

    @property
    def _origins_now(self) -> frozenset[Origin]:
        """The pinned origins, that of the token's own API among them."""
        base = self._base_of_token
        return self._origins if base is None else self._origins | {parse_origin(base)}

    def _repairing(self, authenticator: Authenticator, token: OAuth1Token | None) -> Repair:
        async def repair(refusal: Response) -> Authenticator | None:
            if _is_about_time(refusal) and (await self._learn_time(refusal.headers) or self._is_hopeful(refusal)):
                return authenticator
            return await self._successor(authenticator, token)

        return repair

    async def _successor(self, authenticator: Authenticator, token: OAuth1Token | None) -> Authenticator | None:
        """What a call carries with the token that came into the store since this one was found there."""
        # Of a token that tells where the API is another one may lead elsewhere.
        if not isinstance(self.provider.api_base, (str, NoneType)):
            return None
        found = await self._life.newer_than(token)
        if found is None:
            return None
        if isinstance(authenticator, oauth1.OAuth1Authentication):
            return replace(self._signing(await self._prepared_signer(found)), signed=authenticator.signed)
        return self._bearer

    def _is_hopeful(self, refusal: Response) -> bool:
        """Whether the server's time is asked for although the text of its refusal has not come, and may never do.

        The question wants the connection. Then nobody can read the refusal any more, so that the request is sent once
        more whatever the time is.
        """
        return not refusal.body and "server_time" in self.provider.endpoints and _is_about_time(refusal)

    async def _run(
        self,
        make_flow: Callable[[], Flow[Result]],
        options: Mapping[str, Any] = MappingProxyType({}),
        origins: Iterable[Origin] = (),
    ) -> Result:
        """The value of a flow, run once more if the server's clock was to blame."""
        try:
            return await self._running(make_flow(), options, origins)
        except OAuthError as error:
            if not (oauth1.is_timestamp_refusal(error) and await self._learn_time(error.headers, options)):
                raise
        return await self._running(make_flow(), options, origins)

    def _place_of(self, account: str, store: TokenStore | Callable[[], TokenStore]) -> StoredToken:
        """Where the token of an account is stored. Raises as ``token_key``."""
        from oauthreg.http.stored_token import StoredToken

        return StoredToken(store() if callable(store) else store, self.token_key(account))

    @property
    def _is_rsa(self) -> bool:
        return signing.SIGNATURE_METHODS[self.signature_method][0] == "rsa"

    async def _prepared_signer(
        self, token: OAuth1Token | None, realm: str | Sequence[str] | None = None
    ) -> signing.Signer:
        """A signer for a token; an RSA key is read off the event loop."""
        if self._is_rsa:
            return await asyncio.to_thread(self._signer_for, token, realm)
        return self._signer_for(token, realm)

    def _signer_for(self, token: OAuth1Token | None, realm: str | Sequence[str] | None = None) -> signing.Signer:
        settings = self.provider.oauth1
        return signing.Signer(
            self.signature_method,
            self.client_id,
            self._client_secret,
            token=token.token if token else None,
            token_secret=token.token_secret if token else None,
            rsa_key=self._rsa_key,
            passphrase=self._passphrase,
            realm=_realm(realm) or settings.realm,
            version=settings.version,
            body_hash=self._body_hash,
            clock=self.clock,
            engine=self._engine,
        )


_WITHOUT_LOGIN = {
    "none": "the provider's own pages give the token: pass `token=` and `token_secret=`, or sign for the client alone",
    "two-legged": "the client's own token comes from `fetch_access_token`",
    "xauth": "the user's name and password give a token: `exchange_password`",
}


def _with_choices(
    provider: Provider, signature_method: str, signature_type: str, realm: str | Sequence[str] | None
) -> Provider:
    """The provider with what the caller chose instead of its defaults."""
    if provider.protocol != "oauth1":
        raise UsageError(f"{provider.name} speaks another protocol: {provider.protocol!r}", code="wrong-protocol")
    given = settings = provider.oauth1
    if signature_method is not _DEFAULT_METHOD:
        others = tuple(name for name in settings.signature_methods if name != signature_method)
        settings = replace(settings, signature_methods=(signature_method, *others))
    if settings.signature_methods[0] not in signing.SIGNATURE_METHODS:
        from oauthreg.signing import refusals

        raise refusals.unknown_signature_method(str(settings.signature_methods[0]), tuple(signing.SIGNATURE_METHODS))
    if signature_type is not _DEFAULT_TYPE:
        placement = _PLACEMENTS.get(str(signature_type).upper())
        if placement is None:
            raise UnsupportedMethodError(
                f"unknown signature type: {signature_type!r} (known: {', '.join(_PLACEMENTS)})",
                code="unknown-signature-type",
            )
        settings = replace(settings, placement=placement)
    chosen = _realm(realm)
    if chosen:
        settings = replace(settings, realm=chosen)
    return provider if settings is given else replace(provider, oauth1=settings)


def _with_request(
    provider: Provider, name: str, url: str | None, options: Mapping[str, Any]
) -> tuple[Provider, Pairs, dict[str, Any]]:
    """The provider with one leg as the caller wants it, the leg's parameters, and what concerns the transport."""
    options = dict(options)
    params = pairs("data", options.pop("data", None))
    query, headers = pairs("params", options.pop("params", None)), pairs("headers", options.pop("headers", None))
    leg = getattr(provider, name)
    leg = replace(leg, query=(*leg.query, *query), headers=(*leg.headers, *headers))
    endpoints = provider.endpoints if url is None else {**provider.endpoints, name: str(url)}
    return replace(provider, endpoints=endpoints, **{name: leg}), params, transport_options(options)


def _realm(realm: str | Sequence[str] | None) -> str | None:
    if realm is None or isinstance(realm, str):
        return realm
    try:
        return " ".join(realm)
    except TypeError:
        from oauthreg.signing import refusals

        raise refusals.wrong_type("realm", "text, or a sequence of texts", realm) from None


def _check_same_login(expected: str, token: str | None) -> str:
    """The request token of a callback, if it is that of the login."""
    if token is None:
        raise _missing_request_token()
    from hmac import compare_digest

    if not compare_digest(token.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass")):
        raise MismatchingStateError(
            "the callback belongs to another login: its `oauth_token` differs",
            hint="keep each pending login with the browser that began it, and let the user start again",
        )
    return token


def _forgetful() -> FinishedLogins:
    """What a client that shares nothing knows of logins: each end of one is the first."""
    from oauthreg.http.finished_logins import FinishedLogins

    return FinishedLogins()


def _typed(verifier: str | None) -> str | None:
    """A code as a person typed or pasted it."""
    return verifier.strip() if isinstance(verifier, str) else verifier


def _is_about_time(refusal: Response) -> bool:
    """Whether the server refused a call for its timestamp."""
    try:
        oauth1.parse_token_answer(refusal)
    except OAuthError as error:
        return oauth1.is_timestamp_refusal(error)
    return False


def _missing_request_token() -> MissingRequestTokenError:
    return MissingRequestTokenError(
        "the callback holds no `oauth_token`", hint="pass the whole URL at which the user came back"
    )
