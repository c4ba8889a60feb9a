"""``oauthreg explain``: what of a signed request was signed, whether rightly, and where a server's view differs."""

from collections.abc import Sequence
from typing import Any

import click

from oauthreg.cli.command import FORM, Command, json_option, read_given
from oauthreg.cli.exits import FINE, REFUSED
from oauthreg.cli.output import echo, echo_json, echo_table, note
from oauthreg.errors import InvalidSignatureError, VerificationError

_Pair = tuple[bytes, bytes]

_EXAMPLES = (
    ("oauthreg explain GET 'https://api.acme.example/1/items?a=b' --authorization @header.txt", "what was signed"),
    ("oauthreg explain … --client-secret-file cs --token-secret-file ts", "and whether the signature is right"),
    ("oauthreg explain … --against @server.txt", "where the server's base string differs, and why"),
)


@click.command(cls=Command, examples=_EXAMPLES, short_help="Find out why an OAuth 1.0 signature is refused.")
@click.argument("method")
@click.argument("url")
@click.option("--authorization", help="The header's value as it was sent: text, or @FILE. Default: none.")
@click.option("-d", "--data", help="The body, if it is a form: text, or @FILE.")
@click.option("--content-type", default=FORM, show_default=True, help="The media type of the body.")
@click.option("--against", help="The base string of the other side, as servers print it: text, or @FILE.")
@click.option("--client-secret-file", type=click.File(), help="The client secret, to check the signature.")
@click.option("--token-secret-file", type=click.File(), help="The token secret.")
@json_option
def command(*, as_json: bool, **options: Any) -> int:
    """Show what of a request was signed: the URI, the parameters and where they came from, the base string.

    METHOD and URL are those that went out. The exit code is 5 where the signature is wrong or the other side's base
    string differs.
    """
    told = _explained(**options)
    if as_json:
        echo_json(told)
    else:
        _say(told)
    return REFUSED if told["differences"] or told["signature"] == "wrong" else FINE


def _explained(
    *,
    method: str,
    url: str,
    authorization: str | None,
    data: str | None,
    content_type: str,
    against: str | None,
    client_secret_file: Any,
    token_secret_file: Any,
) -> dict[str, Any]:
    from oauthreg.signing._pure import parse_parameters, unescape
    from oauthreg.signing.comparison import compare_base_strings, first_difference, parse_base_string
    from oauthreg.signing.engine import load_engine
    from oauthreg.signing.methods import SIGNATURE_METHODS
    from oauthreg.signing.verify import parse_authorization, verify

    engine = load_engine()
    header, body = _text(authorization), _text(data)
    media_type = None if body is None else content_type
    _, pairs = (parse_authorization(header) if header else None) or (None, [])
    ours = engine.base_string(method.upper(), url, pairs, body, media_type)
    parts = parse_base_string(ours)
    of_query = parse_parameters(url.partition("#")[0].partition("?")[2])
    parameters = [(name, value, (unescape(name), unescape(value))) for name, value in parts.parameters]
    told: dict[str, Any] = {
        "method": parts.method,
        "uri": parts.uri,
        "parameters": [
            {"name": name, "value": value, "from": _source(sent, pairs, of_query)} for name, value, sent in parameters
        ],
        "base_string": ours,
        "signature": "not checked",
        "hint": "",
        "is_compared": against is not None,
        "differences": [],
        "first_difference": None,
    }
    if client_secret_file is not None:
        secrets = [file and file.read().strip() for file in (client_secret_file, token_secret_file)]
        try:
            verify(
                method.upper(), url, body, media_type,
                authorization=header, client_secret=secrets[0], token_secret=secrets[1],
                signature_methods=SIGNATURE_METHODS, explain=True,
            )  # fmt: skip
            told["signature"] = "right"
        except InvalidSignatureError as error:
            told |= {"signature": "wrong", "hint": error.hint}
        except VerificationError as error:
            told |= {"signature": "wrong", "hint": error.message}
    if against is not None:
        theirs = _text(against) or ""
        told["differences"] = compare_base_strings(ours, theirs)
        told["first_difference"] = first_difference(ours, theirs)
    return told


def _say(told: dict[str, Any]) -> None:
    echo(f"{told['method']} {told['uri']}", "")
    rows = [(row["name"], row["value"], row["from"]) for row in told["parameters"]]
    echo_table(("parameter", "value, encoded", "from"), rows)
    echo("", "base string:", told["base_string"])
    if told["signature"] != "not checked":
        note("", f"the signature is {told['signature']}{': ' if told['hint'] else ''}{told['hint']}")
    if told["differences"]:
        note("", f"the other side's base string differs from octet {told['first_difference']} on:")
        note(*(f"- {difference}" for difference in told["differences"]))
    elif told["is_compared"]:
        note("", "the other side's base string is the same: what differs is a secret, or the method of signing")
    elif told["signature"] == "not checked":
        note("", "pass --against with the other side's base string, or --client-secret-file, to find what is wrong")


def _source(sent: _Pair, of_header: Sequence[_Pair], of_query: Sequence[_Pair]) -> str:
    if sent in of_header:
        return "header"
    return "query" if sent in of_query else "form"


def _text(given: str | None) -> str | None:
    return None if given is None else read_given(given).decode("utf-8", "replace").strip()
