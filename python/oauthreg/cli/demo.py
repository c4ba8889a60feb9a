"""``oauthreg demo``: a whole login and signed calls, against a local provider made from a definition."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urljoin

import click

from oauthreg.cli.command import Command, json_option
from oauthreg.cli.installation import describe_engine, engine_line
from oauthreg.cli.output import echo_json, echo_table
from oauthreg.errors import OAuthError

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from oauthreg.definition import Definition
    from oauthreg.http import AsyncOAuth1Client
    from oauthreg.http.request_context import RequestContext
    from oauthreg.registry import Client, Registry
    from oauthreg.simulator import Exchange, Simulator

_CALLBACK = "https://app.example/callback"


_EXAMPLES = (
    ("oauthreg demo", "the provider that tells most about a person in the fewest words"),
    ("oauthreg demo acme", "the provider of your choice"),
)


@click.command(cls=Command, examples=_EXAMPLES, short_help="Log in to a local provider and call its API.")
@click.argument("name", required=False)
@json_option
def command(name: str | None, *, as_json: bool) -> None:
    """Log in to a local provider, made from the definition NAME, and call its API.

    Credentials are made up on the spot, and nothing leaves this machine.
    """
    import asyncio

    from oauthreg.registry import Registry

    registry = Registry()
    definition = registry.definition(name or _most_telling(registry))
    story = _Story(quiet=as_json)
    asyncio.run(_play(definition, story))
    if as_json:
        engine, why = describe_engine()
        echo_json(
            {
                "provider": definition.name,
                "title": definition.title,
                "engine": {"name": engine, "why": why},
                "steps": story.record(),
                "profile": next((scene.profile for scene in story.scenes if scene.profile), {}),
            }
        )


def _most_telling(registry: "Registry") -> str:
    """The name of the definition of a public provider whose example gives the most claims; of several the shortest."""
    from oauthreg.simulator import SIMULATED_PROTOCOLS

    def telling(definition: "Definition") -> tuple[bool, int, int]:
        claims = len(definition.example[0].claims) if definition.example else 0
        return definition.status == "alive", claims, -len(definition.model_dump_json(exclude_unset=True))

    known = (registry.definition(name) for name in registry.names())
    return max((one for one in known if one.protocol in SIMULATED_PROTOCOLS), key=telling).name


async def _play(definition: "Definition", story: "_Story") -> None:
    from aiohttp import ClientSession, ClientTimeout

    from oauthreg.simulator import Simulator

    async with Simulator(definition) as simulator, ClientSession(timeout=ClientTimeout(total=10)) as session:
        story.open(simulator)
        client = cast("AsyncOAuth1Client", simulator.registry().client(definition.name, session))
        await _log_in(simulator, client, story)
        await _call(simulator, client, story)
        await _refuse(simulator, session, client, story)
        story.close()


async def _log_in(simulator: "Simulator", client: "AsyncOAuth1Client", story: "_Story") -> None:
    provider = simulator.provider
    flow = provider.oauth1.flows[0]
    if flow == "none":
        return
    if flow == "two-legged":
        with story.scene(simulator, "The application asks for an access token of its own"):
            await client.fetch_access_token()
    elif flow == "xauth":
        with story.scene(simulator, "The application exchanges the person's password for an access token"):
            await client.exchange_password("ada", "not a secret")
    else:
        await _authorize(simulator, client, story)
    if provider.oauth1.session_handle or "refresh" in provider.endpoints:
        by_handle = " by its session handle" if provider.oauth1.session_handle else ""
        with story.scene(simulator, f"It renews the token{by_handle}"):
            await client.refresh_token()
    if client.provider.claims is not None:
        with story.scene(simulator, "It asks who the person is") as scene:
            scene.profile = _without((client.token or {}).get("oauth_token"), (await client.profile()).to_dict())


async def _authorize(simulator: "Simulator", client: "AsyncOAuth1Client", story: "_Story") -> None:
    """The three legs."""
    with story.scene(simulator, "The application asks for a request token"):
        pending = await client.start(redirect_uri=_CALLBACK)
    with story.scene(simulator, "The person opens the provider's page and approves"):
        came_back = await simulator.approve(pending.url)
    with story.scene(simulator, "The application exchanges what came back for an access token"):
        if pending.redirect_uri == "oob":
            await client.finish(pending, verifier=came_back)
        else:
            await client.finish(pending, came_back)


def _request(client: "Client") -> "RequestContext":
    endpoints = client.provider.endpoints
    url = f"{endpoints['api_base']}demo" if "api_base" in endpoints else urljoin(endpoints["token"], "/demo")
    if client.provider.oauth1.body_hash:
        return client.post(url, json={"greeting": "hello world"})
    return client.get(url, params={"greeting": "hello world"})


def _without(token: str | None, profile: dict[str, object]) -> dict[str, object]:
    """The profile, with the access token masked where a provider knows a person by nothing else."""
    return {name: "***" if value == token else value for name, value in profile.items()}


async def _call(simulator: "Simulator", client: "Client", story: "_Story") -> None:
    signed = "" if simulator.provider.oauth1.bearer else " with a signed request"
    with story.scene(simulator, f"It calls the API{signed}"):
        async with _request(client) as response:
            response.raise_for_status()
    refused = [exchange for exchange in simulator.exchanges if exchange.problem]
    if refused:
        raise OAuthError(refused[0].problem, refused[0].advice, status=refused[0].status)


async def _refuse(simulator: "Simulator", session: "ClientSession", client: "Client", story: "_Story") -> None:
    """Show that signatures are really looked at."""
    from oauthreg.signing.keys import generate_private_key

    wrong: dict[str, Any] = {"client_secret": "not the secret"}
    if simulator.credentials.private_key is not None:
        wrong = {"private_key": generate_private_key()}
    token = client.token if (client.token or {}).get("oauth_token") else None
    bearer = simulator.provider.oauth1.bearer
    if token and bearer:
        token = {**token, bearer: "not the secret"}
    impostor = simulator.client(session, token=token, **wrong)
    with story.scene(simulator, "Somebody without the secret does the same, and is refused"):
        async with _request(impostor):
            pass
    if simulator.exchanges[-1].problem != ("token_rejected" if bearer else "signature_invalid"):
        raise OAuthError("", f"the provider accepted a wrong {'token' if bearer else 'signature'}")


@dataclass(slots=True)
class _Scene:
    """One step of the story and the requests that it took."""

    title: str
    exchanges: list["Exchange"] = field(default_factory=list)
    seconds: float = 0.0
    profile: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class _Story:
    """Tells each step when it is over; keeps all of them for who wants one document."""

    quiet: bool
    scenes: list[_Scene] = field(default_factory=list)

    def open(self, simulator: "Simulator") -> None:
        definition = simulator.definition
        self._say(click.style(f"{definition.title} ({definition.name})", bold=True))
        self._say(f"played by a local provider that is made from {definition.file}; nothing leaves this machine")
        self._say(engine_line())

    @contextmanager
    def scene(self, simulator: "Simulator", title: str) -> Iterator[_Scene]:
        """A step: the requests that the provider answers meanwhile belong to it."""
        told, begin = len(simulator.exchanges), time.perf_counter()
        scene = _Scene(title)
        yield scene
        scene.seconds = time.perf_counter() - begin
        scene.exchanges = list(simulator.exchanges)[told:]
        self.scenes.append(scene)
        self._tell(scene)

    def close(self) -> None:
        requests = sum(len(scene.exchanges) for scene in self.scenes)
        took = sum(scene.seconds for scene in self.scenes) * 1000
        self._say(f"\n{requests} requests in {took:.0f} ms, every signature checked by the provider")

    def record(self) -> list[dict[str, Any]]:
        """The steps as plain data."""
        return [
            {
                "title": scene.title,
                "milliseconds": round(scene.seconds * 1000, 3),
                "requests": [_record(exchange) for exchange in scene.exchanges],
            }
            for scene in self.scenes
        ]

    def _tell(self, scene: _Scene) -> None:
        heading = f"{len(self.scenes)}. {scene.title}"
        self._say(f"\n{click.style(heading, bold=True)} {click.style(f'{scene.seconds * 1000:.1f} ms', dim=True)}")
        for line in [line for exchange in scene.exchanges for line in _lines(exchange)] or ["no request: it is known"]:
            self._say(f"   {line}")
        if scene.profile and not self.quiet:
            click.echo()
            echo_table(("claim", "value"), [(name, str(value)) for name, value in scene.profile.items()])

    def _say(self, text: str) -> None:
        if not self.quiet:
            click.echo(text)


def _lines(exchange: "Exchange") -> Iterator[str]:
    """What was sent, how it was signed, and what came back."""
    yield f"{exchange.method} {exchange.url}"
    if exchange.form:
        yield f"  form: {exchange.form}"
    if exchange.signature_method:
        names = " ".join(name.removeprefix("oauth_") for name in exchange.protocol)
        yield click.style(f"  {exchange.signature_method}, in the {exchange.placement}: {names}", dim=True)
    if exchange.problem:
        within = ", with an error in the answer:" if exchange.status == HTTPStatus.OK else ""
        yield click.style(f"  -> {exchange.status}{within} {exchange.problem}", fg="yellow")
    else:
        yield click.style(f"  -> {exchange.status} {exchange.location}".rstrip(), fg="green")


def _record(exchange: "Exchange") -> dict[str, Any]:
    return {
        "method": exchange.method,
        "url": exchange.url,
        "form": exchange.form,
        "signature_method": exchange.signature_method,
        "placement": exchange.placement,
        "parameters": exchange.protocol,
        "status": exchange.status,
        "location": exchange.location,
        "problem": exchange.problem,
    }
