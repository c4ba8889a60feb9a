"""``oauthreg login``: log in at a provider and keep the token."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from oauthreg.cli.accounts import client_options, open_store, parse_variables, remember_server
from oauthreg.cli.command import Command, json_option
from oauthreg.cli.loopback import DEFAULT_REDIRECT_URI, ask_for, listening, listens, nobody_came, showing
from oauthreg.cli.output import echo_json, echo_table, note
from oauthreg.errors import OAuthRegError, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from oauthreg.login import PendingLogin

Made = TypeVar("Made")

_PATIENCE = 300.0
_NAMES = ("preferred_username", "email", "sub")
"""The claims that name an account, the best first."""
_OOB = "oob"
_WAYS = ("three-legged", "xauth", "two-legged")
"""How a token comes about, the best first: in the browser, by the user's password, by the client's own credentials."""

_EXAMPLES = (
    ("oauthreg login acme", "in the browser; then `oauthreg request acme me`"),
    ("oauthreg login acme --account work", "one of several accounts"),
    ("oauthreg login acme --device", "on a machine without a browser"),
)


@click.command(cls=Command, examples=_EXAMPLES, short_help="Log in at a provider and keep the token.")
@click.argument("name")
@client_options
@click.option("--scope", "scopes", multiple=True, help="A scope to ask for, instead of the definition's.")
@click.option(
    "--redirect-uri",
    default=DEFAULT_REDIRECT_URI,
    show_default=True,
    help="As it is registered with the provider. If it is elsewhere, you copy the address that you come back to.",
)
@click.option("--device", is_flag=True, help="Log in by a code on another device.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option(
    "--timeout",
    default=_PATIENCE,
    show_default=True,
    help="Seconds to wait for you, unless you paste at a terminal.",
)
@json_option
def command(*, as_json: bool, **options: Any) -> None:
    """Log in at the provider NAME and keep the token, for `oauthreg request` and `oauthreg token`.

    The client identifier and secret come from OAUTHREG_<NAME>_CLIENT_ID and OAUTHREG_<NAME>_CLIENT_SECRET. The account
    is called what --account says, else by the name, address or number that the provider knows the user by. Where a
    provider takes the user's name and password instead of sending a browser back, you are asked for them.
    """
    told = _log_in(**options)
    if as_json:
        echo_json(told)
        return
    if told["profile"]:
        echo_table(("claim", "value"), [(name, str(value)) for name, value in told["profile"].items()])
    note(f"logged in to {told['provider']} as {told['account']}")


def _log_in(name: str, **options: Any) -> dict[str, Any]:
    """A login in one go, or in two where the user copies what it came back with: no loop runs while they do."""
    import asyncio

    chosen = {"environment": options["environment"], "variables": parse_variables(options["variables"])}
    redirect_uri = options["redirect_uri"]
    if not options["device"] and (way := asyncio.run(_way(name, chosen))) != _WAYS[0]:
        user = _ask_for_user(name, options["timeout"]) if way == "xauth" else {}
        return asyncio.run(_without_browser(name, chosen, options, user))
    if options["device"] or listens(redirect_uri):
        told = asyncio.run(_whole(name, chosen, options))
        if isinstance(told, dict):
            return told
        pending = told  # the provider knows no way back
    else:
        pending = asyncio.run(_first_half(name, chosen, options))
    with showing(pending.url, opens=not options["no_browser"], in_turn=True):
        if pending.redirect_uri == _OOB:
            callback = {"verifier": ask_for("the code that you were shown", options["timeout"])}
        else:
            callback = {"callback_url": ask_for("the whole address that you came back to", options["timeout"])}
    return asyncio.run(_second_half(name, chosen, options, pending, callback))


def _ask_for_user(name: str, seconds: float) -> dict[str, str]:
    note(f"{name} takes the name and the password that you have there; they are sent to it and kept nowhere")
    username = ask_for("the user name", seconds, is_secret=False)
    return {"username": username, "password": ask_for("the password", seconds, is_exact=True)}


async def _way(name: str, chosen: dict[str, Any]) -> str:
    """How a token comes about; all that a client needs is there when the user is asked for anything."""
    async with _client(name, chosen) as client:
        if client.provider.protocol != "oauth1":
            return _WAYS[0]
        return next(way for way in _WAYS if way in client.provider.oauth1.flows)


async def _without_browser(
    name: str, chosen: dict[str, Any], options: dict[str, Any], user: dict[str, str]
) -> dict[str, Any]:
    """A login by a password, or of the client itself."""
    async with _client(name, chosen) as client:
        if user:
            await client.exchange_password(**user)
        else:
            await client.fetch_access_token()
        return await _keep(client, options["account"], chosen)


async def _whole(name: str, chosen: dict[str, Any], options: dict[str, Any]) -> "dict[str, Any] | PendingLogin":
    async with _client(name, chosen) as client:
        if options["device"]:
            await _waited(_log_in_on_device(client, tuple(options["scopes"]) or None), options["timeout"])
            return await _keep(client, options["account"], chosen)
        pending = await _start(client, options)
        if pending.redirect_uri == _OOB:
            return pending
        wanted = [pending.values[key] for key in ("state", "oauth_token") if pending.values.get(key)]
        if client.provider.protocol == "oauth1" and not client.provider.oauth1.token_in_callback:
            wanted = []
        async with listening(options["redirect_uri"], wanted) as brought:
            with showing(pending.url, opens=not options["no_browser"]):
                callback = await _waited(brought, options["timeout"])
        await client.finish(pending, callback)
        return await _keep(client, options["account"], chosen)


async def _first_half(name: str, chosen: dict[str, Any], options: dict[str, Any]) -> "PendingLogin":
    async with _client(name, chosen) as client:
        return await _start(client, options)


async def _second_half(
    name: str, chosen: dict[str, Any], options: dict[str, Any], pending: "PendingLogin", callback: dict[str, str]
) -> dict[str, Any]:
    async with _client(name, chosen) as client:
        await client.finish(pending, **callback)
        return await _keep(client, options["account"], chosen)


@asynccontextmanager
async def _client(name: str, chosen: dict[str, Any]) -> AsyncIterator[Any]:
    from aiohttp import ClientSession

    from oauthreg.registry import Registry, variable_prefix

    async with ClientSession() as session, Registry(store=open_store(), environ=os.environ) as registry:
        client: Any = registry.client(name, session, **chosen)
        is_oauth1 = client.provider.protocol == "oauth1"
        if not hasattr(client, "start") or (is_oauth1 and {*client.provider.oauth1.flows} == {"none"}):
            proof = "signs requests with its own credentials" if is_oauth1 else "proves itself with a key"
            pasted = "; a token that the provider's own pages show is for Python: `token=`" if is_oauth1 else ""
            raise UsageError(
                f"nobody logs in to {client.provider.name} here: its client {proof}",
                code="no-login",
                hint=f"oauthreg request {name} URL{pasted}",
            )
        variable = f"{variable_prefix(client.provider.name)}DPOP_KEY"
        if client.provider.oauth2.dpop == "required" and not {variable, f"{variable}_FILE"} & os.environ.keys():
            raise UsageError(
                f"tokens of {client.provider.name} are bound to a key, which must outlast this command",
                code="no-dpop-key",
                hint=f"put a private key into {variable}; `DPoPKey().export_private_key()` makes one",
            )
        yield client


async def _start(client: Any, options: dict[str, Any]) -> "PendingLogin":
    asked = {"scope": options["scopes"]} if options["scopes"] else {}
    pending: PendingLogin = await client.start(redirect_uri=options["redirect_uri"], **asked)
    return pending


async def _keep(client: Any, account: str | None, chosen: dict[str, Any]) -> dict[str, Any]:
    """Keep the token first if it is known under which name: the login is spent, whatever comes then."""
    if account is not None:
        await client.keep_token(account)
    profile: dict[str, Any] = {}
    try:
        profile = (await client.profile()).to_dict() if client.provider.claims is not None else {}
    except OAuthRegError as error:
        note(f"who you are could not be found out: {error.message}")
    if account is None:
        account = next((str(profile[claim]) for claim in _NAMES if profile.get(claim)), "me")
        await client.keep_token(account)
    await remember_server(client.token_key(account), chosen)
    return {"provider": client.provider.name, "account": account, "profile": profile}


async def _waited(coming: "Awaitable[Made]", seconds: float) -> "Made":
    import asyncio

    try:
        return await asyncio.wait_for(coming, seconds)
    except TimeoutError:
        raise nobody_came(seconds) from None


async def _log_in_on_device(client: Any, scope: Any) -> None:
    if not hasattr(client, "device_login"):
        raise UsageError(
            f"{client.provider.name} has no login on another device",
            code="no-device-login",
            hint="leave out `--device`",
        )

    def tell(authorization: Any, state: str, _: float) -> None:
        if state == "started":
            note(f"open {authorization.verification_uri} on any device and enter the code {authorization.user_code}")

    await client.device_login(tell, scope=scope)
