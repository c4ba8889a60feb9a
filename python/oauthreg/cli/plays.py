"""What a demonstration shows of each protocol: a login, who the person is, a call, and somebody who is refused."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from oauthreg.errors import OAuthError, OAuthRegError, ReauthorizationRequired, UsageError
from oauthreg.origins import render_origin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import ClientSession

    from oauthreg.cli.demo import Story
    from oauthreg.http.request_context import RequestContext
    from oauthreg.provider import Provider
    from oauthreg.simulator import Simulator

Play: TypeAlias = "Callable[[Simulator, ClientSession, Story], Awaitable[str]]"
"""Plays a whole story and gives what the provider checked in each request, in a word."""

CALLBACK = "https://app.example/callback"
"""Where the application's logins end: registered with the provider, which may be told no other."""


async def _play_oauth1(simulator: "Simulator", session: "ClientSession", story: "Story") -> str:
    client: Any = simulator.client(session)
    settings = simulator.provider.oauth1
    if settings.flows[0] != "none":
        await _obtain(simulator, client, story)
        if settings.session_handle or "refresh" in simulator.provider.endpoints:
            by_handle = " by its session handle" if settings.session_handle else ""
            with story.scene(simulator, f"It renews the token{by_handle}"):
                await client.refresh_token()
        await _tell_profile(simulator, client, story, "oauth_token")
    signed = "" if settings.bearer else " with a signed request"
    await _call(simulator, client, story, f"It calls the API{signed}")
    await _refuse_signature(simulator, session, client, story)
    return "signature"


async def _obtain(simulator: "Simulator", client: Any, story: "Story") -> None:
    """A token, by the definition's first flow."""
    flow = simulator.provider.oauth1.flows[0]
    if flow == "two-legged":
        with story.scene(simulator, "The application asks for an access token of its own"):
            await client.fetch_access_token()
    elif flow == "xauth":
        with story.scene(simulator, "The application exchanges the person's password for an access token"):
            await client.exchange_password("ada", "not a secret")
    else:
        with story.scene(simulator, "The application asks for a request token"):
            pending = await client.start(redirect_uri=CALLBACK)
        await _approve_and_finish(simulator, client, story, pending)


async def _refuse_signature(simulator: "Simulator", session: "ClientSession", client: Any, story: "Story") -> None:
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


async def _play_oauth2(simulator: "Simulator", session: "ClientSession", story: "Story") -> str:
    client: Any = simulator.client(session)
    if client.provider.oauth2.grants[0] == "authorization_code":
        with story.scene(simulator, "The application makes the address of the provider's page"):
            pending = await client.start(redirect_uri=CALLBACK)
        await _approve_and_finish(simulator, client, story, pending)
    elif client.provider.oauth2.grants[0] == "device_code":
        await _connect_device(simulator, client, story)
    else:
        with story.scene(simulator, "The application asks for a token of its own"):
            await client.fetch_token()
    if client.token.get("refresh_token"):
        with story.scene(simulator, "It renews the token"):
            await client.refresh_token()
    await _tell_profile(simulator, client, story, "access_token")
    if client.provider.token_placement.kind != "none":
        await _call(simulator, client, story, "It calls the API with the token")
        await _refuse_token(simulator, session, story, client.provider)
    return "token and proof"


async def _connect_device(simulator: "Simulator", client: Any, story: "Story") -> None:
    shown: list[Any] = []

    async def person_decides(_seconds: float) -> None:
        await simulator.approve(shown[0].verification_uri_complete)

    with story.scene(simulator, "A device shows a code, and the person types it in at the provider"):
        await client.device_login(progress=lambda device, *_: shown.append(device), sleep=person_decides)


async def _refuse_token(simulator: "Simulator", session: "ClientSession", story: "Story", provider: "Provider") -> None:
    """Show that tokens are really looked at."""
    impostor: Any = simulator.client(session, token={"access_token": "made-up", "token_type": "Bearer"})
    title = "Somebody with a token that nobody issued is refused"
    # Some providers renew a token by the token itself.
    with story.scene(simulator, title) as scene, suppress(ReauthorizationRequired):
        async with impostor.get(_api_url(provider)):
            pass
    if not any(exchange.problem for exchange in scene.exchanges):
        raise OAuthError("", "the provider accepted a token that it had not issued")


async def _approve_and_finish(simulator: "Simulator", client: Any, story: "Story", pending: Any) -> None:
    with story.scene(simulator, "The person opens the provider's page and approves"):
        came_back = await simulator.approve(pending.url)
    with story.scene(simulator, "The application exchanges what came back for an access token"):
        if pending.redirect_uri == "oob":
            await client.finish(pending, verifier=came_back)
        else:
            await client.finish(pending, came_back)


async def _tell_profile(simulator: "Simulator", client: Any, story: "Story", token_name: str) -> None:
    if client.provider.claims is None:
        return
    with story.scene(simulator, "It asks who the person is") as scene:
        try:
            profile = (await client.profile()).to_dict()
        except OAuthRegError as error:
            if simulator.definition.example and simulator.exchanges[-1].problem != "no_example":
                raise
            raise _without_example(simulator, client.provider) from error
        scene.profile = _without((client.token or {}).get(token_name), profile)


def _without_example(simulator: "Simulator", provider: "Provider") -> UsageError:
    """The error of a definition that does not say what the provider answers."""
    examples = simulator.definition.example
    asked = dict.fromkeys([*(request.name for request in provider.identity), *provider.identity_documents])
    missing = [name for name in asked if not examples or name not in examples[0].documents]
    return UsageError(
        f"the definition of {provider.name!r} has no example of {' and '.join(f'`{name}`' for name in missing)}",
        code="missing-example",
        hint="write there what the provider answers, with invented values, and what comes of it: `[[example]]` with "
        f"{', '.join(f'`{name} = {{ … }}`' for name in missing)} and `claims = {{ sub = … }}`",
    )


def _request(client: Any) -> "RequestContext":
    url = _api_url(client.provider)
    made: RequestContext
    if client.provider.oauth1.body_hash:
        made = client.post(url, json={"greeting": "hello world"})
    else:
        made = client.get(url, params={"greeting": "hello world"})
    return made


def _api_url(provider: "Provider") -> str:
    """A place in the API; where nothing names the API, one beside the token endpoint, or at any origin.

    Raises ``UsageError`` where there is none.
    """
    base, token = provider.endpoints.get("api_base"), provider.endpoints.get("token")
    if base is None and token is None and not provider.origins:
        raise UsageError(
            f"{provider.name!r} names nothing that can be called",
            code="no-api-base",
            hint="add `api_base` to `[endpoints]`",
        )
    if base is None:
        base = f"{token.partition('?')[0] if token else render_origin(min(provider.origins))}/"
    return f"{base}demo"


def _without(token: str | None, profile: dict[str, object]) -> dict[str, object]:
    """The profile, with the access token masked where a provider knows a person by nothing else."""
    return {name: "***" if value == token else value for name, value in profile.items()}


async def _call(simulator: "Simulator", client: Any, story: "Story", title: str) -> None:
    with story.scene(simulator, title):
        async with _request(client) as response:
            response.raise_for_status()
    refused = [exchange for exchange in simulator.exchanges if exchange.problem]
    if refused:
        raise OAuthError(refused[0].problem, refused[0].advice, status=refused[0].status)


PLAYS: dict[str, Play] = {"oauth1": _play_oauth1, "oauth2": _play_oauth2, "oidc": _play_oauth2}
"""Protocol -> its play."""
