"""Our clients of OAuth 2.0 against an independent server: how they are made, and how a user logs in through them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession

from oauthreg import Registry
from oauthreg.http import AsyncOAuth2Client
from oauthreg.login import PendingLogin
from oauthreg.token import OAuth2Token

from .authorization_server import CALLBACK, AuthorizationServer, Keys, Registration
from .browser import Browser


@dataclass(frozen=True, slots=True)
class OAuth2Setup:
    """A client that a running server knows."""

    server: AuthorizationServer
    registration: Registration
    keys: Keys = field(repr=False)

    def credentials(self) -> dict[str, Any]:
        """What the client proves itself with, by the names of the constructors."""
        client = self.registration
        given = {"client_id": client.client_id, "client_secret": client.client_secret}
        if client.client_auth == "private_key_jwt":
            given |= {"private_key": self.keys.client.as_pem(private=True), "key_id": self.keys.client.kid}
        return {name: value for name, value in given.items() if value is not None}

    def client(self, session: ClientSession, *, definition: Callable[[str], str] = str, **changes: Any) -> Any:
        """A new client, from the server's definition; ``definition`` edits its text, ``changes`` are arguments."""
        registry = Registry(environ={})
        registry.add(definition(self.server.definition(self.registration)), name="counterpart")
        return registry.client("counterpart", session, **{"redirect_uri": CALLBACK, **self.credentials(), **changes})

    def plain_client(self, session: ClientSession, **options: Any) -> AsyncOAuth2Client:
        """A new client that knows no definition, only endpoints."""
        server = self.server
        return AsyncOAuth2Client(
            session,
            **self.credentials(),
            client_auth_method=self.registration.client_auth,
            redirect_uri=CALLBACK,
            scope=self.scopes,
            authorization_endpoint=server.url("authorize"),
            token_endpoint=server.url("token"),
            **options,
        )

    @property
    def scopes(self) -> tuple[str, ...]:
        """What a login asks for."""
        return (*self.registration.scopes, *self.server.offline)


async def begin(setup: OAuth2Setup, session: ClientSession, browser: Browser) -> tuple[PendingLogin, str]:
    """A login whose user has come back, and where to: only its end is left."""
    pending = await setup.client(session).start()
    return pending, await setup.server.approve(browser, pending.url)


async def log_in(setup: OAuth2Setup, session: ClientSession, browser: Browser) -> Any:
    """A client whose user has logged in."""
    pending, callback = await begin(setup, session, browser)
    client = setup.client(session)
    await client.finish(pending, callback)
    return client


def other_client(setup: OAuth2Setup, session: ClientSession, token: OAuth2Token) -> Any:
    """A client of another process that holds the same token."""
    return setup.client(session, token=dict(token))
