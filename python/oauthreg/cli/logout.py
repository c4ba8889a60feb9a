"""``oauthreg logout``: give a token up at the provider and forget it."""

from typing import Any

import click

from oauthreg.cli.accounts import client_of, client_options, open_store, remember_server, using_store
from oauthreg.cli.command import Command, json_option
from oauthreg.cli.output import echo_json, note

_EXAMPLES = (
    ("oauthreg logout acme", "the only account there"),
    ("oauthreg logout acme --account work --forget", "without a word to the provider"),
)


@click.command(cls=Command, examples=_EXAMPLES, short_help="Give a token up at the provider and forget it.")
@click.argument("name")
@client_options
@click.option("--forget", is_flag=True, help="Do not tell the provider: the token stays good there.")
@json_option
def command(name: str, *, as_json: bool, forget: bool, **chosen: Any) -> None:
    """Give the token of an account up at the provider NAME, where it has an endpoint for that, and forget it here."""
    import asyncio

    told = asyncio.run(_log_out(name, forget=forget, chosen=chosen))
    if as_json:
        echo_json(told)
        return
    whom = f" as {told['account']}" if told["account"] else ""
    note(f"logged out of {told['provider']}{whom}")
    if not told["revoked"]:
        note("the provider was not told: the token stays good there until it ends or is revoked in its settings")


async def _log_out(name: str, *, forget: bool, chosen: dict[str, Any]) -> dict[str, Any]:
    async with client_of(name, **chosen) as (client, account):
        revoked = not forget and await _revoke(client)
        store, server = open_store(), client.token_key(account or "").server
        with using_store():
            of_account = store.token_keys(provider=client.provider.name, account=account or "")
            for key in [key async for key in of_account if key.server == server]:
                await store.delete(key)
                await remember_server(key, {})
    return {"provider": client.provider.name, "account": account, "revoked": revoked}


async def _revoke(client: Any) -> bool:
    """Whether the provider was told; it may be known from its metadata alone where."""
    if hasattr(client, "discover"):
        await client.discover()
    if "revoke" not in client.provider.endpoints:
        return False
    await client.revoke_token()
    return True
