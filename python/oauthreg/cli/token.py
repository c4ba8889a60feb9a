"""``oauthreg token``: one line with a good access token, for other programs."""

from typing import Any

import click

from oauthreg.cli.accounts import client_of, client_options
from oauthreg.cli.command import Command, json_option
from oauthreg.cli.output import echo, echo_json
from oauthreg.errors import UsageError

_EXAMPLES = (
    ('curl -H "Authorization: Bearer $(oauthreg token acme)" https://api.acme.example/me', "the token in a header"),
    ("oauthreg token acme --account work --json", "all of it"),
)


@click.command(cls=Command, examples=_EXAMPLES, short_help="Print a good access token, for other programs.")
@click.argument("name")
@client_options
@json_option
def command(name: str, *, as_json: bool, **chosen: Any) -> None:
    """Print an access token of the provider NAME that is good now: one that has ended is renewed before.

    Requests of OAuth 1.0 and with tokens bound to a key are proven one by one: `oauthreg request` makes them.
    """
    import asyncio

    token = asyncio.run(_good_token(name, chosen))
    if as_json:
        echo_json(token)
    else:
        echo(token["access_token"])


async def _good_token(name: str, chosen: dict[str, Any]) -> dict[str, Any]:
    from oauthreg.token import DPOP_TYPE

    async with client_of(name, **chosen) as (client, _):
        if client.provider.protocol == "oauth1":
            raise UsageError(
                f"requests of {client.provider.name} are signed one by one, so a token alone is of no use",
                code="no-bearer-token",
                hint=f"oauthreg request {name} URL",
            )
        token = await client.ensure_active_token()
        if token.token_type == DPOP_TYPE:
            raise UsageError(
                f"a token of {client.provider.name} is bound to a key, and of no use without a proof",
                code="no-bearer-token",
                hint=f"oauthreg request {name} URL",
            )
        return dict(token)
