"""The OAuth 2.0 client: log in, or be somebody oneself, then make requests with a token that renews itself."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from aiohttp import ClientError

from oauthreg import http, oauth2
from oauthreg.errors import (
    MismatchingStateError,
    MissingCredentialError,
    MissingTokenError,
    OAuthError,
    UsageError,
)
from oauthreg.http.api_client import (
    TRANSPORT_OPTIONS,
    check_account,
    flat_pairs,
    learning_clock,
    pairs,
    refuse_in_url,
    taken,
    transport_options,
)
from oauthreg.http.token_client import (
    DEFAULT_PLACEMENT,
    GivenToken,
    TokenClient,
    is_unsent,
    make_id,
    note_spent,
    with_placement,
)
from oauthreg.records import dataclass, field, replace
from oauthreg.token import OAuth2Token

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from oauthreg.http.api_client import Callback
    from oauthreg.http.driver import Sleeper
    from oauthreg.http.token_life import TokenLives, TokenUpdater, Way
    from oauthreg.jwe import DecryptionKeys
    from oauthreg.login import PendingLogin
    from oauthreg.messages import Pairs, Request
    from oauthreg.oauth2 import LogoutToken
    from oauthreg.provider import Provider
    from oauthreg.stores import TokenKey, TokenStore

Progress: TypeAlias = Callable[["oauth2.DeviceAuthorization", str, float], Any]
"""Told the codes to show, how a device login stands, and the seconds until the provider is asked (again)."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_AUTHORIZATION_PARAMETERS = (
    "acr_values",
    "claims",
    "display",
    "id_token_hint",
    "login_hint",
    "max_age",
    "prompt",
    "ui_locales",
)
"""What a client may say once and for all about its authorization requests."""

_SIGNING = frozenset(("client_secret_jwt", "private_key_jwt", "signed_secret"))
_MOST_LOGINS = 1000
_PATIENCE = 1.5
"""Seconds that a renewal waits for the keys of a provider, which it can do without."""
_PROCESS_KEY = os.urandom(32)
"""With it any client of this process makes the same code verifier from a state."""


class AsyncOAuth2Client(TokenClient):
    """An OAuth 2.0 client over an ``aiohttp.ClientSession``, which it neither changes nor closes.

    ::

        client = AsyncOAuth2Client(session, client_id, client_secret, token=token, refresh_token_url=token_url)
        async with client.get("https://api.example.com/me") as response:
            print(await response.json())

    ``provider`` says where the other side is and what it does differently: with its endpoints the methods need no URL,
    with its ``api_base`` requests may be relative, and only its origins receive tokens. Without one a request takes the
    token to the origin that it names, and to no other that it is redirected to; with ``allowed_origins`` only to those.

    A token is renewed ``leeway`` seconds before it ends (default: the provider's, 60), once for all who use it, saved
    in ``store`` and by ``token_updater`` (sync or async), then used; see ``TokenClient`` about ``account``. With
    ``background_refresh`` requests go on with a token that is still good meanwhile. ``refresh_token_params`` are sent
    with each renewal, ``resource`` (RFC 8707) and ``audience`` with every request for a token.

    ``client_auth_method`` is one of ``CLIENT_AUTH_METHODS``; ``private_key`` (with ``key_id`` and ``passphrase``) is
    what it signs with, by ``token_endpoint_auth_signing_alg`` (default: the provider's, else RS256).
    ``token_placement`` is ``header``, ``body`` or ``uri``. ``state`` is that of a login begun by another client. PKCE
    is always used unless the provider forbids it. ``parameters``: ``grant_type`` (with ``client_credentials`` the
    client fetches its own tokens), ``response_type``, ``response_mode``, ``nonce``, ``prompt``, ``login_hint`` and
    their like, and what a server's metadata says by the names that it has there (``issuer``, ``token_endpoint`` …,
    ``require_pushed_authorization_requests`` …); with ``server_metadata_url`` it is taken from there when it is needed.
    ID tokens are checked, signatures included, with a URL of OpenID Connect there, or with ``issuer`` and ``jwks_uri``;
    ``id_token_signed_response_alg`` is what they are signed with (default: RS256).

    ``dpop_key`` (a ``DPoPKey``, or a private key in any form) is the key to which tokens are bound; a client without
    ``provider`` then takes no others, unless ``dpop_bound_access_tokens`` is false. Where the provider demands DPoP and
    no key is given, one is made that ends with the process, for all clients that share ``lives``: logins and stored
    tokens that another process is to go on with need a key of one's own.

    ``decryption_key`` opens what a provider encrypts for the client (ID tokens, userinfo answers, logout tokens): a
    private key in any form, or a JWK set of them while they change. ``id_token_encrypted_response_alg`` is what ID
    tokens must then be encrypted with.

    Construction makes no traffic. Raises ``UsageError`` and its kinds, and ``MissingTokenError`` for a ``token`` that
    is none.

    Spec: RFC 6749; RFC 6750; RFC 9449; RFC 9700.
    """

    def __init__(
        self,
        session: ClientSession,
        client_id: str | None = None,
        client_secret: str | None = None,
        client_auth_method: str | None = None,
        refresh_token_url: str | None = None,
        refresh_token_params: Mapping[str, str] | None = None,
        scope: str | Iterable[str] | None = None,
        redirect_uri: str | None = None,
        token: GivenToken | None = None,
        token_placement: str = DEFAULT_PLACEMENT,
        state: str | None = None,
        token_updater: TokenUpdater | None = None,
        *,
        provider: Provider | None = None,
        account: str | None = None,
        store: TokenStore | None = None,
        lives: TokenLives | Callable[[], TokenLives] | None = None,
        allowed_origins: Iterable[str] = (),
        clock: Callable[[], float] | None = None,
        private_key: Any = None,
        key_id: str | None = None,
        passphrase: str | bytes | None = None,
        credentials: Mapping[str, str] = _NOTHING,
        resource: str | Sequence[str] = (),
        audience: str | None = None,
        leeway: float | None = None,
        background_refresh: bool = False,
        dpop_key: Any = None,
        decryption_key: Any = None,
        **parameters: Any,
    ) -> None:
        if account is not None:
            check_account(account)
        if dpop_key is not None and provider is None:
            parameters.setdefault("dpop_bound_access_tokens", True)
        self.scope = scope if scope is None or isinstance(scope, str) else tuple(scope)
        self.redirect_uri = redirect_uri
        self.state = state
        self._account = account
        self._resources = oauth2.check_resources(resource) if resource else ()
        self._audience = audience
        self._refresh_params = pairs("refresh_token_params", refresh_token_params) if refresh_token_params else ()
        self._nonce = parameters.pop("nonce", None)
        self._authorize_params = taken(parameters, _AUTHORIZATION_PARAMETERS) if parameters else _NOTHING
        self._ask_again: Callable[[], Awaitable[OAuth2Token]] | None = None
        is_custom = provider is None
        if provider is None or client_auth_method is not None or refresh_token_url is not None or parameters:
            provider = oauth2.described_provider(
                provider, parameters, client_auth_method=client_auth_method, refresh_token_url=refresh_token_url
            )
        chosen = with_placement(provider, token_placement)
        if chosen.oauth2.grants[0] == "client_credentials" and account is None:
            is_users = isinstance(token, Mapping) and token.get("refresh_token")
            self._ask_again = self._ask_for_own if "grant_type" in parameters or not is_users else None
        now = learning_clock(clock)
        own = MappingProxyType(dict(credentials)) if credentials else _NOTHING
        opening = None if decryption_key is None else _decryption_keys(decryption_key)
        super().__init__(
            session,
            chosen,
            make_client=lambda: oauth2.ClientIdentity(
                client_id or "",
                now,
                make_id,
                client_secret,
                private_key,
                passphrase,
                key_id,
                own,
                decryption_keys=opening,
            ),
            clock=now,
            is_custom=is_custom,
            store=store,
            lives=lives,
            token_updater=token_updater,
            leeway=leeway,
            background_refresh=background_refresh,
            allowed_origins=allowed_origins,
            dpop_key=dpop_key,
        )
        if client_id and chosen.oauth2.client_auth in _SIGNING:
            oauth2.check_client_auth(chosen, self._client)
        self._take_up(self._first_key(), token)

    def create_authorization_url(
        self, url: str | None = None, state: str | None = None, **parameters: Any
    ) -> tuple[str, str]:
        """The URL to send the user to, and its state, for ``fetch_token`` afterwards.

        The client remembers the login for ten minutes. ``parameters`` are added to the query; ``redirect_uri``,
        ``scope``, ``nonce``, ``code_verifier`` and ``resource`` replace the client's. Raises ``UsageError``.

        Spec: RFC 6749 section 4.1.1; RFC 7636.
        """
        state = state or oauth2.make_state()
        parameters.setdefault("code_verifier", self._make_verifier(state))
        pending = oauth2.build_login(
            self.provider, self._known_client, self._login_request(url, state, None, parameters)
        )
        self.state = state
        self._open[state] = pending
        if len(self._open) > _MOST_LOGINS:
            self._open.popitem(last=False)
        return pending.url, state

    def create_logout_url(
        self,
        post_logout_redirect_uri: str | None = None,
        *,
        id_token_hint: str | None = None,
        state: str | None = None,
        **parameters: Any,
    ) -> str:
        """The URL to send the user to so that their session at the provider ends, too; the token stays as it is.

        ``id_token_hint`` is by default the ID token that the client has. ``parameters`` (``logout_hint``,
        ``ui_locales`` …) are added to the query. Raises ``UsageError`` where the provider has no such page.

        Spec: OpenID Connect RP-Initiated Logout 1.0 section 2.
        """
        refuse_in_url(parameters)
        token = self._life.token
        return oauth2.build_logout_url(
            self.provider,
            client_id=self._known_client.client_id,
            id_token_hint=id_token_hint or (token.id_token if token else None),
            post_logout_redirect_uri=post_logout_redirect_uri,
            state=state,
            params=flat_pairs(parameters),
        )

    @staticmethod
    def check_logout_response(url: str, state: str | None) -> None:
        """Raises ``MismatchingStateError`` for a way back that does not belong to the logout with this ``state``.

        ``url`` is the one at which the user came back from the page of ``create_logout_url``, ``state`` the one that
        was passed there. Raises ``CallbackError``.
        """
        oauth2.check_logout_response(url, state)

    async def check_logout_token(self, logout_token: str) -> LogoutToken:
        """Whose sessions have ended at the provider, of the ``logout_token`` that it posted (back-channel logout).

        Answer 200 once they have ended here as well, and 400 to what is refused: ``ResponseError``, whose ``.code``
        says which check failed. One token may come twice; its ``jti`` tells. Raises ``UsageError`` where nobody knows
        the provider's issuer or keys, and ``OAuthError`` where its keys cannot be had now.

        Spec: OpenID Connect Back-Channel Logout 1.0 section 2.6.
        """
        provider = await self._identified(self.provider)
        return await self._exchange(oauth2.logout_token_flow(provider, self._known_client, logout_token))

    async def parse_front_channel_logout(self, url: str) -> str | None:
        """The session (``sid``) that has ended, of the URL that the provider's page had the browser fetch.

        ``None`` where it names none, which any page on the web may have written. Raises ``MismatchingStateError`` for
        a URL of another provider, ``UsageError`` where nobody knows its issuer, and ``CallbackError``.

        Spec: OpenID Connect Front-Channel Logout 1.0 section 2.
        """
        return oauth2.parse_front_channel_logout(await self._identified(self.provider), url)

    async def fetch_token(
        self,
        url: str | None = None,
        code: str | None = None,
        authorization_response: Callback | None = None,
        body: str = "",
        auth: str | None = None,
        username: str | None = None,
        password: str | None = None,
        method: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        grant_type: str | None = None,
        state: str | None = None,
        accept_missing_state: bool = False,
        **parameters: Any,
    ) -> OAuth2Token:
        """A new token, saved, which becomes ``token``.

        The grant is ``grant_type`` if it is given; else a code (``code``, or ``authorization_response``, whose state is
        checked) is exchanged, or a token of the client itself is fetched, which is fetched again with the same
        parameters when it ends. ``parameters`` are those of the grant (``code_verifier``, ``assertion`` …), of the
        transport (``proxy``, ``ssl``, ``timeout`` …), or further ones of the form, as is ``body``. ``auth`` names
        another method of client authentication, ``method`` another HTTP method. ``nonce`` is that of a login that the
        client does not know, which its ID token must hold. With ``accept_missing_state`` there need be no state on
        either side: whose browser brought the callback is then for the caller to know.

        Raises ``OAuthError`` and its kinds, ``MalformedResponseError``, ``CallbackError``, ``TokenStoreError`` and
        ``UsageError``. The password grant must be asked for by its name. Spec: RFC 6749 section 4.
        """
        await self._complete("token", url=url, options=parameters, is_login=True)
        grant = _chosen_grant(grant_type, code, authorization_response, username, password)
        given = {"code": code, "username": username, "password": password}
        parameters |= {name: value for name, value in given.items() if value is not None}
        nonce = parameters.pop("nonce", self._nonce) if grant == "authorization_code" else None
        call = self._call("token", url, auth, method, headers, body, parameters, grant)
        if authorization_response is not None:
            response = await self._signed(call, authorization_response)
            call, pending = self._find_login(call, response, state, nonce, accept_missing_state=accept_missing_state)
            return await self._redeem(pending, response, None, call)
        if grant == "authorization_code":
            call = self._with_verifier(call, state, nonce)
        if grant in ("authorization_code", "password"):
            await self._exchange(oauth2.keys_flow(call.provider, self._known_client), options=call.options)
        if grant != "client_credentials":
            return await self._log_in(lambda: self._ask(grant, call), call)

        def ask_again() -> Awaitable[OAuth2Token]:
            return self._ask(grant, call)

        key = self._make_key(call, self._account, is_own=True)
        token = await self._lives.of_key(key).obtain(ask_again, self._renewal)
        self._ask_again = ask_again
        self._take_up(key)
        return copy(token)

    async def refresh_token(
        self,
        url: str | None = None,
        refresh_token: str | None = None,
        body: str = "",
        auth: str | None = None,
        headers: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> OAuth2Token:
        """The next token, saved, whether the current one is still good or not; arguments as in ``fetch_token``.

        Raises ``ReauthorizationRequired`` when only a new login helps, ``TokenExpiredError`` without refresh token,
        ``MissingTokenError``, and what ``fetch_token`` raises. Spec: RFC 6749 section 6.
        """
        await self._complete("token", url=url, options=parameters)
        call = self._call("refresh", url, auth, None, headers, body, parameters)
        latest = await self._life.latest()
        if refresh_token is not None and (latest is None or latest.refresh_token != refresh_token):
            other = OAuth2Token(access_token="", refresh_token=refresh_token)
            token = await self._life.obtain(lambda: self._refresh(other, call), self._renewal)
        else:
            renewal = self._renewal
            if self._ask_again is None:
                renewal = replace(renewal, renew=lambda token: self._refresh(token, call), way=_by_refreshing)
            token = await self._life.replace("" if latest is None else latest.access_token, renewal)
        self._learn_endpoint("refresh", url)
        return copy(token)

    async def revoke_token(
        self,
        url: str | None = None,
        token: str | None = None,
        token_type_hint: str | None = None,
        body: str = "",
        auth: str | None = None,
        headers: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> None:
        """Revoke a token, by default the refresh token or else the access token; a revoked grant is forgotten.

        Raises ``OAuthError`` (``TemporarilyUnavailableError`` while the token stays good), ``MissingTokenError`` and
        ``TokenStoreError``. Spec: RFC 7009 section 2.
        """
        await self._complete("revoke", url=url, options=parameters)
        call = self._call("revoke", url, auth, None, headers, body, parameters)
        text, hint = await self._which(token, token_type_hint, call.provider.oauth2.revoke_first)
        flow = oauth2.revocation_flow(
            await self._located(call),
            self._known_client,
            text,
            token_type_hint=hint,
            url=call.url,
            documents={"token": dict(await self._life.latest() or {})},
        )
        await self._exchange(flow, hooks="revoke_token", options=call.options)
        latest = await self._life.latest()
        if latest is not None and text == (await self._which(None, None, call.provider.oauth2.revoke_first))[0]:
            await self._life.delete()

    async def introspect_token(
        self,
        url: str | None = None,
        token: str | None = None,
        token_type_hint: str | None = None,
        body: str = "",
        auth: str | None = None,
        headers: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """What the server says of a token, by default of the current one; ``active`` is always there.

        Raises ``OAuthError``, ``MalformedResponseError`` and ``MissingTokenError``. Spec: RFC 7662 section 2.
        """
        await self._complete("introspect", url=url, options=parameters)
        call = self._call("introspect", url, auth, None, headers, body, parameters)
        text, hint = await self._which(token, token_type_hint, "access_token")
        flow = oauth2.introspection_flow(
            await self._located(call), self._known_client, text, token_type_hint=hint, url=call.url
        )
        return await self._exchange(flow, hooks="introspect_token", options=call.options)

    async def fetch_server_metadata(self, url: str | None = None, **options: Any) -> dict[str, Any]:
        """What the server says of itself, under the names of RFC 8414, its issuer checked if the provider's is known.

        ``options`` concern the transport (``proxy``, ``ssl``, ``timeout`` …). Raises ``UsageError`` where the provider
        publishes nothing, ``OAuthError`` and ``MalformedResponseError``. Spec: RFC 8414 section 3.
        """
        return await self._exchange(
            oauth2.server_metadata_flow(self.provider, url=url), options=transport_options(options)
        )

    async def fetch_jwks(self, url: str | None = None, **options: Any) -> dict[str, Any]:
        """The server's public keys as a JWK set, for those who check its signatures themselves.

        ``options``, and what is raised, as in ``fetch_server_metadata``. Spec: RFC 7517 section 5.
        """
        await self._complete("jwks", url=url, options=options)
        return await self._exchange(oauth2.jwks_flow(self.provider, url=url), options=transport_options(options))

    async def register_client(
        self,
        metadata: Mapping[str, Any],
        *,
        initial_access_token: str | None = None,
        url: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """What the server made of an application: ``client_id``, perhaps ``client_secret``, and what it knows of it.

        ``metadata`` describes the application under the names of RFC 7591 (``redirect_uris``, ``client_name`` …). This
        client stays as it is: keep the answer, which holds secrets, and make a client of it. ``options``, and what is
        raised, as in ``fetch_server_metadata``. Spec: RFC 7591 section 3.
        """
        await self._complete("registration", url=url, options=options)
        flow = oauth2.registration_flow(self.provider, metadata, initial_access_token=initial_access_token, url=url)
        return await self._exchange(flow, options=transport_options(options))

    async def start(
        self,
        *,
        redirect_uri: str | None = None,
        scope: Sequence[str] | str | None = None,
        binding: str | None = None,
        **parameters: Any,
    ) -> PendingLogin:
        """Begins a login: send the user to ``.url`` of what it returns, and keep the rest for ``finish``.

        ``binding`` is a value of the user's browser session, such as a random cookie, and must be given to ``finish``
        again. ``parameters`` are added to the query, but those of the transport (``proxy``, ``ssl``, ``timeout`` …).
        Many users may log in at once. Where the provider has an endpoint for it (``par``), the request is pushed first,
        so that the URL tells the browser nothing. Raises ``UsageError``, and what a token request raises when the
        request is pushed. Spec: RFC 6749 section 4.1.1; RFC 9126.
        """
        options = taken(parameters, TRANSPORT_OPTIONS)
        await self._complete("authorize", "token", options=options, is_login=True)
        if self.provider.protocol == "oidc":
            oauth2.check_issuer(self.provider)
        given = {"redirect_uri": redirect_uri, "scope": scope}
        parameters |= {name: value for name, value in given.items() if value is not None}
        request = self._login_request(None, None, binding, parameters)
        settings = self.provider.oauth2
        if settings.require_par or "par" in self.provider.endpoints:
            flow = oauth2.pushed_login_flow(self.provider, self._known_client, request)
            return await self._exchange(flow, options=options)
        return oauth2.build_login(self.provider, self._known_client, request)

    async def finish(
        self, pending: PendingLogin, callback_url: Callback, *, binding: str | None = None, **options: Any
    ) -> OAuth2Token:
        """Ends a login that ``start`` began, here or in another process; the token is saved and becomes ``token``.

        ``callback_url`` is the URL at which the user came back, or the form that the browser posted. A store keeps the
        token if the client has an account, or once ``keep_token`` says whose it is. ``options`` concern the transport.

        Raises before the code is sent ``AccessDeniedError`` when the user refused, and ``MismatchingStateError`` whose
        ``.code`` says why: another login, another browser, another issuer, too late (``login-expired``), or finished
        before (``login-finished``). Else as ``fetch_token``. Where an ID token is to be checked, the server's keys are
        fetched before, too, so that the login can be finished later if they cannot be had.
        """
        from oauthreg.login import check_pending

        check_pending(pending)
        await self._complete("token", options=transport_options(options), is_login=True)
        return await self._redeem(pending, callback_url, binding, self._call("token", parameters=options))

    def token_key(self, account: str) -> TokenKey:
        """Under what a store keeps the token of an account, got with this client."""
        return self._make_key(self._call("token", grant="client_credentials"), account, is_own=False)

    async def keep_token(self, account: str) -> OAuth2Token:
        """Saves the token as that of ``account``, the application's own name for the user; a copy of it.

        For a login of which only the profile tells whose it is. What was kept under that name is replaced, and the
        client shares the token with all others of the account from now on; one that is kept already stays as it is.

        Raises ``MissingTokenError`` without a user's token, ``UsageError`` where the client has another account, and
        ``TokenStoreError``.
        """
        old = self._life
        if old.token is None or self._ask_again is not None:
            raise _nothing_to_keep()
        check_account(account, self._account)
        key = self._key or self.token_key(account)
        life = self._lives.of_key(key)
        if life is old:
            token = await old.at_rest()
            if token is not None and old.is_stored:
                return copy(token)  # others may have renewed it since

        async def take_over() -> OAuth2Token:
            # What a renewal under way replaces is spent.
            token = await old.at_rest()
            if token is None:
                raise _nothing_to_keep()
            self._account, self._life, self._key = account, life, key
            return token

        # An application that wants to hear of new tokens has heard of this one.
        return copy(await life.obtain(take_over, replace(self._renewal, updater=None)))

    async def device_login(
        self,
        progress: Progress | None = None,
        *,
        scope: Sequence[str] | str | None = None,
        sleep: Sleeper | None = None,
        **parameters: Any,
    ) -> OAuth2Token:
        """Log in on another device: the user enters a code there, and the token is saved and becomes ``token``.

        ``progress`` (sync or async) is called with the codes to show, the state (``started``,
        ``authorization_pending``, ``slow_down``, ``temporarily_unavailable``) and the seconds until the provider is
        asked. Cancelling the call ends the login. ``sleep`` waits in place of ``asyncio.sleep``.

        Raises ``AccessDeniedError``, ``TokenExpiredError`` when the time is up, ``OAuthError``,
        ``MalformedResponseError`` and ``TokenStoreError``. Spec: RFC 8628.
        """
        await self._complete("device", "token", options=parameters, is_login=True)
        call = self._call("device", parameters=parameters)
        await self._exchange(oauth2.keys_flow(call.provider, self._known_client), options=call.options)
        wanted, client = self.scope if scope is None else scope, self._known_client
        authorization = await self._exchange(
            oauth2.device_authorization_flow(
                call.provider, client, scope=wanted, resources=call.resources, params=call.params
            ),
            options=call.options,
        )
        began, state = self.clock.monotonic(), "started"

        def note(reason: str, _: float) -> None:
            nonlocal state
            state = reason

        async def wait(seconds: float) -> None:
            if progress is not None:
                await http.awaited(progress(authorization, state, seconds))
            await (sleep or asyncio.sleep)(seconds)

        flow = oauth2.device_token_flow(
            call.provider,
            client,
            authorization,
            elapsed=lambda: self.clock.monotonic() - began,
            progress=note,
            scopes=self._asked_scopes(wanted),
            resources=call.resources,
        )
        token = await self._exchange(flow, hooks="access_token", options=call.options, sleep=wait, is_patient=True)
        return await self._log_in(lambda: _at_once(token), call, is_fetched=True)

    async def token_exchange(
        self,
        subject_token: str | None = None,
        *,
        url: str | None = None,
        subject_token_type: str = "access_token",  # noqa: S107 - the name of a kind
        audience: str | Sequence[str] = (),
        **parameters: Any,
    ) -> OAuth2Token:
        """Another token for a token (by default the client's own), which stays as it is; the new one is not kept.

        Token types are short names (``access_token``, ``id_token``, ``jwt`` …) or identifiers; ``parameters`` are those
        of the grant (``actor_token``, ``requested_token_type``, ``scope`` …) and as in ``fetch_token``. Raises as
        ``fetch_token``. Spec: RFC 8693.
        """
        await self._complete("token", url=url, options=parameters)
        if subject_token is None:
            subject_token = (await self._life.use(self._renewal)).access_token
        parameters |= {
            "subject_token": subject_token,
            "subject_token_type": subject_token_type,
            "audience": (audience,) if isinstance(audience, str) else tuple(audience),
        }
        grant = "token_exchange"
        return await self._ask(grant, self._call("token", url, parameters=parameters, grant=grant))

    def _way(self, token: OAuth2Token | None) -> Way | None:
        if self._ask_again is not None:
            return "grant"
        exchange, endpoints = self.provider.exchange, self.provider.endpoints
        if token is None or not self.client_id:
            return None
        if exchange is not None and exchange.renews:
            return "refresh"
        is_renewable = token.refresh_token or self.provider.oauth2.refresh_with == "access_token"
        is_known = any(endpoints.get(name) for name in ("refresh", "token", "discovery"))
        return "refresh" if is_renewable and is_known else None

    async def _renew(self, token: OAuth2Token | None) -> OAuth2Token:
        await self._complete("token")
        if self._ask_again is not None:
            return await self._ask_again()
        return await self._refresh(token, self._call("refresh"))

    async def _refresh(self, token: OAuth2Token | None, call: _Call) -> OAuth2Token:
        settings = call.provider.oauth2
        where = self.redirect_uri if settings.refresh_redirect_uri else None
        added = [("redirect_uri", where)] if where is not None else []

        if oauth2.is_checked(call.provider):
            # Once the new token is there, nothing is waited for.
            with suppress(Exception):
                call = await asyncio.wait_for(self._with_keys(call), _PATIENCE)

        def attempt() -> Awaitable[OAuth2Token]:
            flow = oauth2.renewal_flow(
                call.provider,
                self._known_client,
                token or OAuth2Token(),
                scopes=self._asked_scopes(self.scope) if settings.refresh_scope else (),
                resources=call.resources,
                params=(*added, *call.params, *self._refresh_params),
                url=call.url,
            )
            return self._exchange(flow, hooks="refresh_token", options=call.options)

        try:
            return await self._twice_if_late(attempt, self._may_be_late, call.options)
        except (ClientError, TimeoutError) as error:
            if not settings.refresh_repeatable:
                note_spent(error, "the refresh token")
                raise
        return await attempt()

    async def _identified(self, provider: Provider, options: Mapping[str, Any] = _NOTHING) -> Provider:
        """The provider with its issuer, and the place of its keys."""
        flow = oauth2.completed_flow(provider, optional=("jwks",), needs_issuer=True)
        return await self._exchange(flow, options=options)

    async def _with_keys(self, call: _Call) -> _Call:
        """The call with a provider whose keys are at hand."""
        provider = await self._identified(call.provider, call.options)
        await self._exchange(oauth2.keys_flow(provider, self._known_client), options=call.options)
        return replace(call, provider=provider)

    async def _ask_for_own(self) -> OAuth2Token:
        """A token of the client itself, as a client that was told nothing else asks for it."""
        grant = "client_credentials"
        return await self._ask(grant, self._call("token", grant=grant))

    async def _ask(self, grant: str, call: _Call) -> OAuth2Token:
        arguments = {
            name: await http.awaited(value() if callable(value) else value) for name, value in call.arguments.items()
        }

        asked = arguments.pop("asked_scope", None)
        wanted = arguments.get("scope", self.scope) if asked is None else asked

        def attempt() -> Awaitable[OAuth2Token]:
            flow = oauth2.token_flow(
                call.provider,
                self._known_client,
                grant,
                scopes=self._asked_scopes(wanted),
                resources=call.resources,
                params=call.params,
                url=call.url,
                **arguments,
            )
            return self._exchange(flow, hooks="access_token", options=call.options)

        if grant == "authorization_code":
            # A code must not be sent twice, whatever the reason (RFC 6749 section 4.1.2).
            return await attempt()
        return await self._twice_if_late(attempt, self._may_be_late, call.options)

    async def _redeem(self, pending: PendingLogin, callback: object, binding: str | None, call: _Call) -> OAuth2Token:
        """Exchange the code in a callback, once."""
        client, is_read = self._known_client, "id_token" in call.provider.identity_documents
        oauth2.check_login_key(pending, client)
        state = pending.values.get("state")
        finished = self._lives.finished
        if state is not None and state in finished:
            raise finished.refusal(state)
        callback = await self._signed(call, callback)
        answer = oauth2.parse_callback(
            call.provider,
            pending,
            callback,
            now=self.clock(),
            binding=binding,
            client_secret=client.client_secret,
        )

        if pending.values.get("scope") is None or "openid" in pending.values["scope"].split() or is_read:
            await self._exchange(oauth2.keys_flow(call.provider, client), options=call.options)

        async def exchange() -> OAuth2Token:
            # Not before the store has given way: what stops a login before its code is sent leaves the code good.
            login = state or answer.code
            if not finished.add(login, self.clock()):
                raise finished.refusal(login)
            known = self._open.pop(state or "", None)
            noted: list[Request] = []
            flow = oauth2.login_flow(
                call.provider, client, pending, callback, binding=binding, params=call.params, url=call.url
            )
            try:
                token = await self._exchange(flow, hooks="access_token", options=call.options, noted=noted)
            except Exception as error:
                step = call.provider.app_token
                is_spent = any(step is None or request.url != step.url for request in noted)
                # All but a POST may have been sent twice by aiohttp, the first time with success.
                is_sent_once = call.provider.token.method.upper() == "POST"
                if not is_spent and (is_sent_once or not is_unsent(error)):
                    finished.give_back(login)
                    if known is not None:
                        self._open[state or ""] = known
                elif is_unsent(error):
                    error.add_note("the code may be spent: the provider may have had it before")
                raise
            finished.note_token(login)
            return token

        return await self._log_in(exchange, call)

    async def _signed(self, call: _Call, callback: object) -> object:
        """A callback, out of the JWT in which some providers send it."""
        if not oauth2.is_signed_mode(call.provider.oauth2.response_mode):
            return callback
        provider = await self._identified(call.provider, call.options)
        flow = oauth2.signed_parameters_flow(provider, self._known_client, callback)
        return await self._exchange(flow, options=call.options)

    async def _log_in(
        self, fetch: Callable[[], Awaitable[OAuth2Token]], call: _Call, *, is_fetched: bool = False
    ) -> OAuth2Token:
        """Take over a user's new token: with an account in its place, else beside those of other users."""
        has_account = self._account is not None
        life = self._life if has_account else self._lives.of_token(None)

        async def fetch_into() -> OAuth2Token:
            try:
                token = await fetch()
            except (ClientError, TimeoutError) as error:
                note_spent(error, "what was exchanged")
                raise
            self._learn_endpoint("token", call.url)
            # The caller may have gone meanwhile; the token has not.
            self._ask_again, self._life, self._key = None, life, self._key if has_account else None
            return token

        return copy(await life.obtain(fetch_into, self._renewal, is_fetched=is_fetched))

    def _learn_endpoint(self, name: str, url: str | None) -> None:
        """Without a definition, the URL that gave a token is where its successors come from."""
        if url is not None and self._is_custom and name not in self.provider.endpoints:
            self.provider, self._given = (
                replace(provider, endpoints={**provider.endpoints, name: url})
                for provider in (self.provider, self._given)
            )

    def _login_request(
        self, url: str | None, state: str | None, binding: str | None, parameters: Mapping[str, Any]
    ) -> oauth2.LoginRequest:
        rest = {**self._authorize_params, **parameters}
        refuse_in_url(rest)
        resources = rest.pop("resource", None)
        if self._audience is not None:
            rest.setdefault("audience", self._audience)
        return oauth2.LoginRequest(
            redirect_uri=rest.pop("redirect_uri", self.redirect_uri),
            now=self.clock(),
            scope=rest.pop("scope", self.scope),
            resources=self._resources if resources is None else oauth2.check_resources(resources),
            url=url,
            binding=binding,
            state=state,
            code_verifier=rest.pop("code_verifier", None),
            nonce=rest.pop("nonce", self._nonce),
            params=flat_pairs(rest),
        )

    def _find_login(
        self, call: _Call, response: object, state: str | None, nonce: str | None, *, accept_missing_state: bool
    ) -> tuple[_Call, PendingLogin]:
        """The login that a callback belongs to: one that this client began, or the one whose state it was told."""
        provider, given, expected = call.provider, _state_in(response, call.provider), state or self.state
        # A state that the caller names is the only one that will do.
        login = self._open.get(given or "") if state in (None, given) else None
        if login is None and given and not expected:
            raise MismatchingStateError(
                "the callback carries a `state`, and this client expects none",
                code="state-mismatch",
                hint="pass the `state=` that `create_authorization_url` gave, or the one kept with the user's session",
            )
        if login is None:
            from oauthreg.login import PendingLogin

            # What any client of this provider knows of its logins.
            told = {"issuer": provider.oauth2.issuer, "max_age": self._max_age}
            if expected:
                told |= {"state": expected, "code_verifier": self._make_verifier(expected)}
            kept = MappingProxyType({name: value for name, value in told.items() if value})
            login = PendingLogin(provider.name, provider.protocol, "", self.redirect_uri, kept, int(self.clock()))
        if not expected and not given and provider.oauth2.state:
            if not accept_missing_state:
                raise MismatchingStateError(
                    "neither the callback nor this client knows a `state`: anybody may have begun this login",
                    code="state-missing",
                    hint="pass the `state=` that `create_authorization_url` gave; whoever ties the callback to the "
                    "user's browser in another way passes `accept_missing_state=True`",
                )
            provider = replace(provider, oauth2=replace(provider.oauth2, state=False))
        verifier = call.arguments.get("code_verifier")
        own = {"code_verifier": verifier, "nonce": login.values.get("nonce") or nonce}
        values = {**login.values, **{name: value for name, value in own.items() if value}}
        redirect_uri = call.arguments.get("redirect_uri", login.redirect_uri)
        login = replace(login, values=MappingProxyType(values), redirect_uri=redirect_uri)
        return replace(call, provider=provider), login

    def _with_verifier(self, call: _Call, state: str | None, nonce: str | None) -> _Call:
        """A code without its callback: what belongs to it is looked up by the state."""
        expected = state or self.state or ""
        login = self._open.get(expected)
        known = {
            "redirect_uri": login.redirect_uri if login else self.redirect_uri,
            "code_verifier": login.values.get("code_verifier") if login else self._make_verifier(expected),
            "nonce": (login.values.get("nonce") if login else None) or nonce,
            "max_age": login.values.get("max_age") if login else self._max_age,
            "asked_scope": login.values.get("scope", "") if login else None,
        }
        return replace(call, arguments={**known, **call.arguments})

    def _make_verifier(self, state: str) -> str | None:
        """The code verifier of a login without further memory: nobody outside of this process can make it."""
        if not state or self.provider.oauth2.pkce == "unsupported":
            return None
        import hmac

        from oauthreg.jws import encode_segment

        octets = hmac.digest(_PROCESS_KEY, f"{self.client_id} {state}".encode("utf-8", "surrogatepass"), "sha256")
        return encode_segment(octets).decode()

    def _call(
        self,
        leg: str,
        url: str | None = None,
        auth: str | None = None,
        method: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        parameters: Mapping[str, Any] = _NOTHING,
        grant: str | None = None,
    ) -> _Call:
        """A protocol request as its caller wants it."""
        from oauthreg.answers import parse_form

        rest = dict(parameters)
        accepted = inspect.signature(oauth2.GRANTS[grant]).parameters if grant in oauth2.GRANTS else {}
        options, arguments = taken(rest, TRANSPORT_OPTIONS), taken(rest, accepted)
        if "scope" in accepted:
            arguments["scope"] = self._scope_for(grant, arguments.get("scope"))
        resources = oauth2.check_resources(rest.pop("resource")) if "resource" in rest else self._resources
        is_about_a_token = leg in ("revoke", "introspect")
        if self._audience is not None and "audience" not in accepted and not is_about_a_token:
            rest.setdefault("audience", self._audience)
        params = (*parse_form(body).items(), *flat_pairs(rest))
        provider, own = self.provider, getattr(self.provider, leg) or self.provider.token
        own = replace(
            own,
            method=method or own.method,
            headers=(*own.headers, *pairs("headers", headers)),
            params=(*own.params, *(params if is_about_a_token else ())),
        )
        settings = replace(provider.oauth2, client_auth=oauth2.known_method(auth) or provider.oauth2.client_auth)
        if grant == "password" and self._is_custom:
            settings = replace(settings, grants=(*settings.grants, grant))
        changes: dict[str, Any] = {leg: own}
        provider = replace(provider, oauth2=settings, **changes)
        return _Call(provider, url, params, resources, arguments, options)

    def _scope_for(self, grant: str | None, scope: str | Iterable[str] | None) -> str:
        """The scope of a grant without a user's consent: none but what was said, or what the provider is for."""
        wanted = self.scope if scope is None else scope
        # Without a user there is no ID token to ask for.
        is_for_logins = grant == "client_credentials" and self.provider.protocol == "oidc"
        if wanted is None and (grant != self.provider.oauth2.grants[0] or is_for_logins):
            return ""
        from oauthreg.legs import render_scope

        return render_scope(self.provider, wanted)

    def _asked_scopes(self, scope: str | Iterable[str] | None) -> tuple[str, ...]:
        from oauthreg.legs import render_scope, split_scope

        return split_scope(self.provider, render_scope(self.provider, scope))

    async def _which(self, token: str | None, hint: str | None, default: str) -> tuple[str, str | None]:
        """The token that is meant, and what it is."""
        if token is not None:
            return token, hint
        latest = await self._life.latest()
        if latest is None:
            raise MissingTokenError("there is no token", hint="pass `token=`, or log in")
        if (hint or default) == "refresh_token" and latest.refresh_token:
            return latest.refresh_token, "refresh_token"
        return latest.access_token, "access_token"

    async def _located(self, call: _Call) -> Provider:
        """The provider of a call with the servers that the client's token tells of."""
        return call.provider.located_for(await self._life.latest() or {})

    def _first_key(self) -> TokenKey | None:
        is_own = self._ask_again is not None
        if not is_own and self._account is None:
            return None
        return self._make_key(self._call("token", grant="client_credentials"), self._account, is_own=is_own)

    def _make_key(self, call: _Call, account: str | None, *, is_own: bool) -> TokenKey:
        """Under what a token is kept: a user's one by the user, one of the client itself by what it is for."""
        from oauthreg.stores import TokenKey

        return TokenKey(
            self.provider.name,
            account or "",
            self.client_id,
            " ".join(call.resources),
            dict(call.params).get("audience", ""),
            str(call.arguments.get("scope", "")) if is_own else "",
            self._server,
        )

    @property
    def _max_age(self) -> str:
        """What the client's logins ask for of the time since a user proved who they are."""
        asked = self._authorize_params.get("max_age")
        return "" if asked is None else str(asked)

    @cached_property
    def _open(self) -> OrderedDict[str, PendingLogin]:
        """The logins that ``create_authorization_url`` began, by state."""
        return OrderedDict()

    @property
    def _known_client(self) -> oauth2.ClientIdentity:
        if not self._client.client_id:
            raise MissingCredentialError(
                "there is no client identifier", code="missing-client-id", hint="pass `client_id=`"
            )
        return self._client

    def _may_be_late(self, error: OAuthError) -> bool:
        """Whether a server may have refused what this client signs because the clock is wrong."""
        if error.error == "invalid_dpop_proof":
            return self._client.proofs is not None
        method = oauth2.client_auth_method(self.provider, self._client)
        if method != "oauth1":
            return error.error == "invalid_client" and method in _SIGNING
        from oauthreg.oauth1 import is_timestamp_refusal

        return is_timestamp_refusal(error)


@dataclass(frozen=True, slots=True)
class _Call:
    """A protocol request: the provider with the leg as its caller wants it, and what goes along.

    ``arguments`` are those of the grant, ``options`` those of the transport.
    """

    provider: Provider
    url: str | None
    params: Pairs = field(repr=False)
    resources: tuple[str, ...]
    arguments: Mapping[str, Any] = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)


def _chosen_grant(
    grant_type: str | None, code: str | None, response: object, username: str | None, password: str | None
) -> str:
    if grant_type is not None:
        return oauth2.grant_name(grant_type)
    if code is not None or response is not None:
        return "authorization_code"
    if username is not None or password is not None:
        raise UsageError(
            "a user's password is only sent when the password grant is asked for by its name",
            code="password-grant-refused",
            hint='pass `grant_type="password"`, if the provider offers no login at its own pages',
        )
    return "client_credentials"


def _state_in(response: object, provider: Provider) -> str | None:
    from oauthreg.legs import callback_pairs

    return dict(callback_pairs(response)).get(provider.authorize.rename.get("state") or "state")


def _decryption_keys(key: Any) -> DecryptionKeys:
    from oauthreg.jwe import DecryptionKeys

    return DecryptionKeys.of(key)


def _nothing_to_keep() -> MissingTokenError:
    return MissingTokenError("there is no token of a user to keep", hint="log in first")


def _by_refreshing(token: OAuth2Token | None) -> Way | None:
    return None if token is None else "refresh"


async def _at_once(token: OAuth2Token) -> OAuth2Token:
    return token
