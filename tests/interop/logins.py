"""Our client against a counterpart: how it is made, what the user's browser does, and how far a login comes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import ClientSession, TraceConfig
from yarl import URL

from oauthreg.claims import parse_claims
from oauthreg.errors import OAuthError
from oauthreg.http import AsyncOAuth1Client
from oauthreg.origins import parse_origin
from oauthreg.provider import IdentityRequest, OAuth1Settings, Provider
from oauthreg.signing import Signer

from .counterpart import Counterpart, Credentials, Placement

CALLBACK = "https://app.example/callback?from=tests"


@dataclass(slots=True)
class Sent:
    """A request as it went over the wire."""

    method: str
    url: URL
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


class Wiretap(TraceConfig):
    """Keeps what a session sends, signatures included."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Sent] = []
        self.on_request_headers_sent.append(self._keep_headers)
        self.on_request_chunk_sent.append(self._keep_chunk)

    async def _keep_headers(self, session: ClientSession, context: Any, parameters: Any) -> None:
        self.sent.append(Sent(parameters.method, parameters.url, dict(parameters.headers)))

    async def _keep_chunk(self, session: ClientSession, context: Any, parameters: Any) -> None:
        self.sent[-1].body += parameters.chunk


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that decides how a client signs for a counterpart."""

    counterpart: Counterpart
    credentials: Credentials
    method: str
    placement: Placement
    engine: Any
    rsa_key: str = field(repr=False)

    def provider(self) -> Provider:
        """The counterpart as a definition would give it."""
        return Provider(
            name="counterpart",
            endpoints=self.counterpart.endpoints(),
            origins=frozenset({parse_origin(self.counterpart.origin)}),
            oauth1=OAuth1Settings(signature_methods=(self.method,), placement=self.placement),
            identity=(IdentityRequest("userinfo", self.counterpart.url("userinfo")),),
            claims=parse_claims({"sub": "id", "name": "name", "email": "email"}, documents=("userinfo",)),
        )

    def client(self, session: ClientSession, **changes: Any) -> AsyncOAuth1Client:
        """A new client; ``changes`` replace arguments of its constructor."""
        arguments = {
            "client_id": self.credentials.client_id,
            "client_secret": self.credentials.client_secret,
            "rsa_key": self.rsa_key if self.method.startswith("RSA") else None,
            "signature_method": self.method,
            "signature_type": self.placement.upper(),
            "provider": self.provider(),
            "engine": self.engine.name,
        }
        return AsyncOAuth1Client(session, **(arguments | changes))

    def signer(self, token: Mapping[str, str], *, client_secret: str | None = None) -> Signer:
        """A signer with the token of a client, for requests that no client would send."""
        return self.engine.signer(
            self.method,
            self.credentials.client_id,
            client_secret or self.credentials.client_secret,
            token=token["oauth_token"],
            token_secret=token["oauth_token_secret"],
            rsa_key=self.rsa_key,
        )


class BrowserRefusedError(Exception):
    """The authorization page did not send the browser back."""


async def approve(session: ClientSession, url: str, *, deny: bool = False) -> str:
    """What the user's browser brings back: the callback URL, or the page's text when the login is out of band."""
    page = URL(f"{url}&deny=1" if deny else url, encoded=True)
    async with session.get(page, allow_redirects=False) as response:
        if response.status == 200:
            return await response.text()
        if response.status != 302:
            raise BrowserRefusedError(f"authorize {response.status}")
        return response.headers["Location"]


async def log_in(setup: Setup, session: ClientSession, *, callback: str = CALLBACK) -> AsyncOAuth1Client:
    """A client that went through all three legs."""
    client = setup.client(session)
    pending = await client.start(redirect_uri=callback)
    await client.finish(pending, await approve(session, pending.url))
    return client


async def login_outcome(setup: Setup, session: ClientSession, *, callback: str = CALLBACK) -> str:
    """How far a login and a first call come: ``done``, or the step that failed and its status."""
    client = setup.client(session)
    leg = "request_token"
    try:
        pending = await client.start(redirect_uri=callback)
        returned = await approve(session, pending.url)
        leg = "access_token"
        await client.finish(pending, returned)
    except BrowserRefusedError as error:
        return str(error)
    except OAuthError as error:
        return f"{leg} {error.status}"
    async with client.get(setup.counterpart.url("echo?a=1")) as response:
        return "done" if response.status == 200 else f"call {response.status}"


def parse_query(url: str) -> dict[str, str]:
    """The query of a URL."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
