"""The assertion client: nobody logs in, a signed statement is exchanged for a token, or is itself the token."""

from __future__ import annotations

import json
from copy import copy
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from oauthreg.errors import MissingCredentialError, UsageError
from oauthreg.http.api_client import check_account, learning_clock
from oauthreg.http.token_client import DEFAULT_PLACEMENT, GivenToken, TokenClient, make_id, with_placement
from oauthreg.jose import load_signing_key
from oauthreg.legs import render_scope
from oauthreg.oauth2.assertion_grant import assertion_flow
from oauthreg.oauth2.draft import ClientIdentity
from oauthreg.oauth2.grants import GRANT_TYPES
from oauthreg.provider import AssertionSettings, Provider
from oauthreg.records import replace
from oauthreg.stores import TokenKey, TokenStore

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping

    from aiohttp import ClientSession

    from oauthreg.http.token_life import TokenLives, TokenUpdater, Way
    from oauthreg.token import OAuth2Token

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_ANY_LIFETIME = 10 * 365 * 86400
_OF_THE_ASSERTION = frozenset({"exp", "iat", "jti", "nbf", "scope"})
"""Claims that say nothing of the token that is asked for, and the one that its key has a place for."""

_REFUSALS = ("invalid_grant", "invalid_client", "invalid_request")
"""How servers refuse an assertion whose times they do not like."""


class AsyncAssertionClient(TokenClient):
    """A client that proves who it is, or for whom it acts, with a JWT that it signs.

    ::

        client = AsyncAssertionClient(session, token_url, issuer, subject, audience=token_url, key=private_key)
        async with client.get("https://api.example.com/me") as response:
            print(await response.json())

    The first request fetches a token; before it ends, a freshly signed assertion fetches the next one. Where the
    provider says that such JWTs are tokens themselves, none is fetched unless the client acts for somebody else
    (``subject``).

    ``issuer`` is the client's own name (default: ``client_id``), ``subject`` who it acts for, ``audience`` who the
    assertion is for (default: the provider's word, or the token endpoint). ``claims`` win over all made ones, and
    ``None`` takes one out. ``scope`` goes where the provider wants it: into the claims, or without a provider into the
    form. ``key`` is PEM, DER, a JWK, a path object, a key object or (HS algorithms) a shared secret; ``alg`` and other
    members of ``header`` describe it. ``issued_at`` and ``expires_at`` are in seconds since 1970, ``expires_in`` in
    seconds. Everything else is as for ``AsyncOAuth2Client``.

    Construction makes no traffic, and checks that key and algorithm fit. Raises ``UsageError`` and its kinds, and
    ``MissingTokenError`` for a ``token`` that is none.

    Spec: RFC 7523; RFC 7521.
    """

    JWT_BEARER_GRANT_TYPE = GRANT_TYPES["jwt_bearer"]

    def __init__(
        self,
        session: ClientSession,
        token_url: str | None = None,
        issuer: str | None = None,
        subject: str | None = None,
        audience: str | None = None,
        grant_type: str | None = None,
        claims: Mapping[str, Any] | None = None,
        token_placement: str = DEFAULT_PLACEMENT,
        scope: str | Iterable[str] | None = None,
        *,
        provider: Provider | None = None,
        key: Any = None,
        header: Mapping[str, Any] = _NOTHING,
        alg: str | None = None,
        issued_at: int | None = None,
        expires_at: int | None = None,
        expires_in: int | None = None,
        account: str | None = None,
        store: TokenStore | None = None,
        lives: TokenLives | Callable[[], TokenLives] | None = None,
        token: GivenToken | None = None,
        token_updater: TokenUpdater | None = None,
        allowed_origins: Iterable[str] = (),
        clock: Callable[[], float] | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        key_id: str | None = None,
        passphrase: str | bytes | None = None,
        credentials: Mapping[str, str] = _NOTHING,
        leeway: float | None = None,
        background_refresh: bool = False,
        dpop_key: Any = None,
    ) -> None:
        if account is not None:
            check_account(account)
        now, own = learning_clock(clock), MappingProxyType(dict(credentials))
        self._issuer = issuer or client_id or ""
        if not self._issuer:
            raise MissingCredentialError(
                "there is no issuer: the assertion must say who signs it",
                code="missing-issuer",
                hint="pass `issuer=` or `client_id=`",
            )
        if key is None:
            raise MissingCredentialError("there is no key to sign with", code="missing-private-key", hint="pass `key=`")
        chosen = _with_choices(provider, token_url, token_placement, alg or header.get("alg"))
        algorithm = chosen.oauth2.assertion.algorithm
        load_signing_key(key, algorithm, passphrase)
        self._grant_type = grant_type or self.JWT_BEARER_GRANT_TYPE
        self._subject = subject
        self._audience = audience
        self._claims = dict(claims or {})
        self._scope = scope if scope is None or isinstance(scope, str) else tuple(scope)
        self._header = {**header, "alg": algorithm}
        self._times = (issued_at, expires_at, expires_in)
        super().__init__(
            session,
            chosen,
            make_client=lambda: ClientIdentity(
                client_id or "", now, make_id, client_secret, key, passphrase, key_id, own
            ),
            clock=now,
            is_custom=provider is None,
            store=store,
            lives=lives,
            token_updater=token_updater,
            leeway=leeway,
            background_refresh=background_refresh,
            allowed_origins=allowed_origins,
            dpop_key=dpop_key,
        )
        self._own_key = TokenKey(
            chosen.name,
            account or subject or "",
            self._issuer,
            _render_wanted(self._claims),
            audience or "",
            render_scope(chosen, self._scope) or str(self._claims.get("scope", "")),
            self._server,
        )
        self._take_up(self._own_key, token)

    def token_key(self, account: str) -> TokenKey:
        """Under what a store keeps the token of an account, got with this client for what it is for."""
        return replace(self._own_key, account=account)

    @classmethod
    def from_service_account_file(
        cls,
        path: str | os.PathLike[str],
        session: ClientSession,
        *,
        scope: str | Iterable[str] | None = None,
        subject: str | None = None,
        **options: Any,
    ) -> Self:
        """A client from a JSON file of the kind ``service_account``; ``options`` are those of the constructor.

        Raises ``MissingCredentialError`` for a file that is none, and what the constructor raises.
        """
        account = _read_service_account(Path(path))
        if options.get("provider") is None:
            options.setdefault("token_url", account["token_uri"])
            wanted = scope if scope is None or isinstance(scope, str) else " ".join(scope)
            options["claims"] = {"scope": wanted, **(options.get("claims") or {})}
        else:
            options["scope"] = scope
        options.setdefault("issuer", account["client_email"])
        options.setdefault("key_id", account.get("private_key_id"))
        return cls(session, subject=subject, key=account["private_key"], **options)

    async def fetch_token(self) -> OAuth2Token:
        """A new token for a new assertion, saved, which becomes ``token``.

        Raises ``OAuthError`` and its kinds, ``MalformedResponseError`` and ``TokenStoreError``.
        """
        return copy(await self._life.obtain(lambda: self._renew(None), self._renewal))

    async def refresh_token(self) -> OAuth2Token:
        """As ``fetch_token``, once for all who ask at the same time."""
        latest = await self._life.latest()
        return copy(await self._life.replace("" if latest is None else latest.access_token, self._renewal))

    def _way(self, _: OAuth2Token | None) -> Way:
        return "grant"

    async def _renew(self, _: OAuth2Token | None) -> OAuth2Token:
        await self._complete("token")
        return await self._twice_if_late(self._ask, lambda error: error.error in _REFUSALS)

    async def _ask(self) -> OAuth2Token:
        issued_at, expires_at, lifetime = self._times
        if expires_at is not None:
            lifetime = int(expires_at) - (int(self.clock()) if issued_at is None else int(issued_at))
        flow = assertion_flow(
            self.provider,
            self._client,
            issuer=self._issuer,
            subject=self._subject,
            audience=self._audience,
            scope=self._scope,
            claims=self._claims,
            header=self._header,
            lifetime=lifetime,
            issued_at=issued_at,
            grant_type=self._grant_type,
        )
        return await self._exchange(flow, hooks="access_token")


def _render_wanted(claims: Mapping[str, Any]) -> str:
    """The claims by which one token differs from another: what it is for may stand in any of them."""
    wanted = {name: value for name, value in claims.items() if name not in _OF_THE_ASSERTION and value is not None}
    return json.dumps(wanted, sort_keys=True, default=str) if wanted else ""


def _with_choices(provider: Provider | None, token_url: str | None, token_placement: str, alg: str | None) -> Provider:
    """The provider with what the caller chose instead of its defaults."""
    custom = AssertionSettings(max_lifetime=_ANY_LIFETIME)
    chosen = with_placement(provider or Provider(protocol="oauth2"), token_placement)
    settings = chosen.oauth2.assertion if provider is not None else custom
    settings = replace(settings, algorithm=alg or settings.algorithm)
    endpoints = {**chosen.endpoints, **({"token": token_url} if token_url else {})}
    return replace(chosen, endpoints=endpoints, oauth2=replace(chosen.oauth2, assertion=settings))


def _read_service_account(path: Path) -> dict[str, Any]:
    try:
        account = json.loads(path.read_bytes())
    except OSError as error:
        raise _no_service_account(error.strerror or "it cannot be read") from None
    except (ValueError, RecursionError):
        raise _no_service_account("it is no JSON") from None
    if not isinstance(account, dict) or account.get("type") != "service_account":
        raise _no_service_account("it is no object of the type `service_account`")
    missing = [name for name in ("client_email", "private_key", "token_uri") if not isinstance(account.get(name), str)]
    if missing:
        raise _no_service_account(f"it holds no `{missing[0]}`")
    return account


def _no_service_account(reason: str) -> UsageError:
    return MissingCredentialError(
        f"cannot use the file of the service account: {reason}",
        code="unreadable-credential",
        hint="pass the JSON file that the provider gave when the key was made",
    )
