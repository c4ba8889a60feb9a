"""``oauthreg demo``: a whole login and signed calls, against a local provider made from a definition."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import click

from oauthreg.cli.command import Command, json_option
from oauthreg.cli.installation import describe_engine, engine_line
from oauthreg.cli.output import echo_json, echo_table
from oauthreg.errors import DefinitionError
from oauthreg.records import dataclass, field

if TYPE_CHECKING:
    from oauthreg.definition import Definition
    from oauthreg.registry import Registry
    from oauthreg.simulator import Exchange, Simulator

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
    story = Story(quiet=as_json)
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

    def telling(definition: "Definition") -> tuple[bool, int, int]:
        claims = len(definition.example[0].claims) if definition.example else 0
        return definition.status == "alive", claims, -len(definition.model_dump_json(exclude_unset=True))

    def usable() -> Iterator["Definition"]:
        for name in registry.names():
            with suppress(DefinitionError):  # a broken one hurts nobody else
                yield registry.definition(name)

    return max(usable(), key=telling).name


async def _play(definition: "Definition", story: "Story") -> None:
    from aiohttp import ClientSession, ClientTimeout

    from oauthreg.cli.plays import CALLBACK, PLAYS
    from oauthreg.simulator import Simulator

    provider = Simulator(definition, redirect_uris=[CALLBACK])
    async with provider as simulator, ClientSession(timeout=ClientTimeout(total=10)) as session:
        story.open(simulator)
        checked = await PLAYS[definition.protocol](simulator, session, story)
        story.close(checked)


@dataclass(slots=True)
class Scene:
    """One step of the story and the requests that it took."""

    title: str
    exchanges: list["Exchange"] = field(default_factory=list)
    seconds: float = 0.0
    profile: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class Story:
    """Tells each step when it is over; keeps all of them for who wants one document."""

    quiet: bool
    scenes: list[Scene] = field(default_factory=list)

    def open(self, simulator: "Simulator") -> None:
        """Say whose part is played, and by whom."""
        definition = simulator.definition
        self._say(click.style(f"{definition.title} ({definition.name})", bold=True))
        self._say(f"played by a local provider that is made from {definition.file}; nothing leaves this machine")
        self._say(engine_line())

    @contextmanager
    def scene(self, simulator: "Simulator", title: str) -> Iterator[Scene]:
        """A step: the requests that the provider answers meanwhile belong to it."""
        told, begin = len(simulator.exchanges), time.perf_counter()
        scene = Scene(title)
        yield scene
        scene.seconds = time.perf_counter() - begin
        scene.exchanges = list(simulator.exchanges)[told:]
        self.scenes.append(scene)
        self._tell(scene)

    def close(self, checked: str) -> None:
        """Say how long all of it took, and what the provider checked in each request."""
        requests = sum(len(scene.exchanges) for scene in self.scenes)
        took = sum(scene.seconds for scene in self.scenes) * 1000
        self._say(f"\n{requests} requests in {took:.0f} ms, every {checked} checked by the provider")

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

    def _tell(self, scene: Scene) -> None:
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
    if exchange.json:
        yield f"  json: {exchange.json}"
    if exchange.signature_method:
        names = " ".join(name.removeprefix("oauth_") for name in exchange.protocol)
        yield click.style(f"  {exchange.signature_method}, in the {exchange.placement}: {names}", dim=True)
    if exchange.client_auth:
        yield click.style(f"  the application proves itself by {exchange.client_auth}", dim=True)
    if exchange.placement and not exchange.signature_method:
        yield click.style(f"  with the access token in the {exchange.placement}", dim=True)
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
        "json": exchange.json,
        "signature_method": exchange.signature_method,
        "client_auth": exchange.client_auth,
        "placement": exchange.placement,
        "parameters": exchange.protocol,
        "status": exchange.status,
        "location": exchange.location,
        "problem": exchange.problem,
    }
