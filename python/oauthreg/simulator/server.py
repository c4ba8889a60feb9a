"""The simulator itself: listens on loopback, one port for each of the provider's origins, and plays the person, too."""

import asyncio
import json
import re
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from email.utils import formatdate
from html import unescape
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast, get_args
from urllib.parse import quote, urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from oauthreg.answers import parse_form
from oauthreg.definition import Definition, compile_definition, hint
from oauthreg.errors import UsageError, quoted
from oauthreg.legs import append_text, render_form
from oauthreg.messages import Response
from oauthreg.oauth2.id_token import is_checked
from oauthreg.origins import parse_origin, render_origin
from oauthreg.provider import Placement, Provider
from oauthreg.records import dataclass, field
from oauthreg.redaction import MASK, is_secret, mask_secrets, redact
from oauthreg.registry import Registry
from oauthreg.simulator.faults import (
    Fault,
    Faults,
    Half,
    OtherClaims,
    Slow,
    StaleNonce,
    Status,
    Step,
    build_error,
    spoil,
)
from oauthreg.simulator.inventions import invent_credentials, invent_variables, with_invented_endpoints
from oauthreg.simulator.oauth1 import OAuth1Server
from oauthreg.simulator.oauth2 import OAuth2Server
from oauthreg.simulator.oauth2_state import OAuth2State
from oauthreg.simulator.received import Credentials, Received, Served, last_segment
from oauthreg.simulator.relocation import Relocation, origins_of
from oauthreg.simulator.script import load_script
from oauthreg.simulator.state import State
from oauthreg.token import OAuth1Token, OAuth2Token

if TYPE_CHECKING:
    from oauthreg.registry import Client
    from oauthreg.stores import TokenStore

_VERIFIER = re.compile(r'<code id="verifier">([^<]+)</code>').search
_POSTED_BACK = re.compile(r'<form method="post" action="[^"]*" id="callback">').search
_hidden_fields = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">').findall
_DONE = re.compile(r'<p id="done">').search
_KEPT = 1000
"""Exchanges that are remembered."""

_WITHOUT_BODY = (204, 205, 304)
"""What stood behind such an answer would be taken for the next one. Spec: RFC 9110 sections 15.3.5, 15.3.6, 15.4.5."""

_STEPS: tuple[Step, ...] = get_args(Step)

_PATIENCE = 0.01
"""Seconds that an answer under way may take when the simulator ends; whoever waits for it is gone by then."""

_words = re.compile(r"%[0-9A-Fa-f]{2}|[\w.~-]+").sub
"""What a secret that the simulator made up would be as a whole, with an escape before it perhaps."""

_paragraphs = re.compile(r"<p>(.*?)</p>").findall


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that the provider answered, fit to be shown.

    Tokens, codes, the application's credentials and the values of secret parameters are masked. ``url`` is at the
    provider's real host, as a browser shows it, without protocol parameters; those are named in ``protocol``.
    ``form`` or ``json`` is the body. ``location`` is where the answer sends the browser. ``placement`` is where the
    signature or the token stands, ``signature_method`` or ``client_auth`` by what the client proved itself.
    ``problem`` is the code of a refusal, ``advice`` says why. ``seconds`` is how long the answer took to make.
    ``base_string`` is what the provider signed when a signature did not match; it holds tokens and form values.
    """

    step: Step
    method: str
    url: str
    status: int
    protocol: tuple[str, ...] = ()
    placement: Placement | None = None
    signature_method: str = ""
    client_auth: str = ""
    form: str = ""
    json: str = ""
    location: str = ""
    problem: str = ""
    advice: str = ""
    seconds: float = 0.0
    base_string: str | None = field(default=None, repr=False)


class Simulator:
    """A provider on loopback, made from a definition (or its name), for one registered application.

    It listens between ``async with`` and the end of the block. ``variables`` and ``environment`` are those of
    ``Registry.client``; a required variable that is not given gets an invented value. ``credentials`` are invented,
    too, unless given. With ``auto_approve`` the authorization page approves by itself. ``redirect_uris`` are those that
    the application registered (OAuth 2.0); without any, each is taken. ``now`` gives the time in seconds since 1970, to
    the provider and to clients made here; the provider's clock is ``skew`` seconds ahead of it. ``state`` holds the
    tokens: ``state.expire_tokens()``, ``state.revoke_tokens()``.

    ::

        async with Simulator("acme") as simulator, aiohttp.ClientSession() as session:
            client = simulator.client(session)
            pending = await client.start(redirect_uri="https://app.example/callback")
            await client.finish(pending, await simulator.approve(pending.url))

    Nothing is written to disk or logged, and nothing listens beyond this machine.
    """

    def __init__(
        self,
        definition: Definition | str,
        *,
        registry: Registry | None = None,
        variables: Mapping[str, str] = MappingProxyType({}),
        environment: str | None = None,
        credentials: Credentials | None = None,
        auto_approve: bool = False,
        redirect_uris: Iterable[str] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        if isinstance(definition, str):
            definition = (registry or Registry()).definition(definition)
        if not isinstance(definition, Definition):
            raise UsageError(
                f"neither a definition nor the name of one: {quoted(definition)}",
                code="invalid-source",
                hint="`load_definition` reads a file",
            )
        if isinstance(redirect_uris, str):
            raise UsageError(
                f"`redirect_uris` is no list: {quoted(redirect_uris)}",
                code="invalid-redirect-uris",
                hint="as in `redirect_uris=[…]`",
            )
        self.definition = definition
        self.variables = {**invent_variables(self.definition, environment), **variables}
        self.credentials = credentials or invent_credentials(self.definition)
        self._real = compile_definition(
            self.definition,
            variables=self.variables,
            environment=environment,
            credentials={"client_id": self.credentials.client_id, **self.credentials.others},
        )
        self._made: set[str] = set()
        self.state: Any = _STATES[self.definition.protocol](self._make_text)
        if self.definition.protocol != "oauth1":
            # Whoever lets a renewal be sent twice cannot use its refresh token up.
            self.state.rotates = not self.definition.oauth2.refresh_repeatable
        self.skew = 0.0
        self.exchanges: deque[Exchange] = deque(maxlen=_KEPT)
        self._auto_approve = auto_approve
        self._redirect_uris = tuple(redirect_uris)
        self.now = now
        self._script = load_script(self.definition)
        self._faults = Faults()
        self._own_registry: SimulatedRegistry | None = None
        self._running: _Running | None = None

    async def __aenter__(self) -> Self:
        if self._running is not None:
            raise UsageError("the simulator is running already", code="simulator-running", hint="make another one")
        async with AsyncExitStack() as stack:
            sockets = {
                origin: stack.enter_context(socket.create_server(("127.0.0.1", 0)))
                for origin in origins_of(self._real, self._script.documents)
            }
            relocation = Relocation({origin: listening.getsockname()[1] for origin, listening in sockets.items()})
            runner = web.ServerRunner(
                web.Server(self._serve, access_log=None, handler_cancellation=True), shutdown_timeout=_PATIENCE
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            for listening in sockets.values():
                await web.SockSite(runner, listening).start()
            person = await stack.enter_async_context(aiohttp.ClientSession())
            provider = relocation.move(self._real)
            server = self._make_server(with_invented_endpoints(provider, self.definition))
            self._running = _Running(provider, server, relocation, person, stack.pop_all())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        running, self._running = self._alive, None
        await running.stack.aclose()

    def _make_server(self, provider: Provider) -> "Server":
        shared = (provider, self._script, self.credentials, self.state, self._now, self._auto_approve)
        return OAuth1Server(*shared) if provider.protocol == "oauth1" else OAuth2Server(*shared, self._redirect_uris)

    # --- for the application ----------------------------------------------------------------------------------------

    @property
    def provider(self) -> Provider:
        """The provider with its endpoints on loopback; paths and queries are the real ones."""
        return self._alive.provider

    def registry(self, *, store: "TokenStore | None" = None) -> Registry:
        """A registry in which the definition's name leads here, with the right credentials; else like any other.

        It is the same one each time, but for a ``store`` that is given: then it is a new one, as of another process.
        """
        if store is not None:
            return SimulatedRegistry(self, store)
        if self._own_registry is None:
            self._own_registry = SimulatedRegistry(self)
        return self._own_registry

    def client(self, session: aiohttp.ClientSession, **options: Any) -> "Client":
        """A client of the simulated provider; ``options`` are those of ``Registry.client``."""
        return cast("Client", self.registry().client(self.definition.name, session, **options))

    def issue_token(self, scope: str = "") -> OAuth1Token | OAuth2Token:
        """An access token without a login, as a provider's settings page gives one; ``scope`` is of OAuth 2.0."""
        if self.definition.protocol == "oauth1":
            made = self.state.issue()
            return OAuth1Token(made.token, made.token_secret)
        renewable = "refresh_token" in self.definition.oauth2.grants
        issued = self.state.issue(scope, self._now(), renewable=renewable)
        fields = {"access_token": issued.access_token, "token_type": "Bearer", "expires_at": int(issued.expires_at)}
        return OAuth2Token({**fields, **({"refresh_token": issued.refresh_token} if renewable else {})})

    def logout_token(self, **claims: Any) -> str:
        """What an OpenID provider posts to the application when the user's sessions end there.

        It names the user of the definition's example; ``claims`` (``sid`` …) are added or changed, ``None`` leaves one
        out. Raises ``UsageError`` for a provider without ID tokens.
        """
        server = self._alive.server
        if not isinstance(server, OAuth2Server) or not is_checked(self.provider):
            raise UsageError(
                f"{self.definition.name} has no ID tokens, nor logout tokens",
                code="no-logout-tokens",
                hint="they are of OpenID Connect",
            )
        return server.logout_token(claims)

    # --- for the test -----------------------------------------------------------------------------------------------

    async def approve(self, url: str) -> str:
        """Open the authorization URL as the person's browser would and press "Approve".

        Gives what the application gets: the callback URL that the browser is sent to, or the form that it posts there
        (``response_mode=form_post``), or the verifier that the page shows (out of band), or nothing at the page of a
        device login. Raises ``UsageError`` when the page has no such answer, and for a URL that leads elsewhere.
        """
        callback = await self._decide(url, "approve")
        if callback is None:
            raise UsageError("the provider sent the person nowhere", code="no-callback", hint="start with a callback")
        return callback

    async def deny(self, url: str) -> str | None:
        """Open the authorization URL and press "Deny"; ``None`` where the provider tells the application nothing.

        Raises as ``approve`` does.
        """
        return await self._decide(url, "deny")

    def fail(self, step: Step, fault: Fault, *, times: int = 1) -> None:
        """Let the next ``times`` requests of a step go wrong: ``simulator.fail("token", Status(503))``.

        Raises ``UsageError`` for a step or a fault that there is not.
        """
        if step not in _STEPS:
            raise UsageError(
                f"unknown step: {quoted(step)}",
                code="unknown-step",
                hint=hint(str(step), _STEPS) or f"known: {', '.join(_STEPS)}",
            )
        if not isinstance(fault, get_args(Fault)):
            raise UsageError(f"no fault: {quoted(fault)}", code="unknown-fault", hint="as in `Status(503)` or `Half()`")
        self._faults.arm(step, fault, times)

    def serve(self, path: str, document: Any, *, method: str = "GET", status: int = 200) -> None:
        """Let a path answer with a document; other paths answer with what they were asked.

        A path that does not begin with a slash is below the definition's ``api_base``, as in ``client.get``; raises
        ``UsageError`` where there is none.
        """
        if not path.startswith("/"):
            base = self.provider.endpoints.get("api_base")
            if base is None:
                raise UsageError(
                    f"the definition has no `api_base` for {quoted(path)}",
                    code="no-api-base",
                    hint="begin the path with a slash",
                )
            path = urlsplit(base).path + path
        self._alive.server.documents[method.upper(), path] = (document, status)

    async def _decide(self, url: str, decision: str) -> str | None:
        person = self._alive.person
        if not isinstance(url, str):
            raise UsageError(f"no URL: {type(url).__name__}", code="foreign-origin", hint="give `pending.url`")
        origin = parse_origin(url)
        if origin not in {("http", "127.0.0.1", port) for port in self._alive.relocation.ports.values()}:
            raise UsageError(
                f"not at the simulated provider: {render_origin(origin)}",
                code="foreign-origin",
                hint="give the URL that one of its clients made, such as `pending.url`",
            )
        address = URL(self._as_read(url), encoded=True)
        if not self._auto_approve:
            async with person.get(address, allow_redirects=False) as page:
                if page.status == 302:
                    return page.headers["Location"]
                _check_page(page.status, await page.text())
        async with person.post(address, data={"decision": decision}, allow_redirects=False) as answer:
            text = await answer.text()
        if answer.status == 302:
            return answer.headers["Location"]
        _check_page(answer.status, text)
        if _POSTED_BACK(text):
            return render_form([(unescape(name), unescape(value)) for name, value in _hidden_fields(text)])
        shown = _VERIFIER(text)
        return shown[1] if shown else "" if _DONE(text) else None

    def _as_read(self, url: str) -> str:
        """The URL with what a page reads behind its `#` where a server sees it."""
        route = self.provider.authorize.route
        page, mark, behind = url.partition("#")
        return append_text(page, behind.removeprefix(route).lstrip("?&")) if route is not None and mark else url

    # --- serving ----------------------------------------------------------------------------------------------------

    @property
    def _alive(self) -> "_Running":
        if self._running is None:
            raise UsageError(
                "the simulator is not running", code="simulator-not-running", hint="use it in `async with Simulator(…)`"
            )
        return self._running

    def _now(self) -> float:
        return self.now() + self.skew

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        begin = time.perf_counter()
        url = f"http://{request.host}{request.raw_path}"
        try:
            parse_origin(url)
        except UsageError:
            return web.Response(status=400)  # RFC 9112 section 3.2: a host that is none
        if request.headers.get("Expect", "").lower() == "100-continue":  # RFC 9110 section 10.1.1
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # of the answer, nothing is written yet
        received = Received(
            request.method,
            url,
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
        )
        server = self._alive.server
        step = server.step_of(received)
        fault = self._faults.take(step)
        if isinstance(fault, StaleNonce):
            self.state.renew_dpop_nonce()
        if isinstance(fault, OtherClaims):
            self.state.other_claims = fault.claims
        served = Served(build_error(fault)) if isinstance(fault, Status) else server.answer(received, step)
        self._remember(received, step, served, time.perf_counter() - begin)
        if isinstance(fault, Slow):
            await asyncio.sleep(fault.seconds)
        return await self._send(request, spoil(served.answer, fault), half=isinstance(fault, Half))

    async def _send(self, request: web.BaseRequest, answer: Response, *, half: bool) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        response.headers["Date"] = formatdate(self._now(), usegmt=True)
        has_body = answer.status not in _WITHOUT_BODY
        if has_body:
            response.content_length = len(answer.body)
        await response.prepare(request)
        if has_body and request.method != "HEAD":
            await response.write(answer.body[: len(answer.body) // 2] if half else answer.body)
        if half and request.transport is not None:
            request.transport.close()
        return response

    def _make_text(self) -> str:
        """Unguessable text, which is shown nowhere."""
        text = secrets.token_urlsafe(24)
        self._made.add(text)
        return text

    def _remember(self, received: Received, step: Step, served: Served, seconds: float) -> None:
        masked = _secret_names(self._alive.server.provider)
        protocol = tuple(sorted(name for name in received.claimed if name.startswith("oauth_")))
        others = [pair for pair in received.query_pairs if step == "authorize" or pair[0] not in protocol]
        fields = [pair for pair in received.form_pairs if pair[0] not in protocol]
        self.exchanges.append(
            Exchange(
                step,
                received.method,
                self._shown(self._as_browsed(received.url, step, others, masked)),
                served.answer.status,
                () if step == "authorize" else protocol,
                served.signed.placement if served.signed else served.token_placement,
                served.signed.signature_method if served.signed else "",
                served.client_auth,
                self._shown(self._encoded(fields, masked)),
                self._shown(self._without_credentials(_written(received.json, masked))),
                self._shown(self._without_credentials(served.answer.headers.get("location", ""))),
                served.problem,
                served.advice,
                seconds,
                served.base_string,
            )
        )

    def _as_browsed(self, url: str, step: Step, pairs: list[tuple[str, str]], masked: set[str]) -> str:
        """The provider's own URL with these parameters, those that its page reads behind the `#`."""
        address = self._alive.relocation.original(url).partition("?")[0]
        if step in ("revoke", "introspect") and getattr(self.provider, step).path_parameter:
            address = address.removesuffix(last_segment(url)) + MASK
        address = self._without_credentials(address)
        route = self.provider.authorize.route if step == "authorize" else None
        if route is None:
            return append_text(address, self._encoded(pairs, masked))
        own = parse_form(urlsplit(self.provider.endpoints["authorize"]).query)
        page = append_text(address, self._encoded([pair for pair in pairs if pair[0] in own], masked))
        return f"{page}#{append_text(route, self._encoded([pair for pair in pairs if pair[0] not in own], masked))}"

    def _encoded(self, pairs: list[tuple[str, str]], masked: set[str]) -> str:
        """Pairs as a query, without credentials and the values of masked names."""
        shown = [(name, MASK if name in masked else self._without_credentials(value)) for name, value in pairs]
        return "&".join(f"{name}={quote(value, safe='*')}" for name, value in shown)

    def _without_credentials(self, text: str) -> str:
        return mask_secrets(text, (self.credentials.client_secret, *self.credentials.others.values()))

    def _shown(self, text: str) -> str:
        """A text without what was made up here and the values of secret parameters."""
        return redact(_words(lambda word: MASK if word[0] in self._made else word[0], text))


def _written(document: Any, masked: set[str]) -> str:
    """A body of JSON, without the values of masked names; empty if there is none."""
    if isinstance(document, dict):
        document = {name: MASK if name in masked else value for name, value in document.items()}
    return "" if document is None else json.dumps(document, ensure_ascii=False)


def _secret_names(provider: Provider) -> set[str]:
    """Parameters that hold a secret and have the provider's own names."""
    steps = [step.leg for step in (provider.exchange, provider.app_token) if step]
    legs = (provider.authorize, provider.token, provider.refresh, provider.device, provider.revoke, *steps)
    renamed = {wire for leg in legs if leg for name, wire in leg.rename.items() if is_secret(name)}
    exchanged = (
        {name for name, value in provider.exchange.leg.params if hasattr(value, "render")}
        if provider.exchange
        else set()
    )
    placed = {provider.token_placement.name, provider.callback.code, provider.oauth2.client_auth_name}
    return {*renamed, *exchanged, *placed, *((provider.proof.name,) if provider.proof else ())}


Server: TypeAlias = OAuth1Server | OAuth2Server
"""The server's side of one protocol."""

_STATES: dict[str, Callable[[Callable[[], str]], Any]] = {"oauth1": State, "oauth2": OAuth2State, "oidc": OAuth2State}
"""Protocol -> what its provider remembers."""


class SimulatedRegistry(Registry):
    """A registry in which one name leads to a simulator."""

    def __init__(self, simulator: Simulator, store: "TokenStore | None" = None) -> None:
        name, given = simulator.definition.name, simulator.credentials
        credentials = {"client_id": given.client_id, **given.others}
        if given.client_secret:
            credentials["client_secret"] = given.client_secret
        if given.private_key is not None:
            credentials["private_key"] = given.private_key
        if given.decryption_key is not None:
            credentials["decryption_key"] = given.decryption_key
        super().__init__(credentials={name: credentials}, store=store, environ={})
        self.add(simulator.definition)
        self._simulator = simulator

    def client(self, name: str, session: aiohttp.ClientSession, **options: Any) -> Any:
        """A client as any registry makes it, for the provider on loopback if the name is the simulated one."""
        if self.definition(name).name == self._simulator.definition.name:
            options = {"provider": self._simulator.provider, "clock": self._simulator.now, **options}
        return super().client(name, session, **options)


@dataclass(frozen=True, slots=True)
class _Running:
    """What there is only while the simulator listens."""

    provider: Provider
    server: Server
    relocation: Relocation
    person: aiohttp.ClientSession
    stack: AsyncExitStack


def _check_page(status: int, text: str) -> None:
    if status != 200:
        said = unescape(" ".join(_paragraphs(text)))
        raise UsageError(
            f"the authorization page refuses: {said}", code="authorization-refused", hint="start a new login"
        )
