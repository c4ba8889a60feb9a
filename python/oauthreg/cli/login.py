"""``oauthreg login``: log in at a provider and keep the token."""

import os
from typing import TYPE_CHECKING, Any

import click

from oauthreg.cli.accounts import client_options, open_store, parse_variables
from oauthreg.cli.command import Command, json_option
from oauthreg.cli.loopback import DEFAULT_REDIRECT_URI, ask_for, listening, show_url
from oauthreg.cli.output import echo_json, echo_table, note
from oauthreg.errors import OAuthError, UsageError

if TYPE_CHECKING:
    from oauthreg.login import PendingLogin

_PATIENCE = 300.0
_NAMES = ("preferred_username", "email", "sub")
"""The claims that name an account, the best first."""
_OOB = "oob"

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
@click.option("--timeout", default=_PATIENCE, show_default=True, help="Seconds to wait for you.")
@json_option
def command(*, as_json: bool, **options: Any) -> None:
    """Log in at the provider NAME and keep the token, for `oauthreg request` and `oauthreg token`.

    The client identifier and secret come from OAUTHREG_<NAME>_CLIENT_ID and OAUTHREG_<NAME>_CLIENT_SECRET. The account
    is called what --account says, else by the name, address or number that the provider knows the user by.
    """
    import asyncio

    told = asyncio.run(_log_in(**options))
    if as_json:
        echo_json(told)
        return
    if told["profile"]:
        echo_table(("claim", "value"), [(name, str(value)) for name, value in told["profile"].items()])
    note(f"logged in to {told['provider']} as {told['account']}")


async def _log_in(name: str, account: str | None, timeout: float, **options: Any) -> dict[str, Any]:  # noqa: ASYNC109
    import asyncio

    from aiohttp import ClientSession

    from oauthreg.registry import Registry

    chosen = {"environment": options["environment"], "variables": parse_variables(options["variables"])}
    async with Registry(store=open_store(), environ=os.environ) as registry, ClientSession() as session:
        client: Any = registry.client(name, session, **chosen)
        login = _log_in_on_device if options["device"] else _log_in_by_browser
        try:
            async with asyncio.timeout(timeout):
                await login(client, tuple(options["scopes"]) or None, options)
        except TimeoutError:
            raise OAuthError("access_denied", f"nobody has logged in within {timeout:g} seconds") from None
        profile = (await client.profile()).to_dict() if client.provider.claims is not None else {}
        account = account or next((str(profile[claim]) for claim in _NAMES if profile.get(claim)), "me")
        await client.keep_token(account)
    return {"provider": client.provider.name, "account": account, "profile": profile}


async def _log_in_by_browser(client: Any, scope: Any, options: dict[str, Any]) -> None:
    redirect_uri = options["redirect_uri"]
    asked = {} if scope is None else {"scope": scope}
    pending: PendingLogin = await client.start(redirect_uri=redirect_uri, **asked)
    async with listening(pending.redirect_uri or redirect_uri) as brought:
        show_url(pending.url, opens=not options["no_browser"])
        if pending.redirect_uri == _OOB:
            await client.finish(pending, verifier=ask_for("the code that you were shown"))
        elif brought is None:
            await client.finish(pending, ask_for("the whole address that you came back to"))
        else:
            await client.finish(pending, await brought)


async def _log_in_on_device(client: Any, scope: Any, _: dict[str, Any]) -> None:
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
