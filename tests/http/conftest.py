"""A raw TCP server that keeps what it receives octet by octet, and a verifier of signatures made from the RFC alone.

Neither shares a line with the package: what they accept is what an independent server would accept.
"""

import asyncio
import base64
import datetime as dt
import hashlib
import hmac
import inspect
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.x509.oid import NameOID

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it stood on the wire; ``body`` is without its chunk framing."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        found = self.headers_of(name)
        assert len(found) < 2, f"{name} was sent {len(found)} times"
        return found[0] if found else None

    def headers_of(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def is_form(self) -> bool:
        return (self.header("Content-Type") or "").partition(";")[0].strip().lower() == FORM

    @property
    def places(self) -> dict[str, list[tuple[str, str]]]:
        """The protocol parameters by the place they stand in, decoded."""
        header = [
            (key, unquote_to_bytes(value).decode())
            for text in self.headers_of("Authorization")
            if text.startswith("OAuth ")
            for key, value in re.findall(r'(\w+)="([^"]*)"', text)
            if key != "realm"
        ]
        query = [pair for pair in decoded(self.target.partition("?")[2]) if pair[0].startswith("oauth_")]
        body = decoded(self.body.decode("latin-1")) if self.is_form else []
        found = {"header": header, "query": query, "body": [p for p in body if p[0].startswith("oauth_")]}
        return {place: pairs for place, pairs in found.items() if pairs}

    @property
    def protocol(self) -> dict[str, str]:
        """The protocol parameters, which must stand in one place and each of them once."""
        assert len(self.places) == 1, f"protocol parameters in {sorted(self.places)}"
        (pairs,) = self.places.values()
        assert len(dict(pairs)) == len(pairs), f"a protocol parameter twice: {pairs}"
        return dict(pairs)

    @property
    def own_target(self) -> str:
        """The request target without protocol parameters."""
        path, mark, query = self.target.partition("?")
        kept = [piece for piece in query.split("&") if not piece.startswith("oauth_")] if mark else []
        return path + "?" + "&".join(kept) if kept else path

    @property
    def own_body(self) -> bytes:
        """The body without protocol parameters."""
        if not self.is_form:
            return self.body
        return b"&".join(piece for piece in self.body.split(b"&") if not piece.startswith(b"oauth_"))


def decoded(text: str) -> list[tuple[str, str]]:
    """The pairs of a form; octets become the characters of Latin-1, so that none is lost."""
    pieces = [piece.partition("=") for piece in text.replace("+", "%20").split("&") if piece]
    return [(octets(name), octets(value)) for name, _, value in pieces]


def octets(text: str) -> str:
    return unquote_to_bytes(text.encode("latin-1")).decode("latin-1")


def encoded(text: str) -> str:
    return quote(text.encode("latin-1"), safe="-._~")


@dataclass(frozen=True, slots=True)
class Verifier:
    """Recomputes signatures as RFC 5849 section 3.4 says. ``scheme`` is how the requests came."""

    client_secret: str = "client secret"
    token_secret: str = "token&secret"
    scheme: str = "http"
    extra: tuple[tuple[str, str], ...] = ()

    def base_string(self, sent: Sent) -> str:
        target = re.sub(r"^https?://[^/?]*", "", sent.target)  # a proxy is given the absolute form
        path, _, query = target.partition("?")
        pairs = decoded(query) + (decoded(sent.body.decode("latin-1")) if sent.is_form else [])
        pairs += [(name.encode().decode("latin-1"), value.encode().decode("latin-1")) for name, value in self.extra]
        if "header" in sent.places:
            pairs += [(name, value.encode().decode("latin-1")) for name, value in sent.places["header"]]
        lines = sorted((encoded(name), encoded(value)) for name, value in pairs if name != "oauth_signature")
        host = (sent.header("Host") or "").lower()
        host = host.removesuffix(":80" if self.scheme == "http" else ":443")
        normalized = "&".join(f"{name}={value}" for name, value in lines)
        return "&".join(quote(part, safe="-._~") for part in (sent.method, f"{self.scheme}://{host}{path}", normalized))

    def check(self, sent: Sent, token: str | None = "token", public_key: Any = None) -> dict[str, str]:
        """The protocol parameters of a request that is signed right."""
        protocol = sent.protocol
        assert protocol.get("oauth_token") == token
        assert protocol["oauth_consumer_key"] == "client"
        method = protocol["oauth_signature_method"]
        message = self.base_string(sent).encode()
        key = f"{quote(self.client_secret, safe='-._~')}&{quote(self.token_secret, safe='-._~')}".encode()
        if method == "PLAINTEXT":
            assert protocol["oauth_signature"].encode() == key
        elif method.startswith("RSA-"):
            digest = {"1": hashes.SHA1, "256": hashes.SHA256, "512": hashes.SHA512}[method.removeprefix("RSA-SHA")]()
            signature = base64.b64decode(protocol["oauth_signature"], validate=True)
            public_key.verify(signature, message, padding.PKCS1v15(), digest)
        else:
            mac = hmac.digest(key, message, method.removeprefix("HMAC-").lower())
            assert protocol["oauth_signature"] == base64.b64encode(mac).decode(), message.decode()
        if "oauth_body_hash" in protocol:
            name = method.rpartition("-")[2].lower()
            expected = base64.b64encode(hashlib.new(name, sent.body).digest()).decode()
            assert protocol["oauth_body_hash"] == expected
        return protocol


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answers; ``None`` as status hangs up without a word."""

    status: int | None = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"ok"
    length: int | None = None
    """A Content-Length that is not the body's."""


def redirect_to(status: int, location: str) -> Reply:
    return Reply(status, (("Location", location),), b"moved")


@dataclass(slots=True)
class WireServer:
    """Keeps every request in ``sent``; answers from ``replies`` in turn, then by ``answer``."""

    port: int = 0
    scheme: str = "http"
    sent: list[Sent] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    answer: Callable[[Sent], Reply | Awaitable[Reply]] = lambda _: Reply()
    connections: dict[asyncio.StreamWriter, "asyncio.Task[None]"] = field(default_factory=dict)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections[writer] = asyncio.current_task()
        try:
            while (sent := await received(reader)) is not None:
                self.sent.append(sent)
                reply = self.replies.pop(0) if self.replies else self.answer(sent)
                reply = await reply if inspect.isawaitable(reply) else reply
                if reply.status is None:
                    break
                writer.write(rendered(reply, with_body=sent.method != "HEAD"))
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def stay_silent(self, _: Sent) -> Reply:
        """As ``answer``: none comes."""
        await self.closing.wait()
        return Reply(status=None)

    async def hang_up(self) -> None:
        self.closing.set()
        for writer in self.connections:
            writer.close()
        await asyncio.gather(*self.connections.values())


async def received(reader: asyncio.StreamReader) -> Sent | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    request_line, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target = request_line.removesuffix(" HTTP/1.1").split(" ", 1)
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    known = {name.lower(): value for name, value in headers}
    if known.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(int(known.get("content-length", "0")))
    return Sent(method, target, headers, body)


def rendered(reply: Reply, *, with_body: bool) -> bytes:
    length = len(reply.body) if reply.length is None else reply.length
    lines = [f"HTTP/1.1 {reply.status} Whatever", *(f"{name}: {value}" for name, value in reply.headers)]
    if "transfer-encoding" not in {name.lower() for name, _ in reply.headers}:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (reply.body if with_body else b"")


class LoginServer:
    """The provider's side of a login, which refuses what is not signed right or not what it expects.

    ``confirms`` and ``extra`` change what it says; ``callbacks`` and ``verifiers`` are what it was told.
    """

    def __init__(self, server: WireServer) -> None:
        self.url = server.url
        self.server = server
        self.callbacks: list[str | None] = []
        self.verifiers: list[str | None] = []
        self.request_tokens: dict[str, str] = {}
        self.access_tokens: dict[str, str] = {"token": "token&secret"}
        self.confirms = "true"
        self.extra = ""
        server.answer = self.answer

    def answer(self, sent: Sent) -> Reply:
        legs = {"/request_token": self.request_token, "/access_token": self.access_token}
        try:
            return legs.get(sent.target.partition("?")[0], self.call)(sent)
        except (AssertionError, KeyError) as error:
            return Reply(401, (), f"refused: {error}".encode())

    def request_token(self, sent: Sent) -> Reply:
        protocol = Verifier(token_secret="").check(sent, None)
        assert "oauth_verifier" not in protocol
        self.callbacks.append(protocol.get("oauth_callback"))
        token = f"request{len(self.callbacks)}"
        self.request_tokens[token] = f"secret of {token}"
        body = f"oauth_token={token}&oauth_token_secret={quote(self.request_tokens[token])}"
        return Reply(body=f"{body}&oauth_callback_confirmed={self.confirms}".encode())

    def access_token(self, sent: Sent) -> Reply:
        token = sent.protocol["oauth_token"]
        protocol = Verifier(token_secret=self.request_tokens.pop(token)).check(sent, token)
        assert "oauth_callback" not in protocol
        self.verifiers.append(protocol.get("oauth_verifier"))
        assert self.verifiers[-1] == f"verifier of {token}"
        granted = f"access{len(self.verifiers)}"
        self.access_tokens[granted] = f"secret of {granted}"
        body = f"oauth_token={granted}&oauth_token_secret={quote(self.access_tokens[granted])}&user_id=12"
        return Reply(body=f"{body}{self.extra}".encode())

    def call(self, sent: Sent) -> Reply:
        token = sent.protocol["oauth_token"]
        Verifier(token_secret=self.access_tokens[token]).check(sent, token)
        body = b'{"id": 12, "name": "Ada", "token": "%s"}' % token.encode()
        return Reply(headers=(("Content-Type", "application/json"),), body=body)


@pytest.fixture
def login(server) -> LoginServer:
    """A provider at ``login.url`` with ``/request_token``, ``/access_token`` and any API."""
    return LoginServer(server)


@pytest.fixture
async def make_server() -> AsyncIterator[Callable[..., Awaitable[WireServer]]]:
    """Starts raw servers on 127.0.0.1, each on a port of its own, and stops them at the end."""
    running: list[tuple[asyncio.Server, WireServer]] = []

    async def start(context: ssl.SSLContext | None = None) -> WireServer:
        made = WireServer(scheme="https" if context else "http")
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context)
        made.port = server.sockets[0].getsockname()[1]
        running.append((server, made))
        return made

    yield start
    for server, made in running:
        server.close()
        await made.hang_up()


@pytest.fixture
async def server(make_server) -> WireServer:
    """One raw server."""
    return await make_server()


@pytest.fixture
def verifier() -> Verifier:
    """Knows the secrets of ``credentials``."""
    return Verifier()


@pytest.fixture
def reply() -> type[Reply]:
    """Makes answers for a raw server."""
    return Reply


@pytest.fixture
def redirect() -> Callable[[int, str], Reply]:
    """Makes redirects for a raw server."""
    return redirect_to


@pytest.fixture
def credentials() -> dict[str, str]:
    """What a client of these tests is made with."""
    return {
        "client_id": "client",
        "client_secret": "client secret",
        "token": "token",
        "token_secret": "token&secret",
    }


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A plain session, closed at the end."""
    async with aiohttp.ClientSession() as made:
        yield made


class EverythingIsHere(aiohttp.abc.AbstractResolver):
    """Finds every host at the port of one local server."""

    def __init__(self, server: WireServer) -> None:
        self.server = server

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        found = {"hostname": host, "host": "127.0.0.1", "port": self.server.port}
        return [{**found, "family": 2, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


@pytest.fixture
async def any_host_session(server) -> AsyncIterator[aiohttp.ClientSession]:
    """A session for which every host name is ``server``, whatever the port."""
    connector = aiohttp.TCPConnector(resolver=EverythingIsHere(server), use_dns_cache=False)
    async with aiohttp.ClientSession(connector=connector) as made:
        yield made


@dataclass(frozen=True, slots=True)
class TLS:
    """Both ends of TLS with a certificate for 127.0.0.1 that nobody else trusts."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="session")
def tls(tmp_path_factory) -> TLS:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "certificate.pem").write_bytes(pem)
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    client = ssl.create_default_context(cadata=pem.decode())
    client.check_hostname = False
    return TLS(server, client)


class AuthorizationServer:
    """An authorization server at ``/token``, ``/revoke``, ``/introspect`` and ``/device``, and an API everywhere else.

    It gives a new refresh token at each renewal, and one that comes twice ends the grant. ``replies`` are the token
    endpoint's next answers; ``gate`` is waited for before one of its own; ``fields`` change its tokens (``None`` takes
    a field out). ``asked`` are the forms that it was sent, ``used`` the credentials of API calls.
    """

    def __init__(self, server: WireServer) -> None:
        self.server = server
        self.url = server.url
        self.number = 0
        self.refreshes: list[str] = []
        self.current: str | None = None
        self.is_dead = False
        self.good: set[str] = set()
        self.revoked: list[str] = []
        self.replies: list[Reply] = []
        self.api_replies: list[Reply] = []
        self.gate: asyncio.Event | None = None
        self.arrived = asyncio.Event()
        self.fields: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []
        self.authorizations: list[str | None] = []
        self.used: list[str | None] = []
        self.log: list[str] = []
        self.challenges: dict[str, str] = {}
        server.answer = self.answer

    def give(self, ends: float | None = None, **fields: Any) -> dict[str, Any]:
        """A token that the API accepts and the token endpoint renews; it ends at ``ends`` (seconds since 1970)."""
        token = self.make() | fields
        del token["expires_in"]
        return token if ends is None else {**token, "expires_at": int(ends)}

    def make(self) -> dict[str, Any]:
        self.number += 1
        self.current = f"R{self.number}"
        self.good.add(f"A{self.number}")
        return {
            "access_token": f"A{self.number}",
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": self.current,
        }

    async def answer(self, sent: Sent) -> Reply:
        path = sent.target.partition("?")[0]
        endpoints = {"/token": self.token, "/revoke": self.revoke, "/introspect": self.introspect}
        self.log.append(f"{sent.method} {path}")
        if path not in endpoints and path != "/device":
            return self.call(sent)
        form = dict(decoded(sent.body.decode("latin-1")))
        self.asked.append(form)
        self.authorizations.append(sent.header("Authorization"))
        if path == "/device":
            return self.replies.pop(0) if self.replies else answer_json(self.device())
        return await endpoints[path](form)

    async def token(self, form: dict[str, str]) -> Reply:
        self.arrived.set()
        if self.replies:
            return self.replies.pop(0)
        if form["grant_type"] == "refresh_token":
            self.refreshes.append(form["refresh_token"])
            if self.is_dead or form["refresh_token"] != self.current:
                self.is_dead = True
                return answer_json({"error": "invalid_grant", "error_description": "used before"}, 400)
        if form["grant_type"] == "authorization_code":
            verifier = form.get("code_verifier", "")
            digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
            if self.challenges.pop(form["code"], digest) != digest:
                return answer_json({"error": "invalid_grant", "error_description": "wrong verifier"}, 400)
        token = {name: value for name, value in (self.make() | self.fields).items() if value is not None}
        if form["grant_type"] == "client_credentials":
            token.pop("refresh_token", None)
        if self.gate is not None:
            await self.gate.wait()
        return answer_json(token)

    async def revoke(self, form: dict[str, str]) -> Reply:
        self.revoked.append(form["token"])
        return self.replies.pop(0) if self.replies else Reply()

    async def introspect(self, form: dict[str, str]) -> Reply:
        return self.replies.pop(0) if self.replies else answer_json({"active": form["token"] in self.good})

    def device(self) -> dict[str, Any]:
        return {"device_code": "D1", "user_code": "WDJB-MJHT", "verification_uri": f"{self.url}/enter"}

    def call(self, sent: Sent) -> Reply:
        self.used.append(sent.header("Authorization"))
        if self.api_replies:
            return self.api_replies.pop(0)
        scheme, _, token = (sent.header("Authorization") or "").partition(" ")
        if scheme != "Bearer" or token not in self.good:
            return Reply(401, (("WWW-Authenticate", 'Bearer error="invalid_token"'),), b"who are you?")
        return answer_json({"token": token, "body": sent.body.decode(), "method": sent.method})


def answer_json(document: Any, status: int = 200, *headers: tuple[str, str]) -> Reply:
    return Reply(status, (("Content-Type", "application/json"), *headers), json.dumps(document).encode())


@pytest.fixture
def authority(server) -> AuthorizationServer:
    """An authorization server and its API."""
    return AuthorizationServer(server)


class Issuer:
    """An OpenID provider at an authorization server: its metadata, its keys, and the ID tokens that it signs."""

    def __init__(self, authority, server_keys, clock):
        self.authority, self.keys, self.clock = authority, server_keys, clock
        self.url = authority.url
        self.published = ["k1"]
        self.algorithm, self.kind = "RS256", "RSA"
        self.metadata = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "revocation_endpoint": f"{self.url}/revoke",
            "userinfo_endpoint": f"{self.url}/me",
        }
        self.failures = []
        self.inner, authority.server.answer = authority.answer, self.answer

    @property
    def fetched(self):
        return [entry.partition(" ")[2] for entry in self.authority.log if entry.startswith("PUBLIC ")]

    async def answer(self, sent):
        documents = {
            "/jwks": lambda: {"keys": [self.keys.jwk(name, self.kind) for name in self.published]},
            "/.well-known/openid-configuration": lambda: self.metadata,
        }
        if sent.target not in documents:
            return await self.inner(sent)
        self.authority.log.append(f"PUBLIC {sent.target}")
        assert sent.header("Authorization") is None
        if self.failures:
            return self.failures.pop(0)
        return answer_json(documents[sent.target]())

    def claims(self, nonce=None, **changes):
        known = {"iss": self.url, "aud": "client", "sub": "u1", "iat": int(self.clock()), "exp": int(self.clock()) + 60}
        known |= {"nonce": nonce} if nonce else {}
        return {name: value for name, value in (known | changes).items() if value is not ...}

    def will_give(self, pending=None, name="k1", **changes):
        """The next tokens come with this ID token."""
        claims = self.claims(**({"nonce": pending.values["nonce"]} if pending else {}) | changes)
        self.authority.fields = {"id_token": self.sign(claims, name)}
        return self.authority.fields["id_token"]

    def sign(self, claims, name="k1", **header):
        return self.keys.sign(claims, name, self.algorithm, self.kind, **header)


@pytest.fixture
def issuer(authority: AuthorizationServer, server_keys: Any, clock: Callable[[], float]) -> Issuer:
    """An OpenID provider."""
    return Issuer(authority, server_keys, clock)


@pytest.fixture
def make_authority(make_server) -> Callable[[], Awaitable[AuthorizationServer]]:
    """Starts further ones."""

    async def make() -> AuthorizationServer:
        return AuthorizationServer(await make_server())

    return make


@pytest.fixture
def json_reply() -> Callable[..., Reply]:
    """Makes JSON answers: a document, a status, headers."""
    return answer_json
