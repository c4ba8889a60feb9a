"""``oauthreg request``: one request with the token of an account, signed where it must be."""

import re
from typing import Any

import click

from oauthreg.cli.accounts import client_of, client_options
from oauthreg.cli.command import FORM, Command, json_option, read_given
from oauthreg.cli.exits import FINE, REFUSED
from oauthreg.cli.output import echo_body, echo_json, note

_IS_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+").fullmatch

_EXAMPLES = (
    ("oauthreg request acme me", "below the definition's `api_base`"),
    ("oauthreg request acme items -d status=hello", "a signed form"),
    ("oauthreg request acme items -X PUT -H 'Content-Type: application/json' -d @item.json", "a file"),
)


@click.command(cls=Command, examples=_EXAMPLES, short_help="Make a request with the token of an account.")
@click.argument("name")
@click.argument("url")
@client_options
@click.option("-X", "--method", help="Default: GET, or POST with data.")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header; may be repeated.")
@click.option("-d", "--data", help="The body: a form, the text of @FILE, or of @- (stdin).")
@click.option("-i", "--include", is_flag=True, help="Say the status and the headers of the answer on stderr.")
@json_option
def command(**options: Any) -> int:
    """Make a request to the API of the provider NAME, and print the body of the answer.

    URL may be relative to the API's. It must be at an origin of the provider, where alone credentials go. The exit code
    is 5 for an answer of 400 and above. With --json a header is a list of its values under its name in lower case.
    """
    import asyncio

    return asyncio.run(_request(**options))


async def _request(
    name: str,
    url: str,
    method: str | None,
    headers: tuple[str, ...],
    data: str | None,
    include: bool,
    as_json: bool,
    **chosen: Any,
) -> int:
    if method is not None and not _IS_TOKEN(method):
        raise click.UsageError(f"no method: {method!r}")
    given = [_header(text) for text in headers]
    body = None if data is None else read_given(data)
    if body is not None and not any(header.lower() == "content-type" for header, _ in given):
        given.append(("Content-Type", FORM))
    async with client_of(name, **chosen) as (client, _):
        wanted = method or ("GET" if body is None else "POST")
        async with client.request(wanted, url, headers=given, data=body) as response:
            content = await response.read()
            if include:
                note(f"{response.status} {response.reason}")
                for header, value in response.headers.items():
                    note(f"{header}: {value}")
                note("")
            if as_json:
                fields: dict[str, list[str]] = {}
                for header, value in response.headers.items():
                    fields.setdefault(header.lower(), []).append(value)
                text = await response.text(errors="replace")
                echo_json({"status": response.status, "headers": fields, "body": text})
            else:
                echo_body(content, response.get_encoding())
    if response.status < 400:
        return FINE
    note(f"error: the API answered {response.status} {response.reason}")
    return REFUSED


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.UsageError(f"no header: {text.partition(':')[0]!r}; as in -H 'Accept: text/plain'")
    return name.strip(), value.strip()
